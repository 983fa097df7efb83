"""A lead as a request that can be pasted: in XML, JSON and form, for the tools that partners use.

Every value is quoted as its language wants it. Passwords are never among them.
"""

import json
import shlex
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from web.formats import FORMATS

LOGIN = "your-user-name:your-password"


def _xml(lead):
    lines = [f"  <{name}>{escape(text)}</{name}>" for name, text in lead.items()]
    return "\n".join(["<lead>", *lines, "</lead>"])


def _json(lead):
    return json.dumps(lead, ensure_ascii=False, indent=2)


# What makes the body of a request from a dict of texts, in each format that is shown.
ENCODE = {"xml": _xml, "json": _json, "form": urlencode}


# --- Languages: (address, key of ENCODE, lead, whether to log in) -> a program ---


def _curl(url, kind, lead, login):
    first = ["curl"]
    if login:
        first.append(f"-u {LOGIN}")
    if kind == "form":
        parts = [f"--data-urlencode {shlex.quote(f'{name}={text}')}" for name, text in lead.items()]
        parts = parts or ["-d ''"]
    else:
        parts = [f"-H 'Content-Type: {FORMATS[kind].mimetype}'"]
        parts.append(f"--data-raw {shlex.quote(ENCODE[kind](lead))}")
    return " \\\n  ".join([" ".join(first), *parts, shlex.quote(url)])


def _php(url, kind, lead, login):
    pairs = "".join(f"    {_php_text(name)} => {_php_text(text)},\n" for name, text in lead.items())
    body = {"form": "http_build_query($lead)", "json": "json_encode($lead)"}.get(kind)
    lines = ["<?php"]
    lines.append(f"$lead = [\n{pairs}];" if body else f"$lead = {_php_text(ENCODE[kind](lead))};")
    lines += [f"$request = curl_init({_php_text(url)});", "curl_setopt_array($request, ["]
    lines += [f"    CURLOPT_USERPWD => {_php_text(LOGIN)},"] if login else []
    lines += [
        f"    CURLOPT_HTTPHEADER => [{_php_text(f'Content-Type: {FORMATS[kind].mimetype}')}],",
        f"    CURLOPT_POSTFIELDS => {body or '$lead'},",
        "    CURLOPT_RETURNTRANSFER => true,",
        "]);",
        "echo curl_exec($request);",
    ]
    return "\n".join(lines)


def _php_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _python(url, kind, lead, login):
    pairs = "".join(f"    {name!r}: {text!r},\n" for name, text in lead.items())
    body = {"form": "urllib.parse.urlencode(lead)", "json": "json.dumps(lead)"}.get(kind)
    modules = ["base64"] * login + ["json"] * (kind == "json") + ["urllib.parse"] * (kind == "form")
    lines = [f"import {module}" for module in [*modules, "urllib.error", "urllib.request"]]
    lines += ["", f"lead = {{\n{pairs}}}" if body else f"lead = {_python_lines(ENCODE[kind](lead))}"]
    lines += [f"headers = {{'Content-Type': '{FORMATS[kind].mimetype}'}}"]
    if login:
        lines += [
            f"login = base64.b64encode({LOGIN!r}.encode()).decode()",
            "headers['Authorization'] = 'Basic ' + login",
        ]
    lines += [
        f"body = {body or 'lead'}.encode()",
        f"request = urllib.request.Request({url!r}, data=body, headers=headers)",
        "try:",
        "    response = urllib.request.urlopen(request)",
        "except urllib.error.HTTPError as refused:  # it has an answer too",
        "    response = refused",
        "print(response.read().decode())",
    ]
    return "\n".join(lines)


def _python_lines(text):
    lines = "".join(f"    {line!r}\n" for line in text.splitlines(keepends=True))
    return f"(\n{lines})"


def _javascript(url, kind, lead, login):
    pairs = "".join(f"  {_js_text(name)}: {_js_text(text)},\n" for name, text in lead.items())
    body = {"form": "new URLSearchParams(lead)", "json": "JSON.stringify(lead)"}.get(kind)
    lines = ["// For a server, such as Node.js 18: in a web page, everybody could read the password."] * login
    lines += [f"const lead = {{\n{pairs}}};" if body else f"const lead = {_js_lines(ENCODE[kind](lead))};"]
    lines += [f"fetch({_js_text(url)}, {{", '  method: "POST",', "  headers: {"]
    lines += [f'    "Content-Type": "{FORMATS[kind].mimetype}",']
    lines += [f'    "Authorization": "Basic " + btoa({_js_text(LOGIN)}),'] if login else []
    lines += ["  },", f"  body: {body or 'lead'},", "}).then(response => response.text()).then(console.log);"]
    return "\n".join(lines)


def _js_text(text):
    return json.dumps(text, ensure_ascii=False)


def _js_lines(text):
    return " +\n".join(f"  {_js_text(line)}" for line in text.splitlines(keepends=True)).strip()


LANGUAGES = {"curl": _curl, "PHP": _php, "Python": _python, "JavaScript": _javascript}
# As highlighters and Markdown call them.
SHORT = {"curl": "sh", "PHP": "php", "Python": "python", "JavaScript": "js"}
