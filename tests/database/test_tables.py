"""The tables: what a lead costs in them, and how those of an earlier version are brought up to date."""

import re
import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from cast import ROOT, SAMPLES, scans, statements

import database
import models
from app import create_app
from database import claims, connection
from judge.verdict import Claim, Reason, Verdict
from leads import retention, search
from web import login, sessions
from web.health import check_writing
from web.settings import Settings, User

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


# --- What a lead costs ---

RETRIES = {"idempotency_key": "key", "content": "same"}


def submit(number, claims=2, at=NOW, **submission):
    verdict = Verdict("default", "h" * 64)
    verdict.claims = [
        Claim("duplicate", (number,), Reason("duplicate", "Already submitted"), timedelta(days=90)),
        Claim("cap", ("cap",), Reason("cap", "Full"), limit=1000, until=NOW + timedelta(days=1)),
    ][:claims]
    given = {"program": "default", "user": "impact", "body": b"", "content_type": "", "query": b""} | submission
    return models.record(models.Submission(received_at=at, **given), verdict)


@pytest.mark.parametrize(
    ("lead", "cost"),
    [
        ({"claims": 0}, ["INSERT INTO lead"]),
        ({"claims": 1}, ["INSERT INTO claim", "INSERT INTO lead"]),
        ({}, ["SAVEPOINT", "INSERT INTO claim", "INSERT INTO total", "RELEASE", "INSERT INTO lead"]),
        ({"claims": 0, **RETRIES}, ["INSERT INTO claim", "INSERT INTO lead"]),
    ],
    ids=["no claim", "one claim", "two claims", "a key"],
)
def test_a_lead_costs_these_statements_and_no_more(ledger, lead, cost):
    submit(0)  # which brings the text of its rules
    cost = [*cost, "INSERT INTO late"]
    if database.engine().side_by_side:  # in one statement with the lead; and a savepoint ends with the transaction
        cost = [word for word in cost if word != "RELEASE"]
    else:
        cost.append("SELECT 1 FROM fact")
    with statements() as seen:
        submit(1, **lead)
    words = [" ".join(sql.split()[:4]) for sql, _ in seen if "synchronous_commit" not in sql]
    assert sorted(next(word for word in (*cost, sql) if sql.startswith(word)) for sql in words) == sorted(cost)


def test_a_refused_lead_costs_one_statement_more_for_all_its_reasons(ledger):
    verdict = Verdict("default", "h" * 64, observed=["a"])
    for code in ("x", "y", "x"):
        verdict.refuse(Reason(code, code), code)
    given = {"program": "default", "user": "", "body": b"", "content_type": "", "query": b""}
    with statements() as seen:
        models.record(models.Submission(received_at=NOW, **given), verdict)
    assert sum("INSERT INTO refusal" in sql for sql, _ in seen) == 1
    with database.read():
        assert sorted(row.code for row in models.Refusal.select()) == ["observed:a", "x", "y"]


def test_every_query_on_the_way_of_a_lead_uses_an_index(ledger):
    submit(0)
    with statements() as seen:
        check_writing()
        submit(1)
        submit(1)
        submit(2, **RETRIES)
        submit(2, **RETRIES)
        submit(3, idempotency_key="key", content="other")
        login.look_up_login(["digest"], "address", "name", NOW)
        login.remember_login("digest")
        login.record_failed_login("address", "name", NOW)
        made = login.Login([], "a key for tests")
        cookie = sessions.begin(made, User("owner", "secret"))
        sessions.find(made, cookie)
        sessions.end(cookie)
        search.last_rule_text("default")
        database.transact(retention.clear_expired)
    queries = {sql: params for sql, params in seen if re.match("SELECT.*FROM|INSERT|UPDATE|DELETE", sql.strip(), re.S)}
    assert len(queries) >= 12
    with database.read():
        for sql, params in queries.items():
            assert not scans(sql, params), sql


# --- The tables ---


