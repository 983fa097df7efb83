"""Leads that were stored before all addresses of a mailbox were one person: known again, on both engines."""

from datetime import timedelta

import pytest
from counted import NOW, program
from purged import post

import database
import models
from leads import erasure, known
from models import Fact, Lead, Taken

RULES = """
customer: [email]
fields:
  email: {type: email, exact: true}
  name: {}
  zip: {}
  is_test: {type: boolean}
test_flag: is_test
rules:
  - {id: r, unique: [email], within: 90 days}
"""
BEFORE, TODAY = RULES, RULES.replace(", exact: true", "").replace("zip: {}", "zip: {type: postal_code, country: US}")


def lead(to=TODAY, at=NOW, **fields):
    body = "&".join(f"{name}={text.replace('+', '%2B')}" for name, text in fields.items())
    return post(body.encode(), to=program("default", to), at=at)


def know_again(rules=TODAY):
    while database.transact(lambda: known.know_again([program("default", rules)])):
        pass


def codes(**fields):
    return lead(at=NOW + timedelta(days=1), **fields).reasons


def test_the_same_address_is_known_at_once(ledger):
    lead(BEFORE, email="pat.doe+x@gmail.com")
    assert codes(email="Pat.Doe+X@gmail.com") == ["r"]


@pytest.mark.parametrize("address", ["patdoe@gmail.com", "p.atdoe@googlemail.com", "pat.doe+x@gmail.com"])
def test_every_other_address_of_the_mailbox_is_known_when_the_leads_were_gone_through(ledger, address):
    lead(BEFORE, email="pat.doe@gmail.com")
    lead(BEFORE, email="patdoes@gmail.com")
    know_again()
    assert codes(email=address) == ["r"]
    assert codes(email="pat@gmail.com") == []


def test_a_place_goes_on_for_as_long_as_it_would_have(ledger):
    lead(BEFORE, email="pat.doe@gmail.com")
    know_again()
    assert lead(at=NOW + timedelta(days=89), email="patdoe@gmail.com").reasons == ["r"]
    assert lead(at=NOW + timedelta(days=90), email="patdoe@gmail.com").reasons == []


@pytest.mark.parametrize("younger", ["pat.doe@gmail.com", "patdoe@gmail.com"])
def test_of_two_addresses_that_came_before_the_younger_lead_counts(ledger, younger):
    (older,) = {"pat.doe@gmail.com", "patdoe@gmail.com"} - {younger}
    lead(BEFORE, email=older, at=NOW - timedelta(days=60))
    lead(BEFORE, email=younger)
    know_again()
    for address in (older, younger):
        assert lead(at=NOW + timedelta(days=89), email=address).reasons == ["r"]
    assert lead(at=NOW + timedelta(days=90), email=older).reasons == []


def test_places_of_several_fields_and_of_zips_are_known(ledger):
    before, today = (rules.replace("unique: [email]", "unique: [email, zip], across: all") for rules in (BEFORE, TODAY))
    lead(before, email="a.b@gmail.com", zip="78704-1234")
    know_again(today)
    assert lead(today, email="ab@gmail.com", zip="78704", at=NOW + timedelta(days=1)).reasons == ["r"]
    assert lead(today, email="ab@gmail.com", zip="78705", at=NOW + timedelta(days=1)).reasons == []


def test_tests_and_refused_leads_hold_no_place(ledger):
    lead(BEFORE, email="pat.doe@gmail.com", is_test="yes")
    know_again()
    assert codes(email="patdoe@gmail.com") == []


def test_it_is_done_once_and_changes_nothing_that_is_right(ledger, monkeypatch):
    monkeypatch.setattr(known, "AT_ONCE", 2)
    for number in range(5):
        lead(BEFORE, email=f"a.{number}@gmail.com")
        lead(BEFORE, email=f"a.{number}@example.com")
    know_again()
    with database.read():
        before = sorted(Taken.select().tuples())
        assert Fact.get_by_id("mailboxes:default").value == "done"
    lead(BEFORE, email="late.one@gmail.com")
    assert not database.transact(lambda: known.know_again([program("default", TODAY)]))
    with database.read():
        assert len(before) + 1 == Taken.select().count()


def test_a_program_whose_addresses_are_exact_is_left_as_it_is(ledger):
    lead(BEFORE, email="pat.doe@gmail.com")
    know_again(BEFORE)
    assert lead(BEFORE, email="patdoe@gmail.com", at=NOW + timedelta(days=1)).valid
    assert lead(BEFORE, email="pat.doe@gmail.com", at=NOW + timedelta(days=1)).reasons == ["r"]


# --- Customers ---


def test_a_customer_keeps_the_id_that_was_answered_before(ledger):
    first = lead(BEFORE, email="pat.doe@gmail.com")
    assert lead(email="pat.doe@gmail.com").customerid == first.customerid
    know_again()
    for address in ("pat.doe@gmail.com", "patdoe@gmail.com", "PatDoe+x@googlemail.com"):
        assert lead(email=address).customerid == first.customerid
    assert lead(email="pat@gmail.com").customerid != first.customerid


def test_of_two_customers_who_are_one_the_id_of_the_mailbox_stays(ledger):
    lead(BEFORE, email="pat.doe@gmail.com")
    plain = lead(BEFORE, email="patdoe@gmail.com")
    know_again()
    for address in ("pat.doe@gmail.com", "patdoe@gmail.com", "pat.doe+x@gmail.com"):
        assert lead(email=address).customerid == plain.customerid


def test_a_customer_whose_first_lead_was_erased_has_the_id_of_today(ledger):
    first = lead(BEFORE, email="pat.doe@gmail.com")
    know_again()
    person = erasure.with_email("patdoe@gmail.com", "patdoe@gmail.com")
    assert [found.id for found in erasure.find(person, lambda _: None)] == [first.id]
    erasure.erase(erasure.find(person, lambda _: None), person, "email")
    assert lead(email="patdoe@gmail.com").customerid == models.customer_of(["patdoe@gmail.com"]) != first.customerid


def test_a_lead_that_was_masked_since_is_found_by_the_customer_that_it_was(ledger):
    first = lead(BEFORE, email="pat.doe@gmail.com")
    know_again()
    database.transact(Lead.update(masked_at=NOW, email="", body=b"", fields={}).where(Lead.id == first.id).execute)
    person = erasure.with_email("patdoe@gmail.com", "patdoe@gmail.com")
    assert [found.id for found in erasure.find(person, lambda _: None)] == [first.id]
    erasure.forget_places(erasure.find(person, lambda _: None), person, [program("default", TODAY)])
    assert codes(email="pat.doe@gmail.com") == []
