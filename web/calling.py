"""Calls to other services: to harmless addresses alone, and none takes longer than it may.

The name is resolved once, and what is connected to is the very address that was looked at: who answers differently when
asked again (DNS rebinding) gains nothing. Nothing of an address, a token or an answer stands in an error.
"""

import contextlib
import http.client
import ipaddress
import logging
import os
import queue
import socket
import ssl
import threading
import time
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

MOST = 65536  # bytes of an answer that are read, unless more is asked for
SECONDS = 20  # of a whole call, from resolving the name to the last byte
KEPT = ("Retry-After", "Location", "X-RateLimit-Reset")  # the headers of an answer that are looked at
PRIVATE_NETWORK = "its address is in a private network: set DATAPOST_DELIVER_PRIVATE=on if that is meant"
NEVER = "its address is one that is never called"
PORTS = {"https": 443, "http": 80}

# It would warn of headers that it cannot read, and name the address.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)

# Where Python's is_global is too kind: 192.0.0.0/24 and 192.88.99.0/24 are for protocols, and 168.63.129.16 is what
# Azure tells its machines their secrets by. An IPv6 address is public within 2000::/3 alone (RFC 4291), where 2002::/16
# is 6to4; what stands for IPv4 addresses (64:ff9b::/96, ::/96) is outside.
_NOT_PUBLIC = [
    ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "2002::/16")
]
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1/128")
]
# Within the private ones: where clouds tell a machine its own secrets (AWS by IPv6, Alibaba).
_NEVER = [ipaddress.ip_network(text) for text in ("fd00:ec2::254/128", "100.100.100.200/32")]


class Forbidden(Exception):
    """This address may not be called. The text says why, and not which one it is."""


class Unreached(Exception):
    """Nothing was answered: no connection, or not in time. The text says what failed, and not where."""


class Reply(NamedTuple):
    """What was answered: `headers` are those of KEPT that there were, `body` what came of it, at most so many bytes."""

    status: int
    headers: dict
    body: bytes


class Watch:
    """The time that a call may take: when it is over, what it waits for is shut, whatever that is."""

    def __init__(self, seconds=SECONDS):
        self.seconds, self._end = seconds, time.monotonic() + seconds
        self._place, self._lock = None, threading.Lock()
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.name, self._timer.daemon = "watch", True

    def __enter__(self):
        self._timer.start()
        return self

    def __exit__(self, *_error):
        self._timer.cancel()
        with self._lock:
            if self._place:
                self._place.close()
            self._place = None

    @property
    def is_over(self):
        """Whether there is no time left that anything could be answered in."""
        return time.monotonic() > self._end - 0.05

    @property
    def left(self):
        """The seconds that are left, and never none: a timeout of 0 would mean not to wait at all."""
        return max(self._end - time.monotonic(), 0.001)

    @property
    def late(self):
        """What is said when it is over."""
        return f"it did not answer within {self.seconds} seconds"

    def over(self, place):
        """Watch over a socket. A duplicate is kept, since TLS takes the socket itself away."""
        with self._lock:
            if self._place:
                self._place.close()
            self._place = place.dup()
        if self.is_over:
            self._shut()

    def _shut(self):
        with self._lock:
            if self._place:
                with contextlib.suppress(OSError):  # it is closed already
                    self._place.shutdown(socket.SHUT_RDWR)


def may_be_called(address, private=False):
    """Say nothing if an IP address may be called, or raise Forbidden."""
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_link_local or address.is_multicast or address.is_unspecified or _within(address, _NEVER):
        raise Forbidden(NEVER)
    if _within(address, _PRIVATE):
        if not private:
            raise Forbidden(PRIVATE_NETWORK)
    elif not _is_public(address):
        raise Forbidden(NEVER)


def is_private(address):
    """Tell whether an IP address is one of this machine or of a network of one's own."""
    return _within(getattr(address, "ipv4_mapped", None) or address, _PRIVATE)


def _is_public(address):
    in_space = address.version == 4 or address in _PUBLIC_IPV6
    return in_space and address.is_global and not _within(address, _NOT_PUBLIC)


def _within(address, networks):
    return any(address.version == network.version and address in network for network in networks)


