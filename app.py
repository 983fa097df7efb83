"""The service: routes, login and error answers.

A lead's way is told by `receive_lead`: authenticate, decode, judge, record, answer. Whatever
happens on it, the answer is a dataPostResponse.
"""

import logging
import sys
from functools import partial

import click
from flask import Blueprint, Flask, jsonify, redirect, request, url_for
from flask.cli import FlaskGroup
from flask_httpauth import HTTPBasicAuth
from jinja2 import StrictUndefined
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, ServiceUnavailable

import database
import models
from alerts import sources
from alerts.looking import Watch
from dashboard import PAGES, overview
from database import SchemaError, StoreError
from database.secret import hold_secret
from delivery.sending import Sender
from impact import forgetting, receiving
from impact.rounds import Rounds
from judge.judgement import judge, unreadable
from leads import backtest, daily, erasure, known, persons, publishing, retention, search
from leads.deployed import tell_changed_files
from partners.pages import documents
from web import logs, proxies
from web.answer import Answer, answer_lead, finish, named_program, respond
from web.health import check_writing
from web.heartbeat import Heartbeat
from web.login import Login
from web.logs import log
from web.pages import page
from web.payload import PayloadError
from web.proxies import client_address
from web.request import begin, milliseconds, read_submission
from web.service import Service, broken_rules, make_book, note_arrival, rulebook, service, tell_start, warn_once
from web.settings import Settings, User, version
from web.statuses import meaning

RETRY_AFTER = "5"  # seconds, with a 500 or 503

# What a room forgets that leads/ does not know, when that forgets.
erasure.forgetting.append(forgetting.forget_partner)
retention.deleting.append(forgetting.forget_leads)

auth = HTTPBasicAuth(realm="Datapost")
site = Blueprint("site", __name__)


# --- Routes ---


@site.post("/leads", strict_slashes=False)
@site.post("/leads/<program>", strict_slashes=False)
@auth.login_required
def receive_lead(program="default"):
    user = auth.current_user()
    program = find_program(program, user)
    submission, fields, problem = read_submission(program, user)
    if problem:
        verdict, invalid_status = unreadable(program, problem), 400
    else:
        verdict, invalid_status = judge(program, fields, submission.received_at), program.spec.invalid_status
    lead = models.record(submission, verdict, invalid_status, program.text)
    if verdict.deliver:
        service().sender.wake()
    return answer_lead(lead)


@site.get("/health")
def health():
    try:
        check_writing()
        reachable = True
    except StoreError as error:
        log.error("health: the store cannot be reached: %s", error)
        service().outage.happens()
        reachable = False
    book, strict = rulebook(), request.args.get("strict") == "1"
    grave = sources.count_grave() if strict and reachable and book.known else 0
    report = {
        "status": "failing" if not (reachable and book.known) or book.errors or grave else "ok",
        "version": version(),
        "store": "reachable" if reachable else "unreachable",
        "rules": {name: _told(program, book) for name, program in book.programs.items()} if book.known else {},
        "broken_rules": sorted({error.path for error in book.errors}),
    }
    if strict:
        report["grave_warnings"] = grave
    fails = not (reachable and book.known) or (strict and report["status"] != "ok")
    return jsonify(report), 503 if fails else 200


def _told(program, book):
    version = {"version": book.versions[program.name]} if program.name in book.versions else {}
    return {"file": program.path, "hash": program.hash} | version


@site.route("/", methods=overview.METHODS, strict_slashes=False)
def welcome():
    """Send a browser to the dashboard, or tell it what this is; a program is told that leads go elsewhere."""
    if request.method not in ("GET", "HEAD") or "text/html" not in request.headers.get("Accept", ""):
        raise NotFound
    return redirect(url_for("dashboard.start")) if service().settings.seers else page("welcome.html")


# --- Steps of a lead's way ---


@auth.verify_password
def verify_password(name, password):
    made = service()
    if made.settings.open:
        return User("", "")
    asked = request._get_current_object()
    scheme = asked.headers.get("Authorization", "").partition(" ")[0]
    if not name or scheme.lower() != "basic":
        return None
    made.arrival = proxies.arrival(asked, made.settings.trusted_proxies)
    warn_once(made.arrival["problem"])
    return made.login.check(name, password, client_address(asked))


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
        address = client_address(request)
        if address is None or not any(address in allowed for allowed in networks):
            raise Forbidden


class Unusable(StoreError):
    """The live rules of a program cannot be used: the store can."""


def find_program(name, user):
    if user.programs is not None and name not in user.programs:
        raise Forbidden
    try:
        return (book := rulebook()).programs[name]
    except KeyError:
        if name in book.unusable:
            raise Unusable(f"the live rules of {name} cannot be used") from None
        raise NotFound from None


# --- Refusals ---


def answer_error(status, note=None, headers=(), **cause):
    """Answer with an error. `cause` is for the log; what a sender wrote does not belong there."""
    note = note or meaning(status).note
    program, user = named_program(), auth.current_user() or User("", "")
    refusal = {
        "program": program.name if program and request.url_rule else None,
        "user": user.name or None,
        "status": status,
        "why": note,
        "milliseconds": milliseconds(),
    }
    if status in (401, 429):
        refusal |= {"user": known_name(), "address": client_address(request)}
    log.log(logging.ERROR if status >= 500 else logging.WARNING, "refused", refusal | cause)
    return respond(status, Answer(False, note=note), headers)


