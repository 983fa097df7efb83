"""The figures of the dashboard: what came of the leads, day by day, by reason and partner, in money.

Days are counted ahead (days.py); what their rows do not have yet is counted live.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from peewee import fn

from leads import periods
from leads.counts import OTHERS, REASON, REFUSED, TEST, VALID, VALID_TEST, Counts
from leads.daily import count_leads, dates, first_day, id_at, leads_between, rows_of, span_of, today
from leads.sums import Sums
from models import OBSERVED, Day

COUNTED_LIVE = 10_000  # leads: what a page waits for, at most; days beyond are "being counted"
NAMED_OF = 7  # days of each program, the newest that have leads: whose partners can be chosen from
COMPARED_LIVE = 20_000  # leads of the day before the period, up to the same time of day


# --- What is shown ---


@dataclass
class Totals:
    """`submissions` are the leads that are no tests, `unpaid` what the refused ones would have been paid.

    `test_amount` is that of the valid tests: impact.com pays for them too, until they are reversed there.
    """

    submissions: int = 0
    valid: int = 0
    refused: int = 0
    amount: Sums = field(default_factory=Sums)
    unpaid: Sums = field(default_factory=Sums)
    tests: int = 0
    valid_tests: int = 0
    test_amount: Sums = field(default_factory=Sums)


@dataclass
class DayFigure:
    day: date
    submissions: int = 0
    valid: int = 0
    refused: int = 0
    amount: Sums = field(default_factory=Sums)


@dataclass
class ReasonFigure:
    """A reason code of a program; `share` is that of the refused leads, between 0 and 1."""

    program: str
    code: str
    count: int
    share: float
    unpaid: Sums
    partners: list  # of (partner, count), the most frequent first


@dataclass
class PartnerFigure:
    """`share` is that of the valid leads among the partner's; `reasons` are the codes, the most frequent first."""

    partner: str
    submissions: int
    valid: int
    share: float
    amount: Sums
    reasons: list  # of (code, count)
    tests: int = 0
    valid_tests: int = 0
    test_amount: Sums = field(default_factory=Sums)


@dataclass
class ObservedFigure:
    """A rule that only observes: what it would have refused, and what would not have been paid."""

    program: str
    rule: str
    count: int
    amount: Sums
    partners: list


# Why a period is not compared with the one before.
NOT_COVERED, COUNTING, GONE, TOO_MANY = "not covered", "counting", "gone", "too many"


@dataclass
class Figures:
    """`uncounted` days are left out because their leads are still being counted.

    `before` is what came in as many days right before, up to the same time of day where the period lasts until now.
    Where that cannot be told, it is None, and `uncompared` says why: leads are known only `since` a later day (and of
    which program), days are still being counted, the leads of a part of a day are deleted, or too many to count now.

    Of the figures of a partner or sub-partner, `programs` are the names of those that it posted to; `folded` tells that
    on some day it was not counted by name, and may be among the many with few leads.
    """

    totals: Totals
    before: Totals | None
    by_day: list[DayFigure]
    reasons: list[ReasonFigure]
    partners: list[PartnerFigure]
    observed: list[ObservedFigure]
    uncounted: int = 0
    uncompared: str = ""
    since: tuple | None = None
    programs: set = field(default_factory=set)
    folded: bool = False


# --- Collecting ---


@dataclass(frozen=True)
class _Part:
    """The function that makes of Counts those that are asked for, and whether it needs those of sub-partners."""

    of: Callable
    subpartners: bool = True


class _Reader:
    """Reads the counts of days, from their rows and live, as long as there are not too many leads to count.

    Of `part`, a _Part, it reads what is asked for. `found` are the programs of which there was something.
    """

    def __init__(self, left=None, part=None):
        self.left, self.uncounted = COUNTED_LIVE if left is None else left, 0
        self.part, self.found, self.folded = part, set(), False

    @property
    def subpartners(self):
        return bool(self.part and self.part.subpartners)

    def concerns(self, program):
        """Whether it matters since when leads of a program are known: not of a partner that sends it none."""
        return not self.part or self.subpartners or program.name in self.found

    def days(self, program, first, last):
        """Yield `(day, counts)` from the newest day on."""
        known, oldest = rows_of(program, first, last, subpartners=self.subpartners), first_day(program)
        for day in reversed(dates(first, last)):
            row = known.get(day.isoformat())
            if row:
                yield day, self._part_of(program, Counts(row.counts, row.subpartners))
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
        counts = Counts(subpartners={} if self.subpartners else None)
        if count:
            counts.add_leads(leads_between(program.name, first, last))
        return self._part_of(program, counts)

    def _part_of(self, program, counts):
        if not self.part:
            return counts
        part = self.part.of(counts)
        if part.found:
            self.found.add(program.name)
        elif OTHERS in counts.found:
            self.folded = True
        return part


