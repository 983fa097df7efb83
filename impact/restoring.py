"""A reversal that was a mistake is taken back, before the action locks: by a write that is followed like the first.

Meanwhile the lead stays done, since its action is still reversed there. Nothing is sent twice by itself.
"""

from datetime import timedelta

import database
from impact import following, states
from impact.api import Api, ApiError, Later, Refused, Unsure, is_set
from impact.claiming import LEASE, Job, look, settle
from impact.following import LOOKS, POLLS, next_of, postponed
from impact.ledger import Action, Reversal
from web.logs import log

LONGEST = POLLS[-1] + timedelta(hours=1)
ASK_RESTORED = "look at the conversion at impact.com, and restore it there or here again"


def restore(made, lead, by):
    """Have the reversal of a lead taken back; return "" if impact.com took that, else why not, as a sentence.

    Where no answer came, it is looked up later whether it did. Raises StoreError.
    """
    if not is_set(made.settings):
        return "there is no account to restore it with: set DATAPOST_IMPACT_SID and DATAPOST_IMPACT_TOKEN"
    row, now, why = database.transact(lambda: _begin(lead, by))
    if why:
        return why
    job = Job(row, now, Api(made.settings), None)
    try:
        batch = job.api.restore(states.id_of(row))
    except Unsure as error:
        settle(job, "done", error=f"{error}. It is looked up", due_at=now + LOOKS[0])
        return f"{error}. It is looked up in a minute: flask reversals list says what became of it"
    except (Refused, Later) as error:
        _give_up(job, f"not restored: {error}")
        return str(error)
    settle(job, "done", batch=batch, sure=True, error="", due_at=now + POLLS[0])
    log.info("reversal to be restored", {"lead": row.lead, "by": by, "batch": batch})
    return ""


def _begin(lead, by):
    """Note who has it restored, before anything is sent; return the row, the time, and why not."""
    now, row = database.now(), Reversal.get_or_none(lead=lead)
    if why := _why_not(row, now):
        return row, now, why
    here = Reversal.lead == lead, Reversal.state == "done", ~Reversal.restoring
    told = {"restoring": True, "restored_by": by, "submitted_at": now, "sure": False, "batch": "", "error": ""}
    lease = {"lease_until": now + LEASE, "due_at": now + LEASE}
    if not Reversal.update(told | lease).where(*here).execute():
        return row, now, "it is being restored by somebody else just now"
    return Reversal.get_by_id(lead), now, ""


def _why_not(row, now):
    if row is None or row.state != "done":
        return f"only what is done is restored, and {f'this is {row.state}' if row else 'nobody reversed this lead'}"
    if row.restoring:
        return "it is being restored already: flask reversals list says what became of it"
    if states.is_locked(row, now):
        return states.locked_since(row.locking_at).partition(":")[0] + ": it stays reversed"
    return "" if states.id_of(row) else "its conversion is not known: flask reconcile finds it"


def follow(job):
    """Look what became of it; return the result."""
    row = job.row
    if job.now >= row.submitted_at + LONGEST:  # whatever is answered
        return _give_up(job, f"not restored, as far as anybody knows: {ASK_RESTORED}")
    try:
        submission = job.api.submission(row.batch) if row.sure else None
        if submission and submission.complete and submission.error_type:
            return _give_up(job, f"not restored: {following.told_words(submission)}: {ASK_RESTORED}")
        state = look(job) if submission is None or submission.complete else "REVERSED"
    except ApiError as error:
        return postponed(job, error)
    if state not in ("REVERSED", ""):
        settle(job, "restored", restoring=False, sure=True, error="", due_at=None)
        database.transact(Action.update(state=state).where(Action.id == row.action).execute)  # it may be reversed anew
        log.info("reversal restored", {"lead": row.lead, "by": row.restored_by})
        return "restored"
    later = next_of(POLLS if row.sure else LOOKS, row.submitted_at, job.now)
    if later is None:
        return _give_up(job, f"not restored, as far as anybody knows: {ASK_RESTORED}")
    settle(job, "done", due_at=later)
    return "waiting"


def _give_up(job, told):
    settle(job, "done", restoring=False, sure=True, error=told, due_at=None)
    return "failed"
