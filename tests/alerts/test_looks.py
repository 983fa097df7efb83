"""The look at all that is wrong: by one process of all, twice before it tells, and whatever fails goes on."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from alarmed import Passing, notices, said, telling
from brand import record
from cast import NEVER, RULES, Partner
from receiving import answer

import database
from alerts import house, looking, sources
from alerts.concern import Concern
from alerts.ledger import Alert
from database import StoreError
from web.settings import User

BROKEN = RULES.replace("years < 18", "yaers < 18")
URL = "https://leads.acme.example/datapost"


@pytest.fixture
def make_shop(make_app, receiver, database_url, clock):
    def make(**settings):
        to = telling(receiver.url, DATAPOST_URL=URL)
        app = make_app(database_url=database_url, operators=(User("owner", "of the brand"),), **to | settings)
        database.migrate()
        return Shop(app, clock)

    return make


@pytest.fixture
def shop(make_shop):
    return make_shop()


class Shop:
    """A brand whose rule file breaks, and whose services look."""

    def __init__(self, app, clock):
        self.app, self.clock = app, clock
        self.made = app.extensions["datapost"]
        self.file = Path(self.made.settings.rules) / "default.yaml"

    def write(self, text):
        self.file.write_text(text)
        self.clock.passes(2)  # until the rule book looks again

    def look(self, **options):
        with self.app.app_context():
            new, over = looking.look(**options)
        return [one["kind"] for one in new], [one["kind"] for one in over]


def database_now():
    with database.read():
        return database.now()


def work(shop, passing, times=1):
    """Let the thread's own rule run, five minutes later each time."""
    for _ in range(times):
        shop.made.watch.work()
        passing.passes(minutes=5, seconds=1)


def test_a_broken_file_is_told_after_two_looks_and_its_end_after_two_more(shop, passing, receiver):
    work(shop, passing, 2)
    shop.write(BROKEN)
    work(shop, passing)
    assert not receiver.requests
    work(shop, passing, 5)
    (request,) = receiver.requests
    told = json.loads(request.body)
    ((alert,), over) = told["data"]["new"], told["data"]["over"]
    assert (told["type"], alert["kind"], alert["program"], over) == ("alert", "rules_broken", "default", [])
    assert alert["advice"].endswith(f" See {URL}/dashboard/programs/default")
    shop.write(RULES)
    work(shop, passing)
    assert len(receiver.requests) == 1
    work(shop, passing, 3)
    _, request = receiver.requests
    assert [one["kind"] for one in json.loads(request.body)["data"]["over"]] == ["rules_broken"]


def test_it_is_told_again_once_a_day(shop, passing, receiver):
    shop.write(BROKEN)
    work(shop, passing, 2)
    for _ in range(3):
        passing.passes(hours=23, minutes=30)
        work(shop, passing)
        passing.passes(minutes=30)
        work(shop, passing)
    assert len(receiver.requests) == 4


def test_between_two_looks_five_minutes_pass_whoever_asks(shop, passing):
    shop.write(BROKEN)
    for _ in range(5):
        shop.look()
    passing.passes(minutes=4)
    assert shop.look() == ([], [])
    passing.passes(minutes=2)
    assert shop.look() == (["rules_broken"], [])


def test_a_look_at_once_waits_for_no_other(shop):
    shop.write(BROKEN)
    assert shop.look(at_once=True) == (["rules_broken"], [])
    assert shop.look(at_once=True) == ([], [])
    shop.write(RULES)
    assert shop.look(at_once=True) == ([], ["rules_broken"])