def of_partner(programs, period, now, partner, compare=True):
    """Return the Figures of one partner."""
    return collect(programs, period, now, compare, _Part(lambda counts: counts.of_partner(partner), subpartners=False))


def of_subpartners(programs, period, now, partner):
    """Return the Figures of a partner by its sub-partners, which are their `partners`; "" are all others together."""
    return collect(programs, period, now, False, _Part(lambda counts: counts.of_subpartners(partner)))


def of_subpartner(programs, period, now, partner, subpartner):
    """Return the Figures of one sub-partner of a partner."""
    return collect(programs, period, now, part=_Part(lambda counts: counts.of_subpartner(partner, subpartner)))


def collect(programs, period, now, compare=True, part=None):
    """Return the Figures of a Period, of each program's own time zone; of all leads or a part, as _Reader has it."""
    reader, sheet = _Reader(part=part), _Tally(programs)
    for program in programs:
        first, last = period.span(today(program, now))
        sheet.add_days(dates(first, last))
        for day, counts in reader.days(program, first, last):
            sheet.add(program, day, counts)
    found = sheet.figures(reader.uncounted)
    found.programs, found.folded = reader.found, reader.folded
    if compare:
        found.before, found.uncompared, found.since = _compared(programs, period, now, reader)
    return found


def of_each(programs, period, now):
    """Return the Figures of each program by itself, by name; together they count no more leads than one page may."""
    reader, found = _Reader(), {}
    for program in programs:
        sheet, before = _Tally([program]), reader.uncounted
        first, last = period.span(today(program, now))
        sheet.add_days(dates(first, last))
        for day, counts in reader.days(program, first, last):
            sheet.add(program, day, counts)
        found[program.name] = sheet.figures(reader.uncounted - before)
    return found


def largest_partners(programs, most):
    """Return the names of the partners with the most leads of the last days, the largest first."""
    leads = Counter()
    for program in programs:
        rows = Day.select(Day.counts).where(Day.program == program.name).order_by(Day.day.desc()).limit(NAMED_OF)
        for (counts,) in rows.tuples():
            for partner, cells in counts.items():
                leads[partner] += sum(cells[what][0] for what in (VALID, REFUSED, TEST) if what in cells)
    return [name for name, _ in leads.most_common(most + 2) if name not in ("", OTHERS)][:most]


class _Uncompared(Exception):
    """A period has none before it that is like it; the arguments say why, and what Figures has as `since`."""


def _compared(programs, period, now, read):
    """Return the Totals of the period before, or None; why there are none; and what Figures has as `since`."""
    before, left = _Tally(programs), COMPARED_LIVE
    try:
        if read.uncounted:
            raise _Uncompared(COUNTING)
        began = [(program, day) for program in programs if (day := _began(program, now, read))]
        for program, since in began:
            first, _ = periods.before(*period.span(today(program, now)))
            if since >= first and read.concerns(
                program
            ):  # of the day on which the first lead came, nobody knows when that was to be expected
                raise _Uncompared(NOT_COVERED, (program, since))
        for program, _ in began:
            left = _add_before(before, _Reader(left, read.part), program, period, now)
    except _Uncompared as why:
        return None, *why.args, *[None] * (2 - len(why.args))
    return before.totals, "", None


def _add_before(sheet, reader, program, period, now):
    """Add the period before to a tally; return how many leads may still be counted live."""
    span = period.span(today(program, now))
    first, last = periods.before(*span)
    if span[1] == today(program, now):
        sheet.add_totals(program, _until_same_time(reader, program, last, now))
        last -= periods.DAY
    for _, counts in reader.days(program, first, last):
        sheet.add_totals(program, counts)
    if reader.uncounted:
        raise _Uncompared(COUNTING)
    return reader.left


def _began(program, now, read):
    """Return the day of the first lead that is known of a program, or None.

    Where a part is read, it is the first lead that named a sub-partner.
    """
    if not read.subpartners:
        return known_since(program)
    return _first_of(program, today(program, now) if program.name in read.found else None, Day.subpartners != {})


def known_since(program):
    """Return the day of the first lead that is known of a program, or None: figures stay when leads are deleted."""
    return _first_of(program, first_day(program))


