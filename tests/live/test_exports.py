"""Exports that nobody reads, or not in time: on the real gunicorn, beside leads."""

import base64
import http.client
import signal
import socket
from contextlib import ExitStack, closing
from itertools import count

import pytest
from gunicorns import connect, started

OPERATOR = "Basic " + base64.b64encode(b"owner:secret").decode()
LEAD = b'{"email": "ann%d@example.com", "text": "' + b"x" * 200_000 + b'"}'


def export(form="jsonl", version=b"1.1"):
    return b"GET /dashboard/leads.%s HTTP/%s\r\nHost: x\r\nAuthorization: %s\r\n\r\n" % (
        form.encode(),
        version,
        OPERATOR.encode(),
    )


@pytest.fixture
def start(tmp_path):
    """Start one process with more leads than the buffers between it and its clients hold."""
    made = []

    def begin(*lines):
        # Small buffers for sending, so that an export soon waits for who reads it.
        buffer = f"sock.setsockopt({socket.SOL_SOCKET}, {socket.SO_SNDBUF}, 1)"
        ready = f"def when_ready(server): server.LISTENERS[0].{buffer}"
        made.append(started(tmp_path, ready, *lines, DATAPOST_OPERATORS="owner:secret"))
        for number in range(10):
            assert made[0].post(LEAD % number)[0] == 200
        return made[0]

    yield begin
    for service in made:
        if service.process:
            service.stop(signal.SIGKILL)


def deaf(service, stack):
    """Ask for an export, and return the connection and the status, having read no more than its line."""
    connection = stack.enter_context(socket.socket())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    connection.connect(("127.0.0.1", service.port))
    connection.sendall(export())
    return connection, connection.recv(12)


def read_all(connection):
    while connection.recv(65536):
        pass


def test_sixteen_exports_that_nobody_reads_leave_the_leads_alone(start):
    service = start()
    with ExitStack() as stack:
        statuses = [deaf(service, stack)[1] for _ in range(16)]
        assert statuses == [b"HTTP/1.1 200"] * 2 + [b"HTTP/1.1 503"] * 14
        assert {service.post("{}")[0] for _ in range(50)} == {200}


def test_who_hangs_up_makes_room_for_another_export(start):
    service = start()
    for _ in range(3):
        with ExitStack() as stack:
            for held in range(2):
                # The process hears of it when it tries to send more.
                assert next(True for _ in count() if deaf(service, stack)[1] == b"HTTP/1.1 200"), held


def test_an_export_that_is_not_read_in_time_never_looks_whole(start):
    service = start("from dashboard import leads", "leads.LONGEST_EXPORT = 0")
    for form in ["csv", "jsonl"]:
        with closing(http.client.HTTPConnection("127.0.0.1", service.port)) as connection:
            connection.request("GET", f"/dashboard/leads.{form}", headers={"Authorization": OPERATOR})
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                connection.getresponse().read()
        # HTTP/1.0, as some proxies speak it, has no chunks that would tell.
        with connect(service, export(form, b"1.0")) as connection, pytest.raises(ConnectionResetError):
            read_all(connection)
    assert service.post("{}")[0] == 200
    assert service.stop().count("an export broke off") == 4


def test_an_export_that_the_store_leaves_in_the_middle_never_looks_whole(start):
    service = start("from dashboard import leads", "leads.EXPORT_PAGE = 2")
    with ExitStack() as stack:
        connection, status = deaf(service, stack)
        assert status == b"HTTP/1.1 200"
        service.database.unlink()
        with pytest.raises(ConnectionResetError):
            read_all(connection)
