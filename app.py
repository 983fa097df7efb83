"""The service: routes, login and error answers.

A lead's way is told by `receive_lead`: authenticate, decode, judge, record, answer. Whatever
happens on it, the answer is a dataPostResponse.
"""

import logging
import re
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from uuid import uuid4

import click
from flask import Blueprint, Flask, Response, current_app, g, jsonify, request
from flask_httpauth import HTTPBasicAuth
from jinja2 import StrictUndefined
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, RequestEntityTooLarge, ServiceUnavailable
from werkzeug.http import parse_accept_header

import database
import models
from dashboard import leads, overview, programs
from database import SchemaError, StoreError
from database.secret import hold_secret
from judge.judgement import content, judge, unreadable
from judge.rulebook import RuleBook
from leads import backtests, daily, retention, search
from partners.pages import documents
from web import logs, payload, proxies
from web.answer import HEADERS, MIMETYPES, Answer, render
from web.login import Login
from web.request import read as read_lead
from web.settings import Settings, SettingsError, User, version

RETRY_AFTER = "5"  # seconds, with a 500 or 503

NOTES = {
    400: "The request cannot be read",
    401: "The user name or the password is missing or wrong",
    403: "These credentials or this address may not post here",
    404: "There is no such address: post leads to /leads or /leads/ and the name of a program",
    405: "This address does not take this method: leads are posted to /leads",
    413: "The body is too large",
    429: "Too many failed logins: wait, then post with the right password",
    500: "The lead could not be judged for a fault of ours and was not stored: please send it again later",
    503: "The lead could not be stored now: please send it again",
}

log = logging.getLogger("datapost")
auth = HTTPBasicAuth(realm="Datapost")
site = Blueprint("site", __name__)


@dataclass
class Service:
    """What the app works with: `current_app.extensions["datapost"]`."""

    settings: Settings
    rulebook: RuleBook
    login: Login
    operators: Login
    warnings: set = field(default_factory=set)  # those that were given and are not repeated


def service():
    return current_app.extensions["datapost"]


# --- Routes ---


@site.post("/leads", strict_slashes=False)
@site.post("/leads/<program>", strict_slashes=False)
@auth.login_required
def receive_lead(program="default"):
    rules = find_program(program, auth.current_user())
    submission, fields, problem = read_submission(rules)
    if problem:
        verdict, invalid_status = unreadable(rules, problem), 400
    else:
        verdict, invalid_status = judge(rules, fields, submission.received_at), rules.spec.invalid_status
    lead = models.record(submission, verdict, invalid_status, rules.text)
    return answer_lead(lead)


@site.get("/health")
def health():
    try:
        models.check_writing()
        reachable = True
    except StoreError as error:
        log.error("health: the store cannot be reached: %s", error)
        reachable = False
    book = service().rulebook
    book.refresh()
    report = {
        "status": "ok" if reachable and not book.errors else "failing",
        "version": version(),
        "store": "reachable" if reachable else "unreachable",
        "rules": {p.name: {"file": p.path, "hash": p.hash} for p in book.programs.values()},
        "broken_rules": sorted({error.partition(":")[0] for error in book.errors}),
    }
    return jsonify(report), 200 if reachable else 503


# --- Steps of a lead's way ---


@auth.verify_password
def verify_password(name, password):
    if service().settings.open:
        return User("", "")
    scheme = request.headers.get("Authorization", "").partition(" ")[0]
    if not name or scheme.lower() != "basic":
        return None
    warn_once(proxies.exposure(request, service().settings.trusted_proxies))
    return service().login.check(name, password, client_address())


@auth.error_handler
def refuse_login(_status):
    known = "wrong password" if known_name() else "unknown user"
    why = known if claimed_name() else "no credentials"
    return answer_error(401, headers={"WWW-Authenticate": 'Basic realm="Datapost", charset="UTF-8"'}, why=why)


def claimed_name():
    """Return the user name that was sent, whoever sent it."""
    credentials = auth.get_auth()
    return credentials.username if credentials else ""


def known_name():
    """Return the user name that was sent if the settings hold it: any other text may be a password."""
    name = claimed_name()
    return name if any(user.name == name for user in service().settings.users) else None


@site.before_request
def refuse_other_networks():
    networks = service().settings.allowed_ips
    if networks and request.method == "POST":
        address = client_address()
        if address is None or not any(address in allowed for allowed in networks):
            raise Forbidden


def client_address():
    return proxies.read_address(request.remote_addr or "")


def warn_once(sentence):
    given = service().warnings
    if sentence and sentence not in given:
        given.add(sentence)
        log.warning("%s", sentence)


def find_program(name, user):
    if user.programs is not None and name not in user.programs:
        raise Forbidden
    service().rulebook.refresh()
    try:
        return service().rulebook.programs[name]
    except KeyError:
        raise NotFound from None


