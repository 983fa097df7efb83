"""The functions that conditions may call: a row in FUNCTIONS for each.

They are told apart from fields by their brackets, so that a field may have the name of one.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from jinja2 import nodes

from judge.grammar import ConditionError
from judge.lists import stands_in
from judge.scope import Uncomputable, item_kind
from judge.values import Text

MOST_CHARACTERS = 10_000  # that `first` and `last` take


class Function(NamedTuple):
    """A row of FUNCTIONS: how it is used, the kind that it gives, what computes it, and what it takes.

    `run` is called with the lead's scope and the values; `takes` has a word and a test for each of them, which may
    raise a ConditionError of its own. With `bind`, what it makes of the Kinds and of the parts in brackets is called
    in the place of `run`, with the first value. `gives` may hang on the parts; `of_absent` is given of absent fields;
    `instead` says of a part that it does not take what to write, as the end of a message.
    """

    use: str
    gives: str | Callable
    run: Callable
    takes: dict
    bind: Callable | None = None
    instead: Callable = lambda _: ""
    of_absent: Decimal | None = None


def _age(lead_scope, born):
    today, born = lead_scope.now.date(), day_of(born, lead_scope.now)
    return Decimal(today.year - born.year - ((today.month, today.day) < (born.month, born.day)))


def _days_since(lead_scope, day):
    return Decimal((lead_scope.now.date() - day_of(day, lead_scope.now)).days)


def _domain(_, email):
    return Text(email.rpartition("@")[2])


def day_of(value, now):
    """Return the day of a date or, in the program's time zone, of a moment."""
    return value.astimezone(now.tzinfo).date() if isinstance(value, datetime) else value


def iso_day(text):
    try:
        return date.fromisoformat(text) if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:  # no such day
        return None


def _listed(kinds, field, file):
    """Return what tells whether a value of the field is in the list, which is read now."""
    entries = kinds.entries(field.name, file.value)
    return lambda _, value: stands_in(entries, value)


def _end(name):
    """Return what makes the function for one end of a range: where that is open, it is absent."""

    def bind(_kinds, field):
        def run(_, value):
            if (end := getattr(value, name)) is None:
                raise Uncomputable(f"{name}({field.name}) is absent, since the range is open there")
            return end

        return run

    return bind


def _is_range(part):
    return part.kind == "range"


def _without_end(part):
    if not _is_field(part):
        return ""
    alone = f"write {part.node.name} alone, or " if part.kind == "number" else ""
    return f"; {part.node.name} is a {part.kind}: {alone}give the field type: range"


def _end_of(choose):
    """Return what gives the least or the greatest value of a list; whole numbers are exact like the others."""

    def run(_, values):
        value = choose(values)
        return Decimal(value) if type(value) is int else value

    return run


def _is_list(part):
    if not item_kind(part.kind):
        name = part.node.name if isinstance(part.node, nodes.Name) else "what stands in the brackets"
        raise ConditionError(f"{name} has one value: write it alone, or give the field multiple: true")
    return True


def _is_ordered_list(part):
    kind = _is_list(part) and item_kind(part.kind)
    if kind not in (*ORDERED, "unknown"):
        name = part.node.name
        raise ConditionError(
            f"{name} is a list of {kind}s, of which none is the least or greatest: write 'a value' in {name}, or "
            f"count({name}); min and max take numbers, dates and moments"
        )
    return True


def _kind_of_items(part):
    return item_kind(part.kind) or part.kind


ORDERED = ("number", "date", "datetime")  # kinds of which a list has a least and a greatest value


def _is_field(part):
    return isinstance(part.node, nodes.Name)


def _is_file(part):
    return _is_text(part) and isinstance(part.node, nodes.Const)


def _is_text(part):
    return part.kind == "text" and getattr(part.node, "value", None) != ""


def _is_date(part):
    return part.kind in ("date", "datetime")


def _is_day(part):
    return part.kind == "text" and isinstance(part.node, nodes.Const) and iso_day(part.node.value) is not None


def _is_count(part):
    return (
        part.kind == "number"
        and isinstance(part.node, nodes.Const)
        and 0 < part.node.value <= MOST_CHARACTERS
        and not part.node.value % 1
    )


_TEXT, _TWO_TEXTS = {"a text": _is_text}, {"a text": _is_text, "another text": _is_text}
_ORDERED_LIST = {"a field with multiple: true": _is_ordered_list}
_DATE, _START = {"a date field": _is_date}, {"a text": _is_text, "a whole number of characters": _is_count}
WEEKDAYS = [Text(day) for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")]

FUNCTIONS = {
    "age": Function("age(birth_date)", "number", _age, _DATE),
    "days_since": Function("days_since(a_date)", "number", _days_since, _DATE),
    "year": Function("year(a_date)", "number", lambda at, day: Decimal(day_of(day, at.now).year), _DATE),
    "date": Function("date('2026-12-31')", "date", lambda _, text: iso_day(text), {"a day in quotes": _is_day}),
    "today": Function("today()", "date", lambda at: at.now.date(), {}),
    "now": Function("now()", "datetime", lambda at: at.now, {}),
    "weekday": Function("weekday()", "text", lambda at: WEEKDAYS[at.now.weekday()], {}),
    "listed": Function(
        "listed(email, 'list.txt')", "boolean", None, {"a field": _is_field, "a file in quotes": _is_file}, _listed
    ),
    "domain": Function("domain(email)", "text", _domain, {"an email field": _is_text}),
    "starts_with": Function("starts_with(phone, '+1')", "boolean", lambda _, x, start: x.startswith(start), _TWO_TEXTS),
    "ends_with": Function("ends_with(email, '.edu')", "boolean", lambda _, x, end: x.endswith(end), _TWO_TEXTS),
    "contains": Function("contains(email, 'test')", "boolean", lambda _, x, part: part in x, _TWO_TEXTS),
    "first": Function("first(zip, 3)", "text", lambda _, x, count: Text(x[: int(count)]), _START),
    "last": Function("last(phone, 4)", "text", lambda _, x, count: Text(x[-int(count) :]), _START),
    "low": Function("low(credit)", "number", None, {"a field of type range": _is_range}, _end("low"), _without_end),
    "high": Function("high(credit)", "number", None, {"a field of type range": _is_range}, _end("high"), _without_end),
    "min": Function("min(drivers_age)", _kind_of_items, _end_of(min), _ORDERED_LIST),
    "max": Function("max(drivers_age)", _kind_of_items, _end_of(max), _ORDERED_LIST),
    "count": Function(
        "count(interests)",
        "number",
        lambda _, values: Decimal(len(values)),
        {"a field with multiple: true": _is_list},
        of_absent=Decimal(0),
    ),
    "length": Function("length(name)", "number", lambda _, x: Decimal(len(x)), _TEXT),
}
