"""Who sends what waits: threads of each process, which never write leads and start when there is something to send.

One of them at a time looks for a row; who has one hands the looking over to the next, and sends. So one lead costs one
wake-up, and a destination that is slow or hangs keeps its own alone.
"""

import atexit
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic

import database
from database import StoreError
from delivery import kinds, outbox
from delivery.answers import Outcome
from delivery.parcel import erased, parcel_of
from models import OF_ERASURE, Lead
from web import logs
from web.logs import log
from web.presenting import presenter

AT_ONE = 4  # threads that one destination may keep: there are as many for each, so that none waits for another
LONGEST_SLEEP = 30  # seconds: others may have stored a lead and been killed before they sent it
TAKEN_PAUSE = 1  # second, where others take what is due, or too many are on their way already
LEAST_PAUSE = 0.1  # second after a look that found nothing: where a destination hangs, each lead would bring on one
AFTER_FAILURE = 5  # seconds, where the store cannot be used
SETTLE_WAIT = 50  # seconds to note what became of a call where it cannot: nobody else is at it for 80 from its claim
STOP_WAIT = 22  # seconds for what is on its way: a call takes 20 at most

NEVER_ENDED = "each of its attempts ended the service: look into the log"
NOT_NAMED = "the rules do not name this destination any more"


