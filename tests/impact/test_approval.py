"""What operators approve, and when they are asked a second time."""

import threading
from datetime import timedelta

import pytest
from reversing import NOW, RULES, propose, row, see, state, store

import database
from impact import reversals
from impact.ledger import Reversal


@pytest.fixture
def app(make_app, database_url):
    app = make_app(RULES, database_url=database_url)
    with app.app_context():
        yield app


def proposed(app, count, partner="1", others=0, **values):
    """Propose so many leads of a partner, who has `others` beside; return their ids."""
    [store(partner) for _ in range(others)]
    leads = [store(partner, **values) for _ in range(count)]
    [propose(app, lead) for lead in leads]
    return [lead.id for lead in leads]


def approve(ids, **options):
    after, question = reversals.approve(ids, "ann", **options)
    return {*after.values()}, question


def test_who_approved_it_and_when_is_kept_and_it_is_due(app):
    (lead,) = proposed(app, 1)
    assert approve([lead]) == ({"approved"}, "")
    found = row(lead)
    assert (found.approved_by, found.due_at) == ("ann", found.approved_at)


def test_of_two_who_approve_at_once_one_does(app):
    (lead,) = proposed(app, 1)
    start, by = threading.Barrier(2, timeout=60), []

    def work(name):
        with app.app_context():
            start.wait()
            reversals.approve([lead], name)
        by.append(name)

    threads = [threading.Thread(target=work, args=[name]) for name in ("ann", "bob")]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    first = row(lead)
    reversals.approve([lead], "eve")
    assert first.approved_by in by and row(lead).approved_by == first.approved_by


def test_one_that_locked_meanwhile_is_too_late(app):
    lead = store()
    see(lead, locking_at=NOW + timedelta(days=1))
    propose(app, lead)
    database.transact(Reversal.update(locking_at=NOW - timedelta(days=1)).execute)
    assert approve([lead.id]) == ({"too_late"}, "")


def test_more_than_fifty_in_a_day_are_asked_about_a_second_time(app):
    ids = proposed(app, 51, others=300)
    assert approve(ids[:50]) == ({"approved"}, "")
    told = "51 leads of default would be reversed today, 50 of them approved already, and 50 a day are usual"
    assert reversals.second_question(ids[50:]) == told
    assert approve(ids[50:]) == ({"proposed"}, told)
    assert approve(ids[50:], yes=True) == ({"approved"}, "")


def test_those_of_yesterday_and_tests_are_not_counted(app):
    ids = proposed(app, 51, others=300)
    approve(ids[:50])
    database.transact(Reversal.update(approved_at=NOW - timedelta(days=1)).where(Reversal.lead == ids[0]).execute)
    database.transact(Reversal.update(approved_by="").where(Reversal.lead == ids[1]).execute)
    assert reversals.second_question(ids[50:]) == ""


def test_more_than_a_fifth_of_a_partners_leads_are_asked_about_a_second_time(app):
    ids = proposed(app, 3, others=7)
    assert approve(ids[:2]) == ({"approved"}, "")
    told = (
        '3 of the 10 valid leads of partner "1" in default would be reversed, reversed ones among them: more than 20 %'
    )
    assert approve(ids[2:]) == ({"proposed"}, told)


def test_each_partner_is_looked_at_alone(app):
    [store("2") for _ in range(90)]
    assert 'partner "1"' in reversals.second_question(proposed(app, 3, others=7))


def test_one_lead_of_a_partner_is_not_asked_about_and_two_of_a_small_one_are(app):
    ids = proposed(app, 2, others=1)
    assert approve(ids[:1]) == ({"approved"}, "")
    assert "2 of the 3 valid leads" in reversals.second_question(ids[1:])


def test_leads_of_before_the_period_do_not_make_the_share_smaller(app):
    [store(age=timedelta(days=31)) for _ in range(50)]
    assert reversals.second_question(proposed(app, 3, others=7))


def test_what_is_unknown_or_approved_already_stays_as_it_is(app):
    (lead,) = proposed(app, 1)
    assert reversals.approve([lead, "01K"], "ann") == ({lead: "approved"}, "")
    assert reversals.approve([lead], "bob") == ({lead: "approved"}, "")
    assert (state(lead), row(lead).approved_by) == ("approved", "ann")
