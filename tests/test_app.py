"""The endpoint: every status, in both formats, always as a dataPostResponse."""

import hashlib
import hmac
import json
import re

import pytest
from cast import FORM, JSON, RULES, XML, Partner, multipart, read_answer

import app as application
import database
import models
from web.settings import User

ULID = re.compile("[0-9A-HJKMNP-TV-Z]{26}")


# --- A decision ---


def test_a_good_lead_is_valid_and_stored(partner):
    answer = partner.lead(email="Ann@EXAMPLE.com", first_name="Ann", color="red")
    (lead,) = partner.stored()
    assert answer["status"] == 200
    assert answer["valid"] == "true"
    assert answer["uniqueid"] == answer["headers"]["Datapost-Lead"] == lead.id
    assert ULID.fullmatch(lead.id)
    assert answer["sale_amount"] == "10.00"
    assert answer["email"] == "Ann@example.com"
    assert answer["note"] == "Lead submitted successfully"
    assert lead.fields == {"email": "Ann@example.com", "first_name": "Ann", "color": "red"}
    assert (lead.program, lead.user, lead.valid, lead.reasons) == ("default", "impact", True, [])


def test_the_customer_is_a_keyed_hash_that_is_the_same_for_one_person_in_all_programs(make_app):
    solar = "customer: [mail]\nfields: {mail: {type: email, aliases: [email]}}"
    partner = Partner(make_app({"default": "customer: [email]\nfields: {email: {type: email}}", "solar": solar}))
    first, second = partner.lead(email="ann@example.com"), partner.lead("/leads/solar", email="ANN@EXAMPLE.com")
    message = json.dumps(["customer", ["ann@example.com"]]).encode()
    expected = hmac.new(b"a key for tests", message, hashlib.sha256).hexdigest()
    assert first["customerid"] == second["customerid"] == expected
    assert partner.lead(email="bob@example.com")["customerid"] != expected


def test_an_invalid_lead_is_stored_too_and_shows_its_id_only_in_the_header(partner):
    answer = partner.lead(years="16")
    (lead,) = partner.stored()
    assert (answer["status"], answer["valid"], answer["uniqueid"]) == (200, "false", "")
    assert answer["note"] == "No email address was submitted"
    assert answer["headers"]["Datapost-Lead"] == lead.id
    assert (lead.valid, lead.reasons, lead.sale_amount) == (False, ["email.required"], None)


def test_the_second_post_of_a_lead_is_invalid_with_the_note_of_the_rule(partner):
    assert partner.lead(email="ann@example.com")["valid"] == "true"
    again = partner.lead(email="ANN@Example.com")
    assert again["valid"] == "false"
    assert again["note"] == "This email address was already submitted"
    assert partner.stored()[1].reasons == ["duplicate"]


def test_the_body_wins_over_the_query_under_whatever_name(make_app):
    partner = Partner(make_app("fields: {email: {type: email, aliases: [contact.email]}}"))
    body = '{"contact": {"email": "body@example.com"}, "x": 1}'
    assert read_answer(partner.post(body, JSON, "/leads?email=query"))["email"] == "body@example.com"


def test_the_partner_that_impact_com_appends_to_the_address_wins_where_the_rule_file_says_so(make_app):
    rules = RULES.replace("fields:", "partner: irpid\nquery_wins: [irpid]\nfields:\n  irpid: {}")
    partner = Partner(make_app(rules))
    partner.lead("/leads?irpid=4242", email="ann@example.com", irpid="1")
    assert [lead.partner for lead in partner.stored()] == ["4242"]


def test_a_program_may_answer_invalid_leads_with_another_status(make_app):
    partner = Partner(make_app("invalid_status: 422\nfields: {email: {required: true}, n: {type: integer}}"))
    assert partner.lead()["status"] == 422
    assert partner.lead(email="a")["status"] == 200


def test_a_lead_keeps_the_body_as_it_came_and_the_rules_that_judged_it(partner):
    body = b'\xef\xbb\xbf{"email": "ann@example.com",  "n": 1.50}'
    partner.post(body, JSON + "; charset=utf-8", "/leads?click=7")
    (lead,) = partner.stored()
    assert (bytes(lead.body), lead.content_type, bytes(lead.query)) == (body, JSON + "; charset=utf-8", b"click=7")
    with database.read():
        rule_text = models.RuleText.get_by_id(lead.rules)
    assert hashlib.sha256(rule_text.text.encode()).hexdigest() == lead.rules
    assert {"check": "duplicate", "result": "passed"} in lead.trace


def test_a_note_never_echoes_what_was_submitted(partner):
    for body in [
        '{"email": "canary"}',
        '{"email": "canary@", "years": "canary"}',
        '{"canary"',
        "<canary>",
        "canary=%FF",
    ]:
        response = partner.post(body, "")
        assert b"canary" not in response.data
        assert response.status_code in (200, 400)


