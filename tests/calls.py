"""A call to another service, and what is said of one that fails."""

import contextlib
import ipaddress
import socket

import pytest

from web import calling

SECRETS = ("canary", "/hook", "crm.example", "127.0.0.1", "localhost")


def call(url, body=b"canary", private=True, seconds=20):
    return calling.call("POST", url, body, {"Authorization": "Bearer canary"}, private, seconds)


def failure(error, url, **options):
    """Return what is said of a call that fails: nothing of what was called, sent or answered, nor in what led to it."""
    with pytest.raises(error) as caught:
        call(url, **options)
    chain, one = [], caught.value
    while one:
        chain.append(repr(one))
        one = one.__cause__ or one.__context__
    assert not any(secret in "".join(chain) for secret in SECRETS)
    return str(caught.value)


def deaf(host, port=0):
    """Return a listener that takes connections, and reads nothing."""
    return contextlib.closing(socket.create_server((host, port)))


class Names:
    """What stands for names here: `known[name]` is a list of answers, one for each time that it is asked."""

    def __init__(self):
        self.known, self.asked, self._real = {}, [], socket.getaddrinfo

    def look_up(self, host, port, *args, **options):
        if host not in self.known:
            return self._real(host, port, *args, **options)
        self.asked.append(host)
        if not (addresses := self.known[host].pop(0)):
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known")
        return [(*_kind(address), 6, "", (address, port)) for address in addresses]


def _kind(address):
    family = {4: socket.AF_INET, 6: socket.AF_INET6}[ipaddress.ip_address(address).version]
    return family, socket.SOCK_STREAM
