"""How addresses are read that settings hold, whatever is called by them: what is wrong is said without showing them."""

import base64
import binascii
import re
from urllib.parse import unquote, urlsplit

import idna

from web.readers import SettingsError, switch

PRIVATE = "DATAPOST_DELIVER_PRIVATE"
LEAST_KEY = 24  # bytes: what Standard Webhooks asks of a secret
HOW_TO_MAKE_ONE = (
    "make one by python3 -c 'import base64, secrets; "
    'print("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())\''
)
LIKE = "https://leads.acme.example"

# What mail servers everywhere take, without quotes. Whatever could end an address or a header is left out.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@([^\s@,;:<>()\[\]\"\\]{{1,253}})")


def signing_secrets(setting, text):
    """Return the secrets that a setting holds: none, one, or two while they change."""
    secrets = tuple(text.split())
    if len(secrets) > 2:
        raise SettingsError(f"{setting} holds more than two secrets: write one, or two while you change them")
    for secret in secrets:
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not secret.startswith("whsec_") or len(key) < LEAST_KEY:
            raise SettingsError(f"{setting} is no whsec_ and base64 of {LEAST_KEY} bytes or more: {HOW_TO_MAKE_ONE}")
    return secrets


def is_private(environ):
    """Tell whether what is called may be in a private network, and without TLS."""
    try:
        return switch(PRIVATE, environ.get(PRIVATE, ""))
    except SettingsError:  # which is told by that setting itself
        return True


def split_address(setting, text, like="https://crm.acme.example/leads"):
    """Return the parts of an address that names a host, or say what is wrong without showing it."""
    try:
        place = urlsplit(text)
        _ = place.port  # raises too
        whole = bool(place.hostname) and place.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise SettingsError(f"{setting} cannot be read: write it like {like}")
    return place


def web_address(setting, text, private):
    """Return a URL as it is called, and what of it may be shown."""
    place = split_address(setting, text)
    if place.scheme.lower() == "http" and not private:
        raise SettingsError(
            f"{setting} begins with http: write https, or set {PRIVATE}=on if it is in a network of your own"
        )
    if place.username is not None or place.password is not None:
        raise SettingsError(f"{setting} holds a user name: take it out; a destination may have a token, in …_TOKEN")
    if not re.fullmatch("[!-~]+", text):
        how = "write it as %20 or so, and in the name of a host as xn--…"
        raise SettingsError(f"{setting} holds a blank or a letter that no address can carry: {how}")
    shown = f"{place.scheme.lower()}://{place.netloc.lower()}"
    return text.partition("#")[0], shown


def mail_addresses(setting, text, _private):
    """Return the recipients of a mailto:, with commas, and what of them may be shown."""
    parts = [unquote(part.strip()) for part in text.partition(":")[2].split(",")]
    if any(part.startswith("/") for part in parts):  # mailto://, which mail servers would take for a part of the name
        raise SettingsError(f"{setting} has slashes after mailto: write it like mailto:sales@acme.example")
    how = "write it like mailto:sales@acme.example,ann@acme.example"
    recipients = [mailbox(part) or _refuse(f"{setting} holds what is no mail address: {how}") for part in parts]
    domains = dict.fromkeys(recipient.partition("@")[2] for recipient in recipients)
    return ",".join(recipients), "mail to " + ", ".join(domains)


def mailbox(text):
    """Return a mail address as mail servers everywhere take it, or nothing."""
    try:
        local, _, domain = _MAILBOX.fullmatch(text)[0].partition("@")
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except (TypeError, UnicodeError):
        return ""


def _refuse(sentence):
    raise SettingsError(sentence)


def service_url(setting, text):
    """Return the address of this service, without a slash at its end."""
    if not (text := text.strip()):
        return ""
    place = split_address(setting, text, LIKE)
    known = place.scheme in ("http", "https") and re.fullmatch("[!-~]+", text)
    if not known or "@" in place.netloc or place.query or place.fragment:
        raise SettingsError(f"{setting} is not the address of a service: write it like {LIKE}")
    return text.rstrip("/")


def heartbeat_url(setting, environ):
    """Return the address that the heartbeat calls, or nothing."""
    if not (text := environ.get(setting, "").strip()):
        return ""
    if text.partition(":")[0].lower() not in ("https", "http") or "@" in split_address(setting, text).netloc:
        raise SettingsError(f"{setting} is no address that can be called: write https://…, without a user name")
    return web_address(setting, text, is_private(environ))[0]
