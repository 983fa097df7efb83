"""Calls to other services: each ends, whatever it is that answers, and tells nothing but what was answered."""

import gzip
import socket
import threading

import pytest
from calls import call, deaf, failure
from cast import NEVER
from receiving import Receiver, answer, authority

from web.calling import MOST, Reply, Unreached

pytestmark = pytest.mark.usefixtures("quiet")

SOON = 0.4  # seconds that a call may take here where nothing answers
LATE = f"it did not answer within {SOON} seconds"
BROKE = "the connection broke before it answered"


# --- That each call ends ---


def drip(begin, part=b"x"):
    """Return what answers for ever, a little at a time, so that no single wait is long."""

    def serve(place, _request):
        place.sendall(begin)
        ended = threading.Event()
        while not ended.wait(0.02):  # an error of the socket ends it, once the other side has gone
            place.sendall(part)

    return serve


def hang(place, _request):
    """Answer nothing until the other side goes."""
    place.recv(1)


@pytest.mark.parametrize(
    "answers",
    [
        hang,
        drip(b""),
        drip(b"HTTP/1.1 2"),
        drip(b"HTTP/1.1 200 OK\r\nX: "),
        drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["nothing", "no line", "half a line", "half a header", "headers", "continue"],
)
def test_who_never_comes_to_an_answer_is_left(answers):
    with Receiver(answers) as receiver:
        assert failure(Unreached, receiver.url, seconds=SOON) == LATE


@pytest.mark.parametrize(
    ("begin", "tls"),
    [
        (b"HTTP/1.1 201 Created\r\n\r\n", False),
        (b"HTTP/1.1 201 Created\r\n\r\n", True),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 9999\r\n\r\n", False),
        (b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n270f\r\n", False),
    ],
    ids=["no length", "tls", "length", "chunk"],
)
def test_of_a_body_that_does_not_end_what_came_is_kept(tmp_path, monkeypatch, begin, tls):
    with Receiver(drip(begin), tls=authority(tmp_path, monkeypatch, "localhost") if tls else None) as receiver:
        reply = call(receiver.url, seconds=1.5)
    assert reply.status == 201 and set(reply.body) == {ord("x")}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_takes_connections_and_reads_nothing_is_left(scheme):
    with deaf("127.0.0.1") as listener:
        url = f"{scheme}://localhost:{listener.getsockname()[1]}/hook"
        assert failure(Unreached, url, seconds=SOON, body=b"canary" * 5_000_000) == LATE


def test_where_tls_does_not_come_about_the_next_address_is_called(tmp_path, monkeypatch, names):
    tls = authority(tmp_path, monkeypatch, "crm.example")
    with Receiver(tls=tls) as receiver, deaf("127.0.0.2", receiver.port):
        names.known["crm.example"] = [["127.0.0.2", "127.0.0.1"]]
        assert call(f"https://crm.example:{receiver.port}/hook", seconds=4).status == 200


def test_a_name_server_that_hangs_is_left(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: ended.wait(NEVER) and [])
    try:
        assert failure(Unreached, "https://crm.example/hook", seconds=SOON) == LATE
    finally:
        ended.set()


def test_who_is_not_there_is_not_reached():
    with Receiver() as receiver:
        url = receiver.url
    assert failure(Unreached, url) == "no connection"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\r\n",
        b"SSH-2.0-canary\r\n",
        b"220 canary.example ESMTP\r\n",
        b"<html>canary</html>",
        b"HTTP/1.1 canary\r\n\r\n",
        b"HTTP/1.1 20 canary\r\n\r\n",
        b"HTTP/1",
        b"HTTP/1.1 200 OK\r\nX: " + b"canary" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: canary\r\n" * 200 + b"\r\n",
    ],
)
def test_who_answers_no_http_broke_off(said):
    with Receiver(said) as receiver:
        assert failure(Unreached, receiver.url) == BROKE


@pytest.mark.parametrize("url", ["/hook?ü", "/hook?\x7f", "/hook ?"])
def test_what_no_request_can_carry_is_not_sent(url):
    with Receiver() as receiver:
        assert failure(Unreached, f"http://127.0.0.1:{receiver.port}{url}canary") == BROKE
    assert not any(request.line for request in receiver.requests)


def test_who_answers_before_all_was_read_has_answered():
    with deaf("127.0.0.1") as listener:

        def serve():
            place, _ = listener.accept()
            place.recv(100)
            place.sendall(answer(413))
            place.close()  # with bytes that were not read: the connection is reset

        thread = threading.Thread(target=serve)
        thread.start()
        reply = call(f"http://127.0.0.1:{listener.getsockname()[1]}/hook", b"canary" * 5_000_000)
        thread.join(NEVER)
    assert reply.status == 413


# --- What is answered ---


def test_of_the_headers_those_that_matter_are_kept():
    with Receiver(answer(429, b"later", Retry_After="5", Location="/there", Set_Cookie="canary")) as receiver:
        reply = call(receiver.url)
    assert reply == Reply(429, {"Retry-After": "5", "Location": "/there"}, b"later")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status):
    with Receiver() as other, Receiver(answer(status, Location=other.url)) as receiver:
        assert call(receiver.url).status == status
    assert len(receiver.requests) == 1 and other.requests == []


def test_of_a_long_body_the_first_64_kb_are_read():
    with Receiver(answer(200, b"x" * MOST + b"y" * 40_000)) as receiver:
        assert call(receiver.url).body == b"x" * 65_536


@pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n"])
def test_of_an_endless_body_too(head):
    def serve(place, _request):
        place.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        while True:  # until the other side has gone
            place.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    with Receiver(serve) as receiver:
        assert len(call(receiver.url).body) == 65_536


def test_a_body_in_chunks_is_put_together():
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with Receiver(chunks) as receiver:
        assert call(receiver.url).body == b"abcde"


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 9\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz", b"Broken canary\r\n\r\nabc"],
)
def test_a_body_that_breaks_off_changes_nothing_of_what_was_answered(rest):
    with Receiver(b"HTTP/1.1 200 OK\r\n" + rest) as receiver:
        reply = call(receiver.url)
    assert (reply.status, reply.body) == (200, b"abc")


def test_nothing_is_unpacked():
    packed = gzip.compress(b"x" * 10_000_000)
    with Receiver(answer(200, packed, Content_Encoding="gzip")) as receiver:
        assert call(receiver.url).body == packed
    assert receiver.requests[0].headers["accept-encoding"] == "identity"


def test_what_the_environment_says_of_proxies_is_passed_over(monkeypatch):
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        assert call(receiver.url).status == 200
    assert proxy.requests == []


def test_the_login_of_an_address_is_no_part_of_what_is_sent():
    with Receiver() as receiver:
        call(f"http://ann:canary@127.0.0.1:{receiver.port}/hook")
    assert receiver.requests[0].headers["host"] == f"127.0.0.1:{receiver.port}"
    assert receiver.requests[0].line == "POST /hook HTTP/1.1"


def test_a_call_leaves_no_thread_behind():
    before = set(threading.enumerate())
    with Receiver() as receiver:
        call(receiver.url, seconds=NEVER)
    threads = set(threading.enumerate()) - before
    [thread.join(NEVER / 4) for thread in threads]  # less than the call might have taken
    assert not any(thread.is_alive() for thread in threads)
