"""The operators' pages: who sees them, what they tell, and what they never show unasked."""

import csv
import io
import json
import logging
import re
import socket
import struct
from datetime import UTC, datetime, timedelta

import pytest
from brand import OPERATORS, OWNER, RULES, SOLAR, Operator, id_of, record, text_of
from cast import Partner
from lxml import html

import database
from dashboard import chart
from leads import figures
from leads.figures import DayFigure

NO_SECRETS = RULES.replace(", sensitive: true", "").replace("Home loans", "Sunny roofs")


@pytest.fixture
def brand(make_app, database_url):
    """A brand with two programs in each of the two databases, its partner, and its operator."""
    app = make_app({"default": RULES, "solar": NO_SECRETS}, operators=OPERATORS, database_url=database_url)
    database.migrate()
    partner = Partner(app)
    partner.operator, partner.sun = Operator(app), Operator(app, SOLAR)
    return partner


@pytest.fixture
def shop(make_app):
    app = make_app({"default": RULES, "solar": NO_SECRETS}, operators=OPERATORS)
    partner = Partner(app)
    partner.operator, partner.sun = Operator(app), Operator(app, SOLAR)
    return partner


# --- Who may see them ---

PAGES = ["/dashboard", "/dashboard/leads", "/dashboard/leads.csv", "/dashboard/programs", "/dashboard/programs/default"]


@pytest.mark.parametrize("path", [*PAGES, "/dashboard/nothing"])
def test_no_page_opens_without_an_operators_login(shop, path):
    for auth in [None, ("impact", "secret"), ("owner", "wrong")]:
        response = shop.http.get(path, auth=auth)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic")
    for header in ["Basic", "Basic é", "Bearer x", "basic b3duZXI6"]:
        assert shop.http.get(path, headers={"Authorization": header}).status_code == 401
    assert shop.http.post("/leads", auth=OWNER).status_code == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE"])
def test_a_method_that_no_page_knows_needs_a_login_too_and_is_answered_by_a_page(shop, method):
    for path in ["/dashboard", "/dashboard/leads"]:
        assert shop.http.open(path, method=method).status_code == 401
        response = shop.http.open(path, method=method, auth=OWNER)
        assert response.status_code == 404 and response.mimetype == "text/html"


@pytest.mark.parametrize("path", PAGES)
def test_without_operators_there_is_no_dashboard(partner, path):
    assert partner.http.get(path, auth=("impact", "secret")).status_code == 404


def test_a_browser_that_asks_for_its_login_is_no_news(shop, caplog):
    with caplog.at_level(logging.INFO, "datapost"):
        shop.http.get("/dashboard")
        assert not caplog.records
        shop.http.get("/dashboard", auth=("owner", "wrong"))
    assert [record.args["status"] for record in caplog.records] == [401]


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/nothing", "/dashboard/leads/01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_an_operator_is_told_on_a_page_that_there_is_none(shop, path):
    response = shop.operator.get(path)
    assert response.status_code == (200 if path == "/dashboard/" else 404)
    assert response.mimetype == "text/html"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),  # a browser in which our policy is not known
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "https://localhost"}, 200),  # behind a proxy that does not tell
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 200),  # a program
    ],
)
def test_what_another_site_has_a_browser_send_is_refused(shop, headers, status):
    response = shop.http.post("/dashboard/leads", data={"find": "ann@example.com"}, auth=OWNER, headers=headers)
    assert response.status_code == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
    ],
)
def test_an_export_that_another_site_starts_is_refused_on_a_page(shop, method, headers, status):
    for form in ["csv", "jsonl"]:
        response = shop.http.open(f"/dashboard/leads.{form}", method=method, auth=OWNER, headers=headers)
        assert response.status_code == status
        if status == 403 and method != "HEAD":
            assert "Another site's page asked for this in your name." in text_of(response)


def test_pages_let_the_browser_say_where_a_form_comes_from(shop):
    assert shop.operator.get("/dashboard/leads").headers["Referrer-Policy"] == "same-origin"


def test_behind_a_trusted_proxy_the_addresses_are_https(make_app):
    app = make_app({"default": RULES}, operators=OPERATORS, trusted_proxies=1)
    headers = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "Origin": "https://localhost"}
    page = app.test_client().get("/dashboard/programs", auth=OWNER, headers=headers).text
    assert 'href="https://localhost/docs/default?key=' in page
    assert app.test_client().post("/dashboard/leads", auth=OWNER, headers=headers).status_code == 200


