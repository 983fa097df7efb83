"""What is approved goes to impact.com: each write once, as far as anybody can know.

It is noted before it is sent. Who does not hear what became of it looks the action up, and looks again while the write
may still wait there; only then is it said once more. The account is live, and no write of its API may be repeated.
"""

from collections import Counter
from datetime import timedelta

import database
from database import StoreError
from impact import following, restoring, states
from impact.api import Api, ApiError, Later, Refused, Unsure, is_set
from impact.claiming import begin, claim, look, settle
from impact.following import LOOKS, fail, next_of, postponed, taken
from impact.ledger import Reversal
from web import logs
from web.logs import log

MOST_ATTEMPTS = 3
FIRST_LOOK = timedelta(minutes=1)
LATER = timedelta(minutes=10)
NOT_HEARD = 408  # the one refusal after which nobody knows
RESULTS = ("submitted", "waiting", "unsure", "done", "restored", "failed", "too_late", "again", "later", "refused")
STOPPING = ("later", "refused")  # what every other call would hear, too
UNHEARD = ("unsure", "again")  # so many in a row, and no more is tried: what is sent in vain waits for an hour
MOST_UNHEARD = 3


def run_due(made):
    """Submit and follow what is due now; return how many leads had which result, by RESULTS. Raises StoreError.

    Without an account, only what has locked is noted.
    """
    counts = Counter()
    if late := database.transact(lambda: states.note_locked(database.now())):
        counts["too_late"] += len(late)
    if not is_set(made.settings):
        return counts
    made.rulebook.refresh()
    api, unheard = Api(made.settings), 0
    while unheard < MOST_UNHEARD and (job := claim(made, api)):
        result = _work(job)
        counts[result] += 1
        log.info("reversal followed", {"lead": job.row.lead, "result": result})
        if result in STOPPING:
            break
        unheard = unheard + 1 if result in UNHEARD else 0
    return counts


def _work(job):
    """Do what is to be done of one; a fault of ours in it keeps no other one waiting."""
    try:
        return WORK[job.row.state](job)
    except StoreError:
        raise
    except Exception as error:
        log.error("reversal: a fault of ours", {"lead": job.row.lead, "error": logs.where(error)})
        settle(job, job.row.state, error=FAULT, due_at=job.now + timedelta(hours=1))
        return "waiting"


FAULT = "a fault of ours, which the log tells: it is looked at again in an hour"


def hurry():
    """Have what is approved be due now, as where what kept it was mended. Raises StoreError."""
    here = Reversal.state == "approved", Reversal.way == "api", Reversal.lease_until.is_null()
    database.transact(lambda: Reversal.update(due_at=database.now()).where(*here).execute())


def _send(job):
    """Submit what is approved. What an earlier attempt may have reversed is looked up first."""
    try:
        if not job.row.sure and look(job) == "REVERSED":
            return taken(job)
    except ApiError as error:
        return postponed(job, error)
    return _attempt(job)


def _attempt(job):
    row = job.row
    if states.is_locked(row, job.now):
        return _too_late(job)
    if not states.id_of(row) and not job.spec:
        told = f"the rules of {row.program} have no impact: any more: write them again, or reverse it at impact.com"
        settle(job, row.state, error=told, due_at=job.now + timedelta(hours=1))
        return "waiting"
    action = states.id_of(row)
    named = {"action": action} if action else {"event_type": job.spec.event_type, "oid": row.lead}
    was_sure = row.sure
    if not begin(job):
        return _not_begun(job)
    try:
        batch = job.api.reverse(row.code, **named)
    except Later as error:
        return _kept(job, error, was_sure, timedelta(seconds=error.seconds), "later")
    except Refused as error:
        return _refused(job, error, was_sure)
    except Unsure as error:
        return _unsure(job, error)
    told = {"batch": batch, "sure": True, "error": "", "due_at": job.now + following.POLLS[0]}
    settle(job, "queued", **told)
    log.info("reversal submitted", {"lead": row.lead, "by": row.approved_by, "reason": row.reason, "batch": batch})
    return "submitted"


def _not_begun(job):
    """Say why it does not go: it locked, or somebody else has it."""
    with database.read():
        row = Reversal.get_or_none(lead=job.row.lead)
    if row and row.lease_until == job.row.lease_until and states.is_locked(row, job.now):
        job.row = row
        return _too_late(job)
    return "waiting"


def _too_late(job):
    settle(job, "too_late", error=states.locked_since(job.row.locking_at), due_at=None)
    return "too_late"


def _kept(job, error, was_sure, wait, result):
    """Have what was not taken wait: nothing happened there, and nothing is lost."""
    told = {"sure": was_sure, "attempts": job.row.attempts - 1, "submitted_at": None}
    settle(job, "approved", error=str(error), due_at=job.now + wait, **told)
    return result


def _refused(job, error, was_sure):
    if error.status == NOT_HEARD:
        return _unsure(job, error)
    if following.is_of_all(error):
        return _kept(job, error, was_sure, LATER, "refused")
    return fail(job, str(error), sure=was_sure)


def _unsure(job, error):
    told = f"{error}. It is looked up before anything is said again"
    settle(job, "submitting", error=told, due_at=job.now + FIRST_LOOK)
    return "unsure"


def _look_again(job):
    """Look what became of a write that nobody heard of, and say it again when it can hardly wait there any more."""
    try:
        found = look(job)
    except ApiError as error:
        return postponed(job, error)
    if found == "REVERSED":
        return taken(job)
    later = next_of(LOOKS, job.row.submitted_at, job.now)
    if later:
        told = "whether it was taken is not known: the conversion is not reversed yet, and is looked up again"
        settle(job, "submitting", error=told, due_at=later)
        return "waiting"
    if states.is_locked(job.row, job.now):
        return _too_late(job)
    if job.row.attempts >= MOST_ATTEMPTS:
        return fail(job, NEVER_HEARD.format(job.row.attempts), sure=False)
    return _attempt(job)


NEVER_HEARD = (
    "it was submitted {} times, no answer came, and the conversion is not reversed: look at it at impact.com, and "
    "propose the lead again if it is still to be reversed"
)
WORK = {"approved": _send, "submitting": _look_again, "queued": following.poll, "done": restoring.follow}
