"""The service as it is deployed: the real gunicorn, real processes, real connections."""

import base64
import http.client
import json
import os
import signal
import sqlite3
import uuid
from contextlib import closing
from itertools import count
from random import Random

import pytest
from cast import ROOT, RULES
from gunicorns import HEAD, LOGIN, at_once, read_log
from werkzeug.security import generate_password_hash

from web.answer import HEADERS


def test_of_24_simultaneous_posts_of_one_lead_to_two_services_exactly_one_is_valid(make_service, database_url):
    services = [make_service(DATABASE_URL=database_url).start() for _ in range(2)]
    answers = at_once(24, lambda number: services[number % 2].post('{"email": "ann@example.com"}'))
    assert [status for status, _, _ in answers] == [200] * 24
    assert sum(answer["valid"] is True for _, _, answer in answers) == 1


def test_of_16_requests_with_one_key_one_is_judged_and_15_get_its_answer(make_service, database_url):
    service = make_service(DATABASE_URL=database_url).start()
    answers = at_once(16, lambda _: service.post('{"email": "ann@example.com"}', {"Idempotency-Key": "k"}))
    assert {(status, answer["valid"]) for status, _, answer in answers} == {(200, True)}
    assert len({answer["uniqueid"] for _, _, answer in answers}) == 1
    assert sum(headers["Idempotent-Replayed"] == "true" for _, headers, _ in answers) == 15


def test_of_a_limit_of_50_hit_by_300_at_once_50_are_valid(make_service, database_url):
    rules = "fields: {email: {}}\nrules: [{id: cap, limit: 50, per: month}]\n"
    service = make_service(rules, DATABASE_URL=database_url).start()
    answers = at_once(300, lambda number: service.post(f'{{"email": "{number}"}}'))
    assert sum(answer["valid"] is True for _, _, answer in answers) == 50
    assert {answer["note"] for _, _, answer in answers if answer["valid"] == "false"} == {
        "The limit of leads per month is reached"
    }


def test_a_changed_rule_file_is_used_in_every_process_without_a_restart(service):
    rules, changed, broken = (service.folder / name for name in ("rules/default.yaml", "changed", "broken"))
    changed.write_text(RULES.replace("label: email address", "label: mail"))
    broken.write_text("fields: {email: {type: emial}}")
    service.start()

    links = []

    def note(link):
        link.request("POST", "/leads", "{}", {"Content-Type": "application/json"} | LOGIN)
        return json.loads(link.getresponse().read())["dataPostResponse"]["note"]

    while not (len(shares := service.connections()) == 2 and all(shares)):  # one process may not be up yet
        for link in links:
            link.close()
        links = [http.client.HTTPConnection("127.0.0.1", service.port) for _ in range(8)]
        assert {note(link) for link in links} == {"No email address was submitted"}
    rules.unlink()
    rules.symlink_to(changed)  # a file that was saved a while ago
    for link in links:
        assert "No mail was submitted" in (note(link) for _ in range(5000))
    rules.unlink()
    rules.symlink_to(broken)
    assert {note(link) for link in links * 50} == {"No mail was submitted"}
    for link in links:
        link.close()
    assert any('field "email": "emial" is not one of' in line["message"] for line in read_log(service.stop()))


def test_the_first_lead_is_judged_by_the_files_that_there_are(service):
    service.environ["WEB_CONCURRENCY"] = "1"
    solar = service.folder / "rules" / "solar.yaml"
    solar.write_text(RULES)
    service.start()
    assert service.post("{}", path="/nowhere")[0] == 404  # its process has read the rules
    solar.unlink()
    assert service.post("{}", path="/leads/solar")[0] == 404


@pytest.mark.long
def test_no_lead_that_was_answered_valid_is_lost_in_8_kills(make_service, database_url):
    """Four clients post while the whole process group is killed; then the service starts with no help."""
    service, answered, moments = make_service(DATABASE_URL=database_url), [], Random(15)

    def client(number, killed_after):
        for turn in count():
            try:
                _, _, answer = service.post(json.dumps({"email": f"ann{len(answered)}.{number}.{turn}@example.com"}))
            except (OSError, http.client.HTTPException):
                return
            assert answer["valid"] is True
            answered.append(answer["uniqueid"])
            if len(answered) >= killed_after:
                os.killpg(service.process.pid, signal.SIGKILL)

    for _ in range(8):
        service.start()
        killed_after = len(answered) + moments.randint(1, 60)
        at_once(4, lambda number: client(number, killed_after))  # noqa: B023
        service.stop(signal.SIGKILL)
    leads = service.leads()
    assert set(answered) <= {lead_id for lead_id, _ in leads}
    assert len({email for _, email in leads}) == len(leads)
    if database_url.startswith("sqlite:"):
        with closing(sqlite3.connect(service.database)) as stored:
            assert stored.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_chunked_body_is_read_and_limited(service):
    service.environ["DATAPOST_MAX_BODY"] = "1000"
    service.start()
    assert service.post(iter([b'{"email": ', b'"ann@example.com"}']))[2]["valid"] is True
    for size, expected in [(1000, 200), (1001, 413), (100_000, 413)]:
        body = b'{"a": "' + b"x" * (size - 9) + b'"}'
        assert service.post(iter([body[:20], body[20:]]))[0] == service.post(body)[0] == expected


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 40\r\n\r\nemail=ann@example.com",
        b"Transfer-Encoding: chunked\r\n\r\n15\r\nemail=ann@example.com\r\n",
    ],
    ids=["a length", "chunks"],
)
def test_half_a_body_is_never_judged(service, rest):
    service.start()
    answer = service.send(HEAD + b"Content-Type: application/x-www-form-urlencoded\r\n" + rest)
    assert b"true" not in answer
    assert service.post('{"email": "ann@example.com"}')[2]["valid"] is True


