"""What all pages share: who may see them, how they are rendered, and how they say what went wrong."""

import logging
import re
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, g, make_response, redirect, render_template, request, url_for
from flask_httpauth import HTTPBasicAuth
from markupsafe import Markup, escape
from werkzeug.exceptions import HTTPException, NotFound, ServiceUnavailable

from database import StoreError
from web import logs, sessions
from web.logs import log
from web.proxies import client_address
from web.service import rulebook, service
from web.settings import version
from web.statuses import meaning

# Pages load our stylesheet and our pictures, and run no script: in an answer from this service
# nothing that a partner wrote can do anything. The editor of rules, where nothing of theirs stands, adds its scripts.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

BUSY = "Other passwords are being checked now. Try again in a moment."  # only a login is answered so
OTHER_SITE = "Another site's page asked for this in your name. Open the dashboard, and ask for it there."

VIEWER = "Your login sees everything here and changes nothing. Ask somebody whose login is in DATAPOST_OPERATORS."
LONGEST_ADDRESS = 2000  # that is come back to after a login: it stands in an address itself

# Programs log in with each request, by basic authentication; browsers once, on a page (dashboard/login.py).
operators = HTTPBasicAuth(realm="Datapost operators")


def page(template, status=200, **values):
    """Return the response with a page rendered from `templates/<template>`."""
    user = operators.current_user()
    shared = {"who": user, "version": version(), "may_log_out": "session" in g, "made_at": user and _told_now()}
    response = make_response(render_template(template, **shared | values), status)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def blueprint(name):
    """Return a Blueprint whose errors are told on a page."""
    made = Blueprint(name, name)
    made.record_once(_set_up)
    made.register_error_handler(HTTPException, lambda error: refuse(error.code or 500, headers=_kept(error)))
    made.register_error_handler(ServiceUnavailable, _refuse_busy)
    made.register_error_handler(StoreError, _refuse_without_store)
    made.register_error_handler(Exception, lambda error: refuse(500, error=logs.where(error)))
    return made


def _refuse_busy(error):
    return refuse(503, _kept(error), BUSY, address=client_address(request))


def _refuse_without_store(error):
    g.has_no_store = True  # the page of the error must not wait for it once more
    service().outage.happens()
    return refuse(503, error=str(error))


def _set_up(state):
    environment = state.app.jinja_env
    environment.finalize = visible
    environment.filters |= {
        "money": money,
        "moment": moment,
        "number": number,
        "told": told,
        "large": large,
        "currency": currency_of,
        "exactly": exactly,
    }
    environment.tests["long"] = has_long_word


def number(count):
    return f"{count:,}"


def money(amount, currency=""):
    """Return what a page shows of an amount: a currency, which impact.com may have named, stays on its line."""
    told = escape(logs.printable(amount_of(amount, currency)))
    return Markup(told.replace(" ", Markup("&nbsp;")).replace(Markup("&nbsp;+&nbsp;"), " + "))  # noqa: S704


def large(amount, currency=""):
    """Return the same in large letters, of which the currency has smaller ones, and a line of its own if need be."""
    told = str(escape(logs.printable(amount_of(amount, currency))))
    return Markup(re.sub(r" ([A-Z]{3})\b", r" <small>\1</small>", told))  # noqa: S704


def amount_of(amount, currency=""):
    """Return an amount with its currency, or the sums of several currencies (`leads.sums.Sums`) side by side."""
    if hasattr(amount, "rows"):
        return " + ".join(amount_of(part, currency) for currency, part in amount.rows)
    return "–" if amount is None else f"{Decimal(amount):,.2f} {currency}".rstrip()


def currency_of(program):
    """Return the currency of a program, or of none that is known any more: nothing."""
    return (program and program.spec.currency) or ""


def has_long_word(text):
    """Tell whether a text has a word that the cell of a table must break, or the page grows wider than a phone."""
    return bool(re.search(r"\S{30}", text))


def told(value):
    """Return a stored value in words."""
    if isinstance(value, list):
        return ", ".join(map(told, value))
    return ("no", "yes")[value] if isinstance(value, bool) else "" if value is None else str(value)


def moment(time, program=None):
    """Return a time as the program's people count it."""
    return f"{time.astimezone(program.spec.timezone if program else UTC):%d %b %Y, %H:%M:%S %Z}"


