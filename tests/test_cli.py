"""The commands, run as they are typed."""

import csv
import io
import json

import pytest
from conftest import RULES, Partner
from werkzeug.security import check_password_hash


@pytest.fixture
def flask(partner, tmp_path, monkeypatch):
    """Run a command in the folder of the test: `flask("rules", "check")`."""
    monkeypatch.chdir(tmp_path)

    def run(*line, **options):
        return partner.app.test_cli_runner().invoke(args=line, **options)

    return run


# --- flask rules ---


def test_check_says_ok_for_all_files_of_the_folder(flask, tmp_path):
    result = flask("rules", "check")
    assert result.exit_code == 0
    assert result.output == f"{tmp_path}/rules/default.yaml: ok, 3 fields, 2 rules, 0 examples\n"


def test_check_shows_every_mistake_and_exits_with_1(flask, tmp_path):
    (tmp_path / "a.yaml").write_text("fields: {email: {typ: email, requird: true}}")
    (tmp_path / "b.yaml").write_text(RULES)
    result = flask("rules", "check", "a.yaml", "b.yaml")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        'a.yaml:1: field "email": "requird" is not a known key. Did you mean "required"?',
        'a.yaml:1: field "email": "typ" is not a known key. Did you mean "type"?',
        "b.yaml: ok, 3 fields, 2 rules, 0 examples",
    ]


def test_check_has_a_form_for_programs(flask, tmp_path):
    (tmp_path / "a.yaml").write_text("fields: {}")
    result = flask("rules", "check", "a.yaml", "--format", "json")
    assert json.loads(result.output) == [
        {"file": "a.yaml", "ok": False, "errors": ['a.yaml:1: "fields:" is empty'], "warnings": [], "summary": ""}
    ]
    assert result.exit_code == 1


@pytest.mark.parametrize(
    "body", ["<l><email>Ann@EXAMPLE.com</email></l>", '{"email": "Ann@EXAMPLE.com"}', "email=Ann@EXAMPLE.com"]
)
def test_try_judges_a_lead_from_a_file_of_any_format_and_stores_nothing(flask, partner, tmp_path, body):
    (tmp_path / "lead").write_text(body)
    decision = json.loads(flask("rules", "try", "default", "lead", "--format", "json").output)
    assert decision["valid"] is True
    assert decision["fields"] == {"email": "Ann@example.com"}
    assert decision["sale_amount"] == "10.00"
    assert {"check": "duplicate", "result": "decided when the lead is posted"} in decision["trace"]
    assert partner.stored() == []


def test_try_shows_the_decision_with_its_trace(flask):
    result = flask("rules", "try", "default", "-", input="email=ann@example.com&years=16")
    assert "reasons       adult\nnote          Applicants must be 18 or older\n" in result.output
    assert "  adult                 refused: adult\n" in result.output


def test_try_says_what_is_wrong_with_a_file_that_is_no_lead(flask):
    result = flask("rules", "try", "default", "-", input="<lead>")
    assert "reasons       body.unreadable" in result.output
    assert "The XML is not well-formed" in result.output


def test_try_knows_the_programs(flask):
    result = flask("rules", "try", "defalt", "-")
    assert result.exit_code == 1
    assert result.output == 'Error: there is no program defalt. Did you mean "default"?\n'


# --- flask leads ---


@pytest.fixture
def ann(partner):
    """The id of a stored lead."""
    return partner.lead(email="ann@example.com", years="33", first_name="=1+1", tags=["a", "b"])["uniqueid"]


def test_show_has_the_keys_of_the_contract(flask, ann):
    lead = json.loads(flask("leads", "show", ann, "--format", "json").output)
    assert list(lead) == [
        "id", "program", "received_at", "user", "partner", "valid", "test", "reasons", "note", "sale_amount",
        "customerid", "fields", "rules", "trace",
    ]  # fmt: skip
    assert (lead["id"], lead["valid"], lead["sale_amount"], lead["fields"]["years"]) == (ann, True, "10.00", 33)
    assert lead["received_at"].endswith("Z")


def test_show_is_readable(flask, ann):
    output = flask("leads", "show", ann.lower()).output
    assert f"id            {ann}\n" in output
    assert "  years                 33\n" in output
    assert "  duplicate             passed\n" in output


def test_show_gives_the_body_as_it_came(flask, partner):
    lead_id = partner.post(b'{"email" \xff', "application/json").headers["Datapost-Lead"]
    assert flask("leads", "show", lead_id, "--body").stdout_bytes == b'{"email" \xff'


def test_show_says_when_there_is_no_such_lead(flask):
    result = flask("leads", "show", "01M80FYQ26EMFBJ158VTG4JTK3")
    assert (result.exit_code, result.output) == (1, "Error: there is no lead with this id\n")


def test_export_writes_json_lines(flask, partner, ann):
    partner.lead(years="3")
    lines = [json.loads(line) for line in flask("leads", "export").output.splitlines()]
    assert [line["valid"] for line in lines] == [True, False]
    assert json.loads(flask("leads", "export", "--format", "json").output) == lines


