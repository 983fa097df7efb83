"""What a line of the log holds: a decision, a refusal, a fault, and what others log."""

import json
import logging
import re
from contextlib import contextmanager

import pytest
from cast import ROOT, Partner, blocks

import app as application
from web import answer as answers
from web import logs
from web.settings import User
from web.statuses import STATUSES

HEX = "[0-9a-f]{32}"


@contextmanager
def written(formatter, logger="datapost"):
    """Give a list, to which what is logged within is added as it would be written."""
    handler, found = logging.Handler(), []
    handler.setFormatter(formatter)
    handler.emit = lambda record: found.append(handler.format(record))
    logging.getLogger(logger).addHandler(handler)
    try:
        yield found
    finally:
        logging.getLogger(logger).removeHandler(handler)


@pytest.fixture
def logged():
    """The lines that are logged during the test: `logged()`."""
    with written(logs.Json()) as found:
        yield lambda: [json.loads(line) for line in found]


# --- A line ---


def test_a_decision_is_one_line_that_says_what_and_how_long(partner, logged):
    answer = partner.lead(email="ann@example.com", years="16")
    (line,) = logged()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert re.fullmatch(HEX, line["request_id"])
    assert 0 < line["milliseconds"] < 60_000
    assert line | {"time": "", "milliseconds": 0} == {
        "time": "",
        "level": "info",
        "message": "decision",
        "request_id": answer["headers"]["X-Request-Id"],
        "program": "default",
        "user": "impact",
        "lead": answer["headers"]["Datapost-Lead"],
        "valid": False,
        "test": False,
        "reasons": ["adult"],
        "replayed": False,
        "status": 200,
        "milliseconds": 0,
    }


def test_a_repeated_request_is_a_decision_too(partner, logged):
    for _ in range(2):
        partner.lead(headers={"Idempotency-Key": "k"}, email="ann@example.com")
    first, second = logged()
    assert (first["lead"], first["valid"], first["replayed"]) == (second["lead"], True, False)
    assert second["replayed"] is True


def test_the_document_shows_a_line_as_it_is(partner, logged):
    partner.lead(years="33")
    _, _, chapter = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("\n## Logs\n")
    (shown,) = map(json.loads, blocks(chapter.partition("\n## ")[0], "json"))
    (line,) = logged()
    assert list(shown) == list(line)
    assert {name for name in line if shown[name] != line[name]} == {"time", "request_id", "lead", "milliseconds"}


NOBODY, WRONG, RIGHT = ("canary", "secret"), ("impact", "canary"), ("impact", "secret")


@pytest.mark.parametrize(
    ("request_line", "options", "expected"),
    [
        ("POST /leads", {"auth": None}, ("default", None, 401, "no credentials")),
        ("POST /leads", {"auth": NOBODY}, ("default", None, 401, "unknown user")),
        ("POST /leads", {"auth": WRONG}, ("default", "impact", 401, "wrong password")),
        ("POST /leads/solar", {}, ("solar", "impact", 403, STATUSES[403].note)),
        ("POST /leads/canary", {"auth": ("all", "x")}, (None, "all", 404, STATUSES[404].note)),
        ("POST /canary", {}, (None, None, 404, STATUSES[404].note)),
        ("GET /leads?canary", {}, (None, None, 405, STATUSES[405].note)),
        ("POST /leads", {"data": b"canary" * 99}, ("default", "impact", 413, STATUSES[413].note)),
        ("POST /leads", {"content_type": "canary/x"}, ("default", "impact", 415, "The Content-Type is not supported")),
    ],
)
def test_a_refusal_is_one_line_that_says_why(make_app, logged, request_line, options, expected):
    rules = {"default": "fields: {email: {}}", "solar": "fields: {email: {}}"}
    users = (User("impact", "secret", frozenset(["default", "nowhere"])), User("all", "x"))
    partner = Partner(make_app(rules, users=users, max_body=500))
    method, path = request_line.split()
    partner.http.open(path, method=method, **{"auth": RIGHT} | options)
    (line,) = logged()
    assert line["why"].startswith(expected[3])
    assert (line["level"], line["message"]) == ("warning", "refused")
    assert (line["program"], line["user"], line["status"]) == expected[:3]
    assert line.get("address") == ("127.0.0.1" if expected[2] == 401 else None)
    assert "canary" not in str(line)


def test_blocked_guesses_are_lines_with_the_address(make_app, logged):
    partner = Partner(make_app(trusted_proxies=1), auth=WRONG)
    for _ in range(21):
        partner.post(headers={"X-Forwarded-For": "198.51.100.7"})
    partner.post(headers={"X-Forwarded-For": "canary"})
    *_, blocked, unknown = logged()
    assert (blocked["status"], blocked["user"], blocked["address"]) == (429, "impact", "198.51.100.7")
    assert unknown["address"] is None


