"""`flask reverse` and `flask reversals …`: from a proposal to what is reversed."""

import json
from datetime import timedelta

import pytest
from reversing import NOW, RULES, propose, row, see, state, store

import database
from impact import reversals
from impact.ledger import Reversal
from impact.standin import StandIn

KEYS = "lead program state reason code action batch error locking_at".split()  # noqa: SIM905


class Desk:
    """Who runs the commands, as ann."""

    def __init__(self, app):
        self.app = app

    def run(self, line, status=0, **options):
        args = line if isinstance(line, list) else line.split()
        result = self.app.test_cli_runner(catch_exceptions=False).invoke(args=args, **options)
        assert result.exit_code == status, result.output
        return result

    def json(self, line, status=0):
        return json.loads(self.run(f"{line} --format json", status).stdout)

    def proposed(self, count=1, **action):
        leads = [store() for _ in range(count)]
        for lead in leads:
            see(lead, **action)
            propose(self.app, lead)
        return [lead.id for lead in leads]


@pytest.fixture
def desk(make_app, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ann")
    return Desk(make_app(RULES))


@pytest.fixture
def connected(make_app, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ann")
    with StandIn() as standin:
        made = Desk(make_app(RULES, **standin.settings))
        made.standin = standin
        yield made


def test_a_lead_is_proposed(desk):
    lead = store()
    told = desk.run(f"reverse {lead.id.lower()} --reason fake").stdout
    assert told == f"Lead {lead.id} is proposed: flask reversals approve {lead.id} has it reversed\n"
    assert (state(lead), row(lead).proposed_by) == ("proposed", "ann")
    assert "is proposed already" in desk.run(f"reverse {lead.id} --reason fake").stdout


def test_a_program_reads_what_was_proposed(desk):
    found = desk.json(f"reverse {store().id} --reason fake")
    assert (list(found), found["state"], found["code"]) == (KEYS, "proposed", "CONS_FRAUD")


@pytest.mark.parametrize(
    ("reason", "why"),
    [("fak", 'Did you mean "fake"?'), ("ugly", "know wrong number, Fake"), (" ", "--reason is empty")],
)
def test_a_reason_that_is_none_is_told(desk, reason, why):
    lead = store()
    assert why in desk.run(["reverse", lead.id, "--reason", reason], 1).stderr
    assert state(lead) is None


def test_a_lead_that_nobody_knows_is_told(desk):
    assert "there is no lead with this id" in desk.run("reverse 01K --reason fake", 1).stderr


def test_programs_read_a_list_with_the_keys_that_the_documents_name(desk):
    (lead,) = desk.proposed(locking_at=NOW)
    database.transact(Reversal.update(state="approved").execute)
    (found,) = desk.json("reversals list")
    assert list(found) == KEYS
    assert (found["lead"], found["program"], found["state"], found["reason"]) == (lead, "default", "approved", "Fake")
    assert (found["batch"], found["locking_at"]) == ("", f"{NOW:%Y-%m-%dT%H:%M:%S}.000Z")
    assert desk.json("reversals list --state done") == []
    assert "there is no program wind" in desk.run("reversals list --program wind", 1).stderr


@pytest.mark.parametrize("output", ["table", "jsonl", "csv"])
def test_the_list_is_written_for_people_and_others_too(desk, output):
    (lead,) = desk.proposed()
    assert lead in (text := desk.run(f"reversals list --format {output}").stdout) and "CONS_FRAUD" in text


def test_some_or_all_are_approved(desk):
    ids = desk.proposed(3)
    assert desk.run(f"reversals approve {ids[0].lower()}").stdout == "1 lead is approved\n"
    assert desk.json("reversals approve --all --program default --yes") == {"approved": 2, "others": {}}
    assert row(ids[2]).approved_by == "ann"


def test_without_an_account_it_says_how_they_are_sent(desk):
    desk.proposed()
    assert "set DATAPOST_IMPACT_SID and DATAPOST_IMPACT_TOKEN" in desk.run("reversals approve --all").stderr
    assert "flask reversals file" in desk.run("reversals run").stderr


def test_what_was_not_proposed_is_told_and_what_has_locked(desk):
    (lead,) = desk.proposed()
    database.transact(Reversal.update(locking_at=NOW - timedelta(days=1)).execute)
    assert f"lead {lead} is too late" in desk.run(f"reversals approve {lead}").stderr
    assert "was not proposed" in desk.run("reversals approve 01K", 1).stderr


@pytest.mark.parametrize("line", ["", "--all 01K", "01K --program default"])
def test_it_is_to_be_said_which_are_approved(desk, line):
    assert "say what: the ids of leads, or --all" in desk.run(f"reversals approve {line}", 1).stderr


def test_many_are_asked_about_and_answered_by_yes(desk):
    ids = desk.proposed(6)
    told = desk.run("reversals approve --all", 1).stderr
    assert '6 of the 6 valid leads of partner "1" in default would be reversed' in told
    assert "Nothing is approved: --yes says that all are meant" in told
    assert {*map(state, ids)} == {"proposed"}
    assert desk.run("reversals approve --all --yes").stdout == "6 leads are approved\n"


def test_a_proposal_is_withdrawn(desk):
    (lead,) = desk.proposed()
    assert desk.run(f"reversals withdraw {lead}").stdout == "1 lead is withdrawn\n"
    assert "nobody proposed" in desk.run(f"reversals withdraw {lead}", 1).stderr


def test_a_lead_is_reversed_and_restored(connected):
    lead = store()
    action = connected.standin.add(lead.id)
    see(lead, id=action)
    connected.run(f"reverse {lead.id} --reason fake")
    connected.run(f"reversals approve {lead.id}")
    assert connected.run("reversals run").stdout == "1 submitted\n"
    assert connected.json("reversals list")[0]["batch"].startswith("A-")
    assert connected.standin.actions[action]["state"] == "REVERSED"
    assert connected.run("reversals run").stdout == "Nothing is due\n"
    assert "this is queued" in connected.run(f"reversals restore {lead.id}", 1).stderr
    database.transact(Reversal.update(state="done").execute)
    assert "impact.com takes it" in connected.run(f"reversals restore {lead.id}").stdout
    assert connected.standin.actions[action]["state"] == "PENDING"


def test_a_program_reads_what_became_of_all_that_was_due(connected):
    lead = store()
    see(lead, id=connected.standin.add(lead.id))
    propose(connected.app, lead)
    with connected.app.app_context():
        reversals.approve([lead.id], "ann")
    connected.standin.fail("DELETE", 403)
    found = connected.json("reversals run")
    assert (found["refused"], found["submitted"]) == (1, 0)
    assert connected.json("reversals run")["submitted"] == 1  # due at once where somebody asks


def test_a_file_is_written_for_its_owner_alone_and_once(desk, tmp_path):
    (lead,) = desk.proposed(id="1000.1.2")
    desk.run("reversals approve --all")
    path = tmp_path / "reversals.csv"
    told = desk.run(f"reversals file {path}").stderr
    assert "1 lead is written in" in told and "upload it" in told
    assert path.read_bytes().splitlines()[1] == b"1000.1.2,,,0,USD,,CONS_FRAUD"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.glob(".reversals*")] == []
    result = desk.run("reversals file")
    assert (result.stdout.count("\n"), result.stderr) == (1, "0 leads are written\n")
    assert "1000.1.2" in desk.run("reversals file --again").stdout
    assert state(lead) == "queued"


def test_a_file_that_is_there_is_not_written_over(desk, tmp_path):
    (lead,) = desk.proposed()
    desk.run("reversals approve --all")
    path = tmp_path / "reversals.csv"
    desk.run(f"reversals file {path}")
    before = path.read_bytes()
    assert "name another one" in desk.run(f"reversals file {path} --again", 1).stderr
    assert "name another one" in desk.run("reversals file /dev/full", 1).stderr
    assert path.read_bytes() == before and state(lead) == "queued"


def test_what_is_left_out_is_named(desk):
    (lead,) = desk.proposed(amount=0)
    desk.run("reversals approve --all")
    assert f"lead {lead} is left out: its amount is 0" in desk.run("reversals file").stderr


def test_a_folder_that_is_not_there_is_told_before_anything_is_written(desk):
    (lead,) = desk.proposed()
    desk.run("reversals approve --all")
    assert "make it first" in desk.run("reversals file nowhere/x.csv", 1).stderr
    assert state(lead) == "approved"
