"""Where leads are delivered to, and by which mail server: the addresses of the environment, and how they are read."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from web.addresses import PRIVATE, is_private, mail_addresses, mailbox, signing_secrets, web_address
from web.readers import SettingsError

PREFIX = "DATAPOST_DELIVER_"
_NAME = re.compile(r"DATAPOST_DELIVER_([A-Z][A-Z0-9_]{0,39}?)(_SECRET|_TOKEN)?")
HUBSPOT = "https://api.hubapi.com"


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


def setting_of(name):
    """Return the name of the setting that says where a destination is."""
    return PREFIX + name.upper()


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
            found[name] = _destination(name, parts, is_private(environ))
        except SettingsError as error:
            wrong.append(str(error))
    if wrong:
        raise SettingsError("\n".join(wrong))
    return found


def _destination(name, parts, private):
    setting, address = setting_of(name), parts[""]
    secrets = signing_secrets(f"{setting}_SECRET", parts.get("_SECRET", ""))
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


def _hubspot(setting, text, private):
    address = text.partition(":")[2]
    if not address:
        return HUBSPOT, HUBSPOT
    if address.partition(":")[0].lower() not in ("http", "https"):
        raise SettingsError(f"{setting} is no address: write hubspot: alone, or hubspot:https://…")
    address, shown = web_address(setting, address, private)
    return address.rstrip("/"), shown


SCHEMES = {
    "https": ("webhook", web_address),
    "http": ("webhook", web_address),
    "mailto": ("mail", mail_addresses),
    "hubspot": ("hubspot", _hubspot),
}

# What a destination of a kind makes no use of.
UNUSED = {
    ("mail", "_SECRET"): "a mail has none, take it out",
    ("mail", "_TOKEN"): "a mail has none, take it out",
    ("hubspot", "_SECRET"): "HubSpot looks at no signature, take it out",
}


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
    sender = mailbox(options.get("from", user))  # many servers call a user by his mail address
    if "from" in options and not sender:
        raise SettingsError(f"{setting}: from= is no mail address: write from=leads@acme.example, and + in it as %2B")
    return MailServer(place.hostname, port, tls, user, password, sender)


def doubts(destinations, programs, environ):
    """Return by sentences which settings of destinations are probably not meant; `programs` by name, if known."""
    for name, parts in _parts(environ).items():
        setting = setting_of(name)
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
        yield f'{setting_of(name)}: no rule file says "to: {name}" under deliver:, so nothing goes there'
