"""The examples in rule files: what they may say, and that those of our own files pass."""

from datetime import UTC, datetime, timedelta

import pytest
from cast import RULES_FOLDER, errors, program

from judge.compiler import compile_program, load

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_an_example_that_is_judged_otherwise_is_an_error():
    text = "fields:\n  email: {type: email, required: true}\nexamples:\n"
    text += "  - {name: nobody, lead: {}, expect: valid}\n"
    text += "  - {name: ann, lead: {email: a@example.com}, expect: [email.invald]}\n"
    assert errors(text) == [
        'rules/solar.yaml:4: example "nobody": expected valid, but the rules say email.required',
        'rules/solar.yaml:5: example "ann": there is no reason "email.invald". Did you mean "email.invalid"?',
    ]


def test_an_example_without_a_time_is_of_no_hour():
    text = (
        "fields: {a: {}}\nrules: [{id: o, open: Tue 08:00-09:00}]\nexamples: [{name: n, lead: {a: x}, expect: valid}]"
    )
    for hour in range(0, 7 * 24, 5):
        compile_program("solar", "rules/solar.yaml", text, "hash", NOW + timedelta(hours=hour))


SUNDAY, MONDAY = "at: 2026-03-01 12:00", "at: 2026-03-02 12:00"


@pytest.mark.parametrize(
    ("example", "error"),
    [
        ("after: [{a: X}], expect: [r]", None),
        ("after: [{a: X}], expect: valid", "expected valid, but the rules say r"),
        ("after: [{a: y}, {a: z}], expect: [s]", None),
        (f"{SUNDAY}, expect: [o], sale_amount: 5", "expected the amount 5.00, but the rules say none"),
        (f"{MONDAY}, expect: valid, sale_amount: 5", None),
        (f"{MONDAY}, expect: valid, sale_amount: 6", "expected the amount 6.00, but the rules say 5.00"),
        (f"{SUNDAY}, expect: [o], note: Closed", None),
        (f"{SUNDAY}, expect: [o], note: Shut", 'expected the note "Shut", but the rules say "Closed"'),
    ],
)
def test_an_example_may_say_when_after_what_and_for_how_much(example, error):
    text = "fields: {a: {}}\nsale_amount: 5\nrules: [{id: r, unique: a}, {id: s, limit: 2, per: month}"
    text += ", {id: o, open: Mon 00:00-24:00, note: Closed}]" if "at:" in example else "]"
    text += f"\nexamples:\n  - {{name: n, lead: {{a: x}}, {example}}}"
    if error is None:
        program(text)
    else:
        assert error in errors(text)[0]


@pytest.mark.parametrize("name", ["insurance", "education", "solar", "newsletter"])
def test_the_four_programs_load_without_warnings_and_their_examples_pass(name):
    made = load(RULES_FOLDER / "examples" / f"{name}.yaml")
    assert made.warnings == []
    assert len(made.spec.examples) >= 3


def test_the_example_program_loads_and_its_examples_pass():
    made = load(RULES_FOLDER / "default.yaml")
    email = made.spec.fields["email"]
    assert email.required and email.label == "email address"
    assert made.spec.rules[-1].unique == [["email"]] and made.spec.rules[-1].within.days == 90
    assert made.amounts and made.spec.examples