def test_no_column_holds_a_field_that_is_not_stored(make_app, tmp_path):
    rules = "partner: code\nfields: {email: {type: email, store: false}, code: {store: false}}"
    answer = Partner(make_app(rules)).lead(email="canary@example.com", code="canary")
    assert (answer["valid"], answer["email"]) == ("true", "")
    assert b"canary" not in b"".join(path.read_bytes() for path in tmp_path.glob("leads.db*"))


FORGETFUL = """
customer: [ssn]
fields:
  email: {type: email, sensitive: true}
  ssn: {type: id, standard: us.ssn, store: false, aliases: [social]}
rules: [{id: known, unique: [ssn]}]
"""


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<l><email>a@example.com</email><SSN>536-90-4399</SSN><other>kept</other></l>", XML),
        ("<l><email>a@example.com</email><SSN id='536-90-4399'>536904399</SSN><other>kept</other></l>", XML),
        ('{"email": "a@example.com", "social": "536904399", "other": "kept"}', JSON),
        ("email=a@example.com&s-s-n=536-90-4399&other=kept", FORM),
        ('{"email": "a@example.com", "applicant": {"ssn": "536904399"}, "other": "kept"}', JSON),
        ("<person ssn='536904399'><email>a@example.com</email><other>kept</other></person>", XML),
        ('{"ssn": "536-90-4399"', JSON),
    ],
)
def test_a_field_that_is_not_stored_is_checked_and_stands_nowhere(make_app, tmp_path, body, content_type):
    partner = Partner(make_app(FORGETFUL))
    response = partner.post(body, content_type, "/leads?ssn=536-90-4399", headers={"Idempotency-Key": "536-90-4399x"})
    files = b"".join(path.read_bytes() for path in tmp_path.glob("leads.db*"))
    assert b"536-90-4399" not in files
    assert b"536904399" not in files
    (lead,) = partner.stored()
    if response.status_code == 200:
        assert lead.fields == {"email": "a@example.com", "other": "kept"}
        assert json.loads(bytes(lead.body)) == {"email": ["a@example.com"], "other": ["kept"]}
        assert lead.customerid
        assert partner.lead(ssn="536904399")["valid"] == "false"


# --- Every status, in both formats ---


def failing_store(*_, **__):
    raise database.StoreError("OperationalError: database or disk is full")


def broken_judge(*_):
    raise KeyError("canary@example.com")


LARGE = b"a=" + b"x" * 2000
STATUSES = [
    (200, {"body": "a=1"}, None),
    (400, {"body": '{"a"', "content_type": JSON}, None),
    (400, {"body": "<a>", "content_type": XML}, None),
    (400, {"body": b"a=%FF", "content_type": "application/x-www-form-urlencoded; charset=utf-8"}, None),
    (400, {"body": "x", "content_type": "multipart/form-data"}, None),
    (400, {"body": "[]", "content_type": JSON}, None),
    (400, {"body": "a=1&" * 1001}, None),
    (401, {"auth": None}, None),
    (401, {"auth": ("impact", "wrong")}, None),
    (403, {"auth": ("other", "secret")}, None),
    (404, {"path": "/leads/nothing"}, None),
    (404, {"path": "/leads/../default"}, None),
    (404, {"path": "/"}, None),
    (404, {"path": "/leads/default/more"}, None),
    (413, {"body": LARGE}, None),
    (413, {"body": LARGE, "content_type": JSON}, None),
    (415, {"body": "x", "content_type": "image/png"}, None),
    (415, {"body": multipart([])[0], "content_type": "image/svg+xml"}, None),
    (415, {"body": b"\x1f\x8b", "headers": {"Content-Encoding": "gzip"}}, None),
    (500, {}, ("judge", broken_judge)),
    (503, {}, ("record", failing_store)),
]


@pytest.mark.parametrize("answer_format", ["xml", "json"])
@pytest.mark.parametrize(("status", "request_made", "fault"), STATUSES)
def test_every_status_is_a_data_post_response(make_app, monkeypatch, answer_format, status, request_made, fault):
    users = (User("impact", "secret"), User("other", "secret", frozenset({"solar"})))
    partner = Partner(make_app("fields: {a: {}}", users=users, max_body=4100 if status == 400 else 1000))
    if fault:
        monkeypatch.setattr(models if fault[0] == "record" else application, *fault)
    path = request_made.get("path", "/leads")
    response = partner.post(**request_made | {"path": f"{path}?format={answer_format}"})
    answer = read_answer(response)
    assert response.status_code == status
    assert response.mimetype == f"application/{answer_format}"
    assert answer["valid"] == ("true" if status == 200 else "false")
    assert answer["note"]
    assert response.headers["Cache-Control"] == "no-store"
    if fault:
        assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/leads", "/leads/default", "/leads/?format=json"])
