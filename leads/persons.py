"""A person who asks, looked for and erased in the background: all leads are read, a million in two to six minutes.

The state stands in the store, since the page that asks for it may be answered by another process or machine; who
works on one renews its row. Of the person the row holds a keyed hash, by which the same address or number is known
when it is typed once more, and the ids of leads. An hour after the last work on it the row is gone.
"""

import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from peewee import CharField, TextField
from ulid import ULID

import database
from database import StoreError
from database.columns import JSONField, Table, Time
from database.secret import keyed_hash
from leads import erasure, search, sent
from models import Lead
from web import logs
from web.logs import log
from web.payload import as_text
from web.presenting import answer_of

AT_ONCE = 2  # in all processes: each takes a core for as long as it runs
GONE_AFTER = timedelta(seconds=20)  # it is renewed each second
RENEWED_EVERY = 1  # seconds
KEPT = timedelta(hours=1)
MOST_LISTED = 10_000  # of the leads: more are counted, and erased, but not listed
CHUNK = 50  # leads that are read at once: a body has up to 256 KB
WAITED = 1  # second in which a search of a small store is over, so that no page must ask again
SCRUBS, BETWEEN_SCRUBS = 6, 10  # attempts, and the seconds between them
NOT_KNOWN = (
    "Backups and exports that were made, what other systems were sent from them, and what became of it where leads "
    "were sent to, are not known here."
)


class Inquiry(Table):
    """A search for a person, and what came of it: `state` is searching, found, erasing, erased or failed.

    `programs` are the names of those that were searched; None are all. `digest` is of what was looked for.
    """

    moves = False  # they are kept for an hour

    id = CharField(26, primary_key=True)
    operator = TextField()
    kind = CharField(10)
    digest = CharField(64)
    programs = JSONField()
    started_at = Time()
    renewed_at = Time()
    state = TextField()
    report = JSONField()

    @property
    def runs(self):
        return self.state in RUNNING and not self.gone

    @property
    def gone(self):
        """Whether the process that worked on it has ended without a word."""
        return self.state in RUNNING and self.renewed_at < datetime.now(UTC) - GONE_AFTER


RUNNING = ("searching", "erasing")


class Wanted:
    """Who is looked for: by which kind of key, in which form it is compared, and as erasure.Person.

    Raises search.FilterError.
    """

    def __init__(self, kind, text, programs):
        text = text.strip()
        self.kind = kind
        if kind == "email":
            normal = search.normal_email(text)
            self._forms, self.person = [normal.casefold()], erasure.with_email(text, normal)
        else:
            self._forms = sorted(search.normal_phones(text, programs))
            self.person = erasure.with_phone(*self._forms)

    @property
    def digest(self):
        return keyed_hash("inquiry", self.kind, *self._forms)


# --- Searching ---


def start(wanted, operator, programs):
    """Start a search for somebody in these programs (None: all); return its Inquiry, or None if too many run."""
    now = datetime.now(UTC)
    report = {"read": 0, "total": 0}
    row = Inquiry(id=str(ULID()), operator=operator, kind=wanted.kind, digest=wanted.digest, programs=programs)
    row.started_at = row.renewed_at = now
    row.state, row.report = "searching", report

    def claim():
        database.lock("inquiry")  # two must not count at once
        return _running(RUNNING).count() < AT_ONCE and row.save(force_insert=True)

    if not database.transact(claim):
        return None
    _in_background(_search, row, wanted.person)
    return row


def find(inquiry_id):
    """Return the Inquiry with this id, or None. Raises StoreError."""
    with database.read():
        return search.find(Inquiry, inquiry_id)


def clear_old():
    """Delete the inquiries that nobody has worked on for an hour. For `database.add_chore`."""
    Inquiry.delete().where(Inquiry.renewed_at < datetime.now(UTC) - KEPT).execute()


def _running(states):
    return Inquiry.select().where(Inquiry.state.in_(states), Inquiry.renewed_at > datetime.now(UTC) - GONE_AFTER)


def _in_background(work, row, *arguments):
    thread = threading.Thread(target=_guarded, name="inquiry", args=(work, row, *arguments), daemon=True)
    thread.start()
    thread.join(WAITED)


def _guarded(work, row, *arguments):
    done = threading.Event()
    renewal = threading.Thread(target=_renew, name="inquiry renewal", args=(row, done), daemon=True)
    renewal.start()
    try:
        work(row, *arguments)
    except Exception as error:  # nobody waits for it: what went wrong is told by the row
        about = {"operator": row.operator, "erasing": "asked" in row.report, "error": logs.where(error)}
        log.error("the work on a person failed", about)
        try:
            _save(row, "failed")
        except StoreError as failed:
            log.error("the state of the work on a person cannot be written: %s", failed)
    finally:
        done.set()
        renewal.join()


