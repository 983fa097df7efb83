"""Repeated requests: which get the first answer again, and which are refused."""

import pytest
from cast import JSON, RULES, XML, Partner, read_answer

from web.settings import User

KEY = {"Idempotency-Key": "k-1"}


def test_a_request_with_the_same_idempotency_key_gets_the_first_answer_again(partner):
    first = partner.lead(headers=KEY, email="ann@example.com")
    again = partner.lead(headers=KEY, email="ann@example.com")
    assert again["headers"]["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first["headers"]
    assert {key: again[key] for key in again if key != "headers"} == {
        key: first[key] for key in first if key != "headers"
    }
    assert again["headers"]["Datapost-Lead"] == first["uniqueid"]
    assert len(partner.stored()) == 1


def test_a_refusal_is_repeated_too_and_in_the_format_that_is_asked_for_now(partner):
    first = partner.lead(headers=KEY, years="5")
    again = partner.post("<lead><years>5</years></lead>", XML, headers=KEY)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.mimetype == XML
    assert read_answer(again)["note"] == first["note"]


def test_the_same_key_with_other_content_is_invalid(partner):
    partner.lead(headers=KEY, email="ann@example.com")
    other = partner.lead(headers=KEY, email="bob@example.com")
    assert other["valid"] == "false"
    assert partner.stored()[1].reasons == ["retry.mismatch"]
    assert partner.lead(email="bob@example.com")["valid"] == "true"


def test_a_refused_repetition_takes_no_other_key(make_app):
    partner = Partner(make_app("retry_key: [click_id]\nfields: {email: {type: email}, click_id: {}}"))
    partner.lead(email="ann@example.com", click_id="C1", headers=KEY)
    assert partner.lead(email="bob@example.com", click_id="C2", headers=KEY)["valid"] == "false"
    assert partner.lead(email="bob@example.com", click_id="C2")["valid"] == "true"


@pytest.mark.parametrize("path", ["/leads", "/leads?is_test=1"])
def test_a_partner_who_marks_the_same_lead_as_a_test_again_and_again_is_paid_once(make_app, path):
    rules = RULES.replace("fields:", "test_flag: is_test\nfields:\n  is_test: {type: boolean}")
    partner, mark = Partner(make_app(rules)), {} if "?" in path else {"is_test": "yes"}
    answers = [partner.lead(path, email="ann@example.com", **mark) for _ in range(8)]
    assert [answer["valid"] for answer in answers] == ["true"] + ["false"] * 7
    assert all(lead.test for lead in partner.stored())


def test_the_fields_of_the_retry_key_tell_a_repeated_request_too(make_app):
    rules = "retry_key: [click_id]\nfields: {email: {type: email}, click_id: {}}\nrules: [{id: dup, unique: [email]}]"
    partner = Partner(make_app(rules))
    first = partner.lead(email="ann@example.com", click_id="C1")
    again = partner.lead(email="ann@example.com", click_id="C1", headers={"Idempotency-Key": "a proxy's fresh one"})
    assert again["uniqueid"] == first["uniqueid"]
    assert partner.lead(email="bob@example.com", click_id="C1")["valid"] == "false"
    assert partner.lead(email="ann@example.com", click_id="C2")["note"] == "This email was already submitted"
    assert partner.lead(email="ann@example.com")["note"] == "This email was already submitted"


def test_a_replay_binds_a_key_that_came_with_it(make_app):
    partner = Partner(make_app("retry_key: [click_id]\nfields: {email: {type: email}, click_id: {}}"))
    first = partner.lead(email="ann@example.com", click_id="C1")
    assert partner.lead(email="ann@example.com", click_id="C1", headers=KEY)["uniqueid"] == first["uniqueid"]
    assert partner.lead(email="bob@example.com", click_id="C9", headers=KEY)["valid"] == "false"
    assert partner.stored()[-1].reasons == ["retry.mismatch"]


def test_a_body_that_could_not_be_read_is_answered_the_same_again(partner):
    first, again = (partner.post(b'{"a"', JSON, headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (400, 400)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Datapost-Lead"] == first.headers["Datapost-Lead"]


def test_a_test_lead_uses_up_no_retry_key(make_app):
    rules = "retry_key: [click_id]\ntest_flag: is_test\nfields: {click_id: {}, is_test: {type: boolean}}"
    partner = Partner(make_app(rules))
    test = partner.lead(click_id="C1", is_test="true")
    live = partner.lead(click_id="C1")
    assert live["valid"] == "true"
    assert live["uniqueid"] != test["uniqueid"]
    assert partner.lead(click_id="C1", is_test="true")["uniqueid"] == test["uniqueid"]


def test_keys_of_different_users_and_programs_are_different_keys(make_app):
    app = make_app({"default": "fields: {a: {}}", "solar": "fields: {a: {}}"}, users=(User("x", "1"), User("y", "2")))
    x, y = Partner(app, ("x", "1")), Partner(app, ("y", "2"))
    for turn in range(2):
        posts = [x.lead(headers=KEY, a="1"), y.lead(headers=KEY, a="1"), x.lead("/leads/solar", headers=KEY, a="1")]
        assert len({answer["uniqueid"] for answer in posts}) == 3
        assert ["Idempotent-Replayed" in answer["headers"] for answer in posts] == [bool(turn)] * 3
    assert len(x.stored()) == 3
