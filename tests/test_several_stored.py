"""Fields with several values, wherever stored leads are looked at: commands, pages, exports, backtests, erasure."""

import csv
import io
import json

import pytest
from brand import OPERATORS, Operator, id_of
from cast import FORM, JSON, XML, Partner, multipart

RULES = """
fields:
  email: {type: email, multiple: true}
  ages: {type: integer, multiple: true, label: age of each driver}
  owner: {type: boolean, multiple: true}
  born: {type: date, multiple: true, sensitive: true}
  ssn: {multiple: true, store: false, min_length: 3}
rules:
  - {id: young, reject_if: min(ages) < 16, note: Too young}
sale_amount: {amount: count(ages) * 2, at_most: 10}
"""
LEAD = {
    "email": ["ann@example.com", "bo@example.com"],
    "ages": ["34", "17"],
    "owner": ["yes", "no"],
    "born": ["1985-04-17", "2007-11-02"],
    "ssn": ["123-canary", "456-canary"],
}
STORED = {
    "email": ["ann@example.com", "bo@example.com"],
    "ages": [34, 17],
    "owner": [True, False],
    "born": ["1985-04-17", "2007-11-02"],
}


@pytest.fixture
def shop(make_app, tmp_path, monkeypatch, database_url):
    app = make_app(RULES, operators=OPERATORS, database_url=database_url)
    partner = Partner(app)
    monkeypatch.chdir(tmp_path)
    partner.flask = lambda *line: app.test_cli_runner().invoke(args=line)
    assert not database_url.startswith("postgres") or partner.flask("migrate").exit_code == 0
    partner.id = id_of(partner.lead(**LEAD))
    return partner


def test_all_values_are_stored_in_every_format_and_what_is_forgotten_is_in_none(shop):
    pairs = [(name, value) for name, values in LEAD.items() for value in values]
    xml = "".join(f"<{name}>{value}</{name}>" for name, value in pairs)
    shop.post("&".join(f"{name}={value}" for name, value in pairs), FORM)
    shop.post("&".join(f"{name}[]={value}" for name, value in pairs), FORM)
    shop.post(f"<lead>{xml}</lead>", XML)
    shop.post(*multipart(pairs))
    shop.post(json.dumps(LEAD), JSON)
    leads = shop.stored()
    assert [lead.fields for lead in leads] == [STORED] * 6
    assert {lead.amount for lead in leads} == {"4.00"}
    assert not any("canary" in str((bytes(lead.body), lead.trace)) for lead in leads)


def test_commands_show_all_values_and_mask_those_that_are_sensitive(shop):
    shown = shop.flask("leads", "show", shop.id).output
    assert "34, 17" in shown and "true, false" in shown and "***" in shown and "2007" not in shown
    (lead,) = json.loads(shop.flask("leads", "list", "--format", "json").output)
    assert lead["fields"] == STORED | {"born": "***"}
    (lead,) = json.loads(shop.flask("leads", "list", "--format", "json", "--sensitive").output)
    assert lead["fields"] == STORED
    exported = shop.flask("leads", "export", "--format", "csv").output
    (row,) = csv.DictReader(io.StringIO(exported, newline=""))
    assert (row["fields.ages"], row["fields.owner"]) == ("34; 17", "true; false")
    assert row["fields.email"] == "ann@example.com; bo@example.com"


def test_a_lead_is_listed_by_its_first_address_and_erased_by_any(shop):
    assert shop.id in shop.flask("leads", "list", "--email", "ann@example.com").output
    assert shop.id not in shop.flask("leads", "list", "--email", "bo@example.com").output
    assert shop.flask("leads", "erase", "--email", "bo@example.com", "--yes").exit_code == 0
    assert shop.stored()[0].fields == {}


def test_pages_show_all_values_and_how_many_came(shop):
    operator = Operator(shop.app)
    page = operator.words(f"/dashboard/leads/{shop.id}")
    assert "Age of each driver 34, 17" in page and "Owner yes, no" in page
    assert "Age of each driver Sent 2 times: all values are kept. Age of each driver Fine." in page
    assert "2007-11-02" not in page
    tried = operator.words("/dashboard/programs/default/try", lead=json.dumps({"ages": [34, 11]}), type=JSON)
    assert "ages 34, 11" in tried and "Too young" in tried


def test_a_sensitive_address_of_several_is_masked_in_the_answer_too(make_app):
    app = make_app("fields: {email: {type: email, multiple: true, sensitive: true}}", operators=OPERATORS)
    lead = id_of(Partner(app).lead(email=["ann@example.com", "bo@example.com"]))
    assert "ann@example.com" not in Operator(app).words(f"/dashboard/leads/{lead}")


def test_a_backtest_sees_all_values_of_leads_that_were_judged_by_the_first(make_app, tmp_path, monkeypatch):
    single = (
        RULES.replace("min(ages)", "ages")
        .replace("count(ages) * 2", "ages")
        .replace("{type: integer, multiple: true", "{type: integer")
    )
    app = make_app(single)
    Partner(app).lead(ages=["34", "11"])
    assert Partner(app).stored()[0].fields["ages"] == 34
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default.yaml").write_text(RULES)
    done = app.test_cli_runner().invoke(args=["rules", "backtest", "default.yaml", "--format", "json", "--show", "5"])
    report = json.loads(done.stdout)
    assert (report["judged"], report["now_refused"]["by_reason"]["young"]["count"]) == (1, 1)
    checked = app.test_cli_runner().invoke(args=["rules", "check", "default.yaml"])
    assert "anew" not in checked.output and "paid once more" not in checked.output


def test_a_lead_has_a_thousand_values_at_most(make_app):
    partner = Partner(make_app("fields: {ages: {type: integer, multiple: true}}"))
    assert partner.post(json.dumps({"ages": [34] * 1000}), JSON).status_code == 200
    assert partner.stored()[0].fields["ages"] == [34] * 1000
    assert partner.post(json.dumps({"ages": [34] * 1001}), JSON).status_code == 400
