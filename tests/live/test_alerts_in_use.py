"""What is wrong, told by the real service: to a mailbox and a webhook, once, whatever is killed or down meanwhile."""

import json
import os
import signal
import sqlite3
from contextlib import closing
from time import monotonic

import pytest
from alarmed import by_mail, environ
from cast import NEVER, RULES
from gunicorns import Service, read_log
from receiving import answer

import database
import models

BROKEN = RULES.replace("years < 18", "yaers < 18")
URL = "https://leads.acme.example"
# Half a second stands for five minutes, and the thread looks whether it is over ten times in that.
HASTY = "from alerts import looking; from web import background; looking.EVERY, background.EVERY = 500, 0.05"
KILLED = "import os; from alerts import kinds; kinds.send = lambda *_: os.kill(os.getpid(), 9)"


@pytest.fixture
def shop(make_service, receiver, mailbox):
    """A service that tells a mailbox and the receiver; it has not started."""
    others = {"DATAPOST_URL": URL} | by_mail(mailbox)
    return make_service(**environ(receiver.url, "mailto:ann@acme.example", **others))


def write(service, text):
    file = service.folder / "rules" / "default.yaml"
    (service.folder / "new").write_text(text)
    os.replace(service.folder / "new", file)


def alerts_of(receiver):
    """Return what each message said is new, and what is over, by their kinds."""
    data = [json.loads(request.body)["data"] for request in receiver.requests]
    return [tuple([one["kind"] for one in each[word]] for word in ("new", "over")) for each in data]


NEW, OVER = (["rules_broken"], []), ([], ["rules_broken"])


def wait_until(service, fits):
    """Wait until something is so, while the service answers."""
    until = monotonic() + NEVER
    while not fits():
        assert monotonic() < until
        service.get("/health")


def stored(service, sql):
    with closing(sqlite3.connect(service.database, timeout=NEVER)) as made, made:
        return made.execute(sql).fetchall()


def test_a_broken_rule_file_is_in_a_mailbox_and_a_webhook_after_two_looks_and_its_end_too(shop, receiver, mailbox):
    shop.have_first(HASTY).start()
    write(shop, BROKEN)
    receiver.wait_for(1)
    wait_until(shop, lambda: len(mailbox.mails) == 1)
    ((since, told_at, looks),) = stored(shop, "SELECT since, told_at, looks FROM alert")
    assert 400 <= told_at - since <= 3 * 500 and looks >= 2  # a look takes some of its time before it says when it is
    write(shop, RULES)
    receiver.wait_for(2)
    wait_until(shop, lambda: stored(shop, "SELECT count(sent_at) FROM notice") == [(4,)])
    log = shop.stop()
    assert alerts_of(receiver) == [NEW, OVER]  # of two processes, and of many looks
    (alert,) = json.loads(receiver.requests[0].body)["data"]["new"]
    assert alert["sentence"].endswith("default.yaml is broken: 1 mistake.") and alert["program"] == "default"
    first, last = (mail.message for mail in mailbox.mails)
    assert "default.yaml is broken: 1 mistake." in first.get_body(("plain",)).get_content()
    assert f"{URL}/dashboard/programs/default" in first.get_body(("plain",)).get_content()
    assert "over" in last["Subject"].lower()
    told = [line for line in read_log(log) if line["message"] == "alert sent"]
    assert sorted(line["to"] for line in told) == ["mail", "mail", "webhook", "webhook"]
    assert "canary" not in log and "ann@acme.example" not in log and "alerts failed" not in log


