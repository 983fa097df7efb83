"""Leads counted on both levels: by partner, and by its sub-partners."""

import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from counted import NOW, RULES, collect, count_all, program, submit
from hypothesis import given
from hypothesis import strategies as st

import database
from leads import counts as tally
from leads import daily, figures
from leads.periods import Period
from models import Day, Lead

PROGRAM = program(
    "default", RULES.replace("irpid\n", "[irpid, subid]\n").replace("irpid: {}", "irpid: {}\n  subid: {}")
)


def send(at=NOW, subid="", partner="bright", **fields):
    return submit(at, PROGRAM, partner=partner, subid=subid, **fields)


def by_subpartner(partner="bright", days=1):
    """Return `{sub-partner: (leads, valid, paid)}` of a partner."""
    with database.read():
        found = figures.of_subpartners([PROGRAM], Period.last(days), NOW, partner)
    return {figure.partner: (figure.submissions, figure.valid, figure.amount.rows[0][1]) for figure in found.partners}


def one(subpartner, days=1, partner="bright", now=NOW):
    with database.read():
        return figures.of_subpartner([PROGRAM], Period.last(days), now, partner, subpartner)


def rows():
    with database.read():
        return {row.day: row for row in Day.select()}


def test_a_partner_has_the_figures_of_each_of_its_sub_partners_and_of_the_rest(ledger):
    for subid, years in [("a", 40), ("a", 3), ("b", 40), ("", 40), ("", 3)]:
        send(NOW - timedelta(hours=1), subid, years=years)
    send(NOW - timedelta(hours=1), "a", partner="other")
    send(NOW - timedelta(hours=1), "a", partner="")
    expected = {"a": (2, 1, Decimal("12.50")), "b": (1, 1, Decimal("12.50")), "": (2, 1, Decimal("12.50"))}
    assert by_subpartner() == expected
    count_all(NOW, [PROGRAM])
    assert by_subpartner() == expected
    assert by_subpartner("other") == {"a": (1, 1, Decimal("12.50"))}
    assert by_subpartner("") == {"": (1, 1, Decimal("12.50"))}
    partners = {figure.partner: figure.submissions for figure in collect(1, PROGRAM).partners}
    assert partners == {"bright": 5, "other": 1, "": 1}


def test_a_sub_partner_has_reasons_tests_what_was_not_paid_and_the_period_before(ledger):
    for days in (0, 2, 2, 9):  # figures of sub-partners are known of the days since the first one
        send(NOW - timedelta(days=days, hours=1), "a", years=3)
    send(NOW - timedelta(hours=1), "a", is_test="yes")
    send(NOW - timedelta(hours=1), "b", years=3)
    send(NOW - timedelta(days=1, hours=1), "a")
    for _ in range(2):
        found = one("a", 2)
        assert (found.totals.submissions, found.totals.valid, found.totals.tests) == (2, 1, 1)
        assert (found.totals.amount.rows, found.totals.unpaid.rows) == ([("", 12.5)], [("", 12.5)])
        assert [(reason.code, reason.count) for reason in found.reasons] == [("adult", 1)]
        count_all(NOW, [PROGRAM])
    assert (found.before.submissions, found.uncompared) == (2, "")


def test_a_sub_partner_is_not_compared_with_days_before_there_was_any(ledger):
    submit(NOW - timedelta(days=40), PROGRAM, partner="bright")
    send(NOW - timedelta(days=2), "a")
    assert collect(7, PROGRAM).uncompared == ""
    count_all(NOW, [PROGRAM])
    found = one("a", 7)
    assert (found.before, found.uncompared) == (None, figures.NOT_COVERED)
    assert found.since == (PROGRAM, (NOW - timedelta(days=2)).date())


def test_a_lead_that_comes_late_is_counted_under_its_sub_partner(ledger):
    send(NOW - timedelta(days=1), "a")
    count_all(NOW, [PROGRAM])
    send(NOW - timedelta(days=1, minutes=-1), "a")
    count_all(NOW, [PROGRAM])
    assert rows()["2026-03-19"].subpartners["bright"]["a"]["valid"] == [2, 2500]


def test_days_of_programs_without_sub_partners_hold_none(ledger):
    submit(NOW - timedelta(hours=1), subid="a")
    count_all()
    (row,) = rows().values()
    assert (row.subpartners, list(row.counts)) == ({}, ["7"])


def test_made_up_sub_partners_do_not_push_out_one_with_many_leads_nor_fill_the_days(ledger, monkeypatch):
    monkeypatch.setattr(tally, "MOST_PARTNERS", 2)
    monkeypatch.setattr(daily, "COUNTED_AT_ONCE", 6)
    for number in range(20):
        send(NOW - timedelta(hours=2, minutes=-number), f"made-up {number}")
    for number in range(20):
        send(NOW - timedelta(hours=1, minutes=-number), "big" if number % 2 else f"other {number}")
    count_all(NOW, [PROGRAM])
    (row,) = rows().values()
    assert row.counts["bright"]["valid"][0] == 40
    assert len(row.subpartners["bright"]) <= 4 and row.subpartners["bright"]["big"]["valid"][0] >= 8
    found = by_subpartner()
    assert sum(leads for leads, *_ in found.values()) == 40


def test_a_partner_counted_among_the_others_leaves_no_sub_partners_behind(ledger, monkeypatch):
    monkeypatch.setattr(tally, "MOST_PARTNERS", 2)
    for number in range(20):
        send(NOW - timedelta(hours=2, minutes=-number), "a", partner=f"made-up {number}")
    count_all(NOW, [PROGRAM])
    (row,) = rows().values()
    assert row.subpartners.keys() <= row.counts.keys()


SENT = st.lists(
    st.lists(st.tuples(st.sampled_from("ppppqrs"), st.sampled_from("aaaabcdefgh")), max_size=12), max_size=20
)


@given(SENT, st.integers(1, 3))
def test_who_has_more_than_his_share_is_by_name_and_no_sub_partner_has_more_than_its_partner(batches, most):
    sent, counts = Counter(), tally.Counts(subpartners={})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tally, "MOST_PARTNERS", most)
        for batch in batches:
            counts = tally.Counts(*json.loads(json.dumps([counts.found, counts.subpartners])))
            for partner, subpartner in batch:
                counts.add(partner, tally.VALID, 1, 5, subpartner)
            counts.shorten()
            sent.update(batch)
            pairs = {(p, s): cells[tally.VALID][0] for p, of in counts.subpartners.items() for s, cells in of.items()}
            assert len(pairs) <= 2 * most
            for pair, count in sent.items():
                assert pairs.get(pair, 0) <= count
                assert pair in pairs or count <= 2 * sent.total() / most
            for partner in counts.found.keys() - {tally.OTHERS}:
                told = sum(count for *_, count, _ in counts.of_subpartners(partner).items())
                assert told == counts.found[partner][tally.VALID][0]


def test_a_sub_partner_that_is_a_person_is_counted_under_its_partner_alone_once_it_is_forgotten(ledger):
    for subid in ("ann@example.com", "b"):
        send(NOW - timedelta(hours=1), subid)
    count_all(NOW, [PROGRAM])
    database.transact(lambda: daily.forget_subpartner("default", "bright", "ann@example.com"))
    assert by_subpartner() == {"b": (1, 1, Decimal("12.50")), "": (1, 1, Decimal("12.50"))}


def test_the_name_of_a_sub_partner_is_kept_to_the_length_of_a_partners(ledger):
    lead = send(subid="x" * 3000)
    with database.read():
        assert Lead.get_by_id(lead.id).subpartner == "x" * 250
