"""The database, SQLite or PostgreSQL, and the one way to write to it: `transact(work)`.

A few threads of each process do all the writing. `transact` hands work over to them and waits until
it is on disk, but no longer than a sender waits for an answer.

SQLite lets one connection of the whole machine write at a time, and each commit waits for the disk.
So one thread gathers the work that waits and commits it together, and the processes take turns by a
lock on a file: where SQLite's own lock is taken, those who wait sleep and try again, in no order.
What befalls the file itself is looked after in sqlitefile.py.
PostgreSQL commits side by side, so there each piece of work is a transaction of its own.
"""

import atexit
import logging
import sqlite3
import threading
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from types import SimpleNamespace

import peewee
import psycopg
from playhouse.migrations import Runner
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from database.sqlitefile import FileProblem, SqliteFile

MIGRATIONS = Path(__file__).with_name("migrations")

# In seconds.
ANSWER_WAIT = 9  # for all that a request asks of the store
WRITE_WAIT = 5  # until work is about to be committed, or it is given up
STUCK_AFTER = 3  # work that takes longer tells that the database does not answer
STUCK_WAIT = 1  # so that those who wait for a thread of the service are answered in time too
LOCK_WAIT = 3  # for SQLite's lock, if a program that is not ours holds it
SERVER_WAIT = 3  # for PostgreSQL to take a connection, and for its answer to a statement
ATTEMPTS, BETWEEN_ATTEMPTS = 3, 0.05  # to get a connection, where nobody has one
CHORE_PAUSE, CHORE_AGAIN = 60, 0.1

db = peewee.DatabaseProxy()
_current = SimpleNamespace(engine=None, writers=None)
_thread = threading.local()
log = logging.getLogger("datapost")


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


# --- The engines ---


