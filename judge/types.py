"""The field types that rule files name: a row of TYPES says all that there is to a type.

A type turns the submitted text into a value, or raises Refused. It is made once, when the rule
file is loaded, by a function that takes the field's specification (the keys of its YAML entry).
"""

import importlib
import ipaddress
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from pydantic import HttpUrl, TypeAdapter, ValidationError

from judge import emails, moments, numbers, phones, places, ranges
from judge.values import Refused, Text, Unusable, known_as, matching
from judge.wordschema import any_of_words

# --- Types: specification, time zone -> (text -> value) ---


def _text(*_):
    return Text


def _url(*_):
    def parse(text):
        try:
            url = str(_ADDRESS.validate_python(f"https://{text}" if _BARE.fullmatch(text) else text))
        except ValidationError:
            raise Refused from None
        return known_as(url, _ESCAPED.sub(_unescaped, url)) if "%" in url else Text(url)

    return parse


_ADDRESS = TypeAdapter(HttpUrl)  # to make one costs 350 µs

# An address without its scheme: names with dots of which the last has letters, and no mailbox before them.
_BARE_ADDRESS = r"(?:[^\s/?#@:.\\]+\.)+(?:[^\s/?#@:.\\0-9]{2,63}|[xX][nN]--[a-zA-Z0-9-]+)(?::[0-9]{1,5})?(?:[/?#]\S*)?"
_BARE = re.compile(_BARE_ADDRESS)

# RFC 3986, 6.2.2: %61 is a, and %2f is %2F.
_ESCAPED = re.compile("%([0-9A-Fa-f]{2})")


def _unescaped(found):
    character = chr(int(found[1], 16))
    return character if re.fullmatch(r"[A-Za-z0-9._~-]", character) else found[0].upper()


def _ip(*_):
    def parse(text):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise Refused from None
        mapped = getattr(address, "ipv4_mapped", None)
        return known_as(address, mapped or str(address).partition("%")[0])  # a zone says nothing outside of a machine

    return parse


_uuid = matching("[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}", lambda text: Text(UUID(text)))


def _id(field, _zone):
    """Make the type of numbers with check digits, such as us.ssn or iban, as python-stdnum knows them."""
    try:
        if not re.fullmatch(r"[a-z_]{2,12}(\.[a-z0-9_]{1,20})?", field.standard or ""):
            raise ImportError
        standard = importlib.import_module(f"stdnum.{field.standard}")
        validate = standard.validate
    except (ImportError, AttributeError):
        raise Unusable("an id needs its standard, a module of python-stdnum: write us.ssn or iban") from None

    def parse(text):
        try:
            return Text(validate(text))
        except Exception:  # mostly InvalidNumber, but some modules raise a KeyError or ValueError of their own
            raise Refused from None

    return parse


# --- What is said of them: how they are taken, shown and varied ---


def _takes_phone(spec, _zone):
    if spec.country:
        return f"a phone number, with country code (such as +1) or as written in {_countries_of(spec)}"
    return "a phone number with country code, such as +1"


def _takes_moment(spec, zone):
    formats = f"as {formats_of(spec)}" if spec.formats else "in ISO 8601, such as 2026-03-01T09:30:00-05:00"
    return f"a date and time {formats}; in the time zone {zone} if it names none"


def _takes_id(spec, _zone):
    told = (importlib.import_module(f"stdnum.{spec.standard}").__doc__ or "").strip().partition("\n")[0]
    return f"a number with check digits: {told.rstrip('.') or spec.standard}"


def _takes_date(spec, _zone):
    return f"a date as {formats_of(spec)}"


def formats_of(spec):
    """Return the formats of a date or moment, in words."""
    return joined([moments.told(written, spec.type == "date") for written in spec.formats or ["ISO"]], "or")


def _takes_code(spec, _zone):
    if isinstance(spec.country, str) and not places.has_postal_codes(spec.country):
        return f"nothing: {spec.country} has no postal codes"
    return f"a postal code of {_countries_of(spec)}"


def _countries_of(spec):
    """Return the countries of a field, in words."""
    if not spec.country_field:
        return joined(spec.countries_named, "or")
    otherwise = f"; {spec.country.default} if it names none" if spec.country.default else ""
    return f"the country that {spec.country_field} names{otherwise}"


def _takes_truth(spec, _zone):
    own = [*(spec.yes or []), *(spec.no or [])]
    return f"true or false (yes or no, on or off, 1 or 0{''.join(f', {word}' for word in own)})"


