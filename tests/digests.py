"""A brand whose leads came on days of a test's choice, and the daily summary of them."""

from datetime import UTC, datetime, timedelta

from brand import RULES, record

import database
from alerts.digest import of_day
from web.settings import User

NOW = datetime(2026, 3, 13, 12, tzinfo=UTC)  # a Friday
YESTERDAY, WEEK_BEFORE = datetime(2026, 3, 12, 9, tzinfo=UTC), datetime(2026, 3, 5, 9, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 12, 9, tzinfo=UTC)
DOLLARS = f"currency: USD{RULES}"
EUROS = RULES.replace("Home loans", "Solar roofs").replace("title:", "currency: EUR\ntitle:")
URL = "https://leads.acme.example/datapost"
SILENCE = {
    "key": "silence:default:",
    "kind": "silence",
    "program": "default",
    "subject": "",
    "grave": True,
    "since": "2026-03-13T03:00:00.000Z",
    "told_at": None,
    "gone_at": None,
    "sentence": "Home loans: no lead has come for 9 hours.",
    "advice": f"Ask the partners. See {URL}/dashboard/programs",
}


def brand_of(make_app, database_url, rules=DOLLARS, **settings):
    """Return the Brand that has these texts of rule files."""
    app = make_app(rules, database_url=database_url, operators=(User("owner", "of it"),), **settings)
    database.migrate()
    return Brand(app)


class Brand:
    """A brand whose leads came on days of a test's choice."""

    def __init__(self, app):
        self.app, self.count = app, 0

    @property
    def programs(self):
        return self.app.extensions["datapost"].rulebook.programs

    def leads(self, number, moment=YESTERDAY, program="default", **fields):
        for _ in range(number):
            self.count += 1
            at = moment + timedelta(seconds=self.count)
            given = {"email": f"ann{self.count}@example.com", "irpid": "brightleads"} | fields
            record(self.programs[program], at, **{name: text for name, text in given.items() if text})

    def digest(self, now=NOW, alerts=(), url="", only=None):
        programs = [program for name, program in self.programs.items() if only is None or name in only]
        with self.app.app_context():
            return of_day(programs, now, list(alerts), url)


def lines(message):
    return [line.strip() for line in message.text.splitlines()]


def words(message):
    return " ".join(message.text.split())
