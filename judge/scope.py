"""What conditions see of a lead, what they say where they have no answer, and how such answers join.

Unanswered          the field is absent: the rule does not apply
├── Forgotten       it was checked when the lead came, and is not stored
└── Uncomputable    it came, and nothing can be computed of it: what `require` asks for is not shown
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from judge.grammar import ConditionError


class Unanswered(Exception):
    """The condition has no answer for this lead; the text is why: `phone is absent`."""


class Uncomputable(Unanswered):
    """It has none though the fields came: one of them cannot be read, or a divisor is 0."""


class Forgotten(Unanswered):
    """It has none any more: the field was checked when the lead came, and is not stored."""


class Scope(NamedTuple):
    """What conditions see: the values of the fields that a lead has, when it came (aware), and what cannot be read.

    `forgotten` are the fields that a stored lead may have had when it came.
    """

    values: dict
    now: datetime
    unread: tuple = ()
    forgotten: frozenset = frozenset()


def scope(values, now, unread=(), forgotten=frozenset()):
    """Return what the conditions of a program see of a lead, whose whole numbers are exact like the others."""
    return Scope(
        {name: Decimal(value) if type(value) is int else value for name, value in values.items()},
        now,
        unread,
        forgotten,
    )


def several_of(kind):
    """Return the kind of a field that holds several values of this kind."""
    return f"{_LIST}{kind}"


def item_kind(kind):
    """Return the kind of the values of a list, or None where the kind is that of one value."""
    return kind.removeprefix(_LIST) if kind.startswith(_LIST) else None


_LIST = "list of "


class Kinds(dict):
    """The kind of each field (text, number, date, datetime, boolean, unknown, or several of it) of an expression.

    `entries(field, file)` reads a list that it names, or raises ConditionError; who compiles puts it there.
    """

    def entries(self, _field, _file):
        raise ConditionError("there are no lists here")


def all_of(parts):
    """Return the condition that all parts hold: false if one is false, else without answer if one is."""
    return lambda lead_scope: not _decided(parts, lead_scope, False)


def any_of(parts):
    """Return the condition that any part holds: true if one is true, else without answer if one is."""
    return lambda lead_scope: _decided(parts, lead_scope, True)


def _decided(parts, lead_scope, by):
    """Ask the parts until one decides: an absent field is of no account where another part decides alone."""
    unanswered = None
    for part in parts:
        try:
            if part(lead_scope) is by:
                return True
        except Unanswered as why:
            if unanswered is None or isinstance(why, Uncomputable):
                unanswered = why
    if unanswered:
        raise unanswered
    return False
