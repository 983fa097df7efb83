"""gunicorn reads this by itself: `gunicorn` alone starts the service."""

import gc
import logging
import os
import sys
from contextlib import suppress
from functools import partial

from gunicorn import glogging

import database
import models
from database import SchemaError
from database.secret import hold_secret
from leads import publishing, search
from leads.deployed import tell_changed_files
from web import logs
from web.service import broken_rules, make_book, tell_start
from web.settings import MOST_PROCESSES, Settings, host, is_number, port, processes
from web.worker import NOBODY, Worker, connections

wsgi_app = "app:app"
# A wrong address, port or number of processes is refused below.
address = host()
place = f"[{address}]" if address and address.version == 6 else str(address)
bind = f"{place}:{port()}" if address and is_number(port(), 65535) else "127.0.0.1:0"
reached = place if address and not address.is_unspecified else "127.0.0.1"
workers = int(processes()) if is_number(processes(), MOST_PROCESSES) else 1
threads = 16
limit_request_line = 8190  # the longest there is: leads may come in the query string
# Who may say that a request came by https, and from where, is DATAPOST_TRUSTED_PROXIES alone. gunicorn
# would believe programs of this machine too, and everybody where FORWARDED_ALLOW_IPS is * (on Heroku).
secure_scheme_headers, forwarder_headers = {}, ""
# Two services of one user would fight for the one control socket.
control_socket_disable = True
# Slow clients take no thread, but a file each, of which a process mostly may have 1,024 (see worker.py).
worker_connections = 500


class Logger(glogging.Logger):
    """gunicorn's logger, with one handler for all that is logged: by gunicorn, by us and by libraries."""

    # An access log holds query strings, and so leads. Heroku's buildpack turns it on, by GUNICORN_CMD_ARGS.
    access_log_enabled = False

    def setup(self, cfg):
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logs.Plain() if sys.stderr.isatty() else logs.Json())
        logging.basicConfig(handlers=self.error_log.handlers, force=True)
        logging.raiseExceptions = False  # or a line that cannot be written is printed with its arguments


logger_class = Logger
worker_class = Worker


def pre_fork(server, worker):
    """Choose where a worker counts its connections, and a core for it, if there are as many workers as cores.

    Python runs one thread of a process at a time. Threads that hand over to each other on one core
    do so at once; across cores each wakes the other first, which halved the leads a second.
    """
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    free = cores - {other.core for other in server.WORKERS.values()}
    worker.core = min(free) if free and len(cores) == server.num_workers else None
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = min(set(range(len(connections))) - taken, default=0)


def post_fork(server, worker):
    worker.early_signals = server.SIG_QUEUE
    if worker.core is not None:
        with suppress(OSError):  # where it is forbidden
            os.sched_setaffinity(0, {worker.core})


def post_worker_init(worker):
    """Send what waits from before, and have the garbage collector look less often, not at what was made for the start.

    Over nine rounds the longest answer took 41 ms instead of 70 and one in a hundred 32 instead of 35, and the workers
    held 16 MB less: to be looked at copies memory that processes share.
    """
    worker.wsgi.extensions["datapost"].begin()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)  # more brought no more, and took memory: 20,000 some 3 MB


def child_exit(_server, worker):
    connections[worker.place] = NOBODY


def on_starting(_server):
    """Refuse to start, in the master: a worker that exits would be started again for ever."""
    settings = Settings.load(unread=(unread := []))
    book = make_book(settings, seed=partial(publishing.seed, settings.rules))
    problems = settings.refusals(unread=unread) + ([] if settings.published else book.errors)
    try:
        if not problems:
            models.connect(settings.database_url, settings.secret)
            database.prepare(hold_secret)
            problems = broken_rules(settings, book)
        if not problems:
            book.tell_what_began_anew(search.last_rules)
            database.disconnect()
            tell_start(settings, book, f"http://{reached}:{port()}")
            if settings.published:
                tell_changed_files(settings.rules, book)
    except SchemaError as error:
        problems = [str(error)]
    if problems:
        print("Datapost does not start:", *problems, sep="\n  ", file=sys.stderr)
        sys.exit(1)
