"""Texts to numbers, amounts of money, and yes and no. Exact, and never by guessing.

Each type is a function that takes the field's specification (the keys of its YAML entry) and the
program's time zone when the rule file is loaded, and returns the function from text to value.
"""

import re
from decimal import Decimal
from functools import partial

from judge.values import EXACT, Ambiguous, Refused, Unusable, each, folded

# As long as a number can be in any database: 38 digits and an exponent of two digits.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}(\.0+)?")
_NUMBER = re.compile(r"[+-]?([0-9]{1,38}(\.[0-9]{0,38})?|\.[0-9]{1,38})([eE][+-]?[0-9]{1,2})?")

# How people write numbers: 1,100 and 20% and $150K and 1.5M and USD 250000.
CURRENCY = r"(?:[$€£¥₹₽₩]|[A-Z]{3})"
MARKS = {"": 0, "%": 0, "k": 3, "m": 6}  # by how many digits a number is longer that has such a mark
_EVERYDAY = re.compile(rf"([+-]?)\s*({CURRENCY}?)\s*([0-9.](?:.*[0-9.])?)\s*([%KkMm]?)\s*({CURRENCY}?)")
_SPACES = re.compile(r"(?<=[0-9])[\s'’](?=[0-9]{3}(?![0-9]))")
_PLAIN = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?|\.[0-9]{1,20}")
_COMMAS = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]{1,2})?")  # 1,234.50 and 1,234
_POINTS = re.compile(r"[1-9][0-9]{0,2}(\.[0-9]{3})+,[0-9]{1,2}|[1-9][0-9]{0,2}(\.[0-9]{3}){2,}")  # 1.234,50
_DECIMAL_COMMA = re.compile(r"[0-9]{1,20},[0-9]{1,2}")  # 1234,50
_AMBIGUOUS = re.compile(r"[0-9]{1,3}\.[0-9]{3}")  # 1.234 is a thousand or one, by country

# What partners' tools check, as far as it can be said in a pattern: a number, and what may stand around it.
_PATTERN = rf"^[+-]?\s*{CURRENCY}?\s*[0-9.][0-9.,'’\s]*([eE][+-]?[0-9]{{1,2}})?\s*[%KkMm]?\s*{CURRENCY}?$"
PATTERN, PATTERN_OF_MONEY = _PATTERN, _PATTERN.replace("%", "")


def integer(*_):
    def parse(text):
        if _INTEGER.fullmatch(text):
            return int(text.partition(".")[0])
        value = _everyday(text, _of_number)
        if value % 1 or abs(value) >= 10**18:
            raise Refused
        return int(value)

    return parse


def number(*_):
    return of_number


def of_number(text):
    """Return the number of a text."""
    return Decimal(text) if _NUMBER.fullmatch(text) else _everyday(text, _of_number)


def money(*_):
    def parse(text):
        value = of_money(text)
        return value if value.as_tuple().exponent <= -2 else value.quantize(Decimal("0.01"))

    return parse


def of_money(text):
    """Return the number of an amount of money, of which 20% is none."""
    if "%" in text:
        raise Refused
    return _everyday(text, _of_money)


def _everyday(text, read):
    """Return the number of a text; `read` brings its digits, without blanks between thousands, into plain form."""
    found = _EVERYDAY.fullmatch(text) if len(text) <= 60 else None
    if not found:
        raise Refused
    sign, before, amount, mark, after = found.groups()
    if (before and after) or (mark == "%" and (before or after)):
        raise Refused
    amount, longer = read(_SPACES.sub("", amount)), MARKS[mark.lower()]
    if len(amount) + longer > 24:  # more than any database keeps exactly
        raise Refused
    return EXACT.scaleb(Decimal(sign + amount), longer)


def _of_number(amount):
    if _COMMAS.fullmatch(amount):
        return amount.replace(",", "")
    if not _PLAIN.fullmatch(amount):
        raise Refused
    return amount


def _of_money(amount):
    if _POINTS.fullmatch(amount) or _DECIMAL_COMMA.fullmatch(amount):
        return amount.replace(".", "").replace(",", ".")
    if _AMBIGUOUS.fullmatch(amount):
        raise Ambiguous
    return _of_number(amount)


TRUE = ("true", "yes", "y", "on", "t", "1")
FALSE = ("false", "no", "n", "off", "f", "0")


def boolean(field, _zone):
    words = _words(field)

    def parse(text):
        value = words.get(text.lower())
        if value is None:
            value = words.get(folded(text))
        if value is None:
            raise Refused
        return value

    return parse


def consent(field, zone):
    given = boolean(field, zone)

    def parse(text):
        if not given(text):
            raise Refused
        return True

    return parse


def _words(field):
    """Return what each word of a field means: ours, and those under `yes` and `no`."""
    words = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
    for key, meaning in (("yes", True), ("no", False)):
        each(partial(_mean, words, meaning), getattr(field, key) or (), key)
    return words


def _mean(words, meaning, text):
    if words.setdefault(folded(text), meaning) is not meaning:
        raise Unusable(f'"{text}" already means {"no" if meaning else "yes"}: leave it out here')
