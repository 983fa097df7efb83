"""Lists beside the rule files: one value or domain a line, in the normal form of its field."""

import re
from contextlib import suppress

from judge.mailboxes import mailbox
from judge.sameness import identity
from judge.values import Refused

# Of an address in this form nothing is left to normalise but case; email-validator costs 35 µs a line.
_PLAIN_EMAIL = re.compile(r"[a-z0-9][a-z0-9_+-]*(\.[a-z0-9_+-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_DOMAIN = re.compile(r"@?((?:[^\s@.]+\.)+[^\s@.]+)")


class ListError(ValueError):
    """A list cannot be read; the text says which and why."""


def stands_in(entries, value):
    """Tell whether a list holds the value or, for an email address, its domain."""
    text = identity(value)
    return text in entries or ("@" in text and text.rpartition("@")[2] in entries)


def read_list(path, parse, spec):
    """Return the entries of the list at `path`, and the numbers of the lines that cannot be read.

    `parse` reads a line as the field with this specification does.

    A line is a value, or a whole domain where the field is an email address; # starts a comment.
    """
    entries, unread = set(), []
    for number, text in lines_of(path):
        try:
            entries.add(_entry(text, parse, spec))
        except Refused:
            unread.append(number)
    return frozenset(entries), unread


def lines_of(path):
    """Return the lines of a list that hold a value, each with its number. Raises ListError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ListError(f"the list {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ListError(f"the list {path} is not UTF-8 text: save the file as UTF-8") from None
    if not lines:
        raise ListError(f"the list {path} is empty: if that is meant, write a line such as # nobody yet")
    texts = ((number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1))
    return [(number, text) for number, text in texts if text]


class OfCountries:
    """The entries of a list for a field whose country another field says: each line is read in that of the value.

    `parse_in` gives the function from text to value in a country (None: the default one).
    """

    def __init__(self, lines, parse_in):
        self._texts, self._parse_in, self._known = [text for _, text in lines], parse_in, {}

    def __contains__(self, known):
        country, is_told, _ = known.partition(":")  # as `sameness.Placed` has it
        country = country if is_told else None
        if country not in self._known:
            self._known[country] = frozenset(self._read(self._parse_in(country)))
        return known in self._known[country]

    def _read(self, parse):
        for text in self._texts:
            with suppress(Refused):
                yield identity(parse(text))


def _entry(text, parse, spec):
    if spec.type == "email":
        if _PLAIN_EMAIL.fullmatch(text.lower()):
            return text.lower() if spec.exact else mailbox(text.lower())
        if domain := _DOMAIN.fullmatch(text):
            return identity(parse(f"x@{domain[1]}"))[2:]
    return identity(parse(text))
