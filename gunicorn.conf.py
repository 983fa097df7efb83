"""gunicorn reads this by itself: `gunicorn` alone starts the service."""

import os
import sys
from contextlib import suppress

from dotenv import load_dotenv
from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from render import Answer, render
from ruleset import RuleBook
from settings import Settings, SettingsError

load_dotenv(".env")  # as `flask run` does; what is set in the environment wins

wsgi_app = "app:app"
port = os.environ.get("PORT") or "8000"
bind = f"0.0.0.0:{port if port.isdecimal() else 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 1)
threads = 8
limit_request_line = 8190  # the longest there is: leads may come in the query string
# Two services of one user would fight for the one control socket.
control_socket_disable = True


class Worker(ThreadWorker):
    """gunicorn's threaded worker, which answers what is no HTTP as everything is answered here.

    gunicorn itself would answer with HTML, and log the request line and so perhaps a lead.
    """

    def handle_error(self, req, client, addr, exc):
        self.log.warning("a request that is not valid HTTP is answered 400: %s", type(exc).__name__)
        document = render(Answer(False, note="The request is not valid HTTP, or its head is too long"), "xml")
        head = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/xml; charset=utf-8\r\n"
        with suppress(OSError):
            util.write_nonblock(client, f"{head}Content-Length: {len(document)}\r\n\r\n{document}".encode())


worker_class = Worker


def on_starting(_server):
    """Refuse to start, in the master: a worker that exits would be started again for ever."""
    try:
        settings = Settings.load()
        problems = settings.refusals() + RuleBook(settings.rules).errors
    except SettingsError as error:
        problems = [str(error)]
    if not port.isdecimal():
        problems.append("PORT is not a whole number")
    if problems:
        print("Datapost does not start:", *problems, sep="\n  ", file=sys.stderr)
        sys.exit(1)
