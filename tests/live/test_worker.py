"""Slow, silent and late clients hold no thread, and each gets an answer."""

import select
import signal
import socket
from contextlib import ExitStack
from pkgutil import resolve_name

import gunicorn
import pytest
from cast import read_answer
from gunicorn.workers.gthread import ThreadWorker
from gunicorns import BODY, FORM, HEAD, answer_on, connect, started

from web.worker import PRIVATE

POST = HEAD + FORM + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A service that waits for its clients, so that they would stop it if they held a thread."""
    service = started(tmp_path_factory.mktemp("patient"), "worker.ARRIVAL = worker.FAREWELL = 3600")
    yield service
    service.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    service = started(tmp_path_factory.mktemp("hasty"), "worker.ARRIVAL = 0.3")
    yield service
    service.stop(signal.SIGKILL)


# --- What is used of gunicorn ---


def has(owner, name):
    """Tell whether a module or class has this, or its objects from the start."""
    made = (vars(cls).get("__init__") for cls in getattr(owner, "__mro__", ()))
    return hasattr(owner, name) or any(name in init.__code__.co_names for init in made if hasattr(init, "__code__"))


def found(path):
    try:
        return resolve_name(path)
    except (ImportError, AttributeError):
        return None


def test_this_gunicorn_has_all_that_we_use_of_it_without_a_promise():
    lines = (line.split(": ") for line in PRIVATE.strip().splitlines())
    lacks = [f"{owner}.{name}" for owner, names in lines for name in names.split() if not has(found(owner), name)]
    assert not lacks, f"gunicorn {gunicorn.__version__} lacks {', '.join(lacks)}: mend web/worker.py before it is used"
    assert not has(ThreadWorker, "never_was") and found("gunicorn.workers.never_was") is None


# --- Several processes ---


def test_a_process_with_fewer_connections_than_another_gets_the_next_ones(tmp_path):
    two = "import os; os.environ['WEB_CONCURRENCY'] = '2'"
    service = started(tmp_path, two, "worker.MOMENT = 0.3")
    with ExitStack() as kept:
        kept.callback(service.stop)

        def open_some():
            some = [kept.enter_context(connect(service, POST)) for _ in range(16)]
            assert [answer_on(connection).status_code for connection in some] == [200] * 16

        open_some()
        while 0 in service.connections():  # one process has not begun yet
            open_some()
        one, other = service.connections()
        open_some()
        one_now, other_now = service.connections()
        assert abs(one_now - other_now) <= max(abs(one - other) - 12, 4)


# --- Slow clients ---

HALVES = {
    "nothing": b"",
    "half a head": b"POST /leads HTTP/1.1\r\nHo",
    "half a body": POST[:-3],
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nem",
    "half a trailer": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    "waiting for leave": HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
}


@pytest.mark.parametrize("half", HALVES)
def test_a_hundred_half_requests_keep_nobody_waiting(patient, half):
    with ExitStack() as held:
        connections = [held.enter_context(connect(patient, HALVES[half])) for _ in range(100)]
        assert patient.post("{}")[0] == 200
        if half == "half a body":
            connections[50].sendall(POST[-3:])
            assert read_answer(answer_on(connections[50]))["valid"] == "true"


def test_more_half_requests_than_there_is_room_for_make_way(tmp_path):
    service = started(tmp_path, "worker.ARRIVAL = 3600", "worker.ROOM = 0")  # for 32 connections
    with ExitStack() as held:
        held.callback(service.stop, signal.SIGKILL)
        connections = [held.enter_context(connect(service, HALVES["half a body"])) for _ in range(100)]
        assert service.post("{}")[0] == 200
        assert answer_on(connections[0]).status_code == 400


def test_clients_who_hang_up_late_keep_nobody_waiting(patient):
    with ExitStack() as held:
        for _ in range(60):
            late = held.enter_context(connect(patient, POST.replace(b"Host: x", b"Connection: close")))
            assert answer_on(late).status_code == 200
        assert patient.post("{}")[0] == 200


def test_clients_who_never_read_keep_nobody_waiting(tmp_path):
    # A small buffer for sending, so that a few answers fill it.
    buffer = f"sock.setsockopt({socket.SOL_SOCKET}, {socket.SO_SNDBUF}, 1)"
    service = started(tmp_path, f"def when_ready(server): server.LISTENERS[0].{buffer}")
    with ExitStack() as held:
        held.callback(service.stop, signal.SIGKILL)
        for _ in range(20):
            deaf = held.enter_context(socket.socket())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            deaf.connect(("127.0.0.1", service.port))
            deaf.sendall(b"GET /leads HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        assert {service.post("{}")[0] for _ in range(100)} == {200}


# --- Late requests ---


def drip(connection):
    """Send a byte at a time until there is an answer."""
    while not select.select([connection], [], [], 0.02)[0]:
        connection.sendall(b"x")


@pytest.mark.parametrize("how", ["silent", "dripping"])
@pytest.mark.parametrize(
    ("half", "format_asked", "note"),
    [
        (b"POST /leads HTTP/1.1\r\nX: ", "xml", "The request took too long to arrive: send it within 0.3 seconds"),
        (HEAD + b"Content-Length: 99999\r\n\r\na=", "xml", "The body did not arrive whole: send the request again"),
        (
            HEAD.replace(b"/leads", b"/leads?format=json") + b"Transfer-Encoding: chunked\r\n\r\nFFFF\r\na=",
            "json",
            "The body did not arrive whole: send the request again",
        ),
    ],
    ids=["head", "body", "chunks"],
)
def test_a_request_that_does_not_arrive_in_time_is_answered_400_and_not_stored(hasty, how, half, format_asked, note):
    with connect(hasty, half) as connection:
        if how == "dripping":
            drip(connection)
        response = answer_on(connection)
        assert (response.status_code, response.mimetype) == (400, f"application/{format_asked}")
        assert read_answer(response)["note"] == note
        assert "Datapost-Lead" not in response.headers
        assert response.headers["Connection"] == "close"
        assert connection.recv(1) == b""


def test_a_client_who_says_nothing_is_hung_up_on(hasty):
    with connect(hasty) as connection:
        assert connection.recv(1) == b""


def test_leave_to_send_a_body_is_given_once_and_not_for_a_body_that_is_too_large(patient):
    head = HEAD + FORM + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with connect(patient, head % len(BODY)) as connection:
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200 OK\r\n")
    with connect(patient, head % 10**9) as connection:
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 413 ")