# What no database or address can hold, or nobody would write.
IMPOSSIBLE = ["%00", "a%00b", "01M80FYQ26EMFBJ158VTG4JTK%00", "%ED%A0%80", "%FF", "x" * 7000, "%0A", "%F0%9F%A6%8A"]


@pytest.mark.parametrize("text", IMPOSSIBLE, ids=lambda text: text[:20])
def test_addresses_that_no_page_has_are_answered_by_a_page(brand, text):
    pages = ["leads/{}", "backtests/{}", "programs/{}", "programs/{}/try", "programs/{}/contract.md", "{}"]
    pages += ["partner?partner={}", "leads?after={}", "?program={}", "?days={}"]
    names = ["program", "since", "until", "valid", "test", "partner", "reason", "observed", "email", "phone", "id"]
    pages += [f"leads{form}?{name}={{}}" for name in names for form in ["", ".csv"]]
    for path in [f"/dashboard/{page}".replace("/?", "?").format(text) for page in pages]:
        for operator in [brand.operator, brand.sun]:
            assert operator.get(path).status_code < 500, path
    assert brand.operator.post(f"/dashboard/leads/{text}").status_code == 404
    for path in [f"/docs/{text}", f"/docs/{text}.md", f"/docs/default?key={text}"]:
        assert brand.operator.get(path).status_code in (200, 404), path


# --- Programs of others ---


def test_an_operator_of_one_program_sees_nothing_of_another(brand):
    ours = id_of(brand.lead("/leads/solar", email="sol@example.com", irpid="sunny"))
    theirs = id_of(brand.lead(email="ann@example.com", irpid="loaners"))
    sun = brand.sun
    assert sun.get(f"/dashboard/leads/{ours}").status_code == 200
    assert sun.get(f"/dashboard/leads/{theirs}").status_code == 404
    assert sun.post(f"/dashboard/leads/{theirs}").status_code == 404
    for path in ["/dashboard/programs/default", "/dashboard/programs/default/try", "/dashboard/programs/nothing"]:
        assert sun.get(path).status_code == 403
    assert sun.get("/dashboard?program=default").status_code == 404
    for path in ["/dashboard", "/dashboard/leads", "/dashboard/programs"]:
        shown = sun.get(path).text
        assert "loaners" not in shown and "Home loans" not in shown
        assert "default" not in re.sub(r"/docs/.*?\"", "", shown)
    for query in ["", "?program=default", "?partner=loaners"]:
        assert theirs not in sun.get(f"/dashboard/leads{query}").text
        assert theirs not in sun.get(f"/dashboard/leads.jsonl{query}").text
    assert theirs not in sun.post("/dashboard/leads", find="ann@example.com").text
    assert "No lead fits" in sun.words("/dashboard/leads", find=theirs)
    assert "Leads came 1 " in sun.words("/dashboard")
    assert "Leads came 2 " in brand.operator.words("/dashboard")


def test_a_lead_of_the_same_person_in_another_program_is_not_shown(brand):
    theirs = id_of(brand.lead(email="ann@example.com"))
    ours = id_of(brand.lead("/leads/solar", email="ann@example.com"))
    assert theirs not in brand.sun.get(f"/dashboard/leads/{ours}").text
    assert theirs in brand.operator.get(f"/dashboard/leads/{ours}").text


# --- The first page ---


def test_the_first_page_says_what_came_what_it_costs_and_why_leads_are_refused(brand):
    brand.lead(email="ann@example.com", irpid="bright", years="30")
    brand.lead(email="bob@example.com", irpid="bright", years="90")
    brand.lead(email="kim@example.com", irpid="young", years="9")
    brand.lead(irpid="young")
    brand.lead(email="test@example.com", irpid="bright", is_test="true")
    page = brand.operator.words("/dashboard?program=default")
    assert "Leads came 4 " in page
    assert "Valid leads 2 50% of all" in page
    assert "Refused 2 " in page
    assert "To pay 20.00 " in page
    assert "Applicants must be 18 or older young 1 1 50% 10.00" in page
    assert "No email address was submitted young 1 1 50% 10.00" in page
    assert "old bright 1 1 10.00" in page  # what a rule that only watches would have done
    assert "bright 1 test 2 100% 20.00" in page
    assert "Beside these, 1 test lead came, 1 of which was answered valid, worth 10.00: impact.com pays for it" in page
    assert "All is well." in page


