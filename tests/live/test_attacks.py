"""The attacks with a name, and the most expensive bodies, on the real gunicorn: a defined answer at a small price.

`make attacks` prints what each of them costs.
"""

import gzip
import itertools
import os
import re
import signal
import socket
from pathlib import Path

import pytest
from cast import FORM, JSON, XML, read_answer
from gunicorns import LOGIN, Service, answer_on, connect

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures by /proc")

LARGEST = 262_144
MILLISECONDS, MEGABYTES = 250, 30  # of the process, for one request

# Every kind of field that looks at long texts, and every place where texts are compared.
RULES = """
customer: [first_name, email]
retry_key: [first_name]
unpack: [doc]
fields:
  email: {type: email, label: email address, aliases: ["d[n=email].v", "d[0].w", "d[n=email].e[n=x].v"]}
  first_name: {pattern: "(a|a)*b?(a*)*.*", on_invalid: warn}
  phone: {type: phone, on_invalid: warn}
  amount: {type: money, on_invalid: warn}
rules:
  - id: duplicate
    unique: [first_name]
  - id: test
    reject_if: first_name == 'test' or 'canary' in first_name
"""


def filled(unit, head=b"", tail=b""):
    """Repeat `unit`, which may be a function of a number, until the body has the largest size."""
    room, body = LARGEST - len(head) - len(tail), bytearray()
    if not callable(unit):
        return head + unit * (room // len(unit)) + tail
    for number in itertools.count():
        if len(body) + len(piece := unit(number)) > room:
            return head + bytes(body) + tail
        body += piece


def entities(*declared):
    return b"<!DOCTYPE lead [" + b"".join(declared) + b"]><lead><email>&a;</email></lead>"


def colliding(count):
    """Names that are one to a hash that adds up characters times 31, or times 33."""
    return [b"".join(pair) for pair in itertools.islice(itertools.product([b"AaBB", b"BBAa"], repeat=12), count)]


PARTS, PART = "multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"'
LAUGHS = [b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)]
MARKS = "\u0301\u0316".encode()  # marks above and below a letter, which Unicode's normal form sorts

