"""Values of a lead: how they are named, cleaned, compared and stored."""

import re
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from functools import lru_cache
from unicodedata import category, combining, normalize

LONGEST_VALUE = 2100  # characters of any value but a text
LONGEST_LIST = 5_000  # characters of the values of one field that are not ASCII: to compare each costs up to 25 µs
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
        self.part = re.compile(rf"\b(?:{'|'.join(parts)})\b" if parts else r"(?!)")

    def __contains__(self, name):
        name = canonical(name)
        if field := self._meaning.get(name):
            return field in self._fields
        return bool(self.part.search(name))


def clean(text):
    """Return `text` with every character that XML 1.0 forbids replaced by U+FFFD."""
    return FORBIDDEN.sub("\ufffd", text)


class Refused(ValueError):
    """A value breaks a check. `code` is the part of the reason code after the field's name."""

    def __init__(self, code="invalid"):
        super().__init__(code)
        self.code = code


class Ambiguous(Refused):
    """A value could be two: refused, and not guessed."""


class Unusable(ValueError):
    """A key of a rule file cannot be used; the text says why and what to write. `key` is which, if it is known.

    Where several of its values cannot, `reasons` are all the texts, each with the position or key of its value.
    """

    def __init__(self, why, key=None, reasons=()):
        super().__init__(why)
        self.key, self.reasons = key, reasons or [(None, why)]


def each(read, texts, key=None):
    """Return what `read` makes of each text of a list or a table. Raises Unusable with all that it refuses."""
    made, reasons = [], []
    for position, text in texts.items() if isinstance(texts, dict) else enumerate(texts):
        try:
            made.append(read(text))
        except Unusable as error:
            reasons.append((position, str(error)))
    if reasons:
        raise Unusable(reasons[0][1], key, reasons)
    return made


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


class Remarked(Text):
    """A text that is less than what was submitted: `remark` tells what was left out, for the trace."""

    __slots__ = ("remark",)


def remarked(text, remark):
    """Return a Text with a remark."""
    made = Remarked(text)
    made.remark = remark
    return made


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
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    return [stored(item) for item in value] if type(value) is tuple else value


def within_reach(texts):
    """Yield the texts, each with whether there is time to compare it with others: see LONGEST_LIST."""
    room = LONGEST_LIST
    for number, text in enumerate(texts):
        room -= 0 if text.isascii() else len(text)
        yield text, room >= 0 or not number


def items_of(value):
    """Return the values of a field that keeps several, and of any other its one value."""
    return value if type(value) is tuple else (value,)


def first_of(value):
    """Return the first value of a field that keeps several, and any other value as it is."""
    return value[0] if type(value) is tuple else value


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
        return format(EXACT.normalize(value), "f") if value else "0"  # of 0 and -0 too
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return _form(str(stored(value))).strip(" ")


def forms_of(texts):
    """Return the texts by which these are compared."""
    return frozenset(map(folded, texts))


def folded_before(value):
    """Return the text by which a value was compared until 0.3.0: places of duplicates are still known by it."""
    if not isinstance(value, str):  # of two numbers with more than 28 digits it made one: better a place that is lost
        return folded(value)
    return (value if value.isascii() or len(value) > LONGEST_VALUE else normalize("NFC", value)).casefold()


EXACT = Context(prec=200)  # a number has 76 digits at most (see `number`); the usual 28 would make two of them one


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
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−⁃﹘﹣－"), "-")
_DRAWN |= _DASHES
# And among digits, where longer ones divide no words, and no sound of Japanese is drawn out.
DRAWN_IN_NUMBERS = UNSEEN | _DASHES | dict.fromkeys(map(ord, "⸺⸻ー"), "-")
DRAWN_IN_NUMBERS |= str.maketrans("０１２３４５６７８９＋，", "0123456789+,")
