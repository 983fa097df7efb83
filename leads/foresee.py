"""What a lead would be answered if it were posted now, with all that the ledger knows. The ledger is only read."""

from datetime import timedelta

import database
from database import claims
from database.secret import keyed_hash
from judge.judgement import content, judge, unreadable
from models import RETRY_WINDOW, Lead, Submission, Taken, retry_keys
from web.payload import PayloadError
from web.request import read as read_lead


def foresee(program, body, content_type, now):
    """Return the verdict that a body would get now, and the Lead whose request it repeats, or None. Raises StoreError.

    As `models.record` comes to it; but nothing is stored, taken or used up.
    """
    try:
        fields = read_lead(program, body, content_type)
    except PayloadError as error:
        return unreadable(program, str(error)), None
    same = content(fields) if program.spec.retry_key else ""
    submission, verdict = Submission(program.name, "", body, content_type, b"", now, same), judge(program, fields, now)
    with database.read():
        first, mismatch = _repeated(submission, verdict)
        if mismatch:
            verdict.mismatch()
        if verdict.claims:
            verdict.settle(claims.would_refuse(verdict.claims, now))
    return verdict, first


def _repeated(submission, verdict):
    """Return the Lead that a request repeats, or None, and whether its key came before with other content."""
    first, mismatch, fingerprint = None, False, keyed_hash("content", submission.content)
    hashes = [keyed_hash(*key) for key in retry_keys(submission, verdict)]
    for earlier in Taken.select().where(Taken.key.in_(hashes)) if hashes else ():
        if submission.received_at - earlier.claimed_at >= timedelta(milliseconds=RETRY_WINDOW):
            continue
        if earlier.fingerprint == fingerprint:
            first = Lead.get_or_none(id=earlier.lead) or first
        else:
            mismatch = True
    return first, mismatch and not first
