"""Which addresses are called, and whose certificate is taken: whatever a name says, and however it is written."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from calls import call, deaf, failure
from receiving import Receiver, answer, authority

from web.calling import NEVER, PRIVATE_NETWORK, Forbidden, Unreached, may_be_called

pytestmark = pytest.mark.usefixtures("quiet")

BROKE = "the connection broke before it answered"
NOT_TRUSTED = "its certificate is not of its name, or nobody here trusts it"
NOT_HTTPS = "its address does not begin with https: set DATAPOST_DELIVER_PRIVATE=on if that is meant"


# --- Which addresses are called ---

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1"]
IN_PRIVATE_NETWORKS = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.1.2.3", "::1"]
IN_PRIVATE_NETWORKS += ["100.64.0.1", "100.127.255.255", "fd12::1", "fc00::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1"]
OF_NOBODY = ["0.0.0.0", "0.1.2.3", "::", "169.254.0.1", "169.254.169.254", "fe80::1", "fe80::1%lo", "fec0::1"]
OF_NOBODY += ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1", "255.255.255.255", "240.0.0.1", "198.18.0.1"]
OF_NOBODY += ["192.0.0.1", "192.0.0.9", "192.0.0.192", "192.0.2.1", "192.88.99.1", "203.0.113.1", "2001:db8::1"]
OF_NOBODY += ["64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:0808:0808::1", "2002:0a00:1::1"]
OF_NOBODY += ["::10.0.0.1", "::8.8.8.8", "::ffff:0:8.8.8.8", "2001::1", "::ffff:169.254.169.254", "::ffff:0.0.0.0"]
OF_CLOUDS = ["168.63.129.16", "100.100.100.200", "fd00:ec2::254", "::ffff:100.100.100.200"]


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("private", [False, True])
def test_a_public_address_is_called(address, private):
    may_be_called(ipaddress.ip_address(address), private)


@pytest.mark.parametrize("address", IN_PRIVATE_NETWORKS)
def test_a_private_network_is_called_where_that_is_meant(address):
    may_be_called(ipaddress.ip_address(address), private=True)


@pytest.mark.parametrize("address", IN_PRIVATE_NETWORKS)
def test_a_private_network_is_else_refused(names, address):
    names.known["crm.example"] = [[address]]
    assert failure(Forbidden, "https://crm.example/hook", private=False) == PRIVATE_NETWORK


@pytest.mark.parametrize("address", OF_NOBODY + OF_CLOUDS)
@pytest.mark.parametrize("private", [False, True])
def test_what_no_service_of_a_brand_can_have_is_never_called(names, address, private):
    names.known["crm.example"] = [[address]]
    assert failure(Forbidden, "https://crm.example/hook", private=private) == NEVER


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "①②⑦.0.0.1"),
        *("localhost", "LocalHost", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    ],
)
def test_this_machine_is_refused_however_it_is_written(host):
    assert failure(Forbidden, f"https://{host}/hook", private=False) == PRIVATE_NETWORK


@pytest.mark.parametrize("host", ["0", "0.0.0.0", "[::]", "2852039166", "0xa9fea9fe", "[::ffff:a9fe:a9fe]"])
def test_so_is_what_is_never_called(host):
    assert failure(Forbidden, f"https://{host}/hook") == NEVER


@pytest.mark.parametrize("addresses", [["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["2606:4700::1", "::1"]])
def test_a_name_with_a_public_and_a_private_address_is_refused(names, addresses):
    names.known["crm.example"] = [addresses]
    assert failure(Forbidden, "https://crm.example/hook", private=False) == PRIVATE_NETWORK


def test_a_name_is_asked_for_once_and_what_was_looked_at_is_called(names):
    with Receiver() as receiver, Receiver(host="127.0.0.2") as other:
        names.known["crm.example"] = [["127.0.0.1"], ["127.0.0.2"], ["169.254.169.254"]]
        assert call(f"http://crm.example:{receiver.port}/hook").status == 200
    assert names.asked == ["crm.example"]
    assert receiver.requests[0].headers["host"] == f"crm.example:{receiver.port}"
    assert other.requests == []


def test_of_several_addresses_the_first_that_can_be_reached_is_called(names):
    with Receiver() as receiver:
        names.known["crm.example"] = [["127.0.0.2", "127.0.0.1", "127.0.0.3"]]
        assert call(f"http://crm.example:{receiver.port}/hook").status == 200


def test_what_one_address_was_told_is_not_told_to_another(names):
    def close(place, _request):
        place.close()

    with Receiver(close, host="127.0.0.2") as first, deaf("127.0.0.1", first.port) as second:
        names.known["crm.example"] = [["127.0.0.2", "127.0.0.1"]]
        assert failure(Unreached, f"http://crm.example:{first.port}/hook") == BROKE
        second.settimeout(0)
        with pytest.raises(BlockingIOError):
            second.accept()


@pytest.mark.parametrize("url", ["http://crm.example/hook", "ftp://crm.example/hook", "//crm.example/hook"])
def test_only_https_is_called(url):
    assert failure(Forbidden, url, private=False) == NOT_HTTPS


def test_in_a_private_network_http_is_too_and_nothing_else():
    assert failure(Forbidden, "ftp://crm.example/hook") == NOT_HTTPS


@pytest.mark.parametrize("url", ["https:///hook", "https:", "", "https://[canary/hook", "https://crm.example:canary/"])
def test_an_address_that_names_no_host_is_refused(url):
    assert failure(Forbidden, url) == "its address cannot be read"


@pytest.mark.parametrize("host", ["canary.example", f"{'a' * 64}.example", "a..example"])
def test_a_name_that_is_not_known_is_not_reached(names, host):
    names.known["canary.example"] = [[]]
    assert failure(Unreached, f"https://{host}/hook") == "its name is not known"


# --- By whose certificate ---


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_certificate_of_its_name_by_an_authority_that_is_trusted_lets_a_call_through(tmp_path, monkeypatch, name):
    with Receiver(tls=authority(tmp_path, monkeypatch, name)) as receiver:
        assert call(f"https://{name}:{receiver.port}/hook").status == 200
    assert receiver.requests[0].body == b"canary"


def test_the_certificate_is_that_of_the_name_and_not_of_the_address(tmp_path, monkeypatch, names):
    names.known = {"crm.example": [["127.0.0.1"]] * 2}
    with Receiver(tls=authority(tmp_path, monkeypatch, "crm.example")) as receiver:
        assert call(f"https://crm.example:{receiver.port}/hook").status == 200
        assert call(f"https://CRM.example:{receiver.port}/hook").status == 200
    assert receiver.requests[0].headers["host"] == f"crm.example:{receiver.port}"


@pytest.mark.parametrize("names_of_it", [["other.example"], ["crm.localhost"], ["127.0.0.1"]])
def test_a_certificate_of_another_name_is_refused(tmp_path, monkeypatch, names_of_it):
    with Receiver(tls=authority(tmp_path, monkeypatch, *names_of_it)) as receiver:
        assert failure(Unreached, receiver.url) == NOT_TRUSTED
    assert receiver.requests == []


def tls_of(certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(made)
    return made


def test_an_authority_that_nobody_here_trusts_is_refused(tmp_path, monkeypatch):
    authority(tmp_path, monkeypatch, "localhost")
    with Receiver(tls=tls_of(trustme.CA().issue_cert("localhost"))) as receiver:
        assert failure(Unreached, receiver.url) == NOT_TRUSTED
    assert receiver.requests == []


def test_a_certificate_that_has_expired_is_refused(tmp_path, monkeypatch):
    made, yesterday = trustme.CA(), datetime.now(UTC) - timedelta(days=1)
    made.cert_pem.write_to_path(str(tmp_path / "another.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "another.pem"))
    with Receiver(tls=tls_of(made.issue_cert("localhost", not_after=yesterday))) as receiver:
        assert failure(Unreached, receiver.url) == NOT_TRUSTED
    assert receiver.requests == []


def test_who_speaks_no_tls_is_not_reached():
    with Receiver(answer()) as receiver:
        told = failure(Unreached, f"https://localhost:{receiver.port}/hook", seconds=2)
    assert told in (BROKE, "it did not answer within 2 seconds")
