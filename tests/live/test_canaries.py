"""Leads full of canaries to the real service: none of them is ever written where it does not belong.

Everything that the processes write, answer or show of themselves is searched for them.
"""

import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from base64 import b64encode
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest
from cast import ROOT, multipart
from gunicorns import Service, at_once, read_log

import database
import models

# Every canary holds this word, in one spelling or another.
CANARY = re.compile("canary|Y2FuYXJ5", re.IGNORECASE)
PASSWORD, SECRET, EMAIL = "canary-password", "canary-secret", "canary@example.com"

RULES = """
fields:
  email: {type: email, required: true}
  phone: {type: phone, country: US, on_invalid: warn}
  born: {type: date}
  state: {type: choice, one_of: [CA, NY]}
  ssn: {type: id, standard: us.ssn, sensitive: true}
  pin: {store: false}
rules:
  - {id: adult, reject_if: age(born) < 18}
  - {id: known, unique: [email]}
"""


def login(user, password):
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


GOOD = login("impact", PASSWORD)
FORM, XML, JSON = ({"Content-Type": f"application/{name}"} | GOOD for name in ("x-www-form-urlencoded", "xml", "json"))
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"} | GOOD
HEADERS = [
    "User-Agent", "Referer", "Cookie", "Idempotency-Key", "X-Request-Id", "X-Forwarded-For", "X-Forwarded-Host",
    "X-Forwarded-Proto", "Accept", "Accept-Language", "From", "X-Canary",
]  # fmt: skip
HEADERS = dict.fromkeys(HEADERS, EMAIL)
LEAD = json.dumps(dict.fromkeys(("email", "phone", "canary"), EMAIL)).encode()
PART = b'--b\r\nContent-Disposition: form-data; name="canary"'

# A path, headers and a body, and the status that they are answered with.
REQUESTS = [
    ("/leads", FORM, b"email=canary@example.com&phone=canary&canary=canary", 200),
    ("/leads", FORM, b"email=canary&born=2020-01-01&ssn=canary&state=canary&pin=canary", 200),
    ("/leads?canary=canary", JSON | HEADERS, LEAD, 200),
    ("/leads?email=canary2@example.com&%63anary", GOOD | HEADERS, b"", 200),
    ("/leads", XML, b"<canary><email>canary3@example.com</email><canary canary='canary'/></canary>", 200),
    ("/leads", MULTIPART, multipart([("email", "canary4@example.com"), ("canary", "canary")], "b")[0], 200),
    ("/leads", MULTIPART, PART + b"\r\n\r\ncanary", 400),
    ("/leads", MULTIPART, PART + b'; filename="canary"\r\n\r\ncanary\r\n--b--', 415),
    ("/leads", JSON, b'{"canary": canary}', 400),
    ("/leads", JSON, b'["canary"]', 400),
    ("/leads", JSON, b'{"canary": NaN}', 400),
    ("/leads", JSON, b'{"canary":' * 50, 400),
    ("/leads", XML, b"<canary><canary></kanary>", 400),
    ("/leads", XML, b"<!DOCTYPE canary [<!ENTITY canary 'canary'>]><a>&canary;</a>", 400),
    ("/leads", XML, b"<a>&canary;</a>", 400),
    ("/leads", XML, b"<?xml version='1.0' encoding='canary'?><a>canary</a>", 400),
    ("/leads", XML | {"Content-Type": "text/xml; charset=canary"}, b"<a>canary</a>", 400),
    ("/leads", GOOD | {"Content-Type": "canary/canary"}, b"canary", 415),
    ("/leads", FORM | {"Content-Encoding": "canary"}, b"canary", 415),
    ("/leads", FORM, b"canary=" + b"canary" * 50_000, 413),
    ("/leads", FORM | login("impact", "canary"), LEAD, 401),
    ("/leads", FORM | login("canary", "canary"), LEAD, 401),
    ("/leads", FORM | {"Authorization": "canary canary"}, LEAD, 401),
    ("/leads", FORM | {"Authorization": "Basic canary"} | HEADERS, LEAD, 401),
    ("/leads/canary", FORM | HEADERS, LEAD, 404),
    ("/canary?canary", HEADERS, b"", 404),
]

