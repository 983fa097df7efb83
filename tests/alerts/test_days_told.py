"""Yesterday is told at its time in each zone: once, by one process, and late on the same day after an outage."""

import json
import threading
from datetime import time, timedelta

import pytest
from alarmed import notices, telling
from cast import NEVER, RULES

import database
from alerts import looking
from alerts.message import Message

NEW_YORK = "timezone: America/New_York\n"


@pytest.fixture
def make_shop(make_app, receiver, database_url, passing):
    """A service that tells the receiver at 08:00, and whose clock goes to a time of tomorrow before it starts."""

    def make(start, rules=RULES, **settings):
        with database_at(database_url):
            now = database.now()
        tomorrow = (now + timedelta(days=1)).replace(hour=start.hour, minute=start.minute, second=0)
        passing.passed = tomorrow - now
        app = make_app(rules, database_url=database_url, **telling(receiver.url) | {"digest": time(8)} | settings)
        database.migrate()
        return app

    return make


def database_at(url):
    import models

    models.connect(url, "a key for tests")
    return database.read()


def work(app, passing, **span):
    app.extensions["datapost"].watch.work()
    passing.passes(**span or {"minutes": 10})


def told(receiver):
    return [json.loads(request.body) for request in receiver.requests]


def test_it_is_told_at_its_time_and_the_next_day_again_though_nothing_came(make_shop, passing, receiver):
    shop = make_shop(time(7, 30))
    for _ in range(3):
        work(shop, passing)
    assert not receiver.requests
    for _ in range(6 * 24):
        work(shop, passing)
    (first,) = told(receiver)
    assert first["type"] == "digest"
    for _ in range(3):
        work(shop, passing)
    assert len(receiver.requests) == 2


def test_a_service_that_is_set_up_after_its_time_waits_for_the_next_day(make_shop, passing, receiver):
    shop = make_shop(time(9))
    work(shop, passing, hours=22, minutes=50)
    work(shop, passing)
    assert not receiver.requests
    work(shop, passing)
    work(shop, passing)
    assert len(receiver.requests) == 1


def test_after_an_outage_it_is_told_late_on_the_same_day(make_shop, passing, receiver):
    shop = make_shop(time(7))
    work(shop, passing, hours=14)
    work(shop, passing)
    assert len(receiver.requests) == 1


def test_each_time_zone_has_its_own(make_shop, passing, receiver):
    shop = make_shop(time(7, 30), {"default": RULES, "york": NEW_YORK + RULES})
    for _ in range(6 * 7):
        work(shop, passing)
    assert [[one["program"] for one in each["data"]["programs"]] for each in told(receiver)] == [["default"], ["york"]]


def test_of_many_processes_one_tells_it(make_shop, passing, receiver):
    shop = make_shop(time(7, 30))
    work(shop, passing, hours=1)
    start = threading.Barrier(5, timeout=NEVER)

    def run():
        start.wait()
        with shop.app_context():
            looking.tell_days()

    threads = [threading.Thread(target=run) for _ in range(5)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [Message.from_json(notice.message).type for notice in notices()] == ["digest"]


def test_without_a_time_or_anybody_to_tell_none_is_told(make_shop, passing, receiver):
    shop = make_shop(time(7, 30), digest=None)
    for _ in range(6):
        work(shop, passing)
    assert not receiver.requests and not notices()
