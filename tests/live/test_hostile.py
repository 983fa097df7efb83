"""Any bytes in, a well-formed answer out. `make fuzz` goes on for ten minutes."""

import io
import json
import logging
import re
import signal
import sys

import pytest
from cast import FORM, JSON, XML, multipart, read_answer
from gunicorns import HEAD, Service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

import database
import models
from judge.values import FORBIDDEN

LOGIN = "Basic aW1wYWN0OnNlY3JldA=="
CANARY = "zqxj"  # stands in what is submitted, and must not come back in a note or stand in a log
STATUSES = {200, 400, 401, 403, 404, 405, 413, 415, 429}

fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


def send(app, body=b"", path="/leads", query="", method="POST", **environ):
    """Pass a request to the app as a server would that checks nothing, and return its answer."""
    environ = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
        "SERVER_NAME": "x", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)), "HTTP_AUTHORIZATION": LOGIN,
    } | environ  # fmt: skip
    content, status, headers = run_wsgi_app(app.wsgi_app, environ)
    return Response(b"".join(content), status, headers)


def hold_answer(response, query="", method="POST"):
    """Hold an answer to what every answer promises."""
    assert response.status_code in STATUSES
    if method == "HEAD":
        assert not response.data
        return
    answer = read_answer(response)
    if asked := re.search("(?:^|&)format=(xml|json)(?:&|$)", query):
        assert response.mimetype == f"application/{asked[1]}"
    assert CANARY not in answer["note"].lower()
    assert not FORBIDDEN.search(response.get_data(as_text=True))
    assert (response.status_code == 200) <= ("Datapost-Lead" in response.headers)


def hold_stored(response):
    """Hold what is stored to what may be stored and shown."""
    if lead_id := response.headers.get("Datapost-Lead"):
        with database.read():
            lead = models.Lead.get_by_id(lead_id)
        shown = [lead.fields, lead.trace, lead.reasons, lead.note, lead.email, lead.partner]
        assert not any(FORBIDDEN.search(text) for text in texts_in(shown))


def texts_in(node):
    """Return every name and every text within it."""
    if isinstance(node, dict):
        return [*node, *texts_in(list(node.values()))]
    return [text for item in node for text in texts_in(item)] if isinstance(node, list) else [str(node)]


@pytest.fixture(autouse=True)
def log_holds_no_lead():
    found, handler = [], logging.Handler()
    handler.emit = lambda entry: found.append(entry.getMessage()) if CANARY in entry.getMessage() else None
    logging.getLogger("datapost").addHandler(handler)
    yield
    logging.getLogger("datapost").removeHandler(handler)
    assert found == []


# --- Bytes ---

PIECES = rb"""
< > <a> </a> /> ]]> --> <!-- <![CDATA[ &a; &#0; &#xD800; &#1114112; xmlns:a='' a:b ]> {"email": } [ ] " : , \ud800
\u0000 \u001f \ 1e999 -0 NaN null true {"": = & + ; % %00 %1F %ff %C0%AF %ED%A0%80 email= first_name= years=17
E-Mail= zqxj --x --x-- \r ;filename=a
""".split()
PIECES += [b"<a b='", b"<!DOCTYPE a [", b"<!ENTITY a 'b'>", b"<?xml version='1.0' encoding='utf-16'?>", b"\r\n\r\n"]
PIECES += [b'Content-Disposition: form-data; name="email"', b"Content-Type: text/plain; charset=utf-7", b"\n", b" "]
PIECES += [b"\x00", b"\x1f", b"\x7f", b"\x85", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80"]
PIECES += [text.encode() for text in ("\u0301\u0316" * 20, "\ufffe\uffff", "\U0001f600", "\u2028\u202e", "İß", "\r\n")]
TYPES = [FORM, JSON, XML, "", "text/plain", "image/png", "a/b+xml", "a/b+json", "text/xml; charset=latin-1"]
TYPES += [f"{FORM}; charset=utf-16", f"{FORM}; charset=shift_jis", f"{JSON}; charset=iso-2022-jp", 'a; b="\\']
TYPES += [f"{XML}; charset=utf-32-le", 'a/b; charset="\x00"', ";charset="]
TYPES += [f"multipart/form-data{boundary}" for boundary in ("; boundary=x", "; boundary=\xff", "")]

junk = st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=12).map(b"".join)
content_types = st.sampled_from(TYPES)
formats = st.sampled_from(["", "format=xml&", "format=json&", "format=pdf&"])
queries = st.builds(lambda asked, data: asked + data.decode("latin-1"), formats, st.just(b"") | junk)


@given(junk, content_types, queries)
@fuzzed
def test_any_bytes_of_any_type_get_a_well_formed_answer(partner, body, content_type, query):
    response = send(partner.app, body, query=query, CONTENT_TYPE=content_type)
    hold_answer(response, query)
    hold_stored(response)


# --- Good bodies, spoiled ---

LEAD = {"email": "zqxj@example.com", "first_name": "zqxj é", "years": "30", "zqxj": "€ \u0301", "more": "zqxj"}
FLAT = "&".join(f"{name}={value}" for name, value in LEAD.items())
ELEMENTS = "".join(f"<{name} a='1'>{value}</{name}>" for name, value in LEAD.items())
NESTED = {"lead": LEAD | {"contact": {"email": ["zqxj", 1.50, None, True]}}}
GOOD = [
    (f"<lead>{ELEMENTS}</lead>".encode(), XML),
    (f"<?xml version='1.0' encoding='utf-16'?><lead>{ELEMENTS}</lead>".encode("utf-16"), XML),
    (json.dumps(NESTED, ensure_ascii=False).encode(), JSON),
    (json.dumps(LEAD).encode("utf-16"), JSON),
    (FLAT.encode(), FORM),
    multipart(LEAD.items()),
]

