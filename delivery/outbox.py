"""The outbox: which leads wait to be sent where, who has which of them, and what became of it.

All of it stands in the database, so that any number of processes and machines share the work, by its clock. Who sends
claims one row for a time that is longer than a call may take: if he is killed, another one goes on after that.
What is sent may arrive more than once, and in no order: nobody can know of a call whose answer was lost.
"""

import random
from dataclasses import dataclass
from datetime import timedelta

from peewee import SQL, CharField, CompositeKey, IntegerField, TextField

import database
from database import db, statements
from database.claims import milliseconds
from database.columns import Table, Time
from models import OF_ERASURE, Delivery, Lead, first_id, tell_erased

# Until the next attempt, from the one before: ten in all, over three days.
DELAYS = [timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)]
ATTEMPTS = len(DELAYS) + 1
JITTER = 0.15  # so that what failed at once does not come back at once
LEASE = timedelta(seconds=80)  # a call takes 20 at most
PROBE_EVERY = timedelta(hours=1)
MOST_FAILURES = 10  # in a row; then a destination is paused
TOO_FAST = 429  # which says nothing against a destination

# Conditions in the form by which the databases find the indexes of these alone.
WAITING, DEAD = SQL("state = 'waiting'"), SQL("state = 'dead'")


class Standing(Table):
    """How a destination fares: its `failures` in a row, and since when it is paused, by whom ("": by itself) and why.

    At `probe_at` one that paused by itself is tried again, by one lead.
    """

    name = TextField(primary_key=True)
    failures = IntegerField(default=0)
    paused_at = Time(null=True)
    paused_by = TextField(default="")
    why = TextField(default="")
    probe_at = Time(null=True)


class Delivered(Table):
    """How many of a program's leads were sent to a destination on a day, and how many are dead; they outlive rows.

    The day is that of the program's time zone.
    """

    program = TextField()
    day = CharField(10)
    destination = TextField()
    sent = IntegerField()
    dead = IntegerField()

    class Meta:
        primary_key = CompositeKey("program", "day", "destination")


@dataclass(frozen=True)
class Claimed:
    """A row that is ours until `lease_until`: its `attempts` count this one. A `probe` uses up none."""

    lead: str
    destination: str
    attempts: int
    lease_until: int
    probe: bool = False

    @property
    def name(self):
        """The destination as rule files and settings name it."""
        return name_of(self.destination)


def name_of(destination):
    return destination.partition(OF_ERASURE)[0]


# --- Claiming ---

# One statement, so that of two who look at once each gets another row. Those who hold one are passed over.
CLAIM = """
    UPDATE delivery SET attempts = attempts + ?, last_at = ?, lease_until = ?
    WHERE (lead, destination) = (
        SELECT lead, destination FROM delivery
        WHERE state = 'waiting' AND destination = ? AND due_at <= ? AND (lease_until IS NULL OR lease_until <= ?)
        ORDER BY due_at LIMIT 1 {skip_locked})
    RETURNING lead, attempts
"""


def claim(destination):
    """Return the row of a destination that is due and nobody's, now ours, as Claimed; None if there is none.

    Of one that is paused it is a probe, once an hour. Raises StoreError.
    """
    return database.transact(lambda: _claim(destination))


def _claim(destination):
    now = milliseconds(database.now())
    standing = _troubled(destination)
    probe = standing is not None and standing.paused_at is not None
    if probe and not _may_probe(standing):
        return None
    lease_until = now + LEASE // timedelta(milliseconds=1)
    skip_locked = "FOR UPDATE SKIP LOCKED" if database.engine().side_by_side else ""
    sql = CLAIM.format(skip_locked=skip_locked).replace("?", db.param)
    rows = db.execute_sql(sql, [int(not probe), now, lease_until, destination, now, now]).fetchall()
    if not rows:
        return None
    if probe:
        Standing.update(probe_at=database.now() + PROBE_EVERY).where(Standing.name == standing.name).execute()
    ((lead, attempts),) = rows
    return Claimed(lead, destination, attempts, lease_until, probe)


TROUBLED = "SELECT 1 FROM standing WHERE name = ? AND (failures > 0 OR paused_at IS NOT NULL)"


def _troubled(destination):
    """Return the Standing of a destination that failed or is paused, else None: peewee takes longer to ask for it."""
    name = name_of(destination)
    return Standing.get_or_none(name=name) if _rows(TROUBLED, name) else None


