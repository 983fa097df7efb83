"""Conditions of rule files: Jinja2 expressions, sandboxed, compiled when the file is loaded.

`compile_condition("age(birth_date) < 18", kinds)` gives a function from a lead's scope to true or
false. It raises Unanswered when the answer hangs on a field that the lead does not have.
"""

import difflib
import re
from datetime import UTC, date, datetime
from decimal import Decimal

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.parser import Parser
from jinja2.sandbox import SandboxedEnvironment

from values import Text


class ConditionError(ValueError):
    """The condition cannot be used. The text says why, where, and what would do."""


class Unanswered(Exception):
    """The condition has no answer for this lead; the text is why: `phone is absent`."""


class _AbsentField(StrictUndefined):
    """What an absent field is in a condition: any use but `is present`/`is missing` raises."""

    __slots__ = ()

    def _fail_with_undefined_error(self, *_args, **_kwargs):
        raise Unanswered(f"{self._undefined_name} is absent")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _fail_with_undefined_error
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _fail_with_undefined_error
    __mod__ = __rmod__ = __pos__ = __neg__ = __pow__ = __rpow__ = _fail_with_undefined_error
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _fail_with_undefined_error
    __int__ = __float__ = __complex__ = __call__ = __getitem__ = _fail_with_undefined_error
    __iter__ = __str__ = __len__ = __bool__ = __contains__ = __hash__ = _fail_with_undefined_error

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self._fail_with_undefined_error()


_environment = SandboxedEnvironment(undefined=_AbsentField)
_environment.globals.clear()
_environment.filters = {
    name: _environment.filters[name] for name in ("abs", "length", "lower", "round", "trim", "upper")
}
_environment.tests.clear()
_environment.filters |= {"_decimal": Decimal, "_text": Text}
_environment.tests["present"] = lambda value: not isinstance(value, _AbsentField)
_environment.tests["missing"] = lambda value: isinstance(value, _AbsentField)

# A value of each kind, to try a condition with when it is loaded: a text that is compared with a
# number fails here, before a lead depends on it.
_SAMPLES = {"text": Text("a"), "number": Decimal(1), "date": date(2000, 1, 1), "boolean": True}
_SAMPLES["datetime"] = datetime(2000, 1, 1, tzinfo=UTC)


def functions(now):
    """Return the functions that conditions may call, for a lead received at `now` (aware)."""
    today = now.date()

    def age(born):
        born = _day(_argument(born, date, "age takes a date field"), now)
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))

    def days_since(day):
        return (today - _day(_argument(day, date, "days_since takes a date field"), now)).days

    def domain(email):
        return Text(_argument(email, str, "domain takes an email field").rpartition("@")[2])

    return {"age": age, "days_since": days_since, "domain": domain, "today": lambda: today, "now": lambda: now}


def _day(value, now):
    return value.astimezone(now.tzinfo).date() if isinstance(value, datetime) else value


def _argument(value, expected, complaint):
    if isinstance(value, _AbsentField):
        bool(value)  # raises Unanswered
    if not isinstance(value, expected):
        raise TypeError(complaint)
    return value


FUNCTIONS = frozenset({"age", "today", "now", "days_since", "domain"})

MOST_PARTS = 100  # of a condition: to compile each with all that is below it takes the square of their number

