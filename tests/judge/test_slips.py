"""Conditions, keys and values as people write them: the message names the right form."""

import pytest
from cast import errors, program, warnings_of

FIELDS = """\
fields:
  email: {type: email}
  amount: {type: money}
  zip: {type: postal_code, country: US}
  state: {}
  first_name: {}
  born: {type: date}
  ok: {type: boolean}
"""


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("state contains 'x'", "write contains(state, 'x')"),
        ("state does not contain 'x'", "write not contains(state, 'x')"),
        ("state includes x", "write contains(state, 'x')"),
        ("state starts with 'x'", "write starts_with(state, 'x')"),
        ("state begins with 'x y'", "write starts_with(state, 'x y')"),
        ("state ends with 'x'", "write ends_with(state, 'x')"),
        ("amount between 5 and 10", "write 5 <= amount <= 10"),
        ("age(born) is between 18 and 65", "write 18 <= age(born) <= 65"),
        ("state is empty", "write state is missing"),
        ("state is not empty", "write state is present"),
        ("state is blank", "write state is missing"),
        ("state is null", "write state is missing"),
        ("state is not null", "write state is present"),
        ("state is filled", "write state is present"),
        ("state == null", "write is missing, or is present"),
        ("state == ''", "write state is missing"),
        ("state exists", "write state is present"),
        ("state doesn't exist", "write state is missing"),
        ("unless state == 'x'", "write not (…), with what follows unless in the brackets"),
        ("amount = (5 + 1)", "write == to compare"),
        ("state\u200b == 'x'", "it holds a character that is not seen: type it again"),
        ("state not present", "write state is missing"),
        ("state isn't present", "write state is missing"),
        ("amount > 5, amount < 9", "write and, or or, in the place of the comma"),
        ("has state", "write state is present"),
        ("state equals 'CA'", "write state == 'CA'"),
        ("state is equal to CA", "write state == 'CA'"),
        ("state does not equal 'CA'", "write state != 'CA'"),
        ("state is 'CA'", "write state == 'CA'"),
        ("state is not 'CA'", "write state != 'CA'"),
        ("state is CA", "write state == 'CA'"),
        ("ok is true", "write ok"),
        ("ok is false", "write not ok"),
        ("ok == yes", "there is no yes here"),
        ("ok == 'yes'", "write ok, or not ok"),
        ("amount =< 5", "write amount <= 5"),
        ("amount => 5", "write amount >= 5"),
        ("amount ≥ 5", "write amount >= 5"),
        ("state <> 'CA'", "write state != 'CA'"),
        ("state = 'CA'", "write == to compare: state == 'CA'"),
        ("state === 'CA'", "write state == 'CA'"),
        ("! ok", "write not, and a space, in the place of !"),
        ("ok && amount > 5", "write and, not &&"),
        ("ok || amount > 5", "write or, not ||"),
        ("ok AND amount > 5", "write and, or, not, in and is in small letters"),
        ("amount >= 5 and <= 10", "write amount >= 5 and amount <= 10"),
        ("amount < 5 or > 10", "write amount < 5 or amount > 10"),
        ("amount is greater than 5", "write amount > 5"),
        ("age(born) less than 18", "write age(born) < 18"),
        ("amount at least 5", "write amount >= 5"),
        ("amount >= 750,000", "write numbers without commas: 750000"),
        ("amount > 1,000,000", "write numbers without commas: 1000000"),
        ("amount > 55,5", "write 55.5, with a point"),
        ("amount > $5", "write the number alone: 5"),
        ("amount > 5%", "write the number alone: 5"),
        ("amount > 5k", "write the number with all its zeros: 5000"),
        ("born > 2000-01-01", "write the day in quotes: '2000-01-01'"),
        ("born > 2026-12-31", "write the day in quotes: '2026-12-31'"),
        ("born < 18", "write age(born) or days_since(born)"),
        ("born.age < 18", "write age(born)"),
        ("lead.state == 'CA'", "write state"),
        ("zip == IL", "a text stands in quotes: 'IL'"),
        ("state in [CA, NY]", "texts in it stand in quotes: 'CA', 'NY'"),
        ("state in CA, NY", "write state in ['CA', 'NY']"),
        ("state not in 'CA', 'NY'", "write state not in ['CA', 'NY']"),
        ("state == “CA”", "use straight quotes"),
        ("first-name == 'Ann'", "write first_name, as the field is called"),
        ("$state == 'CA'", "leave the $ out: write state"),
        ("{{ state }} == 'CA'", "leave {{ and }} out"),
        ("state == 'CA';", "leave the ; out"),
        ("if ok", "leave its first word out"),
        ("state like 'C%'", "write contains(state, 'part') or starts_with(state, 'part')"),
        ("len(state) > 5", "write length(state)"),
        ("left(zip, 3) == '900'", "write first(zip, 3)"),
        ("days(born) < 5", "write days_since(born)"),
        ("isempty(state)", "write state is missing"),
        ("state == 'CA' or 'NY'", "'NY' alone is always true"),
        ("5", "5 alone is always true"),
    ],
)
def test_a_condition_that_is_written_otherwise_names_the_right_form(condition, told):
    written = condition.replace("'", "''")
    found = errors(f"{FIELDS}rules:\n  - id: r\n    reject_if: '{written}'\n    note: N\n")
    assert len(found) == 1 and told in found[0], found


