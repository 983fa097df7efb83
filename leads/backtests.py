"""Backtests that operators start: they run in the background, and every process can tell how far they are.

The state stands in the store, since the page that asks for it may be answered by another process, or by
another machine. Who runs one renews its row each second: a row that is not renewed tells that its process
is gone.
"""

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ulid import ULID

import database
from database import StoreError
from leads import search
from leads.backtest import backtest, memory_of
from models import BACKTEST_GONE_AFTER, Backtest, Lead
from web import logs

AT_ONCE = 2  # in all processes: each takes a core for as long as it runs
LONGEST = 120  # seconds
MOST_LEADS = 200_000  # what a backtest remembers of each for the duplicates takes some hundred bytes
RENEWED_EVERY = 1  # seconds
KEPT = timedelta(days=1)
PAGE = 500
EPOCH = datetime.fromtimestamp(0, UTC)

log = logging.getLogger("datapost")


def start(program, days, operator, anew=()):
    """Start a backtest of a Program with the leads of so many days; return it, or None if too many run.

    `anew` are sentences on what the changed file begins anew, to be read with what is found.
    """
    now = datetime.now(UTC)
    report = {"days": days, "done": 0, "total": 0, "begun_at": None, "stopped_at": None, "anew": [*anew]}
    row = Backtest(
        id=str(ULID()),
        program=program.name,
        operator=operator,
        text=program.text,
        started_at=now,
        renewed_at=now,
        state="running",
        report=report,
    )

    def claim():
        database.lock("backtest")  # two must not count at once
        running = Backtest.select().where(Backtest.state == "running", Backtest.renewed_at > now - BACKTEST_GONE_AFTER)
        return running.count() < AT_ONCE and row.save(force_insert=True)

    if not database.transact(claim):
        return None
    arguments = row.id, program, now - timedelta(days=days), report
    threading.Thread(target=_run, name="backtest", args=arguments, daemon=True).start()
    return row


def clear_old():
    """Delete the backtests of yesterday: their reports name partners. For `database.add_chore`."""
    Backtest.delete().where(Backtest.started_at < datetime.now(UTC) - KEPT).execute()


def find(backtest_id):
    """Return the Backtest with this id, or None. Raises StoreError."""
    with database.read():
        return search.find(Backtest, backtest_id)


def _run(row_id, program, since, report):
    try:
        source = StoredLeads(row_id, program, since, report)
        found = backtest(program, source, since)
        _save(row_id, "done", report | found.as_dict())
    except Exception as error:  # nobody waits for it: what went wrong is told by the row
        log.error("a backtest failed", {"backtest": row_id, "error": logs.where(error)})
        _save(row_id, "failed", report)


def _save(row_id, state, report):
    now = datetime.now(UTC)
    update = Backtest.update(state=state, report=report, renewed_at=now).where(Backtest.id == row_id)
    try:
        database.transact(update.execute)
    except StoreError as error:
        log.error("the state of a backtest cannot be written: %s", error)


@dataclass
class StoredLeads:
    """The stored leads for a backtest, oldest first, as long as its time lasts; tells how far it is."""

    row_id: str
    program: object
    since: datetime
    report: dict
    until: float = field(default_factory=lambda: time.monotonic() + LONGEST)

    def __iter__(self):
        memory = memory_of(self.program)
        start = None if memory is None or memory > self.since - EPOCH else self.since - memory
        with database.read():
            self.report["total"] = search.stored(self.program.name, start).count()
            after = self._shortened()
        renewed = time.monotonic()
        while leads := self._page(start, after):
            for lead in leads:
                yield lead
                self.report["done"] += 1
                time.sleep(0)  # hand over to the threads that answer leads: else each would wait 5 ms for its turn
                now = time.monotonic()
                if now > self.until:
                    self.report["stopped_at"] = f"{lead.received_at:%Y-%m-%d %H:%M} UTC"
                    return
                if now - renewed > RENEWED_EVERY:
                    renewed = now
                    _save(self.row_id, "running", self.report)
            after = leads[-1].id

    def _shortened(self):
        """Return after which lead to start, so that there are not too many."""
        if self.report["total"] <= MOST_LEADS:
            return ""
        newest = search.stored(self.program.name).order_by(Lead.id.desc())
        (first,) = newest.offset(MOST_LEADS).limit(1)
        self.report |= {"total": MOST_LEADS, "begun_at": f"{first.received_at:%Y-%m-%d %H:%M} UTC"}
        return first.id

    def _page(self, start, after):
        with database.read():
            return list(search.stored(self.program.name, start).where(Lead.id > after).limit(PAGE))
