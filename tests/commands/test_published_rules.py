"""Published rules to look at and to take home: `flask rules log` and `pull`, and what other commands make of them."""

import csv
import io
import json
from dataclasses import replace

import pytest
from cast import RULES, Partner

import database
from app import create_app
from models import Published

OTHER = RULES.replace("Applicants must be 18 or older", "Older, please")
NAMING = RULES.replace("rules:\n", "rules:\n  - {id: bad, listed: {email: bad.txt}, note: No}\n")
KEYS = ["version", "at", "by", "kind", "comment", "hash", "live", "leads"]


@pytest.fixture
def files(owner):
    """The same, once the rules come from files again."""
    owner.settings = replace(owner.settings, rules_from="files")
    return owner


@pytest.fixture
def listed(owner):
    """Version 2 names a list, which came with it."""
    owner.write("bob@example.com\n", "bad.txt")
    owner.rules("publish", owner.write(NAMING), "--comment", "with a list")
    return owner


def rule_file(owner, name="default.yaml"):
    return owner.folder / "rules" / name


# --- log ---


def test_the_log_is_a_list_from_the_newest_with_these_keys(owner):
    owner.child()
    owner.rules("publish", owner.write(OTHER), "--comment", "kinder")
    for _ in range(2):
        owner.child()
    newest, first = owner.json("log", "default")
    assert list(newest) == list(first) == KEYS
    assert (newest["version"], newest["kind"], newest["live"], newest["leads"]) == (2, "publish", True, 2)
    assert (first["version"], first["kind"], first["live"], first["leads"]) == (1, "seed", False, 1)
    assert newest["at"].endswith("Z") and len(newest["at"]) == len("2026-11-28T08:52:27.763Z")


def test_the_log_has_a_table_lines_of_json_and_csv(owner):
    owner.rules("publish", owner.write(OTHER), "--comment", "=kinder", "--by", "bob")
    heads, newest, _ = owner.rules("log", "default").splitlines()
    assert heads.split() == ["VERSION", "AT", "BY", "KIND", "LEADS", "HASH", "COMMENT"]
    assert newest.startswith("2 ") and newest.endswith("live  =kinder")
    assert [
        json.loads(line)["version"] for line in owner.rules("log", "default", "--format", "jsonl").splitlines()
    ] == [
        2,
        1,
    ]
    rows = [*csv.DictReader(io.StringIO(owner.rules("log", "default", "--format", "csv")))]
    assert list(rows[0]) == KEYS and rows[0]["comment"] == "'=kinder"


def test_a_retired_program_has_no_live_version(owner):
    owner.rules("retire", "default", "--comment", "over")
    assert [(row["kind"], row["live"], row["hash"] == "") for row in owner.json("log", "default")] == [
        ("retire", False, True),
        ("seed", False, False),
    ]


def test_the_log_of_a_list_is_found_by_its_name_or_path(listed):
    for name in (["bad.txt"], [str(rule_file(listed, "bad.txt"))], ["bad.txt", "--list"]):
        assert [row["version"] for row in listed.json("log", *name)] == [1]
    assert [row["version"] for row in listed.json("log", "default.yaml")] == [2, 1]
    assert 'Did you mean "bad.txt"?' in listed.rules("log", "bat.txt", status=1)
    assert "nothing was ever published as default" in listed.rules("log", "default", "--list", status=1)


# --- pull ---


def test_live_texts_and_their_lists_are_written_to_the_letter(listed):
    assert listed.rules("pull").splitlines() == [
        "rules/bad.txt: version 1, written",
        "rules/default.yaml: version 2, written",
    ]
    assert rule_file(listed).read_text() == NAMING
    assert rule_file(listed, "bad.txt").read_text() == "bob@example.com\n"
    assert listed.rules("pull", "default").splitlines() == [
        "rules/default.yaml: version 2, is there already",
        "rules/bad.txt: version 1, is there already",
    ]


def test_one_program_or_list_is_written_to_a_folder_that_is_made(listed):
    assert listed.json("pull", "bad.txt", "--to", "home") == [
        {"thing": "list", "name": "bad.txt", "version": 1, "file": "home/bad.txt", "written": True}
    ]
    assert not (listed.folder / "home" / "default.yaml").exists()


