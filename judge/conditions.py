"""Conditions of rule files: expressions in Jinja2's grammar, and of it only what is listed here.

    age(born) < 18 or irpid in ['77']
        │ grammar.parse      Jinja2's parser; numbers stay as exact as they are written
        ▼
    a tree of nodes          at most MOST_PARTS of them beside names and constants
        │ _part              _PARTS has a row for each node that is taken, INSTEAD what to write for the others
        ▼
    Part: kind and run       the kind of its value, known before any lead comes, and a function of a lead's scope
        │ compile_condition
        ▼
    holds(scope)             true, false, or Unanswered where the answer hangs on a field that the lead does not have

Whatever is written, nothing that a part computes can grow: numbers have the 28 digits of Decimal, and texts are only
looked at and cut.
"""

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from jinja2 import TemplateSyntaxError, nodes

from judge.comparisons import as_day, ends_of, has_end, mismatch, read_beside
from judge.conditionslips import COMPARING, advice
from judge.functions import FUNCTIONS
from judge.grammar import ConditionError, WrittenOutError, compared, flat, of_syntax, parse, walk
from judge.instead import INSTEAD, no_function, no_test, nothing_like_it, of_list, written
from judge.meant import nearest
from judge.sameness import ZIPS, zip_of
from judge.scope import Forgotten, Unanswered, Uncomputable, all_of, any_of, item_kind
from judge.values import FORBIDDEN, Text

MOST_PARTS = 100  # of an expression, beside names and constants

# Words of the grammar, so that no field can be called so.
RESERVED = frozenset({"and", "or", "not", "in", "is", "if", "else", "true", "false", "none"})


def compile_condition(source, kinds):
    """Return a function from a scope to the condition's truth. Raises ConditionError.

    `kinds` are Kinds. The function's `names` are those it uses, `compared` the texts it looks for, by field, and
    `alone` the fields that it compares with nothing.
    """
    expression, found, holds = _compile(source, kinds, "a condition", _truth)
    holds.names = {node.name for node in found if isinstance(node, nodes.Name)}
    holds.compared = compared(found)
    joined = [side for node in found if isinstance(node, _JOINTS) for side in node.iter_child_nodes()]
    asked = {node.name for node in [expression, *joined] if isinstance(node, nodes.Name)}
    holds.alone = {name for name in asked if kinds[name] not in ("boolean", "unknown")}
    return holds


def compile_number(source, kinds):
    """Return a function from a scope to the number that an expression gives, and its `names`. Raises ConditionError."""
    _, found, number = _compile(source, kinds, "an amount", _number)
    number.names = {node.name for node in found if isinstance(node, nodes.Name)}
    return number


def _compile(source, kinds, called, make):
    """Return the tree of an expression, its nodes, and what `make` makes of it."""
    source = " ".join(source.split())
    short = source if len(source) <= 200 else f"{source[:60]}…"
    try:
        expression = parse(source)
        found = list(walk(expression))
        if sum(not isinstance(node, _LEAVES) for node in found) > MOST_PARTS:
            raise RecursionError
        return expression, found, make(_part(expression, kinds))
    except TemplateSyntaxError as error:
        raise ConditionError(f'"{short}" cannot be read as {called}: {of_syntax(error.message, source)}') from None
    except WrittenOutError as error:
        raise ConditionError(f'"{short}": {advice(source) or error}') from None
    except ConditionError as error:
        raise ConditionError(f'"{short}": {error}') from None
    except RecursionError:
        raise ConditionError(f"\"{short}\" is too long: use in ['a', 'b'], or all: and any: with parts") from None


# --- The parts: node, kinds -> kind of the value, function from a scope to the value ---


class Part(NamedTuple):
    """A part of an expression, ready to run; `run` may raise Unanswered, and nothing else."""

    node: nodes.Node
    kind: str
    run: Callable


def _part(node, kinds):
    """Return a part that has one value."""
    part = _part_or_list(node, kinds)
    if item_kind(part.kind):
        raise ConditionError(of_list(part))
    return part


