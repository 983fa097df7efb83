"""The page on which rules are written: the text with its mistakes, checked while one writes, tried on past leads."""

import json
import threading
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from urllib.parse import quote

from flask import Response, current_app, redirect, request, url_for
from werkzeug.exceptions import Forbidden, NotFound

from dashboard import subjects
from dashboard.contracts import prove_all
from dashboard.programs import find_program
from dashboard.sheets import anew, check_text, file_text
from dashboard.subjects import Subject, starter, starters
from judge.schema import json_schema
from leads import backtest
from web import logs, pages
from web.pages import page
from web.published import LIST, RULES, path_of
from web.service import service

site = pages.blueprint("editor")
pages.for_operators(site)

PERIODS = (7, 30, 90)
BUSY = "Another change is being checked now. Try again in a moment."
# The one page that runs scripts, of files from here alone. What partners wrote is not on it.
POLICY = f"{pages.POLICY}; script-src 'self'; connect-src 'self'"

checking = threading.Lock()  # one check at a time in a process: a long file takes a second of its core


@site.errorhandler(413)
def refuse_large(_error):
    most = service().settings.max_body
    advice = "Shorten it, move values to lists, or publish it by flask rules publish, which has no such bound."
    told = f"The text is too long: with all that a form adds, {most:,} bytes come through (DATAPOST_MAX_BODY). {advice}"
    return pages.refuse(413, sentence=told)


@site.before_request
def take_long_texts():
    request.max_form_memory_size = request.max_content_length


@dataclass
class Base:
    """What a text is written from: the program's path, the text that is live, its version (None for a file), and more.

    `lists` are texts that come along, by name. `is_new` tells that there is no program of this name.
    """

    name: str
    path: str
    text: str
    version: int | None = None
    live: object = None
    lists: dict = None
    is_new: bool = False


# --- Routes ---


@site.route("/dashboard/programs/<name>/edit", methods=["GET", "POST"])
def edit(name):
    """Check a text of rules and, if it is right and so wished, start the backtest that is the draft of its change."""
    base = _base(name)
    text = request.form.get("text")
    if text is None:
        draft, version = _draft(name), _version(name)
        text = draft.text if draft else version.text if version else base.text
        return _page(base, text, based_on=request.args.get("on", draft.based_on if draft else base.version, int))
    text = subjects.text_sent(text, base.text)
    if "download" in request.form:
        return as_file(name, text)
    values = {
        "based_on": request.form.get("based_on", base.version, subjects.as_version),
        "days": request.form.get("days", 30, int),
    }
    if not checking.acquire(blocking=False):
        values = _shown(base, text, None, **values)
        return _may_run_scripts(pages.refuse(503, {"Retry-After": 2}, BUSY, "dashboard/edit.html", values))
    try:
        sheet = _checked(base, text)
    finally:
        checking.release()
    if sheet.program and not sheet.errors and "start" in request.form:
        if row := _start(base, sheet, values):
            return redirect(url_for("gate.show_backtest", backtest_id=row.id), 303)
        return _page(base, text, sheet, is_full=True, **values)
    return _page(base, text, sheet, **values)


@site.post("/dashboard/programs/<name>/check")
def check(name):
    """Tell a script what is wrong with a text."""
    base = _base(name)
    if not checking.acquire(blocking=False):
        return _as_json({"sentence": BUSY}, 503, {"Retry-After": 1})
    try:
        return _as_json({"notes": _checked(base, request.form.get("text", "")).listed})
    finally:
        checking.release()


@site.get("/dashboard/rules.schema.json")
def show_schema():
    response = _as_json(_schema())
    response.headers["Cache-Control"] = "private, max-age=300"
    return response


@site.route("/dashboard/programs/<name>/backtest", methods=["GET", "POST"])
def rehearse(name):
    """Lead from the old address of the page to its new one."""
    find_program(name)
    return redirect(url_for(".edit", name=name), 307 if request.method == "POST" else 302)


@site.get("/dashboard/new-program")
def new_program():
    return page("dashboard/new.html", **_wanted())


@site.post("/dashboard/new-program")
def begin_program():
    wanted = _wanted()
    if wanted["problem"]:
        return pages.refuse(400, (), wanted["problem"], "dashboard/new.html", wanted)
    return redirect(url_for(".edit", name=wanted["name"], starter=wanted["starter"]), 303)


# --- How ---


