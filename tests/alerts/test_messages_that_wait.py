"""Messages on their way to those who are told: to each at once, again if need be, and by one process of all."""

import logging
import threading
from datetime import UTC, datetime

import pytest
from alarmed import Passing, environ, have_sent, notices
from cast import NEVER
from receiving import Receiver, answer

import database
from alerts import kinds, telling
from alerts.message import Message
from web.settings import Settings

NOTHING = {"new": [], "over": []}


@pytest.fixture(autouse=True)
def passing(monkeypatch):
    return Passing(monkeypatch)


@pytest.fixture
def other():
    with Receiver() as made:
        yield made


def to(*receivers):
    return Settings.load(environ(*(receiver.url for receiver in receivers)))


def message(subject="It is broken."):
    return Message.made(
        "alert", datetime.now(UTC), subject=subject, text=f"{subject}\nMend it.", data=NOTHING, grave=True
    )


def send(settings):
    return [one.told for one in telling.send_due(settings)]


def test_a_message_goes_to_each_receiver_once(ledger, receiver, other):
    made = to(receiver, other)
    have_sent(made, message())
    assert sorted(send(made)) == ["webhook (address 1): sent", "webhook (address 2): sent"]
    assert send(made) == [] and len(receiver.requests) == len(other.requests) == 1
    assert all(notice.sent_at and not notice.due_at for notice in notices())


def test_one_that_hangs_keeps_no_other_one_waiting(ledger, receiver, other):
    receiver.answers = lambda place, _: receiver.done.wait(NEVER) and place.sendall(answer())
    made = to(receiver, other)
    have_sent(made, message())
    sending = threading.Thread(target=send, args=[made])
    sending.start()
    other.wait_for(1)
    receiver.done.set()
    sending.join()
    assert all(notice.sent_at for notice in notices())


def test_one_that_is_down_gets_it_later_and_the_others_at_once(ledger, receiver, other, passing):
    receiver.answers = answer(503)
    made = to(receiver, other)
    have_sent(made, message())
    assert sorted(send(made)) == ["webhook (address 1): it answered 503", "webhook (address 2): sent"]
    receiver.answers = answer()
    assert send(made) == []
    passing.passes(minutes=1, seconds=1)
    assert send(made) == ["webhook (address 1): sent"]
    first, again = receiver.requests
    assert first.headers["webhook-id"] == again.headers["webhook-id"] and first.body == again.body


@pytest.mark.parametrize("status", [503, 404, 307])
def test_it_is_tried_after_1_5_15_and_60_minutes_then_hourly_and_given_up_after_a_day(
    ledger, receiver, passing, caplog, status
):
    receiver.answers = answer(status)
    made = to(receiver)
    have_sent(made, message())
    send(made)
    for minutes in (1, 5, 15, 60, 60, 60):
        passing.passes(minutes=minutes, seconds=-5)
        assert send(made) == []
        passing.passes(seconds=10)
        assert send(made) == [f"webhook: it answered {status}"]
    for _ in range(30):
        passing.passes(hours=1, seconds=5)
        send(made)
    (notice,) = notices()
    assert notice.due_at is None and notice.sent_at is None and notice.error == f"it answered {status}"
    assert len(receiver.requests) == notice.attempts == 27
    assert [record.levelname for record in caplog.records if record.msg == "alert given up"] == ["ERROR"]
    assert "canary" not in caplog.text and "canary" not in repr(notice.__data__)


def test_a_longer_wait_that_the_receiver_asks_for_is_kept(ledger, receiver, passing):
    receiver.answers = answer(429, Retry_After="600")
    made = to(receiver)
    have_sent(made, message())
    send(made)
    passing.passes(minutes=9)
    assert send(made) == []
    passing.passes(minutes=2)
    assert send(made) == ["webhook: it answered 429"]


def test_who_asks_for_a_longer_wait_than_a_message_is_kept_gets_it_once_more_at_the_end(ledger, receiver, passing):
    receiver.answers = answer(429, Retry_After="86400")
    made = to(receiver)
    have_sent(made, message())
    send(made)
    passing.passes(hours=23, minutes=59)
    assert send(made) == []
    passing.passes(minutes=2)
    receiver.answers = answer()
    assert send(made) == ["webhook: sent"]


def test_what_waited_while_nothing_ran_for_days_is_tried_before_it_is_given_up(ledger, receiver, passing):
    made = to(receiver)
    have_sent(made, message())
    passing.passes(days=3)
    database.transact(lambda: telling.give_up_old(made))
    assert send(made) == ["webhook: sent"]


@pytest.mark.parametrize("days", [0.2, 400])
def test_a_message_of_a_clock_that_was_ahead_is_sent_by_the_time_that_it_is(ledger, receiver, passing, days):
    made = to(receiver)
    passing.passes(days=days)
    have_sent(made, message())
    passing.passes(days=-days)
    receiver.answers = answer(503)
    assert send(made) == ["webhook: it answered 503"]
    receiver.answers = answer()
    assert send(made) == []
    passing.passes(minutes=1, seconds=1)
    assert send(made) == ["webhook: sent"]


