"""The two engines, SQLite and PostgreSQL: what they are, and how each is written to by one and by many.

SQLite lets one connection of the whole machine write at a time, and each commit waits for the disk.
So one thread gathers the work that waits and commits it together, and the processes take turns by a
lock on a file: where SQLite's own lock is taken, those who wait sleep and try again, in no order.
What befalls the file itself is looked after in sqlitefile.py.
PostgreSQL commits side by side, so there each piece of work is a transaction of its own.
"""

import os
import sqlite3
import threading
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import monotonic

import peewee
import psycopg
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from database.sqlitefile import SqliteFile

# In seconds.
LOCK_WAIT = 3  # for SQLite's lock, if a program that is not ours holds it
SERVER_WAIT = 3  # for PostgreSQL to take a connection, and for its answer to a statement

db = peewee.DatabaseProxy()
thread = threading.local()  # `deadline`, or `patience`: how long this thread waits for PostgreSQL


class StoreError(Exception):
    """The store cannot be read or written now; nothing was stored. Trying again may help."""


class MigrationError(StoreError):
    """The migration `name` failed; those in `applied` were applied before, and stay."""

    def __init__(self, name, applied, why):
        super().__init__(why)
        self.name, self.applied = name, applied


class SchemaError(StoreError):
    """The database is not one for this version and these settings: trying again does not help."""


class Unsure(StoreError):
    """The database fell silent during a commit, so that nobody knows whether it was carried out."""


class GivenUp(StoreError):
    """The sender has been answered, so the work must not be committed any more."""


class Sqlite(SqliteFile):
    """A SQLite file, which any number of processes of one machine may share."""

    writers, batch = 1, 100
    side_by_side = False  # whether two transactions may write at once
    makes_tables = True  # by itself: others are told to migrate
    migrates_by_steps = True  # each migration is committed by itself
    clock = "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"

    def __init__(self, url):
        path = url.removeprefix("sqlite:///")
        # SQLite puts the log beside the file itself, and not beside a link to it.
        super().__init__(os.path.realpath(path) if os.path.islink(path) else path, LOCK_WAIT)
        self.url = url
        pragmas = {
            "busy_timeout": int(LOCK_WAIT * 1000),
            "journal_mode": "wal",
            "synchronous": "full",  # in WAL, the mode in which a commit survives the loss of power
            "secure_delete": "on",  # what is erased is overwritten
            "wal_autocheckpoint": 0,  # SqliteFile does that
        }
        # IMMEDIATE: a transaction takes the write lock before it reads, so that what it has read
        # stays true until it has written.
        self.database = PooledSqliteDatabase(
            self.path, max_connections=None, pragmas=pragmas, lock_type="IMMEDIATE", check_same_thread=False
        )

    @contextmanager
    def turn(self):
        """Wait for this process's turn to write."""
        with self.file_lock():
            self.tend()
            yield

    alone = turn
    in_one_go = staticmethod(nullcontext)

    def lock(self, name):
        """Wait until no other transaction holds the lock of this name: here, none writes beside this one."""

    def lock_tables(self, *names):
        """Wait until no other transaction writes to these tables; none does until this one ends. Here, none does."""

    def to_write(self, query, wait=False):
        """Let a query choose rows that no other transaction is about to write, or wait for those."""
        return query

    def exists(self):
        return Path(self.path).exists()

    def check_encoding(self):
        pass  # always UTF-8

    def scrub(self):
        """Write the log (-wal), which has what was there before, into the file, and empty it."""
        with self.file_lock():
            return self.renew()

    def fatal(self, error):
        """Return what to do about an error, where trying again does not help. Of damage, all processes are told."""
        code = getattr(getattr(error, "orig", error), "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self.condemn(reason(error))
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            return f"{reason(error)}: see that {self.path} and its folder may be written"
        return None


LOCKS = 0x64617973  # any number that is always the same: it tells our locks from others in the database


class Postgres:
    """A PostgreSQL database, which any number of machines may share."""

    # The smallest plans allow 20 connections: so there is room for two web processes, for the
    # commands and for a deploy.
    writers, batch = 4, 1
    side_by_side = True
    makes_tables = False
    migrates_by_steps = False
    clock = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    turn = staticmethod(nullcontext)

    def __init__(self, url):
        self.url = url
        # READ COMMITTED on purpose: an upsert that meets another transaction's row waits for it,
        # and then sees what it committed. In the stricter levels it would fail instead.
        self.database = PostgresDatabase(
            url, max_connections=None, prefer_psycopg3=True, isolation_level="READ COMMITTED"
        )

    @contextmanager
    def alone(self):
        """Wait until nobody else migrates this database."""
        with db.atomic():
            self.lock("migrate")
            yield

    @contextmanager
    def in_one_go(self):
        """Send the statements within without waiting for the answer to each."""
        with peewee.__exception_wrapper__, db.connection().pipeline():
            yield

    def lock(self, name):
        db.execute_sql("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCKS, name])

    def lock_tables(self, *names):
        db.execute_sql(f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE")

    def to_write(self, query, wait=False):
        return query.for_update("FOR UPDATE" if wait else "FOR UPDATE SKIP LOCKED")

    def check_encoding(self):
        """Refuse a database that cannot hold every letter."""
        (encoding,) = db.execute_sql("SHOW server_encoding").fetchone()
        if encoding != "UTF8":
            raise SchemaError(f"the database is in the encoding {encoding}: make one with the encoding UTF8")

    def check(self):
        pass

    def exists(self):
        return True

    look = close = check

    def undo(self):
        return False  # who loses the connection during a commit is not told whether it was carried out

    def fatal(self, _error):
        return None

    def scrub(self):
        """Free the room of what was there before, to be overwritten by and by."""
        db.execute_sql("VACUUM lead")
        return True


class PostgresConnection(psycopg.Connection):
    def wait(self, gen, interval=0.1, timeout=None):
        """Wait for the server, in a thread that answers requests or writes leads only for its time."""
        try:
            return super().wait(gen, interval, timeout or _patience())
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()
            raise


def _patience():
    """Return how many seconds this thread waits for PostgreSQL's answer to a statement; None: as long as it takes."""
    if deadline := getattr(thread, "deadline", None):
        # A connection that gives no answer is replaced once, which takes time of its own.
        return max(deadline - SERVER_WAIT - monotonic(), 0.001)
    return getattr(thread, "patience", None)


class PostgresAdapter(peewee.Psycopg3Adapter):
    def connect(self, db, **options):
        ours = {"connect_timeout": SERVER_WAIT, "application_name": "datapost", "client_encoding": "utf8"}
        # Nothing is prepared on the server, since a pooler may stand before it that does not know it.
        connection = PostgresConnection.connect(
            **(ours | conninfo_to_dict(db.database)), **options, autocommit=True, prepare_threshold=None
        )
        # A commit that returns is on disk, even if the server is set up to be quicker than that.
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        return connection


class PostgresDatabase(PooledPostgresqlDatabase):
    psycopg3_adapter = PostgresAdapter


def reason(error):
    """Return what went wrong, in one line.

    PostgreSQL may add where it was, and there, if it is set up so, the values of the statement.
    """
    server_says = getattr(getattr(error, "orig", None), "diag", None)
    return " ".join(((server_says and server_says.message_primary) or str(error)).split())
