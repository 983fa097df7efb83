"""The commands: `flask rules …`, `flask leads …` and `flask hash-password`."""

import csv
import io
import json
import logging
import re
import secrets
import shlex
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from werkzeug.security import generate_password_hash

import models
import payload
from conditions import nearest
from judgement import judge, unreadable
from rulefile import RuleFileError
from ruleset import load

rules = AppGroup("rules", help="Check the rule files, and try leads on them.")
leads = AppGroup("leads", help="Look at the stored leads.")

as_json = click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="text for people, json for programs"
)


@rules.command("check")
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False))
@as_json
def check_rules(files, output):
    """Check rule FILES, or all of the rules folder; the exit status is 1 if one is broken."""
    folder = Path(_service().settings.rules)
    paths = [Path(name) for name in files] or sorted(folder.glob("*.yaml"))
    if not paths:
        raise click.ClickException(f"there is no rule file in {folder}")
    reports = [_check(path) for path in paths]
    if output == "json":
        click.echo(json.dumps(reports, ensure_ascii=False, indent=2))
    for report in reports if output == "text" else []:
        click.echo("\n".join(report["errors"]) or f"{report['file']}: ok, {report['summary']}")
    sys.exit(any(report["errors"] for report in reports))


def _check(path):
    try:
        spec = load(path).spec
    except RuleFileError as error:
        return {"file": str(path), "ok": False, "errors": error.errors, "summary": ""}
    counts = {"field": spec.fields, "rule": spec.rules, "example": spec.examples}
    summary = ", ".join(f"{len(items)} {word}{'s' * (len(items) != 1)}" for word, items in counts.items())
    return {"file": str(path), "ok": True, "errors": [], "summary": summary}


@rules.command("try")
@click.argument("program")
@click.argument("file", type=click.File("rb"))
@click.option("--content-type", default="", help="the type of FILE; by default its first character decides")
@as_json
def try_lead(program, file, content_type, output):
    """Judge the lead in FILE (XML, JSON or form; - reads standard input) by PROGRAM; store nothing.

    Whether the lead is a duplicate is decided only when it is posted.
    """
    rule_set = _program(program)
    try:
        verdict = judge(rule_set, payload.decode(file.read(), content_type), datetime.now(UTC))
    except payload.PayloadError as error:
        verdict = unreadable(rule_set, str(error))
    for claim in verdict.claims:
        verdict.say(claim.rule, "decided when the lead is posted")
    decision = {
        "program": program,
        "valid": verdict.valid,
        "reasons": [reason.code for reason in verdict.reasons],
        "note": verdict.note,
        "sale_amount": None if verdict.sale_amount is None else str(verdict.sale_amount),
        "fields": verdict.fields,
        "trace": verdict.trace,
    }
    _show(decision, output)


@leads.command("show")
@click.argument("lead_id", metavar="ID")
@click.option("--body", is_flag=True, help="write the body as it came, and nothing else")
@as_json
def show_lead(lead_id, body, output):
    """Show the lead ID: its decision, its fields and its trace."""
    with _reading():
        lead = models.Lead.get_or_none(id=lead_id.strip().upper())
    if lead is None:
        raise click.ClickException("there is no lead with this id")
    if body:
        click.echo(bytes(lead.body), nl=False)
    else:
        _show(lead.as_dict(), output)


@leads.command("export")
@click.option("--program", help="only leads of this program")
@click.option("--since", help="only leads since a date (2026-11-01) or a time ago (30d, 12h)")
@click.option(
    "--format", "output", type=click.Choice(["jsonl", "json", "csv", "table"]), default="jsonl", show_default=True
)
def export_leads(program, since, output):
    """Write the stored leads to standard output, oldest first."""
    with _reading():
        query = models.leads(program, _since(since))
        _WRITERS[output](query)


def _write_jsonl(query):
    for lead in query.iterator():
        click.echo(json.dumps(lead.as_dict(), ensure_ascii=False))


