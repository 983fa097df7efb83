"""A service whose leads are of every age."""

from datetime import UTC, datetime, timedelta

import pytest
from cast import Partner
from purged import RULES, ann


@pytest.fixture
def service(make_app, monkeypatch):
    """A service with Ann's lead of today and one of each age."""
    partner = Partner(make_app(RULES))
    now = datetime.now(UTC)
    for age in (400, 100, 1):
        ann(now - timedelta(days=age))
    partner.lead(email="ann@example.com")
    partner.lead(email="bob@example.com")

    def run(*line, **options):
        return partner.app.test_cli_runner().invoke(args=line, **options)

    partner.flask = run
    return partner
