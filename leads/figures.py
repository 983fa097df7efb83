"""The figures of the dashboard: what came of the leads, day by day, by reason and partner, in money.

Days are counted ahead (days.py); what their rows do not have yet is counted live.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from leads.daily import (
    REASON,
    REFUSED,
    TEST,
    VALID,
    VALID_TEST,
    Counts,
    count_leads,
    dates,
    first_day,
    id_at,
    leads_between,
    money,
    rows_of,
    span_of,
    today,
)
from models import OBSERVED

COUNTED_LIVE = 10_000  # leads: what a page waits for, at most; days beyond are "being counted"


# --- What is shown ---


@dataclass
class Totals:
    """`submissions` are the leads that are no tests, `unpaid` what the refused ones would have been paid.

    `test_amount` is that of the valid tests: impact.com pays for them too, until they are reversed there.
    """

    submissions: int = 0
    valid: int = 0
    refused: int = 0
    amount: Decimal = Decimal("0.00")
    unpaid: Decimal = Decimal("0.00")
    tests: int = 0
    valid_tests: int = 0
    test_amount: Decimal = Decimal("0.00")


@dataclass
class DayFigure:
    day: date
    submissions: int = 0
    valid: int = 0
    refused: int = 0
    amount: Decimal = Decimal("0.00")


@dataclass
class ReasonFigure:
    """A reason code of a program; `share` is that of the refused leads, between 0 and 1."""

    program: str
    code: str
    count: int
    share: float
    unpaid: Decimal
    partners: list  # of (partner, count), the most frequent first


@dataclass
class PartnerFigure:
    """`share` is that of the valid leads among the partner's; `reasons` are the codes, the most frequent first."""

    partner: str
    submissions: int
    valid: int
    share: float
    amount: Decimal
    reasons: list  # of (code, count)
    tests: int = 0
    valid_tests: int = 0
    test_amount: Decimal = Decimal("0.00")


@dataclass
class ObservedFigure:
    """A rule that only observes: what it would have refused, and what would not have been paid."""

    program: str
    rule: str
    count: int
    amount: Decimal
    partners: list


@dataclass
class Figures:
    """`uncounted` days are left out because their leads are still being counted.

    `before` is the period of the same length before; of today alone (`until_now`), yesterday up to
    the same time of day, or if that has too many leads to count them now, all of yesterday.
    """

    totals: Totals
    before: Totals
    by_day: list[DayFigure]
    reasons: list[ReasonFigure]
    partners: list[PartnerFigure]
    observed: list[ObservedFigure]
    uncounted: int = 0
    until_now: bool = False


# --- Collecting ---


class _Reader:
    """Reads the counts of days, from their rows and live, as long as there are not too many leads to count."""

    def __init__(self):
        self.left, self.uncounted = COUNTED_LIVE, 0

    def days(self, program, first, last):
        """Yield `(day, counts)` from the newest day on."""
        known, oldest = rows_of(program, first, last), first_day(program)
        for day in reversed(dates(first, last)):
            row = known.get(day.isoformat())
            if row:
                yield day, Counts(row.counts)
            if not (row.closed if row else oldest is None or day < oldest):
                starts, ends = span_of(program, day, known)
                counts = self.live(program, row.counted_to if row else id_at(starts), id_at(ends))
                if counts is None:
                    self.uncounted += 1
                else:
                    yield day, counts

    def live(self, program, first, last):
        """Return the counts of the leads with first <= id < last, or None if they are too many."""
        count = count_leads(program.name, first, last, self.left + 1)
        if count > self.left:
            return None
        self.left -= count
        counts = Counts()
        if count:
            counts.add_leads(leads_between(program.name, first, last))
        return counts


