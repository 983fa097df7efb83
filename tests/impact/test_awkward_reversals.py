"""Reversals where something is not as it should be: what one of them suffers from keeps no other one waiting."""

from datetime import UTC, datetime, timedelta

import pytest
from reversing import NOW, at_the_standin, propose, row, see, state, store

import database
from database import StoreError
from impact import proposals, reversalfile, reversals
from impact.api import Api
from impact.ledger import Action, Reversal
from impact.rounds import Rounds
from models import Lead

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def brand(make_app, database_url, monkeypatch):
    yield from at_the_standin(make_app, database_url, monkeypatch)


def approve(brand, lead):
    propose(brand.app, lead)
    with brand.app.app_context():
        return reversals.approve([lead.id], "ann", yes=True)


def again(brand, lead):
    """Propose and approve a lead once more, by its id."""
    with database.read():
        found = Lead.get_by_id(lead)
    return approve(brand, found)


def note(lead, **values):
    database.transact(Reversal.update(values).where(Reversal.lead == lead).execute)


# --- Which action it is ---


def test_an_action_that_a_report_tells_without_its_id_is_named_by_its_order(brand):
    lead = store()
    action = brand.standin.add(lead.id, event_at=lead.received_at)
    see(lead, id=f"oid:{lead.id}")
    approve(brand, lead)
    with database.read():
        assert reversals.listed()[0]["action"] == ""
    brand.run()
    assert brand.writes() == [
        ("DELETE", {"DispositionCode": "CONS_FRAUD", "ActionTrackerId": "2240", "OrderId": lead.id})
    ]
    assert brand.standin.actions[action]["state"] == "REVERSED"


def test_the_id_of_an_action_is_taken_over_when_it_is_known(brand):
    lead = store()
    action = brand.standin.add(lead.id, event_at=lead.received_at)
    see(lead, id=f"oid:{lead.id}")
    approve(brand, lead)
    brand.run()
    brand.run(MINUTE)
    database.transact(Action.delete().execute)  # as a reconciliation does with what stood in
    brand.reconciled()
    assert (state(lead), row(lead).action) == ("done", action)


def test_a_file_names_no_action_by_what_stands_in_for_its_id(brand):
    lead = store()
    see(lead, id=f"oid:{lead.id}")
    approve(brand, lead)
    (line,), _ = reversalfile.take(brand.made.rulebook.programs)
    assert line[:3] == ("", lead.id, "2240")


def test_an_action_of_another_program_with_the_same_order_is_left_alone(brand):
    lead = store()
    see(lead, id="1000.1.sale", program="sales", event_at=NOW - DAY)
    mine = brand.standin.add(lead.id, event_at=lead.received_at)
    brand.standin.add(lead.id, event_at=lead.received_at, event_type="2241", id="1000.1.sale")
    approve(brand, lead)
    brand.run()
    assert [found["state"] for found in brand.standin.actions.values()] == ["REVERSED", "PENDING"]
    brand.run(MINUTE)
    see(lead, id=mine, state="REVERSED", seen_at=brand.now())
    proposals.after_reconcile(brand.made.rulebook.find("default"), brand.now())
    assert (state(lead), row(lead).action) == ("done", mine)


# --- One keeps no other waiting ---


def test_a_submission_that_is_not_known_there_keeps_no_other_one_waiting(brand):
    first = brand.approved()
    brand.run()
    note(first, batch="A-unknown")
    second = brand.approved()
    assert brand.run(MINUTE) == {"waiting": 1, "submitted": 1}
    assert (state(first), state(second)) == ("queued", "queued")


def test_a_fault_of_ours_in_one_keeps_no_other_one_waiting(brand, caplog):
    first = brand.approved()
    note(first, action="..")  # which no call may have
    second = brand.approved()
    note(first, state="submitting", sure=False, submitted_at=NOW)
    assert brand.run() == {"waiting": 1, "submitted": 1}
    assert (state(first), state(second)) == ("submitting", "queued")
    assert "a fault of ours" in row(first).error and "a fault of ours" in caplog.text


def test_what_locks_soon_goes_first(brand):
    leads = [brand.approved(locking_at=datetime.now(UTC) + wait) for wait in (9 * DAY, 5 * DAY, 4 * HOUR, HOUR)]
    actions = [row(lead).action for lead in leads]
    brand.run()
    assert [fields["ActionId"] for _, fields in brand.writes()] == [actions[n] for n in (3, 2, 0, 1)]


@pytest.mark.parametrize("status", [500, 503])
def test_while_nothing_is_answered_only_some_are_tried(brand, status):
    leads = [brand.approved() for _ in range(6)]
    brand.standin.fail("DELETE", status, times=99)
    assert brand.run() == {"unsure": 3}
    assert [state(lead) for lead in leads].count("approved") == 3


