"""Whole copies of a SQLite database: one is made while others write to it, and one is put in its place."""

import fcntl
import os
import sqlite3
import tempfile
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from database.connection import MIGRATIONS, engine, read
from database.engines import db
from database.sqlitefile import FileProblem, SqliteFile

PAGES_AT_ONCE = 500
# Who has a database open that has a log holds a shared lock on this byte of its -shm:
# https://sqlite.org/walformat.html#wal_locks
OPEN_BYTE = 128
IN_USE = "{path} is in use: stop the service, and what else reads or writes it, first"


def write_copy(target, progress):
    """Write the database as it is now into the file `target`, check it, and return how many rows each table has.

    `progress(length)` returns a context manager that gives a bar with `update(pages)`. Raises FileProblem, StoreError
    and sqlite3.Error.
    """
    with named_when_whole(target) as part:
        with read():
            source = db.connection()
            source.execute("BEGIN")  # one transaction sees one moment, and keeps nobody from writing
            rows = _count_rows(source)
            _copy(source, part, progress)
            source.execute("COMMIT")
        _compare(part, rows)
    return rows


@contextmanager
def named_when_whole(target):
    """Give the path of a file that only its owner can read; it is called `target` once it is whole and on disk.

    Raises FileProblem, also if there is such a file by then: none is ever written over.
    """
    part = None
    try:
        if os.path.lexists(target):
            raise FileExistsError
        descriptor, part = tempfile.mkstemp(".part", f"{os.path.basename(target)}.", os.path.dirname(target) or ".")
        os.close(descriptor)
        yield part
        with open(part, "rb") as written:
            os.fsync(written.fileno())
        os.link(part, target)
        _sync(target)
    except FileExistsError:
        raise FileProblem(f"{target} is there already: name another file") from None
    except OSError as error:
        raise FileProblem(f"{target} cannot be written: {error.strerror}") from None
    finally:
        if part:
            _remove(part)


def put_in_place(source, progress):
    """Put a copy of the file `source` in the place of the database in use.

    Returns the rows of each table, and the path under which the old database stands now with its log, or None.
    Raises FileProblem and sqlite3.Error, and then the old database is where it was.
    """
    path = engine().path
    new, aside = f"{path}.new", f"{path}.before-{datetime.now():%Y%m%d-%H%M%S}"
    try:
        with engine().file_lock(waits=False):
            _refuse_if_open(path)
            SqliteFile(source, 0).refuse_strange_log()
            with closing(_opened(source)) as given:
                rows = _look_at(given, source)
                os.close(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
                _copy(given, new, progress)
            _compare(new, rows)
            _give_to_the_owner(path, new)
            there = os.path.exists(path)
            _exchange(path, new, aside)
            os.truncate(f"{path}-lock", 0)  # it names the damage of the old file
            _sync(path)
    except BlockingIOError:
        raise FileProblem(IN_USE.format(path=path)) from None
    except OSError as error:
        _remove(new)
        raise FileProblem(f"{error.filename or path}: {error.strerror}") from None
    except (FileProblem, sqlite3.Error):
        _remove(new)
        raise
    return rows, aside if there else None


def _exchange(path, new, aside):
    """Move the old file and its log aside, and the new file to its place; undo that if it cannot be done.

    Whoever is killed in between leaves `new`, by which the next start knows it (SqliteFile).
    """
    moved = []
    try:
        for ending in ("", "-wal"):
            with suppress(FileNotFoundError):
                os.rename(f"{path}{ending}", f"{aside}{ending}")
                moved.append(ending)
        _remove(f"{path}-shm")
        os.rename(new, path)
    except OSError:
        for ending in moved:
            os.rename(f"{aside}{ending}", f"{path}{ending}")
        raise


def _give_to_the_owner(path, new):
    """Give the new file to whom the old one belongs, or its folder: root may restore what another user serves."""
    there = os.path.exists(path)
    owner = os.stat(path if there else os.path.dirname(os.path.abspath(path)))
    for file in (new, f"{path}-lock"):
        with suppress(PermissionError):
            os.chown(file, owner.st_uid, owner.st_gid)
    if there:
        os.chmod(new, owner.st_mode & 0o777)


def _refuse_if_open(path):
    try:
        with open(f"{path}-shm", "r+b") as shared:
            fcntl.lockf(shared, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, OPEN_BYTE)
    except FileNotFoundError:
        return
    except OSError:
        raise FileProblem(IN_USE.format(path=path)) from None


def _opened(file):
    """Open a database to be read, and leave nothing beside it; with the log that lies there, if one does."""
    alone = "" if os.path.exists(f"{file}-wal") else "&immutable=1"
    return sqlite3.connect(f"{Path(file).absolute().as_uri()}?mode=ro{alone}", uri=True, isolation_level=None)


def _look_at(given, name):
    """Refuse what is no database of ours, or of a newer version; return how many rows each table has."""
    try:
        rows, (why,) = _count_rows(given), given.execute("PRAGMA integrity_check(1)").fetchone()
        columns = {row[1] for row in given.execute("PRAGMA table_info(lead)")}
    except sqlite3.DatabaseError as error:
        raise FileProblem(f"{name} cannot be read as a SQLite database: {error}") from None
    if why != "ok":
        raise FileProblem(f"{name} is damaged ({why}): take another copy")
    if not {"id", "program", "partner", "valid"} <= columns:
        raise FileProblem(f"{name} is no database of Datapost: it has no leads")
    known = {path.stem for path in MIGRATIONS.glob("*.py")}
    applied = given.execute("SELECT name FROM schema_migration").fetchall() if "schema_migration" in rows else []
    if unknown := [step for (step,) in applied if step not in known]:
        raise FileProblem(f"{name} is of a newer version of Datapost ({unknown[-1]}): update Datapost first")
    return rows


def _copy(source, target, progress):
    done, (pages,) = 0, source.execute("PRAGMA page_count").fetchone()
    with progress(pages) as bar, closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode = off")  # a copy that is not whole is thrown away

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
