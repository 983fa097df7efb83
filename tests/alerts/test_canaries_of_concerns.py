"""What an owner is told goes to mailboxes and chats: no value of a lead, no person and no address stands in it."""

import shutil
from collections import namedtuple
from datetime import UTC, datetime, timedelta

import pytest
from alarmed import telling
from brand import RULES as USUAL
from brand import record
from converting import finding, reversal
from logins import guess
from receiving import Receiver, answer, delivering

import database
from alerts import looking, wording
from alerts.arrivals import MANY_TESTS
from alerts.concern import LONGEST_NAME, NOBODY, Concern, sender, shown
from alerts.sources import KINDS
from alerts.telling import send_due
from database import disk
from delivery import outbox
from models import Delivery, first_id

CANARY = "canary"
RULES = """
title: Home loans
partner: irpid
test_flag: is_test
fields:
  email: {type: email, required: true}
  phone: {type: phone, country: US}
  city: {}
  irpid: {}
  is_test: {type: boolean}
rules:
  - {id: per-email, limit: 4, per: day, by: [email]}
  - {id: per-city, limit: 6, per: day, by: [city]}
  - {id: spent, budget: 1000, per: day, by: [email, city]}
  - {id: far, reject_if: city == 'canary far away', note: Too far}
deliver: [{to: crm}, {to: shelf}, {to: nowhere}, {to: dump}]
sale_amount: 10.00
currency: USD
impact: {campaign: 1000, event_type: 2240}
ends: ENDS
"""
NOT_HERE = {"silence", "file_changed"}  # which need other shops: no lead has a part in them


@pytest.fixture
def receivers():
    with Receiver(answer(401, b"canary")) as locked, Receiver(answer(422, b"canary")) as picky:
        yield locked, picky


@pytest.fixture
def troubled(make_shop, receivers, monkeypatch):
    """A shop in which all goes wrong that can, with leads whose every value is a canary."""
    locked, picky = receivers
    now = datetime.now(UTC)
    rules = RULES.replace("ENDS", f"{now + timedelta(days=3):%F}")
    to = delivering(crm=locked.url, shelf=locked.url, dump=picky.url) | telling(locked.url)
    shop = make_shop(rules, **to, impact_sid="canary", impact_token="canary")
    with shop.app.app_context():
        looking.have_told(wording.of_test(now, ""))
    send_due(shop.app.extensions["datapost"].settings)
    for number in range(60):
        fields = {"email": f"canary.{number}@canary.example", "city": "canary far away" if number % 2 else "canary"}
        record(
            shop.program, now - timedelta(days=3 + number % 6, hours=1), irpid="rising", phone="4155552671", **fields
        )
    for number in range(25):
        fields = {"email": f"canary.{number}@canary.example", "city": f"canary.{number}", "phone": "415-555-2671"}
        record(shop.program, now, irpid="rising", **fields)
    for number in range(60):
        fields = {"email": f"canary{number}@canary.example", "phone": "415-555-2671", "city": "canary city"}
        record(shop.program, now - timedelta(days=3 + number % 6, hours=1), irpid="bright", **fields)
    for number in range(30):
        fields = {"email": f"canary{number}@canary.example", "city": "canary far away", "canary_phone": "4155552671"}
        record(shop.program, now, irpid="bright", **fields)
    for number in range(5):
        record(shop.program, now, email="canary@canary.example", city=f"canary{number}")
        record(shop.program, now, email=f"canary{number}@canary.example", city="canary")
    for number in range(MANY_TESTS):
        record(shop.program, now, email=f"canary{number}@canary.example", irpid="tester", is_test="yes")
    shop.count_days()
    shop.outage.happens(is_lead=True)
    database.transact(shop.outage.note)
    former = Delivery.update(destination="former").where(
        Delivery.destination == "nowhere", Delivery.lead < first_id(now)
    )
    database.transact(former.execute)
    finding("0" * 26, "partner_differs", found="canary", action="canary")
    reversal("1" * 26, "failed", partner="canary", reason="canary", error="impact.com refused it")
    reversal("2" * 26, partner="canary", reason="canary", locking_at=now + timedelta(days=1))
    shop.sender.run_due()
    outbox.pause("shelf", "canary of the brand")
    guess(shop.app, 20, "203.0.113.77", "canary")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1_500_000))
    monkeypatch.setattr(disk, "file_system", lambda path: "tmpfs")
    shop.book.folder.joinpath("broken.yaml").write_text("fields: {canary: {type: canary}}")
    return shop


def test_no_value_no_person_and_no_address_is_told(troubled, clock):
    clock.passes(2)
    found = troubled.concerns()
    assert {one.kind for one in found} == set(KINDS) - NOT_HERE
    for one in found:
        for text in (one.kind, one.program, one.subject, one.key, one.sentence, one.advice, one.link, str(one.values)):
            for told in (CANARY, "415", "@", "203.0.113", "127.0.0.1", "owner"):
                assert told not in text, one
    assert any(CANARY in one.inside for one in found)


def test_keys_are_unique_in_one_look_and_the_same_in_the_next(troubled):
    keys = [one.key for one in troubled.concerns()]
    assert len(set(keys)) == len(keys)
    assert [one.key for one in troubled.concerns()] == keys


def test_each_has_a_sentence_an_advice_and_where_it_has_a_page_a_link_to_it(troubled):
    with troubled.app.test_request_context():
        for one in troubled.concerns():
            assert one.sentence.endswith(".") and one.advice.endswith("."), one
            assert bool(one.endpoint) == bool(one.href) and (one.link or not one.endpoint)


def test_a_colon_in_the_name_of_a_program_makes_no_key_of_another_one():
    one, other = (Concern("cap", program, subject, "", "").key for program, subject in (("a:b", "c"), ("a", "b:c")))
    assert one != other


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bright", "bright"),
        ("Ünïted 日本 & <b>", "Ünïted 日本 & <b>"),
        ("two\r\nlines\tand \x1b[31mred", "two lines and [31mred"),
        ("\u202egpj.exe\u2066 \u200bx\u00a0y", "gpj.exe x y"),
        ("\u200b", "?"),
        ("x" * 81, "x" * 79 + "…"),
        ("x" * LONGEST_NAME, "x" * LONGEST_NAME),
    ],
)
def test_a_name_is_told_in_one_line_of_characters_that_are_seen(name, told):
    assert shown(name) == told


def test_two_partners_whose_names_look_the_same_have_keys_of_their_own(shop):
    names = ["bright", "bri\u200bght", "brigh\u200bt", "x" * 200, "x" * 201]
    subjects = [sender(shop.program, name).subject for name in names]
    assert len(set(subjects)) == len(names) and subjects[0] == "bright"
    assert all(subject.isprintable() and len(subject) < 100 for subject in subjects)


def test_a_partner_whose_name_is_sensitive_is_not_named(make_shop):
    shop = make_shop(USUAL.replace("irpid: {}", "irpid: {sensitive: true}"))
    who = sender(shop.program, "ann@example.com")
    assert who.told == "a partner" and "ann" not in who.subject and who.filters == {}
    assert sender(shop.program, "").told == NOBODY
