"""A lead on its way from the endpoint to a receiver."""

import json
import threading
from datetime import UTC, datetime
from functools import partial

import pytest
from cast import NEVER, Partner
from receiving import Receiver, answer, delivering

import database
from delivery import kinds, outbox
from models import Delivery, tell_erased
from web.service import service
from web.settings import Settings

RULES = """
fields: {email: {type: email, required: true}, first_name: {}, state: {}}
deliver:
  - to: crm
    when: state == 'CA'
    fields: {email: email, firstname: first_name, lead_id: $id}
    erasures: true
"""


@pytest.fixture
def shop(make_app, receiver):
    """A partner of a service that delivers to the receiver when a test says so, and not by itself."""
    made = Partner(make_app(RULES, **delivering(crm=receiver.url)))
    made.sender = made.app.extensions["datapost"].sender
    made.sender.wake = lambda: None
    return made


def rows():
    with database.read():
        return {row.lead: row for row in Delivery.select()}


def test_a_valid_lead_arrives_with_the_names_of_the_destination(shop, receiver):
    lead = shop.lead(email="ann@acme.example", first_name="Ann", state="CA")["uniqueid"]
    assert shop.sender.run_due() == {"sent": 1}
    body = {"email": "ann@acme.example", "firstname": "Ann", "lead_id": lead}
    assert json.loads(receiver.requests[0].body) == body
    assert rows()[lead].state == "sent"


@pytest.mark.parametrize("fields", [{"state": "NY"}, {}, {"state": "CA", "email": "no address"}])
def test_a_lead_that_fits_no_condition_or_is_refused_goes_nowhere(shop, fields):
    shop.lead(**{"email": "ann@acme.example"} | fields)
    assert rows() == {}


def test_a_lead_whose_place_is_taken_goes_nowhere(make_app, receiver):
    rules = RULES + "rules: [{id: duplicate, unique: [email]}]"
    shop = Partner(make_app(rules, **delivering(crm=receiver.url)))
    try:
        leads = [shop.lead(email="ann@acme.example", state="CA")["uniqueid"] for _ in range(2)]
        receiver.wait_for(1)
    finally:
        shop.app.extensions["datapost"].sender.stop()
    assert list(rows()) == leads[:1]


def test_a_replay_is_not_sent_again(shop, receiver):
    for _ in range(2):
        shop.lead(email="ann@acme.example", state="CA", headers={"Idempotency-Key": "one"})
        shop.sender.run_due()
    assert len(receiver.requests) == 1


def test_the_threads_send_without_being_asked(make_app, receiver):
    shop = Partner(make_app(RULES, **delivering(crm=receiver.url)))
    sender = shop.app.extensions["datapost"].sender
    try:
        leads = [shop.lead(email=f"a{n}@acme.example", state="CA")["uniqueid"] for n in range(20)]
        receiver.wait_for(20)
    finally:
        sender.stop()
    assert sorted(json.loads(request.body)["lead_id"] for request in receiver.requests) == sorted(leads)
    assert {row.state for row in rows().values()} == {"sent"}


def test_a_mended_mapping_heals_what_waits(shop, receiver, tmp_path, clock):
    receiver.answers = answer(503)
    shop.lead(email="ann@acme.example", first_name="Ann", state="CA")
    assert shop.sender.run_due() == {"again": 1}
    (tmp_path / "rules/default.yaml").write_text(RULES.replace("firstname:", "given_name:"))
    clock.passes(2)
    receiver.answers = answer(200)
    outbox.resume("crm")
    assert shop.sender.run_due() == {"sent": 1}
    assert json.loads(receiver.requests[-1].body)["given_name"] == "Ann"


def test_a_fault_of_ours_costs_an_attempt_and_no_lead(shop, monkeypatch, caplog):
    lead = shop.lead(email="ann@acme.example", state="CA")["uniqueid"]
    monkeypatch.setattr("delivery.sending.parcel_of", lambda *_: 1 / 0)
    assert shop.sender.run_due() == {"again": 1}
    assert (rows()[lead].state, rows()[lead].error) == ("waiting", "a fault of ours: the log says more")
    assert "ann@" not in caplog.text


