"""The operators' pages about leads: those that a filter finds, to read or to take along, and each by itself."""

import re
import socket
import struct
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from time import monotonic
from typing import NamedTuple

from flask import Response, g, redirect, request, url_for
from werkzeug.exceptions import NotFound

import database
import models
from dashboard import explain
from dashboard.deliveries import of_lead
from dashboard.reversals import became_of
from impact import feedback
from leads import figures, search
from leads.daily import SETTLED_AFTER
from leads.export import columns, csv_lines, json_lines, jsonl_lines
from leads.rulesofday import rules_of
from leads.search import FilterError
from leads.who import People
from web import logs, masks, pages, reasons
from web.answer import render
from web.pages import page
from web.payload import as_text
from web.presenting import answer_of, presenter
from web.request import answer_format

EXPORT_PAGE = 500
EXPORTS_AT_ONCE = 2  # of a process: each holds one of its 16 threads until it is read to the end
LONGEST_EXPORT = 600  # seconds
PATIENCE = 60  # seconds

site = pages.blueprint("leads")
pages.for_operators(site)


# --- Leads ---

# What our own links and forms write into addresses. A person is no part of them: addresses end up in the
# logs of routers, and in the history of the browser. Who looks for a person here sends a form.
IN_ADDRESS = ("program", "since", "until", "valid", "test", "partner", "subpartner", "reason", "observed")
# What tells a person or a lead. Programs may write it into an address.
SOUGHT = ("email", "phone", "id", "name", "customer", "field")
LOOKS_FOR = 0.1  # seconds; a page is there within 0.3, and what it has not seen by then is for the next one
LOOKS_FURTHER_FOR = 1  # second, where somebody asks for older ones: some 100,000 leads


@site.route("/dashboard/leads", methods=["GET", "POST"])
@pages.changes_nothing
def list_leads():
    given = _given()
    try:
        wanted = _filter(given)
        with database.read():
            after = request.values.get("after")
            found = search.look(wanted, after, seconds=LOOKS_FURTHER_FOR if after else LOOKS_FOR)
            who = _who(found.leads)
            partners = figures.largest_partners(_chosen(given), PARTNERS_NAMED)
    except FilterError as error:
        return _list_page(given, problem=str(error), status=400)
    if request.method == "POST" and wanted.id and found.leads:
        return redirect(url_for(".show_lead", lead_id=found.leads[0].id), 303)
    return _list_page(given, found, who, partners)


def _list_page(given, found=None, who=(), partners=(), problem=None, status=200):
    programs, chosen, fields = pages.programs(), _chosen(given), given.get("field", ())
    return page(
        "dashboard/leads.html",
        status,
        given=given,
        found=found,
        leads=found.leads if found else (),
        who_is=dict(who),
        partners=_to_choose_from(partners, found),
        reasons=reasons.choices(chosen),
        searchable=search.searchable(chosen),
        zone=search.zone(chosen),
        zones={str(program.spec.timezone) for program in chosen},
        shown=dict.fromkeys(IN_ADDRESS, "") | given,
        in_address={name: text for name, text in given.items() if name in IN_ADDRESS},
        sought=[*((name, given[name]) for name in SOUGHT[:-1] if name in given), *(("field", text) for text in fields)],
        find=request.form.get("find", "").strip() or next((given[name] for name in SOUGHT[:-1] if name in given), ""),
        by=request.form.get("by", ""),
        problem=problem,
        programs=programs,
        has_subpartners=any(program.senders[1] for program in programs.values()),
        words=lambda lead, code: reasons.reason(code, programs.get(lead.program)),
        first=not request.values.get("after"),
    )


def _chosen(given):
    """Return the programs that a filter is about."""
    programs = pages.programs()
    return [programs[given["program"]]] if given.get("program") in programs else list(programs.values())


def _to_choose_from(partners, found):
    """Return names of partners without those that nobody can type or read: a link at their leads finds theirs."""
    shown = (lead.partner for lead in found.leads) if found else ()
    return [name for name in dict.fromkeys([*partners, *shown]) if name and pages.visible(name) == name]


def _who(leads):
    """Return for each lead who it is."""
    programs = pages.rulebook().programs
    hidden, people = masks.hidden_fields(programs), People(programs)
    return {lead.id: people.who(lead, hidden(lead)) for lead in leads}


