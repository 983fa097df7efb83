"""Lists beside the rule files: one value or domain a line, in the normal form of its field."""

import re
from collections import defaultdict

from judge.mailboxes import mailbox
from judge.sameness import identity
from judge.values import Refused, folded

# Of an address in this form nothing is left to normalise but case; email-validator costs 35 µs a line.
_PLAIN_EMAIL = re.compile(r"[a-z0-9][a-z0-9_+-]*(\.[a-z0-9_+-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_DOMAIN = re.compile(r"@?((?:[^\s@.]+\.)+[^\s@.]+)")


class ListError(ValueError):
    """A list cannot be read; the text says which and why."""


def stands_in(entries, value):
    """Tell whether a list holds the value, one of several or, for an email address, its domain."""
    if type(value) is tuple:
        return any(stands_in(entries, item) for item in value)
    text = identity(value)
    return text in entries or ("@" in text and text.rpartition("@")[2] in entries)


def read_list(path, parse, spec, texts=None):
    """Return the entries of the list at `path`, and the numbers of the lines that cannot be read.

    With `texts`, it is the text of that path there. `parse` reads a line as the field with this specification does.

    A line is a value, or a whole domain where the field is an email address; # starts a comment.
    """
    entries, unread = set(), []
    for number, text in lines_of(path, texts):
        try:
            entries.add(_entry(text, parse, spec))
        except Refused:
            unread.append(number)
    return frozenset(entries), unread


def lines_of(path, texts=None):
    """Return the lines of a list that hold a value, each with its number. Raises ListError."""
    if texts is None:
        text = _read(path)
    elif (text := texts.get(str(path))) is None:
        raise ListError(f"there is no list {path.name} in the database: publish it with the rules that name it")
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines:
        raise ListError(f"the list {path} is empty: if that is meant, write a line such as # nobody yet")
    texts = ((number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1))
    return [(number, text) for number, text in texts if text]


def _read(path):
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ListError(f"the list {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ListError(f"the list {path} is not UTF-8 text: save the file as UTF-8") from None


class OfCountries:
    """The entries of a list for a field whose country another field says: each line is read in that of the value.

    `parse_in` gives the function from text to value in a country (None: the default one). Of postal codes, lines that
    may be one are found by what `_likely` says of them: there are lists of all ZIPs.
    """

    def __init__(self, lines, parse_in, spec):
        self._parse_in, self._keys = parse_in, _likely if spec.type == "postal_code" else lambda _: {""}
        self._texts = defaultdict(list)
        for _, text in lines:
            for key in self._keys(text):
                self._texts[key].append(text)

    def __contains__(self, known):
        country, is_told, code = known.partition(":")  # as `sameness.Placed` has it
        parse, keys = self._parse_in(country if is_told else None), self._keys(code if is_told else known)
        return any(_is_read_as(known, text, parse) for key in keys for text in self._texts.get(key, ()))


def _is_read_as(known, text, parse):
    try:
        return identity(parse(text)) == known
    except Refused:
        return False


def _likely(code):
    """Return what a postal code has in common with its other spellings: without blanks, zeros that may be lost, +4."""
    signs = "".join(filter(str.isalnum, folded(code)))
    return {key.lstrip("0") for key in ([signs, signs[:-4]] if signs.isdecimal() and len(signs) > 5 else [signs])}


def _entry(text, parse, spec):
    if spec.type == "email":
        if _PLAIN_EMAIL.fullmatch(text.lower()):
            return text.lower() if spec.exact else mailbox(text.lower())
        if domain := _DOMAIN.fullmatch(text):
            return identity(parse(f"x@{domain[1]}"))[2:]
    return identity(parse(text))
