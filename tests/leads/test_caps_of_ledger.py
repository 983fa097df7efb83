"""Caps in the ledger: of a year, of all time and in tables, on both engines; and what is told of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from counted import NOW, RULES, program, submit

import database
from alerts import caps, programs
from judge.judgement import judge, recognize
from leads import retention
from leads.backtest import backtest, memory_of
from models import Lead, Total

TABLE = "  - {id: by-partner, limit: {A: 2, '77': 0, default: 1}, per: total, by: [irpid]}\n"
SUMS = "  - {id: sums, budget: {A: 25.00}, per: year, by: [irpid]}\n"
CAPPED = program(rules=RULES.replace("  - {id: daily-cap, limit: 100, per: day, by: [irpid]}\n", TABLE + SUMS))


def codes(made, **lead):
    return submit(to=made, **lead).reasons


def test_a_table_holds_in_the_ledger_as_in_memory(ledger):
    assert [codes(CAPPED, partner=partner) for partner in ("A", "a", "A")] == [[], [], ["by-partner", "sums"]]
    assert codes(CAPPED, partner="77") == ["by-partner"]
    assert [codes(CAPPED, partner=partner) for partner in ("x", "y", "x")] == [[], [], ["by-partner"]]
    assert [codes(CAPPED, partner=""), codes(CAPPED, partner="")] == [[], ["by-partner"]]


def test_what_is_used_up_of_a_total_is_never_cleared_away(ledger):
    codes(CAPPED, partner="x")
    with database.read():
        assert {total.expires_at is None for total in Total.select()} == {True, False}
    while database.transact(lambda: retention.clear_expired(NOW + timedelta(days=40_000))):
        pass
    with database.read():
        assert [total.expires_at for total in Total.select()] == [None]
    assert submit(NOW + timedelta(days=40_000), to=CAPPED, partner="x").reasons == ["by-partner"]


def test_of_a_table_each_value_that_it_names_is_told_and_those_that_came_today(ledger):
    for partner in ("A", "x"):
        codes(CAPPED, partner=partner)
    submit(NOW - timedelta(days=3), to=CAPPED, partner="a")
    with database.read():
        found = caps.limits(CAPPED, NOW)
    assert [(limit.rule, limit.per, limit.group, limit.used, limit.limit) for limit in found] == [
        ("by-partner", "total", ("a",), 2, 2),
        ("by-partner", "total", ("x",), 1, 1),
        ("by-partner", "total", ("77",), 0, 0),
        ("sums", "year", ("a",), Decimal("25.00"), Decimal("25.00")),
        ("monthly", "month", (), Decimal("37.50"), Decimal("5000.00")),
    ]


def test_a_stored_lead_is_known_again_by_the_cap_that_it_used_up():
    at = NOW - timedelta(days=400)
    lead = {"email": ["ann@example.com"], "irpid": ["a"]}
    claims = {claim.rule: claim.key for claim in judge(CAPPED, lead, at).claims}
    assert {claim.rule: claim.key for claim in recognize(CAPPED, lead, at).claims} == claims
    assert claims["by-partner"] == ("limit", "default", "by-partner", "total", "a")
    assert "sums" not in {claim.rule for claim in recognize(CAPPED, lead | {"irpid": ["b"]}, at).claims}


# --- Backtests ---


def test_a_backtest_starts_early_enough_to_know_what_is_used_up():
    def starts(rule):
        return memory_of(program(rules=f"fields: {{a: {{}}}}\nrules: [{{id: r, {rule}}}]"))

    assert starts("limit: 1, per: day") == timedelta(days=31)
    assert starts("unique: a, within: 10 days") == timedelta(days=41)
    assert starts("limit: 1, per: year") > timedelta(days=365)
    assert starts("limit: 1, per: total") is None
    assert starts("mode: off, limit: 1, per: total") == timedelta(days=31)


def test_a_backtest_judges_each_lead_by_what_was_used_up_before_it(ledger):
    for days in (400, 3, 2):
        submit(NOW - timedelta(days=days), partner="x")
    with database.read():
        leads = list(Lead.select().order_by(Lead.id))
    for lead in leads:
        lead.body, lead.content_type = b"email=%s@example.com&irpid=x" % lead.id.encode(), ""
    report = backtest(CAPPED, leads, NOW - timedelta(days=30))
    assert (report.judged, report.refused.count, report.refused.by_reason) == (2, 2, {"by-partner": 2})


def test_a_backtest_refuses_the_leads_of_days_that_the_changed_file_leaves_out(ledger):
    submit(NOW - timedelta(days=3))
    submit(NOW)
    with database.read():
        leads = list(Lead.select().order_by(Lead.id))
    for lead in leads:
        lead.body, lead.content_type = b"email=ann@example.com", ""
    late = program(rules=f"starts: {NOW - timedelta(days=1):%Y-%m-%d}\n{RULES}")
    report = backtest(late, leads, NOW - timedelta(days=30))
    assert (report.judged, report.refused.by_reason) == (2, {"program.not_started": 1})


# --- Silence ---


def silence(made, now):
    with database.read():
        return [concern.sentence for concern in programs.silence(made, now)]


def test_nobody_waits_for_leads_where_none_are_taken(ledger):
    for hours in range(2, 24 * 29):
        submit(NOW - timedelta(hours=hours, minutes=20))
    later = NOW + timedelta(hours=12)  # 23:30 in New York
    assert "no lead has come for 14 hours" in silence(program(), later)[0]
    for line in ("starts: 2026-03-21", "ends: 2026-03-19"):
        assert silence(program(rules=f"{line}\n{RULES}"), later) == []
    closed = RULES.replace("rules:\n", "rules:\n  - {id: shut, closed: 2026-03-20}\n")
    assert silence(program(rules=closed), later) == []
    some = RULES.replace("rules:\n", "rules:\n  - {id: shut, when: years > 5, closed: 2026-03-20}\n")
    assert silence(program(rules=some), later)


def test_after_a_closed_day_the_silence_begins_with_the_morning(ledger):
    for hours in range(12, 24 * 29):
        submit(NOW - timedelta(hours=hours, minutes=20))
    made = program(rules=RULES.replace("rules:\n", "rules:\n  - {id: shut, closed: 2026-03-20}\n"))
    midnight = datetime(2026, 3, 21, 4, 0, tzinfo=UTC)
    assert silence(made, midnight + timedelta(hours=2)) == []
    assert silence(program(), midnight + timedelta(hours=2))
    assert silence(made, midnight + timedelta(hours=9))
