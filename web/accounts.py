"""How the settings of the account at impact.com's API are read. The token is never shown."""

import re
from urllib.parse import urlsplit

from web.addresses import is_private, split_address, web_address
from web.readers import SettingsError

API = "https://api.impact.com"
THIS_MACHINE = "127.0.0.1", "::1", "localhost"


def sid(name, text):
    """Return an Account SID: what stands in the path of each call."""
    text = text.strip()
    if not re.fullmatch("[A-Za-z0-9_-]*", text):
        raise SettingsError(f"{name} is no Account SID: write it as impact.com shows it, such as IRabc123")
    return text


def url(name, environ):
    """Return the address of the API, without a slash at its end."""
    text = environ.get(name, "").strip() or API
    if text.partition(":")[0].lower() not in ("https", "http"):
        raise SettingsError(f"{name} is no address: write {API}, or leave it out")
    split_address(name, text, API)
    return web_address(name, text, is_private(environ) or is_here(text))[0].rstrip("/")


def is_here(url):
    """Tell whether the API is on this machine, as what stands in for it in a rehearsal: then it needs no TLS."""
    return urlsplit(url).hostname in THIS_MACHINE


def doubts(settings):
    """Yield what is probably not meant of the account at impact.com."""
    given = {"DATAPOST_IMPACT_SID": settings.impact_sid, "DATAPOST_IMPACT_TOKEN": settings.impact_token}
    there, missing = [name for name in given if given[name]], [name for name in given if not given[name]]
    if there and missing:
        yield (
            f"{there[0]} is set, and {missing[0]} is not, so that impact.com is not asked what became of leads: set "
            "both, or take it out"
        )
