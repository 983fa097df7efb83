"""The leads counted day by day, in rows that hold no person and stay when leads are deleted or erased.

A day of a program is a row, counted while it goes on: a chore of the writers adds some leads at a
time to it, a few minutes after they came, so that late commits are in. A lead that comes later than
that, by a clock that is behind or was set back, is noted when it is stored (models.py), and added then.

A day is one of the program's time zone. If that changes, days that have begun keep their ends, and
the next one begins where the last one ended: no lead is counted twice, and none is left out.
"""

import json
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby

import peewee
from peewee import fn
from ulid import ULID

import database
from database import db
from models import OBSERVED, Day, Late, Lead, first_id

SETTLED_AFTER = timedelta(minutes=5)  # by then, what was received is committed
COUNTED_AT_ONCE = 300  # leads: some 10 ms of the one writer
MOST_PARTNERS = 200  # of a day: who has a larger share of its leads is counted by name; and as many sub-partners
OTHERS = "…"  # the rest, together


# --- Counting ---

# What a lead is counted as. Of reasons and rules there is one of each code: "reason:adult".
VALID, REFUSED, TEST, VALID_TEST, REASON = "valid", "refused", "test", "valid test", "reason:"
OUTWEIGHED = "outweighed"  # and how many leads of a partner others have made up for: see `shorten`


class Counts:
    """Leads counted: `{partner: {what: [leads, hundredths of the currency]}}`.

    The money of what is valid was paid, that of what is refused, by whatever reason, was not. Tests are
    counted apart: all of them without money, and the valid ones with it.

    `subpartners` are `{partner: {subpartner: {what: …}}}`, a part of what their partner has; None: they are not
    counted. A lead that names no partner is counted under none.
    """

    def __init__(self, found=None, subpartners=None):
        self.found, self.subpartners = found or {}, subpartners

    def add(self, partner, what, count, cents, subpartner=""):
        _add_cell(self.found.setdefault(partner, {}), what, count, cents)
        if subpartner and partner not in ("", OTHERS):
            _add_cell(self.subpartners.setdefault(partner, {}).setdefault(subpartner, {}), what, count, cents)

    def add_leads(self, leads):
        """Add the leads of a query."""
        for partner, valid, test, reasons, observed, *sub, count, paid, unpaid in _grouped(leads, self._by()):
            cents = int(paid or 0) if valid else int(unpaid or 0)
            if test:
                self.add(partner, TEST, count, 0, *sub)
                if valid:
                    self.add(partner, VALID_TEST, count, cents, *sub)
                continue
            self.add(partner, VALID if valid else REFUSED, count, cents, *sub)
            for code in json.loads(reasons):
                self.add(partner, REASON + code, count, cents, *sub)
            for rule in json.loads(observed):
                self.add(partner, OBSERVED + rule, count, cents if valid else 0, *sub)
        self.shorten()

    def _by(self):
        return [] if self.subpartners is None else [Lead.subpartner]

    def shorten(self):
        """Count partners with few leads among the others, and sub-partners with few under their partner alone."""
        for name in _smallest({name: cells for name, cells in self.found.items() if name != OTHERS}):
            self.fold(name)
        pairs = ((partner, name) for partner, named in (self.subpartners or {}).items() for name in named)
        for pair in _smallest({(partner, name): self.subpartners[partner][name] for partner, name in pairs}):
            self.drop(*pair)

    def fold(self, partner):
        """Count a partner among the others, and its sub-partners no more: what they have is a part of what it has."""
        for what, (count, cents) in self.found.pop(partner, {}).items():
            if what != OUTWEIGHED:
                self.add(OTHERS, what, count, cents)
        if self.subpartners:
            self.subpartners.pop(partner, None)

    def drop(self, partner, subpartner):
        """Count the leads of a sub-partner under its partner alone."""
        named = self.subpartners.get(partner, {})
        named.pop(subpartner, None)
        if not named:
            self.subpartners.pop(partner, None)

    def of_subpartner(self, partner, subpartner):
        """Return the Counts of one sub-partner alone."""
        cells = self.subpartners.get(partner, {}).get(subpartner)
        return Counts({subpartner: cells} if cells else {})

    def of_subpartners(self, partner):
        """Return as Counts what each sub-partner of a partner has, and as "" the rest: of none, or with few leads."""
        named = self.subpartners.get(partner, {})
        rest = {what: [*cell] for what, cell in self.found.get(partner, {}).items() if what != OUTWEIGHED}
        for _, what, count, cents in Counts(named).items():
            _add_cell(rest, what, -count, -cents)
        rest = {what: cell for what, cell in rest.items() if cell[0] > 0}
        return Counts(named | ({"": rest} if rest else {}))

    def items(self):
        for partner, cells in self.found.items():
            for what, (count, cents) in cells.items():
                if what != OUTWEIGHED:
                    yield partner, what, count, cents


