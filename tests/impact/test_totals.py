"""What became of the leads of a period, added up by partner: in number, and in exact money by currency."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from cast import program as compiled
from cast import scans, statements

import database
from impact import totals
from impact.ledger import Action
from models import Lead, first_id

RULES = """
partner: irpid
currency: USD
fields:
  irpid: {}
impact: {campaign: 1000, event_type: 2240}
sale_amount: 10.00
"""
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SINCE, UNTIL = NOW - timedelta(days=7), NOW
LEAD = {"user": "impact", "status": 200, "reasons": [], "note": "", "customerid": "", "email": "", "fields": {}}
LEAD |= {"rules": "h" * 64, "trace": [], "content_type": "", "query": b"", "body": b"", "observed": []}


@pytest.fixture
def solar():
    return compiled(RULES)


def lead(number, partner="bright", at=NOW - timedelta(days=1), amount="10.00", valid=True, test=False, program="solar"):
    """Return the row of a lead."""
    row = {"id": f"{first_id(at)}{number:016}", "program": program, "received_at": at, "partner": partner}
    return LEAD | row | {"valid": valid, "test": test, "sale_amount": Decimal(amount) if valid else None}


def action(lead, number=0, state="PENDING", amount="10.00", payout="8.00", cost="9.00", currency="USD"):
    """Return the row of an action of a lead."""
    money = {"amount": amount, "payout": payout, "cost": cost}
    money = {name: text and Decimal(text) for name, text in money.items()}
    row = {"id": f"{lead['id']}.{number}", "oid": lead["id"], "program": lead["program"], "state": state}
    row |= {"currency": currency, "media_partner": "1", "event_at": lead["received_at"], "seen_at": NOW}
    return row | money


def store(leads, actions=()):
    def work():
        for table, rows in ((Lead, leads), (Action, actions)):
            for start in range(0, len(rows), 200):
                table.insert_many(rows[start : start + 200]).execute()

    database.transact(work)


def of(program):
    with database.read():
        return totals.of_program(program, SINCE, UNTIL)


def test_valid_leads_and_their_conversions_are_counted_by_state_and_add_up(ledger, solar):
    leads = [lead(number) for number in range(5)]
    states = ["PENDING", "PENDING", "APPROVED", "REVERSED"]
    store(leads, [action(one, state=state) for one, state in zip(leads, states, strict=False)])
    assert of(solar)["bright"].counts == {"valid": 5, "recorded": 4, "pending": 2, "approved": 1, "reversed": 1}


def test_money_is_exact_whatever_the_number_and_of_each_kind(ledger, solar):
    leads = [lead(number, amount="0.10") for number in range(300)]
    store(leads, [action(one, amount="0.10", payout="0.07", cost="0.29") for one in leads])
    money = of(solar)["bright"].money
    assert money["valid", "amount"] == {"USD": Decimal("30.00")}
    assert money["recorded", "payout"] == {"USD": Decimal("21.00")}
    assert money["pending", "cost"] == {"USD": Decimal("87.00")}


def test_amounts_beyond_an_integer_of_postgresql_are_added_up(ledger, solar):
    one = lead(1)
    store([one], [action(one, amount="99999999999.99")])
    assert of(solar)["bright"].money["recorded", "amount"] == {"USD": Decimal("99999999999.99")}


def test_currencies_are_never_added_up_with_each_other(ledger, solar):
    leads = [lead(number) for number in range(3)]
    store(leads, [action(one, currency=name) for one, name in zip(leads, ["USD", "EUR", "EUR"], strict=True)])
    assert of(solar)["bright"].money["recorded", "amount"] == {"USD": Decimal("10.00"), "EUR": Decimal("20.00")}


def test_what_impact_com_does_not_say_counts_as_nothing(ledger, solar):
    one = lead(1)
    store([one], [action(one, payout=None, cost=None)])
    found = of(solar)["bright"]
    assert found.counts["recorded"] == 1 and found.money["recorded", "payout"] == {"USD": Decimal("0.00")}


def test_each_partner_has_its_own_and_together_they_are_all(ledger, solar):
    leads = [lead(1, "bright"), lead(2, "gloomy"), lead(3, "gloomy"), lead(4, "")]
    store(leads, [action(one) for one in leads[:3]])
    found = of(solar)
    assert {name: (one.counts["valid"], one.counts["recorded"]) for name, one in found.items()} == {
        "bright": (1, 1),
        "gloomy": (2, 2),
        "": (1, 0),
    }
    total = totals.together(found.values())
    assert total.counts["valid"] == 4 and total.money["recorded", "amount"] == {"USD": Decimal("30.00")}


@pytest.mark.parametrize(
    "values",
    [
        {"test": True},
        {"valid": False},
        {"at": SINCE - timedelta(seconds=1)},
        {"at": UNTIL},
        {"program": "another"},
    ],
)
def test_tests_rejected_leads_and_those_of_other_days_or_programs_are_left_out(ledger, solar, values):
    one = lead(1, **values)
    store([one], [action(one)])
    assert of(solar) == {}


def test_a_conversion_that_comes_twice_counts_twice_and_its_lead_once(ledger, solar):
    one = lead(1)
    store([one], [action(one), action(one, 1)])
    assert of(solar)["bright"].counts == {"valid": 1, "recorded": 2, "pending": 2}


def test_what_is_added_up_is_found_by_indexes(ledger, solar):
    leads = [lead(number, f"partner-{number % 40}", NOW - timedelta(seconds=number)) for number in range(2_000)]
    store(leads, [action(one) for one in leads])
    with statements() as seen, database.read():
        totals.of_program(solar, SINCE, UNTIL)
        read = [line for sql, params in list(seen) for line in scans(sql, params)]
    assert [line for line in read if line != "SCAN ours"] == []  # which are those of the period
