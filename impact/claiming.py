"""Who has a reversal that is due: one process at a time, until its lease is over. And how its action is found."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ulid import ULID

import database
from database import db
from database.claims import milliseconds
from impact import states
from impact.api import Unsure
from impact.ledger import Reversal

SOON = timedelta(days=2)
LEASE = timedelta(minutes=5)  # a call takes one at most, and three follow each other at most
BEFORE, AFTER = timedelta(days=1), timedelta(days=2)  # in which the event of a lead is looked for, from when it came

# What locks soon goes first: where many wait, the calls of an hour are not enough for all of them.
CLAIM = """
    UPDATE reversal SET lease_until = ? WHERE lead = (
        SELECT lead FROM reversal WHERE due_at IS NOT NULL AND due_at <= ? AND (lease_until IS NULL OR lease_until <= ?)
        ORDER BY
            CASE WHEN state IN ('approved', 'submitting') AND locking_at <= ? THEN locking_at END NULLS LAST, due_at
        LIMIT 1 {skip_locked})
    RETURNING lead
"""


class Nowhere(Unsure):
    """It cannot be looked up at all, until the rules are mended."""


@dataclass
class Job:
    """A reversal that is ours until `row.lease_until`: as it stood at `now`, and whom to ask. `program` may be gone.

    `seen` is what was seen of its action meanwhile, which is not written yet.
    """

    row: Reversal
    now: Any
    api: Any
    program: Any
    seen: dict = field(default_factory=dict)

    @property
    def spec(self):
        return self.program and self.program.spec.impact


def claim(made, api):
    """Return a reversal that is due and nobody's, now ours, as Job; None where there is none. Raises StoreError."""
    row, now = database.transact(_claim)
    return row and Job(row, now, api, made.rulebook.programs.get(row.program))


def _claim():
    now = database.now()
    at = milliseconds(now)
    sql = CLAIM.format(skip_locked="FOR UPDATE SKIP LOCKED" if database.engine().side_by_side else "")
    values = [milliseconds(now + LEASE), at, at, milliseconds(now + SOON)]
    rows = db.execute_sql(sql.replace("?", db.param), values).fetchall()
    return (Reversal.get_by_id(rows[0][0]) if rows else None), now


def settle(job, after, **values):
    """Note what became of it, unless its lease is over and somebody else has it; tell whether. Raises StoreError."""
    row, values = job.row, job.seen | values
    ours = Reversal.lease_until == row.lease_until
    if after == row.state:  # as before, and looked at again later
        query = Reversal.update(lease_until=None, **values)
        query = query.where(Reversal.lead == row.lead, Reversal.state == after, ours)
        return bool(database.transact(query.execute))
    return database.transact(lambda: states.move(row.lead, row.state, after, ours, lease_until=None, **values))


def begin(job):
    """Note that it is on its way before it is: who is killed then leaves what tells so. Raises StoreError.

    Tell whether it may go: it is ours, and not locked.
    """
    row, now, lease_until = database.transact(lambda: _begin(job.row, job.seen))
    job.row, job.now = row or job.row, now
    return lease_until is not None


def _begin(row, seen):
    now = database.now()
    unlocked = Reversal.locking_at.is_null() | (Reversal.locking_at > now)
    lease = {"lease_until": now + LEASE, "due_at": now + LEASE}
    told = {"submitted_at": now, "sure": False, "attempts": row.attempts + 1, "batch": "", "done_at": None}
    ours = Reversal.lease_until == row.lease_until
    if states.move(row.lead, row.state, "submitting", ours, unlocked, **lease, **told, **seen):
        return Reversal.get_by_id(row.lead), now, now + LEASE
    return None, now, None


# --- What becomes of the action there ---


def look(job):
    """Return the state of a lead's action at impact.com now, or "" where there is none. Raises ApiError.

    Where its id is not known, it is looked for among those of the days around the lead; of several, all must be
    reversed. What is found, the row has from now on. Raises Nowhere, too.
    """
    row = job.row
    if action := states.id_of(row):
        found = [job.api.action(action)]
    elif job.spec:
        came = ULID.from_str(row.lead).datetime
        until = min(came + AFTER, job.now)
        seen = job.api.actions(job.spec.campaign, by="event", since=min(came - BEFORE, until), until=until)
        found = [one for one in seen if one.oid == row.lead and one.event_type == job.spec.event_type]
    else:
        raise Nowhere("the rules of its program have no impact: any more, so that nobody knows where to look")
    found = sorted(filter(None, found), key=lambda one: one.state == "REVERSED")
    if not found:
        return ""
    row.action, row.locking_at = found[0].id, found[0].locking_at or row.locking_at
    job.seen = {"action": row.action, "locking_at": row.locking_at}
    return found[0].state
