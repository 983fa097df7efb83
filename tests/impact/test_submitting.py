"""What is approved is submitted, and followed: whatever impact.com answers, nothing is written twice blindly."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from reversing import RULES, at_the_standin, propose, row, see, state, store

import database
from impact import reversals, submitting
from impact.api import Api
from impact.ledger import Reversal
from models import Lead

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def brand(make_app, database_url, monkeypatch):
    yield from at_the_standin(make_app, database_url, monkeypatch)


def test_it_is_reversed_by_the_actions_id_and_done_once_a_reconciliation_sees_it(brand):
    lead = brand.approved()
    assert brand.run() == {"submitted": 1}
    assert brand.writes() == [("DELETE", {"DispositionCode": "CONS_FRAUD", "ActionId": brand.action})]
    assert (state(lead), row(lead).sure, row(lead).error) == ("queued", True, "")
    assert brand.run() == {}  # due in a minute
    assert brand.run(MINUTE) == {"waiting": 1}
    assert state(lead) == "queued" and row(lead).done_at
    brand.reconciled()
    assert (state(lead), row(lead).due_at) == ("done", None)
    assert len(brand.writes()) == 1


def test_what_a_reconciliation_sees_reversed_is_asked_for_at_once(brand):
    lead = brand.approved()
    brand.run()
    brand.reconciled()
    assert state(lead) == "queued"
    assert brand.run() == {"done": 1}


def test_an_action_that_is_not_known_yet_is_named_by_its_order(brand):
    lead = brand.approved(known=False)
    brand.run()
    named = {"ActionTrackerId": "2240", "OrderId": lead}
    assert brand.writes() == [("DELETE", {"DispositionCode": "CONS_FRAUD"} | named)]
    brand.run(MINUTE)
    brand.reconciled()
    assert (state(lead), row(lead).action) == ("done", brand.action)


def test_a_submission_that_waits_is_asked_for_less_and_less(brand):
    lead = brand.approved()
    brand.standin.queued_for = 4
    brand.run()
    found = [brand.run(wait) for wait in (MINUTE, 3 * MINUTE, MINUTE, 10 * MINUTE, 45 * MINUTE, 5 * HOUR)]
    waits = {"waiting": 1}
    assert found == [waits, {}, waits, waits, waits, waits]
    assert row(lead).done_at


def test_what_is_queued_for_three_days_is_known_to_nobody(brand):
    lead = brand.approved()
    brand.standin.queued_for, brand.standin.delayed = 99, True
    brand.run()
    [brand.run(6 * HOUR) for _ in range(11)]
    assert state(lead) == "queued"
    assert brand.run(6 * HOUR) == {"failed": 1}
    assert "nobody knows what became of it: look at the conversion at impact.com" in row(lead).error
    assert not row(lead).sure


def test_what_nobody_knew_of_is_done_when_it_shows_after_all(brand):
    lead = brand.approved()
    brand.standin.queued_for, brand.standin.delayed = 99, True
    brand.run()
    brand.run(3 * DAY)
    assert state(lead) == "failed"
    brand.standin.settle()
    brand.reconciled()
    assert (state(lead), row(lead).error, row(lead).sure) == ("done", "", True)


def test_what_is_complete_and_never_shows_has_failed_after_three_days(brand):
    lead = brand.approved()
    brand.standin.delayed = True
    brand.run()
    brand.run(MINUTE)
    brand.reconciled()
    assert state(lead) == "queued"
    assert brand.run(3 * DAY) == {"failed": 1}
    assert "complete, but the conversion is PENDING and not reversed" in row(lead).error


def test_what_shows_only_when_it_is_looked_up_after_three_days_is_done(brand):
    lead = brand.approved()
    brand.run()
    brand.run(MINUTE)
    assert brand.run(3 * DAY) == {"done": 1}
    assert state(lead) == "done"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("ACTIONTRACKER_NOT_FOUND", "mend event_type"),
        ("SO\x1b[31mNEW" + "x" * 500, "look at the conversion at impact.com"),
    ],
)
def test_complete_with_an_error_type_has_failed(brand, error, advice):
    lead = brand.approved()
    brand.standin.error_type = error
    brand.run()
    assert brand.run(MINUTE) == {"failed": 1}
    found = row(lead)
    assert (found.state, found.due_at, brand.there()) == ("failed", None, "PENDING")
    assert found.error.startswith("impact.com did not reverse it (") and advice in found.error
    assert "\x1b" not in found.error and len(found.error) < 300


# --- Nobody knows ---


def test_a_lost_answer_is_looked_up_and_nothing_is_said_twice(brand):
    lead = brand.approved()
    brand.standin.lose_answers = 1
    assert brand.run() == {"unsure": 1}
    assert (state(lead), row(lead).sure) == ("submitting", False)
    assert brand.run(MINUTE) == {"waiting": 1}
    assert state(lead) == "queued"
    brand.reconciled()
    assert (state(lead), len(brand.writes())) == ("done", 1)


def test_a_lost_answer_to_an_order_id_is_looked_up_in_the_list(brand):
    lead = brand.approved(known=False)
    brand.standin.lose_answers = 1
    brand.run()
    brand.run(MINUTE)
    assert (state(lead), row(lead).action) == ("queued", brand.action)
    assert brand.standin.calls[-1][2]["CampaignId"] == "1000"


def test_what_failed_there_is_said_again_only_after_an_hour_of_looks(brand):
    lead = brand.approved()
    brand.standin.fail("DELETE", 503)
    brand.run()
    waits = (MINUTE, 4 * MINUTE, 10 * MINUTE)
    assert [brand.run(wait) for wait in waits] == [{"waiting": 1}] * 3
    assert len(brand.writes()) == 1
    assert brand.run(45 * MINUTE) == {"submitted": 1}
    assert (state(lead), len(brand.writes()), brand.there()) == ("queued", 2, "REVERSED")


def test_a_write_that_takes_effect_late_is_not_said_again(brand):
    lead = brand.approved()
    brand.standin.delayed, brand.standin.lose_answers = True, 1
    brand.run()
    brand.run(MINUTE)
    brand.standin.settle()
    brand.run(50 * MINUTE)
    assert (state(lead), len(brand.writes())) == ("queued", 1)


def test_it_is_said_three_times_at_most(brand):
    lead = brand.approved()
    brand.standin.fail("DELETE", 500, times=9)
    brand.run()
    [brand.run(10 * MINUTE) for _ in range(40)]
    assert (state(lead), len(brand.writes()), row(lead).sure) == ("failed", 3, False)
    assert "submitted 3 times, no answer came" in row(lead).error


def test_what_was_killed_while_it_was_sent_is_looked_up(brand, monkeypatch):
    lead = brand.approved()
    reverse = Api.reverse

    def killed(api, *args, **named):
        reverse(api, *args, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(Api, "reverse", killed)
    with pytest.raises(KeyboardInterrupt):
        brand.run()
    monkeypatch.setattr(Api, "reverse", reverse)
    assert (state(lead), row(lead).sure) == ("submitting", False)
    assert brand.run(MINUTE) == {}  # its lease is not over
    assert brand.run(5 * MINUTE) == {"waiting": 1}
    brand.reconciled()
    assert (state(lead), len(brand.writes())) == ("done", 1)


def test_what_was_killed_before_it_was_sent_is_sent_after_an_hour_of_looks(brand, monkeypatch):
    lead = brand.approved()

    def killed(_api, *_args, **_named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Api, "reverse", killed)
        with pytest.raises(KeyboardInterrupt):
            brand.run()
    assert brand.run(6 * MINUTE) == {"waiting": 1}
    brand.run(55 * MINUTE)
    assert (state(lead), len(brand.writes()), brand.there()) == ("queued", 1, "REVERSED")


def test_what_failed_without_an_answer_is_looked_up_when_it_is_proposed_again(brand):
    lead = brand.approved()
    brand.standin.queued_for, brand.standin.delayed = 99, True
    brand.run()
    brand.run(3 * DAY)
    assert state(lead) == "failed"
    brand.standin.settle()
    propose(brand.app, _lead(lead))
    with brand.app.app_context():
        reversals.approve([lead], "ann")
    assert brand.run() == {"waiting": 1}
    assert (state(lead), len(brand.writes())) == ("queued", 1)


def _lead(lead):
    with database.read():
        return Lead.get_by_id(lead)


# --- Refused, and later ---


@pytest.mark.parametrize("status", [401, 403])
def test_what_is_refused_for_the_tokens_sake_is_kept_and_nothing_is_lost(brand, status):
    lead = brand.approved()
    brand.standin.fail("DELETE", status)
    assert brand.run() == {"refused": 1}
    found = row(lead)
    assert (found.state, found.sure, found.attempts) == ("approved", True, 0)
    assert f"impact.com answers {status}" in found.error
    assert brand.run(9 * MINUTE) == {}
    submitting.hurry()
    assert brand.run() == {"submitted": 1}
    assert row(lead).error == ""


def test_what_is_refused_for_its_own_sake_has_failed(brand):
    lead = brand.approved()
    brand.standin.fail("DELETE", 400)
    assert brand.run() == {"failed": 1}
    assert (state(lead), row(lead).sure) == ("failed", True)
    assert "impact.com answers 400" in row(lead).error


def test_too_many_calls_are_waited_for(brand):
    lead = brand.approved()
    brand.standin.fail("DELETE", 429, X_RateLimit_Reset="120")
    assert brand.run() == {"later": 1}
    assert state(lead) == "approved"
    assert brand.run(MINUTE) == {}
    assert brand.run(2 * MINUTE) == {"submitted": 1}


def test_after_the_lock_no_call_is_made(brand):
    lead = brand.approved(locking_at=datetime.now(UTC) + HOUR)
    brand.passed = 2 * HOUR
    assert brand.run() == {"too_late": 1}
    assert state(lead) == "too_late" and brand.standin.calls == []


def test_what_locks_before_it_is_said_again_is_too_late(brand):
    lead = brand.approved(locking_at=datetime.now(UTC) + HOUR / 2)
    brand.standin.fail("DELETE", 503)
    brand.run()
    brand.run(20 * MINUTE)
    brand.run(HOUR)
    assert (state(lead), len(brand.writes())) == ("too_late", 1)


def test_of_two_services_one_submits(brand):
    leads = [brand.approved() for _ in range(6)]
    start = threading.Barrier(3, timeout=60)

    def work():
        start.wait()
        reversals.run_due(brand.made)

    threads = [threading.Thread(target=work) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(brand.writes()) == 6
    assert {*map(state, leads)} == {"queued"}


def test_without_an_account_only_locks_are_noted(make_app):
    app = make_app(RULES)
    lead = store()
    see(lead)
    propose(app, lead)
    database.transact(Reversal.update(locking_at=lead.received_at).execute)
    assert dict(reversals.run_due(app.extensions["datapost"])) == {"too_late": 1}


def test_a_lead_that_was_deleted_meanwhile_is_reversed_all_the_same(brand):
    lead = brand.approved()
    database.transact(Lead.delete().where(Lead.id == lead).execute)
    brand.run()
    assert (state(lead), brand.there()) == ("queued", "REVERSED")


# --- Restored ---


def test_a_reversal_is_taken_back(brand):
    lead = brand.done()
    assert reversals.restore(brand.made, lead, "ann") == ""
    assert brand.writes()[1] == ("PUT", {"ActionId": brand.action, "Reason": "RESET"})
    assert (state(lead), row(lead).restored_by) == ("done", "ann")
    assert "being restored already" in reversals.restore(brand.made, lead, "ann")
    assert brand.run(MINUTE) == {"restored": 1}
    assert (state(lead), brand.there()) == ("restored", "PENDING")


def test_a_lost_answer_to_a_restore_is_looked_up(brand):
    lead = brand.done()
    brand.standin.lose_answers = 1
    assert "looked up in a minute" in reversals.restore(brand.made, lead, "ann")
    assert brand.run(MINUTE) == {"restored": 1}
    assert len(brand.writes()) == 2 and state(lead) == "restored"


def test_what_is_not_restored_stays_done_and_says_why(brand):
    lead = brand.done()
    brand.standin.error_type = "SOMETHING"
    reversals.restore(brand.made, lead, "ann")
    assert brand.run(MINUTE) == {"failed": 1}
    assert state(lead) == "done" and "not restored: SOMETHING" in row(lead).error
    assert not row(lead).restoring


def test_nothing_is_restored_that_is_not_done_or_has_locked(brand):
    lead = brand.approved()
    assert "this is approved" in reversals.restore(brand.made, lead, "ann")
    assert "nobody reversed this lead" in reversals.restore(brand.made, "01K", "ann")
    database.transact(Reversal.update(state="done", locking_at=row(lead).proposed_at).execute)
    assert "it stays reversed" in reversals.restore(brand.made, lead, "ann")
    assert brand.standin.calls == []
