"""The look at all that an owner must know, every five minutes by one process of all, and who is told of it and of days.

It has a thread of its own, which writes no leads and waits for nobody who does.
"""

from datetime import UTC
from functools import partial

import database
from alerts import digest, ledger, sources, telling
from alerts.sources import Scope
from database import StoreError
from models import Fact
from web import logs, turns
from web.background import Background
from web.logs import log
from web.service import rulebook, service

EVERY = 300_000  # milliseconds
LONGEST = 60  # seconds for a database that does not answer
SUMMARY, SUMMARY_EVERY = "digest", 60_000  # the turn to see whether a summary is due, and milliseconds


class Watch:
    """What looks and tells in one process."""

    def __init__(self, app):
        self._app, self._thread = app, Background("alerts", self.work)

    def begin(self):
        """Begin to look in a thread of its own, if DATAPOST_ALERTS says who is told."""
        if self._app.extensions["datapost"].settings.alerts:
            self._thread.begin()

    def stop(self):
        """End the thread, after what it is at if that is over in a moment; what it was to send, another one sends."""
        self._thread.stop()

    def work(self):
        """Look and tell, as far as that is due. What fails is done the next time, and is no fault of a store's."""
        with self._app.app_context():
            for work, seconds in ((look, LONGEST), (tell_days, LONGEST), (self._send, None)):
                if not self._thread.stopping:
                    self._try(work, seconds)

    def _try(self, work, seconds):
        database.set_deadline(seconds)
        try:
            work()
        except StoreError:  # it is down, which the heartbeat and /health tell
            pass
        except Exception as error:
            if not self._thread.stopping:  # else the database may be closed already
                log.error("alerts failed", {"error": logs.where(error)})
        finally:
            database.set_deadline(None)

    def _send(self):
        telling.send_due(service().settings, lambda: self._thread.stopping)


def look(at_once=False):
    """Look, if it is our turn, and have the receivers told; return what they are told is new, and what is over.

    `at_once`, it is our turn, and nothing waits for a second look. Raises StoreError.
    """
    token = database.transact(partial(turns.take, ledger.NAME, EVERY, early=at_once))
    if not token:
        return [], []
    settings, (concerns, now, whole) = service().settings, find()
    database.transact(partial(telling.give_up_old, settings))
    options = {"receivers": settings.alerts, "url": settings.url, "whole": whole, "token": token}
    return ledger.note(concerns, now, at_once, **options)


def find():
    """Return all Concerns that there are, by when, and whether each source could be asked."""
    book, found, whole = rulebook(), [], True
    with database.read():
        now = database.now()
    scope = Scope(book.programs, book, now)
    for source, *about in sources.asked(scope):
        try:
            with database.read():
                found.extend(source(*about))  # what it told before a fault counts
        except StoreError:
            raise
        except Exception as error:
            log.error("a source of alerts failed", {"source": source.__name__, "error": logs.where(error)})
            whole = False
    return found, now, whole


def listed():
    """Return what is on now, by a look that tells nobody, and what was over in the last seven days."""
    concerns, now, _ = find()
    with database.read():
        return ledger.listed(concerns, now, service().settings.url)


# --- Summaries ---


def tell_days():
    """Have the receivers told of yesterday, in each time zone of programs in which that is due. Raises StoreError."""
    made = service().settings
    if not (made.digest and made.alerts):
        return
    if not database.transact(partial(turns.take, SUMMARY, SUMMARY_EVERY)):
        return
    programs = list(rulebook().programs.values())
    with database.read():
        now, known = database.now(), ledger.known_alerts()
    last = _last_told(programs, made.digest, now)
    for zone, some in digest.zones_due(programs, made.digest, now, last).items():
        clock = _zones(some)[zone]
        then = digest.as_of(clock, made.digest, now, last[zone])
        message, told = digest.of_day(some, then, known, made.url), f"{then.astimezone(clock).date()}"
        database.transact(partial(_tell_day, zone, last[zone], told, message, made.alerts, now))


def _zones(programs):
    return {str(program.spec.timezone): program.spec.timezone for program in programs} or {str(UTC): UTC}


def _last_told(programs, time, now):
    """Return for each time zone the day that was told last, which for a new one is noted now."""
    first = {zone: digest.told_at_first(clock, time, now) for zone, clock in _zones(programs).items()}

    def work():
        for zone, day in first.items():
            Fact.insert(name=_fact(zone), value=day).on_conflict_ignore().execute()
        return {zone: Fact.get_by_id(_fact(zone)).value for zone in first}

    return database.transact(work)


def _fact(zone):
    return f"{SUMMARY}:{zone}"


def _tell_day(zone, before, day, message, receivers, now):
    """Have the receivers told, unless another process was quicker."""
    if Fact.update(value=day).where(Fact.name == _fact(zone), Fact.value == before).execute():
        ledger.have_sent(message, receivers, now)


def summary(programs):
    """Return the Message that tells of yesterday, for these programs, with what is wrong now."""
    with database.read():
        now = database.now()
    return digest.of_day(programs, now, listed(), service().settings.url)


def have_told(message):
    """Have a message wait for each receiver, due now."""
    receivers = service().settings.alerts
    database.transact(lambda: ledger.have_sent(message, receivers, database.now()))