def collect(programs, days, now):
    """Return the Figures of the last `days` days, today included, of each program's own time zone."""
    reader, sheet = _Reader(), _Tally()
    before, until_now = Totals(), days == 1
    for program in programs:
        last = today(program, now)
        first = last - timedelta(days=days - 1)
        sheet.add_days(dates(first, last))
        for day, counts in reader.days(program, first, last):
            sheet.add(program.name, day, counts)
    for program in programs:
        last = today(program, now) - timedelta(days=days)
        so_far = _same_time_before(reader, program, last, now) if days == 1 else None
        until_now = until_now and so_far is not None
        found = [so_far] if so_far else [c for _, c in reader.days(program, last - timedelta(days=days - 1), last)]
        for counts in found:
            _add_totals(before, counts)
    return sheet.figures(before, reader.uncounted, until_now)


def _same_time_before(reader, program, yesterday, now):
    """Return the counts of yesterday up to the same time of day, or None if the leads are too many."""
    known = rows_of(program, yesterday, yesterday)
    starts, ends = span_of(program, yesterday, known)
    since_midnight = int(now.timestamp() * 1000) - span_of(program, yesterday + timedelta(days=1), known)[0]
    return reader.live(program, id_at(starts), id_at(min(ends, starts + since_midnight)))


def _add_totals(totals, counts):
    for _, what, count, cents in counts.items():
        if what == TEST:
            totals.tests += count
        elif what == VALID_TEST:
            totals.valid_tests, totals.test_amount = totals.valid_tests + count, totals.test_amount + money(cents)
        elif what == VALID:
            totals.submissions, totals.valid = totals.submissions + count, totals.valid + count
            totals.amount += money(cents)
        elif what == REFUSED:
            totals.submissions, totals.refused = totals.submissions + count, totals.refused + count
            totals.unpaid += money(cents)


def _ranked(counter):
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def _partner(name, cells):
    kinds = VALID, REFUSED, TEST, VALID_TEST
    (valid, paid), (refused, _), (tests, _), (valid_tests, tests_paid) = (cells.get(what, (0, 0)) for what in kinds)
    codes = {what.removeprefix(REASON): count for what, (count, _) in cells.items() if what.startswith(REASON)}
    leads = valid + refused
    share = valid / leads if leads else 0
    of_tests = tests, valid_tests, money(tests_paid)
    return PartnerFigure(name, leads, valid, share, money(paid), _ranked(codes), *of_tests)


class _Tally:
    """What is added up for Figures."""

    def __init__(self):
        self.totals, self.by_day, self.partners = Totals(), {}, Counts()
        self.by_code = {}  # (program, "reason:…" or "observed:…") -> [leads, cents, Counter of partners]

    def add_days(self, days):
        for day in days:
            self.by_day.setdefault(day, DayFigure(day))

    def add(self, program, day, counts):
        _add_totals(self.totals, counts)
        shown = self.by_day[day]
        for partner, what, count, cents in counts.items():
            self.partners.add(partner, what, count, cents)
            if what == VALID:
                shown.submissions, shown.valid = shown.submissions + count, shown.valid + count
                shown.amount += money(cents)
            elif what == REFUSED:
                shown.submissions, shown.refused = shown.submissions + count, shown.refused + count
            elif what.startswith((REASON, OBSERVED)):
                cell = self.by_code.setdefault((program, what), [0, 0, Counter()])
                cell[0], cell[1] = cell[0] + count, cell[1] + cents
                cell[2][partner] += count

    def figures(self, before, uncounted, until_now):
        ranked = sorted(self.by_code.items(), key=lambda item: (-item[1][0], item[0]))
        reasons, observed = [], []
        for (program, what), (count, cents, partners) in ranked:
            if what.startswith(REASON):
                share = count / (self.totals.refused or 1)
                figure = ReasonFigure(program, what.removeprefix(REASON), count, share, money(cents), [])
                reasons.append(figure)
            else:
                figure = ObservedFigure(program, what.removeprefix(OBSERVED), count, money(cents), [])
                observed.append(figure)
            figure.partners = _ranked(partners)
        by_partner = [_partner(name, cells) for name, cells in self.partners.found.items()]
        by_partner.sort(key=lambda figure: (-figure.submissions, -figure.tests, figure.partner))
        by_day = [self.by_day[day] for day in sorted(self.by_day)]
        return Figures(self.totals, before, by_day, reasons, by_partner, observed, uncounted, until_now)
