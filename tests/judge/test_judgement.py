"""The judgement: reasons, values, claims, amounts and what the trace tells."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.compiler import compile_program
from judge.judgement import content, judge
from judge.verdict import NOTE_LENGTH

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)

LOANS = """
timezone: America/New_York
partner: irpid
test_flag: is_test
customer: [email, phone]
retry_key: [click_id]
fields:
  email:       {type: email, required: true, label: email address, aliases: [e-mail, contact.email]}
  first_name:  {required: true, max_length: 80}
  phone:       {type: phone, country: US}
  state:       {type: choice, one_of: [CA, NY, TX], note: We do not serve this state}
  birth_date:  {type: date}
  loan_amount: {type: money}
  consent:     {type: consent, required: true}
  irpid:       {}
  click_id:    {}
  source:      {default: web}
  is_test:     {type: boolean}
rules:
  - id: duplicate
    unique: [email]
    within: 90 days
  - id: same-person
    unique: [phone, first_name]
    note: We know this person
  - id: adult
    reject_if: age(birth_date) < 18
    note: Applicants must be 18 or older
  - id: jumbo-needs-phone
    when: loan_amount > 700000
    require: phone is present
    note: A phone number is needed for loans over 700,000
  - id: paused-partner
    reject_if: irpid in ['1234', '9876']
sale_amount:
  - {when: loan_amount >= 250000, amount: 25.00}
  - {when: loan_amount is present, amount: 10.00}
"""
PROGRAM = compile_program("loans", "rules/loans.yaml", LOANS, "hash", NOW)
ANN = {"email": "ann@example.com", "first_name": "Ann", "consent": "yes"}


def verdict(program=PROGRAM, now=NOW, **fields):
    return judge(program, {n: v if isinstance(v, list) else [v] for n, v in fields.items()}, now)


def codes(**fields):
    return [reason.code for reason in verdict(**fields).reasons]


def trace(check, **fields):
    return [step["result"] for step in verdict(**fields).trace if step["check"] == check]


def test_a_good_lead_is_valid():
    assert verdict(**ANN).valid
    assert verdict(**ANN).note == "Lead submitted successfully"


def test_all_reasons_of_the_fields_are_collected():
    found = verdict(email="ann@", state="FL", consent="no", loan_amount="much")
    assert [reason.code for reason in found.reasons] == [
        "email.invalid", "first_name.required", "state.not_allowed", "loan_amount.invalid", "consent.invalid"
    ]  # fmt: skip
    assert found.note == (
        "The email address is not a valid email address; No first name was submitted; We do not serve this state; "
        "The loan amount is not an amount of money, such as 1234.50; The consent was not given: it must be true"
    )


def test_the_sentence_for_a_missing_field_names_its_label():
    assert verdict().reasons[0].note == "No email address was submitted"
    assert verdict().reasons[1].note == "No first name was submitted"


def test_rules_are_judged_only_if_all_fields_pass():
    assert codes(**ANN | {"email": "x"}, irpid="1234") == ["email.invalid"]


def test_all_rules_are_judged_and_all_reasons_collected():
    lead = ANN | {"birth_date": "2020-01-01", "loan_amount": "800000", "irpid": "1234"}
    assert codes(**lead) == ["adult", "jumbo-needs-phone", "paused-partner"]


def test_a_rule_without_a_note_has_a_sentence_of_its_own():
    assert verdict(**ANN, irpid="1234").note == "This lead is not accepted (paused partner)"
    assert verdict(**ANN).claims[0].reason.note == "This email address was already submitted"


def test_a_rule_that_needs_an_absent_field_is_skipped_and_says_so():
    assert trace("jumbo-needs-phone", **ANN) == ["skipped: loan_amount is absent"]
    assert trace("adult", **ANN) == ["skipped: birth_date is absent"]
    assert trace("same-person", **ANN) == ["skipped: phone is absent"]


def test_a_rule_whose_when_is_false_does_not_apply():
    assert trace("jumbo-needs-phone", **ANN, loan_amount="5") == ["does not apply"]


def test_ages_are_counted_in_the_time_zone_of_the_program():
    # At 03:00 UTC on the 1st of March it is still February in New York.
    assert codes(**ANN, birth_date="2008-03-01") == ["adult"]
    assert codes(**ANN, birth_date="2008-02-28") == []


def test_a_field_with_several_values_takes_the_first_and_says_so():
    found = verdict(**ANN | {"email": ["", "ann@example.com", "bob@example.com"]})
    assert found.fields["email"] == "ann@example.com"
    assert "2 values: the first is taken" in [step["result"] for step in found.trace]


def test_the_name_of_a_field_goes_before_its_aliases():
    fields = {"contact.email": ["c@example.com"], "e-mail": ["m@example.com"], "first_name": ["A"], "consent": ["1"]}
    assert judge(PROGRAM, fields, NOW).fields["email"] == "m@example.com"
    assert judge(PROGRAM, fields | {"Email": [""]}, NOW).fields["email"] == "m@example.com"


FIELD_KEYS = """
fields:
  owner:   {type: boolean}
  rent:    {type: money, required: not owner}
  insurer: {required: {any: [owner, rent > 1000]}, note: Name the insurer}
  phone:   {type: phone, country: US, on_invalid: warn}
  age:     {type: integer, min: 18, on_invalid: warn}
