"""Where a request ends: what is unclear is answered 400, and never read as the next request."""

import math
import re
import signal
import socket
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorns import BODY, FORM, HEAD, Service
from hypothesis import given, settings
from hypothesis import strategies as st

from web.worker import Arrival

HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def statuses(service, sent):
    """Send bytes, and a good request after them, on one connection; return the statuses that come back."""
    answers = service.send(sent + HEALTH)
    assert b"<html" not in answers.lower()
    assert b"zqxj" not in answers
    return [int(status) for status in re.findall(rb"^HTTP/1\.1 (\d{3}) ", answers, re.MULTILINE)]


def framed(*headers, body=b"", first=b"POST /leads HTTP/1.1"):
    login = re.search(rb"Authorization: .*\r\n", HEAD)[0]
    return first + b"\r\nHost: x\r\n" + login + FORM + b"".join(h + b"\r\n" for h in headers) + b"\r\n" + body


LENGTH, CHUNKED = b"Content-Length: 21", b"Transfer-Encoding: chunked"
CHUNKS = b"15\r\n" + BODY + b"\r\n0\r\n\r\n"
SMUGGLED = b"0\r\n\r\nPOST /zqxj HTTP/1.1\r\nHost: x\r\n\r\n"
SHAPES = {
    "nothing unusual": (framed(LENGTH, body=BODY), [200, 200]),
    "chunks": (framed(CHUNKED, body=CHUNKS), [200, 200]),
    "chunks with extensions and trailers": (
        framed(CHUNKED, body=b'15;a=b;c="d"\r\n' + BODY + b"\r\n0;x\r\nX-Sum: 1\r\n\r\n"),
        [200, 200],
    ),
    "an empty line before": (b"\r\n" + framed(LENGTH, body=BODY), [200, 200]),
    "two requests at once": (framed(LENGTH, body=BODY) * 2, [200, 200, 200]),
    "a body with GET": (framed(LENGTH, body=BODY, first=b"GET /leads HTTP/1.1"), [405, 200]),
    "a body that looks like a request": (framed(b"Content-Length: %d" % len(HEALTH), body=HEALTH), [200, 200]),
    "an underscore in a length": (framed(b"Content_Length: 3", LENGTH, body=BODY), [200, 200]),
    "a length and chunks": (framed(b"Content-Length: 5", CHUNKED, body=SMUGGLED), [400]),
    "chunks and a length": (framed(CHUNKED, b"Content-Length: 5", body=SMUGGLED), [400]),
    "two lengths": (framed(LENGTH, b"Content-Length: 5", body=BODY), [400]),
    "two equal lengths": (framed(LENGTH, LENGTH, body=BODY), [400]),
    "a list of lengths": (framed(b"Content-Length: 21, 21", body=BODY), [400]),
    "a length with a sign": (framed(b"Content-Length: +21", body=BODY), [400]),
    "a negative length": (framed(b"Content-Length: -21", body=BODY), [400]),
    "a hexadecimal length": (framed(b"Content-Length: 0x15", body=BODY), [400]),
    "a length in superscript": (framed(b"Content-Length: 2\xb2", body=BODY), [400]),
    "an empty length": (framed(b"Content-Length:", body=BODY), [400]),
    "a length of 5,000 digits": (framed(b"Content-Length: " + b"9" * 5000, body=BODY), [400]),
    "an endless length": (framed(b"Content-Length: 99999999999999999999", body=BODY), [413]),
    "chunks twice": (framed(CHUNKED, CHUNKED, body=CHUNKS), [400]),
    "chunks in chunks": (framed(b"Transfer-Encoding: chunked, chunked", body=CHUNKS), [400]),
    "chunks that are none": (framed(b"Transfer-Encoding: xchunked", body=CHUNKS), [400]),
    "chunks and then identity": (framed(b"Transfer-Encoding: chunked, identity", body=CHUNKS), [400]),
    "identity": (framed(b"Transfer-Encoding: identity", body=CHUNKS), [400]),
    "chunks, compressed": (framed(b"Transfer-Encoding: gzip, chunked", body=CHUNKS), [415]),
    "chunks in HTTP/1.0": (framed(CHUNKED, body=CHUNKS, first=b"POST /leads HTTP/1.0"), [400]),
    "a space before the colon": (framed(b"Transfer-Encoding : chunked", body=CHUNKS), [400]),
    "a vertical tab before chunked": (framed(b"Transfer-Encoding:\x0bchunked", body=CHUNKS), [400]),
    "a folded header": (framed(b"X: a\r\n b", LENGTH, body=BODY), [400]),
    "a folded encoding": (framed(b"Transfer-Encoding:\r\n chunked", body=CHUNKS), [400]),
    "a NUL in a header": (framed(b"X: a\x00b", LENGTH, body=BODY), [400]),
    "a NUL in a header's name": (framed(b"X\x00: a", LENGTH, body=BODY), [400]),
    "a bare line feed": (framed(b"X: a\nContent-Length: 5", LENGTH, body=BODY), [400]),
    "nothing but line feeds": (framed(LENGTH, body=BODY).replace(b"\r\n", b"\n"), [400]),
    "a bare carriage return": (framed(b"X: a\rContent-Length: 5", LENGTH, body=BODY), [400]),
    "a header without a name": (framed(b": 5", LENGTH, body=BODY), [400]),
    "a header without a colon": (framed(b"zqxj", LENGTH, body=BODY), [400]),
    "two hosts": (framed(b"Host: zqxj", LENGTH, body=BODY), [400]),
    "two types": (framed(FORM.strip(), LENGTH, body=BODY), [400]),
    "another expectation": (framed(b"Expect: zqxj", LENGTH, body=BODY), [400]),
    "a chunk of another base": (framed(CHUNKED, body=b"0x15\r\n" + BODY + b"\r\n0\r\n\r\n"), [400]),
    "a chunk with a sign": (framed(CHUNKED, body=b"+15\r\n" + BODY + b"\r\n0\r\n\r\n"), [400]),
    "a chunk that is too long": (framed(CHUNKED, body=b"14\r\n" + BODY + b"\r\n0\r\n\r\n"), [400]),
    "a chunk of 5,000 digits": (framed(CHUNKED, body=b"9" * 5000 + b"\r\n" + BODY), [400]),
    "a chunk that ends in a line feed": (framed(CHUNKED, body=b"15\n" + BODY + b"\n0\n\n"), [400]),
    "a line feed in a chunk's extension": (framed(CHUNKED, body=b"15;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n"), [400]),
    "a length in a trailer": (framed(CHUNKED, body=b"0\r\nContent-Length: 9\r\n\r\n"), [400]),
    "a million empty extensions": (framed(CHUNKED, body=b"1" + b";" * 10**6), [400]),
    "a head of 40 KB": (framed(*[b"X%d: " % n + b"x" * 4000 for n in range(10)], LENGTH, body=BODY), [400]),
    "200 headers": (framed(*[b"X%d: 1" % n for n in range(200)], LENGTH, body=BODY), [400]),
    "an address of 9,000 letters": (framed(LENGTH, body=BODY, first=b"POST /" + b"x" * 9000 + b" HTTP/1.1"), [400]),
    "a NUL in the address": (framed(LENGTH, body=BODY, first=b"POST /leads\x00 HTTP/1.1"), [400]),
    "a tab in the address": (framed(LENGTH, body=BODY, first=b"POST\t/leads HTTP/1.1"), [400]),
    "a whole address": (framed(LENGTH, body=BODY, first=b"POST http://zqxj/leads HTTP/1.1"), [200, 200]),
    "a tunnel": (framed(first=b"CONNECT x:443 HTTP/1.1"), [404]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "HTTP/0.9": (b"GET /leads\r\n\r\n", [400]),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 400, [400]),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("framing"), WEB_CONCURRENCY="1").start()
    yield service
    log = service.stop(signal.SIGKILL)
    assert "zqxj" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize("shape", SHAPES)
