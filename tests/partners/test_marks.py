"""Tests that a condition marks: how leads are made tests, and what partners are told of it."""

import pytest
from cast import NOW, Partner, program, serving

from partners.instructions import instructions
from partners.marks import is_marked, marked
from partners.samples import freshened

FIELDS = """
fields:
  email: {type: email, required: true}
  first_name: {max_length: 20}
  lead_mode: {}
  mode: {type: integer}
  live: {type: boolean, required: true}
"""
LEAD = {"E-Mail": "ann@example.com", "live": "yes", "First Name": "Ann"}
CONDITIONS = [
    "lead_mode == '0'",
    "mode == 0",
    "mode < 5",
    "first_name == 'test' and lead_mode == 'x'",
    "not live",
    "lead_mode is present",
    "first_name is missing",
    "starts_with(first_name, 'test')",
    "domain(email) == 'acme.example'",
    "lead_mode in ['a', 'b'] or mode == 7",
    "{all: [not live, {any: [lead_mode == 'test', mode == 3]}]}",
]


def of(condition):
    quoted = condition if condition.startswith("{") else f'"{condition}"'
    return program(f"test_if: {quoted}\n{FIELDS}examples: [{{name: x, lead: {LEAD}, expect: valid}}]")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_lead_is_made_a_test_and_none_by_what_the_condition_speaks_of(condition):
    rules = of(condition)
    test = marked(rules, LEAD)
    assert is_marked(rules, test)
    assert not is_marked(rules, marked(rules, test, test=False))


def test_a_lead_that_is_a_test_already_stays_as_it_is():
    lead = LEAD | {"lead_mode": "0"}
    assert marked(of("lead_mode == '0'"), lead) == lead


def test_a_lead_is_made_a_test_without_being_refused_if_there_is_a_way():
    rules = of("first_name == 'a name of many letters indeed' or lead_mode == 't'")
    test = marked(rules, LEAD)
    assert (test["First Name"], test["lead_mode"]) == ("Ann", "t")


def test_a_lead_that_cannot_be_made_a_test_stays_as_it_is():
    assert marked(of("first_name == 'a' and first_name == 'b'"), LEAD) == LEAD


def test_a_test_with_new_values_is_still_a_test():
    rules = of("domain(email) == 'acme.example'")
    (fresh,) = freshened(rules, [marked(rules, LEAD)], NOW)
    assert is_marked(rules, fresh) and fresh["email"] != "test@acme.example"


# --- What is told ---


def test_partners_are_told_what_marks_a_test():
    doc = instructions(of("lead_mode == '0'"), "https://leads.example.com/leads/solar")
    assert doc.tests[0].startswith("A lead is a test where this is true: `lead_mode == '0'`. It is judged")
    assert any("At most 50 tests a day are accepted" in sentence for sentence in doc.tests)
    told = {field.name: field.remarks for field in doc.fields}
    assert told["lead_mode"] == ["Tells whether a lead is a test."] and told["mode"] == []
    assert "test.limit" in [reason.code for reason in doc.reasons]


def test_the_request_that_is_shown_is_no_test():
    rules = program("test_if: live\n" + FIELDS)
    doc = instructions(rules, "https://leads.example.com/leads/solar")
    assert not is_marked(rules, doc.accepted[0].lead)
    assert doc.accepted[0].lead["live"] == "false"


def test_what_a_condition_says_is_told_letter_by_letter():
    rules = program("test_if: \"first_name == '`|*<b>'\"\n" + FIELDS)
    said = instructions(rules, "https://leads.example.com/leads/solar").tests[0]
    assert "``first_name == '`\\|*<b>'``" in said


# --- The simulator and the commands ---

RULES = FIELDS + "rules: [{id: cap, limit: 1, per: day}]\n"
RULES += "examples: [{name: x, lead: {email: a@example.com, live: y}, expect: valid}]"


def run(app, *line):
    return app.test_cli_runner().invoke(args=line)


def test_leads_are_posted_as_tests_where_the_condition_can_be_met(make_app):
    app = make_app("test_if: lead_mode == '0'\n" + RULES)
    with serving(app) as url:
        result = run(app, "simulate", "default", "--url", url)
    assert result.exit_code == 0, result.output
    assert "They are marked as tests (lead_mode == '0')" in result.stderr and "REAL" not in result.stderr
    assert [lead.test for lead in Partner(app).stored()] == [True] * 3


def test_leads_that_cannot_be_marked_are_said_to_be_real(make_app):
    app = make_app("test_if: lead_mode == 'a' and lead_mode == 'b'\n" + RULES.replace("limit: 1", "limit: 9"))
    with serving(app) as url:
        result = run(app, "simulate", "default", "--url", url)
    assert "THEY ARE REAL to the service, since not all of them could be marked as tests" in result.stderr


def test_the_check_and_the_contract_say_what_marks_a_test(make_app):
    app = make_app("test_if: lead_mode == '0'\n" + RULES)
    summary = run(app, "rules", "check").output
    assert "; leads where lead_mode == '0' are tests, at most 50 a day are answered valid" in summary
    text = run(app, "contract", "default").output
    assert "send a lead, by its body or its query string, of which this is true: `lead_mode == '0'`?" in text
    assert "They fit `lead_mode == '0'`, which marks a test, so no later lead" in text
