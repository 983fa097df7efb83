"""Logins: who passes, who is told 401, 403 or 429, and what a password costs."""

import base64
import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
import werkzeug.security
from conftest import Partner, read_answer

import login
import models
from settings import User

HASH = werkzeug.security.generate_password_hash("päss:wörd", method="pbkdf2:sha256:1000")


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


@pytest.mark.parametrize("name", ["impact", "plain", "nobody"])
def test_a_wrong_password_costs_one_hash_whether_the_name_exists_or_not(make_app, monkeypatch, name):
    calls = count_hashes(monkeypatch)
    app = make_app(users=(User("impact", HASH), User("plain", "x")))
    assert status(app, auth=(name, "wrong")) == 401
    assert len(calls) == 1


# --- Guessing ---


def guess(app, times, address="198.51.100.1"):
    return [status(app, auth=("impact", f"guess {n}"), address=address) for n in range(times)]


def test_after_20_failed_logins_an_address_is_told_429(make_app):
    app = make_app()
    assert guess(app, 21) == [401] * 20 + [429]
    assert guess(app, 1, "198.51.100.2") == [401]


def test_a_429_says_when_to_come_back(make_app):
    app = make_app()
    guess(app, 20)
    response = app.test_client().post(
        "/leads?format=json", auth=("impact", "guess"), environ_base={"REMOTE_ADDR": "198.51.100.1"}
    )
    assert response.status_code == 429
    assert 290 <= int(response.headers["Retry-After"]) <= 300
    assert "Too many failed logins" in read_answer(response)["note"]


def test_a_request_without_credentials_is_no_failed_login(make_app):
    app = make_app()
    assert {status(app) for _ in range(25)} == {401}
    assert guess(app, 1) == [401]


def test_credentials_that_were_right_before_go_on_passing_from_a_blocked_address(make_app):
    app = make_app()
    assert status(app, auth=("impact", "secret")) == 200
    assert guess(app, 21)[-1] == 429
    assert status(app, auth=("impact", "secret")) == 200


def test_another_process_knows_credentials_that_were_right_before(make_app):
    app = make_app()
    assert status(app, auth=("impact", "secret")) == 200
    guess(app, 21)
    assert status(make_app(), auth=("impact", "secret")) == 200


def test_credentials_that_were_never_right_here_wait_as_guesses_do(make_app):
    app = make_app()
    guess(app, 20)
    assert status(app, auth=("impact", "secret")) == 429


def test_credentials_that_were_taken_out_pass_no_more(make_app):
    assert status(make_app(), auth=("impact", "secret")) == 200
    assert status(make_app(users=(User("impact", "changed"),)), auth=("impact", "secret")) == 401


def test_failed_logins_are_forgotten_after_five_minutes(make_app):
    app = make_app()
    long_ago = datetime.now(UTC) - timedelta(minutes=5, seconds=1)
    for _ in range(20):
        models.record_failed_login("198.51.100.1", long_ago)
    assert guess(app, 1) == [401]


# --- Addresses ---


def test_only_allowed_networks_may_post(make_app):
    app = make_app(allowed_ips=(ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::/32")))
    for address, expected in [
        ("192.0.2.9", 200), ("2001:db8::1", 200), ("::ffff:192.0.2.9", 200), ("198.51.100.1", 403), ("unknown", 403),
    ]:  # fmt: skip
        assert status(app, auth=("impact", "secret"), address=address) == expected


def test_an_address_is_taken_only_from_trusted_proxies(make_app):
    forged = {"X-Forwarded-For": "203.0.113.1, 203.0.113.2"}
    failures = {0: "198.51.100.1", 1: "203.0.113.2", 2: "203.0.113.1"}
    for proxies, address in failures.items():
        app = make_app(trusted_proxies=proxies)
        status(app, forged, auth=("impact", "guess"))
        assert len(models.failed_logins(address, datetime.now(UTC))) == 1


def test_no_password_is_stored(make_app, tmp_path):
    partner = Partner(make_app(users=(User("impact", "canary-password"),)), ("impact", "canary-password"))
    partner.lead(email="ann@example.com")
    assert status(partner.app, auth=("impact", "canary-guess")) == 401
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("leads.db*"))
    assert b"canary" not in stored
