"""The heartbeat: heard while leads can be stored, from one process of all."""

import threading

import pytest
from receiving import answer

import database
from database import StoreError
from models import Fact
from web import background, heartbeat
from web.heartbeat import Heartbeat
from web.settings import Settings, SettingsError


def beating(receiver):
    return Heartbeat(Settings(heartbeat_url=receiver.url, deliver_private=True))


def minutes_pass(minutes):
    with database.read():
        at = int(Fact.get_by_id("heartbeat").value)
    database.transact(Fact.update(value=str(at - int(minutes * 60_000))).where(Fact.name == "heartbeat").execute)


def test_it_is_heard_every_five_minutes(ledger, receiver):
    beats = beating(receiver)
    assert (beats.beat(), beats.beat()) == (True, False)
    minutes_pass(4)
    assert not beats.beat()
    minutes_pass(1.1)
    assert beats.beat()
    assert [request.line for request in receiver.requests] == ["GET /hook?key=canary HTTP/1.1"] * 2


def test_of_many_processes_one_calls(ledger, receiver):
    heard, start = [], threading.Barrier(6, timeout=60)

    def work():
        start.wait()
        heard.append(beating(receiver).beat())

    threads = [threading.Thread(target=work) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(heard) == len(receiver.requests) == 1


def test_a_fault_of_ours_ends_no_heartbeat(ledger, receiver, monkeypatch, caplog):
    take, faults = heartbeat.turns.take, [RuntimeError("canary: can't start new thread")]

    def fails(name, every):
        if faults:
            raise faults.pop()
        return take(name, every)

    monkeypatch.setattr(heartbeat.turns, "take", fails)
    monkeypatch.setattr(background, "EVERY", 0.01)
    beats = beating(receiver)
    beats.begin()
    receiver.wait_for(1)
    beats.stop()
    assert [record.msg for record in caplog.records] == ["no heartbeat, for a fault of ours"]
    assert "canary" not in str([record.__dict__ for record in caplog.records])


def test_it_stops_when_leads_cannot_be_stored(ledger, receiver, monkeypatch, caplog):
    def full():
        raise StoreError("the disk is full")

    monkeypatch.setattr(heartbeat, "check_writing", full)
    assert not beating(receiver).beat()
    assert not receiver.requests and "the disk is full" in caplog.text
    monkeypatch.undo()
    minutes_pass(1.1)
    assert beating(receiver).beat()


def test_where_who_was_to_call_is_killed_another_one_calls_a_minute_later(ledger, receiver):
    assert database.transact(heartbeat._take)
    assert not beating(receiver).beat()
    minutes_pass(1.1)
    assert beating(receiver).beat()
    minutes_pass(4.5)
    assert not beating(receiver).beat()


def test_who_does_not_answer_is_called_again_a_minute_later(ledger, receiver, caplog):
    receiver.answers = answer(500)
    beats = beating(receiver)
    assert not beats.beat()
    assert not beats.beat() and len(receiver.requests) == 1
    minutes_pass(1.1)
    assert not beats.beat() and len(receiver.requests) == 2
    assert caplog.text.count("the heartbeat is not heard: it answered 500") == 1
    assert "canary" not in caplog.text


def test_a_clock_that_was_ahead_does_not_keep_it_silent(ledger, receiver):
    beats = beating(receiver)
    beats.beat()
    minutes_pass(-60 * 24)
    assert beats.beat()


@pytest.mark.parametrize(
    "text", ["ftp://hc.example/x", "hc.example/x", "http://hc.example/x", "https://u:p@hc.example"]
)
def test_an_address_that_cannot_be_called_is_told_without_showing_it(text):
    with pytest.raises(SettingsError, match="^DATAPOST_HEARTBEAT_URL ") as error:
        Settings.load({"DATAPOST_HEARTBEAT_URL": text})
    assert "hc.example" not in str(error.value)


def test_without_the_setting_nobody_is_called():
    Heartbeat(Settings()).begin()
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
