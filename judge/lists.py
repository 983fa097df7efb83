"""Lists beside the rule files: one value or domain a line, in the normal form of its field."""

import re

from judge.mailboxes import mailbox
from judge.sameness import identity
from judge.values import Refused

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


def read_list(path, parse, spec):
    """Return the entries of the list at `path`, and the numbers of the lines that cannot be read.

    `parse` reads a line as the field with this specification does.

    A line is a value, or a whole domain where the field is an email address; # starts a comment.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ListError(f"the list {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ListError(f"the list {path} is not UTF-8 text: save the file as UTF-8") from None
    if not lines:
        raise ListError(f"the list {path} is empty: if that is meant, write a line such as # nobody yet")
    entries, unread = set(), []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            try:
                entries.add(_entry(text, parse, spec))
            except Refused:
                unread.append(number)
    return frozenset(entries), unread


def _entry(text, parse, spec):
    if spec.type == "email":
        if _PLAIN_EMAIL.fullmatch(text.lower()):
            return text.lower() if spec.exact else mailbox(text.lower())
        if domain := _DOMAIN.fullmatch(text):
            return identity(parse(f"x@{domain[1]}"))[2:]
    return identity(parse(text))
