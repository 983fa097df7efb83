"""How often impact.com is asked: at most 200 times in any hour, by all processes and machines together.

It allows 1,000; the rest is for what else the brand does there. 100 calls may come at once, and one each 36 seconds
thereafter (the generic cell rate algorithm: what is kept is when all that was called is worn off). The times are one
Fact, and go by the clock of the database.
"""

import database
from database.claims import milliseconds
from impact.told import Later
from models import Fact

NAME = "impact"
EACH = 36_000  # milliseconds: 100 in an hour
BURST = 100  # a first run over three years takes some 50
KEPT = 1  # call that lists leave to reversals: with more, many reversals would leave none to lists for hours
QUIET = 60  # seconds, where 429 does not say how long
LONGEST_QUIET = 3600  # seconds: its counts are those of an hour
SLACK = 1000  # milliseconds that clocks may be apart


def take(keep=0):
    """Take a call, and leave `keep` of those that may come at once. Raises Later, or StoreError."""
    if wait := database.transact(lambda: _take(keep)):
        seconds = -(-wait // 1000)
        raise Later(f"impact.com is not asked now, as the calls of this hour are used up: wait {seconds} s", seconds)


def quiet(seconds=None):
    """Note that impact.com answered 429: nobody asks for so many seconds, which are returned. Raises StoreError."""
    seconds = min(max(QUIET if seconds is None else seconds, 1), LONGEST_QUIET)

    def note():
        worn_off, until = _held()
        _hold(worn_off, max(until, milliseconds(database.now()) + seconds * 1000))

    database.transact(note)
    return seconds


def _take(keep):
    """Take a call, or return in how many milliseconds there is one."""
    now = milliseconds(database.now())
    worn_off, quiet_until = _held()
    if worn_off > now + BURST * EACH + SLACK:  # as where a clock was ahead
        worn_off = now
    if now < quiet_until <= now + LONGEST_QUIET * 1000 + SLACK:
        return quiet_until - now
    if (wait := worn_off - now - (BURST - 1 - keep) * EACH) > 0:
        return wait
    _hold(max(worn_off, now) + EACH, quiet_until)
    return 0


def _held():
    """Return when all calls are worn off, and until when nobody asks, in milliseconds since 1970; nobody else may."""
    Fact.insert(name=NAME, value="0 0").on_conflict_ignore().execute()
    row = database.engine().to_write(Fact.select().where(Fact.name == NAME), wait=True).get()
    worn_off, quiet_until = row.value.split()
    return int(worn_off), int(quiet_until)


def _hold(worn_off, quiet_until):
    Fact.update(value=f"{worn_off} {quiet_until}").where(Fact.name == NAME).execute()
