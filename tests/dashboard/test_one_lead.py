"""The page of one lead: why it was judged so, and what is never shown unasked."""

import logging

import pytest
from brand import OPERATORS, Operator, id_of
from cast import Partner
from lxml import html


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
    assert (
        "This is what was decided that day. What stood that day in the lists that these rules name is not kept." in page
    )
    (tmp_path / "rules" / "blocked.txt").unlink()
    app = make_app(operators=OPERATORS)
    page = Operator(app).words(f"/dashboard/leads/{lead}")
    assert "Rule “blocked” Refused: Blocked then." in page and "is not kept, and blocked.txt is gone." in page
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


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode", "x", '"'])
def test_a_charset_that_is_none_does_no_harm_on_the_page_of_a_lead(brand, charset):
    answer = brand.post(b'{"a": "caf\xe9"}', f"application/json; charset={charset}", "/leads/solar")
    assert '{"a": "caf�"}' in brand.operator.words(f"/dashboard/leads/{answer.headers['Datapost-Lead']}")


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


def test_other_leads_of_the_same_person_have_the_times_of_their_own_programs(make_app):
    rules = "timezone: %s\nfields: {email: {type: email}}\n"
    zones = {"default": "America/New_York", "solar": "Pacific/Kiritimati"}
    app = make_app({name: rules % zone for name, zone in zones.items()}, operators=OPERATORS)
    one, other = (id_of(Partner(app).lead(f"/leads/{name}", email="ann@example.com")) for name in zones)
    assert Operator(app).words(f"/dashboard/leads/{one}").count("+14") == 1
    assert Operator(app).words(f"/dashboard/leads/{other}").count("+14") == 1
