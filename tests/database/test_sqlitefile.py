"""A SQLite file and its log: what a copy or a crash does to them, and what is made of it."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from cast import ROOT, SAMPLES
from sqlitefiles import copy, crashed, lead, leads_in, log_of, start

import database
import models
from web.health import check_writing


def is_sound(file):
    """Tell whether SQLite finds nothing wrong in a file without a log."""
    with closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as reader:
        return reader.execute("pragma integrity_check").fetchone() == ("ok",)


# --- The copies that an owner may have ---


def as_it_is(file, target):
    copy(file, target)


def by_vacuum(file, target):
    with closing(sqlite3.connect(file)) as source:
        source.execute("vacuum into ?", [str(target)])


def by_backup(file, target):
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as backup:
        source.backup(backup)


def of_version_0_1_0(_file, target):
    with closing(sqlite3.connect(target)) as old:
        old.executescript((SAMPLES / "ledger-0.1.0.sql").read_text())
        old.execute("pragma journal_mode = wal")


def that_is_empty(_file, target):
    target.touch()


# --- A log that belongs to another file ---


@pytest.mark.parametrize("make", [as_it_is, by_vacuum, by_backup, of_version_0_1_0, that_is_empty])
def test_a_copy_beside_the_log_of_the_old_file_is_left_alone_until_the_log_is_away(sqlite_file, tmp_path, make):
    lead("ann")
    database.disconnect()
    make(sqlite_file, tmp_path / "copy")
    start(sqlite_file)
    lead("bob")
    file = crashed(sqlite_file, tmp_path / "after")
    copy(tmp_path / "copy", file)
    left = file.read_bytes(), log_of(file).read_bytes()
    for _ in range(2):
        with pytest.raises(database.SchemaError, match="leads.db-wal belongs to another file than leads.db. If"):
            start(file)
        with pytest.raises(database.StoreError, match="belongs to another file"):
            lead("cid")
    database.disconnect()
    assert (file.read_bytes(), log_of(file).read_bytes()) == left
    log_of(file).unlink()
    start(file)
    assert lead("cid").valid
    database.disconnect()
    assert is_sound(file)


def test_a_copy_that_is_put_in_place_as_the_readme_says_is_opened(tmp_path):
    start(tmp_path / "datapost.db")
    lead("ann")
    by_backup(tmp_path / "datapost.db", tmp_path / "copy.db")
    lead("bob")
    file = crashed(tmp_path / "datapost.db", tmp_path / "after")
    copy(tmp_path / "copy.db", file.parent)
    (block,) = re.findall(r"```text\n(\$ mkdir old[^`]*)```", (ROOT / "docs" / "operations.md").read_text())
    subprocess.run(["bash", "-ec", block.replace("$ ", "")], cwd=file.parent, check=True)
    assert leads_in(file) == ["ann"]
    assert lead("cid").valid
    assert leads_in(file.parent / "old" / "datapost.db") == ["ann", "bob"]
    database.disconnect()


def test_a_copy_by_vacuum_is_told_from_the_file_at_any_time(sqlite_file, tmp_path):
    lead("ann")
    by_vacuum(sqlite_file, tmp_path / "copy")
    lead("bob")
    file = crashed(sqlite_file, tmp_path / "after")
    copy(tmp_path / "copy", file)
    with pytest.raises(database.SchemaError, match="belongs to another file"):
        start(file)


@pytest.mark.parametrize("make", [as_it_is, by_backup])
def test_a_copy_that_the_log_makes_whole_is_opened(sqlite_file, tmp_path, make):
    lead("ann")
    make(sqlite_file, tmp_path / "copy")
    lead("bob")
    file = crashed(sqlite_file, tmp_path / "after")
    copy(tmp_path / "copy", file)
    assert leads_in(file) == ["ann", "bob"]
    database.disconnect()
    assert is_sound(file)


def test_a_file_that_is_gone_does_not_cost_its_log(sqlite_file, tmp_path):
    lead("ann")
    file = crashed(sqlite_file, tmp_path / "after")
    file.rename(tmp_path / "away")
    with pytest.raises(database.SchemaError, match="put the file back that leads.db-wal belongs to"):
        start(file)
    (tmp_path / "away").rename(file)
    assert leads_in(file) == ["ann"]


@pytest.mark.parametrize("make", [as_it_is, by_backup, by_vacuum, of_version_0_1_0])
def test_on_a_file_that_is_written_over_while_it_is_used_nothing_is_done(sqlite_file, tmp_path, make):
    lead("ann")
    database.disconnect()
    make(sqlite_file, tmp_path / "copy")
    start(sqlite_file)
    lead("bob")
    inode = sqlite_file.stat().st_ino
    copy(sqlite_file, tmp_path / "right")
    copy(tmp_path / "copy", sqlite_file)
    assert sqlite_file.stat().st_ino == inode
    for action in (lambda: lead("cid"), lambda: database.read().__enter__(), check_writing, database.scrub):
        with pytest.raises(database.SchemaError, match="was replaced or written over"):
            action()
    copy(tmp_path / "right", sqlite_file)
    assert lead("cid").valid
    copy(tmp_path / "copy", sqlite_file)
    database.disconnect()
    assert sqlite_file.read_bytes() == (tmp_path / "copy").read_bytes()
    with pytest.raises(database.SchemaError, match="belongs to another file"):
        start(sqlite_file)


def test_a_process_that_ends_leaves_a_file_alone_that_was_written_over(sqlite_file, tmp_path):
    lead("ann")
    database.disconnect()
    copy(sqlite_file, tmp_path / "copy")
    script = (
        f"import sys, subprocess; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]; import models\n"
        f"from cast import submit; models.connect('sqlite:///{sqlite_file}', 'a key for tests')\n"
        f"submit('bob'); subprocess.run(['cp', {str(tmp_path / 'copy')!r}, {str(sqlite_file)!r}])\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert sqlite_file.read_bytes() == (tmp_path / "copy").read_bytes()
    assert log_of(sqlite_file).stat().st_size


# --- No false alarm ---


def test_a_log_that_another_version_left_is_replayed_if_all_of_the_file_is_sound(tmp_path):
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.execute("pragma journal_mode = wal")
        old.executescript((SAMPLES / "ledger-0.1.0.sql").read_text())
        old.execute("pragma wal_checkpoint(truncate)")
        old.execute("update lead set note = 'new'")
        old.commit()
        file = crashed(tmp_path / "old.db", tmp_path / "after")
        damaged = crashed(tmp_path / "old.db", tmp_path / "damaged")
    assert len(leads_in(file)) == 4
    assert lead("ann").valid
    assert len(leads_in(crashed(file, tmp_path / "again"))) == 5
    database.disconnect()
    of_version_0_1_0(None, tmp_path / "other")
    with closing(sqlite3.connect(tmp_path / "other")) as other:
        other.execute("drop table lead")
        other.execute("vacuum")
    copy(tmp_path / "other", damaged)
    with pytest.raises(database.SchemaError, match="belongs to another file"):
        start(damaged)


def test_a_log_that_was_cut_off_anywhere_is_none_of_another_file(sqlite_file, tmp_path):
    start(sqlite_file)
    lead("ann")
    database.scrub()
    file = crashed(sqlite_file, tmp_path / "after")
    log = log_of(file).read_bytes()
    database.disconnect()
    for length in (0, 1, 31, 32, 33, 56, 4000, len(log) - 1, len(log)):
        log_of(file).write_bytes(log[:length])
        assert leads_in(file) == ["ann"]
        database.disconnect()


def test_a_log_that_the_loss_of_power_brought_back_is_none_of_another_file(sqlite_file, tmp_path):
    lead("ann")
    before = crashed(sqlite_file, tmp_path / "before")
    database.scrub()
    after = crashed(sqlite_file, tmp_path / "after")
    copy(log_of(before), log_of(after))
    assert leads_in(after) == ["ann"]


def test_a_log_that_somebody_reads_is_renewed_later(sqlite_file, tmp_path):
    lead("ann")
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select * from lead").fetchone()
        lead("bob")
        assert not database.scrub()
        lead("cid")
        assert leads_in(crashed(sqlite_file, tmp_path / "after")) == ["ann", "bob", "cid"]
        start(sqlite_file)
    assert database.scrub()
    assert leads_in(crashed(sqlite_file, tmp_path / "later")) == ["ann", "bob", "cid"]


KILLED = """
import os, sys
sys.path[:0] = [{root!r}, {tests!r}]
import models, database
from database import sqlitefile
from cast import submit
sqlitefile.LONGEST_LOG = 20_000
for turn in sys.stdin:
    child = os.fork()
    if not child:
        models.connect("sqlite:///{file}", "")
        for number in range(10_000):
            name = f"{{turn.strip()}}-{{number}}"
            assert submit(name, user=name).valid
            print(name, flush=True)
    os.waitpid(child, 0)
    print("over", flush=True)
