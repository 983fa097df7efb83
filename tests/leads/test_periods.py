"""Periods: whole days of a program's own time zone, compared with as many days before, like with like.

The figures of each are held against an oracle: sums that plain Python makes of the stored leads.
"""

import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from counted import NOW, PROGRAM, RULES, collect, count_all, program, submit

import database
import models
from leads import figures, periods
from leads.periods import Period, PeriodError
from leads.sums import Sums

HOME = program(rules=RULES + "currency: USD\n")
ROOFS = program("roofs", RULES.replace("America/New_York", "Europe/London") + "currency: GBP\n")
DAY = timedelta(days=1)
FIRST = date(2025, 11, 20)  # of service


def year():
    """Return leads of two programs, `(at, program, fields)`: by chance, many of them around changes of clocks."""
    chance, found = random.Random(7), []
    begin, moments = datetime.combine(FIRST, time(18), UTC), (NOW, NOWS[1], NOWS[2], NOWS[3])
    for to in (HOME, ROOFS):
        found.append((begin, to, {}))
        times = [begin + timedelta(minutes=chance.randrange(1, 150 * 24 * 60)) for _ in range(160)]
        times += [at + timedelta(minutes=chance.randrange(-3 * 24 * 60, 60)) for at in moments for _ in range(30)]
        for at in times:
            fields = {"years": chance.choice([3, 40, 95]), "partner": chance.choice("78")}
            found.append((at, to, fields | ({"is_test": "yes"} if chance.random() < 0.2 else {})))
    return sorted(found, key=lambda lead: lead[0])


# --- The oracle ---


def days_of(word, today):
    """Return the first and last day of a period."""
    if isinstance(word, tuple):
        return min(word[0], today), min(word[1], today)
    month = today.replace(day=1)
    return {
        "1": (today, today),
        "yesterday": (today - DAY, today - DAY),
        "7": (today - 6 * DAY, today),
        "30": (today - 29 * DAY, today),
        "90": (today - 89 * DAY, today),
        "month": (month, today),
        "last-month": ((month - DAY).replace(day=1), month - DAY),
    }[word]


def oracle(stored, programs, word, now):
    """Return the totals, those of the period before, and the leads of each day and reason."""
    totals, before, by_day, reasons = Counter(), Counter(), Counter(), Counter()
    for made in programs:
        zone, currency = made.spec.timezone, made.spec.currency
        local = now.astimezone(zone)
        first, last = days_of(word, local.date())
        span = last - first + DAY
        for lead in stored:
            came = lead.received_at.astimezone(zone)
            if lead.program != made.name:
                continue
            if first <= came.date() <= last:
                add(totals, lead, currency)
                if not lead.test:
                    by_day[came.date()] += 1
                    reasons.update((made.name, code) for code in lead.reasons)
            is_earlier = came.date() < last - span or last < local.date() or came.time() <= local.time()
            if first - span <= came.date() < first and is_earlier:
                add(before, lead, currency)
    return totals, before, by_day, reasons


def add(totals, lead, currency):
    what = "test" if lead.test else "valid" if lead.valid else "refused"
    totals[what] += 1
    if lead.test and lead.valid:
        totals["valid test"] += 1
    money = (lead.sale_amount if lead.valid else lead.worth) or Decimal(0)
    totals[what, currency] += money if lead.valid or not lead.test else 0


def told(totals):
    """Return Totals as the oracle counts them, without what is nothing."""
    found = Counter(valid=totals.valid, refused=totals.refused, test=totals.tests)
    found["valid test"] = totals.valid_tests
    for what, sums in [("valid", totals.amount), ("refused", totals.unpaid), ("test", totals.test_amount)]:
        found.update({(what, currency): amount for currency, amount in sums.amounts.items()})
    assert totals.submissions == totals.valid + totals.refused
    return +found


WORDS = ["1", "yesterday", "7", "30", "90", "month", "last-month"]
WORDS += [
    (date(2026, 3, 7), date(2026, 3, 9)),  # clocks go forward in New York
    (date(2026, 3, 28), date(2026, 3, 30)),  # and in London
    (FIRST, FIRST),
    (FIRST, date(2025, 12, 31)),
    (date(2026, 2, 28), date(2026, 3, 1)),
    (date(2026, 3, 1), date(2027, 1, 1)),  # and nothing is still to come
]
NOWS = [
    NOW,
    datetime(2026, 3, 1, 4, 59, 59, tzinfo=UTC),  # still February in New York
    datetime(2026, 3, 8, 6, 30, tzinfo=UTC),  # half an hour before clocks go forward in New York
    datetime(2026, 3, 29, 1, 15, tzinfo=UTC),  # a quarter past that hour in London
    datetime(2025, 11, 20, 20, tzinfo=UTC),
]


