"""Decisions are told in plain words, whatever a trace says."""

from datetime import UTC, datetime

import pytest

from dashboard.explain import steps
from judge.compiler import compile_text
from judge.judgement import judge
from judge.verdict import Claims
from web.payload import decode
from web.reasons import reason

RULES = """
starts: 2020-01-01
test_flag: test
fields:
  email: {type: email, required: "n > 5", label: email address}
  n: {type: integer, max: 100}
  d: {default: x}
  w: {type: integer, on_invalid: warn}
  f: {store: false}
  test: {type: boolean}
rules:
  - {id: small, reject_if: n < 3}
  - {id: watched, mode: observe, reject_if: n < 3}
  - {id: never, mode: "off", reject_if: n < 3}
  - {id: big, when: n > 50, require: email is present, note: Big ones need an address.}
  - {id: twice, unique: {any_of: [email, n]}}
  - {id: cap, limit: 1, per: day}
  - {id: caps, limit: {'7': 1}, per: total, by: n}
  - {id: told, require: w > 1}
sale_amount:
  - {when: w > 1, amount: 2.00}
  - {amount: 1.00}
"""


@pytest.fixture(scope="module")
def program():
    return compile_text("default", "default.yaml", RULES)


def told(program, lead, stored_lead=False):
    verdict = judge(program, {name: [value] if isinstance(value, str) else value for name, value in lead.items()},
                    datetime.now(UTC), stored_lead)  # fmt: skip
    Claims().settle(verdict)
    return {(step.subject, step.sentence, step.tone) for step in steps(verdict.trace, program)}


@pytest.mark.parametrize(
    ("lead", "step"),
    [
        (
            {"n": "7", "email": "x"},
            ("Email address", "Refused: The email address is not a valid email address.", "bad"),
        ),
        ({"n": "7"}, ("Email address", "Refused: No email address was submitted.", "bad")),
        ({"n": "4"}, ("Email address", "Not sent, and not required of this lead.", "quiet")),
        ({}, ("Email address", "Not sent, and not required of this lead: n is absent.", "quiet")),
        ({}, ("N", "Not sent, and not required.", "quiet")),
        ({}, ("D", "Not sent: the default of the rule file is taken.", "quiet")),
        ({"n": ["4", "5"]}, ("N", "Sent 2 times: the first value is taken.", "quiet")),
        ({"w": "x"}, ("W", "Not right (w.invalid), which is recorded and refuses nobody.", "warn")),
        ({"n": "4"}, ("Rule “small”", "Fine.", "good")),
        ({"n": "2"}, ("Rule “small”", "Refused: This lead is not accepted (small).", "bad")),
        ({"n": "2"}, ("Rule “watched”", "Only watched: in force, this rule would have refused the lead.", "warn")),
        ({"n": "2"}, ("Rule “never”", "Switched off.", "quiet")),
        ({"n": "2"}, ("Rule “big”", "Does not apply to this lead (see its “when”).", "quiet")),
        ({}, ("Rule “small”", "Passed over, because n is absent.", "quiet")),
        ({"n": "4"}, ("Rule “cap”", "Fine.", "good")),
        ({"n": "4"}, ("Rule “caps”", "Fine: there is no cap for it.", "good")),
        ({"w": "x"}, ("Rule “told”", "What it asks for cannot be told, because w cannot be read.", "warn")),
        ({"n": "4"}, ("Days of the campaign", "Fine.", "good")),
        ({"n": "4"}, ("Amount", "Amount number 1 of the rule file is passed over, because w is absent.", "quiet")),
        ({"n": "4"}, ("Amount", "Amount number 2 of the rule file fits: 1.00.", "good")),
    ],
)
def test_every_step_is_a_sentence(program, lead, step):
    assert step in told(program, lead)


def test_what_was_forgotten_is_said(program):
    assert ("F", "Checked when it came, then forgotten: it is not stored.", "quiet") in told(program, {"n": "4"}, True)


def test_a_charset_that_was_guessed_is_said(program):
    sentence = "No charset was named, and its letters are no UTF-8: they were read as windows-1252."
    verdict = judge(program, decode(b"x=Andr%E9"), datetime.now(UTC))
    assert steps(verdict.trace, program)[0] == ("The request as a whole", sentence, "quiet")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("n.too_large", "The n is too large: the most accepted is 100"),
        ("big", "Big ones need an address"),
        ("twice", "This email address was already submitted or: This n was already submitted"),
        ("cap", "The limit of leads per day is reached"),
        ("caps", "The limit of leads is reached"),
        ("program.not_started", "This campaign has not started yet"),
        ("program.ended", "This campaign has ended"),
        ("body.unreadable", "The body could not be read"),
        ("retry.mismatch", "This request repeats the key of an earlier one with other content"),
        ("gone.invalid", "Rule “gone.invalid”"),
    ],
)
def test_reason_codes_have_sentences(program, code, sentence):
    assert reason(code, program) == sentence