def _add_cell(cells, what, count, cents):
    cell = cells.setdefault(what, [0, 0])
    cell[0] += count
    cell[1] += cents


def _smallest(named):
    """Return whose leads are too few to be counted by name, where twice as many are by name as should be.

    Those with the most leads stay, and those that would come off best if the leads of so many of them were
    struck off against each other: so whoever has more than one in MOST_PARTNERS of all leads is by name,
    however many names are made up before or after. (Misra and Gries, Finding repeated elements, 1982.)
    """
    if len(named) <= 2 * MOST_PARTNERS:
        return []

    def count(cells, *kinds):
        return sum(cells[what][0] for what in kinds if what in cells)

    leads = {name: count(cells, VALID, REFUSED, TEST) for name, cells in named.items()}
    left = {name: leads[name] - count(cells, OUTWEIGHED) for name, cells in named.items()}
    largest, best = (sorted(named, key=by.get, reverse=True) for by in (leads, left))
    struck_off = left[best[MOST_PARTNERS]]
    kept = {*largest[:MOST_PARTNERS], *best[:MOST_PARTNERS]}
    for name in kept:
        named[name][OUTWEIGHED] = [leads[name] - max(left[name] - struck_off, 0), 0]
    return [name for name in named if name not in kept]


def _grouped(leads, by=()):
    """Yield how many leads there are of each kind, and their money in hundredths."""
    groups = (Lead.partner, Lead.valid, Lead.test, Lead.reasons, Lead.observed, *by)
    query = leads.select(*groups, fn.COUNT(Lead.id), _cents("sale_amount"), _cents("worth"))
    return db.execute(query.group_by(*groups))


def _cents(column):
    return peewee.SQL(f"SUM(CAST(ROUND({column} * 100) AS BIGINT))")


def leads_between(program, first, last):
    """Return a query of the leads of a program with first <= id < last."""
    return Lead.select(Lead.id).where(Lead.program == program, Lead.id >= first, Lead.id < last)


def count_leads(program, first, last, most):
    """Return how many leads there are, up to `most`."""
    return leads_between(program, first, last).limit(most).count()


def span_of(program, day, known):
    """Return the milliseconds at which a day starts and ends; `known` are the rows of days by day."""
    if row := known.get(day.isoformat()):
        return row.starts, row.ends
    before, after = (known.get((day + timedelta(days=step)).isoformat()) for step in (-1, 1))
    starts, ends = midnight(program, day), midnight(program, day + timedelta(days=1))
    starts, ends = before.ends if before else starts, after.starts if after else ends
    return starts, max(starts, ends)


def midnight(program, day):
    return int(datetime.combine(day, time.min, program.spec.timezone).timestamp() * 1000)


def id_at(milliseconds):
    return first_id(datetime.fromtimestamp(milliseconds / 1000, UTC))


def today(program, now):
    """Return the day that it is in the program's time zone."""
    return now.astimezone(program.spec.timezone).date()


def rows_of(program, first, last, subpartners=True):
    """Return the rows of days from `first` to `last`, and of one on each side, by day: with `subpartners`, or not."""
    span = (first - timedelta(days=1)).isoformat(), (last + timedelta(days=1)).isoformat()
    columns = [column for column in Day._meta.sorted_fields if subpartners or column is not Day.subpartners]
    query = Day.select(*columns).where(Day.program == program.name, Day.day.between(*span))
    return {row.day: row for row in query}


def dates(first, last):
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def money(cents):
    return Decimal(cents).scaleb(-2)


# --- The chore ---


def roll_up(programs, now=None):
    """Add some leads to the row of their day, the newest days first; tell whether there are more.

    For `database.add_chore`: any process may do a piece of this work, and two never do the same one.
    """
    now = now or database.now()  # a machine's own clock may be ahead of those that still store
    return any(_roll_up(program, now) for program in programs)


def _roll_up(program, now):
    settled = _settled(now)
    database.lock(program.name)  # nobody else counts it until the transaction ends
    if _add_late(program):
        return True
    row = _next_day(program, settled)
    if row is None:
        return _has_late(program)
    end = id_at(min(row.ends, settled))
    ids = leads_between(program.name, row.counted_to, end).order_by(Lead.id).limit(COUNTED_AT_ONCE + 1).tuples()
    ids = [lead_id for (lead_id,) in ids]
    more = len(ids) > COUNTED_AT_ONCE
    last = ids[-1] if more else end
    notes = Late.select(Late.lead).where(Late.program == program.name, Late.lead >= row.counted_to, Late.lead < last)
    Late.delete().where(Late.program == program.name, Late.lead.in_(notes)).execute()
    # PostgreSQL: what has a note now was stored a moment ago. By the note it will be counted, and not by this.
    _add(program, row, leads_between(program.name, row.counted_to, last).where(Lead.id.not_in(notes)))
    row.counted_to, row.closed = last, not more and row.ends <= settled
    row.save(force_insert=row.is_new)
    return more or not _has_caught_up(program, settled)


