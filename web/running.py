"""Where the service of this folder runs: noted when it starts, so that the commands find it."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from web.settings import port

NOTE = Path(__file__).parents[1] / ".running"


def note(url, settings):
    """Note that this process, or those that it starts, answer at `url`."""
    text = json.dumps({"pid": os.getpid(), "url": url, "database": _mark(settings)})
    with suppress(OSError):  # where the folder cannot be written to, PORT tells
        NOTE.write_text(text, encoding="utf-8")


def address(settings, environ=os.environ):
    """Return where the service with this database runs: at PORT if that is set, else as noted, else at port 8000."""
    with suppress(OSError, ValueError, KeyError):
        noted = {} if environ.get("PORT") else json.loads(NOTE.read_text(encoding="utf-8"))
        if noted and noted["database"] == _mark(settings):
            os.kill(noted["pid"], 0)  # raises where that process is gone
            return noted["url"]
    return f"http://127.0.0.1:{port(environ)}"


def _mark(settings):
    kind, _, path = settings.database_url.partition(":///")
    place = os.path.abspath(path) if kind == "sqlite" else settings.database_url
    return hashlib.sha256(place.encode()).hexdigest()[:16]