def test_an_unclear_end_is_answered_400_and_never_read_as_a_request(service, shape):
    sent, expected = SHAPES[shape]
    assert statuses(service, sent) == expected


def end_of(data):
    """Send bytes one by one; return how many an Arrival wants before it begins, or None."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        conn = SimpleNamespace(sock=ours, parser=SimpleNamespace(unreader=IterUnreader(())))
        arrival = Arrival(conn, max_body=1000)
        for byte in data:
            theirs.send(bytes([byte]))
            if arrival.is_over(math.inf):
                return arrival.end
    return None


def gunicorn_takes(data):
    """Return the body that gunicorn reads from these bytes, and what it leaves; None if it refuses them."""
    unreader = IterUnreader([data])
    try:
        request = Request(Config(), unreader, ("127.0.0.1", 1))
        body = request.body.read()
    except Exception:
        return None
    if len(body) < int(dict(request.headers).get("CONTENT-LENGTH", 0)):
        return None
    return body, unreader.take_buffered()


FRAMINGS = [b"Content-Length: 5", b"content-length:5 ", b"Content-Length: 0", b"Content-Length: 05"]
FRAMINGS += [
    b"Content-Length:\t9",
    CHUNKED,
    b"transfer-encoding:CHUNKED ",
    b"Transfer-Encoding: gzip,chunked",
    b"Transfer-Encoding: a",
]
OTHERS = [b"X: Content-Length: 3", b"Content-Length : 3", b"XContent-Length: 3", b"X: y", b"Expect: 100-continue"]
OTHERS += [b" folded", b"a\nb: c", b"Content-Length: \xb2"]
PIECES = [b"5\r\n", b"hello", b"\r\n", b"0\r\n", b"0\r\n\r\n", b"5;a=b\r\n", b"X: y\r\n", b"\n", b"05 \r\n", b"A"]
GOOD_CHUNKS = b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"

firsts = st.sampled_from([b"POST / HTTP/1.1", b"GET / HTTP/1.0", b"\r\nPOST / HTTP/1.1"])
heads = st.builds(
    lambda one, others: [one, *others],
    st.sampled_from(FRAMINGS),
    st.lists(st.sampled_from(FRAMINGS + OTHERS), max_size=1),
)
bodies = st.just(GOOD_CHUNKS) | st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=8).map(b"".join)


@given(firsts, heads, bodies)
@settings(deadline=None)
def test_we_and_gunicorn_agree_where_a_request_ends(first, headers, body):
    data = first + b"\r\n" + b"".join(line + b"\r\n" for line in headers) + b"\r\n" + body
    end, taken = end_of(data), gunicorn_takes(data)
    if end is None:
        assert taken is None
    else:
        assert gunicorn_takes(data[:end]) == (taken and (taken[0], b""))
        assert taken is None or taken[1] == data[end:]
