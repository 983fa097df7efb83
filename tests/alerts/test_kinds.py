"""Each kind of what is told is in the table of docs/operations.md."""

import ast
import re

import pytest
from cast import ROOT

from alerts.shares import ADVICE
from alerts.sources import KINDS

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
MAKERS = {"Concern", "_concern", "_grave", "_told", "_told_together"}
MADE = {  # the texts by which kinds are named, where a Concern is made
    node.value
    for path in sorted((ROOT / "alerts").glob("*.py"))
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in MAKERS and call.args
    for node in ast.walk(call.args[0])
    if isinstance(node, ast.Constant)
}


def table():
    """Return the rows of the table of kinds: their four cells."""
    lines = OPERATIONS.split("| kind | what it means | grave | what to do |\n")[1].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_has_every_kind_and_no_other():
    assert [kind for kind, *_ in table()] == [f"`{kind}`" for kind in KINDS]


def test_of_each_it_says_what_it_means_whether_it_is_grave_and_what_to_do():
    assert all(len(row) == 4 and all(row) for row in table())


def test_kinds_are_those_that_the_code_makes():
    assert MADE | set(ADVICE) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_a_word_of_small_letters(kind):
    assert re.fullmatch("[a-z]+(_[a-z]+)*", kind)
