"""`POST /feedback/<program>`: the brand's CRM says what became of a lead, and is answered in JSON, whatever happens."""

import logging

from flask import Blueprint, jsonify, request
from flask_httpauth import HTTPBasicAuth
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from database import StoreError
from impact import feedback
from impact.feedback import FeedbackError, Statement
from judge.values import canonical
from web import logs, payload
from web.logs import log
from web.payload import PayloadError
from web.proxies import client_address
from web.request import body_of
from web.service import rulebook, service

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
RETRY_AFTER = "5"  # seconds
FORMATS = ("json", "form", "multipart")
KEYS = {canonical(name): place for place, name in enumerate(("lead_id", "outcome", "reason", "value"))}

auth = HTTPBasicAuth(realm="Datapost feedback")
site = Blueprint("feedback_endpoint", __name__)


@site.route("/feedback", methods=METHODS, strict_slashes=False)
@site.route("/feedback/<program>", methods=METHODS, strict_slashes=False)
@auth.login_required
def receive_feedback(program=None):
    if request.method != "POST":
        raise MethodNotAllowed(["POST"])
    user = auth.current_user()
    if program is not None and user.programs is not None and program not in user.programs:
        raise FeedbackError("this login may not speak of the leads of this program", "forbidden", 403)
    program = _find(program)
    noted = feedback.say(program, *_statement(), user.name)
    log.info("feedback", {"program": program.name, "user": user.name, "lead": noted.lead, "added": noted.added})
    return jsonify(as_told(noted))


def as_told(noted):
    """Return what is answered of what was Noted."""
    outcome, reason, value = noted.meant
    told = {
        "lead": noted.lead,
        "outcome": outcome,
        "reason": reason,
        "value": None if value is None else f"{value:.2f}",
    }
    return told | {"added": noted.added, "proposed": noted.proposed}


def _find(name):
    book = rulebook()
    if name in book.programs:
        return book.programs[name]
    if name in book.unusable:
        raise FeedbackError("the live rules of this program cannot be used now: send it again later", "rules", 503)
    raise FeedbackError("there is no such program: post to /feedback/ and the name of one", "unknown_program", 404)


def _statement():
    """Return the request as a Statement. Names may be in any case, with or without _; others are passed over."""
    asked = request._get_current_object()
    body, content_type = body_of(asked), asked.headers.get("Content-Type", "")
    if payload.kind(content_type, body) not in FORMATS:
        told = "send a JSON object or a form, with lead_id, outcome, reason and value"
        raise FeedbackError(f"the body is of a kind that is not read here: {told}", "unsupported", 415)
    texts = [""] * len(KEYS)
    for name, values in payload.decode(body, content_type).items():
        place = KEYS.get(canonical(name))
        if place is None:
            continue
        if len(set(values)) > 1:
            raise FeedbackError("a field is given twice, with two values: send one lead at a time", "unreadable", 400)
        texts[place] = values[0]
    return Statement(*texts)


# --- Who may ---


@auth.verify_password
def verify_password(name, password):
    scheme = request.headers.get("Authorization", "").partition(" ")[0]
    if not name or scheme.lower() != "basic":
        return None
    return service().feedback.check(name, password, client_address(request))


@auth.error_handler
def refuse_login(_status):
    why = "the user name or the password is missing or wrong"
    if not service().settings.feedback_users:
        log.warning("every feedback is answered 401: DATAPOST_FEEDBACK_USERS is not set")
    response = _refuse(401, "login", why)
    response.headers["WWW-Authenticate"] = 'Basic realm="Datapost feedback", charset="UTF-8"'
    return response


# --- Refusals ---


def _refuse(status, code, sentence, headers=(), **cause):
    refusal = {"feedback": True, "status": status, "why": code}
    if status in (401, 429):
        refusal["address"] = client_address(request)
    log.log(logging.ERROR if status >= 500 else logging.WARNING, "refused", refusal | cause)
    response = jsonify({"error": {"code": code, "message": sentence}})
    response.status_code = status
    response.headers.extend(headers)
    return response


@site.errorhandler(FeedbackError)
def refuse_feedback(error):
    headers = {"Retry-After": RETRY_AFTER} if error.status == 503 else {}
    return _refuse(error.status, error.code, str(error), headers)


@site.errorhandler(PayloadError)
def refuse_body(error):
    if error.status_hint == 415:
        return _refuse(415, "unsupported", "the body is compressed or a file: send a JSON object or a form, as it is")
    told = "send one JSON object or one form, with lead_id, outcome, reason and value"
    return _refuse(400, "unreadable", f"the body cannot be read: {told}")


OTHER = ("unreadable", "the request cannot be read")
HTTP = {
    405: ("method", "this address takes POST alone"),
    413: ("too_large", "the body is too large: send one lead at a time"),
    429: ("too_many_logins", "too many failed logins: wait as many seconds as Retry-After says"),
    503: ("busy", "other passwords are being checked: send it again after the seconds of Retry-After"),
}


@site.errorhandler(HTTPException)
def refuse_http(error):
    kept = [item for item in error.get_headers() if item[0] in ("Allow", "Retry-After")]
    return _refuse(error.code or 500, *HTTP.get(error.code, OTHER), kept)


@site.errorhandler(StoreError)
def refuse_without_store(error):
    service().outage.happens()
    told = "nothing could be stored now: send it again after the seconds of Retry-After"
    return _refuse(503, "store", told, {"Retry-After": RETRY_AFTER}, error=str(error))


@site.errorhandler(Exception)
def refuse_fault(error):
    told = "a fault of ours, and nothing was stored: send it again after the seconds of Retry-After"
    return _refuse(500, "fault", told, {"Retry-After": RETRY_AFTER}, error=logs.where(error))