def _may_probe(standing):
    """Tell whether a probe is due, and have others who ask wait until this one has taken it."""
    if standing.paused_by or standing.probe_at > database.now():
        return False
    asked = Standing.select().where(Standing.name == standing.name, Standing.probe_at == standing.probe_at)
    return database.engine().to_write(asked).first() is not None


# What is due and nobody's; else when the first comes back to be anybody's, or is due: few are on their way.
FREE = """
    SELECT 1 FROM delivery WHERE state = 'waiting' AND destination = ? AND due_at <= ?
    AND (lease_until IS NULL OR lease_until <= ?) ORDER BY due_at LIMIT 1
"""
NEXT = """
    SELECT MIN(lease_until) FROM delivery WHERE state = 'waiting' AND destination = ? AND due_at <= ?
    UNION ALL SELECT MIN(due_at) FROM delivery WHERE state = 'waiting' AND destination = ? AND due_at > ?
"""


def next_due(destination):
    """Return how many seconds from now a row of a destination may be claimed; None if none may. Within a reading."""
    standing, now = _troubled(destination), milliseconds(database.now())
    if standing and standing.paused_at:
        found = [] if standing.paused_by else [milliseconds(standing.probe_at)]
    elif _rows(FREE, destination, now, now):
        return 0
    else:
        found = [at for (at,) in _rows(NEXT, destination, now, destination, now) if at is not None]
    return max(min(found) - now, 0) / 1000 if found else None


def _rows(sql, *values):
    return db.execute_sql(sql.replace("?", db.param), values).fetchall()


# --- What became of it ---


def settle(claimed, outcome, program=None):
    """Note what became of an attempt, as an answers.Outcome; return why its destination is paused from now on, or None.

    `program` is that of the lead, if there still is one. Raises StoreError.
    """
    return database.transact(lambda: _settle(claimed, outcome, program))


def settle_and_claim(claimed, outcome, program=None):
    """Do as `settle`, and return beside that the next row of this destination, as `claim` does: one commit, not two."""
    return database.transact(lambda: (_settle(claimed, outcome, program), _claim(claimed.destination)))


# Written out, as are those by which a lead is stored: who settles keeps leads from being stored meanwhile.
FOUND = "SELECT state, lease_until FROM delivery WHERE lead = ? AND destination = ?"
NOTE_SENT = """
    UPDATE delivery SET state = 'sent', sent_at = ?, last_status = ?, error = '', remote_id = ?, lease_until = NULL
    WHERE lead = ? AND destination = ?
"""
COUNT = """
    INSERT INTO delivered (program, day, destination, sent, dead) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (program, day, destination)
    DO UPDATE SET sent = delivered.sent + excluded.sent, dead = delivered.dead + excluded.dead
"""


def _settle(claimed, outcome, program):
    # What else is done to it meanwhile, as by an erasure, is waited for: who was sent then is to be told that too.
    found = FOUND + " FOR UPDATE" * database.engine().side_by_side
    state, lease_until = next(iter(_rows(found, claimed.lead, claimed.destination)), (None, None))
    if state in (None, "sent"):  # deleted with its lead; or another one sent it too, or it is noted again
        return None
    now = database.now()
    if outcome.result == "sent":
        _sent(claimed, state, outcome, program, now)
        return None
    if state != "waiting" or lease_until != claimed.lease_until:
        return None  # it was withdrawn, or took longer than its lease, and somebody else is at it
    if claimed.probe and (outcome.ours or outcome.result == "withdrawn"):  # nobody was asked: another lead is the probe
        Standing.update(probe_at=now).where(Standing.name == claimed.name, Standing.probe_at.is_null(False)).execute()
    tells = {"last_status": outcome.status, "error": outcome.error[:200], "lease_until": None}
    if outcome.result == "withdrawn":
        _change(claimed, state="withdrawn", **tells)
        return None
    if outcome.result == "dead" or (outcome.result == "again" and claimed.attempts >= ATTEMPTS and not claimed.probe):
        _change(claimed, state="dead", **tells)
        _count(claimed, program, now, dead=1)
    elif outcome.result == "again" and not claimed.probe:
        _change(claimed, due_at=now + delay(claimed.attempts, outcome.retry_after), **tells)
    else:  # the destination is to blame: no attempt is used up, and the next probe is another lead
        due_at = now + PROBE_EVERY if outcome.ours else now
        _change(claimed, attempts=claimed.attempts - (not claimed.probe), due_at=due_at, **tells)
    return _failed(claimed.name, outcome, now)


