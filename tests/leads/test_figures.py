"""The figures: right at any time, counted or live, and the same after the leads are gone."""

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Event

import pytest
from cast import NEVER, scans, statements
from counted import NOW, PROGRAM, RULES, collect, count_all, program, submit
from hypothesis import given
from hypothesis import strategies as st

import database
import models
from alerts import arrivals as usual
from alerts.caps import limits
from judge.judgement import unreadable
from leads import counts as tally
from leads import daily, figures
from leads.sums import Sums
from models import Submission


def rows():
    with database.read():
        return {row.day: row for row in daily.Day.select()}


@pytest.fixture
def month(ledger):
    """Leads of two partners in the last days, tests among them."""
    for back in range(6):
        at = NOW - timedelta(days=back)
        submit(at)
        submit(at, years=17, partner="8")
        submit(at, years=95, partner="8")
        submit(at, email="", years=3)
        submit(at, is_test="yes")
        submit(at, is_test="yes", years=3)
    return ledger


def plain(amount):
    """Return a sum of a program that names no currency."""
    return Sums({"": Decimal(amount)})


EXPECTED = figures.Totals(12, 6, 6, plain("75.00"), plain("75.00"), 6, 3, plain("37.50"))


@pytest.mark.parametrize("counted_at", [None, NOW - timedelta(days=1), NOW, NOW + timedelta(minutes=10)])
def test_the_figures_are_the_same_whether_days_are_counted_or_not(month, counted_at):
    submit(NOW - timedelta(days=30))
    if counted_at:
        count_all(counted_at)
    found = collect(3)
    assert found.totals == found.before == EXPECTED
    assert [(day.day, day.submissions, day.valid, day.refused, day.amount) for day in found.by_day] == [
        (date(2026, 3, 18 + n), 4, 2, 2, plain("25.00")) for n in range(3)
    ]
    assert [(r.program, r.code, r.count, r.share, r.unpaid, r.partners) for r in found.reasons] == [
        ("default", "adult", 3, 0.5, plain("37.50"), [("8", 3)]),
        ("default", "email.required", 3, 0.5, plain("37.50"), [("7", 3)]),
    ]
    assert found.partners == [
        figures.PartnerFigure("7", 6, 3, 0.5, plain("37.50"), [("email.required", 3)], 6, 3, plain("37.50")),
        figures.PartnerFigure("8", 6, 3, 0.5, plain("37.50"), [("adult", 3)]),
    ]
    assert found.observed == [figures.ObservedFigure("default", "old", 3, plain("37.50"), [("8", 3)])]
    assert found.uncounted == 0


def test_figures_stay_when_leads_are_deleted(month):
    before = collect(3)
    count_all(NOW + timedelta(days=2))
    with database.read():
        models.Lead.delete().execute()
    assert collect(3) == before


def test_a_day_is_counted_a_few_leads_at_a_time_and_each_lead_once(month, monkeypatch):
    monkeypatch.setattr(daily, "COUNTED_AT_ONCE", 4)
    before, steps = collect(3), 0
    while database.transact(lambda: daily.roll_up([PROGRAM], NOW)):
        steps += 1
        assert collect(3) == before
    assert steps > 6
    assert not database.transact(lambda: daily.roll_up([PROGRAM], NOW))
    assert [row.closed for _, row in sorted(rows().items())] == [True] * 5 + [False]


def test_the_newest_days_are_counted_first_and_days_without_leads_not_at_all(ledger):
    submit(NOW - timedelta(days=400))
    submit(NOW - timedelta(days=1))
    database.transact(lambda: daily.roll_up([PROGRAM], NOW))
    assert list(rows()) == ["2026-03-19"]
    count_all()
    assert sorted(rows()) == ["2025-02-13", "2026-03-19"]


def test_a_lead_that_came_just_now_is_counted_live_until_it_has_settled(ledger):
    submit(NOW)
    count_all(NOW)
    assert rows() == {} or rows()["2026-03-20"].counts == {}
    assert collect(1).totals.submissions == 1
    count_all(NOW + timedelta(minutes=6))
    assert rows()["2026-03-20"].counts["7"]["valid"] == [1, 1250]
    assert collect(1).totals.submissions == 1


# --- Clocks that are wrong ---


