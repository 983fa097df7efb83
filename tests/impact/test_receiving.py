"""`POST /feedback/<program>`: how it is asked, and that each answer is JSON that says what to do."""

import base64
import io
import json
import logging
import zlib

import pytest
from cast import Partner

import database
from database import StoreError
from impact import feedback
from impact.ledger import Outcome
from web.login import FAILURES_OF_AN_ADDRESS
from web.settings import User

RULES = """
title: Solar
fields: {email: {type: email, required: true}}
impact: {campaign: 1000, event_type: 2240, reversals: {reasons: {fake: CONS_FRAUD}}}
"""
CRM = ("crm", "let me in")
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
USERS = (User(*CRM), User("limited", "let me in too", frozenset({"wind"})))


@pytest.fixture
def partner(make_app, database_url):
    return Partner(make_app({"solar": RULES, "wind": RULES}, database_url=database_url, feedback_users=USERS))


@pytest.fixture
def lead(partner):
    return partner.lead("/leads/solar", email="ann@example.com")["uniqueid"]


@pytest.fixture
def crm(partner):
    """Post a body, or fields as JSON, as the CRM does."""

    def post(body=None, content_type=JSON, path="/feedback/solar", auth=CRM, **fields):
        body = json.dumps(fields) if body is None else body
        return partner.http.post(path, data=body, content_type=content_type, auth=auth)

    return post


def error_of(response):
    """Return the status and the code of a refusal, and hold it to its form."""
    assert response.mimetype == JSON
    assert response.json.keys() == {"error"} and response.json["error"].keys() == {"code", "message"}
    return response.status_code, response.json["error"]["code"]


def count():
    with database.read():
        return Outcome.select().count()


# --- What is taken ---


def test_an_outcome_is_answered_with_what_was_understood(crm, lead):
    response = crm(lead_id=lead.lower(), outcome="Sold", value=1200.5)
    assert response.status_code == 200
    told = {"lead": lead, "outcome": "sold", "reason": "", "value": "1200.50", "added": True, "proposed": False}
    assert response.json == told
    assert crm(lead_id=lead, outcome="sold", value="1,200.50").json == told | {"added": False}


def test_a_bad_lead_with_a_reason_is_proposed_for_reversal(crm, lead):
    response = crm(lead_id=lead, outcome="bad", reason="FAKE")
    assert (response.json["reason"], response.json["value"], response.json["proposed"]) == ("fake", None, True)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("lead_id={}&outcome=sold&reason=&value=5", FORM),
        ('{{"lead_id": "{}", "outcome": "sold", "reason": null, "value": 5}}', JSON),
        ('{{"Lead-Id": "{}", "OUTCOME": "sold", "value": "5", "stage": "closed"}}', JSON),
        ('{{"lead_id": "{}", "outcome": "sold", "value": "5"}}', ""),
    ],
)
def test_json_and_forms_are_read_whatever_the_case_of_their_names(crm, lead, body, content_type):
    response = crm(body.format(lead), content_type)
    assert (response.status_code, response.json["value"]) == (200, "5.00")


def test_a_form_in_parts_is_read(partner, lead):
    response = partner.http.post("/feedback/solar", data={"lead_id": lead, "outcome": "sold", "x": (io.BytesIO(), "")},
                                 content_type="multipart/form-data", auth=CRM)  # fmt: skip
    assert response.status_code == 200


def test_no_cookie_is_set(crm, lead):
    assert "Set-Cookie" not in crm(lead_id=lead, outcome="sold").headers


# --- What is refused ---


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ("{", JSON, (400, "unreadable")),
        ("[1, 2]", JSON, (400, "unreadable")),
        ('"abc"', JSON, (400, "unreadable")),
        (b"\xff\x00", JSON, (400, "unreadable")),
        ("[" * 100_000, JSON, (400, "unreadable")),
        ('{"outcome": "sold", "outcome": "bad"}', JSON, (400, "unreadable")),
        ("<lead><outcome>sold</outcome></lead>", "application/xml", (415, "unsupported")),
        ("x", "image/png", (415, "unsupported")),
        ("x" * 300_000, FORM, (413, "too_large")),
        ("", JSON, (422, "no_lead")),
        ("{}", JSON, (422, "no_lead")),
        ('{"lead_id": {"id": 1}}', JSON, (422, "no_lead")),
        ('{"lead_id": "\\ud800", "outcome": "sold"}', JSON, (404, "unknown_lead")),
    ],
)
def test_a_body_that_says_nothing_of_a_lead_is_refused(crm, body, content_type, expected):
    assert error_of(crm(body, content_type)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"outcome": "returned"}, (422, "unknown_outcome")),
        ({"outcome": "bad", "reason": "too far"}, (422, "unknown_reason")),
        ({"outcome": "sold", "value": "NaN"}, (422, "bad_value")),
        ({"outcome": "contacted", "value": 5}, (422, "value_not_sold")),
    ],
)
def test_what_is_not_known_is_refused_and_adds_nothing(crm, lead, fields, expected):
    assert error_of(crm(lead_id=lead, **fields)) == expected
    assert count() == 0


