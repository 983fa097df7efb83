"""Conditions in plain words: `loan_amount > 700000` is `the loan amount is more than 700,000`.

What has no plain words stays an expression: `Said` holds one or the other.
"""

from functools import reduce
from typing import NamedTuple

from jinja2 import nodes

from judge.conditions import flat, kind_of, parse
from judge.types import TYPES


class Said(NamedTuple):
    """Words, and behind them what is shown as code."""

    words: str
    code: str = ""


class _Unsayable(Exception):
    """There are no plain words for this part of a condition."""


def joined(parts, word="and"):
    """Return `a, b and c`."""
    *most, last = parts
    return f"{', '.join(most)} {word} {last}" if most else last


def condition(written, fields):
    """Return a condition in words: `the loan amount is more than 700,000`."""
    try:
        return Said(_phrase(_tree(written), fields))
    except _Unsayable:
        return Said("", _expression(written))


def _tree(written):
    """Return the tree of a condition, in which all, any and not are as `and`, `or` and `not`."""
    if isinstance(written, str):
        return parse(" ".join(written.split()))
    ((word, parts),) = written.items()
    if word == "not":
        return nodes.Not(_tree(parts))
    return reduce(nodes.And if word == "all" else nodes.Or, map(_tree, parts))


def _expression(written):
    if isinstance(written, str):
        return " ".join(written.split())
    ((word, parts),) = written.items()
    if word == "not":
        return f"not ({_expression(parts)})"
    return {"all": " and ", "any": " or "}[word].join(f"({_expression(part)})" for part in parts)


def _phrase(node, fields, negated=False):
    """Return what is true if the condition holds or, `negated`, if it does not."""
    try:
        return _PHRASES[type(node)](node, fields, negated)
    except KeyError:
        raise _Unsayable from None


def _both(node, fields, negated):
    kind = type(node)
    parts = [_phrase(part, fields, negated) for part in flat(node, kind)]
    mixed = [isinstance(part, nodes.And | nodes.Or) for part in flat(node, kind)]
    parts = [f"({part})" if inner else part for part, inner in zip(parts, mixed, strict=True)]
    return joined(parts, "and" if (kind is nodes.And) is not negated else "or")


def _is_given(node, fields, negated):
    given = (node.name == "present") is not negated
    return f"{_value(node.node, fields)} is {'given' if given else 'not given'}"


def _is_true(node, fields, negated):
    if kind_of(node, _kinds(fields)) != "boolean":
        raise _Unsayable
    return f"{_value(node, fields)} is {'false' if negated else 'true'}"


def _called(node, fields, negated):
    text, verb = (_value(argument, fields) for argument in node.args), _TELLS[node.node.name][negated]
    return f" {verb} ".join(text)


_TELLS = {
    "starts_with": ("starts with", "does not start with"),
    "ends_with": ("ends with", "does not end with"),
    "contains": ("contains", "does not contain"),
}


def _compared(node, fields, negated):
    left, phrases = node.expr, []
    for operand in node.ops:
        phrases.append(_pair(left, operand.op, operand.expr, fields, negated))
        left = operand.expr
    return joined(phrases, "or" if negated else "and")


_OPPOSITES = {"eq": "ne", "gt": "lteq", "lt": "gteq", "in": "notin"}
_OPPOSITES |= {right: left for left, right in _OPPOSITES.items()}
_TURNED = {"eq": "eq", "ne": "ne", "gt": "lt", "lt": "gt", "gteq": "lteq", "lteq": "gteq"}

_SAME = {"eq": "is", "ne": "is not"}
_AMOUNTS = _SAME | {"gt": "is more than", "gteq": "is at least", "lt": "is less than", "lteq": "is at most"}
_MOMENTS = _SAME | {"gt": "is after", "gteq": "is on or after", "lt": "is before", "lteq": "is on or before"}
_VERBS = {"number": _AMOUNTS, "date": _MOMENTS, "datetime": _MOMENTS, "text": _SAME, "boolean": _SAME}


