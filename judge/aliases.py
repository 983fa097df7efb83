"""Aliases: other names of a field, of which some pick an item of a list by its number or by what stands beside.

`field_data[name=email].values` is the value in that item of a list whose `name` is email, `drivers[0].age` is that of
the first one, and `fields[email][value]` is `fields.email.value`, as forms write it. Without brackets a name means all
items, in their order.
"""

import re
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from judge.values import Unusable, canonical, folded

MAX_NAME = 250  # characters, with all the parents' names: a lead with a longer one cannot be read

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
NUMBER = re.compile("[0-9]{1,6}")


def apart(name):
    """Return what stands outside the brackets of a name, and within them; None if they are part of a sentence."""
    pieces = _BRACKETS.split(name)
    outside, inside = pieces[::2], pieces[1::2]
    follows = outside[1:-1] if outside[-1] == "" else outside[1:]
    if not inside or not outside[0] or re.search(r"[\[\].\s]$", outside[0]) or "[" in outside[0] or "]" in outside[0]:
        return None
    if any(piece and not re.fullmatch(r"\.[^\[\]]*[^\[\].\s]", piece) for piece in follows):
        return None
    return outside, inside


class Alias(NamedTuple):
    """Another name of a field: how it is spelled among names, and its steps if it picks items.

    A step is a name with what it asks of the item: nothing (None), its number, or the name and the text of a value
    in it.
    """

    spellings: tuple
    steps: tuple | None = None


@lru_cache(4096)
def read_alias(text):
    """Return the Alias that is written so. Raises Unusable, with the right form, if no lead can ever have it."""
    _refuse_what_no_name_is(text)
    found = apart(text)
    if not found:
        return Alias((canonical(text),))
    has_dots, steps = any("." in outer for outer in found[0]), []
    for outer, inner in zip_longest(*found):
        if outer:
            steps += [(canonical(part), None) for part in outer.removeprefix(".").split(".")]
        if not inner:  # a[] is a
            continue
        test = _test_of(text, inner, has_dots)
        if isinstance(test, str):
            steps.append((canonical(test), None))
        elif steps[-1][1] is not None:
            raise Unusable(f"has two selectors at one step: keep one, such as {_without(text, inner)}")
        else:
            steps[-1] = steps[-1][0], test
    key = ".".join(name + _written(test) for name, test in steps)
    picks = any(test is not None for _, test in steps)
    return Alias(tuple(dict.fromkeys([key, canonical(text)])), tuple(steps) if picks else None)


def spellings(alias):
    """Return how a name or an alias is spelled among the names of a program, the usual form first."""
    try:
        return read_alias(alias).spellings
    except Unusable:
        return (canonical(alias),)


def telltale(alias):
    """Return what stands in a text that holds this name: of an item, the value by which it is known."""
    try:
        found = read_alias(alias)
    except Unusable:
        return canonical(alias)
    if not found.steps:
        return found.spellings[0]
    beside = [test[1] for _, test in found.steps if isinstance(test, tuple)]
    return canonical(beside[-1] if beside else found.steps[-1][0])


def _refuse_what_no_name_is(text):
    if len(text) > MAX_NAME:
        raise Unusable(f"can never match: a name has at most {MAX_NAME} characters")
    if not canonical(text):
        raise Unusable("can never match: it needs a letter or a digit")
    if text.startswith(("/", "$.", "$[")):
        right = re.sub("/+", ".", text.lstrip("/$.[").rstrip("/"))
        raise Unusable(f"can never match: write the names with dots, without the root element, such as {right}")
    if any(part and not part.strip("* ") for part in text.split(".")):
        rest = ".".join(part for part in text.split(".") if part.strip("* ")) or "email"
        raise Unusable(f"can never match, since no name is *: write all its names, such as contact.{rest}, or {rest}")
    if text.endswith(".#text"):
        raise Unusable(f"can never match: write {text.removesuffix('.#text')}, whose own text it is")
    if text.count("[") != text.count("]") and not re.search(r"\s", text):
        closed = re.sub(r"\[([\w@=-]+)(?![\]\w@=-])", r"[\1]", text)
        right = closed if closed.count("[") == closed.count("]") else re.sub(r"[\[\]]", "", text)
        raise Unusable(f"can never match, since a bracket is missing: write {right}")


def _test_of(text, inner, has_dots):
    """Return what a pair of brackets asks of an item, or the name that stands in it as forms write it."""
    if NUMBER.fullmatch(inner):
        return int(inner)
    if "=" in inner:
        return _beside(text, inner)
    if has_dots or not re.fullmatch(r"[^*?'\":()-][^*?'\":()]*", inner):
        plain, first = _without(text, inner), text.replace(f"[{inner}]", "[0]", 1)
        value = text.replace(f"[{inner}]", "[name=value]", 1)
        ways = f"{first} for the first item, {value} for the one that holds this value, {plain} for all"
        raise Unusable(f"can never match: write {ways}")
    return inner


def _beside(text, inner):
    """Read `name=email`: the item with this value beside."""
    key, _, value = inner.partition("=")
    right = key.removeprefix("?(").removeprefix("@.").strip(), value.removeprefix("=").strip()
    if inner.startswith("?("):
        right = right[0], right[1].removesuffix(")")
    if right[1][:1] in ("'", '"'):
        right = right[0], right[1].strip("'\"")
    if right[0].endswith("!") or not all(right):
        raise Unusable(
            f"can never match: a selector is a name, = and a value, such as {_without(text, inner, '[name=email]')}"
        )
    if right != (key.strip(), value.strip()):
        raise Unusable(f"can never match: write {_without(text, inner, '[{}={}]'.format(*right))}")
    return tuple(map(canonical, right[0].split("."))), folded(right[1])


def _without(text, inner, instead=""):
    return text.replace(f"[{inner}]", instead, 1)


def _written(test):
    if test is None:
        return ""
    return f"[{test}]" if isinstance(test, int) else f"[{'.'.join(test[0])}={test[1]}]"