def _part_or_list(node, kinds):
    make = _PARTS.get(type(node))
    if make is None:
        raise ConditionError(INSTEAD.get(type(node), nothing_like_it)(node))
    return Part(node, *make(node, kinds))


def _field(node, kinds):
    name = node.name
    if name not in kinds:
        if name in FUNCTIONS:
            raise ConditionError(f"{name} is a function: write {FUNCTIONS[name].use}")
        if name in ("yes", "no"):
            raise ConditionError(f"there is no {name} here: write field, or not field; as a text '{name}', in quotes")
        if name.lower() in ("null", "nil", "blank", "empty"):
            raise ConditionError(f"there is no {name} here: write is missing, or is present")
        near = nearest(name, [*kinds, *FUNCTIONS, "true", "false"])
        known = near or f"; a text stands in quotes: '{name}'. The fields are {', '.join(list(kinds)[:50])}"
        raise ConditionError(f'there is no field "{name}"{known}')

    def run(lead_scope):
        try:
            return lead_scope.values[name]
        except KeyError:
            if name in lead_scope.unread:
                raise Uncomputable(f"{name} cannot be read") from None
            if name in lead_scope.forgotten:
                raise Forgotten(_FORGOTTEN.format(name)) from None
            raise Unanswered(f"{name} is absent") from None

    return kinds[name], run


def _constant(node, _kinds):
    value = node.value
    if value is None:
        raise ConditionError("there is no none here: write is missing, or is present")
    if isinstance(value, str):
        if FORBIDDEN.search(value):
            raise ConditionError("a text in it holds a control character, which no lead can carry")
        value = Text(value)
    return _KINDS[type(value)], lambda _: value


_KINDS = {Text: "text", Decimal: "number", bool: "boolean"}


def _is_constant(node):
    if isinstance(node, nodes.Call):
        return isinstance(node.node, nodes.Name) and node.node.name == "date"
    return isinstance(node, nodes.Const) or (isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const))


def _computed(sign, compute):
    def make(node, kinds):
        if sign == "-" and (name := "_".join(getattr(side, "name", "-") for side in (node.left, node.right))) in kinds:
            raise ConditionError(f"- computes: write {name}, as the field is called")
        left, right = (_of_numbers(sign, side, kinds) for side in (node.left, node.right))

        def run(lead_scope):
            try:
                return compute(left(lead_scope), right(lead_scope))
            except ArithmeticError:
                raise Uncomputable("it divides by zero or takes a number out of range") from None

        return "number", run

    return make


def _negative(node, kinds):
    number = _of_numbers("-", node.node, kinds)
    return "number", lambda lead_scope: -number(lead_scope)


def _of_numbers(sign, node, kinds):
    part = _part(node, kinds)
    if part.kind not in ("number", "unknown"):
        days = "; for the days since a date write days_since(a_date)" if part.kind.startswith("date") else ""
        raise ConditionError(f"{sign} takes numbers, and {written(node)} is a {part.kind}{days}{ends_of(part)}")
    return part.run


def _number(part):
    """Return a part's function as one that gives a number."""
    if part.kind not in ("number", "unknown"):
        raise ConditionError(f"{written(part.node)} is a {part.kind}, and an amount is a number{ends_of(part)}")
    return part.run


def _truth(part):
    """Return a part's function as one that gives true or false."""
    if part.kind == "boolean":
        return part.run
    if isinstance(part.node, nodes.Const):
        raise ConditionError(
            f"{written(part.node)} alone is always true: write field == 'a' or field == 'b', or field in ['a', 'b']"
        )
    if not isinstance(part.node, nodes.Name):
        raise ConditionError(
            f"{written(part.node)} is a {part.kind}, and neither true nor false: compare it with something, by > or =="
        )
    return lambda lead_scope: bool(part.run(lead_scope))


def _chain(join):
    return lambda node, kinds: ("boolean", join([_truth(_part(side, kinds)) for side in flat(node, type(node))]))