def test_blocked_guesses_at_the_dashboard_are_lines_with_the_address_too(make_app, logged):
    http = make_app(operators=(User("owner", "secret"),)).test_client()
    for path in ["/dashboard", "/docs/default"]:
        for _ in range(21):
            http.get(path, auth=("owner", "wrong"))
        assert (logged()[-1]["status"], logged()[-1]["address"]) == (429, "127.0.0.1")


def test_a_fault_says_where_and_not_what(partner, logged, monkeypatch):
    def judge(_, fields, *rest):
        raise KeyError(fields["email"])

    monkeypatch.setattr(application, "judge", judge)
    answer = partner.lead(email="canary@example.com")
    (line,) = logged()
    assert (line["level"], line["status"], line["request_id"]) == ("error", 500, answer["headers"]["X-Request-Id"])
    assert re.match(r"KeyError at test_logs\.py:\d+ < app\.py:\d+ < ", line["error"])
    assert "canary" not in str(line)


def test_a_fault_of_an_error_answer_tells_no_address(partner, logged, monkeypatch):
    outcomes = iter([ValueError("canary"), "<dataPostResponse/>"])

    def render(*_):
        if isinstance(outcome := next(outcomes), Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(answers, "render", render)
    assert partner.http.post("/canary").status_code == 500
    assert [line["message"] for line in logged()] == ["refused", "a fault while an error was answered", "refused"]
    assert "canary" not in str(logged())


# --- The request's id ---


@pytest.mark.parametrize("given", ["0", "a" * 64, "01H-_x", "0b6dd4f5-ac2a-46f4-8ea4-5a0c7d4d2f11"])
def test_the_id_that_the_platform_gives_a_request_is_kept(partner, logged, given):
    assert partner.lead(headers={"X-Request-Id": given})["headers"]["X-Request-Id"] == given
    assert logged()[0]["request_id"] == given


@pytest.mark.parametrize("given", ["", "a" * 65, "ann@example.com", "a b", 'a"b', "é", "١", "a\tb"])
def test_one_that_could_be_anything_is_replaced(partner, logged, given):
    made = partner.lead(headers={"X-Request-Id": given})["headers"]["X-Request-Id"]
    assert re.fullmatch(HEX, made)
    assert logged()[0]["request_id"] == made


def test_every_line_that_a_request_causes_has_its_id(make_app, tmp_path, logged, clock):
    partner = Partner(make_app())
    (tmp_path / "rules" / "default.yaml").write_text("fields: {email: {type: emial}}")
    clock.passes(2)
    request_id = partner.lead()["headers"]["X-Request-Id"]
    broken, decision = logged()
    assert 'field "email": "emial" is not one of' in broken["message"]
    assert broken["request_id"] == decision["request_id"] == request_id


# --- What others log ---


def test_nobody_can_make_a_second_line_or_steer_a_terminal():
    hostile = 'a\nb\r\x1b[31m"\u2028\u202e\x9b'
    for formatter in (logs.Json(), logs.Plain()):
        with written(formatter) as found:
            logs.log.info("%s", hostile)
            logs.log.info("decision", {"user": hostile})
        for line in found:
            assert line.isprintable()


def test_of_what_libraries_log_only_their_own_text_is_shown():
    with written(logs.Json(), "library") as found:
        library = logging.getLogger("library")
        library.warning("could not read %s", "canary")
        library.warning("could not read canary")
        library.warning("could not read %(what)s", {"what": "canary"})
        try:
            raise ValueError("canary")
        except ValueError as error:
            library.exception(error)
    first, second, third, fourth = map(json.loads, found)
    assert first["message"] == "library: could not read %s"
    assert second["message"] == "library: its message may quote a lead and is not shown"
    assert third["message"] == "library: could not read %(what)s"
    assert re.match(r"ValueError at test_logs\.py:\d+$", fourth["error"])
    assert "canary" not in str(found)


def test_text_is_readable(partner):
    with written(logs.Plain()) as found:
        answer = partner.lead(email="ann@example.com", years="16")
    (line,) = found
    moment, rest = line.split(" ", 1)
    assert moment.endswith("Z")
    assert re.fullmatch(
        f"INFO decision request_id={HEX} program=default user=impact lead={answer['headers']['Datapost-Lead']} "
        r"valid=false test=false reasons=adult replayed=false status=200 milliseconds=[\d.]+",
        rest,
    )
