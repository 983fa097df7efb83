"""A service with a day's leads."""

import pytest
from cast import RULES, Partner


@pytest.fixture
def shop(make_app, tmp_path, monkeypatch):
    """A service with a day's leads of two partners: two valid, one duplicate, one too young, one not read."""
    monkeypatch.chdir(tmp_path)
    rules = RULES.replace("customer:", "partner: irpid\ntest_flag: is_test\ncustomer:")
    rules = rules.replace("  years:", "  irpid: {}\n  is_test: {type: boolean}\n  years:")
    partner = Partner(make_app(rules))
    for lead in [
        {"email": "ann@example.com", "irpid": "7", "years": "40"},
        {"email": "bob@example.com", "irpid": "8", "years": "20"},
        {"email": "ann@example.com", "irpid": "8", "years": "41"},
        {"email": "eve@example.com", "irpid": "8", "years": "17"},
        {"email": "test@example.com", "irpid": "8", "is_test": "yes"},
    ]:
        partner.lead(**lead)
    partner.post(b"{", "application/json")
    partner.rules = rules

    def run(*line):
        return partner.app.test_cli_runner(catch_exceptions=False).invoke(args=line)

    partner.flask = run
    return partner
