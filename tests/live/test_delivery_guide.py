"""The guide to delivery is done as a newcomer would, and its endpoints get leads from the real service."""

import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from threading import Thread
from time import monotonic

import pytest
from cast import NEVER, ROOT, blocks
from gunicorns import free_port
from newcomers import Newcomer, agrees

GUIDE = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")
SECRET = "whsec_" + "A" * 32
RULES = """
fields: {email: {type: email, required: true}}
deliver: [{to: crm, fields: [email]}]
"""


def saved_as(name):
    """Return the file that the guide says to save under this name."""
    return re.search(rf"ave it as\s+`{re.escape(name)}`:\n\n```\w+\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)[1]


def listens(port):
    with socket.socket() as place:
        return place.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def at_work(line, port, folder, **environ):
    """Run a program that listens to a port, and yield an iterator of what it prints."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(line, cwd=folder, env=environ, **pipes) as program:
        try:
            while not listens(port):
                with suppress(subprocess.TimeoutExpired):
                    raise AssertionError(f"it ended with {program.wait(0.02)}")
            yield program.stdout
        finally:
            program.send_signal(signal.SIGTERM)


@pytest.fixture
def newcomer(tmp_path, postgresql_url):
    somebody = Newcomer(tmp_path, postgresql_url)
    yield somebody
    somebody.leave()


def test_a_newcomer_gets_from_nothing_to_a_lead_in_a_receiver(newcomer):
    tour = GUIDE[GUIDE.index("## The first lead") : GUIDE.index("## Where to")]
    port = free_port()
    newcomer.places["http://127.0.0.1:9000"] = f"http://127.0.0.1:{port}"
    (newcomer.copy / "receiver.py").write_text(saved_as("receiver.py").replace("9000", str(port)))
    with (newcomer.copy / "rules" / "default.yaml").open("a") as file:
        file.write(re.search(r"Add at the end of `rules/default.yaml`:\n\n```yaml\n(.*?)^```", tour, re.S | re.M)[1])
    start, settings = blocks(tour, "console")
    assert start == "$ python3 receiver.py\n"
    with at_work([sys.executable, "receiver.py"], port, newcomer.copy) as printed:
        for command in settings.removeprefix("$ ").splitlines():
            assert newcomer.say(command.removeprefix("$ "))[1] == 0
        line = re.search(r"^  (curl .*)$", newcomer.printed, re.MULTILINE)[1]
        assert "<valid>true</valid>" in newcomer.say(line)[0]
        (shown,) = blocks(tour, "text")
        assert agrees(shown, came := printed.readline()), came
        assert "<valid>false</valid>" in newcomer.say(line)[0]
    again = line.replace("email=ann", "email=bob")
    assert "<valid>true</valid>" in newcomer.say(again)[0]
    with at_work([sys.executable, "receiver.py"], port, newcomer.copy) as printed:
        assert '"email": "bob' in printed.readline()


def test_the_receiver_is_short_and_so_is_the_check_of_a_signature():
    check = saved_as("endpoint.py").partition("def is_from_datapost")[2].partition("class Endpoint")[0]
    for text in (saved_as("receiver.py"), check):
        assert len([line for line in text.splitlines() if line]) <= 12


# --- Endpoints of the brand's own ---


def python_endpoint(folder, port):
    (folder / "endpoint.py").write_text(saved_as("endpoint.py"))
    return [sys.executable, "endpoint.py"]


def php_endpoint(folder, port):
    if not shutil.which("php"):
        pytest.skip("php is missing, so the endpoint in PHP was not tried")
    (code,) = blocks(GUIDE, "php")
    (folder / "endpoint.php").write_text(code)
    return ["php", "-S", f"127.0.0.1:{port}", "endpoint.php"]


@pytest.fixture(params=[python_endpoint, php_endpoint])
def endpoint(request, tmp_path):
    """An endpoint of the guide at work: its port, and a function that returns the messages it holds."""
    port, folder = free_port(), tmp_path / "brand"
    folder.mkdir()
    line = request.param(folder, port)
    environ = {"WEBHOOK_SECRET": SECRET, "PORT": str(port), "CRM_DB": str(folder / "crm.db"), "PATH": "/usr/bin:/bin"}

    def messages():
        with closing(sqlite3.connect(folder / "crm.db")) as db, suppress(sqlite3.OperationalError):  # no table yet
            return db.execute("SELECT id, body FROM message").fetchall()
        return []

    with at_work(line, port, folder, **environ) as printed:
        reader = Thread(target=printed.read)
        reader.start()
        yield port, messages
    reader.join()


def delivering(make_service, port, secret):
    address = f"http://127.0.0.1:{port}/endpoint.php"
    settings = {"DATAPOST_DELIVER_CRM": address, "DATAPOST_DELIVER_CRM_SECRET": secret}
    return make_service(RULES, **settings, DATAPOST_DELIVER_PRIVATE="on").start()


def log_until(service, sign):
    """Wait until the service logs this, and return the line."""
    until = monotonic() + NEVER
    while monotonic() < until:
        for line in list(service.log):
            if sign in line:
                return json.loads(line)
        with suppress(subprocess.TimeoutExpired):
            service.process.wait(0.02)
    raise AssertionError("".join(service.log))


def test_an_endpoint_keeps_a_lead_that_is_signed(make_service, endpoint):
    port, messages = endpoint
    service = delivering(make_service, port, SECRET)
    lead = service.post(b'{"email": "ann@example.com"}')[2]["uniqueid"]
    log_until(service, '"delivered"')
    ((key, body),) = messages()
    assert (key, json.loads(body)) == (f"{lead}_crm", {"id": lead, "email": "ann@example.com"})


@pytest.mark.parametrize("secret", ["whsec_" + "B" * 32, ""])
def test_an_endpoint_sends_away_who_has_not_its_secret_and_the_destination_is_paused(make_service, endpoint, secret):
    port, messages = endpoint
    service = delivering(make_service, port, secret)
    service.post(b'{"email": "ann@example.com"}')
    assert log_until(service, '"destination paused"')["why"] == "it answered 401"
    assert not messages()


def test_while_secrets_change_an_endpoint_takes_what_both_sign(make_service, endpoint):
    port, messages = endpoint
    service = delivering(make_service, port, f"whsec_{'B' * 32} {SECRET}")
    service.post(b'{"email": "ann@example.com"}')
    log_until(service, '"delivered"')
    assert len(messages()) == 1
