"""The operators' pages about programs: a rule file with its mistakes, a lead to try, a change to rehearse."""

import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from flask import Response, redirect, request, url_for
from werkzeug.exceptions import Forbidden, NotFound

import database
from dashboard import explain
from dashboard.warnings import of_program as concerns
from database import StoreError
from judge.changes import begun_anew
from judge.compiler import compile_text, load
from judge.examples import differences, expected_codes, judge_example, values_of
from judge.rulefile import RuleFileError
from leads import backtest, search
from leads.figures import of_each as collect_each
from leads.foresee import foresee
from leads.periods import Period
from partners.pages import contract_text, link
from web import logs, pages, payload
from web.answer import of_lead, of_verdict, render
from web.formats import FORMATS
from web.pages import page
from web.request import answer_format, judge_body

site = pages.blueprint("programs")
pages.for_operators(site)

FORMATS_SHOWN = {"": "by its first character"}
FORMATS_SHOWN |= {FORMATS[kind].mimetype: FORMATS[kind].name for kind in ("form", "xml", "json")}
PERIODS = (7, 30, 90)


@dataclass
class Sheet:
    """A rule file as it stands: its lines, and what is wrong or suspicious about them.

    `notes` holds for each line number the pairs of `error` or `warning` and a sentence.
    """

    text: str
    program: object = None
    notes: dict = field(default_factory=dict)
    examples: list = field(default_factory=list)

    @property
    def errors(self):
        return sum(kind == "error" for notes in self.notes.values() for kind, _ in notes)

    @property
    def warnings(self):
        return sum(kind == "warning" for notes in self.notes.values() for kind, _ in notes)

    @property
    def lines(self):
        return [(number, line, self.notes.get(number, [])) for number, line in enumerate(self.text.splitlines(), 1)]

    @property
    def noted(self):
        """The lines that have notes."""
        lines = self.text.splitlines()
        return [(number, "".join(lines[number - 1 : number]), self.notes[number]) for number in sorted(self.notes)]

    def note(self, findings):
        for found in findings:
            kind = "warning" if found.is_warning else "error"
            self.notes.setdefault(found.line or 1, []).append((kind, found.message))


# --- Routes ---


@site.get("/dashboard/programs")
def show_programs():
    book = pages.rulebook()
    names = sorted({*book.programs, *(Path(path).stem for path in _broken(book))})
    rows = [(name, book.programs.get(name), name in map(_stem, _broken(book))) for name in names if pages.may_see(name)]
    values = {"rows": rows, "folder": book.folder, "docs": instructions_of, "campaign": campaign_of}
    return page("dashboard/programs.html", **values, seen=_seen([program for _, program, _ in rows if program]))


def _seen(programs):
    """Return for each program its figures of the last 30 days, its last lead, and the warnings about it, by name."""
    now = datetime.now(UTC)
    with database.read():
        figures = collect_each(programs, Period.last(30), now)
        names = [program.name for program in programs]
        last, told = map(search.newest, names), (concerns(program, now) for program in programs)
        return {name: seen for name, *seen in zip(names, figures.values(), last, told, strict=True)}


@site.get("/dashboard/programs/<name>")
def show_program(name):
    path = _find(name)
    sheet = read_sheet(name, path)
    return page(
        "dashboard/program.html",
        name=name,
        path=path,
        sheet=sheet,
        used=pages.rulebook().programs.get(name),
        docs=instructions_of,
        campaign=campaign_of,
    )


@site.route("/dashboard/programs/<name>/try", methods=["GET", "POST"])
@pages.changes_nothing
def try_lead(name):
    _find(name)
    program = pages.rulebook().programs.get(name)
    if program is None:
        raise NotFound
    lead, content_type = request.form.get("lead", _first_example(program)), request.form.get("type", "")
    outcome = _judge(program, lead, content_type) if request.method == "POST" else None
    values = {"name": name, "program": program, "lead": lead, "type": content_type, "types": FORMATS_SHOWN}
    return page("dashboard/try.html", **values, outcome=outcome)


_checking = threading.Lock()  # one check at a time in a process: a long file takes a second of its core


@site.route("/dashboard/programs/<name>/backtest", methods=["GET", "POST"])
def rehearse(name):
    """Check the text of a changed rule file and, if it is right and so wished, start a backtest."""
    path = _find(name)
    text, days = request.form.get("text"), request.form.get("days", 30, int)
    busy = False
    if text is None:
        sheet, text = None, read_sheet(name, path).text
    else:
        text = text.replace("\r\n", "\n")  # as browsers send it
        if not _checking.acquire(blocking=False):
            return pages.refuse(503, {"Retry-After": 2}, "Another change is being checked now. Try again in a moment.")
        try:
            sheet = check_text(name, path, text)
        finally:
            _checking.release()
        if sheet.program and not sheet.errors and "start" in request.form:
            operator = pages.operators.current_user().name
            anew = [finding.message for finding in _begun_anew(name, sheet.program)]
            if row := backtest.start(sheet.program, days if days in PERIODS else 30, operator, anew):
                logs.log.info("backtest", {"operator": operator, "program": name, "backtest": row.id, "days": days})
                return redirect(url_for(".show_backtest", backtest_id=row.id), 303)
            busy = True
    values = {"name": name, "path": path, "text": text, "sheet": sheet, "days": days, "periods": PERIODS, "busy": busy}
    return page("dashboard/rehearse.html", **values)


