"""The service whose rules live in the database, within one process."""

import logging
from datetime import timedelta

import pytest
from cast import RULES, Partner, do_chores, statements

import database
from database import StoreError
from leads import daily, publishing
from leads.publishing import publish, retire, rollback
from models import Day, Lead, Published
from web import published
from web.published import LIST, PublishedBook

TEXTS = "by", "kind", "comment", "file"
OTHER = RULES.replace("Applicants must be 18 or older", "Older, please")
FAILING = "\nexamples: [{name: nobody, lead: {}, expect: valid}]\n"
LISTED = "fields: {email: {type: email}}\nrules: [{id: bad, listed: {email: bad.txt}, note: No}]\n"


@pytest.fixture
def clock(clock, monkeypatch):
    monkeypatch.setattr(published, "time", clock)
    return clock


@pytest.fixture
def shop(make_app, clock):
    """A partner of a service that has published the file of its deploy."""
    return Partner(make_app(rules_from="dashboard"))


def child(partner):
    return partner.lead(email="ann@example.com", years="9")["note"]


def test_the_files_of_the_first_deploy_are_version_1(shop):
    assert child(shop) == "Applicants must be 18 or older"
    rules = shop.http.get("/health").get_json()["rules"]["default"]
    assert rules["version"] == 1
    assert rules["file"].endswith("rules/default.yaml")
    assert rules["hash"] == shop.stored()[0].rules


def test_in_files_mode_health_names_no_version(partner):
    assert set(partner.http.get("/health").get_json()["rules"]["default"]) == {"file", "hash"}


def test_what_is_published_judges_the_leads_of_a_second_later(shop, clock, caplog):
    caplog.set_level(logging.INFO)
    publish("default", OTHER, "ann", "kinder")
    clock.passes(1.1)
    assert child(shop) == "Older, please"
    assert shop.http.get("/health").get_json()["rules"]["default"]["version"] == 2
    assert "version 2 of default is live" in caplog.text
    rollback("default", "ann")
    clock.passes(1.1)
    assert child(shop) == "Applicants must be 18 or older"


def test_the_database_is_asked_once_a_second_by_one_indexed_read(shop, clock):
    clock.passes(1.1)
    with statements() as seen:
        shop.lead(email="a@example.com")
        shop.lead(email="b@example.com")
    asked = [(sql, values) for sql, values in seen if '"published"' in sql]
    assert len(asked) == 1
    with database.read():
        (sql, values), plan = asked[0], "EXPLAIN QUERY PLAN "
        steps = database.db.execute_sql(plan + sql, values).fetchall()
    assert not [step for step in steps if "TEMP B-TREE" in str(step)]  # by the primary key, from its end


def test_a_file_that_is_changed_on_disk_changes_nothing(shop, clock, tmp_path):
    (tmp_path / "rules" / "default.yaml").write_text(OTHER)
    clock.passes(5)
    assert child(shop) == "Applicants must be 18 or older"


def test_a_retired_program_is_404_and_its_leads_stay(shop, clock):
    assert shop.lead(email="ann@example.com")["valid"] == "true"
    retire("default", "ann", "over")
    clock.passes(1.1)
    assert shop.lead(email="bob@example.com")["status"] == 404
    assert len(shop.stored()) == 1


def test_a_new_program_has_its_address_at_once(shop, clock):
    assert shop.lead("/leads/solar", email="ann@example.com")["status"] == 404
    publish("solar", RULES, "ann", "new")
    clock.passes(1.1)
    assert shop.lead("/leads/solar", email="ann@example.com")["valid"] == "true"


def test_a_published_list_is_read_by_the_programs_that_name_it(shop, clock):
    publish("solar", LISTED, "ann", "new", lists={"bad.txt": "bob@example.com\n"})
    clock.passes(1.1)
    assert shop.lead("/leads/solar", email="bob@example.com")["note"] == "No"
    publish("bad.txt", "# nobody\n", "ann", "Bob is good", thing=LIST)
    clock.passes(1.1)
    assert shop.lead("/leads/solar", email="bob@example.com")["valid"] == "true"


def test_what_a_version_begins_anew_is_told_in_the_log(shop, clock, caplog):
    publish("default", RULES.replace("unique: [email]", "unique: [first_name]"), "ann", "by name")
    clock.passes(1.1)
    child(shop)
    assert "leads that came before are not known by first_name" in caplog.text


def test_without_the_database_the_last_known_rules_go_on(shop, clock, monkeypatch):
    book = shop.app.extensions["datapost"].rulebook
    publish("default", OTHER, "ann", "kinder")

    def fails():
        raise StoreError("it is down")

    with monkeypatch.context() as broken:
        broken.setattr(published, "newest", fails)
        clock.passes(2)
        assert child(shop) == "Applicants must be 18 or older"
        assert book.known
    clock.passes(1.1)
    assert child(shop) == "Older, please"


def test_a_process_that_never_reached_the_database_answers_503(make_app, monkeypatch, clock):
    with monkeypatch.context() as broken:
        broken.setattr(database.connection, "check", _fails)
        partner = Partner(make_app(rules_from="dashboard"))
        answer = partner.lead(email="ann@example.com")
        assert (answer["status"], answer["headers"]["Retry-After"]) == (503, "5")
        report = partner.http.get("/health")
        assert (report.status_code, report.get_json()["status"], report.get_json()["rules"]) == (503, "failing", {})
    clock.passes(1.1)
    assert partner.lead(email="ann@example.com")["valid"] == "true"


