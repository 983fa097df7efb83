"""The load: posts leads over kept-alive connections as fast as they are answered, and prints JSON.

    python bench/load.py 8000 --seconds 6 --warmup 1 --form json

One process, one thread, no library: what it costs is taken from the service beside it, so it does
little. Each connection sends its next lead when the last one was answered. No two leads are alike,
and every answer is read and must say valid.
"""

import argparse
import base64
import json
import re
import select
import socket
import statistics
import sys
import time
from urllib.parse import urlencode

LOGIN = "impact:secret"
FIRST_NUMBER = 2_000_000  # seven digits, so that every request has the length of its template
TEMPLATES = 97
BAD_ALLOWED = 0.001
SILENCE_ALLOWED = 15  # seconds

HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) .*?\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE | re.DOTALL)
VALID = b"<valid>true</valid>"
VALID_JSON = re.compile(rb'"valid": ?true')


class LoadError(Exception):
    """The service does not answer as it should: there is no figure to report."""


def lead(number, tag):
    """Return the fields of the lead `number`; `tag` keeps the leads of one round from another's."""
    turn = number % TEMPLATES
    return {
        "email": f"{('ann', 'bob', 'carol', 'dan', 'eve')[turn % 5]}.{number}.{tag}@example.com",
        "first_name": ("Ann", "Bob", "Carol", "Dan", "Eve", "José")[turn % 6],
        "phone": f"(415) {number}",
        "zip": f"{10001 + 911 * turn}",
        "state": ("CA", "NY", "TX", "WA")[turn % 4],
        "birth_date": f"{1950 + turn % 50}-{1 + turn % 12:02}-{1 + turn % 28:02}",
        "loan_amount": f"{2500 * (4 + turn % 90)}.50",
        "consent": "yes",
        "household": f"{1 + turn % 7}",
        "irpid": f"{1000 + turn % 20}",
        "click_id": f"click-{tag}-{number}",
    }


def as_form(fields):
    return urlencode(fields).encode()


def as_json(fields):
    """Numbers and truth are written as what JSON has for them."""
    return json.dumps(fields | {"consent": True, "household": int(fields["household"])}).encode()


FORMS = {"form": ("application/x-www-form-urlencoded", as_form), "json": ("application/json", as_json)}


def request(number, tag, form="form"):
    """Return the request that posts the lead, as bytes."""
    content_type, write = FORMS[form]
    body = write(lead(number, tag))
    head = (
        "POST /leads HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Basic {base64.b64encode(LOGIN.encode()).decode()}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def is_valid(body):
    return VALID in body or bool(VALID_JSON.search(body))


def requests(first, tag, form="form"):
    """Yield requests without end, cut from a few templates: that takes a microsecond each."""
    numbers = range(first, 10_000_000)
    templates = [request(number, tag, form).split(b"%d" % number) for number in numbers[:TEMPLATES]]
    for number in numbers:
        yield (b"%d" % number).join(templates[(number - first) % TEMPLATES])


class Connection:
    """One kept-alive connection with at most one request under way."""

    def __init__(self, port, poll, connections):
        self.port, self.poll, self.connections = port, poll, connections
        self.request, self.started, self.received, self.reopened = b"", 0.0, b"", 0
        self.open()

    def open(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=SILENCE_ALLOWED)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.connections[self.socket.fileno()] = self
        self.poll.register(self.socket, select.EPOLLIN)

    def close(self):
        self.poll.unregister(self.socket)
        del self.connections[self.socket.fileno()]
        self.socket.close()

    def send(self, data):
        self.request, self.started, self.received = data, time.perf_counter(), b""
        self._write()

    def _write(self):
        try:
            if self.socket.send(self.request) != len(self.request):
                raise LoadError("the service does not take requests in")
        except (ConnectionResetError, BrokenPipeError):
            pass  # it reads as closed, and is opened again then

    def read(self):
        """Return status and body of the answer once it is complete, else None."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self._open_again()
            return None
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return None
        if not (match := HEAD.match(head + b"\r\n")):
            raise LoadError(f"the answer has no status and length: {head[:200]}")
        return (match[1], body) if len(body) >= int(match[2]) else None

    def _open_again(self):
        """A service may close a kept-alive connection between two requests, and only there."""
        if self.received:
            raise LoadError(f"the service hung up within an answer: {self.received[:200]}")
        self.close()
        self.open()
        self.reopened += 1
        self._write()


def are_spread():
    """Ask who started this process whether the connections may stay as the service's processes took them."""
    print("open", flush=True)
    return sys.stdin.readline() != "again\n"


def post(
    port, seconds, warmup=0.0, count=None, connections=16, first=FIRST_NUMBER, tag="load", form="form", wait=False
):
    """Post leads for some seconds, or so many, and return the figures of those after the warm-up."""
    poll, opened, source, bad, latencies, cpu = select.epoll(), {}, requests(first, tag, form), [], [], 0.0
    answers = 0
    left = count or sys.maxsize
    everyone = [Connection(port, poll, opened) for _ in range(connections)]
    while wait and not are_spread():
        for connection in everyone:
            connection.close()
        time.sleep(0.05)
        for connection in everyone:
            connection.open()
    counted_from = time.perf_counter() + warmup
    ends = counted_from + (sys.maxsize if count else seconds)
    for connection in everyone:
        connection.send(next(source))
        left -= 1
    while opened:
        events = poll.poll(SILENCE_ALLOWED)
        if not events:
            raise LoadError(f"no answer for {SILENCE_ALLOWED} seconds")
        for descriptor, _ in events:
            connection = opened[descriptor]
            answer = connection.read()
            if answer is None:
                continue
            now, answers = time.perf_counter(), answers + 1
            if now >= counted_from:
                cpu = cpu or time.process_time()
                latencies.append(now - connection.started)
            if answer[0] != b"200" or not is_valid(answer[1]):
                bad.append(answer)
            if left > 0 and now < ends:
                connection.send(next(source))
                left -= 1
            else:
                connection.close()
    if len(bad) > BAD_ALLOWED * len(latencies):
        status, document = bad[0]
        raise LoadError(f"{len(bad)} of {len(latencies)} leads were not answered valid: {status} {document[:500]}")
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "leads": len(latencies),  # that count
        "answers": answers,
        "per_second": len(latencies) / (now - counted_from),
        "p50_ms": cuts[49] * 1000,
        "p99_ms": cuts[98] * 1000,
        "max_ms": max(latencies) * 1000,
        "bad": len(bad),
        "reconnected": sum(connection.reopened for connection in everyone),
        "client_cpu_us": (time.process_time() - cpu) / len(latencies) * 1e6,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--warmup", type=float, default=0.0, help="seconds before those that count")
    parser.add_argument("--count", type=int, help="post so many leads, however long it takes")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--first", type=int, default=FIRST_NUMBER, help="number of the first lead")
    parser.add_argument("--tag", default="load", help="keeps the leads of one run from those of another")
    parser.add_argument("--wait", action="store_true", help='open the connections, and again for each line "again"')
    parser.add_argument("--form", choices=FORMS, default="form", help="how a lead is written")
    try:
        print(json.dumps(post(**vars(parser.parse_args()))))
    except (LoadError, OSError) as error:
        sys.exit(f"bench/load.py: {type(error).__name__}: {error}")
