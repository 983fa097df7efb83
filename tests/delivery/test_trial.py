"""A test of a destination: an example of the rule file arrives there, marked as a test, and nowhere else."""

import json
import re

import pytest
from cast import Partner
from receiving import answer, delivering

import database
from delivery.trial import trial
from models import Delivery, Lead

RULES = """
fields: {email: {type: email, required: true}, state: {}, ssn: {sensitive: true}}
customer: [email]
sale_amount: 12.50
deliver:
  - {to: crm, when: state == 'CA', fields: {email: email, worth: $sale_amount, customer: $customerid}}
  - {to: whole}
  - {to: sheet, fields: [email], format: form}
examples:
  - {name: no address, lead: {state: CA}, expect: [email.required]}
  - {name: elsewhere, lead: {email: bob@acme.example, state: NY}, expect: valid}
  - {name: ours, lead: {email: ann@acme.example, state: CA, ssn: "078-05-1120"}, expect: valid}
"""


@pytest.fixture
def send(make_app, receiver):
    """Send a test to a destination, and return the Outcome."""

    def run(to="crm", rules=RULES, leads=()):
        app = make_app(rules, **delivering(**dict.fromkeys(("crm", "whole", "sheet"), receiver.url)))
        run.partner, made = Partner(app), app.extensions["datapost"]
        program = made.rulebook.programs["default"]
        return trial(made.settings, made.rulebook.programs, program, to, leads)[1]

    return run


def test_the_first_example_that_would_go_there_is_sent_marked_as_a_test(send, receiver):
    assert send().result == "sent"
    body = json.loads(receiver.requests[0].body)
    assert re.fullmatch("[0-9A-Z]{26}", body.pop("id"))
    assert len(body.pop("customer")) == 64
    assert body == {"email": "ann@acme.example", "worth": "12.50", "test": True}


def test_a_whole_lead_is_a_test_lead_with_what_is_sensitive_masked(send, receiver):
    send("whole", RULES.replace("state: NY}", "state: NY, ssn: '1'}"))
    body = json.loads(receiver.requests[0].body)
    assert body["test"] is True and body["sale_amount"] == "12.50"
    assert body["fields"] == {"email": "bob@acme.example", "state": "NY", "ssn": "***"}


def test_a_form_says_so_too(send, receiver):
    send("sheet")
    assert receiver.requests[0].body.endswith(b"&email=bob%40acme.example&test=true")


def test_where_none_would_go_there_the_first_valid_one_is_sent(send, receiver):
    assert send(rules=RULES.replace("state == 'CA'", "state == 'TX'")).result == "sent"
    assert json.loads(receiver.requests[0].body)["email"] == "bob@acme.example"


def test_what_was_answered_is_told(send, receiver):
    receiver.answers = answer(422, b"no")
    outcome = send()
    assert (outcome.result, outcome.status, outcome.error) == ("dead", 422, "it answered 422")


def test_nothing_of_it_is_stored(send):
    send()
    with database.read():
        assert not Lead.select().exists() and not Delivery.select().exists()


def test_without_a_valid_example_a_lead_that_was_made_is_sent(send, receiver):
    send(rules=RULES.partition("  - {name: elsewhere")[0], leads=[{"email": "made@acme.example", "state": "CA"}])
    assert json.loads(receiver.requests[0].body)["email"] == "made@acme.example"
