"""What a service does about impact.com by itself, and that none of it keeps the rest from being done."""

from datetime import timedelta

import pytest
from reversing import at_the_standin, state

import database
from database import StoreError
from impact import rounds
from impact.api import Later
from impact.rounds import Chore, Rounds
from web import turns

MINUTE = timedelta(minutes=1)


@pytest.fixture
def brand(make_app, database_url, monkeypatch):
    yield from at_the_standin(make_app, database_url, monkeypatch)


def test_a_round_submits_and_reconciles_until_it_is_done(brand):
    lead = brand.approved()
    Rounds(brand.app).work()
    assert state(lead) == "queued"
    brand.passed += MINUTE
    Rounds(brand.app).work()
    brand.passed += timedelta(hours=6)
    Rounds(brand.app).work()
    assert state(lead) == "done"


@pytest.mark.parametrize("error", [Later("wait", 240), ValueError("ours"), StoreError("gone"), RecursionError()])
def test_a_chore_that_fails_keeps_no_other_from_being_done(brand, monkeypatch, error):
    done = []

    def fails(_made):
        raise error

    monkeypatch.setattr(rounds, "CHORES", [Chore("one", 1000, 1000, fails), Chore("other", 1000, 1000, done.append)])
    Rounds(brand.app).work()
    assert len(done) == 1


def test_what_has_its_turn_in_another_process_is_not_done_here(brand, monkeypatch):
    done = []
    monkeypatch.setattr(rounds, "CHORES", [Chore("one", 60_000, 1000, done.append)])
    database.transact(lambda: turns.take("impact:one", 60_000))
    Rounds(brand.app).work()
    assert done == []
    brand.passed += 2 * MINUTE
    Rounds(brand.app).work()
    assert len(done) == 1


def test_nothing_is_begun_without_an_account(make_app):
    assert Rounds(make_app()).begin() is None