def test_from_the_first_page_two_clicks_lead_to_why_a_partners_lead_was_refused(brand):
    lead = id_of(brand.lead(irpid="a partner/of 100%", email="ann@example.com", years="9"))
    page = html.fromstring(brand.operator.get("/dashboard").text)
    (link,) = {a.get("href") for a in page.xpath("//a[text()='a partner/of 100%']")}
    page = html.fromstring(brand.operator.get(link).text)
    (link,) = page.xpath("//a[text()='Applicants must be 18 or older']/@href")
    assert lead in brand.operator.get(link).text


def test_a_partners_page_tells_all_reasons_of_its_refused_leads(make_app):
    fields = "".join(f"  f{number}: {{required: true}}\n" for number in range(7))
    app = make_app(f"partner: irpid\nfields:\n  irpid: {{}}\n{fields}", operators=OPERATORS)
    Partner(app).lead(irpid="bright")
    shown = Operator(app).words("/dashboard/partner?partner=bright")
    assert [shown.count(f"f{number}.required 1 100%") for number in range(7)] == [1] * 7


def test_a_partners_page_tells_of_its_tests_also_where_it_sent_nothing_else(shop):
    shop.lead(email="ann@example.com", irpid="bright", is_test="true")
    shop.lead(email="kim@example.com", irpid="bright", is_test="true", years="9")
    page = shop.operator.words("/dashboard/partner?partner=bright")
    assert "2 test leads came, 1 of which was answered valid, worth 10.00: impact.com pays for it until" in page
    assert "Leads came 0" in page and "None was refused." not in page
    first = shop.operator.words("/dashboard")
    assert "bright 2 tests 0 – 0.00" in first and "No lead has come" in first


def test_leads_that_name_no_partner_are_not_mixed_up_with_those_of_all(shop):
    shop.lead(email="ann@example.com", years="9")
    page = html.fromstring(shop.operator.get("/dashboard/partner?partner=").text)
    assert "Applicants must be 18 or older" in page.text_content()
    assert not page.xpath("//main//a[contains(@href, 'reason=')]")


def test_periods_are_compared_with_those_before(brand):
    program = brand.app.extensions["datapost"].rulebook.programs["default"]
    now = datetime.now(UTC)
    for days, leads in [(0, 3), (8, 2), (20, 5)]:
        for number in range(leads):
            record(program, now - timedelta(days=days), email=f"ann{number}.{days}@example.com")
    words = brand.operator.words
    assert "Leads came 3 none before 0 yesterday" in words("/dashboard?days=1")
    assert "Leads came 3 ▲ 50% 2 in the 7 days before" in words("/dashboard")
    assert "Leads came 10 none before 0 in the 30 days before" in words("/dashboard?days=30")
    assert "Leads came 10" in words("/dashboard?days=90")
    assert "The last 7 days" in words("/dashboard?days=9999")


def test_the_leads_behind_a_figure_are_those_of_its_program_and_of_its_days(make_app):
    zone = "timezone: Pacific/Kiritimati\n"  # its days begin 14 hours before those of UTC
    app = make_app({"default": zone + RULES, "solar": RULES}, operators=OPERATORS)
    shop, book = Partner(app), app.extensions["datapost"].rulebook
    midnight = datetime.now(book.programs["default"].spec.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    ours = record(book.programs["default"], midnight, email="kim@example.com", years="9").id
    record(book.programs["default"], midnight - timedelta(seconds=1), email="lee@example.com", years="9")
    theirs = id_of(shop.lead("/leads/solar", email="kim@example.com", years="9"))
    page = html.fromstring(Operator(app).get("/dashboard?days=1").text)
    found = [re.findall("/leads/(01[0-9A-Z]{24})", Operator(app).get(link).text) for link in page.xpath(ADULT)]
    assert sorted(found) == [[ours], [theirs]]


ADULT = "//a[text()='Applicants must be 18 or older']/@href"


def test_before_the_first_lead_the_pages_say_how_to_post_one(brand):
    words = brand.operator.words("/dashboard")
    assert "flask example" in words and "All is well." in words and "as usual" not in words
    assert "flask example" in brand.operator.words("/dashboard/leads")


def test_the_chart_is_as_high_as_its_highest_day_and_tells_its_numbers():
    days = [DayFigure(0, 12, 9, 3), DayFigure(1)]
    (first, second), top = chart.bars(days)
    assert top == 12
    assert (first.valid, first.refused, first.refused_top) == (75, 25, 0)
    assert (second.valid, second.refused) == (0, 0)


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (7, 8), (10, 10), (11, 12), (101, 120), (1999, 2000)])
def test_the_top_of_the_chart_is_a_round_number(most, top):
    assert chart.bars([DayFigure(0, most, most, 0)])[1] == top


