"""`currency:` of a rule file stands beside every amount that people see, and in no answer."""

import csv
import io
import json

import pytest
from brand import EXAMPLES, OPERATORS, RULES, Operator, id_of
from cast import Partner, errors, program, read_answer, serving

from judge.currencies import CODES

IN_EUROS = "currency: EUR\n" + RULES + EXAMPLES


@pytest.fixture
def shop(make_app, tmp_path, monkeypatch):
    """A service that pays in euros, with a valid lead of Ann's and one that was refused."""
    monkeypatch.chdir(tmp_path)
    partner = Partner(make_app(IN_EUROS, operators=OPERATORS))
    partner.answer = partner.lead(email="ann@example.com", irpid="bright")
    partner.refused = id_of(partner.lead(email="kim@example.com", irpid="bright", years="9"))
    partner.operator = Operator(partner.app)
    partner.flask = lambda *line: partner.app.test_cli_runner().invoke(args=line).output
    return partner


def page(shop, path):
    return shop.operator.words(f"/dashboard{path}").replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("usd", 'is not a currency. Did you mean "USD"?'),
        ("$", 'is not a currency. Did you mean "USD"?'),
        ("Euro", 'is not a currency. Did you mean "EUR"?'),
        ("XYZ", "is not a currency: write its three capital letters (ISO 4217), such as USD or EUR"),
        ("[USD, EUR]", "is not a currency: write its three capital letters (ISO 4217), such as USD or EUR"),
    ],
)
def test_what_is_no_currency_is_refused_with_the_right_form(written, told):
    (error,) = errors(f"currency: {written}\nfields: {{email: {{}}}}")
    assert error.startswith("rules/solar.yaml:1: ") and error.endswith(told)


def test_every_currency_is_three_capital_letters_and_none_is_the_default():
    assert all(program(f"currency: {code}\nfields: {{a: {{}}}}").spec.currency == code for code in sorted(CODES)[:5])
    assert program("fields: {a: {}}").spec.currency is None
    assert all(len(code) == 3 and code.isupper() for code in CODES) and len(CODES) > 150


def test_an_answer_has_no_currency(shop):
    assert shop.answer["sale_amount"] == "10.00"
    assert read_answer(shop.post("email=bob@example.com"))["sale_amount"] == "10.00"


def test_every_amount_of_the_dashboard_has_it(shop):
    assert "To pay 10.00 EUR" in page(shop, "") and "1 1 100% 10.00 EUR" in page(shop, "")
    assert "To pay 10.00 EUR" in page(shop, "/partner?partner=bright")
    assert "Valid 10.00 EUR bright" in page(shop, "/leads")
    assert "Valid, worth 10.00 EUR" in page(shop, f"/leads/{id_of(shop.answer)}")
    assert "Amount number 1 of the rule file fits: 10.00 EUR." in page(shop, f"/leads/{id_of(shop.answer)}")
    assert "It would have been worth 10.00 EUR." in page(shop, f"/leads/{shop.refused}")
    assert "As expected: valid, worth 10.00 EUR." in page(shop, "/programs/default")


def test_commands_and_exports_name_it_beside_amounts(shop):
    assert "10.00 EUR" in shop.flask("leads", "list")
    (refused, valid) = json.loads(shop.flask("leads", "list", "--format", "json"))
    assert (valid["sale_amount"], valid["currency"], refused["currency"]) == ("10.00", "EUR", "EUR")
    (row, _) = csv.DictReader(io.StringIO(shop.flask("leads", "export", "--format", "csv")))
    assert (row["sale_amount"], row["currency"]) == ("10.00", "EUR")
    with open("default.yaml", "w") as file:
        file.write(IN_EUROS)
    with open("lead.txt", "w") as file:
        file.write("email=x@example.com")
    assert json.loads(shop.flask("rules", "try", "default", "lead.txt", "--format", "json"))["currency"] == "EUR"
    assert json.loads(shop.flask("rules", "backtest", "default.yaml", "--format", "json"))["currency"] == "EUR"


def test_the_simulator_names_it_beside_what_impact_com_would_take(shop, monkeypatch):
    monkeypatch.setenv("DATAPOST_PASSWORD", "secret")
    with serving(shop.app) as url:
        assert "10.00 EUR" in shop.flask("simulate", "default", "--url", url, "--yes")
        told = shop.flask("simulate", "default", "--url", url, "--yes", "--format", "json")
    assert json.loads(told[told.index("{") :])["currency"] == "EUR"


def test_a_budget_that_is_nearly_used_up_is_told_in_it(make_app):
    app = make_app(IN_EUROS.replace("sale_amount", "  - {id: spent, budget: 1100, per: total}\nsale_amount").replace(
        "10.00", "1000.00"), operators=OPERATORS)  # fmt: skip
    Partner(app).lead(email="ann@example.com")
    told = "Home loans: the budget “spent” is nearly reached: 1,000.00 of 1,100.00 EUR to pay"
    assert told in Operator(app).words("/dashboard")


def test_without_a_currency_leads_have_the_keys_and_columns_that_they_had(make_app):
    partner = Partner(make_app(RULES))
    partner.lead(email="ann@example.com")
    output = partner.app.test_cli_runner().invoke(args=["leads", "export", "--format", "csv"]).output
    assert "currency" not in output


def test_partners_are_told_what_amounts_are_in(shop):
    assert "An amount in EUR, with two decimals" in shop.operator.words("/docs/default")
