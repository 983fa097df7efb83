"""Leads that are to be reversed at impact.com: what is proposed, what became of it, and what an operator does about it.

Who is limited to programs sees the reversals of these alone, and changes no others.
"""

import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import redirect, request, url_for
from peewee import fn
from ulid import ULID
from werkzeug.exceptions import NotFound

import database
from alerts.concern import leads as leads_told
from database.claims import milliseconds
from impact import findings, reversals
from impact.api import is_set
from impact.ledger import Action, Reconciled, Reversal
from impact.proposals import why_not
from impact.states import AGAIN
from leads import search
from models import Lead
from web import pages
from web.pages import moment, page
from web.service import service

BUSY = "another one is being restored. That takes a minute at most: wait, then try again"
LISTED = 50
MOST = 1000  # leads that a form names, each by itself
SOON = 3  # days until the lock, from which on they are told in red
# What is listed together, by its name in the address: the words for it, and the states.
TABS = {
    "proposed": ("Proposed", ("proposed",)),
    "progress": ("In progress", ("approved", "submitting", "queued")),
    "failed": ("Failed", ("failed",)),
    "too_late": ("Too late", ("too_late",)),
    "done": ("Done", ("done",)),
    "restored": ("Restored", ("restored",)),
}

site = pages.blueprint("reversals")
pages.for_operators(site)
restoring = threading.Lock()  # impact.com may take a minute to answer: not all threads of a process are to wait


# --- The page ---


@site.get("/dashboard/reversals")
def show():
    return _page()


def _page(status=200, **told):
    programs, named = pages.programs(), request.values.get("program", "")
    tab, number = request.args.get("state", ""), request.args.get("page", "1")
    if tab not in ("", *TABS) or (named and named not in programs) or not re.fullmatch("[1-9][0-9]{0,3}", number):
        raise NotFound
    number, chosen = int(number), [named] if named else _seen_programs()
    with database.read():
        now, counts = database.now(), _counts(chosen)
        tab = tab or next((name for name in TABS if counts[name]), "proposed")
        rows = list(_rows(chosen, TABS[tab][1], number))
        shown = _shown(rows[:LISTED], programs, now)
    values = {"tabs": {name: (words, counts[name]) for name, (words, _) in TABS.items()}, "tab": tab, "rows": shown}
    values |= {"more": len(rows) > LISTED, "number": number, "programs": programs, "program": named}
    values |= {"shown": milliseconds(now)}
    return page("dashboard/reversals.html", status, **values | {"done": None, "problem": None} | told)


def _seen_programs():
    """Return the names of the programs whose reversals the operator sees, or None: all, and those that are gone."""
    return None if pages.operators.current_user().programs is None else list(pages.programs())


def _of(programs, *columns):
    query = Reversal.select(*columns)
    return query if programs is None else query.where(Reversal.program.in_(programs))


def _counts(programs):
    found = dict(_of(programs, Reversal.state, fn.COUNT(Reversal.lead)).group_by(Reversal.state).tuples())
    return {name: sum(found.get(state, 0) for state in states) for name, (_, states) in TABS.items()}


def _rows(programs, states, number):
    """Return the rows of a page, and one of the next: what is proposed by how soon it is locked, else the newest."""
    order = [Reversal.proposed_at.desc(), Reversal.lead]
    if states == ("proposed",):
        order = [Reversal.locking_at.is_null(), Reversal.locking_at, Reversal.lead]
    query = _of(programs).where(Reversal.state.in_(states)).order_by(*order)
    return query.limit(LISTED + 1).offset((number - 1) * LISTED)


def _shown(rows, programs, now):
    """Return the rows as the page has them. Within a reading."""
    ids = [row.lead for row in rows]
    amounts = dict(Lead.select(Lead.id, Lead.sale_amount).where(Lead.id.in_(ids)).tuples())
    return [
        {
            "row": row,
            "came": ULID.from_str(row.lead).datetime,
            "amount": amounts.get(row.lead),
            "is_there": row.lead in amounts,
            "days_left": days_left(row.locking_at, now),
            "told": tell(row, programs.get(row.program)),
            "program": programs.get(row.program),
        }
        for row in rows
    ]


