"""The secret is changed by a person at a terminal, beside a service that should have been stopped."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from cast import ROOT
from gunicorns import Service

import database
import models

OLD, NEW = "a key for tests", "a new secret, made of many letters"
SECRET_LINE = "DATAPOST_SECRET is not the one that the hashes in this database were made with"


@pytest.fixture
def service(tmp_path, database_url):
    models.connect(database_url, OLD)
    database.migrate()
    database.disconnect()
    service = Service(tmp_path, DATABASE_URL=database_url)
    yield service
    if service.process:
        service.stop(signal.SIGKILL)


class Person:
    """Somebody who has typed `flask rotate-secret` and reads what it says."""

    def __init__(self, service, *options, **environ):
        self._terminal, theirs = pty.openpty()
        line = [sys.executable, "-m", "flask", "rotate-secret", *options]
        environ = service.environ | {"DATAPOST_SECRET": NEW, "DATAPOST_OLD_SECRET": OLD} | environ
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
        self._command, self.said = subprocess.Popen(line, cwd=ROOT, env=environ, **streams), ""
        os.close(theirs)

    def reads(self, words):
        while words not in self.said:
            self.said += os.read(self._terminal, 1000).decode()
        return self

    def answers(self, text):
        os.write(self._terminal, text.encode() + b"\n")
        return self.waits()

    def kills(self):
        self._command.kill()
        return self.waits()

    def waits(self):
        """Read to the end, and return the exit status."""
        with suppress(OSError):  # nobody writes to it any more
            while read := os.read(self._terminal, 1000):
                self.said += read.decode()
        os.close(self._terminal)
        return self._command.wait()


def post(service, name):
    status, _, answer = service.post(f'{{"email": "{name}@example.com"}}')
    return status, answer["valid"] in (True, "true")


@pytest.mark.long
def test_a_service_that_was_not_stopped_stores_nothing_meanwhile_nor_with_the_old_secret_afterwards(service):
    service.start()
    assert post(service, "ann") == (200, True)
    person = Person(service).reads("Go on?")
    assert post(service, "kim") == (503, False)
    assert person.answers("n") == 1
    assert Person(service).reads("Go on?").kills() == -signal.SIGKILL
    assert post(service, "kim") == (200, True)  # nothing was changed
    assert post(service, "ann") == (200, False)
    person = Person(service).reads("Go on?")
    assert person.answers("y") == 0
    assert "places\r\n  found                 2\r\n  lost                  0\r\n" in person.said
    assert person.said.rstrip().endswith("does not start any more.")
    assert [post(service, name) for name in ("ann", "kim", "bob")] == [(503, False)] * 3
    assert SECRET_LINE in service.stop()
    service.environ["DATAPOST_SECRET"] = NEW
    service.start()
    assert [post(service, name) for name in ("ann", "kim", "bob")] == [(200, False), (200, False), (200, True)]
    log = service.stop()
    assert OLD not in log + person.said and NEW not in log + person.said


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # tests/leads/test_rotation.py has both
def test_a_secret_that_is_lost_for_ever_is_forgotten(service):
    service.start()
    assert post(service, "ann") == (200, True)
    service.stop()
    person = Person(service, DATAPOST_OLD_SECRET="").reads("Go on?")
    assert "without the old secret, nothing" in person.said
    assert person.answers("y") == 0
    process = service.command("gunicorn")
    assert SECRET_LINE in process.communicate()[1] and process.returncode == 1
    service.environ["DATAPOST_SECRET"] = NEW
    assert post(service.start(), "ann") == (200, True)
