"""How the texts of settings are read: each reader names its setting, and says what to write."""

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import time

import psycopg
from psycopg.conninfo import conninfo_to_dict


class SettingsError(ValueError):
    """A setting cannot be used. The text names it and says what to write."""


@dataclass(frozen=True)
class User:
    """Somebody who may post, or see the dashboard: `password` is plain or a hash; `programs` None means all of them.

    A viewer sees the dashboard, and changes nothing there.
    """

    name: str
    password: str = field(repr=False)
    programs: frozenset | None = None
    viewer: bool = False

    @property
    def hashed(self):
        """Whether the password is a hash, as `flask hash-password` makes them."""
        return bool(_HASH.fullmatch(self.password))


CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")  # RFC 7617: names and passwords hold none
_HASH = re.compile(r"(scrypt:\d+:\d+:\d+|pbkdf2:sha\d+:\d+)\$[^$]+\$[0-9a-f]+")


def text(_name, text):
    return text.strip()


def token(name, text):
    """Return a bearer token, in which any letter may stand."""
    if len((text := text.strip()).split()) > 1 or CONTROL_CHARACTERS.search(text):
        raise SettingsError(f"{name} holds a blank, or what no header can carry: write the token alone")
    return text


def switch(name, text):
    if text.lower() in ("on", "true", "yes", "1"):
        return True
    if text.lower() in ("", "off", "false", "no", "0"):
        return False
    raise SettingsError(f'{name} is "{text}": write on or off')


def home(name, text):
    if text.strip().lower() not in ("files", "dashboard"):
        raise SettingsError(f'{name} is "{text[:100]}": write files or dashboard')
    return text.strip().lower()


def whole_number(name, text):
    if not re.fullmatch("[0-9]{1,12}", text):
        raise SettingsError(f'{name} is "{text}": write a whole number')
    return int(text)


def time_of_day(name, text):
    """Return a time of day, or None."""
    if not (text := text.strip()):
        return None
    if not (match := re.fullmatch("([01]?[0-9]|2[0-3]):([0-5][0-9])", text)):
        raise SettingsError(f'{name} is "{text[:100]}": write a time of day in 24 hours, such as 08:00 or 17:30')
    return time(int(match[1]), int(match[2]))


def size(name, text):
    if not (size := whole_number(name, text)):
        raise SettingsError(f"{name} is 0, so that no lead would be taken: write how many bytes it may have")
    return size


def users(name, text):
    found = []
    for number, entry in enumerate(text.split(), 1):
        # An entry may be a password that lacks its name, so it is never shown.
        who, colon, password = entry.partition(":")
        login, slash, programs = who.partition("/")
        if not colon or not login or (slash and not all(programs.split(","))):
            raise SettingsError(f"{name}: entry {number} is not name:password or name/program,program:password")
        if CONTROL_CHARACTERS.search(entry):
            raise SettingsError(f"{name}: entry {number} holds a control character, which no login can carry")
        found.append(User(login, password, frozenset(programs.split(",")) if slash else None))
        if re.match(r"(scrypt|pbkdf2):.*\$", password) and not found[-1].hashed:
            raise SettingsError(f"{name}: the password of entry {number} is a hash that is cut off or misspelt")
    return tuple(found)


def networks(name, text):
    try:
        return tuple(_network(part) for part in re.split(r"[\s,]+", text) if part)
    except ValueError:
        raise SettingsError(f"{name} holds something that is no network: write 192.0.2.0/24 2001:db8::/32") from None


def _network(text):
    network = ipaddress.ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped and network.prefixlen >= 96:  # IPv4, as addresses are read too
        return ipaddress.ip_network((mapped.packed, network.prefixlen - 96))
    return network


def database(name, text):
    if re.match("postgres(ql)?://", text):
        try:
            parts = conninfo_to_dict(text)
        except psycopg.ProgrammingError:  # whose text may quote the password
            raise SettingsError(f"{name} cannot be read: write postgresql://user:password@host:5432/name") from None
        # With a bare @ or / in the password, its rest is taken for the host, port or name, which errors quote.
        place = f"{parts.get('host', '')} {parts.get('dbname', '')}"
        if "@" in place or not re.fullmatch("[0-9,]*", str(parts.get("port", ""))):
            raise SettingsError(
                f"{name} cannot be read: the port is a number, and within a password @ is written %40, and / is %2F"
            )
        return re.sub("^postgres:", "postgresql:", text)
    if not re.fullmatch(r"sqlite:///.+", text):
        raise SettingsError(
            f"{name} is not the address of a database: write sqlite:///datapost.db or "
            "postgresql://user:password@host:5432/name"
        )
    if re.match(r"sqlite:///(:memory:|file:)", text):
        raise SettingsError(f"{name} names no file that lasts: write sqlite:///datapost.db")
    return text
