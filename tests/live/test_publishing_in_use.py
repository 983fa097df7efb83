"""Rules that the database holds, under the real gunicorn: two processes on SQLite, and two machines on PostgreSQL."""

import time
from contextlib import contextmanager

import pytest
from cast import RULES
from gunicorns import at_once, read_log

import database
import models
from leads.publishing import Outdated, history, publish, retire, rollback
from models import Published

OLD, NEW = "Applicants must be 18 or older", "Older, please"
OTHER = RULES.replace(OLD, NEW)
CHILD = '{"email": "ann@example.com", "years": 9}'


@pytest.fixture
def services(make_service, database_url):
    """One service with SQLite, two with PostgreSQL, as two machines are: each has two processes."""
    machines = 1 if database_url.startswith("sqlite") else 2
    made = [make_service(DATABASE_URL=database_url, DATAPOST_RULES_FROM="dashboard") for _ in range(machines)]
    at_once(machines, lambda number: made[number].start())
    return made


@contextmanager
def ledger(services):
    models.connect(services[0].environ["DATABASE_URL"], "a key for tests")
    try:
        yield
    finally:
        database.disconnect()


def versions(services, name="default"):
    with ledger(services), database.read():
        return [(row.version, row.kind) for row in history(name)]


def notes(services, count=20):
    """Return what a child is told by all processes."""
    turns = [made for made in services for _ in range(count)]
    return set(at_once(len(turns), lambda number: turns[number].post(CHILD)[2]["note"]))


def within_two_seconds(services, change, told):
    """Do a publication, and tell whether all processes tell children this within two seconds; leads come meanwhile."""
    workers = [made.workers() for made in services]
    with ledger(services):
        change()
    over = time.monotonic() + 2
    while (found := notes(services)) != {told} and time.monotonic() < over:
        pass
    assert [made.workers() for made in services] == workers  # none was started anew
    return found == {told}


def test_a_publication_is_used_by_all_processes_of_all_machines_within_two_seconds(services):
    assert notes(services) == {OLD}
    assert versions(services) == [(1, "seed")]  # though two machines may have begun at once
    assert within_two_seconds(services, lambda: publish("default", OTHER, "ann", "kinder", based_on=1), NEW)
    assert [made.get("/health")["rules"]["default"]["version"] for made in services] == [2] * len(services)
    assert within_two_seconds(services, lambda: rollback("default", "ann"), OLD)


def test_the_first_lead_after_a_silence_is_judged_by_what_is_live_then(services):
    assert notes(services) == {OLD}
    over = time.monotonic() + 1.6
    with ledger(services):
        publish("default", OTHER, "ann", "kinder")
        while time.monotonic() < over:  # of silence
            history_of_one()
    assert notes(services, 1) == {NEW}


def history_of_one():
    with database.read():
        return history("default")


def test_of_two_who_publish_at_once_one_wins(services):
    def one(number):
        try:
            return publish("default", f"{OTHER}# {number}\n", f"operator{number}", "mine", based_on=1).version
        except Outdated as error:
            return error.live.version, error.live.by

    with ledger(services):
        outcomes = at_once(2, one)
    assert sorted(map(str, outcomes))[1] == "2"
    assert versions(services) == [(2, "publish"), (1, "seed")]


def test_a_retired_program_is_404_everywhere_and_no_deploy_brings_it_back(services):
    with ledger(services):
        retire("default", "ann", "over")
    over = time.monotonic() + 2

    def answers():
        return set(at_once(16, lambda number: services[number % len(services)].post(CHILD)[0]))

    while (found := answers()) != {404} and time.monotonic() < over:
        pass
    assert found == {404}
    services[0].stop()
    services[0].start()
    assert services[0].post(CHILD)[0] == 404


def test_a_deploy_with_a_changed_file_overwrites_nothing(services):
    services[0].stop()
    (services[0].folder / "rules" / "default.yaml").write_text(OTHER)
    (services[0].folder / "rules" / "solar.yaml").write_text(OTHER)
    services[0].start()
    assert notes(services[:1]) == {OLD}
    assert services[0].post(CHILD, path="/leads/solar")[2]["note"] == NEW  # but what is new is there
    assert versions(services) == [(1, "seed")]
    assert "default.yaml is another text than is live, which stays" in services[0].stop()


def test_rules_that_this_version_cannot_read_keep_it_from_starting(services):
    services[0].stop()
    with ledger(services):
        broken = Published.update(text="fields: {email: {type: of_before}}\n")
        database.transact(broken.execute)
    said = services[0].command("gunicorn").communicate()[1]
    assert "Datapost does not start" in said
    assert "default.yaml:1: " in said
    assert "publish mended ones by flask rules publish" in said


def test_a_broken_new_file_keeps_a_deploy_from_starting(services):
    services[0].stop()
    (services[0].folder / "rules" / "solar.yaml").write_text("fields: {email: {type: emial}}\n")
    said = services[0].command("gunicorn").communicate()[1]
    assert "Datapost does not start" in said
    assert "solar.yaml:1: " in said


def test_the_start_says_where_the_rules_come_from(services):
    log = read_log(services[0].stop())
    (start,) = [line for line in log if line["message"] == "Datapost starts"]
    assert start["rules"] == "dashboard"
    assert start["programs"][0].startswith("default:")