def _pair(left, operator, right, fields, negated):
    operator = _OPPOSITES[operator] if negated else operator
    if operator in ("in", "notin"):
        return _within(left, operator == "in", right, fields)
    if isinstance(left, nodes.Const) and not isinstance(right, nodes.Const):
        left, operator, right = right, _TURNED[operator], left
    if isinstance(left, nodes.Call) and left.node.name == "days_since" and isinstance(right, nodes.Const):
        days = "1 day" if right.value == 1 else f"{_value(right, fields)} days"
        return f"{_value(left.args[0], fields)} {_AMOUNTS[operator]} {days} ago"
    kind = kind_of(left, _kinds(fields))
    return f"{_value(left, fields)} {_VERBS[kind][operator]} {_beside(kind, right, fields)}"


def _beside(kind, node, fields):
    """Return what is compared with a value of this kind: a text beside a date is a date."""
    is_day = kind == "date" and isinstance(node, nodes.Const)
    return node.value if is_day else _value(node, fields)


def _within(left, holds, right, fields):
    if isinstance(right, nodes.Name) and isinstance(left, nodes.Const):
        return f"{_value(right, fields)} {'contains' if holds else 'does not contain'} {_value(left, fields)}"
    if not isinstance(right, nodes.List | nodes.Tuple) or not right.items:
        raise _Unsayable
    values = [_beside(kind_of(left, _kinds(fields)), item, fields) for item in right.items]
    if len(values) == 1:
        return f"{_value(left, fields)} {'is' if holds else 'is not'} {values[0]}"
    return f"{_value(left, fields)} is {'one' if holds else 'none'} of {joined(values, 'or')}"


_PHRASES = {
    nodes.And: _both,
    nodes.Or: _both,
    nodes.Not: lambda node, fields, negated: _phrase(node.node, fields, not negated),
    nodes.Compare: _compared,
    nodes.Test: _is_given,
    nodes.Name: _is_true,
    nodes.Call: _called,
}


def _value(node, fields):
    try:
        return _VALUES[type(node)](node, fields)
    except KeyError:
        raise _Unsayable from None


def _constant(node, _fields):
    if isinstance(node.value, str):
        return f"“{node.value}”"
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    return f"{node.value:,f}" if abs(node.value) >= 10_000 else f"{node.value:f}"


def _called_value(call, fields):
    return _FUNCTIONS[call.node.name](*[_value(argument, fields) for argument in call.args])


def _characters(place):
    return lambda text, count: f"the {place} {'character' if count == '1' else f'{count} characters'} of {text}"


_FUNCTIONS = {
    "age": "the age by {}".format,
    "days_since": "the number of days since {}".format,
    "year": "the year of {}".format,
    "date": lambda day: day.strip("“”"),
    "domain": "the domain of {}".format,
    "length": "the length of {}".format,
    "first": _characters("first"),
    "last": _characters("last"),
    "today": lambda: "today",
    "now": lambda: "now",
    "weekday": lambda: "the day of the week",
}


def _binary(word):
    return lambda node, fields: f"{_operand(node.left, fields)} {word} {_operand(node.right, fields)}"


def _operand(node, fields):
    return f"({_value(node, fields)})" if isinstance(node, nodes.BinExpr) else _value(node, fields)


_VALUES = {
    nodes.Name: lambda node, fields: f"the {fields[node.name].label}",
    nodes.Const: _constant,
    nodes.Call: _called_value,
    nodes.Neg: lambda node, fields: f"−{_operand(node.node, fields)}",
    nodes.Add: _binary("plus"),
    nodes.Sub: _binary("minus"),
    nodes.Mul: _binary("times"),
    nodes.Div: _binary("divided by"),
}


def _kinds(fields):
    return {name: TYPES[rule.spec.type].kind for name, rule in fields.items()}
