"""The daily summary: what came yesterday, of each program, against the same weekday a week before."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from brand import RULES
from digests import DOLLARS, EUROS, LONG_AGO, NOW, WEEK_BEFORE, YESTERDAY, brand_of, lines, words

import database
import models
from leads import daily, figures


@pytest.fixture
def made(make_app, database_url):
    """Make a brand of the texts of its rule files."""
    return partial(brand_of, make_app, database_url)


@pytest.fixture
def brand(made):
    return made()


def test_the_subject_says_how_many_came_were_accepted_and_what_they_cost(brand):
    brand.leads(2)
    brand.leads(1, years="9")
    assert brand.digest().subject == "Datapost: 3 leads yesterday, 2 accepted, 20.00 USD"


@pytest.mark.parametrize(
    ("accepted", "rejected", "subject"),
    [
        (0, 0, "Datapost: no lead yesterday"),
        (1, 0, "Datapost: 1 lead yesterday, 1 accepted, 10.00 USD"),
        (0, 1, "Datapost: 1 lead yesterday, none accepted"),
        (1200, 0, "Datapost: 1,200 leads yesterday, 1,200 accepted, 12,000.00 USD"),
    ],
)
def test_the_subject_counts_in_the_right_grammar(brand, monkeypatch, accepted, rejected, subject):
    if accepted > 1:  # so many would take long to store
        monkeypatch.setattr(daily.Counts, "items", lambda _counts: iter([("brightleads", "valid", 1200, 1_200_000)]))
        accepted = 1
    brand.leads(accepted)
    brand.leads(rejected, years="9")
    assert brand.digest().subject == subject


def test_yesterday_is_held_against_the_same_weekday_a_week_before(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(20, WEEK_BEFORE)
    brand.leads(30)
    brand.leads(50, NOW)
    brand.leads(50, YESTERDAY - timedelta(days=1))
    told = lines(brand.digest())
    assert told[:2] == ["Yesterday, Thursday, 12 March 2026", "Compared with Thursday, 5 March 2026"]
    assert "Leads     30 (20 a week before, +50%)" in told
    assert "Accepted  30 (20 a week before, +50%)" in told
    assert "Rejected  0 (0 a week before)" in told
    assert "To pay    300.00 USD (200.00 USD a week before, +50%)" in told


def test_a_change_of_few_leads_has_no_percentage(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(2, WEEK_BEFORE)
    brand.leads(1)
    assert "Leads     1 (2 a week before)" in lines(brand.digest())


def test_a_program_that_is_younger_than_a_week_is_not_compared(brand):
    brand.leads(3, YESTERDAY - timedelta(days=2))
    brand.leads(2)
    told = brand.digest()
    assert "Leads     2" in lines(told)
    assert "Its first lead came on 10 Mar 2026: there is no week to compare with yet." in words(told)
    assert told.data["programs"][0]["before"] is None


def test_the_day_is_that_of_the_programs_time_zone(made):
    brand = made(f"timezone: America/Los_Angeles{RULES}")
    brand.leads(1, datetime(2026, 3, 13, 6, tzinfo=UTC))
    brand.leads(1, datetime(2026, 3, 12, 6, tzinfo=UTC))
    assert brand.digest().data["programs"][0] | {"day": "2026-03-12", "leads": 1} == brand.digest().data["programs"][0]


def test_nothing_came_is_told_plainly(brand):
    brand.leads(12, WEEK_BEFORE)
    brand.leads(1, LONG_AGO)
    assert "No lead came yesterday; a week before, 12." in lines(brand.digest())
    assert "No lead came yesterday; a week before, 12." in brand.digest().html


def test_nothing_came_twice_is_told_too(brand):
    brand.leads(1, LONG_AGO)
    assert "No lead came yesterday, nor a week before." in lines(brand.digest())


def test_nothing_came_where_the_week_before_is_not_known(brand):
    brand.leads(1, YESTERDAY - timedelta(days=2))
    assert "No lead came yesterday." in lines(brand.digest())


def test_a_program_that_never_had_a_lead_says_so(brand):
    assert "No lead has come yet." in lines(brand.digest())


def test_without_any_program_there_is_a_summary(made):
    message = made({}).digest()
    assert message.subject == "Datapost: no lead yesterday"
    assert "There is no program, so that no lead can come." in lines(message)
    assert message.data == {"new": [], "over": [], "programs": [], "deliveries": []}


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("ends: 2026-03-11", "No lead came yesterday. The campaign ended on 11 Mar 2026."),
        ("starts: 2026-03-14", "No lead came yesterday. The campaign begins on 14 Mar 2026."),
    ],
)
def test_a_campaign_that_does_not_run_is_told(made, keys, sentence):
    brand = made(f"{keys}{RULES}")
    brand.leads(12, WEEK_BEFORE)
    brand.leads(1, LONG_AGO)
    assert sentence in lines(brand.digest())


def test_a_day_on_which_none_is_taken_is_told(made):
    brand = made(RULES.replace("rules:", "rules:\n  - {id: open, closed: [2026-03-12]}"))
    brand.leads(12, WEEK_BEFORE)
    assert "No lead came yesterday. It was a day on which none is taken." in lines(brand.digest())


def test_a_week_before_on_which_none_was_taken_is_told_and_no_partner_is_new_by_it(made):
    brand = made(RULES.replace("rules:", "rules:\n  - {id: open, closed: [2026-03-05]}"))
    brand.leads(1, LONG_AGO)
    brand.leads(12)
    assert "A week before was a day on which none is taken." in lines(brand.digest())
    assert "Partners that changed" not in brand.digest().text


def test_a_program_that_was_retired_since_is_told_with_what_came_before(made, tmp_path):
    brand = made({"default": DOLLARS, "solar": f"timezone: Asia/Tokyo{RULES}", "loans": RULES})
    brand.leads(3, program="loans")
    brand.leads(2, program="solar")
    while database.transact(lambda: daily.roll_up(list(brand.programs.values()))):
        pass
    for name in ("loans", "solar"):
        (tmp_path / "rules" / f"{name}.yaml").unlink()
    brand.app.extensions["datapost"].rulebook.refresh()
    message = brand.digest()
    assert "loans takes no more leads; 3 leads came yesterday, 3 accepted, 30.00 to pay." in lines(message)
    assert "loans takes no more leads" in message.html
    assert "solar" not in message.text  # its days are others


def test_leads_that_are_still_being_counted_are_told(brand, monkeypatch):
    brand.leads(3)
    monkeypatch.setattr(figures, "COUNTED_LIVE", 2)
    message = brand.digest()
    assert message.subject == "Datapost: yesterday is still being counted"
    assert "Yesterday is still being counted: 0 leads so far." in lines(message)
    assert message.data["programs"][0]["counted"] is False


def test_a_week_before_that_is_still_being_counted_is_told(brand, monkeypatch):
    brand.leads(1, LONG_AGO)
    brand.leads(5, WEEK_BEFORE)
    brand.leads(2)
    monkeypatch.setattr(figures, "COUNTED_LIVE", 3)
    assert "The day a week before is still being counted." in lines(brand.digest())


def test_several_programs_are_added_up_and_told_one_by_one(made):
    brand = made({"default": DOLLARS, "solar": EUROS})
    brand.leads(3)
    brand.leads(2, program="solar")
    message = brand.digest()
    assert message.subject == "Datapost: 5 leads yesterday, 5 accepted, 20.00 EUR + 30.00 USD"
    assert "To pay    20.00 EUR + 30.00 USD" in lines(message)
    assert "HOME LOANS" in lines(message) and "SOLAR ROOFS" in lines(message)
    assert "2 leads, 2 accepted, 20.00 EUR to pay." in lines(message)


def test_an_amount_without_a_currency_beside_one_with_it_stays_told_apart(made):
    brand = made({"default": DOLLARS, "solar": RULES})
    brand.leads(3)
    brand.leads(2, program="solar")
    message = brand.digest()
    assert "To pay    20.00 + 30.00 USD" in lines(message) and "20.00 + 30.00&nbsp;USD" in message.html


def test_the_only_currency_stands_beside_the_name_of_the_figure_on_a_phone(brand):
    brand.leads(3)
    assert ">To pay, USD<" in brand.digest().html and ">30.00<" in brand.digest().html


def test_programs_whose_yesterdays_differ_each_say_their_day(made):
    brand = made({"default": DOLLARS, "solar": f"timezone: Pacific/Auckland{RULES}"})
    told = lines(brand.digest(now=datetime(2026, 3, 13, 18, tzinfo=UTC)))
    assert told[0] == "Yesterday"
    assert "Thursday, 12 March 2026" in told and "Friday, 13 March 2026" in told


def test_amounts_of_no_currency_stand_alone(made):
    brand = made(RULES)
    brand.leads(1)
    assert brand.digest().subject == "Datapost: 1 lead yesterday, 1 accepted, 10.00"


def test_tests_are_told_apart_with_what_they_cost(brand):
    brand.leads(2, is_test="true")
    assert "2 tests came beside these, all accepted, worth 20.00 USD: impact.com pays" in words(brand.digest())


@pytest.mark.parametrize(
    ("valid", "invalid", "sentence"),
    [
        (1, 0, "1 test came beside these, and was accepted, worth 10.00 USD"),
        (0, 1, "1 test came beside these, and was not accepted."),
        (0, 2, "2 tests came beside these, and none was accepted."),
        (1, 1, "2 tests came beside these, 1 of them accepted, worth 10.00 USD"),
    ],
)
def test_tests_are_counted_in_the_right_grammar(brand, valid, invalid, sentence):
    brand.leads(valid, is_test="true")
    brand.leads(invalid, is_test="true", years="9")
    assert sentence in words(brand.digest())


def test_it_is_the_same_when_the_leads_are_deleted_once_counted(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(5, WEEK_BEFORE)
    brand.leads(3)
    before = brand.digest().text
    while database.transact(lambda: daily.roll_up(list(brand.programs.values()))):
        pass
    database.transact(lambda: models.Lead.delete().execute())
    assert brand.digest().text == before
