"""A decision to the answer that impact.com reads: XML or JSON, from the templates, and the response that holds it."""

import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from flask import Response, g, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from web.formats import FORMATS
from web.logs import log
from web.request import choose_format, milliseconds
from web.service import service

TEMPLATES = Path(__file__).parents[1] / "templates"

# Every answer has these, unless it sets its own: a page widens its Content-Security-Policy to its own
# styles and images ('self') where it is rendered.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Answer(NamedTuple):
    """The six values of a dataPostResponse. A rejection keeps all but `note` empty."""

    valid: bool
    uniqueid: str = ""
    sale_amount: str = ""
    customerid: str = ""
    email: str = ""
    note: str = ""


def of_lead(lead):
    """Return the Answer that a stored lead was given."""
    return _answer(lead, lead.id, lead.amount, lead.customerid)


def of_verdict(verdict, uniqueid, customerid):
    """Return the Answer that a verdict means, with what only a stored lead has from elsewhere."""
    amount = "" if verdict.sale_amount is None else f"{verdict.sale_amount:.2f}"
    return _answer(verdict, uniqueid, amount, customerid)


def _answer(decided, uniqueid, amount, customerid):
    if not decided.valid:
        return Answer(False, note=decided.note)
    return Answer(True, uniqueid, amount, customerid, decided.email, decided.note)


def _tojson(value):
    # Jinja2's own filter writes ' as \u0027 and é as \u00e9, for use within HTML. impact.com may
    # read the JSON by a regular expression, which would take o\u0027brien for the address.
    return json.dumps(value, ensure_ascii=False)


# A tag with its attributes, and the text behind it.
_TAG_AND_TEXT = re.compile(r"""(<(?:[^<>"']|"[^"]*"|'[^']*')*>)([^<]*)""")


def _plain_quotes(document):
    """Return XML in which the quotes of values stand as they are, but within tags.

    Jinja2 escapes them everywhere, since they end an attribute. Within an element they end nothing,
    and a regular expression would take o&#39;brien for the address.
    """
    if "&#3" not in document:
        return document
    return _TAG_AND_TEXT.sub(lambda found: found[1] + found[2].replace("&#39;", "'").replace("&#34;", '"'), document)


def environment_of(folder):
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(["xml"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["tojson"] = _tojson
    return environment


ours = environment_of(TEMPLATES)


@cache
def template(environment, program, name):
    # Looked up once: Jinja2 would look for the file again with every answer.
    return environment.select_template([f"{program}/{name}", name] if program else [name])


def render(answer, answer_format, program=""):
    """Return the document, as text, in `answer_format` (`xml` or `json`).

    `templates/<program>/response.xml` takes the place of `templates/response.xml` if there is
    one when the program answers first. One that cannot be rendered is logged, and ours is used:
    the lead is already stored.
    """
    if program:
        try:
            return render_strictly(answer, answer_format, program)
        except Exception as error:  # whatever a brand's template does; its text may quote the lead
            name, kind = f"response.{answer_format}", type(error).__name__
            log.error("templates/%s/%s cannot be rendered and is passed over: %s", program, name, kind)
    return render_strictly(answer, answer_format)


def render_strictly(answer, answer_format, program=""):
    """Return the same document, but raise what a brand's template raises."""
    document = template(ours, program, f"response.{answer_format}").render(answer._asdict())
    return _plain_quotes(document) if answer_format == "xml" else document


def is_ours(program, answer_format):
    """Tell whether answers are as the contract has them, and not by a template of the program's own."""
    return not (TEMPLATES / program / f"response.{answer_format}").exists()


class Reply(Response):
    """A response with an Answer, whose headers go out as they are.

    Werkzeug would copy them, and look for a Location to make whole: 25 µs.
    """

    def get_wsgi_headers(self, _environ):
        return self.headers


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
    return respond(lead.status, of_lead(lead), headers)


def respond(status, values, headers=()):
    """Return the response with an Answer, in the format that the request wants."""
    program = named_program()
    answer_format = choose_format(program.spec.respond if program else "xml")
    document = render(values, answer_format, program.name if program else "")
    return Reply(document, status, mimetype=FORMATS[answer_format].mimetype, headers=dict(headers))


def named_program():
    """Return the program that the address names, if there is one, and it is known."""
    book = service().rulebook
    return book.known and book.programs.get((request.view_args or {}).get("program", "default"))


def finish(response):
    """Give a response the headers of every answer."""
    ours = HEADERS | {"X-Request-Id": g.request_id}
    if request.is_secure:
        ours["Strict-Transport-Security"] = "max-age=31536000"
    given = {name.lower() for name, _ in response.headers}  # werkzeug would look through its list for each of ours
    response.headers.extend([(name, value) for name, value in ours.items() if name.lower() not in given])
    return response
