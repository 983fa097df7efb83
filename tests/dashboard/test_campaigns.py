"""What operators see of a campaign: its end, its caps of all time, and why its leads are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from brand import OPERATORS, RULES, Operator, id_of
from cast import Partner
from lxml import html

CAPPED = RULES.replace("{id: duplicate, unique: [email]}", "{id: cap, limit: {Bright: 2}, per: total, by: [irpid]}")


@pytest.fixture
def brand(make_app):
    """Make a service of these rules, with its partner and its operator."""

    def make(rules):
        partner = Partner(make_app({"default": rules}, operators=OPERATORS))
        partner.operator = Operator(partner.app)
        return partner

    return make


def campaign(**days):
    """Return the rules of a campaign that starts or ends so many days from today."""
    today = datetime.now(UTC).date()
    return "".join(f"{key}: {today + timedelta(days=count)}\n" for key, count in days.items()) + RULES


def notices(shop):
    page = html.fromstring(shop.operator.get("/dashboard").text)
    return [" ".join(" ".join(div.itertext()).split()) for div in page.xpath("//div[@role='note']")]


@pytest.mark.parametrize(("days", "word"), [(7, "ends"), (0, "ends"), (-1, "ended"), (-7, "ended")])
def test_an_end_that_is_near_or_just_over_is_told(brand, days, word):
    (notice,) = notices(brand(campaign(ends=days)))
    assert f"Home loans: the campaign {word} on " in notice
    assert "After that day every lead is refused. Pause it at impact.com too, or change ends:" in notice


@pytest.mark.parametrize("days", [8, 400, -8, -400])
def test_an_end_that_is_far_away_is_no_news(brand, days):
    assert notices(brand(campaign(ends=days))) == []


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        ({"starts": 2}, "It starts on {}: until then every lead is refused."),
        ({"ends": -2}, "It ended on {}: every lead is refused."),
        ({"ends": 2}, "It ends on {}."),
    ],
)
def test_the_pages_of_a_program_tell_its_days(brand, days, sentence):
    shop = brand(campaign(**days))
    told = sentence.format(datetime.now(UTC).date() + timedelta(days=next(iter(days.values()))))
    assert told in shop.operator.words("/dashboard/programs")
    assert told in shop.operator.words("/dashboard/programs/default")


def test_a_program_without_days_tells_none(brand):
    words = brand(RULES).operator.words("/dashboard/programs")
    assert not [start for start in ("It starts", "It ends", "It ended") if start in words]


def test_a_lead_that_comes_after_the_end_is_explained(brand):
    shop = brand(campaign(ends=-30))
    answer = shop.lead(email="ann@example.com")
    assert (answer["valid"], answer["note"]) == ("false", "This campaign has ended")
    words = shop.operator.words(f"/dashboard/leads/{id_of(answer)}")
    assert "Days of the campaign Refused: This campaign has ended." in words
    assert "This campaign has ended" in shop.operator.words("/dashboard")


def test_a_cap_of_all_time_is_told_when_it_is_reached(brand):
    shop = brand(CAPPED)
    for number in range(2):
        assert shop.lead(email=f"ann{number}@example.com", irpid="Bright")["valid"] == "true"
    assert shop.lead(email="bob@example.com", irpid="other")["valid"] == "true"
    assert shop.lead(email="cid@example.com", irpid="bright")["note"] == "The limit of leads is reached"
    (notice,) = notices(shop)
    assert "“cap” is reached for 1 group: 2 of 2 leads in total." in notice
    assert "Further leads are refused until the rule file allows for more. So far for bright." in notice


def test_a_computed_amount_is_answered_and_shown(brand):
    shop = brand(RULES.replace("sale_amount: 10.00", "sale_amount: {amount: years * 0.125, at_most: 9.50}"))
    answers = [shop.lead(email=f"ann{years}@example.com", years=years) for years in (21, 70, 80)]
    assert [answer["sale_amount"] for answer in answers] == ["2.63", "8.75", "9.50"]
    assert "Amount number 1 of the rule file fits: 2.63." in shop.operator.words(
        f"/dashboard/leads/{id_of(answers[0])}"
    )
