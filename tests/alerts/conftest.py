"""A brand's service, and what its owner is told of it."""

from datetime import UTC, datetime, timedelta

import pytest
from alarmed import Passing
from brand import OPERATORS, RULES, Operator
from cast import Partner, scans, statements

import database
from alerts.sources import everything, standing
from leads import daily


class Shop(Partner):
    """A partner who posts, the operator who looks, and what is to be told by now."""

    def __init__(self, app):
        super().__init__(app)
        self.operator, self.book = Operator(app), app.extensions["datapost"].rulebook
        self.sender, self.outage = (
            app.extensions["datapost"].sender,
            app.extensions["datapost"].outage,
        )
        self.sender.wake = lambda: None

    @property
    def program(self):
        return self.book.programs["default"]

    def concerns(self, *kinds):
        """Return all Concerns, or those of some kinds."""
        with database.read(), self.app.app_context():
            return [one for one in standing(everything()) if not kinds or one.kind in kinds]

    def count_days(self):
        """Count all leads, those of the last minutes too."""
        settled = datetime.now(UTC) + daily.SETTLED_AFTER + timedelta(minutes=1)
        while database.transact(lambda: daily.roll_up([self.program], settled)):
            pass


@pytest.fixture
def passing(monkeypatch):
    return Passing(monkeypatch)


@pytest.fixture
def make_shop(make_app):
    def make(rules=RULES, **settings):
        app = make_app(rules if isinstance(rules, dict) else {"default": rules}, operators=OPERATORS, **settings)
        return Shop(app)

    return make


@pytest.fixture
def scans_of(shop):
    """Return what the plans of the statements on a table read as a whole, when some kinds are looked for."""

    def plans(kind, table):
        with statements() as seen:
            shop.concerns(kind)
        with database.read():
            found = [line for sql, params in seen if f'"{table}"' in sql for line in scans(sql, params)]
            assert any(f'"{table}"' in sql for sql, _ in seen)
            return found

    return plans


@pytest.fixture
def shop(make_shop):
    return make_shop()
