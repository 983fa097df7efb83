"""The operators' pages about programs: the rules with their mistakes, where they come from, a lead to try."""

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from flask import Response, request, url_for
from werkzeug.exceptions import Forbidden, NotFound

import database
from alerts.sources import of_program as concerns
from dashboard import explain, subjects
from dashboard.sheets import published_sheet, read_sheet
from database import StoreError
from judge.examples import values_of
from leads import publishing, search
from leads.deployed import changed_file
from leads.figures import of_each as collect_each
from leads.foresee import foresee
from leads.periods import Period
from partners.pages import contract_text, link
from web import logs, pages, payload
from web.answer import of_lead, of_verdict, render
from web.formats import FORMATS
from web.pages import page
from web.published import RULES
from web.request import answer_format, judge_body

site = pages.blueprint("programs")
pages.for_operators(site)

FORMATS_SHOWN = {"": "by its first character"}
FORMATS_SHOWN |= {FORMATS[kind].mimetype: FORMATS[kind].name for kind in ("form", "xml", "json")}


# --- Routes ---


@site.get("/dashboard/programs")
def show_programs():
    book = pages.rulebook()
    names = sorted({*book.programs, *(Path(path).stem for path in _broken(book))})
    rows = [(name, book.programs.get(name), name in map(_stem, _broken(book))) for name in names if pages.may_see(name)]
    values = {"rows": rows, "folder": book.folder, "docs": instructions_of, "campaign": campaign_of}
    values |= {"published": subjects.published(), "retired": _retired(book)}
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
    path, live = find_program(name), None
    book = pages.rulebook()
    if subjects.published():
        with database.read():
            live = publishing.live(name)
    values = {"name": name, "path": path, "used": book.programs.get(name), "docs": instructions_of}
    values |= {"campaign": campaign_of, "live": live, "deploy": None, "published": subjects.published()}
    values["is_news"] = bool(live) and request.args.get("published", type=int) == live.version
    if live is None:
        return page("dashboard/program.html", sheet=read_sheet(name, path), **values)
    values["deploy"] = changed_file(book.folder, book, RULES, name)
    return page("dashboard/program.html", sheet=published_sheet(name, path, live.text), **values)


@site.route("/dashboard/programs/<name>/try", methods=["GET", "POST"])
@pages.changes_nothing
def try_lead(name):
    find_program(name)
    program = pages.rulebook().programs.get(name)
    if program is None:
        raise NotFound
    lead, content_type = request.form.get("lead", _first_example(program)), request.form.get("type", "")
    outcome = _judge(program, lead, content_type) if request.method == "POST" else None
    values = {"name": name, "program": program, "lead": lead, "type": content_type, "types": FORMATS_SHOWN}
    return page("dashboard/try.html", **values, outcome=outcome)


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


def _retired(book):
    """Return the names of the programs that take no more leads, of which there is a history."""
    rows = getattr(book, "rows", {})
    names = (name for (thing, name), row in rows.items() if thing == RULES and not row.hash)
    return [name for name in sorted(names) if pages.may_see(name)]


def find_program(name):
    """Return the path of a program's rules, as messages write it. Refuses whom it is not for."""
    if not pages.may_see(name):
        raise Forbidden
    book = pages.rulebook()
    if name in book.programs:
        return book.programs[name].path
    for path in _broken(book):
        if _stem(path) == name:
            return path
    raise NotFound


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
