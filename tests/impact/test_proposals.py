"""Which leads are proposed to be reversed, and which cannot be."""

from datetime import timedelta

import pytest
from cast import Partner
from reversing import NOW, RULES, propose, row, see, state, store

import database
from impact import proposals, reversals, states
from impact.ledger import Reversal


@pytest.fixture
def app(make_app, database_url):
    return make_app(RULES, database_url=database_url)


def reconciled(app, now=NOW):
    proposals.after_reconcile(app.extensions["datapost"].rulebook.find("default"), now)


def test_a_valid_lead_is_proposed_with_the_code_of_its_reason_and_what_is_known_of_its_action(app):
    lead = store()
    action = see(lead)
    told = propose(app, lead, " FAKE ")
    found = row(lead)
    assert (told.state, told.new, told.why) == ("proposed", True, "")
    assert (found.reason, found.code, found.action, found.proposed_by) == ("Fake", "CONS_FRAUD", action, "ann")
    assert (found.partner, found.locking_at) == ("1", NOW + timedelta(days=20))


def test_of_two_actions_of_a_lead_it_is_that_which_is_not_reversed(app):
    lead = store()
    see(lead, id="1.1.1", state="REVERSED")
    action = see(lead, id="1.1.2")
    propose(app, lead)
    assert row(lead).action == action


@pytest.mark.parametrize(
    ("values", "reason", "why"),
    [
        ({}, "wrong numer", 'no reason to reverse a lead. Did you mean "wrong number"?'),
        ({}, "ugly", "the rules of default know wrong number, Fake"),
        (
            {"valid": False},
            "fake",
            "was rejected here: if impact.com has a conversion of it, reverse that at impact.com",
        ),
        ({"program": "wind"}, "fake", "is none of default"),
        ({"age": timedelta(days=15)}, "fake", "as the rules of default say (within)"),
    ],
)
def test_it_says_why_a_lead_cannot_be_proposed(app, values, reason, why):
    lead = store(**values)
    told = propose(app, lead, reason)
    assert (told.state, row(lead)) == ("", None)
    assert why in told.why


def test_one_that_is_reversed_at_impact_com_already_is_not_proposed(app):
    lead = store()
    see(lead, state="REVERSED")
    assert "is reversed at impact.com already" in propose(app, lead).why


def test_what_is_proposed_already_is_not_proposed_again(app):
    lead = store()
    propose(app, lead)
    told = propose(app, lead, by="bob")
    assert (told.state, told.new) == ("proposed", False)
    assert row(lead).proposed_by == "ann"


def test_what_is_proposed_for_another_reason_has_that_one(app):
    lead = store()
    propose(app, lead)
    told = propose(app, lead, "wrong number", "bob")
    assert (told.state, told.new) == ("proposed", True)
    assert (row(lead).code, row(lead).proposed_by) == ("CONS_INFO_INVALID", "bob")


def test_what_is_approved_keeps_its_reason(app):
    lead = store()
    propose(app, lead)
    database.transact(Reversal.update(state="approved").execute)
    told = propose(app, lead, "wrong number", "bob")
    assert (told.state, told.new, row(lead).reason) == ("approved", False, "Fake")


@pytest.mark.parametrize("before", states.AGAIN)
def test_what_failed_was_too_late_or_restored_may_be_proposed_again(app, before):
    lead = store()
    propose(app, lead)
    database.transact(Reversal.update(state=before, error="so", attempts=3, sure=False, batch="A-1").execute)
    assert propose(app, lead, "wrong number").new
    found = row(lead)
    assert (found.state, found.code, found.error, found.attempts) == ("proposed", "CONS_INFO_INVALID", "", 0)
    assert not found.sure  # so that it is looked up before anything is sent


def test_one_that_is_locked_already_is_too_late(app):
    lead = store()
    see(lead, locking_at=NOW - timedelta(days=1))
    told = propose(app, lead)
    assert told.state == state(lead) == "too_late"
    assert "Settle it with the partner" in told.why == row(lead).error


def test_who_withdraws_a_proposal_leaves_nothing_of_it(app):
    lead, other = store(), store()
    propose(app, lead)
    assert reversals.withdraw([lead.id, other.id], "ann") == {other.id: "nobody proposed that it is reversed"}
    assert row(lead) is None


