"""A lead as a request that can be pasted: in XML, JSON and form, for the tools that partners use.

Every value is quoted as its language wants it. Passwords are never among them.
"""

import json
import shlex
from functools import partial
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from judge.examples import values_of
from partners.markdown import environment
from web.formats import FORMATS

LOGIN = "your-user-name:your-password"
LANGUAGES = ("curl", "PHP", "Python", "JavaScript")


def _xml(lead):
    lines = [f"  <{name}>{escape(text)}</{name}>" for name, text in pairs(lead)]
    return "\n".join(["<lead>", *lines, "</lead>"])


def _json(lead):
    return json.dumps(lead, ensure_ascii=False, indent=2)


# What makes the body of a request from a dict of texts, or lists of them, in each format that is shown.
ENCODE = {"xml": _xml, "json": _json, "form": partial(urlencode, doseq=True)}


def pairs(lead):
    """Return each name with each of its values: a field that keeps several may have a list of them."""
    return [(name, text) for name, value in lead.items() for text in values_of(value)]


def _php(text):
    if isinstance(text, list):
        return f"[{', '.join(map(_php, text))}]"
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _js(text):
    return json.dumps(text, ensure_ascii=False)


environment.filters |= {"pairs": pairs, "values_of": values_of}
environment.filters |= {"sh": shlex.quote, "php": _php, "py": repr, "js": _js}


def programs(url, kind, lead, login):
    """Return, for each of LANGUAGES, a program that posts the lead in a format (a key of ENCODE)."""
    has_lists = any(isinstance(value, list) for value in lead.values())
    given = {
        "url": url,
        "kind": kind,
        "lead": lead,
        "has_lists": has_lists,
        "body": ENCODE[kind](lead),
        "type": FORMATS[kind].mimetype,
    }
    return {
        language: environment.get_template(f"requests/{language.lower()}").render(given, login=LOGIN if login else "")
        for language in LANGUAGES
    }