# --- Leads ---


@pytest.fixture
def known(brand):
    """Three leads by what they are."""
    return brand, {
        "good": id_of(brand.lead(email="Ann@Example.com", phone="(415) 555-2671", irpid="bright")),
        "refused": id_of(brand.lead(email="kim@example.com", years="9", irpid="young")),
        "test": id_of(brand.lead(email="tess@example.com", is_test="true")),
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"good", "refused", "test"}),
        ("?partner=young", {"refused"}),
        ("?reason=adult", {"refused"}),
        ("?valid=yes&test=no", {"good"}),
        ("?test=yes", {"test"}),
        ("?program=solar", set()),
        ("?since=2020-01-01", {"good", "refused", "test"}),
        ("?until=2020-01-01", set()),
        ("?email=ANN@example.com", {"good"}),
        ("?phone=415-555-2671", {"good"}),
    ],
)
def test_a_filter_in_the_address_finds_leads(known, query, found):
    brand, ids = known
    page = brand.operator.get("/dashboard/leads" + query).text
    assert {name for name, lead in ids.items() if lead in page} == found
    exported = brand.operator.get("/dashboard/leads.jsonl" + query).text
    assert {name for name, lead in ids.items() if lead in exported} == found


@pytest.mark.parametrize("find", ["ann@example.com", "ANN@EXAMPLE.COM ", "+1 415 555 2671", "415-555-2671"])
def test_a_person_is_found_by_a_form_and_stands_in_no_address(known, find):
    brand, ids = known
    page = brand.operator.post("/dashboard/leads", find=find)
    assert {name for name, lead in ids.items() if lead in page.text} == {"good"}
    addresses = html.fromstring(page.text).xpath("//@href | //@action | //@formaction")
    assert not [address for address in addresses if "ann" in address.lower() or "415" in address]
    assert next(csv_of(brand.operator.post("/dashboard/leads.csv", find=find)))["id"] == ids["good"]


def test_the_id_of_a_lead_leads_to_it(known):
    brand, ids = known
    response = brand.operator.post("/dashboard/leads", find=ids["good"].lower())
    assert response.status_code == 303 and response.location == f"/dashboard/leads/{ids['good']}"


@pytest.mark.parametrize("query", ["since=soon", "valid=perhaps", "after=x"])
def test_what_is_no_filter_is_told(shop, query):
    response = shop.operator.get(f"/dashboard/leads?{query}")
    assert response.status_code == 400 and "That does not work" in response.text
    assert "no phone number" not in response.text


def test_what_nobody_can_be_found_by_is_told_and_logged_nowhere(shop, caplog):
    with caplog.at_level(logging.INFO, "datapost"):
        response = shop.operator.post("/dashboard/leads", find="Ann of Boston")
    assert response.status_code == 400 and "phone is not a phone number" in response.text
    assert "Boston" not in caplog.text


def test_leads_come_in_pages(shop):
    ids = [id_of(shop.lead(email=f"ann{n}@example.com")) for n in range(52)]
    first = html.fromstring(shop.operator.get("/dashboard/leads?valid=yes").text)
    assert len(first.xpath("//ul[@class='leads']/li")) == 50
    older = first.forms[-2].form_values()
    second = shop.operator.get("/dashboard/leads?" + "&".join(f"{name}={value}" for name, value in older)).text
    assert [lead for lead in ids if lead in second] == ids[:2]
    assert ("valid", "yes") in older


# --- Exports ---


def csv_of(response):
    assert response.status_code == 200 and response.headers["Content-Disposition"].startswith("attachment")
    return csv.DictReader(io.StringIO(response.text))


