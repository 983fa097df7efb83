"""The secret is changed on purpose: what is known of leads stays known, and what is lost is said before."""

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cast import Partner
from click import unstyle

import database
import models
from app import create_app
from database import db
from database.secret import hash_with, hold_secret, keyed_hash
from judge.values import folded_before
from leads import retention, rotation
from models import Lead
from web.login import FailedLogin, KnownLogin
from web.sessions import Session

OLD, NEW = "a key for tests", "a new secret, made of many letters"
RULES = """
customer: [email]
retry_key: [click_id]
test_flag: is_test
fields:
  email: {type: email}
  phone: {type: phone, country: US}
  ssn: {store: false}
  name: {}
  click_id: {}
  irpid: {}
  is_test: {type: boolean}
rules:
  - {id: duplicate, unique: [email], within: 90 days}
  - {id: phones, unique: [phone, irpid], across: all}
  - {id: persons, unique: [ssn]}
  - {id: cap, limit: 2, per: month, by: [irpid]}
  - {id: spent, budget: 50, per: month}
sale_amount: 10.00
privacy: {mask_after: 30 days}
"""
BARRED = RULES.replace("rules:\n", "rules:\n  - {id: barred, listed: {irpid: barred.txt}}\n")
SAME_SECRET = "DATAPOST_SECRET is not the one that the hashes in this database were made with"


class Brand:
    """A service with the old secret, its leads, and its operator, who changes the secret."""

    def __init__(self, app):
        self.settings, self.partner = app.extensions["datapost"].settings, Partner(app)

    def restart(self, secret, **settings):
        self.partner = Partner(create_app(replace(self.settings, secret=secret, **settings)))
        return self

    def lead(self, **fields):
        return self.partner.lead(**fields)

    def rotate(self, *options, old=OLD, new=NEW):
        """Run the command, and start the service with the new secret."""
        app = self.restart(new, old_secret=old).partner.app
        result = app.test_cli_runner().invoke(args=["rotate-secret", *options])
        self.restart(new)
        return result

    def report(self, *options, **secrets):
        result = self.rotate("--yes", "--format", "json", *options, **secrets)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def brand(make_app, ledger):
    return Brand(make_app(RULES, database_url=ledger))


def everything():
    """Return all rows of all tables."""
    with database.read():
        names = sorted(name for name in db.get_tables() if name != "sqlite_sequence")
        return {name: sorted(map(repr, db.execute_sql(f"SELECT * FROM {name}"))) for name in names}


def place():
    """Return the one place that is taken."""
    with database.read():
        return models.Taken.select().dicts().get()


def facts():
    with database.read():
        return {fact.name: fact.value for fact in models.Fact.select()}


def mask(answer):
    """Mask a lead as its age would."""
    with database.write():
        retention.empty(Lead.get_by_id(answer["uniqueid"]), "masked", datetime.now(UTC), fields={})


# --- What stays known ---


def test_a_duplicate_stays_one(brand):
    brand.lead(email="ann@example.com", phone="415 555 2671", irpid="7")
    brand.rotate("--yes")
    assert brand.lead(email="Ann@EXAMPLE.com")["valid"] == "false"
    assert brand.lead(email="kim@example.com", phone="+14155552671", irpid="7")["valid"] == "false"
    assert brand.lead(email="kim@example.com", phone="415 555 2672", irpid="7")["valid"] == "true"
    assert [lead.reasons for lead in brand.partner.stored()] == [[], ["duplicate"], ["phones"], []]


def test_a_place_is_held_by_the_same_lead_for_the_same_time(brand):
    brand.lead(email="ann@example.com")
    before = place()
    brand.rotate("--yes")
    assert place() == before | {"key": keyed_hash("unique", "default", "email", "ann@example.com")} != before


def test_a_limit_and_a_budget_go_on_counting(brand):
    for number in range(4):
        assert brand.lead(email=f"{number}@example.com", irpid=str(number % 2))["valid"] == "true"
    brand.rotate("--yes")
    assert brand.lead(email="4@example.com", irpid="1")["valid"] == "false"
    assert brand.lead(email="5@example.com", irpid="2")["valid"] == "true"
    assert brand.lead(email="6@example.com", irpid="3")["valid"] == "false"
    assert [lead.reasons for lead in brand.partner.stored()][4:] == [["cap"], [], ["spent"]]


