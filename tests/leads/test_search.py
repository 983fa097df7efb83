"""Leads are found by each filter, newest first, page by page, and never by reading all of them."""

from datetime import timedelta

import pytest
from cast import scans, statements
from counted import NOW, RULES, program, submit

import database
from leads import search
from leads.search import Filter, FilterError, read_filter
from models import Lead

PROGRAM = program("default", RULES + "\ncustomer: [email]\n")
UK = program("uk", "fields: {phone: {type: phone, country: GB}, mobile: {type: phone, country: DE}}")
US = program("us", "fields: {email: {type: email}, phone: {type: phone, country: US}}\ncustomer: [email, phone]")
PROGRAMS = {one.name: one for one in (PROGRAM, UK, US)}


def wanted(**texts):
    return read_filter(texts, PROGRAMS, NOW)


def found(**texts):
    with database.read():
        return [lead.id for lead in search.leads(wanted(**texts))]


@pytest.fixture
def leads(ledger):
    return {
        "old": submit(NOW - timedelta(days=3)).id,
        "young": submit(NOW - timedelta(hours=30), years=17, partner="8").id,
        "ann": submit(NOW - timedelta(hours=20), years=95, email="Ann@Example.com").id,
        "uk": submit(NOW - timedelta(hours=2), UK, partner="9", phone="020 7946 0018").id,
        "test": submit(NOW, is_test="yes").id,
        "none": submit(NOW, email="", years=3, partner="").id,
    }


FILTERS = {
    "program": ({"program": "uk"}, ["uk"]),
    "since": ({"since": "1d"}, ["ann", "uk", "test", "none"]),
    "until": ({"until": "1d"}, ["old", "young"]),
    "a day": ({"since": "2026-03-19", "until": "2026-03-19", "program": "default"}, ["young", "ann"]),
    "a day without dashes": ({"since": "20260319", "until": "20260319", "program": "default"}, ["young", "ann"]),
    "a moment": ({"since": "2026-03-19T09:31:00", "until": "2026-03-20 13:31Z", "program": "default"}, ["ann"]),
    "valid": ({"valid": "yes"}, ["old", "ann", "uk", "test"]),
    "refused": ({"valid": "no"}, ["young", "none"]),
    "tests": ({"test": "yes"}, ["test"]),
    "no tests": ({"test": "no"}, ["old", "young", "ann", "uk", "none"]),
    "partner": ({"partner": "8"}, ["young"]),
    "reason": ({"reason": "adult"}, ["young"]),
    "another reason": ({"reason": "email.required"}, ["none"]),
    "observed": ({"observed": "old"}, ["ann"]),
    "email": ({"email": " ANN@EXAMPLE.COM "}, ["ann"]),
    "phone": ({"phone": "020 79460018"}, ["uk"]),
    "international phone": ({"phone": "+44 20 7946 0018"}, ["uk"]),
    "nothing": ({"reason": "", "email": None}, ["old", "young", "ann", "uk", "test", "none"]),
    "both": ({"reason": "adult", "partner": "7"}, []),
    "two of a kind": ({"reason": "adult", "observed": "old"}, []),
}


def test_each_filter_finds_its_leads_and_no_others(leads):
    names = {lead_id: name for name, lead_id in leads.items()}
    for name, (texts, expected) in FILTERS.items():
        assert (name, {names[lead_id] for lead_id in found(**texts)}) == (name, set(expected))


def test_a_lead_is_found_by_its_id_in_any_case(leads):
    assert found(id=leads["ann"].lower()) == [leads["ann"]]


def test_letters_that_are_not_ascii_are_found_in_either_case(ledger):
    lead = submit(NOW, email="Jörg@example.com")
    assert found(email="jörg@example.com") == found(email="JÖRG@EXAMPLE.COM") == [lead.id]


def test_an_operator_sees_the_leads_of_his_programs(leads):
    with database.read():
        for only in (Filter(programs=frozenset({"uk"})), Filter(programs=frozenset({"uk"}), program="uk")):
            assert [lead.id for lead in search.page(only)[0]] == [leads["uk"]]
        both = search.page(Filter(programs=frozenset({"uk", "default"})))[0]
        assert [lead.id for lead in both] == sorted(leads.values(), reverse=True)
        assert search.page(Filter(programs=frozenset({"us"}), program="uk"))[0] == []
        assert search.page(Filter(programs=frozenset()))[0] == []


def test_pages_hold_every_lead_once_the_newest_first(ledger):
    for number in range(7):
        submit(NOW + timedelta(seconds=number))
        submit(NOW + timedelta(seconds=number), email="")
    for texts in ({}, {"valid": "yes"}, {"partner": "7"}, {"reason": "email.required"}):
        check_pages(texts)


