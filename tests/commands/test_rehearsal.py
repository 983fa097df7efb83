"""`flask simulate --reconcile`: reconciliation is rehearsed without an account, and nothing of it is kept."""

import json

import pytest
from cast import RULES, serving

import database
from commands.rehearsal import is_lead_id
from impact.ledger import Action, Found, Reconciled
from models import Lead

EXAMPLES = """
currency: USD
impact: {campaign: 1000, event_type: 2240}
examples:
  - {name: good, lead: {email: ann@example.com, first_name: Ann}, expect: valid}
  - {name: no address, lead: {first_name: Ann}, expect: [email.required]}
  - {name: twice, after: [{email: bob@example.com}], lead: {email: bob@example.com}, expect: [duplicate]}
"""
KINDS = ["amount_differs", "no_conversion", "reversed_elsewhere", "twice", "unknown_here"]


@pytest.fixture
def simulate(make_app):
    """Run the simulator with reconciliation, against the service with these rules."""

    def run(*line, rules=RULES + EXAMPLES):
        app = make_app(rules)
        with serving(app) as url:
            arguments = ["simulate", "default", "--url", url, "--reconcile", *line]
            return app.test_cli_runner(catch_exceptions=False).invoke(args=arguments)

    return run


def test_all_that_does_not_fit_is_found_and_nothing_else(simulate):
    result = simulate("--format", "json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0 and report["ok"] is True
    told = report["reconciliation"]
    assert sorted(row["kind"] for row in told["planted"]) == KINDS
    planted = {(row["kind"], row["oid"]) for row in told["planted"]}
    assert {(row["kind"], row["oid"]) for row in told["findings"]} == planted
    conversions = [post for post in report["posts"] if post["conversion"]]
    assert told["actions"] == len(conversions) - 1 + 1 + 1  # one is missing, one is there twice, one is of nobody


def test_it_is_shown_in_sentences(simulate):
    result = simulate()
    assert result.exit_code == 0, result.output
    assert "5 order ids made not to fit" in result.stdout
    assert all(f"\n  {kind}: " in result.stdout for kind in KINDS)
    assert result.stdout.endswith("All of them were found, and nothing else. None of it is stored.\n")


def test_nothing_is_stored_but_the_leads_that_were_posted(simulate):
    result = simulate("--format", "json")
    posts = json.loads(result.stdout)["posts"]
    with database.read():
        assert not (Action.select().count() or Found.select().count() or Reconciled.select().count())
        assert {lead.id for lead in Lead.select().where(Lead.valid)} == {
            post["order_id"] for post in posts if post["conversion"]
        }


def test_without_a_currency_amounts_are_not_compared(simulate):
    result = simulate("--format", "json", rules=RULES + EXAMPLES.replace("currency: USD\n", ""))
    told = json.loads(result.stdout)["reconciliation"]
    assert result.exit_code == 0 and "amount_differs" not in {row["kind"] for row in told["planted"]}


def test_rules_that_name_no_campaign_are_refused_before_anything_is_posted(simulate):
    result = simulate(rules=RULES)
    assert result.exit_code == 1 and "write impact: there" in result.stderr
    with database.read():
        assert not Lead.select().count()


def test_where_no_lead_is_valid_there_is_nothing_to_reconcile(simulate):
    only = EXAMPLES[: EXAMPLES.index("  - {name: good")] + EXAMPLES[EXAMPLES.index("  - {name: no address") :]
    result = simulate(rules=RULES + only[: only.index("  - {name: twice")])
    assert result.exit_code == 1 and "nothing to reconcile" in result.stderr


def test_an_order_id_that_a_brand_made_up_is_no_lead():
    assert is_lead_id("01M8HN53JCHG9XEHJ43HVM0BW7")
    assert not any(map(is_lead_id, ["", "ORDER-1", "01m8hn53jchg9xehj43hvm0bw7", "9" * 26]))
