"""The leads counted day by day, in rows that hold no person and stay when leads are deleted or erased.

A day of a program is a row, counted while it goes on: a chore of the writers adds some leads at a
time to it, a few minutes after they came, so that late commits are in. A lead that comes later than
that, by a clock that is behind or was set back, is noted when it is stored (models.py), and added then.

A day is one of the program's time zone. If that changes, days that have begun keep their ends, and
the next one begins where the last one ended: no lead is counted twice, and none is left out.
"""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby

from peewee import SQL, fn
from ulid import ULID

import database
from leads.counts import OTHERS, Counts
from models import Day, Late, Lead, first_id

SETTLED_AFTER = timedelta(minutes=5)  # by then, what was received is committed
COUNTED_AT_ONCE = 300  # leads: some 10 ms of the one writer
END_OF_TIME = 1 << 47  # milliseconds: the year 6429


# --- Days ---


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
    if _count_rules_of_before(program) or _add_late(program):
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
    add_rules(row.rules, leads)
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
            row.fields, row.rules, row.is_new = {}, {}, True
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


def add_rules(counts, leads):
    """Add how many leads of a query each text of rules has judged."""
    for digest, count in leads.select(Lead.rules, fn.COUNT(Lead.id)).group_by(Lead.rules).tuples():
        counts[digest] = counts.get(digest, 0) + count


def _count_rules_of_before(program):
    """Count the rules of a day that an earlier version counted without; tell whether there was one."""
    row = Day.select().where(Day.program == program.name, SQL("rules = 'null'")).first()
    if row is None:
        return False
    notes = Late.select(Late.lead).where(Late.program == program.name)  # they are still to be added
    row.rules = {}
    add_rules(row.rules, leads_between(program.name, id_at(row.starts), row.counted_to).where(Lead.id.not_in(notes)))
    row.save()
    return True


def leads_by_rules(program, until=None):
    """Return `{hash: leads}` of the leads of a program, those that came before `until` (milliseconds); needs the store.

    Whole days are as they were counted; what is not counted yet, and the last day until then, is looked up.
    """
    until, counts, looked_up, end = until or END_OF_TIME, {}, [], 0
    columns = Day.starts, Day.ends, Day.counted_to, Day.rules
    days = Day.select(*columns).where(Day.program == program, Day.starts < until).order_by(Day.starts)
    late = [lead for (lead,) in Late.select(Late.lead).where(Late.program == program).tuples()]
    for row in days:
        looked_up.append((id_at(end), id_at(row.starts)))  # of this time no day has been counted yet
        start, end = id_at(row.starts), min(row.ends, until)
        if row.rules is not None and row.ends <= until:
            for digest, count in row.rules.items():
                counts[digest] = counts.get(digest, 0) + count
            if noted := [lead for lead in late if start <= lead < row.counted_to]:
                add_rules(counts, Lead.select().where(Lead.id.in_(noted)))
            start = row.counted_to
        looked_up.append((start, id_at(end)))
    for start, stop in [*looked_up, (id_at(end), id_at(until))]:
        if start < stop:
            add_rules(counts, leads_between(program, start, stop))
    return counts


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
