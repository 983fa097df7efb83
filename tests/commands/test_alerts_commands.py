"""`flask alerts …`: what is wrong, and that it is told at once."""

import csv
import io
import json
from pathlib import Path

import pytest
from alarmed import notices, telling
from cast import RULES
from receiving import Receiver, answer

import database
from alerts import ledger, looking

BROKEN = RULES.replace("years < 18", "yaers < 18")
KEYS = "key kind program subject grave since told_at gone_at sentence advice".split()  # noqa: SIM905


@pytest.fixture
def make_shop(make_app, database_url, clock, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(*receivers, **others):
        app = make_app(database_url=database_url, **telling(*(one.url for one in receivers), **others))
        database.migrate()
        return Shop(app, clock)

    return make


@pytest.fixture
def shop(make_shop, receiver):
    return make_shop(receiver)


class Shop:
    def __init__(self, app, clock):
        self.app, self.clock = app, clock
        self.file = Path(app.extensions["datapost"].settings.rules) / "default.yaml"

    def write(self, text):
        self.file.write_text(text)
        self.clock.passes(2)

    def run(self, line, status=0):
        result = self.app.test_cli_runner(catch_exceptions=False).invoke(args=["alerts", *line.split()])
        assert result.exit_code == status, result.output
        return result

    def json(self, line, status=0):
        return json.loads(self.run(f"{line} --format json", status).stdout)


# --- list ---


def test_programs_read_a_list_with_the_keys_that_the_documents_name(shop):
    shop.write(BROKEN)
    (row,) = shop.json("list")
    assert list(row) == KEYS
    assert (row["key"], row["grave"], row["told_at"]) == ("rules_broken:default:default.yaml", True, None)
    assert row["since"].endswith("Z") and len(row["since"]) == 24


def test_a_list_tells_nobody_and_notes_nothing(shop, receiver):
    shop.write(BROKEN)
    shop.run("list")
    with database.read():
        assert ledger.known_alerts() == [] and not receiver.requests


def test_it_says_since_when_what_was_told_and_what_was_over(shop):
    shop.write(BROKEN)
    shop.run("look")
    (on,) = shop.json("list")
    assert on["told_at"] and not on["gone_at"]
    shop.write(RULES)
    shop.run("look")
    (over,) = shop.json("list")
    assert over["gone_at"] and (over["since"], over["told_at"]) == (on["since"], on["told_at"])
    assert shop.run("list").stdout.splitlines()[1].startswith("over   20")


def test_people_read_what_to_do(shop):
    assert "Nothing is wrong" in shop.run("list").stdout
    shop.write(BROKEN)
    result = shop.run("list")
    head, row = result.stdout.splitlines()
    assert head.split() == ["STATE", "SINCE", "TOLD", "OVER", "WHAT"]
    assert row.startswith("grave") and row.endswith("is broken: 1 mistake.")
    assert "Leads are judged by its last good version until it is mended." in result.stderr


def test_it_is_written_for_other_programs_too(shop):
    shop.write(BROKEN)
    (line,) = shop.run("list --format jsonl").stdout.splitlines()
    assert json.loads(line)["kind"] == "rules_broken"
    head, row = csv.reader(io.StringIO(shop.run("list --format csv").stdout))
    assert head == KEYS and row[1] == "rules_broken"


def test_where_nobody_is_told_it_says_what_to_set(make_shop):
    shop = make_shop()
    result = shop.run("list")
    assert "Nobody is told, as DATAPOST_ALERTS is not set: write there" in result.stderr
    assert shop.json("list") == []


# --- test ---


def test_each_receiver_gets_a_test(shop, receiver):
    assert shop.run("test").stdout == "webhook: sent\n"
    (request,) = receiver.requests
    assert json.loads(request.body)["data"]["new"][0]["kind"] == "test" and notices() == []


def test_tests_go_out_at_once_so_that_one_that_hangs_keeps_no_other_waiting(make_shop, receiver):
    with Receiver() as last:

        def waits_for_the_last(place, _):
            last.wait_for(1)
            place.sendall(answer())

        receiver.answers = waits_for_the_last
        assert make_shop(receiver, last).run("test").stdout == "webhook (address 1): sent\nwebhook (address 2): sent\n"


def test_who_does_not_take_it_is_told_with_the_reason_and_no_address(make_shop, receiver):
    with Receiver(answer(404)) as other:
        shop = make_shop(receiver, other)
        result = shop.run("test", 1)
        assert result.stdout == "webhook (address 1): sent\nwebhook (address 2): it answered 404\n"
        told = [{"kind": "webhook", "sent": True, "error": ""}]
        told += [{"kind": "webhook", "sent": False, "error": "it answered 404"}]
        assert shop.json("test", 1) == told
        assert "canary" not in result.output and str(other.port) not in result.output


@pytest.mark.parametrize("line", ["test", "look"])
def test_without_anybody_to_tell_it_says_what_to_set(make_shop, line):
    told = make_shop().run(line, 1).stderr
    assert "DATAPOST_ALERTS is not set: write there who shall be, such as mailto:ann@acme.example" in told


# --- look ---


def test_a_look_tells_at_once_what_is_new_and_what_is_over(shop, receiver):
    assert shop.run("look").stdout == "Nothing is new, and nothing is over\n"
    shop.write(BROKEN)
    assert shop.run("look").stdout == "new: default.yaml is broken: 1 mistake.\nSent to 1 of 1 receiver\n"
    shop.write(RULES)
    told = shop.json("look")
    assert ([one["kind"] for one in told["over"]], told["new"], told["sent"]) == (["rules_broken"], [], 1)
    assert len(receiver.requests) == 2


def test_a_look_that_cannot_be_told_says_so_and_is_sent_later(shop, receiver):
    receiver.answers = answer(503)
    shop.write(BROKEN)
    assert "Sent to 0 of 1 receiver\nwebhook: it answered 503; it is tried again" in shop.run("look", 1).stdout
    receiver.answers = answer()
    with database.read():
        now = database.now()
    database.transact(ledger.Notice.update(due_at=now).execute)
    assert "Sent to 1 of 1 receiver" in shop.run("look").stdout


def test_a_look_beside_a_service_that_looks_tells_nothing_twice(shop, receiver):
    shop.write(BROKEN)
    with shop.app.app_context():
        looking.look()
    shop.run("look")
    shop.app.extensions["datapost"].watch.work()
    assert len(receiver.requests) == 1


# --- doctor ---


def doctor(shop):
    result = shop.app.test_cli_runner().invoke(args=["doctor", "--format", "json"])
    return [(row["ok"], row["sentence"]) for row in json.loads(result.stdout) if row["check"] == "alerts"]


def test_doctor_says_how_each_receiver_fares(shop, receiver):
    assert doctor(shop) == [(True, "webhook: nothing was sent there yet; flask alerts test tries it")]
    receiver.answers = answer(404)
    shop.write(BROKEN)
    shop.run("look", 1)
    ((ok, told),) = doctor(shop)
    assert not ok and told.startswith("webhook: messages do not arrive, since 20")
    assert "it answered 404. Mend the cause, and see by flask alerts test whether they arrive" in told


def test_doctor_says_that_nobody_is_told(make_shop):
    ((ok, told),) = doctor(make_shop())
    assert ok and told.startswith("nobody is told what is wrong, as DATAPOST_ALERTS is not set")


# --- digest ---


def test_the_summary_is_sent_at_once(shop, receiver):
    assert shop.run("digest").stdout == "Sent to 1 of 1 receiver\n"
    assert json.loads(receiver.requests[0].body)["type"] == "digest"
    assert shop.json("digest") == {"sent": 1, "failed": 0}
    receiver.answers = answer(404)
    assert "webhook: it answered 404; it is tried again" in shop.run("digest", 1).stdout


def test_the_summary_tells_what_is_wrong_by_now(shop, receiver):
    shop.write(BROKEN)
    shop.run("digest")
    assert [one["kind"] for one in json.loads(receiver.requests[0].body)["data"]["new"]] == ["rules_broken"]


def test_the_summary_is_shown_and_sent_to_nobody(make_shop, receiver):
    shop = make_shop()
    assert "A TEST PROGRAM" in shop.run("digest --show").stdout
    assert list(shop.json("digest --show")) == ["subject", "data"]
    assert "DATAPOST_ALERTS is not set" in shop.run("digest", 1).stderr
    assert not receiver.requests and not notices()
