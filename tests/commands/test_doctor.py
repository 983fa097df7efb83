"""`flask doctor`: silent about a sound installation, and with a sentence for each fault."""

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from importlib import metadata

import pytest
from cast import ROOT, RULES, Partner, do_chores

import database
import models
from database import disk
from web.settings import User

USERS = (User("impact", "a-long-password"),)


def findings(app):
    """Return the exit status of the command, and its findings that are not ok, each as check and sentence."""
    result = app.test_cli_runner().invoke(args=["doctor", "--format", "json"])
    return result.exit_code, [(row["check"], row["sentence"]) for row in json.loads(result.output) if not row["ok"]]


def fault(app):
    """Return the one thing that the command finds."""
    status, ((check, sentence),) = findings(app)
    assert status == 1
    return f"{check}: {sentence}"


@pytest.fixture
def make(make_app, database_url, monkeypatch):
    """Make a service with nothing wrong but what is given."""

    def make(rules=RULES, **settings):
        app = make_app(rules, **{"users": USERS, "database_url": database_url} | settings)
        database.migrate()
        return app

    return make


def test_of_a_sound_installation_nothing_is_said_to_be_wrong(make):
    app = make()
    Partner(app, ("impact", "a-long-password")).lead(email="ann@example.com")
    assert findings(app) == (0, [])
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert {line[:2] for line in result.output.splitlines()} == {"ok"}
    assert "1 lead" in result.output and "secret" not in result.output and "a-long-password" not in result.output


def test_a_misspelt_setting_is_found(make, monkeypatch):
    monkeypatch.setenv("DATAPOST_OPERATOR", "owner:canary")
    assert fault(make()).startswith("settings: DATAPOST_OPERATOR is no setting of Datapost. Did you mean")


def test_a_program_that_does_not_exist_is_found(make):
    users = (User("impact", "a-long-password", frozenset({"defalt"})),)
    assert fault(make(users=users)).endswith('only, and there is none. Did you mean "default"?')


def test_a_short_password_is_found(make):
    assert 'settings: DATAPOST_OPERATORS: the password of "owner" has 3' in fault(
        make(operators=(User("owner", "abc"),))
    )


def test_a_broken_rule_file_is_found(make):
    assert 'broken.yaml:1: "fields:" is empty' in fault(make({"default": RULES, "broken": "fields: {}"}))


def test_a_template_by_which_the_contract_fails_is_found(make, monkeypatch):
    monkeypatch.setattr(
        sys.modules["commands.doctor"], "prove", lambda program: (9, ["templates/default/response.xml is wrong"])
    )
    assert fault(make()) == "templates: default: templates/default/response.xml is wrong"


def test_another_secret_is_found(make):
    app = make()
    Partner(app, ("impact", "a-long-password")).lead(email="ann@example.com")
    models.connect(app.extensions["datapost"].settings.database_url, "another key than before")
    assert fault(app).startswith(
        "store: DATAPOST_SECRET is not the one that the hashes in this database were made with"
    )


def test_an_address_that_keeps_gunicorn_from_starting_is_found(make, monkeypatch):
    monkeypatch.setenv("HOST", "a.b")
    assert fault(make()).startswith("settings: HOST is no address of this machine")


def test_a_look_notes_no_secret(make):
    app = make()
    assert findings(app)[0] == 0
    with database.read():
        assert models.Fact.get_or_none(name="secret") is None


def test_a_full_disk_is_found(make, monkeypatch):
    app = make()
    if database.engine().side_by_side:
        pytest.skip("the disk of PostgreSQL is looked after where it runs")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1_500_000))
    assert "store: only 2 MB are free" in fault(app)


def test_a_disk_that_does_not_last_is_found(make, monkeypatch):
    app = make()
    if database.engine().side_by_side:
        pytest.skip("the disk of PostgreSQL is looked after where it runs")
    monkeypatch.setattr(disk, "file_system", lambda path: "tmpfs")
    assert "and this disk (tmpfs) does not last: a restart may lose them all" in fault(app)


def test_a_file_that_cannot_be_opened_is_found_with_its_path(make_app):
    assert "unable to open or make /nowhere/leads.db" in fault_of_all(
        make_app(users=USERS, database_url="sqlite:////nowhere/leads.db")
    )


def fault_of_all(app):
    status, found = findings(app)
    assert status == 1
    (sentence,) = {sentence for _, sentence in found}
    return sentence


def test_a_clock_that_differs_from_that_of_the_database_is_found(make, monkeypatch):
    app = make()
    if not database.engine().side_by_side:
        pytest.skip("SQLite has the clock of this machine")
    monkeypatch.setattr(database.engine(), "clock", "SELECT 1000")
    assert "s apart: set both by a time server" in fault(app)


def test_more_processes_than_postgresql_has_connections_for_are_found(make, monkeypatch):
    app = make()
    if not database.engine().side_by_side:
        pytest.skip("SQLite has no limit")
    monkeypatch.setenv("WEB_CONCURRENCY", "90")
    assert "store: 90 processes use up to 450 connections, and PostgreSQL takes 100" in fault(app)


def test_proxies_that_differ_from_the_setting_are_found_by_the_last_request(make):
    app = make(trusted_proxies=2)
    partner = Partner(app, ("impact", "a-long-password"))
    partner.lead(email="ann@example.com", headers={"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"})
    do_chores()
    assert "proxies: DATAPOST_TRUSTED_PROXIES is 2, but the last request names 1" in fault(app)


def test_proxies_that_are_not_trusted_are_found_by_the_last_request(make):
    app = make()
    partner = Partner(app, ("impact", "a-long-password"))
    partner.lead(email="ann@example.com", headers={"X-Forwarded-For": "192.0.2.1"})
    do_chores()
    assert fault(app).startswith("proxies: DATAPOST_TRUSTED_PROXIES is not set, but requests say that a proxy")


def test_another_version_of_a_library_than_is_tested_is_found(make, monkeypatch):
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.2.3" if name.lower() == "peewee" else version(name))
    assert fault(make()).startswith("versions: peewee is installed in version 1.2.3, and Datapost is tested with")


def test_settings_that_cannot_be_read_are_found_and_keep_other_commands_from_anything(tmp_path):
    environ = {"PATH": os.environ["PATH"], "DATAPOST_OPEN": "perhaps", "DATABASE_URL": "oracle://x"}

    def run(*line):
        command = [sys.executable, "-m", "flask", "--app", str(ROOT / "app.py"), *line]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)

    result = run("doctor", "--format", "json")
    assert result.returncode == 1
    assert [row["sentence"].partition(":")[0] for row in json.loads(result.stdout) if not row["ok"]] == [
        "DATABASE_URL is not the address of a database",
        'DATAPOST_OPEN is "perhaps"',
        "DATAPOST_USERS is not set, so every lead would be refused. Set it to name",
        "DATAPOST_SECRET is not set. Set it to a long random text and keep it",
    ]
    for line in (["migrate"], ["rules", "check", "x"], ["run", "--port", "0"]):
        result = run(*line)
        assert result.returncode == 1
        assert 'DATAPOST_OPEN is "perhaps": write on or off' in result.stderr
    assert not list(tmp_path.iterdir())
