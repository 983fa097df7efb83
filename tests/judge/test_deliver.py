"""`deliver:`: which valid leads go where. Where that is, and what becomes of them, is not for rules to know."""

from datetime import UTC, datetime

import pytest
from cast import errors, program, warnings_of

from judge.changes import begun_anew
from judge.deliver import SOURCES
from judge.examples import judge_after
from judge.judgement import judge, recognize

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FIELDS = """
test_flag: is_test
fields:
  email: {type: email, required: true}
  state: {type: region, country: US}
  zip: {}
  is_test: {type: boolean}
  ssn: {type: id, standard: us.ssn, store: false}
"""
LEAD = {"email": "ann@example.com", "state": "CA"}


def of(entries, rest=""):
    return program(f"deliver: {entries}{FIELDS}{rest}")


def verdict_of(entries, rest="", **lead):
    return judge(of(entries, rest), {name: [text] for name, text in (LEAD | lead).items()}, NOW)


def told(verdict):
    return [step["result"] for step in verdict.trace if step["check"] == "program.deliver"]


def test_a_valid_lead_goes_to_each_destination_in_the_order_of_the_file():
    verdict = verdict_of("[{to: crm}, {to: inbox}, {to: a_sheet}]")
    assert verdict.deliver == ["crm", "inbox", "a_sheet"]
    assert told(verdict) == ["to crm, if valid", "to inbox, if valid", "to a_sheet, if valid"]


def test_a_lead_goes_where_the_condition_is_true():
    entries = "[{to: crm, when: state == 'CA'}, {to: east, when: {any: [state == 'NY', state == 'MA']}}]"
    assert verdict_of(entries).deliver == ["crm"]
    assert verdict_of(entries, state="New York").deliver == ["east"]
    assert told(verdict_of(entries, state="TX")) == [
        "not to crm: its condition is not true", "not to east: its condition is not true"
    ]  # fmt: skip


def test_a_condition_without_an_answer_sends_nothing_and_the_trace_says_why():
    verdict = verdict_of("[{to: crm, when: zip == '90210'}, {to: inbox}]")
    assert verdict.deliver == ["inbox"]
    assert told(verdict) == ["not to crm: zip is absent", "to inbox, if valid"]


def test_a_condition_may_ask_for_a_field_that_is_forgotten_when_it_was_checked():
    entries = "[{to: crm, when: ssn is present}]"
    assert verdict_of(entries, ssn="536-90-4399").deliver == ["crm"]
    assert verdict_of(entries).deliver == []


@pytest.mark.parametrize("lead", [{"email": "x"}, {"zip": "0"}])
def test_a_lead_that_is_refused_goes_nowhere(lead):
    verdict = verdict_of("[{to: crm}]", "rules: [{id: r, reject_if: zip == '0', note: N}]", **lead)
    assert (verdict.valid, verdict.deliver, told(verdict)) == (False, [], [])


def test_a_lead_that_a_claim_refuses_is_not_valid_whatever_it_says_of_destinations():
    rules = of("[{to: crm}]", "rules: [{id: r, unique: [email], note: N}]")
    assert judge_after(rules, [LEAD], LEAD, NOW).codes == ["r"]


def test_a_lead_that_a_rule_only_observes_goes_on():
    assert verdict_of("[{to: crm}]", "rules: [{id: r, reject_if: 'true', mode: observe}]").deliver == ["crm"]


def test_tests_go_only_where_they_are_asked_for():
    verdict = verdict_of("[{to: crm}, {to: stage, tests: true}]", is_test="true")
    assert verdict.deliver == ["stage"]
    assert told(verdict) == ["not to crm: tests do not go there", "to stage, if valid"]


def test_a_stored_lead_that_is_read_again_goes_nowhere():
    assert recognize(of("[{to: crm}]"), {name: [text] for name, text in LEAD.items()}, NOW).deliver == []


def test_a_program_without_destinations_says_nothing_of_them():
    rules = program(FIELDS)
    verdict = judge(rules, {name: [text] for name, text in LEAD.items()}, NOW)
    assert (rules.deliver, verdict.deliver, told(verdict)) == ({}, [], [])


# --- What goes there ---


