"""Guesses at passwords: from one address, and at one name from many addresses."""

from datetime import UTC, datetime, timedelta

import pytest
from cast import read_answer
from logins import HASH, count_hashes, guess, header, status

import database
from web.login import FailedLogin
from web.settings import User

USERS = User("impact", "secret"), User("hashed", HASH)
pytestmark = pytest.mark.usefixtures("quick")


def five_minutes_later():
    later = datetime.now(UTC) - timedelta(minutes=5, seconds=1)
    database.transact(FailedLogin.update(at=later).execute)


def test_after_20_failed_logins_an_address_is_told_429(make_app):
    app = make_app(users=USERS)
    assert guess(app, 21) == [401] * 20 + [429]
    assert guess(app, 1, "198.51.100.2") == [401]


def test_a_429_says_when_to_come_back(make_app):
    app = make_app(users=USERS)
    guess(app, 20)
    response = app.test_client().post(
        "/leads?format=json", auth=("impact", "guess"), environ_base={"REMOTE_ADDR": "198.51.100.1"}
    )
    assert response.status_code == 429
    assert 290 <= int(response.headers["Retry-After"]) <= 300
    assert "Too many failed logins" in read_answer(response)["note"]


def test_a_request_without_credentials_is_no_failed_login(make_app):
    app = make_app(users=USERS)
    assert {status(app) for _ in range(25)} == {401}
    assert guess(app, 1) == [401]


def test_credentials_that_were_right_before_go_on_passing_from_a_blocked_address(make_app):
    app = make_app(users=USERS)
    assert status(app, auth=("impact", "secret")) == 200
    assert guess(app, 21)[-1] == 429
    assert status(app, auth=("impact", "secret")) == 200


def test_another_process_knows_credentials_that_were_right_before(make_app):
    app = make_app(users=USERS)
    assert status(app, auth=("impact", "secret")) == 200
    guess(app, 21)
    assert status(make_app(users=USERS), auth=("impact", "secret")) == 200


def test_credentials_that_were_never_right_here_wait_as_guesses_do(make_app):
    app = make_app(users=USERS)
    guess(app, 20)
    assert status(app, auth=("impact", "secret")) == 429


def test_credentials_that_were_taken_out_pass_no_more(make_app):
    assert status(make_app(), auth=("impact", "secret")) == 200
    assert status(make_app(users=(User("impact", "changed"),)), auth=("impact", "secret")) == 401


def test_failed_logins_are_forgotten_after_five_minutes(make_app):
    app = make_app(users=USERS)
    assert guess(app, 21)[-1] == 429
    five_minutes_later()
    assert guess(app, 1) == [401]


def test_addresses_of_one_ipv6_network_count_as_one(make_app):
    app = make_app(users=(User("impact", HASH),))
    for number in range(20):
        assert guess(app, 1, f"2001:db8::{number}:1") == [401]
    assert guess(app, 1, "2001:db8::ffff:ffff:ffff:ffff") == [429]
    assert guess(app, 1, "2001:db8:0:1::1") == [401]


def test_addresses_that_are_none_count_as_one(make_app):
    app = make_app(users=(User("impact", HASH),))
    for number in range(20):
        assert guess(app, 1, f"unknown {number} " + "x" * 1000) == [401]
    assert guess(app, 1, "") == [429]


# --- Guessing at one name from many addresses ---


def attack(app, name):
    for number in range(5):
        assert guess(app, 20, f"203.0.113.{number}", name) == [401] * 20


@pytest.fixture
def attacked(make_app):
    """A service whose user `impact` has passed, and is then attacked from five addresses."""
    app = make_app(users=(User("impact", HASH), User("other", "secret")))
    assert status(app, header("impact:päss:wörd".encode()), address="192.0.2.1") == 200
    attack(app, "impact")
    return app


@pytest.mark.parametrize("name", ["impact", "nobody"])
def test_after_100_failed_logins_at_a_name_an_address_has_one_guess_at_it(make_app, monkeypatch, name):
    app = make_app(users=USERS)
    attack(app, name)
    calls = count_hashes(monkeypatch)
    assert guess(app, 3, name=name) == [429] * 3
    assert len(calls) == 1
    response = app.test_client().post("/leads", auth=(name, "guess"), environ_base={"REMOTE_ADDR": "198.51.100.1"})
    assert 290 <= int(response.headers["Retry-After"]) <= 300


def test_a_name_that_is_attacked_stands_in_the_way_of_no_other(attacked):
    assert guess(attacked, 2, "198.51.100.1", "other") == [401, 401]
    assert status(attacked, auth=("other", "secret"), address="198.51.100.2") == 200


def test_the_right_password_passes_though_its_name_is_attacked(attacked, make_app):
    right = header("impact:päss:wörd".encode())
    assert status(attacked, right, address="203.0.113.1") == 200  # as it was right before
    new = make_app(users=(User("impact", HASH), User("impact", "new")))
    assert status(new, auth=("impact", "new"), address="203.0.113.1") == 429
    assert guess(new, 1, "198.51.100.1") == [429]
    assert status(new, auth=("impact", "new"), address="198.51.100.1") == 429
    assert status(new, auth=("impact", "new"), address="198.51.100.2") == 200
    assert status(new, auth=("impact", "new"), address="198.51.100.1") == 200


def test_an_attack_is_over_after_five_minutes(attacked):
    five_minutes_later()
    assert guess(attacked, 2) == [401, 401]