def _add_late(program):
    """Add some leads that came late to their days; tell whether there were any."""
    found = False
    notes = Late.select(Late.lead).where(Late.program == program.name).order_by(Late.lead).limit(COUNTED_AT_ONCE)
    notes = [lead_id for (lead_id,) in notes.tuples()]
    for day, ids in groupby(notes, partial(_day_of, program)):
        ids = list(ids)
        for row in rows_of(program, day, day).values():
            # Of the others, the time is still to be counted.
            if late := [lead_id for lead_id in ids if id_at(row.starts) <= lead_id < row.counted_to]:
                _add(program, row, Lead.select().where(Lead.id.in_(late)))
                row.save()
                found = True
    if notes:
        Late.delete().where(Late.program == program.name, Late.lead.in_(notes)).execute()
    return found


def _add(program, row, leads):
    """Add the leads of a query to a row."""
    counts = Counts(row.counts, row.subpartners)
    counts.add_leads(leads)
    row.counts = counts.found
    _count_fields(program, leads, row.fields, counts.found)


def _settled(now):
    """Return the milliseconds until which leads are counted: whole minutes, so that there is an end to it."""
    return int((now.replace(second=0, microsecond=0) - SETTLED_AFTER).timestamp() * 1000)


def settled_id(now):
    """Return the beginning of the ids that are not counted yet, of a program that has caught up."""
    return id_at(_settled(now))


def has_caught_up(program, now):
    """Tell whether all leads that have settled are counted, and those that came late."""
    return _has_caught_up(program, _settled(now))


def _has_caught_up(program, settled):
    return not _has_late(program) and _next_day(program, settled) is None


def _has_late(program):
    return Late.select().where(Late.program == program.name).exists()


def forget_partner(program, partner):
    """Count a partner of the program among the others, in all days: the name is a person's."""
    database.lock(program)
    for row in Day.select().where(Day.program == program):
        if partner in row.counts or partner in row.fields:
            Counts(row.counts, row.subpartners).fold(partner)
            row.fields.pop(partner, None)
            row.save()


def forget_subpartner(program, partner, subpartner):
    """Count a sub-partner of the program under its partner alone, in all days: the name is a person's."""
    database.lock(program)
    for row in Day.select().where(Day.program == program):
        if subpartner in row.subpartners.get(partner, {}):
            Counts(row.counts, row.subpartners).drop(partner, subpartner)
            row.save()


def _next_day(program, settled):
    """Return the newest day that has leads to be counted, as a row that may be new, or None."""
    for row in _days(program, today(program, datetime.fromtimestamp(settled / 1000, UTC))):
        if row.is_new:
            return row
        if not row.closed and row.counted_to < id_at(min(row.ends, settled)):
            return Day.get(Day.program == row.program, Day.day == row.day)
    return None


def _days(program, day):
    """Yield the days up to this one that have leads, the newest first: a row without its figures, or a new one."""
    first = first_day(program)
    columns = Day.program, Day.day, Day.starts, Day.ends, Day.counted_to, Day.closed
    known = {row.day: row for row in Day.select(*columns).where(Day.program == program.name)}
    while first and day >= first:
        name = day.isoformat()
        starts, ends = span_of(program, day, known) if name not in known else (0, 0)
        newest = name in known or _newest_before(program, id_at(ends))
        if name in known:
            yield known[name]
        elif newest and newest >= id_at(starts):
            row = Day(program=program.name, day=name, starts=starts, ends=ends, counted_to=id_at(starts), counts={})
            row.fields, row.is_new = {}, True
            yield row
        else:  # go on at the day of the newest lead before it
            day = min(day, _day_of(program, newest) + timedelta(days=1)) if newest else first
        day -= timedelta(days=1)


def _newest_before(program, end):
    query = Lead.select(Lead.id).where(Lead.program == program.name, Lead.id < end)
    return query.order_by(Lead.id.desc()).limit(1).scalar()


def _day_of(program, lead_id):
    return today(program, ULID.from_str(lead_id).datetime)


def first_day(program):
    """Return the day of the program's oldest lead, or None."""
    oldest = Lead.select(Lead.id).where(Lead.program == program.name).order_by(Lead.id).limit(1).scalar()
    return oldest and _day_of(program, oldest)


def _count_fields(program, leads, fields, named):
    """Add how many leads of each partner have each declared field; "" counts the leads."""
    for partner in fields.keys() - named.keys() - {OTHERS}:
        _add_up(fields, OTHERS, fields.pop(partner))
    for partner, found in leads.where(~Lead.test).select(Lead.partner, Lead.fields).tuples():
        names = dict.fromkeys(["", *(name for name in found if name in program.fields)], 1)
        _add_up(fields, partner if partner in named else OTHERS, names)


def _add_up(fields, partner, counts):
    cells = fields.setdefault(partner, {})
    for name, count in counts.items():
        cells[name] = cells.get(name, 0) + count