def delay(attempts, retry_after=None):
    """Return how long to wait after so many attempts, at least the seconds that the destination asks for."""
    usual = DELAYS[min(attempts, len(DELAYS)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  no secret
    return max(usual, timedelta(seconds=retry_after or 0))


def _sent(claimed, state, outcome, program, now):
    """Note that it arrived, even if it was withdrawn meanwhile: a person who was erased must know where he went."""
    key = claimed.lead, claimed.destination
    statements.execute(NOTE_SENT, [milliseconds(now), outcome.status, outcome.remote_id, *key])
    _count(claimed, program, now, sent=1)
    entry = program and entry_of(program, claimed.destination)
    if state == "withdrawn" and entry and entry.erasures and not claimed.destination.endswith(OF_ERASURE):
        tell_erased(Delivery.get(lead=claimed.lead, destination=claimed.destination), now)
    standing = _troubled(claimed.destination)
    if standing and standing.paused_at and not standing.paused_by:
        _resume(standing.name, now)
    elif standing and not standing.paused_at:
        Standing.update(failures=0).where(Standing.name == standing.name).execute()


def entry_of(program, destination):
    """Return what a program's rules say of a destination, or None."""
    return next((entry for entry in program.spec.deliver if entry.to == name_of(destination)), None)


def _change(claimed, **values):
    ours = Delivery.lead == claimed.lead, Delivery.destination == claimed.destination
    Delivery.update(values).where(*ours).execute()


def _count(claimed, program, now, sent=0, dead=0):
    if program and not claimed.destination.endswith(OF_ERASURE):
        day = f"{now.astimezone(program.spec.timezone):%Y-%m-%d}"
        statements.execute(COUNT, [program.name, day, claimed.destination, sent, dead])


def _failed(name, outcome, now):
    """Count a failure of a destination, and pause it if there are too many; return why it is paused from now on."""
    if outcome.status == TOO_FAST or outcome.ours:
        return None
    Standing.insert(name=name).on_conflict_ignore().execute()
    here = Standing.name == name
    Standing.update(failures=Standing.failures + 1).where(here).execute()
    standing = Standing.get(here)
    if standing.paused_at or (outcome.result != "pause" and standing.failures < MOST_FAILURES):
        return None
    why = outcome.error if outcome.result == "pause" else f"{standing.failures} failures in a row: {outcome.error}"
    Standing.update(paused_at=now, paused_by="", why=why, probe_at=now + PROBE_EVERY).where(here).execute()
    return why


# --- What operators do ---


def pause(name, operator):
    """Pause a destination until somebody resumes it: nothing is sent, and nothing used up."""
    database.transact(lambda: _pause(name, operator))


def _pause(name, operator):
    now = database.now()
    Standing.insert(name=name).on_conflict_ignore().execute()
    told = {"paused_at": now, "paused_by": operator, "why": f"paused by {operator}", "probe_at": None}
    Standing.update(told).where(Standing.name == name).execute()


def resume(name):
    """Resume a destination; what waits for it is due now. Return how many rows that are."""
    return database.transact(lambda: _resume(name, database.now()))


def _resume(name, now):
    due = Delivery.update(due_at=now).where(WAITING, at(name)).execute()  # first, as `_settle` does: or both may wait
    values = {"failures": 0, "paused_at": None, "paused_by": "", "why": "", "probe_at": None}
    Standing.update(values).where(Standing.name == name).execute()
    return due


def again(to=None, lead=None, since=None, programs=None):
    """Have what is dead sent again, at once and with all attempts; return how many rows that are.

    Of a destination, of a lead, or both; of leads that came `since`, and of these `programs`. What was sent is not sent
    again. Of a lead, what waits is due now.
    """
    chosen = [DEAD | WAITING if lead else DEAD]
    chosen += [at(to)] if to else []
    chosen += [Delivery.lead == lead] if lead else []
    chosen += [Delivery.lead >= first_id(since)] if since else []
    if programs is not None:
        chosen.append(Delivery.lead.in_(Lead.select(Lead.id).where(Lead.program.in_(programs))))

    def work():
        values = {"state": "waiting", "due_at": database.now(), "attempts": 0, "error": "", "last_status": None}
        return Delivery.update(values).where(*chosen).execute()

    return database.transact(work)


def at(name):
    """Return the condition of the rows of a destination, events of erasures among them."""
    return Delivery.destination.in_([name, name + OF_ERASURE])


def paused():
    """Return the Standing of each destination that is paused, by name. Within a reading."""
    return {row.name: row for row in Standing.select().where(Standing.paused_at.is_null(False))}
