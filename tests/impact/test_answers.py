"""What impact.com answers is read, however it is written; what nobody can read is None in its place, or told."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from impact import answers
from impact.told import Submission, Unsure

# Put together from the example values of impact.com's documents.
ACTION = {
    "Id": "1000.4636.158133", "CampaignId": "1000", "CampaignName": "Acme Campaign", "ActionTrackerId": "2240",
    "MediaPartnerId": "10000", "MediaPartnerName": "Acme Partner", "State": "PENDING", "ClientCost": "0.99",
    "Payout": "0.88", "Amount": "21.99", "Currency": "USD", "EventDate": "2020-09-10T10:42:38-07:00",
    "LockingDate": "2020-09-26T00:00:00-07:00", "ClearedDate": "", "Oid": "9217374917472",
}  # fmt: skip
XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<ImpactRadiusResponse><Actions page="1" numpages="3" pagesize="2000" total="5">%s</Actions></ImpactRadiusResponse>"""


def read(**values):
    """Return the one action of a list, with these values."""
    return listed({"@page": "1", "@numpages": "1", "@total": "1", "Actions": [ACTION | values]})[0][0]


def listed(answer):
    return answers.actions(answers.read(answer if isinstance(answer, bytes) else json.dumps(answer).encode()), 1, 5000)


def test_the_documents_example_is_read():
    seen = read()
    assert (seen.id, seen.oid, seen.event_type, seen.state) == ("1000.4636.158133", "9217374917472", "2240", "PENDING")
    assert (seen.amount, seen.payout, seen.cost) == (Decimal("21.99"), Decimal("0.88"), Decimal("0.99"))
    assert seen.event_at == datetime(2020, 9, 10, 17, 42, 38, tzinfo=UTC)
    assert (seen.media_partner, seen.media_partner_name) == ("10000", "Acme Partner")


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (21.99, "21.99"), (0.1, "0.10"), (12, "12.00"), ("5", "5.00"), ("-3.5", "-3.50"), ("0E-2", "0.00"),
        ("1.005", "1.01"), ("1.0049", "1.00"), (999999999999, "999999999999.00"), (" 7.5 ", "7.50"),
        (1000000000000, None), ("1e400", None), ("9" * 5000, None), (float("nan"), None), (float("inf"), None),
        ("NaN", None), ("", None), (None, None), (True, None), ([], None), ({}, None), ("1,234.50", None),
        ("1_0", None), ("٣", None), ("USD 5", None), ("1e-999", "0.00"),
    ],
)  # fmt: skip
def test_amounts_are_exact_or_none(written, amount):
    assert read(Amount=written).amount == (amount and Decimal(amount))
    assert str(read(Payout=written).payout) == str(amount)


@pytest.mark.parametrize(
    "written",
    ["", None, 5, [], "soon", "2020-09-10", "2020-09-10T10:42:38", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"],
)
def test_a_moment_that_is_none_or_has_no_zone_is_none(written):
    assert read(LockingDate=written).locking_at is None


def test_what_is_missing_is_empty():
    (seen,), _, _ = listed({"@numpages": "1", "Actions": [{"Id": "1.2.3"}]})
    assert (seen.oid, seen.currency, seen.amount, seen.event_at) == ("", "", None, None)


def test_numbers_that_are_no_texts_are_the_same():
    seen = read(CampaignId=1000, ActionTrackerId=2240, Oid=9217374917472, MediaPartnerId=10000)
    assert seen == read()


def test_what_no_database_holds_is_replaced():
    assert read(Oid="a\0b\ud800").oid == "a\ufffdb\ufffd"
    assert len(read(Oid="9" * 9000).oid) == 250


@pytest.mark.parametrize(("actions", "count"), [(ACTION, 1), ([], 0), ("", 0), (None, 0)])
def test_a_list_of_one_may_be_that_one_and_an_empty_one_nothing(actions, count):
    found, pages, total = listed({"@numpages": "1", "@total": str(count), "Actions": actions})
    assert (len(found), pages, total) == (count, 1, count)


def test_a_list_without_actions_is_empty_where_it_says_that_there_are_none():
    assert listed({"@numpages": 0, "@total": 0}) == ([], 1, 0)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"OK", b"[]", b'"abc"', b"null", b"17", b"[" * 100_000, b'{"Actions": [', b"<html><body>Hi</body></html>",
        b"<!DOCTYPE html><html><head/></html>", b"<a", b"<a/>", b"\xff\xfe", b"{}", b'{"Actions": 5}',
        b'{"Actions": [5]}',
        b'{"Actions": [{"Id": ""}]}', b'{"Actions": [{"Id": {"a": 1}}]}', b'{"@page": "2", "Actions": []}',
        b'<!DOCTYPE a [<!ENTITY b "c">]><a><Actions>&b;</Actions></a>',
    ],
)  # fmt: skip
def test_what_is_no_list_of_actions_is_told(answer):
    with pytest.raises(Unsure, match="^impact.com answers"):
        listed(answer)


