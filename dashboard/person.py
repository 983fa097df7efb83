"""A person who asks: what is stored of him and where it went, to read, to take along as JSON, or to erase.

What was typed is in no address, no log and no row of the database: it comes in the body of a form, and is typed once
more before anything is erased. The pages between know the person by the id of the search alone.
"""

from datetime import datetime
from itertools import islice

from flask import redirect, request, url_for

import database
from dashboard.leads import download, values_of
from leads import persons, sent
from leads.search import FilterError
from web import masks, pages
from web.pages import page
from web.presenting import answer_of, presenter, to_json
from web.service import service

LISTED = 50  # leads on a page: the export has all of them

site = pages.blueprint("person")
pages.for_operators(site)

BUSY = "Other searches or erasures are running now. Wait a minute, then try this one again"
OVER = "This search is not kept any more, since it is for an hour. Search again"
ANOTHER = "This is not what was searched for: write the same {} again, or search for another one first"
KINDS = {"email": "email address", "phone": "phone number"}


def _programs():
    """Return the names of the programs that the operator is limited to, or None."""
    programs = pages.operators.current_user().programs
    return None if programs is None else sorted(programs)


def _wanted(kind, text):
    return persons.Wanted(kind, text, pages.programs().values())


# --- Searching ---


@site.get("/dashboard/person")
def ask():
    return _ask_page()


def _ask_page(typed="", problem=None, status=200):
    return page("dashboard/person.html", status, typed=typed, problem=problem, limited=_programs())


@site.post("/dashboard/person")
@pages.changes_nothing
def search():
    typed = request.form.get("who", "").strip()
    try:
        wanted = _wanted("email" if "@" in typed else "phone", typed)
    except FilterError as error:
        return _ask_page(typed, str(error), 400)
    row = persons.start(wanted, pages.operators.current_user().name, _programs())
    if row is None:
        return _ask_page(typed, BUSY, 503)
    return redirect(url_for(".show", inquiry_id=row.id), 303)


# --- What was found ---


def _find(inquiry_id):
    """Return the Inquiry if it is of this operator, with what he may see now; else None."""
    row = persons.find(inquiry_id)
    ours = row and (row.operator, row.programs) == (pages.operators.current_user().name, _programs())
    return row if ours else None


@site.get("/dashboard/person/<inquiry_id>")
def show(inquiry_id):
    if not (row := _find(inquiry_id)):
        return _ask_page(problem=OVER, status=404)
    found = _shown(row) if row.state == "found" else ()
    went = _went(row) if row.state in ("found", "erased") else ()
    response = page("dashboard/inquiry.html", **_told(row), found=found, listed=LISTED, went=went)
    if row.runs:
        response.headers["Refresh"] = "2"  # the page works without JavaScript
    return response


def _told(row):
    programs = pages.rulebook().programs
    total = sum(row.report.get("by_program", {}).values())
    return {"row": row, "report": row.report, "kind": KINDS[row.kind], "total": total} | {
        "programs": programs,
        "searched_at": "searched_at" in row.report and datetime.fromisoformat(row.report["searched_at"]),
    }


def _went(row):
    """Return where leads of the person were sent and when, the newest first: (destination, lead, moment)."""
    found = sent.sent_to(row.report["leads"])
    return [(one["to"], one["lead"], datetime.fromisoformat(one["sent_at"])) for one in reversed(found)]


def _shown(row):
    """Return the newest leads that were found: each with its answer and its values, masked as elsewhere."""
    programs = pages.rulebook().programs
    hidden = masks.hidden_fields(programs)
    shown = []
    for lead in islice(persons.leads_of(row.report["leads"]), LISTED):
        with database.read():
            masked = hidden(lead)
        values = values_of(lead, programs.get(lead.program), masked)
        shown.append((lead, answer_of(lead, masked), values, masks.is_erased(lead)))
    return shown


@site.post("/dashboard/person/<inquiry_id>")
@pages.changes_nothing
def export(inquiry_id):
    """Write all that was found as JSON. Sensitive values are in it if so wished, which viewers may not."""
    sensitive = "sensitive" in request.form
    if sensitive and pages.operators.current_user().viewer:
        pages.refuse_viewer()
    if not (row := _find(inquiry_id)) or row.state != "found":
        return _ask_page(problem=OVER, status=404)
    head = {"searched_by": row.kind, "searched_at": row.report["searched_at"], "programs": row.programs}
    head |= {"sensitive_values": sensitive, "not_known": persons.NOT_KNOWN, "found": row.report["by_program"]}
    about = {"form": "json", "by": [row.kind], "sensitive": sensitive, "person": True}
    shown = _all(row, pages.rulebook().programs, sensitive)
    return download(shown, lambda leads: _json_lines(head, leads), "person.json", "application/json", about)


def _all(row, programs, sensitive):
    present, hidden = presenter(programs, sensitive), masks.hidden_fields(programs)
    for lead in persons.leads_of(row.report["leads"]):
        with database.read():  # for rules of earlier days
            masked = masks.NOTHING if sensitive else hidden(lead)
            told = persons.told(lead, present, masked, sensitive)
        yield told


def _json_lines(head, leads):
    yield to_json(head)[:-1] + ', "leads": ['
    comma = "\n"
    for lead in leads:
        yield comma + to_json(lead)
        comma = ",\n"
    yield "\n]}\n"


# --- Erasing ---


@site.get("/dashboard/person/<inquiry_id>/erase")
def ask_to_erase(inquiry_id):
    if pages.operators.current_user().viewer:
        pages.refuse_viewer()
    row = _find(inquiry_id)
    return _question(row) if _can_be_erased(row) else redirect(url_for(".show", inquiry_id=inquiry_id), 303)


def _can_be_erased(row):
    return row is not None and row.state == "found" and row.report["by_program"]


def _question(row, problem=None, status=200):
    went = sorted({name for name, _, _ in _went(row)})
    told = {"problem": problem, "forgets": "forgets" in request.form, "went": went}
    return page("dashboard/erase.html", status, **_told(row), **told)


@site.post("/dashboard/person/<inquiry_id>/erase")
def erase(inquiry_id):
    row, problem, status = _find(inquiry_id), None, 400
    if not _can_be_erased(row):  # another click was first: its page says what came of it
        return redirect(url_for(".show", inquiry_id=inquiry_id), 303)
    try:
        wanted = _wanted(row.kind, request.form.get("who", ""))
        if wanted.digest != row.digest:
            problem = ANOTHER.format(KINDS[row.kind])
    except FilterError as error:
        problem = str(error)
    if not problem:
        operator, programs = pages.operators.current_user().name, list(pages.programs().values())
        outcome = persons.erase(row, wanted, operator, programs, "forgets" in request.form)
        service().sender.wake()  # destinations may be told
        problem, status = (BUSY, 503) if outcome == "busy" else (None, 303)
    return _question(row, problem, status) if problem else redirect(url_for(".show", inquiry_id=inquiry_id), 303)
