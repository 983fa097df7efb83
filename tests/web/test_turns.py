"""Whose turn it is, of all processes and machines."""

import threading

import database
from web import turns

EVERY = 300_000


def take(**options):
    return database.transact(lambda: turns.take("look", EVERY, **options))


def holds(token):
    return database.transact(lambda: turns.holds("look", token))


def minutes_pass(minutes):
    def work():
        turns.move("look", int(turns._held("look")) - int(minutes * 60_000))

    database.transact(work)


def test_a_turn_is_there_at_once_and_then_after_its_span(ledger):
    assert take() and not take()
    minutes_pass(4.9)
    assert not take()
    minutes_pass(0.2)
    assert take() and not take()


def test_a_token_holds_until_somebody_takes_the_next_turn(ledger):
    first = take()
    assert holds(first)
    minutes_pass(5.1)
    assert not holds(first)
    second = take()
    assert holds(second) and not holds(first)


def test_a_turn_may_be_taken_early_which_ends_the_one_that_is_on(ledger):
    first = take()
    tokens = [take(early=True) for _ in range(5)]
    assert not holds(first) and len({first, *tokens}) == 6
    assert [holds(token) for token in tokens] == [False] * 4 + [True]
    assert not take()


def test_a_clock_that_was_ahead_keeps_nobody_waiting(ledger):
    take()
    minutes_pass(-60 * 24)
    assert take()


def test_of_many_one_gets_it(ledger):
    got, start = [], threading.Barrier(6, timeout=60)

    def work():
        start.wait()
        got.append(take())

    threads = [threading.Thread(target=work) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(map(bool, got)) == 1