@pytest.mark.parametrize("condition", ["state == 'a contains b'", "state in ['=<', '5,000']", "state == '2000-01-01'"])
def test_what_stands_in_quotes_is_no_slip(condition):
    assert warnings_of(program(f'{FIELDS}rules:\n  - {{id: r, note: N, reject_if: "{condition}"}}\n')) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("timezone: CST", 'Did you mean "America/Chicago"?'),
        ("timezone: Chicago", 'Did you mean "America/Chicago"?'),
        ("timezone: america/chicago", 'Did you mean "America/Chicago"?'),
        ("timezone: Pacific Standard Time", 'Did you mean "America/Los_Angeles"?'),
        ("timezone: New York", 'Did you mean "America/New_York"?'),
        ("timezone: Atlantis", "write one such as America/New_York or UTC"),
        ("sale_amount: 55,00", '"55,00" is not an amount: write 55.00'),
        ("sale_amount: $55", '"$55" is not an amount: write 55'),
        ("sale_amount: 1.055,50 EUR", "is not an amount: write 1055.50"),
        ("rules: [{id: r, limit: '1,000', per: day}]", '"1,000" is not a number of leads: write it as 1000'),
        ("rules: [{id: r, budget: '$5,000', per: day}]", '"$5,000" is not a sum: write 5000'),
        ("rules: [{id: r, unique: a, within: 90}]", 'write it as "90 days"'),
        ("rules: [{id: r, unique: a, within: 3 months}]", 'write it as "90 days"'),
        ("rules: [{id: r, unique: a, within: 24h}]", 'write it as "24 hours"'),
        ("rules: [{id: r, open: 9am-5pm}]", 'write it as "09:00-17:00"'),
        ("rules: [{id: r, open: Monday to Friday 9:00 - 17:00}]", 'write it as "Mon-Fri 09:00-17:00"'),
        ("rules: [{id: r, open: always}]", 'write it as "Mon-Fri 08:00-20:00"'),
        ("rules: [{id: r, closed: 12/25/2026}]", '"12/25/2026" is not a day: write it as 2026-12-25'),
        ("rules: [{id: r, closed: 1/5/2026}]", '"1/5/2026" is not a day: write it as 2026-12-31'),
        ("rules: [{id: my rule, unique: a}]", "Write my-rule, for example"),
        ("rules: [{id: r, listed: blocked.txt}]", '"listed:" needs the field, too: write {email: blocked.txt}'),
        ("rules: [{id: [r], unique: a}]", 'rule number 1: "id:" needs one text, and not a list: write id: r'),
        ("rules: {id: r, unique: a}", '"rules:" needs a list: each item on a line of its own after a -'),
        ("rules: [{id: r, block_if: a}]", '"block_if" is not a known key. Did you mean "reject_if"?'),
        ("rules: [{id: r, unique: a, message: N}]", '"message" is not a known key. Did you mean "note"?'),
        ("rules: [{id: r, unique: a, required: true}]", '"required" is not a known key'),
        ("required: true", "is not a known key here: it belongs to a field: indent it under the name of one"),
        ("phone: {type: phone}", '"phone" is not a known key; if it is a field, indent it under fields:'),
        ("privacy: 90 days", '"privacy:" needs keys with values, such as {mask_after: 90 days}'),
        ("examples: [{name: n, lead: {a: 1}, expect: a.required}]", "write reason codes in brackets, [a.required]"),
        (
            "examples: [{name: n, lead: {a: 1}, expect: [a.missing]}]",
            'there is no reason "a.missing": there are a.invalid',
        ),
        ("examples: {name: n, lead: {a: 1}, expect: valid}", '"examples:" needs a list'),
    ],
)
def test_a_value_that_is_written_otherwise_names_the_right_form(text, told):
    found = errors(f"fields: {{a: {{}}}}\n{text}")
    assert len(found) == 1 and told in found[0], found


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("{type: dropdown, one_of: [a]}", 'Did you mean "choice"?'),
        ("{type: string}", 'Did you mean "text"?'),
        ("{type: zip}", 'Did you mean "postal_code"?'),
        ("{type: “email”}", 'Did you mean "email"?'),
        ("{type: [email]}", '"type:" needs one text, and not a list: write type: email'),
        ("{mandatory: true}", 'Did you mean "required"?'),
        ("{options: [a, b]}", 'Did you mean "one_of"?'),
        ("{regex: a+}", 'Did you mean "pattern"?'),
        ("{required: ture}", 'Did you mean "true"?'),
        ("{required: 1}", "is neither true nor false: write true or false, or a condition"),
        ("{within: 90 days}", "here: it belongs to a rule"),
        (
            "{email: {type: email}}",
            "no field stands within another; give it a place of its own, with aliases: [a.email]",
        ),
        ("email", '"a:" needs keys with values: write {type: email}'),
        ("{note: }", '"note:" is empty'),
        ("{note: “Sorry, no”}", "put the text in straight quotes"),
        ("{label: [x, y]}", '"label:" needs one text, and not a list'),
        ("{type: integer, min: abc}", "it takes a whole number"),
        ("{type: date, max: 1.1.2030}", "it takes a date as YYYY-MM-DD"),
        ("{type: boolean, default: maybe}", "(a.invalid): it takes true or false"),
        ("{max_length: eighty}", "is not a number of characters: write it as 80"),
        ("{type: emial, country: US, min: 5, disposable: reject, yes: [x]}", 'Did you mean "email"?'),
        ("{type: chioce}", 'Did you mean "choice"?'),
    ],
)
def test_a_field_that_is_written_otherwise_has_one_message_which_names_the_right_form(field, told):
    found = errors(f"fields:\n  a: {field}\n")
    assert len(found) == 1 and told in found[0], found


