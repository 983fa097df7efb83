"""Addresses as proxies write them, whose they are, and what is warned of."""

import ipaddress
import logging

import pytest

from web.proxies import origin, read_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1:4711 ", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_an_address_is_read_with_and_without_its_port(text, address):
    assert read_address(text) == ipaddress.ip_address(address)


@pytest.mark.parametrize(
    "text", ["", "unknown", "192.0.2.1:", "192.0.2", "192.0.2.1.5:80", "[]", "[", "\0", "1" * 1000]
)
def test_what_is_no_address_is_none(text):
    assert read_address(text) is None


def test_a_client_is_an_ipv4_address_or_an_ipv6_network():
    origins = {
        text: origin(read_address(text)) for text in ["192.0.2.1", "2001:db8::1:2:3:4", "fe80::1%eth0", "::1", "?"]
    }
    assert list(origins.values()) == ["192.0.2.1/32", "2001:db8::/64", "fe80::/64", "::/64", "unknown"]


@pytest.fixture
def log():
    """What is logged, while the test runs."""
    logger, entries = logging.getLogger("datapost"), []

    def collect(entry):
        entries.append(entry)
        return True

    logger.addFilter(collect)
    yield entries
    logger.removeFilter(collect)


def warnings(app, log, headers=(), address="9.9.9.9", auth=("impact", "secret")):
    """Return what is warned of when the same request comes twice."""
    log.clear()
    for _ in range(2):
        app.test_client().post("/leads", headers=headers, auth=auth, environ_base={"REMOTE_ADDR": address})
    return [entry.getMessage() for entry in log if entry.levelname == "WARNING" and entry.getMessage() != "refused"]


def test_a_password_that_came_in_clear_from_outside_is_warned_of_once(make_app, log):
    (warning,) = warnings(make_app(), log)
    assert "a password and a lead came by plain http from outside" in warning
    assert "9.9.9.9" not in warning
    assert len(warnings(make_app(), log, auth=("impact", "wrong"))) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "fd00::1", "100.64.0.1", "unknown"])
def test_what_came_from_inside_is_not_warned_of(make_app, log, address):
    assert not warnings(make_app(), log, address=address)


def test_what_came_without_a_password_is_not_warned_of(make_app, log):
    assert not warnings(make_app(), log, auth=None)
    assert not warnings(make_app(users=(), open=True), log)


def test_proxies_that_were_not_said_to_be_there_are_warned_of(make_app, log):
    forwarded = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}
    (warning,) = warnings(make_app(), log, forwarded, address="10.1.2.3")
    assert warning.startswith("DATAPOST_TRUSTED_PROXIES is not set, but")


@pytest.mark.parametrize(
    ("scheme", "warned"), [("https", 0), ("http, https", 0), ("http", 1), ("https, http", 1), (None, 0)]
)
@pytest.mark.parametrize("proxies", [1, 2])
def test_a_trusted_proxy_says_whether_a_request_came_by_https(make_app, log, proxies, scheme, warned):
    forwarded = {"X-Forwarded-For": "9.9.9.9" + ", 10.0.0.1" * (proxies - 1), "X-Forwarded-Proto": scheme}
    forwarded = {name: value for name, value in forwarded.items() if value}
    app = make_app(trusted_proxies=proxies)
    assert len(warnings(app, log, forwarded, address="10.0.0.2")) == warned


@pytest.mark.parametrize("proxies", [0, 1])
@pytest.mark.parametrize("value", ["", '"', ",", ", ,", "x" * 5000, "\xff", "http://x", "[", "%00"])
def test_nonsense_in_forwarded_headers_is_answered_as_everything_is(make_app, proxies, value):
    names = ("For", "Proto", "Host", "Port", "Prefix")
    headers = {f"X-Forwarded-{name}": value for name in names}
    response = (
        make_app(trusted_proxies=proxies).test_client().post("/leads", headers=headers, auth=("impact", "secret"))
    )
    assert response.status_code == 200
    assert "Location" not in response.headers