def test_an_export_masks_sensitive_values_and_disarms_formulas(brand):
    brand.lead(email="ann@example.com", birth_date="1990-05-01", comment="=1+1")
    (row,) = csv_of(brand.operator.get("/dashboard/leads.csv"))
    assert row["fields.birth_date"] == "***" and json.loads(row["other_fields"]) == {"comment": "=1+1"}
    (line,) = brand.operator.get("/dashboard/leads.jsonl").text.splitlines()
    assert json.loads(line)["fields"] == {"email": "ann@example.com", "birth_date": "***", "comment": "=1+1"}


def test_sensitive_values_are_exported_when_asked_for_by_the_form_and_the_log_says_so(brand, caplog):
    brand.lead(email="ann@example.com", birth_date="1990-05-01")
    caplog.clear()
    assert "1990" not in brand.operator.get("/dashboard/leads.csv?sensitive=1").text
    with caplog.at_level(logging.INFO, "datapost"):
        (row,) = csv_of(brand.operator.post("/dashboard/leads.csv", sensitive="1", find="ann@example.com"))
    assert row["fields.birth_date"] == "1990-05-01"
    assert caplog.records[-1].args == {"operator": "owner", "form": "csv", "by": ["email"], "sensitive": True}


def test_an_export_has_all_leads_the_newest_first_and_reads_them_a_page_at_a_time(brand, monkeypatch):
    monkeypatch.setattr("dashboard.leads.EXPORT_PAGE", 2)
    ids = [id_of(brand.lead(email=f"ann{n}@example.com", **{f"extra{n}": "x"})) for n in range(5)]
    rows = list(csv_of(brand.operator.get("/dashboard/leads.csv")))
    assert [row["id"] for row in rows] == ids[::-1]
    assert [json.loads(row["other_fields"]) for row in rows] == [{f"extra{n}": "x"} for n in reversed(range(5))]
    refused = id_of(brand.lead(email="kim@example.com", years="9"))
    (row,) = csv_of(brand.operator.get("/dashboard/leads.csv?reason=adult"))
    assert row["id"] == refused


def test_a_csv_file_has_the_columns_of_the_programs_that_it_is_about(brand, tmp_path, clock):
    (tmp_path / "rules" / "solar.yaml").write_text("fields: {email: {}, roof: {}, ssn: {store: false}}")
    clock.passes(2)
    brand.lead("/leads/solar", email="sol@example.com", roof="flat", irpid="bright")

    def columns(operator, query=""):
        response = operator.get("/dashboard/leads.csv" + query)
        return [name.removeprefix("fields.") for name in csv_of(response).fieldnames if "fields" in name]

    default = ["email", "phone", "birth_date", "years", "irpid", "is_test"]
    assert columns(brand.operator) == [*default, "roof", "other_fields"]
    assert columns(brand.operator, "?program=default") == [*default, "other_fields"]
    assert columns(brand.sun) == columns(brand.operator, "?program=solar") == ["email", "roof", "other_fields"]
    assert columns(brand.operator, "?program=gone") == ["other_fields"]


def test_at_most_two_exports_are_read_at_once_and_the_others_are_told_so(shop):
    shop.lead(email="ann@example.com")

    def ask(method="GET", form="csv"):
        return shop.http.open(f"/dashboard/leads.{form}", method=method, auth=OWNER, buffered=False)

    held = [ask(), ask("POST", "jsonl")]
    for method in ["GET", "POST", "HEAD"]:
        response = ask(method)
        assert response.status_code == 503 and response.headers["Retry-After"] == "60"
        assert method == "HEAD" or "Other exports are being read now." in text_of(response)
    next(held[0].response)
    for response in held:  # one of them begun, the other not
        response.close()
    for _ in range(3):  # what is read to the end, or has nothing to read, keeps no place
        assert ask("HEAD").status_code == ask().status_code == 200


def test_an_export_that_cannot_begin_is_told_on_a_page_and_keeps_no_place(shop, tmp_path):
    shop.lead(email="ann@example.com")
    (tmp_path / "leads.db").rename(tmp_path / "gone.db")
    for form in ["csv", "jsonl"] * 3:
        response = shop.operator.get(f"/dashboard/leads.{form}")
        assert response.status_code == 503 and "cannot be read now" in response.text


def test_who_reads_an_export_slowly_is_given_time(shop):
    # Under gunicorn; whoever does not read an answer to a lead for a second is hung up on.
    ours, theirs = socket.socketpair()
    with ours, theirs:
        shop.operator.get("/dashboard/leads.csv", environ_overrides={"gunicorn.socket": ours})
        timeout = ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16)
    assert struct.unpack("ll", timeout) == (60, 0)