class Sqlite(SqliteFile):
    """A SQLite file, which any number of processes of one machine may share."""

    writers, batch = 1, 100
    migrates_by_steps = True  # each migration is committed by itself
    clock = "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"

    def __init__(self, url):
        super().__init__(url.removeprefix("sqlite:///"), LOCK_WAIT)
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
        with self.lock():
            self.tend()
            yield

    alone = turn

    def exists(self):
        return Path(self.path).exists()

    def check_encoding(self):
        pass  # always UTF-8

    def prepare(self):
        """Make the tables, or bring those of an earlier version up to date."""
        if pending():
            migrate()

    def scrub(self):
        """Write the log (-wal), which has what was there before, into the file, and empty it."""
        with self.lock():
            return self.renew()

    def fatal(self, error):
        """Return what to do about an error, where trying again does not help. Of damage, all processes are told."""
        code = getattr(getattr(error, "orig", error), "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self.condemn(_reason(error))
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            return f"{_reason(error)}: see that {self.path} and its folder may be written"
        return None


class Postgres:
    """A PostgreSQL database, which any number of machines may share."""

    # The smallest plans allow 20 connections: so there is room for two web processes, for the
    # commands and for a deploy.
    writers, batch = 4, 1
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
            db.execute_sql("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            yield

    def prepare(self):
        """Refuse tables of another version: a deploy migrates before it starts (`flask migrate`)."""
        self.check_encoding()
        if pending():
            raise SchemaError("the tables of this database are missing or older than this version: run flask migrate")

    def check_encoding(self):
        """Refuse a database that cannot hold every letter."""
        with _connection():
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


MIGRATION_LOCK = 0x6461746170  # any number that is always the same


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
    if deadline := getattr(_thread, "deadline", None):
        # A connection that gives no answer is replaced once, which takes time of its own.
        return max(deadline - SERVER_WAIT - monotonic(), 0.001)
    return getattr(_thread, "patience", None)


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
    db.initialize(_current.engine.database)
    _current.writers = Writers(_current.engine, [chore] if chore else [])


def add_chore(chore):
    """Have one more chore done each minute, until another database is connected."""
    _current.writers.chores.append(chore)


@atexit.register  # a daemon thread holds them, so that Python would not: a SQLite file would be left with its log
def disconnect():
    """Finish what is being written, and close all connections."""
    if _current.writers:
        _current.writers.stop()
        _current.writers = None
    if db.obj:
        db.close_all()
        _current.engine.close()


def prepare(work=None):
    """Make sure of the tables before processes are forked, so that all of them know the same file, and do `work`.

    Raises SchemaError. A database that cannot be reached yet may be there when the first lead comes.
    """
    try:
        with read():
            pass
        if work:
            transact(work)
    except SchemaError:
        raise
    except StoreError as error:
        log.warning("the database cannot be used yet, and leads are answered 503: %s", error)


_preparing = threading.Lock()


def exists():
    """Tell whether there is a database: to read one that is not there would make it."""
    return _current.engine.exists()


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
            _current.engine.prepare()
            _current.engine.prepared = True


@contextmanager
def _connection():
    db.connect()
    try:
        yield
    except BaseException:
        # A connection that failed is not used again: it may lead to a server that is gone.
        db.manual_close()
        raise
    db.close()


@contextmanager
def _failures():
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
        raise StoreError(f"{type(first).__name__}: {_reason(first)}") from None


def _reason(error):
    """Return what went wrong, in one line.

    PostgreSQL may add where it was, and there, if it is set up so, the values of the statement.
    """
    server_says = getattr(getattr(error, "orig", None), "diag", None)
    return " ".join(((server_says and server_says.message_primary) or str(error)).split())


def _first_failure(error):
    """Return the failure that came first: where SQLite rolls back by itself, the rollback fails too."""
    first = cause = error
    while cause := cause.__context__:
        if isinstance(cause, peewee.DatabaseError):
            first = cause
    return first


# --- The schema ---


def _runner():
    return Runner(db.obj, str(MIGRATIONS))


def pending():
    """Return the names of the migrations that are still to be applied. Raises SchemaError."""
    with _connection():
        migrations = _runner().status()
    if unknown := [migration.name for migration in migrations if migration.path is None]:
        raise SchemaError(f"the tables of this database are of a newer version ({unknown[-1]}): update Datapost")
    return [migration.name for migration in migrations if not migration.applied]


def migrate():
    """Bring the tables up to date, and return the names of the migrations that were applied."""
    name, applied = None, []
    try:
        with _failures():
            _current.engine.check()
            _current.engine.check_encoding()
            with _connection(), _current.engine.alone():
                runner = _runner()
                for name in [row.name for row in runner.status() if row.path and not row.applied]:
                    applied += runner.up(name)
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


# --- Writing ---


def set_deadline(seconds):
    """Let this thread wait for the store so many seconds from now in all; None: for each piece of work anew."""
    _thread.deadline = seconds and monotonic() + seconds


def transact(work):
    """Call `work()` in a transaction, and return what it returns once that is on disk.

    Raises StoreError, and then nothing is stored; or Unsure, if the database fell silent while it
    was told to commit. `work` may be called again if the transaction failed, so it must leave
    alone what it was given.
    """
    patience = STUCK_WAIT if _current.writers.are_stuck() else WRITE_WAIT
    deadline = getattr(_thread, "deadline", None) or monotonic() + ANSWER_WAIT
    job = _current.writers.submit(work)
    if not job.wait(min(patience, deadline - monotonic())):
        if job.give_up():
            raise StoreError("it does not answer, or has too much to do")
        if not job.wait(deadline - monotonic()):
            raise Unsure("it takes too long to commit")
    if job.error:
        raise job.error
    return job.result


class Job:
    """Work on its way to the writers, and its outcome.

    Bare locks tell of both, since who waits for a Future is woken twice: by it, and by its lock.
    """

    def __init__(self, work):
        self.work, self.result, self.error, self.given_up, self.sealed = work, None, None, False, False
        self.attempts = 0
        self._decision, self._outcome = threading.Lock(), threading.Lock()
        self._outcome.acquire()

    def give_up(self):
        """Tell whether the sender may: not once the work is about to be committed."""
        self.given_up = self._decision.acquire(blocking=False)
        return self.given_up

    def seal(self):
        """Tell whether the sender still waits; from now on he cannot give up."""
        self.sealed = self.sealed or self._decision.acquire(blocking=False)
        return self.sealed

    def wait(self, seconds):
        """Wait for the outcome, and tell whether there is one."""
        return self._outcome.acquire(timeout=max(0, seconds))

    def finish(self, result=None, error=None):
        """Hand over the outcome, the first that there is."""
        if self.work:
            self.work, self.result, self.error = None, result, error
            self._outcome.release()


class Writers:
    """The threads that write. They start with the first work, since a process may fork before."""

    def __init__(self, engine, chores):
        self._engine, self.chores = engine, chores
        self._jobs, self._threads, self._starting = SimpleQueue(), [], threading.Lock()
        self._busy_since, self._at_work = {}, set()  # threads, and those of them in a transaction

    def submit(self, work):
        if len(self._threads) < self._engine.writers:
            with self._starting:
                while len(self._threads) < self._engine.writers:
                    # One of them looks after the chore.
                    thread = threading.Thread(target=self._run, args=[not self._threads], daemon=True)
                    thread.start()
                    self._threads.append(thread)
        job = Job(work)
        self._jobs.put(job)
        return job

    def are_stuck(self):
        """Tell whether all threads wait for the database, and have for long: more work would not be done."""
        busy = list(self._busy_since.values())
        return len(busy) == self._engine.writers and monotonic() - max(busy) > STUCK_AFTER

    def stop(self):
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, has_chore):
        _thread.patience = SERVER_WAIT
        chores = self.chores
        due = monotonic() + CHORE_PAUSE if has_chore and self.chores else None
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
                # All of them in turn, each in a transaction of its own; between them, what waits is written.
                chores = [chore for chore in chores if self._do(chore)] or self.chores
                due = monotonic() + (CHORE_PAUSE if chores is self.chores else CHORE_AGAIN)

    def _do(self, chore):
        """Do a chore, and tell whether there is more to do."""
        job = Job(chore)
        self._write(job)
        if job.error and not isinstance(job.error, StoreError):
            log.error("a chore failed", exc_info=job.error)
        return job.result

    def _write(self, job):
        jobs, me = [job], threading.get_ident()
        self._busy_since[me] = monotonic()
        try:
            with _failures():
                _check()
                with self._engine.turn():
                    jobs += self._waiting()
                    self._commit(jobs)
        except Exception as error:
            for job in [*jobs, *self._waiting()]:
                job.finish(error=error)
        finally:
            del self._busy_since[me]

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
            with _failures():
                self._engine.look()
                with _connection(), db.atomic():
                    begun = True
                    self._at_work.add(threading.get_ident())
                    jobs = [job for job in jobs if not job.given_up]
                    results = [job.work() for job in jobs]
                    if not all(job.seal() for job in jobs):
                        raise GivenUp
        except Exception as error:
            self._fail(jobs, error, begun)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.finish(result)
        finally:
            self._at_work.discard(threading.get_ident())

    def _fail(self, jobs, error, begun):
        if begun and all(job.sealed for job in jobs) and not self._engine.undo():
            for job in jobs:
                job.finish(error=Unsure(str(error)))
        elif begun and len(jobs) > 1:
            for job in jobs:
                self._commit([job])
        elif not begun and self._engine.writers > 1 and (self._at_work or jobs[0].attempts < ATTEMPTS):
            # There may be too few connections: who has one will do it.
            for job in jobs:
                job.attempts += 1
                self._jobs.put(job)
            sleep(BETWEEN_ATTEMPTS)
        else:
            for job in jobs:
                job.finish(error=error)
