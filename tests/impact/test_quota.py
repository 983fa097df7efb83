"""How often impact.com is asked, by all processes together."""

import threading

import pytest

import database
from impact import quota
from impact.told import Later
from models import Fact


def times_pass(seconds):
    """Have all that is held be so much longer ago."""

    def work():
        quota._hold(*(max(at - seconds * 1000, 0) for at in quota._held()))

    database.transact(work)


def taken(most=1000, **options):
    """Take calls until there is none, and return how many there were."""
    for count in range(most):
        try:
            quota.take(**options)
        except Later:
            return count
    return most


def test_a_hundred_calls_are_there_at_once_and_then_one_each_36_seconds(ledger):
    assert taken() == quota.BURST
    with pytest.raises(Later, match="the calls of this hour are used up") as caught:
        quota.take()
    assert 30 <= caught.value.seconds <= 36
    times_pass(36)
    assert taken() == 1


def test_no_hour_has_more_than_200(ledger):
    count = taken()
    for _ in range(99):  # the time of the test itself is less than that of one call
        times_pass(36)
        count += taken()
    assert 195 <= count <= 200


def test_lists_leave_some_to_others(ledger):
    assert taken(keep=quota.KEPT) == quota.BURST - quota.KEPT
    assert taken() == quota.KEPT


def test_nobody_asks_while_it_is_quiet(ledger):
    assert quota.quiet(120) == 120 and quota.quiet() == 60
    with pytest.raises(Later) as caught:
        quota.take()
    assert 115 <= caught.value.seconds <= 120
    times_pass(121)
    quota.take()


def test_a_time_of_a_clock_that_was_ahead_holds_nobody_up(ledger):
    database.transact(lambda: (quota._held(), quota._hold(4_000_000_000_000, 4_000_000_000_000)))
    assert taken() == quota.BURST


def test_several_who_ask_at_once_share_the_calls(ledger):
    counts = []
    threads = [threading.Thread(target=lambda: counts.append(taken())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == quota.BURST


def test_the_row_holds_no_more_than_two_times(ledger):
    quota.take()
    with database.read():
        assert len(Fact.get_by_id(quota.NAME).value.split()) == 2