# --- One lead ---


def test_a_lead_is_told_step_by_step_with_its_answer(brand):
    first = id_of(brand.lead(email="ann@example.com", irpid="bright", years="90"))
    again = id_of(brand.lead(email="ann@example.com", comment="call me"))
    page = brand.operator.words(f"/dashboard/leads/{again}")
    assert "Refused It would have been worth 10.00. This email address was already submitted" in page
    assert "Rule “duplicate” Refused: This email address was already submitted." in page
    assert "Phone Not sent, and not required." in page
    assert "Rule “adult” Passed over, because years is absent." in page
    assert "comment (not judged) call me" in page
    assert '"note": "This email address was already submitted"' in page
    assert first in brand.operator.get(f"/dashboard/leads/{again}").text
    page = brand.operator.words(f"/dashboard/leads/{first}")
    assert "Valid, worth 10.00" in page
    assert "Rule “old” Only watched: in force, this rule would have refused the lead." in page
    assert f'"uniqueid": "{first}"' in page


def test_a_lead_is_told_by_the_rules_of_its_day_though_they_name_a_list(make_app, tmp_path):
    rules = "fields: {email: {}}\nrules: [{id: blocked, listed: {email: blocked.txt}, note: Blocked %s}]"
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "blocked.txt").write_text("ann@example.com\n")
    lead = id_of(Partner(make_app(rules % "then", operators=OPERATORS)).lead(email="ann@example.com"))
    app = make_app(rules % "today", operators=OPERATORS)
    page = Operator(app).words(f"/dashboard/leads/{lead}")
    assert "Rule “blocked” Refused: Blocked then." in page
    assert "The rules name lists. What stood in them that day is not kept: they are read as they are today." in page
    app = make_app(operators=OPERATORS)
    lead = id_of(Partner(app).lead(email="bob@example.com"))
    assert "lists" not in Operator(app).words(f"/dashboard/leads/{lead}")


def test_sensitive_values_are_shown_when_asked_for_and_the_log_says_who_asked(brand, caplog):
    lead = id_of(brand.lead(email="ann@example.com", birth_date="1990-05-01"))
    page = brand.operator.get(f"/dashboard/leads/{lead}").text
    assert "1990" not in page and "***" in page
    with caplog.at_level(logging.INFO, "datapost"):
        shown = brand.operator.post(f"/dashboard/leads/{lead}").text
    assert "1990-05-01" in shown and "&#34;birth_date&#34;: &#34;1990-05-01&#34;" in shown
    assert caplog.records[-1].args == {"operator": "owner", "lead": lead}


PLAIN = "fields: {email: {type: email}, years: {}}"
SECRETIVE = """
fields:
  email: {type: email}
  birth_date: {type: date, sensitive: true, aliases: [dob]}
  years: {sensitive: true}
  pin: {store: false}
"""

UNDER_SENSITIVE_NAMES = [
    ("default", '{"email": "ann@example.com", "applicant": {"birth_date": "1990-05-01"}}', "application/json"),
    ("default", "<l><email>ann@example.com</email><a><b DOB='1990-05-01'/></a></l>", "text/xml"),
    ("default", "email=ann@example.com&a[birth-date][x]=1990-05-01", "application/x-www-form-urlencoded"),
    ("plain", '{"email": "ann@example.com", "birth_date": "1990-05-01"}', "application/json"),
    ("plain", "<l DateOfBirth='x' dob='1990-05-01'><email>ann@example.com</email></l>", "text/xml"),
    ("plain", "email=ann@example.com&a[pin]=1990-05-01", "application/x-www-form-urlencoded"),
    ("plain", '{"email": "ann@example.com", "Birth Date": "1990-05-01"', "application/json"),
    ("plain", '{"birth\\u005fdate": "1990-05-01"', "application/json"),
    ("plain", "b%69rth+date=1990-05-01&x=%FF", "application/x-www-form-urlencoded"),
    ("plain", "<l><f name='birth&#95;date'>1990-05-01</l>", "text/xml"),
]