def _renew(row, done):
    """Tell each second how far the work is: some of its steps, as VACUUM, take longer and tell nothing themselves."""
    while not done.wait(RENEWED_EVERY):
        values = {"report": dict(row.report), "renewed_at": datetime.now(UTC)}
        update = Inquiry.update(values).where(Inquiry.id == row.id, Inquiry.state.in_(RUNNING))
        with suppress(StoreError):  # it is told the next time
            database.transact(update.execute)


def _save(row, state):
    now = datetime.now(UTC)
    values = {"state": state, "report": row.report, "renewed_at": now}
    if state == "erased":
        values["digest"] = ""
    database.transact(Inquiry.update(values).where(Inquiry.id == row.id).execute)


def _look(row, person):
    """Return the leads that hold the person now, and count meanwhile those that are read."""
    row.report |= {"read": 0}
    with database.read():
        leads = Lead.select() if row.programs is None else Lead.select().where(Lead.program.in_(row.programs))
        row.report["total"] = leads.count()
    return erasure.find(person, _counting(row, "read"), row.programs)


def _counting(row, what):
    def count(leads):
        row.report[what] += leads

    return count


def _search(row, person):
    found = _look(row, person)
    row.report |= {
        "leads": [lead.id for lead in found[-MOST_LISTED:]],  # the newest
        "by_program": dict(sorted(Counter(lead.program for lead in found).items())),
        "searched_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    _save(row, "found")


# --- What was found ---


def leads_of(ids):
    """Yield the leads with these ids, the newest first; those that are deleted meanwhile are left out."""
    ids = sorted(ids, reverse=True)
    for first in range(0, len(ids), CHUNK):
        with database.read():
            query = Lead.select().where(Lead.id.in_(ids[first : first + CHUNK])).order_by(Lead.id.desc())
            leads = list(query)
        yield from leads


def told(lead, present, masked, sensitive=False):
    """Return all that is stored of a lead, and where it went, as a dict.

    `present` and `masked` are of web.presenting and web.masks; without `sensitive` the submission is left out. Within a
    reading.
    """
    shown = present(lead)
    shown["received_from"] = {"partner": lead.partner, "subpartner": lead.subpartner, "login": lead.user}
    shown["answered_to_impact"] = {"status": lead.status, **answer_of(lead, masked)._asdict()}
    removed = lead.masked_at and lead.masked_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    shown["values_removed_at"] = removed
    shown["sent_to"] = [{"to": row["to"], "sent_at": row["sent_at"]} for row in sent.sent_of([lead.id])]
    if sensitive:
        query = bytes(lead.query).decode(errors="replace")
        body = as_text(bytes(lead.body), lead.content_type)
        shown["submission"] = {"content_type": lead.content_type, "query": query, "body": body}
        shown |= {"email": lead.email, "phone": lead.phone}
    return shown


# --- Erasing ---


def erase(row, wanted, operator, programs, forgets):
    """Start to erase somebody who was found; return "begun", or why not: "busy", or "already".

    The leads are looked for once more, since others may have come. `programs` say which destinations are told; they are
    those of whose places the person's are forgotten too if `forgets`.
    """
    row.report |= {"asked": sum(row.report["by_program"].values()), "erased": 0, "forgets": forgets}

    def claim():
        database.lock("inquiry")  # of two clicks at once, one begins
        if _running(["erasing"]).where(Inquiry.id != row.id).count():
            return "busy"  # two that erase the same leads would both count them
        update = Inquiry.update(state="erasing", report=row.report, renewed_at=datetime.now(UTC))
        begun = update.where(Inquiry.id == row.id, Inquiry.state == "found").execute()
        return "begun" if begun else "already"

    if (outcome := database.transact(claim)) == "begun":
        log.info("person to erase", {"operator": operator, "kind": row.kind, "leads": row.report["asked"]})
        _in_background(_erase, row, wanted.person, operator, programs, forgets)
    return outcome


def _erase(row, person, operator, programs, forgets):
    found = _look(row, person)
    if forgets:
        erasure.forget_places(found, person, programs)
    if found:
        by_name = {program.name: program for program in programs}
        erasure.empty_all(found, person, row.kind, progress=_counting(row, "erased"), programs=by_name)
    log.info("person erased", {"operator": operator, "kind": row.kind, "leads": len(found), "forgets": forgets})
    row.report |= {"by_program": dict(sorted(Counter(lead.program for lead in found).items()))}
    newest = [lead.id for lead in found[-MOST_LISTED:]]
    row.report |= {"leads": newest, "still_in_files": True, "sent_to": sent.sent_to(newest)}
    _save(row, "erased")  # to take it out of the files may take as long again
    for attempt in range(SCRUBS):
        if attempt:
            time.sleep(BETWEEN_SCRUBS)
        with suppress(StoreError):
            if database.scrub():
                row.report["still_in_files"] = False
                return _save(row, "erased")
    log.warning("a person who was erased is still in the database's files: somebody reads the database")
