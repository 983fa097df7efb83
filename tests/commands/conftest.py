"""A service with a day's leads, and an owner whose database is the home of the rules."""

import json

import click
import pytest
from cast import RULES, Partner

import database
from app import create_app
from leads import publishing


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


@pytest.fixture
def owner(make_app, database_url, tmp_path, monkeypatch):
    """An owner whose database is the home of the rules. The commands are run as they are typed, each a process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "ann")
    settings = make_app(database_url=database_url, rules_from="dashboard").extensions["datapost"].settings
    database.migrate()
    publishing.seed(settings.rules)
    return Owner(settings, tmp_path)


class Owner:
    def __init__(self, settings, folder):
        self.settings, self.folder = settings, folder

    def app(self):
        """Return the app as a command's process makes it, which seeds nothing."""
        with click.Context(click.Command("rules"), info_name="rules"):
            return create_app(self.settings)

    def flask(self, *line, **options):
        return self.app().test_cli_runner(catch_exceptions=False).invoke(args=line, **options)

    def rules(self, *line, status=0, **options):
        """Run `flask rules …`, and return what it prints."""
        result = self.flask("rules", *line, **options)
        assert result.exit_code == status, result.output
        return result.output.replace(f"{self.folder}/", "")

    def json(self, *line, status=0):
        result = self.flask("rules", *line, "--format", "json")
        assert result.exit_code == status, result.output
        return json.loads(result.stdout)

    def log(self, name="default"):
        return [(row["version"], row["kind"], row["by"], row["comment"]) for row in self.json("log", name)]

    def live(self, name="default", thing="rules"):
        with database.read():
            return publishing.live(name, thing).text

    def write(self, text, name="default.yaml"):
        (self.folder / name).write_text(text)
        return name

    def child(self):
        return Partner(create_app(self.settings)).lead(email="ann@example.com", years="9")["note"]
