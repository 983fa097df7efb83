"""Exports by programs: in parts, and each time what came since the last."""

import csv
import json
from datetime import UTC, datetime, timedelta

import pytest
from brand import record

from leads import daily


@pytest.fixture
def ids(brand):
    """The ids of five leads of the two programs of an hour ago, the oldest first, and one that is being stored now."""
    programs, now = brand.app.extensions["datapost"].rulebook.programs, datetime.now(UTC)
    made = []
    for number in range(5):
        program = programs[("default", "solar")[number % 2]]
        moment = now - timedelta(minutes=60 - number)
        made.append(record(program, moment, email=f"ann{number}@example.com").id)
    record(programs["default"], now, email="zoe@example.com")
    return made


def export(operator, form="jsonl", **asked):
    response = operator.get(f"/dashboard/leads.{form}", query_string=asked)
    assert response.status_code == 200, response.text
    if form == "csv":
        return [row["id"] for row in csv.DictReader(response.text.splitlines())]
    return [json.loads(line)["id"] for line in response.text.splitlines()]


FORMS = pytest.mark.parametrize("form", ["jsonl", "csv"])


@FORMS
def test_an_export_goes_on_after_the_last_lead_that_was_read(brand, ids, form):
    whole = export(brand.operator, form)
    first = export(brand.operator, form, limit=2)
    assert first + export(brand.operator, form, after=first[-1]) == whole
    assert export(brand.operator, form, after=whole[-1]) == []


@FORMS
def test_with_the_oldest_first_it_brings_what_came_since(brand, ids, form):
    assert export(brand.operator, form, order="oldest", limit=3) == ids[:3]
    assert export(brand.operator, form, order="oldest", after=ids[2].lower()) == ids[3:]
    assert export(brand.operator, form, order="oldest", after=ids[4]) == []


def test_with_the_oldest_first_the_newest_wait_until_none_can_come_before_them(brand, ids):
    assert len(export(brand.operator)) == 6 and export(brand.operator, order="oldest") == ids
    assert timedelta(minutes=5) == daily.SETTLED_AFTER  # as docs/dashboard.md says


def test_a_cursor_goes_with_the_filters_and_within_what_one_may_see(brand, ids):
    solar = [ids[1], ids[3]]
    assert export(brand.sun, order="oldest") == solar
    assert (
        export(brand.sun, order="oldest", after=ids[1]) == export(brand.operator, program="solar", limit=1) == [ids[3]]
    )
    assert export(brand.operator, order="oldest", after=ids[0], since="58m") == ids[3:]
    assert export(brand.operator, order="oldest", after=ids[3], since="2d") == ids[4:]


@pytest.mark.parametrize(
    "asked", [{"after": "x"}, {"after": "é" * 26}, {"order": "random"}, {"limit": "0"}, {"limit": "x"}]
)
def test_a_cursor_that_is_none_is_told(brand, asked):
    response = brand.operator.get("/dashboard/leads.jsonl", query_string=asked)
    assert response.status_code == 400 and next(iter(asked)) in response.text