@site.app_errorhandler(HTTPException)
def answer_http_error(error):
    keep = ("Allow", "Retry-After")
    headers = {name: value for name, value in error.get_headers() if name in keep}
    # Only a login that finds no room is answered so.
    busy = isinstance(error, ServiceUnavailable)
    cause = {"why": error.description, "address": client_address(request)} if busy else {}
    return answer_error(error.code or 500, headers=headers, **cause)


@site.app_errorhandler(PayloadError)
def answer_unsupported(error):
    return answer_error(error.status_hint, str(error))


@site.app_errorhandler(StoreError)
def answer_store_error(error):
    if not isinstance(error, Unusable):
        service().outage.happens(is_lead=request.endpoint == "site.receive_lead")
    return answer_error(503, headers={"Retry-After": RETRY_AFTER}, error=str(error))


@site.app_errorhandler(Exception)
def answer_fault(error):
    return answer_error(500, headers={"Retry-After": RETRY_AFTER}, error=logs.where(error))


# --- The app ---


class App(Flask):
    """Flask without its look, eight times a lead, whether a function of ours is a coroutine: 20 µs, and none is."""

    def ensure_sync(self, function):
        return function


def create_app(settings=None):
    """Return the WSGI app for these settings, or for those of the environment."""
    context, unread = click.get_current_context(silent=True), []
    settings = settings or Settings.load(unread=unread)
    if unread and not (context and context.parent is None):  # else one of our commands, or --help, comes
        raise click.ClickException("\n".join(unread))
    logs.set_up(readable=bool(context) or sys.stderr.isatty())
    models.connect(settings.database_url, settings.secret)
    app = App(__name__)
    app.jinja_env.undefined = StrictUndefined
    app.config.update(MAX_CONTENT_LENGTH=settings.max_body + 1, PROVIDE_AUTOMATIC_OPTIONS=False)
    app.url_map.merge_slashes = app.url_map.redirect_defaults = False  # an address is never redirected
    serves = (context.info_name if context else "") in ("", "run")  # a command publishes nothing by itself
    seed = partial(publishing.seed, settings.rules) if serves else None
    book = make_book(settings, search.last_rule_text, seed)
    for chore in (daily.roll_up, retention.purge_some, known.know_again):
        database.add_chore(partial(_do_chore, chore, book))
    for chore in (retention.clear_expired, backtest.clear_old, persons.clear_old):
        database.add_chore(chore)
    logins = (Login(users, settings.secret) for users in (settings.users, settings.seers, settings.feedback_users))
    app.extensions["datapost"] = made = Service(
        settings, book, *logins, Sender(settings, book), Heartbeat(settings), Watch(app), Rounds(app), unread=unread
    )
    database.add_chore(partial(note_arrival, made))
    database.add_chore(made.outage.note)
    for pages in (site, receiving.site, *PAGES, documents):
        app.register_blueprint(pages)
    app.before_request(begin)
    app.after_request(finish)
    app.teardown_request(lambda _error: database.set_deadline(None))
    app.log_exception = _log_exception
    if settings.trusted_proxies:
        app.wsgi_app = proxies.TrustedProxies(app.wsgi_app, settings.trusted_proxies)
    _add_commands(app, context)
    _check_start(made, context)
    return app


def _do_chore(chore, book):
    book.refresh(waits=False)  # a thread that writes leads waits for nothing
    return chore(list(book.programs.values()))


def _log_exception(exc_info):
    # Flask logs a fault of an error handler with the address, which may hold a lead, and a traceback.
    log.error("a fault while an error was answered", exc_info=exc_info)


def _check_start(made, context):
    """Say what is wrong; under `flask run`, a broken rule file stops the service (gunicorn.conf.py does)."""
    settings, book = made.settings, made.rulebook
    command = context.info_name if context else ""
    if command == "run" and book.errors:
        raise click.ClickException("\n".join(["the rules are broken:", *broken_rules(settings, book)]))
    if command == "run":
        try:
            database.prepare(hold_secret)
        except SchemaError as error:
            raise click.ClickException(str(error)) from None
        book.tell_what_began_anew(search.last_rules)
        tell_start(settings, book, f"http://{context.params['host']}:{context.params['port']}")
        if settings.published:
            tell_changed_files(settings.rules, book)
        made.begin()
    serving = command in ("", "run")
    for error in book.errors if serving else []:
        log.error("%s", error)
    if serving and not settings.users and not settings.open:
        log.warning("every post is answered 401: DATAPOST_USERS is not set (or set DATAPOST_OPEN=on)")


def _add_commands(app, context):
    from commands import COMMANDS, doctor, instead_of, show_in_groups

    unread = app.extensions["datapost"].unread
    for command in COMMANDS:
        app.cli.add_command(instead_of(command, unread) if unread and command is not doctor else command)
    if context and isinstance(context.find_root().command, FlaskGroup):
        show_in_groups(context.find_root().command)


def __getattr__(name):
    # `app:app`, as servers and Flask look for it, made when it is asked for and not on import.
    if name == "app":
        globals()["app"] = create_app()
        return globals()["app"]
    raise AttributeError(name)
