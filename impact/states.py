"""How far a reversal is: which state follows which, and the one way from one to the next.

A row moves only from the state that whoever moves it saw, in one statement: of two who move it at once, one does.
"""

from datetime import timedelta

from peewee import fn

from impact.conversions import is_stand_in
from impact.ledger import Action, Reversal
from web.presenting import moment

# Of what was proposed or approved nothing was sent: who withdraws it deletes the row.
TRANSITIONS = {
    "proposed": {"approved", "too_late"},
    "approved": {"submitting", "queued", "failed", "too_late"},  # queued at once: by a file, or it took effect before
    "submitting": {"submitting", "approved", "queued", "failed", "too_late"},
    "queued": {"done", "failed", "too_late"},
    "done": {"restored"},
    "failed": {"proposed", "too_late", "done"},  # done: nobody knew, and then it showed
    "too_late": {"proposed", "too_late", "done"},
    "restored": {"proposed", "too_late"},
}
STATES = tuple(TRANSITIONS)
UNSENT = ("proposed", "approved")
AGAIN = tuple(state for state, after in TRANSITIONS.items() if "proposed" in after)  # it may be proposed again
TELL_BEFORE = timedelta(days=3)  # the lock


def move(lead, before, after, *conditions, **values):
    """Have a lead's reversal be in the state `after`; tell whether it was in `before`. Within a transaction."""
    if after not in TRANSITIONS[before]:
        raise ValueError(f"a reversal that is {before} does not become {after}")
    asked = Reversal.lead == lead, Reversal.state == before, *conditions
    return bool(Reversal.update(state=after, **values).where(*asked).execute())


def is_locked(row, now):
    return row.locking_at is not None and row.locking_at <= now


def locked_since(locking_at):
    return (
        f"the conversion is locked since {moment(locking_at)}: impact.com pays it, and nothing reverses it any more. "
        "Settle it with the partner"
    )


def note_locked(now, programs=None):
    """Have all that was not sent before its lock be too late; return the ids of these leads. Within a transaction."""
    here = [Reversal.state.in_(UNSENT), Reversal.locking_at <= now]
    here += [Reversal.program.in_(list(programs))] if programs is not None else []
    return [
        row.lead
        for row in list(Reversal.select().where(*here))
        if move(row.lead, row.state, "too_late", error=locked_since(row.locking_at), due_at=None, lease_until=None)
    ]


def id_of(row):
    """Return the id that impact.com knows the action of a reversal by, or "": reports may come without it."""
    return "" if is_stand_in(row.action) else row.action


def action_of(lead, program):
    """Return the Action of a program's lead, as it was seen last; of several, the first that is not reversed, or None.

    An order may have actions of other programs, too, which are nothing of its: a sale, say.
    """
    query = Action.select().where(Action.oid == lead, Action.program == program)
    return query.order_by((Action.state == "REVERSED").asc(), fn.COALESCE(Action.event_at, 0), Action.id).first()
