"""What becomes of a reversal that impact.com took: its submission is asked for until it is complete, for three days.

Complete is no success: an error type says that nothing was reversed. And it is done only once it was seen reversed.
"""

from datetime import timedelta

import database
from impact import proposals
from impact.api import ApiError, Later, Refused
from impact.claiming import Nowhere, look, settle
from web.logs import log, printable

LOOKS = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)]
POLLS = LOOKS + [timedelta(hours=hours) for hours in range(6, 73, 6)]
LONGEST_TOLD = 120  # characters of impact.com's own words

# What the documents name, as an error type or its reason: what it means, and what to do.
ADVICE = {
    "ACTIONTRACKER_NOT_FOUND": "it knows no such event type: mend event_type under impact: in the rules",
    "ACTION_REF_NOT_FOUND": "it knows no conversion of this lead: flask reconcile says whether there is one",
    "NO_VALID_ACTION_REF": "it knows no conversion of this lead: flask reconcile says whether there is one",
    "CONTRACT_NOT_FOUND": "the partner had no contract then: ask your contact at impact.com",
    "CONV_DUPLICATE": "it has a conversion like this twice: look at both at impact.com",
    "OID_MISSING": "the conversion has no order id: reverse it at impact.com, by its own id",
    "PARTNER_NOT_ACTIVE": "the partner is not active any more: reverse it at impact.com",
    "UNCLAIMED": "the conversion belongs to no partner, so that nobody is paid for it",
}
ASK = "look at the conversion at impact.com, and propose the lead again if it is still to be reversed"


def next_of(offsets, since, now):
    """Return the first of these times after a moment that is still to come, or None."""
    return next((since + offset for offset in offsets if since + offset > now), None)


def poll(job):
    """Ask what became of a submission; return the result."""
    row = job.row
    if job.now >= row.submitted_at + POLLS[-1]:
        return _last_look(job)
    try:
        submission = None if row.done_at else job.api.submission(row.batch)
    except ApiError as error:
        return postponed(job, error)
    if submission and not submission.complete:
        settle(job, "queued", error="", due_at=next_of(POLLS, row.submitted_at, job.now))
        return "waiting"
    if submission and submission.error_type:
        return fail(job, told_error(submission))
    return taken(job)


def taken(job):
    """Note that impact.com reversed it, by its own word; it is done once a reconciliation saw it."""
    row = job.row
    submitted_at = row.submitted_at or job.now
    deadline = max(submitted_at, job.now - POLLS[-1]) + POLLS[-1]
    told = {"done_at": row.done_at or job.now, "sure": True, "error": "", "submitted_at": submitted_at}
    if settle(job, "queued", due_at=deadline, **told) and database.transact(lambda: _confirm(row.lead)):
        log.info("reversal done", {"lead": row.lead, "program": row.program})
        return "done"
    return "waiting"


def _confirm(lead):
    return proposals.confirm(database.now(), lead=lead)


def _last_look(job):
    """Look once more after three days, and say that nobody knows where it is not reversed."""
    try:
        found = look(job)
    except (Later, Refused) as error:
        return postponed(job, error)
    except ApiError:
        found = None
    if found == "REVERSED":
        settle(job, "done", done_at=job.row.done_at or job.now, sure=True, error="", due_at=None)
        log.info("reversal done", {"lead": job.row.lead, "program": job.row.program})
        return "done"
    told = COMPLETE.format(found) if job.row.done_at and found else NOBODY_KNOWS
    return fail(job, told, sure=False)


NOBODY_KNOWS = f"impact.com took it three days ago, and nobody knows what became of it: {ASK}"
COMPLETE = f"impact.com said three days ago that it is complete, but the conversion is {{}} and not reversed: {ASK}"


def told_error(submission):
    """Return the sentence of a submission that is complete, and changed nothing."""
    names = submission.error_type, submission.error_reason
    advice = next((ADVICE[name] for name in names if name in ADVICE), ASK)
    return f"impact.com did not reverse it ({told_words(submission)}): {advice}"


def told_words(submission):
    """Return what impact.com itself says of an error, short and printable."""
    names = dict.fromkeys(filter(None, (submission.error_type, submission.error_reason)))
    return printable(": ".join(names))[:LONGEST_TOLD]


def fail(job, told, **values):
    """Note that it failed. Of what was said twice, the first time may have been heard: so it is looked up before."""
    if job.row.attempts > 1 and job.row.state != "done":
        try:
            if look(job) == "REVERSED":
                return taken(job)
        except ApiError:
            values["sure"] = False
    if settle(job, "failed", error=told, due_at=None, **values):
        log.warning("reversal failed: lead %s of %s: %s", job.row.lead, job.row.program, told)
    return "failed"


def postponed(job, error):
    """Have a reversal be looked at again later, where impact.com could not be asked: nothing changed."""
    wait = timedelta(seconds=error.seconds) if isinstance(error, Later) else timedelta(minutes=10)
    settle(job, job.row.state, error=str(error), due_at=job.now + wait)
    if isinstance(error, Later):
        return "later"
    if isinstance(error, Refused):
        return "refused" if is_of_all(error) else "waiting"
    return "waiting" if isinstance(error, Nowhere) else "again"


def is_of_all(error):
    """Tell whether every call is Refused so: the settings are to blame, and no lead."""
    return error.status in (0, 401, 403) or 300 <= error.status < 400