def check_pages(texts):
    pages, after = [], None
    with database.read():
        while True:
            page, after = search.page(wanted(**texts), after, size=3)
            pages.append([lead.id for lead in page])
            if after is None:
                break
    seen = [lead_id for page in pages for lead_id in page]
    assert seen == found(**texts) == sorted(set(seen), reverse=True)
    assert {len(page) for page in pages[:-1]} == {3}


@pytest.mark.parametrize("texts", [{}, {"reason": "email.required"}, {"since": "2026-03-20T13:30:03Z"}])
def test_all_leads_are_read_in_chunks_from_either_end(ledger, monkeypatch, texts):
    monkeypatch.setattr(search, "CHUNK", 2)
    for number in range(5):
        submit(NOW + timedelta(seconds=number), email="")
    with database.read(), statements() as seen:
        assert [lead.id for lead in search.each(wanted(**texts))] == found_newest(texts)
        assert [lead.id for lead in search.each(wanted(**texts), newest_first=False)] == found_newest(texts)[::-1]
    assert len(seen) > 5


def found_newest(texts):
    return [lead.id for lead in search.leads(wanted(**texts))]


MISTAKES = {
    "email": ("ann", "email is not an email address"),
    "phone": ("12", "phone is not a phone number: write it with its country"),
    "since": ("yesterday", "since takes a date such as 2026-11-01 or a time ago"),
    "until": ("2026-02-30", "until takes a date"),
    "valid": ("perhaps", "valid is one of: valid, "),
    "test": ("perhaps", "test is one of: yes"),
    "id": ("01", "id is not the id of a lead"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_text_that_is_no_filter_is_told_with_what_to_write(name):
    text, sentence = MISTAKES[name]
    with pytest.raises(FilterError, match=sentence):
        wanted(**{name: text})


def test_a_filter_may_hold_any_text(ledger):
    for text in ("\0", "\ud800", "x" * 9999, "' or 1=1 --"):
        assert found(program=text, partner=text, reason=text, observed=text) == []


def test_a_cursor_that_is_none_is_told(ledger):
    with pytest.raises(FilterError, match="start again from the first one"), database.read():
        search.page(Filter(), after="x' or 1=1")


def test_a_phone_may_be_one_of_several_countries(ledger):
    assert wanted(phone="030 901820").phones == ("+4930901820",)
    assert wanted(phone="+1 415 555 2671").phones == ("+14155552671",)
    both = wanted(phone="020 7946 0018").phones
    assert "+442079460018" in both


def test_repeats_share_an_email_a_phone_or_a_customer(ledger):
    lead = submit(NOW, US, email="Ann@example.com", phone="415 555 2671")
    same_email = submit(NOW, PROGRAM, email="ann@example.com")
    same_phone = submit(NOW, US, email="", phone="+14155552671")
    submit(NOW, US, email="bob@example.com", phone="415 555 2672")
    submit(NOW, US, email="", phone="")
    with database.read():
        assert {other.id for other in search.repeats_of(lead)} == {same_email.id, same_phone.id}


def test_a_lead_whose_values_were_removed_names_no_other_lead_and_is_named_by_none(ledger):
    customers = program("default", "customer: [email]\nfields: {email: {type: email}}")
    first, second, third = (submit(NOW, customers, email="ann@example.com") for _ in range(3))
    database.transact(Lead.update(masked_at=NOW, email="").where(Lead.id == first.id).execute)
    with database.read():
        assert [other.id for other in search.repeats_of(second)] == [third.id]
        assert search.repeats_of(Lead.get_by_id(first.id)) == []


IN_ORDER = ("nothing", "no tests", "tests")  # the index is read from its end, no further than the page


def test_every_filter_is_answered_from_an_index(leads):
    for name, (texts, _) in FILTERS.items():
        with statements() as seen, database.read():
            search.page(wanted(**texts), after=leads["none"])
            search.page(wanted(**texts))
        with database.read():
            for sql, params in seen:
                plan = [line for line in scans(sql, params) if "_wrapped" not in line]  # what is counted, of an index
                assert not [line for line in plan if "INDEX" not in line or name not in IN_ORDER], (name, sql)


def test_repeats_are_found_from_indexes(ledger):
    lead = submit(NOW, US, email="ann@example.com", phone="415 555 2671")
    with statements() as seen, database.read():
        search.repeats_of(lead)
    with database.read():
        assert len(seen) == 3
        assert not [sql for sql, params in seen if scans(sql, params)]
