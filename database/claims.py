"""What only the database can decide: who gets a place, and whether a cap has room. Times are milliseconds since 1970.

Each place is taken or not in one statement, so that of two leads at once never both get it.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf

from database.connection import engine
from database.engines import db
from database.secret import keyed_hash
from database.statements import execute, execute_all

EPOCH = datetime.fromtimestamp(0, UTC)

# A place stays known until the last of those who asked for it needs it no more; without an end, for ever.
TAKE_PLACE = """
    INSERT INTO claim (key, lead, claimed_at, expires_at, fingerprint) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
        lead = excluded.lead, claimed_at = excluded.claimed_at, fingerprint = excluded.fingerprint,
        expires_at = CASE
            WHEN claim.expires_at < excluded.expires_at OR excluded.expires_at IS NULL THEN excluded.expires_at
            ELSE claim.expires_at END
    WHERE claim.claimed_at <= ? OR claim.lead = excluded.lead
"""
PLACE = "SELECT lead, claimed_at, expires_at FROM claim WHERE key = ?"
MOVE_PLACE = """
    INSERT INTO claim (key, lead, claimed_at, expires_at, fingerprint) VALUES (?, ?, ?, ?, '')
    ON CONFLICT (key) DO UPDATE SET
        lead = excluded.lead, claimed_at = excluded.claimed_at, expires_at = excluded.expires_at
    WHERE claim.claimed_at < excluded.claimed_at
"""
USE_UP = """
    INSERT INTO total (key, used, expires_at) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET used = total.used + excluded.used
    WHERE total.used + excluded.used <= ?
"""


def take_place(key, lead, now, within, kept, fingerprint=""):
    """Tell whether the lead got the place: nobody took it for the time `within` (None: ever) before `now`."""
    return execute(*_taking(key, lead, now, within, kept, fingerprint)) == 1


def _taking(key, lead, now, within, kept, fingerprint=""):
    run_out = -1 if within is None else now - within
    expires_at = None if kept is None else now + kept
    return TAKE_PLACE, [key, lead, now, expires_at, fingerprint, run_out]


def move_place(key, to):
    """Have what is known under a key stand under another one from now on; of two places, the younger lead's counts."""
    row = db.execute_sql(PLACE.replace("?", db.param), [key]).fetchone()
    if row:
        execute(MOVE_PLACE, [to, *row])
        execute("DELETE FROM claim WHERE key = ?", [key])


def taken_at(keys):
    """Return `{key: when}` of the places that are taken."""
    return _found("SELECT key, claimed_at FROM claim WHERE key IN ({})", keys)


def used_up(keys):
    """Return `{key: units}` of the totals that have begun."""
    return _found("SELECT key, used FROM total WHERE key IN ({})", keys)


def _found(sql, keys):
    return dict(db.execute_sql(sql.format(", ".join([db.param] * len(keys))), keys).fetchall())


def refused(claims, lead_id, now):
    """Take the places that a valid lead needs, all of them or none; return the positions of those it does not get."""
    lost, now = _lost_by_looking(claims, now), milliseconds(now)
    lost |= {n for n, claim in enumerate(claims) if claim.limit is not None and claim.units > claim.limit}
    wanted = _in_order(claims, lost)
    places = [_take(key, claims[n], lead_id, now) for key, n in wanted]
    several = len(wanted) > 1 or bool(lost)
    taken = execute_all(*[("SAVEPOINT places", ())] * several, *places)[several:]
    lost |= {n for (_, n), rows in zip(wanted, taken, strict=True) if rows != 1}
    if several and not all(claims[n].observed for n in lost):
        execute("ROLLBACK TO SAVEPOINT places", ())
    if several and not engine().side_by_side:  # where each lead has a transaction of its own, it ends with that
        execute("RELEASE SAVEPOINT places", ())
    return lost


def would_refuse(claims, now):
    """Return the positions of the claims that a lead of `now` would not get. Nothing is taken, and nothing written."""
    return _lost_by_looking([replace(claim, asked=True) for claim in claims], now)


def _lost_by_looking(claims, now):
    """Return the positions of the claims that are refused by what they only look at."""
    looked_at = [(n, key) for n, claim in enumerate(claims) for key in claim.before + (claim.key,) * claim.asked]
    if not looked_at:
        return set()
    keys = {key: keyed_hash(*key) for _, key in looked_at}
    hashes = list(keys.values())
    found = {key: EPOCH + timedelta(milliseconds=at) for key, at in taken_at(hashes).items()}
    if any(claims[n].limit is not None for n, _ in looked_at):
        found |= used_up(hashes)
    return {n for n, key in looked_at if not claims[n].allows(found.get(keys[key]), now)}


def _in_order(claims, lost):
    """Return the keys and positions of the claims that take something, in the order in which they are asked.

    By their keys, so that two leads that need the same places never wait for each other. Of two rules
    about one place, the longer one goes first: it must not see what the other took.
    """
    spans = [-claim.within.total_seconds() if claim.within else -inf for claim in claims]
    wanted = [n for n, claim in enumerate(claims) if not claim.asked and n not in lost]
    return [(key, n) for key, _, n in sorted((keyed_hash(*claims[n].key), spans[n], n) for n in wanted)]


def _take(key, claim, lead_id, now):
    if claim.limit is not None:
        return USE_UP, [key, claim.units, milliseconds(claim.until), claim.limit]
    return _taking(key, lead_id, now, *map(_span, (claim.within, claim.kept)))


def _span(time):
    """Return a timedelta in milliseconds, or None for ever."""
    return time and time // timedelta(milliseconds=1)


def milliseconds(moment):
    return moment and (moment - EPOCH) // timedelta(milliseconds=1)
