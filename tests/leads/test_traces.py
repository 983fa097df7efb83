"""What a trace takes in the database, and that those of earlier versions, which took more, are read the same."""

import json
from datetime import timedelta

import pytest
from brand import OPERATORS, RULES, Operator
from cast import Partner
from counted import NOW
from purged import ann, everything, purge, stored

import database
from database import db
from leads import erasure
from models import Lead

TRACE = [
    {"check": "email", "result": "passed"},
    {"check": "phone", "result": "absent"},
    {"check": "duplicate", "result": "refused: duplicate"},
]


@pytest.fixture
def brand(make_app, database_url):
    """A brand in each of the two databases, its partner and its operator, and the commands of its own."""
    app = make_app(RULES, operators=OPERATORS, database_url=database_url)
    database.migrate()
    partner = Partner(app)
    partner.operator, partner.flask = Operator(app), app.test_cli_runner(catch_exceptions=False)
    return partner


def written(lead_id):
    """Return the text of a lead's trace as it is in the database."""
    with database.read():
        return db.execute_sql(f"SELECT trace FROM lead WHERE id = {db.param}", [lead_id]).fetchone()[0]


def write(lead_id, trace):
    """Write a lead's trace as earlier versions did: all steps with their results."""
    query = f"UPDATE lead SET trace = {db.param} WHERE id = {db.param}"
    database.transact(lambda: db.execute_sql(query, [json.dumps(trace, ensure_ascii=False), lead_id]) and None)


def test_a_step_that_was_passed_is_its_name_alone_in_the_database(ledger):
    lead = ann()
    passed = [step["check"] for step in lead.trace if step["result"] == "passed"]
    others = [step for step in lead.trace if step["result"] != "passed"]
    told = json.loads(written(lead.id))
    assert [step for step in told if isinstance(step, str)] == passed != []
    assert [step for step in told if not isinstance(step, str)] == others != []


def test_a_trace_comes_back_as_it_was_judged(ledger):
    first, second = ann(), ann(NOW + timedelta(seconds=1))
    assert [first.valid, second.valid] == [True, False]
    assert [stored(first).trace, stored(second).trace] == [first.trace, second.trace]


def test_a_trace_of_an_earlier_version_is_read_the_same(ledger):
    lead = ann()
    new = stored(lead).trace
    write(lead.id, new)
    assert '"passed"' in written(lead.id)
    assert stored(lead).trace == new


def test_a_lead_of_an_earlier_version_is_masked_and_keeps_its_steps(ledger):
    lead = ann(NOW - timedelta(days=91))
    write(lead.id, TRACE)
    assert purge() == [(1, 0)]
    assert stored(lead).trace == [*TRACE, {"check": "privacy", "result": "masked"}]


def test_a_lead_of_an_earlier_version_is_erased_and_keeps_its_steps(ledger):
    lead = ann()
    write(lead.id, TRACE)
    person = erasure.with_email("ann@example.com")
    erasure.erase(erasure.find(person, lambda _: None), person, "email", NOW)
    assert stored(lead).trace == [*TRACE, {"check": "privacy", "result": "erased"}]
    assert "ann@example.com" not in everything()


@pytest.mark.parametrize("command", ["show", "explain", "export"])
def test_the_commands_show_old_and_new_traces_alike(brand, command):
    brand.lead(email="ann@example.com", years="44")
    (lead,) = brand.stored()
    line = {"export": ["leads", "export"]}.get(command, ["leads", command, lead.id, "--format", "json"])
    new = json.loads(brand.flask.invoke(args=line).output)
    assert command == "explain" or new["trace"] == lead.trace
    write(lead.id, lead.trace)
    assert json.loads(brand.flask.invoke(args=line).output) == new


def test_the_page_of_a_lead_tells_old_and_new_traces_alike(brand):
    brand.lead(email="ann@example.com", years="44")
    (lead,) = brand.stored()

    def shown():
        return brand.operator.words(f"/dashboard/leads/{lead.id}").rpartition("As it was on")[0]  # with its second

    page = shown()
    assert "Rule “adult” Fine." in page
    write(lead.id, lead.trace)
    assert shown() == page


def test_old_and_new_traces_stand_beside_each_other(ledger):
    old, new = ann(), ann(NOW + timedelta(seconds=1))
    write(old.id, old.trace)
    with database.read():
        assert [lead.trace for lead in Lead.select().order_by(Lead.id)] == [old.trace, new.trace]
