"""What is left empty in a rule file: a key without a value never counts as something that nobody wrote."""

import pytest
from cast import errors, program, warnings_of

FIELDS = "fields:\n  phone: {type: phone, country: US}\n  irpid: {}\n"


@pytest.mark.parametrize(("key", "near"), [("rulse", ' Did you mean "rules"?'), ("foo", "")])
def test_an_unknown_key_of_the_program_is_a_mistake_with_nothing_behind_it_too(key, near):
    (told,) = errors(f"{FIELDS}{key}:\n")
    assert told.startswith(f'rules/solar.yaml:4: "{key}" is not a known key') and told.endswith(near)


@pytest.mark.parametrize("key", ["ends", "starts", "customer", "unpack", "test_if", "partner", "blanks", "privacy"])
def test_a_known_key_of_the_program_without_a_value_is_warned_of(key):
    told = f'rules/solar.yaml:4: warning: "{key}:" is empty, as if it were not there: write a value behind it'
    assert [warning[: len(told)] for warning in warnings_of(program(f"{FIELDS}{key}:\n"))] == [told]


@pytest.mark.parametrize("key", ["rules", "examples"])
def test_a_list_of_the_program_may_be_empty_since_its_items_may_be_comments(key):
    assert warnings_of(program(f"{FIELDS}{key}:\n#  - {{}}\n")) == []


@pytest.mark.parametrize("country", ["", '[US, ""]', "{field: nation, default: }"])
def test_an_empty_country_is_none(country):
    (told,) = errors(f"fields:\n  phone: {{type: phone, country: {country}}}\n  nation: {{type: country}}\n")
    assert told.endswith(':" is empty')


@pytest.mark.parametrize("kind", ["choice", "text"])
def test_a_code_that_means_nothing_is_a_mistake(kind):
    (told,) = errors(f"fields: {{plan: {{type: {kind}, one_of: {{a: , b: Full}}}}}}")
    assert told.endswith('one_of: the code "a" means nothing: write what it means, or leave the row out')


def test_codes_in_a_list_of_their_own_are_told_as_a_table():
    (told,) = errors("fields:\n  plan:\n    type: choice\n    one_of:\n      - '1': Basic\n")
    assert told.endswith("is a list, and codes are a table: write {'1': one, '2': another}, without a - before each")


@pytest.mark.parametrize("limit", ["-1", "1.5", "{'7': -1}"])
def test_what_is_to_be_written_of_a_number_of_leads_is_one(limit):
    (told,) = errors(f"{FIELDS}rules: [{{id: cap, limit: {limit}, per: day, by: [irpid]}}]")
    assert told.endswith("is not a number of leads: write it as 200")


def test_a_bound_of_a_range_is_told_as_one_number_and_not_as_a_range():
    (told,) = errors("fields: {credit: {type: range, min: 600-649}}")
    assert told.endswith('min: "600-649" is not a value that this field can have: write one number, such as 600')
