"""What is fetched from impact.com, kept and noted, and what a run that fails leaves behind."""

import threading
from datetime import timedelta
from itertools import pairwise

import pytest
from cast import NEVER, statements
from reconciling import RULES, Brand, later

import database
from impact import conversions, reconciliation, rounds
from impact.api import Later, Refused, Unsure
from impact.lease import Busy, CannotReconcile, Lease
from impact.ledger import Action, Found
from models import Fact
from web import background

DAY = timedelta(days=1)


def asked(brand):
    """Return what lists of actions were asked for: the first parameter's name, and the day."""
    starts = ("ActionDateStart", "LockingDateStart", "StartDate")
    found = [(name, values[name][:10]) for _, _, values in brand.standin.calls for name in starts if name in values]
    brand.standin.calls.clear()
    return found


# --- What is asked for ---


def test_the_first_run_reads_from_the_first_valid_lead_on(brand):
    brand.lead(days=100)
    brand.reconcile()
    days = ("2026-08-22", "2026-10-05", "2026-11-18")
    assert [day for name, day in asked(brand) if name == "ActionDateStart"] == [*days]


def test_the_first_run_asks_by_update_too_as_a_list_by_day_may_leave_out_what_is_old(brand):
    brand.lead(days=50)
    brand.reconcile()
    assert [day for name, day in asked(brand) if name == "StartDate"] == ["2026-10-10", "2026-11-23"]


def test_no_more_than_three_years_are_read(brand):
    def wait(_seconds):
        return database.transact(lambda: Fact.delete().where(Fact.name == "impact").execute())

    brand.lead(days=2000)
    brand.reconcile(wait=wait)
    assert asked(brand)[0] == ("ActionDateStart", "2023-12-01")


def test_later_runs_read_from_the_oldest_that_is_not_locked_and_what_locks_or_changed(brand):
    brand.lead(days=40)
    brand.action(brand.lead(days=30), days=30)
    brand.action(brand.lead(days=10), days=10)
    brand.reconcile()
    asked(brand)
    with later(brand, hours=6):
        brand.reconcile()
    assert asked(brand) == [
        ("ActionDateStart", "2026-11-20"),
        ("LockingDateStart", "2026-11-29"),
        ("StartDate", "2026-11-29"),
    ]


def test_windows_cover_a_time_without_a_gap(brand):
    found = conversions.split("event", brand.now - 100 * DAY, brand.now)
    assert found[0].since == brand.now - 100 * DAY and found[-1].until == brand.now
    assert all(after.since < before.until for before, after in pairwise(found))
    assert all(window.until - window.since <= 44 * DAY for window in found)


def test_what_is_approved_after_the_last_run_is_seen_by_its_lock(brand):
    _lead, action = brand.both(days=13)
    brand.reconcile()
    brand.standin.change(action, state="APPROVED")
    with later(brand, days=5):
        brand.reconcile()
    assert brand.state(action) == "APPROVED"


def test_what_is_changed_long_after_its_lock_is_seen_by_update(brand):
    lead, action = brand.both(days=90)
    brand.reconcile()
    with later(brand, days=1):
        brand.standin.change(action, state="REVERSED")
        assert brand.found() == [("reversed_elsewhere", lead)]


def test_since_is_how_far_back_the_first_run_reads(brand):
    brand.lead(days=100)
    brand.reconcile(since=brand.now - 20 * DAY)
    assert asked(brand) == [("ActionDateStart", "2026-11-10"), ("StartDate", "2026-11-09")]
    assert brand.open() == []


def test_later_since_reads_farther_back_and_never_less(brand):
    lead = brand.lead(days=100)
    brand.reconcile(since=brand.now - 20 * DAY)
    assert brand.found(since=brand.now - DAY) == []
    assert brand.found(since=brand.now - 101 * DAY) == [("no_conversion", lead)]


def test_a_time_that_is_still_to_come_is_refused(brand):
    with pytest.raises(CannotReconcile, match="still to come"):
        brand.reconcile(since=brand.now + DAY)
    assert not brand.standin.calls and brand.reconciled() is None


def test_what_stands_in_several_windows_is_written_once(brand):
    brand.both()
    with statements() as seen:
        brand.reconcile()
    assert len([sql for sql, _ in seen if "INSERT INTO action" in sql.replace('"', "")]) == 1


def test_actions_of_other_event_types_are_none_of_ours(brand):
    brand.lead(days=9)
    brand.action("OTHER", event_type="9")
    brand.action("OTHER", campaign="2000")
    assert brand.reconcile().actions == 0


def test_nothing_of_a_person_is_kept(brand):
    assert {field.name for field in Action._meta.sorted_fields} == set(conversions.COLUMNS)


# --- What fails ---


@pytest.mark.parametrize(("status", "error"), [(401, Refused), (500, Unsure), (429, Later)])
def test_a_run_that_fails_keeps_what_was_known_and_says_why(brand, status, error):
    lead, action = brand.lead(), brand.both()[1]
    brand.reconcile()
    before = brand.open()
    brand.standin.actions.clear()
    brand.standin.fail("GET", status)
    with later(brand, hours=6), pytest.raises(error):
        brand.reconcile()
    row = brand.reconciled()
    assert brand.open() == before == [("no_conversion", lead)] and brand.state(action) == "PENDING"
    assert (row.at, row.tried_at - row.at) == (brand.now, timedelta(hours=6)) and f"{status}" in row.error
    with later(brand, hours=7):
        database.transact(lambda: Fact.delete().where(Fact.name.startswith("impact")).execute())  # it may ask again
        brand.reconcile()
    assert brand.reconciled().error == ""