def test_two_services_on_one_postgresql_tell_one_alert(tmp_path, prepared_url, receiver):
    folders = [tmp_path / name for name in ("one", "other")]
    [folder.mkdir() for folder in folders]
    to = environ(receiver.url, DATABASE_URL=prepared_url, DATAPOST_RULES=str(folders[0] / "rules"))
    one, other = (Service(folder, **to).have_first(HASTY) for folder in folders)
    try:
        one.start(), other.start()
        write(one, BROKEN)
        receiver.wait_for(1)
        write(one, RULES)
        receiver.wait_for(2)
    finally:
        for service in (one, other):
            if service.process:
                service.stop()
    assert alerts_of(receiver) == [NEW, OVER]
    models.connect(prepared_url, "a key for tests")
    with database.read():
        assert database.db.execute_sql("SELECT attempts FROM notice").fetchall() == [(1,), (1,)]
    database.disconnect()


def test_flask_alerts_look_beside_the_service_tells_at_once_and_nothing_is_told_twice(shop, receiver, mailbox):
    shop.start()
    write(shop, BROKEN)
    for told in ("Sent to 2 of 2 receivers", "Nothing is new, and nothing is over"):
        command = shop.command("flask", "alerts", "look")
        said, errors = command.communicate()
        assert (command.returncode, said.splitlines()[-1]) == (0, told), errors
    shop.stop()
    assert alerts_of(receiver) == [NEW] and len(mailbox.mails) == 1


def test_what_was_to_be_sent_as_the_process_was_killed_is_sent_by_the_next(shop, receiver, mailbox):
    shop.have_first(HASTY, KILLED).start()
    write(shop, BROKEN)
    wait_until_killed(shop)
    shop.stop(signal.SIGKILL)
    assert not receiver.requests and not mailbox.mails
    stored(shop, "UPDATE notice SET due_at = 1 WHERE due_at IS NOT NULL")  # its time is over
    write(shop, RULES)  # or there is no start
    shop.environ.pop("GUNICORN_CMD_ARGS")
    shop.start()
    receiver.wait_for(1)
    wait_until(shop, lambda: len(mailbox.mails) == 1)
    shop.stop()
    assert alerts_of(receiver) == [NEW]


def wait_until_killed(service):
    until = monotonic() + NEVER
    while not stored(service, "SELECT 1 FROM notice WHERE attempts > 0"):
        assert monotonic() < until


def test_a_receiver_that_is_down_gets_it_later_and_the_mailbox_at_once(shop, receiver, mailbox):
    receiver.answers = answer(503)
    shop.have_first(HASTY).start()
    write(shop, BROKEN)
    receiver.wait_for(1)
    wait_until(shop, lambda: len(mailbox.mails) == 1)
    wait_until(shop, lambda: stored(shop, "SELECT 1 FROM notice WHERE error = 'it answered 503'"))
    receiver.answers = answer()
    stored(shop, "UPDATE notice SET due_at = 1 WHERE due_at IS NOT NULL")  # a minute passes
    receiver.wait_for(2)
    shop.stop()
    assert alerts_of(receiver) == [NEW, NEW] and len(mailbox.mails) == 1
    assert receiver.requests[0].headers["webhook-id"] == receiver.requests[1].headers["webhook-id"]


@pytest.mark.xdist_group("server")
def test_while_postgresql_is_down_nobody_is_told_and_nothing_fails_and_after_that_it_goes_on(
    make_service, server, receiver
):
    models.connect(server.get_uri(), "a key for tests")
    database.migrate()
    database.transact(lambda: [table.delete().execute() for table in models.Table.__subclasses__()])
    database.disconnect()
    shop = make_service(**environ(receiver.url, DATABASE_URL=server.get_uri())).have_first(HASTY).start()
    write(shop, BROKEN)
    receiver.wait_for(1)
    server.stop()
    write(shop, RULES)
    for number in range(3):  # which takes the thread some looks
        assert shop.post(json.dumps({"email": f"a{number}@example.com"}), timeout=NEVER)[0] == 503
    assert len(receiver.requests) == 1
    server.ensure_postgres_running()
    receiver.wait_for(2)
    log = shop.stop()
    assert alerts_of(receiver) == [NEW, OVER]
    assert not [line for line in read_log(log) if "alert" in line["message"] and line["message"] != "alert sent"]
