"""The column of the sub-partner: leads of before have none, and none of their rows is written anew for it."""

import sqlite3
from contextlib import closing

from cast import SAMPLES, submit

import database
import models
from database import connection

BEFORE = "0010_logins_to_the_dashboard_last"
LEAD = {"id": "01M80FYQ26EMFBJ158VTG4JTK3", "program": "default", "received_at": 1, "partner": "bright", "status": 200}
LEAD |= {"valid": True, "test": False, "reasons": "[]", "fields": "{}", "trace": "[]", "query": b"", "body": b""}
LEAD |= dict.fromkeys(["user", "note", "customerid", "email", "rules", "content_type"], "")


def test_leads_of_before_have_no_sub_partner(sqlite_file):
    with closing(sqlite3.connect(sqlite_file)) as old:
        old.executescript((SAMPLES / "ledger-0.1.0.sql").read_text())
    with database.read():
        assert {lead.subpartner for lead in models.Lead.select()} == {""}


def test_in_postgresql_no_row_is_written_anew_for_it(postgresql_url):
    models.connect(postgresql_url, "a key for tests")
    tables = "SELECT pg_relation_filenode('lead'), pg_relation_filenode('day')"  # of our schema alone
    with connection.hold():
        connection.runner().up(BEFORE)
        columns = ", ".join(f'"{name}"' for name in LEAD)
        sql = f"INSERT INTO lead ({columns}) VALUES ({', '.join(['%s'] * len(LEAD))})"
        database.db.execute_sql(sql, list(LEAD.values()))
        before = database.db.execute_sql(tables).fetchall()
    assert "0012_leads_have_a_sub_partner" in database.migrate()
    with database.read():
        assert database.db.execute_sql(tables).fetchall() == before
        assert [lead.subpartner for lead in models.Lead.select()] == [""]
    assert submit().valid
    database.disconnect()


def test_a_process_of_the_version_before_goes_on_storing_leads_meanwhile(ledger):
    columns = ", ".join(f'"{name}"' for name in LEAD)
    sql = f"INSERT INTO lead ({columns}) VALUES ({', '.join([database.db.param] * len(LEAD))})"
    database.transact(lambda: database.db.execute_sql(sql, list(LEAD.values())))
    with database.read():
        assert models.Lead.get_by_id(LEAD["id"]).subpartner == ""