def last_days():
    """Return `{name: when the last day began}` of all programs whose days were ever counted, in milliseconds."""
    return dict(Day.select(Day.program, fn.MAX(Day.starts)).group_by(Day.program).tuples())


def _first_of(program, live, *conditions):
    """Return the first day of a program that is counted and fits the conditions, or `live` if that is earlier."""
    counted = Day.select(Day.day).where(Day.program == program.name, *conditions).order_by(Day.day).limit(1).scalar()
    return min(filter(None, [live, counted and date.fromisoformat(counted)]), default=None)


def _until_same_time(reader, program, day, now):
    """Return the counts of a day up to the time of day that it is now, by the clock on the wall."""
    known, oldest = rows_of(program, day, day), first_day(program)
    if (row := known.get(day.isoformat())) and row.counts and (oldest is None or day <= oldest):
        raise _Uncompared(GONE)
    starts, ends = span_of(program, day, known)
    zone = program.spec.timezone
    until = int(datetime.combine(day, now.astimezone(zone).time(), zone).timestamp() * 1000) + 1
    counts = reader.live(program, id_at(starts), id_at(max(starts, min(ends, until))))
    if counts is None:
        raise _Uncompared(TOO_MANY)
    return counts


def _ranked(counter):
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


class _Tally:
    """What is added up for Figures."""

    def __init__(self, programs):
        self._zero = dict.fromkeys([program.spec.currency or "" for program in programs], Decimal("0.00"))
        self.totals, self.by_day, self.partners = self._totals(), {}, {}
        self.by_code = {}  # (program, "reason:…" or "observed:…") -> [leads, Sums, Counter of partners]

    def _totals(self):
        return Totals(amount=Sums(self._zero), unpaid=Sums(self._zero), test_amount=Sums(self._zero))

    def add_days(self, days):
        for day in days:
            self.by_day.setdefault(day, DayFigure(day, amount=Sums(self._zero)))

    def add_totals(self, program, counts):
        for _, what, count, cents in counts.items():
            _add_to(self.totals, what, count, program.spec.currency or "", cents)

    def add(self, program, day, counts):
        self.add_totals(program, counts)
        shown, currency = self.by_day[day], program.spec.currency or ""
        for partner, what, count, cents in counts.items():
            totals, codes = self.partners.setdefault(partner, (self._totals(), Counter()))
            _add_to(totals, what, count, currency, cents)
            if what == VALID:
                shown.submissions, shown.valid = shown.submissions + count, shown.valid + count
                shown.amount.add(currency, cents)
            elif what == REFUSED:
                shown.submissions, shown.refused = shown.submissions + count, shown.refused + count
            elif what.startswith((REASON, OBSERVED)):
                own = {currency: Decimal("0.00")}
                cell = self.by_code.setdefault((program.name, what), [0, Sums(own), Counter()])
                cell[0] += count
                cell[1].add(currency, cents)
                cell[2][partner] += count
                if what.startswith(REASON):
                    codes[what.removeprefix(REASON)] += count

    def figures(self, uncounted):
        ranked = sorted(self.by_code.items(), key=lambda item: (-item[1][0], item[0]))
        reasons, observed = [], []
        for (program, what), (count, money, partners) in ranked:
            if what.startswith(REASON):
                share = count / (self.totals.refused or 1)
                reasons.append(ReasonFigure(program, what.removeprefix(REASON), count, share, money, _ranked(partners)))
            else:
                observed.append(ObservedFigure(program, what.removeprefix(OBSERVED), count, money, _ranked(partners)))
        by_partner = [_partner(name, *found) for name, found in self.partners.items()]
        by_partner.sort(key=lambda figure: (-figure.submissions, -figure.tests, figure.partner))
        by_day = [self.by_day[day] for day in sorted(self.by_day)]
        return Figures(self.totals, None, by_day, reasons, by_partner, observed, uncounted)


def _add_to(totals, what, count, currency, cents):
    if what == TEST:
        totals.tests += count
    elif what == VALID_TEST:
        totals.valid_tests += count
        totals.test_amount.add(currency, cents)
    elif what == VALID:
        totals.submissions, totals.valid = totals.submissions + count, totals.valid + count
        totals.amount.add(currency, cents)
    elif what == REFUSED:
        totals.submissions, totals.refused = totals.submissions + count, totals.refused + count
        totals.unpaid.add(currency, cents)


def _partner(name, found, codes):
    share = found.valid / found.submissions if found.submissions else 0
    leads = found.submissions, found.valid, share, found.amount, _ranked(codes)
    return PartnerFigure(name, *leads, found.tests, found.valid_tests, found.test_amount)
