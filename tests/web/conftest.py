"""What the tests of logins, passwords and guesses share, and those of calls to other services."""

import logging
import socket

import pytest
from calls import SECRETS, Names
from logins import HASH

from web import login


@pytest.fixture
def quick(monkeypatch):
    """What a name without a hash costs is a quick one."""
    monkeypatch.setattr(login, "NOBODYS_HASH", HASH)


@pytest.fixture
def quiet(caplog, capfd):
    """Whatever happens to a call, nothing of it is logged or printed."""
    caplog.set_level(logging.DEBUG)
    yield
    logged = map(logging.Formatter().format, caplog.get_records("call"))  # with what led to them
    told = "\n".join([*logged, *capfd.readouterr()])
    assert not any(secret in told for secret in SECRETS)


@pytest.fixture
def names(monkeypatch):
    """What stands for names, as a test says."""
    made = Names()
    monkeypatch.setattr(socket, "getaddrinfo", made.look_up)
    return made