def test_a_file_that_was_changed_and_never_published_stays(listed):
    rule_file(listed).write_text(OTHER + "# mine\n")
    told = listed.rules("pull", status=1)
    assert "nothing was written: " in told and "is in no version" in told and "rules/default.yaml" in told
    assert rule_file(listed).read_text() == OTHER + "# mine\n"
    assert not rule_file(listed, "bad.txt").exists()
    listed.rules("pull", "--force")
    assert rule_file(listed).read_text() == NAMING


def test_a_file_that_is_an_earlier_version_is_written_over(listed):
    assert rule_file(listed).read_text() == RULES
    listed.rules("pull", "default")
    assert rule_file(listed).read_text() == NAMING


def test_a_retired_program_is_not_written_and_its_file_is_named(owner):
    owner.rules("publish", owner.write(OTHER, "solar.yaml"), "--comment", "new")
    owner.rules("retire", "default", "--comment", "over")
    told = owner.rules("pull")
    assert "rules/default.yaml is retired, and stays: delete it before rules come from files again" in told
    assert rule_file(owner, "solar.yaml").read_text() == OTHER and rule_file(owner).read_text() == RULES
    assert "default is retired: flask rules rollback default brings it back" in owner.rules("pull", "default", status=1)


def test_no_list_is_written_outside_of_the_folder(owner):
    owner.write("x", "there.txt")
    with database.write():
        row = Published.get(name="default").__data__
        Published.create(**row | {"id": 99, "thing": "list", "name": "../there.txt", "text": "y"})
    assert "../there.txt does not stand within the folder of the rules, and is not written" in owner.rules("pull")
    assert (owner.folder / "there.txt").read_text() == "x"


# --- Rules from files ---


@pytest.mark.parametrize(
    "line",
    ["publish default.yaml --comment x", "rollback default", "adopt default", "retire default --comment x", "pull"],
)
def test_where_rules_are_files_nothing_is_published_and_it_says_what_to_set(files, line):
    files.write(OTHER)
    told = files.rules(*line.split(), status=1)
    assert "the rules live in the files of rules" in told and "set DATAPOST_RULES_FROM=dashboard" in told


def test_the_log_of_before_can_be_seen_where_rules_are_files(files):
    result = files.flask("rules", "log", "default", "--format", "json")
    assert [(row["version"], row["live"]) for row in json.loads(result.stdout)] == [(1, False)]
    assert "none of these versions is live" in result.stderr


def test_where_nothing_was_ever_published_there_is_no_log(partner):
    result = partner.app.test_cli_runner().invoke(args=["rules", "log", "default"])
    assert result.exit_code == 1
    assert "there is no log: the rules live in the files of" in result.output


# --- Other commands ---


def test_leads_are_tried_by_what_is_live(owner):
    owner.rules("publish", owner.write(OTHER), "--comment", "kinder")
    rule_file(owner).write_text("fields: {}")
    assert "Older, please" in owner.rules("try", "default", "-", status=0, input="email=a@example.com&years=9")


def test_a_draft_is_tried_and_backtested_with_the_lists_that_are_live(listed):
    listed.child()
    (listed.folder / "drafts").mkdir()
    path = listed.write(NAMING.replace("note: No", "note: Never"), "drafts/default.yaml")
    assert "Never" in listed.rules("try", path, "-", input="email=bob@example.com")
    assert listed.json("backtest", path)["program"] == "default"


def test_what_partners_are_told_is_of_what_is_live(owner):
    rule_file(owner).unlink()
    assert owner.flask("contract", "default", "--prove").exit_code == 0
    assert owner.flask("docs").stdout.startswith("default ")
    assert owner.flask("simulate", "defalt").stderr.endswith('Did you mean "default"?\n')


def test_the_example_of_the_first_minutes_is_of_what_is_live(owner):
    example = "examples: [{name: good, lead: {email: ann@example.com}, expect: valid}]\n"
    owner.rules("publish", owner.write(RULES + example), "--comment", "an example")
    assert "<valid>true</valid>" in owner.flask("example").output


def test_the_example_of_the_first_minutes_is_of_the_files_until_the_first_start_has_published_them(owner):
    with database.write():
        Published.delete().execute()
    example = "examples: [{name: good, lead: {email: ann@example.com}, expect: valid}]\n"
    owner.write(RULES + example, "rules/default.yaml")
    result = owner.flask("example")
    assert result.exit_code == 0 and "<valid>true</valid>" in result.output