# name: (type, body, status)
ATTACKS = {
    # XML
    "billion laughs": (XML, entities(b'<!ENTITY a0 "ha">', *LAUGHS, b'<!ENTITY a "&a9;">'), 400),
    "quadratic blow-up": (XML, b'<!DOCTYPE l [<!ENTITY a "%s">]><l>%s</l>' % (b"x" * 99_999, b"&a;" * 9999), 400),
    "external entity, a file": (XML, entities(b'<!ENTITY a SYSTEM "file:///etc/passwd">'), 400),
    "external entity, a socket": (XML, entities(b'<!ENTITY a SYSTEM "http://127.0.0.1:%(port)d/">'), 400),
    "external DTD, a socket": (XML, b'<!DOCTYPE l SYSTEM "http://127.0.0.1:%(port)d/"><l/>', 400),
    "parameter entity": (XML, entities(b'<!ENTITY % p SYSTEM "http://127.0.0.1:%(port)d/"> %p;'), 400),
    "entities in UTF-16": (XML, entities(b'<!ENTITY a "x">').decode().encode("utf-16"), 400),
    "XInclude": (XML, b'<l xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="/etc/passwd"/></l>', 200),
    "a style sheet": (XML, b'<?xml-stylesheet href="http://127.0.0.1:%(port)d/"?><l/>', 200),
    "50,000 levels": (XML, b"<a>" * 50_000, 400),
    "100,000 elements": (XML, b"<l>" + b"<a/>" * 65_000 + b"</l>", 400),
    "9,990 elements": (XML, b"<l>" + b"".join(b"<a%d>12345678</a%d>" % (n, n) for n in range(9990)) + b"</l>", 400),
    "40,000 attributes": (XML, filled(lambda n: b' a%d=""' % n, b"<l", b"/>"), 400),
    "20,000 namespaces": (XML, filled(lambda n: b' xmlns:a%d=""' % n, b"<l", b"/>"), 200),
    "colliding attributes": (XML, b"<l %s/>" % b" ".join(name + b'=""' for name in colliding(4096)), 400),
    "a name of 130,000 letters": (XML, b"<l><" + b"a" * 130_000 + b"/></l>", 400),
    "a name without an end": (XML, filled(b"a", b"<l><")[:LARGEST], 400),
    "references only": (XML, filled(b"&#9;", b"<l a='", b"'/>"), 200),
    "sections only": (XML, filled(b"<![CDATA[x]]>", b"<l><a>", b"</a></l>"), 200),
    "comments only": (XML, filled(b"x<!---->", b"<l><a>", b"</a></l>"), 200),
    # JSON
    "50,000 levels, JSON": (JSON, b'{"a":' * 50_000, 400),
    "100,000 lists": (JSON, filled(b"[],", b'{"a":[', b"0]}"), 200),
    "nests of 30 levels": (JSON, filled(b"[" * 29 + b"]" * 29 + b",", b'{"":[', b"[]]}"), 200),
    "nests of objects": (JSON, filled(b'{"":{"":{}}},', b'{"":[', b"[]]}"), 200),
    "100,000 keys": (JSON, filled(lambda n: b'"%x":0,' % n, b"{", b'"z":0}'), 400),
    "colliding keys": (JSON, b'{"l":{%s}}' % b",".join(b'"%s":0' % name for name in colliding(4096)), 400),
    "a number of 262,000 digits": (JSON, filled(b"9", b'{"a":', b"}"), 400),
    "an exponent of 262,000 digits": (JSON, filled(b"9", b'{"a":1e', b"}"), 400),
    "130,000 numbers": (JSON, filled(b"0,", b'{"a":[', b"0]}"), 400),
    "not a number": (JSON, b'{"a": NaN}', 400),
    "escapes only": (JSON, filled(b"\\u0041", b'{"a":"', b'"}'), 200),
    "lone surrogates": (JSON, filled(b"\\ud800", b'{"a":"', b'"}'), 200),
    "a name with a lone surrogate": (JSON, b'{"\\ud800": 1}', 200),
    "a prototype": (JSON, b'{"__proto__": {"valid": true}, "constructor": 1, "__class__": 1}', 200),
    # Forms
    "100,000 fields": (FORM, filled(b"a&"), 400),
    "260,000 separators": (FORM, filled(b"&"), 200),
    "colliding fields": (FORM, b"&".join(name + b"=1" for name in colliding(1000)), 200),
    "percent-encoding only": (FORM, filled(b"%41.", b"a="), 200),
    "percent-encoded names": (FORM, filled(b"%41"), 400),
    "percent signs only": (FORM, filled(b"%", b"a="), 200),
    "UTF-32, faces only": (FORM + "; charset=utf-32", ("a=" + "\U0001f600" * 65_000).encode("utf-32"), 200),
    "control characters only": (FORM, filled(b"%00", b"a="), 200),
    "marks piled on one letter": (FORM, filled(MARKS, b"email=ann@example.com&first_name=a"), 200),
    "marks piled on 125 letters": (FORM, b"&".join(b"first_name=" + MARKS * 520 for _ in range(125)), 200),
    "brackets only": (FORM, b"&".join([b"a" + b"[]" * 120 + b"=1"] * 1000), 200),
    "numbers in brackets": (FORM, b"&".join(b"d[%d][v]=1" % (n % 7) for n in range(1000)), 200),
    # Documents in fields, and items of lists
    "20 documents": (FORM, b"&".join([b"doc=<l/>"] * 20), 400),
    "a document of comments": (FORM, filled(b"x<!---->", b"doc=<l><a>", b"</a></l>"), 200),
    "a document of elements": (FORM, filled(b"<a/>", b"doc=<l>", b"</l>"), 400),
    "a document of lists": (FORM, filled(b"[],", b'doc={"a":[', b"0]}"), 200),
    "a document with entities": (FORM, b"doc=<!DOCTYPE l [<!ENTITY a 'x'>]><l>%26a;</l>", 400),
    "500 items": (JSON, b'{"d":[%s],"x":1}' % b",".join([b'{"n":"email","v":"a"}'] * 490), 200),
    "an item that is everything": (JSON, b'{"d":{"n":["email"%s],"v":[0]},"x":1}' % (b',"email"' * 900), 200),
    # Multipart
    "4,000 parts": (PARTS, (PART + b"\r\n\r\n1\r\n") * 4000 + b"--x--\r\n", 400),
    "a file": (PARTS, PART + b'; filename="a"\r\n\r\n1\r\n--x--\r\n', 415),
    "a part's header of 262,000 parameters": (PARTS, filled(b";a=b", PART, b"\r\n\r\n1\r\n--x--\r\n"), 200),
    "a part's header of semicolons": (PARTS, filled(b";", PART, b"\r\n\r\n1\r\n--x--\r\n"), 200),
    "a part's name of quotes": (PARTS, filled(b'\\"', PART[:-2], b'"\r\n\r\n1\r\n--x--\r\n'), 400),
    "a part's name in 20,000 pieces": (PARTS, filled(lambda n: b";name*%d=b" % n, PART, b"\r\n\r\n1\r\n--x--"), 400),
    "a part with 40,000 headers": (PARTS, filled(b"a:b\r\n", PART + b"\r\n", b"\r\n1\r\n--x--\r\n"), 200),
    "nearly boundaries": (PARTS, filled(b"\r\n--", PART + b"\r\n\r\n", b"\r\n--x--\r\n"), 200),
    "line ends only": (PARTS, filled(b"\r\n", PART + b"\r\n\r\n", b"\r\n--x--\r\n"), 200),
    "a boundary that is nowhere": (PARTS, filled(b"--x "), 400),
    # Character sets
    "UTF-7": (XML, b"<?xml version='1.0' encoding='utf-7'?>+ADw-lead/+AD4-", 400),
    "UTF-7, in the type": (JSON + "; charset=utf-7", b"+AHsAfQ-", 400),
    "UTF-16 without BOM": (XML, "<l><email>ann@example.com</email></l>".encode("utf-16-le"), 200),
    "UTF-16 without BOM, JSON": (JSON, '{"email": "ann@example.com"}'.encode("utf-16-be"), 200),
    "overlong UTF-8": (XML + "; charset=utf-8", b"<l><a>\xc0\xbc</a></l>", 400),
    "overlong UTF-8, encoded": (FORM + "; charset=utf-8", b"a=%C0%AF", 400),
    "surrogates in UTF-8": (JSON + "; charset=utf-8", b'{"a": "\xed\xa0\x80"}', 400),
    "no UTF-8 at all": (FORM, filled(b"%81", b"a="), 200),
    "no UTF-8 at all, XML": (XML, filled(b"\x81", b"<l><a>", b"</a></l>"), 200),
    "a codec that runs code": (FORM + "; charset=unicode_escape", b"a=\\x41", 400),
    "a codec that inflates": (FORM + "; charset=zip", b"a=1", 400),
    # The type, and compression
    "an image": ("image/png", b"\x89PNG\r\n", 415),
    "a type of 8,000 parameters": (FORM + ";a=b" * 2000, b"a=1", 200),
    "a boundary of 8,000 letters": ("multipart/form-data; boundary=" + "-0" * 4000, b"x", 400),
}  # fmt: skip