def _fails():
    raise StoreError("it is down")


def test_live_rules_go_on_where_one_of_their_examples_fails_with_the_days(make_app, monkeypatch):
    partner = Partner(make_app(rules_from="dashboard"))
    with monkeypatch.context() as earlier:
        earlier.setattr("judge.compiler.run_examples", lambda _compiler: None)  # on the day on which it was published
        publish("default", OTHER + FAILING, "ann", "kinder")
    restarted = Partner(make_app(rules_from="dashboard"))
    assert child(restarted) == "Older, please"
    report = restarted.http.get("/health").get_json()
    assert report["status"] == "failing" and report["broken_rules"][0].endswith("default.yaml")
    assert partner.app is not restarted.app


def test_a_live_text_that_an_upgrade_broke_is_503_and_named_by_health(make_app, clock):
    partner = Partner(make_app(rules_from="dashboard"))
    break_it()
    restarted = Partner(make_app(rules_from="dashboard"))
    assert restarted.lead(email="ann@example.com")["status"] == 503
    report = restarted.http.get("/health").get_json()
    assert report["status"] == "failing"
    assert report["broken_rules"][0].endswith("default.yaml")
    assert partner.app is not restarted.app


def break_it():
    broken = "fields: {email: {type: of_before}}\n"
    database.transact(lambda: Published.update(text=broken).where(Published.name == "default").execute())


def test_a_process_with_good_rules_goes_on_where_the_newest_does_not_compile(shop, clock):
    assert child(shop) == "Applicants must be 18 or older"
    row = {"thing": "rules", "name": "default", "version": 2, "hash": "x" * 64} | dict.fromkeys(TEXTS, "x")
    with database.read():
        now = database.now()
    database.transact(lambda: Published.create(id=2, at=now, text="fields: 3", **row))
    clock.passes(1.1)
    assert child(shop) == "Applicants must be 18 or older"
    assert shop.http.get("/health").get_json()["status"] == "failing"


def test_another_database_in_the_place_of_this_one_is_read_anew(shop, clock):
    publish("default", OTHER, "ann", "kinder")
    clock.passes(1.1)
    assert child(shop) == "Older, please"
    database.transact(lambda: Published.delete().where(Published.version == 2).execute())
    clock.passes(1.1)
    assert child(shop) == "Applicants must be 18 or older"


def test_chores_go_by_the_newest_rules(shop, clock):
    publish("solar", RULES, "ann", "new")
    clock.passes(1.1)
    do_chores()
    assert "solar" in shop.app.extensions["datapost"].rulebook.programs


def test_a_command_publishes_nothing_by_itself(make_app, tmp_path):
    make_app(rules_from="files")
    book = PublishedBook(str(tmp_path / "rules"))
    assert book.programs == {}
    with database.read():
        assert Published.select().count() == 0


def test_files_rule_again_where_they_are_the_home_and_publications_stay(make_app, clock):
    Partner(make_app(rules_from="dashboard"))
    publish("default", OTHER, "ann", "kinder")
    assert child(Partner(make_app(rules_from="files"))) == "Applicants must be 18 or older"
    assert child(Partner(make_app(rules_from="dashboard"))) == "Older, please"


def test_a_version_says_how_many_leads_it_judged(shop, clock):
    def post(count, name):
        clock.passes(1.1)
        for number in range(count):
            assert shop.lead(email=f"{name}{number}@example.com")["status"] == 200

    post(1, "a")
    publish("default", OTHER, "ann", "kinder")
    post(2, "b")
    rollback("default", "ann")
    post(3, "c")
    assert judged() == {1: 1, 2: 2, 3: 3}


def test_leads_of_versions_add_up_though_a_clock_was_ahead(shop, clock):
    shop.lead(email="a@example.com")
    publish("default", OTHER, "ann", "kinder")
    rollback("default", "ann")
    database.transact(
        lambda: Published.update(at=database.now() + timedelta(hours=1)).where(Published.version == 3).execute()
    )
    rollback("default", "ann")
    rollback("default", "ann")
    clock.passes(1.1)
    shop.lead(email="b@example.com")
    shop.lead(email="c@example.com")
    assert judged() == {1: 1, 2: 0, 3: 0, 4: 0, 5: 2}


def judged():
    with database.read():
        return publishing.leads_of(publishing.history("default"))


def test_leads_of_counted_days_are_not_looked_up_again(shop, clock, monkeypatch):
    shop.lead(email="a@example.com")
    shop.lead(email="b@example.com")
    book, later = shop.app.extensions["datapost"].rulebook, timedelta(days=2)
    with database.read():
        now = database.now() + later
    while database.transact(lambda: daily.roll_up(list(book.programs.values()), now)):
        pass
    database.transact(lambda: Lead.delete().execute())
    assert judged() == {1: 2}


def test_days_that_an_earlier_version_counted_are_counted_by_their_rules_too(shop):
    for name in "abc":
        shop.lead(email=f"{name}@example.com")
    programs = list(shop.app.extensions["datapost"].rulebook.programs.values())
    with database.read():
        now = database.now() + timedelta(days=2)
    while database.transact(lambda: daily.roll_up(programs, now)):
        pass
    database.transact(lambda: Day.update(rules=None).execute())
    assert judged() == {1: 3}
    while database.transact(lambda: daily.roll_up(programs, now)):
        pass
    with database.read():
        (row,) = [row for row in Day.select() if row.rules]
        assert list(row.rules.values()) == [3]
    assert judged() == {1: 3}
