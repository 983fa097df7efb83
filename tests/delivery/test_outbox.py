"""The outbox: rows come with the lead, each is one sender's at a time, and what became of it stands there."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from cast import submit

import database
from delivery import outbox
from delivery.answers import Outcome
from delivery.outbox import Standing
from judge.compiler import compile_program
from judge.verdict import Verdict
from models import Delivery, Submission, record

NOW = datetime.now(UTC)
SENT, AGAIN = Outcome("sent", 200), Outcome("again", 503, "it answered 503")
DEAD, PAUSE = Outcome("dead", 422, "it answered 422"), Outcome("pause", 401, "it answered 401")


def lead(*destinations):
    """Store a valid lead that goes to these destinations, and return its id."""
    verdict = Verdict("default", "h" * 64, deliver=list(destinations))
    return record(Submission("default", "impact", b"", "", b"", datetime.now(UTC)), verdict).id


def row(lead_id, destination="crm"):
    with database.read():
        return Delivery.get_or_none(lead=lead_id, destination=destination)


def overdue(lead_id, **values):
    """Have a row be due, and nobody's."""
    values = {"due_at": NOW - timedelta(minutes=1), "lease_until": None} | values
    database.transact(Delivery.update(values).where(Delivery.lead == lead_id).execute)


def attempt(lead_id, outcome):
    overdue(lead_id)
    claimed = outbox.claim("crm")
    assert claimed.lead == lead_id
    outbox.settle(claimed, outcome)
    return row(lead_id)


def test_a_valid_lead_has_its_rows_with_it(ledger):
    found = row(lead("crm", "inbox"))
    assert (found.state, found.attempts, found.error, found.rules) == ("waiting", 0, "", "h" * 64)
    assert row(found.lead, "inbox").state == "waiting"


def test_a_lead_that_goes_nowhere_has_none(ledger):
    submit()
    with database.read():
        assert not Delivery.select().exists()


def test_of_many_who_claim_at_once_each_gets_another_row(ledger):
    ids = {lead("crm") for _ in range(12)}
    got, start = [], threading.Barrier(6, timeout=60)

    def work():
        start.wait()
        while claimed := outbox.claim("crm"):
            got.append(claimed.lead)

    threads = [threading.Thread(target=work) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(got) == sorted(ids)


def test_a_row_is_its_senders_until_the_lease_is_over(ledger):
    lead_id = lead("crm")
    first = outbox.claim("crm")
    assert outbox.claim("crm") is None
    overdue(lead_id)
    second = outbox.claim("crm")
    assert (first.attempts, second.attempts) == (1, 2)  # who was killed has used up an attempt
    outbox.settle(first, DEAD)
    assert row(lead_id).state == "waiting"  # the second is at it
    outbox.settle(first, SENT)
    outbox.settle(second, SENT)
    assert row(lead_id).state == "sent"  # but what arrived has arrived


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 5), (2, 300), (3, 1800), (6, 36_000), (9, 86_400)])
def test_what_failed_is_due_later_and_later(ledger, attempts, seconds):
    lead_id = lead("crm")
    overdue(lead_id, attempts=attempts - 1)
    outbox.settle(outbox.claim("crm"), AGAIN)
    found = row(lead_id)
    waits = (found.due_at - found.last_at).total_seconds()
    assert 0.84 * seconds < waits < 1.16 * seconds + 1
    assert (found.state, found.last_status, found.error) == ("waiting", 503, "it answered 503")


def test_a_destination_says_how_long_to_wait(ledger):
    found = attempt(lead("crm"), Outcome("again", 429, "it answered 429", retry_after=3600))
    assert (found.due_at - found.last_at).total_seconds() >= 3600


def test_the_tenth_attempt_is_the_last(ledger):
    lead_id = lead("crm")
    overdue(lead_id, attempts=9)
    outbox.settle(outbox.claim("crm"), AGAIN)
    assert (row(lead_id).state, row(lead_id).attempts) == ("dead", 10)


def test_what_is_refused_for_good_is_dead_at_once(ledger):
    assert attempt(lead("crm"), DEAD).state == "dead"


def test_a_destination_that_refuses_is_paused_and_no_attempt_is_used_up(ledger):
    lead_id = lead("crm")
    assert outbox.settle(outbox.claim("crm"), PAUSE) == "it answered 401"
    assert (row(lead_id).state, row(lead_id).attempts) == ("waiting", 0)
    overdue(lead_id)
    assert outbox.claim("crm") is None
    with database.read():
        assert outbox.paused()["crm"].why == "it answered 401"


def test_ten_failures_in_a_row_pause_a_destination(ledger):
    ids = [lead("crm") for _ in range(10)]
    told = [outbox.settle(outbox.claim("crm"), AGAIN) for _ in ids]
    assert told[:9] == [None] * 9
    assert told[9] == "10 failures in a row: it answered 503"


def test_a_success_begins_the_count_anew(ledger):
    for outcome in [AGAIN] * 9 + [SENT] + [AGAIN] * 9:
        attempt(lead("crm"), outcome)
    with database.read():
        assert not outbox.paused()


