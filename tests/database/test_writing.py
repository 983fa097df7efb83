"""Writing: how work is written together, and what comes of it when it fails or takes too long."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event

import peewee
import pytest
from cast import NEVER

import database
from database import writing
from web.login import KnownLogin


def remember(digest):
    return KnownLogin.insert(digest=digest).execute


def remembered():
    with database.read():
        return sorted(login.digest for login in KnownLogin.select())


@contextmanager
def busy_writer():
    """Keep the thread that writes busy, so that work gathers behind it."""
    begun, go_on = Event(), Event()

    def wait():
        begun.set()
        assert go_on.wait(NEVER)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(database.transact, wait)
        assert begun.wait(NEVER)
        try:
            yield
        finally:
            go_on.set()


def test_what_is_written_can_be_read_at_once(ledger):
    database.transact(remember("a"))
    assert remembered() == ["a"]


def test_who_reads_waits_for_a_server_that_hangs_no_longer_than_a_request_may(postgresql_ledger):
    database.set_deadline(0.05)
    try:
        with pytest.raises(database.StoreError), database.read():
            database.db.execute_sql("SELECT pg_sleep(5)")
    finally:
        database.set_deadline(None)
    assert remembered() == []


def test_work_that_fails_writes_nothing_and_its_failure_comes_back(ledger):
    def work():
        remember("a")()
        raise KeyError("reason")

    with pytest.raises(KeyError, match="reason"):
        database.transact(work)
    assert remembered() == []


def test_of_work_that_waited_together_only_what_fails_is_not_written(sqlite_file):
    def fail():
        remember("c")()
        raise KeyError

    works = [remember("a"), remember("b"), fail, remember("d")]
    with ThreadPoolExecutor(4) as threads:
        with busy_writer():
            outcomes = [threads.submit(database.transact, work) for work in works]
            wait_for_jobs(4)
        failures = [outcome.exception() for outcome in outcomes]
    assert [type(failure) for failure in failures] == [type(None), type(None), KeyError, type(None)]
    assert remembered() == ["a", "b", "d"]


def wait_for_jobs(count):
    while database.backlog() < count:
        pass


def test_work_that_waited_together_is_committed_together(sqlite_file, monkeypatch):
    commit, commits = database.db.commit, []
    monkeypatch.setattr(database.db.obj, "commit", lambda: commits.append(commit()))
    with ThreadPoolExecutor(8) as threads:
        with busy_writer():
            outcomes = [threads.submit(database.transact, remember(str(n))) for n in range(8)]
            wait_for_jobs(8)
            commits.clear()
        for outcome in outcomes:
            outcome.result()
    assert len(remembered()) == 8
    assert len(commits) == 2  # what kept the writer busy, and the rest


def test_work_that_was_given_up_is_never_written(sqlite_file, monkeypatch):
    database.transact(remember("first"))
    monkeypatch.setattr(writing, "WRITE_WAIT", 0.01)
    with busy_writer(), pytest.raises(database.StoreError, match="too much to do"):
        database.transact(remember("late"))
    monkeypatch.undo()
    database.transact(remember("last"))
    assert remembered() == ["first", "last"]


def test_work_is_not_committed_once_its_sender_gave_up(sqlite_file):
    slow, go_on = Event(), Event()

    def work():
        remember("slow")()
        slow.set()
        assert go_on.wait(NEVER)

    writers = writing.Writers(database.engine(), [])
    job = writers.submit(work)
    assert slow.wait(NEVER)
    given_up = job.cancel()
    go_on.set()
    writers.stop()
    assert given_up
    database.transact(remember("next"))
    assert remembered() == ["next"]


def test_a_commit_that_takes_too_long_is_said_to_be_unsure(sqlite_file, monkeypatch):
    database.transact(remember("first"))
    commit, committing, go_on = database.db.commit, Event(), Event()

    def commit_slowly():
        committing.set()
        assert go_on.wait(NEVER)
        commit()

    def wait_too_shortly(_job, _seconds):
        assert committing.wait(NEVER)
        raise TimeoutError

    monkeypatch.setattr(database.db.obj, "commit", commit_slowly)
    monkeypatch.setattr(writing.Job, "exception", wait_too_shortly)
    try:
        with pytest.raises(database.Unsure):
            database.transact(remember("slow"))
    finally:
        go_on.set()


def test_threads_that_get_no_connection_leave_the_work_to_those_that_have_one(postgresql_ledger, monkeypatch):
    connect, connections = database.db._connect, []

    def only_one():
        if connections and not database.db.obj._connections:
            raise peewee.OperationalError("too many connections")
        connections.append(connect())
        return connections[-1]

    monkeypatch.setattr(database.db.obj, "_connect", only_one)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: database.transact(remember(str(n))), range(40)))
    monkeypatch.undo()
    assert remembered() == sorted(map(str, range(40)))
    assert len(set(connections)) == 1


def test_in_postgresql_work_is_written_side_by_side(postgresql_ledger):
    together = Barrier(4, timeout=NEVER)
    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(lambda _: database.transact(together.wait), range(4))) == [0, 1, 2, 3]


def test_the_chore_is_done_in_quiet_moments_and_again_while_there_is_more(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "CHORE_PAUSE", 0)
    done, turns = Event(), iter([True, True, False])

    def chore():
        more = next(turns, None)
        if more is False:
            done.set()
        return more

    database.connect(f"sqlite:///{tmp_path}/leads.db", chore)
    database.transact(lambda: None)
    done_in_time = done.wait(30)
    database.disconnect()
    assert done_in_time


def test_a_chore_may_take_longer_than_a_lead_may_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "WRITE_WAIT", 0)
    begun, go_on = Event(), Event()

    def chore():
        begun.set()
        return go_on.wait(NEVER)

    database.connect(f"sqlite:///{tmp_path}/leads.db")
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(database.do_chores, [chore])
        try:
            assert begun.wait(NEVER)
            with pytest.raises(database.StoreError):  # which had as long as the chore
                database.transact(lambda: None)
        finally:
            go_on.set()
        assert done.result() == [chore]
    database.disconnect()


def test_a_chore_that_fails_is_logged_and_the_others_are_done(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(writing, "CHORE_PAUSE", 0)
    done = Event()

    def fail():
        raise KeyError("a value")

    database.connect(f"sqlite:///{tmp_path}/leads.db", fail)
    database.add_chore(done.set)
    database.transact(lambda: None)
    assert done.wait(NEVER)
    database.disconnect()
    assert "a chore failed" in caplog.messages


def test_who_reads_while_the_database_is_disconnected_reads_to_the_end(ledger):
    database.transact(lambda: [remember(digest)() for digest in "abc"])
    begun, go_on = Event(), Event()

    def read():
        with database.read():
            found = [next(rows := KnownLogin.select().order_by(KnownLogin.digest).iterator()).digest]
            begun.set()
            assert go_on.wait(NEVER)
            return found + [login.digest for login in rows]

    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(read)
        assert begun.wait(NEVER)
        database.disconnect()
        go_on.set()
        assert reading.result() == ["a", "b", "c"]
