"""A ledger that is copied from SQLite to PostgreSQL: all of it, at any time, and compared."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from cast import ROOT, RULES
from gunicorns import Service, at_once
from peewee import AutoField

import database
import models
from commands import transfer
from database.secret import hold_secret
from delivery.outbox import Delivered, Standing
from judge.verdict import Claim, Reason, Verdict
from leads.publishing import publish

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path).start()
    yield service
    if service.process:
        service.stop()


def copy_to(service, url, *arguments):
    """Run `flask copy-to` with the address on standard input; return its exit status and what it said."""
    line = [sys.executable, "-m", "flask", "copy-to", *arguments]
    done = subprocess.run(line, cwd=ROOT, env=service.environ, input=url, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def post_some(service, name, number=20):
    return at_once(number, lambda n: service.post(f'{{"email": "{name}{n}@example.com", "years": {17 + n % 3}}}'))


def shape(text):
    return re.sub(r" +[0-9]+ rows", " N rows", re.sub(r"[0-9a-f]{16}", "SUM", text))


def ledger(url):
    """Return all that a ledger holds, by table."""
    models.connect(url, "a key for tests")
    try:
        with database.read():
            tables = {table for table in models.Table.__subclasses__() if table.moves}
            rows = {table.__name__: [row.__data__ for row in table.select()] for table in tables}
    finally:
        database.disconnect()
    for lead in rows["Lead"]:  # SQLite has no decimals
        lead |= {name: lead[name] and f"{lead[name]:.2f}" for name in ("sale_amount", "worth")}
    return {name: sorted(map(repr, found)) for name, found in rows.items()}


def test_a_copy_is_the_same_and_the_service_goes_on_with_it(service, postgresql_url):
    post_some(service, "ann")
    status, said = copy_to(service, postgresql_url)
    assert status == 0
    assert "lead                20 rows, the same here and there" in said
    shown = OPERATIONS.split("flask copy-to\nAddress of the PostgreSQL database:\n")[1].split("```")[0]
    assert shape(said) == shape(shown)
    assert ledger(postgresql_url) == ledger(service.environ["DATABASE_URL"])
    service.stop()
    service.environ["DATABASE_URL"] = postgresql_url
    service.start()
    assert (
        service.post('{"email": "ann1@example.com", "years": 18}')[2]["note"]
        == "This email address was already submitted"
    )
    assert service.post('{"email": "new@example.com", "years": 18}')[2]["valid"] is True
    assert service.post("{}", {"Authorization": "Basic eDp5"})[0] == 401  # which is recorded


def test_a_copy_tells_programs_the_rows_and_the_checksum_of_each_table(service, postgresql_url):
    post_some(service, "ann", 3)
    status, said = copy_to(service, postgresql_url, "--format", "json")
    assert status == 0
    tables = {row["table"]: row for row in json.loads(said)}
    assert tables["lead"]["rows"] == 3
    assert all(re.fullmatch("[0-9a-f]{64}", row["sha256"]) for row in tables.values())


def test_a_second_copy_brings_what_came_since(service, postgresql_url):
    post_some(service, "ann")
    assert copy_to(service, postgresql_url)[0] == 0
    post_some(service, "bob")
    models.connect(service.environ["DATABASE_URL"], "a key for tests")
    with database.read():
        models.Total.insert(key="k", used=3).execute()
    database.disconnect()
    assert copy_to(service, postgresql_url)[0] == 0
    assert ledger(postgresql_url) == ledger(service.environ["DATABASE_URL"])


def test_a_service_may_take_leads_during_a_copy(service, postgresql_url):
    post_some(service, "ann")
    with subprocess.Popen(
        [sys.executable, "-m", "flask", "copy-to", postgresql_url],
        cwd=ROOT,
        env=service.environ,
        stdout=subprocess.PIPE,
    ) as copying:
        turn = 0
        while copying.poll() is None:
            assert service.post(f'{{"email": "bob{turn}@example.com"}}')[2]["valid"] is True
            turn += 1
        assert copying.returncode == 0
    assert copy_to(service, postgresql_url)[0] == 0
    assert ledger(postgresql_url) == ledger(service.environ["DATABASE_URL"])


def test_leads_that_only_the_database_has_are_never_deleted(service, postgresql_url):
    post_some(service, "ann", 3)
    assert copy_to(service, postgresql_url)[0] == 0
    other = Service(service.folder, DATABASE_URL=postgresql_url).start()
    assert other.post('{"email": "new@example.com"}')[2]["valid"] is True
    other.stop()
    before = ledger(postgresql_url)["Lead"]
    status, said = copy_to(service, postgresql_url)
    assert status == 1
    assert "4 in lead" in said and "a service has begun to store leads there: name an empty one" in said
    assert ledger(postgresql_url)["Lead"] == before


@pytest.fixture
def file(tmp_path):
    """The path of a ledger in SQLite with 20 leads, and without a service."""
    models.connect(f"sqlite:///{tmp_path}/file.db", "a key for tests")
    for number in range(20):
        record(number)
    database.transact(_deliver)
    database.disconnect()
    yield str(tmp_path / "file.db")
    database.disconnect()


def _deliver():
    """Have one lead be sent, and the others wait, as the destination is paused."""
    sent = models.Delivery.update(state="sent", sent_at=datetime.now(UTC), last_status=200)
    sent.where(models.Delivery.lead == models.Delivery.get().lead).execute()
    Standing.insert(name="crm", paused_at=datetime.now(UTC), paused_by="ann", why="paused by ann").execute()
    Delivered.insert(program="default", day="2026-11-28", destination="crm", sent=1, dead=0).execute()


def record(number):
    """Store the lead of a person; those of every third one are refused."""
    verdict = Verdict("default", "h" * 64, partner="bright", subpartner=f"s-{number % 2}", deliver=["crm"])
    if number % 3:
        verdict.claims = [Claim("duplicate", (f"ann{number}",), Reason("duplicate", "Already submitted"))]
    else:
        verdict.refuse(Reason("adult", "Too young"), "adult")
    return models.record(models.Submission("default", "", b"", "", b"", datetime.now(UTC)), verdict)


def in_file(file, work):
    models.connect(f"sqlite:///{file}", "a key for tests")
    result = database.transact(work)
    database.disconnect()
    return result


def all_of(file, url):
    return ledger(url) == ledger(f"sqlite:///{file}")


def test_what_was_deleted_or_forgotten_between_two_copies_is_gone_there_too(file, postgresql_url, monkeypatch):
    monkeypatch.setattr(transfer, "CHUNK", 3)
    transfer.copy(file, postgresql_url, progress)
    in_file(file, lambda: [delete_some(table) for table in (models.Lead, models.Refusal, models.Taken)])
    transfer.copy(file, postgresql_url, progress)
    assert all_of(file, postgresql_url)
    models.connect(postgresql_url, "a key for tests")
    assert sum(record(number).valid for number in range(20)) == 5  # of those who were forgotten


def test_what_is_delivered_moves_along_and_a_paused_destination_stays_paused(file, postgresql_url):
    transfer.copy(file, postgresql_url, progress)
    models.connect(postgresql_url, "a key for tests")
    with database.read():
        assert {row.state for row in models.Delivery.select()} == {"waiting", "sent"}
        assert (Standing.get().paused_by, Delivered.get().sent) == ("ann", 1)
    database.disconnect()
    assert all_of(file, postgresql_url)


def delete_some(table):
    for row in list(table.select())[::3]:
        row.delete_instance()


def test_the_copy_knows_the_secret_of_the_file(file, postgresql_url):
    transfer.copy(file, postgresql_url, progress)
    models.connect(postgresql_url, "another")
    with pytest.raises(database.SchemaError, match="DATAPOST_SECRET is not the one"):
        database.prepare(hold_secret)


def test_a_database_on_which_a_service_was_started_with_another_secret_is_refused(file, postgresql_url):
    models.connect(postgresql_url, "another")
    database.migrate()
    database.prepare(hold_secret)
    with pytest.raises(transfer.TransferError, match="started on the database with another DATAPOST_SECRET"):
        transfer.copy(file, postgresql_url, progress)


def test_nothing_is_deleted_where_a_service_has_worked_and_its_leads_were_deleted_by_age(file, postgresql_url):
    models.connect(postgresql_url, "a key for tests")
    database.migrate()
    assert record(1).valid
    database.transact(models.Lead.delete().execute)
    before = ledger(postgresql_url)
    with pytest.raises(transfer.TransferError, match="has rows already .*1 in claim"):
        transfer.copy(file, postgresql_url, progress)
    database.disconnect()
    assert ledger(postgresql_url) == before


def test_a_copy_waits_for_the_first_lead_of_a_service_and_leaves_it_alone(file, postgresql_url):
    transfer.copy(file, postgresql_url, progress)
    database.disconnect()
    with psycopg.connect(postgresql_url) as service, ThreadPoolExecutor(1) as threads:
        service.execute("DELETE FROM fact WHERE name = 'file'")  # as models.py does before all else
        copying = threads.submit(transfer.copy, file, postgresql_url, progress)
        with psycopg.connect(postgresql_url, autocommit=True) as watcher:
            while not watcher.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                assert not copying.done()
        service.execute("INSERT INTO total (key, used) VALUES ('theirs', 1)")
        service.commit()
        assert "a service has begun to store leads there" in str(copying.exception())
        assert service.execute("SELECT used FROM total").fetchall() == [(1,)]


def test_rows_of_every_table_that_moves_are_known_by_what_they_say_and_not_by_a_number_of_their_own():
    for table in models.Table.__subclasses__():
        assert not table.moves or not any(isinstance(key, AutoField) for key in table._meta.get_primary_keys())


def test_a_copy_that_was_interrupted_goes_on_where_it_was(file, postgresql_url, monkeypatch):
    written = []
    monkeypatch.setattr(transfer, "CHUNK", 5)
    write_chunk = transfer.write_chunk

    def write_two(table, *arguments):
        if table.name == "lead" and len(written) == 2:
            raise KeyboardInterrupt
        write_chunk(table, *arguments)
        written.extend([table.name] * (table.name == "lead"))

    monkeypatch.setattr(transfer, "write_chunk", write_two)
    with pytest.raises(KeyboardInterrupt):
        transfer.copy(file, postgresql_url, progress)
    with database.read():
        assert models.Lead.select().count() == 10
    database.disconnect()
    monkeypatch.setattr(transfer, "write_chunk", write_chunk)
    transfer.copy(file, postgresql_url, progress)
    database.disconnect()
    assert all_of(file, postgresql_url)


class progress:
    def __init__(self, length):
        self.left = length

    def __enter__(self):
        return self

    def update(self, rows):
        self.left -= rows

    def __exit__(self, *_):
        assert self.left == 0 or _[0]


def test_a_copy_stops_when_a_service_begins_to_store_leads_over_there(file, postgresql_url, monkeypatch):
    write_chunk = transfer.write_chunk

    def begin(*arguments):
        write_chunk(*arguments)
        verdict = Verdict("default", "of a service over there")
        models.record(models.Submission("default", "", b"", "", b"", datetime.now(UTC)), verdict)

    monkeypatch.setattr(transfer, "write_chunk", begin)
    with pytest.raises(transfer.TransferError, match="a service stores leads in the database already"):
        transfer.copy(file, postgresql_url, progress)
    with database.read():
        assert models.Lead.select().count() == 1
    database.disconnect()


def test_long_leads_are_copied_in_small_chunks(file, postgresql_url, monkeypatch):
    chunks, write_chunk = [], transfer.write_chunk

    def write(table, rows, note):
        chunks.append((table.name, len(rows)))
        write_chunk(table, rows, note)

    monkeypatch.setattr(transfer, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(transfer, "write_chunk", write)
    assert ("lead", 20) in [row[:2] for row in transfer.copy(file, postgresql_url, progress)]
    database.disconnect()
    leads = [rows for table, rows in chunks if table == "lead"]
    assert sum(leads) == 20 and len(leads) > 2


def test_a_copy_that_differs_is_told(file, postgresql_url, monkeypatch):
    there = transfer.found_there
    monkeypatch.setattr(transfer, "found_there", lambda table, rows: dict(list(there(table, rows).items())[1:]))
    with pytest.raises(transfer.TransferError, match="claim: 13 rows in the file, 13 in the database, not the same"):
        transfer.copy(file, postgresql_url, progress)
    database.disconnect()


@pytest.fixture
def idle(file, tmp_path):
    """A service that was not started, for the commands of its machine."""
    return Service(tmp_path, DATABASE_URL=f"sqlite:///{file}")


@pytest.mark.parametrize("url", ["sqlite:///other.db", "postgresql", "mysql://x/y", "postgresql://h/%zz"])
def test_another_address_than_postgresql_is_refused_with_an_example(idle, url):
    status, said = copy_to(idle, url)
    assert status == 1
    assert "write the address as postgresql://user:password@host:5432/name" in said


@pytest.mark.parametrize("address", ["postgresql://ann:geheim@127.0.0.1:1/x", "postgresql:///x?password=geheim"])
def test_a_password_in_the_command_is_refused(idle, address):
    status, said = copy_to(idle, "", address)
    assert status == 1
    assert "everybody on this machine can see the password of an address in a command" in said
    assert "geheim" not in said


def test_a_database_that_cannot_be_reached_is_said_plainly(idle):
    status, said = copy_to(idle, "", "postgresql://nobody@127.0.0.1:1/nothing")
    assert status == 1
    assert "Connection refused" in said


def test_published_rules_move_along_and_go_on(tmp_path, postgresql_url):
    service = Service(tmp_path, DATAPOST_RULES_FROM="dashboard").start()
    service.stop()
    before = ledger(service.environ["DATABASE_URL"])
    assert len(before["Published"]) == 1
    status, said = copy_to(service, postgresql_url)
    assert status == 0, said
    assert ledger(postgresql_url)["Published"] == before["Published"]
    models.connect(postgresql_url, "a key for tests")
    try:
        assert publish("default", RULES, "ann", "there", based_on=1).version == 2
    finally:
        database.disconnect()
