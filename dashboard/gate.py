"""The gate of a change: what stands between a text and what is live, each step with its state; then it is published.

The draft of a change is its backtest (its table is `Backtest`), which has the text and the version that it is based on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import redirect, request, url_for
from werkzeug.exceptions import NotFound

from dashboard import subjects
from dashboard.difference import difference
from dashboard.editor import as_file
from dashboard.subjects import Subject
from judge.rulefile import RuleFileError
from leads import backtest, publishing
from leads.publishing import Outdated, PublishingError
from web import logs, pages, reasons
from web.pages import page
from web.published import RULES
from web.service import service

site = pages.blueprint("gate")
pages.for_operators(site)

DAYS = 30  # that a backtest has looked at


@dataclass(frozen=True)
class Step:
    """A step of the gate: its state is done, todo, wait or stop, and a sentence on that."""

    name: str
    state: str
    sentence: str
    anchor: str = ""


# --- Routes ---


@site.get("/dashboard/backtests/<backtest_id>")
def show_backtest(backtest_id):
    return _show(_find(backtest_id))


@site.get("/dashboard/backtests/<backtest_id>/file")
def take_file(backtest_id):
    row = _find(backtest_id)
    return as_file(row.program, row.text)


@site.post("/dashboard/backtests/<backtest_id>/publish")
def publish(backtest_id):
    row = _find(backtest_id)
    if not subjects.published():
        return pages.refuse(403, sentence=subjects.FILES_MODE)
    gate, comment = Gate(row), request.form.get("comment", "")
    if not gate.is_open:
        return _show(row, 409, sentence="It cannot be published yet: see the steps.", comment=comment)
    if gate.warnings and "seen" not in request.form:
        return _show(row, 400, sentence="Tick that you have seen the warnings.", comment=comment)
    operator, folder = pages.operators.current_user().name, str(service().rulebook.folder)
    lists, based_on = row.report.get("lists") or None, row.based_on or 0
    try:
        made = publishing.publish(
            row.program, row.text, operator, comment, based_on=based_on, lists=lists, folder=folder
        )
    except Outdated:
        return _outdated(row, 409)
    except RuleFileError as error:
        told = [f"Line {found.line}: {found.message}" for found in error.errors[:10]]
        return _show(row, 400, sentence="It does not compile any more. " + " ".join(told), comment=comment)
    except PublishingError as error:
        return _show(row, 400, sentence=_as_sentence(error), comment=comment)
    logs.log.info("published", {"operator": operator, "program": made.name, "version": made.version})
    return redirect(url_for("programs.show_program", name=made.name, published=made.version), 303)


@site.get("/dashboard/backtests/<backtest_id>/outdated")
def show_outdated(backtest_id):
    return _outdated(_find(backtest_id), 200)


# --- How ---


class Gate:
    """The steps of a draft."""

    def __init__(self, row):
        self.row, report = row, row.report
        self.live = Subject(RULES, row.program).live() if subjects.published() else None
        self.base = self._base()
        self.difference = difference(self.base, row.text)
        self.warnings = report.get("warnings", []) + [
            {"line": None, "message": sentence} for sentence in report.get("anew", [])
        ]
        self.contract = report.get("contract")
        self.days = report["days"]

    def _base(self):
        if not subjects.published():
            before = self.row.report.get("before")
            if before is not None:
                return before
            program = pages.rulebook().programs.get(self.row.program)
            return program.text if program else ""
        version = Subject(RULES, self.row.program).find(self.row.based_on) if self.row.based_on else None
        return version.text if version else ""

    @property
    def outdated(self):
        return subjects.published() and (self.live.version if self.live else 0) != (self.row.based_on or 0)

    @property
    def steps(self):
        yield Step("It compiles", "done", "Yes.")
        yield self._examples
        yield self._warned
        yield self._different
        yield self._backtest
        yield self._proof
        if subjects.published():
            told = "What changes, and why: it stays in the history."
            yield Step("A comment", "todo" if self.is_open else "wait", told, "publish")

    @property
    def _examples(self):
        count = self.row.report.get("examples", 0)
        told = {0: "There is none: examples show what is meant, and hold it.", 1: "There is one, and it does."}
        return Step("Its examples pass", "done", told.get(count, f"All {count} of them."))

    @property
    def _warned(self):
        name, count = "Its warnings are seen", len(self.warnings)
        if not count:
            return Step(name, "done", "There is none.")
        advice = "Tick below that you have seen them." if subjects.published() else "Read them below."
        return Step(name, "todo", f"{count} {'warning' if count == 1 else 'warnings'}. {advice}", "warnings")

    @property
    def _different(self):
        name, found = "The difference to what is live", self.difference
        if not found.there:
            return Step(name, "stop", "There is none: nothing would change.", "difference")
        return Step(name, "done", f"Lines added: {found.added}. Lines removed: {found.removed}.", "difference")

    @property
    def _backtest(self):
        row, name = self.row, f"A backtest of {DAYS} days"
        if row.gone or row.state == "failed":
            return Step(name, "stop", "It came to no end. Start it again.", "backtest")
        if row.state == "running":
            return Step(name, "wait", "It is running.", "backtest")
        if self.days < DAYS:
            return Step(name, "stop", f"This one looked at {self.days} days only. Start one of {DAYS}.", "backtest")
        refused, taken = row.report["now_refused"]["count"], row.report["now_taken"]["count"]
        return Step(name, "done", f"Newly refused: {refused:,}. Newly valid: {taken:,}.", "backtest")

    @property
    def _proof(self):
        name = "The contract is proved"
        if self.contract is None:
            ended = self.row.state == "done"
            return Step(name, *(("stop", "It was not. Start again.") if ended else ("wait", "With the backtest.")))
        if self.contract["mistakes"]:
            return Step(name, "stop", "impact.com would misread answers.", "contract")
        return Step(name, "done", f"{self.contract['answers']} answers are read as they are meant.")

    @property
    def is_open(self):
        """Whether all is done but what is done by the form."""
        states = {self._backtest.state, self._proof.state}
        return states == {"done"} and self.difference.there


def _find(backtest_id):
    row = backtest.find(backtest_id)
    if row is None or not pages.may_see(row.program):
        raise NotFound
    return row


def _show(row, status=200, sentence=None, comment=""):
    program = pages.rulebook().programs.get(row.program)
    values = {"row": row, "report": row.report, "program": program, "gate": Gate(row), "comment": comment}
    values |= {"published": subjects.published(), **_changes(row, program)}
    values["folder"] = service().rulebook.folder
    if status != 200:
        return pages.refuse(status, (), sentence, "dashboard/gate.html", values)
    response = page("dashboard/gate.html", sentence=None, **values)
    if row.state == "running" and not row.gone:
        response.headers["Refresh"] = "2"  # the page works without JavaScript
    return response


def _outdated(row, status):
    gate = Gate(row)
    values = {"subject": Subject(RULES, row.program), "live": gate.live, "base": row.based_on or 0, "go_on": row.id}
    values |= {"theirs": difference(gate.base, gate.live.text if gate.live else ""), "ours": gate.difference}
    values |= {"text": None, "who_based": None}
    if status == 200:
        return page("dashboard/outdated.html", **values)
    return pages.refuse(status, (), "Another version is live by now.", "dashboard/outdated.html", values)


def _as_sentence(error):
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _changes(row, program):
    """Return the leads that change and are to be listed, which of them were asked for, and the sentences of reasons."""
    asked = {name: request.args[name] for name in ("side", "reason", "partner") if name in request.args}
    fits = {
        "side": lambda lead, side: lead["side"] == side,
        "reason": lambda lead, code: code in lead["codes"],
        "partner": lambda lead, partner: lead["partner"] == partner,
    }
    leads = [lead | {"at": datetime.fromisoformat(lead["at"])} for lead in row.report.get("listed", ())]
    leads = [lead for lead in leads if all(fits[name](lead, text) for name, text in asked.items())]
    # What newly refuses is told by the changed file, what refused before by the one in use.
    notes = row.report.get("notes", {})

    def sentence(code, side):
        return (side == "refused" and notes.get(code, "").rstrip(".")) or reasons.reason(code, program)

    since = row.started_at - timedelta(days=row.report["days"])
    return {"leads": leads[: backtest.LISTED], "asked": asked, "told_by": sentence, "since": since}
