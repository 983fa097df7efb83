"""What an owner is told of impact.com: what does not fit, that it was not asked, and reversals that are urgent."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from brand import SOLAR, Operator
from cast import scans, statements
from converting import ACCOUNT, NOW, PLAIN, RULES, SUNNY, action, finding, lead, reconciled, reversal

import database
from alerts import conversions
from alerts.digest import of_day
from alerts.sources import Scope, everything, standing
from impact.findings import GRAVE, KINDS

OURS = "impact_differs", "impact_unasked", "reversals_due", "reversals_failed"


@pytest.fixture
def shop(make_shop, database_url):
    made = make_shop({"default": RULES, "solar": SUNNY}, database_url=database_url)
    database.migrate()
    return made


@pytest.fixture
def asking(make_shop):
    return make_shop(RULES, **ACCOUNT)


def test_each_kind_of_finding_has_its_words():
    assert conversions.WORDS.keys() == set(KINDS)


def test_what_does_not_fit_is_told_once_for_each_program_and_kind_with_number_and_money(shop):
    for number in range(3):
        finding(lead(number))
    finding(lead(4), "reversed_elsewhere", amount=Decimal("0.10"), found="REVERSED")
    finding(lead(5, "solar"), program="solar", currency="EUR")
    told = {(one.program, one.subject): one for one in shop.concerns("impact_differs")}
    assert told["default", "no_conversion"].sentence == (
        "Home loans at impact.com: 3 leads were answered valid and have no conversion, 30.00 USD."
    )
    assert told["default", "reversed_elsewhere"].sentence == (
        "Home loans at impact.com: 1 conversion was reversed there, and not from here, 0.10 USD."
    )
    assert told["solar", "no_conversion"].sentence.endswith(
        "1 lead was answered valid and has no conversion, 10.00 EUR."
    )
    assert len(told) == 3


def test_currencies_are_told_side_by_side(shop):
    finding(lead(1), "unknown_here")
    finding(lead(2), "unknown_here", currency="EUR")
    finding(lead(3), "unknown_here", currency="", amount=None)
    (one,) = shop.concerns("impact_differs")
    assert one.sentence.endswith("3 conversions are of no leads that are known here, 10.00 EUR + 10.00 USD.")


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_grave_where_the_finding_is(shop, kind):
    finding(lead(1), kind)
    (one,) = shop.concerns("impact_differs")
    assert one.grave == (kind in GRAVE)


def test_what_was_seen_or_is_gone_is_told_no_more(shop):
    finding(lead(1), seen_at=NOW, seen_by="owner")
    finding(lead(2), gone_at=NOW)
    assert shop.concerns("impact_differs") == []


def test_a_link_leads_to_these_findings(shop):
    finding(lead(1))
    (one,) = shop.concerns("impact_differs")
    with shop.app.test_request_context():
        assert one.href == "/dashboard/impact?of=default&kind=no_conversion#findings"
        place = one.href
    assert shop.operator.get(place).status_code == 200


def test_who_is_limited_to_a_program_is_told_of_that_alone(make_shop):
    shop = make_shop({"default": RULES, "solar": SUNNY}, **ACCOUNT)
    for number, program in enumerate(("default", "solar")):
        one = lead(number, program)
        finding(one, program=program)
        reversal(lead(number + 5, program), "failed", program)
        reversal(lead(number + 7, program), "proposed", program, locking_at=NOW + timedelta(days=1))
    shop.operator = Operator(shop.app, SOLAR)
    told = shop.operator.words("/dashboard")
    assert "Sunny roofs at impact.com" in told and "Home loans" not in told
    with database.read(), shop.app.app_context():
        book = shop.book
        scope = Scope({"solar": book.programs["solar"]}, book, NOW, lambda name: name == "solar")
        assert {one.program for one in standing(scope) if one.kind in OURS} == {"solar"}


# --- That it was not asked ---


def test_without_an_account_nobody_is_told_that_it_was_not_asked(shop):
    lead(1)
    assert shop.concerns("impact_unasked") == []


def test_where_no_program_is_there_nobody_is_told_either(make_shop):
    assert make_shop(PLAIN, **ACCOUNT).concerns("impact_unasked") == []


def test_one_that_was_read_within_thirteen_hours_is_fine(asking):
    reconciled(at=NOW - timedelta(hours=12))
    assert asking.concerns("impact_unasked") == []


def test_one_that_was_read_longer_ago_is_grave(asking):
    reconciled(at=NOW - timedelta(hours=20))
    (one,) = asking.concerns("impact_unasked")
    assert one.grave and one.sentence == "What is at impact.com of Home loans was read 20 hours ago."


def test_one_whose_last_attempt_failed_is_told_with_why_and_grave_only_after_a_while(asking):
    reconciled(at=NOW - timedelta(hours=2), error="impact.com answered 403: the scope is missing.")
    (one,) = asking.concerns("impact_unasked")
    assert not one.grave and one.sentence == (
        "What is at impact.com of Home loans was read 2 hours ago. "
        "The last attempt failed: impact.com answered 403: the scope is missing."
    )


def test_one_that_was_never_read_is_told(asking):
    (one,) = asking.concerns("impact_unasked")
    assert not one.grave and one.sentence == "What is at impact.com of Home loans was never read."


# --- Reversals ---


def test_reversals_that_lock_within_three_days_are_grave_with_how_many_and_how_much(shop):
    for number, days in enumerate((1, 2, 4)):
        reversal(lead(number), locking_at=NOW + timedelta(days=days))
    (one,) = shop.concerns("reversals_due")
    first = NOW + timedelta(days=1)
    assert one.grave and one.sentence == (
        f"Home loans: 2 leads, 20.00 USD, can be reversed for less than three days, the first until "
        f"{first:%d %b %Y, %H:%M:%S} UTC."
    )
    assert one.advice.startswith("Approve them")


def test_what_is_approved_and_not_sent_says_so(shop):
    reversal(lead(1), "approved", locking_at=NOW + timedelta(days=1))
    (one,) = shop.concerns("reversals_due")
    assert one.advice.startswith("They are approved, and not sent yet") and one.values["state"] == "progress"


@pytest.mark.parametrize("state", ["queued", "done", "failed", "restored"])
def test_what_was_sent_needs_nobody_before_its_lock(shop, state):
    reversal(lead(1), state, locking_at=NOW + timedelta(days=1))
    assert shop.concerns("reversals_due") == []


def test_reversals_that_failed_in_the_last_week_are_grave_and_why_is_told_if_it_is_the_same(shop):
    for number in range(2):
        reversal(
            lead(number), "failed", submitted_at=NOW - timedelta(days=2), error="impact.com refused it. Look there"
        )
    (one,) = shop.concerns("reversals_failed")
    assert one.grave
    assert one.sentence == "Home loans: 2 leads, 20.00 USD, could not be reversed: impact.com refused it. Look there."
    reversal(lead(3), "failed", submitted_at=NOW, error="another one")
    (one,) = shop.concerns("reversals_failed")
    assert one.sentence == "Home loans: 3 leads, 30.00 USD, could not be reversed."


def test_those_that_were_too_late_are_told_beside_them_and_are_not_grave(shop):
    reversal(lead(1), "failed", submitted_at=NOW)
    reversal(lead(2), "too_late", locking_at=NOW - timedelta(days=1))
    told = {one.subject: one for one in shop.concerns("reversals_failed")}
    assert told["failed"].grave and not told["too_late"].grave
    assert told["too_late"].sentence == "Home loans: 1 lead, 10.00 USD, was not reversed in time."


def test_after_a_week_they_are_no_news(shop):
    reversal(lead(1), "failed", submitted_at=NOW - timedelta(days=8), proposed_at=NOW - timedelta(days=9))
    reversal(lead(2), "too_late", locking_at=NOW - timedelta(days=8))
    assert shop.concerns("reversals_failed") == []


def test_no_partner_is_named(shop):
    finding(lead(1, partner="bright canary"), "partner_differs", found="another canary")
    reversal(lead(2), "failed", partner="bright canary")
    reversal(lead(3), partner="bright canary", locking_at=NOW + timedelta(days=1))
    told = shop.concerns(*OURS)
    assert len(told) == 3 and not [one for one in told if "canary" in str(one)]


def test_strict_health_counts_what_is_grave(shop):
    finding(lead(1), "rejected_here")
    assert shop.http.get("/health?strict=1").json["grave_warnings"] == 1


def test_what_is_open_is_found_by_indexes(shop):
    for number in range(5):
        finding(lead(number))
        reversal(lead(number + 10), "failed")
    with statements() as seen:
        shop.concerns(*OURS)
    with database.read():
        ours = [(sql, params) for sql, params in seen if any(f'"{name}"' in sql for name in ("finding", "reversal"))]
        assert ours and [line for sql, params in ours for line in scans(sql, params)] == []


def test_any_number_of_reversals_that_lock_soon_is_added_up(shop):
    ids = [lead(number) for number in range(3)]
    for one, locks in zip(ids, (NOW + timedelta(days=1), NOW + timedelta(days=2), None), strict=True):
        reversal(one, locking_at=locks)
    with statements() as seen:
        (told,) = shop.concerns("reversals_due")
    assert "2 leads, 20.00 USD, can be reversed" in told.sentence
    assert not [params for _, params in seen if ids[0] in (params or ())]  # no list of ids, which a database limits


# --- The summary of a day ---


def text_of(shop, day):
    with shop.app.app_context():
        now = datetime.combine(day + timedelta(days=1), datetime.min.time(), NOW.tzinfo) + timedelta(hours=8)
        return of_day(list(shop.book.programs.values()), now, [], "")


def test_the_summary_says_what_impact_com_made_of_the_leads_of_the_day(shop):
    day = date(2026, 3, 3)
    at = datetime(2026, 3, 3, 12, tzinfo=NOW.tzinfo)
    ids = [lead(number, at=at) for number in range(3)]
    for one, state in zip(ids, ["PENDING", "REVERSED"], strict=False):
        action(one, state=state)
    finding(ids[2])
    message = text_of(shop, day)
    told = "impact.com: 2 recorded, 20.00 USD; 1 reversed, 10.00 USD; 1 thing does not fit."
    assert message.text.count(told) == 1 and told in message.html and message.text.count("impact.com:") == 1


def test_a_summary_says_nothing_of_what_an_operator_has_seen(shop):
    finding(lead(1), seen_at=NOW, seen_by="owner")
    assert "impact.com" not in str(text_of(shop, date(2026, 3, 3)))


def test_a_summary_of_programs_of_which_nothing_is_known_there_says_nothing_of_it(shop):
    lead(1, at=datetime(2026, 3, 3, 12, tzinfo=NOW.tzinfo))
    assert "impact.com:" not in text_of(shop, date(2026, 3, 3)).text


def test_all_of_it_is_looked_for_with_the_others(shop):
    finding(lead(1))
    with database.read(), shop.app.app_context():
        assert [one.kind for one in standing(everything())] == ["impact_differs"]
