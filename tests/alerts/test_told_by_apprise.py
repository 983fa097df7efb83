"""Receivers that the library apprise knows; where it is not installed, none of this is tried."""

import json
import logging
import threading

import pytest
from receiving import answer
from telling import URL, hostile, several, tell

from alerts import by_apprise
from alerts.kinds import send
from delivery.answers import Outcome
from web import apprising
from web.receivers import Receiver as Address
from web.settings import Settings, SettingsError


def test_where_it_was_taken_away_that_is_told(monkeypatch):
    monkeypatch.setattr(apprising, "is_installed", lambda: False)
    assert send(Settings(), Address("apprise", "tgram://x", "apprise"), several()) == Outcome(
        "pause", error=by_apprise.MISSING
    )


with_apprise = pytest.mark.skipif(not apprising.is_installed(), reason="apprise is not installed")


def at(receiver):
    return f"json://127.0.0.1:{receiver.port}/canary"


@with_apprise
def test_what_apprise_cannot_read_is_refused():
    with pytest.raises(SettingsError, match="cannot be read by the library apprise") as caught:
        Settings.load({"DATAPOST_ALERTS": "nonsense://canary"})
    assert "canary" not in str(caught.value)


@with_apprise
def test_apprise_is_given_the_subject_and_the_lines(receiver):
    assert tell(at(receiver)) == Outcome("sent")
    body = json.loads(receiver.requests[0].body)
    assert body["title"] == "Datapost: Zoë 0 is wrong."
    assert body["message"].splitlines() == [
        "Zoë 0 is wrong.", f"Mend it. See {URL}/dashboard/programs/default", "Since 27 Nov 2026, 18:00 UTC.",
    ]  # fmt: skip


@with_apprise
def test_by_apprise_a_name_calls_nobody(receiver):
    tell(at(receiver), hostile())
    body = json.loads(receiver.requests[0].body)
    for text in (body["title"], body["message"]):
        assert not any(call in text for call in ("@channel", "@everyone", "<!", "<@", "<img", "://evil", "\u202e"))


@with_apprise
def test_a_host_in_a_private_network_is_not_called(receiver):
    outcome = tell(at(receiver), DATAPOST_DELIVER_PRIVATE="off")
    assert outcome.result == "pause" and "private network" in outcome.error and receiver.requests == []


@with_apprise
def test_what_is_no_host_is_not_asked_for_by_name(monkeypatch):
    service = apprising.service_at("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/")
    assert apprising.host_of(service) is None


@with_apprise
def test_a_failure_is_tried_again_and_nothing_of_the_address_is_logged(receiver, caplog, capsys):
    receiver.answers = answer(500)
    with caplog.at_level(logging.DEBUG):
        assert tell(at(receiver)) == Outcome("again", error=by_apprise.FAILED)
    assert "canary" not in caplog.text + "".join(capsys.readouterr())


@with_apprise
def test_what_hangs_keeps_nobody_and_nothing_else_goes_there_meanwhile(monkeypatch):
    goes_on = threading.Event()
    monkeypatch.setattr(apprising, "tell", lambda *_: goes_on.wait(60))
    monkeypatch.setattr(by_apprise, "SECONDS", 0.05)
    address = "tgram://123456789:abcdefg_hijklmnop/12315544/"
    assert tell(address) == Outcome("again", error=by_apprise.LATE)
    assert tell(address) == Outcome("again", error=by_apprise.STILL, ours=True)
    goes_on.set()
    for thread in threading.enumerate():
        if thread.name == "apprise":
            thread.join(60)
    monkeypatch.setattr(by_apprise, "SECONDS", 20)
    assert tell(address) == Outcome("sent")


@with_apprise
def test_a_service_of_short_messages_gets_what_has_room():
    lines, said = [f"Line {number} of many." for number in range(99)], []
    service = apprising.service_at("tgram://123456789:abcdefg_hijklmnop/12315544/")
    service.body_maxlen = 160
    original = apprising.service_at
    try:
        apprising.service_at = lambda _address: service
        apprising.tell, kept = lambda *told: said.append(told) or True, apprising.tell
        by_apprise._attempt(Settings(), "", "A subject", lines, "… and more.")
    finally:
        apprising.service_at, apprising.tell = original, kept
    ((_, title, body),) = said
    assert title == "" and body.startswith("A subject\nLine 0") and len(body) <= 160 and body.endswith("… and more.")
