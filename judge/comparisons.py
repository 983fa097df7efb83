"""What a part of a condition is beside another: a text in quotes is a day or a range, and a moment is its day.

Parts are those of conditions.py: a node, the kind of its value, and a function of a lead's scope.
"""

from jinja2 import nodes

from judge.functions import day_of, iso_day
from judge.grammar import ConditionError
from judge.instead import written
from judge.ranges import read
from judge.scope import Forgotten, Unanswered, Uncomputable
from judge.values import Refused


def read_beside(text, part):
    """Return a text in quotes as what it is beside the part that it is compared with; any other part as it is."""
    if not isinstance(text.node, nodes.Const) or not isinstance(text.node.value, str):
        return text
    if part.kind in ("date", "datetime") and (day := iso_day(text.node.value)):
        return text._replace(kind="date", run=lambda _: day)
    if part.kind == "range":
        try:
            value = read(text.node.value)
        except Refused:
            forms = "'600-649', '500000-' for what is open above, or '-580'"
            raise ConditionError(f"{written(text.node)} is no range: write {forms}") from None
        return text._replace(kind="range", run=lambda _: value)
    return text


def as_day(part):
    """Return the function of a date, or of the day of a moment in the program's time zone."""
    if part.kind == "date":
        return part.run

    def run(lead_scope):
        try:
            return day_of(part.run(lead_scope), lead_scope.now)
        except ArithmeticError:  # at the edge of the calendar
            raise Uncomputable("it takes a date out of range") from None

    return run


def ends_of(part):
    """Return what to write for a range that stands where a number does, as the end of a message."""
    if part.kind != "range":
        return ""
    return f": write low({written(part.node)}) or high({written(part.node)})"


def has_end(end, present):
    """Return the function that tells whether an end of a range is there: the range came, and is not open."""

    def run(lead_scope):
        try:
            end(lead_scope)
        except Forgotten:
            raise
        except Unanswered:
            return not present
        return present

    return run


def mismatch(one, other):
    """Return what to write where two parts are of different kinds."""
    if isinstance(one.node, nodes.Const):
        one, other = other, one
    name = one.node.name if isinstance(one.node, nodes.Name) else "the left side"
    if isinstance(other.node, nodes.Const):
        match one.kind, other.kind:
            case "text", "number":
                return (
                    f"{name} is a text and never equals the number {other.node.value}; "
                    f"write '{other.node.value}' in quotes, or give the field type: number"
                )
            case "number", "text":
                return f"{name} is a number and never equals the text '{other.node.value}'; write it without quotes"
            case "boolean", _:
                return f"{name} is true or false: write {name}, or not {name}"
            case "date", "text":
                return f"{name} is a date and cannot be compared with a text; write the day as '2026-12-31'"
            case "datetime", "text":
                return f"{name} is a date and time, and is compared with a day: write it as '2026-12-31'"
    if one.kind in ("date", "datetime") and other.kind == "number":
        day = _day_without_quotes(other.node)
        told = f"write the day in quotes: '{day}'" if day else f"write age({name}) or days_since({name})"
        return f"{name} is a {one.kind} and cannot be compared with a number: {told}"
    ends = ends_of(one) or ends_of(other)
    return f"{name} is a {one.kind} and cannot be compared with a {other.kind}{ends}"


def _day_without_quotes(node):
    """Return the day that was meant by 2026-12-31, which is 1983 to whoever computes."""
    match node:
        case nodes.Sub(
            left=nodes.Sub(left=nodes.Const(value=y), right=nodes.Const(value=m)), right=nodes.Const(value=d)
        ):
            return f"{y}-{m}-{d}"
    return None
