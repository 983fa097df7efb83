"""The database, SQLite or PostgreSQL, and the one way to write to it: `transact(work)`.

A few threads of each process do all the writing. `transact` hands work over to them and waits until
it is on disk, but no longer than a sender waits for an answer.

SQLite lets one connection of the whole machine write at a time, and each commit waits for the disk.
So one thread gathers the work that waits and commits it together, and the processes take turns by a
lock on a file: where SQLite's own lock is taken, those who wait sleep and try again, in no order.
PostgreSQL commits side by side, so there each piece of work is a transaction of its own.
"""

import fcntl
import logging
import os
import threading
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from types import SimpleNamespace

import peewee
import psycopg
from playhouse.migrations import Runner
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

MIGRATIONS = Path(__file__).with_name("migrations")

# In seconds. A request that waits for its login and then for its lead is answered within 10.
START_WAIT = 4  # until work has begun, or it is given up
FINISH_WAIT = 4  # then until it is done
LOCK_WAIT = 3  # for SQLite's lock, if a program that is not ours holds it
SERVER_WAIT = 3  # for PostgreSQL to take a connection, and for its answer to a statement
CHORE_PAUSE = 60

database = peewee.DatabaseProxy()
_current = SimpleNamespace(engine=None, writers=None)
_thread = threading.local()
log = logging.getLogger("datapost")


class StoreError(Exception):
    """The store cannot be read or written now; nothing was stored. Trying again may help."""


class SchemaError(StoreError):
    """The tables are not those of this version."""


# --- The engines ---


