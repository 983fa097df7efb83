"""Logins: who passes, from which addresses, and who is told 401 or 403."""

import ipaddress
from unicodedata import normalize

import pytest
from cast import Partner
from logins import HASH, failed_logins, header, status

from web.settings import User

pytestmark = pytest.mark.usefixtures("quick")


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


# --- Addresses ---


def test_only_allowed_networks_may_post(make_app):
    app = make_app(allowed_ips=(ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::/32")))
    for address, expected in [
        ("192.0.2.9", 200), ("2001:db8::1", 200), ("::ffff:192.0.2.9", 200), ("198.51.100.1", 403), ("unknown", 403),
    ]:  # fmt: skip
        assert status(app, auth=("impact", "secret"), address=address) == expected


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
