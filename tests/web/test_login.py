"""Logins: who passes, who is told 401, 403 or 429, and what a password costs."""

import base64
import ipaddress
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import Barrier, Event
from types import SimpleNamespace
from unicodedata import normalize

import pytest
import werkzeug.security
from cast import Partner, read_answer, statements

import database
import models
from web import login
from web.settings import User

HASH = werkzeug.security.generate_password_hash("päss:wörd", method="pbkdf2:sha256:1000")
SCRYPT = werkzeug.security.generate_password_hash("secret", method="scrypt:1024:8:1")
NOBODYS_HASH = login.NOBODYS_HASH
USERS = User("impact", "secret"), User("hashed", HASH)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What a name without a hash costs is a quick one."""
    monkeypatch.setattr(login, "NOBODYS_HASH", HASH)


def header(credentials, scheme="Basic"):
    return {"Authorization": f"{scheme} {base64.b64encode(credentials).decode()}"}


def status(app, headers=None, path="/leads", auth=None, address="198.51.100.1"):
    response = app.test_client().post(path, headers=headers, auth=auth, environ_base={"REMOTE_ADDR": address})
    read_answer(response)
    return response.status_code


def test_right_credentials_pass_and_wrong_ones_are_a_401(make_app):
    app = make_app()
    assert status(app, auth=("impact", "secret")) == 200
    for auth in [("impact", "wrong"), ("nobody", "secret"), ("impact", ""), ("", "secret"), ("impact", "secrét")]:
        assert status(app, auth=auth) == 401


def test_a_401_says_how_to_log_in(make_app):
    response = make_app().test_client().post("/leads")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="Datapost", charset="UTF-8"'


@pytest.mark.parametrize("password", [HASH, "päss:wörd"], ids=["hash", "plain"])
def test_a_password_may_hold_colons_and_letters_beyond_ascii(make_app, password):
    app = make_app(users=(User("impäct", password),))
    assert status(app, header("impäct:päss:wörd".encode())) == 200
    assert status(app, header("impäct:päss:word".encode())) == 401


@pytest.mark.parametrize("password", [HASH, "päss:wörd", normalize("NFD", "päss:wörd")], ids=["hash", "plain", "NFD"])
def test_names_and_passwords_are_the_same_in_every_form_of_unicode(make_app, password):
    app = make_app(users=(User(normalize("NFD", "impäct"), password),))
    for form in ("NFC", "NFD"):
        assert status(app, header(normalize(form, "impäct:päss:wörd").encode())) == 200


@pytest.mark.parametrize("credentials", [b"impact:se\0cret", b"impact:secret\x7f", b"imp\tact:secret"])
def test_a_control_character_makes_a_failed_login(make_app, credentials):
    app = make_app(users=(User("impact", "se\0cret"), User("impact", "secret\x7f"), User("imp\tact", "secret")))
    assert status(app, header(credentials)) == 401
    assert len(failed_logins()) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic"}, {"Authorization": "Basic !!!"}, {"Authorization": "Bearer abc"},
        header(b"impact"), header(b"\xff\xfe:\xff"), header(b"impact:secret", "Bearer"), header(b""),
    ],
)  # fmt: skip
def test_credentials_that_cannot_be_read_are_a_401(make_app, headers):
    assert status(make_app(), headers) == 401


def test_the_scheme_is_read_without_regard_to_case(make_app):
    assert status(make_app(), header(b"impact:secret", "bAsIc")) == 200


def test_a_user_limited_to_programs_is_told_403_elsewhere(make_app):
    rules = {"solar": "fields: {a: {}}", "loans": "fields: {a: {}}"}
    app = make_app(rules, users=(User("impact", "secret", frozenset({"solar"})),))
    assert status(app, auth=("impact", "secret"), path="/leads/solar") == 200
    assert status(app, auth=("impact", "secret"), path="/leads/loans") == 403
    assert status(app, auth=("impact", "wrong"), path="/leads/loans") == 401


def test_both_passwords_pass_during_a_rotation(make_app):
    app = make_app(users=(User("impact", "old"), User("impact", HASH)))
    assert status(app, auth=("impact", "old")) == status(app, header("impact:päss:wörd".encode())) == 200


def test_two_entries_of_one_user_and_password_count_together(make_app):
    rules = {"solar": "fields: {a: {}}", "loans": "fields: {a: {}}"}
    users = (User("impact", "secret", frozenset({"solar"})), User("impact", "secret", frozenset({"loans"})))
    app = make_app(rules, users=users)
    for program in rules:
        assert status(app, auth=("impact", "secret"), path=f"/leads/{program}") == 200


def test_an_empty_password_lets_nobody_in(make_app):
    assert status(make_app(users=(User("impact", ""),)), auth=("impact", "")) == 401


def test_without_users_every_post_is_a_401(make_app):
    assert status(make_app(users=()), auth=("impact", "secret")) == 401


def test_open_takes_leads_from_anybody(make_app):
    app = make_app(users=(), open=True)
    assert status(app) == 200
    assert status(app, auth=("who", "ever")) == 200


def count_hashes(monkeypatch):
    calls = []
    check = werkzeug.security.check_password_hash
    monkeypatch.setattr(login, "check_password_hash", lambda *given: calls.append(given) or check(*given))
    return calls


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
    look_up, all_are_there = login.look_up_login, Barrier(8)
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
        events.go.wait()
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
    held.started.wait()
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
    held.started.wait()
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


# --- Guessing ---


def guess(app, times, address="198.51.100.1", name="impact"):
    return [status(app, auth=(name, f"guess {n} from {address}"), address=address) for n in range(times)]


def failed_logins():
    with database.read():
        return list(models.FailedLogin.select())


def five_minutes_later():
    later = datetime.now(UTC) - timedelta(minutes=5, seconds=1)
    database.transact(models.FailedLogin.update(at=later).execute)


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


# --- Addresses ---


def test_only_allowed_networks_may_post(make_app):
    app = make_app(allowed_ips=(ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::/32")))
    for address, expected in [
        ("192.0.2.9", 200), ("2001:db8::1", 200), ("::ffff:192.0.2.9", 200), ("198.51.100.1", 403), ("unknown", 403),
    ]:  # fmt: skip
        assert status(app, auth=("impact", "secret"), address=address) == expected


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


def test_an_address_is_taken_only_from_trusted_proxies(make_app):
    allowed = (ipaddress.ip_network("203.0.113.0/24"),)
    lists = {
        "203.0.113.1": [403, 200, 403],
        "203.0.113.1, 192.0.2.1": [403, 403, 200],
        "192.0.2.1, 203.0.113.1": [403, 200, 403],
        '"203.0.113.1, 192.0.2.1': [403, 403, 200],
        "": [403, 403, 403],
    }
    for proxies in range(3):
        app = make_app(trusted_proxies=proxies, allowed_ips=allowed)
        answers = [status(app, {"X-Forwarded-For": text}, auth=("impact", "secret")) for text in lists]
        assert answers == [expected[proxies] for expected in lists.values()]


def test_neither_passwords_nor_what_was_typed_as_a_name_nor_addresses_are_stored(make_app, tmp_path):
    partner = Partner(make_app(users=(User("impact", "canary-password"),)), ("impact", "canary-password"))
    partner.lead(email="ann@example.com")
    assert status(partner.app, auth=("impact", "canary-guess")) == 401
    assert status(partner.app, auth=("canary-password", "impact")) == 401
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("leads.db*"))
    assert b"canary" not in stored
    assert b"198.51.100" not in stored