def test_a_full_page_that_does_not_say_how_many_there_are_is_not_taken_for_the_last():
    body = json.dumps({"Actions": [ACTION] * 5000}).encode()
    with pytest.raises(Unsure, match="how many pages"):
        listed(body)


# --- XML, where it is answered all the same ---


def test_xml_is_read_alike():
    row = "".join(f"<{name}>{value}</{name}>" for name, value in ACTION.items())
    found, pages, total = listed(XML % f"<Action>{row}</Action><Action>{row}</Action>".encode())
    assert found == [read()] * 2 and (pages, total) == (3, 5)
    assert listed(XML % f"<Action>{row}</Action>".encode())[0] == [read()]
    assert listed(XML % b"")[0] == []


def test_one_action_in_xml_is_read_with_and_without_its_name():
    row = "".join(f"<{name}>{value}</{name}>" for name, value in ACTION.items())
    for text in (f"<ImpactRadiusResponse>{row}</ImpactRadiusResponse>", f"<R><Action>{row}</Action></R>"):
        assert answers.action(answers.read(text.encode())) == read()


# --- Writes, and what becomes of them ---


def test_a_receipt_names_the_submission():
    uri = "/Advertisers/IRabc/APISubmissions/A-98d1e374-2a"
    assert answers.batch({"Status": "QUEUED", "QueuedUri": uri}) == "A-98d1e374-2a"
    xml = f"<R><Status>QUEUED</Status><QueuedUri>{uri}</QueuedUri></R>"
    assert answers.batch(answers.read(xml.encode())) == "A-98d1e374-2a"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"Status": "QUEUED"},
        {"QueuedUri": "/x/APISubmissions/A-1"},
        {"Status": "QUEUED", "QueuedUri": "/x/Actions/1"},
    ],
)
def test_what_names_no_submission_is_no_receipt(answer):
    with pytest.raises(Unsure, match="nor that it refuses it"):
        answers.batch(answer)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"Status": "Queued"}, Submission(False, "", "")),
        ({"Status": "In Progress", "ErrorType": None}, Submission(False, "", "")),
        ({"Status": "Complete", "ErrorType": ""}, Submission(True, "", "")),
        (
            {"Status": "COMPLETE", "ErrorType": "CONTRACT_NOT_FOUND", "ErrorReason": "None"},
            Submission(True, "CONTRACT_NOT_FOUND", "None"),
        ),
    ],
)
def test_an_error_type_says_what_complete_does_not(answer, found):
    assert answers.submission(answer) == found


def test_a_submission_without_a_status_is_told():
    with pytest.raises(Unsure, match="no status"):
        answers.submission({"Statuses": []})


def test_errors_in_xml_are_told_too():
    errors = "<Errors><Error><Field>Page</Field><Message>No</Message></Error></Errors>"
    assert answers.refusal(f"<R><Status>ERROR</Status><Message>Failed</Message>{errors}</R>".encode()) == (
        "Failed: Page: No"
    )
