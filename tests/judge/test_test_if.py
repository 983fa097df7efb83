"""What marks a test: a field that is true, or a condition."""

from datetime import UTC, datetime

import pytest
from cast import errors, program

from judge.changes import begun_anew
from judge.judgement import judge, recognize

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FIELDS = (
    "\nfields: {email: {type: email}, first_name: {}, lead_mode: {type: integer}, live: {type: boolean}, code: {}}\n"
)


def of(condition, rest=""):
    return program(f"test_if: {condition}{FIELDS}{rest}")


def is_test(rules, **lead):
    return judge(rules, {name: [text] for name, text in lead.items()}, NOW).test


@pytest.mark.parametrize(
    ("condition", "tests", "real"),
    [
        ("lead_mode == 0", {"lead_mode": "0"}, {"lead_mode": "1"}),
        ("first_name == 'test'", {"first_name": "TEST"}, {"first_name": "Tess"}),
        ("not live", {"live": "false"}, {"live": "true"}),
        ("code in ['test', 'qa'] or lead_mode == 0", {"code": "QA"}, {"code": "x"}),
        ("{any: [live, {not: code == 'x'}]}", {"live": "1", "code": "x"}, {"live": "0", "code": "x"}),
        ("domain(email) == 'acme.example'", {"email": "a@acme.example"}, {"email": "a@example.com"}),
    ],
)
def test_a_lead_is_a_test_where_the_condition_is_true(condition, tests, real):
    rules = of(condition)
    assert is_test(rules, **tests) is True
    assert is_test(rules, **real) is False
    assert recognize(rules, {name: [text] for name, text in tests.items()}, NOW).test


def test_a_lead_without_the_field_that_the_condition_needs_is_a_real_one():
    verdict = judge(of("lead_mode == 0"), {}, NOW)
    assert verdict.test is False
    assert {"check": "test_if", "result": "skipped: lead_mode is absent"} in verdict.trace


@pytest.mark.parametrize(("value", "said"), [("0", "it is a test"), ("1", "it is no test")])
def test_the_trace_says_whether_it_is_a_test(value, said):
    verdict = judge(of("lead_mode == 0"), {"lead_mode": [value]}, NOW)
    assert {"check": "test_if", "result": said} in verdict.trace


def test_a_test_is_counted_as_one():
    claims = judge(of("lead_mode == 0", "rules: [{id: r, unique: [email]}]\ntest_limit: 3"), LEAD, NOW).claims
    assert [(claim.rule, claim.asked, claim.limit) for claim in claims] == [
        ("r", True, None), ("r", False, None), ("test.limit", False, 3)
    ]  # fmt: skip


LEAD = {"email": ["ann@example.com"], "lead_mode": ["0"]}


def test_examples_may_expect_the_limit_of_tests():
    of("lead_mode == 0", "test_limit: 0\nexamples: [{name: x, lead: {lead_mode: '0'}, expect: [test.limit]}]")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("test_if: lead_mod == 0", 'test_if: "lead_mod == 0": there is no field "lead_mod". Did you mean "lead_mode"?'),
        ("test_if: lead_mode == '0'", "test_if: \"lead_mode == '0'\": lead_mode is a number and never equals the text"),
        ("test_if: lead_mode", None),
        ("test_if: [a]", "is no condition"),
        ("test_if: {some: [live]}", "is no condition"),
        ("test_if: live\ntest_flag: live", "test_if: test_flag says already what marks a test: keep one of the two"),
        ("test_limit: 5", "test_limit: belongs to test_flag: or test_if:"),
        ("test_limit: 5\ntest_if: live", None),
    ],
)
def test_a_mark_that_cannot_be_used_is_told(head, message):
    if message is None:
        program(head + FIELDS)
    else:
        assert message in errors(head + FIELDS)[0]


@pytest.mark.parametrize(
    ("condition", "warning"),
    [("1 == 1", "is always true: every lead is a test"), ("1 == 2", "is never true: no lead is a test"),
     ("lead_mode", "compares lead_mode with nothing")],
)  # fmt: skip
def test_a_mark_that_is_probably_not_meant_is_warned_of(condition, warning):
    assert any(warning in str(finding) for finding in of(condition).warnings)


def test_another_time_zone_is_said_to_count_tests_anew():
    before = f"test_if: live{FIELDS}"
    after = program("timezone: America/New_York\n" + before)
    assert any("tests may count from 0 again" in str(finding) for finding in begun_anew(after, "solar", before))
