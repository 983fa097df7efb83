"""Reversals while services are killed, and share one database with commands: each write is sent once, or looked up."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta

import pytest
from cast import ROOT
from gunicorns import Service
from reversing import NOW, RULES, see, store

import database
import models
from impact import proposals, states
from impact.ledger import Reversal
from impact.standin import StandIn

FAST = (
    "from impact import rounds; from web import background",
    "background.EVERY = 0.1",
    "rounds.CHORES[:] = [rounds.Chore('reversals', 100, 100, rounds.run_due)]",
)


class Slow(StandIn):
    """A stand-in that takes a while for each write; `came` is released for each that came to it."""

    def __init__(self):
        super().__init__()
        self.seconds, self.came, self.over = 0, threading.Semaphore(0), threading.Event()

    def submit(self, change, fields):
        self.came.release()
        self.over.wait(self.seconds)
        return super().submit(change, fields)

    def wait_for(self, count):
        for _ in range(count):
            assert self.came.acquire(timeout=60)

    @property
    def times(self):
        """How often each action was named by a write."""
        return Counter(fields.get("ActionId") or fields["OrderId"] for _, _, fields in self.writes)


class Shop:
    """Services on one database, whose approved leads have actions at the stand-in."""

    def __init__(self, folder, url, standin):
        self.url, self.standin, self.services = url, standin, []
        account = {f"DATAPOST_{name.upper()}": str(value) for name, value in standin.settings.items()}
        for name in ("one", "other"):
            (folder / name).mkdir()
            service = Service(folder / name, RULES, DATABASE_URL=url, **account | {"DATAPOST_DELIVER_PRIVATE": "on"})
            self.services.append(service.have_first(*FAST))

    def ledger(self, work):
        models.connect(self.url, "a key for tests")
        try:
            return database.transact(work)
        finally:
            database.disconnect()

    def approve(self, count, known=True):
        models.connect(self.url, "a key for tests")
        leads = [store() for _ in range(count)]
        for lead in leads:
            action = self.standin.add(lead.id, event_at=lead.received_at)
            if known:
                see(lead, id=action, locking_at=self.standin.actions[action]["locking_at"])
            proposed = proposals.new_row(
                lead, "Fake", "CONS_FRAUD", known and states.action_of(lead.id, "default"), NOW, ""
            )
            database.transact(Reversal.insert(proposed | {"sure": True}).execute)
        database.disconnect()
        command = self.services[0].command("flask", "reversals", "approve", "--all", "--yes")
        _, err = command.communicate()
        assert command.returncode == 0, err
        return [lead.id for lead in leads]

    def states(self):
        return Counter(self.ledger(lambda: [row.state for row in Reversal.select()]))

    def have_time_pass(self):
        """Have leases be over, all that waits be due, and the last write be long ago."""
        long_ago = NOW - timedelta(hours=2)
        for column in (Reversal.lease_until, Reversal.due_at, Reversal.submitted_at):
            self.ledger(Reversal.update({column: long_ago}).where(column.is_null(False)).execute)

    def run(self):
        command = self.services[0].command("flask", "reversals", "run", "--format", "json")
        out, err = command.communicate()
        assert command.returncode == 0, err
        return {result: count for result, count in json.loads(out).items() if count}


@pytest.fixture
def shop(tmp_path, database_url):
    with Slow() as standin:
        made = Shop(tmp_path, database_url, standin)
        yield made
        standin.over.set()
        for service in made.services:
            if service.process:
                service.stop(signal.SIGKILL)


def test_whoever_is_killed_while_several_submit_each_write_is_sent_once(shop):
    shop.approve(12)
    shop.standin.seconds = 0.1
    one, other = (service.start() for service in shop.services)
    commands = [one.command("flask", "reversals", "run") for _ in range(2)]
    shop.standin.wait_for(4)
    os.kill(random.choice(one.workers()), signal.SIGKILL)
    os.killpg(commands[0].pid, signal.SIGKILL)
    shop.standin.wait_for(3)
    other.stop(signal.SIGKILL)
    shop.standin.wait_for(5)
    for command in commands:
        command.communicate(timeout=60)
    one.stop()
    shop.have_time_pass()
    shop.run()
    assert shop.states() == {"queued": 12}
    assert shop.standin.times == dict.fromkeys(shop.standin.actions, 1)


def test_what_was_noted_and_never_sent_is_sent_once_nobody_knows_of_it_for_an_hour(shop):
    shop.approve(1, known=False)
    begun = "import impact.api, os; impact.api.Api.reverse = lambda *a, **k: os._exit(9)"
    code = f"{begun}; from app import create_app; from impact import reversals; app = create_app()\n"
    code += "with app.app_context(): reversals.run_due(app.extensions['datapost'])"
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=shop.services[0].environ)
    assert (killed.returncode, shop.states(), shop.standin.writes) == (9, {"submitting": 1}, [])
    assert shop.run() == {}
    shop.have_time_pass()
    assert shop.run() == {"submitted": 1}
    assert shop.standin.times == dict.fromkeys(shop.standin.actions, 1)


def test_a_full_disk_behind_standard_output_is_told_with_what_to_do(shop):
    shop.approve(1)
    line, environ = [sys.executable, "-m", "flask", "reversals", "file"], shop.services[0].environ
    with open("/dev/full", "w") as full:
        told = subprocess.run(line, cwd=ROOT, env=environ, stdout=full, stderr=subprocess.PIPE, text=True)
    assert told.returncode == 1 and "Traceback" not in told.stderr
    assert "standard output cannot be written (No space left on device)" in told.stderr
    again = subprocess.run([*line, "--again"], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
    assert "1000.4636.158133,,,0,USD,,CONS_FRAUD" in again.stdout