"""


def killed_while_writing(file, kills, moments):
    """Kill a process that stores leads and often renews the log, again and again; return what it had confirmed."""
    script = KILLED.format(root=str(ROOT), tests=str(ROOT / "tests"), file=file)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    confirmed = []
    with subprocess.Popen([sys.executable, "-c", script], **pipes) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for turn in range(kills):
            print(turn, file=process.stdin, flush=True)
            last = len(confirmed) + moments.randint(1, 20)
            for line in process.stdout:
                if line == "over\n":
                    break
                confirmed.append(line.strip())
                if len(confirmed) == last:
                    for _ in range(moments.randint(0, 2000)):  # some part of the way of the next lead
                        pass
                    os.kill(int(children.read_text()), signal.SIGKILL)
    return confirmed


def test_whenever_it_is_killed_no_lead_is_lost_and_no_start_is_refused(sqlite_file, tmp_path):
    database.disconnect()
    confirmed = killed_while_writing(sqlite_file, int(os.environ.get("KILLS", 12)), Random(7))
    assert len(confirmed) >= 12
    stored = leads_in(sqlite_file)
    assert set(confirmed) <= set(stored)
    assert len(stored) == len(set(stored))
    database.disconnect()
    assert is_sound(sqlite_file)


# --- The commands ---


def test_no_command_opens_a_file_with_the_log_of_another(flask, partner, tmp_path):
    file = tmp_path / "leads.db"
    partner.lead(email="ann@example.com")
    database.disconnect()
    copy(file, tmp_path / "copy")
    models.connect(f"sqlite:///{file}", "a key for tests")
    partner.lead(email="bob@example.com")
    kept = crashed(file, tmp_path / "after")
    database.disconnect()
    copy(tmp_path / "copy", file)
    copy(log_of(kept), log_of(file))
    left = file.read_bytes(), log_of(file).read_bytes()
    for command in (["migrate"], ["leads", "list"], ["leads", "purge"], ["copy-to", "postgresql://localhost/none"]):
        models.connect(f"sqlite:///{file}", "a key for tests")
        result = flask(*command)
        assert result.exit_code == 1, command
        assert "leads.db-wal belongs to another file than leads.db" in result.output
        assert "Traceback" not in result.output
    assert (file.read_bytes(), log_of(file).read_bytes()) == left
