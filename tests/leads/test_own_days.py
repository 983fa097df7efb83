"""Stored leads go by their own day, and ranges are told, found and masked like other values."""

import json
from datetime import UTC, datetime

import pytest
from cast import JSON, Partner

import models
from judge.judgement import judge
from web.request import read

RULES = """
timezone: America/New_York
partner: irpid
fields:
  email: {type: email, required: true}
  move_in: {type: date, formats: [M/D/YYYY], min: today}
  called: {type: datetime, max: today}
  credit: {type: range}
  debt: {type: range, sensitive: true}
  irpid: {}
rules:
  - {id: poor, require: low(credit) >= 580, note: We need a better credit score}
  - {id: once, unique: [credit, email]}
sale_amount: [{amount: low(credit) * 0.01, at_most: 7}]
"""
EVENING = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)  # still March 1 in New York


@pytest.fixture
def shop(make_app, tmp_path, monkeypatch):
    """A service with three leads of one evening long ago, and its commands."""
    monkeypatch.chdir(tmp_path)
    partner = Partner(make_app(RULES))
    program = partner.app.extensions["datapost"].rulebook.programs["default"]
    day = {"move_in": "3/1/2026", "called": "2026-03-01T23:30:00", "debt": "$10,000 or more"}
    for lead in [
        {"email": "ann@example.com", "credit": "600 – 649"} | day,
        {"email": "bob@example.com", "credit": "under 580"} | day,
        {"email": "cid@example.com", "credit": "650", "move_in": "2/28/2026"},
    ]:
        body = json.dumps(lead).encode()
        submission = models.Submission("default", "impact", body, JSON, b"", EVENING)
        models.record(submission, judge(program, read(program, body, JSON), EVENING), 200, program.text)
    partner.flask = lambda *line: partner.app.test_cli_runner(catch_exceptions=False).invoke(args=line).output
    return partner


def test_ranges_and_days_are_stored_in_their_form(shop):
    ann, bob, cid = shop.stored()
    assert (ann.valid, ann.sale_amount) == (True, 6)
    assert ann.fields["credit"] == "600-649" and ann.fields["debt"] == "10000-"
    assert (bob.reasons, bob.fields["credit"]) == (["poor"], "-580")
    assert cid.reasons == ["move_in.too_small"]


def test_a_backtest_of_the_same_rules_changes_nothing_a_month_later(shop):
    with open("default.yaml", "w") as file:
        file.write(RULES)
    report = json.loads(shop.flask("rules", "backtest", "default.yaml", "--format", "json", "--since", "2026-01-01"))
    assert report["judged"] == 3
    assert report["now_refused"]["count"] == report["now_taken"]["count"] == 0


def test_a_backtest_tells_what_another_end_would_refuse(shop):
    with open("default.yaml", "w") as file:
        file.write(RULES.replace("low(credit) >= 580", "high(credit) <= 640"))
    report = json.loads(shop.flask("rules", "backtest", "default.yaml", "--format", "json", "--since", "2026-01-01"))
    assert report["now_refused"]["by_reason"] == {"poor": {"count": 1, "amount": "6.00"}}
    assert report["now_taken"]["count"] == 1


def test_explain_judges_a_lead_by_its_own_day(shop):
    leads = shop.stored()
    for lead in leads:
        shown = json.loads(shop.flask("leads", "explain", lead.id, "--format", "json"))
        assert shown["rules_of_today"]["reasons"] == lead.reasons and not shown["rules_of_today"]["differs"]
    open_end = "cannot be told: low(credit) is absent, since the range is open there"
    assert open_end in shop.flask("leads", "explain", leads[1].id)


def test_a_sensitive_range_is_masked_and_exported_on_request(shop):
    assert "10000-" not in shop.flask("leads", "list", "--format", "csv")
    shown = shop.flask("leads", "export", "--format", "jsonl")
    assert '"10000-"' not in shown and '"600-649"' in shown
    assert '"10000-"' in shop.flask("leads", "export", "--format", "jsonl", "--sensitive")
