"""A brand with two programs, its partner, and its operators."""

import pytest
from brand import OPERATORS, RULES, SOLAR, Operator
from cast import Partner

import database

NO_SECRETS = RULES.replace(", sensitive: true", "").replace("Home loans", "Sunny roofs")


@pytest.fixture
def brand(make_app, database_url):
    """A brand with two programs in each of the two databases, its partner, and its operator."""
    app = make_app({"default": RULES, "solar": NO_SECRETS}, operators=OPERATORS, database_url=database_url)
    database.migrate()
    partner = Partner(app)
    partner.operator, partner.sun = Operator(app), Operator(app, SOLAR)
    return partner


@pytest.fixture
def shop(make_app):
    app = make_app({"default": RULES, "solar": NO_SECRETS}, operators=OPERATORS)
    partner = Partner(app)
    partner.operator, partner.sun = Operator(app), Operator(app, SOLAR)
    return partner
