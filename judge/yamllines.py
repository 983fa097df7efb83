"""Lines of a rule file: what stands in them, and a mistake that was found in one."""

import re
from typing import NamedTuple

QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*+(?:\"|\\?$)|'[^']*(?:'|$)")  # closed, or open up to the end of the line


class Slip(NamedTuple):
    """What is wrong: its line, from 0, what to say, and lines as they were meant, if that is sure."""

    line: int
    message: str
    mended: dict | None = None


def bare_of(line):
    """Return a line with its texts in quotes and its comment crossed out."""
    line = QUOTED.sub(crossed_out, line)
    comment = re.search(r"(?:^| )#", line)
    return line if not comment else line[: comment.start()] + "x" * (len(line) - comment.start())


def crossed_out(found):
    return "x" * len(found[0])


def holds_words(line):
    return bool(line.strip()) and not line.lstrip().startswith("#")


def width_of(line):
    return len(line) - len(line.lstrip(" \t"))


_KEYS_OF_DELIVERY = {"to", "when", "fields", "format", "tests", "erasures"}


def with_colon(before, start, word, value):
    """Return what is wrong with a line without a colon, and how it was meant; `before` are the lines before it."""
    keys = (found[1] for line in reversed(before) if (found := re.match(r"([a-z_]+):", line)))
    if "-" in start and not value and word not in _KEYS_OF_DELIVERY and next(keys, "") == "deliver":
        return "the name of a destination stands behind to", f"{start}to: {word}"
    return "the colon is missing", f"{start}{word}:{value}"