def test_once_an_hour_one_lead_is_a_probe_that_resumes(ledger):
    first, second = lead("crm"), lead("crm")
    outbox.settle(outbox.claim("crm"), PAUSE)
    database.transact(Standing.update(probe_at=NOW - timedelta(seconds=1)).execute)
    database.transact(Delivery.update(due_at=NOW - timedelta(hours=1)).execute)
    probe = outbox.claim("crm")
    assert probe.probe and outbox.claim("crm") is None
    outbox.settle(probe, SENT)
    assert {row(first).state, row(second).state} == {"sent", "waiting"}
    assert outbox.claim("crm").probe is False


def test_a_probe_that_fails_uses_up_nothing_and_the_next_is_another_lead(ledger):
    lead("crm"), lead("crm")
    outbox.settle(outbox.claim("crm"), PAUSE)
    probed = []
    for _ in range(2):
        database.transact(Standing.update(probe_at=NOW - timedelta(seconds=1)).execute)
        probe = outbox.claim("crm")
        probed.append(probe.lead)
        assert outbox.settle(probe, AGAIN) is None
        assert (row(probe.lead).state, row(probe.lead).attempts) == ("waiting", 0)
    assert len(set(probed)) == 2


@pytest.mark.parametrize("result", ["again", "dead", "withdrawn"])
def test_a_lead_that_is_not_sent_is_no_probe_and_another_one_is_it_at_once(ledger, result):
    leads = {lead("crm"), lead("crm")}
    outbox.settle(outbox.claim("crm"), PAUSE)
    database.transact(Standing.update(probe_at=NOW - timedelta(seconds=1)).execute)
    first = outbox.claim("crm")
    outbox.settle(first, Outcome(result, error="nobody was asked", ours=result != "withdrawn"))
    second = outbox.claim("crm")
    assert second.probe and {first.lead, second.lead} == leads
    outbox.settle(second, AGAIN)
    assert outbox.claim("crm") is None


def test_what_an_operator_pauses_waits_for_an_operator(ledger):
    lead("crm")
    outbox.pause("crm", "owner")
    assert outbox.claim("crm") is None
    assert outbox.resume("crm") == 1
    assert outbox.claim("crm")


def test_to_resume_makes_what_waits_due_now(ledger):
    lead_id = lead("crm")
    overdue(lead_id, due_at=NOW + timedelta(days=1))
    outbox.resume("crm")
    assert outbox.claim("crm").lead == lead_id


def test_what_is_dead_is_sent_again_and_what_was_sent_never(ledger):
    dead, sent = lead("crm"), lead("crm")
    database.transact(Delivery.update(state="dead", attempts=10).where(Delivery.lead == dead).execute)
    database.transact(Delivery.update(state="sent").where(Delivery.lead == sent).execute)
    assert outbox.again(to="crm") == 1
    assert outbox.again(lead=sent) == 0
    assert (row(dead).state, row(dead).attempts, row(sent).state) == ("waiting", 0, "sent")


def test_who_sleeps_knows_when_something_is_due(ledger):
    def seconds():
        with database.read():
            return outbox.next_due("crm")

    assert seconds() is None
    lead_id = lead("crm")
    assert seconds() == 0
    claimed = outbox.claim("crm")
    assert 70 < seconds() <= 80
    outbox.settle(claimed, AGAIN)
    assert 3 < seconds() < 7
    outbox.settle(outbox.Claimed(lead_id, "crm", 1, 0), SENT)
    assert seconds() is None


def test_who_notes_that_a_lead_was_sent_has_the_next_one_by_the_same_commit(ledger):
    first, second = lead("crm"), lead("crm")
    why, following = outbox.settle_and_claim(outbox.claim("crm"), SENT)
    assert (why, {row(first).state, row(second).state}) == (None, {"sent", "waiting"})
    assert following.attempts == 1 and outbox.claim("crm") is None
    assert outbox.settle_and_claim(following, SENT) == (None, None)


def test_a_destination_is_not_paused_for_faults_of_ours(ledger):
    for _ in range(12):
        attempt(lead("crm"), Outcome("again", error="the rules do not name this destination any more", ours=True))
    with database.read():
        assert not outbox.paused()


def test_a_lead_that_two_have_sent_is_counted_once(ledger):
    program = compile_program("p", "p.yaml", "fields: {email: {}}\ndeliver: [{to: crm}]", "", NOW)
    lead_id = lead("crm")
    first = outbox.claim("crm")
    overdue(lead_id)
    for claimed in (outbox.claim("crm"), first):
        outbox.settle(claimed, SENT, program)
    with database.read():
        assert [(day.sent, day.dead) for day in outbox.Delivered.select()] == [(1, 0)]


def test_a_destination_is_told_of_a_lead_that_is_erased_in_the_moment_in_which_it_arrives(postgresql_ledger):
    rules = "fields: {email: {}}\ndeliver: [{to: crm, erasures: true}]"
    program, lead_id = compile_program("p", "p.yaml", rules, "", NOW), lead("crm")
    claimed = outbox.claim("crm")
    with psycopg.connect(postgresql_ledger) as eraser, ThreadPoolExecutor() as threads:
        eraser.execute("UPDATE delivery SET state = 'withdrawn' WHERE lead = %s", [lead_id])
        settled = threads.submit(outbox.settle, claimed, SENT, program)
        while not eraser.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            assert not settled.done()
        eraser.commit()
        settled.result()
    assert (row(lead_id).state, row(lead_id, "crm:erased").state) == ("sent", "waiting")
