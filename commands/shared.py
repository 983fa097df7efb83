"""What the commands share."""

import sys
from contextlib import contextmanager

import click

import database
from database import StoreError
from judge.rulefile import RuleFileError
from web.service import service

as_json = click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="text for people, json for programs"
)


def telling(output):
    """Return how sentences for people are told: not at all where a program reads what is printed."""
    return click.echo if output == "text" else lambda _: None


def find_program(name):
    """Return a program, and say it where its file is broken, so that its last good rules are used."""
    book = service().rulebook
    try:
        program = book.find(name)
    except RuleFileError as error:
        raise click.ClickException(str(error)) from None
    if broken := [error for error in book.errors if error.path == program.path]:
        click.echo(f"{program.path} is broken, and these are the rules that judged its last lead:", err=True)
        for error in broken:
            click.echo(f"  {error}", err=True)
    return program


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