def test_what_is_submitted_cannot_be_withdrawn(app):
    lead = store()
    propose(app, lead)
    database.transact(Reversal.update(state="queued").execute)
    assert "it is queued" in reversals.withdraw([lead.id], "ann")[lead.id]


def test_a_reconciliation_tells_which_action_it_is_and_when_it_locks(app):
    lead = store()
    propose(app, lead)
    assert (row(lead).action, row(lead).locking_at) == ("", None)
    action = see(lead)
    reconciled(app)
    assert (row(lead).action, row(lead).locking_at) == (action, NOW + timedelta(days=20))
    see(lead, locking_at=NOW - timedelta(hours=1))
    reconciled(app)
    assert state(lead) == "too_late"


def test_tests_that_became_conversions_are_approved_by_themselves(app):
    lead, without, real = store(test=True), store(test=True), store()
    see(lead), see(real)
    reconciled(app)
    found = row(lead)
    assert (found.state, found.code, found.approved_by, found.test) == ("approved", "TEST_ACTION", "", True)
    assert (row(without), row(real)) == (None, None)
    reconciled(app)
    with database.read():
        assert Reversal.select().count() == 1


def test_tests_are_left_alone_where_the_rules_only_tell(make_app):
    app = make_app(RULES.replace("tests: reverse", "tests: tell"))
    lead = store(test=True)
    see(lead)
    reconciled(app)
    assert row(lead) is None


def test_more_tests_than_a_day_may_have_wait_for_an_operator(make_app):
    app = make_app(RULES.replace("test_flag: is_test", "test_flag: is_test\ntest_limit: 1"))
    leads = [store(test=True) for _ in range(2)]
    [see(lead) for lead in leads]
    reconciled(app)
    assert sorted(map(state, leads)) == ["approved", "proposed"]


def test_a_test_is_not_withdrawn_as_it_would_come_back(app):
    lead = store(test=True)
    see(lead)
    reconciled(app)
    assert "tests: tell" in reversals.withdraw([lead.id], "ann")[lead.id]


def test_what_is_submitted_whole_is_done_once_a_reconciliation_sees_it_reversed(app):
    lead = store()
    action = see(lead)
    propose(app, lead)
    database.transact(Reversal.update(state="queued", submitted_at=NOW, action=action).execute)
    see(lead, state="REVERSED", seen_at=NOW - timedelta(hours=1))
    reconciled(app)
    assert state(lead) == "queued"  # seen before, by somebody else
    see(lead, state="REVERSED", seen_at=NOW + timedelta(hours=1))
    reconciled(app)
    assert state(lead) == "queued"  # as impact.com does not say that the submission is complete
    database.transact(Reversal.update(done_at=NOW + timedelta(minutes=5)).execute)
    reconciled(app)
    assert (state(lead), row(lead).done_at) == ("done", NOW + timedelta(minutes=5))


def test_what_locks_within_three_days_and_was_not_sent_is_told(app):
    leads = [store() for _ in range(3)]
    for lead, days in zip(leads, (3, 3.001, 1), strict=True):
        see(lead, locking_at=NOW + timedelta(days=days))
        propose(app, lead)
    with database.read():
        soon = {one.lead for one in Reversal.select().where(reversals.is_locking_soon(NOW))}
    assert soon == {leads[2].id, leads[0].id}


def test_a_reversed_lead_keeps_its_place(make_app):
    partner = Partner(make_app(RULES))
    first = partner.lead(email="ann@acme.example", irpid="1")
    with partner.app.app_context():
        lead = partner.stored()[0]
        propose(partner.app, lead)
        database.transact(Reversal.update(state="done").execute)
    assert first["valid"] == "true"
    assert partner.lead(email="ann@acme.example", irpid="1")["note"] == "Already submitted"


def test_a_reversal_moves_only_as_the_table_says(app):
    lead = store()
    propose(app, lead)
    assert database.transact(lambda: states.move(lead.id, "proposed", "approved"))
    assert not database.transact(lambda: states.move(lead.id, "proposed", "approved"))
    with pytest.raises(ValueError, match="approved does not become done"):
        states.move(lead.id, "approved", "done")
