"""gunicorn reads this by itself: `gunicorn` alone starts the service."""

import os
import socket
import struct
import sys
from contextlib import suppress

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

import store
from render import Answer, render
from ruleset import RuleBook
from settings import Settings, SettingsError
from store import SchemaError

wsgi_app = "app:app"
port = os.environ.get("PORT") or "8000"
port_is_sound = port.isdecimal() and 0 < int(port) < 65536
bind = f"0.0.0.0:{port if port_is_sound else 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 1)
threads = 16
limit_request_line = 8190  # the longest there is: leads may come in the query string
# Two services of one user would fight for the one control socket.
control_socket_disable = True
SILENCE_ALLOWED = 5  # seconds within a request


class Worker(ThreadWorker):
    """gunicorn's threaded worker, which answers what is no HTTP as everything is answered here.

    gunicorn itself would answer with HTML, and log the request line and so perhaps a lead.
    """

    def handle(self, conn):
        # A client that stops sending gives its thread back after a while: there are few of them.
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SILENCE_ALLOWED, 0))
        return super().handle(conn)

    def handle_error(self, req, client, addr, exc):
        self.log.warning("a request that is not valid HTTP is answered 400: %s", type(exc).__name__)
        document = render(Answer(False, note="The request is not valid HTTP, or its head is too long"), "xml")
        head = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/xml; charset=utf-8\r\n"
        with suppress(OSError):
            util.write_nonblock(client, f"{head}Content-Length: {len(document)}\r\n\r\n{document}".encode())


worker_class = Worker


def pre_fork(server, worker):
    """Choose a core for a worker, if there are as many workers as cores.

    Python runs one thread of a process at a time. Threads that hand over to each other on one core
    do so at once; across cores each wakes the other first, which halved the leads a second.
    """
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    free = cores - {other.core for other in server.WORKERS.values()}
    worker.core = min(free) if free and len(cores) == server.num_workers else None


def post_fork(_server, worker):
    if worker.core is not None:
        os.sched_setaffinity(0, {worker.core})


def on_starting(_server):
    """Refuse to start, in the master: a worker that exits would be started again for ever."""
    try:
        settings = Settings.load()
        problems = settings.refusals() + RuleBook(settings.rules).errors
        if not port_is_sound:
            problems.append("PORT is not a number from 1 to 65535")
        if not problems:
            store.connect(settings.database_url)
            store.prepare()
            store.disconnect()
    except (SettingsError, SchemaError) as error:
        problems = [str(error)]
    if problems:
        print("Datapost does not start:", *problems, sep="\n  ", file=sys.stderr)
        sys.exit(1)
