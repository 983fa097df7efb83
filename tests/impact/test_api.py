"""impact.com's API as it is called: every awkward answer ends in values, or in a sentence that says what to do."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from receiving import Receiver, answer

import database
from impact import quota
from impact.api import Api, Later, Refused, Submission, Unsure
from impact.standin import StandIn
from models import Fact
from web.settings import Settings

pytestmark = pytest.mark.usefixtures("sqlite_file")

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def standin():
    with StandIn() as made:
        made.now = lambda: NOW
        yield made


@pytest.fixture
def api(standin):
    return Api(Settings(**standin.settings))


def listed(api, by="event", since=NOW - 30 * DAY, until=NOW):
    return list(api.actions("1000", by=by, since=since, until=until))


def answered(*answers, **settings):
    """Return what becomes of asking for a campaign where this is answered."""
    with Receiver(*answers) as receiver:
        made = {"impact_sid": "IRcanary", "impact_token": "canary-token"} | settings
        return outcome(Api(Settings(impact_url=receiver.url.partition("/hook")[0], **made)).campaign, "1000")


def outcome(work, *args, **options):
    try:
        return work(*args, **options)
    except (Refused, Later, Unsure) as error:
        assert "canary" not in str(error) and error.__cause__ is None
        return error


# --- Actions ---


def test_an_action_is_read_exactly(standin, api):
    id = standin.add("01J", "21.99", event_at=NOW - 2 * DAY, locking_at=NOW + DAY, partner="7", currency="EUR")
    (seen,) = listed(api)
    assert (seen.id, seen.oid, seen.campaign, seen.event_type, seen.state) == (id, "01J", "1000", "2240", "PENDING")
    assert (seen.amount, seen.payout, seen.cost, seen.currency) == (*[Decimal("21.99")] * 3, "EUR")
    assert (seen.media_partner, seen.media_partner_name) == ("7", "Partner 7")
    assert (seen.event_at, seen.locking_at) == (NOW - 2 * DAY, NOW + DAY)


def test_version_14_and_json_are_asked_for(standin, api):
    standin.add("01J")
    assert len(listed(api)) == 1
    (method, path, fields), *_ = standin.calls
    assert (method, path) == ("GET", "/Advertisers/IRstandin/Actions")
    assert fields["ActionDateStart"] == "2026-10-21T12:00:00Z" and fields["CampaignId"] == "1000"


def test_all_pages_are_read(standin, api):
    ids = [standin.add(str(n)) for n in range(7)]
    standin.page_size = 3
    assert [seen.id for seen in listed(api)] == ids
    assert [fields["Page"] for _, _, fields in standin.calls] == ["1", "2", "3"]


def test_where_there_are_more_than_ten_pages_the_span_is_halved(standin, api):
    ids = {standin.add(str(n), event_at=NOW - n * DAY) for n in range(25)}
    standin.page_size = 2
    seen = [seen.id for seen in listed(api)]
    assert set(seen) == ids and len(seen) == 25


@pytest.fixture
def amid(standin):
    """Have something happen once, as soon as the second page is asked for."""
    left = []

    def now():
        if left and len(standin.calls) > 1:
            left.pop()()
        return NOW

    standin.page_size, standin.now = 3, now
    return left.append


def test_what_leaves_a_list_amid_reading_hides_no_other(standin, api, amid):
    ids = [standin.add(str(n), event_at=NOW - n * DAY) for n in range(7)]
    amid(lambda: standin.actions[ids[0]].update(updated_at=NOW + DAY))
    assert {seen.id for seen in listed(api, "update")} == set(ids)


def test_what_comes_amid_reading_hides_no_other(standin, api, amid):
    ids = [standin.add(str(n), event_at=NOW - n * DAY) for n in range(7)]
    new = standin.actions[ids[0]] | {"oid": "NEW"}
    amid(lambda: setattr(standin, "actions", {"1000.1.1": new} | standin.actions))
    assert sorted(seen.id for seen in listed(api)) == ids


def test_a_minute_with_more_than_ten_pages_is_told(standin, api):
    for n in range(11):
        standin.add(str(n), event_at=NOW)
    standin.page_size = 1
    with pytest.raises(Unsure, match="more actions of one minute than it lists"):
        listed(api, since=NOW - timedelta(minutes=10))


def test_an_approval_is_found_by_the_locking_date_and_not_by_the_update(standin, api):
    id = standin.add("01J", event_at=NOW - 20 * DAY, locking_at=NOW - DAY)
    standin.change(id, state="APPROVED")
    assert not listed(api, "update", since=NOW - 3 * DAY)
    assert [seen.state for seen in listed(api, "locking", since=NOW - 3 * DAY)] == ["APPROVED"]


def test_a_reversal_is_an_update(standin, api):
    standin.change(standin.add("01J", event_at=NOW - 20 * DAY), state="REVERSED")
    assert [seen.state for seen in listed(api, "update", since=NOW - DAY)] == ["REVERSED"]


@pytest.mark.parametrize("since", [NOW - 44.1 * DAY, NOW + DAY])
def test_a_span_that_impact_com_would_refuse_is_not_asked_for(standin, api, since):
    with pytest.raises(ValueError, match="at most 44 days"):
        listed(api, since=since)
    assert not standin.calls


def test_the_longest_span_is_taken(api):
    assert listed(api, since=NOW - 44 * DAY) == []


def test_one_action_is_looked_up(standin, api):
    assert api.action(standin.add("01J")).oid == "01J"
    assert api.action("1000.1.1") is None


def test_an_id_leads_nowhere_else(standin, api):
    assert outcome(api.action, "../Campaigns/1000") is None
    with pytest.raises(ValueError, match="dots"):
        api.action("..")


# --- Writes ---


def test_an_action_is_reversed_by_its_order(standin, api):
    id = standin.add("01J")
    standin.queued_for = 2
    batch = api.reverse("CONS_FRAUD", event_type="2240", oid="01J")
    polls = [api.submission(batch) for _ in range(3)]
    assert [poll.complete for poll in polls] == [False, False, True] and polls[2] == Submission(True, "", "")
    assert api.action(id).state == "REVERSED"
    assert standin.writes[0][2] == {"DispositionCode": "CONS_FRAUD", "ActionTrackerId": "2240", "OrderId": "01J"}


def test_an_action_is_reversed_by_its_id_and_restored(standin, api):
    id = standin.add("01J")
    api.reverse("CONS_FRAUD", action=id)
    assert api.action(id).state == "REVERSED"
    assert api.submission(api.restore(id)).complete
    assert api.action(id).state == "PENDING"


def test_complete_is_no_success_where_there_is_an_error(standin, api):
    standin.add("01J")
    found = api.submission(api.reverse("CONS_FRAUD", event_type="2240", oid="another"))
    assert found.complete and found.error_type == "ACTION_REF_NOT_FOUND"


def test_a_write_names_an_action(api):
    with pytest.raises(ValueError, match="name the action"):
        api.reverse("CONS_FRAUD", oid="01J")


def test_of_a_lost_answer_nobody_claims_anything(standin, api):
    id = standin.add("01J")
    standin.lose_answers = 1
    found = outcome(api.reverse, "CONS_FRAUD", action=id)
    assert isinstance(found, Unsure) and "broke before it answered" in str(found)
    assert api.action(id).state == "REVERSED" and len(standin.writes) == 1


def test_what_is_no_receipt_of_a_write_is_unsure(standin, api):
    standin.fail("DELETE", 200, body=b'{"Status": "QUEUED", "QueuedUri": "/Advertisers/x/APISubmissions/.."}')
    found = outcome(api.reverse, "CONS_FRAUD", action="1000.1.1")
    assert isinstance(found, Unsure) and "does not answer that it has taken the change" in str(found)


# --- Refusals ---


@pytest.mark.parametrize(
    ("scope", "work"),
    [
        ("Actions read", lambda api: listed(api)),
        ("Actions write", lambda api: api.restore("1000.1.1")),
        ("Submissions read", lambda api: api.submission("A-1")),
        ("Campaigns read", lambda api: api.campaign("1000")),
    ],
)
def test_the_missing_scope_is_named(standin, api, scope, work):
    standin.scopes.remove(scope)
    found = outcome(work, api)
    name, right = scope.split()
    assert isinstance(found, Refused) and found.status == 403
    assert f"lacks the scope {name} ({right})" in str(found)


def test_wrong_credentials_are_told_with_their_settings(standin):
    found = outcome(Api(Settings(**standin.settings | {"impact_token": "canary"})).campaign, "1000")
    assert isinstance(found, Refused) and found.status == 401
    assert "set DATAPOST_IMPACT_SID and DATAPOST_IMPACT_TOKEN" in str(found)


def test_a_campaign_has_a_name_or_there_is_none(standin, api):
    assert api.campaign("1000") == "Acme Campaign"
    found = outcome(api.campaign, "1")
    assert found.status == 404 and "none of that id in this account" in str(found)


def test_impact_coms_own_words_are_told_short_and_without_the_token():
    errors = b'[{"Field":"AccountId","Message":"Not\\u001b[1m %s"}]'
    body = b'{"Status":"ERROR","Message":"Validation Failed","Errors":' + errors + b"}"
    found = answered(answer(400, body % b"canary-token"))
    assert str(found) == "impact.com answers 400: Validation Failed: AccountId: Not\ufffd[1m ..."
    assert len(str(answered(answer(400, body % (b"long " * 200))))) < 260


def test_no_part_of_the_token_is_told_either():
    for n in range(150, 210):
        found = answered(answer(400, b'{"Status":"ERROR","Message":"%scanary-token"}' % (b"." * n)))
        assert "cana" not in str(found)


def test_an_error_that_comes_as_200_is_one():
    found = answered(answer(200, b'{"Status":"ERROR","Message":"Validation Failed"}'))
    assert isinstance(found, Refused) and "Validation Failed" in str(found)


def test_a_redirect_is_not_followed():
    found = answered(answer(302, Location="https://elsewhere.example/canary"))
    assert isinstance(found, Refused) and "DATAPOST_IMPACT_URL" in str(found)


def test_a_page_of_several_megabytes_is_read_whole(standin, api):
    for n in range(3_000):
        standin.add(f"{n:026}")
    assert len(listed(api)) == 3_000 and len(standin.calls) == 1


def test_a_list_that_is_shorter_than_it_says_is_not_taken_for_whole():
    body = b'{"@page": "1", "@numpages": "1", "@total": "2", "Actions": [{"Id": "1.2.3", "Oid": "01J"}]}'
    with Receiver(answer(200, body)) as receiver:
        url = receiver.url.partition("/hook")[0]
        api = Api(Settings(impact_sid="IRx", impact_token="t", impact_url=url))
        with pytest.raises(Unsure, match="lists 2 actions, and lists 1"):
            listed(api)


def hostile(body):
    with Receiver(answer(200, body)) as receiver:
        url = receiver.url.partition("/hook")[0]
        made = Settings(impact_sid="IRx", impact_token="canary", impact_url=url, deliver_private=True)
        return outcome(listed, Api(made))


@pytest.mark.parametrize(
    "counts",
    [
        b'"@page": "1", "@numpages": "1000000000"',
        b'"@page": "1", "@numpages": "%s"' % (b"9" * 200),
        b'"@numpages": "3", "@total": "3"',
        b'"@page": "1", "@numpages": "3"',
    ],
)
def test_a_list_that_cannot_be_whole_is_never_taken_for_whole(counts):
    assert isinstance(hostile(b'{%s, "Actions": [{"Id": "1.2.3", "Oid": "01J"}]}' % counts), Unsure)


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>canary</body></html>", b"[" * 200_000, b'{"Actions":' * 100_000, b"<a>" * 100_000, b"<a/>",
        b"\x1f\x8b\x08\0" + b"\0" * 9000, b"", b"null", b'"x"',
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<r><Actions>x</Actions></r>", b"<r><Actions total='1'><Action/></Actions></r>", b'{"Actions": [[]]}',
        b'{"Actions": "canary"}', b'{"Actions": [NaN]}',
        b"<r><Actions><Action><Id>1</Id><Id>2</Id></Action></Actions></r>",
    ],
)  # fmt: skip
def test_a_hostile_answer_is_unsure_and_stands_in_no_error(body):
    assert isinstance(hostile(body), Unsure)


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_after_a_fault_of_theirs_nothing_is_known(status):
    found = answered(answer(status, b"<html>canary"))
    assert isinstance(found, Unsure) and str(status) in str(found)


def test_what_may_not_be_called_is_refused_with_the_setting():
    api = Api(Settings(impact_sid="IRx", impact_token="t", impact_url="https://10.0.0.1"))
    found = outcome(api.campaign, "1000")
    assert isinstance(found, Refused) and "DATAPOST_DELIVER_PRIVATE" in str(found)


# --- The hour's calls ---


@pytest.mark.parametrize(("headers", "seconds"), [({}, 60), ({"X_RateLimit_Reset": "900"}, 900)])
def test_after_429_nobody_asks_until_it_says(standin, api, headers, seconds):
    standin.fail("GET", 429, **headers)
    found = outcome(api.campaign, "1000")
    assert isinstance(found, Later) and found.seconds == seconds
    again = outcome(api.campaign, "1000")
    assert isinstance(again, Later) and seconds - 5 <= again.seconds <= seconds
    assert len(standin.calls) == 1


def test_a_reset_that_nobody_can_mean_is_an_hour(standin, api):
    standin.fail("GET", 429, X_RateLimit_Reset="1795132800")
    assert outcome(api.campaign, "1000").seconds == 3600


def test_lists_leave_calls_to_reversals(standin, api):
    for _ in range(quota.BURST - quota.KEPT):
        listed(api)
    assert isinstance(outcome(listed, api), Later)
    assert isinstance(api.campaign("1000"), str)
    with database.read():
        assert Fact.get_by_id(quota.NAME)
