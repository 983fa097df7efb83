"""No text makes a field's type fail, and no pattern in the code takes long for any."""

import ast
import json
import re
import time
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
import stdnum
from cast import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from judge.compiler import compile_program
from judge.judgement import judge
from judge.rulefile import RuleFileError
from judge.types import TYPES
from judge.values import LONGEST_VALUE

# --- Types ---

FIELDS = {name: f"{{type: {name}}}" for name in TYPES if name not in ("id", "choice", "region", "postal_code")}
FIELDS |= {"us_phone": "{type: phone, country: US}", "chosen": "{type: choice, one_of: [a]}"}
FIELDS |= {
    "odd_day": "{type: date, formats: [M/D/YYYY, D.M.YYYY]}",
    "any_day": "{type: date, formats: [D-MMM-YY, 'MMMM D, YYYY', MM/DD/YY, ISO, epoch], blanks: [N/A]}",
    "any_moment": "{type: datetime, formats: ['M/D/YYYY h:mm A', YY-MM-DD HH:mm, ISO, epoch]}",
    "own_words": "{type: boolean, yes: [granted], no: [denied]}",
    "mobile": "{type: phone, country: GB, kinds: [mobile], countries: [GB]}",
    "work": "{type: email, free: reject, role: reject}",
}
FIELDS |= {f"zip_{name}": f"{{type: postal_code, country: {name}}}" for name in ("US", "GB", "JP", "BR", "CA", "NL")}
FIELDS |= {f"region_{name}": f"{{type: region, country: {name}}}" for name in ("US", "CA", "JP")}