@pytest.mark.parametrize(
    ("written", "fields"),
    [
        ("[email, zip]", {"email": "email", "zip": "zip"}),
        ("email", {"email": "email"}),
        ("[$id, $partner, zip]", {"id": "$id", "partner": "$partner", "zip": "zip"}),
        ("{E-Mail: email, source: $program, lead: $id}", {"E-Mail": "email", "source": "$program", "lead": "$id"}),
        ("{a: zip, b: zip}", {"a": "zip", "b": "zip"}),
        ("{id: zip}", {"id": "zip"}),
        ("{id: zip, lead_id: zip, x: $id}", {"id": "zip", "lead_id": "zip", "x": "$id"}),
    ],
)
def test_fields_name_what_goes_along_and_how_it_is_called_there(written, fields):
    (entry,) = of(f"[{{to: crm, fields: {written}}}]").spec.deliver
    assert entry.fields == fields


@pytest.mark.parametrize("source", SOURCES)
def test_what_datapost_knows_of_a_lead_is_a_source(source):
    made = program(f"partner: [zip, state]\ncustomer: [email]\ndeliver: [{{to: crm, fields: [{source}]}}]{FIELDS}")
    assert made.spec.deliver[0].fields == {source[1:]: source}
    assert warnings_of(made) == []


def test_all_that_may_be_left_out():
    (entry,) = of("[{to: crm}]").spec.deliver
    assert (entry.when, entry.fields, entry.format, entry.tests, entry.erasures) == (None, None, "json", False, False)
    (entry,) = of("[{to: crm, format: form, tests: yes, erasures: true}]").spec.deliver
    assert (entry.format, entry.tests, entry.erasures) == ("form", True, True)


def test_a_change_of_destinations_begins_nothing_anew():
    before, rest = FIELDS, "rules: [{id: r, unique: [email], limit: 5, per: day, note: N}]"
    rest = "rules: [{id: r, unique: [email], note: N}, {id: s, limit: 5, per: day, note: M}]"
    now = of("[{to: crm, when: state == 'CA', fields: [zip]}]", rest)
    assert begun_anew(now, "solar", before + rest) == []
    assert begun_anew(program(before + rest), "solar", now.text) == []


@pytest.mark.parametrize("name", ["crm", "a", "crm_2", "a" * 40, "secret", "token", "privately", "my_tokens"])
def test_names_of_destinations(name):
    assert list(of(f"[{{to: {name}}}]").deliver) == [name]


@pytest.mark.parametrize("name", ["", "CRM", "2crm", "_crm", "my-crm", "a" * 41, "crm_secret", "crm_token", "private"])
def test_what_is_no_name_of_a_destination(name):
    (error,) = errors(f"deliver: [{{to: {name}}}]{FIELDS}")
    assert "destination number 1: " in error


# --- What is legal, and probably not meant ---


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("privacy: {mask_after: 3 days}", "privacy: mask_after is under 4 days: a lead whose destination does not"),
        ("privacy: {delete_after: 95 hours}", "privacy: delete_after is under 4 days"),
        ("deliver: [{to: x, tests: true}]", 'destination "x": tests: no lead is a test here, as there is neither'),
        ("deliver: [{to: x, fields: [$partner]}]", "fields: $partner is always empty, since the file does not say it"),
        ("partner: a\ndeliver: [{to: x, fields: [$subpartner]}]", "write partner: and two fields, [irpid, subid]"),
        ("deliver: [{to: x, fields: {c: $customerid}}]", "$customerid is always empty"),
        ("deliver: [{to: x, when: 1 > 2}]", 'destination "x": when: "1 > 2" is never true: this never applies'),
        ("deliver: [{to: x, when: not a}]", "compares a with nothing: write a is present"),
    ],
)
def test_what_is_legal_and_probably_not_meant_is_a_warning(text, warning):
    rest = "" if "deliver" in text else "\ndeliver: [{to: x}]"
    (found,) = warnings_of(program(f"fields: {{a: {{}}}}\n{text}{rest}"))
    assert warning in found


@pytest.mark.parametrize(
    "text",
    [
        "privacy: {mask_after: 4 days, delete_after: 5 days}\ndeliver: [{to: x}]",
        "privacy: {mask_after: 1 hour}",
        "test_if: a == '1'\ndeliver: [{to: x, tests: true}]",
    ],
)
def test_what_is_meant_is_no_warning(text):
    assert warnings_of(program(f"fields: {{a: {{}}}}\n{text}")) == []