@site.get("/dashboard/backtests/<backtest_id>")
def show_backtest(backtest_id):
    row = backtest.find(backtest_id)
    if row is None or not pages.may_see(row.program):
        raise NotFound
    program = pages.rulebook().programs.get(row.program)
    response = page("dashboard/backtest.html", row=row, report=row.report, program=program, **_changes(row, program))
    if row.state == "running" and not row.gone:
        response.headers["Refresh"] = "2"  # the page works without JavaScript
    return response


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
        return (side == "refused" and notes.get(code, "").rstrip(".")) or explain.reason(code, program)

    since = row.started_at - timedelta(days=row.report["days"])
    return {"leads": leads[: backtest.LISTED], "asked": asked, "sentence": sentence, "since": since}


@site.get("/dashboard/programs/<name>/contract.md")
def show_contract(name):
    """Give what impact.com's engineer needs to know of a program, as a text to send."""
    program = pages.programs().get(name)
    if program is None:
        raise NotFound
    response = Response(contract_text(program, request.host_url.rstrip("/")), mimetype="text/markdown")
    # The name in ASCII for old programs, and as it is for others (RFC 6266 and 8187).
    file = f"contract-{logs.printable(name)}.md"
    plain = re.sub(r"[^\w .-]", "_", file, flags=re.ASCII)
    names = {"filename": plain, "filename*": None if plain == file else f"UTF-8''{quote(file, safe='')}"}
    response.headers.set("Content-Disposition", "attachment", **names)
    return response


def campaign_of(program):
    """Return in a sentence when the campaign of a program begins or ends; nothing if it never does."""
    spec, day = program.spec, datetime.now(program.spec.timezone).date()
    if spec.starts and day < spec.starts:
        return f"It starts on {spec.starts}: until then every lead is refused."
    if spec.ends and day > spec.ends:
        return f"It ended on {spec.ends}: every lead is refused."
    return f"It ends on {spec.ends}." if spec.ends else ""


def instructions_of(name):
    """Return the address of what partners are told of a program: with its key, so that it opens everywhere.

    What is for operators alone is shown where their login counts.
    """
    if pages.rulebook().programs[name].spec.docs == "operators":
        return url_for("documents.show_instructions_inside", program=name)
    return link(name, request.host_url) or url_for("documents.show_instructions", program=name)


# --- Rule files ---


def _stem(path):
    return Path(path).stem


def _broken(book):
    """Return the paths of the rule files that are broken now."""
    paths = {error.path for error in book.errors}
    return sorted(path for path in paths if Path(path).suffix in (".yaml", ".yml"))


def _find(name):
    """Return the path of a program's rule file, as messages write it."""
    if not pages.may_see(name):
        raise Forbidden
    book = pages.rulebook()
    if name in book.programs:
        return book.programs[name].path
    for path in _broken(book):
        if _stem(path) == name:
            return path
    raise NotFound


def read_sheet(name, path):
    """Return the Sheet of the file on disk."""
    try:
        program = load(path)
    except RuleFileError as error:
        try:
            text = Path(path).read_bytes().decode("utf-8-sig", "replace")
        except OSError:  # the complaint says so
            text = ""
        sheet = Sheet(text, _without_examples(name, path, text))
        sheet.note(error.errors)
    else:
        sheet = Sheet(program.text, program)
        sheet.note(program.warnings)
    sheet.examples = _run_examples(sheet.program)
    return sheet


def check_text(name, path, text):
    """Return the Sheet of a text that an operator would like to be the file."""
    used = pages.rulebook().programs.get(name)
    try:
        # Of other lists, an example would tell who is on them: those of programs that the operator may not see.
        program = compile_text(name, path, text, lists=used.lists if used else set())
    except RuleFileError as error:
        sheet = Sheet(text)
        sheet.note(error.errors)
    else:
        sheet = Sheet(text, program)
        sheet.note(program.warnings)
        sheet.note(_begun_anew(name, program))
    return sheet


def _begun_anew(name, program):
    used = pages.rulebook().programs.get(name)
    return begun_anew(program, name, used.text) if used else []


def _without_examples(name, path, text):
    """Return the Program if its examples are all that is wrong with it, or None."""
    try:
        return compile_text(name, path, text, examples=False)
    except RuleFileError:
        return None


def _run_examples(program):
    """Return for each example its name, what is expected, what the rules say, and whether that is the same."""
    rows, now = [], datetime.now(UTC)
    for example in program.spec.examples if program else []:
        verdict = judge_example(program, example, now)
        rows.append((example.name, expected_codes(example), verdict, not list(differences(example, verdict))))
    return rows


def _first_example(program):
    """Return the program's first example as a form with one field a line, as the box takes it."""
    lead = program.spec.examples[0].lead if program.spec.examples else {}
    return "\n".join(
        f"{_on_a_line(name, '=')}={_on_a_line(text)}" for name, value in lead.items() for text in values_of(value)
    )


def _on_a_line(text, also=""):
    return re.sub(rf"[%&+\r\n{also}]", lambda sign: f"%{ord(sign[0]):02X}", text)


def _judge(program, lead, content_type):
    """Judge a lead that was pasted, as if it were posted now: nothing of it is stored or logged."""
    body, now = lead.encode(), datetime.now(UTC)
    if payload.kind(content_type, body) == "form":
        # One field a line is easier to write; within a value, a line break is %0A.
        body = b"&".join(line.strip() for line in body.splitlines())
    try:
        (verdict, first), unread = foresee(program, body, content_type, now), False
    except StoreError:
        verdict, first, unread = judge_body(program, body, content_type, now), None, True
    # What only a stored lead has is told, not made up.
    values = of_lead(first) if first else of_verdict(verdict, "(made when it is stored)", "(made when it is stored)")
    answer = render(values, answer_format(content_type, body, program.spec.respond), program.name)
    steps = explain.steps(verdict.trace, program)
    return {"verdict": verdict, "first": first, "unread": unread, "steps": steps, "told": values, "answer": answer}
