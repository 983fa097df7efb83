"""A brand's own system, to which leads are delivered: a real server on this machine, which answers as a test says."""

import contextlib
import socket
import ssl
import threading
from typing import NamedTuple

import trustme
from cast import NEVER

from web.settings import Settings


class Request(NamedTuple):
    """What the receiver got: the first line, the headers by names in small letters, and the body."""

    line: str
    headers: dict
    body: bytes


def delivering(**addresses):
    """Return the settings of a service whose destinations are these, on this machine: `crm="http://…"`."""
    environ = {f"DATAPOST_DELIVER_{name.upper()}": address for name, address in addresses.items()}
    made = Settings.load(environ | {"DATAPOST_DELIVER_PRIVATE": "on"})
    return {"destinations": made.destinations, "deliver_private": True}


def answer(status=200, body=b"", **headers):
    """Return an answer as bytes; `Retry_After="5"` is a header."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Receiver:
    """It listens on a port of its own. `answers` is bytes, or a function of the connection and the Request."""

    def __init__(self, answers=None, tls=None, host="127.0.0.1"):
        self.answers, self.tls = answer() if answers is None else answers, tls
        self.requests, self.open, self.came = [], [], threading.Condition()
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{self.port}/hook?key=canary"
        self.done = threading.Event()  # what a function that hangs waits for

    def __enter__(self):
        self.threads = [threading.Thread(target=self._serve)]
        self.threads[0].start()
        return self

    def __exit__(self, *_error):
        self.done.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(NEVER)

    def wait_for(self, count):
        """Wait until so many requests came."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.requests) >= count, NEVER)

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                place, _ = self.listener.accept()
                self.threads.append(threading.Thread(target=self._talk, args=[place]))
                self.threads[-1].start()

    def _talk(self, place):
        place.settimeout(NEVER)
        with contextlib.suppress(OSError, ValueError), contextlib.closing(place):
            if self.tls:
                place = self.tls.wrap_socket(place, server_side=True)
            with contextlib.closing(place):
                self._answer(place)

    def _answer(self, place):
        with place.makefile("rb") as came:
            line = came.readline().decode().strip()
            headers = dict(iter(lambda: _header(came), None))
            length = int(headers.get("content-length", 0))
            request = Request(line, headers, came.read(length))
        if not line or len(request.body) < length:  # who sent it was killed
            return
        with self.came:
            self.requests.append(request)
            self.came.notify_all()
        if callable(self.answers):
            self.answers(place, request)
        else:
            place.sendall(self.answers)


def _header(came):
    name, colon, value = came.readline().decode().strip().partition(": ")
    return (name.lower(), value) if colon else None


def authority(folder, monkeypatch, *names):
    """Have this process trust an authority of the test's own, and return the TLS of a server of these names."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(folder / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert(*names).configure_cert(tls)
    return tls
