"""A lead as a request that can be pasted: in XML, JSON and form, for the tools that partners use.

Every value is quoted as its language wants it. Passwords are never among them.
"""

import json
import shlex
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from partners.markdown import environment
from web.formats import FORMATS

LOGIN = "your-user-name:your-password"
LANGUAGES = ("curl", "PHP", "Python", "JavaScript")


def _xml(lead):
    lines = [f"  <{name}>{escape(text)}</{name}>" for name, text in lead.items()]
    return "\n".join(["<lead>", *lines, "</lead>"])


def _json(lead):
    return json.dumps(lead, ensure_ascii=False, indent=2)


# What makes the body of a request from a dict of texts, in each format that is shown.
ENCODE = {"xml": _xml, "json": _json, "form": urlencode}


def _php(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _js(text):
    return json.dumps(text, ensure_ascii=False)


environment.filters |= {"sh": shlex.quote, "php": _php, "py": repr, "js": _js}


def programs(url, kind, lead, login):
    """Return, for each of LANGUAGES, a program that posts the lead in a format (a key of ENCODE)."""
    given = {"url": url, "kind": kind, "lead": lead, "body": ENCODE[kind](lead), "type": FORMATS[kind].mimetype}
    return {
        language: environment.get_template(f"requests/{language.lower()}").render(given, login=LOGIN if login else "")
        for language in LANGUAGES
    }
