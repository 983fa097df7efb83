"""What was removed, and what is not to be stored, is in no file and no table."""

import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cast import FORM, JSON, XML, Partner, multipart
from counted import NOW, count_all, program
from purged import PERSONAL, PROGRAM, RULES, ann, everything, post, purge_some

import database
import models
from database import engines
from leads import erasure


def files_of(sqlite_file):
    return b"".join(path.read_bytes() for path in sqlite_file.parent.glob("leads.db*"))


def test_what_is_removed_is_not_in_the_files_of_sqlite_any_more(sqlite_file):
    database.migrate()
    for number in range(400):  # so that pages of the tables and their indexes were split and moved
        post(f"email={number * 7919 % 400}.canary@example.com&phone=415555{2000 + number}&n={'x' * number}".encode())
    assert files_of(sqlite_file).count(b"7.canary@example.com") > 0
    person = erasure.with_email("7.canary@example.com")
    found = erasure.find(person, lambda _: None)
    assert erasure.erase(found, person, "email")
    assert len(found) == 1
    assert b"=7.canary@" not in files_of(sqlite_file).lower()
    rest = erasure.Person("canary")
    erasure.erase(erasure.find(rest, lambda _: None), rest, "email")
    assert b"canary" not in files_of(sqlite_file).lower()
    assert b"4155552" not in files_of(sqlite_file)


def left_in(sqlite_file):
    """Return what of Ann is still in the files."""
    return [text for text in PERSONAL if text.encode() in files_of(sqlite_file)]


def test_what_the_service_masks_and_deletes_is_not_in_the_files_of_sqlite_any_more(sqlite_file):
    database.migrate()
    for age in (400, 91):
        ann(NOW - timedelta(days=age))
    count_all(programs=[PROGRAM])
    assert left_in(sqlite_file) == list(PERSONAL)
    while purge_some():
        pass
    assert left_in(sqlite_file) == []


@pytest.fixture
def impatient(monkeypatch):
    """SQLite waits for nobody who reads."""
    monkeypatch.setattr(engines, "LOCK_WAIT", 0)


@contextmanager
def reading(file):
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM lead").fetchone()
        yield


def test_while_somebody_reads_the_files_are_left_and_soon_tried_again(impatient, sqlite_file, caplog):
    database.migrate()
    other = program("other", RULES)
    for one in (PROGRAM, other):
        ann(NOW - timedelta(days=91), one)
    count_all(programs=[PROGRAM, other])
    with reading(sqlite_file):
        while purge_some(NOW, PROGRAM, other):
            pass
        assert left_in(sqlite_file) == list(PERSONAL)
        (warning,) = [record.getMessage() for record in caplog.records if record.name == "datapost"]
        assert "somebody reads the database" in warning and "tried again in 5 minutes" in warning
    assert not purge_some(NOW + timedelta(minutes=4), PROGRAM, other)
    assert left_in(sqlite_file) == list(PERSONAL)
    assert not purge_some(NOW + timedelta(minutes=5), PROGRAM, other)
    assert left_in(sqlite_file) == []


def vacuums():
    """Return how often PostgreSQL has looked for free room among the leads."""
    with database.read():
        (count,) = database.db.execute_sql(
            "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'lead' AND schemaname = current_schema()"
        ).fetchone()
    return count


def test_the_service_has_postgresql_free_the_room_of_what_it_masked(postgresql_ledger):
    before = vacuums()
    ann(NOW - timedelta(days=91))
    count_all(programs=[PROGRAM])
    while purge_some():
        pass
    assert vacuums() == before + 1


FORGETFUL = """
partner: irpid
fields:
  email: {type: email, required: true}
  ssn: {type: id, standard: us.ssn, store: false, aliases: [social]}
  irpid: {}
"""
FORGOTTEN = {
    "form": (b"email=a@example.com&ssn=536-90-4399", FORM),
    "an alias": (b"email=b@example.com&Social=536-90-4399", FORM),
    "json": (b'{"email": "c@example.com", "ssn": ["536-90-4399"]}', JSON),
    "xml": (b"<l><email>d@example.com</email><ssn id='536-90-4399'>536-90-4399</ssn></l>", XML),
    "multipart": (multipart([("ssn", "536-90-4399")], "b")[0], "multipart/form-data; boundary=b"),
    "invalid": (b"ssn=536-90-4399-1", FORM),
    "unreadable": (b'{"ssn": "536-90-4399"', JSON),
    "below another name": (b'{"email": "e@example.com", "applicant": {"SSN": "536-90-4399"}}', JSON),
    "deep below, as an alias": (b"<l><a><b><social><c>536-90-4399</c></social></b></a></l>", XML),
    "an attribute": (b"<person ssn='536-90-4399'><email>f@example.com</email></person>", XML),
    "brackets": (b"applicant[s_s_n]=536-90-4399&x[ssn][]=536-90-4399", FORM),
}


def test_what_is_not_to_be_stored_is_nowhere(make_app, database_url, tmp_path):
    if database_url.startswith("postgresql"):
        models.connect(database_url, "a key for tests")
        database.migrate()
    partner = Partner(make_app(FORGETFUL, database_url=database_url))
    for body, content_type in FORGOTTEN.values():
        assert "Datapost-Lead" in partner.post(body, content_type).headers
    assert "Datapost-Lead" in partner.post(b"", path="/leads?ssn=536-90-4399").headers
    assert "a@example.com" in everything()
    assert "536-90" not in everything()
    if database_url.startswith("sqlite"):
        assert b"536-90" not in files_of(tmp_path / "leads.db")


def test_what_purge_removed_is_not_in_the_files_any_more(service, tmp_path):
    post(b"email=kim@example.com", at=datetime.now(UTC) - timedelta(days=200))
    assert b"kim@example" in files_of(tmp_path / "leads.db")
    service.flask("leads", "purge", "--dry-run")
    assert b"kim@example" in files_of(tmp_path / "leads.db")
    service.flask("leads", "purge")
    assert b"kim@example" not in files_of(tmp_path / "leads.db")


def test_purge_says_that_it_is_to_be_run_again_where_somebody_reads_the_files(impatient, service, tmp_path):
    with reading(tmp_path / "leads.db"):
        assert "Somebody reads the database" in service.flask("leads", "purge").output
    assert service.flask("leads", "purge").output == "default: 0 leads masked, 0 leads deleted\n"
