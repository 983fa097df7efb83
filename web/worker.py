"""gunicorn's threaded worker, hardened: a request gets a thread when all of it has arrived.

gunicorn itself gives a connection its thread at once, so that 16 clients who send slowly stop a
process; and its main loop waits 2 s for each client who hangs up late, so that 16 of those make
the master kill the process. Here both kinds wait in the poller, which has room for hundreds.
"""

import mmap
import re
import signal
import socket
import struct
import time
from contextlib import suppress
from ssl import SSLWantReadError
from uuid import uuid4

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from web import logs
from web.answer import HEADERS, Answer, render
from web.settings import Settings

ARRIVAL = 10  # seconds that a request may take to arrive, head and body together
FAREWELL = 2  # seconds that a client may take to hang up after the last answer
SENDING = 1  # seconds that an answer may wait for a client who does not read; mostly it never waits
MOMENT = 0.001  # seconds that a process leaves a connection to one with fewer
LONGEST_HEAD = 32 * 1024
MAX_CHUNKS = 10_000
ROOM = 128 * 1024 * 1024  # bytes of all requests that are on their way to one process

# How many connections each process has: a byte for each, in memory that all share; NOBODY where there is no process.
connections = mmap.mmap(-1, 256)
NOBODY = 255
connections[:] = bytes([NOBODY]) * len(connections)

# What is used here and in gunicorn.conf.py of gunicorn though its documentation does not promise it. A test
# tells which of them a newer gunicorn lacks.
PRIVATE = """
gunicorn.workers.gthread: _DEFER
gunicorn.workers.gthread.TConn: sock client parser init
gunicorn.workers.gthread.ThreadWorker: init_process init_signals handle handle_request handle_error handle_exit
gunicorn.workers.gthread.ThreadWorker: cfg nr_conns worker_connections accept notify alive
gunicorn.workers.gthread.ThreadWorker: murder_pending pending_conns on_pending_socket_readable
gunicorn.http.parser.Parser: unreader
gunicorn.http.unreader.IterUnreader: take_buffered unread
gunicorn.http.message.Request: force_close _expected_100_continue
gunicorn.http.errors: LimitRequestHeaders
gunicorn.util: write_nonblock
gunicorn.arbiter.Arbiter: SIG_QUEUE WORKERS num_workers
gunicorn.glogging.Logger: setup access_log_enabled error_log
"""

_FRAMING = re.compile(rb"\r\n(?:Content-Length|(Transfer-Encoding)):[ \t]*([^\r\n]*)", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nExpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;[^\r\n]*)?\r\n")


class Late(Exception):
    """The head of a request did not arrive in time."""


class Arrival:
    """One request while it comes in.

    It only tells where the request ends; `end` is None if that is not to be known. What the bytes
    mean is for gunicorn's parser to say, which gets them and nothing else, and so never waits.
    """

    def __init__(self, conn, max_body):
        self.sock, self.max_body = conn.sock, max_body
        self.received = bytearray(conn.parser.unreader.take_buffered())  # came with the one before
        self.end = self._head = None
        self._framing, self._has_leave = [], False
        self._start = self._at = self._chunks = 0  # where the body and its next chunk begin; the chunks before that

    def pieces(self):
        """Return the bytes for the parser: in pieces, since it copies the rest of one for each chunk."""
        end = len(self.received) if self.end is None else self.end
        return [bytes(self.received[start : min(start + 4096, end)]) for start in range(0, end, 4096)]

    def is_over(self, deadline):
        """Take what has come. Tell whether the request is whole, or will not or need not become so."""
        self.sock.setblocking(False)
        try:
            while self._goes_on():
                if leave := self._meanwhile():
                    self.sock.send(leave)
                data = self.sock.recv(65536)
                if not data:
                    return True
                self.received += data
        except (BlockingIOError, SSLWantReadError):
            if time.monotonic() < deadline:
                return False
            if self.received and not self._head:
                raise Late from None
        return True

    def _meanwhile(self):
        """Return the leave to send a body for who waits for it, once."""
        waits = self._head and len(self.received) == self._start and _EXPECT.search(self._head)
        if self._has_leave or not waits or b" HTTP/1.1\r\n" not in self._head:
            return b""
        self._has_leave = True
        return b"HTTP/1.1 100 Continue\r\n\r\n"

    def _goes_on(self):
        """Look where it ends. Tell whether more is needed: it is not where the request is refused whatever comes."""
        if not self._head:
            end = self.received.find(b"\r\n\r\n", 0, LONGEST_HEAD)
            if end < 0:
                if len(self.received) >= LONGEST_HEAD:
                    raise LimitRequestHeaders("the head is too long")
                # The parser refuses a bare line feed.
                return self.received.count(b"\n") == self.received.count(b"\r\n")
            self._head, self._start = bytes(self.received[: end + 2]), end + 4
            self._at, self._framing = self._start, _FRAMING.findall(self._head)
        match self._framing:
            case []:
                self.end = self._start
            case [(b"", length)]:
                return self._length_goes_on(length)
            case [_]:
                return self._chunks_go_on(self._start + self.max_body + LONGEST_HEAD)
        # The parser refuses two of them: each might mean another end.
        return False

    def _length_goes_on(self, length):
        # The parser refuses what is no number, and the app what is too large.
        if not re.fullmatch(rb"[0-9]{1,18}[ \t]*", length) or int(length) > self.max_body:
            return False
        end = self._start + int(length)
        if len(self.received) < end:
            return True
        self.end = end
        return False

    def _chunks_go_on(self, longest):
        """`longest` is where they must end, with their sizes and a trailer."""
        while True:
            if len(self.received) < min(self._at, longest + 1):
                return True
            if self._at > longest:
                return False
            if self._chunks == MAX_CHUNKS:
                del self.received[self._at :]  # 256 KiB in chunks of one byte would cost 200 ms
                return False
            line = _CHUNK.match(self.received, self._at)
            if not line:
                return len(self.received) <= longest and self.received.find(b"\r\n", self._at) < 0
            if not int(line[1], 16):
                break
            self._at, self._chunks = line.end() + int(line[1], 16) + 2, self._chunks + 1
        end = self.received.find(b"\r\n\r\n", line.end() - 2)
        if end < 0:
            return len(self.received) <= longest
        self.end = end + 4
        return False