def _takes_consent(spec, _zone):
    return f"true, and nothing else ({joined(['yes', 'on', '1', *(spec.yes or [])], 'or')} will do)"


def joined(parts, word="and"):
    """Return `a, b and c`."""
    *most, last = parts
    return f"{', '.join(most)} {word} {last}" if most else last


def _usual_moments(spec):
    return [moments.example_in(written, spec.type == "date") for written in (spec.formats or ["ISO"])[:1]]


def _schema_of_dates(spec):
    if not spec.formats and spec.type == "datetime":
        return _TEXT
    patterns = [moments.bare_pattern(written, spec.type == "date") for written in spec.formats or ["ISO"]]
    kind = ["string", "number"] if "epoch" in (spec.formats or []) else "string"
    return {"type": kind, "pattern": f"^(?:{'|'.join(patterns)})$"}


def _other_emails(text):
    local, _, domain = text.rpartition("@")
    return [f"{local}.{secrets.token_hex(3)}@{domain}", f"{secrets.token_hex(4)}@{domain}"]


def _other_texts(text):
    tag = secrets.token_hex(4)
    return [f"{text}-{tag}", f"{text}{tag}", tag, *_other_digits(text)]


def _other_digits(text, last=12):
    """Yield texts whose last digits are others; check digits and area codes make many of them wrong."""
    places = [place for place, character in enumerate(text) if character in "0123456789"][-last:]
    for _ in range(500 if places else 0):
        characters = list(text)
        for place in places:
            characters[place] = secrets.choice("0123456789")
        yield "".join(characters)


@dataclass(frozen=True)
class FieldType:
    """One row of TYPES.

    `make` takes the field's specification and the time zone, and returns the function from text to value; `kind` is
    what conditions see (text, number, date, datetime, range, boolean); `keys` are the keys that only some types take;
    `sentence` is the note of an invalid value, and `ambiguous` that of one that could be two. `takes` tells partners
    what to send, `schema` is that as JSON Schema, `usual` are values that it is likely to take, and `others` gives
    other values than one, to try a lead again.
    """

    make: Callable
    kind: str
    keys: frozenset
    sentence: str
    takes: str | Callable
    schema: dict | Callable = field(default_factory=lambda: _TEXT)
    usual: list | Callable = ()
    others: Callable = lambda _: ()
    ambiguous: str = ""

    def told(self, spec, zone):
        """Return what a field takes, in words."""
        return self.takes(spec, zone) if callable(self.takes) else self.takes.format(spec=spec)

    def described(self, spec):
        """Return what a field takes, as JSON Schema."""
        return self.schema(spec) if callable(self.schema) else self.schema

    def likely(self, spec):
        """Return values that a field is likely to take."""
        return self.usual(spec) if callable(self.usual) else self.usual


_TEXT = {"type": "string"}
_SCALAR = {"type": ["string", "number"]}  # JSON may write it as a number
_LENGTHS = frozenset({"min_length", "max_length", "pattern", "one_of"})
_BOUNDS = frozenset({"min", "max"})
_EMAIL = _LENGTHS | {"disposable", "role", "free", "exact"}
_COUNTRY = frozenset({"country"})
_WORDS = frozenset({"yes", "no"})
_ADDRESSES = {"type": "string", "pattern": rf"^(?:[hH][tT][tT][pP][sS]?://|{_BARE_ADDRESS}$)"}
_UUID = "^[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}$"


def _words(spec, falsehoods=False):
    words = [*numbers.TRUE, *(spec.yes or []), *([*numbers.FALSE, *(spec.no or [])] if falsehoods else [])]
    return any_of_words(words, [True, False] if falsehoods else [True])


def _schema_of_choices(spec):
    """Return what takes the values of `one_of` and the codes that stand for them."""
    return any_of_words([*spec.codes, *spec.choices]) if spec.one_of else _SCALAR


def _numbers(kind="number", pattern=numbers.PATTERN):
    """Numbers may come as text, as they do in XML; how large they may be is said of both."""
    return {"type": [kind, "string"], "pattern": pattern}


