"""What is on its way, as commands and pages list it."""

from datetime import UTC, datetime, timedelta

import pytest
from cast import Partner, scans, statements
from receiving import Receiver, answer, delivering

import database
from delivery import listing, outbox
from delivery.outbox import Delivered
from models import Delivery, first_id

RULES = """
fields: {email: {type: email, required: true}}
deliver:
  - to: crm
    erasures: true
  - to: sheet
"""
BROKEN = answer(422)


@pytest.fixture
def shop(make_app, database_url):
    """A partner of a service whose crm takes leads, and whose sheet has no setting."""
    with Receiver() as crm:
        made = Partner(make_app(RULES, **delivering(crm=crm.url, old="http://127.0.0.1:9"), database_url=database_url))
        database.migrate()
        made.sender = made.app.extensions["datapost"].sender
        made.sender.wake = lambda: None
        made.crm = crm
        yield made


def rows(**wanted):
    with database.read():
        return listing.rows(**wanted)


def overview(shop, **options):
    with shop.app.app_context(), database.read():
        return listing.overview(shop.app.extensions["datapost"].rulebook.programs, **options)


def post(shop, number=1):
    return [shop.lead(email=f"ann{n}@acme.example")["uniqueid"] for n in range(number)]


def test_the_newest_leads_are_first_each_with_its_destinations(shop):
    ids = sorted(post(shop, 2), reverse=True)
    found = rows()
    assert [(row["lead"], row["to"]) for row in found] == [(one, to) for one in ids for to in ("crm", "sheet")]
    assert list(found[0]) == list(listing.KEYS)
    assert (found[0]["program"], found[0]["state"], found[0]["attempts"]) == ("default", "waiting", 0)


def test_rows_are_chosen_by_destination_state_lead_and_program(shop):
    first, second = post(shop, 2)
    shop.sender.run_due()
    assert {row["to"] for row in rows(state="sent")} == {"crm"}
    assert {row["to"] for row in rows(state="waiting")} == {"sheet"}
    assert [row["lead"] for row in rows(lead=first)] == [first, first]
    assert [row["lead"] for row in rows(to="crm", lead=second)] == [second]
    assert rows(programs=["other"]) == []
    assert len(rows(programs=["default"])) == 4


def test_a_moment_is_told_in_utc_and_what_waits_no_more_is_not_due(shop):
    post(shop)
    shop.sender.run_due()
    (sent,) = map(listing.as_told, rows(state="sent"))
    assert sent["due_at"] is None
    assert sent["sent_at"].endswith("Z")
    assert datetime.fromisoformat(sent["sent_at"]) > datetime.now(UTC) - timedelta(minutes=1)
    assert (sent["last_status"], sent["attempts"], sent["error"]) == (200, 1, "")


def test_pages_follow_one_another(shop):
    post(shop, 3)
    found, after = [], None
    while page := rows(limit=2, after=after):
        found += page
        after = listing.cursor(page[-1])
    assert found == rows()


def test_the_event_of_an_erasure_outlives_its_lead(shop):
    event = {"lead": first_id(datetime.now(UTC)).ljust(26, "0"), "destination": "crm:erased", "state": "waiting"}
    event |= {"due_at": datetime.now(UTC), "attempts": 0, "error": "", "remote_id": "", "rules": ""}
    database.transact(Delivery.insert(event).execute)
    (row,) = rows(to="crm")
    assert (row["to"], row["program"]) == ("crm:erased", None)


def test_an_overview_says_of_each_destination_how_it_fares(shop):
    post(shop, 2)
    shop.sender.run_due()
    shop.crm.answers = BROKEN
    post(shop)
    shop.sender.run_due()
    outbox.pause("crm", "ann")
    crm, old, sheet = overview(shop).values()
    assert (crm.name, crm.waiting, crm.dead, crm.sent, crm.sent_in_a_week) == ("crm", 0, 1, 2, 2)
    assert (crm.paused.paused_by, crm.has_setting, crm.programs) == ("ann", True, ["default"])
    assert (sheet.waiting, sheet.paused, sheet.has_setting, sheet.waits_too_long) == (3, None, False, False)
    assert sheet.waits_since > datetime.now(UTC) - timedelta(minutes=1)
    assert (old.programs, old.has_setting) == ([], True)


def test_the_days_of_an_overview_are_seven(shop):
    today = datetime.now(UTC).date()

    def work():
        for ago in (0, 6, 7):
            day = f"{today - timedelta(days=ago)}"
            Delivered.insert(program="default", day=day, destination="crm", sent=10 + ago, dead=0).execute()

    database.transact(work)
    assert (overview(shop)["crm"].sent, overview(shop)["crm"].sent_in_a_week) == (10, 26)


def test_who_sees_no_program_sees_no_count_of_it(shop):
    post(shop)
    with shop.app.app_context(), database.read():
        assert listing.overview({}, only=True) == {}
    assert list(overview(shop, only=True)) == ["crm", "sheet"]


def test_a_lead_that_waits_for_more_than_an_hour_is_known(shop):
    old = first_id(datetime.now(UTC) - timedelta(hours=2)).ljust(26, "0")
    (lead,) = post(shop)
    database.transact(Delivery.update(lead=old).where(Delivery.lead == lead).execute)
    assert overview(shop)["crm"].waits_too_long


def test_what_waits_and_what_is_dead_is_found_by_an_index(shop):
    post(shop)
    with statements() as seen:
        overview(shop)
        rows(state="dead", to="crm")
        rows(state="waiting")
    ours = [(sql, params) for sql, params in seen if sql.startswith("SELECT") and '"delivery"' in sql]
    with database.read():
        assert len(ours) == 4
        found = [line for sql, params in ours for line in scans(sql, params)]
    assert [line for line in found if "USING" not in line] == []
