"""Leads marked as tests, or as none: where a condition says what a test is, by trying what it speaks of."""

from datetime import UTC, datetime
from itertools import islice, product

from jinja2 import nodes

from judge.examples import fields_of, texts_of
from judge.grammar import parse, walk
from judge.judgement import judge
from judge.types import TYPES

MOST_TRIED = 2000  # leads: some 100 ms


def marked(program, lead, test=True):
    """Return the lead marked as a test (or as none), where the program can tell; else as it is."""
    flag = program.spec.test_flag
    if flag:
        return _with(program, lead, {flag: "true" if test else "false"})
    if not program.spec.test_if or _verdict(program, lead).test is test:
        return lead
    codes, fitting = _verdict(program, lead).codes, None
    for changed in islice(_variants(program, lead), MOST_TRIED):
        verdict = _verdict(program, changed)
        if verdict.test is test and verdict.codes == codes:
            return changed
        if verdict.test is test and fitting is None:
            fitting = changed
    return fitting or lead


def is_marked(program, lead):
    """Tell whether a lead is a test."""
    return _verdict(program, lead).test


def names_in(written):
    """Return the fields that a condition names."""
    return {node.name for node in _nodes(written) if isinstance(node, nodes.Name)}


def _verdict(program, lead):
    return judge(program, texts_of(program, lead), datetime.now(UTC))


def _with(program, lead, values):
    """Return the lead with these values of fields, None: without the field."""
    fields = fields_of(program, lead)
    others = {name: text for name, text in lead.items() if fields.get(name) not in values}
    return others | {name: text for name, text in values.items() if text is not None}


def _variants(program, lead):
    """Yield the lead with other values in the fields that the condition names, those with fewer changes first."""
    names = sorted(names_in(program.spec.test_if) & program.fields.keys())
    said = dict.fromkeys(str(node.value) for node in _nodes(program.spec.test_if) if isinstance(node, nodes.Const))
    choices = {name: list(dict.fromkeys(_values(program.fields[name].spec, said))) for name in names}
    for name in names:
        yield from (_with(program, lead, {name: text}) for text in choices[name])
    for texts in product(*choices.values()):
        yield _with(program, lead, dict(zip(names, texts, strict=True)))


def _values(spec, said):
    """Yield what a field may hold so that a condition with these constants comes true, or not."""
    yield None
    if TYPES[spec.type].kind == "boolean":
        yield from ("true", "false")
    yield from said
    for text in said:
        try:
            yield from (str(int(text) + 1), str(int(text) - 1))
        except ValueError:
            yield from (f"test@{text}", f"{text}@example.com")
    yield from (text for text in [*spec.choices, *TYPES[spec.type].likely(spec), spec.example] if text)


def _nodes(written):
    """Yield the parts of a condition, however it is written."""
    if isinstance(written, str):
        yield from walk(parse(" ".join(written.split())))
        return
    for part in written.values() if isinstance(written, dict) else written:
        yield from _nodes(part)
