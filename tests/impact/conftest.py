"""A brand whose account at impact.com is the stand-in, and leads that came to it."""

from datetime import UTC, datetime

import pytest
from reconciling import Brand

from impact.standin import StandIn

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def standin():
    with StandIn() as made:
        made.now = lambda: NOW
        yield made


@pytest.fixture
def brand(make_app, standin, database_url):
    """A brand on each of the two engines."""
    return Brand(make_app, standin, NOW, database_url=database_url)