def test_a_message_that_was_tried_by_a_clock_that_was_ahead_is_tried_again(ledger, receiver, passing):
    made = to(receiver)
    have_sent(made, message())
    (notice,) = notices()
    passing.passes(days=400)
    assert database.transact(lambda: telling._claim(notice.id))  # by a process that is killed
    passing.passes(days=-400)
    assert send(made) == ["webhook: sent"]


def test_what_was_said_is_kept_no_longer_than_it_is_needed(ledger, receiver, other, passing):
    other.answers = answer(404)
    made = to(receiver, other)
    have_sent(made, message())
    send(made)
    assert sorted(bool(notice.message) for notice in notices()) == [False, True]
    for _ in range(30):
        passing.passes(hours=1, seconds=5)
        send(made)
    assert not any(notice.message or notice.due_at for notice in notices())


def test_of_many_processes_one_sends_it(ledger, receiver):
    made, start = to(receiver), threading.Barrier(6, timeout=NEVER)
    have_sent(made, message())

    def work():
        start.wait()
        telling.send_due(made)

    threads = [threading.Thread(target=work) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(receiver.requests) == 1


def test_what_a_process_had_that_was_killed_is_sent_by_another_one_after_80_seconds(ledger, receiver, passing):
    made = to(receiver)
    have_sent(made, message())
    (notice,) = notices()
    assert database.transact(lambda: telling._claim(notice.id))
    passing.passes(seconds=75)
    assert send(made) == []
    passing.passes(seconds=10)
    assert send(made) == ["webhook: sent"]


def test_who_took_longer_than_his_time_changes_nothing_of_what_another_one_noted(ledger, receiver, passing):
    made = to(receiver)
    have_sent(made, message())
    (notice,) = notices()
    slow = database.transact(lambda: telling._claim(notice.id))
    passing.passes(seconds=90)
    assert send(made) == ["webhook: sent"]
    database.transact(lambda: telling._settle(slow, telling.Outcome("again", error="it did not answer")))
    assert notices()[0].sent_at and not notices()[0].error


def test_what_goes_to_nobody_that_is_known_is_given_up_after_a_day(ledger, receiver, other, passing):
    have_sent(to(other), message())
    made = to(receiver)
    assert send(made) == [] and not other.requests
    passing.passes(hours=25)
    database.transact(lambda: telling.give_up_old(made))
    assert notices()[0].due_at is None and notices()[0].error == telling.GONE
    with database.read():
        assert [one.failed for one in telling.fares(made)] == [0]


def test_a_fault_of_ours_is_logged_by_its_place_and_tried_again(ledger, receiver, other, monkeypatch, caplog, passing):
    def fails(*_):
        raise ValueError("canary")

    made = to(receiver)
    have_sent(made, message())
    with monkeypatch.context() as patched:
        patched.setattr(kinds, "send", fails)
        assert send(made) == ["webhook: a fault of ours: the log says more"]
    assert "canary" not in str([record.__dict__ for record in caplog.records])
    passing.passes(minutes=2)
    assert send(made) == ["webhook: sent"]


def test_the_log_names_the_kind_only(ledger, receiver, other, caplog):
    caplog.set_level(logging.INFO)
    other.answers = answer(500)
    made = to(receiver, other)
    have_sent(made, message())
    send(made)
    told = sorted((record.msg, record.args["to"]) for record in caplog.records)
    assert told == [("alert not sent", "webhook"), ("alert sent", "webhook")]
    assert not any(str(one.port) in str(record.__dict__) for record in caplog.records for one in (receiver, other))


def test_nothing_more_is_begun_once_the_service_ends(ledger, receiver):
    made = to(receiver)
    have_sent(made, message())
    assert telling.send_due(made, lambda: True) == [] and not receiver.requests


def test_a_receiver_fares_badly_from_the_first_message_that_it_did_not_get_until_one_arrives(ledger, receiver, passing):
    made = to(receiver)
    have_sent(made, message("first"))
    send(made)
    receiver.answers = answer(404)
    passing.passes(minutes=1)
    for subject in ("second", "third"):
        have_sent(made, message(subject))
    assert send(made) == send(made) == ["webhook: it answered 404"]  # the second one is not tried after the first
    with database.read():
        (fare,) = telling.fares(made)
    assert (fare.failed, fare.since, fare.error) == (2, notices()[1].made_at, "it answered 404")
    assert fare.sent_at == notices()[0].sent_at
    receiver.answers = answer()
    passing.passes(minutes=2)
    assert send(made) == ["webhook: sent"] * 2
    with database.read():
        assert [one.failed for one in telling.fares(made)] == [0]
