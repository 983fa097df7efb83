"""Conditions on fields with `multiple: true`: what they may ask of a list, and what to write where they may not."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from cast import errors, program

from judge.conditions import ConditionError, compile_condition, compile_number
from judge.scope import Unanswered, Uncomputable, scope
from judge.values import Text

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KINDS = {"ages": "list of number", "born": "list of date", "at": "list of datetime", "tags": "list of text"}
KINDS |= {"flags": "list of boolean", "state": "text", "loan": "number"}
LEAD = {
    "ages": (34, 11),
    "born": (date(1992, 1, 1), date(2014, 5, 6)),
    "at": (NOW, datetime(2026, 1, 1, tzinfo=UTC)),
    "tags": (Text("Solar"), Text("Roof")),
    "flags": (True, False),
    "state": Text("roof"),
    "loan": Decimal("34.00"),
}


@pytest.mark.parametrize(
    "source",
    [
        "min(ages) < 16", "max(ages) == 34", "count(ages) == 2", "min(ages) / max(ages) > 0.3", "max(ages) == loan",
        "min(born) == '1992-01-01'", "max(born) > date('2014-01-01')", "age(max(born)) == 11",
        "year(min(born)) == 1992",
        "min(at) < now()", "max(at) == now()", "count(tags) * 2 == 4",
        "'SOLAR' in tags", "'sol' not in tags", "state in tags", "11 in ages", "loan in ages", "not (35 in ages)",
        "'2014-05-06' in born", "now() in at", "true in flags", "false in flags",
        "ages is present", "not (tags is missing)",
    ],
)  # fmt: skip
def test_a_condition_on_a_list_is_true(source):
    assert compile_condition(source, KINDS)(scope(LEAD, NOW)) is True


def test_whole_numbers_of_a_list_are_divided_exactly():
    assert compile_number("min(ages) / 10", KINDS)(scope(LEAD, NOW)) == Decimal("1.1")


def test_an_absent_list_has_no_values_and_neither_a_least_nor_a_greatest():
    absent = scope({}, NOW)
    assert compile_condition("count(ages) == 0", KINDS)(absent)
    for source in ("min(ages) < 16", "max(ages) > 3", "11 in ages", "'a' not in tags"):
        with pytest.raises(Unanswered, match="is absent"):
            compile_condition(source, KINDS)(absent)


def test_a_list_that_cannot_be_read_is_not_counted_as_absent():
    with pytest.raises(Uncomputable, match="ages cannot be read"):
        compile_condition("count(ages) == 0", KINDS)(scope({}, NOW, ("ages",)))


ONE = "is a list, since it has multiple: true: write "


@pytest.mark.parametrize(
    ("source", "instead"),
    [
        ("ages < 16", f"ages {ONE}16 in ages, min(ages), max(ages), count(ages) or ages is present"),
        ("tags == 'solar'", f"tags {ONE}'solar' in tags, count(tags) or tags is present"),
        ("'solar' == tags", f"tags {ONE}'solar' in tags, count(tags)"),
        ("tags in ['a', 'b']", f"tags {ONE}'a' in tags or 'b' in tags, count(tags)"),
        ("starts_with(tags, 'so')", f"tags {ONE}'a value' in tags"),
        ("first(tags, 2) == 'so'", f"tags {ONE}'a value' in tags"),
        ("length(tags) > 2", f"tags {ONE}'a value' in tags, count(tags)"),
        ("age(born) < 18", f"born {ONE}'2026-12-31' in born, min(born), max(born)"),
        ("ages + 1 > 2", f"ages {ONE}18 in ages, min(ages)"),
        ("-ages < 2", f"ages {ONE}18 in ages, min(ages)"),
        ("tags", f"tags {ONE}'a value' in tags, count(tags) or tags is present"),
        ("flags and loan > 2", f"flags {ONE}true in flags"),
        ("tags in tags", f"tags {ONE}"),
        ("at > now()", f"at {ONE}min(at), max(at), count(at)"),
        ("loan < ages", f"ages {ONE}18 in ages, min(ages)"),
        ("'5' in ages", "ages is a number and never equals the text '5'; write it without quotes"),
        ("5 in tags", "tags is a text and never equals the number 5"),
        ("'' in tags", "an empty field is missing: write tags is missing"),
        (
            "min(tags) == 'a'",
            "tags is a list of texts, of which none is the least or greatest: write 'a value' in tags",
        ),
        ("max(flags)", "flags is a list of booleans, of which none is the least"),
        ("min(loan) < 5", "loan has one value: write it alone, or give the field multiple: true"),
        ("count(state) > 5", "state has one value: write it alone, or give the field multiple: true"),
        ("count(first(state, 2)) > 5", "what stands in the brackets has one value"),
        ("min(ages, 5) > 2", "min is not given what it takes: write min(drivers_age)"),
        ("ages[0] > 16", 'for a value of a list give another field the alias "ages[0]"'),
        ("tags|length > 2", "write length(tags), or count(tags) for the values of a list"),
        ("ages|min < 16", "write min(ages)"),
    ],
)
def test_what_may_not_be_asked_of_a_list_is_refused_with_the_word_for_it(source, instead):
    with pytest.raises(ConditionError) as caught:
        compile_condition(source, KINDS)
    assert instead in str(caught.value)


def test_a_field_whose_type_is_misspelt_brings_no_second_error():
    (error,) = errors(
        "fields:\n  ages: {type: integr, multiple: true}\n"
        "rules:\n  - {id: a, reject_if: min(ages) < 16}\n  - {id: b, reject_if: 'count(ages) > 3 or 5 in ages'}"
    )
    assert '"integr" is not one of' in error


def test_a_value_that_a_list_never_has_is_warned_of():
    made = program(
        "fields:\n  tags: {type: choice, one_of: [solar, roof], multiple: true}\n"
        "rules: [{id: a, reject_if: \"'wind' in tags\", note: No wind}]"
    )
    assert any('looks for "wind", which is not one of the values of tags' in str(w) for w in made.warnings)
