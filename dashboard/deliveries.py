"""Where valid leads go: how each destination fares, what waits and what is dead, and what an operator does about it.

Of a destination the name, the kind and what may be shown are seen, never its address. Who is limited to programs sees
the leads of these alone, and stops, resumes and tests what gets no others.
"""

import re
import threading
from contextlib import suppress
from datetime import UTC, date, datetime, time

from flask import g, redirect, request, url_for
from ulid import ULID
from werkzeug.exceptions import Forbidden, NotFound

import database
from alerts.destinations import waiting
from database import StoreError
from delivery import listing, outbox
from delivery.trial import trial
from judge.deliver import is_name
from leads import search
from models import OF_ERASURE, Delivery, Lead
from partners.samples import field_examples, made_leads
from web import logs, pages
from web.destinations import setting_of
from web.pages import moment, page
from web.service import service

LISTED = 50
CURSOR = "([0-9A-Z]{26}_[a-z0-9_:]{1,60})?"
KINDS = {"webhook": "Web address", "mail": "Mail to", "hubspot": "HubSpot"}
TONES = {"sent": "good", "dead": "bad"}
BUSY = "Another test is running. It takes 20 seconds at most: wait, then try this one again."

site = pages.blueprint("deliveries")
pages.for_operators(site)
testing = threading.Lock()  # a test may take 20 seconds: not all threads of a process are to wait for some


@site.app_template_global("delivers")
def _delivers():
    """Tell whether there is anything to see, for the navigation; an error page is shown without the database too."""
    with suppress(StoreError):
        if any(program.spec.deliver for program in pages.programs().values()):
            return True
        if "has_no_store" in g:
            return False
        with database.read():
            return _programs() is None and Delivery.select().exists()
    return False


def _programs():
    """Return the names of the programs that the operator is limited to, or None."""
    return None if pages.operators.current_user().programs is None else list(pages.programs())


def _may_manage(name):
    """Tell whether the operator may stop, resume and test a destination: no other's leads go there."""
    named_by = [program.name for program in pages.rulebook().programs.values() if name in program.deliver]
    return _programs() is None or (bool(named_by) and all(map(pages.may_see, named_by)))


# --- The page ---


@site.get("/dashboard/deliveries")
def show():
    return _page()


def _page(status=200, **told):
    programs, limited, now = pages.programs(), _programs(), datetime.now(UTC)
    state, to, after = (request.args.get(name, "") for name in ("state", "to", "after"))
    if state not in ("", *listing.STATES) or (to and not is_name(to)) or not re.fullmatch(CURSOR, after):
        raise NotFound
    with database.read():
        found = listing.overview(programs, only=limited is not None)
        reasons = listing.why_dead(limited) if any(one.dead for one in found.values()) else {}
        late = [name for name, one in found.items() if one.waits_too_long]
        rows = listing.rows(to or None, state or None, None, limited, LISTED + 1, after or None)
    clock, paused = search.zone(programs.values()), [name for name, one in found.items() if one.paused]
    values = {
        "destinations": [(one, _place(name)) for name, one in found.items()],
        "names": sorted({*found, *([to] if to else [])}),
        "reasons": reasons,
        "late": late,
        "rows": [(row, came_at(row), tell(row, programs.get(row["program"]), paused)) for row in rows[:LISTED]],
        "older": listing.cursor(rows[LISTED - 1]) if len(rows) > LISTED else None,
        "filter": {name: text for name, text in [("to", to), ("state", state)] if text},
        "first": not after,
    }
    values |= {"programs": programs, "states": listing.STATES, "tones": TONES, "problem": None}
    values |= {"at": lambda time: f"{time.astimezone(clock):%d %b %Y, %H:%M %Z}", "zone": clock}
    values |= {"waiting": lambda one: waiting(one, now), "setting_of": setting_of, "may_manage": _may_manage}
    return page("dashboard/deliveries.html", status, **values | {"done": None} | told)


def _place(name):
    """Return what may be shown of where a destination is; nothing if no setting says."""
    setting = service().settings.destinations.get(name)
    return f"{KINDS[setting.kind]}: {setting.shown.removeprefix('mail to ')}" if setting else ""


def came_at(row):
    """Return when the lead of a row came, which its id tells even where it is gone."""
    return ULID.from_str(row["lead"]).datetime


def tell(row, program, paused=()):
    """Say in a sentence what became of a row of `listing.rows`, by the clock of its program."""
    told = _waits(row, program, paused) if row["state"] == "waiting" else _ended(row, program)
    return f"That it was erased: {told[0].lower()}{told[1:]}" if row["to"].endswith(OF_ERASURE) else told


def _ended(row, program):
    attempts = row["attempts"]
    if row["state"] == "sent":
        at_last = f", at attempt {attempts}" if attempts > 1 else ""
        answered = f": it answered {row['last_status']}" if row["last_status"] else ""
        return f"Sent on {moment(row['sent_at'], program)}{at_last}{answered}."
    if row["state"] == "dead":
        many = f"{attempts} attempt{'' if attempts == 1 else 's'}"
        return f"Dead since {moment(row['last_at'], program)}, after {many}: {row['error']}."
    return f"Not sent: {row['error']}."


