"""Passwords: what it costs to check one, and how many are checked at once."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from threading import Barrier, Event
from types import SimpleNamespace

import pytest
import werkzeug.security
from cast import NEVER, statements
from logins import HASH, count_hashes, failed_logins, guess, header, status

from web import login
from web.settings import User

SCRYPT = werkzeug.security.generate_password_hash("secret", method="scrypt:1024:8:1")
NOBODYS_HASH = login.NOBODYS_HASH
pytestmark = pytest.mark.usefixtures("quick")


def test_only_the_first_request_pays_for_the_hash(make_app, monkeypatch):
    calls = count_hashes(monkeypatch)
    app = make_app(users=(User("impact", HASH),))
    for _ in range(5):
        assert status(app, header("impact:päss:wörd".encode())) == 200
    assert len(calls) == 1


@pytest.mark.parametrize(
    "users",
    [
        [("plain", "x")],
        [("hashed", HASH)],
        [("hashed", HASH), ("plain", "x"), ("empty", "")],
    ],
    ids=lambda users: " ".join(dict(users)),
)
def test_a_failed_login_costs_the_same_whether_the_name_exists_or_not(make_app, monkeypatch, users):
    calls = count_hashes(monkeypatch)
    app = make_app(users=tuple(User(*user) for user in users))
    costs = {}
    status(app, header(b"nobody:guess"))  # the first one opens the store
    for name in [*dict(users), "nobody", "\0"]:
        calls.clear()
        with statements() as seen:
            assert status(app, header(f"{name}:wrong".encode())) == 401
        methods = sorted(hashed.partition("$")[0] for hashed, _ in calls)
        costs[name] = methods, [(sql, len(values or ())) for sql, values in seen]
    assert methods == ["pbkdf2:sha256:1000"]
    assert all(cost == costs["nobody"] for cost in costs.values())


def test_a_name_that_rotates_costs_a_hash_for_each_of_its_own(make_app, monkeypatch):
    calls = count_hashes(monkeypatch)
    app = make_app(users=(User("rotates", HASH), User("rotates", SCRYPT), User("rotates", "x")))
    assert status(app, auth=("rotates", "wrong")) == 401
    assert [hashed for hashed, _ in calls] == [HASH, SCRYPT]


def test_what_an_unknown_name_costs_is_a_hash_as_we_make_them(flask):
    made = flask("hash-password", input="secret").output.strip()
    ours = NOBODYS_HASH.split("$")
    assert [ours[0], len(ours[2])] == [made.split("$")[0], len(made.split("$")[2])]


def test_an_unknown_name_and_a_wrong_password_are_answered_the_same(make_app):
    http = make_app().test_client()
    answers = [http.post("/leads", auth=auth) for auth in [("impact", "wrong"), ("nobody", "secret")]]
    assert answers[0].data == answers[1].data
    headers = [dict(answer.headers) for answer in answers]
    assert headers[0].pop("X-Request-Id") != headers[1].pop("X-Request-Id")
    assert headers[0] == headers[1]


def test_many_who_come_at_once_with_the_same_credentials_pay_for_one_hash(make_app, monkeypatch):
    calls = count_hashes(monkeypatch)
    app = make_app(users=(User("impact", SCRYPT),))
    look_up, all_are_there = login.look_up_login, Barrier(8, timeout=NEVER)
    monkeypatch.setattr(login, "look_up_login", lambda *given: (look_up(*given), all_are_there.wait())[0])
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(status, app, auth=("impact", "secret")) for _ in range(8)]
    assert [answer.result() for answer in answers] == [200] * 8
    assert len(calls) == 1


# --- Many passwords at once ---


@pytest.fixture
def held(monkeypatch):
    """Hold the making of hashes: `started` tells that one has begun, and `go` lets it go on."""
    events = SimpleNamespace(started=Event(), go=Event())
    check = login.check_password_hash

    def held_back(*given):
        events.started.set()
        assert events.go.wait(NEVER)
        return check(*given)

    monkeypatch.setattr(login, "check_password_hash", held_back)
    with ThreadPoolExecutor(9) as events.threads:
        yield events
        events.go.set()


def test_two_passwords_are_checked_at_once_others_are_a_503_and_remembered_ones_pass(make_app, held, caplog):
    app = make_app(users=(User("impact", HASH), User("other", "secret")))

    def guess_from(number):
        return status(app, auth=("impact", f"guess {number}"), address=f"203.0.113.{number}")

    status(app, auth=("other", "secret"))  # the first one opens the store
    guesses = [held.threads.submit(guess_from, number) for number in range(8)]
    assert [guess.result() for guess in islice(as_completed(guesses), 6)] == [503] * 6
    assert status(app, auth=("other", "secret")) == 200
    response = app.test_client().post("/leads", auth=("impact", "guess"))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    refused = caplog.records[-1].args
    assert (refused["why"], str(refused["address"])) == ("other passwords are being checked", "127.0.0.1")
    held.go.set()
    assert sorted(guess.result() for guess in guesses) == [401] * 2 + [503] * 6


def test_of_those_who_bring_the_right_password_at_once_none_is_refused_for_guesses(make_app, held):
    app = make_app(users=(User("impact", SCRYPT), User("other", "secret")))
    status(app, auth=("other", "secret"))
    guess = held.threads.submit(status, app, auth=("impact", "guess"), address="203.0.113.1")
    assert held.started.wait(NEVER)
    leads = [held.threads.submit(status, app, auth=("impact", "secret")) for _ in range(8)]
    held.go.set()
    assert [lead.result() for lead in leads] == [200] * 8
    assert guess.result() == 401


def test_an_address_that_has_sent_a_wrong_password_does_not_stand_in_line(make_app, held):
    app = make_app(users=(User("impact", HASH),))
    held.go.set()
    assert guess(app, 1) == [401]
    held.go.clear()
    held.started.clear()
    checked = held.threads.submit(status, app, auth=("impact", "guess"), address="203.0.113.1")
    assert held.started.wait(NEVER)
    assert status(app, auth=("impact", "another guess")) == 503
    held.go.set()
    assert checked.result() == 401


def test_the_same_wrong_password_from_many_addresses_costs_one_hash(make_app, monkeypatch):
    app, calls = make_app(users=(User("impact", HASH),)), count_hashes(monkeypatch)
    for number in range(5):
        assert status(app, auth=("impact", "wrong"), address=f"203.0.113.{number}") == 401
    assert len(calls) == 1
    assert len(failed_logins()) == 5
    assert status(app, auth=("nobody", "wrong")) == status(app, auth=("impact", "other")) == 401
    assert len(calls) == 3


def test_operators_who_find_no_room_are_told_so_on_a_page(make_app, held):
    app = make_app(operators=(User("owner", HASH),))

    def open_dashboard(number):
        return app.test_client().get("/dashboard", auth=("owner", f"guess {number}"))

    guesses = [held.threads.submit(open_dashboard, number) for number in range(8)]
    for done in islice(as_completed(guesses), 6):
        assert (done.result().status_code, done.result().headers["Retry-After"]) == (503, "1")
        assert "Try again in a moment" in done.result().text
