"""The one way to write to the database: `transact(work)`.

A few threads of each process do all the writing. `transact` hands work over to them and waits until
it is on disk, but no longer than a sender waits for an answer.
"""

import atexit
import logging
import threading
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic, sleep

from database import connection
from database.engines import SERVER_WAIT, GivenUp, SchemaError, StoreError, Unsure, db, thread

# In seconds.
ANSWER_WAIT = 9  # for all that a request asks of the store
WRITE_WAIT = 5  # until work is about to be committed, or it is given up
STUCK_AFTER = 3  # work that takes longer tells that the database does not answer
STUCK_WAIT = 1  # so that those who wait for a thread of the service are answered in time too
ATTEMPTS, BETWEEN_ATTEMPTS = 3, 0.05  # to get a connection, where nobody has one
CHORE_PAUSE, CHORE_AGAIN = 60, 0.1

LONGEST_PAUSE = 0.1

_writers = None
log = logging.getLogger("datapost")


def connect(url, chore=None):
    """Use the database at `url`, `sqlite:///file` or `postgresql://…`; it is opened on first use.

    `chore` is work to be done each minute, and at once again while it returns true.
    """
    global _writers
    disconnect()
    connection.use(url)
    _writers = Writers(connection.engine(), [chore] if chore else [])


def add_chore(chore):
    """Have one more chore done each minute, until another database is connected."""
    _writers.chores.append(chore)


@atexit.register  # a daemon thread holds them, so that Python would not: a SQLite file would be left with its log
def disconnect():
    """Finish what is being written, and close all connections."""
    global _writers
    if _writers:
        _writers.stop()
        _writers = None
    connection.close()


def prepare(work=None):
    """Make sure of the tables before processes are forked, so that all of them know the same file, and do `work`.

    Raises SchemaError. A database that cannot be reached yet may be there when the first lead comes.
    """
    try:
        with connection.read():
            pass
        if work:
            transact(work)
    except SchemaError:
        raise
    except StoreError as error:
        log.warning("the database cannot be used yet, and leads are answered 503: %s", error)


def set_deadline(seconds):
    """Let this thread wait for the store so many seconds from now in all; None: for each piece of work anew."""
    thread.deadline = seconds and monotonic() + seconds


def transact(work):
    """Call `work()` in a transaction, and return what it returns once that is on disk.

    Raises StoreError, and then nothing is stored; or Unsure, if the database fell silent while it
    was told to commit. `work` may be called again if the transaction failed, so it must leave
    alone what it was given.
    """
    patience = STUCK_WAIT if _writers.are_stuck() else WRITE_WAIT
    deadline = getattr(thread, "deadline", None) or monotonic() + ANSWER_WAIT
    job = _writers.submit(work)
    if not _is_over(job, min(patience, deadline - monotonic())):
        if job.cancel():
            raise StoreError("it does not answer, or has too much to do")
        if not _is_over(job, deadline - monotonic()):
            raise Unsure("it takes too long to commit")
    return job.result()


def transact_and_rest(work):
    """Do as `transact`, and then leave as much time to others as that took: for one transaction of many in a row."""
    begun = monotonic()
    result = transact(work)
    sleep(min(LONGEST_PAUSE, monotonic() - begun))
    return result


def _is_over(job, seconds):
    try:
        job.exception(max(0, seconds))
    except TimeoutError:
        return False
    return True


def do_chores(chores=None):
    """Do these chores, or all, each in a transaction of its own; return those that have more to do."""
    return [chore for chore in chores or _writers.chores if _has_more(chore)]


def _has_more(chore):
    try:
        return _writers.submit(chore).result()  # however long it takes: nobody waits for the answer
    except StoreError:
        return False  # it is done the next time
    except Exception:
        log.exception("a chore failed")
        return False


def backlog():
    """Return how many pieces of work wait for a writer."""
    return _writers.backlog()


class Job(Future):
    """Work on its way to the writers, and its outcome. It runs from when it is about to be committed."""

    def __init__(self, work):
        super().__init__()
        self.work, self.attempts = work, 0

    def seal(self):
        """Tell whether the sender still waits; from now on he cannot give up."""
        return self.running() or self.set_running_or_notify_cancel()

    def finish(self, result=None, error=None):
        """Hand over the outcome, if there is none yet and somebody waits for it."""
        if self.done() or not self.seal():
            return
        if error:
            self.set_exception(error)
        else:
            self.set_result(result)


class Writers:
    """The threads that write, and the one that sends the chores. They start with the first work: a process may fork."""

    def __init__(self, engine, chores):
        self._engine, self.chores = engine, chores
        self._jobs, self._threads, self._starting = SimpleQueue(), [], threading.Lock()
        self._busy_since, self._at_work = {}, set()  # threads, and those of them in a transaction
        self._caretaker, self._stopping = threading.Thread(target=self._look_after, daemon=True), threading.Event()

    def submit(self, work):
        if len(self._threads) < self._engine.writers:
            with self._starting:
                self._start()
        job = Job(work)
        self._jobs.put(job)
        return job

    def _start(self):
        while len(self._threads) < self._engine.writers:
            writer = threading.Thread(target=self._run, daemon=True)
            writer.start()
            self._threads.append(writer)
        if self._caretaker.ident is None and self.chores:
            self._caretaker.start()

    def are_stuck(self):
        """Tell whether all threads wait for the database, and have for long: more work would not be done."""
        busy = list(self._busy_since.values())
        return len(busy) == self._engine.writers and monotonic() - max(busy) > STUCK_AFTER

    def backlog(self):
        return self._jobs.qsize()

    def stop(self):
        self._stopping.set()
        if self._caretaker.ident is not None:
            self._caretaker.join()
        for _ in self._threads:
            self._jobs.put(None)
        for writer in self._threads:
            writer.join()

    def _look_after(self):
        more = []
        while not self._stopping.wait(CHORE_AGAIN if more else CHORE_PAUSE):
            more = do_chores(more)

    def _run(self):
        thread.patience = SERVER_WAIT
        while job := self._jobs.get():
            self._write(job)

    def _write(self, job):
        """Write a piece of work, and with it what waits; whatever happens, each of them has an outcome."""
        jobs, me = [job], threading.get_ident()
        self._busy_since[me] = monotonic()
        try:
            with connection.failures():
                connection.check()
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
        """Do the jobs in one transaction, less those that were given up."""
        jobs, begun = [job for job in jobs if not job.cancelled()], False
        try:
            with connection.failures():
                self._engine.look()
                with connection.hold(), db.atomic():
                    begun = True
                    self._at_work.add(threading.get_ident())
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
        """Give jobs that were not committed one of four outcomes."""
        commits = begun and all(job.running() for job in jobs)
        if commits and not self._engine.undo():  # the commit itself failed, and may be carried out all the same
            self._finish(jobs, Unsure(str(error)))
        elif begun and len(jobs) > 1:  # one of them is to blame
            for job in jobs:
                self._commit([job])
        elif not begun and self._may_get_a_connection(jobs):
            self._put_back(jobs)
        else:
            self._finish(jobs, error)

    def _finish(self, jobs, error):
        for job in jobs:
            job.finish(error=error)

    def _may_get_a_connection(self, jobs):
        """Tell whether there may be too few connections: then who has one will do the work."""
        return self._engine.writers > 1 and bool(self._at_work or any(job.attempts < ATTEMPTS for job in jobs))

    def _put_back(self, jobs):
        for job in jobs:
            job.attempts = 0 if self._at_work else job.attempts + 1
            self._jobs.put(job)
        sleep(BETWEEN_ATTEMPTS)
