"""What is on its way, and what became of it: as the commands and the pages list it. All of it within a reading."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from peewee import JOIN, SQL, fn
from ulid import ULID

import database
from delivery.outbox import DEAD, WAITING, Delivered, Standing, at, name_of, paused
from models import OF_ERASURE, Delivery, Lead
from web.presenting import moment
from web.service import service

STATES = ("waiting", "sent", "dead", "withdrawn")
KEYS = ("lead", "program", "to", "state", "attempts", "due_at", "last_at", "last_status", "error", "sent_at")
MOMENTS = ("due_at", "last_at", "sent_at")
A_WEEK = 7  # days, today among them
TOO_LONG = timedelta(hours=1)  # for a lead to wait


def rows(to=None, state=None, lead=None, programs=None, limit=50, after=None):
    """Return deliveries as dicts of KEYS, those of the newest leads first; moments are datetimes, in UTC.

    Of a destination and the erasures that it is told of, in a state, of a lead, and of leads of these `programs`, by
    name. `after` is the `cursor` of the last row of the page before. `due_at` is None of what waits no more, `program`
    where the lead is gone.
    """
    query = Delivery.select(Delivery, Lead.program.alias("program"))
    query = query.join(Lead, JOIN.LEFT_OUTER, on=(Delivery.lead == Lead.id))
    conditions = [at(to)] if to else []
    conditions += [SQL(f"state = '{STATES[STATES.index(state)]}'")] if state else []  # by which an index is found
    conditions += [Delivery.lead == lead] if lead else []
    conditions += [Lead.program.in_(list(programs))] if programs is not None else []
    conditions += [_after(*after.split("_", 1))] if after else []
    if conditions:
        query = query.where(*conditions)
    query = query.order_by(Delivery.lead.desc(), Delivery.destination).limit(limit)
    return [_as_dict(row) for row in query.dicts()]


def _after(lead, destination=""):
    return (Delivery.lead < lead) | ((Delivery.lead == lead) & (Delivery.destination > destination))


def _as_dict(row):
    row |= {"to": row["destination"], "due_at": row["due_at"] if row["state"] == "waiting" else None}
    return {key: row[key] for key in KEYS}


def cursor(row):
    """Return what the page after this row begins with."""
    return f"{row['lead']}_{row['to']}"


def as_told(row):
    """Return a row as programs read it: moments in ISO 8601, in UTC."""
    return row | {key: row[key] and moment(row[key]) for key in MOMENTS}


@dataclass
class Overview:
    """How a destination fares.

    `waiting` leads are to go there, the first of them since `waits_since`, when it came, and due at `due_at`; events of
    erasures are counted too. `paused` is its Standing, or None. `programs` name it, `has_setting` says whether it is
    known where it is. `sent` and `sent_in_a_week` count today's and the last seven days' leads.
    """

    name: str
    waiting: int = 0
    waits_since: datetime | None = None
    due_at: datetime | None = None
    dead: int = 0
    paused: Standing | None = None
    has_setting: bool = False
    programs: list = field(default_factory=list)
    sent: int = 0
    sent_in_a_week: int = 0

    @property
    def waits_too_long(self):
        """Whether a lead has waited for more than an hour."""
        return bool(self.waits_since) and database.now() - self.waits_since > TOO_LONG


def overview(programs, only=False):
    """Return the Overview of each destination that these programs (by name) name, that has a setting or that has rows.

    With `only`, nothing is counted but the leads of these programs, and no destination shown that they have nothing
    to do with: for who sees some programs only.
    """
    found = {}

    def of(destination):
        return found.setdefault(name_of(destination), Overview(name_of(destination)))

    for program in programs.values():
        for entry in program.spec.deliver:
            of(entry.to).programs.append(program.name)
    _count_rows(of, list(programs) if only else None)
    standing, settings = paused(), service().settings.destinations
    for name in [] if only else [*settings, *standing]:
        of(name)
    _count_sent(of, programs)
    for name, one in found.items():
        one.paused, one.has_setting = standing.get(name), name in settings
        one.programs.sort()
    return dict(sorted(found.items()))


def _count_rows(of, programs):
    columns = Delivery.destination, fn.COUNT(SQL("*")), fn.MIN(Delivery.due_at), fn.MIN(Delivery.lead)
    for state in (WAITING, DEAD):
        query = Delivery.select(*columns).where(state).group_by(Delivery.destination)
        if programs is not None:
            query = query.join(Lead, on=(Delivery.lead == Lead.id)).where(Lead.program.in_(programs))
        for destination, count, due_at, lead in query.tuples():
            one, is_event = of(destination), destination.endswith(OF_ERASURE)
            if state is DEAD:
                one.dead += count
                continue
            one.waiting += count
            one.due_at = min(filter(None, [one.due_at, due_at]))
            one.waits_since = one.waits_since if is_event else ULID.from_str(lead).datetime


def _count_sent(of, programs):
    now = datetime.now(UTC)
    today = {name: now.astimezone(program.spec.timezone).date() for name, program in programs.items()}
    if not today:
        return
    first = f"{min(today.values()) - timedelta(days=A_WEEK - 1)}"
    query = Delivered.select().where(Delivered.program.in_(list(programs)), Delivered.day >= first)
    days = defaultdict(Counter)
    for row in query:
        days[row.program, row.destination][row.day] += row.sent
    for (program, destination), sent in days.items():
        week = {f"{today[program] - timedelta(days=ago)}" for ago in range(A_WEEK)}
        of(destination).sent += sent[f"{today[program]}"]
        of(destination).sent_in_a_week += sum(count for day, count in sent.items() if day in week)


def sent_on(days):
    """Return `{destination: (sent, dead)}` of the leads of programs, each on a day: `{program: day}`."""
    found = defaultdict(lambda: (0, 0))
    for program, day in days.items():
        for row in Delivered.select().where(Delivered.program == program, Delivered.day == f"{day}"):
            sent, dead = found[name_of(row.destination)]
            found[name_of(row.destination)] = sent + row.sent, dead + row.dead
    return dict(found)


@dataclass(frozen=True)
class Dead:
    """Leads that are dead for the same `error`: how many, since when the last is dead, and the newest of them."""

    error: str
    count: int
    last_at: datetime
    newest: str


def why_dead(programs=None):
    """Return why leads are dead, as `{destination: [Dead]}`, the most frequent first; of these `programs`, by name."""
    columns = fn.COUNT(SQL("*")), fn.MAX(Delivery.last_at), fn.MAX(Delivery.lead)
    query = Delivery.select(Delivery.destination, Delivery.error, *columns).where(DEAD)
    if programs is not None:
        query = query.join(Lead, on=(Delivery.lead == Lead.id)).where(Lead.program.in_(list(programs)))
    found = defaultdict(list)
    for destination, *values in query.group_by(Delivery.destination, Delivery.error).tuples():
        found[name_of(destination)].append(Dead(*values))
    return {name: sorted(reasons, key=lambda one: (-one.count, one.error)) for name, reasons in found.items()}