def counted(now=NOW):
    """Count all that has settled, and return how many leads are counted in rows, and how many figures tell."""
    count_all(now)
    cells = [cell for row in rows().values() for _, what, *cell in tally.Counts(row.counts).items() if what == "valid"]
    return sum(count for count, _ in cells), collect(30, now=now).totals.submissions


def test_leads_that_come_after_a_clock_was_set_back_are_counted_once(ledger):
    submit(NOW)
    assert counted(NOW + timedelta(minutes=31)) == (1, 1)
    for minutes in (1, 10, 40):
        submit(NOW + timedelta(minutes=minutes))  # those of 1 and 10 minutes come late
        assert collect(1, now=NOW + timedelta(minutes=40)).totals.submissions <= 2
    assert counted(NOW + timedelta(minutes=31)) == (3, 4)
    assert counted(NOW + timedelta(minutes=50)) == (4, 4)


def test_a_lead_that_comes_late_is_counted_in_a_closed_day_and_in_one_that_had_no_leads(ledger):
    submit(NOW - timedelta(days=5))
    submit(NOW - timedelta(days=1))
    assert counted() == (2, 2)
    for back in (1, 3, 5):
        submit(NOW - timedelta(days=back, minutes=-1))
    assert counted() == (5, 5)
    assert {day: row.counts["7"]["valid"][0] for day, row in rows().items()} == {
        "2026-03-15": 2, "2026-03-17": 1, "2026-03-19": 2,
    }  # fmt: skip
    assert rows()["2026-03-19"].fields["7"]["years"] == 2


def test_after_a_clock_went_forward_and_back_every_lead_is_counted_once(ledger):
    submit(NOW)
    submit(NOW + timedelta(days=2))
    assert counted(NOW + timedelta(days=2, minutes=10)) == (2, 2)
    for number in range(1, 10):
        submit(NOW + timedelta(minutes=2 * number))
        found = counted(NOW + timedelta(minutes=2 * number))
        assert found[0] <= found[1] + 1 == number + 2  # the figures lack the lead of a day to come
    assert counted(NOW + timedelta(days=2, minutes=10)) == (11, 11)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_clocks_do_every_lead_is_counted_once(ledger, seed, monkeypatch):
    monkeypatch.setattr(daily, "COUNTED_AT_ONCE", 3)
    chance = random.Random(seed)
    later = NOW + timedelta(days=9)
    for number in range(1, 31):
        submit(NOW + chance.choice([-1, 1]) * timedelta(minutes=chance.expovariate(1 / 600)))
        now = NOW + timedelta(minutes=chance.uniform(-900, 900))
        database.transact(lambda now=now: daily.roll_up([PROGRAM], now))
        assert collect(30, now=later).totals.submissions <= number
    assert counted(later) == (30, 30)


def test_a_lead_that_is_being_stored_while_its_time_is_counted_is_counted_once(postgresql_ledger, monkeypatch):
    now, transact, stored, go_on = datetime.now(UTC), database.transact, Event(), Event()
    submit(now - timedelta(minutes=40))

    def slowly(work):
        def do():
            done = work()
            stored.set()
            assert go_on.wait(NEVER)
            return done

        return transact(do)

    monkeypatch.setattr(database, "transact", slowly)
    with ThreadPoolExecutor(1) as other_process:
        other_process.submit(submit, now - timedelta(minutes=20))  # by a clock that is behind
        assert stored.wait(NEVER)
        monkeypatch.undo()
        database.transact(lambda: daily.roll_up([PROGRAM]))
        go_on.set()
    assert counted(now) == (2, 2)


def test_what_several_processes_store_late_and_count_is_counted_once(ledger, monkeypatch):
    monkeypatch.setattr(daily, "COUNTED_AT_ONCE", 5)
    submit(NOW)

    def work(number):
        submit(NOW - timedelta(minutes=10 * number % 70))
        database.transact(lambda: daily.roll_up([PROGRAM], NOW))

    with ThreadPoolExecutor(4) as processes:
        list(processes.map(work, range(1, 30)))
    assert counted(NOW + timedelta(minutes=10)) == (30, 30)


def test_days_with_too_many_leads_to_count_now_are_said_to_be_counted(month, monkeypatch):
    monkeypatch.setattr(figures, "COUNTED_LIVE", 13)
    found = collect(6)
    assert found.uncounted == 4  # each day has six leads
    assert found.totals.submissions == 8
    count_all()
    assert (collect(6).uncounted, collect(6).totals.submissions) == (0, 24)


