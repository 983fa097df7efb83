"""What all pages share: who may see them, how they are rendered, and how they say what went wrong."""

import logging

from flask import Blueprint, current_app, g, make_response, render_template, request
from flask_httpauth import HTTPBasicAuth
from werkzeug.exceptions import Forbidden, HTTPException, NotFound

import logs
import network
from store import StoreError

# Pages load our stylesheet and our pictures, and run no script: in an answer from this service
# nothing that a partner wrote can do anything.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

SENTENCES = {
    401: "Log in with a name and password of DATAPOST_OPERATORS.",
    403: "This login may not see this page.",
    404: "There is no such page. Was the whole link copied?",
    405: "This page cannot be used in this way. Go back and try again.",
    413: "That is more than this page takes.",
    429: "Too many failed logins: wait five minutes, then use the right password.",
    500: "The page could not be made for a fault of ours. The log says more.",
    503: "The leads cannot be read now. Try again in a moment.",
}

log = logging.getLogger("datapost")
operators = HTTPBasicAuth(realm="Datapost operators")


def page(template, status=200, **values):
    """Return the response with a page rendered from `templates/<template>`."""
    response = make_response(render_template(template, **values), status)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def blueprint(name):
    """Return a Blueprint whose errors are told on a page."""
    made = Blueprint(name, name)
    made.register_error_handler(HTTPException, lambda error: refuse(error.code or 500, headers=_kept(error)))
    made.register_error_handler(StoreError, lambda error: refuse(503, error=str(error)))
    made.register_error_handler(Exception, lambda error: refuse(500, error=logs.where(error)))
    return made


def _kept(error):
    return [item for item in error.get_headers() if item[0] in ("Allow", "Retry-After")]


def refuse(status, headers=(), **cause):
    """Answer with a page that says what is wrong; `cause` is for the log."""
    sentence = SENTENCES.get(status, "This request cannot be understood.")
    level = logging.ERROR if status >= 500 else logging.WARNING
    log.log(level, "refused", {"page": request.endpoint, "status": status, "why": sentence} | cause)
    response = page("error.html", status, sentence=sentence, request_id=g.request_id)
    response.headers.extend(headers)
    return response


# --- Operators: never with a partner's credentials ---


@operators.verify_password
def verify_operator(name, password):
    service = current_app.extensions["datapost"]
    if not service.settings.operators:
        raise NotFound  # without operators there is no dashboard
    if not name or not request.authorization or request.authorization.type != "basic":
        return None
    return service.operators.check(name, password, network.read_address(request.remote_addr or ""))


@operators.error_handler
def refuse_operator(_status):
    response = refuse(401, address=network.read_address(request.remote_addr or ""))
    response.headers["WWW-Authenticate"] = 'Basic realm="Datapost operators", charset="UTF-8"'
    return response


def refuse_other_sites():
    """Refuse what another site has a logged-in browser send: it would come with the operator's login.

    For `before_request`. Browsers name the site that a request comes from; programs name none.
    """
    if request.method in ("GET", "HEAD"):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if (site or "same-origin") not in ("same-origin", "none") or (origin and origin != request.host_url.rstrip("/")):
        raise Forbidden
