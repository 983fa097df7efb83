"""The database in use: its connections, its failures in our words, and its tables."""

import logging
import sqlite3
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import peewee
import psycopg
from playhouse.migrations import Runner

from database.engines import MigrationError, Postgres, SchemaError, Sqlite, StoreError, db, reason
from database.sqlitefile import FileProblem

MIGRATIONS = Path(__file__).with_name("migrations")

_current = SimpleNamespace(engine=None)
_preparing = threading.Lock()
log = logging.getLogger("datapost")


def use(url):
    """Use the database at `url`, `sqlite:///file` or `postgresql://…`; it is opened on first use."""
    if not _current.engine or _current.engine.url != url:
        _current.engine = (Sqlite if url.startswith("sqlite:") else Postgres)(url)
        _current.engine.prepared = False
    db.initialize(_current.engine.database)


def engine():
    """Return the engine in use, which is asked what it is."""
    return _current.engine


def close():
    """Close all connections but those in which other threads are at work: with SQLite that would crash the process."""
    if db.obj:
        db.close()
        db.close_idle()
        _current.engine.close()


def exists():
    """Tell whether there is a database: to read one that is not there would make it."""
    return _current.engine.exists()


@contextmanager
def read():
    """Hold a connection to the database. Raises StoreError if it cannot be used."""
    with failures():
        check()
        with hold():
            yield


@contextmanager
def write():
    """Hold a transaction of this thread, for work that takes longer than who waits for an answer. Raises StoreError.

    With SQLite nobody else writes meanwhile; with PostgreSQL, lock what must stay as it is.
    """
    with failures():
        check()
        with _current.engine.turn():
            _current.engine.look()
            with hold(), db.atomic():
                yield


def check():
    """Raise what keeps the database from being used; with the first use, see to its tables."""
    _current.engine.check()
    with _preparing:
        if not _current.engine.prepared:
            _prepare()
            _current.engine.prepared = True


def _prepare():
    with hold():
        _current.engine.check_encoding()
        is_behind = bool(pending())
    if is_behind and not _current.engine.makes_tables:
        raise SchemaError("the tables of this database are missing or older than this version: run flask migrate")
    if is_behind:
        migrate()


@contextmanager
def hold():
    """Hold a connection, whatever state the database is in."""
    db.connect()
    try:
        yield
    except BaseException:
        # A connection that failed is not used again: it may lead to a server that is gone.
        db.manual_close()
        raise
    db.close()


@contextmanager
def failures():
    """Turn the failures of the database into StoreError; those that are mistakes of ours stay."""
    try:
        yield
    except (peewee.IntegrityError, peewee.DataError, BrokenPipeError):
        raise  # of pipes, only that of a command's output breaks, when somebody has read enough
    except FileProblem as error:
        raise SchemaError(str(error)) from None
    except (peewee.DatabaseError, peewee.InterfaceError, psycopg.OperationalError, sqlite3.Error, OSError) as error:
        first = _first_failure(error)
        if what_to_do := _current.engine.fatal(first):
            raise SchemaError(what_to_do) from None
        raise StoreError(f"{type(first).__name__}: {reason(first)}") from None


def _first_failure(error):
    """Return the failure that came first: where SQLite rolls back by itself, the rollback fails too."""
    first = cause = error
    while cause := cause.__context__:
        if isinstance(cause, peewee.DatabaseError):
            first = cause
    return first


def runner():
    """Return what applies migrations, within a connection."""
    return Runner(db.obj, str(MIGRATIONS))


def pending():
    """Return the names of the migrations that are still to be applied. Raises SchemaError."""
    migrations = runner().status()
    if unknown := [migration.name for migration in migrations if migration.path is None]:
        raise SchemaError(f"the tables of this database are of a newer version ({unknown[-1]}): update Datapost")
    return [migration.name for migration in migrations if not migration.applied]


def migrate():
    """Bring the tables up to date, and return the names of the migrations that were applied."""
    name, applied = None, []
    try:
        with failures():
            _current.engine.check()
            with hold(), _current.engine.alone():
                _current.engine.check_encoding()
                names = [row.name for row in runner().status() if row.path and not row.applied]
                for name in names:
                    applied += runner().up(name)
    except StoreError as error:
        if applied and _current.engine.migrates_by_steps:
            raise MigrationError(name, applied, str(error)) from None
        raise
    return applied


def now():
    """Return the time by the clock of the database, within a transaction or a reading."""
    (milliseconds,) = db.execute_sql(_current.engine.clock).fetchone()
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def scrub():
    """Take what was overwritten or deleted out of the database's files, and tell whether it is done."""
    with read():
        return _current.engine.scrub()


def lock(name):
    """Wait until no other transaction holds the lock of this name; it is held until this one ends."""
    _current.engine.lock(name)
