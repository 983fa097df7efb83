"""The commands that keep the leads safe: `flask backup` and `flask restore`."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path

import click
from flask.cli import with_appcontext
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import database
from commands.shared import as_json, progress
from database import StoreError
from database.copies import named_when_whole, put_in_place, write_copy
from database.secret import keyed_hash
from database.sqlitefile import FileProblem
from web import running
from web.presenting import to_json
from web.service import service

NO_PG_DUMP = (
    "pg_dump is not installed here: install PostgreSQL's client programs, of the server's version or newer, or run\n"
    '  pg_dump --format=custom --no-owner --file={file} "$DATABASE_URL"\nwhere they are'
)
HOW_TO_RESTORE = (
    "PostgreSQL's own program restores what flask backup or pg_dump wrote. Stop the service, and run\n"
    '  pg_restore --clean --if-exists --no-owner --single-transaction --dbname="$DATABASE_URL" {file}'
)


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False))
@as_json
@with_appcontext
def backup(file, output):
    """Write a whole copy of the database to FILE, while the service runs, and check it."""
    url = service().settings.database_url
    try:
        rows = write_copy(file, partial(progress, label="Copying")) if url.startswith("sqlite:") else dump(url, file)
    except (FileProblem, StoreError, sqlite3.Error) as error:
        raise click.ClickException(f"there is no backup: {_told_by(error, file)}") from None
    size = Path(file).stat().st_size
    if output == "json":
        click.echo(to_json({"file": file, "bytes": size, "checked": True, "rows": rows}, indent=2))
    else:
        click.echo(f"{file}: {_told(rows)}, {size:,} bytes, checked. It holds people's data: keep it safe")


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@as_json
@with_appcontext
def restore(file, output):
    """Put the copy FILE in the place of the SQLite database, and the old one aside; the service is stopped."""
    url = service().settings.database_url
    if not url.startswith("sqlite:"):
        raise click.ClickException(HOW_TO_RESTORE.format(file=file))
    if noted := running.noted(service().settings):
        raise click.ClickException(
            f"nothing was restored: the service runs at {noted['url']} (process {noted['pid']}): stop it first"
        )
    try:
        rows, aside = put_in_place(file, partial(progress, label="Restoring"))
    except (FileProblem, StoreError, sqlite3.Error) as error:
        raise click.ClickException(f"nothing was restored: {_told_by(error, file)}") from None
    path = url.removeprefix("sqlite:///")
    fits = _secret_fits(path)
    if output == "json":
        report = {"file": file, "database": path, "checked": True, "rows": rows, "aside": aside}
        click.echo(to_json(report | {"secret_fits": fits}, indent=2))
        return
    click.echo(f"{path} is what {file} holds: {_told(rows)}, checked")
    if aside:
        click.echo(f"the old database is kept as {aside}: what came since the backup is there, and only there")
    if fits is False:
        click.echo("it was made with another DATAPOST_SECRET: set that one before you start the service", err=True)
    click.echo("start the service now")


def dump(url, file):
    """Write a PostgreSQL database to `file` by pg_dump, read it back, and return how many rows each table has."""
    programs = [shutil.which("pg_dump"), shutil.which("pg_restore")]
    if not all(programs):
        raise FileProblem(NO_PG_DUMP.format(file=file))
    parts = conninfo_to_dict(url)
    # Not in the command, which everybody on the machine can see.
    environ = os.environ | {"PGPASSWORD": parts.pop("password", os.environ.get("PGPASSWORD", ""))}
    with named_when_whole(file) as part:
        with database.read(), database.db.atomic():
            database.db.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            (moment,) = database.db.execute_sql("SELECT pg_export_snapshot()").fetchone()
            (schema,) = database.db.execute_sql("SELECT current_schema()").fetchone()
            rows = {name: _count(name) for name in sorted(database.db.get_tables())}
            ours = [f'--table="{schema}"."{name}"' for name in rows]
            line = [programs[0], "--format=custom", "--no-owner", f"--snapshot={moment}", f"--file={part}", *ours]
            _run([*line, f"--dbname={make_conninfo(**parts)}"], environ)
        if _run([programs[1], "--data-only", "--file=-", part], environ, _count_copied) != rows:
            raise FileProblem("pg_dump has not written all rows: try again, on another disk")
    return rows


def _count(table):
    return database.db.execute_sql(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608


def _run(line, environ, read=list):
    """Return what `read` makes of the lines that a program of PostgreSQL prints."""
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, stderr=said, umask=0o077) as program:  # noqa: S603
            found = read(program.stdout)
        said.seek(0)
        if program.returncode:
            why = " ".join(said.read().decode(errors="replace").split())
            raise FileProblem(f"{why or f'{line[0]} ended with status {program.returncode}'}{_advice(why)}")
    return found


def _advice(why):
    return (
        ": install PostgreSQL's client programs of the server's version or newer" if "version mismatch" in why else ""
    )


def _count_copied(lines):
    """Return how many rows each table has in what pg_restore prints of the data."""
    rows, table = {}, None
    for line in lines:
        if table is None and line.startswith(b"COPY "):
            table = line.split()[1].decode().rpartition(".")[2].strip('"')
            rows[table] = 0
        elif line == b"\\.\n":
            table = None
        elif table:
            rows[table] += 1
    return rows


def _told_by(error, file):
    return f"{file}: {error}" if isinstance(error, sqlite3.Error) else error


def _told(rows):
    return f"{rows['lead']:,} lead{'s' * (rows['lead'] != 1)}, {sum(rows.values()):,} rows in {len(rows)} tables"


def _secret_fits(path):
    """Tell whether the hashes in a file were made with the secret in use; None where it knows none."""
    with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as made:
        tables = made.execute("SELECT count(*) FROM sqlite_master WHERE name = 'fact'").fetchone()[0]
        noted = made.execute("SELECT value FROM fact WHERE name = 'secret'").fetchone() if tables else None
    return noted and noted[0] == keyed_hash("secret")
