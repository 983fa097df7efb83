"""A program is reconciled with a report that impact.com exports, for who has no account at its API.

A report tells of the days that it covers, from the first one in it to the last. Nothing else is judged by it.
"""

import json
from dataclasses import replace

from peewee import chunked

import database
from impact import conversions, report
from impact.conversions import ASKED_AT_ONCE, is_stand_in
from impact.lease import leased
from impact.ledger import Action, Reconciled
from impact.reconciliation import API, FILE, check, conclude
from impact.scope import Covered
from models import Fact

KEPT = "report columns:{}"  # the Fact which column is which in the reports of a program


def reconcile_file(made, program, table, mapping, dates=None, written_at=None, now=None):
    """Keep the actions of a Table (report.py) by its mapping, and find what does not fit; return the Result.

    `written_at` is when the file was written: of what came later, it tells nothing. Raises ReportError, CannotReconcile
    and StoreError. Within an app's context.
    """
    check(program)
    if now is None:
        with database.read():
            now = database.now()
    told_at = min(filter(None, [written_at, now]))
    found = report.read(table, mapping, program, dates, told_at)
    with leased(program.name) as lease:
        with database.read():
            row = Reconciled.get_or_none(program=program.name)
            seen = _completed(program.name, found.seen, has_states="state" in mapping)
        others = conversions.strangers(made.rulebook.programs, program)
        conversions.store(seen, program, others, found.until, lease.transact)
        oids = frozenset(one.oid for one in seen)
        covered = Covered(found.since, found.until, now, found.since, oids, len(seen), whole=False, told_at=told_at)
        lease.transact(lambda: _keep(program.name, mapping))
        return conclude(program, covered, _noted(row, found), lease)


def _noted(row, found):
    """Return what is noted of how far the program is reconciled: what its account told is more than a report."""
    if row and row.source == API and row.at:
        return {}
    values = {"source": FILE, "at": found.until, "reach": found.since}
    if row and row.at:
        values |= {"at": max(row.at, found.until), "reach": min(row.reach or found.since, found.since)}
    return values


def _completed(program, found, has_states):
    """Return what was Seen, with what is known besides: the ids of actions, and what has no column in the report."""
    by_id, by_oid = {}, {}
    for some in chunked(found, ASKED_AT_ONCE):
        ids, oids = [one.id for one in some], [one.oid for one in some if one.oid]
        for row in Action.select().where(Action.id.in_(ids) | Action.oid.in_(oids), Action.program == program):
            by_id[row.id] = row
            if row.oid and not is_stand_in(row.id):
                by_oid.setdefault(row.oid, {})[row.id] = row
    named = [replace(one, id=_id_of(one, by_oid)) if is_stand_in(one.id) else one for one in found]
    return [_with_known(one, by_id.get(one.id), has_states) for one in named]


def _id_of(seen, by_oid):
    """Return the id of the action that a stand-in is, if it is known: of several, the next one by its id."""
    known = by_oid.get(seen.oid) or {}
    return known.pop(min(known)).id if known else seen.id


def _with_known(seen, row, has_states):
    if row is None:
        return seen
    names = ("amount", "payout", "cost", "currency", "media_partner", "locking_at")
    values = {name: getattr(row, name) for name in names if getattr(seen, name) in (None, "")}
    return replace(seen, **values, **({} if has_states else {"state": row.state}))


# --- Which column is which ---


def kept(program):
    """Return the mapping that was used last, `{what: column}`, or {}. Within a reading."""
    row = Fact.get_or_none(name=KEPT.format(program))
    return json.loads(row.value) if row else {}


def _keep(program, mapping):
    name, value = KEPT.format(program), json.dumps(mapping, ensure_ascii=False)
    if not Fact.update(value=value).where(Fact.name == name).execute():
        Fact.insert(name=name, value=value).on_conflict_ignore().execute()