def _not(node, kinds):
    if isinstance(node.node, nodes.Test):
        _check_test(node.node, negated=True)
    holds = _truth(_part(node.node, kinds))
    return "boolean", lambda lead_scope: not holds(lead_scope)


def _tested(node, kinds):
    _check_test(node)
    present = node.name == "present"
    if isinstance(node.node, nodes.Call) and getattr(node.node.node, "name", "") in ("low", "high"):
        return "boolean", has_end(_part(node.node, kinds).run, present)
    if not isinstance(node.node, nodes.Name) or node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise ConditionError(f"is {node.name} stands behind a field: write email is {node.name}")
    _field(node.node, kinds)
    name, present = node.node.name, node.name == "present"

    def run(lead_scope):
        if name in lead_scope.values:
            return present
        if name in lead_scope.forgotten:
            raise Forgotten(_FORGOTTEN.format(name))
        return not present

    return "boolean", run


_FORGOTTEN = "{} was checked and forgotten"


def _check_test(node, negated=False):
    if node.name not in ("present", "missing"):
        raise (WrittenOutError if node.name in COMPARING else ConditionError)(no_test(node, negated))


def _compare(node, kinds):
    left, pairs = _part_beside(node.expr, node.ops[0].expr, kinds), []
    for operand in node.ops:
        # What stands between two signs is computed for both: were conditions taken there, one within the other, each
        # level would double the work.
        if len(node.ops) > 1 and (left.kind == "boolean" or operand.op not in _COMPARED):
            raise ConditionError("only numbers, dates and texts stand in a chain such as 1 < a < 5: join parts by and")
        if operand.op in _COMPARED:
            right = _part_beside(operand.expr, left.node, kinds)
            if operand.op not in _EQUAL and (ends := ends_of(left) or ends_of(right)):
                raise ConditionError(f"a range has two ends, and only they are more or less than others{ends}")
            if left.kind == "boolean" and operand.op not in _EQUAL:
                raise ConditionError(f"{written(left.node)} is true or false, and neither is more: write == or !=")
            pairs.append(_pair(_COMPARED[operand.op], *_alike(left, right)))
            left = right
        else:
            pairs.append(_within(left, operand, kinds))
    return "boolean", pairs[0] if len(pairs) == 1 else all_of(pairs)


_EQUAL = {"eq": operator.eq, "ne": operator.ne}
_COMPARED = _EQUAL | {"lt": operator.lt, "lteq": operator.le, "gt": operator.gt, "gteq": operator.ge}


def _pair(holds, left, right):
    return lambda lead_scope: holds(left(lead_scope), right(lead_scope))


def _part_beside(node, other, kinds):
    """Return a part that is compared with another, which is named where a list is compared as one value."""
    part = _part_or_list(node, kinds)
    if item_kind(part.kind):
        raise ConditionError(of_list(part, other))
    return part


def _within(left, operand, kinds):
    """Return the function that tells whether a value is one of a list, or a text is within another."""
    right, wanted = operand.expr, operand.op == "in"
    if isinstance(right, nodes.List | nodes.Tuple):
        if not right.items:
            raise ConditionError("the list behind in is empty: write what it holds, as in field in ['a', 'b']")
        if not all(map(_is_constant, right.items)):
            names = [
                f"'{item.name}'" for item in right.items if isinstance(item, nodes.Name) and item.name not in kinds
            ]
            told = f"texts in it stand in quotes: {', '.join(names[:20])}" if names else "write a == b or a == c"
            raise ConditionError(f"a list holds texts, numbers or dates, and nothing else: {told}")
        alike = [_alike(left, _part(item, kinds)) for item in right.items]
        left_run = alike[0][0]
        values = frozenset(run(None) for _, run in alike)
        if (zips := frozenset(map(zip_of, values))) == values:
            return lambda lead_scope: (left_run(lead_scope) in values) is wanted
        of = dict.fromkeys(ZIPS, zips)
        return lambda lead_scope: ((value := left_run(lead_scope)) in of.get(type(value), values)) is wanted
    whole = _part_or_list(right, kinds)
    if isinstance(right, nodes.Const) and left.kind == "text" == whole.kind:
        sought = written(left.node)
        raise ConditionError(f"behind in stands a list: write {sought} in [{written(right)}], or {sought} == …")
    if kind := item_kind(whole.kind):
        if kind == "datetime" != left.kind:
            raise ConditionError(mismatch(left, whole))
        item, values = _alike(left, whole._replace(kind=kind))
        return lambda lead_scope: (item(lead_scope) in values(lead_scope)) is wanted
    part, whole = _alike(left, whole)
    if left.kind not in ("text", "unknown"):
        instead = f": write in [{written(right)}]" if left.kind == "range" else ""
        raise ConditionError(f"in takes a list or a text, and {written(right)} is a {left.kind}{instead}")
    return lambda lead_scope: (part(lead_scope) in whole(lead_scope)) is wanted