def _write_json(query):
    before = "["
    for lead in query.iterator():
        click.echo(before + "\n" + json.dumps(lead.as_dict(), ensure_ascii=False), nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def _write_csv(query):
    """One column for each key, and one for each field that any of the leads has."""
    names = sorted({name for lead in query.clone().iterator() for name in lead.fields})
    keys = [key for key in models.LEAD_KEYS if key not in ("fields", "trace")]
    _csv_line([*keys, *(f"fields.{name}" for name in names)])
    for lead in query.iterator():
        shown = lead.as_dict()
        _csv_line([*(shown[key] for key in keys), *(lead.fields.get(name) for name in names)])


def _csv_line(values):
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(_cell(value) for value in values)
    click.echo(line.getvalue())


def _cell(value):
    """Return a value as a spreadsheet may hold it: a text that starts a formula gets a ' before it."""
    if isinstance(value, list):
        value = "; ".join(value)
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    harmless = re.fullmatch(r"[+-]?[0-9][0-9 .,()-]*", text)  # a phone or a number keeps its sign
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not harmless else text


def _write_table(query):
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    row = "{:26}  {:20}  {:12}  {:7}  {:>9}  {}"
    click.echo(row.format("ID", "RECEIVED", "PROGRAM", "VALID", "AMOUNT", "REASONS")[:width])
    for lead in query.iterator():
        received, valid = f"{lead.received_at:%Y-%m-%d %H:%M:%S}", "valid" if lead.valid else "invalid"
        text = row.format(lead.id, received, lead.program[:12], valid, lead.amount, ", ".join(lead.reasons))
        click.echo(_printable(text.rstrip()[:width]))


_WRITERS = {"jsonl": _write_jsonl, "json": _write_json, "csv": _write_csv, "table": _write_table}


@click.command("hash-password")
def hash_password():
    """Make a hash for DATAPOST_USERS from a password, asked for or read from standard input."""
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.read().rstrip("\r\n")
    if not password:
        raise click.ClickException("the password is empty")
    click.echo(generate_password_hash(password))


@click.command("example")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="where the service is")
@with_appcontext
def example(url):
    """Print a curl line that posts a lead to this service, and what the service answers.

    The lead is the first valid example of the rule file, with an email address of its own.
    """
    program, lead = _example_lead()
    user = next(iter(_service().settings.users), None)
    line = ["curl"]
    if user:
        line += ["-u", user.name if user.hashed else f"{user.name}:{user.password}"]
    for name, value in lead.items():
        for text in value if isinstance(value, list) else [value]:
            line += ["--data-urlencode", f"{name}={text}"]
    line.append(f"{url}/leads" + ("" if program == "default" else f"/{program}"))
    click.echo(f"Post a lead from another terminal:\n\n  {shlex.join(line)}\n\nIt answers:\n")
    click.echo(_answer_to(program, lead))


def _example_lead():
    for program in sorted(_service().rulebook.programs.values(), key=lambda p: (p.name != "default", p.name)):
        for written in program.spec.examples:
            if written.expect == "valid":
                return program.name, {name: _fresh(program, name, value) for name, value in written.lead.items()}
    raise click.ClickException("no rule file has an example that expects valid")


def _fresh(program, name, value):
    """Make an email address one that was not posted before, so that it is no duplicate."""
    field = program.spec.fields.get(program.names.get(payload.canonical(name)))
    if field is None or field.type != "email" or not isinstance(value, str):
        return value
    local, _, domain = value.rpartition("@")
    return f"{local}.{secrets.token_hex(3)}@{domain}"


def _answer_to(program, lead):
    """Return the answer to `lead` from a store that is thrown away, and without a login."""
    settings = _service().settings
    _service().settings = replace(settings, open=True, allowed_ips=())
    logging.getLogger("datapost").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        models.connect(f"sqlite:///{folder}/example.db", settings.secret)
        answer = current_app.test_client().post(f"/leads/{program}", data=lead)
        models.disconnect()
    return answer.get_data(as_text=True)


def _service():
    return current_app.extensions["datapost"]


def _program(name):
    book = _service().rulebook
    if name not in book.programs:
        broken = [error for error in book.errors if Path(error.partition(":")[0]).stem == name]
        known = f"there is no program {name}{nearest(name, book.programs)}"
        raise click.ClickException("\n".join(broken) or known)
    return book.programs[name]


@contextmanager
def _reading():
    """Hold the store open; a store that cannot be read is a plain error."""
    try:
        with models.store():
            yield
    except models.StoreError as error:
        raise click.ClickException(f"the store cannot be read: {error}") from None


def _since(text):
    if not text:
        return None
    if match := re.fullmatch(r"(\d{1,5})([dhm])", text):
        unit = {"d": "days", "h": "hours", "m": "minutes"}[match[2]]
        return datetime.now(UTC) - timedelta(**{unit: int(match[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.ClickException("--since takes a date such as 2026-11-01 or a time ago such as 30d") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _show(decision, output):
    if output == "json":
        click.echo(json.dumps(decision, ensure_ascii=False, indent=2))
        return
    for key, value in decision.items():
        if key == "trace":
            click.echo("trace")
            for step in value:
                click.echo(_printable(f"  {step['check']:20}  {step['result']}"))
        elif key == "fields":
            click.echo("fields")
            for name, field in value.items():
                click.echo(_printable(f"  {name:20}  {_cell_text(field)}"))
        else:
            click.echo(_printable(f"{key:12}  {_cell_text(value)}".rstrip()))


def _cell_text(value):
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _printable(text):
    """Return `text` without the control characters that could steer a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


commands = (rules, leads, hash_password, example)