def test_export_writes_a_table(flask, ann):
    head, row = flask("leads", "export", "--format", "table").output.splitlines()
    assert head.split() == ["ID", "RECEIVED", "PROGRAM", "VALID", "AMOUNT", "REASONS"]
    assert row.split()[0] == ann


def test_export_writes_csv_with_a_column_for_each_field(flask, partner, ann):
    partner.lead(first_name="-1+1", phone="+1 (415) 555-2671", note="@x", n="-5")
    rows = list(csv.DictReader(io.StringIO(flask("leads", "export", "--format", "csv").output)))
    assert rows[0]["id"] == ann
    assert rows[0]["valid"] == "true"
    assert rows[0]["sale_amount"] == "10.00"
    assert rows[0]["fields.email"] == "ann@example.com"
    assert rows[0]["fields.tags"] == "a; b"
    assert rows[1]["reasons"] == "email.required"
    assert rows[1]["fields.email"] == ""


def test_csv_neutralises_formulas_and_keeps_phones_and_numbers(flask, partner, ann):
    partner.lead(first_name="-1+cmd|x", phone="+1 (415) 555-2671", other="@x", n="-5")
    rows = list(csv.DictReader(io.StringIO(flask("leads", "export", "--format", "csv").output)))
    assert rows[0]["fields.first_name"] == "'=1+1"
    assert rows[1]["fields.first_name"] == "'-1+cmd|x"
    assert rows[1]["fields.other"] == "'@x"
    assert (rows[1]["fields.phone"], rows[1]["fields.n"]) == ("+1 (415) 555-2671", "-5")


def test_a_line_break_in_a_value_stays_in_its_cell(flask, partner):
    partner.lead(email="ann@example.com", other="one\rtwo\n=cmd")
    rows = list(csv.reader(io.StringIO(flask("leads", "export", "--format", "csv").output, newline="")))
    assert len(rows) == 2
    assert "one\ntwo\n=cmd" in rows[1]


def test_export_of_nothing_is_well_formed(flask):
    assert flask("leads", "export").output == ""
    assert json.loads(flask("leads", "export", "--format", "json").output) == []


def test_export_may_be_limited_to_a_program_and_a_time(flask, ann):
    assert ann in flask("leads", "export", "--program", "default", "--since", "1h").output
    assert ann not in flask("leads", "export", "--program", "solar").output
    assert ann in flask("leads", "export", "--since", "2020-01-01").output
    assert ann not in flask("leads", "export", "--since", "2099-01-01").output
    assert ann in flask("leads", "export", "--since", "99999d").output
    assert "--since takes a date" in flask("leads", "export", "--since", "yesterday").output


def test_terminal_output_holds_no_control_characters(flask, partner):
    lead_id = partner.lead(email="ann@example.com", other="\u009b2J\u202e red")["uniqueid"]
    output = flask("leads", "show", lead_id).output
    assert "\u009b" not in output
    assert "\u202e" not in output


def test_a_store_that_cannot_be_read_is_a_plain_error(flask, make_app, tmp_path):
    (tmp_path / "leads.db").write_bytes(b"this is no database" * 100)
    make_app()
    result = flask("leads", "export")
    assert result.exit_code == 1
    assert result.output.startswith("Error: the store cannot be read: ")


# --- Others ---


def test_hash_password_reads_standard_input(flask):
    hashed = flask("hash-password", input="päss:wörd\n").output.strip()
    assert check_password_hash(hashed, "päss:wörd")
    assert flask("hash-password", input="\n").output == "Error: the password is empty\n"


def test_example_prints_a_curl_line_and_its_answer_and_stores_nothing(make_app, tmp_path):
    rules = RULES + "examples: [{name: x, lead: {email: ann@example.com, first_name: O'Ann}, expect: valid}]"
    app = make_app(rules)
    runner = app.test_cli_runner(catch_exceptions=False)
    output = runner.invoke(args=["example", "--url", "http://127.0.0.1:8123"]).output
    assert "  curl -u impact:secret --data-urlencode email=ann." in output
    assert output.count("@example.com") == 2
    assert "http://127.0.0.1:8123/leads\n" in output
    assert "<valid>true</valid>" in output
    assert not (tmp_path / "leads.db").exists()


def test_a_setting_that_cannot_be_used_is_a_plain_error(monkeypatch):
    from flask.cli import ScriptInfo, cli

    monkeypatch.setenv("DATAPOST_OPEN", "perhaps")
    from click.testing import CliRunner

    result = CliRunner().invoke(cli, ["rules", "check"], obj=ScriptInfo("app.py"))
    assert "DATAPOST_OPEN is neither on nor off" in result.output


def test_commands_work_while_a_rule_file_is_broken(make_app):
    app = make_app({"default": RULES, "broken": "fields: {}"})
    result = app.test_cli_runner().invoke(args=["rules", "try", "broken", "-"])
    assert 'broken.yaml:1: "fields:" is empty' in result.output
    assert Partner(app).lead(email="ann@example.com")["valid"] == "true"
