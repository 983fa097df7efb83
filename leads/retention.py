"""How personal data goes again by age (`privacy:` of a rule file), and how what has run out does.

Masking and deleting go in small batches, since with SQLite all leads share one writer. Duplicates
are found afterwards as before: places are keyed hashes of values and no part of a lead.
"""

import threading
from datetime import UTC, datetime, timedelta

import database
import models
from database import StoreError
from leads import daily, sent
from leads.search import EPOCH
from models import Lead, Refusal, Retention, Taken, Total, first_id
from web.login import LOGIN_WINDOW, FailedLogin
from web.logs import log
from web.masks import MASK, MASKED
from web.sessions import Session

CLEARED_AT_ONCE = 100  # rows: some milliseconds of writing
AT_ONCE = 20  # leads: some 10 ms of the one writer
DAILY = timedelta(days=1)
SCRUB_AGAIN = timedelta(minutes=5)

# What else is deleted with leads, of rooms that this one does not know: called within the transaction, with their ids.
deleting = []


def purge_some(programs, now=None):
    """Mask and delete some leads of programs that were not looked after for a day; tell whether there are more.

    For `database.add_chore`: all processes together do this once a day. When there are no more, what is
    gone is taken out of the files too, by a thread: that is no part of a transaction, and may take long.
    """
    now = now or datetime.now(UTC)
    done = []
    for program in programs:
        if not program.spec.privacy or not (row := _retention(program, Retention.done_at <= now - DAILY)):
            continue
        if not daily.has_caught_up(program, now):  # what is not counted yet must not go
            continue
        if _mask(program, row, now) or _delete(program, now):
            return True
        done.append(program.name)
    if done:
        threading.Thread(target=_scrub_daily, name="scrub", args=[done, now], daemon=True).start()
    return False


def _scrub_daily(names, now):
    due = _looked_after(names, now - DAILY + SCRUB_AGAIN).where(Retention.done_at <= now - DAILY)
    try:
        if not database.transact(due.execute):  # another process does it
            return
        why = None if scrub(names, now) else "somebody reads the database"
    except StoreError as error:
        why = error
    if why:
        log.warning(
            "what was masked and deleted is still in the database's files: %s; it is tried again in 5 minutes", why
        )


def scrub(names, now):
    """Take what was masked and deleted out of the database's files; these programs are done for today once it is.

    Returns whether it is, as `database.scrub` does.
    """
    clean = database.scrub()
    if clean:
        database.transact(_looked_after(names, now).execute)
    return clean


def _looked_after(names, at):
    return Retention.update(done_at=at).where(Retention.program.in_(names))


def purge(program, now, progress):
    """Mask and delete all leads of a program that are due; `progress(leads)` is told of each batch.

    Returns how many were masked, and how many deleted. What is gone is still in the files: see `scrub`.
    """
    if not program.spec.privacy:
        return 0, 0
    while database.transact(lambda: daily.roll_up([program], now)):
        pass

    def work():
        row = _retention(program, True, wait=True)
        masked = _mask(program, row, now)
        # A lead may have come late since, or wait for another process to count it.
        return masked, _delete(program, now) if not masked and daily.has_caught_up(program, now) else 0

    masked = deleted = 0
    while any(batch := database.transact(work)):
        masked, deleted = masked + batch[0], deleted + batch[1]
        progress(sum(batch))
    return masked, deleted


def due(program, now):
    """Return how many leads would be masked, and how many deleted."""
    deleted = _to_delete(program, now).count()
    row = Retention.get_or_none(program=program.name)
    masked = _to_mask(program, row.masked_to if row else "", now).count()
    return masked, deleted


def _retention(program, condition, wait=False):
    """Return the program's row if the condition holds and nobody else is at it (or wait for him)."""
    if Retention.get_or_none(program=program.name) is None:
        Retention.insert(program=program.name, masked_to="", done_at=EPOCH).on_conflict_ignore().execute()
    query = Retention.select().where(Retention.program == program.name, condition)
    return database.engine().to_write(query, wait).first()


def _before(now, span):
    return first_id(max(now - span, EPOCH))


def _to_mask(program, masked_to, now):
    """Return the query of the leads that are to be masked, and not to be deleted anyway."""
    span, then_deleted = program.spec.privacy.mask_after, program.spec.privacy.delete_after
    query = Lead.select(Lead.id, Lead.fields, Lead.trace).order_by(Lead.id)
    query = query.where(Lead.program == program.name, Lead.masked_at.is_null(), Lead.id > masked_to)
    query = query.where(Lead.id < (_before(now, span) if span else ""))
    return query.where(Lead.id >= _before(now, then_deleted)) if then_deleted else query


def _mask(program, row, now):
    leads = list(_to_mask(program, row.masked_to, now).limit(AT_ONCE))
    for lead in leads:
        # A name that no rule file knows is a text of the sender's too.
        known = {name: value for name, value in lead.fields.items() if name in program.fields}
        fields = {name: value if name in program.spec.partner else MASK for name, value in known.items()}
        empty(lead, MASKED, now, fields=fields)
    if leads:
        sent.withdraw(ids := [lead.id for lead in leads])
        sent.forget_settled(ids)
        row.masked_to = leads[-1].id
        row.save()
    return len(leads)


def empty(lead, what, now, **values):
    """Take the values out of a lead; its trace tells it."""
    trace = [*lead.trace, {"check": "privacy", "result": what}]
    gone = {"email": "", "phone": "", "body": b"", "query": b"", "content_type": ""}
    Lead.update(masked_at=now, trace=trace, **gone, **values).where(Lead.id == lead.id).execute()


def _to_delete(program, now):
    query = Lead.select(Lead.id, Lead.reasons, Lead.observed).where(Lead.program == program.name).order_by(Lead.id)
    span = program.spec.privacy.delete_after
    return query.where(Lead.id < (min(_before(now, span), daily.settled_id(now)) if span else ""))


def _delete(program, now):
    leads = list(_to_delete(program, now).limit(AT_ONCE))
    by_code = {}
    for lead in leads:
        for code in [*lead.reasons, *(models.OBSERVED + rule for rule in lead.observed)]:
            by_code.setdefault(code, []).append(lead.id)
    for code, ids in by_code.items():
        Refusal.delete().where(Refusal.code == code, Refusal.lead.in_(ids)).execute()
    sent.forget_settled(ids := [lead.id for lead in leads], all_of_them=True)
    for delete in deleting:
        delete(ids)
    Lead.delete().where(Lead.id.in_(ids)).execute()
    return len(leads)


def clear_expired(now=None):
    """Clear away some places, totals, logins and failed logins that have run out; tell whether there may be more.

    They have by the clock of the database: one machine's own may be ahead of those that need them still.
    """
    now = now or database.now()
    cleared = 0
    run_out = {table: table.expires_at <= now for table in (Taken, Total, Session)}
    run_out[FailedLogin] = FailedLogin.at <= now - LOGIN_WINDOW
    for table, has_run_out in run_out.items():
        key = table._meta.primary_key
        expired = table.select(key).where(has_run_out).limit(CLEARED_AT_ONCE)
        expired = database.engine().to_write(expired)  # pass over what a lead is about to take
        keys = [one for (one,) in expired.tuples()]  # within the deletion PostgreSQL may look for some more than once
        cleared += table.delete().where(key.in_(keys)).execute() if keys else 0
    return cleared >= CLEARED_AT_ONCE