def test_a_compressed_body_is_refused(partner, lead):
    body = zlib.compress(json.dumps({"lead_id": lead, "outcome": "sold"}).encode())
    headers = {"Content-Encoding": "deflate"}
    response = partner.http.post("/feedback/solar", data=body, content_type=JSON, auth=CRM, headers=headers)
    assert error_of(response) == (415, "unsupported")


def test_a_rejected_lead_has_no_outcome(partner, crm):
    partner.lead("/leads/solar", email="nothing")
    assert error_of(crm(lead_id=partner.stored()[-1].id, outcome="bad")) == (422, "not_valid")


def test_a_lead_of_another_program_and_one_that_there_is_not_are_answered_the_same(crm, lead):
    other, nobody = crm(path="/feedback/wind", lead_id=lead, outcome="sold"), crm(lead_id="0" * 26, outcome="sold")
    assert error_of(other) == (404, "unknown_lead")
    assert other.json == nobody.json


@pytest.mark.parametrize("path", ["/feedback/sun", "/feedback", "/feedback/"])
def test_a_program_that_there_is_not_is_unknown(crm, lead, path):
    assert error_of(crm(path=path, lead_id=lead, outcome="sold")) == (404, "unknown_program")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options"])
def test_another_method_is_told_which_is_allowed(partner, method):
    response = getattr(partner.http, method)("/feedback/solar", auth=CRM)
    assert error_of(response) == (405, "method")
    assert response.headers["Allow"] == "POST"


# --- Who may ---


@pytest.mark.parametrize("auth", [None, ("crm", "wrong"), ("nobody", "let me in"), ("impact", "secret")])
def test_only_the_logins_of_the_setting_may_speak(crm, lead, auth):
    response = crm(lead_id=lead, outcome="sold", auth=auth)
    assert error_of(response) == (401, "login")
    assert response.headers["WWW-Authenticate"] == 'Basic realm="Datapost feedback", charset="UTF-8"'


def test_without_the_setting_nobody_may_and_the_log_says_why(make_app, caplog):
    partner = Partner(make_app({"solar": RULES}))
    with caplog.at_level(logging.WARNING):
        response = partner.http.post("/feedback/solar", data="{}", content_type=JSON, auth=CRM)
    assert error_of(response) == (401, "login")
    assert "DATAPOST_FEEDBACK_USERS is not set" in caplog.text


def test_a_login_may_be_limited_to_programs(crm, lead):
    assert error_of(crm(lead_id=lead, outcome="sold", auth=("limited", "let me in too"))) == (403, "forbidden")
    theirs = crm(path="/feedback/wind", lead_id=lead, outcome="sold", auth=("limited", "let me in too"))
    assert error_of(theirs) == (404, "unknown_lead")


def test_who_guesses_is_told_to_wait(crm):
    for _ in range(FAILURES_OF_AN_ADDRESS):
        last = crm("{}", auth=("crm", "a guess"))
    response = crm("{}", auth=("crm", "a guess"))
    assert (error_of(last), error_of(response)) == ((401, "login"), (429, "too_many_logins"))
    assert int(response.headers["Retry-After"]) > 0


# --- When something fails ---


def test_a_store_that_cannot_be_used_is_told_with_when_to_try_again(crm, lead, monkeypatch):
    def fail(*_):
        raise StoreError("it is gone")

    monkeypatch.setattr(feedback.database, "transact", fail)
    response = crm(lead_id=lead, outcome="sold")
    assert error_of(response) == (503, "store")
    assert response.headers["Retry-After"] == "5"


def test_a_fault_of_ours_is_told_without_its_words(crm, lead, monkeypatch, caplog):
    def fail(*_):
        raise KeyError("S3CR3T")

    monkeypatch.setattr(feedback, "say", fail)
    response = crm(lead_id=lead, outcome="sold")
    assert error_of(response) == (500, "fault")
    assert "S3CR3T" not in response.text + caplog.text


def test_nothing_that_was_sent_is_logged_or_answered(crm, lead, caplog):
    with caplog.at_level(logging.INFO):
        answers = [
            crm(lead_id=lead, outcome="S3CR3T"),
            crm(lead_id="S3CR3T", outcome="sold"),
            crm(lead_id=lead, outcome="bad", reason="S3CR3T"),
            crm(lead_id=lead, outcome="sold", value="S3CR3T"),
            crm(lead_id=lead, outcome="sold", note="S3CR3T"),
            crm('{"S3CR3T": 1', JSON),
            crm("{}", auth=("S3CR3T", "S3CR3T")),
        ]
    told = "".join(str(record.args) + record.getMessage() for record in caplog.records)
    assert "S3CR3T" not in told + "".join(answer.text for answer in answers)
    assert base64.b64encode(b"S3CR3T").decode() not in told
