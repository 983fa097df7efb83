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
from jinja2.sandbox import SandboxedEnvironment, SecurityError

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
        born = _argument(born, date, "age takes a date field")
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))

    def days_since(day):
        day = _argument(day, date, "days_since takes a date field")
        return (today - (day.astimezone(now.tzinfo).date() if isinstance(day, datetime) else day)).days

    def domain(email):
        return Text(_argument(email, str, "domain takes an email field").rpartition("@")[2])

    return {"age": age, "days_since": days_since, "domain": domain, "today": lambda: today, "now": lambda: now}


def _argument(value, expected, complaint):
    if isinstance(value, _AbsentField):
        bool(value)  # raises Unanswered
    if not isinstance(value, expected):
        raise TypeError(complaint)
    return value


FUNCTIONS = frozenset({"age", "today", "now", "days_since", "domain"})

# Words that Jinja2 reads in its own way, so that no field can be called so.
RESERVED = FUNCTIONS | {"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "self"}


def scope(values, now):
    """Return what conditions see of a lead: the values of its fields, and the functions.

    `values` holds the fields that the lead has. One scope serves all conditions of a program.
    """
    return _EMPTY.new_context({**values, **functions(now)})


def compile_condition(source, kinds, now):
    """Return a function from a scope to the condition's truth. Raises ConditionError.

    `kinds` gives each field's kind (text, number, date, datetime, boolean, unknown); `now` serves the
    trial run. The function's `names` are those it uses, and `compared` the texts it looks for.
    """
    try:
        parser = Parser(_environment, source, state="variable")
        expression = parser.parse_expression()
        if not parser.stream.eos:
            raise TemplateSyntaxError(f'it goes on after its end, at "{parser.stream.current.value}"', 1)
        names = _check_names(expression, kinds, source)
        compared = _check_comparisons(expression, kinds, source)
        body = [nodes.Assign(nodes.Name("_result", "store"), _as_values(expression), lineno=1)]
        template = _environment.from_string(nodes.Template(body, lineno=1))
    except TemplateError as error:
        hint = "; write == to compare" if re.search("[^=<>!]=[^=]", source) else ""
        raise ConditionError(f"{_quoted(source)} cannot be read as a condition: {error.message}{hint}") from None
    run = template.root_render_func

    def evaluate(lead_scope):
        # What Jinja2's TemplateExpression does, without making a context for each call.
        for _ in run(lead_scope):
            pass
        return bool(lead_scope.vars["_result"])

    def holds(lead_scope):
        try:
            return evaluate(lead_scope)
        except ArithmeticError:
            raise Unanswered("it divides by zero or takes a number out of range") from None
        except (TypeError, ValueError, SecurityError):
            raise Unanswered("it cannot be computed from this lead") from None

    holds.names, holds.compared = names, compared
    if any(kinds.get(name) == "unknown" for name in names):
        return holds
    try:
        evaluate(scope({name: _SAMPLES[kinds[name]] for name in names & kinds.keys()}, now))
    except ArithmeticError:  # a division by a sample's zero says nothing about real leads
        pass
    except Exception as error:
        raise ConditionError(f"{_quoted(source)} cannot be computed: {_in_plain_words(error)}") from None
    return holds


def nearest(word, words):
    """Return `. Did you mean "…"?` with the likeliest of `words`, or nothing."""
    close = difflib.get_close_matches(word, list(words), n=1)
    return f'. Did you mean "{close[0]}"?' if close else ""


def _in_plain_words(error):
    for type_name, word in _TYPE_WORDS.items():
        error = str(error).replace(f"'{type_name}'", word)
    return error.replace("not supported between instances of", "cannot stand between")


_TYPE_WORDS = {"decimal.Decimal": "a number", "int": "a number", "Text": "a text", "str": "a text"}
_TYPE_WORDS |= {"datetime.date": "a date", "datetime.datetime": "a moment", "bool": "true or false"}


def _quoted(source):
    return f'"{source}"'


def _check_names(expression, kinds, source):
    names = {node.name for node in _every(nodes.Name, expression)}
    for name in sorted(names - kinds.keys() - FUNCTIONS):
        known = nearest(name, [*kinds, *FUNCTIONS]) or f". The fields are {', '.join(kinds)}"
        raise ConditionError(f"{_quoted(source)}: there is no field {_quoted(name)}{known}")
    return names


def _every(node_type, expression):
    return [expression] * isinstance(expression, node_type) + list(expression.find_all(node_type))


def _check_comparisons(expression, kinds, source):
    """Refuse `zip == 12345`: a text is never equal to a number, so the rule would never fire.

    Return the texts that each text field is compared with.
    """
    compared = {}
    for compare in _every(nodes.Compare, expression):
        operands = [compare.expr, *(operand.expr for operand in compare.ops)]
        texts = [node.name for node in operands if isinstance(node, nodes.Name) and kinds.get(node.name) == "text"]
        for constant in [c for node in operands for c in _constants(node)] if texts else []:
            if isinstance(constant, str) and all(operand.op in ("eq", "in") for operand in compare.ops):
                compared.setdefault(texts[0], set()).add(constant)
            if isinstance(constant, int | float) and not isinstance(constant, bool):
                raise ConditionError(
                    f"{_quoted(source)}: {texts[0]} is a text and never equals the number {constant}; "
                    f"write '{constant}' in quotes, or give the field type: number"
                )
    return compared


def _constants(node):
    items = node.items if isinstance(node, nodes.List | nodes.Tuple) else [node]
    return [item.value for item in items if isinstance(item, nodes.Const)]


def _as_values(node):
    """Turn the numbers and texts of an expression into what fields hold: 0.1 exact, 'a' equal to 'A'."""
    if isinstance(node, nodes.Const):
        if isinstance(node.value, float):
            return nodes.Filter(nodes.Const(repr(node.value)), "_decimal", [], [], None, None)
        if isinstance(node.value, str):
            return nodes.Filter(node, "_text", [], [], None, None)
        return node
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, name, _as_values(value))
        elif isinstance(value, list):
            setattr(node, name, [_as_values(item) if isinstance(item, nodes.Node) else item for item in value])
    return node


_EMPTY = _environment.from_string("")
