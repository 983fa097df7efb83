"""The server that stands in for impact.com: it is as awkward as the documents say."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from impact.api import Api, Unsure
from impact.standin import SID, TOKEN, StandIn
from web.calling import call
from web.settings import Settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LOGIN = "Basic SVJzdGFuZGluOnN0YW5kLWluLXRva2Vu"


@pytest.fixture
def standin():
    with StandIn() as made:
        made.now = lambda: NOW
        yield made


def ask(standin, path, method="GET", body=b"", **headers):
    headers = {"Authorization": LOGIN, "IR-Version": "14", "Accept": "application/json"} | headers
    return call(method, f"{standin.url}/Advertisers/{SID}{path}", body, headers, private=True)


def listed(standin, **fields):
    reply = ask(standin, f"/Actions?{urlencode({'CampaignId': '1000'} | fields)}")
    return reply.status, json.loads(reply.body)


def test_it_says_how_a_service_is_told_of_it(standin):
    made = Settings(**standin.settings)
    assert Api.is_set(made) and (made.impact_sid, made.impact_token) == (SID, TOKEN)


def test_it_answers_xml_unless_json_is_asked_for(standin):
    standin.add("01J")
    reply = ask(standin, "/Actions?CampaignId=1000", Accept="*/*")
    assert reply.body.startswith(b"<?xml") and b"<Oid>01J</Oid>" in reply.body


def test_numbers_are_texts_dates_may_be_empty_and_the_order_is_the_oid(standin):
    standin.add("01J", "21.99")
    _, found = listed(standin)
    (row,) = found["Actions"]
    assert (row["Oid"], row["Amount"], row["ClearedDate"], found["@numpages"]) == ("01J", "21.99", "", "1")
    assert "OrderId" not in row and row["EventDate"] == "2026-11-20T05:00:00-07:00"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"CampaignId": ""}, "CampaignId"),
        ({"CampaignId": "acme"}, "CampaignId"),
        ({"StartDate": "2026-11-01T00:00:00Z"}, "EndDate"),
        ({"EndDate": "2026-11-01T00:00:00Z"}, "StartDate"),
        ({"StartDate": "2026-09-01T00:00:00Z", "EndDate": "2026-11-01T00:00:00Z"}, "EndDate"),
        ({"ActionDateStart": "2026-09-01T00:00:00Z", "ActionDateEnd": "2026-11-01T00:00:00Z"}, "ActionDateEnd"),
        ({"StartDate": "2022-09-01T00:00:00Z", "EndDate": "2022-09-02T00:00:00Z"}, "StartDate"),
        ({"Page": "11"}, "Page"),
        ({"PageSize": "100"}, "PageSize"),
        ({"Page": "first"}, "Page"),
    ],
)
def test_what_the_documents_forbid_is_400(standin, fields, named):
    status, found = listed(standin, **fields)
    assert status == 400 and [error["Field"] for error in found["Errors"]] == [named]


def test_another_version_than_14_is_400(standin):
    assert ask(standin, "/Actions?CampaignId=1000", **{"IR-Version": "13"}).status == 400


def test_without_dates_the_last_seven_days_updates_are_listed(standin):
    standin.add("old", event_at=NOW - 8 * DAY)
    standin.add("new", event_at=NOW - 6 * DAY)
    assert [row["Oid"] for row in listed(standin)[1]["Actions"]] == ["new"]
    assert listed(standin, State="REVERSED")[1]["Actions"] == []


def test_an_action_may_appear_half_an_hour_late(standin):
    standin.add("01J", appears_at=NOW + DAY / 48)
    assert listed(standin)[1]["@total"] == "0"
    standin.now = lambda: NOW + DAY / 48
    assert listed(standin)[1]["@total"] == "1"


def test_calls_fail_as_often_as_a_test_says(standin):
    standin.fail("GET", 429, 2, X_RateLimit_Reset="5")
    replies = [ask(standin, "/Campaigns/1000") for _ in range(3)]
    assert [reply.status for reply in replies] == [429, 429, 200]
    assert replies[0].headers["X-RateLimit-Reset"] == "5"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"ActionId": "locked"}, "ACTION_LOCKED"),
        ({"ActionId": "reversed"}, "ACTION_ALREADY_REVERSED"),
        ({"ActionId": "unknown"}, "ACTION_REF_NOT_FOUND"),
        ({"ActionId": "late"}, "ACTION_REF_NOT_FOUND"),
        ({"ActionTrackerId": "2240", "OrderId": "unknown"}, "ACTION_REF_NOT_FOUND"),
        ({"ActionTrackerId": "1", "OrderId": "01J"}, "ACTIONTRACKER_NOT_FOUND"),
        ({"ActionTrackerId": "2240", "OrderId": "01J"}, ""),
    ],
)
def test_a_write_is_taken_and_only_its_submission_says_what_became_of_it(standin, fields, error):
    standin.add("01J")
    standin.add("a", id="locked", locking_at=NOW)
    standin.add("b", id="reversed", state="REVERSED")
    standin.add("c", id="late", appears_at=NOW + DAY)
    reply = ask(standin, "/Actions", "DELETE", urlencode(fields | {"DispositionCode": "OTHER"}).encode())
    queued = json.loads(reply.body)
    assert queued["Status"] == "QUEUED"
    found = json.loads(ask(standin, queued["QueuedUri"].removeprefix(f"/Advertisers/{SID}")).body)
    assert (found["Status"], found["ErrorType"]) == ("Complete", error)


@pytest.mark.parametrize(
    ("method", "fields"),
    [("DELETE", {"ActionId": "1"}), ("DELETE", {"DispositionCode": "OTHER"}), ("PUT", {"ActionId": "1"})],
)
def test_a_write_that_lacks_something_is_400(standin, method, fields):
    assert ask(standin, "/Actions", method, urlencode(fields).encode()).status == 400


def test_an_amount_can_be_changed(standin):
    id = standin.add("01J")
    ask(standin, "/Actions", "PUT", urlencode({"ActionId": id, "Reason": "OTHER", "Amount": "5"}).encode())
    assert standin.actions[id]["amount"] == "5"


def test_what_becomes_of_writes_can_be_said(standin, sqlite_file):
    api, id = Api(Settings(**standin.settings)), standin.add("01J")
    standin.error_type = "PARTNER_NOT_ACTIVE"
    assert api.submission(api.reverse("OTHER", action=id)).error_type == "PARTNER_NOT_ACTIVE"
    assert standin.actions[id]["state"] == "PENDING"


def test_writes_may_take_effect_later(standin, sqlite_file):
    api, id = Api(Settings(**standin.settings)), standin.add("01J")
    standin.delayed, standin.lose_answers = True, True
    for _ in range(2):
        with pytest.raises(Unsure):
            api.reverse("OTHER", action=id)
    assert api.action(id).state == "PENDING"
    standin.settle()
    assert api.action(id).state == "REVERSED"