def test_a_ledger_of_version_0_1_0_is_brought_up_to_date_when_it_is_opened(sqlite_file):
    with closing(sqlite3.connect(sqlite_file)) as old:
        old.executescript((SAMPLES / "ledger-0.1.0.sql").read_text())
    with database.read():
        leads = list(search.leads(search.Filter(), newest_first=False))
    assert [(lead.valid, lead.reasons, lead.amount) for lead in leads] == [
        (True, [], "10.00"),
        (False, ["duplicate"], ""),
        (False, ["body.unreadable"], ""),
        (True, [], "10.00"),
    ]
    assert submit(1).valid
    with database.read():
        assert connection.pending() == []


def test_a_new_file_has_pages_of_8_kb_and_one_that_is_there_keeps_its_own(sqlite_file, tmp_path):
    with database.read():
        assert database.db.pragma("page_size") == 8192
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript((SAMPLES / "ledger-0.1.0.sql").read_text())
    models.connect(f"sqlite:///{tmp_path}/old.db", "a key for tests")
    assert submit(1).valid
    assert database.scrub()
    with database.read():
        assert database.db.pragma("page_size") == 4096
        assert database.db.pragma("integrity_check") == "ok"


def test_leads_of_version_0_1_0_are_found_by_their_reasons_and_phones(sqlite_file):
    with closing(sqlite3.connect(sqlite_file)) as old:
        old.executescript((SAMPLES / "ledger-0.1.0.sql").read_text())
        values = [WITH_PHONE, "x" * 3000, OBSERVED]
        old.execute("UPDATE lead SET fields = ?, partner = ?, trace = ? WHERE id LIKE '%WH6K%'", values)
        old.commit()
    with database.read():
        found_as_before()


WITH_PHONE = '{"a": "+1x", "b": ["+1"], "phone": "+14155552671", "mobile": "+4930901820"}'
OBSERVED = '[{"check": "a", "result": "passed"}, {"check": "watch", "result": "observed: it would be refused"}]'


def found_as_before():
    """Hold leads of an earlier version to what they are found by since migration 0004."""
    (lead,) = models.Lead.select().where(models.Lead.phone != "")
    reasons = {row.code: models.Lead.get_by_id(row.lead).reasons for row in models.Refusal.select()}
    assert reasons.pop("observed:watch") == lead.reasons
    assert reasons == {"duplicate": ["duplicate"], "body.unreadable": ["body.unreadable"]}
    assert (lead.phone, lead.partner, lead.worth, lead.observed, lead.masked_at) == (
        "+14155552671", "x" * 250, None, ["watch"], None,
    )  # fmt: skip


def test_a_postgresql_database_with_leads_is_brought_up_to_date(postgresql_url, tmp_path):
    """As version 0.2.0 left it: its leads are those of the SQLite sample."""
    with closing(sqlite3.connect(":memory:")) as old:
        old.executescript((SAMPLES / "ledger-0.1.0.sql").read_text())
        cursor = old.execute("SELECT * FROM lead")
        rows, names = cursor.fetchall(), [column[0] for column in cursor.description]
    models.connect(postgresql_url, "a key for tests")
    with connection.hold():
        connection.runner().up("0003_failed_logins_have_a_name")
        for row in rows:
            lead = dict(zip(names, row, strict=True))
            lead |= {"valid": bool(lead["valid"]), "test": bool(lead["test"])}
            if "WH6K" in lead["id"]:
                lead |= {"fields": WITH_PHONE, "partner": "x" * 3000, "trace": OBSERVED}
            columns = ", ".join(f'"{name}"' for name in lead)
            places = ", ".join(["%s"] * len(lead))
            database.db.execute_sql(f"INSERT INTO lead ({columns}) VALUES ({places})", list(lead.values()))
    assert database.migrate()[0] == "0004_leads_are_found_counted_and_forgotten"
    with database.read():
        assert models.Lead.select().count() == 4
        found_as_before()
    assert submit(1).valid
    database.disconnect()