CHUNKED = {"Transfer-Encoding": "chunked"}
HEADERS = {
    "a zip bomb": ({"Content-Encoding": "gzip"}, gzip.compress(b"a=" + bytes(10_000_000)), 415),
    "a zip bomb in chunks": ({"Transfer-Encoding": "gzip, chunked"}, b"5\r\nhello\r\n0\r\n\r\n", 415),
    "twice compressed": ({"Content-Encoding": "gzip, br"}, b"a=1", 415),
    "one byte too many": ({}, b"a=" + b"x" * (LARGEST - 1), 413),
    "a length of 10 GB": ({"Content-Length": str(10**10)}, b"a=1", 413),
    "9,000 chunks": (CHUNKED, b"2\r\na=\r\n" + b"1\r\na\r\n" * 9000 + b"0\r\n\r\n", 200),
    "48,000 chunks": (CHUNKED, b"2\r\na=\r\n" + b"1\r\na\r\n" * 48_000 + b"0\r\n\r\n", 400),
    "chunks of 300,000 bytes": (CHUNKED, b"493E0\r\n" + bytes(300_000) + b"\r\n0\r\n\r\n", 413),
    "8,000 letters of Accept": ({"Accept": "*/*," * 2000}, b"a=1", 200),
    "4,000 fields in the address": ({"": "?" + "a&" * 4000}, b"a=1", 400),
    "credentials that are none": ({"Authorization": "Basic " + "=\xff" * 4000}, b"a=1", 401),
    "an Idempotency-Key of 8,000 letters": ({"Idempotency-Key": "\xe9" * 8000}, b"a=1", 200),
}


