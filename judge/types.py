"""The field types and limits that rule files name, as tables of small functions.

A type turns the submitted text into a value, or raises Refused. It is made once, when the rule
file is loaded, by a function that takes the field's specification (the keys of its YAML entry).
A limit looks at the value and returns it, in its normal spelling, or raises Refused.
"""

import importlib
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import email_validator
import phonenumbers
import re2
from disposable_email_domains import blocklist as disposable_domains
from pydantic import HttpUrl, TypeAdapter, ValidationError

from judge import places, values
from judge.values import UNSEEN, Refused, Text, Unusable, known_as

# --- Types: specification, time zone -> (text -> value) ---


def _text(*_):
    return Text


def _email(*_):
    def parse(text):
        if not text.isascii() and text != text.translate(UNSEEN):  # email-validator takes some of them
            raise Refused
        try:
            email = email_validator.validate_email(text, check_deliverability=False)
        except email_validator.EmailNotValidError:
            raise Refused from None
        return Text(f"{email.local_part}@{email.ascii_domain}")

    return parse


def _phone(field, _zone):
    country = _phone_country(field.country) if field.country else None

    def parse(text):
        if not _PHONE.fullmatch(text):  # phonenumbers itself finds a number in any sentence
            raise Refused
        try:
            number = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            raise Refused from None
        if not phonenumbers.is_valid_number(number):
            raise Refused
        return Text(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    return parse


_PHONE = re.compile(r"(tel:|\+)?[\s0-9()+./–-]{3,40}((ext\.?|x|#)\s*[0-9]{1,8})?", re.IGNORECASE)


def _phone_country(country):
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise Unusable(f'"{country}" is not a country: write two letters, such as US')
    return country


def _url(*_):
    def parse(text):
        try:
            url = str(_ADDRESS.validate_python(text))
        except ValidationError:
            raise Refused from None
        return known_as(url, _ESCAPED.sub(_unescaped, url)) if "%" in url else Text(url)

    return parse


_ADDRESS = TypeAdapter(HttpUrl)  # to make one costs 350 µs

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


_uuid = values.matching("[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}", lambda text: Text(UUID(text)))


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


@dataclass(frozen=True)
class FieldType:
    """One row of TYPES.

    `make` takes the field's specification and returns the function from text to value;
    `kind` is what conditions see (text, number, date, boolean); `keys` are the keys that only
    some types take; `sentence` is the note of an invalid value.
    """

    make: Callable
    kind: str
    keys: frozenset
    sentence: str


_LENGTHS = frozenset({"min_length", "max_length", "pattern", "one_of"})
_BOUNDS = frozenset({"min", "max"})
_EMAIL = _LENGTHS | {"disposable", "role", "free"}
_COUNTRY = frozenset({"country"})

TYPES = {
    "text": FieldType(_text, "text", _LENGTHS, "The {label} cannot be read"),
    "email": FieldType(_email, "text", _EMAIL, "The {label} is not a valid email address"),
    "phone": FieldType(_phone, "text", _COUNTRY | {"countries"}, "The {label} is not a valid phone number"),
    "postal_code": FieldType(
        places.postal_code, "text", _COUNTRY | {"one_of"}, "The {label} is not a valid postal code"
    ),
    "region": FieldType(places.region, "text", _COUNTRY | {"one_of"}, "The {label} is not a known state or province"),
    "country": FieldType(places.country, "text", frozenset({"one_of"}), "The {label} is not a known country"),
    "date": FieldType(values.day, "date", _BOUNDS | {"formats"}, "The {label} is not a valid date ({formats})"),
    "datetime": FieldType(values.moment, "datetime", _BOUNDS | {"formats"}, "The {label} is not a valid date and time"),
    "integer": FieldType(values.integer, "number", _BOUNDS, "The {label} is not a whole number"),
    "number": FieldType(values.number, "number", _BOUNDS, "The {label} is not a number"),
    "money": FieldType(values.money, "number", _BOUNDS, "The {label} is not an amount of money, such as 1234.50"),
    "boolean": FieldType(values.boolean, "boolean", frozenset(), "The {label} is neither true nor false"),
    "consent": FieldType(values.consent, "boolean", frozenset(), "The {label} was not given: it must be true"),
    "choice": FieldType(_text, "text", frozenset({"one_of"}), "The {label} cannot be read"),
    "url": FieldType(_url, "text", _LENGTHS, "The {label} is not a web address that starts with http:// or https://"),
    "ip": FieldType(_ip, "text", frozenset(), "The {label} is not an IP address"),
    "uuid": FieldType(_uuid, "text", frozenset(), "The {label} is not a UUID"),
    "id": FieldType(_id, "text", frozenset({"standard"}), "The {label} is not a valid number of its kind"),
}


# --- Limits: (limit as compiled, value) -> value ---


def _bounded(code, holds, limit, value):
    if not holds(value, limit):
        raise Refused(code)
    return value


def _matches(pattern, value):
    if not pattern.fullmatch(value):
        raise Refused("pattern")
    return value


def _chosen(spelling, value):
    if value not in spelling:
        raise Refused("not_allowed")
    return spelling[value]


def _length(text, _):
    if not re.fullmatch("[0-9]{1,6}", text):
        raise Unusable(f'"{text}" is not a number of characters')
    return int(text)


def _bound(text, parse):
    try:
        return parse(text)
    except Refused:
        raise Unusable(f'"{text}" is not a value that this field can have') from None


def _linear_pattern(text, _):
    # re2 matches in linear time: no pattern that an editor writes can hang the service.
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise Unusable(f"the pattern cannot be read: {_plain(error)}") from None


def _reject(text, _):
    if text != "reject":
        raise Unusable(f'"{text}" is not known here: write reject, or leave the key out')
    return True


# Mailboxes of an office and not of a person: RFC 2142, and those that are usual besides.
_ROLES = frozenset(
    re.findall(
        "[a-z-]+",
        """abuse accounts admin administrator billing contact ftp hello help hostmaster info jobs mail marketing news
        no-reply noc noreply office orders postmaster press privacy root sales security service support team test
        usenet webmaster www""",
    )
)

# The large free providers, by their name; each has many endings (yahoo.co.uk, gmx.de).
_FREE = re.compile(
    r"(gmail|googlemail|yahoo|ymail|rocketmail|outlook|hotmail|live|msn|icloud|me|mac|aol|gmx|web|mail|inbox|zoho|"
    r"proton|protonmail|pm|yandex|tutanota|tuta|fastmail|hey|qq|163|126|rediffmail|libero|orange|free|laposte|"
    r"t-online|freenet|seznam|wp|o2|naver|daum|comcast|verizon|att|sbcglobal|bellsouth|cox|charter|btinternet)"
    r"\.(com|net|org|de|fr|it|es|nl|at|ch|ru|cz|pl|me|cn|in|ca|eu|co\.(uk|in|jp|kr|nz)|com\.(au|br|mx|ar|tr|cn|sg|hk))"
)


def _is_disposable(email):
    parts = email.rpartition("@")[2].casefold().split(".")
    return any(".".join(parts[start:]) in disposable_domains for start in range(len(parts) - 1))


def _is_role(email):
    return email.rpartition("@")[0].casefold().partition("+")[0] in _ROLES


def _is_free(email):
    return bool(_FREE.fullmatch(email.rpartition("@")[2]))


def _unless(code, applies, _limit, value):
    if applies(value):
        raise Refused(code)
    return value


def _of_countries(countries, value):
    if phonenumbers.region_code_for_number(phonenumbers.parse(value)) not in countries:
        raise Refused("not_allowed")
    return value


def _plain(error):
    return error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)


