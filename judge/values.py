"""Texts to values: numbers, money, yes and no, days and times. Exact, and never by guessing.

Each type is a function that takes the field's specification (the keys of its YAML entry) and the
program's time zone when the rule file is loaded, and returns the function from text to value.
"""

import re
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from functools import lru_cache
from unicodedata import category, combining, normalize

LONGEST_VALUE = 2100  # characters of any value but a text
LONGEST_FOLDED = 10_000  # characters of a text whose forms are compared: some grow to eighteen times their length

# The characters outside XML 1.0, section 2.2 (production Char).
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# White space of any kind that XML allows, and the two that stand for it.
_SEPARATORS = re.compile(r"(?:[^\S\x0b\x0c\x1c-\x1f]|[_-])+")


@lru_cache(4096)
def canonical(name):
    """Return the form in which field names are compared: `E-Mail Address` is `emailaddress`."""
    return _SEPARATORS.sub("", name.casefold())


class Names:
    """The submitted names that count as some of a rule file's fields; `meaning` is `{canonical name: field}`.

    These are their own names, and what stands under those: `applicant.ssn`, `applicant[ssn]`, `@ssn` and `ssn.@id`
    count as `ssn`. But a name that the file gives to another field is that field's.
    """

    def __init__(self, meaning, fields):
        self._meaning, self._fields = meaning, fields
        known = (re.findall(r"\w+", spelling) for spelling, field in meaning.items() if field in fields)
        parts = [r"\W+".join(words) for words in known if words]
        self._part = re.compile(rf"\b(?:{'|'.join(parts)})\b" if parts else r"(?!)")

    def __contains__(self, name):
        name = canonical(name)
        if field := self._meaning.get(name):
            return field in self._fields
        return bool(self._part.search(name))


def clean(text):
    """Return `text` with every character that XML 1.0 forbids replaced by U+FFFD."""
    return FORBIDDEN.sub("\ufffd", text)


class Refused(ValueError):
    """A value breaks a check. `code` is the part of the reason code after the field's name."""

    def __init__(self, code="invalid"):
        super().__init__(code)
        self.code = code


class Unusable(ValueError):
    """A key of a rule file cannot be used; the text says why and what to write. `key` is which, if it is known."""

    def __init__(self, message, key=None):
        super().__init__(message)
        self.key = key


class Text(str):
    """A text of a lead: equal to another as `folded` says."""

    __slots__ = ("_folded",)

    @property
    def folded(self):
        try:
            return self._folded
        except AttributeError:
            self._folded = _form(self).strip(" ")
            return self._folded

    def __eq__(self, other):
        return self.folded == folded(other) if isinstance(other, str) else NotImplemented

    def __ne__(self, other):
        return self.folded != folded(other) if isinstance(other, str) else NotImplemented

    def __hash__(self):
        return hash(self.folded)

    def __lt__(self, other):
        return self.folded < folded(other)

    def __le__(self, other):
        return self.folded <= folded(other)

    def __gt__(self, other):
        return self.folded > folded(other)

    def __ge__(self, other):
        return self.folded >= folded(other)

    def startswith(self, start):
        return self.folded.startswith(_form(start))

    def endswith(self, end):
        return self.folded.endswith(_form(end))

    def __contains__(self, part):
        if not isinstance(part, str):
            raise TypeError("only a text can be part of a text")
        return _form(part) in self.folded


def known_as(text, other):
    """Return a Text that is compared as if it were `other`: another spelling of the same thing."""
    made = Text(text)
    made._folded = _form(str(other)).strip(" ")
    return made


def matching(pattern, convert):
    """Make a type of the texts that `pattern` describes, turned into values by `convert`."""
    described = re.compile(pattern)

    def make(*_):
        def parse(text):
            if not described.fullmatch(text):
                raise Refused
            return convert(text)

        return parse

    return make