def test_no_line_of_the_log_holds_a_value_an_address_or_a_token(shop, receiver, caplog):
    receiver.answers = answer(401)
    shop.lead(email="ann@acme.example", state="CA")
    shop.sender.run_due()
    with shop.app.app_context():
        assert service().sender is shop.sender
    assert "destination paused" in caplog.text
    assert not any(secret in caplog.text for secret in ("ann@", "canary", "/hook"))


def test_a_receiver_that_stores_a_lead_and_answers_too_late_gets_the_same_id_again(shop, receiver, monkeypatch):
    patient = kinds.call
    monkeypatch.setattr(kinds, "call", lambda *arguments: patient(*arguments, seconds=0.2))
    receiver.answers = lambda place, _: receiver.done.wait(NEVER) and place.sendall(answer())
    lead = shop.lead(email="ann@acme.example", state="CA")["uniqueid"]
    assert shop.sender.run_due() == {"again": 1}
    assert rows()[lead].error == "it did not answer within 0.2 seconds"
    monkeypatch.undo()
    receiver.done.set()
    receiver.answers = answer()
    outbox.resume("crm")
    assert shop.sender.run_due() == {"sent": 1}
    assert [request.headers["webhook-id"] for request in receiver.requests] == [f"{lead}_crm"] * 2


def test_destinations_that_hang_keep_no_other_one_waiting(make_app, receiver):
    def hang(_place, _request):
        hanging.done.wait(NEVER)

    rules = "fields: {email: {}}\ndeliver: [{to: a}, {to: b}, {to: c}]"
    with Receiver(hang) as hanging:
        shop = Partner(make_app(rules, **delivering(a=hanging.url, b=hanging.url, c=receiver.url)))
        try:
            for n in range(6):
                shop.lead(email=f"a{n}@acme.example")
            hanging.wait_for(8)
            shop.lead(email="ann@acme.example")
            receiver.wait_for(7)
        finally:
            hanging.done.set()
            shop.app.extensions["datapost"].sender.stop()


def test_where_no_thread_can_be_started_the_lead_is_valid_and_sent_with_the_next(make_app, receiver, monkeypatch):
    shop, start = Partner(make_app(RULES, **delivering(crm=receiver.url))), threading.Thread.start

    def refuse(thread):
        if thread.name == "sender":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert shop.lead(email="ann@acme.example", state="CA")["valid"]
    try:
        shop.lead(email="bob@acme.example", state="CA")
        receiver.wait_for(2)
    finally:
        shop.app.extensions["datapost"].sender.stop()


def test_ten_erasures_that_hubspot_is_not_told_of_pause_nothing(make_app, receiver):
    contact = json.dumps({"results": [{"id": "1"}]}).encode()
    receiver.answers = answer(200, contact)
    rules = "fields: {email: {}}\ndeliver: [{to: crm, fields: [email], erasures: true}]"
    token = {"DATAPOST_DELIVER_CRM_TOKEN": "to-ken"}
    settings = Settings.load(
        {"DATAPOST_DELIVER_CRM": f"hubspot:{receiver.url}", "DATAPOST_DELIVER_PRIVATE": "on"} | token
    )
    shop = Partner(make_app(rules, destinations=settings.destinations, deliver_private=True))
    sender = shop.app.extensions["datapost"].sender
    sender.wake = lambda: None
    for n in range(12):
        shop.lead(email=f"a{n}@acme.example")
    assert sender.run_due() == {"sent": 12}
    now = datetime.now(UTC)
    for row in rows().values():
        database.transact(partial(tell_erased, row, now))
    shop.lead(email="ann@acme.example")
    assert sender.run_due() == {"sent": 1, "dead": 12}
    with database.read():
        assert not outbox.paused()
