"""When the store fails under the real service: 503, nothing half stored, and back to work by itself."""

import json
import resource
import shutil
import signal
import socket
import sqlite3
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import psutil
import psycopg
import pytest
from cast import RULES
from gunicorns import HEAD, LOGIN, Service, at_once

import database
import models
from leads import publishing

PATIENCE = 10  # seconds within which every request is answered
# They share a server, which takes longer to be made than most of them.
WITH_SERVER = pytest.mark.xdist_group("server")


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    if service.process:
        service.stop(signal.SIGKILL)


@pytest.fixture
def on_server(service, server):
    """The service on that server, with a lead in its store."""
    models.connect(server.get_uri(), "a key for tests")
    database.migrate()
    database.transact(lambda: [table.delete().execute() for table in models.Table.__subclasses__()])
    database.disconnect()
    service.environ |= {"DATABASE_URL": server.get_uri(), "DATAPOST_OPERATORS": "impact:secret"}
    service.start()
    assert all_valid(service, "before")
    return service


def post(service, email):
    return service.post(json.dumps({"email": email}), timeout=PATIENCE)


def all_valid(service, name):
    """Tell whether 16 new leads at once, to all threads of all processes, are answered valid."""
    answers = at_once(16, lambda number: post(service, f"{name}{number}@example.com"))
    return {(status, answer["valid"]) for status, _, answer in answers} == {(200, True)}


def dashboard(service):
    """Return the status of the operators' first page."""
    client = HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)
    with closing(client):
        client.request("GET", "/dashboard", headers=LOGIN)
        return client.getresponse().status


def refused(service, email):
    status, headers, answer = post(service, email)
    assert answer["note"] == "The lead could not be stored now: please send it again"
    return (status, headers["Retry-After"], answer["valid"]) == (503, "5", "false")


@WITH_SERVER
def test_a_stopped_postgresql_is_a_503_and_over_as_soon_as_it_runs_again(on_server, server):
    server.stop()
    assert refused(on_server, "ann@example.com")
    assert on_server.get("/health")["store"] == "unreachable"
    server.ensure_postgres_running()
    assert all_valid(on_server, "after")
    assert post(on_server, "ann@example.com")[2]["valid"] is True
    assert len(on_server.leads()) == 33


@WITH_SERVER
def test_lost_connections_cost_no_lead_that_comes_after(on_server, server):
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'datapost'")
    assert all_valid(on_server, "after")


@pytest.fixture
def published(service, server):
    """The service on that server, which holds its rules too; it has not started."""
    models.connect(server.get_uri(), "a key for tests")
    database.migrate()
    database.transact(lambda: [table.delete().execute() for table in models.Table.__subclasses__()])
    database.disconnect()
    service.environ |= {"DATABASE_URL": server.get_uri(), "DATAPOST_RULES_FROM": "dashboard"}
    return service


def within_two_seconds(action, expected):
    """Do it again and again, and tell whether it comes to this twenty times in a row before two seconds are over."""
    over = time.monotonic() + 2
    while (found := {action() for _ in range(20)}) != {expected} and time.monotonic() < over:
        pass
    return found == {expected}


def publish(server, text):
    models.connect(server.get_uri(), "a key for tests")
    try:
        publishing.publish("default", text, "ann", "another")
    finally:
        database.disconnect()


@WITH_SERVER
def test_without_the_database_a_process_keeps_the_rules_that_it_holds_and_goes_on_by_itself(published, server):
    published.environ["WEB_CONCURRENCY"] = "1"  # of two, one may not have read them yet
    published.start()
    assert all_valid(published, "before")
    workers = published.workers()
    server.stop()
    for number in range(40):
        assert refused(published, f"ann{number}@example.com")
    health = published.get("/health")
    assert (health["store"], health["rules"]["default"]["version"]) == ("unreachable", 1)
    server.ensure_postgres_running()
    assert all_valid(published, "after")
    assert published.workers() == workers
    publish(server, RULES.replace("label: email address", "label: mail"))
    assert within_two_seconds(lambda: published.post("{}")[2]["note"], "No mail was submitted")


@WITH_SERVER
def test_a_process_that_starts_without_the_database_judges_by_no_file(published, server):
    server.stop()
    published.start()
    assert refused(published, "ann@example.com")
    assert published.get("/health")["rules"] == {}
    server.ensure_postgres_running()
    assert within_two_seconds(lambda: post(published, "ann@example.com")[0], 200)
    assert published.get("/health")["rules"]["default"]["version"] == 1  # the deploy's file is published by now