places = st.floats(0, 1, exclude_max=True)  # where in the bytes, however many there are by now


@st.composite
def spoiled(draw, data, pieces):
    """Cut, repeat, flip, insert and splice, up to four times."""
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted(int(draw(places) * (len(data) + 1)) for _ in range(2))
        match draw(st.sampled_from(["delete", "cut off", "repeat", "flip", "insert", "splice"])):
            case "delete":
                data = data[:start] + data[end:]
            case "cut off":
                data = data[:end]
            case "repeat":
                data = data[:end] + data[start:end] * 3 + data[end:]
            case "flip":
                bit = 1 << draw(st.integers(0, 7))
                data = data[:start] + bytes(byte ^ bit for byte in data[start : start + 1]) + data[start + 1 :]
            case "insert":
                data = data[:start] + draw(st.sampled_from(pieces) | junk) + data[start:]
            case "splice":
                data = data[:start] + draw(st.sampled_from(GOOD))[0][end:]
    return data


leads = st.sampled_from(GOOD).flatmap(lambda good: st.tuples(spoiled(good[0], PIECES), st.just(good[1])))


@given(leads, st.none() | content_types, queries)
@fuzzed
def test_a_good_body_that_is_spoiled_gets_a_well_formed_answer(partner, lead, other_type, query):
    body, content_type = lead
    response = send(partner.app, body, query=query, CONTENT_TYPE=other_type or content_type)
    hold_answer(response, query)
    hold_stored(response)


# --- Whole requests ---

VALUES = ["*/*", "application/json", "application/xml;q=0", "text/xml;q=x", ",,;;==", 'a/b;c="\\', "*/*;q=1e9", "0"]
VALUES += ["k", "x:y:z", "::ffff:1.2.3.4", "unknown,1.2.3.4", "chunked", "gzip", "identity", "gzip,chunked", "zqxj"]
VALUES += [LOGIN, "Basic", "Basic =", "Basic OnNlY3JldA==", "Basic \xff", "Basic aW1wYWN0Ong=", 'Digest username="x"']
VALUES += ["9" * 400, "-1", "3", "\x00", ""]
NAMES = "AUTHORIZATION ACCEPT IDEMPOTENCY_KEY CONTENT_ENCODING TRANSFER_ENCODING HOST X_FORWARDED_FOR COOKIE EXPECT"
NAMES += " RANGE IF_NONE_MATCH DATE X_FORWARDED_HOST X_HTTP_METHOD_OVERRIDE ORIGIN UPGRADE"
METHODS = ["POST"] * 6 + ["GET", "HEAD", "PUT", "OPTIONS", "TRACE", "CONNECT", "PRI", "zqxj", "\xff", ""]
PATHS = ["/leads"] * 5 + ["/leads/", "/leads/default", "/leads/default/", "/leads/zqxj", "//leads", "/", ""]

texts = st.text(st.characters(max_codepoint=255), max_size=20)
values = texts | st.sampled_from(VALUES)
headers = st.dictionaries(st.sampled_from(NAMES.split()).map("HTTP_{}".format), values, max_size=4)
framings = st.fixed_dictionaries({}, optional={"CONTENT_LENGTH": values, "wsgi.input_terminated": st.booleans()})
paths = st.sampled_from(PATHS) | texts.map("/leads/{}".format)


@given(
    st.sampled_from(METHODS), paths, queries, headers, content_types, framings, junk | leads.map(lambda lead: lead[0])
)
@fuzzed
def test_any_request_gets_a_well_formed_answer(partner, method, path, query, headers, content_type, framing, body):
    environ = headers | framing | {"CONTENT_TYPE": content_type}
    response = send(partner.app, body, path, query, method, **environ)
    hold_answer(response, query, method)
    hold_stored(response)


# --- Connections ---

TYPE = b"Content-Type: %s\r\n" % FORM.encode()
LENGTH, CHUNKED = b"Content-Length: 15\r\n", b"Transfer-Encoding: chunked\r\n"
REQUESTS = [
    HEAD + TYPE + LENGTH + b"\r\nfirst_name=zqxj",
    HEAD + CHUNKED + b"Expect: 100-continue\r\n\r\n6;a=b\r\nemail=\r\n4\r\nzqxj\r\n0\r\nX: y\r\n\r\n",
    HEAD.replace(b"/leads", b"/leads?first_name=zqxj&format=json") + b"Connection: close\r\n\r\n",
    b"GET /leads/zqxj HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
]
LINES = [LENGTH, CHUNKED, b"Content-Length: 0\r\n", b"X: zqxj\r\n", b" zqxj\r\n", b"Expect: zqxj\r\n"]
LINES += [b"SCRIPT_NAME: /zqxj\r\n", b"0\r\n\r\n", b"FFFFFFFF\r\n", b"HTTP/1.1", b"POST ", b"\x00", b"\n", b":"]
LINES += [b"Upgrade: h2c\r\n"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("fuzzed"), WEB_CONCURRENCY="1").start()
    yield service
    log = service.stop(signal.SIGKILL)
    assert CANARY not in log
    assert "Traceback" not in log


sequences = st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=3).map(b"".join)


@given(sequences.flatmap(lambda data: spoiled(data, LINES)))
@fuzzed
def test_any_bytes_on_a_connection_get_well_formed_answers(service, data):
    rest = service.send(data).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers["Content-Length"])
        assert len(rest) >= length
        hold_answer(Response(rest[:length], first.partition(" ")[2], headers))
        rest = rest[length:]
