"""How the service starts: what it says, where it listens, and what it refuses."""

import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from gunicorns import Service, read_log

import database
import models
from database.secret import hold_secret


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"DATAPOST_USERS": ""}, "DATAPOST_USERS is not set"),
        ({"DYNO": "web.1"}, "DATABASE_URL names a SQLite file"),
        ({"DATAPOST_OPEN": "perhaps"}, 'DATAPOST_OPEN is "perhaps": write on or off'),
        ({"WEB_CONCURRENCY": "0"}, 'WEB_CONCURRENCY is "0": write how many processes'),
        ({"DATAPOST_RULES": "/nowhere"}, "/nowhere: this folder of rule files cannot be read (No such file"),
        ({"HOST": "localhost"}, "HOST is no address of this machine: write 127.0.0.1"),
        ({"HOST": "192.0.2.1"}, "HOST is no address of this machine"),
        ({"DATABASE_URL": "sqlite:////nowhere/leads.db"}, "unable to open or make /nowhere/leads.db: No such file"),
    ],
)
def test_gunicorn_refuses_to_start_and_says_what_to_set(service, environ, sentence):
    service.environ |= environ
    process = service.command("gunicorn")
    _, log = process.communicate()
    assert process.returncode == 1
    assert sentence in log
    assert "Traceback" not in log


def test_all_settings_that_keep_it_from_starting_are_named_at_once(service):
    wrong = {"DATAPOST_USERS": "x", "DATAPOST_OPEN": "perhaps", "PORT": "abc", "DATAPOST_SECRET": "", "HOST": "a.b"}
    service.environ |= wrong | {"WEB_CONCURRENCY": "0"}
    _, log = service.command("gunicorn").communicate()
    told = [line.split()[0].rstrip(":") for line in log.splitlines()[1:] if line.startswith("  ")]
    assert sorted(told) == sorted([*wrong, "WEB_CONCURRENCY"])


def test_the_start_is_told_in_one_line_and_then_what_is_probably_not_meant(service):
    service.environ |= {"DATAPOST_OPERATOR": "owner:canary", "DATAPOST_USERS": "impact/solar:canary"}
    service.environ["DATAPOST_VIEWERS"] = "vera:a-long-password-canary"
    service.start()
    lines = read_log(service.stop())
    (started,) = [line for line in lines if line["message"] == "Datapost starts"]
    assert started["store"] == service.environ["DATABASE_URL"] and started["users"] == ["impact"]
    assert (started["operators"], started["viewers"], started["features"]) == ([], ["vera"], ["dashboard"])
    assert re.fullmatch("default:[0-9a-f]{12}", *started["programs"])
    warnings = [line["message"] for line in lines if line["level"] == "warning"]
    assert warnings == [
        'DATAPOST_OPERATOR is no setting of Datapost. Did you mean "DATAPOST_OPERATORS"?',
        'DATAPOST_USERS: "impact" may post to the program "solar" only, and there is none',
        'DATAPOST_USERS: the password of "impact" has 6 characters and is soon guessed: make it 12 or more',
    ]
    assert "canary" not in str(lines)


@pytest.mark.parametrize(
    ("host", "told", "answers"),
    [
        (None, "0.0.0.0", {"127.0.0.1", "127.0.0.2"}),
        ("127.0.0.1", "127.0.0.1", {"127.0.0.1"}),
        ("127.0.0.2", "127.0.0.2", {"127.0.0.2"}),
        ("[::1]", "[::1]", {"::1"}),
        ("::", "[::]", {"127.0.0.1", "127.0.0.2", "::1"}),
    ],
)
def test_gunicorn_listens_where_host_says(service, host, told, answers):
    if "::1" in answers and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    service.environ |= {"HOST": host} if host else {}
    service.start()

    def listens(address):
        with suppress(OSError), socket.create_connection((address, service.port), timeout=5):
            return True

    assert {address for address in ("127.0.0.1", "127.0.0.2", "::1") if listens(address)} == answers
    assert f"Listening at: http://{told}:{service.port} " in service.stop()


def test_the_first_start_makes_the_file_and_its_tables(service):
    service.prepared = None
    assert not service.database.exists()
    service.start()
    assert service.post('{"email": "ann@example.com"}')[2]["valid"] is True


def test_without_a_port_gunicorn_listens_to_this_machine_alone(service):
    del service.environ["PORT"]
    service.environ["GUNICORN_CMD_ARGS"] = "--check-config --print-config"
    output, _ = service.command("gunicorn").communicate()
    assert re.search(r"(?m)^bind +=.*127\.0\.0\.1:8000", output)


def test_gunicorn_refuses_to_start_with_a_damaged_file(service):
    service.start()
    assert service.post("{}")[0] == 200
    service.stop()
    size = service.database.stat().st_size
    with service.database.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(size - 4096))
    for _ in range(2):
        process = service.command("gunicorn")
        _, log = process.communicate()
        assert process.returncode == 1
        assert "Datapost does not start:\n  leads.db is damaged (database disk image is malformed" in log


def test_gunicorn_refuses_to_start_with_a_broken_rule_file(tmp_path):
    process = Service(tmp_path, rules="fields: {email: {type: emial}}").command("gunicorn")
    _, log = process.communicate()
    assert process.returncode == 1
    assert 'default.yaml:1: field "email": "emial" is not one of' in log


SECRET_LINE = "DATAPOST_SECRET is not the one that the hashes in this database were made with"


@pytest.mark.parametrize("command", [("gunicorn",), ("flask", "run", "--port", "0")], ids=["gunicorn", "flask run"])
def test_with_another_secret_than_the_database_knows_it_does_not_start(make_service, database_url, command):
    start(database_url, "the first")
    process = make_service(DATABASE_URL=database_url).command(*command)
    _, log = process.communicate()
    assert process.returncode == 1
    assert SECRET_LINE in log and "Traceback" not in log


def start(url, secret):
    """Start as gunicorn's master and `flask run` do."""
    models.connect(url, secret)
    try:
        database.prepare(hold_secret)
    finally:
        database.disconnect()


def test_the_start_notes_the_secret_of_a_database_that_knows_none(make_service, database_url):
    make_service(DATABASE_URL=database_url).start().stop()
    with pytest.raises(database.SchemaError, match=SECRET_LINE):
        start(database_url, "another")


def test_open_needs_no_users(service):
    service.environ |= {"DATAPOST_USERS": "", "DATAPOST_OPEN": "on"}
    service.start()
    assert service.post('{"email": "ann@example.com"}', {"Authorization": ""})[0] == 200


def test_the_development_server_refuses_to_start_with_a_broken_rule_file(tmp_path):
    process = Service(tmp_path, rules="fields: {email: {type: emial}}").command("flask", "run")
    _, log = process.communicate()
    assert process.returncode == 1
    assert "Error: the rules are broken:\n" in log
    assert "Traceback" not in log