def days_left(locking_at, now):
    """Return how many whole days are left until the lock, None where nobody knows; below 0 it is locked."""
    return None if locking_at is None else (locking_at - now).days


def tell(row, program):
    """Say in a sentence how far a reversal is, by the clock of its program."""
    return TOLD[row.state](row, lambda time: moment(time, program) if time else "a day that is not known")


def _proposed(row, at):
    return f"Proposed on {at(row.proposed_at)}{_by(row.proposed_by)}."


def _approved(row, at):
    told = f"Approved on {at(row.approved_at)}{_by(row.approved_by)}.{_error(row)}"
    if not is_set(service().settings):
        return f"{told} No account is set: take it along by flask reversals file."
    return f"{told} It is sent from {at(row.due_at)} on." if row.due_at else told


def _queued(row, at):
    if row.way == "file":
        return f"It was written to a file on {at(row.submitted_at)}. It is done when impact.com shows it as reversed."
    told = f"impact.com took it on {at(row.submitted_at)}.{_error(row)}"
    if row.done_at:
        return f"{told} It says that it is done: the next reading is to show it as reversed."
    return f"{told} It is asked again on {at(row.due_at)}." if row.due_at else told


TOLD = {
    "proposed": _proposed,
    "approved": _approved,
    "submitting": lambda row, at: f"It is being sent to impact.com.{_error(row)}",
    "queued": _queued,
    "failed": lambda row, at: f"It failed:{_error(row) or ' nobody knows why.'}",
    "too_late": lambda row, at: f"Too late:{_error(row) or ' it was locked before it was reversed.'}",
    "done": lambda row, at: f"{_done(row, at)}{_error(row)}",
    "restored": lambda row, at: f"It was reversed, and restored{_by(row.restored_by)}: its partner is paid for it.",
}


def _error(row):
    return f" {row.error}." if row.error else ""


def _by(name):
    return f" by {name}" if name else ""


def _done(row, at):
    if row.restoring:
        return f"It is being restored{_by(row.restored_by)}."
    return f"Reversed on {at(row.done_at)}: its partner is not paid for it."


# --- What operators do ---


@site.get("/dashboard/reversals/<any(approve, withdraw, restore, propose):_action>")
def begin_anew(_action):
    """Lead whoever asks again for what came of a form, as after a login, to the page that has the form."""
    return redirect(url_for(".show"), 303)


def _chosen(*states):
    """Return the ids that a form is about, as far as they are in one of the states and the operator may see them.

    What was proposed after the page was `shown`, or for another reason by then, nobody has seen on it.
    """
    query = _of(_seen_programs(), Reversal.lead).where(Reversal.state.in_(states))
    if named := request.form.get("program"):
        query = query.where(Reversal.program == named)
    if re.fullmatch("[0-9]{1,13}", shown := request.form.get("shown", "")):
        query = query.where(Reversal.proposed_at <= datetime.fromtimestamp(int(shown) / 1000, UTC))
    if "all" not in request.form:
        given = [*request.form.getlist("lead"), *request.form.get("leads", "").split()]
        query = query.where(Reversal.lead.in_([lead for lead in given if re.fullmatch("[0-9A-Z]{26}", lead)][:MOST]))
    with database.read():
        return sorted(lead for (lead,) in query.tuples())


def _operator():
    return pages.operators.current_user().name


NONE_CHOSEN = "none was chosen. Tick some; what was ticked may have been approved or withdrawn by somebody else by now"
MORE_CAME = "others were proposed while you looked. Here they are: look again, then approve them"