def resolve(host, port, watch):
    """Return the addresses of a name, within the time that is left."""
    found = queue.SimpleQueue()

    def ask():  # in a thread of its own, since nothing ends it before it ends
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError):  # also where it is no name at all
            found.put([])

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        infos = found.get(timeout=watch.left)
    except queue.Empty:
        raise Unreached(watch.late) from None
    addresses = dict.fromkeys(ipaddress.ip_address(place[0]) for *_, place in infos)
    if not addresses:
        raise Unreached("its name is not known")
    return list(addresses)


def call(method, url, body=b"", headers=None, private=False, seconds=SECONDS, most=MOST):
    """Call a URL and return the Reply, of whose body `most` bytes are read. Raises Forbidden or Unreached."""
    place, port = _place(url, private)
    with Watch(seconds) as watch:
        addresses = resolve(place.hostname, port, watch)
        for address in addresses:
            may_be_called(address, private)
        target = (place.path or "/") + (f"?{place.query}" if place.query else "")
        headers = {"Host": place.netloc.rpartition("@")[2]} | (headers or {})
        failure = watch.late
        for waiting, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            connection = _connection(place, str(address), port, watch)
            try:
                reply, failure = _ask(connection, watch, watch.left / waiting, (method, target, body, headers), most)
            finally:
                connection.close()
            if reply:
                return reply
            if failure != NO_CONNECTION:  # what was said to one of them is not said to another one
                break
    # Here, where no error of a library is on its way any more: such a one may quote the address.
    raise Unreached(failure)


NO_CONNECTION = "no connection"
NOT_TRUSTED = "its certificate is not of its name, or nobody here trusts it"
BROKE = "the connection broke before it answered"


def _place(url, private):
    """Return the parts of a URL, and its port."""
    try:
        place = urlsplit(url)
        port = place.port or PORTS.get(place.scheme)
    except ValueError:  # which quotes it
        place = port = None
    if not place or not place.hostname:  # without a name it would be this machine
        raise Forbidden("its address cannot be read")
    if place.scheme != "https" and not (place.scheme == "http" and private):
        raise Forbidden("its address does not begin with https: set DATAPOST_DELIVER_PRIVATE=on if that is meant")
    return place, port


def _connection(place, address, port, watch):
    """Return a connection of urllib3 to this address, which is watched, and whose certificate is that of the name."""
    from urllib3 import connection  # here, since whoever calls nobody would load it for 20 ms

    base = connection.HTTPSConnection if place.scheme == "https" else connection.HTTPConnection

    class Watched(base):
        def _new_conn(self):
            made = super()._new_conn()
            watch.over(made)
            return made

    if place.scheme == "http":
        return Watched(address, port)
    name = place.hostname.rstrip(".")
    return Watched(address, port, server_hostname=name, ssl_context=trusted())


def trusted():
    """Return the TLS by which a server must prove its name, to an authority that this machine trusts."""
    return _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(4)  # to read the certificates of this machine takes 20 ms
def _trusted(_file, _folder):
    return ssl.create_default_context()


def _ask(connection, watch, patience, request, most):
    """Return the Reply, or None and what failed."""
    from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

    method, target, body, headers = request
    silence = NO_CONNECTION  # also where it is TLS that does not come about, as behind some tunnels of IPv6
    try:
        connection.timeout = patience
        connection.connect()
        connection.timeout, silence = watch.left, watch.late
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it read all
            connection.request(method, target, body, headers, preload_content=False, decode_content=False)
        with contextlib.closing(connection.getresponse()) as answered:
            if watch.is_over:  # what was shut amid the headers looks as if they had ended there
                return None, watch.late
            kept = {name: answered.headers[name] for name in KEPT if name in answered.headers}
            return Reply(answered.status, kept, _read(answered, most)), ""
    except ssl.SSLCertVerificationError:
        failure = NOT_TRUSTED
    except (NewConnectionError, ConnectTimeoutError):
        failure = NO_CONNECTION
    except TimeoutError:
        failure = silence
    except (HTTPError, OSError, http.client.HTTPException, ValueError):
        failure = BROKE
    return None, watch.late if watch.is_over else failure


def _read(answered, most):
    """Return what comes of the body. What was answered is known without it, so that no failure matters here."""
    from urllib3.exceptions import HTTPError

    parts, left = [], most
    with contextlib.suppress(HTTPError, OSError, http.client.HTTPException, ValueError):
        while left > 0 and (part := answered.read1(left, decode_content=False)):
            parts.append(part)
            left -= len(part)
    return b"".join(parts)
