"""What the daily summary tells of what sales says of the leads of the last 30 days."""

from datetime import timedelta
from functools import partial

import pytest
from cast import scans, statements
from digests import DOLLARS, NOW, YESTERDAY, brand_of, lines, words

import database
from alerts import sales
from impact import feedback
from leads import search

IMPACT = "impact: {campaign: 1000, event_type: 2240, reversals: {reasons: {fake: CONS_FRAUD}}}\n"


@pytest.fixture
def made(make_app, database_url):
    return partial(brand_of, make_app, database_url)


@pytest.fixture
def brand(made):
    return made(DOLLARS + IMPACT)


def say(brand, *outcomes):
    """Say these of the newest leads, one each."""
    with database.read():
        ids = [lead.id for lead in search.leads(search.Filter())]
    for one, outcome in zip(ids, outcomes, strict=False):
        feedback.say(brand.programs["default"], one, outcome)


def test_each_partner_of_whose_leads_something_was_said_has_a_line(brand):
    brand.leads(8, irpid="quiet")
    brand.leads(10, YESTERDAY - timedelta(days=9), irpid="loaners")
    brand.leads(4)
    say(brand, "sold", "bad", "contacted", "qualified")
    told = lines(brand.digest())
    at = told.index("What sales says of 30 days' leads")
    assert (
        told[at + 1]
        == "brightleads: 4 of 4 valid answered: 75% contacted, 25% sold, 25% bad; a sold lead cost 40.00 USD."
    )
    assert "quiet" not in told[at + 2] and "loaners" not in told[at + 2]
    assert "a sold lead cost 40.00 USD" in brand.digest().html


def test_without_a_sale_nothing_is_said_of_its_cost(brand):
    brand.leads(3)
    say(brand, "bad")
    assert "brightleads: 1 of 3 valid answered: 0% contacted, 0% sold, 100% bad." in words(brand.digest())


def test_without_feedback_nothing_is_told(brand):
    brand.leads(3)
    assert "What sales says" not in brand.digest().text
    assert brand.digest().data["programs"][0]["sales"] == []


def test_what_was_said_of_older_leads_is_not_told(brand):
    brand.leads(1, NOW - timedelta(days=31))
    say(brand, "sold")
    assert "What sales says" not in brand.digest().text


def test_the_first_five_partners_are_told(brand):
    for number in range(7):
        brand.leads(1, irpid=f"partner{number}")
    say(brand, *["sold"] * 7)
    assert "and 2 more" in words(brand.digest())
    assert len(brand.digest().data["programs"][0]["sales"]) == 5


def test_a_webhook_gets_the_counts(brand):
    brand.leads(2)
    say(brand, "sold", "contacted")
    counts = {"valid": 2, "answered": 2, "contacted": 2, "sold": 1, "bad": 0, "cost": "20.00"}
    assert brand.digest().data["programs"][0]["sales"] == [{"partner": "brightleads"} | counts]


def test_a_partner_whose_name_is_sensitive_is_not_named(made):
    brand = made((DOLLARS + IMPACT).replace("irpid: {}", "irpid: {sensitive: true}"))
    brand.leads(2)
    say(brand, "sold")
    told = brand.digest()
    assert "a partner: 1 of 2 valid answered" in words(told)
    assert "brightleads" not in told.text + told.html + str(told.data)


def test_no_lead_is_read_for_it(brand):
    brand.leads(2)
    say(brand, "sold")
    with database.read(), statements() as seen:
        sales.figures(brand.programs["default"], NOW - timedelta(days=30), NOW)
        ((sql, params),) = list(seen)
        assert " lead " not in sql.replace("WHERE lead", "") or "FROM lead" not in sql
        assert scans(sql, params) == []
