"""What a service does about impact.com by itself, each of CHORES by one process of all at a time.

It has a thread of its own, which writes no leads and waits for nobody who does. Nothing is done without an account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import database
from database import StoreError
from database.claims import milliseconds
from impact.api import ApiError, Later, is_set
from impact.lease import SPAN, CannotReconcile
from impact.reconciliation import reconcile
from impact.reversals import run_due
from models import Fact
from web import logs, turns
from web.background import Background
from web.logs import log
from web.service import rulebook

MINUTE = 60_000  # milliseconds
LONGEST_WAIT = 120  # seconds for the next call, in the midst of work: after more, all of it is done again


@dataclass(frozen=True)
class Chore:
    """What is done `every` so many milliseconds, and if it failed `again` after so many.

    That is `work(made)`; with `each`, for each program, `work(made, program, wait=…)`.
    """

    name: str
    every: int
    again: int
    work: Callable
    each: bool = False


CHORES = [
    Chore("reversals", MINUTE, 5 * MINUTE, run_due),
    Chore("reconcile", 6 * 60 * MINUTE, 30 * MINUTE, reconcile, each=True),
]


class Rounds:
    """What does the chores in one process."""

    def __init__(self, app):
        self._app, self._thread = app, Background("impact", self.work)

    @property
    def _made(self):
        return self._app.extensions["datapost"]

    def begin(self):
        """Begin in a thread of its own, if there is an account at impact.com."""
        if is_set(self._made.settings):
            self._thread.begin()

    def stop(self):
        """End the thread, or leave it alone with a call that takes longer; another process does it again then."""
        self._thread.stop()

    def work(self):
        """Do what is due. What fails is done later, and is no fault of a store's."""
        with self._app.app_context():
            try:
                for chore, turn, work in self._chores():
                    if not self._thread.stopping:
                        _take_turn(chore, turn, work, self._thread)
            except StoreError:  # it is down, which the heartbeat and /health tell
                pass
            except Exception as error:
                self._tell(error)

    def _tell(self, error):
        if not self._thread.stopping:  # else the database may be closed already
            log.error("impact.com: a fault of ours", {"error": logs.where(error)})

    def _chores(self):
        """Yield each chore with the name of its turn, and its work; what is of no program, anew before each program."""
        programs = [program for _, program in sorted(rulebook().programs.items()) if program.spec.impact]
        shared = [chore for chore in CHORES if not chore.each]
        for program in programs or [None]:  # what is on its way is followed, whatever the rules say meanwhile
            for chore in shared:
                yield chore, f"impact:{chore.name}", partial(chore.work, self._made)
            for chore in CHORES:
                if chore.each and program:
                    work = partial(chore.work, self._made, program, wait=self._wait)
                    yield chore, turn_of(chore.name, program.name), work

    def _wait(self, seconds):
        return seconds <= LONGEST_WAIT and self._thread.pause(seconds)


def _take_turn(chore, turn, work, thread):
    """Do a chore if it is our turn, and have the next be due: after a while of its own if impact.com says when."""
    if not database.transact(lambda: turns.take(turn, chore.every)):
        return
    _due_in(turn, min(SPAN, chore.every))  # who does it may be killed
    pause, why = _try(work, chore)
    if thread.stopping:
        return
    if why:
        log.warning("impact.com: %s is tried again in %d minutes: %s", turn, -(-pause // MINUTE), why)
    _due_in(turn, pause)


def _try(work, chore):
    """Do the work; return after how many milliseconds it is done again, and why it failed, or ""."""
    try:
        work()
    except Later as error:
        return error.seconds * 1000, str(error)
    except (ApiError, CannotReconcile) as error:
        return chore.again, str(error)
    except StoreError as error:
        return chore.again, f"the store cannot be used: {error}"
    except Exception as error:
        return chore.again, f"a fault of ours, {logs.where(error)}"
    return chore.every, ""


def _due_in(turn, span):
    database.transact(lambda: turns.move(turn, milliseconds(database.now()) + int(span)))


# --- What pages ask ---


def turn_of(chore, program):
    return f"impact:{chore}:{program}"


def due_at(program):
    """Return when a program, by its name, is reconciled next; None if that was never told. Within a reading."""
    found = Fact.select(Fact.value).where(Fact.name == turn_of("reconcile", program)).scalar()
    return datetime.fromtimestamp(int(found) / 1000, UTC) if found else None


def make_due(programs):
    """Have these programs, by their names, be reconciled as soon as some process looks. Raises StoreError."""
    for program in programs:
        database.transact(partial(turns.move, turn_of("reconcile", program), 0))