@WITH_SERVER
@pytest.mark.long
def test_a_postgresql_that_hangs_is_a_503_within_ten_seconds(on_server, server):
    assert set(at_once(16, lambda _: dashboard(on_server))) == {200}
    postmaster = psutil.Process(server.get_pid())
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        assert dashboard(on_server) == 503
        assert all(at_once(16, lambda number: refused(on_server, f"ann{number}@example.com")))
    finally:
        for process in reversed(processes):
            process.resume()
    assert all_valid(on_server, "after")


@WITH_SERVER
def test_a_postgresql_that_only_reads_is_a_503(on_server, server):
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'datapost'")
        try:
            assert refused(on_server, "ann@example.com")
            assert on_server.get("/health")["store"] == "unreachable"
        finally:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
    assert all_valid(on_server, "after")


def test_a_full_disk_is_a_503_and_over_as_soon_as_there_is_room(service):
    service.start()
    assert all_valid(service, "before")
    for worker in service.workers():  # they can make no file longer than its first byte
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    assert refused(service, "ann@example.com")
    for worker in service.workers():
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert all_valid(service, "after")
    assert post(service, "ann@example.com")[2]["valid"] is True
    assert len(service.leads()) == 33


def test_health_tells_that_the_disk_has_no_room_for_a_lead(service):
    service.start()
    assert all_valid(service, "before")
    room = Path(f"{service.database}-wal").stat().st_size + 5000
    for worker in service.workers():
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    for _ in range(4):
        assert refused(service, "ann@example.com")
        assert service.get("/health")["store"] == "unreachable"
    for worker in service.workers():
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert service.get("/health")["store"] == "reachable"


def test_a_copy_over_the_file_in_use_is_a_503_until_the_service_is_started_on_it(service, tmp_path):
    service.start()
    assert all_valid(service, "before")
    service.stop()
    assert not Path(f"{service.database}-wal").exists()  # the file is whole, and can be copied alone
    copy = shutil.copy(service.database, tmp_path / "copy")
    service.start()
    assert all_valid(service, "after")
    shutil.copyfile(copy, service.database)
    assert all(at_once(16, lambda number: refused(service, f"ann{number}@example.com")))
    assert service.get("/health")["store"] == "unreachable"
    assert "the database file was replaced or written over" in service.stop()
    process = service.command("gunicorn")
    _, log = process.communicate()
    assert process.returncode == 1
    assert "Datapost does not start:\n  leads.db-wal belongs to another file than leads.db" in log
    Path(f"{service.database}-wal").rename(tmp_path / "kept")
    service.start()
    assert post(service, "after0@example.com")[2]["valid"] is True
    assert len(service.leads()) == 17
    service.stop()
    with closing(sqlite3.connect(service.database)) as stored:
        assert stored.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_locked_database_is_a_503_within_ten_seconds_and_over_when_the_lock_is(service):
    service.start()
    assert all_valid(service, "before")
    with closing(sqlite3.connect(service.database, isolation_level=None)) as locker:
        locker.execute("begin immediate")
        assert all(at_once(16, lambda number: refused(service, f"ann{number}@example.com")))
    assert all_valid(service, "ann")


def test_a_graceful_stop_finishes_the_requests_in_flight(service):
    service.start()
    assert all_valid(service, "before")
    with closing(sqlite3.connect(service.database, isolation_level=None)) as locker:
        locker.execute("begin immediate")
        connections = [begin(service, f"ann{number}@example.com") for number in range(8)]
        service.process.send_signal(signal.SIGTERM)
    answers = [end(connection) for connection in connections]
    assert [answer.count(b"<valid>true</valid>") for answer in answers] == [1] * 8
    service.stop()
    assert len(service.leads()) == 24


def begin(service, email):
    """Send a lead, and return the connection once the service has begun to read it."""
    connection = socket.create_connection(("127.0.0.1", service.port))
    body = f"email={email}".encode()
    head = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(HEAD + head.encode() + b"Expect: 100-continue\r\n\r\n")
    assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
    connection.sendall(body)
    return connection


def end(connection):
    """Return the answer on a connection, and close it."""
    with connection, HTTPResponse(connection) as response:
        response.begin()
        return response.read()