@pytest.mark.parametrize(("program", "body", "content_type"), UNDER_SENSITIVE_NAMES)
def test_what_counts_as_sensitive_in_any_program_is_masked_on_pages_and_in_exports(
    make_app, program, body, content_type
):
    app = make_app({"default": SECRETIVE, "plain": PLAIN}, operators=OPERATORS)
    operator = Operator(app)
    lead = Partner(app).post(body, content_type, f"/leads/{program}").headers["Datapost-Lead"]
    for path in (f"/{lead}", ".csv", ".jsonl", ""):
        assert "1990" not in operator.get(f"/dashboard/leads{path}").text
    assert "1990-05-01" in operator.post(f"/dashboard/leads/{lead}").text
    for command in (["list", "--format", "json"], ["show", lead], ["explain", lead], ["export"]):
        result = app.test_cli_runner().invoke(args=["leads", *command])
        assert lead in result.output and "1990" not in result.output


def test_a_declared_field_is_masked_as_its_own_program_says(make_app):
    app = make_app({"default": SECRETIVE, "plain": PLAIN}, operators=OPERATORS)
    lead = id_of(Partner(app).lead("/leads/plain", email="ann@example.com", years="37", other="1"))
    page = Operator(app).get(f"/dashboard/leads/{lead}").text
    assert "<td>37</td>" in page and "&#34;years&#34;: &#34;37&#34;" in page and "Show them" not in page


def test_a_field_that_is_not_to_be_stored_any_more_is_masked_in_older_leads(make_app):
    app = make_app("fields: {email: {type: email}, ssn: {}}", operators=OPERATORS)
    lead = id_of(Partner(app).lead(email="ann@example.com", ssn="536904399", a={"ssn": "536904399"}))
    operator = Operator(make_app("fields: {email: {type: email}, ssn: {store: false}}", operators=OPERATORS))
    assert "536904399" not in operator.get(f"/dashboard/leads/{lead}").text + operator.get("/dashboard/leads.csv").text
    new = id_of(Partner(operator.http.application).lead(email="bob@example.com", ssn="536904399"))
    assert "Show them" not in operator.get(f"/dashboard/leads/{new}").text


def test_where_nothing_is_sensitive_the_submission_is_shown_as_it_came(brand):
    answer = brand.post("a=1&email=ann%40example.com", path="/leads/solar?b=2")
    page = brand.operator.words(f"/dashboard/leads/{answer.headers['Datapost-Lead']}")
    assert "application/x-www-form-urlencoded; query string b=2 a=1&email=ann%40example.com" in page
    assert "Show them" not in page


def test_a_body_that_could_not_be_read_is_shown_with_why(brand):
    answer = brand.post("<lead>", "text/xml", "/leads/solar")
    page = brand.operator.words(f"/dashboard/leads/{answer.headers['Datapost-Lead']}")
    assert "Refused The body could not be read" in page and "text/xml <lead>" in page


HOSTILE = "<script>alert(1)</script>{{ 7*7 }}\u202egpj.exe\x07"


def test_what_a_partner_wrote_does_nothing_on_any_page(brand):
    fields = {"email": "kim@example.com", "irpid": HOSTILE, "years": "9", HOSTILE: HOSTILE}
    lead = id_of(brand.lead("/leads/solar", **fields))
    for path in ["", "/leads", f"/leads/{lead}", "/partner?partner=%3Cscript%3E"]:
        response = brand.operator.get("/dashboard" + path)
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert "<script" not in response.text and " style=" not in response.text
        assert "\u202e" not in html.fromstring(response.text).text_content()
        assert "{{ 7*7 }}" in response.text or "partner=" in path or "years" in response.text


def test_looking_is_not_logged(shop, caplog):
    lead = id_of(shop.lead(email="ann@example.com"))
    caplog.clear()
    with caplog.at_level(logging.INFO, "datapost"):
        for path in [*PAGES[:2], *PAGES[3:], f"/dashboard/leads/{lead}"]:
            shop.operator.get(path)
        shop.operator.post("/dashboard/leads", find="ann@example.com")
    assert not caplog.records


def test_a_store_that_cannot_be_read_is_told_on_a_page(shop, tmp_path):
    shop.lead(email="ann@example.com")
    (tmp_path / "leads.db").unlink()
    response = shop.operator.get("/dashboard")
    assert response.status_code == 503 and "cannot be read now" in response.text


def test_figures_that_are_still_being_counted_are_told(shop, monkeypatch):
    shop.lead(email="ann@example.com")
    monkeypatch.setattr(figures, "COUNTED_LIVE", 0)
    assert "still being counted" in shop.operator.words("/dashboard")