def stored(value):
    """Return a value as JSON holds it: amounts as exact texts, days and moments in ISO 8601."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value


def folded(value):
    """Return the text by which a value is compared with others: 5 is 5.00, and Zoë is zoë however it is written.

    Of texts neither case counts, nor Unicode's forms (KC), characters that nobody sees, how wide a blank
    is, or how a quotation mark or a dash is drawn.
    """
    if isinstance(value, Text):
        return value.folded
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(_EXACT.normalize(value), "f") if value else "0"  # of 0 and -0 too
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return _form(str(stored(value))).strip(" ")


def folded_before(value):
    """Return the text by which a value was compared until 0.3.0: places of duplicates are still known by it."""
    if not isinstance(value, str):  # of two numbers with more than 28 digits it made one: better a place that is lost
        return folded(value)
    return (value if value.isascii() or len(value) > LONGEST_VALUE else normalize("NFC", value)).casefold()


_EXACT = Context(prec=200)  # a number has 76 digits at most (see `number`); the usual 28 would make two of them one


def _form(text):
    if text.isascii() and text.isprintable():
        return _BLANKS.sub(" ", text.casefold())
    text = _BLANKS.sub(" ", text)
    start = _in_form(
        _in_form(text[:LONGEST_FOLDED])
    )  # twice, since the form KC may bring out capitals, and what is unseen
    return _BLANKS.sub(" ", start + text[LONGEST_FOLDED:].casefold())


def _in_form(text):
    """Leave out what nobody sees, and of marks on one letter all but 30 (UAX #15, Stream-Safe Text Format).

    To normalize what no language piles up would take the square of its number: 10 s for 256 KiB.
    """
    kept, marks = [], 0
    for character in text.translate(_DRAWN).casefold():
        marks = marks + 1 if combining(character) else 0
        if marks <= 30 and category(character) not in ("Cc", "Cf"):
            kept.append(character)
    return normalize("NFKC", "".join(kept))


_BLANKS = re.compile(r"\s+")

# What is left out when texts are compared: Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt 15.0),
# signs that are blank (of braille and of music), and, by their category, controls and formats.
_UNSEEN = """
    ad 34f 61c 115f-1160 17b4-17b5 180b-180f 200b-200f 202a-202e 2060-206f 2800 3164 fe00-fe0f feff ffa0 fff0-fff8
    fffc 1bca0-1bca3 1d159 1d173-1d17a e0000-e0fff
"""


def _characters(ranges):
    ends = ([int(end, 16) for end in part.split("-")] for part in ranges.split())
    return [code for first, *last in ends for code in range(first, (last or [first])[0] + 1)]


UNSEEN = dict.fromkeys(_characters(_UNSEEN))

# How a quotation mark, an apostrophe and a hyphen may be drawn: Unicode's Quotation_Mark, its primes, and its Dash.
_DRAWN = UNSEEN | dict.fromkeys(map(ord, "‘’‚‛‹›′‵´ʹʻʼˈ＇"), "'") | dict.fromkeys(map(ord, "“”„‟«»″‶＂〝〞〟"), '"')
_DRAWN |= dict.fromkeys(map(ord, "‐‑‒–—―−⁃﹘﹣－"), "-")


# As long as a number can be in any database: 38 digits and an exponent of two digits.
integer = matching(r"[+-]?[0-9]{1,18}(\.0+)?", lambda text: int(text.partition(".")[0]))
number = matching(r"[+-]?([0-9]{1,38}(\.[0-9]{0,38})?|\.[0-9]{1,38})([eE][+-]?[0-9]{1,2})?", Decimal)

_CURRENCY = r"(?:[$€£¥₹₽₩]|[A-Z]{3})"
_SUM = re.compile(rf"([+-]?)\s*({_CURRENCY}?)\s*([0-9.].*?)\s*({_CURRENCY}?)")
_SPACES = re.compile(r"(?<=[0-9])[\s'’](?=[0-9]{3}(?![0-9]))")
_PLAIN = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?|\.[0-9]{1,20}")
_COMMAS = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]{1,2})?")  # 1,234.50 and 1,234
_POINTS = re.compile(r"[1-9][0-9]{0,2}(\.[0-9]{3})+,[0-9]{1,2}|[1-9][0-9]{0,2}(\.[0-9]{3}){2,}")  # 1.234,50
_DECIMAL_COMMA = re.compile(r"[0-9]{1,20},[0-9]{1,2}")  # 1234,50
_AMBIGUOUS = re.compile(r"[0-9]{1,3}\.[0-9]{3}")  # 1.234 is a thousand or one, by country


def money(*_):
    def parse(text):
        found = _SUM.fullmatch(text) if len(text) <= 60 else None
        if not found or (found[2] and found[4]):
            raise Refused
        sign, amount = found[1], _SPACES.sub("", found[3])
        if _COMMAS.fullmatch(amount):
            amount = amount.replace(",", "")
        elif _POINTS.fullmatch(amount) or _DECIMAL_COMMA.fullmatch(amount):
            amount = amount.replace(".", "").replace(",", ".")
        elif _AMBIGUOUS.fullmatch(amount) or not _PLAIN.fullmatch(amount):
            raise Refused
        if len(amount) > 24:  # more than any database keeps exactly
            raise Refused
        value = Decimal(sign + amount)
        return value if value.as_tuple().exponent <= -2 else value.quantize(Decimal("0.01"))

    return parse


TRUE = ("true", "yes", "y", "on", "t", "1")
FALSE = ("false", "no", "n", "off", "f", "0")


def boolean(*_):
    def parse(text):
        word = text.lower()
        if word not in TRUE + FALSE:
            raise Refused
        return word in TRUE

    return parse


def consent(*_):
    def parse(text):
        if text.lower() not in TRUE:
            raise Refused
        return True

    return parse


# The parts of a format: what each is, its digits, and those of an example.
_PARTS = {
    "YYYY": ("year", "[0-9]{4}", "1985"),
    "MM": ("month", "[0-9]{2}", "04"),
    "DD": ("day", "[0-9]{2}", "17"),
    "M": ("month", "[0-9]{1,2}", "4"),
    "D": ("day", "[0-9]{1,2}", "17"),
    "HH": ("hour", "[0-9]{2}", "09"),
    "mm": ("minute", "[0-9]{2}", "30"),
    "ss": ("second", "[0-9]{2}", "00"),
}
_DAY = {"year", "month", "day"}
_ISO_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"


def day(field, _zone):
    """Make the type of days, in the formats that the field names (YYYY-MM-DD if none)."""
    patterns = [_format(text, [_DAY], "MM/DD/YYYY") for text in field.formats or ["YYYY-MM-DD"]]
    return lambda text: _only(patterns, text, lambda parts: date(**parts))


def moment(field, zone):
    """Make the type of moments; one that names no offset is meant in the program's time zone."""
    if not field.formats:
        iso = matching(_ISO_TIME, datetime.fromisoformat)(field)
        return lambda text: _in_zone(_existing(iso, text), zone)
    known = [_DAY | {"hour", "minute"}, _DAY | {"hour", "minute", "second"}]
    patterns = [_format(text, known, "MM/DD/YYYY HH:mm") for text in field.formats]
    return lambda text: _in_zone(_only(patterns, text, lambda parts: datetime(**parts)), zone)


def _in_zone(value, zone):
    value = value if value.tzinfo else value.replace(tzinfo=zone)
    try:
        value.astimezone(UTC)
    except OverflowError:  # in the years 1 and 9999
        raise Refused from None
    return value


def _only(patterns, text, build):
    """Return the one value that the patterns read in `text`: none, or two that differ, are Refused."""
    found = set()
    for pattern in patterns:
        if match := pattern.fullmatch(text):
            try:
                found.add(build({part: int(digits) for part, digits in match.groupdict().items()}))
            except ValueError:  # no such day
                continue
    if len(found) != 1:
        raise Refused
    return found.pop()


def _existing(parse, text):
    try:
        return parse(text)
    except ValueError:
        raise Refused from None


def _format(text, complete, example):
    """Turn a format such as MM/DD/YYYY into a pattern with a group for each part."""
    pieces = _pieces(text)
    parts = [_PARTS[piece][0] for piece in pieces[1::2]]
    if set(parts) not in complete or len(parts) != len(set(parts)) or re.search("[A-SU-Za-z]", "".join(pieces[::2])):
        raise Unusable(f'"{text}" is not a format that can be read: write it as {example}')
    return re.compile("".join("(?P<{}>{})".format(*_PARTS[p][:2]) if p in _PARTS else re.escape(p) for p in pieces))


def _pieces(text):
    """Return what stands between the parts of a format, and every second one a part."""
    return re.split("(YYYY|MM|DD|HH|mm|ss|M|D)", text)


def bare_pattern(text):
    """Return the pattern of a format without groups."""
    return "".join(_PARTS[piece][1] if piece in _PARTS else re.escape(piece) for piece in _pieces(text))


def example_in(text):
    """Return a day, or a moment, in a format."""
    return "".join(_PARTS[piece][2] if piece in _PARTS else piece for piece in _pieces(text))
