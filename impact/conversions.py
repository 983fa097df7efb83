"""Actions of a program, fetched in windows of time and kept in the table `action`.

What can still change is between the oldest action that is not locked and now, so these are read whole each time, by the
day of the action. That one became approved is no update at impact.com, so what was locked since is asked for by its
locking date; and what was changed long after is found by update. At first all is read by update, too: the documents do
not say whether a list by day leaves out what was not updated within seven days.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from peewee import chunked, fn

import database
from database import db, statements
from impact.ledger import Action
from models import Lead

LONGEST = timedelta(days=44)  # of a window: impact.com takes 45 days at most
FARTHEST = timedelta(days=3 * 365)  # back: impact.com tells no more
DAY = timedelta(days=1)
OVERLAP = timedelta(minutes=1)  # of two windows, as impact.com does not say which of its ends belong to one
LOCKED_WITHIN = timedelta(days=40)  # from now: what is locked later is young, and read by its own day
AT_ONCE = 200  # rows that are written in one transaction: some milliseconds of the one writer
ASKED_AT_ONCE = 500  # ids in one statement

COLUMNS = ("id", "oid", "program", "state", "amount", "payout", "cost", "currency", "media_partner", "event_at")
COLUMNS += ("locking_at", "seen_at")
CHANGING = tuple(column for column in COLUMNS if column not in ("id", "program"))
RANK = "CASE {} WHEN 'REVERSED' THEN 2 WHEN 'APPROVED' THEN 1 ELSE 0 END"
# Whose action it is stays, unless it is the lead's own program that sees it.
OWNER = """
    CASE WHEN EXISTS (SELECT 1 FROM lead WHERE lead.id = excluded.oid AND lead.program = excluded.program)
    THEN excluded.program ELSE action.program END
"""
# What was seen earlier changes nothing. Of two reports of the same day, nobody knows which is the younger one: but no
# state goes back by itself.
KEEP = f"""
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in CHANGING)},
        program = {OWNER}
    WHERE excluded.seen_at > action.seen_at OR
        (excluded.seen_at = action.seen_at AND {RANK.format("excluded.state")} >= {RANK.format("action.state")})
"""
LARGEST = 10**12  # what the columns of amounts hold


@dataclass(frozen=True)
class Window:
    """What is asked for: by "event", "locking" or "update", between two moments."""

    by: str
    since: datetime
    until: datetime


def split(by, since, until):
    """Return the Windows that cover a time, none of them too long for impact.com."""
    found = []
    while since < until:
        end = min(since + LONGEST, until)
        found.append(Window(by, since, end))
        since = end - OVERLAP if end < until else until
    return found


def windows(floor, last, now):
    """Return what is to be asked for: all since `floor`, and what changed since it was asked at `last`, if ever."""
    found = split("event", floor, now)
    if last:
        found += split("locking", last - DAY, now + LOCKED_WITHIN)
    return found + split("update", max((last or floor) - DAY, now - FARTHEST), now)


def floor(program, last, now):
    """Return from when on all is to be read: the oldest action that is not locked or, at first, the first valid lead.

    Within a reading. What could not be judged the last time, as it was too young, is after it too.
    """
    if last:
        query = Action.select(fn.MIN(Action.event_at)).where(Action.program == program.name)
        open_since = query.where(Action.locking_at.is_null() | (Action.locking_at > now)).scalar()
        found = min(filter(None, [open_since, last - 2 * DAY]))
    else:
        first = Lead.select(Lead.received_at).where(Lead.program == program.name, Lead.valid)
        found = first.order_by(Lead.id).limit(1).scalar() or now - LONGEST
    return max(found - OVERLAP, now - FARTHEST)


def fetch(api, program, window):
    """Return what is Seen of a program in a window, all pages of it. Raises ApiError."""
    asked = program.spec.impact
    found = api.actions(asked.campaign, by=window.by, since=window.since, until=window.until)
    return [seen for seen in found if (seen.campaign, seen.event_type) == (asked.campaign, asked.event_type)]


def strangers(programs, program):
    """Return the names of the programs whose leads are no conversions of this campaign and event type.

    A program that is not known any more is none of them: it may have been renamed.
    """
    return {one.name for one in programs.values() if _target(one) != _target(program)}


def _target(program):
    return program.spec.impact and (program.spec.impact.campaign, program.spec.impact.event_type)


def store(found, program, others, seen_at, transact=database.transact):
    """Keep what was Seen, in transactions of some rows each.

    An action belongs to the program whose lead it is, unless that is one of these `others`, and else to this program;
    what another one has, it keeps.
    """
    stand_ins = {seen.id for seen in found if is_stand_in(seen.id)}
    for some in chunked(sorted(found, key=lambda seen: seen.id), AT_ONCE):  # in one order: two never wait for another
        transact(partial(_store, some, program.name, others, seen_at, stand_ins))


def _store(found, program, others, seen_at, stand_ins):
    query = Lead.select(Lead.id, Lead.program).where(Lead.id.in_([seen.oid for seen in found]), Lead.program != program)
    owners = {lead: name for lead, name in query.tuples() if name not in others}
    rows = {seen.id: _row(seen, owners.get(seen.oid, program), seen_at) for seen in found}
    sql, values = statements.insertion("action", COLUMNS, *rows.values())
    db.execute_sql(f"{sql} {KEEP}".replace("?", db.param), values)
    _forget_stand_ins({seen.oid for seen in found if seen.oid and seen.id not in stand_ins}, stand_ins)


def _row(seen, program, seen_at):
    values = {column: getattr(seen, column, None) for column in COLUMNS} | {"program": program, "seen_at": seen_at}
    for name in ("amount", "payout", "cost"):
        values[name] = values[name] if values[name] is not None and abs(values[name]) < LARGEST else None
    return [getattr(Action, column).db_value(values[column]) for column in COLUMNS]


STAND_IN = "oid:"  # begins the id of an action that a report tells without its id


def is_stand_in(action):
    return action.startswith(STAND_IN)


def _forget_stand_ins(oids, still):
    """Delete what stood in for actions of these order ids before their ids were known, and does not still."""
    query = Action.select(Action.id).where(Action.oid.in_(sorted(oids)), Action.id.startswith(STAND_IN))
    gone = {id for (id,) in query.tuples()} - still if oids else ()
    if gone:
        Action.delete().where(Action.id.in_(sorted(gone))).execute()
