"""Where the service listens, and with how many processes: what platforms set in the environment."""

import ipaddress
import os
import re
import socket


def port(environ=os.environ):
    """Return the text of PORT, which platforms set: where gunicorn listens, and commands look for the service."""
    return environ.get("PORT") or "8000"


def processes(environ=os.environ):
    """Return the text of WEB_CONCURRENCY: how many processes gunicorn starts, one for each core if it is not set."""
    return environ.get("WEB_CONCURRENCY") or str(os.cpu_count() or 1)


def is_number(text, most):
    """Tell whether a text is a whole number from 1 to `most`."""
    return bool(re.fullmatch("[0-9]{1,12}", text)) and 1 <= int(text) <= most


def host(environ=os.environ):
    """Return the address of HOST, where gunicorn listens, or None if that is none: where a platform sets PORT, all."""
    text = environ.get("HOST") or ("0.0.0.0" if environ.get("PORT") else "127.0.0.1")  # noqa: S104
    try:
        return ipaddress.ip_address(re.sub(r"^\[(.*)\]$", r"\1", text))
    except ValueError:
        return None


def can_listen(address):
    """Tell whether an address (or None) is one of this machine."""
    try:
        with socket.socket(socket.AF_INET6 if address and address.version == 6 else socket.AF_INET) as attempt:
            attempt.bind((str(address), 0))
    except OSError:
        return False
    return address is not None
