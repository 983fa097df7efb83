"""Where leads are delivered to, and by which mail server: the addresses of the environment, and how they are read."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import idna

from web.readers import SettingsError, switch

PREFIX = "DATAPOST_DELIVER_"
PRIVATE = "DATAPOST_DELIVER_PRIVATE"  # a setting of its own, and no destination
_NAME = re.compile(r"DATAPOST_DELIVER_([A-Z][A-Z0-9_]{0,39}?)(_SECRET|_TOKEN)?")
LEAST_KEY = 24  # bytes: what Standard Webhooks asks of a secret
HOW_TO_MAKE_ONE = (
    "make one by python3 -c 'import base64, secrets; "
    'print("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())\''
)
HUBSPOT = "https://api.hubapi.com"
LIKE = "https://leads.acme.example"
# What mail servers everywhere take, without quotes. Whatever could end an address or a header is left out.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@([^\s@,;:<>()\[\]\"\\]{{1,253}})")


@dataclass(frozen=True)
class Destination:
    """Where leads go: `address` is secret, as are `secrets`, which sign, and `token`. `shown` may be shown.

    The address of a webhook is a URL, that of HubSpot the URL of its API, that of a mail its recipients with commas.
    """

    name: str
    kind: str
    address: str = field(repr=False)
    shown: str
    secrets: tuple[str, ...] = field(default=(), repr=False)
    token: str = field(default="", repr=False)


class MailServer(NamedTuple):
    """What DATAPOST_SMTP_URL says. `tls` is from the first byte on; `sender` is "" where nothing says it."""

    host: str
    port: int
    tls: bool
    user: str
    password: str
    sender: str


def names_one(name):
    """Tell whether this is how the address, secret or token of a destination is called."""
    found = _NAME.fullmatch(name)
    return bool(found and PREFIX + found[1] != PRIVATE)


def _parts(environ):
    """Return what the environment says of each destination: {name: {"": address, "_SECRET": …, "_TOKEN": …}}."""
    found = {}
    for name in sorted(environ):
        if names_one(name) and environ[name].strip():
            which, part = _NAME.fullmatch(name).groups()
            found.setdefault(which.lower(), {})[part or ""] = environ[name].strip()
    return found


def all_of(_name, environ):
    """Return the destinations of the environment, by name."""
    found, wrong = {}, []
    for name, parts in _parts(environ).items():
        if "" not in parts:
            continue  # a doubt
        try:
            found[name] = _destination(name, parts, _is_private(environ))
        except SettingsError as error:
            wrong.append(str(error))
    if wrong:
        raise SettingsError("\n".join(wrong))
    return found


def _destination(name, parts, private):
    setting, address = PREFIX + name.upper(), parts[""]
    secrets = _secrets(f"{setting}_SECRET", parts.get("_SECRET", ""))
    token = parts.get("_TOKEN", "")
    if not re.fullmatch("[!-~]*", token):
        raise SettingsError(f"{setting}_TOKEN holds a blank, or what no header can carry: write the token alone")
    scheme = address.partition(":")[0].lower()
    if scheme not in SCHEMES:
        raise SettingsError(f"{setting} is no address: write https://…, mailto:sales@acme.example or hubspot:")
    kind, read = SCHEMES[scheme]
    address, shown = read(setting, address, private)
    if kind == "hubspot" and not token:
        how = "write a service key of HubSpot there, or the access token of a private app"
        raise SettingsError(f"{setting}_TOKEN is not set: {how}")
    return Destination(name, kind, address, shown, secrets, token)


def _secrets(setting, text):
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


def _web(setting, text, private):
    """Return a URL as it is called, and what of it may be shown."""
    place = _split(setting, text)
    if place.scheme.lower() == "http" and not private:
        raise SettingsError(
            f"{setting} begins with http: write https, or set {PRIVATE}=on if it is in a network of your own"
        )
    if place.username is not None or place.password is not None:
        raise SettingsError(f"{setting} holds a user name: take it out, and write a token in {setting}_TOKEN")
    if not re.fullmatch("[!-~]+", text):
        how = "write it as %20 or so, and in the name of a host as xn--…"
        raise SettingsError(f"{setting} holds a blank or a letter that no address can carry: {how}")
    shown = f"{place.scheme.lower()}://{place.netloc.lower()}"
    return text.partition("#")[0], shown


def heartbeat_url(setting, environ):
    """Return the address that the heartbeat calls, or nothing."""
    if not (text := environ.get(setting, "").strip()):
        return ""
    if text.partition(":")[0].lower() not in ("https", "http") or "@" in _split(setting, text).netloc:
        raise SettingsError(f"{setting} is no address that can be called: write https://…, without a user name")
    return _web(setting, text, _is_private(environ))[0]


def _is_private(environ):
    try:
        return switch(PRIVATE, environ.get(PRIVATE, ""))
    except SettingsError:  # which is told by that setting itself
        return True


def _split(setting, text, like="https://crm.acme.example/leads"):
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


def _mail(setting, text, _private):
    parts = [unquote(part.strip()) for part in text.partition(":")[2].split(",")]
    if any(part.startswith("/") for part in parts):  # mailto://, which mail servers would take for a part of the name
        raise SettingsError(f"{setting} has slashes after mailto: write it like mailto:sales@acme.example")
    how = "write it like mailto:sales@acme.example,ann@acme.example"
    recipients = [_mailbox(part) or _refuse(f"{setting} holds what is no mail address: {how}") for part in parts]
    domains = dict.fromkeys(recipient.partition("@")[2] for recipient in recipients)
    return ",".join(recipients), "mail to " + ", ".join(domains)


def _mailbox(text):
    """Return a mail address as mail servers everywhere take it, or nothing."""
    try:
        local, _, domain = _MAILBOX.fullmatch(text)[0].partition("@")
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except (TypeError, UnicodeError):
        return ""


def _refuse(sentence):
    raise SettingsError(sentence)


def _hubspot(setting, text, private):
    address = text.partition(":")[2]
    if not address:
        return HUBSPOT, HUBSPOT
    if address.partition(":")[0].lower() not in ("http", "https"):
        raise SettingsError(f"{setting} is no address: write hubspot: alone, or hubspot:https://…")
    address, shown = _web(setting, address, private)
    return address.rstrip("/"), shown


SCHEMES = {
    "https": ("webhook", _web),
    "http": ("webhook", _web),
    "mailto": ("mail", _mail),
    "hubspot": ("hubspot", _hubspot),
}

# What a destination of a kind makes no use of.
UNUSED = {
    ("mail", "_SECRET"): "a mail has none, take it out",
    ("mail", "_TOKEN"): "a mail has none, take it out",
    ("hubspot", "_SECRET"): "HubSpot looks at no signature, take it out",
}


def service_url(setting, text):
    """Return the address of this service, without a slash at its end."""
    if not (text := text.strip()):
        return ""
    place = _split(setting, text, LIKE)
    known = place.scheme in ("http", "https") and re.fullmatch("[!-~]+", text)
    if not known or "@" in place.netloc or place.query or place.fragment:
        raise SettingsError(f"{setting} is not the address of a service: write it like {LIKE}")
    return text.rstrip("/")


def smtp_url(setting, text):
    """Return the text of DATAPOST_SMTP_URL, if it can be read."""
    if text := text.strip():
        mail_server(text, setting)
    return text


def mail_server(url, setting="DATAPOST_SMTP_URL"):
    """Return what the address of a mail server says."""
    how = f"{setting} cannot be read: write smtps://user:password@host:465; in a password @ is %40, / %2F, # %23, ? %3F"
    try:
        place = urlsplit(url)
        options = dict(parse_qsl(place.query, keep_blank_values=True))
        tls = {"smtps": True, "smtp": False}[place.scheme.lower()]
        port = place.port or (465 if tls else 587)
    except (KeyError, ValueError):
        raise SettingsError(how) from None
    user, password = unquote(place.username or ""), unquote(place.password or "")
    # With a bare / or # in the password, its rest would be taken for a path.
    if not place.hostname or place.path.strip("/") or place.fragment or options.keys() - {"from"} or "@" in place.path:
        raise SettingsError(how)
    if not re.fullmatch("[ -~]*", user + password):
        raise SettingsError(f"{setting}: its user name or password has letters that are not ASCII")
    sender = _mailbox(options.get("from", user))  # many servers call a user by his mail address
    if "from" in options and not sender:
        raise SettingsError(f"{setting}: from= is no mail address: write from=leads@acme.example, and + in it as %2B")
    return MailServer(place.hostname, port, tls, user, password, sender)


def doubts(destinations, programs, environ):
    """Return by sentences which settings of destinations are probably not meant; `programs` by name, if known."""
    for name, parts in _parts(environ).items():
        setting = PREFIX + name.upper()
        if "" not in parts:
            beside = " and ".join(f"{setting}{part}" for part in sorted(parts))
            yield f"{beside}: {setting}, the address that belongs there, is not set"
        elif name in destinations:
            kind = destinations[name].kind
            yield from (f"{setting}{part}: {UNUSED[kind, part]}" for part in sorted(parts) if (kind, part) in UNUSED)
    if not hasattr(programs, "values"):  # then no rules are known
        return
    named = {to for program in programs.values() for to in program.deliver}
    for name in sorted(destinations.keys() - named):
        yield f'{PREFIX}{name.upper()}: no rule file says "to: {name}" under deliver:, so nothing goes there'
