"""`flask deliver …`: what is on its way, told and moved."""

import json
import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from cast import Partner
from receiving import answer, delivering

import database
from commands.deliver import BY_WHOM
from delivery import outbox
from models import Delivery, Lead, first_id
from web.settings import Settings

RULES = """
title: Solar
partner: irpid
fields: {email: {type: email, required: true}, irpid: {}, state: {}}
deliver:
  - to: crm
    when: state == 'CA'
    fields: {email: email, lead_id: $id}
  - to: sheet
examples:
  - {name: no, lead: {email: ny@acme.example, state: NY}, expect: valid}
  - {name: yes, lead: {email: ca@acme.example, state: CA}, expect: valid}
"""


@pytest.fixture
def shop(make_app, receiver, monkeypatch):
    """A partner of a service whose crm is the receiver, and whose sheet has no setting; commands run there."""
    return of(make_app(RULES, **delivering(crm=receiver.url)), monkeypatch)


def of(app, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ann")
    made = Partner(app)
    made.sender = app.extensions["datapost"].sender
    made.sender.wake = lambda: None

    def run(line, status=0):
        result = app.test_cli_runner(catch_exceptions=False).invoke(args=["deliver", *line.split()])
        assert result.exit_code == status, result.output
        return result

    made.run = run
    made.json = lambda line, status=0: json.loads(run(f"{line} --format json", status).stdout)
    return made


def post(shop, state="CA", **fields):
    return shop.lead(email="ann@acme.example", state=state, **fields)["uniqueid"]


def dead(shop, receiver):
    """Have a lead be dead, and return its id."""
    receiver.answers = answer(422)
    lead = post(shop)
    shop.sender.run_due()
    receiver.answers = answer()
    return lead


def row(lead, to="crm"):
    with database.read():
        return Delivery.get(lead=lead, destination=to)


# --- list ---


def test_programs_read_a_list_with_the_keys_that_the_documents_name(shop):
    lead = post(shop)
    shop.run("run")
    crm, sheet = shop.json("list")
    assert (
        list(crm) == "lead program to state attempts due_at last_at last_status error sent_at".split()  # noqa: SIM905
    )
    assert (crm["lead"], crm["program"], crm["to"], crm["state"]) == (lead, "default", "crm", "sent")
    assert (crm["attempts"], crm["due_at"], crm["last_status"], crm["error"]) == (1, None, 200, "")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", crm["sent_at"])
    assert (sheet["state"], sheet["sent_at"]) == ("waiting", None)


def test_it_is_chosen_by_destination_state_lead_and_program(shop):
    first, second = post(shop), post(shop, "NY")
    assert [one["lead"] for one in shop.json("list --to sheet")] == [second, first]
    assert [one["to"] for one in shop.json(f"list --lead {first.lower()}")] == ["crm", "sheet"]
    assert shop.json("list --state dead") == []
    assert len(shop.json("list --program default --limit 2")) == 2


def test_the_table_says_on_standard_error_what_is_paused_and_what_has_no_setting(shop):
    post(shop)
    shop.run("pause crm")
    result = shop.run("list")
    assert "waiting" in result.stdout and "paused" not in result.stdout
    assert re.search(r"^crm is paused since \S+ \S+ UTC by ann\. 1 lead waits: flask deliver resume crm", result.stderr)
    assert "sheet: DATAPOST_DELIVER_SHEET is not set, so its 1 lead waits" in result.stderr


def test_a_destination_that_paused_by_itself_says_why(shop, receiver):
    receiver.answers = answer(401)
    post(shop)
    shop.run("run")
    told = shop.run("list").stderr
    assert "by itself: it answered 401. One lead an hour tries" in told
    assert "canary" not in told and str(receiver.port) not in told


@pytest.mark.parametrize("output", ["jsonl", "csv"])
def test_it_is_written_for_other_programs_too(shop, output):
    post(shop)
    assert '"to": "crm"' in (text := shop.run(f"list --format {output}").stdout) or ",crm,waiting,0," in text


@pytest.mark.parametrize("line", ["list --to cmr", "pause CRM", "resume crn", "test crmm", "again --to crms"])
def test_a_name_that_nobody_knows_is_told_the_nearest(shop, line):
    assert 'Did you mean "crm"?' in shop.run(line, 1).stderr


def test_an_address_is_not_repeated_where_a_name_belongs(shop):
    told = shop.run("pause https://crm.acme.example/canary", 1).stderr
    assert "canary" not in told and "write the name of a destination" in told


def test_a_lead_that_is_not_there_is_told(shop):
    assert "there is no lead with this id" in shop.run("list --lead 01K", 1).stderr


def test_where_nothing_is_delivered_it_says_what_is_missing(make_app, monkeypatch):
    shop = of(make_app(), monkeypatch)
    assert shop.json("list") == []
    assert "no rule file has deliver:, and no setting DATAPOST_DELIVER_<NAME>" in shop.run("pause crm", 1).stderr


# --- test ---


def test_the_example_that_goes_there_is_sent_as_a_test_and_not_stored(shop, receiver):
    assert "crm took an example of default, marked as a test" in shop.run("test crm").stdout
    (request,) = receiver.requests
    body = json.loads(request.body)
    assert (body["email"], body["test"]) == ("ca@acme.example", True)
    assert request.headers["webhook-id"] == f"{body['lead_id']}_crm"
    with database.read():
        assert not Lead.select().exists() and not Delivery.select().exists()


def test_each_test_has_an_id_of_its_own_and_is_sent_to_what_is_paused(shop):
    shop.run("pause crm")
    first, second = (shop.json("test crm") for _ in range(2))
    assert first["lead"] != second["lead"]
    assert (first["taken"], first["status"], first["program"]) == (True, 200, "default")


@pytest.mark.parametrize(("status", "told"), [(422, "dead at once"), (401, "be paused"), (503, "tried again")])
def test_what_is_not_taken_is_told_and_pauses_nothing(shop, receiver, status, told):
    receiver.answers = answer(status)
    said = shop.run("test crm", 1).stdout
    assert f"crm did not take the test: it answered {status}." in said and told in said
    with database.read():
        assert not outbox.paused()


def test_the_example_of_the_first_minutes_is_sent_nowhere(shop, receiver):
    assert "<valid>true</valid>" in shop.app.test_cli_runner(catch_exceptions=False).invoke(args=["example"]).output
    assert not receiver.requests and "sender" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("examples", ["", "examples: [{name: none, lead: {state: CA}, expect: [email.required]}]"])
def test_a_rule_file_without_a_valid_example_sends_a_lead_made_for_it(make_app, receiver, monkeypatch, examples):
    shop = of(make_app(RULES.split("examples:")[0] + examples, **delivering(crm=receiver.url)), monkeypatch)
    shop.run("test crm")
    assert "@" in json.loads(receiver.requests[0].body)["email"]


def test_a_whole_lead_is_sent_where_no_fields_are_named(make_app, receiver, monkeypatch):
    shop = of(make_app(RULES, **delivering(sheet=receiver.url)), monkeypatch)
    shop.run("test sheet --program default")
    body = json.loads(receiver.requests[0].body)
    assert (body["program"], body["fields"]["state"], body["test"]) == ("default", "NY", True)


def test_a_destination_without_a_setting_or_that_no_rule_names_is_told_what_is_missing(make_app, receiver, monkeypatch):
    shop = of(make_app(RULES, **delivering(other=receiver.url)), monkeypatch)
    assert "set DATAPOST_DELIVER_SHEET to its address" in shop.run("test sheet", 1).stderr
    assert 'no rule file says "to: other"' in shop.run("test other", 1).stderr
    assert "the rules of default do not name other" in shop.run("test other --program default", 1).stderr


# --- again, pause, resume, run ---


def test_what_is_dead_is_sent_again_with_all_attempts(shop, receiver):
    lead = dead(shop, receiver)
    assert shop.run("again --to crm").stdout == f"1 delivery is due now\n{BY_WHOM}\n"
    assert (row(lead).state, row(lead).attempts) == ("waiting", 0)
    assert shop.run("run").stdout == "1 sent\n"
    assert "Nothing was dead there" in shop.run("again --to crm").stdout


def test_again_says_so_where_the_destination_is_paused(shop, receiver):
    dead(shop, receiver)
    shop.run("pause crm")
    result = shop.run("again --to crm")
    assert result.stdout == "1 delivery is due now\n" and "crm is paused" in result.stderr


def test_again_takes_a_lead_a_destination_or_both(shop, receiver):
    first, second = dead(shop, receiver), dead(shop, receiver)
    assert shop.json(f"again --lead {first} --to crm") == {"to": "crm", "lead": first, "again": 1}
    assert (row(first).state, row(second).state) == ("waiting", "dead")
    assert "--lead with an id, --to with a destination" in shop.run("again", 1).stderr


def test_again_leaves_alone_what_came_before(shop, receiver):
    old = first_id(datetime.now(UTC) - timedelta(days=3)).ljust(26, "0")
    database.transact(Delivery.update(lead=old).where(Delivery.lead == dead(shop, receiver)).execute)
    new = dead(shop, receiver)
    assert shop.json("again --to crm --since 2d")["again"] == 1
    assert (row(old).state, row(new).state) == ("dead", "waiting")


def test_a_paused_destination_gets_nothing_until_it_is_resumed(shop, receiver):
    post(shop)
    assert "crm is paused by ann" in shop.run("pause crm").stdout
    assert shop.run("run").stdout == "Nothing is due\n"
    assert "crm is resumed: 1 lead is due now" in shop.run("resume crm").stdout
    assert shop.json("run") == {"sent": 1, "again": 0, "dead": 0, "pause": 0, "withdrawn": 0}
    assert shop.json("resume crm") == {"to": "crm", "was_paused": False, "due": 0}


def test_run_says_what_became_of_each(shop, receiver):
    receiver.answers = answer(503)
    post(shop)
    assert shop.run("run").stdout == "1 to be tried again\n"


def test_run_says_so_where_no_destination_has_an_address(make_app, monkeypatch):
    shop = of(make_app(RULES), monkeypatch)
    assert "No destination has an address: set DATAPOST_DELIVER_<NAME>" in shop.run("run").stdout
    assert shop.json("run")["sent"] == 0


# --- What other commands say ---


def flask(shop, *line, status=0):
    result = shop.app.test_cli_runner(catch_exceptions=False).invoke(args=line)
    assert result.exit_code == status, result.output
    return result.stdout


def test_a_lead_shows_where_it_goes_to_people_and_not_to_programs(shop, receiver):
    lead = dead(shop, receiver)
    told = flask(shop, "leads", "show", lead)
    assert re.search(r"deliveries\n  crm +dead since 2.* after 1 attempt: it answered 422\n  sheet +waiting, due", told)
    assert "deliveries" not in json.loads(flask(shop, "leads", "show", lead, "--format", "json"))


def test_rules_check_warns_of_a_destination_without_its_setting(shop, tmp_path):
    (tmp_path / "default.yaml").write_text(RULES)
    report = json.loads(flask(shop, "rules", "check", f"{tmp_path}/default.yaml", "--format", "json"))
    (warning,) = [text for text in report[0]["warnings"] if "DATAPOST" in text]
    assert ':9: warning: destination "sheet": DATAPOST_DELIVER_SHEET is not set here, so its leads wait' in warning


@pytest.mark.parametrize(
    ("entry", "line", "told"),
    [
        ("", 2, "HubSpot knows no whole leads: write under fields: which"),
        ("    fields: {mail: email}\n", 3, "HubSpot knows contacts by the property email, and nothing is sent as that"),
        ("    fields: [email]\n    erasures: true\n", 4, "HubSpot takes no such event"),
        ("    fields: [email]\n", 0, None),
    ],
)
def test_rules_check_warns_of_what_hubspot_would_not_take(make_app, tmp_path, entry, line, told):
    settings = Settings.load({"DATAPOST_DELIVER_CRM": "hubspot:", "DATAPOST_DELIVER_CRM_TOKEN": "t"})
    app = make_app(RULES, destinations=settings.destinations)
    (tmp_path / "new.yaml").write_text(f"deliver:\n  - to: crm\n{entry}fields: {{email: {{}}}}\n")
    result = app.test_cli_runner().invoke(args=["rules", "check", f"{tmp_path}/new.yaml", "--format", "json"])
    found = [text for text in json.loads(result.stdout)[0]["warnings"] if "HubSpot" in text]
    assert len(found) == bool(told) and all(f':{line}: warning: destination "crm": {told}' in text for text in found)


def test_an_erasure_says_where_the_person_went_and_tells_who_asks_for_it(make_app, receiver, monkeypatch):
    rules = RULES.replace("    when: state", "    erasures: true\n    when: state")
    shop = of(make_app(rules, **delivering(crm=receiver.url)), monkeypatch)
    lead = post(shop)
    shop.run("run")
    asked = "leads", "erase", "--email", "ann@acme.example"
    assert json.loads(flask(shop, *asked, "--dry-run", "--format", "json"))["sent_to"][0]["to"] == "crm"
    said = flask(shop, *asked, "--yes")
    assert re.search(
        rf"where they stay until they are erased there:\n  crm  {time.gmtime().tm_year}-\S+Z  {lead}", said
    )
    assert "an event tells it to crm" in said
    event = row(lead, "crm:erased")
    assert (event.state, event.last_at, event.sent_at, row(lead, "sheet").state) == ("waiting", None, None, "withdrawn")
    shop.run("run")
    assert json.loads(receiver.requests[1].body)["data"] == {"id": lead}