@pytest.mark.parametrize(
    ("lead", "read"),
    [
        ("{home_value: 400}", "(it was read with home_value: 400)"),
        (
            "{home_value: 400,000}",
            '(within { } a comma divides, and home_value is read as 400: write "400,000" in quotes)',
        ),
    ],
)
def test_an_example_that_fails_shows_the_value_that_was_read(lead, read):
    text = f"fields: {{home_value: {{type: money, min: 1000}}}}\nexamples: [{{name: n, lead: {lead}, expect: valid}}]"
    (error,) = errors(text)
    assert error.endswith(f"expected valid, but the rules say home_value.too_small {read}")


def test_an_example_that_a_rule_refuses_shows_the_values_that_the_rule_looks_at():
    rule = "rules: [{id: low, reject_if: home < 1000, note: N}]"
    example = "examples: [{name: n, lead: {Home: 400, b: x}, expect: valid}]"
    (error,) = errors(f"fields: {{home: {{type: money}}, b: {{}}}}\n{rule}\n{example}")
    assert error.endswith("but the rules say low (it was read with Home: 400)")


def test_a_number_that_a_comma_divides_in_an_example_that_passes_is_a_warning():
    text = "fields: {n: {type: money}}\nexamples: [{name: n, lead: {n: 400,000}, expect: valid}]"
    (warning,) = warnings_of(program(text))
    assert 'n is read as 400: write "400,000" in quotes' in warning


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("fields: {irpid: {}}\nrules: [{id: r, note: N, limit: 5, per: day, by: irpid}]",
         'rule "r": by: it counts by irpid, and nothing says which partner sent a lead: write partner: irpid'),
        ("timezone: EST\nfields: {a: {}}", "EST is winter time all the year: write America/New_York, if the clocks"),
    ],
)  # fmt: skip
def test_what_is_legal_and_probably_meant_otherwise_is_a_warning(text, warning):
    (found,) = warnings_of(program(text))
    assert warning in found


@pytest.mark.parametrize(
    "text",
    [
        "partner: irpid\nfields: {irpid: {}}\nrules: [{id: r, note: N, limit: 5, per: day, by: irpid}]",
        "fields: {state: {}}\nrules: [{id: r, note: N, limit: 5, per: day, by: state}]",
        "fields: {irpid: {}, state: {}}\nrules: [{id: r, note: N, limit: 5, per: day, by: [irpid, state]}]",
    ],
)
def test_a_count_by_a_partner_that_is_named_or_by_another_field_is_no_warning(text):
    assert warnings_of(program(text)) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fields: {a: {ty\u200bpe: email}}", 'the key "type" holds what nobody sees'),
        (
            "fields: {a: {type: em\u200bail}}",
            "it holds a character that is not seen (U+200B). Delete it and type the word",
        ),
        ("fields: {a: {}}\nrules: [{id: r, unique: [a], within: ''}]", '"within:" is empty: write a value behind it'),
        ("fields: {a: {}}\nrules: [{id: r, unique: {any: [a]}}]", "this is no list of fields: write [email]"),
        ("fields: {'a: b': {}}", '"a: b" is not a field name: leave a space after the colon'),
        ("fields:\n  a: {}\n  rules: [{id: x}]", "is no field: it belongs to the program: begin its line at the edge"),
        ("fields: {a: {}}\nrules: [{id: r, budget: '$5,000', per: day}]", '"$5,000" is not a sum: write 5000'),
    ],
)
def test_one_mistake_is_told_once(text, told):
    (error,) = errors(text)
    assert told in error


def test_a_file_without_examples_is_warned_of():
    (warning,) = map(str, program("fields: {a: {}}").warnings)
    assert warning.startswith("rules/solar.yaml:1: warning: there are no examples: write a lead that is valid, and one")