TYPES = {
    "text": FieldType(
        _text, "text", _LENGTHS, "The {label} cannot be read",
        "any text", _schema_of_choices, ["Ann", "Example 1"], _other_texts,
    ),
    "email": FieldType(
        emails.email, "text", _EMAIL, "The {label} is not a valid email address",
        "an email address", {"type": "string", "format": "email"}, ["ann@example.com"], _other_emails,
    ),
    "phone": FieldType(
        phones.phone, "text", _COUNTRY | {"countries", "kinds"}, "The {label} is not a valid phone number",
        _takes_phone, _SCALAR, phones.examples,
        others=lambda text: _other_digits(text, 4),  # the area and the exchange stay: 555 is nobody's
    ),
    "postal_code": FieldType(
        places.postal_code, "text", _COUNTRY | {"one_of", "pad"}, "The {label} is not a valid postal code",
        _takes_code, _SCALAR, lambda spec: places.example_of(spec.home)[:1], _other_digits,
    ),
    "region": FieldType(
        places.region, "text", _COUNTRY | {"one_of"}, "The {label} is not a known state or province",
        lambda spec, _: f"a state or province of {_countries_of(spec)}, by code or name",
        usual=lambda spec: places.example_of(spec.home)[1:],
        ambiguous="The {label} could be more than one state or province: write its code",
    ),
    "country": FieldType(
        places.country, "text", frozenset({"one_of"}), "The {label} is not a known country",
        "a country, by its two or three letters or its English name", usual=["US"],
        ambiguous="The {label} could be more than one country: write its two letters",
    ),
    "date": FieldType(
        moments.day, "date", _BOUNDS | {"formats"}, "The {label} is not a valid date ({formats})",
        _takes_date, _schema_of_dates, _usual_moments,
        ambiguous="The {label} could be more than one day ({formats})",
    ),
    "datetime": FieldType(
        moments.moment, "datetime", _BOUNDS | {"formats"}, "The {label} is not a valid date and time",
        _takes_moment, _schema_of_dates, _usual_moments,
        ambiguous="The {label} could be more than one date and time ({formats})",
    ),
    "integer": FieldType(
        numbers.integer, "number", _BOUNDS, "The {label} is not a whole number",
        "a whole number", _numbers("integer"), ["1", "18"], _other_digits,
    ),
    "number": FieldType(
        numbers.number, "number", _BOUNDS, "The {label} is not a number",
        "a number, such as 3.5", _numbers(), ["3.5"], _other_digits,
    ),
    "money": FieldType(
        numbers.money, "number", _BOUNDS, "The {label} is not an amount of money, such as 1234.50",
        "an amount of money, such as 1234.50", _numbers(pattern=numbers.PATTERN_OF_MONEY), ["1234.50"], _other_digits,
        ambiguous="The {label} could be two amounts of money: write it without thousands separators, such as 1234.50",
    ),
    "range": FieldType(
        ranges.range_of_numbers, "range", _BOUNDS,
        "The {label} is not a range, such as 600-649, 500000 or more, under 580, or one number",
        "a range, such as 600-649, 500000 or more, or under 580; or one number",
        _numbers(pattern=ranges.PATTERN), ["600-649"],
        others=lambda text: _other_digits(text, 2),  # of about the same size: rules ask for that
        ambiguous="The {label} could be two ranges: write its numbers in full, such as 500000-600000",
    ),
    "boolean": FieldType(
        numbers.boolean, "boolean", _WORDS, "The {label} is neither true nor false",
        _takes_truth, lambda spec: _words(spec, falsehoods=True), ["true"],
    ),
    "consent": FieldType(
        numbers.consent, "boolean", _WORDS, "The {label} was not given: it must be true",
        _takes_consent, _words, ["true"],
    ),
    "choice": FieldType(
        _text, "text", frozenset({"one_of"}), "The {label} cannot be read",
        "one of the accepted values", _schema_of_choices,
    ),
    "url": FieldType(
        _url, "text", _LENGTHS, "The {label} is not a web address, such as https://example.com/",
        "a web address; one without http:// or https:// is https", _ADDRESSES, ["https://example.com/"],
    ),
    "ip": FieldType(
        _ip, "text", frozenset(), "The {label} is not an IP address",
        "an IPv4 or IPv6 address", {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}, ["192.0.2.1"],
    ),
    "uuid": FieldType(
        _uuid, "text", frozenset(), "The {label} is not a UUID",
        "a UUID", {"type": "string", "pattern": _UUID}, ["6f1b0a52-8a0e-4b7e-9a53-2f1d3c4b5a69"],
        lambda _: [str(uuid4())],
    ),
    "id": FieldType(
        _id, "text", frozenset({"standard"}), "The {label} is not a valid number of its kind",
        _takes_id, _SCALAR, others=_other_digits,
    ),
}  # fmt: skip
