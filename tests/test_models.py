"""The ledger: one transaction, claims that two at once never both win, and nothing half stored."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import peewee
import psycopg
import pytest
from cast import DUPLICATE, NOW, submit

import database
import models
from database import engines
from database.secret import hold_secret
from judge.compiler import compile_program
from judge.judgement import judge
from judge.verdict import Claim, Reason, Verdict
from leads import retention
from web import login
from web.health import check_writing
from web.login import FailedLogin


def test_a_lead_is_stored_in_wal_with_full_synchronisation(sqlite_file):
    with database.read():
        assert database.db.pragma("journal_mode") == "wal"
        assert database.db.pragma("synchronous") == 2
    submit()
    assert count(sqlite_file) == (1, 0)


def test_a_lead_comes_back_as_it_was_stored(ledger):
    stored = submit(body=b"\x00\xff", user="impäct")
    with database.read():
        lead = models.Lead.get_by_id(stored.id)
    assert lead.received_at == NOW
    assert (bytes(lead.body), lead.user, lead.amount) == (b"\x00\xff", "impäct", "")


def test_a_rule_text_is_stored_once_even_if_its_first_lead_was_not_stored(ledger):
    with pytest.raises(peewee.IntegrityError):
        submit(user=None)
    submit()
    submit()
    with database.read():
        assert [text.hash for text in models.RuleText.select()] == ["h" * 64]


def test_the_rule_text_of_a_lead_is_stored_though_a_repeated_request_came_first(ledger):
    submit(idempotency_key="k")
    assert submit(idempotency_key="k", rules="i" * 64).replayed
    submit(rules="i" * 64)
    with database.read():
        assert sorted(text.hash for text in models.RuleText.select()) == ["h" * 64, "i" * 64]


def test_ids_sort_by_time(ledger):
    ids = [submit(at=NOW + timedelta(milliseconds=n)).id for n in range(20)]
    assert ids == sorted(ids)


def test_only_the_first_gets_a_place(ledger):
    assert submit("ann").valid
    second = submit("ann")
    assert not second.valid
    assert second.reasons == ["duplicate"]
    assert {"check": "duplicate", "result": "refused: duplicate"} in second.trace


def test_a_place_is_free_again_when_its_time_has_run_out_and_not_before(ledger):
    assert submit("ann").valid
    assert not submit("ann", at=NOW + timedelta(days=90) - timedelta(milliseconds=1)).valid
    assert submit("ann", at=NOW + timedelta(days=90)).valid
    assert not submit("ann", at=NOW + timedelta(days=91)).valid


def test_without_a_time_a_place_is_taken_for_ever(ledger):
    assert submit("ann", within=None).valid
    assert not submit("ann", within=None, at=NOW + timedelta(days=10_000)).valid


def test_a_lead_takes_all_its_places_or_none(ledger):
    assert submit("ann").valid
    assert not submit("phone", "ann").valid
    assert submit("phone").valid


def test_a_place_that_was_taken_for_a_lead_that_is_refused_is_as_it_was_before(ledger):
    def reasons(at, **days):
        verdict = Verdict("default", "h" * 64)
        for key, within in days.items():
            verdict.claims.append(Claim(key, (key,), Reason(key, key), *[timedelta(days=within)] * 2))
        given = {"program": "default", "user": "", "body": b"", "content_type": "", "query": b""}
        return models.record(models.Submission(received_at=NOW + timedelta(days=at), **given), verdict).reasons

    assert reasons(0, ann=90, phone=90) == []
    assert reasons(8, ann=7, phone=90) == ["phone"]
    assert reasons(9, ann=90) == ["ann"]


def test_a_lead_may_claim_one_place_by_two_rules(ledger):
    assert submit("ann", "ann").valid
    assert not submit("ann").valid


def test_of_two_rules_about_one_place_the_longer_one_holds(ledger):
    def submit_under(rules, at):
        verdict = Verdict("default", "h" * 64)
        verdict.claims = [Claim(rule, ("ann",), Reason(rule, rule), *[timedelta(days=n)] * 2) for rule, n in rules]
        given = {"program": "default", "user": "", "body": b"", "content_type": "", "query": b""}
        return models.record(models.Submission(received_at=at, **given), verdict).reasons

    rules = [("week", 7), ("quarter", 90)]
    assert submit_under(rules, NOW) == []
    assert submit_under(rules, NOW + timedelta(days=8)) == ["quarter"]
    assert submit_under(rules, NOW + timedelta(days=90)) == []


def test_a_lead_that_only_asks_for_places_takes_none(ledger):
    assert submit("ann", asked=True).valid
    assert submit("ann").valid
    assert not submit("ann", asked=True).valid


def test_claims_hold_no_personal_data(sqlite_file):
    submit("canary@example.com")
    files = b"".join(file.read_bytes() for file in sqlite_file.parent.glob("leads.db*"))
    assert b"canary" not in files


def test_two_at_once_never_both_win(ledger):
    with ThreadPoolExecutor(8) as threads:
        leads = list(threads.map(lambda _: submit("ann"), range(24)))
    assert sum(lead.valid for lead in leads) == 1
    assert len({lead.id for lead in leads}) == 24


def test_of_requests_with_one_key_at_once_one_is_judged_and_the_others_get_its_answer(ledger):
    with ThreadPoolExecutor(8) as threads:
        leads = list(threads.map(lambda _: submit("ann", idempotency_key="k", content="same"), range(16)))
    assert {lead.id for lead in leads if lead.valid} == {leads[0].id}
    assert sum(lead.replayed for lead in leads) == 15


def submit_under_limit(units=1, limit=3, until=None, asked=False):
    verdict = Verdict("default", "h" * 64)
    verdict.claims = [Claim("cap", ("cap",), Reason("cap", "Full"), limit=limit, units=units, until=until, asked=asked)]
    given = {"program": "default", "user": "", "body": b"", "content_type": "", "query": b""}
    return models.record(models.Submission(received_at=NOW, **given), verdict)


def test_a_limit_is_exact_when_many_come_at_once(ledger):
    with ThreadPoolExecutor(8) as threads:
        leads = list(threads.map(lambda _: submit_under_limit(limit=10), range(40)))
    assert sum(lead.valid for lead in leads) == 10
    assert [lead.reasons for lead in leads if not lead.valid] == [["cap"]] * 30


def test_units_are_used_up_to_the_limit_and_not_beyond(ledger):
    assert submit_under_limit(units=2).valid
    assert not submit_under_limit(units=2).valid
    assert submit_under_limit(units=1).valid
    assert not submit_under_limit(units=1).valid
    assert not submit_under_limit(units=5, limit=4).valid


def test_a_lead_that_only_asks_for_a_limit_uses_up_none(ledger):
    assert submit_under_limit(limit=1, asked=True).valid
    assert submit_under_limit(limit=1).valid
    assert not submit_under_limit(limit=1, asked=True).valid


def test_a_retry_key_is_forgotten_after_24_hours(ledger):
    first = submit(idempotency_key="k")
    assert submit(idempotency_key="k", at=NOW + timedelta(hours=23, minutes=59)).replayed
    assert submit(idempotency_key="k", at=NOW + timedelta(hours=24)).id != first.id


# --- The secret ---

OTHER_SECRET = "DATAPOST_SECRET is not the one that the hashes in this database were made with"


def connect(url, secret):
    models.connect(url, secret)
    database.prepare(hold_secret)


def test_a_database_is_refused_with_another_secret_and_with_none(ledger):
    submit("ann")
    for secret in ("another", ""):
        with pytest.raises(database.SchemaError, match=OTHER_SECRET):
            connect(ledger, secret)
    connect(ledger, "a key for tests")
    assert submit("ann").reasons == ["duplicate"]


def test_without_a_secret_none_is_noted_and_one_may_be_set_later(ledger):
    connect(ledger, "")
    assert submit("ann").valid
    connect(ledger, "one")
    with pytest.raises(database.SchemaError, match=OTHER_SECRET):
        connect(ledger, "another")


def test_with_another_secret_no_server_stores_a_lead_or_says_that_it_could(ledger):
    submit("ann")
    models.connect(ledger, "another")
    assert OTHER_SECRET in failing()
    with pytest.raises(database.StoreError, match=OTHER_SECRET):
        check_writing()
    assert kept() == (1, 0)


def test_a_service_that_runs_while_the_secret_is_changed_stores_no_more_leads(ledger):
    submit("ann")
    with database.write():
        models.Fact.update(value="that of another").where(models.Fact.name == "secret").execute()
    with pytest.raises(database.SchemaError, match=OTHER_SECRET):
        submit("kim")
    assert kept() == (1, 0)


def test_of_two_that_note_their_secrets_at_once_one_wins(postgresql_ledger):
    with psycopg.connect(postgresql_ledger) as other, ThreadPoolExecutor(1) as threads:
        other.execute("INSERT INTO fact (name, value) VALUES ('secret', 'of the other')")
        ours = threads.submit(database.prepare, hold_secret)
        with psycopg.connect(postgresql_ledger, autocommit=True) as watcher:
            while not watcher.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                assert not ours.done()
        other.commit()
        assert OTHER_SECRET in str(ours.exception())


# --- When the store fails ---


def failing(**options):
    with pytest.raises(database.StoreError) as caught:
        submit("ann", **options)
    return str(caught.value)


def count(sqlite_file):
    with closing(sqlite3.connect(sqlite_file)) as reader:
        return reader.execute("select (select count(*) from lead), (select count(*) from claim)").fetchone()


def test_a_full_disk_stores_nothing_and_is_over_when_there_is_room(sqlite_file):
    submit("bob")
    with database.read():
        pages = database.db.execute_sql("pragma page_count").fetchone()[0]
        database.db.execute_sql(f"pragma max_page_count = {pages}")
    assert "full" in failing(body=b"x" * 100_000)
    assert count(sqlite_file) == (1, 1)
    with database.read():
        database.db.execute_sql("pragma max_page_count = 1000000")
    assert submit("ann").valid


def test_a_locked_database_stores_nothing_and_is_over_when_the_lock_is(sqlite_file, monkeypatch):
    monkeypatch.setattr(engines, "LOCK_WAIT", 0.05)
    models.connect(f"sqlite:///{sqlite_file.parent}/./leads.db", "a key for tests")
    submit("bob")
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as locker:
        locker.execute("begin immediate")
        assert "locked" in failing()
    assert submit("ann").valid
    assert count(sqlite_file) == (2, 2)


def test_a_file_that_is_no_database_or_cannot_be_made_is_a_store_error(sqlite_file):
    sqlite_file.write_bytes(b"this is no database" * 100)
    assert "not a database" in failing()
    models.connect("sqlite:////no/such/folder/leads.db", "")
    assert "unable to open" in failing()


def test_a_database_that_is_taken_away_gets_no_more_leads(sqlite_file):
    submit("ann")
    taken = {file: file.read_bytes() for file in sqlite_file.parent.glob("leads.db*")}
    for file in taken:
        file.rename(sqlite_file.parent / f"away-{file.name}")
    assert "the database file is gone" in failing()
    for file in taken:
        (sqlite_file.parent / f"away-{file.name}").rename(file)
    assert submit("ann").reasons == ["duplicate"]


def test_a_database_that_is_replaced_while_it_is_used_gets_no_more_leads(sqlite_file):
    submit("ann")
    sqlite_file.rename(sqlite_file.parent / "away")
    sqlite_file.write_bytes(b"")
    assert "the database file was replaced" in failing()
    assert sqlite_file.read_bytes() == b""


def test_a_mistake_of_ours_is_no_store_error(sqlite_file):
    with pytest.raises(peewee.IntegrityError):
        submit(user=None)
    assert count(sqlite_file) == (0, 0)


# --- What has run out ---


def kept():
    with database.read():
        return models.Taken.select().count(), models.Total.select().count()


def test_places_and_keys_that_have_run_out_are_cleared_and_no_others(ledger):
    submit("ann", idempotency_key="k")
    submit("bob", within=None)
    assert kept() == (3, 0)
    for after, left in [(timedelta(hours=24), 2), (timedelta(days=90), 1), (timedelta(days=9000), 1)]:
        assert not database.transact(lambda: retention.clear_expired(NOW + after - timedelta(milliseconds=1)))  # noqa: B023
        assert kept()[0] > left or after.days == 9000
        database.transact(lambda: retention.clear_expired(NOW + after))  # noqa: B023
        assert kept() == (left, 0)
    assert not submit("bob", within=None, at=NOW + timedelta(days=9001)).valid


def test_a_place_that_two_rules_take_is_kept_for_the_longer_one(ledger):
    verdict = Verdict("default", "h" * 64)
    verdict.claims = [Claim(f"for-{n}", ("ann",), DUPLICATE, *[timedelta(days=n)] * 2) for n in (7, 90)]
    given = {"program": "default", "user": "", "body": b"", "content_type": "", "query": b""}
    assert models.record(models.Submission(received_at=NOW, **given), verdict).valid
    database.transact(lambda: retention.clear_expired(NOW + timedelta(days=89)))
    assert not submit("ann", at=NOW + timedelta(days=89)).valid


def test_totals_of_a_period_that_is_over_are_cleared(ledger):
    submit_under_limit(until=NOW + timedelta(days=1))
    database.transact(lambda: retention.clear_expired(NOW))
    assert kept() == (0, 1)
    database.transact(lambda: retention.clear_expired(NOW + timedelta(days=1)))
    assert kept() == (0, 0)


class Ahead(datetime):
    """The clock of a machine that is two hours ahead."""

    @classmethod
    def now(cls, zone=None):
        return datetime.now(zone) + timedelta(hours=2)


def test_what_has_run_out_by_the_clock_of_one_machine_alone_is_kept(ledger, monkeypatch):
    submit_under_limit(until=datetime.now(UTC) + timedelta(hours=1))
    monkeypatch.setattr(models, "datetime", Ahead)
    database.transact(retention.clear_expired)
    assert kept() == (0, 1)


def test_what_has_run_out_by_the_clock_of_the_database_is_cleared(ledger):
    submit_under_limit(until=datetime.now(UTC) - timedelta(milliseconds=1))
    database.transact(retention.clear_expired)
    assert kept() == (0, 0)


def test_a_machine_whose_clock_is_behind_finds_an_hour_full_that_is_over(ledger):
    rules = compile_program("p", "p.yaml", "fields: {a: {}}\nrules: [{id: cap, limit: 1, per: hour}]", "", NOW)

    def post(at):
        submission = models.Submission("p", "", b"", "", b"", at)
        return models.record(submission, judge(rules, {}, at)).reasons

    hour = NOW.replace(minute=0, second=0, microsecond=0)
    assert post(hour) == []
    database.transact(lambda: retention.clear_expired(hour + timedelta(hours=1, seconds=5)))
    assert post(hour + timedelta(minutes=59, seconds=59)) == ["cap"]


def test_failed_logins_are_cleared_after_five_minutes(ledger):
    login.record_failed_login("address", "name", NOW)
    for after, left in [(timedelta(minutes=5, milliseconds=-1), 1), (timedelta(minutes=5), 0)]:
        database.transact(lambda: retention.clear_expired(NOW + after))  # noqa: B023
        with database.read():
            assert FailedLogin.select().count() == left


def test_little_is_cleared_at_once_and_the_rest_later(ledger, monkeypatch):
    monkeypatch.setattr(retention, "CLEARED_AT_ONCE", 2)
    for number in range(5):
        submit(number)
    late = NOW + timedelta(days=90)
    assert [database.transact(lambda: retention.clear_expired(late)) for _ in range(3)] == [True, True, False]
    assert kept() == (0, 0)
