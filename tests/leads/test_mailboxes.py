"""A person is found and erased by any address of one mailbox."""

import json
import time
from urllib.parse import quote

import pytest
from cast import FORM, JSON, XML, Partner, scans, statements
from counted import NOW, program, submit
from purged import PROGRAM, post, stored

import database
from judge.mailboxes import PROVIDERS
from leads import erasure, search
from models import Lead

GMAIL = ["pat.doe@gmail.com", "patdoe@gmail.com", "P.atDoe+x@googlemail.com"]
OTHERS = ["patdo@gmail.com", "patdoes@gmail.com", "xpatdoe@gmail.com", "patdoe@gmail.example", "patdoe1@gmail.com"]
OTHERS += ["pat.doe@mail.gmail.com", "patdoe-x@gmail.com", "pat_doe@gmail.com", "patdoe@outlook.com"]
OUTLOOK = ["a.b@outlook.com", "A.b+x@outlook.com"]
NOT_OUTLOOK = ["ab@outlook.com", "a.b@hotmail.com", "a.b-x@outlook.com"]
YAHOO, NOT_YAHOO = ["pat-x@yahoo.com", "pat-y@yahoo.com", "pat@yahoo.com"], ["pat+x@yahoo.com", "pat-x@yahoo.de"]
MAILBOXES = [(GMAIL, OTHERS), (OUTLOOK, NOT_OUTLOOK), (YAHOO, NOT_YAHOO)]


def found(email):
    with database.read():
        return {lead.email for lead in search.leads(search.read_filter({"email": email}, {}))}


@pytest.mark.parametrize(("same", "others"), MAILBOXES)
def test_leads_are_found_by_any_address_of_their_mailbox(ledger, same, others):
    for address in [*same, *others]:
        submit(NOW, email=address)
    assert [found(address) for address in same] == [{*same}] * len(same)
    assert not {*same} & set().union(*map(found, others))


def test_what_repeats_a_lead_is_found_by_its_mailbox(ledger):
    first, second, _ = [submit(NOW, email=address) for address in [*GMAIL[:2], OTHERS[0]]]
    with database.read():
        assert [lead.id for lead in search.repeats_of(first)] == [second.id]


def test_leads_of_a_mailbox_are_found_from_an_index(ledger):
    submit(NOW, email=GMAIL[0])
    with statements() as seen:
        for address in (GMAIL[1], OUTLOOK[1], YAHOO[0]):
            found(address)
        with database.read():
            search.page(search.Filter(email=GMAIL[0]))
    with database.read():
        *looks, of_the_page = seen
        assert len(looks) == 5 and not scans(*of_the_page)
        for sql, params in looks:
            assert not scans(sql, params)
            assert "lead_mailbox" in str(_plan(sql, params))


def _plan(sql, params):
    word = "EXPLAIN" if database.engine().side_by_side else "EXPLAIN QUERY PLAN"
    return database.db.execute_sql(f"{word} {sql}", params).fetchall()


@pytest.mark.parametrize(("same", "others"), MAILBOXES)
def test_a_person_is_erased_by_any_address_of_the_mailbox(ledger, same, others):
    bodies = [b"email=%s" % quote(address).encode() for address in [*same, *others]]
    bodies += [b"x=%s" % quote(quote(same[1])).encode()]
    leads = [post(body, FORM).id for body in bodies]
    leads += [post(json.dumps({"note": f"write to {same[0]}"}).encode(), JSON).id]
    leads += [post(b"<l><e>%s</e></l>" % same[1].encode(), XML).id]
    for address in same:
        person = erasure.with_email(address, address)
        ids = [lead.id for lead in erasure.find(person, lambda _: None)]
        assert ids == [*leads[: len(same)], *leads[-3:]]
    erasure.erase(erasure.find(person, lambda _: None), person, "email")
    with database.read():
        assert {lead.email for lead in Lead.select()} == {"", *(address for address in others)}


def test_that_a_person_was_submitted_is_forgotten_under_every_address(ledger):
    lead = post(b"email=pat.doe%2Bx@gmail.com")
    person = erasure.with_email("patdoe@gmail.com", "patdoe@gmail.com")
    found = erasure.find(person, lambda _: None)
    erasure.forget_places(found, person, [PROGRAM])
    erasure.erase(found, person, "email")
    assert stored(lead).email == ""
    assert post(b"email=pat.doe@googlemail.com").valid


def test_a_masked_lead_is_known_by_the_customer_of_its_mailbox(ledger):
    customers = program("default", "customer: [email]\nfields: {email: {type: email}}")
    lead = submit(NOW, customers, email="pat.doe@gmail.com")
    database.transact(Lead.update(masked_at=NOW, email="", body=b"", fields={}).where(Lead.id == lead.id).execute)
    person = erasure.with_email("patdoe@gmail.com", "patdoe@gmail.com")
    assert [lead.id for lead in erasure.find(person, lambda _: None)] == [lead.id]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_long_text_is_soon_searched_for_a_mailbox(provider):
    address = f"aa@{provider.names[0]}"
    begin = time.process_time()
    assert not erasure.with_email(address, address).stands_in(f"aa{provider.tag}" * 30_000 + "a.a" * 30_000)
    assert time.process_time() - begin < 2


ANY = "fields: {{email: {field}, zip: {zip}}}\nrules: [{{id: d, unique: {{any_of: [email, zip]}}, across: all}}]"


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
@pytest.mark.parametrize(
    ("field", "plain", "lead"),
    [
        ("{type: email}", "{type: email, exact: true}", {"email": "pat.doe@gmail.com"}),
        ("{type: email}", "{}", {"email": "pat+x@outlook.com"}),
        ("{}", "{}", {"zip": "78704-1234"}),
    ],
)
def test_the_very_same_value_is_known_in_a_program_that_compares_it_otherwise(
    make_app, database_url, field, plain, lead, order
):
    first = ANY.format(field=field, zip="{type: postal_code, country: US}")
    second = ANY.format(field=plain, zip="{}")
    partner = Partner(make_app({"first": first, "second": second}, database_url=database_url))
    database.migrate()
    answers = [partner.lead(f"/leads/{name}", **lead)["valid"] for name in order]
    assert answers == ["true", "false"]


def test_a_mailbox_whose_addresses_are_told_apart_from_now_on_is_known_by_the_one_that_came(make_app, tmp_path, clock):
    partner = Partner(make_app("fields: {email: {type: email}}\nrules: [{id: d, unique: [email]}]"))
    partner.lead(email="pat.doe@gmail.com")
    (tmp_path / "rules" / "default.yaml").write_text(
        "fields: {email: {type: email, exact: true}}\nrules: [{id: d, unique: [email]}]"
    )
    clock.passes(20)
    assert [partner.lead(email=f"{name}@gmail.com")["valid"] for name in ("pat.doe", "p.atdoe")] == ["false", "true"]


def test_the_very_same_address_is_known_under_a_former_name_in_a_program_that_compares_it_otherwise(make_app):
    rule = "rules: [{id: d, unique: [NAME], across: all}]"
    first = f"fields: {{mail: {{type: email, aliases: [email]}}}}\n{rule.replace('NAME', 'mail')}"
    second = f"fields: {{email: {{}}}}\n{rule.replace('NAME', 'email')}"
    partner = Partner(make_app({"first": first, "second": second}))
    assert partner.lead("/leads/first", mail="pat.doe@gmail.com")["valid"] == "true"
    assert partner.lead("/leads/second", email="pat.doe@gmail.com")["valid"] == "false"
