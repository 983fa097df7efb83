"""Leads that commands find by a name, by the values of fields, and by a customer."""

import json

import pytest
from cast import Partner

RULES = """
partner: irpid
customer: [email]
fields:
  email: {type: email}
  first_name: {}
  state: {}
  ssn: {sensitive: true}
  irpid: {}
"""


@pytest.fixture
def run(make_app):
    partner = Partner(make_app(RULES))
    partner.ann = partner.lead(email="ann@example.com", first_name="Ann", state="CA", ssn="1", irpid="a")
    for name, state in [("Annabel", "NY"), ("Bob", "CA")]:
        partner.lead(email=f"{name}@example.com", first_name=name, state=state, irpid="b")

    def run(*line):
        return partner.app.test_cli_runner().invoke(args=line)

    run.customer = partner.ann["customerid"]
    return run


@pytest.mark.parametrize("command", ["list", "export"])
def test_leads_are_found_by_name_field_and_customer(run, command):
    def names(*options):
        result = run("leads", command, *options, "--format", "jsonl")
        assert result.exit_code == 0, result.output
        return sorted(json.loads(line)["fields"]["first_name"] for line in result.stdout.splitlines())

    assert names("--name", "ann") == ["Ann", "Annabel"]
    assert names("--field", "state=ca") == ["Ann", "Bob"]
    assert names("--field", "state=ca", "--field", "first_name=ann") == ["Ann"]
    assert names("--name", "ann", "--partner", "b") == ["Annabel"]
    assert names("--customer", run.customer) == ["Ann"]
    assert names("--name", "nobody") == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--field", "ssn=1"], "this field is sensitive or not stored: no lead is found by it"),
        (["--field", "shoe=43"], "field takes one that a rule file declares: email, first_name, state, irpid"),
        (["--field", ""], "--field is empty"),
        (["--name", " "], "--name is empty"),
        (["--customer", "ann"], "--customer is not a customerid"),
    ],
)
def test_what_nobody_is_found_by_is_told(run, options, sentence):
    result = run("leads", "list", *options)
    assert result.exit_code == 1 and sentence in result.output
