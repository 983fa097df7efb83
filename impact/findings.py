"""What does not fit between the ledger and impact.com, since when, and whether an operator has seen it.

What is not found any more is gone, but only where a run compared it. What comes back, or tells something else than
before, is unseen again.
"""

from functools import partial

from peewee import Case, chunked, fn

import database
from impact.conversions import ASKED_AT_ONCE
from impact.ledger import Found
from impact.sentences import TOLD, advice, hides_partners, sentence
from models import Lead
from web.masks import MASK
from web.service import service

KINDS = tuple(TOLD)
GRAVE = frozenset({"rejected_here", "twice", "reversal_ignored"})  # they cost money now, and more each day
KEYS = ("kind", "program", "lead", "oid", "action", "expected", "found", "sentence")
RANKED = sorted(KINDS, key=lambda kind: kind not in GRAVE)
RANK = Case(Found.kind, [(kind, place) for place, kind in enumerate(RANKED)])
KEY = Found.program, Found.kind, Found.subject
ORDER = Found.seen_at.is_null(False), RANK, Found.since, Found.subject
AT_ONCE = 500  # rows that are written in one transaction
TELLING = ("lead", "oid", "action", "expected", "found")


# --- What a run changes ---


def note(program, compared, found, now, transact=database.transact):
    """Keep the Differences that were found of what was `compared`, in transactions of some rows each.

    `compared` holds order ids, and the ids of actions without one. Raises StoreError.
    """
    with database.read():
        rows = Found.select().where(Found.program == program.name, Found.gone_at.is_null())
        gone = {(row.kind, row.subject) for row in rows if (row.oid or row.action) in compared}
    gone -= {(one.kind, one.subject) for one in found}
    for some in chunked(found, AT_ONCE):
        transact(partial(_keep, program.name, some, now))
    for some in chunked(sorted(gone), AT_ONCE):
        transact(partial(_close, program.name, some, now))


def _keep(program, found, now):
    known = {}
    for some in chunked(sorted({one.subject for one in found}), ASKED_AT_ONCE):
        rows = Found.select().where(Found.program == program, Found.subject.in_(some))
        known |= {(row.kind, row.subject): row for row in rows}
    new = []
    for one in found:
        values = {name: getattr(one, name) for name in (*TELLING, "amount", "currency")}
        row = known.get((one.kind, one.subject))
        if row is None:
            new.append(values | {"program": program, "kind": one.kind, "subject": one.subject, "since": now})
        elif row.gone_at or any(getattr(row, name) != values[name] for name in TELLING):
            since = now if row.gone_at else row.since
            _at(program, one.kind, one.subject, **values, since=since, gone_at=None, seen_at=None, seen_by="")
    for some in chunked(new, ASKED_AT_ONCE // 5):
        Found.insert_many(some).on_conflict_ignore().execute()


def _close(program, gone, now):
    for kind, subject in gone:
        _at(program, kind, subject, gone_at=now)


def _at(program, kind, subject, **values):
    where = Found.program == program, Found.kind == kind, Found.subject == subject
    return Found.update(values).where(*where).execute()


# --- What operators and alerts ask ---


def standing(programs, kind="", first=0, most=None):
    """Return what is open of a program, by its name, or of several: dicts of KEYS, `advice`, `subject` and more.

    `since` is when it was found first; `seen_at` and `seen_by` who has seen it, None and "" as long as nobody has;
    `grave`, `amount` (a Decimal or None) and `currency` are for pages. What nobody has seen comes first, and of that
    what is grave, then the oldest; of one `kind`, or so many (`most`) from the `first` on. A sentence names no person,
    and a partner only where its field is not sensitive. Within a reading.
    """
    query = _open(programs, kind)
    if most is not None:  # looked for in an index, and read then: to sort 100,000 rows that are long takes a second
        keys = _open(programs, kind, *KEY).order_by(*ORDER).limit(most).offset(first)
        same = [column == getattr(keys.c, column.name) for column in KEY]
        query = Found.select().join(keys, on=same[0] & same[1] & same[2])
    return _told(query.order_by(*ORDER))


def count(programs, kind=""):
    """Return how many are open. Within a reading."""
    return _open(programs, kind).count()


def unseen(programs):
    """Return how many are open that nobody has seen, and whether a `grave` one is among them. Within a reading."""
    query = _open(programs, "", Found.kind, fn.COUNT(Found.subject)).where(Found.seen_at.is_null())
    counts = dict(query.group_by(Found.kind).tuples())
    return {"count": sum(counts.values()), "grave": not GRAVE.isdisjoint(counts)}


def _open(programs, kind="", *columns):
    """Return the query of what is open, of programs whose rules are there."""
    names = [programs] if isinstance(programs, str) else list(programs)
    names = [name for name in names if name in service().rulebook.programs]
    query = Found.select(*columns).where(Found.program.in_(names), Found.gone_at.is_null())
    return query.where(Found.kind == kind) if kind else query


def of_lead(program, lead):
    """Return the same of one lead of a program. Within a reading."""
    return _told(_open(program).where(Found.lead == lead).order_by(*ORDER))


def _told(rows):
    known, rows = service().rulebook.programs, list(rows)
    facts = _facts(rows)
    return [_as_dict(row, known[row.program], facts.get(row.lead, {})) for row in rows]


def _facts(rows):
    """Return what is told of leads and stands nowhere else: `{id: {"partner": …, "program": …}}`."""
    ids = sorted({row.lead for row in rows if row.kind in ("partner_differs", "unknown_here") and row.lead})
    found = {}
    for some in chunked(ids, ASKED_AT_ONCE):
        query = Lead.select(Lead.id, Lead.partner, Lead.program).where(Lead.id.in_(some)).tuples()
        found |= {lead: {"partner": partner, "program": program} for lead, partner, program in query}
    return found


def _as_dict(row, program, lead):
    told = {name: getattr(row, name) or None for name in ("lead", "oid", "action", "expected", "found")}
    if row.kind == "partner_differs":
        told["expected"] = MASK if hides_partners(program) else lead.get("partner") or None
        told["found"] = MASK if hides_partners(program) else told["found"]
    more = {name: getattr(row, name) for name in ("subject", "since", "seen_at", "seen_by", "amount", "currency")}
    words = {"sentence": sentence(row, program, lead), "advice": advice(row, program)}
    return {"kind": row.kind, "program": row.program} | told | words | more | {"grave": row.kind in GRAVE}


def as_told(found):
    """Return a dict of `standing` as programs read it: the keys of the issue, advice within the sentence."""
    return {key: found[key] for key in KEYS} | {"sentence": f"{found['sentence']} {found['advice']}"}


def see(program, kind, subject, operator):
    """Note that an operator has seen what is found; return whether it is open. Raises StoreError."""

    def work():
        where = Found.program == program, Found.kind == kind, Found.subject == subject, Found.gone_at.is_null()
        return Found.update(seen_at=database.now(), seen_by=operator).where(*where).execute()

    return bool(database.transact(work))
