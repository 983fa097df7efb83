"""The grammar of conditions: Jinja2's parser, with exact numbers, bounds, and messages in plain words."""

import re
from decimal import Decimal
from functools import cached_property

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import Lexer, Token
from jinja2.parser import Parser

from judge.conditionslips import advice

LONGEST = 10_000  # characters of an expression
MOST_TOKENS = 1_000  # of an expression, beside the constants and commas of its lists


class ConditionError(ValueError):
    """The condition cannot be used. The text says why, where, and what would do."""


class WrittenOutError(ConditionError):
    """A part is written out in words; what is likely meant is seen from the whole condition."""


class _Words(Lexer):
    """Jinja2's words, with numbers as they are written; too many of them are RecursionError."""

    def wrap(self, stream, name=None, filename=None):
        count, before = 0, None
        for line, kind, text in stream:
            if kind != "whitespace":
                _check_word(kind, text, before)
                before = kind, text
            count += kind not in ("whitespace", "string", "integer", "float") and text != ","
            if count > MOST_TOKENS:
                raise RecursionError
            if kind in ("integer", "float"):
                yield Token(line, kind, _number(text))
            else:
                yield from super().wrap([(line, kind, text)], name, filename)


def _check_word(kind, text, before):
    """Refuse what Jinja2 takes and nobody means."""
    if kind == "string" and before and before[0] == "string":  # Jinja2 makes one text of two
        raise ConditionError(f"{before[1]} and {text} stand side by side: put a comma between them, or and, or or")
    if kind == "string" and any(escaped not in "'\"\\" for escaped in _ESCAPED.findall(text)):
        raise ConditionError(f"in {text} a \\ stands before a letter: write the character that is meant")
    if text == "(" and before in _TESTS:
        raise ConditionError(f"is {before[1]} stands behind a field, without brackets: write email is {before[1]}")


_ESCAPED = re.compile(r"\\(.)")
_TESTS = (("name", "present"), ("name", "missing"))


class _Grammar(Environment):
    lexer = cached_property(_Words)


_grammar = _Grammar()
_NUMBER = re.compile(r"[0-9]{1,38}(\.[0-9]{1,38})?(e[+-]?[0-9]{1,2})?", re.IGNORECASE)  # as values.number


def _number(text):
    text = text.replace("_", "")
    if not _NUMBER.fullmatch(text):
        raise ConditionError(f"the number {text[:20]} is too long or oddly written: write up to 38 digits, as in 0.5")
    return Decimal(text)


def parse(source):
    """Return the tree of an expression. Raises TemplateSyntaxError."""
    if len(source) > LONGEST:
        raise RecursionError
    parser = Parser(_grammar, source, state="variable")
    expression = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError(f'it goes on after its end, at "{parser.stream.current.value}"', 1)
    return expression


def flat(node, kind):
    """Return what a chain of `and` or of `or` joins."""
    return [*flat(node.left, kind), *flat(node.right, kind)] if isinstance(node, kind) else [node]


def walk(expression):
    """Yield all nodes of a tree, however deep it is."""
    rest = [expression]
    while rest:
        yield (node := rest.pop())
        rest.extend(node.iter_child_nodes())


def compared(found):
    """Return the texts that each field is compared with."""
    texts = {}
    for node in found:
        left = node.expr if isinstance(node, nodes.Compare) else None
        for operand in node.ops if left else []:
            right = operand.expr
            others = getattr(right, "items", [right]) if operand.op in ("eq", "in") else []
            for pair in [*((left, other) for other in others), *((other, left) for other in others)]:
                match pair:
                    case nodes.Name(name=name), nodes.Const(value=str(text)):
                        texts.setdefault(name, set()).add(text)
                    case nodes.Call(node=nodes.Name(name="weekday")), nodes.Const(value=str(text)):
                        texts.setdefault("weekday()", set()).add(text)
            left = right
    return texts


def of_syntax(message, source):
    """Return what is likely meant, or else Jinja2's message in plain words."""
    if told := advice(source):
        return told
    if "end of template" in message:
        return "it ends too early: a bracket, a quote or the right side is missing"
    if found := re.search(r"^unexpected char (.*) at ([0-9]+)$", message):
        return (
            f"{found[1]} cannot stand there, behind {source[: int(found[2])][-30:]!r}"
            if found[2] != "0"
            else (f"it cannot begin with {found[1]}")
        )
    return message
