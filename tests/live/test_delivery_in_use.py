"""Leads on their way to a brand's own system: the real service, and receivers that do what receivers do."""

import json
import signal
import sqlite3
from contextlib import closing

import pytest
from cast import NEVER
from receiving import answer
from standardwebhooks import Webhook
from ulid import ULID

RULES = """
fields: {email: {type: email, required: true}, first_name: {}}
deliver: [{to: crm}]
"""
NOW_AND_NOBODYS = "UPDATE delivery SET due_at = 0, lease_until = NULL WHERE state = 'waiting'"


@pytest.fixture
def shop(make_service, receiver):
    """A service that delivers to the receiver; it has not started."""
    return make_service(RULES, **to(receiver))


def to(receiver):
    return {"DATAPOST_DELIVER_CRM": receiver.url, "DATAPOST_DELIVER_PRIVATE": "on"}


def lead(service, email="ann@acme.example", **fields):
    """Post a lead, and return its id."""
    status, _, made = service.post(json.dumps({"email": email} | fields), timeout=NEVER)
    assert (status, made["valid"]) == (200, True)
    return made["uniqueid"]


def rows(service):
    """Return what became of each lead, by its id."""
    with closing(sqlite3.connect(service.database)) as stored:
        stored.row_factory = sqlite3.Row
        return {row["lead"]: dict(row) for row in stored.execute("SELECT * FROM delivery")}


def have_time_pass(service):
    """Have all that waits be due, and no lease run any more."""
    with closing(sqlite3.connect(service.database, timeout=NEVER)) as stored, stored:
        stored.execute(NOW_AND_NOBODYS)


def leads_of(receiver):
    """Return the webhook-ids that came of each lead, by the id that stands in its body."""
    came = {}
    for request in list(receiver.requests):
        came.setdefault(json.loads(request.body)["id"], []).append(request.headers["webhook-id"])
    return came


def closes(_place, _request):
    """Say nothing, and hang up."""


@pytest.mark.parametrize(
    ("answers", "state", "attempts", "status", "error"),
    [
        (answer(200), "sent", 1, 200, ""),
        (answer(500), "waiting", 1, 500, "it answered 500"),
        (answer(422), "dead", 1, 422, "it answered 422"),
        (answer(429, Retry_After="3600"), "waiting", 1, 429, "it answered 429"),
        (answer(307, Location="http://127.0.0.1:1/"), "waiting", 0, 307, "it answered 307"),
        (closes, "waiting", 1, None, "the connection broke before it answered"),
        (b"no HTTP\r\n\r\n", "waiting", 1, None, "the connection broke before it answered"),
    ],
)
def test_what_a_receiver_answers_says_what_becomes_of_a_lead(shop, receiver, answers, state, attempts, status, error):
    receiver.answers = answers
    shop.start()
    made = lead(shop)
    receiver.wait_for(1)
    shop.stop()
    found = rows(shop)[made]
    assert (found["state"], found["attempts"], found["last_status"], found["error"]) == (state, attempts, status, error)
    waits = (found["due_at"] - found["last_at"]) / 1000
    assert waits >= 3600 if status == 429 else waits < 60
    assert len(receiver.requests) == 1


def test_who_sends_a_lead_does_not_wait_for_who_receives_it(shop, receiver):
    receiver.answers = lambda place, _: receiver.done.wait(NEVER) and place.sendall(answer())
    shop.start()
    made = [lead(shop, f"a{number}@acme.example") for number in range(20)]  # each is answered
    receiver.wait_for(1)
    assert {rows(shop)[each]["state"] for each in made} == {"waiting"}
    receiver.done.set()
    receiver.wait_for(20)
    shop.stop()
    assert {row["state"] for row in rows(shop).values()} == {"sent"}


def test_a_stop_finishes_the_call_on_its_way(shop, receiver):
    receiver.answers = lambda place, _: receiver.done.wait(NEVER) and place.sendall(answer())
    shop.start()
    made = lead(shop)
    receiver.wait_for(1)
    shop.process.send_signal(signal.SIGTERM)
    assert rows(shop)[made]["state"] == "waiting"
    receiver.done.set()
    shop.stop()
    assert (rows(shop)[made]["state"], len(receiver.requests)) == ("sent", 1)


