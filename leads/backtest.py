"""What a changed rule file would have done: stored leads judged anew, in the order of their time.

Claims are answered from memory. Test leads, repeated requests and bodies that could not be read
are left out; leads whose values were removed are counted, and cannot be judged.

Those that operators start run in the background. Their state stands in the store, since the page that asks for it
may be answered by another process, or by another machine. Who runs one renews its row each second: a row that is not
renewed tells that its process is gone.
"""

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from peewee import CharField, IntegerField, TextField
from ulid import ULID

import database
from database import StoreError
from database.columns import JSONField, Table, Time
from judge.caps import PERIODS
from judge.judgement import judge
from judge.verdict import Claims
from leads import search
from leads.search import EPOCH, Filter
from web import logs
from web.logs import log
from web.masks import MASK
from web.request import read as read_lead

AT_ONCE = 2  # in all processes: each takes a core for as long as it runs
LONGEST = 120  # seconds
MOST_LEADS = 200_000  # what a backtest remembers of each for the duplicates takes some hundred bytes
GONE_AFTER = timedelta(seconds=20)  # it is renewed each second
RENEWED_EVERY = 1  # seconds
KEPT = timedelta(days=1)
PAGE = 500
LISTED = 50  # of the leads that change, and of those with a reason, or of a partner
MOST_LISTED = 2000  # in all
NOTES_OF_A_CODE = 5


class Backtest(Table):
    """A backtest: its `state` is running, done or failed, `report` what it has found."""

    moves = False  # they are kept for a day

    id = CharField(26, primary_key=True)
    program = TextField()
    operator = TextField()
    text = TextField()
    started_at = Time()
    renewed_at = Time()
    state = TextField()
    report = JSONField()
    based_on = IntegerField(null=True, default=None)  # the version of the rules that it was held against

    @property
    def gone(self):
        """Whether the process that ran it has ended without a word."""
        return self.state == "running" and self.renewed_at < datetime.now(UTC) - GONE_AFTER


@dataclass
class Side:
    """Leads that change in one direction: how many, what they are worth, and who and why."""

    count: int = 0
    amount: Decimal = Decimal("0.00")
    by_reason: Counter = field(default_factory=Counter)
    by_partner: Counter = field(default_factory=Counter)
    amount_by_reason: dict = field(default_factory=lambda: defaultdict(Decimal))
    amount_by_partner: dict = field(default_factory=lambda: defaultdict(Decimal))
    by_subpartner: dict = field(default_factory=lambda: defaultdict(Counter))
    amount_by_subpartner: dict = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))

    def add(self, amount, codes, lead):
        partner = lead.partner
        self.count += 1
        self.amount += amount
        for code in codes:
            self.by_reason[code] += 1
            self.amount_by_reason[code] += amount
        self.by_partner[partner] += 1
        self.amount_by_partner[partner] += amount
        if partner and lead.subpartner:
            self.by_subpartner[partner][lead.subpartner] += 1
            self.amount_by_subpartner[partner][lead.subpartner] += amount

    def as_dict(self):
        def table(counts, amounts):
            return {name: {"count": n, "amount": f"{amounts[name]:.2f}"} for name, n in counts.most_common()}

        told = {
            "count": self.count,
            "amount": f"{self.amount:.2f}",
            "by_reason": table(self.by_reason, self.amount_by_reason),
            "by_partner": table(self.by_partner, self.amount_by_partner),
        }
        pairs = {name: table(n, self.amount_by_subpartner[name]) for name, n in self.by_subpartner.items()}
        return told | ({"by_subpartner": pairs} if pairs else {})


@dataclass
class Report:
    """The outcome: leads judged, those newly refused and newly taken, and the money before and after.

    `removed` are those that cannot be judged, since their values were removed. `notes` are the sentences of the
    changed file for the codes that newly refuse, `listed` the first leads that change: of all, and of each reason and
    partner.
    """

    judged: int = 0
    removed: int = 0
    refused: Side = field(default_factory=Side)
    taken: Side = field(default_factory=Side)
    amount_before: Decimal = Decimal("0.00")
    amount_after: Decimal = Decimal("0.00")
    changes: list = field(default_factory=list)
    notes: dict = field(default_factory=dict)
    listed: list = field(default_factory=list)
    _known: Counter = field(default_factory=Counter)

    def note(self, reasons):
        for reason in reasons:
            known = self.notes.setdefault(reason.code, [])
            if reason.note not in known and len(known) < NOTES_OF_A_CODE:
                known.append(reason.note)

    def keep(self, lead, side, codes, amount):
        """List a lead that changes, if it is one of the first: of all that change, of a reason or of a partner."""
        keys = [("all",), (side, "partner", lead.partner), *((side, "reason", code) for code in codes)]
        if len(self.listed) < MOST_LISTED and any(self._known[key] < LISTED for key in keys):
            at = lead.received_at.isoformat(timespec="seconds")
            row = {"id": lead.id, "at": at, **_sent_by(lead), "side": side, "codes": codes}
            self.listed.append(row | {"amount": f"{amount:.2f}"})
        self._known.update(keys)

    def as_dict(self):
        return {
            "judged": self.judged,
            "values_removed": self.removed,
            "now_refused": self.refused.as_dict(),
            "now_taken": self.taken.as_dict(),
            "amount_before": f"{self.amount_before:.2f}",
            "amount_after": f"{self.amount_after:.2f}",
            "notes": {code: " or: ".join(notes) for code, notes in self.notes.items()},
            "changes": self.changes,
        }


