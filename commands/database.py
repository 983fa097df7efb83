"""The commands about the database: `flask migrate` and `flask copy-to`."""

import sqlite3
import sys

import click
from flask.cli import with_appcontext
from psycopg.conninfo import conninfo_to_dict

import database
from commands.shared import as_json, progress
from commands.transfer import TransferError, copy
from database import MigrationError, StoreError
from web.presenting import to_json
from web.service import service
from web.settings import Settings, SettingsError


@click.command("migrate")
@as_json
@with_appcontext
def migrate(output):
    """Bring the tables of the database up to date; with PostgreSQL, each deploy does so before it starts."""
    try:
        applied = database.migrate()
    except MigrationError as error:
        _show_applied(error.applied, output)
        raise click.ClickException(f"{error.name} was not applied, nor what comes after it: {error}") from None
    except StoreError as error:
        raise click.ClickException(f"the tables were not changed: {error}") from None
    _show_applied(applied, output)
    if not applied and output == "text":
        click.echo("the tables are up to date")


def _show_applied(names, output):
    if output == "json":
        click.echo(to_json({"applied": names}, indent=2))
    for name in names if output == "text" else []:
        click.echo(f"applied {name}")


@click.command("copy-to")
@click.argument("url", required=False)
@as_json
@with_appcontext
def copy_to(url, output):
    """Copy all leads from the SQLite file of DATABASE_URL to the PostgreSQL database at URL.

    Without URL it is asked for, or read from standard input: an address with a password does not
    belong into a command, which everybody on the machine can see. The service may run meanwhile. What
    it takes after the copy began is brought by a second one, made when it is stopped.
    """
    source, in_command = service().settings.database_url, bool(url)
    if not url:
        url = _asked_address(aside=output == "json").strip()
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
    if output == "json":
        click.echo(to_json([dict(zip(("table", "rows", "sha256"), row, strict=True)) for row in tables], indent=2))
    for name, rows, checksum in tables if output == "text" else []:
        click.echo(f"{name:12}{rows:10} rows, the same here and there (SHA-256 {checksum[:16]})")


def _asked_address(aside):
    """Return the address that is typed, or given on standard input; `aside`: standard output is for programs."""
    if sys.stdin.isatty():
        return click.prompt("Address of the PostgreSQL database", hide_input=True, err=aside)
    return sys.stdin.read()
