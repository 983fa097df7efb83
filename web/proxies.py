"""Where requests come from: the address behind the proxies, and whether they can be read on their way."""

import ipaddress
import re
from functools import lru_cache

from werkzeug.middleware.proxy_fix import ProxyFix


class TrustedProxies(ProxyFix):
    """Takes the client's address and the scheme from `count` proxies, and from nobody else.

    Each proxy adds to X-Forwarded-For the address that it saw, so the last `count` entries are
    theirs. X-Forwarded-Proto is one value, which each proxy replaces: the last is the nearest one's.
    """

    def __init__(self, app, count):
        super().__init__(app, x_for=count, x_proto=1)

    def __call__(self, environ, start_response):
        # A quotation mark that a client opens and never closes would make the list unreadable,
        # and so hide the client behind the address of the nearest proxy.
        for name in ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"):
            if name in environ:
                environ[name] = environ[name].replace('"', "")
        return super().__call__(environ, start_response)


@lru_cache(1024)
def read_address(text):
    """Return an address as a proxy or the server writes it, or None for what is none ("unknown").

    Some proxies add the port, which is another one for each connection: `192.0.2.1:4711`.
    """
    bare = re.sub(r"^\[(.*)\](:\d+)?$|^([\d.]+):\d+$", r"\1\3", text.strip())
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def client_address(request):
    """Return the address that a request came from, behind the proxies that are trusted, or None."""
    return read_address(request.remote_addr or "")


def origin(address):
    """Return the text that is the same for all addresses of one client, who has a whole IPv6 /64."""
    if address is None:
        return "unknown"
    bits = 64 if address.version == 6 else 32
    return str(ipaddress.ip_network((address.packed, bits), strict=False))


def arrival(request, trusted_proxies):
    """Return what a request with credentials tells of the way that it came: to be noted for `flask doctor`."""
    return {
        "proxies": sum(1 for text in request.headers.get("X-Forwarded-For", "").split(",") if text.strip()),
        "https": request.scheme == "https",
        "problem": exposure(request, trusted_proxies) or "",
    }


def exposure(request, trusted_proxies):
    """Return what to warn of when credentials came with this request, or None."""
    if not trusted_proxies and "X-Forwarded-For" in request.headers:
        return (
            "DATAPOST_TRUSTED_PROXIES is not set, but requests say that a proxy passed them on: if one does, "
            "set it to the number of proxies, or all senders count as one address"
        )
    # A proxy that does not say how it was spoken to may have been spoken to by https.
    told = not trusted_proxies or "X-Forwarded-Proto" in request.headers
    address = client_address(request)
    if told and request.scheme != "https" and address and address.is_global:
        return (
            "a password and a lead came by plain http from outside, where others can read them: put a proxy that "
            "speaks https in front, set DATAPOST_TRUSTED_PROXIES, and give the senders the https address only"
        )
    return None
