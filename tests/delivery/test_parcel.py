"""What is sent of a lead: by the names of the destination or whole, as JSON or as a form, and always with its id."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from cast import Partner
from receiving import Receiver, answer, delivering

import database
from delivery import outbox
from delivery.parcel import erased, parcel_of
from models import Delivery, Lead, tell_erased
from web.presenting import presenter

RULES = """
title: Solar leads
partner: irpid
test_flag: is_test
customer: [email]
fields:
  email: {type: email, required: true}
  first_name: {}
  born: {type: date, sensitive: true}
  ssn: {store: false}
  ages: {type: integer, multiple: true}
  owner: {type: boolean}
  rooms: {type: integer}
  id: {}
  irpid: {}
  is_test: {type: boolean}
sale_amount: 25.00
"""
ANN = {"email": "ann@acme.example", "first_name": "Ann Ü", "born": "1985-04-17", "ssn": "123", "ages": ["34", "17"]}
ANN |= {"owner": "no", "rooms": "0", "irpid": "77"}


@pytest.fixture
def packed(make_app):
    """Return the lead of a partner as its program sends it: `packed("fields: [email]", email=…)`."""

    def pack(entry="", test=False, **fields):
        app = make_app(f"{RULES}deliver: [{{to: crm, tests: true{entry and ', '}{entry}}}]")
        partner = Partner(app)
        partner.lead(**(fields or ANN))
        (lead,), (program,) = partner.stored(), app.extensions["datapost"].rulebook.programs.values()
        present = presenter({program.name: program})
        return lead, parcel_of(program, program.spec.deliver[0], lead, present, test)

    return pack


# --- What goes along ---


def test_a_test_says_so_whatever_the_fields_are(packed):
    lead, parcel = packed("fields: {Mail: email}", email="ann@acme.example", is_test="yes")
    assert parcel.content == {"id": lead.id, "Mail": "ann@acme.example", "test": True} and parcel.test


def test_a_mapping_says_what_each_thing_is_called_there(packed):
    lead, parcel = packed("fields: {Mail: email, firstname: first_name, lead: $id}")
    assert parcel.content == {"Mail": "ann@acme.example", "firstname": "Ann Ü", "lead": lead.id}


def test_a_list_leaves_the_names_as_they_are(packed):
    lead, parcel = packed("fields: [email, $partner]")
    assert parcel.content == {"id": lead.id, "email": "ann@acme.example", "partner": "77"}


def test_one_field_may_go_under_several_names(packed):
    _, parcel = packed("fields: {id: $id, mail: email, login: email}")
    assert parcel.content["mail"] == parcel.content["login"] == "ann@acme.example"


def test_values_keep_their_types(packed):
    _, parcel = packed("fields: [ages, owner, rooms]")
    assert {name: parcel.content[name] for name in ("ages", "owner", "rooms")} == {
        "ages": [34, 17],
        "owner": False,
        "rooms": 0,
    }


def test_what_a_lead_does_not_have_is_left_out(packed):
    lead, parcel = packed("fields: [email, first_name, ages, rooms, $partner, $subpartner]", email=ANN["email"])
    assert parcel.content == {"id": lead.id, "email": "ann@acme.example"}


def test_what_datapost_itself_knows_of_a_lead_may_go_along(packed):
    names = "id program partner subpartner received_at sale_amount customerid note"
    lead, parcel = packed(f"fields: [{', '.join(f'${name}' for name in names.split())}]")
    at = parcel.content.pop("received_at")
    known = {"id": lead.id, "program": "default", "partner": "77", "sale_amount": "25.00"}
    known |= {"customerid": lead.customerid, "note": "Lead submitted successfully"}
    assert parcel.content == known and lead.customerid
    assert at.endswith("Z") and abs(datetime.fromisoformat(at) - lead.received_at) < timedelta(milliseconds=1)


def test_without_fields_the_whole_lead_goes_as_commands_show_it(packed):
    lead, parcel = packed()
    assert list(parcel.content) == [
        *("id", "program", "received_at", "user", "partner", "valid", "test", "reasons", "note"),
        *("sale_amount", "customerid", "fields"),
    ]
    assert parcel.content["id"] == lead.id and parcel.content["sale_amount"] == "25.00"
    assert parcel.content["fields"]["email"] == "ann@acme.example"
    assert parcel.content["fields"]["ages"] == [34, 17]


def test_in_a_whole_lead_what_is_sensitive_is_masked(packed):
    _, parcel = packed()
    assert parcel.content["fields"]["born"] == "***"
    assert "1985" not in parcel.body and "123" not in parcel.content["fields"].values()


def test_what_fields_name_goes_as_it_is(packed):
    _, parcel = packed("fields: [born]")
    assert parcel.content["born"] == "1985-04-17"


# --- The id ---


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ("[email]", "id"),
        ("{mail: email}", "id"),
        ("[id]", "lead_id"),
        ("{id: email}", "lead_id"),
        ("{lead_id: email}", "id"),
        ("{id: $id}", "id"),
        ("{uniqueid: $id, id: email}", "uniqueid"),
        ("[$id]", "id"),
    ],
)
def test_the_id_of_the_lead_is_always_there_and_once(packed, fields, name):
    lead, parcel = packed(f"fields: {fields}", **ANN | {"id": "of the sender"})
    assert [key for key, value in parcel.content.items() if value == lead.id] == [name]


def test_where_the_senders_id_is_missing_the_name_of_ours_is_the_same(packed):
    lead, parcel = packed("fields: [id, email]")
    assert parcel.content == {"lead_id": lead.id, "email": "ann@acme.example"}


def test_a_parcel_is_called_by_lead_and_destination(packed):
    lead, parcel = packed()
    assert (parcel.id, parcel.lead, parcel.destination) == (f"{lead.id}_crm", lead.id, "crm")
    assert (parcel.title, parcel.test, parcel.erased) == ("Solar leads", False, False)


def test_a_mail_may_show_what_fields_name_and_nothing_else(packed):
    _, parcel = packed("fields: {Mail: email}")
    assert parcel.named == {"Mail": "ann@acme.example"}


def test_without_fields_a_mail_shows_nothing(packed):
    assert packed()[1].named is None


# --- Tests ---


@pytest.mark.parametrize("entry", ["", "fields: [email]", "fields: {test: email}"])
def test_a_test_is_marked_in_its_body(packed, entry):
    _, parcel = packed(entry, test=True)
    assert parcel.test and json.loads(parcel.body)["test"] is True


def test_what_is_no_test_has_no_mark(packed):
    assert "test" not in packed("fields: [email]")[1].content


def test_a_whole_lead_says_whether_a_partner_sent_it_as_a_test(packed):
    assert packed(**ANN | {"is_test": "1"})[1].content["test"] is True


# --- How it is written ---


def test_json_is_written_in_ascii_and_read_as_it_was(packed):
    _, parcel = packed("fields: [first_name]")
    assert parcel.content_type == "application/json"
    assert parcel.body.isascii() and json.loads(parcel.body) == parcel.content


def test_a_form_has_the_values_of_several_one_after_the_other(packed):
    lead, parcel = packed("format: form, fields: [first_name, ages, owner, rooms]")
    assert parcel.content_type == "application/x-www-form-urlencoded"
    pairs = [("id", lead.id), ("first_name", "Ann Ü"), ("ages", "34"), ("ages", "17"), ("owner", "false")]
    assert parse_qsl(parcel.body) == [*pairs, ("rooms", "0")]


def test_a_whole_lead_as_a_form_is_flat(packed):
    lead, parcel = packed("format: form")
    found = dict(parse_qsl(parcel.body, keep_blank_values=True))
    assert found["id"] == lead.id and found["valid"] == "true" and found["test"] == "false"
    assert found["fields.email"] == "ann@acme.example" and found["fields.born"] == "***"


def test_a_test_is_marked_in_a_form(packed):
    assert ("test", "true") in parse_qsl(packed("format: form, fields: [email]", test=True)[1].body)


def test_what_an_app_prints_of_a_parcel_has_nothing_of_the_person(packed):
    assert "ann@" not in repr(packed("fields: [email]")[1])


def test_half_a_letter_breaks_no_form(packed):
    _, parcel = packed("format: form, fields: [first_name]", **ANN | {"first_name": "Ann \ud800"})
    assert dict(parse_qsl(parcel.body))["first_name"].startswith("Ann")


# --- Erasures ---


def test_an_erasure_is_told_by_the_id_alone():
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    parcel = erased("01LEAD", "crm", at)
    assert parcel.content == {
        "type": "lead.erased", "timestamp": "2026-03-01T12:00:00.000Z", "data": {"id": "01LEAD"}
    }  # fmt: skip
    assert (parcel.id, parcel.destination, parcel.erased) == ("01LEAD_crm:erased", "crm", True)
    assert parcel.content_type == "application/json"


def test_an_erasure_is_told_where_the_lead_is_gone_too():
    assert erased("01LEAD", "crm").content == {"type": "lead.erased", "data": {"id": "01LEAD"}}


def test_each_attempt_to_tell_an_erasure_says_the_same(make_app, clock):
    with Receiver(answer(503)) as receiver:
        rules = f"{RULES}deliver: [{{to: crm, erasures: true}}]"
        shop = Partner(make_app(rules, **delivering(crm=receiver.url)))
        sender = shop.app.extensions["datapost"].sender
        sender.wake = lambda: None
        lead = shop.lead(**ANN)["uniqueid"]
        erased_at = datetime(2026, 3, 1, 12, 0, 0, 7000, tzinfo=UTC)
        with database.read():
            row = Delivery.get(lead=lead)
        database.transact(Lead.update(masked_at=erased_at, fields={}).where(Lead.id == lead).execute)
        database.transact(lambda: tell_erased(row, erased_at))
        database.transact(Delivery.update(state="sent").where(Delivery.destination == "crm").execute)
        for _ in range(2):
            sender.run_due()
            outbox.resume("crm")
    first, second = receiver.requests
    assert first.body == second.body
    assert json.loads(first.body)["timestamp"] == "2026-03-01T12:00:00.007Z"
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == f"{lead}_crm:erased"
