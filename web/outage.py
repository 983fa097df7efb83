"""When the store could not be used: each process remembers it, and notes it in the database when that is back.

So an owner is told of it whom nobody else told: while it lasts, nothing can be read or written.
"""

import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from database.claims import milliseconds
from models import Fact

KEPT = timedelta(hours=24)
TOGETHER = timedelta(hours=1)  # between two failures of one outage: few leads come at night
NAME = "outage:"  # of the facts, each of one process


@dataclass(frozen=True)
class Span:
    """That from `first` to `last` it was answered that the store cannot be used: of these answers, `leads` to leads."""

    first: datetime
    last: datetime
    leads: int


class Outage:
    """What one process knows of it: a Span that is noted by and by, under a name of its own.

    It is noted as a whole, as often as it takes: a transaction may fail after it was noted, or be done again.
    """

    def __init__(self):
        self._lock, self._span, self._name = threading.Lock(), None, ""

    def happens(self, is_lead=False):
        """Remember that the store cannot be used now. Nobody waits for this, and nothing of it can fail."""
        now = datetime.now(UTC)
        with self._lock:
            if self._span is None:
                self._span, self._name = Span(now, now, 0), f"{NAME}{uuid4().hex}"
            self._span = Span(self._span.first, now, self._span.leads + is_lead)

    def note(self):
        """Note it in the database, and clear what was noted long ago; for `database.add_chore`."""
        with self._lock:
            span, name = self._span, self._name
        long_ago = datetime.now(UTC) - KEPT
        known = dict(_noted())
        if over := [one for one, noted in known.items() if noted.last < long_ago]:
            Fact.delete().where(Fact.name.in_(over)).execute()
        if span is None:
            return
        if known.get(name) == _read(_written(span)):  # as was noted before, and committed
            with self._lock:
                if self._span == span:
                    self._span = None
        else:
            row = {Fact.name: name, Fact.value: _written(span)}
            Fact.insert(row).on_conflict(conflict_target=[Fact.name], update=row).execute()


def _written(span):
    return json.dumps([milliseconds(span.first), milliseconds(span.last), span.leads])


def _read(text):
    first, last, leads = json.loads(text)
    return Span(datetime.fromtimestamp(first / 1000, UTC), datetime.fromtimestamp(last / 1000, UTC), leads)


def _noted():
    facts = Fact.select(Fact.name, Fact.value).where(Fact.name.startswith(NAME)).tuples()
    return [(name, _read(value)) for name, value in facts]


def outages(now):
    """Return the Spans of the last day, the newest first: one of what several processes noted. Within a reading."""
    found = []
    for one in sorted((span for _, span in _noted()), key=lambda span: span.first):
        if one.last < now - KEPT:
            continue
        if found and one.first - found[-1].last <= TOGETHER:
            earlier = found.pop()
            one = Span(earlier.first, max(earlier.last, one.last), earlier.leads + one.leads)
        found.append(one)
    return found[::-1]
