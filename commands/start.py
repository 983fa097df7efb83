"""The commands of the first minutes: `flask hash-password` and `flask example`."""

import logging
import shlex
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime

import click
from flask import current_app
from flask.cli import with_appcontext
from werkzeug.security import generate_password_hash

import database
import models
from commands.integration import where
from commands.shared import as_json, live_book
from judge.rulebook import Book, RuleBook
from partners.pages import link
from partners.samples import freshened
from web.login import normalized
from web.logs import log
from web.presenting import to_json
from web.readers import CONTROL_CHARACTERS
from web.service import service


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
@where
@as_json
@with_appcontext
def example(url, output):
    """Print a curl line that posts a lead to this service, what the service answers, and the addresses of its pages.

    The lead is the first valid example of the rule file, with an email address of its own.
    """
    service().rulebook = _first_book()
    if errors := service().rulebook.errors:  # with which no service starts: nothing would answer
        raise click.ClickException("\n".join(["the rules are broken:", *map(str, errors)]))
    program, lead = _example_lead()
    address = f"{url}/leads" + ("" if program == "default" else f"/{program}")
    made = {
        "url": address,
        "program": program,
        "lead": lead,
        "curl": shlex.join(_curl(address, lead)),
        "answer": _answer_to(program, lead),
        "docs": link(program, url),
        "dashboard": _dashboard(url),
    }
    if output == "json":
        click.echo(to_json(made, indent=2))
    else:
        _show_example(made)


def _curl(address, lead):
    line, user = ["curl"], next(iter(service().settings.users), None)
    if user:
        line += ["-u", user.name if user.hashed else f"{user.name}:{user.password}"]
    for name, value in lead.items():
        for text in value if isinstance(value, list) else [value]:
            line += ["--data-urlencode", f"{name}={text}"]
    return [*line, address]


def _dashboard(url):
    """Return where the dashboard is and who may see it, with the password if it is known; None if there is none."""
    if operator := next(iter(service().settings.seers), None):
        password = None if operator.hashed else operator.password
        return {"url": f"{url}/dashboard", "user": operator.name, "password": password}
    return None


def _show_example(made):
    click.echo(f"Post a lead from another terminal:\n\n  {made['curl']}\n\nIt answers:\n")
    click.echo(made["answer"])
    if made["docs"]:
        click.echo(f"Posting instructions for partners:\n\n  {made['docs']}\n")
    if dashboard := made["dashboard"]:
        password = "" if dashboard["password"] is None else f", password {dashboard['password']}"
        click.echo(f"Dashboard, for the user {dashboard['user']}{password}:\n\n  {dashboard['url']}\n")


def _first_book():
    """Return the programs by which leads are judged or, where none is published yet, those that the start publishes."""
    book = live_book()
    return book if book.programs or book.errors else RuleBook(service().settings.rules)


def _example_lead():
    for program in sorted(service().rulebook.programs.values(), key=lambda p: (p.name != "default", p.name)):
        for written in program.spec.examples:
            if written.expect == "valid":
                return program.name, freshened(program, [written.lead], datetime.now(UTC))[0]
    raise click.ClickException("no rule file has an example that expects valid")


class Still(Book):
    """Programs as they are, of which nothing is read again: that other store has no published ones."""

    def __init__(self, book):
        super().__init__(book.folder)
        self.programs = book.programs

    def refresh(self, waits=True):
        pass


def _answer_to(program, lead):
    """Return the answer to `lead` from a store that is thrown away, and without a login."""
    settings = service().settings
    service().settings = replace(settings, open=True, allowed_ips=())
    service().rulebook = Still(service().rulebook)
    service().sender.stop()  # nobody is to be called about a lead that nobody sent
    level = log.level
    log.setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        models.connect(f"sqlite:///{folder}/example.db", settings.secret)
        answer = current_app.test_client().post(f"/leads/{program}", data=lead)
        database.disconnect()
    log.setLevel(level)
    return answer.get_data(as_text=True)
