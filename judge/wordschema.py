"""Words as JSON Schema, so that partners' tools take them as they are judged: in any case, and as JSON writes them."""

import re

from judge.values import folded


def any_of_words(words, others=()):
    """Return as JSON Schema what takes each of these words, and these `others` as they are.

    It cannot say how all letters are compared (full width, what nobody sees, …): texts with others than ASCII's pass.
    """
    texts = list(dict.fromkeys(words))
    numbers = [int(text) for text in texts if re.fullmatch("0|[1-9][0-9]{0,14}", text)]
    return {"anyOf": [{"enum": [*texts, *others, *numbers]}, {"type": "string", "pattern": _pattern(texts)}]}


def _pattern(texts):
    """Return a regular expression that ECMA-262 and others read alike; what holds a letter beyond ASCII fits it."""
    forms = dict.fromkeys(form for text in texts if (form := folded(text)).isascii())
    return rf"^\s*(?:{'|'.join(map(in_any_case, forms))})\s*$|[^ -~]"


def in_any_case(text):
    """Return the regular expression of a text in small or capital letters."""
    return "".join(map(_in_any_case, text))


def _in_any_case(character):
    if character == " ":
        return r"\s+"
    if character.isalpha():
        return f"[{character}{character.upper()}]"
    return f"\\{character}" if character in r"\^$.*+?()[]{}|/" else character