def test_of_many_that_look_at_once_each_alert_is_told_once(shop):
    shop.write(BROKEN)
    start = threading.Barrier(5, timeout=NEVER)

    def run():
        start.wait()
        shop.look(at_once=True)

    threads = [threading.Thread(target=run) for _ in range(5)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    shop.look(at_once=True)  # those before may each have lost the turn to the next one
    assert len(notices()) == 1


def test_a_source_that_fails_is_logged_by_its_place_and_ends_nothing(shop, monkeypatch, caplog):
    shop.write(BROKEN)
    shop.look(at_once=True)
    shop.write(RULES)

    def fails(scope):
        yield from house.of_broken_files(scope)
        raise ValueError("canary")

    monkeypatch.setattr(sources, "SOURCES", (fails, house.of_disk))
    assert shop.look(at_once=True) == ([], [])
    assert "canary" not in str([record.__dict__ for record in caplog.records])
    (failed,) = [record for record in caplog.records if record.msg == "a source of alerts failed"]
    assert failed.args["source"] == "fails"
    monkeypatch.setattr(sources, "SOURCES", (house.of_broken_files,))
    assert shop.look(at_once=True) == ([], ["rules_broken"])


def test_the_same_file_in_the_folder_of_another_release_is_the_same_alert(shop, tmp_path):
    shop.write(BROKEN)
    shop.look(at_once=True)
    (tmp_path / "rules").rename(tmp_path / "release-2")
    shop.made.rulebook.__init__(tmp_path / "release-2")
    assert shop.look(at_once=True) == ([], [])
    with database.read():
        assert Alert.get().key == "rules_broken:default:default.yaml"


def test_a_fault_with_one_program_hides_nothing_of_the_others(shop, monkeypatch):
    shop.file.with_name("solar.yaml").write_text(RULES)
    shop.clock.passes(2)

    def fails(program, now):
        if program.name == "default":
            raise ValueError("canary")
        yield Concern("silence", program.name, "", "No lead has come.", "Ask.", grave=True)

    monkeypatch.setattr(sources, "OF_A_PROGRAM", of_a_program := (fails,))
    monkeypatch.setattr(sources, "SOURCES", (of_a_program, house.of_broken_files))
    shop.file.with_name("wind.yaml").write_text(BROKEN)
    shop.clock.passes(2)
    assert shop.look(at_once=True) == (["rules_broken", "silence"], [])


def test_a_store_that_is_down_is_no_fault(shop, monkeypatch, caplog):
    def down(*_):
        raise StoreError("it does not answer")

    monkeypatch.setattr(database, "transact", down)
    monkeypatch.setattr(database, "read", down)
    shop.made.watch.work()
    assert not caplog.records


def test_whatever_else_fails_is_logged_and_what_waits_is_sent(shop, monkeypatch, caplog, receiver):
    shop.write(BROKEN)
    shop.look(at_once=True)

    def fails(*_, **__):
        raise ValueError("canary")

    monkeypatch.setattr(looking, "find", fails)
    Passing(monkeypatch).passes(minutes=10)
    shop.made.watch.work()
    assert [record.msg for record in caplog.records].count("alerts failed") == 1
    assert "canary" not in str([record.__dict__ for record in caplog.records]) and len(receiver.requests) == 1


def test_the_thread_tells_and_ends_at_once(shop, passing, receiver):
    shop.write(BROKEN)
    work(shop, passing)
    shop.made.watch.begin()
    receiver.wait_for(1)
    shop.made.watch.stop()
    assert not any(thread.name == "alerts" for thread in threading.enumerate())


def test_without_anybody_to_tell_there_is_no_thread(make_shop):
    make_shop(alerts=()).made.watch.begin()
    assert not any(thread.name == "alerts" for thread in threading.enumerate())


def test_who_cannot_be_told_stands_on_the_first_page_and_in_no_message_alone(shop, passing, receiver):
    receiver.answers = answer(404)
    shop.write(BROKEN)
    work(shop, passing, 4)
    page = shop.app.test_client().get("/dashboard", auth=("owner", "of the brand")).text
    assert "Messages by webhook do not arrive, since" in page and "it answered 404" in page
    assert "canary" not in page
    assert {said(notice)[0][0] for notice in notices()} == {"default.yaml is broken: 1 mistake."}
    receiver.answers = answer()
    passing.passes(hours=1)
    work(shop, passing, 2)
    assert "do not arrive" not in shop.app.test_client().get("/dashboard", auth=("owner", "of the brand")).text


def test_what_is_looked_at_writes_no_lead_and_no_lead_waits_for_who_is_told(shop, passing, receiver):
    receiver.answers = lambda place, _: receiver.done.wait(NEVER) and place.sendall(answer())
    shop.write(BROKEN)
    work(shop, passing)
    telling_it = threading.Thread(target=shop.made.watch.work)
    telling_it.start()
    receiver.wait_for(1)
    shop.write(RULES)
    assert Partner(shop.app).lead(email="ann@example.com")["valid"] == "true"
    receiver.done.set()
    telling_it.join()


def test_alerts_are_noted_by_the_clock_of_the_database(shop, passing):
    passing.passes(days=3)
    shop.write(BROKEN)
    shop.look()
    with database.read():
        assert abs(Alert.get().since - database.now()) < timedelta(minutes=1)


def test_a_silent_night_is_told_once_and_again_after_a_day_and_that_it_is_over(shop, passing, receiver):
    now, program = database_now(), shop.made.rulebook.programs["default"]
    for hours in range(2, 24 * 29):
        record(program, now - timedelta(hours=hours, minutes=20), email=f"a{hours}@example.com")
    for _ in range(23):
        work(shop, passing)
        passing.passes(minutes=55)
    told = [json.loads(request.body)["data"]["new"] for request in receiver.requests]
    assert [[one["kind"] for one in new] for new in told] == [["silence"]]
    for _ in range(12):
        work(shop, passing)
        passing.passes(minutes=55)
    assert len(receiver.requests) == 2
    (again,) = json.loads(receiver.requests[1].body)["data"]["new"]
    assert again["since"] == told[0][0]["since"] and again["told_at"]
    record(program, database_now(), email="new@example.com")
    work(shop, passing, 3)
    assert [one["kind"] for one in json.loads(receiver.requests[2].body)["data"]["over"]] == ["silence"]
