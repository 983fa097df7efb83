"""Warnings: what is legal in a rule file, and probably not meant."""

import re
from datetime import UTC, datetime

import pytest
from cast import RULES_FOLDER, program, warnings_of

from judge.compiler import compile_program, load

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("rules: [{id: r, reject_if: 'true'}]", 'reject_if: "true" is always true: the rule refuses every lead'),
        ("rules: [{id: r, reject_if: 1 > 2}]", 'reject_if: "1 > 2" is never true: the rule refuses nobody'),
        ("rules: [{id: r, require: 1 > 2}]", 'require: "1 > 2" is never true: the rule refuses every lead'),
        ("rules: [{id: r, when: 'false', require: a is present}]", 'when: "false" is never true: this never applies'),
        ("rules: [{id: r, reject_if: c == 'z'}]", 'looks for "z", which is not one of the values of c'),
        ("rules: [{id: r, reject_if: \"c in ['x', 'z']\"}]", 'looks for "z", which is not one of the values of c'),
        ("rules: [{id: r, reject_if: weekday() == 'Monday'}]",
         'looks for "Monday", which is not one of the values of weekday()'),
        ("rules: [{id: r, reject_if: not a}]", "compares a with nothing: write a is present, or what it must be"),
        ("rules: [{id: r, limit: 0, per: day}]", 'rule "r": limit: 0 refuses every lead'),
        ("rules: [{id: r, require: a is present, note: N}, {id: s, require: a is present, note: N}]",
         'rule "s": its note is that of the rule "r" too'),
        ("rules: [{id: r, reject_if: a is present}]",
         'rule "r": it has no note, so partners read its condition as code: write note: and a sentence for them'),
        ("rules: [{id: r, unique: [a]}]",
         'rule "r": it has no note, so partners read a sentence that is the same for all such rules: write note:'),
        ("blanks: [none]\ntest_if: a == 'None'", 'test_if: "a == \'None\'" looks for "None", which counts as absent'),
        ("blanks: [none]\nrules: [{id: r, note: N, limit: {none: 5}, per: day, by: a}]",
         'limit: "none" counts as absent, since it stands under blanks: such leads have the default'),
        ("rules: [{id: r, note: N, limit: {Default: 5}, per: day, by: a}]",
         'limit: "Default" is taken for a value of a: write default, if it is for all others'),
        ("rules: [{id: r, note: N, limit: {defualt: 5}, per: day, by: a}]", '"defualt" is taken for a value of a'),
        ("sale_amount: [{amount: length(a), at_most: 5}]",
         "sale_amount: a lead without a is worth 0.00: add a row with an amount for it"),
        ("sale_amount: [{amount: 1}, {amount: 2}]", "the amounts after this one are never reached"),
        ("sale_amount: [{when: a is present, amount: 1}]", "a lead that fits none of the amounts is worth 0.00"),
        ("sale_amount: []", "sale_amount: it holds no amount, so every lead is worth 0.00: write one"),
        ("sale_amount:", "sale_amount: it holds no amount, so every lead is worth 0.00: write one"),
        ("examples: [{name: x, lead: {a: 1}, expect: valid}]", 'field "c": no example has it'),
    ],
)  # fmt: skip
def test_what_is_legal_and_probably_not_meant_is_a_warning(text, warning):
    made = program("fields: {a: {}, c: {type: choice, one_of: [x, y]}}\n" + text)
    assert any(warning in str(line) for line in made.warnings), made.warnings
    assert all(re.match("rules/solar.yaml:[0-9]+: warning: ", str(line)) for line in made.warnings)


@pytest.mark.parametrize("key", ["note: Sorry", "public: false", "mode: observe", "mode: 'off'"])
def test_a_rule_that_has_a_note_or_that_partners_do_not_read_needs_none(key):
    made = program(f"fields: {{a: {{}}}}\nrules: [{{id: r, unique: [a], {key}}}]")
    assert warnings_of(made) == []


@pytest.mark.parametrize(
    "text",
    [
        "sale_amount: [{amount: length(a), at_most: 5}, {amount: 1}]",
        "sale_amount: {amount: length(b), at_most: 5}",
        "sale_amount: {amount: length(d), at_most: 5}",
        "rules: [{id: r, note: N, limit: {a: 5, default: 7}, per: day, by: a}]",
        "starts: 2026-02-01\nends: 2026-03-01",
    ],
)
def test_what_is_well_meant_is_no_warning(text):
    assert warnings_of(program(f"fields: {{a: {{}}, b: {{required: true}}, d: {{default: x}}}}\n{text}")) == []


@pytest.mark.parametrize(
    ("field", "condition", "warning"),
    [
        ("{type: region, country: US}", "a == 'Calif.'", 'looks for "Calif.", and a has that as "CA": write that'),
        ("{type: country}", "a in ['USA', 'CA']", 'looks for "USA", and a has that as "US": write that'),
        ("{type: phone, country: US}", "a == '512-789-1111'", 'and a has that as "+15127891111": write that'),
        ("{type: postal_code, country: US, pad: true}", "a == '2134'", 'and a has that as "02134": write that'),
        ("{type: region, country: US}", "a == 'Bavaria'", 'looks for "Bavaria", which a can never be'),
    ],
)
def test_a_condition_that_looks_for_what_is_read_otherwise_is_warned_of(field, condition, warning):
    made = program(f'fields: {{a: {field}}}\nrules: [{{id: r, reject_if: "{condition}", note: N}}]')
    (found,) = warnings_of(made)
    assert warning in found


@pytest.mark.parametrize("condition", ["a == 'CA'", "a == 'ca'", "a in ['NY', 'CA']"])
def test_a_condition_that_looks_for_what_there_is_needs_no_warning(condition):
    field = "{type: region, country: US}"
    made = program(f'fields: {{a: {field}}}\nrules: [{{id: r, reject_if: "{condition}", note: N}}]')
    assert warnings_of(made) == []


def test_a_sound_file_has_no_warnings():
    assert load(RULES_FOLDER / "default.yaml").warnings == []


def test_a_status_of_errors_for_invalid_leads_is_a_warning():
    made = compile_program("x", "rules/x.yaml", "invalid_status: 401\nfields: {a: {}}", "", NOW)
    assert warnings_of(made) == [
        "rules/x.yaml:1: warning: invalid_status: 401 is what requests are answered that were not judged: "
        "write 422, so that the two can be told apart"
    ]


def test_deleting_before_masking_is_a_warning():
    text = "fields: {a: {}}\nprivacy: {mask_after: 90 days, delete_after: 30 days}"
    made = compile_program("x", "rules/x.yaml", text, "", NOW)
    assert warnings_of(made) == [
        "rules/x.yaml:2: warning: privacy: delete_after comes before mask_after: no lead is ever masked"
    ]
