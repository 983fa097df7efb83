"""What the service logs: a JSON object a line, or text for people, to standard error.

`log.info("decision", {"valid": True})` logs what happened, and what is known of it by name. Nothing
that a sender wrote is known in this sense, but a user name that the settings hold. The text of an
exception may quote a lead or a password: of exceptions, types and places are logged.
"""

import json
import logging
import traceback
from datetime import UTC, datetime

from flask import g

log = logging.getLogger("datapost")
log.setLevel(logging.INFO)

# What logging would find out and no line shows: the caller, thread, process and task, 10 to 25 µs a lead.
logging._srcfile = None
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = logging.logAsyncioTasks = False

_encode = json.JSONEncoder(default=str).encode  # escapes control characters, line breaks among them


def set_up(readable):
    """Log to standard error, unless whoever runs the app has set up logging, as gunicorn.conf.py does."""
    if not log.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(Plain() if readable else Json())
        log.addHandler(handler)
    logging.getLogger("werkzeug").addFilter(_is_about_the_server)


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record):
        return _encode(known(record))


class Plain(logging.Formatter):
    """One line of words."""

    def format(self, record):
        line = known(record)
        head = f"{line.pop('time')} {line.pop('level').upper()} {line.pop('message')}"
        return printable(" ".join([head, *(f"{name}={_word(value)}" for name, value in line.items())]))


def known(record):
    """Return what is known of a log record, as a dict."""
    line = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "level": record.levelname.lower(),
        "message": _message(record),
    }
    if request_id := g and g.get("request_id"):  # g is false outside of requests and commands
        line["request_id"] = request_id
    if record.name == log.name and isinstance(record.args, dict):
        line |= record.args
    if record.exc_info and record.exc_info[1]:
        line["error"] = where(record.exc_info[1])
    return line


def _message(record):
    if record.name in (log.name, "gunicorn.error") and record.levelno >= logging.INFO:
        return record.getMessage()
    # A library may put anything into its messages, and gunicorn's for debugging hold requests. What
    # has arguments is a template, and shown without them.
    return f"{record.name}: {record.msg if record.args else 'its message may quote a lead and is not shown'}"


def where(error):
    """Return the type of an exception and the last places it came through, and not its text."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    places = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"


def printable(text, keep=""):
    """Return `text` without the characters that could steer a terminal, but for those to `keep`."""
    return "".join(c if c.isprintable() or c in keep else "\ufffd" for c in text)


def _word(value):
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    return str(value).lower() if isinstance(value, bool) else "-" if value in (None, "") else str(value)


def _is_about_the_server(record):
    # What Flask's development server logs of a request quotes it. Those lines have arguments, or are errors.
    return not record.args and record.levelno < logging.ERROR