def _waits(row, program, paused):
    name, last, attempts = (
        outbox.name_of(row["to"]),
        row["last_at"] and moment(row["last_at"], program),
        row["attempts"],
    )
    why = f": {row['error']}" if row["error"] else ""
    tried = f"{f'Attempt {attempts}' if attempts else 'Tried'} on {last}{why}." if last else "Not tried yet."
    if name in paused:
        return f"{tried} It waits until {name} is resumed."
    if name not in service().settings.destinations:
        return f"{tried} Nothing says where {name} is."
    if row["due_at"] <= datetime.now(UTC):
        return f"{tried} It is due now." if last else tried
    return f"{tried} The next is due on {moment(row['due_at'], program)}."


def of_lead(lead, program):
    """Return what became of sending a lead: rows, each with its destination and a sentence. Within a reading."""
    rows, paused = sorted(listing.rows(lead=lead.id), key=lambda row: row["to"]), outbox.paused()
    return [(row, outbox.name_of(row["to"]), tell(row, program, paused)) for row in rows]


# --- What operators do ---


@site.get("/dashboard/deliveries/<any(pause, resume, test, again):_action>")
def begin_anew(_action):
    """Lead whoever asks again for what came of a form, as after a login, to the page that has the form."""
    return redirect(url_for(".show"), 303)


def _managed():
    """Return the destination that a form is about, if there is one and the operator may do this to it."""
    name = request.form.get("to", "")
    with database.read():
        found = listing.overview(pages.programs(), only=_programs() is not None)
    if name not in found:
        raise NotFound
    if not _may_manage(name):
        raise Forbidden
    return name


def _note(what, name, **more):
    logs.log.info(what, {"operator": pages.operators.current_user().name, "to": name} | more)


def _back_to(name):
    return redirect(url_for(".show", _anchor=f"to-{name}"), 303)


@site.post("/dashboard/deliveries/pause")
def pause():
    name = _managed()
    outbox.pause(name, pages.operators.current_user().name)
    _note("destination paused", name)
    return _back_to(name)


@site.post("/dashboard/deliveries/resume")
def resume():
    name = _managed()
    outbox.resume(name)
    service().sender.wake()
    _note("destination resumed", name)
    return _back_to(name)


@site.post("/dashboard/deliveries/test")
def test():
    """Send an example of a program, and say what was answered."""
    name, program = _managed(), pages.programs().get(request.form.get("program", ""))
    if program is None or name not in program.deliver or name not in service().settings.destinations:
        raise NotFound
    if not testing.acquire(blocking=False):
        return _page(503, problem=BUSY)
    try:
        lead, outcome = trial(service().settings, pages.rulebook().programs, program, name, _made_for(program))
    finally:
        testing.release()
    _note("destination tested", name, program=program.name, result=outcome.result, status=outcome.status)
    return _page(done=_told_of_test(name, program, lead, outcome), well=outcome.result == "sent")


def _made_for(program):
    """Return leads that the rules probably take, the fullest first, where no example is one."""
    if any(example.expect == "valid" for example in program.spec.examples):
        return []
    return made_leads(program, field_examples(program))[::-1]


def _told_of_test(name, program, lead, outcome):
    """Return what came of a test, and what it means, as two sentences."""
    if outcome.result == "sent":
        answered = f": it answered {outcome.status}" if outcome.status else ""
        marked = f"It is an example of {program.name}, marked as a test, with the id {lead}. Nothing of it is stored."
        return f"{name} took the test{answered}.", marked
    return f"{name} did not take the test: {outcome.error}.", {
        "again": "A lead would be tried again later.",
        "dead": "A lead would be dead at once: it would not be tried again.",
        "pause": "With a lead, the destination would be paused.",
    }[outcome.result]


@site.post("/dashboard/deliveries/again")
def send_again():
    """Have what is dead of a destination sent again: all, or of leads since a day; or one lead."""
    name, lead_id, day = (request.form.get(key, "").strip() for key in ("to", "lead", "since"))
    if not is_name(name):
        raise NotFound
    if lead_id:
        return _send_one_again(name, lead_id)
    try:
        day = date.fromisoformat(day) if day else None
    except ValueError:
        day = date.min
    if day and day.year < 2000:
        return _page(400, problem="Write the day like 2026-03-01.")
    since = day and datetime.combine(day, time(), search.zone(pages.programs().values()))
    count = outbox.again(name, since=since, programs=_programs())
    service().sender.wake()
    _note("dead leads sent again", name, leads=count)
    told = f"{count:,} {'lead is' if count == 1 else 'leads are'} sent to {name} again, with ten attempts."
    if not count:
        told = f"No lead for {name} was dead{' since that day' if day else ''}."
    return _page(done=(told, ""), well=True)


def _send_one_again(name, lead_id):
    with database.read():
        lead = search.find(Lead, lead_id)
    if lead is None or not pages.may_see(lead.program):
        raise NotFound
    outbox.again(name, lead.id)
    service().sender.wake()
    _note("dead lead sent again", name, lead=lead.id)
    return redirect(url_for("leads.show_lead", lead_id=lead.id, _anchor="deliveries"), 303)
