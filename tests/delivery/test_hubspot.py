"""HubSpot: a lead is a contact, made or changed by its address; its answer can be a mix, and is read."""

import json
from dataclasses import replace

import pytest
from receiving import Receiver, answer

from delivery.answers import Outcome
from delivery.parcel import Parcel, erased

PARCEL = Parcel("01LEAD_crm", "01LEAD", "crm", {}, named={"email": "ann@acme.example", "firstname": "Ann"})
NO_PROPERTY = "HubSpot has no such property, or does not take a value (VALIDATION_ERROR)"


def body(**content):
    return json.dumps({"status": "COMPLETE"} | content).encode()


CONTACT = {"id": "33451", "new": True, "properties": {"email": "ann@acme.example"}}
DONE = body(results=[CONTACT])


def refused(*categories, results=()):
    errors = [{"status": "error", "category": category, "message": "canary"} for category in categories]
    return body(results=list(results), numErrors=len(errors), errors=errors)


@pytest.fixture
def hubspot(deliver):
    """Send a parcel to a HubSpot that answers so, and return the Outcome and what HubSpot got."""

    def run(parcel=PARCEL, status=200, body=DONE, **headers):
        with Receiver(answer(status, body, **headers)) as receiver:
            address = f"hubspot:http://127.0.0.1:{receiver.port}/"
            return deliver(address, parcel, DATAPOST_DELIVER_CRM_TOKEN="to-ken"), receiver.requests

    return run


def test_a_lead_is_a_contact_that_is_known_by_its_address(hubspot):
    found, (request,) = hubspot()
    assert found == Outcome("sent", 200, remote_id="33451")
    assert request.line == "POST /crm/v3/objects/contacts/batch/upsert HTTP/1.1"
    assert request.headers["authorization"] == "Bearer to-ken"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"inputs": [
        {"idProperty": "email", "id": "ann@acme.example",
         "properties": {"email": "ann@acme.example", "firstname": "Ann"}}]}  # fmt: skip


def test_values_go_as_texts_and_several_of_them_with_semicolons(hubspot):
    named = {"email": "ann@acme.example", "age": 41, "ok": True, "tags": ["a", "b"], "price": 2.5}
    _, (request,) = hubspot(replace(PARCEL, named=named))
    found = json.loads(request.body)["inputs"][0]["properties"]
    assert found == {"email": "ann@acme.example", "age": "41", "ok": "true", "tags": "a;b", "price": "2.5"}


@pytest.mark.parametrize("status", [200, 201, 207])
def test_a_contact_in_the_answer_is_one_that_was_taken(hubspot, status):
    assert hubspot(status=status)[0] == Outcome("sent", status, remote_id="33451")


@pytest.mark.parametrize("value", ["ann@acme.example", None, ["canary"], "9" * 31, ""])
def test_an_id_that_looks_like_none_is_not_kept(hubspot, value):
    assert hubspot(body=body(results=[{"id": value}]))[0] == Outcome("sent", 200)


# --- What never goes there ---


def test_without_fields_hubspot_knows_no_lead(hubspot):
    told = "HubSpot knows no whole leads: write under fields: which of its properties hold what, email among them"
    assert hubspot(replace(PARCEL, named=None)) == (Outcome("dead", error=told, ours=True), [])


@pytest.mark.parametrize("named", [{}, {"firstname": "Ann"}, {"email": " "}, {"Email": "ann@acme.example"}])
def test_without_an_address_there_is_no_contact(hubspot, named):
    told = "HubSpot knows contacts by the property email, and nothing is sent as that: name it under fields:"
    assert hubspot(replace(PARCEL, named=named)) == (Outcome("dead", error=told, ours=True), [])


def test_an_erasure_is_no_event_of_hubspot(hubspot):
    told = "HubSpot takes no such event: delete the contact there"
    assert hubspot(erased("01LEAD", "crm")) == (Outcome("dead", error=told, ours=True), [])


# --- An answer that is a mix ---


@pytest.mark.parametrize("status", [200, 201, 207])
@pytest.mark.parametrize("results", [[], [CONTACT]])
def test_a_value_that_hubspot_does_not_take_is_told(hubspot, status, results):
    found, _ = hubspot(status=status, body=refused("VALIDATION_ERROR", results=results))
    assert found == Outcome("dead", status, NO_PROPERTY)


@pytest.mark.parametrize(
    ("categories", "result", "error"),
    [
        (["INVALID_EMAIL"], "dead", "HubSpot has no such property, or does not take a value (INVALID_EMAIL)"),
        (["MISSING_SCOPES"], "pause", "HubSpot does not let this token do that (MISSING_SCOPES)"),
        (["RATE_LIMITS"], "again", "HubSpot could not do it now (RATE_LIMITS)"),
        (["RATE_LIMITS", "VALIDATION_ERROR"], "dead", NO_PROPERTY),
        (["canary"], "again", "HubSpot could not do it now"),
        ([None], "again", "HubSpot could not do it now"),
    ],
)
def test_the_category_of_an_error_says_what_becomes_of_the_lead(hubspot, categories, result, error):
    assert hubspot(status=207, body=refused(*categories))[0] == Outcome(result, 207, error)


def test_limits_say_when_to_come_again(hubspot):
    found, _ = hubspot(status=207, body=refused("RATE_LIMITS"), Retry_After="7")
    assert (found.result, found.retry_after) == ("again", 7)


@pytest.mark.parametrize("errors", [{}, {"numErrors": 1}, {"errors": "canary"}, {"errors": {"canary": 1}}])
def test_an_answer_without_a_contact_is_tried_again(hubspot, errors):
    found, _ = hubspot(body=body(results=[], **errors))
    assert (found.result, found.status) == ("again", 200) and "canary" not in found.error


@pytest.mark.parametrize(
    "body",
    [
        b"",
        DONE[:-1],
        DONE[:30],
        b"[]",
        b"null",
        b"\xff",
        b"[" * 60000,
        b"<html>canary",
        b'{"results": 1}',
        b'{"results": ["canary"]}',
        b'{"results": {"id": 1}}',
        b'{"errors": [1]}',
        b'{"errors": [{"category": ["canary"]}]}',
        DONE[:-1] + b" " * 70000 + b"}",
    ],
)
def test_an_answer_that_cannot_be_read_is_tried_again(hubspot, body):
    told = "what HubSpot answered cannot be read"
    assert hubspot(body=body)[0] == Outcome("again", 200, told)


# --- Statuses ---


@pytest.mark.parametrize(
    ("result", "statuses"),
    [
        ("dead", [400, 413, 415, 422]),
        ("pause", [302, 401, 403, 404]),
        ("again", [202, 204, 408, 409, 423, 429, 477, 500, 502, 503, 504, 524]),
    ],
)
def test_a_status_says_what_becomes_of_the_lead(hubspot, result, statuses):
    for status in statuses:
        found, _ = hubspot(status=status, body=b"" if status == 204 else b'{"message": "canary"}')
        assert (found.result, found.status) == (result, status)
        assert found.error == f"it answered {status}"


@pytest.mark.parametrize("status", [429, 477, 503])
def test_a_busy_hubspot_says_when_to_come_again(hubspot, status):
    assert hubspot(status=status, Retry_After="9")[0].retry_after == 9
