"""The programs: their leads of today and of thirty days, the last lead, and warnings by name."""

from datetime import UTC, datetime, timedelta

import pytest
from brand import OPERATORS, RULES, SOLAR, Operator, id_of, record
from cast import Partner
from lxml import html

import database
from web.service import rulebook

# It has no examples, which is warned of.
ODD = RULES.replace("Home loans", "Odd loans")


@pytest.fixture
def house(make_app, database_url):
    ends = datetime.now(UTC).date() + timedelta(days=3)
    rules = {"default": RULES, "solar": f"{ODD}ends: {ends}\n"}
    house = Partner(make_app(rules, operators=OPERATORS, database_url=database_url))
    database.migrate()
    house.operator, house.sun = Operator(house.app), Operator(house.app, SOLAR)
    return house


def cards(response):
    assert response.status_code == 200
    found = html.fromstring(response.text).xpath("//ul[@class='cards']/li")
    return {card[0].text_content(): " ".join(card.text_content().split()) for card in found}


def test_each_program_has_its_leads_of_today_and_of_thirty_days_and_the_last_one(house):
    with house.app.app_context():
        program = rulebook().programs["default"]
    for days in (1, 29, 31):
        record(program, datetime.now(UTC) - timedelta(days=days), email=f"a{days}@example.com")
    last = id_of(house.lead(email="ann@example.com"))
    response = house.operator.get("/dashboard/programs")
    card = cards(response)["Home loans"]
    assert "Leads today 1 In 30 days 3 The last one" in card and "UTC" in card
    assert f"/dashboard/leads/{last}" in response.text
    assert "Leads today 0 In 30 days 0 The last one none has come" in cards(response)["Odd loans"]


def test_warnings_are_told_by_name_and_only_to_whom_the_program_is_for(house):
    card = cards(house.operator.get("/dashboard/programs"))["Odd loans"]
    assert "Odd loans: the campaign ends on" in card and "change ends: in the rule file." in card
    assert "about its text:" in card and "Line " in card
    assert list(cards(house.sun.get("/dashboard/programs"))) == ["Odd loans"]
