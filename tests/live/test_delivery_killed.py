"""Delivery while services are killed, share one database, or lose it: every lead arrives, and no mark changes."""

import json
import os
import random
import signal
import sqlite3
import threading
from contextlib import closing
from http.client import HTTPException

import psycopg
import pytest
from cast import NEVER, Partner
from gunicorns import Service
from receiving import answer, delivering

import database
import models
from database import StoreError
from delivery import outbox, sending
from models import Delivery

RULES = """
fields: {email: {type: email, required: true}}
deliver: [{to: crm}]
"""
LEADS = 300


def to(receiver):
    return {"DATAPOST_DELIVER_CRM": receiver.url, "DATAPOST_DELIVER_PRIVATE": "on"}


def came(receiver):
    """Return the webhook-ids that came of each lead, by the id that stands in its body."""
    found = {}
    for request in list(receiver.requests):
        found.setdefault(json.loads(request.body)["id"], []).append(request.headers["webhook-id"])
    return found


def wait_for_leads(receiver, ids):
    """Wait until each of these leads has come."""
    with receiver.came:
        assert receiver.came.wait_for(lambda: ids <= came(receiver).keys(), NEVER)


def states(service):
    """Return the state of what became of each lead, by its id."""
    with closing(sqlite3.connect(service.database)) as stored:
        return dict(stored.execute("SELECT lead, state FROM delivery"))


def have_time_pass(service):
    """Have all that waits be due, and no lease run any more."""
    with closing(sqlite3.connect(service.database, timeout=NEVER)) as stored, stored:
        stored.execute("UPDATE delivery SET due_at = 0, lease_until = NULL WHERE state = 'waiting'")


class Posting:
    """A partner who posts leads over some connections, each until it is answered; `valid` are the ids of valid ones."""

    def __init__(self, service, count):
        self.service, self.left, self.valid = service, list(range(count)), set()
        self.comes, self.over = threading.Event(), threading.Event()

    def __enter__(self):
        self.threads = [threading.Thread(target=self._run) for _ in range(8)]
        [thread.start() for thread in self.threads]
        return self

    def __exit__(self, *_error):
        self.over.set()
        [thread.join() for thread in self.threads]

    def _run(self):
        while self.left:
            number = self.left.pop()
            while not self.over.is_set():
                try:
                    status, _, told = self.service.post(json.dumps({"email": f"a{number}@acme.example"}), timeout=NEVER)
                except (OSError, HTTPException, ValueError):  # killed
                    self.over.wait(0.05)
                    continue
                if status == 200:
                    self.valid.add(told["uniqueid"])
                    break

    def wait(self):
        """Wait until all are answered."""
        [thread.join(NEVER) for thread in self.threads]
        assert not any(thread.is_alive() for thread in self.threads)


@pytest.mark.long
def test_whatever_is_killed_at_whatever_moment_every_valid_lead_arrives(make_service, receiver):
    chance = random.Random()
    receiver.answers = lambda place, _: receiver.done.wait(chance.random() / 50) or place.sendall(answer())
    shop = make_service(RULES, **to(receiver)).start()
    moments = sorted(chance.sample(range(5, 220), 6))
    with Posting(shop, LEADS) as posting:
        for number, moment in enumerate(moments):
            receiver.wait_for(moment)
            if number % 2:
                os.kill(chance.choice(shop.workers()), signal.SIGKILL)  # the master starts another one
            else:
                shop.stop(signal.SIGKILL)
                assert {lead for lead, state in states(shop).items() if state == "sent"} <= came(receiver).keys()
                shop.start()
        posting.wait()
    shop.stop()
    assert len(posting.valid) == LEADS
    have_time_pass(shop)
    shop.start()
    ids = {lead for lead, _ in shop.leads()}
    assert posting.valid <= ids == states(shop).keys(), moments
    wait_for_leads(receiver, ids)
    shop.stop()
    assert set(states(shop).values()) == {"sent"}, moments
    assert all(set(marks) == {f"{lead}_crm"} for lead, marks in came(receiver).items())


def test_two_services_on_one_postgresql_send_each_lead_once(tmp_path, postgresql_url, receiver):
    models.connect(postgresql_url, "a key for tests")
    database.migrate()
    database.disconnect()
    folders = [tmp_path / name for name in ("one", "other")]
    [folder.mkdir() for folder in folders]
    one, other = (Service(folder, RULES, DATABASE_URL=postgresql_url, **to(receiver)) for folder in folders)
    address = one.environ.pop("DATAPOST_DELIVER_CRM")
    try:
        one.start()
        with Posting(one, 100) as posting:
            posting.wait()
        one.stop()
        one.environ["DATAPOST_DELIVER_CRM"] = address
        one.start(), other.start()  # both find what waits from before, while more comes to both
        with Posting(one, 50) as more, Posting(other, 50) as others:
            more.wait(), others.wait()
        ids = posting.valid | more.valid | others.valid
        wait_for_leads(receiver, ids)
    finally:
        for service in (one, other):
            if service.process:
                service.stop()
    assert came(receiver) == {lead: [f"{lead}_crm"] for lead in ids} and len(ids) == 200
    with psycopg.connect(postgresql_url) as stored:
        assert stored.execute("SELECT DISTINCT state, attempts FROM delivery").fetchall() == [("sent", 1)]


