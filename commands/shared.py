"""What the commands share."""

import getpass
import sys
from contextlib import contextmanager

import click

import database
from database import StoreError
from judge.rulefile import RuleFileError
from web.published import RULES
from web.service import service

NOTHING_PUBLISHED = (
    "Nothing is published yet: the service publishes the files of the rules folder when it starts, "
    "and flask rules publish any file"
)

as_json = click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="text for people, json for programs"
)


def telling(output):
    """Return how sentences for people are told: not at all where a program reads what is printed."""
    return click.echo if output == "text" else lambda _: None


def live_book():
    """Return the programs by which leads are judged: of the rules folder or, with the dashboard, published ones."""
    book = service().rulebook
    try:
        book.programs  # noqa: B018  published ones are read when they are asked for
    except StoreError as error:
        raise click.ClickException(f"the rules are in the database, which cannot be read: {error}") from None
    return book


def find_program(name):
    """Return a program, and say it where its file is broken, so that its last good rules are used."""
    book = live_book()
    try:
        program = book.find(name)
    except RuleFileError as error:
        raise click.ClickException(f"{error}{_why_none(name)}") from None
    if broken := [error for error in book.errors if error.path == program.path]:
        click.echo(f"{program.path} is broken, and these are the rules that judged its last lead:", err=True)
        for error in broken:
            click.echo(f"  {error}", err=True)
    return program


def _why_none(name):
    """Say what became of a program where rules are published; else nothing."""
    if not service().settings.published:
        return ""
    rows = service().rulebook.rows
    if not rows:
        return f". {NOTHING_PUBLISHED}"
    row = rows.get((RULES, name))
    return f": {row.by} retired it, and flask rules log {name} says why" if row and not row.hash else ""


def login_name():
    """Return who is logged in on this machine; nothing for a number without a name, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def in_currency(program):
    """Return what amounts of a program are in, as a part of a decision; nothing where it does not say."""
    return {"currency": program.spec.currency} if program.spec.currency else {}


def refuse_empty(**options):
    """Refuse an option that is given and empty: a variable of a script that is not set would mean everything."""
    for name, text in options.items():
        if text is not None and not text.strip():
            raise click.ClickException(f"--{name} is empty: write what it is to be, or leave it out")


def progress(length, label, hidden=False):
    hidden = hidden or not sys.stderr.isatty()
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden, update_min_steps=20)


@contextmanager
def reading():
    """Hold the store open; a store that cannot be read is a plain error."""
    try:
        with database.read():
            yield
    except StoreError as error:
        raise click.ClickException(f"the store cannot be read: {error}") from None
