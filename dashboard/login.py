"""The page on which one logs in to the dashboard, the end of a login, and help."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from flask import redirect, request, url_for
from werkzeug.exceptions import HTTPException, NotFound

from partners.markdown import page_of
from web import logs, pages, sessions
from web.pages import page
from web.proxies import client_address
from web.readers import CONTROL_CHARACTERS
from web.service import service

ROOT = Path(__file__).parents[1]
WRONG = "The name or the password is wrong."
LONGEST_NAME, LONGEST_PASSWORD = 250, 1000  # characters

# Where help is: what the pages are for, and the words of rule files.
HELP = {"dashboard": "docs/dashboard.md", "rules": "rules/README.md"}

site = pages.blueprint("login")
site.after_request(pages.let_forms_name_us)


@site.before_request
def guard():
    if not service().settings.seers:
        raise NotFound  # without anybody who may see it there is no dashboard
    if request.method not in ("GET", "HEAD"):
        # Another site's form would log somebody in as whom that site likes, or out.
        pages.refuse_other_sites()


@site.get("/dashboard/login")
def log_in():
    wanted = own_page(request.args.get("next"))
    if pages.session_user():
        return redirect(wanted, 303)
    return page("dashboard/login.html", sentence=None, **_shown(wanted))


@site.post("/dashboard/login")
def begin_session():
    name, password = request.form.get("name", ""), request.form.get("password", "")
    wanted, headers, status, sentence = own_page(request.form.get("next")), [], 401, WRONG
    try:
        user = _check(name, password)
    except HTTPException as error:  # too many guesses, or other passwords are being checked
        user, status, headers = None, error.code, [item for item in error.get_headers() if item[0] == "Retry-After"]
        sentence = pages.BUSY if status == 503 else None
    if user is None:
        values = _shown(wanted, name)
        return pages.refuse(status, headers, sentence, "dashboard/login.html", values)
    cookie = sessions.begin(service().operators, user, old=request.cookies.get(sessions.COOKIE))
    logs.log.info("logged in", {"operator": user.name, "viewer": user.viewer})
    response = redirect(wanted, 303)
    sessions.put(response, cookie, request.is_secure)
    return response


def _check(name, password):
    """Return the User, or None, by the same count of guesses as basic authentication."""
    if not name or len(name) > LONGEST_NAME or len(password) > LONGEST_PASSWORD:
        return None
    return service().operators.check(name, password, client_address(request))


def _shown(wanted, name=""):
    told = {kind: kind in request.args for kind in ("ended", "out")}
    return {"next": wanted, "name": name} | told


@site.post("/dashboard/logout")
def log_out():
    sessions.end(request.cookies.get(sessions.COOKIE))
    response = redirect(url_for(".log_in", out=1), 303)
    sessions.take_away(response, request.is_secure)
    return response


def own_page(text):
    """Return the address within the dashboard that a text is, or that of its first page.

    Of what another site wrote into a link to the login page, nothing leads elsewhere.
    """
    first = url_for("dashboard.start")
    if not text or len(text) > pages.LONGEST_ADDRESS or "\\" in text or CONTROL_CHARACTERS.search(text):
        return first
    try:
        parts = urlsplit(text)
    except ValueError:
        return first
    ours = re.fullmatch("/dashboard(/.*)?", parts.path) and not (parts.scheme or parts.netloc)
    # Browsers take /dashboard/../x, however its dots are written, for /x.
    dotted = ".." in re.sub("%2e", ".", parts.path, flags=re.IGNORECASE) or "//" in parts.path
    again = parts.path in (url_for(".log_in"), url_for(".log_out"))
    return first if not ours or dotted or again else text


# --- Help ---


@site.get("/dashboard/help")
@site.get("/dashboard/help/<any(rules):name>")
@pages.operators.login_required(optional=True)
def show_help(name="dashboard"):
    head, body = _help(name)
    return page("dashboard/help.html", name=name, head=head, body=body)


@cache
def _help(name):
    """Return the heading and the rest of a document as HTML: pictures, and links to where no page is, are left out."""
    text = (ROOT / HELP[name]).read_text(encoding="utf-8")
    text = re.sub(r"(?m)^!\[.*\n", "", text)
    return page_of(re.sub(r"\[([^][\n]*(?:\n[^][\n]*)?)\]\(([^)#\s]+)(#[^)]*)?\)", _link, text))[:2]


def _link(match):
    for name, path in HELP.items():
        if match[2].endswith(path.rpartition("/")[2]):
            address = "/dashboard/help" if name == "dashboard" else f"/dashboard/help/{name}"
            return f"[{match[1]}]({address}{match[3] or ''})"
    return match[0] if match[2].startswith("https:") else match[1]
