"""A webhook: what it gets, and what its answers mean."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from receiving import Receiver, answer
from standardwebhooks import Webhook, WebhookVerificationError

from delivery.answers import Outcome
from delivery.parcel import Parcel
from web.settings import version

OLD = "whsec_" + "A" * 32
NEW = "whsec_" + "B" * 32


def test_a_webhook_gets_the_lead_as_json(deliver, receiver):
    assert deliver(receiver.url) == Outcome("sent", 200)
    (request,) = receiver.requests
    assert request.line == "POST /hook?key=canary HTTP/1.1"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"Datapost/{version()}"
    assert json.loads(request.body) == {"id": "01LEAD", "email": "ann@acme.example"}


def test_every_attempt_has_the_same_id(deliver, receiver):
    deliver(receiver.url), deliver(receiver.url)
    for request in receiver.requests:
        assert request.headers["webhook-id"] == request.headers["idempotency-key"] == "01LEAD_crm"


def test_a_token_goes_along_and_without_one_there_is_no_login(deliver, receiver):
    deliver(receiver.url, DATAPOST_DELIVER_CRM_TOKEN="to-ken"), deliver(receiver.url)
    assert [request.headers.get("authorization") for request in receiver.requests] == ["Bearer to-ken", None]


def test_a_secret_signs_as_standard_webhooks_do(deliver, receiver):
    deliver(receiver.url, DATAPOST_DELIVER_CRM_SECRET=OLD)
    (request,) = receiver.requests
    assert Webhook(OLD).verify(request.body, request.headers) == json.loads(request.body)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(request.body.replace(b"ann", b"eve"), request.headers)


def test_while_secrets_change_both_sign(deliver, receiver):
    deliver(receiver.url, DATAPOST_DELIVER_CRM_SECRET=f"{OLD} {NEW}")
    (request,) = receiver.requests
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(request.body, request.headers)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def test_signatures_are_of_now_in_every_time_zone(deliver, receiver, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        deliver(receiver.url, DATAPOST_DELIVER_CRM_SECRET=OLD)
        (request,) = receiver.requests
        assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
        assert Webhook(OLD).verify(request.body, request.headers)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_without_a_secret_nothing_is_signed(deliver, receiver):
    deliver(receiver.url)
    assert "webhook-signature" not in receiver.requests[0].headers


def test_a_form_is_signed_as_it_is_sent(deliver, receiver):
    parcel = Parcel("01LEAD_crm", "01LEAD", "crm", {"id": "01LEAD", "name": "Ann Ü&=", "ok": True}, format="form")
    deliver(receiver.url, parcel, DATAPOST_DELIVER_CRM_SECRET=OLD)
    (request,) = receiver.requests
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.body == b"id=01LEAD&name=Ann+%C3%9C%26%3D&ok=true"
    Webhook(OLD).verify(request.body, request.headers, json_parse=False)


@pytest.mark.parametrize(
    ("result", "statuses"),
    [
        ("sent", [200, 201, 202, 204, 299]),
        ("again", [408, 425, 429, 500, 502, 503, 504, 599]),
        ("dead", [400, 409, 413, 415, 422]),
        ("pause", [301, 302, 303, 304, 307, 308, 401, 402, 403, 404, 405, 406, 410, 418, 451, 499]),
    ],
)
def test_a_status_says_what_becomes_of_the_lead(deliver, result, statuses):
    for status in statuses:
        with Receiver(answer(status, b"canary")) as receiver:
            error = "" if result == "sent" else f"it answered {status}"
            assert deliver(receiver.url) == Outcome(result, status, error)


@pytest.mark.parametrize(
    ("location", "result"),
    [
        ("https://script.googleusercontent.com/macros/echo?user_content_key=x", "sent"),
        ("https://accounts.google.com/ServiceLogin", "pause"),  # who is not let in
        ("https://script.googleusercontent.com.evil.example/", "pause"),
        ("https://[", "pause"),
        ("/macros", "pause"),
    ],
)
def test_a_script_of_google_sheets_has_run_when_it_redirects_to_its_output(deliver, location, result):
    with Receiver(answer(302, Location=location)) as receiver:
        assert deliver(receiver.url).result == result
    assert len(receiver.requests) == 1


def test_no_redirect_is_followed(deliver):
    with Receiver() as other, Receiver(answer(307, Location=other.url)) as receiver:
        assert deliver(receiver.url) == Outcome("pause", 307, "it answered 307")
    assert other.requests == []


def moment(**later):
    return format_datetime(datetime.now(UTC) + timedelta(**later), usegmt=True)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("0", 0, 0),
        ("120", 120, 120),
        ("999999999999", 86400, 86400),
        (moment(hours=2), 3600, 7201),
        (moment(days=9), 86400, 86400),
        (moment(days=30).replace("GMT", "-0000"), 86400, 86400),
    ],
    ids=["0", "120", "for ever", "in two hours", "in nine days", "in a month"],
)
def test_a_busy_receiver_says_when_to_come_again(deliver, text, least, most):
    with Receiver(answer(429, Retry_After=text)) as receiver:
        found = deliver(receiver.url)
    assert found.result == "again" and least <= found.retry_after <= most


@pytest.mark.parametrize(
    "text", ["-5", "soon", "1e9", "٣", "", "Fri, 31 Dec 99999 00:00:00 GMT", "Fri, 27 Nov 2020 00:00:00 GMT", "9" * 99]
)
def test_a_moment_that_is_none_is_passed_over(deliver, text):
    with Receiver(answer(503, Retry_After=text)) as receiver:
        assert deliver(receiver.url) == Outcome("again", 503, "it answered 503")


def test_who_is_not_there_gets_the_lead_later(deliver):
    with Receiver() as receiver:
        url = receiver.url
    assert deliver(url) == Outcome("again", error="no connection")


def test_a_private_address_pauses_the_destination(deliver, receiver):
    found = deliver(f"https://127.0.0.1:{receiver.port}/", DATAPOST_DELIVER_PRIVATE=None)
    assert found == Outcome(
        "pause", error="its address is in a private network: set DATAPOST_DELIVER_PRIVATE=on if that is meant"
    )
    assert receiver.requests == []


def test_an_outcome_shows_nothing_of_the_person(deliver):
    parcel = replace(Parcel("a_b", "a", "b", {"email": "canary"}), named={"email": "canary"})
    assert "canary" not in repr(parcel)