def test_a_migration_that_fails_says_which_were_applied_and_which_was_not(sqlite_file, tmp_path, monkeypatch):
    for path in (sqlite_file, tmp_path / "twin.db"):
        with closing(sqlite3.connect(path)) as old:
            old.executescript((SAMPLES / "ledger-0.1.0.sql").read_text())
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/twin.db", rules=str(ROOT / "rules")))
    with connection.hold():
        connection.runner().up("0003_failed_logins_have_a_name")
        pages = database.db.pragma("page_count")
    app = create_app(Settings(database_url=f"sqlite:///{sqlite_file}", rules=str(ROOT / "rules")))
    with connection.hold():
        database.db.execute_sql(f"pragma max_page_count = {pages}")
    result = app.test_cli_runner().invoke(args=["migrate"])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "applied 0001_first_tables",
        "applied 0002_what_runs_out_is_cleared",
        "applied 0003_failed_logins_have_a_name",
        "Error: 0004_leads_are_found_counted_and_forgotten was not applied, nor what comes after it: "
        "OperationalError: database or disk is full",
    ]
    with connection.hold():
        database.db.execute_sql("pragma max_page_count = 1000000")
    assert "applied 0004_leads" in app.test_cli_runner().invoke(args=["migrate"]).output


def test_in_postgresql_a_migration_that_fails_takes_all_of_them_back(postgresql_url, tmp_path):
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        other.execute("CREATE TABLE others (x INT); CREATE INDEX lead_phone ON others (x)")  # 0004 makes one too
    app = create_app(Settings(database_url=postgresql_url, rules=str(ROOT / "rules")))
    result = app.test_cli_runner().invoke(args=["migrate"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: the tables were not changed: ")
    with connection.hold():
        assert database.db.get_tables() == ["others"]


def test_claims_and_keys_of_version_0_1_0_still_hold(sqlite_file):
    with closing(sqlite3.connect(sqlite_file)) as old:
        old.executescript((SAMPLES / "ledger-0.1.0.sql").read_text())
        (key,) = old.execute("select key from claim where fingerprint = '' limit 1").fetchone()
    with database.read():
        assert not claims.take_place(key, "x" * 26, claims.milliseconds(NOW), 90 * 86_400_000, None)


def test_tables_are_made_as_the_models_have_them(ledger):
    with database.read():
        for table in models.Table.__subclasses__():
            columns = {column.name for column in database.db.get_columns(table._meta.table_name)}
            assert columns == {field.column_name for field in table._meta.sorted_fields}


def test_postgresql_refuses_to_serve_tables_of_an_earlier_version(postgresql_ledger):
    with database.read():
        database.db.execute_sql("DELETE FROM schema_migration WHERE name >= '0002'")
    models.connect(postgresql_ledger + "&application_name=again", "a key for tests")
    with pytest.raises(database.SchemaError, match="run flask migrate"):
        database.prepare()
    with pytest.raises(database.StoreError, match="run flask migrate"):
        submit(1)


def test_tables_of_a_newer_version_are_refused(ledger):
    with database.read():
        database.db.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_x', '2026-01-01')")
    database.engine().prepared = False
    with pytest.raises(database.SchemaError, match="of a newer version \\(9999_x\\): update Datapost"):
        database.prepare()


def test_a_database_that_cannot_hold_every_letter_is_refused(postgres):
    with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
        name = f"latin_{uuid.uuid4().hex}"
        admin.execute(f"CREATE DATABASE {name} ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        models.connect(postgres.get_uri().replace("/postgres?", f"/{name}?"), "a key for tests")
        for action in (database.migrate, database.prepare):
            with pytest.raises(database.SchemaError, match="LATIN1: make one with the encoding UTF8"):
                action()
        database.disconnect()
        admin.execute(f"DROP DATABASE {name}")


def test_a_right_that_is_missing_is_the_fault_of_the_store(postgresql_ledger):
    with database.read():
        database.db.execute_sql("DROP TABLE lead")
    with pytest.raises(database.StoreError, match='relation "lead" does not exist'):
        submit(1)


def test_of_two_that_migrate_at_once_one_does_the_work(postgresql_ledger):
    with database.read():
        names = ", ".join(database.db.get_tables())
        database.db.execute_sql(f"DROP TABLE {names}")
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(lambda _: database.migrate(), range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, len(list(connection.MIGRATIONS.glob("0*.py")))]
