"""A partner who is a person, and is erased, stands in nothing that is or was told."""

from datetime import UTC, datetime

import pytest
from alarmed import have_sent, notices, telling
from brand import RULES, record

import database
from alerts import ledger
from alerts.concern import Concern, sender
from alerts.ledger import Alert, Notice
from alerts.message import Message
from leads import erasure

EMAIL = "ann@example.com"
PARTNERS = [EMAIL, f"Ann \u202e {EMAIL}\n", f"{'x' * 200} {EMAIL}"]  # as it is; told in other characters; told cut


@pytest.fixture
def shop(make_shop):
    return make_shop(RULES, **telling("http://127.0.0.1:1/hook"))


def concern(program, partner, grave=True):
    who = sender(program, partner)
    return Concern("many_tests", program.name, who.subject, f"{who.told} sent tests.", "Ask.", grave)


def look(shop, *concerns):
    settings = shop.app.extensions["datapost"].settings
    ledger.note(concerns, datetime.now(UTC), at_once=True, receivers=settings.alerts)


def subjects():
    with database.read():
        return {alert.subject: bool(alert.told_at) for alert in Alert.select()}


@pytest.mark.parametrize("partner", PARTNERS)
def test_nothing_of_a_partner_who_is_erased_stays_and_what_else_was_to_be_told_is_told_anew(shop, partner):
    lead = record(shop.program, datetime.now(UTC), email=EMAIL, irpid=partner)
    theirs, other = concern(shop.program, partner), concern(shop.program, "harbor")
    look(shop, theirs, other)
    assert subjects() == {theirs.subject: True, "harbor": True} and len(notices()) == 1
    erasure.erase([erasure.Found(lead.id, "default")], erasure.with_email(EMAIL), "email")
    assert subjects() == {"harbor": False} and notices() == []
    look(shop, other)
    assert subjects() == {"harbor": True} and "sent tests" in notices()[0].message


def test_what_names_others_waits_on(shop):
    lead = record(shop.program, datetime.now(UTC), email=EMAIL, irpid=EMAIL)
    look(shop, concern(shop.program, "harbor"))
    erasure.erase([erasure.Found(lead.id, "default")], erasure.with_email(EMAIL), "email")
    assert subjects() == {"harbor": True} and len(notices()) == 1


@pytest.mark.parametrize("part", ["partners", "sales"])
def test_a_summary_that_waits_and_names_the_partner_is_dropped(shop, part):
    lead = record(shop.program, datetime.now(UTC), email=EMAIL, irpid=EMAIL)
    day = {"program": "default", "partners": [], "sales": []} | {part: [{"partner": EMAIL}]}
    changed = {"new": [], "over": [], "programs": [day]}
    made = Message.made("digest", datetime.now(UTC), subject="", text="", data=changed)
    have_sent(shop.app.extensions["datapost"].settings, made)
    erasure.erase([erasure.Found(lead.id, "default")], erasure.with_email(EMAIL), "email")
    with database.read():
        assert not Notice.select().exists()
