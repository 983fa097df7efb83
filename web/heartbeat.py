"""A call every five minutes while leads can be stored, and none otherwise: who awaits it tells when it stays away.

Of all processes and machines one calls at a time: whose turn it is (turns.py). So that the turn can be taken, leads can
be stored.
"""

import threading

import database
from database import StoreError
from database.claims import milliseconds
from web import turns
from web.calling import Forbidden, Unreached, call
from web.health import check_writing
from web.logs import log

EVERY = 300_000  # milliseconds
LOOK_EVERY = 30  # seconds: so late a call may be, which those who await it allow for
AGAIN = 60_000  # milliseconds, where nobody answered
NAME = "heartbeat"


class Heartbeat:
    """The heartbeat of one process."""

    def __init__(self, settings):
        self._settings, self._stopping, self._told = settings, threading.Event(), ""

    def begin(self):
        """Begin to call in a thread of its own, if DATAPOST_HEARTBEAT_URL is set."""
        if self._settings.heartbeat_url:
            threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self):
        self._stopping.set()

    def _run(self):
        while not self._stopping.is_set():
            self.beat()
            self._stopping.wait(LOOK_EVERY)

    def beat(self):
        """Call if it is time to and leads can be stored; tell whether somebody answered that he heard it."""
        try:
            if not database.transact(lambda: turns.take(NAME, EVERY)):
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
        if why:
            self._try_again()
        return not why

    def _try_again(self):
        try:
            database.transact(lambda: turns.move(NAME, milliseconds(database.now()) + AGAIN))
        except StoreError as error:
            log.error("no heartbeat: the store cannot be written: %s", error)