class Worker(ThreadWorker):
    """Answers what is no HTTP as everything is answered here.

    gunicorn itself would answer with HTML, and log the request line and so perhaps a lead.
    """

    def init_process(self):
        self.max_body = Settings.load().max_body
        fit = ROOM // (self.max_body + LONGEST_HEAD)
        self.worker_connections = min(self.worker_connections, max(fit, 2 * self.cfg.threads))
        super().init_process()

    def init_signals(self):
        """Obey a signal that came after the fork and before our handlers: the master's put it into its queue.

        gunicorn forgets it, and then waits for us for the 30 s of a graceful stop.
        """
        super().init_signals()
        while not self.early_signals.empty():
            if self.early_signals.get_nowait() == signal.SIGTERM:
                self.handle_exit(signal.SIGTERM, None)

    def notify(self):
        """Tell the other processes how many connections this one has, with each turn of the main loop."""
        connections[self.place] = min(self.nr_conns, NOBODY - 1) if self.alive else NOBODY
        super().notify()

    def accept(self, listener):
        """Leave a connection for a moment to a process that has fewer.

        Both wake for it, and of 16 kept-alive ones one process often took nearly all while the other idled: 1.4 times
        as many leads a second since.
        """
        if self.nr_conns > min(connections[:]):
            time.sleep(MOMENT)
        super().accept(listener)
        connections[self.place] = min(self.nr_conns, NOBODY - 1)

    def handle(self, conn):
        """Judge a request that has arrived; put back into the poller one that has not."""
        if getattr(conn, "answered", False):
            return self._see_off(conn)
        try:
            conn.init()
            if not getattr(conn, "arrival", None):
                conn.arrival = Arrival(conn, self.max_body)
                conn.deadline = time.monotonic() + ARRIVAL
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SENDING, 0))
            if not conn.arrival.is_over(conn.deadline):
                return _DEFER
        except (LimitRequestHeaders, Late) as error:
            self.handle_error(None, conn.sock, conn.client, error)
            return self._leave(conn)
        except OSError:  # the client is gone
            return False
        arrival = conn.arrival
        conn.parser.unreader = IterUnreader(arrival.pieces())
        if not super().handle(conn):
            return self._leave(conn)
        conn.parser.unreader = IterUnreader(())
        conn.parser.unreader.unread(arrival.received[arrival.end :])
        conn.arrival = None
        return True

    def handle_request(self, req, conn):
        if conn.arrival.end is None:
            req.force_close()  # else the rest of this body would be read as the next request
        req._expected_100_continue = False  # we have said so, or do not want the body
        try:
            return super().handle_request(req, conn)
        except OSError:  # the client does not read its answer, or is gone, or the answer broke off
            _reset(conn)
            return False

    def _leave(self, conn):
        """Hang up in two steps: a client who still sends would lose the answer else."""
        conn.parser.unreader = IterUnreader(())
        conn.answered, conn.deadline = True, time.monotonic() + FAREWELL
        with suppress(OSError):
            conn.sock.shutdown(socket.SHUT_WR)
            return self._see_off(conn)
        return False

    def _see_off(self, conn):
        conn.sock.setblocking(False)
        try:
            if not conn.sock.recv(65536):
                return False
        except (BlockingIOError, SSLWantReadError):
            pass
        except OSError:
            return False
        if time.monotonic() < conn.deadline:
            return _DEFER
        with suppress(OSError):
            conn.sock.shutdown(socket.SHUT_RD)  # or gunicorn would wait for the client
        return False

    def murder_pending(self):
        """Bring those whose time is up back to `handle`; gunicorn would hang up without an answer.

        Where there is no room for more, it is up for those who have said nothing for the longest.
        """
        now = time.monotonic()
        crowd = len(self.pending_conns) // 4 + 1 if self.nr_conns >= self.worker_connections else 0
        for conn in [*self.pending_conns][:crowd]:
            conn.deadline = now
        for conn in [conn for conn in self.pending_conns if conn.deadline <= now]:
            self.on_pending_socket_readable(conn, conn.sock)

    def handle_error(self, req, client, addr, exc):
        why, request_id = "The request is not valid HTTP, or its head is too long", uuid4().hex
        if isinstance(exc, Late):
            why = f"The request took too long to arrive: send it within {ARRIVAL} seconds"
        refusal = {"request_id": request_id, "status": 400, "why": why, "error": logs.where(exc)}
        logs.log.warning("refused", refusal)
        document = render(Answer(False, note=why), "xml").encode()
        headers = HEADERS | {
            "X-Request-Id": request_id,
            "Connection": "close",
            "Content-Type": "application/xml; charset=utf-8",
            "Content-Length": len(document),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with suppress(OSError):
            util.write_nonblock(client, f"HTTP/1.1 400 Bad Request\r\n{head}\r\n".encode() + document)


def _reset(conn):
    """Break the connection, with the part of an answer that is on its way.

    Where no chunks tell the end, as to proxies that speak HTTP/1.0, it would look whole if the connection just ended.
    """
    with suppress(OSError):
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.sock.close()
    conn.sock = socket.socket()  # for gunicorn to close
