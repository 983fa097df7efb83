"""Where the service runs: noted beside its SQLite file when it starts, so that the commands find it."""

import json
import os
from contextlib import suppress
from pathlib import Path

from web.settings import port


def note(url, settings):
    """Note that this process, or those that it starts, answer at `url`, unless another one does already."""
    if settings.database_url.startswith("sqlite:") and not noted(settings):
        with suppress(OSError):  # where the folder cannot be written to, PORT tells
            _note(settings).write_text(json.dumps({"pid": os.getpid(), "url": url}), encoding="utf-8")


def noted(settings):
    """Return process and address of the service that runs with this SQLite file, or None."""
    try:
        found = json.loads(_note(settings).read_text(encoding="utf-8"))
        os.kill(found["pid"], 0)
    except PermissionError:  # it is there, and another user's
        return found
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found


def address(settings, environ=os.environ):
    """Return where the service with this database runs: at PORT if that is set, else as noted, else at port 8000."""
    found = None if environ.get("PORT") else noted(settings)
    return found["url"] if found else f"http://127.0.0.1:{port(environ)}"


def _note(settings):
    return Path(f"{settings.database_url.removeprefix('sqlite:///')}-running")