def standards():
    """Return every kind of number with check digits that python-stdnum knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = [found for found in walk_packages(stdnum.__path__, "stdnum.") if not found.ispkg]
        names = [found.name for found in modules if hasattr(import_module(found.name), "validate")]
    return [name for name in (name.removeprefix("stdnum.") for name in names) if re.fullmatch("[a-z_.]{2,30}", name)]


@pytest.fixture(scope="module")
def everything():
    """A program with a field of every type, compared in every way there is."""
    fields = dict(FIELDS)
    for standard in standards():
        if len(max(standard.split("."), key=len)) <= 12:
            fields[standard.replace(".", "_")] = f"{{type: id, standard: {standard}}}"
    lines = [f"  {name}: {kind}" for name, kind in fields.items()]
    rules = [f"  - {{id: new-{number}, unique: [{name}]}}" for number, name in enumerate(fields)]
    rules.append("  - {id: old, reject_if: age(datetime) < 18 or days_since(date) > 3 or datetime > now()}")
    head = ["timezone: Asia/Tokyo", f"customer: [{', '.join(fields)}]", "retry_key: [text]"]
    text = "\n".join([*head, "fields:", *lines, "rules:", *rules])
    return compile_program("all", "all.yaml", text, "", datetime.now(UTC))


SEEDS = [*"109aAX-./:@+$%(éßİ٣²①１ \n\t\x00\x1f\ud800\u200d", "\u0301\u0316", "xn--", "a@b.", "http://", "[", "::"]
SEEDS += ["0001-01-01T00:00", "9999-12-31T23:59:59-14:00", "+14:00", "2026-02-29", "12/31/", "GB", "US", "1,234.5", "€"]
SEEDS += [
    "111111111",
    "111111111111111110",
    "tel:",
    "ext",
    "true",
    "e9",
    "K",
    "%",
    ";ext=",
    "May",
    " PM",
    "17642016000",
]
pieces = st.sampled_from(SEEDS) | st.text(max_size=3) | st.integers(0, 10**30).map(str)
values = st.lists(pieces, max_size=6).map("".join)


@given(values)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_judged_by_every_type(everything, value):
    verdict = judge(everything, {name: [value] for name in everything.fields}, datetime.now(UTC))
    assert {step["check"].partition(".")[0] for step in verdict.trace} >= set(everything.fields)
    assert len(verdict.note) <= 500 and verdict.note.isprintable()
    json.dumps([verdict.fields, verdict.trace])  # as it is stored


# --- Patterns ---

METHODS = {"match", "fullmatch", "search", "sub", "split", "findall"}

# The texts are as long as they can be there; what editors write is shorter than what partners send.
EDITORS = [f"judge.{name}" for name in ("compiler", "conditions", "grammar", "lint", "lists", "rulefile", "schema")]
EDITORS += [f"judge.{name}" for name in ("examples", "meant", "plainwords", "slips", "times")]
LENGTHS = dict.fromkeys([*EDITORS, "web.settings", "commands.database"], 300)
LENGTHS |= {
    "web.payload": 20_000,
    "web.forms": 20_000,
    "judge.aliases": 300,
    "web.worker": 32_768,
    "web.payload._XML_ENCODING.match": 256,
}
LENGTHS |= {"judge.numbers._EVERYDAY.fullmatch": 60, "judge.ranges._RANGE.fullmatch": 100}


def patterns_of(module):
    """Return the regular expressions in a module, less those that are made of what a function is given."""
    text, names = Path(module.__file__).read_text(encoding="utf-8"), vars(module)
    for name, value in names.items():
        if isinstance(value, re.Pattern):
            for method in sorted({*re.findall(rf"\b{name}\.(\w+)\(", text)} & METHODS):
                yield f"{module.__name__}.{name}.{method}", value, method
    for node in ast.walk(ast.parse(text)):
        method = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) and node.args else ""
        if method == "matching" or (method in METHODS and ast.unparse(node.func) == f"re.{method}"):
            with suppress(NameError):
                source = eval(compile(ast.Expression(node.args[0]), module.__name__, "eval"), dict(names))
                yield f"{module.__name__}:{node.lineno}", re.compile(source), method.replace("matching", "fullmatch")


def modules():
    """Return the modules of the product."""
    for path in sorted(
        [*ROOT.glob("*.py"), *(path for room in ROOT.glob("*/__init__.py") for path in room.parent.glob("*.py"))]
    ):
        if path.stem.isidentifier():
            yield import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


PATTERNS = {
    name: (pattern, method, LENGTHS.get(name, LENGTHS.get(module.__name__, LONGEST_VALUE)))
    for module in modules()
    for name, pattern, method in patterns_of(module)
}


def milliseconds(action):
    """Return the processor time of an action: the least of three, since others on the machine only add to it."""
    times = []
    while len(times) < 3 and (not times or times[-1] > 10):
        before = time.process_time()
        action()
        times.append((time.process_time() - before) * 1000)
    return min(times)


def letters_of(source):
    """Return the letters that a pattern may tell apart: of those beyond ASCII that follow each other, the ends."""
    held = {*source, *"a1 .-@,/(\n\té"}
    codes = {*map(ord, held)}
    return sorted(one for one in held if one.isascii() or not {ord(one) - 1, ord(one) + 1} <= codes)


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_takes_long_for_any_text(name):
    pattern, method, length = PATTERNS[name]
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    letters = letters_of(source)
    for unit in [*letters, *(one + other for one in letters for other in "a1 .-")]:
        for end in ("", "!", "\n"):
            text = "1" + unit * (length // len(unit)) + end
            hostile = [text if isinstance(pattern.pattern, str) else text.encode()]
            hostile = ["", *hostile] if method == "sub" else hostile
            assert milliseconds(partial(getattr(pattern, method), *hostile)) < 50


# Texts that the editor of the dashboard may be given, each as long as it may be.
LONGEST_FILE = 65_536
FILES = [
    "\u00a0", '\u00a0"', "'", '\\"', "a:b\n", "a: b: c\n", "\t\n", "a:\n\tb: c\n", "{", "a: {\n", "a: }\n",
    "- ", "-x: b\n", "a: &b c\n", "a: |\n", "---\na: b\n", "\x01\n", "a #", "a: b #c\n", "  a: b\n c: d\n",
    "a:\n   b: c\n  d: e\n", "\u2028", "a\u200b: b\n", "“a”: “b”\n", "{a: 'b'c'}\n", "b: 1,000,000,", "\n", " ",
    "  f#: @x\n", "  f#: {a: [b}\n", "  f#: {note: 'don't'}\n", "  f#:\n    note: 'x\n", "  h#\n    type: x\n",
    "  f#: {a: b}\n", "  f#: {type: email, min: 5}\n", "  f#: {type: foo#}\n", "  f#: {required: a contains # b}\n",
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("unit", FILES)
def test_no_text_of_a_rule_file_costs_more_than_a_second_however_often_it_is_read(unit):
    units, end = (unit.replace("#", str(number)) for number in range(LONGEST_FILE // len(unit))), "\n  x: @\n  y: {\n"
    text = ("fields:\n" + "".join(units))[: LONGEST_FILE - len(end)] + end
    seconds = []
    while not seconds or (seconds[-1] > 1.2 and len(seconds) < 3):  # others on the machine only add to it
        before = time.process_time()
        with suppress(RuleFileError):
            compile_program("x", "x.yaml", text, "", datetime.now(UTC), examples=False)
        seconds.append(time.process_time() - before)
    assert min(seconds) < 1.2


def test_the_patterns_are_found():
    assert {
        "judge.values.FORBIDDEN.sub",
        "judge.phones._PHONE.fullmatch",
        "judge.numbers._EVERYDAY.fullmatch",
    } <= PATTERNS.keys()
    assert len(PATTERNS) > 40
