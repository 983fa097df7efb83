"""A call every five minutes while leads can be stored, and none otherwise: who awaits it tells when it stays away.

Of all processes and machines one calls at a time: whose turn it is (turns.py). So that the turn can be taken, leads can
be stored.
"""

from contextlib import suppress

import database
from database import StoreError
from database.claims import milliseconds
from web import turns
from web.background import Background
from web.calling import Forbidden, Unreached, call
from web.health import check_writing
from web.logs import log, where

EVERY = 300_000  # milliseconds
AGAIN = 60_000  # milliseconds, where nobody answered, leads could not be stored, or who was to call was killed
NAME = "heartbeat"


def _take():
    """Tell whether it is our turn, which is over in a minute unless it is moved on: who called may be killed."""
    ours = turns.take(NAME, EVERY)
    if ours:
        turns.move(NAME, milliseconds(database.now()) + AGAIN)
    return bool(ours)


class Heartbeat:
    """The heartbeat of one process."""

    def __init__(self, settings):
        self._settings, self._thread, self._told = settings, Background("heartbeat", self._work), ""

    def begin(self):
        """Begin to call in a thread of its own, if DATAPOST_HEARTBEAT_URL is set."""
        if self._settings.heartbeat_url:
            self._thread.begin()

    def stop(self):
        self._thread.stop()

    def _work(self):
        try:
            self.beat()
        except Exception as error:  # as where there is no room for a thread: the next time there may be
            log.error("no heartbeat, for a fault of ours", {"error": where(error)})

    def beat(self):
        """Call if it is time to and leads can be stored; tell whether somebody answered that he heard it."""
        try:
            if not database.transact(_take):
                return False
            check_writing()
            reply = call("GET", self._settings.heartbeat_url, private=self._settings.deliver_private)
            why = "" if reply.status < 300 else f"it answered {reply.status}"
        except StoreError as error:
            log.error("no heartbeat: the store cannot be written: %s", error)
            return False
        except (Forbidden, Unreached) as error:
            why = str(error)
        if why and why != self._told:  # once, and not every minute of a long outage there
            log.warning("the heartbeat is not heard: %s", why)
        self._told = why
        if not why:
            self._wait()
        return not why

    def _wait(self):
        """Have the next call be due; if that cannot be noted, it comes early."""
        with suppress(StoreError):
            database.transact(lambda: turns.move(NAME, milliseconds(database.now()) + EVERY))