def test_what_is_on_its_way_is_followed_when_no_rules_have_impact_any_more(brand):
    lead = brand.approved()
    brand.made.rulebook.find("default").spec.__dict__["impact"] = None
    Rounds(brand.app).work()
    assert state(lead) == "queued"


# --- Time ---


def test_who_approves_after_the_time_of_the_terms_hears_that_it_is_too_late(brand):
    lead = store(age=13 * DAY)
    see(lead)
    propose(brand.app, lead)
    brand.passed = 2 * DAY
    with brand.app.app_context():
        after, _ = reversals.approve([lead.id], "ann", yes=True)
    assert after == {lead.id: "too_late"}
    assert "as the rules of default say (within)" in row(lead).error
    assert brand.run() == {} and brand.writes() == []


def test_a_lock_that_is_seen_while_a_write_is_out_stays(brand, monkeypatch):
    lead = brand.approved()
    reverse, moved = Api.reverse, NOW + 3 * DAY

    def slow(api, *args, **named):
        note(lead, locking_at=moved)
        return reverse(api, *args, **named)

    monkeypatch.setattr(Api, "reverse", slow)
    brand.run()
    assert (state(lead), row(lead).locking_at) == ("queued", moved)


def test_the_lock_of_what_is_done_is_kept_up_to_date(brand):
    lead = brand.done()
    brand.standin.change(brand.action, locking_at=brand.now() - HOUR)
    brand.reconciled()
    assert "it stays reversed" in reversals.restore(brand.made, lead, "ann")
    assert len(brand.writes()) == 1


# --- Taken back, and again ---


def test_what_was_restored_can_be_reversed_again_at_once(brand):
    lead = brand.done()
    reversals.restore(brand.made, lead, "ann")
    assert brand.run(MINUTE) == {"restored": 1}
    assert again(brand, lead)[0] == {lead: "approved"}
    brand.run()
    brand.run(MINUTE)
    assert state(lead) == "queued"
    brand.reconciled()
    assert (state(lead), brand.there()) == ("done", "REVERSED")
    assert [method for method, _ in brand.writes()] == ["DELETE", "PUT", "DELETE"]


def test_a_restore_of_which_nobody_knows_is_given_up_after_three_days(brand):
    lead = brand.done()
    brand.standin.delayed = True
    reversals.restore(brand.made, lead, "ann")
    note(lead, batch="A-unknown")
    assert brand.run(MINUTE) == {"waiting": 1}
    assert brand.run(4 * DAY) == {"failed": 1}
    assert (state(lead), row(lead).restoring, row(lead).due_at) == ("done", False, None)
    assert "look at the conversion at impact.com" in row(lead).error


# --- Rules that are gone, and files ---


def test_leads_that_cannot_be_looked_up_keep_no_other_one_waiting(brand):
    lost = [brand.approved(known=False) for _ in range(4)]
    for lead in lost:
        note(lead, state="submitting", sure=False, submitted_at=NOW - 2 * HOUR)
    last = brand.approved()
    brand.made.rulebook.find("default").spec.__dict__["impact"] = None
    assert brand.run() == {"waiting": 4, "submitted": 1}
    assert state(last) == "queued" and "nobody knows where to look" in row(lost[0]).error


def test_what_a_killed_service_had_goes_by_file(brand):
    lead = brand.approved()
    note(lead, lease_until=NOW - MINUTE)
    rows, _ = reversalfile.take(brand.made.rulebook.programs)
    assert len(rows) == 1 and row(lead).lease_until is None


def test_what_was_written_to_a_file_and_is_not_seen_reversed_is_told_before_it_locks(brand):
    lead = brand.approved(locking_at=datetime.now(UTC) + DAY)
    reversalfile.take(brand.made.rulebook.programs)
    with database.read():
        assert [row.lead for row in Reversal.select().where(reversals.is_locking_soon(brand.now()))] == [lead]


def test_a_store_that_fails_after_a_write_leaves_what_is_looked_up(brand, monkeypatch):
    lead, submit, transact = brand.approved(), brand.standin.submit, database.transact

    def broken(work):
        raise StoreError("it is gone")

    def submitted(change, fields):
        monkeypatch.setattr(database, "transact", broken)
        return submit(change, fields)

    brand.standin.submit = submitted
    Rounds(brand.app).work()  # its thread lives on
    monkeypatch.setattr(database, "transact", transact)
    assert (state(lead), row(lead).sure, len(brand.writes())) == ("submitting", False, 1)
    assert brand.run(6 * MINUTE) == {"waiting": 1}
    brand.reconciled()
    assert (state(lead), len(brand.writes())) == ("done", 1)


def test_a_clock_that_is_set_back_has_nothing_sent_twice_or_lost(brand):
    first = brand.approved()
    brand.run()
    brand.passed -= HOUR
    second = brand.approved()
    assert brand.run() == {"submitted": 1}
    brand.run(HOUR + MINUTE)
    brand.reconciled()
    assert {state(first), state(second)} == {"done"} and len(brand.writes()) == 2