@pytest.mark.parametrize("chunk", [b"ZZ\r\n{}\r\n", b"-2\r\n{}\r\n", b"2\r\n{}xx\r\n", b"9" * 5000 + b"\r\n"])
def test_chunks_that_are_none_are_a_400(service, chunk):
    service.start()
    answer = service.send(HEAD + b"Accept: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"<valid>false</valid>" in answer


def test_a_database_that_is_deleted_is_never_begun_anew_by_a_running_service(service):
    service.start()
    service.database.unlink()
    assert {service.post('{"email": "ann@example.com"}')[0] for _ in range(8)} == {503}
    assert not service.database.exists()


@pytest.mark.parametrize(
    "head",
    [
        b"POST /leads?email=canary@example.com&first_name=Jos\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /leads?email=canary@example.com" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /leads HTTP/1.1\r\nHost: x\r\nX: canary" + b"x" * 9000 + b"\r\n\r\n",
        b"POST /leads HTTP/1.1\r\nHost: x\r\nContent-Length: canary\r\n\r\n",
        b"canary@example.com\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_and_not_logged(service, head):
    service.start()
    answer = service.send(head)
    assert answer.startswith((b"HTTP/1.1 400 Bad Request\r\n", b"HTTP/1.1 401 UNAUTHORIZED\r\n"))
    assert b"<dataPostResponse>\n<valid>false</valid>" in answer
    assert b"canary" not in answer
    log = service.stop()
    assert "canary" not in log
    (refused,) = [line for line in read_log(log) if line["message"] == "refused"]
    assert f"\r\nX-Request-Id: {refused['request_id']}\r\n".encode() in answer
    for name, value in HEADERS.items():
        assert f"\r\n{name}: {value}\r\n".encode() in answer


@pytest.mark.parametrize("more", [0, 1])
def test_as_many_processes_as_cores_have_a_core_each(service, more):
    cores = os.sched_getaffinity(0)
    service.environ["WEB_CONCURRENCY"] = str(len(cores) + more)
    service.start()
    expected = [cores] * (len(cores) + more) if more else [{core} for core in sorted(cores)]

    def have_cores_as_expected():
        for turn in range(300):  # while they are started
            assert service.post(f'{{"email": "{uuid.uuid4().hex}@example.com"}}')[0] == 200, turn
            found = [os.sched_getaffinity(worker) for worker in service.workers()]
            if sorted(found, key=sorted) == expected:
                return True
        return False

    assert have_cores_as_expected()
    os.kill(service.workers()[0], signal.SIGKILL)
    assert have_cores_as_expected()


def test_a_graceful_stop_leaves_nothing_behind(service):
    service.start()
    assert service.post('{"email": "ann@example.com"}')[0] == 200
    last = read_log(service.stop())[-1]
    assert (last["level"], last["message"]) == ("info", "Shutting down: Master")


def test_of_guesses_at_once_20_are_answered_401_by_all_processes_together(service):
    service.environ["DATAPOST_USERS"] += " other:" + generate_password_hash("x", "pbkdf2:sha256:1000")
    service.start()
    wrong = {"Authorization": "Basic " + base64.b64encode(b"impact:wrong").decode()}
    answers = at_once(40, lambda _: service.post("{}", wrong))
    assert sorted(status for status, _, _ in answers) == [401] * 20 + [429] * 20
    assert all(0 < int(headers["Retry-After"]) <= 300 for status, headers, _ in answers if status == 429)


def test_nobody_but_a_trusted_proxy_says_where_a_request_came_from(service):
    # As platforms set it, and gunicorn then believes everybody.
    service.environ |= {"FORWARDED_ALLOW_IPS": "*", "DATAPOST_ALLOWED_IPS": "9.9.9.0/24"}
    service.environ["DATAPOST_TRUSTED_PROXIES"] = "1"
    service.start()
    for address in ["127.0.0.1", "9.9.9.9, 127.0.0.1", '"9.9.9.9, 127.0.0.1', "9.9.9.9:80, unknown"]:
        assert service.post("{}", {"X-Forwarded-For": address, "X_Forwarded_For": "9.9.9.9"})[0] == 403
    assert service.post("{}", {"X_Forwarded_For": "9.9.9.9"})[0] == 403
    passed = {"X-Forwarded-For": "127.0.0.1, 9.9.9.9:4711", "X-Forwarded-Ssl": "on", "SCRIPT_NAME": "/leads"}
    for scheme in ["https", "http", "http"]:
        assert service.post("{}", passed | {"X-Forwarded-Proto": scheme})[0] == 200
    assert service.stop().count("a password and a lead came by plain http from outside") in (1, 2)  # processes


def test_proxies_that_were_not_said_to_be_there_are_warned_of(service):
    service.start()
    for _ in range(3):
        assert service.post("{}", {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"})[0] == 200
    log = service.stop()
    assert log.count("DATAPOST_TRUSTED_PROXIES is not set") in (1, 2)
    assert "plain http" not in log and "9.9.9.9" not in log


def test_a_stop_that_comes_while_a_process_starts_is_obeyed(service):
    configuration = service.folder / "gunicorn.conf.py"
    configuration.write_text(
        f"exec(open({str(ROOT / 'gunicorn.conf.py')!r}).read())\n"
        "ours = post_fork\n"
        "def post_fork(server, worker):\n"
        "    ours(server, worker)\n"
        f"    os.kill(os.getpid(), {int(signal.SIGTERM)})\n"
    )
    service.start(("gunicorn", "-c", str(configuration)), sign="Worker exiting")
    assert "Traceback" not in service.stop()