def test_who_comes_again_has_the_customer_id_that_the_stored_lead_has_now(brand):
    before = brand.lead(email="ann@example.com")["customerid"]
    brand.lead(email="ann@example.com")  # a duplicate
    brand.rotate("--yes")
    brand.lead(email="ANN@example.com")
    (now,) = {lead.customerid for lead in brand.partner.stored()}
    assert now == keyed_hash("customer", ["ann@example.com"]) != before


def test_a_repeated_request_gets_the_first_answer_by_the_fields_of_its_retry_key(brand):
    first = brand.lead(email="ann@example.com", click_id="c1")
    brand.rotate("--yes")
    assert brand.lead(email="ann@example.com", click_id="c1")["uniqueid"] == first["uniqueid"]
    brand.lead(email="kim@example.com", click_id="c1")
    assert brand.partner.stored()[-1].reasons == ["retry.mismatch"]


def test_a_key_of_other_content_does_not_make_a_repeated_request_known(brand):
    first = brand.lead(email="ann@example.com", click_id="c1")
    brand.lead(email="kim@example.com", click_id="c1")  # refused
    mask(first)
    assert brand.report()["repeats"] == {"found": 0, "lost": 1}
    assert brand.lead(email="kim@example.com", click_id="c1")["valid"] == "true"


def test_a_test_stays_a_duplicate_of_a_test_and_counted(brand):
    brand.lead(email="ann@example.com", is_test="yes")
    report = brand.report()
    assert (report["places"], report["totals"]) == ({"found": 1, "lost": 0}, {"found": 1, "lost": 0})
    assert brand.lead(email="ann@example.com", is_test="yes")["valid"] == "false"
    assert brand.lead(email="ann@example.com")["valid"] == "true"


def test_a_lead_that_would_be_refused_today_keeps_its_place(brand, tmp_path):
    (tmp_path / "rules" / "barred.txt").write_text("1\n")
    (tmp_path / "rules" / "default.yaml").write_text(BARRED)
    assert brand.restart(OLD).lead(email="ann@example.com", irpid="7")["valid"] == "true"
    (tmp_path / "rules" / "barred.txt").write_text("1\n7\n")
    assert brand.report()["places"] == {"found": 1, "lost": 0}
    assert brand.lead(email="ann@example.com")["valid"] == "false"


def test_where_the_rules_of_that_day_cannot_be_read_those_of_today_tell_the_places(brand, tmp_path):
    rules, barred = tmp_path / "rules" / "default.yaml", tmp_path / "rules" / "barred.txt"
    rules.write_text(BARRED)
    barred.write_text("1\n")
    brand.restart(OLD).lead(email="ann@example.com")
    barred.unlink()
    rules.write_text(RULES)
    report = brand.report()
    assert (report["unread"], report["places"]) == (0, {"found": 1, "lost": 0})
    assert brand.lead(email="ann@example.com")["valid"] == "false"


def test_a_masked_lead_keeps_its_place_where_another_lead_tells_it(brand):
    first = brand.lead(email="ann@example.com", name="Ann")
    brand.lead(email="ann@example.com")  # a duplicate
    mask(first)
    report = brand.report()
    assert (report["places"], report["customers"]) == ({"found": 1, "lost": 0}, {"found": 2, "lost": 0})
    assert len({lead.customerid for lead in brand.partner.stored()}) == 1
    assert brand.lead(email="ann@example.com")["valid"] == "false"


def test_a_customer_id_of_version_0_3_0_becomes_that_of_today(make_app, ledger):
    brand = Brand(make_app("customer: [name]\nfields: {name: {}}", database_url=ledger))
    brand.lead(name="O’Brien")
    earlier = hash_with(OLD.encode(), "customer", [folded_before("O’Brien")])
    with database.write():
        Lead.update(customerid=earlier).execute()
    assert brand.report()["customers"] == {"found": 1, "lost": 0}
    assert brand.lead(name="O'Brien")["customerid"] == brand.partner.stored()[0].customerid


def test_however_many_leads_there_are_a_few_are_read_at_once(brand, monkeypatch):
    monkeypatch.setattr(rotation, "CHUNK", 2)
    monkeypatch.setattr(rotation, "AT_ONCE", 1)
    for number in range(5):
        brand.lead(email=f"{number}@example.com", irpid=str(number), click_id=f"c{number}")
    report = brand.report()
    assert report == {
        "leads": 5, "masked": 0, "unread": 0, "customers": {"found": 5, "lost": 0}, "places": {"found": 5, "lost": 0},
        "totals": {"found": 6, "lost": 0}, "repeats": {"found": 5, "lost": 0}, "links": ["default"],
    }  # fmt: skip