def _sent_by(lead):
    return {"partner": lead.partner} | ({"subpartner": lead.subpartner} if lead.subpartner else {})


LEFT_OUT = {"body.unreadable", "retry.mismatch"}


def memory_of(program):
    """Return how long before its period a backtest must start, to know duplicates and caps; None is for ever."""
    rules = [rule for rule in program.spec.rules if rule.mode != "off"]
    unique = [rule.within for rule in rules if rule.unique]
    caps = [PERIODS[rule.per].longest for rule in rules if rule.per]
    if None in unique + caps:
        return None
    return max([max(unique, default=timedelta(0)) + timedelta(days=31), *caps])


def backtest(program, leads, since, show=0, hidden=lambda lead: ()):
    """Judge `leads` (oldest first) by `program`, and compare those received at `since` or later.

    Of `show` leads that change the fields are told, masked: wholly those in `hidden(lead)`.
    """
    report, claims = Report(), Claims()
    for lead in leads:
        if lead.test or LEFT_OUT & set(lead.reasons):
            continue
        if lead.masked_at:
            report.removed += lead.received_at >= since
            continue
        fields = read_lead(program, bytes(lead.body), lead.content_type, bytes(lead.query))
        verdict = judge(program, fields, lead.received_at, stored_lead=True)
        claims.settle(verdict)
        if lead.received_at >= since:
            _compare(report, lead, verdict, show, hidden)
    return report


def _compare(report, lead, verdict, show, hidden):
    before = lead.sale_amount or Decimal(0)
    after = verdict.sale_amount if verdict.valid else Decimal(0)
    if verdict.unsure and verdict.valid and lead.valid:  # nobody knows which row fits: no change is told
        after = before
    report.judged += 1
    report.amount_before += before
    report.amount_after += after
    if lead.valid == verdict.valid:
        return
    if lead.valid:
        report.refused.add(before, verdict.codes, lead)
        report.note(verdict.reasons)
        report.keep(lead, "refused", verdict.codes, before)
    else:
        report.taken.add(after, lead.reasons, lead)
        report.keep(lead, "taken", lead.reasons, after)
    if len(report.changes) < show:
        names = hidden(lead)
        fields = {name: MASK if name in names else mask(value) for name, value in lead.fields.items()}
        change = {"id": lead.id, **_sent_by(lead), "before": lead.reasons, "after": verdict.codes}
        report.changes.append(change | {"fields": fields})


SHORT = 4  # characters, of which one tells much: a year, an age, yes or no


def mask(value):
    """Return a value with all but its first letter hidden, and of a short one that too."""
    if isinstance(value, list):
        return [mask(text) for text in value]
    text = "" if value is None else str(value)
    return (text[:1] if len(text) > SHORT else "") + MASK if text else ""


def start(program, days, operator, anew=(), based_on=None, kept=None, also=dict):
    """Start a backtest of a Program with the leads of so many days; return it, or None if too many run.

    `anew` are sentences on what the changed file begins anew, to be read with what is found, `based_on` the published
    version that was changed. The report has `kept` besides, and what `also()` returns, which is called by its thread.
    """
    now = datetime.now(UTC)
    report = {"days": days, "done": 0, "total": 0, "begun_at": None, "stopped_at": None, "anew": [*anew]}
    report["currency"] = program.spec.currency or ""
    report |= kept or {}
    row = Backtest(
        id=str(ULID()),
        program=program.name,
        operator=operator,
        text=program.text,
        started_at=now,
        renewed_at=now,
        state="running",
        report=report,
        based_on=based_on,
    )

    def claim():
        database.lock("backtest")  # two must not count at once
        running = Backtest.select().where(Backtest.state == "running", Backtest.renewed_at > now - GONE_AFTER)
        return running.count() < AT_ONCE and row.save(force_insert=True)

    if not database.transact(claim):
        return None
    arguments = row.id, program, now - timedelta(days=days), report, also
    threading.Thread(target=_run, name="backtest", args=arguments, daemon=True).start()
    return row


def clear_old():
    """Delete the backtests of yesterday: their reports name partners. For `database.add_chore`."""
    Backtest.delete().where(Backtest.started_at < datetime.now(UTC) - KEPT).execute()


def find(backtest_id):
    """Return the Backtest with this id, or None. Raises StoreError."""
    with database.read():
        return search.find(Backtest, backtest_id)


def _run(row_id, program, since, report, also):
    try:
        report |= also()
        source = StoredLeads(row_id, program, since, report)
        found = backtest(program, source, since)
        _save(row_id, "done", report | found.as_dict() | {"listed": found.listed})
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
            self.report["total"] = self._leads(start).count()
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
        newest = search.leads(Filter(program=self.program.name))
        (first,) = newest.offset(MOST_LEADS).limit(1)
        self.report |= {"total": MOST_LEADS, "begun_at": f"{first.received_at:%Y-%m-%d %H:%M} UTC"}
        return first.id

    def _page(self, start, after):
        with database.read():
            return list(self._leads(start, after).limit(PAGE))

    def _leads(self, start, after=None):
        return search.leads(Filter(program=self.program.name, since=start), newest_first=False, after=after)
