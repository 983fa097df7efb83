"""What differs between two texts, as the pages show it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import difference as module
from dashboard.difference import difference


def told(before, after):
    return [(line.kind, line.before, line.after, line.text) for line in difference(before, after).lines]


def test_what_is_added_and_removed_stands_between_the_lines_around_it():
    before = "".join(f"{number}\n" for number in range(1, 11))
    assert told(before, before.replace("6\n", "six\n")) == [
        ("gap", None, None, "2"),
        ("same", 3, 3, "3"),
        ("same", 4, 4, "4"),
        ("same", 5, 5, "5"),
        ("removed", 6, None, "6"),
        ("added", None, 6, "six"),
        ("same", 7, 7, "7"),
        ("same", 8, 8, "8"),
        ("same", 9, 9, "9"),
        ("gap", None, None, "1"),
    ]


def test_many_lines_between_two_changes_are_left_out():
    before = "a\n" + "".join(f"{number}\n" for number in range(100)) + "b\n"
    found = difference(before, before.replace("a\n", "A\n").replace("b\n", "B\n"))
    assert [line.text for line in found.lines if line.kind == "gap"] == ["94"]
    assert (found.added, found.removed) == (2, 2)


def test_the_same_text_has_no_difference_and_other_line_ends_are_one():
    assert not difference("a\n", "a\n").there
    found = difference("a\nb\n", "a\r\nb\r\n")
    assert found.there and found.ends and not found.lines


TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", "  - x"]), max_size=40).map("\n".join)


@given(TEXTS, TEXTS)
def test_the_lines_that_are_shown_are_those_of_the_texts(before, after):
    old, new = before.splitlines(), after.splitlines()
    lines = difference(before, after).lines
    assert all(old[line.before - 1] == line.text for line in lines if line.before)
    assert all(new[line.after - 1] == line.text for line in lines if line.after)
    removed, added = ([line.text for line in lines if line.kind == kind] for kind in ("removed", "added"))
    assert sorted(old + added) == sorted(new + removed)


@given(TEXTS, TEXTS)
def test_roughly_compared_texts_differ_by_the_same_lines(before, after):
    limit, module.MOST_COMPARED = module.MOST_COMPARED, -1
    try:
        lines = difference(before, after).lines
    finally:
        module.MOST_COMPARED = limit
    removed, added = ([line.text for line in lines if line.kind == kind] for kind in ("removed", "added"))
    assert sorted(before.splitlines() + added) == sorted(after.splitlines() + removed)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x\n" * 100_000, "x\ny\n" * 50_000),
        ("a\nb\n" * 50_000, "b\na\n" * 50_000),
        ("".join(f"{n}\n" for n in range(100_000)), "".join(f"{n}\n" for n in range(100_000, 0, -1))),
        ("a\nb\n" * 200, "b\na\nc\n" * 200),
    ],
)
def test_the_cost_has_an_end_whatever_the_texts_are(before, after):
    began = time.process_time()
    found = difference(before, after)
    assert time.process_time() - began < 3 and len(found.lines) <= module.MOST_SHOWN
