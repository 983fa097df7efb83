"""Where the service runs: noted beside its SQLite file when it starts, so that the commands find it."""

import json
import os
from contextlib import suppress
from pathlib import Path

from web.settings import port


def note(url, settings):
    """Note that this process, or those that it starts, answer at `url`."""
    if settings.database_url.startswith("sqlite:"):
        with suppress(OSError):  # where the folder cannot be written to, PORT tells
            _note(settings).write_text(json.dumps({"pid": os.getpid(), "url": url}), encoding="utf-8")


def address(settings, environ=os.environ):
    """Return where the service with this database runs: at PORT if that is set, else as noted, else at port 8000."""
    if settings.database_url.startswith("sqlite:") and not environ.get("PORT"):
        with suppress(OSError, ValueError, KeyError):
            noted = json.loads(_note(settings).read_text(encoding="utf-8"))
            os.kill(noted["pid"], 0)  # raises where that process is gone
            return noted["url"]
    return f"http://127.0.0.1:{port(environ)}"


def _note(settings):
    return Path(f"{settings.database_url.removeprefix('sqlite:///')}-running")