class Target(Service):
    """One gunicorn process, whose time and memory are measured."""

    def start(self):
        super().start()
        self.post('{"email": "ann@example.com"}')  # what is made on first use
        self.worker = re.search(r"Booting worker with pid: (\d+)", "".join(self.log))[1]
        return self

    def _status(self, key):
        lines = Path(f"/proc/{self.worker}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024

    def _seconds(self):
        return sum(map(int, Path(f"/proc/{self.worker}/stat").read_text().split(") ")[1].split()[11:13])) / os.sysconf(
            "SC_CLK_TCK"
        )

    def measure(self, name, sent):
        """Return the answer to a request, and hold what it cost the process to the limits, and print it."""
        # Other processes on the machine make it dearer and never cheaper, so the cheapest of three counts.
        for _ in range(3):
            Path(f"/proc/{self.worker}/clear_refs").write_text("5")  # forget the peak so far
            memory, seconds = self._status("VmRSS"), self._seconds()
            with connect(self, sent) as connection:
                response = answer_on(connection)
            milliseconds, megabytes = (self._seconds() - seconds) * 1000, self._status("VmHWM") - memory
            if milliseconds <= MILLISECONDS and megabytes <= MEGABYTES:
                break
        print(
            f"\n{name:40} {len(sent):9,} bytes {response.status_code} {milliseconds:5.0f} ms {megabytes:5.1f} MB ",
            end="",
        )
        assert milliseconds <= MILLISECONDS
        assert megabytes <= MEGABYTES
        return response


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    target = Target(tmp_path_factory.mktemp("target"), rules=RULES, WEB_CONCURRENCY="1").start()
    yield target
    log = target.stop(signal.SIGKILL)
    assert "Traceback" not in log
    assert "answered 500" not in log


def request(body, headers):
    query = headers.pop("", "")
    given = {"Host": "x", "Content-Length": str(len(body))} | LOGIN | headers
    if "Transfer-Encoding" in given:
        del given["Content-Length"]
    lines = [f"POST /leads{query} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_by_its_body_gets_its_answer_at_a_small_price(target, name):
    content_type, body, status = ATTACKS[name]
    with socket.create_server(("127.0.0.1", 0)) as lure:
        body = body.replace(b"%(port)d", b"%d" % lure.getsockname()[1])
        response = target.measure(name, request(body, {"Content-Type": content_type}))
        lure.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody came
            lure.accept()
    answer = read_answer(response)
    assert response.status_code == status
    assert "root:" not in answer["note"]


@pytest.mark.parametrize("name", HEADERS)
def test_an_attack_by_its_head_gets_its_answer_at_a_small_price(target, name):
    headers, body, status = HEADERS[name]
    response = target.measure(name, request(body, {"Content-Type": FORM} | headers))
    assert response.status_code == status
    read_answer(response)
