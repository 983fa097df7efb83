"""What `flask doctor` says of destinations."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cast import Partner
from receiving import answer, delivering

import database
from delivery import outbox
from models import Delivery, first_id

RULES = "fields: {email: {type: email, required: true}}\ndeliver: [{to: crm}]\n"


@pytest.fixture
def shop(make_app, receiver):
    made = Partner(make_app(RULES, **delivering(crm=receiver.url)))
    made.sender = made.app.extensions["datapost"].sender
    made.sender.wake = lambda: None
    return made


def told(shop):
    result = shop.app.test_cli_runner(catch_exceptions=False).invoke(args=["doctor", "--format", "json"])
    rows = [row for row in json.loads(result.output) if row["check"] == "delivery"]
    assert all(row["ok"] for row in rows) or result.exit_code == 1
    return [("" if row["ok"] else "WRONG ") + row["sentence"] for row in rows]


def test_a_sound_destination_is_told_with_its_counts(shop):
    shop.lead(email="ann@acme.example")
    shop.sender.run_due()
    assert told(shop) == ["crm: 0 leads wait, 1 sent today and 1 in seven days"]


def test_rules_that_deliver_nothing_are_told_in_a_line(make_app):
    assert told(Partner(make_app())) == ["no rule file has deliver:, so that leads go nowhere else"]


def test_a_destination_without_its_setting_is_wrong_as_its_leads_wait(make_app):
    shop = Partner(make_app(RULES))
    assert told(shop)[0].startswith("WRONG crm: DATAPOST_DELIVER_CRM is not set, so its leads wait")
    shop.lead(email="ann@acme.example")
    assert "so its 1 lead waits" in told(shop)[0]


def test_a_paused_destination_says_why_since_when_and_what_to_do(shop):
    outbox.pause("crm", "ann")
    (sentence,) = told(shop)
    assert sentence.startswith("WRONG crm is paused since 2") and "by ann" in sentence
    assert sentence.endswith("flask deliver resume crm sends on")


def test_what_is_dead_is_counted_with_how_it_is_sent_again(shop, receiver):
    receiver.answers = answer(422)
    shop.lead(email="ann@acme.example")
    shop.sender.run_due()
    (sentence,) = told(shop)
    assert sentence.startswith("WRONG crm: 1 lead is dead") and "flask deliver again --to crm" in sentence


def test_a_lead_that_waits_for_more_than_an_hour_is_wrong(shop):
    lead = shop.lead(email="ann@acme.example")["uniqueid"]
    old = first_id(datetime.now(UTC) - timedelta(hours=2)).ljust(26, "0")
    database.transact(Delivery.update(lead=old).where(Delivery.lead == lead).execute)
    (sentence,) = told(shop)
    assert sentence.startswith("WRONG crm: 1 lead waits, the first since 2")


def test_leads_that_wait_for_what_no_rule_names_any_more_are_wrong(shop):
    lead = shop.lead(email="ann@acme.example")["uniqueid"]
    database.transact(Delivery.update(destination="old").where(Delivery.lead == lead).execute)
    assert told(shop)[1].startswith("WRONG old: 1 lead waits, and no rule file names it any more")
