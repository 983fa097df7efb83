"""What partners are told of ranges, and of days that hang on today: in words, as a pattern, and by values to show."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cast import program
from jsonschema import Draft202012Validator

from judge.judgement import judge
from partners import openapi
from partners.contract import prove
from partners.instructions import instructions
from partners.samples import field_examples, freshened
from partners.simulator import body_of

RULES = """
timezone: Pacific/Kiritimati
fields:
  email: {type: email}
  credit: {type: range, required: true, min: 300, max: 850, sensitive: true}
  move_in: {type: date, formats: [M/D/YYYY], min: today, required: true}
  called: {type: datetime, formats: ['MMMM D, YYYY h:mm A', epoch], min: today, max: today, required: true}
  born: {type: date, max: today}
  worth: {type: money}
rules:
  - {id: poor, require: low(credit) >= 580}
  - {id: same, unique: [credit]}
"""
URL = "https://leads.example.com/leads/solar"


@pytest.fixture(scope="module")
def made():
    return program(RULES)


@pytest.fixture(scope="module")
def doc(made):
    return instructions(made, URL)


@pytest.fixture(scope="module")
def properties(made, doc):
    return openapi.describe(made, doc)["components"]["schemas"]["Lead"]["properties"]


def said(doc, name):
    (field,) = [field for field in doc.fields if field.name == name]
    return [takes.words for takes in field.takes]


def test_the_instructions_say_what_a_range_is_and_when_today_counts(doc):
    ranges = "a range, such as 600-649, 500000 or more, or under 580; or one number"
    assert said(doc, "credit") == [ranges, "at least 300", "at most 850"]
    assert said(doc, "move_in") == ["a date as M/D/YYYY", "not before today"]
    assert said(doc, "called")[1:] == ["not before today", "not after today"]
    assert said(doc, "born")[1:] == ["not after today"]
    (poor,) = [rule for rule in doc.rules if rule.id == "poor"]
    assert (poor.said.words, poor.said.code) == ("A lead is accepted only if", "low(credit) >= 580")
    notes = {reason.code: reason.note for reason in doc.reasons}
    assert notes["move_in.too_small"] == "The move in is before today"
    assert notes["born.too_large"] == "The born is after today"


def test_the_openapi_document_says_it_in_words_and_has_a_pattern(properties):
    assert "not after today" in properties["born"]["description"]
    assert "minimum" not in properties["move_in"]
    credit = properties["credit"]
    assert (credit["type"], credit["minimum"], credit["maximum"]) == (["number", "string"], 300, 850)


@pytest.mark.parametrize(
    "text",
    ["600-649", "600 – 649", "$1,000 to $10,000", "500000 or more", "10+", "over 500", "between 1K and 2K", "under 580",
     "1.234,50 EUR - 2.000,00 EUR", "500000-", "-580", "1e3", "1e3 to 2e3", "20%", "No Less Than USD 5"],
)  # fmt: skip
def test_the_pattern_takes_what_is_taken(properties, text):
    assert program("fields: {a: {type: range}}").fields["a"].value(text)
    Draft202012Validator(properties["credit"]).validate(text)


@pytest.mark.parametrize("text", ["good", "", "-", "600-649-700", "1-2-3-4"])
def test_the_pattern_refuses_what_is_no_range(properties, text):
    assert not Draft202012Validator(properties["credit"]).is_valid(text)


def test_the_pattern_of_money_has_no_percentage(properties):
    worth = Draft202012Validator(properties["worth"])
    assert worth.is_valid("$1,234.50") and not worth.is_valid("20%")


def test_the_lead_that_is_shown_is_taken_today(made, doc):
    examples, now = field_examples(made), datetime.now(ZoneInfo("Pacific/Kiritimati"))
    assert examples["credit"] == "600-649"
    assert examples["move_in"] in {f"{day.month}/{day.day}/{day.year}" for day in (now, now - timedelta(minutes=5))}
    assert doc.accepted and doc.accepted[0].lead["called"]
    assert judge(made, {name: [text] for name, text in examples.items() if text}, datetime.now(UTC)).valid


def test_a_lead_that_is_tried_again_has_another_range(made):
    lead = field_examples(made)
    (fresh,) = freshened(made, [lead], datetime.now(UTC))
    assert fresh["credit"] != lead["credit"]
    assert body_of(fresh, "xml") and body_of(fresh, "json")


def test_no_note_of_it_can_be_misread(made):
    count, mistakes = prove(made)
    assert count > 100 and mistakes == []