def read_submission(rules):
    """Return the request as a Submission, its fields, and what is wrong with a body that is no lead."""
    received_at, body, query = datetime.now(UTC), read_body(), read_query()
    content_type, key = request.headers.get("Content-Type", ""), request.headers.get("Idempotency-Key", "").strip()
    problem = None
    try:
        fields = read_lead(rules, body, content_type, query)
        same = content(fields) if key or rules.spec.retry_key else ""
    except payload.UnsupportedPayload:
        raise
    except payload.PayloadError as error:
        fields, same, problem = {}, repr((body, content_type, query)), str(error)
    if rules.forgets:  # what is checked and then forgotten stands in no stored body either
        body = b"" if problem else payload.encode(rules.without_forgotten(fields))
        content_type, query = "application/json", b""
    submission = models.Submission(
        program=rules.name,
        user=auth.current_user().name,
        body=body,
        content_type=content_type,
        query=query,
        received_at=received_at,
        content=same,
        idempotency_key=key,
    )
    return submission, fields, problem


def read_body():
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise payload.UnsupportedPayload("The body is compressed: send it without a Content-Encoding")
    if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        raise payload.UnsupportedPayload("The body is compressed: send it without a Transfer-Encoding but chunked")
    if (request.content_length or 0) > service().settings.max_body:
        raise RequestEntityTooLarge
    try:
        body = request.get_data(parse_form_data=False)
    except RequestEntityTooLarge:
        raise
    except Exception:  # what werkzeug and servers raise for a client who hung up, and chunks that are none
        raise _cut_off() from None
    # Werkzeug cuts a chunked body at its limit and a short one where the client hung up, both in
    # silence; half a lead must not be judged. Its limit is one byte above ours (see create_app).
    if len(body) > service().settings.max_body:
        raise RequestEntityTooLarge
    if request.content_length is not None and len(body) < request.content_length:
        raise _cut_off()
    return body


def _cut_off():
    return payload.PayloadError("The body did not arrive whole: send the request again")


def read_query():
    """Return the query string as bytes, without the `format` that is meant for us."""
    parts = request.query_string.split(b"&")
    return b"&".join(part for part in parts if not _FORMAT.fullmatch(part))


_FORMAT = re.compile(rb"format=(?i:(xml|json))")


# --- Answers ---


def answer_lead(lead):
    """Answer with the decision that is stored in `lead`, whether it was made now or before."""
    decision = {
        "program": lead.program,
        "user": lead.user or None,
        "lead": lead.id,
        "valid": lead.valid,
        "test": lead.test,
        "reasons": lead.reasons,
        "replayed": lead.replayed,
        "status": lead.status,
        "milliseconds": milliseconds(),
    }
    log.info("decision", decision)
    headers = {"Datapost-Lead": lead.id}
    if lead.replayed:
        headers["Idempotent-Replayed"] = "true"
    if lead.valid:
        values = Answer(True, lead.id, lead.amount, lead.customerid, lead.email, lead.note)
    else:
        values = Answer(False, note=lead.note)
    return answer(lead.status, values, headers)


def answer_error(status, note=None, headers=(), **cause):
    """Answer with an error. `cause` is for the log; what a sender wrote does not belong there."""
    note = note or NOTES.get(status, NOTES[400])
    program, user = find_named_program(), auth.current_user() or User("", "")
    refusal = {
        "program": program.name if program and request.url_rule else None,
        "user": user.name or None,
        "status": status,
        "why": note,
        "milliseconds": milliseconds(),
    }
    if status in (401, 429):
        refusal |= {"user": known_name(), "address": client_address()}
    log.log(logging.ERROR if status >= 500 else logging.WARNING, "refused", refusal | cause)
    return answer(status, Answer(False, note=note), headers)


def answer(status, values, headers=()):
    program = find_named_program()
    answer_format = choose_format(program.spec.respond if program else "xml")
    document = render(values, answer_format, program.name if program else "")
    return Response(document, status, mimetype=MIMETYPES[answer_format], headers=dict(headers))


def find_named_program():
    """Return the program that the address names, or None."""
    return service().rulebook.programs.get((request.view_args or {}).get("program", "default"))


def milliseconds():
    return round((time.perf_counter() - g.started) * 1000, 1)


def choose_format(otherwise):
    """Return `xml` or `json`: as asked for, else as accepted, else as sent, else as the program says."""
    # Of the bytes: request.args would raise for a query string that is no UTF-8.
    for part in request.query_string.split(b"&"):
        if asked := _FORMAT.fullmatch(part):
            return asked[1].decode().lower()
    # No client names so many types; werkzeug takes 5 ms for a kilobyte, and gunicorn lets 32 through.
    if accepted := _preferred_format(request.headers.get("Accept", "")[:1000]):
        return accepted
    return "json" if _body_kind() == "json" else otherwise