class Sender:
    """What sends the leads of one app: the settings say where to, the rules which and what of them."""

    def __init__(self, settings, book):
        self._settings, self._book = settings, book
        self._threads, self._starting, self._looking = [], threading.Lock(), threading.Lock()
        self._busy, self._awake, self._stopping = Counter(), threading.Event(), threading.Event()
        self._counting, self._most = threading.Lock(), AT_ONE * max(len(settings.destinations), 1)

    def wake(self):
        """Tell that something may be due, as from before this process; the first time, begin to send."""
        if self._settings.destinations:
            self._awake.set()
            if not self._threads:
                self._start_one()

    def stop(self):
        """End the threads after what is on its way, or let its lease run out."""
        self._stopping.set()
        self._awake.set()
        until = monotonic() + STOP_WAIT
        with suppress(KeyboardInterrupt):  # who asks twice waits no longer
            for thread in self._threads:
                thread.join(max(until - monotonic(), 0))

    def run_due(self):
        """Send all that is due now, and return how many leads had which result. Raises StoreError."""

        def run(_number):
            counts = Counter()
            while claimed := self._claim(self._destinations()):
                counts += self._send_all(claimed)
            return counts

        with ThreadPoolExecutor(self._most) as threads:
            return sum(threads.map(run, range(self._most)), Counter())

    def _start_one(self):
        with self._starting:
            if len(self._threads) < self._most and not self._stopping.is_set():
                if not self._threads:
                    atexit.register(self.stop)  # before the connections are closed, whose end was registered earlier
                thread = threading.Thread(target=self._run, name="sender", daemon=True)
                self._threads.append(thread)
                try:
                    thread.start()
                except (
                    RuntimeError
                ):  # the machine allows no more: the next lead tries again, and its answer is the same
                    self._threads.remove(thread)
                    log.warning("delivery: no thread can be started now")

    def _run(self):
        while not self._stopping.is_set():
            try:
                with self._looking:
                    claimed = self._find()
                if claimed:
                    self._send_all(claimed)
            except Exception as error:  # whatever it is, what waits is to be sent by this thread
                log.error("delivery failed", {"error": logs.where(error)})
                self._stopping.wait(AFTER_FAILURE)

    def _find(self):
        """Return a row to send once there is one, as outbox.Claimed; None where the service ends."""
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                due = self._due()
                if claimed := self._claim([destination for destination, seconds in due.items() if seconds == 0]):
                    if self._busy.total() == len(self._threads):  # else nobody would look meanwhile
                        self._start_one()
                    return claimed
                pause = min([LONGEST_SLEEP, *(seconds or TAKEN_PAUSE for seconds in due.values())])
            except StoreError:
                pause = AFTER_FAILURE
            if not self._stopping.wait(LEAST_PAUSE):
                self._awake.wait(pause)
        return None

    def _destinations(self):
        """Return what may be sent to: destinations that rules name, and that have an address."""
        self._book.refresh()
        found = {}
        for program in self._book.programs.values() if self._book.known else ():
            for entry in program.spec.deliver:
                if entry.to in self._settings.destinations:
                    found[entry.to] = None
                    found |= {entry.to + OF_ERASURE: None} if entry.erasures else {}
        return list(found)

    def _due(self):
        """Return `{destination: seconds}` until something is due there, of those where something waits."""
        destinations = self._destinations()
        with database.read():
            due = {destination: outbox.next_due(destination) for destination in destinations}
        return {destination: seconds for destination, seconds in due.items() if seconds is not None}

    def _claim(self, destinations):
        """Return the next row of one of these, none of which may keep too many threads; None if there is none."""
        for destination in destinations:
            if self._take_turn(destination):
                claimed = None
                try:
                    claimed = outbox.claim(destination)
                finally:
                    if not claimed:
                        self._free(destination)
                if claimed:
                    return claimed
        return None

    def _take_turn(self, destination):
        with self._counting:
            free = self._busy[outbox.name_of(destination)] < AT_ONE
            self._busy[outbox.name_of(destination)] += free
            return free

    def _free(self, destination):
        with self._counting:
            self._busy[outbox.name_of(destination)] -= 1
            passed_over = self._busy[outbox.name_of(destination)] == AT_ONE - 1
        if passed_over:
            self._awake.set()

    def _send_all(self, claimed):
        """Send what is ours, and what of its destination is due after it; return how many had which result."""
        destination, counts = claimed.destination, Counter()
        try:
            while claimed:
                result, claimed = self._send(claimed)
                counts[result] += 1
        finally:
            self._free(destination)
        return counts

    def _send(self, claimed):
        """Send what is ours, and note what became of it; return the result, and the next row, now ours, or None."""
        program = outcome = None
        try:
            program, outcome = self._attempt(claimed)
        except StoreError as error:
            log.warning("delivery: what is to be sent cannot be read: %s", error)
            return "again", None  # when its lease has run out
        except Exception as error:
            log.error("delivery failed", {"lead": claimed.lead, "to": claimed.destination, "error": logs.where(error)})
            outcome = Outcome("again", error="a fault of ours: the log says more", ours=True)
        return outcome.result, self._settle(claimed, outcome, program)

    def _attempt(self, claimed):
        """Return the program of a lead, and the Outcome of sending it."""
        with database.read():
            lead = Lead.get_or_none(id=claimed.lead)
            program = lead and self._book.programs.get(lead.program)
            entry = program and outbox.entry_of(program, claimed.destination)
            if claimed.attempts > outbox.ATTEMPTS:
                return program, Outcome("dead", error=NEVER_ENDED, ours=True)
            if claimed.destination.endswith(OF_ERASURE):
                parcel = erased(claimed.lead, claimed.name, lead and lead.masked_at)  # the same in each attempt
            elif lead is None or lead.masked_at:
                return program, Outcome("withdrawn", error="its values were removed before it went")
            elif entry is None:
                return program, Outcome("again", error=NOT_NAMED, ours=True)
            else:
                parcel = parcel_of(program, entry, lead, presenter(self._book.programs))
        return program, kinds.send(self._settings, self._settings.destinations[claimed.name], parcel)

    def _settle(self, claimed, outcome, program):
        """Note what became of an attempt, and return the next row of this destination, now ours, or None."""
        told = {"lead": claimed.lead, "to": claimed.destination, "attempt": claimed.attempts, "status": outcome.status}
        if outcome.result == "sent":
            log.info("delivered", told)
        else:
            log.warning("not delivered", told | {"result": outcome.result, "why": outcome.error})
        until = monotonic() + SETTLE_WAIT
        while True:
            goes_on = outcome.result == "sent" and not self._stopping.is_set()
            try:
                if goes_on:
                    why, following = outbox.settle_and_claim(claimed, outcome, program)
                else:
                    why, following = outbox.settle(claimed, outcome, program), None
                break
            except StoreError as error:
                if monotonic() > until or self._stopping.wait(AFTER_FAILURE):
                    told |= {"error": str(error)}
                    log.warning("delivery: what became of it cannot be noted, and it is sent again", told)
                    return None
        if why:
            log.error("destination paused", {"to": claimed.name, "why": why})
        if outcome.result != "sent" or claimed.probe:  # when something is due again may have changed
            self._awake.set()
        return following