def test_the_secret_may_be_changed_again(brand):
    brand.lead(email="ann@example.com")
    brand.rotate("--yes")
    assert brand.report(old=NEW, new=OLD.ljust(32, "!"))["places"] == {"found": 1, "lost": 0}
    assert brand.lead(email="ann@example.com")["valid"] == "false"


# --- What is lost ---


def test_the_place_of_a_lead_without_values_is_lost_and_said_to_be(brand):
    first = brand.lead(email="ann@example.com", irpid="1")
    brand.lead(email="kim@example.com", irpid="2")
    mask(first)
    report = brand.report()
    assert (report["leads"], report["masked"]) == (2, 1)
    assert (report["places"], report["customers"]) == ({"found": 1, "lost": 1}, {"found": 1, "lost": 1})
    assert report["totals"] == {"found": 2, "lost": 1}  # the cap of kim's partner, and the budget
    assert brand.lead(email="ann@example.com")["valid"] == "true"  # paid again
    assert brand.lead(email="kim@example.com")["valid"] == "false"
    assert brand.partner.stored()[0].customerid == first["customerid"]


def test_so_are_those_of_deleted_leads_of_unknown_programs_and_of_values_that_are_not_stored(brand):
    deleted = brand.lead(email="ann@example.com")
    unknown = brand.lead(email="kim@example.com")
    brand.lead(ssn="078-05-1120", irpid="2")
    with database.write():
        Lead.delete().where(Lead.id == deleted["uniqueid"]).execute()
        Lead.update(rules="gone", program="gone").where(Lead.id == unknown["uniqueid"]).execute()
    report = brand.report()
    assert (report["leads"], report["unread"], report["places"]) == (2, 1, {"found": 0, "lost": 3})


def test_an_idempotency_key_is_lost(brand):
    first = brand.lead(headers={"Idempotency-Key": "k"}, name="Ann")
    assert brand.report()["repeats"] == {"found": 0, "lost": 1}
    assert brand.lead(headers={"Idempotency-Key": "k"}, name="Ann")["uniqueid"] != first["uniqueid"]


def test_what_has_run_out_is_lost_to_nobody(brand):
    mask(brand.lead(email="ann@example.com", click_id="c1"))
    with database.write():
        long_ago = datetime.now(UTC) - timedelta(days=1)
        models.Taken.update(expires_at=long_ago).execute()
        models.Total.update(expires_at=long_ago).execute()
    report = brand.report()
    assert [report[kind]["lost"] for kind in ("places", "totals", "repeats")] == [0, 0, 0]


def test_logins_are_forgotten_and_known_again_after_the_next_one(brand):
    brand.lead(email="ann@example.com")
    brand.partner.post(auth=("impact", "wrong"))
    session = {"digest": "d", "name": "owner", "password": "p", "created_at": 0, "expires_at": datetime.now(UTC)}
    database.transact(Session.insert(session).execute)
    brand.rotate("--yes")
    with database.read():
        assert [table.select().count() for table in (KnownLogin, FailedLogin, Session)] == [0, 0, 0]
    brand.lead(email="kim@example.com")
    with database.read():
        assert KnownLogin.select().count() == 1


def test_no_hash_of_the_old_secret_is_left_but_the_customer_ids_that_are_said_to_stay(brand):
    brand.lead(email="ann@example.com", irpid="1", click_id="c1", headers={"Idempotency-Key": "k"})
    mask(brand.lead(email="kim@example.com"))
    before = everything()
    brand.rotate("--yes")
    after = everything()
    for name in ("claim", "total", "fact", "knownlogin", "failedlogin"):
        assert not set(before[name]) & set(after[name]), name
    assert "known" not in after


# --- What is said, and asked ---