def test_a_lead_is_explained_by_what_was_live_and_what_is(owner):
    owner.child()
    owner.rules("publish", owner.write(OTHER), "--comment", "kinder")
    (lead,) = json.loads(owner.flask("leads", "list", "--format", "json").output)
    told = json.loads(owner.flask("leads", "explain", lead["id"], "--format", "json").output)
    assert told["rules_of_that_day"]["note"] == "Applicants must be 18 or older"
    assert told["rules_of_today"]["note"] == "Older, please"


def test_check_looks_at_the_files_and_says_that_live_rules_are_elsewhere(owner):
    result = owner.flask("rules", "check", "--format", "json")
    assert [row["ok"] for row in json.loads(result.stdout)] == [True]
    assert "the live rules are in the database (DATAPOST_RULES_FROM=dashboard)" in result.stderr
    assert owner.flask("rules", "check", str(rule_file(owner))).stderr == ""


def test_who_finds_nothing_published_is_told_how_that_begins(owner):
    with database.write():
        Published.delete().execute()
    told = owner.flask("contract", "default").output
    assert "there is no program default. Nothing is published yet: the service publishes the files" in told
    assert "nothing was ever published as default. Nothing is published yet" in owner.rules("log", "default", status=1)
    assert owner.rules("pull").startswith("nothing is published yet: the service publishes the files")


def test_the_difference_of_what_is_new_has_its_lines_alone(owner):
    output = owner.rules("publish", owner.write("# one\n" + RULES, "solar.yaml"), "--comment", "new")
    lines = output.split("--- solar, nothing\n", 1)[1].splitlines()
    assert lines[1].startswith("@@ -0,0 +1,") and all(line.startswith("+") for line in lines[2:-1])


def test_a_database_that_cannot_be_read_is_a_plain_error(make_app):
    app = make_app(rules_from="dashboard", database_url="sqlite:////nowhere/leads.db")
    for line in (["docs"], ["rules", "try", "default", "-"], ["leads", "list"], ["rules", "log", "default"]):
        result = app.test_cli_runner().invoke(args=line)
        assert result.exit_code == 1 and result.output.startswith("Error: ") and "/nowhere/leads.db" in result.output


# --- flask doctor ---


def rows(owner, status=0):
    result = owner.flask("doctor", "--format", "json")
    found = [row for row in json.loads(result.stdout) if row["check"] == "rules"]
    assert all(row["ok"] for row in found) is not bool(status)
    return [row["sentence"].replace(f"{owner.folder}/", "") for row in found]


def test_doctor_says_where_rules_come_from(owner):
    owner.rules("publish", owner.write(OTHER), "--comment", "kinder")
    home, live = [row for row in rows(owner) if "warning" not in row and "changed in" not in row]
    assert home == "they come from the database (DATAPOST_RULES_FROM=dashboard): 1 program, 0 lists"
    assert live.startswith("default is version 2, ")


def test_doctor_names_files_that_changed_in_a_deploy(owner):
    rule_file(owner).write_text(OTHER)
    assert any(
        row.startswith("rules/default.yaml changed in a deploy, and is not what is live: flask rules adopt default")
        for row in rows(owner)
    )


def test_doctor_finds_a_new_file_that_is_broken_and_names_one_that_is_not(owner):
    rule_file(owner, "solar.yaml").write_text(OTHER)
    assert "rules/solar.yaml is new here: the next start publishes it" in rows(owner)
    rule_file(owner, "solar.yaml").write_text("fields: {}")
    home, finding, *_ = rows(owner, status=1)
    assert "and not all can be used" in home
    assert finding == 'rules/solar.yaml:1: "fields:" is empty'


def test_doctor_finds_live_rules_that_do_not_compile_any_more(owner):
    with database.write():
        Published.update(text="fields: {}").where(Published.name == "default").execute()
    home, finding, *_ = rows(owner, status=1)
    assert "and not all can be used: publish mended ones by flask rules publish" in home
    assert finding == 'rules/default.yaml:1: "fields:" is empty'
    assert '"fields:" is empty' in owner.rules("try", "default", "-", status=1)


def test_doctor_says_that_versions_judge_nothing_where_rules_are_files(files):
    told = rows(files)
    assert told[0] == "they come from the files of rules (DATAPOST_RULES_FROM)"
    assert told[-1] == "the database has versions of default from when it was their home: they judge nothing"


def test_a_lead_of_a_service_names_the_text_that_a_command_published(owner):
    owner.rules("publish", owner.write(OTHER), "--comment", "kinder")
    partner = Partner(create_app(owner.settings))
    partner.lead(email="ann@example.com")
    assert partner.stored()[0].rules == owner.json("log", "default")[0]["hash"]
