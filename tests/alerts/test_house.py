"""What an owner is told of the house itself: guesses at logins, a disk that fills, a store that failed."""

import shutil
from collections import namedtuple
from datetime import UTC, datetime, timedelta

import pytest
from brand import SOLAR, Operator
from logins import guess

import database
from database.disk import LEAST_FREE
from web.login import FAILURES_AT_A_NAME, FAILURES_OF_AN_ADDRESS, LOGIN_WINDOW, FailedLogin

usage = namedtuple("usage", "total used free")
MANY_OF_AN_ADDRESS, MANY_OF_ALL = FAILURES_OF_AN_ADDRESS * 3 // 4, FAILURES_AT_A_NAME * 3 // 4


def fail(*addresses):
    """Have logins failed from these addresses, each at a name of its own."""
    now = datetime.now(UTC)
    rows = [{"address": f"a{address}", "name": f"n{number}", "at": now} for number, address in enumerate(addresses)]
    database.transact(lambda: FailedLogin.insert_many(rows).execute())


def test_wrong_logins_that_come_fast_are_grave_and_told_in_numbers(shop):
    guess(shop.app, MANY_OF_AN_ADDRESS - 1)
    assert shop.concerns("login_guesses") == []
    guess(shop.app, 1)
    (one,) = shop.concerns("login_guesses")
    assert one.grave and one.key == "login_guesses::"
    assert one.sentence == "15 logins failed in the last five minutes, from 1 IP address and with 1 user name."
    assert "a sender has a wrong password" in one.advice and "DATAPOST_ALLOWED_IPS" in one.advice


def test_guesses_from_many_addresses_at_many_names_are_told(shop):
    fail(*range(MANY_OF_ALL - 1))
    assert shop.concerns("login_guesses") == []
    fail("more")
    (one,) = shop.concerns("login_guesses")
    assert one.sentence == "75 logins failed in the last five minutes, from 75 IP addresses and with 74 user names."


def test_some_who_mistype_are_no_guesses(shop):
    fail(*[number // 5 for number in range(50)])
    assert shop.concerns("login_guesses") == []


def test_guesses_are_over_after_five_minutes(shop):
    fail(*["one"] * 20)
    later = datetime.now(UTC) - LOGIN_WINDOW - timedelta(seconds=1)
    database.transact(FailedLogin.update(at=later).execute)
    assert shop.concerns("login_guesses") == []


def test_ten_thousand_guesses_are_counted_up_to_a_number(shop):
    fail(*range(6000))
    (one,) = shop.concerns("login_guesses")
    assert one.sentence.startswith("5,000 or more logins failed in the last five minutes, from 5,000 IP addresses")


def test_who_sees_some_programs_only_is_told_of_no_guesses(make_shop):
    shop = make_shop({"default": "fields: {a: {}}", "solar": "fields: {a: {}}"})
    fail(*["one"] * 20)
    assert "logins failed" in shop.operator.words("/dashboard")
    assert "logins failed" not in Operator(shop.app, SOLAR).words("/dashboard")


def test_guesses_are_counted_by_an_index(shop, scans_of):
    fail(*range(100))
    assert scans_of("login_guesses", "failedlogin") == []


@pytest.mark.parametrize(("left", "told"), [(LEAST_FREE - 1, ["disk_full"]), (LEAST_FREE, [])])
def test_a_disk_that_fills_is_grave(shop, monkeypatch, left, told):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**10, 0, left))
    assert [one.kind for one in shop.concerns()] == told
    for one in shop.concerns():
        assert one.grave and one.sentence == "Only 500 MB are free on the disk that the leads are on."


def test_the_disk_is_that_of_the_file_of_the_leads(shop, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: seen.append(path) or usage(10**10, 0, 10**9))
    shop.concerns()
    assert seen == [tmp_path]


def test_the_disk_of_postgresql_is_looked_after_where_it_runs(make_shop, prepared_url, monkeypatch):
    shop = make_shop(database_url=prepared_url)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**10, 0, 1))
    assert shop.concerns() == []