@site.post("/dashboard/reversals/approve")
def approve():
    """Approve the chosen ones, after a second question where so many are unusual."""
    if not (ids := _chosen("proposed")):
        return _page(400, problem=NONE_CHOSEN)
    if "all" in request.form and len(ids) > request.form.get("all", 0, int):
        return _page(409, problem=MORE_CAME)
    after, question = reversals.approve(ids, _operator(), yes="yes" in request.form)
    if question:
        values = {name: request.form.get(name, "") for name in ("program", "shown")}
        return page("dashboard/approve.html", question=question, leads=ids, is_all="all" in request.form, **values)
    if late := sum(after.get(lead) == "too_late" for lead in ids):
        was = "was" if late == 1 else "were"
        return _page(problem=f"{leads_told(late)} {was} too late by now, as they say. All others are approved")
    return _back("progress")


@site.post("/dashboard/reversals/withdraw")
def withdraw():
    if not (ids := _chosen("proposed", "approved")):
        return _page(400, problem=NONE_CHOSEN)
    if stay := reversals.withdraw(ids, _operator()):
        lead, why = next(iter(stay.items()))
        more = f"; {len(stay) - 1:,} more stay too" if len(stay) > 1 else ""
        return _page(400, problem=f"lead {lead} stays: {why}{more}")
    return _back("")


@site.post("/dashboard/reversals/propose")
def propose():
    """Propose that one lead is reversed, and come back to its page."""
    lead_id, reason = request.form.get("lead", ""), request.form.get("reason", "")
    with database.read():
        lead = search.find(Lead, lead_id)
    program = lead and pages.programs().get(lead.program)
    if program is None:
        raise NotFound
    by = _operator()
    proposed = database.transact(lambda: reversals.propose(program, lead, reason, by))
    if proposed.why and not proposed.new:
        return _page(400, problem=proposed.why)
    return redirect(url_for("leads.show_lead", lead_id=lead.id, _anchor="became"), 303)


@site.post("/dashboard/reversals/restore")
def restore():
    """Have one be restored, which impact.com does until the lock."""
    if not (ids := _chosen("done")):
        return _page(400, problem=NONE_CHOSEN)
    if not restoring.acquire(blocking=False):
        return _page(503, problem=BUSY)
    try:
        problem = reversals.restore(service(), ids[0], _operator())
    finally:
        restoring.release()
    return _page(400, problem=problem.rstrip(".")) if problem else _back("done")


def _back(tab):
    return redirect(url_for(".show", state=tab or None, program=request.form.get("program") or None), 303)


# --- On the page of a lead ---


@dataclass(frozen=True)
class Became:
    """What became of one lead at impact.com: its Actions, what does not fit as dicts, its Reversal or None, at `now`.

    `reasons` are those for which it can be proposed, `was_read` whether the program was read since it came.
    """

    actions: list
    findings: list
    reversal: Reversal | None
    reasons: list
    was_read: bool
    now: datetime
    told: str = ""
    tab: str = ""


def became_of(lead, program):
    """Return the Became of a lead, or None where nothing is known of its program at impact.com. Within a reading."""
    actions = list(Action.select().where(Action.oid == lead.id).order_by(Action.event_at, Action.id))
    row, spec, now = Reversal.get_or_none(lead=lead.id), program and program.spec.impact, database.now()
    if not (actions or row or (spec and lead.valid)):
        return None
    is_open = any(action.state != "REVERSED" for action in actions) or not actions
    known = spec.reversals.reasons if spec and is_open and (row is None or row.state in AGAIN) else ()
    reasons = [reason for reason in known if not why_not(program, lead, reason, now)]
    read = Reconciled.get_or_none(program=lead.program)
    was_read = bool(read and read.at and read.at > lead.received_at)
    found = findings.of_lead(lead.program, lead.id)
    tab = next((name for name, (_, states) in TABS.items() if row and row.state in states), "")
    return Became(actions, found, row, reasons, was_read, now, tell(row, program) if row else "", tab)
