"""That leads were answered 503 is told when the store is back: it was not to be told before."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from brand import RULES, SOLAR, Operator
from cast import do_chores

import database
from database import StoreError
from models import Fact
from web import outage
from web.health import check_writing
from web.outage import Outage, outages


@pytest.fixture
def broken(monkeypatch):
    """Let the store fail until it is mended."""

    class Broken:
        def begins(self):
            monkeypatch.setattr(database, "transact", self._fail)

        def ends(self):
            monkeypatch.undo()

        def _fail(self, _work):
            raise StoreError("it does not answer")

    return Broken()


def lead(shop, status):
    assert shop.post(b"email=ann@example.com").status_code == status


def note(span, name="outage:another"):
    """Note what another process knows: (first, last, leads), in minutes ago."""
    first, last, leads = span
    now = datetime.now(UTC)
    moments = [int((now - timedelta(minutes=ago)).timestamp() * 1000) for ago in (first, last)]
    database.transact(Fact.insert(name=name, value=json.dumps([*moments, leads])).execute)


def noted():
    with database.read():
        return [json.loads(row.value) for row in Fact.select().where(Fact.name.startswith("outage:"))]


def test_leads_that_were_answered_503_are_told_when_the_store_is_back(shop, broken):
    broken.begins()
    for _ in range(3):
        lead(shop, 503)
    broken.ends()
    do_chores()
    (one,) = shop.concerns("store_failed")
    now = datetime.now(UTC)
    assert one.grave and one.past and f"{now:%d %b %Y}" in one.sentence
    assert one.sentence.endswith("UTC: 3 times a lead was answered 503.")
    assert one.subject.startswith(f"{now:%Y-%m-%dT%H}") and "Ask impact.com" in one.advice


def test_a_page_that_was_answered_503_is_told_and_not_grave(shop, monkeypatch):
    def fail():
        raise StoreError("it does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(database, "read", fail)
        assert shop.operator.get("/dashboard").status_code == 503
    do_chores()
    (one,) = shop.concerns("store_failed")
    assert not one.grave and one.sentence.endswith(": no lead was answered 503.")


def test_health_that_finds_the_store_gone_tells_how_long_it_was(shop, broken):
    broken.begins()
    assert shop.http.get("/health").status_code == 503
    broken.ends()
    do_chores()
    assert [span[2] for span in noted()] == [0]


def test_an_outage_is_told_for_a_day_and_strict_health_does_not_fail_for_it(shop, broken):
    broken.begins()
    lead(shop, 503)
    broken.ends()
    do_chores()
    assert shop.http.get("/health?strict=1").json["grave_warnings"] == 0
    (first, last, leads), day = noted()[0], 24 * 60 * 60 * 1000
    old = json.dumps([first - day, last - day, leads])
    database.transact(Fact.update(value=old).where(Fact.name.startswith("outage:")).execute)
    assert shop.concerns("store_failed") == []
    shop.outage._span = None
    do_chores()
    assert noted() == []


def test_what_is_noted_twice_or_rolled_back_is_counted_once(ledger):
    made = Outage()
    made.happens(is_lead=True)
    with pytest.raises(ZeroDivisionError):
        database.transact(lambda: (made.note(), 1 / 0))
    assert noted() == []
    for _ in range(3):
        database.transact(made.note)
    assert [span[2] for span in noted()] == [1]
    made.happens(is_lead=True)
    database.transact(made.note)
    with database.read():
        (span,) = outages(datetime.now(UTC))
    assert span.leads == 2


def test_what_happens_while_it_is_noted_is_noted_next(ledger):
    made = Outage()
    made.happens(is_lead=True)
    database.transact(made.note)
    made.happens(is_lead=True)
    database.transact(made.note)
    database.transact(made.note)
    assert [span[2] for span in noted()] == [2]


def test_several_processes_note_one_outage(ledger):
    processes = [Outage() for _ in range(3)]
    for number, one in enumerate(processes):
        for _ in range(number + 1):
            one.happens(is_lead=True)
    threads = [threading.Thread(target=database.transact, args=[one.note]) for one in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read():
        (span,) = outages(datetime.now(UTC))
    assert span.leads == 6


def test_outages_an_hour_apart_are_told_each_by_itself(shop):
    note((600, 590, 4))
    note((585, 580, 2), "outage:b")
    note((30, 20, 7), "outage:c")
    newest, oldest = shop.concerns("store_failed")
    assert "7 times a lead" in newest.sentence and "6 times a lead" in oldest.sentence
    assert newest.key != oldest.key


def test_of_many_outages_the_newest_are_told(shop):
    for number in range(10):
        note((number * 90 + 5, number * 90, 1), f"outage:{number}")
    assert len(shop.concerns("store_failed")) == 5


def test_one_moment_is_told_as_that(shop):
    note((30, 30, 1))
    (one,) = shop.concerns("store_failed")
    at = datetime.now(UTC) - timedelta(minutes=30)
    assert one.sentence.startswith(f"The database could not be used at {at:%d %b %Y, %H:}")
    assert one.sentence.endswith("UTC: once a lead was answered 503.")


def test_rules_that_cannot_be_used_are_no_failure_of_the_store(shop):
    shop.book.unusable = {"solar"}
    assert shop.post(b"email=ann@example.com", path="/leads/solar").status_code == 503
    do_chores()
    assert noted() == []


def test_who_sees_some_programs_only_is_told_of_it_too(make_shop):
    shop = make_shop({"default": RULES, "solar": RULES})
    note((30, 20, 7))
    assert "7 times a lead was answered 503" in Operator(shop.app, SOLAR).words("/dashboard")


def test_where_the_store_never_fails_nothing_is_noted(shop):
    lead(shop, 200)
    do_chores()
    check_writing()
    assert noted() == [] and outage.TOGETHER < outage.KEPT