def test_other_methods_are_a_405_that_names_post(partner, method, path):
    response = partner.http.open(path, method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert read_answer(response)["note"] == "This address does not take this method: leads are posted to /leads"


@pytest.mark.parametrize("path", ["/leads", "/leads/", "/leads/default", "/leads/default/", "/leads/default?a=1"])
def test_an_address_is_never_redirected(partner, path):
    assert partner.post("email=ann@example.com", path=path).status_code == 200


def test_a_body_of_the_largest_size_is_read(make_app):
    partner = Partner(make_app("fields: {a: {}}", max_body=1000))
    assert partner.post(b"a=" + b"x" * 998).status_code == 200
    assert partner.post(b"a=" + b"x" * 999).status_code == 413


def test_a_body_that_cannot_be_read_is_kept_as_it_came_with_an_id(partner):
    response = partner.post(b'{"email": \xff', JSON)
    (lead,) = partner.stored()
    assert response.status_code == 400
    assert response.headers["Datapost-Lead"] == lead.id
    assert (bytes(lead.body), lead.valid, lead.reasons) == (b'{"email": \xff', False, ["body.unreadable"])
    assert lead.fields == {}


def test_nothing_is_stored_after_401_403_404_405_413_415(make_app):
    users = (User("impact", "secret"), User("other", "secret", frozenset({"solar"})))
    partner = Partner(make_app("fields: {a: {}}", users=users, max_body=1000))
    for status, request_made, fault in STATUSES:
        if status > 400 and not fault:
            assert "Datapost-Lead" not in partner.post(**request_made).headers
    assert partner.stored() == []


# --- Health ---


def test_health_tells_version_rules_and_store(partner):
    response = partner.http.get("/health")
    report = response.get_json()
    assert response.status_code == 200
    assert report["version"]
    assert report["store"] == "reachable"
    assert re.fullmatch("[0-9a-f]{64}", report["rules"]["default"]["hash"])


def test_health_is_503_when_the_store_cannot_be_reached(make_app, tmp_path):
    (tmp_path / "leads.db").write_bytes(b"this is no database" * 100)
    response = make_app().test_client().get("/health")
    assert response.status_code == 503
    assert response.get_json()["store"] == "unreachable"


def test_health_is_failing_and_200_while_a_rule_file_is_broken_since_leads_go_on(partner, tmp_path, clock):
    (tmp_path / "rules" / "default.yaml").write_text("fields: {}")
    clock.passes(20)
    response = partner.http.get("/health")
    assert (response.status_code, response.get_json()["status"]) == (200, "failing")
    assert partner.lead(email="ann@example.com")["valid"] == "true"
    assert partner.http.get("/health?strict=1").status_code == 503


CAPPED = "fields: {email: {}}\nrules: [{id: cap, limit: 1, per: day}]"


def test_strict_health_is_200_where_nothing_needs_a_look(make_app):
    response = make_app(CAPPED).test_client().get("/health?strict=1")
    assert (response.status_code, response.get_json()["status"], response.get_json()["grave_warnings"]) == (
        200,
        "ok",
        0,
    )


def test_strict_health_is_503_where_leads_are_refused_since_a_cap_is_reached(make_app):
    partner = Partner(make_app(CAPPED))
    partner.lead(email="ann@example.com")
    response = partner.http.get("/health?strict=1")
    assert (response.status_code, response.get_json()["grave_warnings"]) == (503, 1)
    assert partner.http.get("/health").status_code == 200


# --- The first page ---

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_browser_is_sent_from_the_first_page_to_the_dashboard(make_app):
    response = make_app(operators=(User("owner", "secret"),)).test_client().get("/", headers=BROWSER)
    assert (response.status_code, response.headers["Location"]) == (302, "/dashboard")


def test_a_browser_is_told_what_this_is_where_there_is_no_dashboard(partner):
    response = partner.http.get("/", headers=BROWSER)
    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert "This is Datapost" in response.text and "DATAPOST_OPERATORS" in response.text


def test_a_program_that_asks_for_the_first_page_is_told_where_leads_go(partner):
    response = partner.http.get("/")
    assert response.status_code == 404
    assert read_answer(response)["note"].startswith("There is no such address: post leads to /leads")


# --- Headers of every answer ---

PROTECTED = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/health", 200), ("POST", "/leads", 200), ("POST", "/leads?format=json", 200), ("POST", "/x", 404),
        ("GET", "/leads", 405), ("HEAD", "/leads", 405), ("OPTIONS", "/leads", 405), ("POST", "/leads/solar", 404),
    ],
)  # fmt: skip
def test_no_answer_is_kept_sniffed_framed_or_named_to_others(partner, method, path, expected):
    response = partner.http.open(path, method=method, auth=partner.auth)
    assert response.status_code == expected
    assert PROTECTED.items() <= dict(response.headers).items()
    assert "Strict-Transport-Security" not in response.headers


def test_so_are_refusals_and_faults(partner, monkeypatch):
    assert PROTECTED.items() <= dict(partner.post(auth=None).headers).items()
    monkeypatch.setattr(application, "judge", broken_judge)
    response = partner.post(b"email=ann@example.com")
    assert response.status_code == 500
    assert PROTECTED.items() <= dict(response.headers).items()


def test_what_came_by_https_is_to_come_by_https_again(make_app):
    partner = Partner(make_app(trusted_proxies=1))
    response = partner.post(headers={"X-Forwarded-Proto": "https"})
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in partner.post(headers={"X-Forwarded-Proto": "http"}).headers
