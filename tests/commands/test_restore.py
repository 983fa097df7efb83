"""`flask restore` where no service runs: of a database that is damaged, gone, or another user's."""

import os
import shutil
import sqlite3
from contextlib import closing

import pytest

import database
from database import engines
from database.sqlitefile import FileProblem


@pytest.fixture
def file(partner, flask, tmp_path):
    """The file of a database with one lead, of which there is a backup."""
    partner.lead(email="ann@example.com")
    assert flask("backup", "backup.db").exit_code == 0
    database.disconnect()
    return tmp_path / "leads.db"


def leads(file):
    with closing(sqlite3.connect(file)) as opened:
        return [email for (email,) in opened.execute("SELECT email FROM lead")]


def test_a_database_that_is_damaged_is_replaced_and_kept(flask, file):
    file.write_bytes(b"no database at all" * 1000)
    result = flask("restore", "backup.db")
    assert result.exit_code == 0 and "the old database is kept as" in result.output
    assert leads(file) == ["ann@example.com"]


def test_a_database_that_is_gone_is_made_anew(flask, file):
    file.unlink()
    result = flask("restore", "backup.db")
    assert result.exit_code == 0 and "the old database" not in result.output
    assert leads(file) == ["ann@example.com"]


def test_a_restore_that_was_interrupted_is_no_empty_database(flask, file, tmp_path):
    file.rename(tmp_path / "leads.db.before")
    shutil.copy("backup.db", "leads.db.new")
    with pytest.raises(FileProblem, match="a restore was interrupted, so that the database file is gone"):
        engines.Sqlite(f"sqlite:///{file}").check()  # as the next process does
    assert flask("restore", "backup.db").exit_code == 0
    assert leads(file) == ["ann@example.com"] and not os.path.exists("leads.db.new")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_what_root_restores_belongs_to_whom_the_old_file_belonged(flask, file):
    os.chown(file, 65534, 65534)
    os.chmod(file, 0o640)
    assert flask("restore", "backup.db").exit_code == 0
    assert (os.stat(file).st_uid, os.stat(file).st_mode & 0o777) == (65534, 0o640)
