"""A page of the leads that a filter wants, in a time that does not grow with the ledger.

One condition has an index that leads the way; the others, and what only the text of the fields tells, are asked of
some hundreds of leads at a time. So each statement is short, whatever is asked for, and who waits can be told how far
it was looked.
"""

from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import peewee
from ulid import ULID

from leads.who import Row
from models import OBSERVED, Lead, Refusal

MOST_COUNTED = 10_000  # leads; of more, it is said that there are more
COUNTS_FOR = 0.06  # seconds, on a page that goes on with older ones
AT_LEAST = 1000  # leads are looked at, however long it takes
SLICE, MATCHED_AT_ONCE = 500, 200  # leads; psycopg holds all that a query finds, and fields may be long
COMPARED = 2000  # leads of each condition are counted, to know which of them are the fewest


@dataclass
class Found:
    """A page of leads. `older` is the cursor of the next one, None if there is none.

    `count` of them are found in all or, where not all were counted, at least. `looked_to` is when the last lead came
    that was looked at, where the time was up before the page was full.
    """

    leads: list
    older: str | None
    count: int
    counted_all: bool
    looked_to: datetime | None = None


class _Way:
    """A query of ids, in whose order they are read from an index."""

    def __init__(self, key, *conditions):
        self.key, self._conditions = key, conditions

    def ids(self, bounds, newest_first=True):
        query = self.key.model.select(self.key)
        for condition in (*self._conditions, *bounds):
            query = query.where(condition)
        return query.order_by(self.key.desc() if newest_first else self.key.asc())

    def has(self, number):
        """Tell whether there are so many ids. They need not be sorted for that."""
        return bool(list(self.ids(()).order_by().offset(number - 1).limit(1).tuples()))


class Look:
    """What a Filter asks for, as a way to go and the conditions beside it."""

    def __init__(self, wanted, conditions, beside, bounds, newest_first=True):
        self._wanted, self._newest_first, self._bounds = wanted, newest_first, bounds
        given = {name: value for name in conditions if (value := getattr(wanted, name)) not in (None, ())}
        asked = {name: conditions[name](value) for name, value in given.items()}
        codes = {"reason": wanted.reason, "observed": wanted.observed and OBSERVED + wanted.observed}
        asked |= {name: has_code(code) for name, code in codes.items() if code}
        leading = {name: _Way(Refusal.lead, Refusal.code == code) for name, code in codes.items() if code}
        leading |= {name: _Way(Lead.id, asked[name]) for name in INDEXED if name in asked}
        if wanted.test is False:
            leading.pop("test", None)
        if wanted.programs is not None:
            # What has no index of its own by program would lead through leads of others, and its time and cursor tell.
            leading = {name: way for name, way in leading.items() if name in FEW}
        for name in [name for name in FEW if name in leading and leading[name].has(COMPARED)]:
            del leading[name]  # as the phone number that a sender makes up for all of its leads
        if leading:
            name = self._fewest(leading)
            self._ways = [leading[name]]
        elif wanted.programs is not None:
            name = "programs"
            ours = wanted.programs if wanted.program is None else wanted.programs & {wanted.program}
            self._ways = [_Way(Lead.id, Lead.program == program) for program in sorted(ours)]
        else:
            name, self._ways = "", [_Way(Lead.id)]
        asked |= {other: beside[other](given[other]) for other in asked if other in beside}
        asked.pop(name, None)
        self._others = list(asked.values())

    def _fewest(self, leading):
        few = [name for name in FEW if name in leading] or [*leading][: len(leading) == 1]
        if few:
            return few[0]
        counts = {name: self._count([way], COMPARED) for name, way in leading.items()}
        return min(counts, key=counts.get)

    def _count(self, ways, most):
        """Return how many ids some ways have, up to a number."""
        return min(sum(way.ids(self._bounds_of(way)).limit(most).count() for way in ways), most)

    def _bounds_of(self, way, after=None):
        return self._bounds(self._wanted, way.key, self._newest_first, after)

    def page(self, after, size, seconds):
        """Return Found: without `seconds`, whatever it takes to fill the page, and nothing is counted."""
        if not self._others and not self._wanted.match:
            ids = self._slice(after, size + 1)
            count = self._count(self._ways, MOST_COUNTED + 1) if seconds else 0
            return self._found(ids, size, min(count, MOST_COUNTED), bool(seconds) and count <= MOST_COUNTED)
        ends = seconds and monotonic() + seconds
        ids, last, done = self._collect(after, size + 1, ends, seconds and not after)
        found = self._found(ids, size, len(ids), done)
        if not done and len(ids) <= size:  # the time was up
            found.older, found.looked_to = last, ULID.from_str(last).datetime
        if after and seconds:
            ids, _, found.counted_all = self._collect(None, size + 1, monotonic() + COUNTS_FOR, True)
            found.count = len(ids)
        found.counted_all &= found.count <= MOST_COUNTED
        found.count = min(found.count, MOST_COUNTED)
        return found

    def _found(self, ids, size, count, counted_all):
        query = Lead.select().where(Lead.id.in_(ids[:size])) if ids else ()
        leads = sorted(query, key=lambda lead: lead.id, reverse=self._newest_first)
        return Found(leads, ids[size - 1] if len(ids) > size else None, count, counted_all)

    def _collect(self, after, enough, ends, count):
        """Return the ids that fit, the last one that was looked at, and whether these are all there are."""
        most, at_once = MOST_COUNTED + 1 if count else enough, MATCHED_AT_ONCE if self._wanted.match else SLICE
        found, seen = [], 0
        while True:
            near = self._slice(after, at_once)
            found += self._those_that_fit(near)
            if len(near) < at_once:
                return found, after, True
            after, seen = near[-1], seen + len(near)
            if len(found) >= most or (ends and seen >= AT_LEAST and monotonic() > ends):
                return found, after, False

    def _slice(self, after, number):
        """Return the next ids on the way."""
        ids = []
        for way in self._ways:
            query = way.ids(self._bounds_of(way, after), self._newest_first).limit(number)
            ids += [lead_id for (lead_id,) in query.tuples()]
        return sorted(ids, reverse=self._newest_first)[:number]

    def _those_that_fit(self, ids):
        if not ids:
            return []
        match, columns = self._wanted.match, [Lead.id]
        if match:
            columns += [Lead.program, Lead.rules, peewee.SQL('"t1"."fields" AS "as_stored"')]
        rows = Lead.select(*columns).where(Lead.id.in_(ids), *self._others).tuples()
        found = [row[0] for row in rows if not match or match(Row(*row))]
        return sorted(found, reverse=self._newest_first)


FEW = ("id", "email", "phones", "customer")  # one of them leads the way, unless too many have it
INDEXED = (*FEW, "test", "partner", "program", "valid")


def has_code(code):
    """Return the condition that a lead has a code in the table of refusals."""
    also = Refusal.alias()
    return peewee.fn.EXISTS(also.select(peewee.SQL("1")).where(also.code == code, also.lead == Lead.id))