rules:
  - {id: no-phone, when: owner, require: phone is present}
""".replace("  age: ", "  years: ")
KEYS_PROGRAM = compile_program("keys", "rules/keys.yaml", FIELD_KEYS, "hash", NOW)


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ({"owner": "no"}, ["rent.required"]),
        ({"owner": "no", "rent": "500"}, []),
        ({"owner": "no", "rent": "1500"}, ["insurer.required"]),
        ({"owner": "yes", "phone": "415-555-2671"}, ["insurer.required"]),
        ({"owner": "yes", "insurer": "Acme", "phone": "415-555-2671"}, []),
        ({}, []),
        ({"owner": "no", "rent": "much"}, ["rent.invalid"]),
    ],
)
def test_a_field_may_be_required_by_a_condition(lead, expected):
    found = verdict(KEYS_PROGRAM, **lead)
    assert found.codes == expected
    if expected == ["insurer.required"]:
        assert found.note == "Name the insurer"


def test_on_invalid_warn_records_and_does_not_refuse():
    found = verdict(KEYS_PROGRAM, phone="123", years="5")
    assert found.valid
    assert {"check": "phone", "result": "warned: phone.invalid"} in found.trace
    assert {"check": "years", "result": "warned: years.too_small"} in found.trace
    assert found.fields == {"phone": "123", "years": "5"}
    assert "phone" not in found.values


def test_a_default_fills_an_absent_field():
    assert verdict(**ANN).fields["source"] == "web"
    assert verdict(**ANN, source="").fields["source"] == "web"
    assert verdict(**ANN, source="mail").fields["source"] == "mail"


def test_fields_are_stored_in_their_normal_form_and_others_as_they_came():
    found = verdict(
        **ANN | {"email": "Ann@EXAMPLE.com", "state": "ca"},
        phone="(415) 555-2671", birth_date="1980-12-31", loan_amount="$250,000", is_test="no",
        **{"Utm Source": ["a", "b"]},
    )  # fmt: skip
    assert found.fields == {
        "email": "Ann@example.com", "first_name": "Ann", "phone": "+14155552671", "state": "CA",
        "birth_date": "1980-12-31", "loan_amount": "250000.00", "consent": True, "source": "web", "is_test": False,
        "Utm Source": ["a", "b"],
    }  # fmt: skip


@pytest.mark.parametrize("character", ["\x00", "\x1f", "\ud800", "\uffff"])
def test_a_character_that_xml_forbids_makes_its_field_invalid_and_is_replaced_elsewhere(character):
    found = verdict(**ANN | {"first_name": f"A{character}", "other": f"b{character}"})
    assert [reason.code for reason in found.reasons] == ["first_name.invalid"]
    assert found.fields["first_name"] == "A\ufffd"
    assert found.fields["other"] == "b\ufffd"


def test_unique_hands_over_claims_after_all_other_rules():
    claims = verdict(**ANN, phone="+14155552671").claims
    assert [claim.rule for claim in claims] == ["duplicate", "same-person"]
    assert claims[0].within.days == 90
    assert claims[1].within is None
    assert codes(**ANN, irpid="1234") and not verdict(**ANN, irpid="1234").claims


def test_claims_are_the_same_without_regard_to_case():
    assert verdict(**ANN).claims[0].key == verdict(**ANN | {"email": "ANN@Example.COM"}).claims[0].key
    assert verdict(**ANN).claims[0].key != verdict(**ANN | {"email": "bob@example.com"}).claims[0].key


@pytest.mark.parametrize(("loan", "amount"), [("250000", "25.00"), ("249999.99", "10.00"), ("", "0.00")])
def test_the_first_amount_that_fits_counts(loan, amount):
    assert str(verdict(**ANN, loan_amount=loan).sale_amount) == amount


def test_an_invalid_lead_has_no_amount():
    assert verdict(**ANN, loan_amount="250000", irpid="1234").sale_amount is None


def test_a_lead_is_worth_what_its_readable_values_would_have_been_paid():
    assert str(verdict(**ANN, loan_amount="250000", irpid="1234").worth) == "25.00"
    assert str(verdict(loan_amount="250000").worth) == "25.00"
    assert str(verdict(**ANN, loan_amount="250000").worth) == "25.00"
    refused = verdict(loan_amount="250000")
    assert not [step for step in refused.trace if step["check"] == "sale_amount"]


def test_who_the_lead_is_from_and_about():
    found = verdict(**ANN, irpid="77", click_id="C1", is_test="true")
    assert (found.partner, found.test, found.email) == ("77", True, "ann@example.com")
    assert found.customer == ["ann@example.com", ""]
    assert found.retry == ["c1"]
    assert not verdict(**ANN).retry


def test_the_trace_and_the_note_never_hold_what_was_submitted():
    canary = '"valid": true canary@'
    found = verdict(email=canary, first_name=canary * 9, state=canary, birth_date=canary, irpid=canary, other=canary)
    assert "canary" not in str(found.trace) + found.note
    assert "canary" not in str([reason.note for reason in found.reasons])


@pytest.mark.parametrize("field", ["email", "phone", "birth_date", "loan_amount", "consent", "is_test"])
@pytest.mark.parametrize("text", ["1" + "+" * 100_000 + "x", "1" + " " * 100_000 + "1", "<" * 200_000])
def test_a_value_of_any_length_is_invalid_at_once(field, text):
    assert f"{field}.invalid" in codes(**{field: text})


def test_a_note_has_at_most_500_characters():
    fields = "".join(f"  field_{n}: {{required: true, note: '{n} {'x' * 100}'}}\n" for n in range(9))
    many = compile_program("many", "rules/many.yaml", f"fields:\n{fields}", "hash", NOW)
    note = judge(many, {}, NOW).note
    assert len(note) == NOTE_LENGTH
    assert note.endswith("…")


@given(st.dictionaries(st.text(max_size=9), st.lists(st.text(max_size=30), min_size=1, max_size=3), max_size=8))
def test_any_fields_get_a_verdict_that_can_be_stored(fields):
    found = judge(PROGRAM, fields, NOW)
    assert found.valid is not found.reasons
    assert found.note
    str(found.fields).encode()


def test_the_same_content_is_the_same_in_any_order():
    one, other = {"Email": ["a"], "b": ["1", "2"]}, {"b": ["1", "2"], "e-mail": ["a"]}
    assert content(one) == content(other)
    assert content(one) != content({"Email": ["a"], "b": ["2", "1"]})
