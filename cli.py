"""The commands: `flask rules …`, `flask hash-password` and others; `flask leads …` are in leadcommands.py."""

import json
import logging
import shlex
import sqlite3
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from psycopg.conninfo import conninfo_to_dict
from werkzeug.security import generate_password_hash

import database
import handover
import models
import privacycommands
from database import MigrationError, StoreError
from judge.changes import begun_anew
from judge.compiler import load, rule_files
from judge.rulefile import RuleFileError
from judge.schema import json_schema
from leadcommands import as_json, find_program, leads, progress, read_filter, reading, service
from leads import masks, search
from leads.backtest import backtest, memory_of
from leads.export import show, to_json
from leads.search import EPOCH, Filter
from partners.freshen import freshened
from partners.pages import link
from transfer import TransferError, copy
from web.login import normalized
from web.request import judge_body
from web.settings import CONTROL_CHARACTERS, Settings, SettingsError

rules = AppGroup("rules", help="Check the rule files, and try leads on them.")


@rules.command("check")
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False))
@as_json
def check_rules(files, output):
    """Check rule FILES, or all of the rules folder; the exit status is 1 if one is broken."""
    folder = Path(service().settings.rules)
    paths = [Path(name) for name in files] or rule_files(folder)
    if not paths:
        raise click.ClickException(f"there is no rule file in {folder}")
    reports = [_check(path) for path in paths]
    if output == "json":
        click.echo(to_json(reports, indent=2))
    for report in reports if output == "text" else []:
        for line in report["errors"] + report["warnings"]:
            click.echo(line)
        if report["ok"]:
            click.echo(f"{report['file']}: ok, {report['summary']}")
    sys.exit(any(report["errors"] for report in reports))


def _check(path):
    try:
        program = load(path)
    except RuleFileError as error:
        return {"file": str(path), "ok": False, "errors": error.errors, "warnings": [], "summary": ""}
    spec, warnings = program.spec, [*program.warnings, *begun_anew(program, *models.last_rules(program))]
    counts = {"field": spec.fields, "rule": spec.rules, "example": spec.examples}
    summary = ", ".join(f"{len(items)} {word}{'s' * (len(items) != 1)}" for word, items in counts.items())
    if spec.test_flag:
        summary += f"; leads with {spec.test_flag} are tests, at most {spec.test_limit} a day are answered valid, "
        summary += "and impact.com pays for those"
    return {"file": str(path), "ok": True, "errors": [], "warnings": warnings, "summary": summary}


@rules.command("try")
@click.argument("program")
@click.argument("file", type=click.File("rb"))
@click.option("--content-type", default="", help="the type of FILE; by default its first character decides")
@as_json
def try_lead(program, file, content_type, output):
    """Judge the lead in FILE (XML, JSON or form; - reads standard input) by PROGRAM; store nothing.

    Whether the lead is a duplicate is decided only when it is posted.
    """
    rule_set = find_program(program)
    verdict = judge_body(rule_set, file.read(), content_type, datetime.now(UTC))
    decision = {
        "program": program,
        "valid": verdict.valid,
        "reasons": verdict.codes,
        "note": verdict.note,
        "sale_amount": None if verdict.sale_amount is None else str(verdict.sale_amount),
        "fields": verdict.fields,
        "trace": verdict.trace,
    }
    show(decision, output)


@rules.command("schema")
def show_schema():
    """Print the JSON Schema of rule files, by which editors complete and explain them."""
    click.echo(json.dumps(json_schema(), indent=2))


@rules.command("backtest")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--since", default="30d", show_default=True, help="a date (2026-11-01) or a time ago (30d, 12h)")
@click.option("--program", help="whose leads to judge; by default the program that FILE is named after")
@click.option("--show", "shown", default=0, help="list as many of the leads that change, masked")
@as_json
def backtest_rules(file, since, program, shown, output):
    """Tell which stored leads FILE would judge differently, by reason and partner, and in money."""
    try:
        rule_set = load(file)
    except RuleFileError as error:
        raise click.ClickException(str(error)) from None
    start, memory, name = read_filter(False, {"since": since}).since, memory_of(rule_set), program or Path(file).stem
    with reading():
        wanted = Filter(program=name, since=max(start - memory, EPOCH) if memory is not None else None)
        count, hidden = search.leads(wanted).count(), not sys.stderr.isatty()
        leads_then = search.each(wanted, newest_first=False)
        with click.progressbar(leads_then, length=count, file=sys.stderr, hidden=hidden) as bar:
            hidden = masks.hidden_fields(service().rulebook.programs, [rule_set])
            report = backtest(replace(rule_set, name=name), bar, start, shown, hidden)
    decision = {"program": name, "since": start.isoformat(timespec="seconds")} | report.as_dict()
    show(decision, output)


