"""Leads that are not to be paid: proposed, approved, submitted to impact.com, and followed until they show there.

This is the way in for commands, pages and what else proposes. Amounts are never changed: an action is reversed whole.
"""

from impact import states
from impact.approval import approve, second_question
from impact.ledger import Reversal
from impact.proposals import after_reconcile, propose, withdraw
from impact.restoring import restore
from impact.submitting import run_due
from web.presenting import moment

__all__ = ["after_reconcile", "approve", "listed", "propose", "restore", "run_due", "second_question", "withdraw"]

KEYS = ("lead", "program", "state", "reason", "code", "action", "batch", "error", "locking_at")


def rows(programs=None, state=None):
    """Return the rows of Reversal, those of the newest leads first: of these programs, by name, in a state."""
    query = Reversal.select().order_by(Reversal.lead.desc())
    query = query.where(Reversal.program.in_(list(programs))) if programs is not None else query
    return list(query.where(Reversal.state == state) if state else query)


def listed(programs=None, state=None):
    """Return `rows` as programs read them: dicts of KEYS, a lock that is not known None. Within a reading."""
    return [as_told(row) for row in rows(programs, state)]


def as_told(row):
    told = {"action": states.id_of(row), "locking_at": row.locking_at and moment(row.locking_at)}
    return {key: getattr(row, key) for key in KEYS} | told


def is_locking_soon(now):
    """Return the condition for rows that were not sent, and lock within three days.

    What was written to a file may not be sent either, as long as it is not seen reversed.
    """
    soon = (Reversal.locking_at > now) & (Reversal.locking_at <= now + states.TELL_BEFORE)
    return (Reversal.state.in_(states.UNSENT) | ((Reversal.state == "queued") & (Reversal.way == "file"))) & soon
