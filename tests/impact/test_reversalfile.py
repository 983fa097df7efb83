"""What is approved is written to a file that impact.com takes, once, and without what a file cannot reverse."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from reversing import NOW, RULES, propose, row, see, state, store

import database
from impact import proposals, reversalfile, reversals
from impact.ledger import Action, Reversal


@pytest.fixture
def app(make_app, database_url):
    app = make_app(RULES, database_url=database_url)
    with app.app_context():
        yield app


def approved(app, **action):
    lead = store(**action.pop("lead", {}))
    if action:
        see(lead, **action)
    propose(app, lead)
    reversals.approve([lead.id], "ann", yes=True)
    return lead.id


def take(app, **options):
    return reversalfile.take(app.extensions["datapost"].rulebook.programs, **options)


def test_an_action_is_named_by_its_id_or_else_by_order_and_event_type(app):
    first, second = approved(app, id="1000.1.2"), approved(app)
    rows, left_out = take(app)
    written = list(csv.DictReader(io.StringIO(reversalfile.as_csv(rows))))
    assert list(written[0]) == [
        "ActionID", "Oid / OrderId", "ActionTrackerID", "Amount", "currencyCode", "CustomerStatus", "Reason",
    ]  # fmt: skip
    by_id, by_order = sorted(written, key=lambda line: line["ActionID"] == "")
    assert [*by_id.values()] == ["1000.1.2", "", "", "0", "USD", "", "CONS_FRAUD"]
    assert [*by_order.values()] == ["", second, "2240", "0", "USD", "", "CONS_FRAUD"]
    assert left_out == {}
    assert (state(first), row(first).way, row(first).due_at) == ("queued", "file", None)


def test_nothing_is_written_twice_unless_it_is_asked_for(app):
    approved(app)
    first, _ = take(app)
    assert take(app) == ([], {})
    assert take(app, again=True)[0] == first


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ({"amount": Decimal("0.00")}, "its amount is 0 or not known"),
        ({"lead": {"sale_amount": None}}, "its amount is 0 or not known"),
    ],
)
def test_what_a_file_cannot_reverse_is_left_out_and_stays_approved(app, action, why):
    lead = approved(app, **action)
    rows, left_out = take(app)
    assert rows == [] and why in left_out[lead]
    assert state(lead) == "approved"


def test_what_has_locked_is_too_late(app):
    lead = approved(app, locking_at=NOW + timedelta(days=1))
    database.transact(Reversal.update(locking_at=NOW - timedelta(days=1)).execute)
    assert take(app)[0] == []
    assert state(lead) == "too_late"


def test_only_leads_of_the_programs_that_are_meant_are_written(app):
    approved(app)
    assert take(app, names=["wind"]) == ([], {})


def test_no_cell_steers_a_spreadsheet(app):
    text = reversalfile.as_csv([("=1+1", "@x", "-2", "0", "+USD", "", "OTHER")])
    assert text.splitlines()[1] == "'=1+1,'@x,'-2,0,'+USD,,OTHER"


def test_it_is_done_once_it_was_seen_reversed_and_too_late_if_it_locked_first(app):
    first, second = approved(app, locking_at=NOW + timedelta(days=1)), approved(app, locking_at=NOW + timedelta(days=1))
    take(app)
    after, program = NOW + timedelta(days=2), app.extensions["datapost"].rulebook.find("default")
    database.transact(Action.update(seen_at=after).execute)
    database.transact(Action.update(state="REVERSED").where(Action.oid == first).execute)
    proposals.after_reconcile(program, after)
    assert (state(first), state(second)) == ("done", "too_late")
    assert "it was written to a file" in row(second).error
