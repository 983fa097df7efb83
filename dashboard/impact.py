"""What became of valid leads at impact.com: tiles by program and partner, what does not fit, and when it was read.

Who is limited to programs sees these alone. Nothing here calls impact.com: what is to be read is read in the
background, by the process whose turn it is.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from flask import g, redirect, request, url_for
from werkzeug.exceptions import NotFound

import database
from alerts.concern import title
from dashboard.leads import download
from dashboard.overview import PERIODS, viewed
from database import StoreError
from impact import findings, rounds, totals
from impact.api import is_set
from impact.ledger import Action, Found, Reconciled, Reversal
from leads.daily import midnight
from leads.export import csv_line
from leads.sums import Sums
from models import Lead
from web import logs, pages
from web.pages import moment, page
from web.service import service

LISTED = 50
MOST_PARTNERS = 100  # of a program, on the page
KINDS = {
    "valid": "Answered valid",
    "recorded": "Recorded",
    "pending": "Pending",
    "approved": "Approved",
    "reversed": "Reversed",
}
PAGES = [("impact.show", "Conversions"), ("reversals.show", "Reversals"), ("feedback.show", "What sales says")]
COLUMNS = "lead", "event_date", "amount", "currency", "partner", "customerid"
AT_ONCE = 500  # leads that are read for the file

site = pages.blueprint("impact")
pages.for_operators(site)


@site.app_template_global("knows_impact")
def _knows_impact():
    """Tell whether there is anything to see of impact.com, for the navigation; an error page has no database."""
    with suppress(StoreError):
        if any(program.spec.impact for program in pages.programs().values()):
            return True
        if "has_no_store" in g or pages.operators.current_user().programs is not None:
            return False
        with database.read():
            return any(table.select().exists() for table in (Action, Found, Reversal))
    return False


@site.app_template_global("impact_pages")
def _impact_pages():
    return PAGES


@site.app_template_filter("sums")
def _sums(money):
    return Sums(money)


# --- The page ---


@site.get("/dashboard/impact")
def show():
    return _page()


def _page(status=200, **told):
    view, asked = viewed(), _asked()
    with database.read():
        by_program = [(program, totals.of_program(program, *_span(program, *days))) for program, *days in view.spans]
        found, rows = _findings(asked)
        unseen = findings.unseen(_seen_programs())
        without = _without(asked["findings_of"]).count()
        standings = [_standing(program) for program in view.programs.values() if program.spec.impact]
    figures = [(program, _ranked(some), totals.together(some.values())) for program, some in by_program]
    values = {"view": view, "periods": PERIODS, "kinds": KINDS, "measures": totals.MEASURES, "most": MOST_PARTNERS}
    values |= {"by_program": [one for one in figures if one[0].spec.impact or one[2].counts["recorded"]]}
    values |= {"total": totals.together(sum for *_, sum in values["by_program"]), "found": found, "rows": rows}
    values |= {"without": without, "standings": standings, "was_read": any(one["at"] for one in standings)}
    values |= {"named": [one for one in view.programs.values() if one.spec.impact], "programs": view.programs}
    values |= {"more": found > asked["number"] * LISTED, "all_kinds": findings.KINDS, "unseen": unseen}
    values |= {"has_account": is_set(service().settings), "woken": "woken" in request.args, "problem": None}
    return page("dashboard/impact.html", 400 if view.problem else status, **values | asked | told)


def _asked():
    """Return what of the findings is asked for."""
    kind, of, number = (request.args.get(name, usual) for name, usual in (("kind", ""), ("of", ""), ("page", "1")))
    if kind not in ("", *findings.KINDS) or (of and of not in pages.programs()):
        raise NotFound
    if not re.fullmatch("[1-9][0-9]{0,3}", number):
        raise NotFound
    return {"kind": kind, "findings_of": of, "number": int(number)}


def _span(program, first, last):
    """Return the moments between which the leads of these days came."""
    ends = midnight(program, last + timedelta(days=1))
    return (datetime.fromtimestamp(at / 1000, UTC) for at in (midnight(program, first), ends))


def _ranked(by_partner):
    return sorted(by_partner.items(), key=lambda item: (-item[1].counts["valid"], -item[1].counts["recorded"], item[0]))


def _findings(asked):
    """Return how many findings are open, and those of the page, with links to their leads. Within a reading."""
    names = [asked["findings_of"]] if asked["findings_of"] else _seen_programs()
    rows = findings.standing(names, asked["kind"], (asked["number"] - 1) * LISTED, LISTED)
    ids = [one["lead"] for one in rows if one["lead"]]
    known = {lead for (lead,) in Lead.select(Lead.id).where(Lead.id.in_(ids)).tuples()}
    return findings.count(names, asked["kind"]), [one | {"link": _link(one, known)} for one in rows]


def _link(one, known):
    return url_for("leads.show_lead", lead_id=one["lead"], _anchor="became") if one["lead"] in known else ""


def _seen_programs():
    """Return the names of the programs that the operator sees: those of files that are there."""
    return list(pages.programs())


# --- When it was read ---


def _standing(program):
    """Return how far a program is reconciled, in sentences. Within a reading."""
    row = Reconciled.get_or_none(program=program.name)
    told = {"name": title(program), "at": row and row.at, "tone": "good", "sentences": []}
    told["failed"] = bool(row and row.error)
    say = told["sentences"].append
    if row and row.at:
        how = "from a file" if row.source == "file" else "by the API"
        reach = f", of the time since {moment(row.reach, program)}" if row.reach else ""
        say(f"Read on {moment(row.at, program)} {how}{reach}.")
    else:
        told["tone"] = "quiet"
        say("Not read yet.")
    if row and row.error:
        told["tone"] = "bad"
        when = f" on {moment(row.tried_at, program)}" if row.tried_at else ""
        say(f"The last attempt{when} failed: {row.error}")
    if is_set(service().settings):
        at = rounds.due_at(program.name)
        say(f"The next time is {moment(at, program)}." if at and at > database.now() else "It is due now.")
    return told


# --- What operators do ---


@site.get("/dashboard/impact/<any(reconcile, see):_action>")
def begin_anew(_action):
    """Lead whoever asks again for what came of a form, as after a login, to the page that has the form."""
    return redirect(url_for(".show"), 303)


@site.post("/dashboard/impact/reconcile")
def reconcile():
    """Have the next round be due now: the thread of some process takes it within half a minute."""
    if not is_set(service().settings):
        return _page(400, problem="no account is set: DATAPOST_IMPACT_SID and DATAPOST_IMPACT_TOKEN name it")
    rounds.make_due([program.name for program in pages.programs().values() if program.spec.impact])
    logs.log.info("reconciliation asked for", {"operator": pages.operators.current_user().name})
    return redirect(url_for(".show", woken=1, _anchor="read"), 303)


@site.post("/dashboard/impact/see")
def see():
    """Note that an operator has seen a finding, which is told no more then."""
    program, kind, subject = (request.form.get(name, "") for name in ("program", "kind", "subject"))
    if program not in pages.programs() or kind not in findings.KINDS:
        raise NotFound
    findings.see(program, kind, subject, pages.operators.current_user().name)
    return redirect(url_for(".show", _anchor="findings"), 303)


# --- The file ---


def _without(program=""):
    """Return the query of the findings of leads without a conversion."""
    names = [program] if program else _seen_programs()
    query = Found.select(Found.lead, Found.program)
    return query.where(Found.kind == "no_conversion", Found.gone_at.is_null(), Found.program.in_(names))


@site.post("/dashboard/impact/without-conversion.csv")
def without_conversion():
    """Write what is known of leads that were answered valid and have no conversion: nothing is posted by itself."""
    program = request.form.get("program", "")
    if program and program not in pages.programs():
        raise NotFound
    with database.read():
        ids = [lead for lead, _ in _without(program).order_by(Found.lead).tuples()]
    about = {"form": "csv", "by": ["no_conversion"], "leads": len(ids)}
    return download(_facts(ids), _lines, "leads-without-conversion.csv", "text/csv", about)


def _facts(ids):
    programs = pages.rulebook().programs
    for start in range(0, len(ids), AT_ONCE):
        with database.read():
            leads = list(Lead.select().where(Lead.id.in_(ids[start : start + AT_ONCE])).order_by(Lead.id))
        for lead in leads:
            program = programs.get(lead.program)
            came = lead.received_at.astimezone(program.spec.timezone if program else UTC)
            when = came.isoformat(timespec="seconds")
            yield lead.id, when, lead.amount, pages.currency_of(program), lead.partner, lead.customerid


def _lines(rows):
    yield csv_line(COLUMNS)
    for row in rows:
        yield csv_line(row)