@lru_cache(256)  # a sender has one Accept header for all its leads
def _preferred_format(header):
    """Return the format that Accept prefers, if it prefers one by its name and not by a wildcard."""
    given = {}
    for accepted, quality in parse_accept_header(header, MIMEAccept):
        mimetype = accepted.partition(";")[0].strip().lower()
        given[mimetype] = max(quality, given.get(mimetype, 0))
    wildcard = max(given.get("*/*", 0), given.get("application/*", 0))
    for_json = given.get("application/json", wildcard)
    for_xml = max((given[name] for name in ("application/xml", "text/xml") if name in given), default=wildcard)
    if for_json > for_xml and "application/json" in given:
        return "json"
    if for_xml > for_json and given.keys() & {"application/xml", "text/xml"}:
        return "xml"
    return None


def _body_kind():
    try:
        body = request.get_data(parse_form_data=False)
    except Exception:  # too large, cut off, or no chunks
        body = b""
    try:
        return payload.kind(request.headers.get("Content-Type", ""), body)
    except payload.PayloadError:
        return None


@site.app_errorhandler(HTTPException)
def answer_http_error(error):
    keep = ("Allow", "Retry-After")
    headers = {name: value for name, value in error.get_headers() if name in keep}
    # Only a login that finds no room is answered so.
    cause = {"why": error.description, "address": client_address()} if isinstance(error, ServiceUnavailable) else {}
    return answer_error(error.code or 500, headers=headers, **cause)


@site.app_errorhandler(payload.PayloadError)
def answer_unsupported(error):
    return answer_error(error.status_hint, str(error))


@site.app_errorhandler(StoreError)
def answer_store_error(error):
    return answer_error(503, headers={"Retry-After": RETRY_AFTER}, error=str(error))


@site.app_errorhandler(Exception)
def answer_fault(error):
    return answer_error(500, headers={"Retry-After": RETRY_AFTER}, error=logs.where(error))


# --- The app ---


def create_app(settings=None):
    """Return the WSGI app for these settings, or for those of the environment."""
    try:
        settings = settings or Settings.load()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    logs.set_up(readable=bool(click.get_current_context(silent=True)) or sys.stderr.isatty())
    models.connect(settings.database_url, settings.secret)
    app = Flask(__name__)
    app.jinja_env.undefined = StrictUndefined
    app.config.update(MAX_CONTENT_LENGTH=settings.max_body + 1, PROVIDE_AUTOMATIC_OPTIONS=False)
    app.url_map.merge_slashes = app.url_map.redirect_defaults = False  # an address is never redirected
    book = RuleBook(settings.rules, search.last_rule_text)
    for chore in (daily.roll_up, retention.purge_some):
        database.add_chore(partial(_do_chore, chore, book))
    for chore in (retention.clear_expired, backtests.clear_old):
        database.add_chore(chore)
    app.extensions["datapost"] = Service(
        settings,
        book,
        Login(settings.users, settings.secret),
        Login(settings.operators, settings.secret),
    )
    app.register_blueprint(site)
    for pages in (overview.site, leads.site, programs.site, documents):
        app.register_blueprint(pages)
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(lambda _error: database.set_deadline(None))
    app.log_exception = _log_exception
    if settings.trusted_proxies:
        app.wsgi_app = proxies.TrustedProxies(app.wsgi_app, settings.trusted_proxies)
    _add_commands(app)
    _check_start(app)
    return app


def _do_chore(chore, book):
    book.refresh(waits=False)  # a thread that writes leads waits for nothing
    return chore(list(book.programs.values()))


def _begin():
    g.started = time.perf_counter()
    database.set_deadline(database.ANSWER_WAIT)
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if re.fullmatch("[A-Za-z0-9_-]{1,64}", given) else uuid4().hex


def _finish(response):
    ours = HEADERS | {"X-Request-Id": g.request_id}
    if request.is_secure:
        ours["Strict-Transport-Security"] = "max-age=31536000"
    response.headers.extend([item for item in ours.items() if item[0] not in response.headers])
    return response


def _log_exception(exc_info):
    # Flask logs a fault of an error handler with the address, which may hold a lead, and a traceback.
    log.error("a fault while an error was answered", exc_info=exc_info)


def _check_start(app):
    """Say what is wrong; under `flask run`, a broken rule file stops the service (gunicorn.conf.py does)."""
    settings, book = app.extensions["datapost"].settings, app.extensions["datapost"].rulebook
    context = click.get_current_context(silent=True)
    command = context.info_name if context else ""
    if command == "run" and book.errors:
        raise click.ClickException("\n".join(["the rules are broken:", *book.errors]))
    if command == "run":
        try:
            database.prepare(hold_secret)
        except SchemaError as error:
            raise click.ClickException(str(error)) from None
        book.tell_what_began_anew(search.last_rules)
    serving = command in ("", "run")
    for error in book.errors if serving else []:
        log.error("%s", error)
    if serving and not settings.users and not settings.open:
        log.warning("every post is answered 401: DATAPOST_USERS is not set (or set DATAPOST_OPEN=on)")


def _add_commands(app):
    from commands import COMMANDS

    for command in COMMANDS:
        app.cli.add_command(command)


def __getattr__(name):
    # `app:app`, as servers and Flask look for it, made when it is asked for and not on import.
    if name == "app":
        globals()["app"] = create_app()
        return globals()["app"]
    raise AttributeError(name)