class Sqlite:
    """A SQLite file, which any number of processes of one machine may share."""

    writers, batch = 1, 100

    def __init__(self, url):
        self.url, self.path = url, url.removeprefix("sqlite:///")
        self.file = None
        pragmas = {
            "busy_timeout": int(LOCK_WAIT * 1000),
            "journal_mode": "wal",
            "synchronous": "full",  # in WAL, the mode in which a commit survives the loss of power
            "wal_autocheckpoint": 4000,  # pages, 16 MB: a place is one page, and rarely the same as the last
        }
        # IMMEDIATE: a transaction takes the write lock before it reads, so that what it has read
        # stays true until it has written.
        self.database = PooledSqliteDatabase(
            self.path, max_connections=None, pragmas=pragmas, lock_type="IMMEDIATE", check_same_thread=False
        )

    @contextmanager
    def turn(self):
        """Wait for this process's turn to write."""
        with open(f"{self.path}-lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    alone = turn

    def prepare(self):
        """Make the tables, or bring those of an earlier version up to date."""
        if pending():
            migrate()
        self.file = self._identity()

    def check(self):
        """Refuse a database whose file was taken away or replaced while it was in use.

        An open connection goes on writing into a deleted file, and a new file beside the old one's
        WAL is ruined by it: in both cases leads would be lost after they were answered valid.
        """
        if self.file and self.file != self._identity():
            what = "was replaced" if self._identity() else "is gone"
            advice = "stop the service, put the file right without its -wal, and start"
            raise StoreError(f"the database file {what}: {advice}")

    def _identity(self):
        try:
            stat = os.stat(self.path)
        except OSError:
            return None
        return stat.st_dev, stat.st_ino


class Postgres:
    """A PostgreSQL database, which any number of machines may share."""

    # The smallest plans allow 20 connections: so there is room for two web processes, for the
    # commands and for a deploy.
    writers, batch = 4, 1
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
        with database.atomic():
            database.execute_sql("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            yield

    def prepare(self):
        """Refuse tables of another version: a deploy migrates before it starts (`flask migrate`)."""
        if pending():
            raise SchemaError("the tables of this database are older than this version: run flask migrate")

    def check(self):
        pass


MIGRATION_LOCK = 0x6461746170  # any number that is always the same


class PostgresConnection(psycopg.Connection):
    def wait(self, gen, interval=0.1, timeout=None):
        """Wait for the server; in a thread that writes leads, not longer than SERVER_WAIT."""
        try:
            return super().wait(gen, interval, timeout or getattr(_thread, "patience", None))
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()
            raise


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


# --- Connections ---


def connect(url, chore=None):
    """Use the database at `url`, `sqlite:///file` or `postgresql://…`; it is opened on first use.

    `chore` is work to be done each minute, and at once again while it returns true.
    """
    disconnect()
    if not _current.engine or _current.engine.url != url:
        _current.engine = (Sqlite if url.startswith("sqlite:") else Postgres)(url)
        _current.engine.prepared = False
    database.initialize(_current.engine.database)
    _current.writers = Writers(_current.engine, chore)


def disconnect():
    """Finish what is being written, and close all connections."""
    if _current.writers:
        _current.writers.stop()
        _current.writers = None
    if database.obj:
        database.close_all()


def prepare():
    """Make sure of the tables before processes are forked, so that all of them know the same file.

    Raises SchemaError. A database that cannot be reached yet may be there when the first lead comes.
    """
    try:
        with read():
            pass
    except SchemaError:
        raise
    except StoreError as error:
        log.warning("the database cannot be used yet: %s", error)


_preparing = threading.Lock()


@contextmanager
def read():
    """Hold a connection to the database. Raises StoreError if it cannot be used."""
    with _failures():
        _check()
        with _connection():
            yield


def _check():
    _current.engine.check()
    with _preparing:
        if not _current.engine.prepared:
            with _failures():
                _current.engine.prepare()
            _current.engine.prepared = True


@contextmanager
def _connection():
    database.connect()
    try:
        yield
    except BaseException:
        # A connection that failed is not used again: it may lead to a server that is gone.
        database.manual_close()
        raise
    database.close()


@contextmanager
def _failures():
    """Turn the failures of the database into StoreError; those that are mistakes of ours stay."""
    try:
        yield
    except (peewee.IntegrityError, peewee.DataError, peewee.ProgrammingError):
        raise
    except (peewee.DatabaseError, peewee.InterfaceError, OSError) as error:
        first = _first_failure(error)
        raise StoreError(f"{type(first).__name__}: {str(first).strip()}") from None


def _first_failure(error):
    """Return the failure that came first: where SQLite rolls back by itself, the rollback fails too."""
    first = cause = error
    while cause := cause.__context__:
        if isinstance(cause, peewee.DatabaseError):
            first = cause
    return first


# --- The schema ---


def _runner():
    return Runner(database.obj, str(MIGRATIONS))


def pending():
    """Return the names of the migrations that are still to be applied. Raises SchemaError."""
    with _connection():
        migrations = _runner().status()
    if unknown := [migration.name for migration in migrations if migration.path is None]:
        raise SchemaError(f"the tables of this database are of a newer version ({unknown[-1]}): update Datapost")
    return [migration.name for migration in migrations if not migration.applied]


def migrate():
    """Bring the tables up to date, and return the names of the migrations that were applied."""
    with _failures(), _connection(), _current.engine.alone():
        return _runner().up()


# --- Writing ---


def transact(work):
    """Call `work()` in a transaction, and return what it returns once that is on disk.

    Raises StoreError, and then nothing is stored. `work` may be called again if the transaction
    failed, so it must leave alone what it was given.
    """
    job = _current.writers.submit(work)
    if not job.wait(START_WAIT):
        if job.claim():
            raise StoreError("it is busy")
        if not job.wait(FINISH_WAIT):
            raise StoreError("it does not answer")
    if job.error:
        raise job.error
    return job.result


def ping():
    """Raise StoreError if nothing can be written now."""
    transact(lambda: database.execute_sql("SELECT 1"))


class Job:
    """Work on its way to the writers, and its outcome.

    Bare locks tell of both, since who waits for a Future is woken twice: by it, and by its lock.
    """

    def __init__(self, work):
        self.work, self.result, self.error, self.begun = work, None, None, False
        self._claim, self._outcome = threading.Lock(), threading.Lock()
        self._outcome.acquire()

    def claim(self):
        """Tell whether this is the first to ask: a writer who begins, or a sender who gives up."""
        return self._claim.acquire(blocking=False)

    def begin(self):
        """Tell whether somebody still waits for the outcome."""
        self.begun = self.begun or self.claim()
        return self.begun

    def wait(self, seconds):
        """Wait for the outcome, and tell whether there is one."""
        return self._outcome.acquire(timeout=seconds)

    def finish(self, result=None, error=None):
        if self.begin():
            self.result, self.error = result, error
            self._outcome.release()


class Writers:
    """The threads that write. They start with the first work, since a process may fork before."""

    def __init__(self, engine, chore):
        self._engine, self._chore = engine, chore
        self._jobs, self._threads, self._starting = SimpleQueue(), [], threading.Lock()

    def submit(self, work):
        job = Job(work)
        self._jobs.put(job)
        if not self._threads:
            with self._starting:
                while len(self._threads) < self._engine.writers:
                    # One of them looks after the chore.
                    thread = threading.Thread(target=self._run, args=[not self._threads], daemon=True)
                    thread.start()
                    self._threads.append(thread)
        return job

    def stop(self):
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, has_chore):
        _thread.patience = SERVER_WAIT
        due = monotonic() + CHORE_PAUSE if has_chore and self._chore else None
        while True:
            try:
                job = self._jobs.get(timeout=due and max(0, due - monotonic()))
            except Empty:
                pass
            else:
                if job is None:
                    return
                self._write(job)
            if due and monotonic() >= due:
                due = monotonic() + (0.1 if self._do_chore() else CHORE_PAUSE)

    def _do_chore(self):
        job = Job(self._chore)
        self._write(job)
        return job.result

    def _write(self, job):
        jobs = [job]
        try:
            with _failures():
                _check()
                with self._engine.turn():
                    jobs += self._waiting()
                    self._commit(jobs)
        except Exception as error:
            for job in [*jobs, *self._waiting()]:
                job.finish(error=error)

    def _waiting(self):
        """Take the work that waits, as much as one transaction may hold beside the first."""
        jobs = []
        with suppress(Empty):
            while len(jobs) < self._engine.batch - 1:
                job = self._jobs.get_nowait()
                if job is None:
                    self._jobs.put(None)
                    break
                jobs.append(job)
        return jobs

    def _commit(self, jobs):
        """Do the jobs in one transaction; if one fails, each in one of its own."""
        begun = False
        try:
            with _failures(), _connection(), database.atomic():
                jobs, begun = [job for job in jobs if job.begin()], True
                results = [job.work() for job in jobs]
        except Exception as error:
            if begun and len(jobs) > 1:
                for job in jobs:
                    self._commit([job])
            else:
                for job in jobs:
                    job.finish(error=error)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.finish(result)