def test_a_day_begins_at_midnight_of_the_programs_time_zone(ledger):
    submit(datetime(2026, 3, 20, 3, 59, tzinfo=UTC))  # 23:59 in New York
    submit(datetime(2026, 3, 20, 4, 1, tzinfo=UTC))
    assert [day.submissions for day in collect(2).by_day] == [1, 1]


def test_when_the_time_zone_changes_no_lead_is_counted_twice_or_left_out(ledger):
    for hour in range(72):
        submit(datetime(2026, 3, 18, 4, 30, tzinfo=UTC) + timedelta(hours=hour))
    count_all(NOW)
    moved = program(rules=RULES.replace("America/New_York", "Asia/Tokyo"))
    later = NOW + timedelta(days=2)
    count_all(later, [moved])
    found = collect(9, moved, now=later)
    assert found.totals.submissions == 72
    assert [day.submissions for day in found.by_day if day.submissions] == [24, 24, 24]


def test_tests_are_counted_by_partner_with_what_impact_com_pays_for_them(ledger):
    submit(NOW, partner="8", is_test="yes")
    submit(NOW, partner="8", is_test="yes", years=3)
    for now in (NOW, NOW + timedelta(minutes=10)):
        count_all(now)
        found = collect(1)
        assert found.totals == figures.Totals(tests=2, valid_tests=1, test_amount=plain("12.50"))
        assert found.partners == [figures.PartnerFigure("8", 0, 0, 0, plain("0.00"), [], 2, 1, plain("12.50"))]


def test_today_is_compared_with_yesterday_up_to_the_same_time(ledger, monkeypatch):
    submit(NOW - timedelta(days=3))
    submit(NOW - timedelta(minutes=1))
    submit(NOW - timedelta(days=1, minutes=1))
    submit(NOW - timedelta(days=1) + timedelta(minutes=1))
    found = collect(1)
    assert (found.totals.submissions, found.before.submissions) == (1, 1)
    count_all(NOW + timedelta(hours=1))
    monkeypatch.setattr(figures, "COMPARED_LIVE", 0)
    found = collect(1, now=NOW)
    assert (found.before, found.uncompared) == (None, figures.TOO_MANY)


def test_several_programs_are_added_up_and_their_reasons_kept_apart(ledger):
    other = program("other")
    submit(NOW, years=3)
    submit(NOW, other, years=3)
    found = collect(1, PROGRAM, other)
    assert found.totals.refused == 2
    assert [(reason.program, reason.code, reason.share) for reason in found.reasons] == [
        ("default", "adult", 0.5), ("other", "adult", 0.5),
    ]  # fmt: skip
    assert [partner.submissions for partner in found.partners] == [2]


def test_of_very_many_partners_the_rest_are_counted_together(ledger, monkeypatch):
    monkeypatch.setattr(tally, "MOST_PARTNERS", 2)
    for number in range(5):
        submit(NOW, partner=str(number))
    found = collect(1)
    assert [figure.submissions for figure in found.partners] == [3, 1, 1]
    assert {figure.partner for figure in found.partners} > {tally.OTHERS}


def test_made_up_partners_do_not_push_one_with_many_leads_among_the_others(ledger, monkeypatch):
    monkeypatch.setattr(tally, "MOST_PARTNERS", 2)
    monkeypatch.setattr(daily, "COUNTED_AT_ONCE", 6)
    for number in range(20):
        submit(NOW - timedelta(hours=2, minutes=-number), partner=f"made-up {number}", extra="x")
    for number in range(20):
        submit(NOW - timedelta(hours=1, minutes=-number), partner="7" if number % 2 else f"other {number}")
    assert ("7", 10) in [(figure.partner, figure.submissions) for figure in collect(1).partners]
    count_all()
    (row,) = rows().values()
    assert len(row.counts) <= 5 and row.counts["7"]["valid"][0] == row.fields["7"]["years"] >= 8
    found = collect(1)
    assert found.totals.submissions == sum(figure.submissions for figure in found.partners) == 40
    assert row.fields.keys() == row.counts.keys()
    assert sum(cells[""] for cells in row.fields.values()) == 40


