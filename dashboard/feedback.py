"""What sales says, as operators bring it: a file of it, and what became of one lead."""

from flask import redirect, request, url_for
from werkzeug.exceptions import NotFound

import database
from impact import feedback
from impact.feedback import FeedbackError
from impact.feedbackfile import COLUMNS, MOST_LINES, take_file
from leads import search
from models import Lead
from web import logs, pages
from web.pages import page
from web.service import service

PATIENCE = 60  # seconds for a whole file
TOLD = 50  # lines that are wrong

site = pages.blueprint("feedback")
pages.for_operators(site)


@site.errorhandler(413)
def refuse_large(_error):
    most = service().settings.max_body
    told = f"The file is too long: with all that a form adds, {most:,} bytes come through (DATAPOST_MAX_BODY)."
    return _page(413, problem=f"{told} Cut it into several, or take it by flask feedback.")


@site.get("/dashboard/feedback")
def show():
    return _page()


@site.post("/dashboard/feedback")
def take():
    file = request.files.get("file")
    if not (file and file.filename):
        return _page(400, problem="Choose a file.")
    database.set_deadline(PATIENCE)
    who = pages.operators.current_user().name
    try:
        taken = take_file(file.read(), pages.programs().get, who)
    except FeedbackError as error:
        return _page(400, problem=_sentence(error))
    logs.log.info("feedback file", {"operator": who, "added": taken.added, "wrong": len(taken.wrong)})
    return _page(taken=taken)


def _page(status=200, problem="", taken=None):
    values = {"problem": problem, "taken": taken, "most_told": TOLD, "columns": COLUMNS, "most": MOST_LINES}
    values |= {"most_bytes": service().settings.max_body, "outcomes": feedback.OUTCOMES, "programs": pages.programs()}
    if status != 200:
        return pages.refuse(status, (), problem, "dashboard/feedback.html", values)
    return page("dashboard/feedback.html", **values)


def _sentence(error):
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


# --- One lead ---


@site.post("/dashboard/feedback/<lead_id>")
def say(lead_id):
    with database.read():
        lead = search.find(Lead, lead_id.upper())
    if lead is None or lead.program not in pages.programs():
        raise NotFound
    texts = (request.form.get(name, "") for name in ("outcome", "reason", "value"))
    who = pages.operators.current_user().name
    try:
        noted = feedback.say(pages.programs()[lead.program], lead.id, *texts, who)
    except FeedbackError as error:
        return pages.refuse(error.status, sentence=f"Nothing was noted: {error}.")
    logs.log.info("feedback", {"operator": who, "lead": lead.id, "added": noted.added})
    return redirect(url_for("leads.show_lead", lead_id=lead.id, _anchor="sales"), 303)


@site.get("/dashboard/feedback/<lead_id>")
def begin_anew(lead_id):
    """Lead whoever asks again for what came of a form, as after a login, to the page that has the form."""
    return redirect(url_for("leads.show_lead", lead_id=lead_id, _anchor="sales"), 303)