def _given():
    """Return the texts of the filter that was sent."""
    given = {name: text for name in (*IN_ADDRESS, *SOUGHT[:-1]) if (text := request.values.get(name, "").strip())}
    if fields := [text for text in map(str.strip, request.values.getlist("field")) if text]:
        given["field"] = fields
    if found := request.form.get("find", "").strip():
        if by := request.form.get("by", "").strip():
            given["field"] = [f"{by}={found}"]
        else:
            given[_kind(found)] = found
    return given


def _kind(text):
    """Return what a text is that was written to find somebody by."""
    if "@" in text:
        return "email"
    if re.fullmatch("[0-9A-Za-z]{26}", text) and re.search("[0-9]", text):
        return "id"
    if re.fullmatch("[0-9A-Fa-f]{64}", text):
        return "customer"
    return "phone" if len(re.findall(r"\d", text)) >= FEWEST_DIGITS else "name"


FEWEST_DIGITS = 5  # of a phone number
PARTNERS_NAMED = 200


def _filter(given):
    """Return the Filter that was asked for, within what the operator may see. Raises FilterError."""
    wanted = search.read_filter(given, pages.programs(), everything=pages.rulebook().programs)
    return replace(wanted, programs=pages.operators.current_user().programs)


@site.route("/dashboard/leads.<any(csv, json, jsonl):form>", methods=["GET", "POST"])
@pages.changes_nothing
def export_leads(form):
    """Write the leads that the filter finds, the newest first unless asked, a page at a time: memory stays flat."""
    pages.refuse_other_sites()  # a link or picture elsewhere would start it in an operator's name
    given, sensitive = _given(), request.method == "POST" and "sensitive" in request.form
    if sensitive and pages.operators.current_user().viewer:
        pages.refuse_viewer()
    database.set_deadline(PATIENCE)  # a million leads take longer than a page may
    try:
        wanted, course = _filter(given), _course(request.values)
    except FilterError as error:
        return _list_page(given, problem=str(error), status=400)
    writers = {"csv": partial(csv_lines, columns=columns(pages.programs(), wanted.program))}
    write = (writers | {"json": json_lines, "jsonl": jsonl_lines})[form]
    shown = _all(wanted, presenter(pages.rulebook().programs, sensitive), course)
    about = {"form": form, "by": sorted(given), "sensitive": sensitive}
    return download(shown, write, f"leads.{form}", EXPORTED[form], about)


