"""A SQLite file that is damaged, or on a disk that does not confirm: nobody is told what is not certain."""

import subprocess

import pytest
from brokendisk import break_syncs, descriptors_of, needs_broken_disk
from sqlitefiles import copy, crashed, lead, leads_in, log_of, start

import database
import models
from database import engines
from database.sqlitefile import FileProblem
from models import Lead
from web.health import check_writing

# --- A damaged file ---


def damage(file):
    """Spoil all pages of the file but the first, as a dying disk might."""
    size = file.stat().st_size
    where = ["bs=4096", "seek=1", f"count={size // 4096 - 1}", "conv=notrunc", "status=none"]
    subprocess.run(["dd", "if=/dev/zero", f"of={file}", *where], check=True)


def test_after_damage_was_found_nobody_is_answered_until_the_file_is_sound_again(sqlite_file, tmp_path):
    lead("ann")
    database.disconnect()
    copy(sqlite_file, tmp_path / "copy")
    damage(sqlite_file)
    models.connect(f"sqlite:///{sqlite_file}", "a key for tests")
    with pytest.raises(database.SchemaError, match="malformed"):
        lead("bob")
    for action in (lambda: database.transact(lambda: None), check_writing, lambda: database.read().__enter__()):
        with pytest.raises(database.SchemaError, match="leads.db is damaged .*malformed.*: stop"):
            action()
    for _ in range(2):
        with pytest.raises(database.SchemaError, match="leads.db is damaged"):
            start(sqlite_file)
    database.disconnect()
    copy(tmp_path / "copy", sqlite_file)
    log_of(sqlite_file).unlink(missing_ok=True)
    assert leads_in(sqlite_file) == ["ann"]
    assert lead("bob").valid


def test_damage_that_one_process_finds_is_known_to_all(sqlite_file):
    lead("ann")
    database.scrub()
    other = engines.Sqlite(f"sqlite:///{sqlite_file}")
    other.check()
    damage(sqlite_file)
    with pytest.raises(database.SchemaError, match="malformed"), database.read():
        Lead.select().where(Lead.partner == "none").first()
    with pytest.raises(FileProblem, match="leads.db is damaged"):
        other.check()
    other.close()


# --- A commit that the disk does not confirm ---


def lead_on_a_broken_disk(name, descriptors):
    """Store a lead while fsync fails for these descriptors, and return the error."""
    database.transact(lambda: break_syncs(descriptors))
    with pytest.raises(database.StoreError) as caught:
        lead(name)
    return caught.value


@needs_broken_disk
def test_a_lead_that_the_disk_did_not_confirm_is_gone_for_certain_if_the_disk_can_be_written_again(
    sqlite_file, tmp_path, caplog
):
    lead("ann")
    error = lead_on_a_broken_disk("bob", descriptors_of(log_of(sqlite_file))[-1:])
    assert not isinstance(error, database.Unsure)
    assert "disk I/O error" in str(error)
    assert not caplog.messages
    assert leads_in(crashed(sqlite_file, tmp_path / "after")) == ["ann"]
    start(sqlite_file)
    assert lead("bob").valid
    assert leads_in(crashed(sqlite_file, tmp_path / "later")) == ["ann", "bob"]


@needs_broken_disk
def test_a_lead_of_which_a_broken_disk_tells_nothing_is_named_in_the_log(sqlite_file, caplog):
    lead("ann")
    error = lead_on_a_broken_disk("bob", range(200))
    assert isinstance(error, database.Unsure)
    assert "is answered 503, but may be stored: look for it, and tell the partner" in caplog.messages[-1]
    with pytest.raises(database.StoreError):
        lead("cid")
    assert leads_in(sqlite_file)[:1] == ["ann"]
