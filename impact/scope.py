"""What is compared: leads and actions, read in a few statements of some thousand rows or of some hundred ids each."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from peewee import chunked

from impact.conversions import ASKED_AT_ONCE
from impact.ledger import Action, Found, Reversal
from models import Lead, first_id

LEADS_AT_ONCE = 5000
OURS = ("submitting", "queued", "done", "restored")  # reversals that impact.com was told of


class Kept(NamedTuple):
    """What of a lead is compared."""

    id: str
    program: str
    received_at: datetime
    valid: bool
    test: bool
    partner: str
    sale_amount: Decimal | None


class Known(NamedTuple):
    """What of an action is compared."""

    id: str
    oid: str
    state: str
    amount: Decimal | None
    currency: str
    media_partner: str
    event_at: datetime | None
    seen_at: datetime


@dataclass(frozen=True)
class Covered:
    """What a run read whole: actions of the time between `since` and `until`, as they were at `at`.

    `oids` are those that it saw, of so many `actions`. `reach` is from when on all is known, by this run and those
    before. `whole` is false of a report, by which nothing outside is judged; `told_at` is when that was written, at the
    latest.
    """

    since: datetime
    until: datetime
    at: datetime
    reach: datetime
    oids: frozenset = frozenset()
    actions: int = 0
    whole: bool = True
    told_at: datetime | None = None


@dataclass
class Scope:
    """What is compared: leads by id and actions by order id, of the order ids `judged`."""

    program: object
    covered: Covered
    leads: dict = field(default_factory=dict)
    actions: dict = field(default_factory=lambda: defaultdict(list))
    judged: set = field(default_factory=set)
    reversals: dict = field(default_factory=dict)
    elsewhere: set = field(default_factory=set)
    oldest: datetime | None = None
    between: tuple | None = None

    @property
    def currency(self):
        return self.program.spec.currency or ""


def read(program, covered):
    """Return the Scope of what a run covered. Within a reading."""
    scope = Scope(program, covered)
    _read_leads(scope)
    _read_judged(scope)
    _read_named(scope)
    ours = Reversal.state.in_(OURS) | ~Reversal.sure  # or may be: nobody heard what became of it
    rows = Reversal.select().where(Reversal.program == program.name, ours)
    scope.reversals = {row.lead: row for row in rows}
    scope.oldest = _oldest(program, covered.at)
    scope.between = None if covered.whole else _between(scope)
    return scope


def _read_leads(scope):
    """Read the leads of the time, a few thousand at once."""
    name, last = scope.program.name, first_id(scope.covered.since)
    end = first_id(max(scope.covered.until, scope.covered.since))
    while rows := list(_leads().where(Lead.program == name, Lead.id > last, Lead.id < end).limit(LEADS_AT_ONCE)):
        scope.leads |= {row[0]: Kept(*row) for row in rows}
        last = rows[-1][0]


def _leads():
    return Lead.select(*(getattr(Lead, name) for name in Kept._fields)).order_by(Lead.id).tuples()


def _read_judged(scope):
    """Note which order ids are judged: of the leads and actions of the time, and what else the run saw."""
    covered = scope.covered
    of_time = Action.event_at.is_null() | Action.event_at.between(covered.since, covered.until)
    of_time = (Action.program == scope.program.name) & of_time
    oids = {oid for (oid,) in Action.select(Action.oid).where(of_time).tuples()}
    scope.actions[""] += map(Known._make, _actions().where(of_time, Action.oid == ""))
    scope.judged = {*scope.leads, *oids, *covered.oids}
    if covered.whole:
        _read_opened(scope)


def _read_opened(scope):
    """Have what was found before be compared again, whenever it was."""
    opened = Found.select(Found.oid, Found.action).where(Found.program == scope.program.name, Found.gone_at.is_null())
    opened, known = list(opened.tuples()), {action.id for action in scope.actions.get("", ())}
    scope.judged |= {oid for oid, _ in opened}
    nameless = [action for oid, action in opened if not oid and action not in known]
    for some in chunked(nameless, ASKED_AT_ONCE):
        scope.actions[""] += map(Known._make, _actions().where(Action.id.in_(some)))


def _actions():
    return Action.select(*(getattr(Action, name) for name in Known._fields)).tuples()


def _read_named(scope):
    """Read all that is known of the order ids that are judged, of whatever time, and of whatever program."""
    named = sorted(oid for oid in scope.judged if oid)
    others = [oid for oid in named if oid not in scope.leads]
    columns = [getattr(Action, name) for name in Known._fields]
    for some in chunked(named, ASKED_AT_ONCE):
        for program, *row in Action.select(Action.program, *columns).where(Action.oid.in_(some)).tuples():
            if program == scope.program.name:
                scope.actions[row[1]].append(Known(*row))
            else:
                scope.elsewhere.add(row[1])
    for some in chunked(others, ASKED_AT_ONCE):
        scope.leads |= {row[0]: Kept(*row) for row in _leads().where(Lead.id.in_(some))}


def _between(scope):
    """Return when the first and the last lead came that a report tells of: its days may be those of another zone."""
    leads = [lead for oid in scope.covered.oids if (lead := scope.leads.get(oid))]
    came = [lead.received_at for lead in leads if lead.program == scope.program.name]
    return (min(came), max(came)) if came else None


def _oldest(program, now):
    """Return since when leads of the program are kept; None: there is none. What they became before, nobody can say."""
    first = Lead.select(Lead.received_at).where(Lead.program == program.name).order_by(Lead.id).limit(1).scalar()
    kept = program.spec.privacy and program.spec.privacy.delete_after
    return max(first, now - kept) if first and kept else first