def test_a_lead_that_is_erased_while_it_waits_does_not_go(make_service, receiver):
    receiver.answers = answer(503)
    shop = make_service(RULES, **to(receiver)).start()
    made = [
        shop.post(json.dumps({"email": email}))[2]["uniqueid"] for email in ("ann@acme.example", "bob@acme.example")
    ]
    receiver.wait_for(2)
    command = shop.command("flask", "leads", "erase", "--email", "ann@acme.example", "--yes")
    assert command.communicate() and command.returncode == 0
    shop.stop()
    have_time_pass(shop)
    receiver.answers = answer()
    receiver.requests.clear()
    shop.start()
    wait_for_leads(receiver, {made[1]})
    shop.stop()
    assert (states(shop), came(receiver).keys()) == ({made[0]: "withdrawn", made[1]: "sent"}, {made[1]})


# --- While the database is down ---


@pytest.fixture
def partner(make_app, server, receiver):
    """A partner of a service on a PostgreSQL server of its own, which sends when a test says so."""
    models.connect(server.get_uri(), "a key for tests")
    database.migrate()
    database.transact(lambda: [table.delete().execute() for table in models.Table.__subclasses__()])
    made = Partner(make_app(RULES, database_url=server.get_uri(), **delivering(crm=receiver.url)))
    made.sender = made.app.extensions["datapost"].sender
    made.sender.wake = lambda: None
    return made


def stopping(server):
    """Return what answers a lead once the database is down."""

    def take(place, _request):
        server.stop()
        place.sendall(answer())

    return take


def test_what_was_sent_while_the_database_went_down_is_noted_once_it_is_back(partner, server, receiver, monkeypatch):
    def settle(*arguments):
        try:
            return noted(*arguments)
        except StoreError:
            server.ensure_postgres_running()
            raise

    noted = outbox.settle_and_claim
    monkeypatch.setattr(outbox, "settle_and_claim", settle)
    monkeypatch.setattr(sending, "AFTER_FAILURE", 0)
    receiver.answers = stopping(server)
    made = partner.lead(email="ann@acme.example")["uniqueid"]
    assert partner.sender.run_due() == {"sent": 1}
    with database.read():
        assert [(row.lead, row.state) for row in Delivery.select()] == [(made, "sent")]
    assert len(receiver.requests) == 1


def test_what_was_sent_while_the_database_was_down_for_longer_is_sent_again_under_the_same_id(
    partner, server, receiver, monkeypatch
):
    monkeypatch.setattr(sending, "SETTLE_WAIT", 0)
    monkeypatch.setattr(sending, "AFTER_FAILURE", 0)
    receiver.answers = stopping(server)
    made = partner.lead(email="ann@acme.example")["uniqueid"]
    with pytest.raises(StoreError):
        partner.sender.run_due()
    server.ensure_postgres_running()
    database.transact(Delivery.update(due_at=0, lease_until=None).execute)
    receiver.answers = answer()
    assert partner.sender.run_due() == {"sent": 1}
    assert came(receiver) == {made: [f"{made}_crm"] * 2}


def test_a_fault_that_nobody_knows_ends_no_thread(make_app, receiver, monkeypatch):
    def find(sender):
        if not broken:
            broken.append(True)
            raise ZeroDivisionError
        return found(sender)

    broken, found = [], sending.Sender._find
    monkeypatch.setattr(sending.Sender, "_find", find)
    monkeypatch.setattr(sending, "AFTER_FAILURE", 0)
    shop = Partner(make_app(RULES, **delivering(crm=receiver.url)))
    try:
        shop.lead(email="ann@acme.example")
        receiver.wait_for(1)
    finally:
        shop.app.extensions["datapost"].sender.stop()
    assert broken


# --- Many ---

MORE = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
"""
ANOTHER = "substr(id, 1, 16) || printf('%010d', i)"


def wait_in_line(partner, count):
    """Have so many leads wait: one that was posted, and others like it."""
    partner.lead(email="ann@acme.example")
    columns = [column for column in models.COLUMNS if column != "id"]
    names = ", ".join(f'"{column}"' for column in columns)
    deliveries = ", ".join(models.statements.OUTBOX[1:])
    with closing(sqlite3.connect(partner.app.extensions["datapost"].settings.database_url[10:])) as stored, stored:
        stored.execute(f"INSERT INTO lead (id, {names}) {MORE} SELECT {ANOTHER}, {names} FROM lead, n", [count - 1])
        stored.execute(
            f"INSERT INTO delivery (lead, {deliveries}) {MORE} "
            f"SELECT {ANOTHER.replace('id', 'lead')}, {deliveries} FROM delivery, n",
            [count - 1],
        )


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.long)])
def test_all_that_wait_are_found_and_sent_once(make_app, receiver, count):
    partner = Partner(make_app(RULES, **delivering(crm=receiver.url)))
    sender = partner.app.extensions["datapost"].sender
    sender.wake = lambda: None
    wait_in_line(partner, count)
    assert sender.run_due() == {"sent": count}
    assert len(receiver.requests) == len(came(receiver)) == count
