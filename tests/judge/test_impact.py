"""`impact:`: the program's campaign at impact.com, what is reversed there, and what people write in their place."""

from datetime import timedelta

import pytest
from cast import errors, program, warnings_of

FILE = "currency: USD\nfields: {a: {}, is_test: {type: boolean}}\n"
IDS = "campaign: 1000, event_type: 2240"


def impact(text):
    return program(f"{FILE}impact: {text}").spec.impact


def reversals(text):
    return f"{{{IDS}, reversals: {{{text}}}}}"


def test_a_campaign_and_an_event_type_are_ids_however_yaml_has_them():
    made = impact('{campaign: 1000, event_type: "2240"}')
    assert (made.campaign, made.event_type) == ("1000", "2240")


def test_a_file_without_it_has_none():
    assert program(FILE).spec.impact is None


def test_reversals_have_a_time_reasons_with_codes_and_what_becomes_of_tests():
    made = impact(reversals("within: 14 days, reasons: {wrong number: CONS_INFO_INVALID}, tests: reverse")).reversals
    assert (made.within, made.tests) == (timedelta(days=14), "reverse")
    assert made.reasons == {"wrong number": "CONS_INFO_INVALID"}


def test_without_reversals_nothing_is_reversed_and_tests_are_told():
    made = impact(f"{{{IDS}}}").reversals
    assert (made.within, made.reasons, made.tests) == (None, {}, "tell")


@pytest.mark.parametrize("text", ["fake", "FAKE", " Fake ", "Wrong  Number"])
def test_a_reason_is_known_in_any_case(text):
    made = impact(reversals("reasons: {fake: CONS_FRAUD, wrong number: CONS_INFO_INVALID}"))
    assert made.reason(text) in made.reversals.reasons


def test_another_reason_is_not_known():
    assert impact(reversals("reasons: {fake: CONS_FRAUD}")).reason("too far") is None


def test_words_that_yaml_takes_for_others_are_reasons():
    assert list(impact(reversals("reasons: {no: CONS_FRAUD, 1: ORDER_ERROR}")).reversals.reasons) == ["no", "1"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{campagn: 1000, event_type: 2240}", '"campagn" is not a known key. Did you mean "campaign"?'),
        ("{campaign_id: 1000, event_type: 2240}", 'Did you mean "campaign"?'),
        ("{program: 1000, event_type: 2240}", 'Did you mean "campaign"?'),
        ("{campaign: 1000, eventtype: 2240}", 'Did you mean "event_type"?'),
        ("{campaign: 1000, ActionTrackerId: 2240}", 'Did you mean "event_type"?'),
        ("{campaign: 1000, action_tracker_id: 2240}", 'Did you mean "event_type"?'),
        ("{campaign: 1000}", '"event_type:" is missing'),
        ("{campaign: solar, event_type: 2240}", "this is no id of a campaign at impact.com: write its number"),
        ("{campaign: 1000.5, event_type: 2240}", '"1000.5" is no id of a campaign'),
        ("{campaign: 1000, event_type: [2240]}", "this is no id of an event type at impact.com"),
        ("{campaign: '', event_type: 2240}", '"campaign:" is empty'),
        ("1000", "needs keys with values, such as {campaign: 1000, event_type: 2240}"),
        ("[campaign]", "needs keys with values, such as {campaign: 1000, event_type: 2240}"),
        (f"{{{IDS}, reversal: {{}}}}", 'Did you mean "reversals"?'),
        (f"{{{IDS}, within: 14 days}}", '"within" is not a known key here: it belongs to reversals: indent it'),
        (f"{{{IDS}, reasons: {{fake: CONS_FRAUD}}}}", "it belongs to reversals: indent it under that"),
        (f"{{{IDS}, tests: reverse}}", "it belongs to reversals: indent it under that"),
        (f"{{{IDS}, reversals: fake}}", "such as {within: 14 days, reasons: {fake: CONS_FRAUD}}"),
        (reversals("withn: 14 days"), 'Did you mean "within"?'),
        (reversals("window: 14 days"), 'Did you mean "within"?'),
        (reversals("within: 14"), 'write it as "14 days"'),
        (reversals("within: two weeks"), '"two weeks" is not a length of time'),
        (reversals("reason: {fake: CONS_FRAUD}"), 'Did you mean "reasons"?'),
        (reversals("reasons: [fake, wrong number]"), "a list under reasons: write each reason with impact.com's code"),
        (reversals("reasons: [fake: CONS_FRAUD]"), "reasons: {fake: CONS_FRAUD, wrong number: CONS_INFO_INVALID}"),
        (reversals("reasons: fake"), "one text under reasons: write each reason with impact.com's code behind it"),
        (reversals("reasons: "), '"reasons:" is empty'),
        (reversals("reasons: {fake: }"), '"fake:" is empty'),
        (reversals("reasons: {fake: cons_fraud}"), '"cons_fraud" is no code as impact.com writes them: write'),
        (reversals("reasons: {fake: Cons Fraud}"), "write CONS_FRAUD"),
        (reversals("reasons: {fake: cons_fruad}"), 'Did you mean "CONS_FRAUD"?'),
        (reversals("reasons: {fake: [CONS_FRAUD]}"), "is no code of impact.com's: write one, such as CONS_FRAUD"),
        (reversals("reasons: {CONS_FRAUD: fake}"), "the wrong way around under reasons: write fake: CONS_FRAUD"),
        (reversals("reasons: {fake: CONS_FRAUD, Fake: ORDER_ERROR}"), 'has "fake" twice under reasons, once as "Fake"'),
        (reversals("reasons: {'': CONS_FRAUD}"), '"" is no reason: write a few plain words, at most 60 characters'),
        (reversals(f"reasons: {{{'x' * 61}: CONS_FRAUD}}"), "is no reason: write a few plain words"),
        (reversals("tests: Reverse"), '"Reverse" is not one of reverse, tell. Did you mean "reverse"?'),
        (reversals("tests: true"), '"true" is not one of reverse, tell'),
    ],
)  # fmt: skip
def test_a_slip_is_told_once_and_with_what_to_write(text, told):
    (error,) = errors(f"{FILE}impact: {text}")
    assert error.startswith("rules/solar.yaml:3: ")
    assert told in error


