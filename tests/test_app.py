"""The endpoint: every status, in both formats, always as a dataPostResponse."""

import hashlib
import hmac
import json
import re
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import pytest
from cast import RULES, Partner, multipart, read_answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import app as application
import database
import models
from web.settings import User

FORM, JSON, XML = "application/x-www-form-urlencoded", "application/json", "application/xml"
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


# --- One lead in every format ---

texts = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12)
emails = st.sampled_from(["ann@example.com", "ANN@EXAMPLE.COM", " ann@example.com ", "ann@", ""])
posted_leads = st.fixed_dictionaries(
    {}, optional={"email": emails, "first_name": texts, "years": st.sampled_from(["17", "18", "x", ""]), "other": texts}
)


@given(posted_leads)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_lead_gets_the_same_fields_and_decision_in_every_format(partner, lead):
    with database.read():
        models.Lead.delete().execute()
    elements = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in lead.items())
    bodies = [
        (urlencode(lead), FORM),
        multipart(lead.items()),
        (json.dumps(lead), JSON),
        (f"<lead>{elements}</lead>", XML),
    ]
    answers = []
    for body, content_type in bodies:
        with database.read():
            models.Taken.delete().execute()
        answer = read_answer(partner.post(body, content_type, "/leads?format=xml"))
        answers.append({name: value for name, value in answer.items() if name != "uniqueid"})
    stored = [(kept.fields, kept.valid, kept.reasons, kept.trace) for kept in partner.stored()]
    assert answers == answers[:1] * 4
    assert stored == stored[:1] * 4


# --- The format of the answer ---


@pytest.mark.parametrize(
    ("query", "accept", "content_type", "expected"),
    [
        ("", None, FORM, "xml"),
        ("", None, XML, "xml"),
        ("", None, JSON, "json"),
        ("", None, "text/vnd.acme+json", "json"),
        ("?format=xml", "application/json", JSON, "xml"),
        ("?format=JSON", "application/xml", XML, "json"),
        ("?format=pdf", None, FORM, "xml"),
        ("?format=pdf", "application/json", FORM, "json"),
        ("?a=1&format=json&b=2", None, FORM, "json"),
        ("", "a/b," * 250 + "application/json", FORM, "xml"),
        ("", "application/json", FORM, "json"),
        ("", "application/xml", JSON, "xml"),
        ("", "text/xml", JSON, "xml"),
        ("", "*/*", JSON, "json"),
        ("", "*/*", FORM, "xml"),
        ("", "application/*", JSON, "json"),
        ("", "text/*", JSON, "json"),
        ("", "application/xml, application/json", JSON, "json"),
        ("", "application/xml;q=0.9, application/json;q=0.9", FORM, "xml"),
        ("", "application/xml;q=0.8, application/json;q=0.9", FORM, "json"),
        ("", "application/json, */*;q=0.5", FORM, "json"),
        ("", "text/html, application/xml;q=0.9, */*;q=0.8", JSON, "xml"),
        ("", "image/png", JSON, "json"),
        ("", "garbage;;q=x", JSON, "json"),
    ],
)
def test_the_query_then_accept_then_the_body_choose_the_format(partner, query, accept, content_type, expected):
    body = {FORM: "a=1", XML: "<a/>"}.get(content_type, "{}")
    response = partner.post(body, content_type, "/leads" + query, headers={"Accept": accept} if accept else {})
    assert response.mimetype == f"application/{expected}"
    read_answer(response)


def test_a_json_body_is_told_by_its_first_character_too(partner):
    assert partner.post('{"a": 1}', FORM).mimetype == JSON
    assert partner.post("<a/>", JSON).mimetype == XML
    assert partner.post("a=1", "").mimetype == XML


def test_the_program_says_the_format_where_the_request_does_not(make_app):
    partner = Partner(make_app("respond: json\nfields: {a: {}}"))
    assert partner.post("a=1").mimetype == JSON
    assert partner.post("<a/>", XML, headers={"Accept": "text/xml"}).mimetype == XML
    assert partner.post("a=1", auth=None).mimetype == JSON


def test_the_format_in_the_query_is_no_field_of_the_lead(partner):
    partner.post("email=ann@example.com", path="/leads?format=xml&click=1")
    assert partner.stored()[0].fields == {"email": "ann@example.com", "click": "1"}


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
    (400, {"body": b"a=%FF"}, None),
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
    (415, {"body": multipart([])[0], "content_type": "text/html"}, None),
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


# --- Repeated requests ---

KEY = {"Idempotency-Key": "k-1"}