@pytest.mark.parametrize("counted", [False, True], ids=["live", "counted"])
def test_the_figures_of_every_period_are_those_of_an_oracle(ledger, counted):
    leads, compared = year(), Counter()
    for now in sorted(NOWS):
        while leads and leads[0][0] <= now:
            at, to, fields = leads.pop(0)
            submit(at, to, **fields)
        if counted:
            count_all(now, [HOME, ROOFS])
        with database.read():
            stored = list(models.Lead.select())
        for programs in ([HOME], [ROOFS], [HOME, ROOFS]):
            for word in WORDS:
                found = collect(Period("", *word) if isinstance(word, tuple) else Period(word), *programs, now=now)
                totals, before, by_day, reasons = oracle(stored, programs, word, now)
                assert told(found.totals) == +totals, (word, now)
                assert {day.day: day.submissions for day in found.by_day if day.submissions} == by_day
                assert {(reason.program, reason.code): reason.count for reason in found.reasons} == reasons
                if found.before is not None:
                    compared[word] += 1
                    assert told(found.before) == +before, (word, now)
    assert set(compared) == set(WORDS) - {(FIRST, FIRST), (FIRST, date(2025, 12, 31)), "90"}


# --- What is not compared ---


def test_on_the_first_days_of_service_no_period_is_compared(ledger):
    assert collect(7).uncompared == ""
    submit(NOW - 13 * DAY)
    found = collect(7)
    assert (found.before, found.uncompared, found.since) == (None, figures.NOT_COVERED, (PROGRAM, date(2026, 3, 7)))
    assert collect(6).uncompared == ""
    submit(NOW - 14 * DAY)
    assert collect(7).before.submissions == 1


def test_a_program_that_began_within_the_period_before_keeps_all_from_being_compared(ledger):
    submit(NOW - 40 * DAY, HOME)
    submit(NOW - 10 * DAY, ROOFS)
    assert collect(7, HOME).uncompared == ""
    assert collect(7, HOME, ROOFS).uncompared == figures.NOT_COVERED
    assert collect(1, HOME, ROOFS).uncompared == ""


def test_figures_of_deleted_leads_are_history_but_for_a_part_of_a_day(ledger):
    for back in (40, 8, 7, 0):
        submit(NOW - back * DAY)
    count_all(NOW)
    with database.read():
        models.Lead.delete().where(models.Lead.id < models.first_id(NOW - 2 * DAY)).execute()
    assert collect(Period("", date(2026, 3, 13), date(2026, 3, 13))).before.submissions == 1
    assert collect(7).uncompared == figures.GONE


def test_what_is_still_being_counted_is_compared_with_nothing(ledger, monkeypatch):
    for back in (40, 8, 7, 0):
        submit(NOW - back * DAY)
    monkeypatch.setattr(figures, "COUNTED_LIVE", 0)
    assert collect(7).uncompared == figures.COUNTING


def test_amounts_of_two_currencies_are_not_added_up(ledger):
    submit(NOW, HOME)
    submit(NOW, ROOFS)
    assert collect(1, HOME, ROOFS).totals.amount == Sums({"USD": Decimal("12.50"), "GBP": Decimal("12.50")})
    assert [partner.amount.rows for partner in collect(1, HOME, ROOFS).partners] == [
        [("GBP", Decimal("12.50")), ("USD", Decimal("12.50"))]
    ]


@pytest.mark.parametrize(
    ("since", "until", "sentence"),
    [
        ("2026-02-30", "2026-03-01", "from takes a day such as 2026-11-01"),
        ("2026-02-01", "", "to takes a day such as 2026-11-01"),
        ("2026-03-02", "2026-03-01", "from is 2 Mar 2026 and to is 1 Mar 2026: write the earlier day first"),
        ("2020-03-02", "2026-03-01", "from 2 Mar 2020 to 1 Mar 2026 is more than two years: choose days"),
    ],
)
def test_two_days_that_are_no_period_are_told(since, until, sentence):
    with pytest.raises(PeriodError) as caught:
        periods.between(since, until)
    assert str(caught.value).startswith(sentence)
