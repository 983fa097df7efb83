"""What a condition cannot hold, and what to write instead: a row in INSTEAD for each node of the grammar.

Each function takes the node and, where it is called, its arguments, and returns the end of a message.
"""

from decimal import Decimal

from jinja2 import nodes

from judge.conditionslips import TESTS
from judge.functions import FUNCTIONS, ORDERED
from judge.meant import nearest
from judge.scope import item_kind


def written(node):
    """Return a part as it may have been written, or … in its place."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Const(value=str()):
            return f"'{node.value[:60]}'"
        case nodes.Const():
            return str(node.value).lower()
        case nodes.Call(node=nodes.Name()):
            return f"{node.node.name}({', '.join(map(written, node.args))})"
    return "…"


def _attribute(node, arguments=None):
    subject, given = written(node.node), ", ".join(map(written, [node.node, *(arguments or [])]))
    instead = {
        "startswith": f"write starts_with({given})",
        "endswith": f"write ends_with({given})",
        "year": f"write year({subject})",
        "weekday": "write weekday() in ['Sat', 'Sun']",
        "hour": "write open: [08:00-20:00] for hours",
    }
    instead |= dict.fromkeys(["count", "find", "index", "contains", "includes"], f"write contains({given})")
    instead |= dict.fromkeys(["length", "len", "size"], f"write length({subject})")
    instead |= {name: f"write {name}({given})" for name in FUNCTIONS.keys() - instead.keys()}
    if subject in ("lead", "fields", "field", "this"):
        return f"{subject}. cannot stand before a field: write {node.attr}"
    instead |= dict.fromkeys(["lower", "upper", "casefold", "strip", "title", "capitalize"], _SAME_ANYWAY)
    return f".{node.attr} cannot follow a value: {instead.get(node.attr, f'there are {_THE_FUNCTIONS}')}"


def no_test(node, negated):
    """Return what to write for `is empty` and what else is not known behind `is`."""
    subject, name = written(node.node), node.name
    if meant := TESTS.get(name.lower()):
        meant = ({"missing", "present"} - {meant}).pop() if negated else meant
        return f'there is no "{name}" here: write {subject} is {meant}'
    if name in ("true", "false"):
        return f"write {'not ' if negated is (name == 'true') else ''}{subject}"
    if close := nearest(name, ["present", "missing"]):
        return f'there is no "{name}" here{close}'
    sign = "!=" if negated else "=="
    return f"behind is stands present or missing: write {subject} {sign} '{name}', if {name} is a text"


def no_function(name, arguments):
    """Return the end of a sentence about a function that there is not."""
    if name.lower() in _FUNCTIONS_MEANT:
        return f": write {_FUNCTIONS_MEANT[name.lower()].format(', '.join(map(written, arguments)) or 'field')}"
    return nearest(name, FUNCTIONS)


_FUNCTIONS_MEANT = {
    "len": "length({})", "size": "length({})", "strlen": "length({})",
    "left": "first({})", "right": "last({})", "substr": "first(zip, 3) or last(zip, 4)",
    "substring": "first(zip, 3) or last(zip, 4)", "mid": "first(zip, 3) or last(zip, 4)",
    "isblank": "{} is missing", "isempty": "{} is missing", "is_empty": "{} is missing", "isnull": "{} is missing",
    "exists": "{} is present", "present": "{} is present", "missing": "{} is missing", "defined": "{} is present",
    "includes": "contains({})", "startswith": "starts_with({})", "endswith": "ends_with({})",
    "in_list": "listed(email, 'list.txt')", "days": "days_since({})", "datediff": "days_since(a_date)",
    "days_ago": "days_since({})", "day": "weekday() in ['Sat', 'Sun']", "dayofweek": "weekday() in ['Sat', 'Sun']",
    "not": "not {}",
} | dict.fromkeys(["lower", "upper", "trim"], "{}, since texts are compared without regard to case")  # fmt: skip


def _filter(node, _arguments=None):
    subject = written(node.node)
    instead = {
        "length": f": write length({subject}), or count({subject}) for the values of a list",
        "count": f": write length({subject}), or count({subject}) for the values of a list",
        "min": f": write min({subject})",
        "max": f": write max({subject})",
        "first": f": write first({subject}, 1)",
        "last": f": write last({subject}, 1)",
        "abs": f": write {subject} < -5 or {subject} > 5",
        "round": f": write 4.5 <= {subject} < 5.5",
    }
    instead |= dict.fromkeys(["lower", "upper", "trim", "title", "capitalize"], f": {_SAME_ANYWAY}")
    return f'there is no "{node.name}" here{instead.get(node.name, f"; there are {_THE_FUNCTIONS}")}'


def _item(node, _arguments=None):
    subject = written(node.node)
    match node.arg:
        case nodes.Slice(start=None, stop=nodes.Const(value=Decimal() as count), step=None):
            return f"nothing in brackets can follow a value: write first({subject}, {count})"
        case nodes.Slice(start=nodes.Neg(node=nodes.Const(value=Decimal() as count)), stop=None, step=None):
            return f"nothing in brackets can follow a value: write last({subject}, {count})"
        case nodes.Const(value=Decimal() as number):
            first = f"write first({subject}, {number + 1}) for the start of a text"
            return (
                f"nothing in brackets can follow a value: {first}; for a value of a list give another field the alias "
                f'"{subject}[{number}]"'
            )
    return f"nothing in brackets can follow a value: write first({subject}, 3) or last({subject}, 4)"


def nothing_like_it(*_):
    return f"a part of it is nothing that a condition can hold: there are {_THE_FUNCTIONS}"


def of_list(part, other=None):
    """Tell what to write of a field that keeps several values; `other` is what it is compared with."""
    name, kind = written(part.node), item_kind(part.kind)
    constants = [node for node in getattr(other, "items", [other]) if isinstance(node, nodes.Const)]
    values = list(map(written, constants[:3])) or _VALUES.get(kind, [])
    sought = " or ".join(f"{value} in {name}" for value in values)
    ends = [f"min({name})", f"max({name})"] if kind in ORDERED else []
    ways = [*filter(None, [sought]), *ends, f"count({name})"]
    return f"{name} is a list, since it has multiple: true: write {', '.join(ways)} or {name} is present"


_VALUES = {"text": ["'a value'"], "number": ["18"], "date": ["'2026-12-31'"], "boolean": ["true"]}
_SAME_ANYWAY = "texts are compared without regard to case, so leave it out"
_THE_FUNCTIONS = f"the functions {', '.join(FUNCTIONS)}"

INSTEAD = {
    nodes.Getattr: _attribute,
    nodes.Getitem: _item,
    nodes.Filter: _filter,
    nodes.Pow: lambda *_: "there is no ** here: write it with *",
    nodes.FloorDiv: lambda *_: "there is no // here: write it with /",
    nodes.Mod: lambda *_: "there is no % here: only + - * and / compute",
    nodes.Concat: lambda *_: "there is no ~ here: compare each text by itself, and join them by and",
    nodes.CondExpr: lambda *_: (
        "there is no if and else here: write it with and, or and not, or make two rules with when:"
    ),
    nodes.Pos: lambda *_: "a number has no + before it: leave it out",
    nodes.List: lambda *_: "a list stands behind in, as in field in ['a', 'b']",
    nodes.Tuple: lambda *_: "a list stands behind in, as in field in ['a', 'b']",
    nodes.Dict: lambda *_: "there are no { } here: a list is ['a', 'b']",
}
