"""Slips in tables and lists: what was meant is told, and no code or country is taken for something else."""

import pytest
from cast import errors, program, warnings_of

CODES = "fields:\n  plan: {{type: choice, one_of: {}}}\n"
CAPS = "fields: {{irpid: {{}}}}\nrules:\n  - id: cap\n    limit: {}\n    per: day\n    by: [irpid]\n    note: Full\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (CODES.format("{'1': Basic '2': Full}"), ["2: the comma before '2': is missing"]),
        (
            CODES.format("{1:Basic, 2: Full}"),
            ['2: leave a space after the colon: write "1: Basic"'],
        ),
        (CAPS.format("{7:5}"), ['4: leave a space after the colon: write "7: 5"']),
        (CAPS.format("'7': 5, default: 2}"), ["4: the { is missing: write limit: {'7': 5, default: 2}"]),
        (CAPS.format("default: 2}"), ["4: the { is missing: write limit: {default: 2}"]),
    ],
)
def test_a_slip_in_a_table_is_told_where_it_is_and_as_it_was_meant(text, told):
    assert [error.removeprefix("rules/solar.yaml:") for error in errors(text)] == told


def test_a_time_is_no_key_without_its_space():
    told = errors("fields: {a: {}}\nrules: [{id: r, open: {08:00-20:00}}]")
    assert not any("leave a space" in error for error in told)


@pytest.mark.parametrize("quoted", ["“1”", "‘1’"])
def test_a_code_in_typographic_quotes_is_warned_of_since_no_lead_has_it(quoted):
    told = warnings_of(program(CODES.format(f"{{{quoted}: Basic}}")))
    said = f"{quoted[0]} and {quoted[-1]} are a part of the text: write straight quotes, or none"
    assert told[:1] == [f"rules/solar.yaml:2: warning: {said}"]


@pytest.mark.parametrize("written", ["{type: phone, country: US, CA}", "{type: phone, country: {US, CA}}"])
def test_a_list_without_brackets_is_told_as_one(written):
    told = errors(f"fields: {{phone: {written}}}")
    assert any(
        error.endswith('"CA" is not a known key and has no value; a list stands in brackets, such as [US, CA]')
        for error in told
    )


def test_no_line_is_told_to_be_indented_as_it_is():
    told = errors("fields: {a: {}}\nrules:\n  - id: r\n    limit: 'a': 5\n    per: day\n")
    assert not any("indent it by 4" in error for error in told)