@click.command("hash-password")
def hash_password():
    """Make a hash for DATAPOST_USERS from a password, asked for or read from standard input."""
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.read().rstrip("\r\n")
    if not password:
        raise click.ClickException("the password is empty")
    if CONTROL_CHARACTERS.search(password):
        raise click.ClickException("the password holds a control character, which no login can carry")
    click.echo(generate_password_hash(normalized(password)))


@click.command("example")
@handover.where
@with_appcontext
def example(url):
    """Print a curl line that posts a lead to this service, what the service answers, and the addresses of its pages.

    The lead is the first valid example of the rule file, with an email address of its own.
    """
    program, lead = _example_lead()
    user = next(iter(service().settings.users), None)
    line = ["curl"]
    if user:
        line += ["-u", user.name if user.hashed else f"{user.name}:{user.password}"]
    for name, value in lead.items():
        for text in value if isinstance(value, list) else [value]:
            line += ["--data-urlencode", f"{name}={text}"]
    line.append(f"{url}/leads" + ("" if program == "default" else f"/{program}"))
    click.echo(f"Post a lead from another terminal:\n\n  {shlex.join(line)}\n\nIt answers:\n")
    click.echo(_answer_to(program, lead))
    if told := link(program, url):
        click.echo(f"Posting instructions for partners:\n\n  {told}\n")
    if operator := next(iter(service().settings.operators), None):
        password = "" if operator.hashed else f", password {operator.password}"
        click.echo(f"Dashboard, for the user {operator.name}{password}:\n\n  {url}/dashboard\n")


def _example_lead():
    for program in sorted(service().rulebook.programs.values(), key=lambda p: (p.name != "default", p.name)):
        for written in program.spec.examples:
            if written.expect == "valid":
                return program.name, freshened(program, [written.lead], datetime.now(UTC))[0]
    raise click.ClickException("no rule file has an example that expects valid")


def _answer_to(program, lead):
    """Return the answer to `lead` from a store that is thrown away, and without a login."""
    settings = service().settings
    service().settings = replace(settings, open=True, allowed_ips=())
    log = logging.getLogger("datapost")
    level = log.level
    log.setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        models.connect(f"sqlite:///{folder}/example.db", settings.secret)
        answer = current_app.test_client().post(f"/leads/{program}", data=lead)
        database.disconnect()
    log.setLevel(level)
    return answer.get_data(as_text=True)


@click.command("migrate")
@with_appcontext
def migrate():
    """Bring the tables of the database up to date; with PostgreSQL, each deploy does so before it starts."""
    try:
        applied = database.migrate()
    except MigrationError as error:
        for name in error.applied:
            click.echo(f"applied {name}")
        raise click.ClickException(f"{error.name} was not applied, nor what comes after it: {error}") from None
    except StoreError as error:
        raise click.ClickException(f"the tables were not changed: {error}") from None
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("the tables are up to date")


@click.command("copy-to")
@click.argument("url", required=False)
@with_appcontext
def copy_to(url):
    """Copy all leads from the SQLite file of DATABASE_URL to the PostgreSQL database at URL.

    Without URL it is asked for, or read from standard input: an address with a password does not
    belong into a command, which everybody on the machine can see. The service may run meanwhile. What
    it takes after the copy began is brought by a second one, made when it is stopped.
    """
    source, in_command = service().settings.database_url, bool(url)
    if not url:
        asked = sys.stdin.isatty()
        url = click.prompt("Address of the PostgreSQL database", hide_input=True) if asked else sys.stdin.read()
        url = url.strip()
    try:
        target = Settings.load({"DATABASE_URL": url}).database_url
    except SettingsError:
        target = ""
    if not source.startswith("sqlite:") or not target.startswith("postgresql:"):
        raise click.ClickException(
            "copy-to copies the SQLite file that DATABASE_URL names to PostgreSQL: "
            "write the address as postgresql://user:password@host:5432/name"
        )
    if in_command and conninfo_to_dict(target).get("password"):
        raise click.ClickException(
            "everybody on this machine can see the password of an address in a command: run flask copy-to without it, "
            "and type the address when asked, or give it on standard input"
        )
    try:
        database.prepare()
        tables = copy(source.removeprefix("sqlite:///"), target, lambda total: progress(total, "Copying"))
    except (TransferError, StoreError, sqlite3.Error) as error:
        raise click.ClickException(str(error)) from None
    for name, rows, checksum in tables:
        click.echo(f"{name:12}{rows:10} rows, the same here and there (SHA-256 {checksum[:16]})")


for command in privacycommands.commands:
    leads.add_command(command)

commands = (rules, leads, hash_password, example, migrate, copy_to, *handover.commands)
