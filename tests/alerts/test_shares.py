"""A partner whose share of valid leads has sharply fallen or risen is told; what chance or a weekend does is not."""

from datetime import UTC, datetime, timedelta
from math import comb

import pytest

import database
from alerts import shares
from alerts.concern import NOBODY
from leads.counts import OTHERS
from leads.daily import id_at, midnight, today
from models import Day

OLD, NEW = "a" * 64, "b" * 64


def count(shop, ago, rules=OLD, tests=0, **leads):
    """Have a day have so many valid leads and all of each partner: `bright=(8, 10)`."""
    day = today(shop.program, datetime.now(UTC)) - timedelta(days=ago)
    starts, ends = (midnight(shop.program, day + timedelta(days=more)) for more in (0, 1))
    counts = {
        "" if partner == "nobody" else OTHERS if partner == "others" else partner: {
            "valid": [valid, valid * 1000],
            "refused": [all_ - valid, 0],
            "test": [tests, 0],
        }
        for partner, (valid, all_) in leads.items()
    }
    row = {"program": "default", "day": day.isoformat(), "starts": starts, "ends": ends, "counted_to": id_at(ends)}
    row |= {"closed": True, "counts": counts, "fields": {}, "rules": {rules: 1}}
    database.transact(lambda: Day.insert(row).execute())


def two_weeks(shop, **leads):
    for ago in range(2, 16):
        count(shop, ago, **leads)


def told(shop):
    return shop.concerns("share_fell", "share_rose")


def test_a_share_that_fell_to_less_than_half_is_grave(shop):
    two_weeks(shop, bright=(8, 10))
    count(shop, 1, bright=(3, 20))
    count(shop, 0, bright=(2, 10))
    (one,) = told(shop)
    assert (one.kind, one.program, one.subject, one.grave) == ("share_fell", "default", "bright", True)
    assert one.sentence == (
        "Home loans: of 30 leads of bright since yesterday, 5 are valid (17%); in the two weeks before, 80% were."
    )
    assert one.advice.startswith("Look why they are refused") and "rules of this program" not in one.advice
    with shop.app.test_request_context():
        page = one.href
    assert page == "/dashboard/partner?partner=bright&program=default&days=yesterday"
    assert "20" in shop.operator.words(page)


def test_a_share_that_fell_by_less_than_half_is_told_and_not_grave(shop):
    two_weeks(shop, bright=(9, 10))
    count(shop, 1, bright=(30, 60))
    (one,) = told(shop)
    assert one.kind == "share_fell" and not one.grave


def test_a_share_that_rose_is_told_and_not_grave(shop):
    two_weeks(shop, bright=(4, 10))
    count(shop, 1, bright=(38, 40))
    (one,) = told(shop)
    assert one.kind == "share_rose" and not one.grave and "38 are valid (95%)" in one.sentence


def test_rules_that_changed_in_these_days_are_named_as_what_it_may_be(shop):
    two_weeks(shop, bright=(8, 10))
    count(shop, 1, rules=NEW, bright=(5, 40))
    (one,) = told(shop)
    assert one.advice.endswith("The rules of this program changed in these two days.")


def test_leads_that_name_no_partner_are_one(shop):
    two_weeks(shop, nobody=(8, 10))
    count(shop, 1, nobody=(1, 40))
    (one,) = told(shop)
    assert f"leads of {NOBODY} since yesterday, 1 is valid" in one.sentence and one.subject == ""


def test_partners_that_are_counted_together_are_none(shop):
    two_weeks(shop, others=(8, 10))
    count(shop, 1, others=(1, 40))
    assert told(shop) == []


def test_tests_are_in_no_share(shop):
    two_weeks(shop, bright=(8, 10))
    count(shop, 1, tests=400, bright=(16, 20))
    assert told(shop) == []


@pytest.mark.parametrize(
    ("before", "recent"),
    [
        ((8, 10), (26, 40)),  # 15 points
        ((8, 10), (5, 19)),  # too few now
        ((2, 3), (2, 40)),  # too few before
        ((5, 10), (5, 20)),  # 25 points, which chance does once in some twenty times
        ((10, 10), (17, 20)),
    ],
)
def test_what_is_little_or_may_be_chance_is_not_told(shop, before, recent):
    two_weeks(shop, bright=before)
    count(shop, 1, bright=recent)
    assert told(shop) == []


def test_what_is_so_at_each_weekend_is_not_told(shop):
    for ago in range(2, 16):
        count(shop, ago, bright=(2, 10) if ago in (7, 8, 14, 15) else (9, 10))
    count(shop, 1, bright=(8, 40))
    count(shop, 0, bright=(8, 40))
    assert told(shop) == []


def test_what_varies_from_day_to_day_is_not_told(shop):
    for ago in range(2, 16):
        count(shop, ago, bright=(6, 30) if ago % 3 == 0 else (27, 30))
    count(shop, 1, bright=(8, 40))
    assert told(shop) == []


@pytest.mark.parametrize(("days", "tells"), [(1, True), (5, True), (6, False)])
def test_what_stays_is_told_for_some_days_and_is_then_what_is_usual(shop, days, tells):
    for ago in range(16):
        count(shop, ago, bright=(4, 20) if ago < days else (18, 20))
    assert bool(told(shop)) == tells


def test_who_is_new_is_compared_with_nothing(shop):
    for ago in (2, 3, 4):
        count(shop, ago, bright=(40, 50))
    count(shop, 1, bright=(5, 50))
    assert told(shop) == []


def test_of_many_at_once_the_largest_are_named_and_the_others_together(shop):
    names = [f"p{number}" for number in range(9)]
    two_weeks(shop, **{name: (8 + number, 10 + number) for number, name in enumerate(names)})
    count(shop, 1, **dict.fromkeys(names, (1, 40)))
    found = told(shop)
    assert {one.subject for one in found} == {"p8", "p7", "p6", "p5", "p4", OTHERS}
    (rest,) = [one for one in found if one.subject == OTHERS]
    assert rest.grave and rest.sentence.startswith("Home loans: of 4 partners more, too, far fewer of the leads")


def test_what_is_no_chance_by_its_errors_is_none_by_fisher_s_exact_test():
    for leads, before in ((20, 50), (20, 700), (30, 60), (40, 100)):
        for valid_before in range(0, before + 1, max(before // 50, 1)):
            for valid in range(leads + 1):
                fell = valid / leads <= valid_before / before - shares.LARGE
                if fell and shares._errors(valid, leads, valid_before, before) > shares.ERRORS:
                    assert fisher(valid, leads, valid_before, before) < 1 / 5000, (valid, leads, valid_before, before)


def fisher(valid, leads, valid_before, before):
    """Return how likely it is that as few of the leads are valid, or fewer, if chance takes them from both."""
    all_valid = valid + valid_before
    ways = sum(comb(leads, some) * comb(before, all_valid - some) for some in range(valid + 1) if all_valid >= some)
    return ways / comb(leads + before, all_valid)