@given(st.lists(st.lists(st.sampled_from("aaaabbbcdefghijklmnop"), max_size=12), max_size=20), st.integers(1, 3))
def test_who_has_more_than_his_share_of_the_leads_is_by_name_and_the_totals_are_exact(batches, most):
    sent, counts = Counter(), tally.Counts()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tally, "MOST_PARTNERS", most)
        for batch in batches:
            counts = tally.Counts(json.loads(json.dumps(counts.found)))
            for partner in batch:
                counts.add(partner, tally.VALID, 1, 5)
            counts.shorten()
            sent.update(batch)
            found = {partner: (count, cents) for partner, _, count, cents in counts.items()}
            assert sum(count for count, _ in found.values()) == sent.total()
            assert sum(cents for _, cents in found.values()) == 5 * sent.total()
            assert len(found) <= 2 * most + 1
            for partner, count in sent.items():
                named = found.get(partner, (0, 0))[0]
                assert named or count <= sent.total() / most
                assert count - found.get(tally.OTHERS, (0, 0))[0] <= named <= count


def test_without_leads_there_are_figures_of_nothing(ledger):
    found = collect(7)
    assert found.totals == figures.Totals()
    assert len(found.by_day) == 7
    assert collect(1).before == figures.Totals()


def test_a_body_that_could_not_be_read_is_worth_nothing_known(ledger):
    verdict = unreadable(PROGRAM, "The XML is not well-formed")
    assert models.record(Submission("default", "", b"<", "", b"", NOW), verdict).worth is None
    assert submit(NOW, email="").worth == Decimal("12.50")
    assert submit(NOW).worth is None


# --- What is unusual ---


def test_a_field_that_vanished_is_told_by_partner_and_what_may_have_come_instead(ledger):
    for number in range(30):
        submit(NOW - timedelta(days=3, minutes=number), partner="8")
        submit(NOW - timedelta(days=3, minutes=number))
    for number in range(12):
        submit(NOW - timedelta(minutes=number), partner="8", years="", age="40")
        submit(NOW - timedelta(minutes=number))
    count_all(NOW)
    with database.read():
        found = usual.field_use(PROGRAM, NOW)
        assert usual.new_names(PROGRAM, "8", NOW) == ["age"]
        assert usual.new_names(PROGRAM, "7", NOW) == []
    gone = [(use.partner, use.field, use.count, use.leads, use.share_before) for use in found if use.vanished]
    assert gone == [("8", "years", 0, 12, 1.0)]


def arrivals(now):
    with database.read():
        return usual.arrivals(PROGRAM, now)


def test_silence_is_unusual_where_leads_came_at_this_time_in_the_weeks_before(ledger):
    assert arrivals(NOW) == usual.Arrivals(None, None, 0.0, None)
    for week in range(1, 5):
        for number in range(12):
            # By the clock on the wall: the clocks have gone forward meanwhile.
            then = NOW.astimezone(PROGRAM.spec.timezone) - timedelta(weeks=week) + timedelta(minutes=5 * number)
            submit(then.astimezone(UTC))
    submit(NOW)
    found = arrivals(NOW + timedelta(minutes=10))
    assert (found.last, found.silence, found.unusual) == (NOW, timedelta(minutes=10), False)
    assert found.expected == 2
    assert arrivals(NOW + timedelta(minutes=31)).unusual
    assert arrivals(NOW + timedelta(minutes=31)).gap == timedelta(minutes=10)
    assert not arrivals(NOW - timedelta(minutes=1)).unusual


def test_limits_tell_what_is_used_up_of_each_group_that_came_today(ledger):
    submit(NOW - timedelta(days=1), partner="old")
    for partner in ("A", "A", "b", ""):
        submit(NOW, partner=partner)
    with database.read():
        found = limits(PROGRAM, NOW)
    shown = [(limit.rule, limit.kind, limit.per, limit.group, limit.used, limit.limit) for limit in found]
    assert shown == [
        ("daily-cap", "limit", "day", ("a",), 2, 100),
        ("daily-cap", "limit", "day", ("",), 1, 100),
        ("daily-cap", "limit", "day", ("b",), 1, 100),
        ("monthly", "budget", "month", (), Decimal("62.50"), Decimal(5000)),
    ]


def test_counting_and_collecting_read_no_whole_table(month):
    with statements() as seen:
        count_all(NOW)
        collect(30)
        with database.read():
            for question in (usual.field_use, usual.arrivals, limits):
                question(PROGRAM, NOW)
    queries = {sql: params for sql, params in seen if "FROM" in sql}
    assert len(queries) > 10
    with database.read():
        for sql, params in queries.items():
            assert not [line for line in scans(sql, params) if line != "SCAN _wrapped"], sql