def _base(name):
    """Return the Base of a program, or of one that a starter is to become."""
    if not pages.may_see(name):
        raise Forbidden
    subject = Subject(RULES, subjects.as_name(name))
    book, draft, version = pages.rulebook(), _draft(name), _version(name)
    live = subject.live() if subjects.published() else None
    if (live and live.hash) or (live is None and name in _known(book)):
        path = find_program(name)
        if live:
            return Base(name, path, live.text, live.version, live, {})
        return Base(name, path, file_text(path), lists={})
    lists = draft.report.get("lists", {}) if draft else {}
    text, found = starter(request.values.get("starter", ""))
    if not (draft or version or (text and subjects.NAME.fullmatch(name))):
        raise NotFound
    number = (live.version if live else 0) if subjects.published() else None
    return Base(name, path_of(book.folder, name), text, number, live, lists or found, is_new=True)


def _known(book):
    return {*book.programs, *(Path(error.path).stem for error in book.errors)}


def _version(name):
    """Return the earlier version whose text is to be gone on with, if the address names one."""
    number = request.values.get("version", type=int)
    return Subject(RULES, name).find(number) if number and subjects.published() else None


def _draft(name):
    """Return the backtest whose text is to be gone on with, if the address names one of this program."""
    row = backtest.find(request.values["draft"]) if request.values.get("draft") else None
    return row if row and row.program == name else None


def _checked(base, text):
    lists, texts = subjects.lists_to_name(base.name)
    if base.is_new:  # what comes along is read from no disk
        brought = {path_of(service().rulebook.folder, name, LIST): body for name, body in base.lists.items()}
        texts = brought | (texts or {})
        new = brought.keys() - pages.rulebook().texts.keys() if subjects.published() else brought.keys()
        lists = None if lists is None else lists | new
    return check_text(base.name, base.path, text, lists, texts)


def _start(base, sheet, values):
    """Start the backtest of a text that is right, with what the gate shows of it; None if too many run."""
    operator, days = pages.operators.current_user().name, values["days"] if values["days"] in PERIODS else 30
    named = {path.rpartition("/")[2] for path in sheet.program.lists}
    begins_anew = anew(base.name, sheet.program)
    kept = {
        "lists": {name: text for name, text in base.lists.items() if name in named},
        "warnings": [note for note in sheet.listed if note["message"] not in begins_anew],
        "examples": len(sheet.program.spec.examples),
        "before": "" if base.is_new else base.text if not subjects.published() else None,
    }
    proof = partial(prove_all, current_app._get_current_object(), sheet.program)
    row = backtest.start(sheet.program, days, operator, begins_anew, values["based_on"], kept, proof)
    if row:
        logs.log.info("backtest", {"operator": operator, "program": base.name, "backtest": row.id, "days": days})
    return row


def _shown(base, text, sheet, based_on=None, days=30, is_full=False):
    return {
        "base": base,
        "text": text,
        "sheet": sheet,
        "based_on": based_on,
        "days": days if days in PERIODS else 30,
        "periods": PERIODS,
        "is_full": is_full,
        "published": subjects.published(),
        "carried": {key: request.values[key] for key in ("starter", "draft", "version") if request.values.get(key)},
    }


def _page(base, text, sheet=None, **values):
    return _may_run_scripts(page("dashboard/edit.html", sentence=None, **_shown(base, text, sheet, **values)))


def _may_run_scripts(response):
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _as_json(found, status=200, headers=()):
    return Response(json.dumps(found), status, dict(headers), mimetype="application/json")


def as_file(name, text):
    """Return a text as the file that it may become."""
    response = Response(text.encode(), mimetype="application/yaml")
    response.headers.set(
        "Content-Disposition", "attachment", **{"filename*": f"UTF-8''{quote(logs.printable(name), safe='')}.yaml"}
    )
    return response


@cache
def _schema():
    return json_schema()


def _wanted():
    """Return what new program is wanted, and what is wrong with that."""
    name, chosen = request.form.get("name", "").strip(), request.form.get("starter", "")
    values = {"name": name, "starter": chosen, "starters": starters(), "problem": None}
    if request.method == "POST":
        values["problem"] = _problem(name, chosen)
    return values


def _problem(name, chosen):
    if not subjects.NAME.fullmatch(name):
        return "The name stands in the address of the leads: small letters, digits, - and _, such as solar."
    if not pages.may_see(name):
        return f"Your login is for other programs than {name}: see DATAPOST_OPERATORS."
    if chosen not in starters():
        return "Choose what to start from."
    if name in pages.rulebook().programs:
        return f"There is a program {name} already."
    return None