@pytest.mark.parametrize("key", ["campaign", "event_type", "reversals"])
def test_a_key_at_the_edge_is_told_where_it_belongs(key):
    (error,) = errors(f"{FILE}{key}: 1000")
    assert f'"{key}" is not a known key here: it belongs to impact: indent it under that' in error


@pytest.mark.parametrize(
    ("key", "setting"),
    [
        ("sid", "SID"), ("account_sid", "SID"), ("AccountSid", "SID"), ("token", "TOKEN"), ("auth_token", "TOKEN"),
        ("AuthToken", "TOKEN"), ("api_key", "TOKEN"), ("password", "TOKEN"), ("url", "URL"), ("api_url", "URL"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [f"{{{IDS}, %s}}", reversals("%s")])
def test_who_may_call_impact_com_is_a_setting_and_shown_in_no_message(key, setting, place):
    (error,) = errors(f"{FILE}impact: {place % f'{key}: S3CR3T'}")
    assert f"who may call impact.com is a setting: write it as DATAPOST_IMPACT_{setting}" in error
    assert "S3CR3T" not in error


def test_a_secret_in_the_place_of_an_id_is_shown_in_no_message():
    assert "S3CR3T" not in "".join(errors(f"{FILE}impact: {{campaign: IRS3CR3T, event_type: [S3CR3T]}}"))


def test_a_code_that_impact_com_does_not_document_may_be_the_accounts_own():
    made = program(f"{FILE}impact: {reversals('reasons: {fake: CONS_FRUAD, far: OUR_OWN}')}")
    near, own = warnings_of(made)
    told = "is none of the codes that impact.com documents, but your account may have it"
    assert near == f'rules/solar.yaml:3: warning: reasons: CONS_FRUAD {told}. Did you mean "CONS_FRAUD"?'
    assert own == f"rules/solar.yaml:3: warning: reasons: OUR_OWN {told}"


def test_without_a_currency_amounts_are_not_compared():
    (warning,) = warnings_of(program(f"fields: {{a: {{}}}}\nimpact: {{{IDS}}}"))
    assert "impact: amounts are not compared with those there" in warning
    assert warning.endswith("write currency: USD, for example")


def test_tests_that_are_reversed_where_no_lead_is_one_are_warned_of():
    (warning,) = warnings_of(program(f"{FILE}impact: {reversals('tests: reverse')}"))
    assert "reversals: tests: no lead is a test here" in warning
    assert warnings_of(program(f"test_flag: is_test\n{FILE}impact: {reversals('tests: reverse')}")) == []
