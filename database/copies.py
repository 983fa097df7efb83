"""Whole copies of a SQLite database: one is made while others write to it, and one is put in its place."""

import fcntl
import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from database.connection import MIGRATIONS, engine, read
from database.engines import db
from database.sqlitefile import FileProblem

PAGES_AT_ONCE = 500
# Who has a database open that has a log holds a shared lock on this byte of its -shm:
# https://sqlite.org/walformat.html#wal_locks
OPEN_BYTE = 128


def write_copy(target, progress):
    """Write the database as it is now into the file `target`, check it, and return how many rows each table has.

    `progress(length)` returns a context manager that gives a bar with `update(pages)`. The file has its name only
    once it is whole and on disk, and only its owner can read it. Raises FileProblem, StoreError and sqlite3.Error.
    """
    if os.path.lexists(target):
        raise FileProblem(f"{target} is there already: name another file")
    part = f"{target}.part"
    try:
        with read():
            source = db.connection()
            source.execute("BEGIN")  # one transaction sees one moment, and keeps nobody from writing
            rows = _count_rows(source)
            _copy(source, part, progress)
            source.execute("COMMIT")
        _compare(part, rows)
        os.rename(part, target)
        _sync(target)
    except OSError as error:
        raise FileProblem(f"{target} cannot be written: {error.strerror}") from None
    finally:
        _remove(part)
    return rows


def put_in_place(source, progress):
    """Put a copy of the file `source` in the place of the database in use.

    Returns the rows of each table, and the path under which the old database stands now with its log, or None.
    Raises FileProblem and sqlite3.Error, and then the old database is where it was.
    """
    path = engine().path
    new, aside = f"{path}.new", f"{path}.before-{datetime.now():%Y%m%d-%H%M%S}"
    try:
        with engine().file_lock():
            _refuse_if_open(path)
            with closing(_opened(source)) as given:
                rows = _look_at(given, source)
                _copy(given, new, progress)
            _compare(new, rows)
            there = os.path.exists(path)
            for ending in ("", "-wal"):  # in this order: a log without its file is never taken for that of another
                with suppress(FileNotFoundError):
                    os.rename(f"{path}{ending}", f"{aside}{ending}")
            _remove(f"{path}-shm")
            os.rename(new, path)
            os.truncate(f"{path}-lock", 0)  # it names the damage of the old file
            _sync(path)
    except OSError as error:
        raise FileProblem(f"{error.filename or path}: {error.strerror}") from None
    finally:
        _remove(new)
    return rows, aside if there else None


def _refuse_if_open(path):
    try:
        with open(f"{path}-shm", "r+b") as shared:
            fcntl.lockf(shared, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, OPEN_BYTE)
    except FileNotFoundError:
        return
    except OSError:
        raise FileProblem(f"{path} is in use: stop the service, and what else reads it, first") from None


def _opened(file):
    """Open a database to be read, and leave nothing beside it; with the log that lies there, if one does."""
    alone = "" if os.path.exists(f"{file}-wal") else "&immutable=1"
    return sqlite3.connect(f"{Path(file).absolute().as_uri()}?mode=ro{alone}", uri=True, isolation_level=None)


def _look_at(given, name):
    """Refuse what is no database of ours, or of a newer version; return how many rows each table has."""
    try:
        rows, why = _count_rows(given), _quick_check(given)
    except sqlite3.DatabaseError as error:
        raise FileProblem(f"{name} cannot be read as a SQLite database: {error}") from None
    if why != "ok":
        raise FileProblem(f"{name} is damaged ({why}): take another copy")
    if "lead" not in rows:
        raise FileProblem(f"{name} is no database of Datapost: it has no leads")
    known = {path.stem for path in MIGRATIONS.glob("*.py")}
    applied = given.execute("SELECT name FROM schema_migration").fetchall() if "schema_migration" in rows else []
    if unknown := [step for (step,) in applied if step not in known]:
        raise FileProblem(f"{name} is of a newer version of Datapost ({unknown[-1]}): update Datapost first")
    return rows


def _copy(source, target, progress):
    os.close(os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    done, (pages,) = 0, source.execute("PRAGMA page_count").fetchone()
    with progress(pages) as bar, closing(sqlite3.connect(target)) as copy:

        def tell(_status, rest, total):
            nonlocal done
            bar.update(total - rest - done)
            done = total - rest

        source.backup(copy, pages=PAGES_AT_ONCE, progress=tell)
    with open(target, "rb") as written:
        os.fsync(written.fileno())


def _compare(copy, rows):
    with closing(_opened(copy)) as made:
        if (why := _quick_check(made)) != "ok" or _count_rows(made) != rows:
            raise FileProblem(f"the copy is not whole ({why}): try again, on another disk")


def _count_rows(connection):
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {
        name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
        for (name,) in sorted(names.fetchall())
    }


def _quick_check(connection):
    return connection.execute("PRAGMA quick_check(1)").fetchone()[0]


def _sync(file):
    """Make sure that the name of a file is on disk."""
    folder = os.open(os.path.dirname(os.path.abspath(file)), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(file):
    with suppress(OSError):
        os.unlink(file)
