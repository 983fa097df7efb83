"""Who reconciles a program has it alone, in whatever process: two at once would make half results."""

from contextlib import contextmanager, suppress

import database
from database import StoreError
from database.claims import milliseconds
from web import turns

SPAN = 15 * 60_000  # milliseconds: who was killed has it so long; a page of actions takes a minute at most


class CannotReconcile(Exception):
    """It cannot be reconciled now. The text is a sentence that says why, and what to do."""


class Busy(CannotReconcile):
    """Another process or thread reconciles the program."""


class Lease:
    """The right to reconcile a program, as long as `transact` writes within it."""

    def __init__(self, program):
        self._name, self._program = f"reconcile:{program}", program
        self._token = database.transact(lambda: turns.take(self._name, SPAN))
        if not self._token:
            raise Busy(
                f"{program} is being reconciled already, by the service or another command: try again in a while"
            )

    def keep(self, seconds=0):
        """Have it for so many seconds more than for a call. Raises Busy and StoreError."""
        self.transact(lambda: None, seconds * 1000)

    def transact(self, work, more=0):
        """Do work in a transaction, if it is ours still, and have it for longer. Raises Busy and StoreError."""

        def within():
            if not turns.holds(self._name, self._token):
                raise Busy(f"{self._program} took too long, and another process reconciles it now: nothing is lost")
            until = milliseconds(database.now()) + SPAN + more
            turns.move(self._name, until)
            return work(), str(until)

        done, self._token = database.transact_and_rest(within)  # a run writes many in a row, beside leads
        return done

    def end(self):
        with suppress(Busy, StoreError):
            self.transact(lambda: None)
            database.transact(lambda: turns.move(self._name, 0))


@contextmanager
def leased(program):
    """Hold the Lease of a program. Raises Busy and StoreError."""
    lease = Lease(program)
    try:
        yield lease
    finally:
        lease.end()
