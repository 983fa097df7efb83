"""How personal data goes again: by age (`privacy:` of a rule file), and for a person who asks.

Masking and deleting go in small batches, since with SQLite all leads share one writer. Duplicates
are found afterwards as before: places are keyed hashes of values and no part of a lead.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ulid import ULID

import database
import models
from database import StoreError, db
from database.secret import hold_secret, keyed_hash
from judge.rules import former_places, place_of, unique_keys
from judge.values import folded, folded_before
from leads import daily
from leads.search import EPOCH
from models import Backtest, Erasure, FailedLogin, Lead, Refusal, Retention, Taken, Total, first_id
from web.login import LOGIN_WINDOW

CLEARED_AT_ONCE = 100  # rows: some milliseconds of writing
AT_ONCE = 20  # leads: some 10 ms of the one writer
DAILY = timedelta(days=1)
SCRUB_AGAIN = timedelta(minutes=5)
MASK = "***"

log = logging.getLogger("datapost")


# --- By age ---


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
        kept = program.spec.partner
        # A name that no rule file knows is a text of the sender's too.
        known = {name: value for name, value in lead.fields.items() if name in program.fields}
        fields = {name: value if name == kept else MASK for name, value in known.items()}
        _empty(lead, "masked", now, fields=fields)
    if leads:
        row.masked_to = leads[-1].id
        row.save()
    return len(leads)


def _empty(lead, what, now, **values):
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
    Lead.delete().where(Lead.id.in_([lead.id for lead in leads])).execute()
    return len(leads)


# --- A person who asks ---


@dataclass(frozen=True)
class Found:
    """A lead that holds the person."""

    id: str
    program: str


CHUNK = 500  # leads that are read at once, so that nobody waits for a long reading
COLUMNS = "id, program, customerid, email, phone, partner, note, content_type, fields, trace, query, body"


def find(person, progress):
    """Return the leads that hold the person, of all programs; `progress(leads)` is told of each chunk.

    Leads that were masked say no more whose they are, but which customer's: that of a lead which holds
    the person, or the one that a value of the person makes where `customer:` is one field.
    """
    found, after = {}, ""
    customers = {models.customer_of([form(value)]) for value in person.values for form in (folded, folded_before)}
    query = f"SELECT {COLUMNS} FROM lead WHERE id > ? ORDER BY id LIMIT {CHUNK}".replace("?", db.param)  # noqa: S608
    while True:
        with database.read():
            rows = db.execute_sql(query, [after]).fetchall()
        if not rows:
            found |= _masked_of(sorted(customers - {""}))
            return [found[key] for key in sorted(found)]
        for lead_id, program, customer, *texts in rows:
            if person.stands_in_lead(*texts):
                found[lead_id] = Found(lead_id, program)
                customers.add(customer)
        after = rows[-1][0]
        progress(len(rows))


def _masked_of(customers):
    found = {}
    for start in range(0, len(customers), CHUNK):
        query = Lead.select(Lead.id, Lead.program).where(Lead.customerid.in_(customers[start : start + CHUNK]))
        with database.read():
            found |= {lead.id: Found(lead.id, lead.program) for lead in query.where(Lead.masked_at.is_null(False))}
    return found


def erase(found, person, kind, now=None):
    """Empty these leads of all that is personal, for ever, and record that it was done.

    Returns whether nothing of them is left in the database's files (see `database.scrub`).
    """
    now = now or datetime.now(UTC)
    ids = [lead.id for lead in found]
    record = Erasure.insert(id=str(ULID.from_datetime(now)), at=now, kind=kind, leads=len(ids))
    database.transact(record.execute)
    for start in range(0, len(ids), AT_ONCE):
        batch = ids[start : start + AT_ONCE]
        database.transact(lambda batch=batch: _erase(batch, person, now))
    return database.scrub()


def forget_places(found, person, programs):
    """Free the places that these leads hold, and those that other leads of the person took by one value alone.

    There is no index for the first: who reads all places must not write meanwhile. With another secret than the
    places were made with, none would be found.
    """
    database.transact(hold_secret)
    ids = [lead.id for lead in found]
    for start in range(0, len(ids), CHUNK):
        with database.read():
            keys = [row.key for row in Taken.select(Taken.key).where(Taken.lead.in_(ids[start : start + CHUNK]))]
        for first in range(0, len(keys), CHUNK):
            database.transact(Taken.delete().where(Taken.key.in_(keys[first : first + CHUNK])).execute)
    database.transact(Taken.delete().where(Taken.key.in_(list(_places(person, programs)))).execute)


def _places(person, programs):
    for program in programs:
        for rule in program.spec.rules:
            for names in rule.unique or ():
                if len(names) == 1:
                    place = place_of(program.name, rule, names)
                    for value in person.values:
                        for key in unique_keys(place, former_places(place, program.fields), [value]):
                            yield from (keyed_hash(*key), keyed_hash("test", *key))


def _erase(ids, person, now):
    columns = Lead.id, Lead.program, Lead.partner, Lead.email, Lead.phone, Lead.trace
    for lead in Lead.select(*columns).where(Lead.id.in_(ids)):
        others = {}
        is_same = lead.partner.lower() in (lead.email.lower(), lead.phone)
        if lead.partner and (is_same or person.stands_in(lead.partner)):
            others["partner"] = ""
            daily.forget_partner(lead.program, lead.partner)
            Backtest.delete().where(Backtest.program == lead.program).execute()  # reports name partners
        _empty(lead, "erased", now, fields={}, customerid="", **others)


# --- What has run out ---


def clear_expired(now=None):
    """Clear away some places, totals and failed logins that have run out; tell whether there may be more.

    They have by the clock of the database: one machine's own may be ahead of those that need them still.
    """
    now = now or database.now()
    cleared = 0
    run_out = (Taken.expires_at <= now, Total.expires_at <= now, FailedLogin.at <= now - LOGIN_WINDOW)
    for table, has_run_out in zip((Taken, Total, FailedLogin), run_out, strict=True):
        key = table._meta.primary_key
        expired = table.select(key).where(has_run_out).limit(CLEARED_AT_ONCE)
        expired = database.engine().to_write(expired)  # pass over what a lead is about to take
        cleared += table.delete().where(key.in_(expired)).execute()
    return cleared >= CLEARED_AT_ONCE