def download(shown, write, name, mimetype, about):
    """Answer with a file that `write` makes of what is shown, as long as others leave a place; the log has `about`."""
    lines = _in_its_place(shown, write, g.request_id)
    if not next(lines):
        return pages.refuse(503, {"Retry-After": PATIENCE}, TOO_MANY)
    logs.log.info("export", {"operator": pages.operators.current_user().name} | about)
    _be_patient()
    response = Response(lines, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


EXPORTED = {"csv": "text/csv", "json": "application/json", "jsonl": "application/jsonl"}
TOO_MANY = "Other exports are being read now. Try again when one of them is done, or in a minute."
_places = threading.BoundedSemaphore(EXPORTS_AT_ONCE)


def _in_its_place(shown, write, request_id):
    """Yield first whether there is a place for one more export, and then its lines.

    Once begun, a generator gives its place back whether it is read to the end, closed or forgotten. One that
    breaks off ends as a lost connection does, and so the answer too (see worker.py): half a file never looks whole.
    """
    if not _places.acquire(blocking=False):
        yield False
        return
    begun = False
    try:
        first = list(islice(shown, 1))  # while a store that cannot be read can be told on a page
        yield (begun := True)
        ends = monotonic() + LONGEST_EXPORT
        for line in write(chain(first, shown)):
            yield line
            if monotonic() > ends:
                raise TimeoutError
    except Exception as error:
        if not begun:
            raise
        logs.log.error("an export broke off", {"request_id": request_id, "error": logs.where(error)})
        raise ConnectionAbortedError from None
    finally:
        _places.release()


class Course(NamedTuple):
    """In what order an export goes, after which lead it begins, and how many leads it writes at most."""

    newest_first: bool
    after: str | None
    limit: int | None


def _course(texts):
    """Return the Course that was asked for. Raises FilterError."""
    order, after, limit = (texts.get(name, "").strip() for name in ("order", "after", "limit"))
    if order not in ("", "newest", "oldest"):
        raise FilterError("order is one of: newest, oldest")
    if after and not re.fullmatch("[0-9A-Za-z]{26}", after):
        raise FilterError("after is not the id of a lead: it has 26 letters and digits")
    if limit and not re.fullmatch("[1-9][0-9]{0,8}", limit):
        raise FilterError("limit is not a number of leads: write 1000")
    return Course(order != "oldest", after.upper() or None, int(limit) if limit else None)


def _all(wanted, present, course):
    """Yield all leads that are found, as they are shown. Who reads slowly keeps no connection to the store."""
    after, left = course.after, course.limit or sys.maxsize
    if not course.newest_first:
        # Who goes on after the last one misses none: a lead that is being stored may have come before one that is.
        settled = datetime.now(UTC) - SETTLED_AFTER
        wanted = replace(wanted, until=min(settled, wanted.until or settled))
    while True:
        database.set_deadline(PATIENCE)
        with database.read():
            leads, after = search.page(wanted, after, min(left, EXPORT_PAGE), course.newest_first)
            shown = [present(lead) for lead in leads]
        database.set_deadline(None)
        yield from shown
        left -= len(leads)
        if after is None or not left:
            return


def _be_patient():
    """Let gunicorn wait for who reads a long answer slowly, longer than for the answer to a lead."""
    if connection := request.environ.get("gunicorn.socket"):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", PATIENCE, 0))


# --- One lead ---


@site.get("/dashboard/leads/<lead_id>")
def show_lead(lead_id):
    return _lead_page(_find(lead_id), revealed=False)


@site.post("/dashboard/leads/<lead_id>")
def reveal_lead(lead_id):
    """Show a lead with what is masked else. By POST, so that nobody is led to it by a link."""
    lead = _find(lead_id)
    logs.log.info("sensitive values shown", {"operator": pages.operators.current_user().name, "lead": lead.id})
    return _lead_page(lead, revealed=True)


def _find(lead_id):
    with database.read():
        lead = search.find(models.Lead, lead_id.upper())
    if lead is None or not pages.may_see(lead.program):
        raise NotFound
    return lead


def _lead_page(lead, revealed):
    book = pages.rulebook()
    with database.read():
        hidden = masks.hidden_fields(book.programs)(lead)
        then = rules_of(lead, book)
        others = search.repeats_of(lead, programs=pages.operators.current_user().programs)
        deliveries = of_lead(lead, book.programs.get(lead.program))
        became = became_of(lead, book.programs.get(lead.program))
        sales = feedback.outcomes(lead.id)
    judged_by = then.program or book.programs.get(lead.program)
    sensitive = _holds(lead, hidden)
    masked = masks.NOTHING if revealed else hidden
    return page(
        "dashboard/lead.html",
        lead=lead,
        program=book.programs.get(lead.program),
        programs=book.programs,
        currency=pages.currency_of(judged_by),
        reasons=[(code, reasons.reason(code, judged_by)) for code in lead.reasons],
        steps=explain.steps(lead.trace, judged_by),
        values=values_of(lead, judged_by, masked),
        others=others,
        deliveries=deliveries,
        became=became,
        sales=sales,
        outcomes=feedback.OUTCOMES,
        may_say=lead.valid and lead.program in book.programs and book.programs[lead.program].spec.impact,
        sensitive=sensitive,
        revealed=revealed,
        body=None if sensitive and not revealed else as_text(bytes(lead.body), lead.content_type),
        query=None if sensitive and not revealed else bytes(lead.query).decode(errors="replace"),
        answer=_answer(lead, judged_by, masked),
        then=then,
        erased=masks.is_erased(lead),
        rules_changed=lead.program in book.programs and book.programs[lead.program].hash != lead.rules,
    )


def _holds(lead, hidden):
    """Tell whether there may be something to mask in the submission of a lead."""
    hides = any(value != masks.MASK and hidden.hides(name, value) for name, value in lead.fields.items())
    if hides or lead.masked_at:  # of a lead whose values were removed, a partner's name may be left
        return hides
    if hidden:
        return True
    text = as_text(bytes(lead.body), lead.content_type) + "\n" + bytes(lead.query).decode(errors="replace")
    return "body.unreadable" in lead.reasons and hidden.stand_in(text)


def values_of(lead, program, masked):
    """Return for each stored field its label or name, its value, and whether it is judged; first those that are."""
    fields = program.fields if program else {}
    rows = []
    for name, value in lead.fields.items():
        label = fields[name].label if name in fields else name
        shown = masks.MASK if masked.hides(name, value) else value
        rows.append((label[:1].upper() + label[1:] if name in fields else name, shown, name in fields))
    return sorted(rows, key=lambda row: not row[2])


def _answer(lead, program, masked):
    """Return the answer that the lead was given, in the format of those that ask for none."""
    made = answer_format(lead.content_type, bytes(lead.body), program.spec.respond if program else "xml")
    return render(answer_of(lead, masked), made, lead.program)