def test_a_request_with_the_same_idempotency_key_gets_the_first_answer_again(partner):
    first = partner.lead(headers=KEY, email="ann@example.com")
    again = partner.lead(headers=KEY, email="ann@example.com")
    assert again["headers"]["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first["headers"]
    assert {key: again[key] for key in again if key != "headers"} == {
        key: first[key] for key in first if key != "headers"
    }
    assert again["headers"]["Datapost-Lead"] == first["uniqueid"]
    assert len(partner.stored()) == 1


def test_a_refusal_is_repeated_too_and_in_the_format_that_is_asked_for_now(partner):
    first = partner.lead(headers=KEY, years="5")
    again = partner.post("<lead><years>5</years></lead>", XML, headers=KEY)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.mimetype == XML
    assert read_answer(again)["note"] == first["note"]


def test_the_same_key_with_other_content_is_invalid(partner):
    partner.lead(headers=KEY, email="ann@example.com")
    other = partner.lead(headers=KEY, email="bob@example.com")
    assert other["valid"] == "false"
    assert partner.stored()[1].reasons == ["retry.mismatch"]
    assert partner.lead(email="bob@example.com")["valid"] == "true"


def test_a_refused_repetition_takes_no_other_key(make_app):
    partner = Partner(make_app("retry_key: [click_id]\nfields: {email: {type: email}, click_id: {}}"))
    partner.lead(email="ann@example.com", click_id="C1", headers=KEY)
    assert partner.lead(email="bob@example.com", click_id="C2", headers=KEY)["valid"] == "false"
    assert partner.lead(email="bob@example.com", click_id="C2")["valid"] == "true"


def test_the_partner_that_impact_com_appends_to_the_address_wins_where_the_rule_file_says_so(make_app):
    rules = RULES.replace("fields:", "partner: irpid\nquery_wins: [irpid]\nfields:\n  irpid: {}")
    partner = Partner(make_app(rules))
    partner.lead("/leads?irpid=4242", email="ann@example.com", irpid="1")
    assert [lead.partner for lead in partner.stored()] == ["4242"]


@pytest.mark.parametrize("path", ["/leads", "/leads?is_test=1"])
def test_a_partner_who_marks_the_same_lead_as_a_test_again_and_again_is_paid_once(make_app, path):
    rules = RULES.replace("fields:", "test_flag: is_test\nfields:\n  is_test: {type: boolean}")
    partner, mark = Partner(make_app(rules)), {} if "?" in path else {"is_test": "yes"}
    answers = [partner.lead(path, email="ann@example.com", **mark) for _ in range(8)]
    assert [answer["valid"] for answer in answers] == ["true"] + ["false"] * 7
    assert all(lead.test for lead in partner.stored())


def test_the_fields_of_the_retry_key_tell_a_repeated_request_too(make_app):
    rules = "retry_key: [click_id]\nfields: {email: {type: email}, click_id: {}}\nrules: [{id: dup, unique: [email]}]"
    partner = Partner(make_app(rules))
    first = partner.lead(email="ann@example.com", click_id="C1")
    again = partner.lead(email="ann@example.com", click_id="C1", headers={"Idempotency-Key": "a proxy's fresh one"})
    assert again["uniqueid"] == first["uniqueid"]
    assert partner.lead(email="bob@example.com", click_id="C1")["valid"] == "false"
    assert partner.lead(email="ann@example.com", click_id="C2")["note"] == "This email was already submitted"
    assert partner.lead(email="ann@example.com")["note"] == "This email was already submitted"


def test_a_replay_binds_a_key_that_came_with_it(make_app):
    partner = Partner(make_app("retry_key: [click_id]\nfields: {email: {type: email}, click_id: {}}"))
    first = partner.lead(email="ann@example.com", click_id="C1")
    assert partner.lead(email="ann@example.com", click_id="C1", headers=KEY)["uniqueid"] == first["uniqueid"]
    assert partner.lead(email="bob@example.com", click_id="C9", headers=KEY)["valid"] == "false"
    assert partner.stored()[-1].reasons == ["retry.mismatch"]


def test_a_body_that_could_not_be_read_is_answered_the_same_again(partner):
    first, again = (partner.post(b'{"a"', JSON, headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (400, 400)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Datapost-Lead"] == first.headers["Datapost-Lead"]


def test_a_test_lead_uses_up_no_retry_key(make_app):
    rules = "retry_key: [click_id]\ntest_flag: is_test\nfields: {click_id: {}, is_test: {type: boolean}}"
    partner = Partner(make_app(rules))
    test = partner.lead(click_id="C1", is_test="true")
    live = partner.lead(click_id="C1")
    assert live["valid"] == "true"
    assert live["uniqueid"] != test["uniqueid"]
    assert partner.lead(click_id="C1", is_test="true")["uniqueid"] == test["uniqueid"]


def test_keys_of_different_users_and_programs_are_different_keys(make_app):
    app = make_app({"default": "fields: {a: {}}", "solar": "fields: {a: {}}"}, users=(User("x", "1"), User("y", "2")))
    x, y = Partner(app, ("x", "1")), Partner(app, ("y", "2"))
    for turn in range(2):
        posts = [x.lead(headers=KEY, a="1"), y.lead(headers=KEY, a="1"), x.lead("/leads/solar", headers=KEY, a="1")]
        assert len({answer["uniqueid"] for answer in posts}) == 3
        assert ["Idempotent-Replayed" in answer["headers"] for answer in posts] == [bool(turn)] * 3
    assert len(x.stored()) == 3


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