def test_the_report_says_to_people_what_it_means(brand):
    first = brand.lead(email="ann@example.com", irpid="1", click_id="c1")
    brand.lead(email="kim@example.com")
    mask(first)
    result = brand.rotate("--yes")
    assert "places\n  found                 1\n  lost                  1\n" in result.output
    for said in ("would be paid again", "begin at 0", "keep the customer id", "is judged again", "another link"):
        assert said in result.output, said
    assert result.output.startswith("Stop the service first")
    assert result.output.rstrip().endswith("does not start any more.")
    for secret in (OLD, NEW):
        assert secret not in unstyle(result.output)


def test_where_nobody_can_be_asked_nothing_is_changed(brand):
    brand.lead(email="ann@example.com")
    before = everything()
    result = brand.rotate()
    assert result.exit_code == 1 and "say --yes" in result.output
    assert everything() == before


@pytest.mark.parametrize(
    ("secrets", "sentence"),
    [
        ({"old": "another than it was"}, "DATAPOST_OLD_SECRET is not the secret that the hashes in this database"),
        ({"old": NEW}, "DATAPOST_OLD_SECRET is not the secret that the hashes in this database"),
        ({"old": OLD, "new": "too short"}, "DATAPOST_SECRET is shorter than 32 characters"),
        ({"old": OLD, "new": ""}, "DATAPOST_SECRET is shorter than 32 characters"),
        ({"old": ""}, "DATAPOST_OLD_SECRET is not set: if the old secret is lost, say --yes --lost"),
    ],
)
def test_a_wrong_secret_changes_nothing(brand, secrets, sentence):
    brand.lead(email="ann@example.com", irpid="1")
    before = everything()
    result = brand.rotate("--yes", **secrets)
    assert result.exit_code == 1 and sentence in result.output
    assert everything() == before
    assert brand.restart(OLD).lead(email="ann@example.com")["valid"] == "false"


def test_a_secret_that_is_in_use_already_is_not_changed(brand):
    brand.lead(email="ann@example.com")
    brand.rotate("--yes")
    before = everything()
    for old in (OLD, NEW, ""):
        result = brand.rotate("--yes", "--lost", old=old)
        assert result.exit_code == 1 and "there is nothing to change" in result.output
    assert everything() == before


def test_a_database_that_knows_no_secret_needs_no_command(brand):
    result = brand.rotate("--yes")
    assert result.exit_code == 1 and "the database knows no secret yet: set DATAPOST_SECRET, and start" in result.output


@contextmanager
def interrupted_at(words):
    """Interrupt the command, as Ctrl-C would, after the statement that begins so."""

    def hook(event):
        if event.sql.strip().startswith(words):
            raise KeyboardInterrupt

    db.query_hooks.append(hook)
    yield
    db.query_hooks.remove(hook)


@pytest.mark.parametrize("words", ["CREATE TEMPORARY", "INSERT", "UPDATE claim", "DROP TABLE", "UPDATE fact"])
def test_an_interruption_changes_nothing(brand, words):
    brand.lead(email="ann@example.com", irpid="1", click_id="c1")
    before = everything()
    with interrupted_at(words):
        result = brand.rotate("--yes")
    assert result.exit_code == 1 and result.output.endswith("Aborted!\n")
    assert everything() == before
    assert brand.restart(OLD).lead(email="ann@example.com", irpid="1")["valid"] == "false"
    assert brand.report()["places"] == {"found": 1, "lost": 0}


def test_the_old_secret_is_refused_afterwards(brand):
    brand.lead(email="ann@example.com")
    brand.rotate("--yes")
    count, refused = len(brand.partner.stored()), brand.restart(OLD).lead(email="kim@example.com")
    assert (refused["status"], len(brand.partner.stored())) == (503, count)
    with pytest.raises(database.SchemaError, match=SAME_SECRET):
        database.prepare(hold_secret)


# --- A secret that is lost ---


def test_without_the_old_secret_all_is_lost_but_the_service_starts(brand):
    first = brand.lead(email="ann@example.com", irpid="1", click_id="c1")
    before, report = facts(), brand.report("--lost", old="")
    assert report["customers"] == report["places"] == report["repeats"] == {"found": 0, "lost": 1}
    assert report["totals"] == {"found": 0, "lost": 2}
    assert facts()["secret"] == keyed_hash("secret") != before["secret"]
    assert brand.lead(email="ann@example.com", click_id="c1")["valid"] == "true"
    assert brand.partner.stored()[0].customerid == first["customerid"]


def test_the_old_secret_is_never_shown(brand):
    assert "canary" not in repr(replace(brand.settings, old_secret="canary"))
