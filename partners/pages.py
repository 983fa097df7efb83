"""The documents for partners: posting instructions as a page and as Markdown, and OpenAPI; the contract for impact.com.

Who sees them is said by the program: everybody, whoever has the link with its key, or operators.
Nothing here stores a lead.
"""

import hmac
import ipaddress
import json
import re
from urllib.parse import quote, urlsplit

from flask import Response, abort, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest, NotFound

from database import secret
from judge.rules import names_list
from partners import markdown, openapi
from partners.contract import contract
from partners.instructions import instructions
from web.logs import printable
from web.pages import blueprint, operators, page, refuse_operator, session_user, verify_operator
from web.service import rulebook, service, warn_once

INSIDE = "_inside"  # how the endpoints under /dashboard end
KEY_LENGTH = 32  # hexadecimal digits: 128 bits
KEYLESS = "DATAPOST_SECRET is not set, so no link to posting instructions works: anybody could work out its key"

documents = blueprint("documents")


# For who is logged in with a cookie, which browsers send to addresses under /dashboard alone.
@documents.get("/dashboard/docs/<program>", endpoint="show_instructions_inside")
@documents.get("/docs/<program>", strict_slashes=False)
def show_instructions(program):
    told = _told(find_program(program))
    head, body, contents = markdown.page_of(markdown.markdown("instructions.md", **told))
    return page("document.html", head=head, body=body, contents=contents, **told)


@documents.get("/dashboard/docs/<program>.md", endpoint="show_markdown_inside")
@documents.get("/docs/<program>.md")
def show_markdown(program):
    text = markdown.markdown("instructions.md", **_told(find_program(program)))
    return Response(text, mimetype="text/markdown")


@documents.get("/dashboard/docs/<program>/openapi.json", endpoint="show_openapi_inside")
@documents.get("/docs/<program>/openapi.json")
def show_openapi(program):
    found = find_program(program)
    document = openapi.describe(found, _instructions(found))
    return Response(json.dumps(document, ensure_ascii=False, indent=2), mimetype="application/json")


def _told(program):
    key = {"key": request.args["key"]} if _has_key(program.name) else {}
    inside = INSIDE if _is_inside() else ""
    return {
        "doc": _instructions(program),
        "markdown_url": url_for(f"documents.show_markdown{inside}", program=program.name, **key),
        "openapi_url": url_for(f"documents.show_openapi{inside}", program=program.name, **key),
    }


def _instructions(program):
    if not request.host:  # as Werkzeug has it of a Host header that names no host
        raise BadRequest
    path = "/leads" if program.name == "default" else f"/leads/{quote(program.name)}"
    return instructions(program, request.host_url.rstrip("/") + path, login=not service().settings.open)


def find_program(name):
    """Return the program whose documents this request may see; to others, it is as if there were none."""
    program, settings = rulebook().programs.get(name), service().settings
    who = program.spec.docs if program else None
    if who == "link" and not settings.secret:
        warn_once(KEYLESS)
    if who == "public" or (_has_key(name) and who == "link"):
        return program
    operator = _operator(settings)
    if program and operator and (operator.programs is None or name in operator.programs):
        return program
    if who == "operators" and settings.seers and not operator:
        abort(_ask_to_log_in())
    raise NotFound


def _is_inside():
    return request.endpoint.endswith(INSIDE)


def _ask_to_log_in():
    """Send a browser to where its cookie counts, or from there to the login; tell programs that they need one."""
    browser = "text/html" in request.headers.get("Accept", "") and "Authorization" not in request.headers
    if browser and not _is_inside():
        return redirect(url_for(request.endpoint + INSIDE, **request.view_args), 303)
    return refuse_operator(401)


def _has_key(name):
    given = request.args.get("key", "").encode(errors="replace")
    return bool(service().settings.secret) and hmac.compare_digest(given, _key(name).encode())


def _key(name):
    return secret.keyed_hash("docs", name)[:KEY_LENGTH]


def _operator(settings):
    """Return the operator who is logged in with this request, or None."""
    if not settings.seers:
        return None
    if "Authorization" not in request.headers:
        return session_user() if _is_inside() else None
    given = operators.get_auth()
    return verify_operator(given.username, given.password) if given else None


def link(program_name, base_url):
    """Return the address of a program's posting instructions, or None if no link can work."""
    address = f"{base_url.rstrip('/')}/docs/{quote(program_name)}"
    if service().rulebook.programs[program_name].spec.docs != "link":
        return address
    return f"{address}?key={_key(program_name)}" if service().settings.secret else None


MEANINGS = {
    "uniqueid": "the Order ID",
    "sale_amount": "the amount",
    "customerid": "the customer ID",
    "email": "the customer's e-mail address",
    "note": "for the log, and the partner's reason; rejections have it too",
}


def contract_of(program, url):
    """Return what impact.com's integrations engineer needs to know of a program at `url`, as one dict."""
    return contract(program, url, service().settings) | {"posting_instructions": link(program.name, url)}


def contract_text(program, url):
    """Return the same as a text in Markdown, to be sent as it is."""
    values = {
        "c": contract_of(program, url),
        "program": program,
        "title": program.spec.title or program.name,
        "meanings": MEANINGS,
        "max_body": service().settings.max_body,
        "local": is_local(url),
        "names_list": bool(program.spec.test_if) and names_list(program.spec.test_if),
        "unique": any(rule.unique and rule.mode == "enforce" for rule in program.spec.rules),
    }
    text = re.sub("\n{3,}", "\n\n", render_template("contract.md", **values).strip())
    return printable(text, keep="\n")


def is_local(url):
    """Tell whether an address is one of this machine."""
    host = urlsplit(url).hostname
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