def _spellings(texts, parse):
    return {value: value for value in (_bound(text, parse) for text in texts)}


@dataclass(frozen=True)
class Limit:
    """One row of LIMITS: `compile` takes the key's value and the type's parse function."""

    compile: Callable
    check: Callable
    code: str
    sentence: str


LIMITS = {
    "one_of": Limit(_spellings, _chosen, "not_allowed", "The {label} is not one of the accepted values"),
    "min_length": Limit(
        _length,
        partial(_bounded, "too_short", lambda value, limit: len(value) >= limit),
        "too_short",
        "The {label} is too short: it needs at least {limit} characters",
    ),
    "max_length": Limit(
        _length,
        partial(_bounded, "too_long", lambda value, limit: len(value) <= limit),
        "too_long",
        "The {label} is too long: it may have at most {limit} characters",
    ),
    "pattern": Limit(_linear_pattern, _matches, "pattern", "The {label} does not have the expected form"),
    "min": Limit(
        _bound,
        partial(_bounded, "too_small", lambda value, limit: value >= limit),
        "too_small",
        "The {label} is too small: the least accepted is {limit}",
    ),
    "max": Limit(
        _bound,
        partial(_bounded, "too_large", lambda value, limit: value <= limit),
        "too_large",
        "The {label} is too large: the most accepted is {limit}",
    ),
    "countries": Limit(
        lambda countries, _: frozenset(map(_phone_country, countries)),
        _of_countries,
        "not_allowed",
        "The {label} is not a number of a country that is accepted",
    ),
    "disposable": Limit(
        _reject,
        partial(_unless, "disposable", _is_disposable),
        "disposable",
        "The {label} is a throw-away address",
    ),
    "role": Limit(_reject, partial(_unless, "role", _is_role), "role", "The {label} is not a person's own"),
    "free": Limit(_reject, partial(_unless, "free", _is_free), "free", "The {label} is of a free provider"),
}
