"""Texts to ranges of numbers, such as 600-649, 500000 or more, and under 580.

The type is a function that takes the field's specification and the program's time zone when the rule file is loaded,
and returns the function from text to value. A range has no numbers below 0: -580 is how "under 580" is stored.
"""

import re
from contextlib import suppress

from judge import numbers
from judge.values import DRAWN_IN_NUMBERS, UNSEEN, Ambiguous, Refused, Text, Unusable, folded, stored

LONGEST = 100  # characters
LARGEST = 10**18  # as a whole number may be; a range is read again as it is stored, with no more than 20 decimals

# How a dash is drawn, full-width signs, and what nobody sees; but within a number that may stand for a dash (U+00AD).
_DRAWN = DRAWN_IN_NUMBERS | str.maketrans("＄％．＜＞∼〜～", "$%.<>~~~")
_BROKEN = re.compile(f"[0-9][{''.join(map(chr, UNSEEN))}]+[0-9]")

# The words around a number, and between two.
OVER = ("over", "above", "more than", "greater than", "at least", "no less than", "not less than", "from",
        "starting at", "minimum", ">=", ">", "≥")  # fmt: skip
OR_MORE = ("or more", "and more", "or over", "and over", "or above", "and above", "or greater", "and greater",
           "or higher", "and higher", "and up", "& up", "plus", "[+]", "-")  # fmt: skip
UNDER = ("under", "below", "less than", "fewer than", "up to", "at most", "no more than", "not more than", "maximum",
         "<=", "<", "≤", "-")  # fmt: skip
OR_LESS = ("or less", "and less", "or fewer", "or under", "and under", "or below", "and below", "or lower",
           "and lower")  # fmt: skip
TO = ("-", "~", "to", "through", "thru")

_NUMBER = rf"[+]? ?{numbers.CURRENCY}? ?[0-9.][0-9.,'’ ]{{0,40}}(?:[eE][0-9]{{1,2}})? ?[%KkMm]? ?{numbers.CURRENCY}?"


def _any(words):
    return f"(?i:{'|'.join(words)})"


_RANGE = re.compile(
    rf"(?P<one>{_NUMBER})"
    rf"|(?:(?i:between|from) )?(?P<low_1>{_NUMBER}) ?{_any(TO)} ?(?P<high_1>{_NUMBER})"
    rf"|(?i:between) (?P<low_2>{_NUMBER}) ?(?i:and) ?(?P<high_2>{_NUMBER})"
    rf"|{_any(OVER)} ?(?P<low_3>{_NUMBER})|(?P<low_4>{_NUMBER}) ?{_any(OR_MORE)}"
    rf"|{_any(UNDER)} ?(?P<high_3>{_NUMBER})|(?P<high_4>{_NUMBER}) ?{_any(OR_LESS)}"
)
_OF_MONEY = re.compile(numbers.CURRENCY)
_LONGER = re.compile("[0-9.] ?([KkMm])")

# What partners' tools check, as far as it can be said in a pattern: a number or two, and words or signs around them.
_WORDS = r"[^0-9.,\n]{0,24}"
_DIGITS = r"[0-9.][0-9.,'’\s]*(?:[eE][0-9]{1,2})?"
PATTERN = rf"^{_WORDS}{_DIGITS}(?:{_WORDS}{_DIGITS})?{_WORDS}$"


class Range(Text):
    """A range as it is stored, with its ends; one that is open has None there.

    It is compared as a text, with equal numbers alike. With a number it is compared by both of its ends:
    `600-649 >= 600` says that nothing of it is below 600.
    """

    __slots__ = ("high", "low")

    def __ge__(self, number):
        return (self.low or 0) >= number

    def __le__(self, number):
        return self.high is not None and self.high <= number


def range_of_numbers(*_):
    """Make the type of ranges."""

    def parse(text):
        return read(text)

    parse.bound = _bound
    return parse


def read(text):
    """Return the Range that a text means. Raises Refused."""
    written = " ".join(text.translate(_DRAWN).split()) if len(text) <= LONGEST else ""
    found = _RANGE.fullmatch(written)
    if not found or (not text.isascii() and _BROKEN.search(text)):
        raise Refused
    ends = {name.partition("_")[0]: text for name, text in found.groupdict().items() if text is not None}
    values = _numbers(ends)
    if "one" in values:
        return _made(values["one"], values["one"])
    low, high = values.get("low"), values.get("high")
    if low is not None and high is not None:
        if low > high:
            raise Refused
        _hold_apart(low, high, ends)
    return _made(low, high)


def _numbers(ends):
    """Return the numbers of a range: as the type number reads them, or all as money, where one is written like that."""
    if not any(map(_OF_MONEY.search, ends.values())):
        with suppress(Refused):
            return {name: _number(text, numbers.of_number) for name, text in ends.items()}
    return {name: _number(text, numbers.of_money) for name, text in ends.items()}


def _number(text, of):
    value = of(text.strip())
    if not 0 <= value < LARGEST or value.as_tuple().exponent < -20:
        raise Refused
    return value


def _hold_apart(low, high, ends):
    """Refuse 500-600K, which could begin at 500 or at 500000."""
    longer = _LONGER.search(ends["high"])
    if longer and low and not _LONGER.search(ends["low"]) and low.scaleb(numbers.MARKS[longer[1].lower()]) <= high:
        raise Ambiguous


def _made(low, high):
    made = Range(_drawn(low, high, stored))
    made.low, made.high, made._folded = low, high, _drawn(low, high, folded)
    return made


def _drawn(low, high, form):
    """Return a range as one text, with its numbers in this form."""
    if low == high:
        return form(low)
    return "-".join("" if end is None else form(end) for end in (low, high))


def _bound(text, _is_last):
    """Return a least or greatest value, which is one number. Raises Unusable."""
    try:
        made = read(text)
    except Refused:
        made = None
    if made is None or made.low != made.high:
        raise Unusable(f'"{text}" is not a value that this field can have: write one number, such as 600')
    return made.low