def test_a_run_that_fails_half_way_leaves_findings_alone(brand, monkeypatch):
    brand.lead(days=80)
    calls = []

    def fetch(api, program, window, real=conversions.fetch):
        calls.append(window)
        if len(calls) == 2:
            raise Unsure("no answer")
        return real(api, program, window)

    monkeypatch.setattr(conversions, "fetch", fetch)
    with pytest.raises(Unsure):
        brand.reconcile()
    assert brand.open() == [] and brand.reconciled().at is None


def test_without_account_or_campaign_it_says_what_to_do(make_app, standin):
    brand = Brand(make_app, standin, standin.now(), RULES.split("impact:")[0])
    with pytest.raises(CannotReconcile, match="write impact: there"):
        brand.reconcile()
    brand = Brand(make_app, standin, standin.now(), impact_token="")
    with pytest.raises(CannotReconcile, match=r"DATAPOST_IMPACT_SID and DATAPOST_IMPACT_TOKEN.*--file"):
        brand.reconcile()


def test_where_calls_are_used_up_it_goes_on_where_it_was(brand, monkeypatch):
    monkeypatch.setattr("impact.quota.quiet", lambda seconds: seconds)
    brand.lead(days=80)
    waited = []

    def wait(seconds):
        waited.append(seconds)
        return len(waited) < 3

    brand.standin.fail("GET", 429, times=2, X_RateLimit_Reset="24")
    brand.reconcile(wait=wait)
    assert waited == [24, 24] and len(asked(brand)) == 2 + 2 + 2
    brand.standin.fail("GET", 429, X_RateLimit_Reset="24")
    with pytest.raises(Later):
        brand.reconcile(wait=wait)


# --- Two at once ---


def test_of_two_at_once_the_second_is_told_so(brand):
    brand.both()
    begun, goes_on, errors = threading.Event(), threading.Event(), []

    def fetch(api, program, window, real=conversions.fetch):
        begun.set()
        assert goes_on.wait(NEVER)
        return real(api, program, window)

    def first():
        try:
            brand.reconcile()
        except Exception as error:  # told by the test
            errors.append(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversions, "fetch", fetch)
        thread = threading.Thread(target=first)
        thread.start()
        assert begun.wait(NEVER)
        with pytest.raises(Busy, match="being reconciled already"):
            brand.reconcile()
        goes_on.set()
        thread.join()
    assert not errors and brand.reconcile().actions == 1


def test_who_lost_the_lease_writes_nothing_more(brand):
    lease = Lease("default")
    database.transact(lambda: Fact.update(value="1").where(Fact.name == "reconcile:default").execute())
    with pytest.raises(Busy, match="took too long"):
        lease.transact(lambda: Found.delete().execute())


# --- By itself ---


def test_a_service_reconciles_each_program_every_six_hours(make_app, standin):
    brand = Brand(
        make_app, standin, standin.now(), {"default": RULES, "other": RULES, "plain": RULES.split("impact:")[0]}
    )
    brand.made.rounds.work()
    count = len(standin.calls)
    assert brand.reconciled("default").at and brand.reconciled("other").at and not brand.reconciled("plain")
    brand.made.rounds.work()
    assert len(standin.calls) == count
    database.transact(lambda: Fact.update(value="1").where(Fact.name == "impact:reconcile:other").execute())
    brand.made.rounds.work()
    assert len(standin.calls) > count


def test_a_round_that_impact_com_refuses_is_logged_and_waits(make_app, standin, caplog):
    brand = Brand(make_app, standin, standin.now(), impact_token="wrong-canary")
    brand.made.rounds.work()
    (line,) = [record.getMessage() for record in caplog.records if "impact.com" in record.getMessage()]
    assert "reconcile:default is tried again in 30 minutes" in line and "401" in line and "canary" not in line
    brand.made.rounds.work()
    assert len(standin.calls) == 1


def test_without_an_account_no_thread_is_begun(make_app, standin):
    brand = Brand(make_app, standin, standin.now(), impact_sid="")
    brand.made.rounds.begin()
    assert "impact" not in [thread.name for thread in threading.enumerate()]


def test_it_ends_though_a_call_takes_long(make_app, standin, monkeypatch):
    brand = Brand(make_app, standin, standin.now())
    begun, goes_on = threading.Event(), threading.Event()

    def reconcile(_made, _program, wait):
        begun.set()
        assert goes_on.wait(NEVER)

    monkeypatch.setattr(rounds, "CHORES", [rounds.Chore("test", 1000, 1000, reconcile, each=True)])
    monkeypatch.setattr(background, "STOP_WAIT", 0.01)
    brand.made.rounds.begin()
    assert begun.wait(NEVER)
    brand.made.rounds.stop()
    goes_on.set()
    [thread.join() for thread in threading.enumerate() if thread.name == "impact"]


# --- Many ---


def test_many_leads_are_compared_in_few_statements(brand):
    step = timedelta(days=25) / 3000
    ids = brand.leads(*({"at": brand.now - 28 * DAY + n * step} for n in range(3000)))
    for n, lead in enumerate(ids):
        brand.standin.add(lead, event_at=brand.now - 28 * DAY + n * step)
    with statements() as seen:
        brand.reconcile()
    assert len([sql for sql, _ in seen if 'FROM "lead"' in sql]) < 60
    assert brand.reconciled().reach < brand.now - 28 * DAY and reconciliation.NO_ACCOUNT