NO_HTTP = [
    b"canary\r\n\r\n",
    b"CANARY /leads?canary HTTP/1.1\r\nHost: canary\r\n\r\n",
    b"POST /leads?canary HTTP/1.1\r\nHost: x\r\nCanary canary\r\n\r\n",
    b"POST http://canary/canary HTTP/1.1\r\nHost: canary\r\nContent-Length: canary\r\n\r\n",
    b"POST /leads HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: canary\r\n\r\n",
]


class Watched(Service):
    """The service with one worker and secrets that are canaries, all that it answers remembered."""

    def __init__(self, folder, **environ):
        secrets = {"DATAPOST_USERS": f"impact:{PASSWORD}", "DATAPOST_SECRET": SECRET}
        super().__init__(folder, RULES, **{"WEB_CONCURRENCY": "1"} | secrets | environ)
        self.answers = []

    def ask(self, path, headers=(), body=None):
        """Return the status of the answer. The lead in a valid one, which belongs there, is not remembered."""
        with closing(HTTPConnection("127.0.0.1", self.port)) as connection:
            connection.request("GET" if body is None else "POST", path, body, dict(headers))
            response = connection.getresponse()
            text = response.read().decode()
            if re.search(r"<valid>true<|\"valid\": true", text):
                text = re.sub(r"canary\d?@example\.com", "", text)
            self.answers.append(f"{response.headers}{text}")
            return response.status

    def everything_written(self):
        """Stop the service, and return its log and the rest of what it has written."""
        rest = [Path(f"/proc/{pid}/cmdline").read_text() for pid in [self.process.pid, *self.workers()]] + self.answers
        with self.process.stdout as output:
            os.killpg(self.process.pid, signal.SIGTERM)
            rest.append(output.read())
            return self.stop(), "\n".join(rest)


@pytest.fixture
def watch(tmp_path):
    made = []

    def watch(**environ):
        made.append(Watched(tmp_path, **environ))
        return made[-1]

    yield watch
    for service in made:
        if service.process:
            service.stop(signal.SIGKILL)


def no_canary_in(log, rest):
    assert not CANARY.search(rest)
    assert not CANARY.search(log)
    return read_log(log)


def test_nothing_of_a_lead_or_a_secret_is_written_anywhere(watch):
    service = watch(DATAPOST_TRUSTED_PROXIES="1", GUNICORN_CMD_ARGS="--access-logfile - --log-level debug").start()
    for path, headers, body, expected in REQUESTS:
        assert (path, body, service.ask(path, headers, body)) == (path, body, expected)
    service.answers += [service.send(head).decode() for head in NO_HTTP]
    assert service.ask("/leads?canary") == 405
    assert service.ask("/health?canary") == 200
    lines = no_canary_in(*service.everything_written())
    answered = [line for line in lines if "status" in line]
    assert len(answered) == len(REQUESTS) + len(NO_HTTP) + 1
    assert {(line["message"], "lead" in line) for line in answered} == {("decision", True), ("refused", False)}


LEAD_XML = b"<lead><email>canary9@example.com</email></lead>"


def test_nor_when_a_template_a_rule_file_or_the_store_fails(watch, source, tmp_path):
    service, rules = watch(), tmp_path / "rules"
    service.source = source
    (source / "templates" / "default").mkdir()
    (source / "templates" / "default" / "response.xml").write_text("{{ {}[email] }}")  # its error quotes the address
    service.start()
    assert service.ask("/leads", XML, LEAD_XML) == 200
    (rules / "blocked.txt").write_text("canary canary\n")
    (rules / "solar.yaml").write_text(RULES + "  - {id: blocked, listed: {email: blocked.txt}, mode: on}")
    assert any("solar.yaml" in service.answers[-1] for _ in range(10_000) if service.ask("/health") == 200)
    with closing(sqlite3.connect(service.database, isolation_level=None)) as locker:
        locker.execute("begin immediate")
        assert service.ask("/leads", XML, LEAD_XML) == 503
    lines = no_canary_in(*service.everything_written())
    errors = [line.get("error") or line["message"] for line in lines if line["level"] == "error"]
    passed_over = "templates/default/response.xml cannot be rendered and is passed over: UndefinedError"
    assert errors[0] == errors[3] == passed_over
    assert 'rule "blocked": "on" is not one of' in errors[1]
    assert errors[2] == "OperationalError: database is locked"


