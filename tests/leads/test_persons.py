"""A person who asks is looked for and erased in the background, and each step says how far it is."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from cast import FORM, wait_for
from counted import NOW, program
from purged import PROGRAM, RULES, ann, everything, post, purge, stored
from ulid import ULID

import database
import models
from leads import erasure, persons
from leads.persons import Inquiry, Wanted
from leads.search import FilterError
from web import masks
from web.presenting import presenter

SUN = program("solar", RULES.replace("300 days", "3 days"))
ANN = "ann@example.com"


def wanted(text=ANN, kind="email"):
    return Wanted(kind, text, [PROGRAM, SUN])


def search(text=ANN, programs=None, kind="email"):
    row = persons.start(wanted(text, kind), "owner", programs)
    wait_for("inquiry")
    return persons.find(row.id)


def erase(row, forgets=False, text=ANN):
    outcome = persons.erase(row, wanted(text), "owner", [PROGRAM, SUN], forgets)
    wait_for("inquiry")
    return outcome, persons.find(row.id)


def rows(table):
    with database.read():
        return list(table.select())


def logged(caplog):
    return " ".join(f"{record.msg} {record.args}" for record in caplog.records)


def running(state, **values):
    now = datetime.now(UTC)
    made = {"operator": "o", "kind": "email", "digest": "", "programs": None, "report": {"read": 0, "total": 0}}
    made |= {"started_at": now, "renewed_at": now, "state": state} | values
    database.transact(lambda: Inquiry.insert(id=str(ULID()), **made).execute())


def test_a_search_tells_the_leads_of_each_program_and_holds_nothing_of_the_person(ledger):
    leads = [ann(), ann(to=SUN), post(b"x=ANN%40example.com", FORM)]
    post(b"email=bob@example.com")
    row = search()
    assert (row.state, row.report["by_program"]) == ("found", {"default": 2, "solar": 1})
    assert row.report["leads"] == sorted(lead.id for lead in leads)
    assert row.report["read"] == row.report["total"] == 4
    assert "ann@" not in f"{row.__data__}".lower()


def test_a_search_within_some_programs_finds_and_erases_what_is_in_these_alone(ledger):
    ours, theirs = ann(to=SUN), ann()
    row = search(programs=["solar"])
    assert (row.report["by_program"], row.report["total"]) == ({"solar": 1}, 1)
    assert erase(row)[1].report["leads"] == [ours.id]
    assert stored(theirs).email == ANN and stored(ours).email == ""
    assert search(programs=[]).report["by_program"] == {}


@pytest.mark.parametrize("programs", [None, ["solar"]])
def test_masked_leads_count_where_they_are_known_by_the_customer(ledger, programs):
    old, elsewhere = ann(NOW - timedelta(days=100), SUN), ann(NOW - timedelta(days=100))
    purge(NOW, PROGRAM, SUN)
    row = search(programs=programs)
    assert row.report["leads"] == sorted([old.id] if programs else [old.id, elsewhere.id])


def test_a_phone_number_is_looked_for_as_the_programs_countries_write_it(ledger):
    lead = ann()
    assert search("(415) 555-2671", kind="phone").report["leads"] == [lead.id]


@pytest.mark.parametrize(("kind", "text"), [("email", "ann@"), ("phone", "12")])
def test_what_is_no_address_or_number_is_not_looked_for(ledger, kind, text):
    with pytest.raises(FilterError, match=kind):
        wanted(text, kind)


def test_the_same_address_typed_once_more_is_known(ledger):
    row = search()
    assert row.digest == wanted(" ANN@Example.com ").digest != wanted("bob@example.com").digest
    assert wanted("415 555 2671", "phone").digest == wanted("+1 (415) 555-2671", "phone").digest


def test_an_erasure_leaves_the_same_record_as_the_command(ledger, caplog):
    caplog.set_level("INFO", "datapost")
    ann(), ann(to=SUN)
    outcome, row = erase(search())
    assert (outcome, row.state, row.report["erased"], row.report["asked"]) == ("begun", "erased", 2, 2)
    assert row.report["by_program"] == {"default": 1, "solar": 1} and not row.report["still_in_files"]
    (record,) = rows(models.Erasure)
    assert (record.kind, record.leads) == ("email", 2)
    assert ANN not in everything() and ANN not in logged(caplog) and row.digest == ""
    (told,) = [record.args for record in caplog.records if record.msg == "person erased"]
    assert told == {"operator": "owner", "kind": "email", "leads": 2, "forgets": False}


def test_a_lead_that_came_after_the_question_is_erased_and_told(ledger):
    ann()
    row = search()
    late = ann(NOW + timedelta(seconds=1))
    report = erase(row)[1].report
    assert (report["asked"], report["erased"]) == (1, 2) and stored(late).email == ""


def test_leads_that_somebody_else_erased_meanwhile_are_not_counted_again(ledger):
    ann()
    row = search()
    erasure.erase(erasure.find(wanted().person, lambda _: None), wanted().person, "email")
    report = erase(row)[1].report
    assert (report["asked"], report["erased"], report["by_program"]) == (1, 0, {})
    assert len(rows(models.Erasure)) == 1


def test_of_two_clicks_at_once_one_erases(ledger):
    ann()
    row, outcomes = search(), []
    other = persons.find(row.id)

    def click_on(seen):
        outcomes.append(persons.erase(seen, wanted(ANN), "owner", [PROGRAM, SUN], False))

    clicks = [threading.Thread(target=click_on, args=[seen]) for seen in (row, other)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    wait_for("inquiry")
    assert sorted(outcomes) == ["already", "begun"] and len(rows(models.Erasure)) == 1


def test_two_persons_are_not_erased_at_once(ledger):
    ann()
    row = search()
    running("erasing")
    assert erase(row)[0] == "busy" and persons.find(row.id).state == "found"


def test_no_more_than_two_run_at_once_and_one_that_is_not_renewed_is_gone(ledger):
    running("searching")
    running("searching")
    assert persons.start(wanted(), "owner", None) is None
    before = datetime.now(UTC) - persons.GONE_AFTER
    database.transact(lambda: Inquiry.update(renewed_at=before).execute())
    assert all(row.gone and not row.runs for row in rows(Inquiry)) and search().state == "found"


def test_the_places_of_a_person_are_forgotten_if_so_wished(ledger):
    ann()
    assert not ann(NOW + timedelta(seconds=1)).valid
    erase(search())
    assert not ann(NOW + timedelta(seconds=2)).valid
    erase(search(), forgets=True)
    assert ann(NOW + timedelta(seconds=3)).valid


def test_inquiries_are_forgotten_after_an_hour(ledger):
    running("found", renewed_at=datetime.now(UTC) - persons.KEPT)
    running("found")
    database.transact(persons.clear_old)
    assert len(rows(Inquiry)) == 1


def test_work_that_fails_says_so_without_the_person(ledger, monkeypatch, caplog):
    ann()

    def fail(*_):
        raise ValueError(ANN)

    monkeypatch.setattr(erasure, "find", fail)
    assert search().state == "failed"
    assert "the work on a person failed" in logged(caplog) and ANN not in logged(caplog)


def test_a_step_that_takes_long_renews_the_row_meanwhile(ledger, monkeypatch):
    ann()
    renewed, went_on = threading.Event(), []
    monkeypatch.setattr(persons, "RENEWED_EVERY", 0.01)
    monkeypatch.setattr(persons, "WAITED", 0.01)

    def find(_person, progress, _programs):
        progress(1)
        went_on.append(renewed.wait(20))
        return []

    monkeypatch.setattr(erasure, "find", find)
    row = persons.start(wanted(), "owner", None)
    began = row.renewed_at
    while (now := persons.find(row.id)).renewed_at <= began or not now.report["read"]:
        pass
    assert now.runs
    renewed.set()
    wait_for("inquiry")
    assert went_on == [True] and persons.find(row.id).state == "found"


def test_files_that_cannot_be_cleaned_are_no_failure_of_the_erasure(ledger, monkeypatch):
    ann()
    monkeypatch.setattr(persons, "BETWEEN_SCRUBS", 0)

    def fail():
        raise database.StoreError("it is busy")

    monkeypatch.setattr(database, "scrub", fail)
    row = erase(search())[1]
    assert (row.state, row.report["erased"], row.report["still_in_files"]) == ("erased", 1, True)


def test_what_still_stands_in_the_files_is_told_until_it_is_gone(ledger, monkeypatch):
    ann()
    monkeypatch.setattr(persons, "BETWEEN_SCRUBS", 0)
    monkeypatch.setattr(database, "scrub", lambda: False)
    row = erase(search())[1]
    assert row.state == "erased" and row.report["still_in_files"]


def test_destinations_are_told_of_an_erasure_and_it_says_where_the_person_went(ledger):
    lead, asking = ann().id, program("default", RULES + "deliver: [{to: crm, erasures: true}, {to: sheet}]")
    sent = {"lead": lead, "state": "sent", "due_at": NOW, "attempts": 1, "error": "", "remote_id": "", "rules": ""}
    for to in ("crm", "sheet"):
        database.transact(models.Delivery.insert(sent | {"destination": to, "sent_at": NOW}).execute)
    persons.erase(search(), wanted(), "owner", [asking], False)
    wait_for("inquiry")
    (row,) = rows(Inquiry)
    assert {one["to"] for one in row.report["sent_to"]} == {"crm", "sheet"}
    assert [row.destination for row in rows(models.Delivery) if row.state == "waiting"] == ["crm:erased"]


def test_a_lead_is_told_with_where_it_went(ledger):
    lead = stored(ann())
    programs = {"default": PROGRAM}
    row = {"lead": lead.id, "destination": "crm", "state": "sent", "due_at": NOW, "attempts": 1, "error": ""}
    row |= {"sent_at": datetime(2026, 3, 2, 9, 30, tzinfo=UTC), "remote_id": "", "rules": ""}
    database.transact(models.Delivery.insert(row).execute)
    with database.read():
        told = persons.told(lead, presenter(programs, True), masks.NOTHING, sensitive=True)
    assert told["sent_to"] == [{"to": "crm", "sent_at": "2026-03-02T09:30:00Z"}]
    assert told["received_from"] == {"partner": "7", "subpartner": "", "login": "impact"}
    answer = {"status": 200, "valid": True, "uniqueid": lead.id, "sale_amount": "10.00"}
    answer |= {"customerid": lead.customerid, "email": ANN, "note": lead.note}
    assert told["answered_to_impact"] == answer
    assert told["submission"]["body"].startswith("email=ann@example.com&") and told["phone"] == "+14155552671"


def test_a_lead_is_told_masked_without_its_submission(ledger):
    secret = program("default", RULES.replace("required: true", "required: true, sensitive: true"))
    lead = stored(ann(to=secret))
    programs = {"default": secret}
    with database.read():
        hidden = masks.hidden_fields(programs)(lead)
        told = persons.told(lead, presenter(programs), hidden)
    assert ANN not in str(told) and told["answered_to_impact"]["email"] == masks.MASK and "submission" not in told