# Words that Jinja2 reads in its own way, so that no field can be called so.
RESERVED = FUNCTIONS | {"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "self"}


def scope(values, now):
    """Return what conditions see of a lead: the values of its fields, and the functions.

    `values` holds the fields that the lead has. One scope serves all conditions of a program.
    """
    exact = {name: Decimal(value) if type(value) is int else value for name, value in values.items()}
    return _EMPTY.new_context({**exact, **functions(now)})


def compile_condition(source, kinds, now):
    """Return a function from a scope to the condition's truth. Raises ConditionError.

    `kinds` gives each field's kind (text, number, date, datetime, boolean, unknown); `now` serves the
    trial run. The function's `names` are those it uses, and `compared` the texts it looks for.
    """
    source = " ".join(source.split())
    try:
        expression = parse(source)
        names = _check_names(expression, kinds)
        compared = _check_kinds(expression, kinds)
        expression = _as_values(expression)
        run = _build(expression)
        parts = _parts(expression)
        if len(parts) > MOST_PARTS:
            raise ValueError
        parts = [run, *map(_compile, parts)]
    except TemplateError as error:
        raise ConditionError(f'"{source}" cannot be read as a condition: {_of_syntax(error.message, source)}') from None
    except ConditionError as error:
        raise ConditionError(f'"{source}": {error}') from None
    except (RecursionError, SyntaxError, MemoryError, ValueError):
        short = f"{source[:60]}…"
        raise ConditionError(f"\"{short}\" is too long: use in ['a', 'b'], or all: and any: with parts") from None

    def holds(lead_scope):
        try:
            return bool(run(lead_scope))
        except Unanswered:
            raise
        except ArithmeticError:
            raise Unanswered("it divides by zero or takes a number out of range") from None
        except Exception:
            raise Unanswered("it cannot be computed from this lead") from None

    holds.names, holds.compared = names, compared
    if not any(kinds.get(name) == "unknown" for name in names):
        sample = scope({name: _SAMPLES[kinds[name]] for name in names & kinds.keys()}, now)
        # Every part by itself: `and` and `or` would pass over the right side.
        for part in parts:
            _try(part, sample, source)
    return holds


def parse(source):
    """Return the tree of an expression. Raises TemplateSyntaxError."""
    parser = Parser(_environment, source, state="variable")
    expression = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError(f'it goes on after its end, at "{parser.stream.current.value}"', 1)
    return expression


def _build(expression):
    """Return a function from a scope to the expression's truth.

    `and` and `or` ask both sides if they must, so that their order does not matter: an absent
    field is of no account where the other side decides alone.
    """
    match expression:
        case nodes.And():
            return all_of([_build(expression.left), _build(expression.right)])
        case nodes.Or():
            return any_of([_build(expression.left), _build(expression.right)])
        case nodes.Not():
            inner = _build(expression.node)
            return lambda lead_scope: not inner(lead_scope)
    return _compile(expression)


def all_of(parts):
    """Return the condition that all parts hold: false if one is false, else without answer if one is."""
    return lambda lead_scope: not _decided(parts, lead_scope, False)


def any_of(parts):
    """Return the condition that any part holds: true if one is true, else without answer if one is."""
    return lambda lead_scope: _decided(parts, lead_scope, True)


def _decided(parts, lead_scope, by):
    unanswered = None
    for part in parts:
        try:
            if bool(part(lead_scope)) is by:
                return True
        except Unanswered as why:
            unanswered = unanswered or why
    if unanswered:
        raise unanswered
    return False


def _parts(expression):
    """Return what of an expression can go wrong by itself; our own constants cannot."""
    found = _every((nodes.Compare, nodes.Call, nodes.Filter, nodes.BinExpr), expression)
    return [part for part in found if not (isinstance(part, nodes.Filter) and part.name.startswith("_"))]


def _compile(expression):
    """Return a function from a scope to the expression's value."""
    body = [nodes.Assign(nodes.Name("_result", "store"), expression, lineno=1)]
    run = _environment.from_string(nodes.Template(body, lineno=1)).root_render_func

    def evaluate(lead_scope):
        # What Jinja2's TemplateExpression does, without making a context for each call.
        for _ in run(lead_scope):
            pass
        return lead_scope.vars["_result"]

    return evaluate


def _of_syntax(message, source):
    """Return Jinja2's message in plain words, with what is likely meant."""
    if "end of template" in message:
        message = "it ends too early: a bracket, a quote or the right side is missing"
    if unknown := re.search(r"No (test|filter) named '(\w+)'", message):
        known = _environment.tests if unknown[1] == "test" else _environment.filters
        message = f'there is no "{unknown[2]}" here{nearest(unknown[2], known)}'
    bare = re.sub("'[^']*'", "''", source)  # 'IN' and 'OR' are states
    for pattern, advice in _SLIPS:
        if re.search(pattern, bare):
            return f"{message}; {advice}"
    return message


_SLIPS = [
    ("[“”‘’]", "use straight quotes"),
    (r"\b(AND|OR|NOT|IN|IS)\b", "write and, or, not, in and is in small letters"),
    ("[^=<>!]=[^=]", "write == to compare"),
    (r"[0-9],[0-9]{3}\b", "write numbers without commas"),
    ("&&|[|][|]", "write and, or"),
]


def _try(part, sample, source):
    try:
        bool(part(sample))
    except ArithmeticError:  # a division by a sample's zero says nothing about real leads
        pass
    except Unanswered:
        raise ConditionError(f'"{source}" takes a part of a value that is not there') from None
    except Exception as error:
        raise ConditionError(f'"{source}" cannot be computed: {_in_plain_words(error)}') from None


def nearest(word, words):
    """Return `. Did you mean "…"?` with the likeliest of `words`, or nothing."""
    close = difflib.get_close_matches(word, list(words), n=1)
    return f'. Did you mean "{close[0]}"?' if close else ""


def _in_plain_words(error):
    text = str(error)
    if called := re.search(r"(\w+)\(\) (?:missing|takes)", text):
        return f"{called[1]} is not given what it takes"
    for type_name, word in _TYPE_WORDS.items():
        text = text.replace(f"'{type_name}'", word)
    return text.replace("not supported between instances of", "cannot stand between")


_TYPE_WORDS = {"decimal.Decimal": "a number", "int": "a number", "Text": "a text", "str": "a text"}
_TYPE_WORDS |= {"datetime.date": "a date", "datetime.datetime": "a moment", "bool": "true or false"}


def _every(node_type, expression):
    return [expression] * isinstance(expression, node_type) + list(expression.find_all(node_type))


def _check_names(expression, kinds):
    """Return the names that the expression uses; all must be fields, or functions that are called."""
    names = {node.name for node in _every(nodes.Name, expression)}
    for name in sorted(names - kinds.keys() - FUNCTIONS):
        known = nearest(name, [*kinds, *FUNCTIONS]) or f". The fields are {', '.join(kinds)}"
        raise ConditionError(f'there is no field "{name}"{known}')
    called = [call.node for call in _every(nodes.Call, expression)]
    for node in _every(nodes.Name, expression):
        if node.name in FUNCTIONS and not any(node is function for function in called):
            raise ConditionError(f"{node.name} is a function: write {_USES[node.name]}")
    return names


_USES = {"today": "today()", "now": "now()", "age": "age(birth_date)", "days_since": "days_since(a_date)"}
_USES["domain"] = "domain(email)"


def _check_kinds(expression, kinds):
    """Refuse what could never be meant, such as a text that is compared with a number.

    Return the texts that each text field is compared with.
    """
    compared = {}
    for node in [expression, *_every((nodes.And, nodes.Or, nodes.Not), expression)]:
        for side in [getattr(node, name, None) for name in ("left", "right", "node")] + [node]:
            if isinstance(side, nodes.Const) and not isinstance(side.value, bool):
                raise ConditionError(
                    f"{side.value!r} alone is always true: write field == 'a' or field == 'b', or field in ['a', 'b']"
                )
    for constant in _every(nodes.Const, expression):
        if constant.value is None:
            raise ConditionError("there is no none here: write is missing, or is present")
    for compare in _every(nodes.Compare, expression):
        left = compare.expr
        for operand in compare.ops:
            _check_pair(left, operand, kinds, compared)
            left = operand.expr
    return compared


def _check_pair(left, operand, kinds, compared):
    right = operand.expr
    others = right.items if isinstance(right, nodes.List | nodes.Tuple) else [right]
    for one, other in [(left, item) for item in others]:
        pair = {kind_of(one, kinds), kind_of(other, kinds)}
        if len(pair) == 2 and not pair & {None, "unknown"}:
            raise ConditionError(_mismatch(one, other, kinds))
        for name, text in ((one, other), (other, one)):
            if isinstance(name, nodes.Name) and isinstance(text, nodes.Const) and isinstance(text.value, str):
                if not text.value:
                    raise ConditionError(f"an empty field is missing: write {name.name} is missing")
                if operand.op in ("eq", "in"):
                    compared.setdefault(name.name, set()).add(text.value)


def kind_of(node, kinds):
    """Return the kind of an expression's value (text, number, date, …), or None if it is not plain."""
    match node:
        case nodes.Name():
            return kinds.get(node.name)
        case nodes.Const(value=bool()):
            return "boolean"
        case nodes.Const(value=str()):
            return "text"
        case nodes.Const() | nodes.BinExpr() | nodes.Neg():
            return None if isinstance(node, nodes.And | nodes.Or) else "number"
        case nodes.Call(node=nodes.Name()):
            return {"age": "number", "days_since": "number", "domain": "text", "today": "date", "now": "datetime"}.get(
                node.node.name
            )
    return None


def _mismatch(one, other, kinds):
    kind, other_kind = kind_of(one, kinds), kind_of(other, kinds)
    if isinstance(one, nodes.Const):
        one, other, kind, other_kind = other, one, other_kind, kind
    name = one.name if isinstance(one, nodes.Name) else "the left side"
    if isinstance(other, nodes.Const):
        if kind == "text" and other_kind == "number":
            return (
                f"{name} is a text and never equals the number {other.value}; "
                f"write '{other.value}' in quotes, or give the field type: number"
            )
        if kind == "number" and other_kind == "text":
            return f"{name} is a number and never equals the text '{other.value}'; write it without quotes"
        if kind == "boolean":
            return f"{name} is true or false: write {name}, or not {name}"
    return f"{name} is a {kind} and cannot be compared with a {other_kind}"


def _as_values(node):
    """Turn the numbers and texts of an expression into what fields hold: 0.1 exact, 'a' equal to 'A'."""
    if isinstance(node, nodes.Const):
        if isinstance(node.value, float):
            return nodes.Filter(nodes.Const(repr(node.value)), "_decimal", [], [], None, None)
        if isinstance(node.value, str):
            return nodes.Filter(node, "_text", [], [], None, None)
        return node
    if isinstance(node, nodes.BinExpr):  # 1 / 3 is exact too
        for side in ("left", "right"):
            constant = getattr(node, side)
            if isinstance(constant, nodes.Const) and type(constant.value) is int:
                setattr(node, side, nodes.Filter(constant, "_decimal", [], [], None, None))
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, name, _as_values(value))
        elif isinstance(value, list):
            setattr(node, name, [_as_values(item) if isinstance(item, nodes.Node) else item for item in value])
    return node


_EMPTY = _environment.from_string("")