def _alike(one, other):
    """Return the functions of two parts that are compared, which must be of one kind."""
    for part, text in ((one, other), (other, one)):
        if isinstance(part.node, nodes.Name) and isinstance(text.node, nodes.Const) and text.node.value == "":
            raise ConditionError(f"an empty field is missing: write {part.node.name} is missing")
    one, other = read_beside(one, other), read_beside(other, one)
    if {one.kind, other.kind} == {"date", "datetime"}:  # a moment is compared with a day as the day that it is on
        return as_day(one), as_day(other)
    if one.kind != other.kind and "unknown" not in (one.kind, other.kind):
        raise ConditionError(mismatch(one, other))
    return one.run, other.run


def _call(node, kinds):
    if not isinstance(node.node, nodes.Name):
        raise ConditionError(INSTEAD.get(type(node.node), nothing_like_it)(node.node, node.args))
    name = node.node.name
    if name not in FUNCTIONS:
        raise ConditionError(f'there is no function "{name}"{no_function(name, node.args)}')
    function = FUNCTIONS[name]
    if len(node.args) != len(function.takes) or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise ConditionError(f"{name} is not given what it takes: write {function.use}")
    parts = [_part_or_list(argument, kinds) for argument in node.args]
    for part, fits in zip(parts, function.takes.values(), strict=True):
        if part.kind != "unknown" and not fits(part):
            if item_kind(part.kind):
                raise ConditionError(of_list(part))
            takes = f"{name} takes {' and '.join(function.takes)}: write {function.use}"
            raise ConditionError(f"{takes}{function.instead(part)}")
    compute, runs = function.run, [part.run for part in parts]
    if function.bind:
        compute, runs = function.bind(kinds, *node.args), runs[:1]

    def run(lead_scope):
        try:
            return compute(lead_scope, *[value(lead_scope) for value in runs])
        except ArithmeticError:  # a moment at the edge of the calendar, in another time zone
            raise Uncomputable("it takes a date out of range") from None

    gives = function.gives if isinstance(function.gives, str) else function.gives(*parts)
    return gives, run if function.of_absent is None else _or_of_absent(run, function.of_absent)


def _or_of_absent(run, value):
    """Return the function that gives this value where the field is absent, and did not come and go."""

    def run_or(lead_scope):
        try:
            return run(lead_scope)
        except (Uncomputable, Forgotten):
            raise
        except Unanswered:
            return value

    return run_or


_JOINTS = (nodes.And, nodes.Or, nodes.Not)
_LEAVES = (nodes.Name, nodes.Const, nodes.Operand, nodes.List, nodes.Tuple)
_PARTS = {
    nodes.Name: _field,
    nodes.Const: _constant,
    nodes.And: _chain(all_of),
    nodes.Or: _chain(any_of),
    nodes.Not: _not,
    nodes.Compare: _compare,
    nodes.Test: _tested,
    nodes.Add: _computed("+", operator.add),
    nodes.Sub: _computed("-", operator.sub),
    nodes.Mul: _computed("*", operator.mul),
    nodes.Div: _computed("/", operator.truediv),
    nodes.Neg: _negative,
    nodes.Call: _call,
}