@pytest.fixture
def source(tmp_path):
    """A copy of the service's source, to which a brand's templates may be added."""
    folder = tmp_path / "source"
    folder.mkdir()
    for path in [*ROOT.glob("*.py"), ROOT / "CHANGELOG.md"]:
        shutil.copy(path, folder)
    for room in [ROOT / "templates", *(path.parent for path in ROOT.glob("*/__init__.py"))]:
        shutil.copytree(room, folder / room.name)
    return folder


FAIL = """
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE lock_not_available; END';
    CREATE TRIGGER fail BEFORE INSERT ON lead EXECUTE FUNCTION fail();
"""


def test_nor_when_postgresql_quotes_the_lead_in_its_errors(watch, postgresql_url):
    models.connect(postgresql_url, "a key for tests")
    database.migrate()
    database.disconnect()
    url = postgresql_url.replace("postgres:@", f"postgres:{PASSWORD}@") + "%20-clog_parameter_max_length_on_error%3D-1"
    service = watch(DATABASE_URL=url).start()
    with psycopg.connect(postgresql_url, autocommit=True) as admin:
        admin.execute(FAIL)
        assert service.ask("/leads", XML, LEAD_XML) == 503
        admin.execute("DROP TRIGGER fail ON lead")
        admin.execute("ALTER TABLE lead ADD CHECK (email = '')")
        assert service.ask("/leads", XML, LEAD_XML) == 500
    lines = no_canary_in(*service.everything_written())
    unstored, fault = [line["error"] for line in lines if line["level"] == "error"]
    assert unstored == "OperationalError: lock_not_available"
    assert fault.startswith("IntegrityError at ")


def test_nor_when_postgresql_cannot_be_reached(watch):
    service = watch(DATABASE_URL=f"postgresql://impact:{PASSWORD}@127.0.0.1:1/leads").start()
    assert service.ask("/leads", XML, LEAD_XML) == 503
    assert service.ask("/health") == 503
    lines = no_canary_in(*service.everything_written())
    assert all("port 1 failed: Connection refused" in str(line) for line in lines if line["level"] == "error")


def test_nor_by_the_development_server(watch):
    service = watch()
    service.start(["flask", "run", "--port", str(service.port)], "Running on")
    for path, headers, body, expected in REQUESTS:
        assert (path, body, service.ask(path, headers, body)) == (path, body, expected)
    for head in NO_HTTP:  # to which the development server answers in its own way
        service.send(head)
    log, rest = service.everything_written()
    assert not CANARY.search(log + rest)
    assert re.search(r"(?m)^\S+Z INFO decision request_id=\w+ program=default user=impact .* valid=true ", log)
    assert re.search(r"(?m)^\S+Z WARNING refused .* status=401 why=wrong password ", log)


# --- Lines of the real service ---


def test_each_of_many_answers_at_once_has_its_line(watch):
    service = watch(WEB_CONCURRENCY="2", DATAPOST_USERS="impact:secret").start()
    answers = at_once(64, lambda number: service.post(f'{{"email": "{number}@example.com"}}'))
    decisions = [line for line in read_log(service.stop()) if line["message"] == "decision"]
    logged = sorted((line["request_id"], line["lead"]) for line in decisions)
    assert logged == sorted((headers["X-Request-Id"], headers["Datapost-Lead"]) for _, headers, _ in answers)


def test_on_a_terminal_gunicorn_logs_text(watch):
    service, (terminal, theirs) = watch(), pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "gunicorn"], cwd=ROOT, env=service.environ, stderr=theirs) as process:
        os.close(theirs)
        with open(terminal) as shown:
            first = next(shown)
            next(line for line in shown if "Listening at" in line)
            process.terminate()
            with suppress(OSError):  # the terminal is closed
                shown.read()
    assert re.fullmatch(r"\S+Z INFO Starting gunicorn [\d.]+\n", first)