def _told_now():
    """Return the time of the page, in the time zone of the programs that the operator sees, or UTC if they differ."""
    with suppress(StoreError):
        zones = {program.spec.timezone: program for program in programs().values()}
        return moment(datetime.now(UTC), next(iter(zones.values())) if len(zones) == 1 else None)
    return moment(datetime.now(UTC))


def visible(value):
    """Return what a page shows of a value: control characters, and those that turn the line around, as a sign.

    Jinja2 calls this for every value of every page, so that none can be forgotten.
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        return logs.printable(value.replace("\r\n", "\n"), keep="\n\t")
    return value


def exactly(text):
    """Return what a form is to send back to the letter: the value of a control, of which a page shows nothing else."""
    return escape(text)


def _kept(error):
    return [item for item in error.get_headers() if item[0] in ("Allow", "Retry-After")]


def refuse(status, headers=(), sentence=None, template="error.html", values=(), **cause):
    """Answer with a page that says what is wrong; `cause` is for the log."""
    sentence = sentence or meaning(status).operator
    if status in (401, 429):
        cause |= {"address": client_address(request)}
    level = logging.ERROR if status >= 500 else logging.WARNING
    log.log(level, "refused", {"page": request.endpoint, "status": status, "why": sentence} | cause)
    response = page(template, status, sentence=sentence, request_id=g.request_id, **dict(values))
    response.headers.extend(headers)
    return response


@operators.verify_password
def verify_operator(name, password):
    if not service().settings.seers:
        raise NotFound  # without anybody who may see it there is no dashboard
    if "Authorization" not in request.headers:
        return session_user()
    if not name or not request.authorization or request.authorization.type != "basic":
        return None
    return service().operators.check(name, password, client_address(request))


def session_user():
    """Return the User whom the browser's session tells, or None."""
    user = sessions.find(service().operators, request.cookies.get(sessions.COOKIE))
    if user:
        g.session = True
    return user


@operators.error_handler
def refuse_operator(_status):
    if "Authorization" in request.headers:
        response = refuse(401)
    elif "text/html" in request.headers.get("Accept", ""):  # a browser
        abort(redirect(_login_address(), 303))
    else:  # every program may ask once, to be told that it needs a login: that is no news
        response = page("error.html", 401, sentence=meaning(401).operator, request_id=g.request_id)
    response.headers["WWW-Authenticate"] = 'Basic realm="Datapost operators", charset="UTF-8"'
    return response


def _login_address():
    """Return the address of the login page that leads to the page asked for, as far as asking again shows it."""
    if request.method in ("GET", "HEAD"):
        wanted = request.full_path.rstrip("?")
        return url_for("login.log_in", **{"next": wanted} if len(wanted) <= LONGEST_ADDRESS else {})
    export = request.endpoint == "leads.export_leads"
    return url_for("login.log_in", next=url_for("leads.list_leads") if export else request.path, ended=1)


def for_operators(made):
    """Let only operators and viewers see the pages of a Blueprint, and only our own pages send something to it."""
    made.before_request(operators.login_required(_guard_forms))
    made.after_request(let_forms_name_us)


def let_forms_name_us(response):
    # With no-referrer, as everywhere else, browsers would send our own forms with the origin "null".
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def may_see(program):
    """Tell whether the operator who is logged in may see a program."""
    programs = operators.current_user().programs
    return programs is None or program in programs


def programs():
    """Return the programs that the operator who is logged in may see, by name."""
    return {name: program for name, program in sorted(rulebook().programs.items()) if may_see(name)}


def changes_nothing(view):
    """Mark a view whose forms viewers may send too: all others are refused to them."""
    view.changes_nothing = True
    return view


def _guard_forms():
    if request.method in ("GET", "HEAD"):
        return
    refuse_other_sites()
    view = current_app.view_functions.get(request.endpoint)
    if operators.current_user().viewer and not hasattr(view, "changes_nothing"):
        refuse_viewer()


def refuse_viewer():
    """Refuse a form that changes something to whom only looks."""
    abort(refuse(403, sentence=VIEWER))


def refuse_other_sites():
    """Refuse what another site has a logged-in browser send: it would come with the operator's login.

    Browsers name the site that a request comes from, programs name none. Sec-Fetch-Site says it best, but
    older browsers lack it, and all leave it out where the page came by plain http. Origin is held against
    the host alone: behind a proxy that does not tell, we would take https for http.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        ours = origin is None or urlsplit(origin).netloc == request.host
    if not ours:
        abort(refuse(403, sentence=OTHER_SITE))