def test_a_receiver_verifies_what_comes_by_the_librarys_own_verifier(shop, receiver):
    old, new = "whsec_" + "A" * 32, "whsec_" + "B" * 32
    shop.environ["DATAPOST_DELIVER_CRM_SECRET"] = f"{old} {new}"
    shop.start()
    made = lead(shop, first_name="José 李")
    receiver.wait_for(1)
    (request,) = receiver.requests
    for secret in (old, new):
        body = Webhook(secret).verify(request.body, request.headers)
        assert (body["id"], body["fields"]["first_name"]) == (made, "José 李")


def test_a_start_sends_what_waits_from_before(shop, receiver):
    receiver.answers = answer(503)
    shop.start()
    made = lead(shop)
    receiver.wait_for(1)
    shop.stop()
    have_time_pass(shop)
    receiver.answers = answer(200)
    shop.start()
    receiver.wait_for(2)
    shop.stop()
    assert (rows(shop)[made]["state"], leads_of(receiver)) == ("sent", {made: [f"{made}_crm"] * 2})


def test_leads_that_came_before_there_was_an_address_go_once_there_is_one(make_service, receiver):
    shop = make_service(RULES)
    shop.start()
    made = {lead(shop, f"a{number}@acme.example") for number in range(5)}
    shop.stop()
    shop.environ |= to(receiver)
    shop.start()
    receiver.wait_for(5)
    assert leads_of(receiver).keys() == made


def test_a_second_attempt_comes_after_seconds_and_not_with_the_next_lead_alone(shop, receiver):
    receiver.answers = lambda place, _: place.sendall(answer(503 if len(receiver.requests) == 1 else 200))
    shop.start()
    made = lead(shop)
    receiver.wait_for(2)
    shop.stop()
    found = rows(shop)[made]
    assert (found["state"], found["attempts"]) == ("sent", 2)
    assert found["sent_at"] - milliseconds_of(made) < 12_000  # 5 seconds, and not half a minute


def milliseconds_of(lead_id):
    """Return the milliseconds since 1970 that the id of a lead begins with."""
    return ULID.from_str(lead_id).timestamp * 1000


FORGED = {"id": "forged", "lead_id": "forged", "$id": "forged", "test": True, "type": "lead.erased"}
FORGED |= {"webhook-id": "forged", "delivery": {"id": "forged"}}


def test_a_mark_that_a_partner_sets_himself_changes_nothing_of_the_id(make_service, receiver):
    declared = "fields: {email: {type: email, required: true}, id: {}, test: {}, type: {}}\n"
    shop = make_service(declared + "deliver: [{to: crm}]", **to(receiver)).start()
    headers = {"webhook-id": "forged", "Idempotency-Key": "forged"}
    _, _, told = shop.post(json.dumps({"email": "ann@acme.example"} | FORGED), headers)
    receiver.wait_for(1)
    (request,) = receiver.requests
    body = json.loads(request.body)
    assert (body["id"], request.headers["webhook-id"]) == (told["uniqueid"], f"{told['uniqueid']}_crm")
    assert request.headers["idempotency-key"] == request.headers["webhook-id"]
    assert body["test"] is False and "type" not in body
    assert body["fields"]["id"] == "forged"


def test_a_field_called_id_leaves_the_leads_own_id_its_place(make_service, receiver):
    declared = "fields: {email: {type: email, required: true}, id: {}}\n"
    shop = make_service(declared + "deliver: [{to: crm, fields: [email, id]}]", **to(receiver)).start()
    _, _, told = shop.post(json.dumps({"email": "ann@acme.example"} | FORGED))
    receiver.wait_for(1)
    body = {"lead_id": told["uniqueid"], "email": "ann@acme.example", "id": "forged"}
    assert json.loads(receiver.requests[0].body) == body


HASTY = """
from datetime import timedelta
from functools import partial
from delivery import kinds, outbox
kinds.call = partial(kinds.call, seconds=1)
outbox.DELAYS[0] = timedelta(seconds=0.1)
"""


def test_a_receiver_that_stores_a_lead_and_answers_too_late_gets_it_again_under_the_same_id(shop, receiver):
    receiver.answers = lambda place, _: receiver.done.wait(NEVER) and place.sendall(answer())
    shop.have_first(HASTY).start()
    made = lead(shop)
    receiver.wait_for(2)
    receiver.done.set()
    receiver.answers = answer()
    log = shop.stop()
    assert "it did not answer within 1 seconds" in log
    assert leads_of(receiver) == {made: [f"{made}_crm"] * 2}
    assert rows(shop)[made]["state"] == "sent"
