"""The commands about rule files, and those that help to set up, run as they are typed."""

import json
import re
from unicodedata import normalize

import pytest
from cast import RULES, Partner
from werkzeug.security import check_password_hash, generate_password_hash

from app import create_app
from web.settings import User

# --- flask rules ---

NO_EXAMPLES = "warning: there are no examples: write a lead that is valid, and one that is not, to see that they are so"


def test_check_says_ok_for_all_files_of_the_folder(flask, tmp_path):
    result = flask("rules", "check")
    assert result.exit_code == 0
    path = f"{tmp_path}/rules/default.yaml"
    assert result.output.splitlines() == [f"{path}:1: {NO_EXAMPLES}", f"{path}: ok, 3 fields, 2 rules, 0 examples"]


def test_check_shows_every_mistake_and_exits_with_1(flask, tmp_path):
    (tmp_path / "a.yaml").write_text("fields: {email: {typ: email, requird: true}}")
    (tmp_path / "b.yaml").write_text(RULES)
    result = flask("rules", "check", "a.yaml", "b.yaml")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        'a.yaml:1: field "email": "requird" is not a known key. Did you mean "required"?',
        'a.yaml:1: field "email": "typ" is not a known key. Did you mean "type"?',
        f"b.yaml:1: {NO_EXAMPLES}",
        "b.yaml: ok, 3 fields, 2 rules, 0 examples",
    ]


def test_check_says_what_tests_cost_where_a_program_has_them(flask, tmp_path):
    (tmp_path / "a.yaml").write_text("test_flag: is_test\nfields: {is_test: {type: boolean}}")
    said = "1 field, 0 rules, 0 examples; leads with is_test are tests, "
    said += "at most 50 a day are answered valid, and impact.com pays for those"
    assert flask("rules", "check", "a.yaml").output == f"a.yaml:1: {NO_EXAMPLES}\na.yaml: ok, {said}\n"
    (report,) = json.loads(flask("rules", "check", "a.yaml", "--format", "json").output)
    assert (report["summary"], report["warnings"]) == (said, [f"a.yaml:1: {NO_EXAMPLES}"])


def test_check_says_when_a_campaign_takes_leads(flask, tmp_path):
    (tmp_path / "a.yaml").write_text("starts: 2026-01-01\nends: 2099-12-31\nfields: {a: {}}")
    (tmp_path / "b.yaml").write_text("ends: 2099-12-31\nfields: {a: {}}")
    assert flask("rules", "check", "a.yaml", "b.yaml").output.splitlines() == [
        f"a.yaml:1: {NO_EXAMPLES}",
        "a.yaml: ok, 1 field, 0 rules, 0 examples; leads are taken from 2026-01-01 up to 2099-12-31",
        f"b.yaml:1: {NO_EXAMPLES}",
        "b.yaml: ok, 1 field, 0 rules, 0 examples; leads are taken up to 2099-12-31",
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


def test_try_takes_a_file_that_is_no_program_yet(flask, tmp_path):
    draft = tmp_path / "draft.yaml"
    draft.write_text("fields: {zip: {required: true}}")
    assert "reasons       zip.required\n" in flask("rules", "try", str(draft), "-", input="a=1").output
    draft.write_text("fields: {zip: {requird: true}}")
    assert 'Did you mean "required"?' in flask("rules", "try", str(draft), "-", input="a=1").output


def test_schema_prints_the_json_schema(flask):
    assert json.loads(flask("rules", "schema").output)["title"] == "A program of Datapost"


# --- Others ---


def test_hash_password_reads_standard_input(flask):
    hashed = flask("hash-password", input="päss:wörd\n").output.strip()
    assert check_password_hash(hashed, "päss:wörd")
    assert flask("hash-password", input="\n").output == "Error: the password is empty\n"
    assert "a control character" in flask("hash-password", input="a\tb\n").output


def test_a_password_is_hashed_in_the_form_that_logins_are_read_in(flask):
    hashed = flask("hash-password", input=normalize("NFD", "päss:wörd")).output.strip()
    assert check_password_hash(hashed, normalize("NFC", "päss:wörd"))


def test_example_prints_a_curl_line_and_its_answer_and_stores_nothing(make_app, tmp_path):
    rules = RULES + "examples: [{name: x, lead: {email: ann@example.com, first_name: O'Ann}, expect: valid}]"
    app = make_app(rules, empty=True)
    runner = app.test_cli_runner(catch_exceptions=False)
    output = runner.invoke(args=["example", "--url", "http://127.0.0.1:8123"]).output
    assert "  curl -u impact:secret --data-urlencode email=ann." in output
    assert output.count("@example.com") == 2
    assert "http://127.0.0.1:8123/leads\n" in output
    assert "<valid>true</valid>" in output
    assert not (tmp_path / "leads.db").exists()


def test_example_prints_where_the_pages_are_and_no_password_that_is_a_hash(make_app):
    rules = RULES + "examples: [{name: x, lead: {email: ann@example.com}, expect: valid}]"
    for password, told in (("letmein", ", password letmein:"), (generate_password_hash("letmein"), ":")):
        runner = make_app(rules, operators=(User("owner", password),)).test_cli_runner(catch_exceptions=False)
        output = runner.invoke(args=["example"]).output
        assert f"Dashboard, for the user owner{told}\n\n  http://127.0.0.1:8000/dashboard\n" in output
        assert re.search(r"\n  http://127\.0\.0\.1:8000/docs/default\?key=[0-9a-f]{32}\n", output)


def test_example_says_all_that_is_wrong_with_the_rules_before_anything_else(make_app, tmp_path):
    rules = RULES + "examples: [{name: x, lead: {email: ann@example.com}, expect: valid}]"
    app = make_app({"default": rules, "solar": "fields: {a: {typ: x}, b: {requird: yes}}"})
    result = app.test_cli_runner().invoke(args=["example"])
    assert result.exit_code == 1
    assert result.output.replace(f"{tmp_path}/", "").splitlines() == [
        "Error: the rules are broken:",
        'rules/solar.yaml:1: field "a": "typ" is not a known key. Did you mean "type"?',
        'rules/solar.yaml:1: field "b": "requird" is not a known key. Did you mean "required"?',
    ]


def test_a_setting_that_cannot_be_used_is_a_plain_error(monkeypatch):
    from flask.cli import ScriptInfo, cli

    monkeypatch.setenv("DATAPOST_OPEN", "perhaps")
    from click.testing import CliRunner

    result = CliRunner().invoke(cli, ["rules", "check"], obj=ScriptInfo("app.py"))
    assert 'DATAPOST_OPEN is "perhaps": write on or off' in result.output


def test_a_command_that_uses_the_last_good_rules_says_so(make_app, tmp_path, monkeypatch):
    app = make_app()
    Partner(app).lead(email="ann@example.com")
    (tmp_path / "rules" / "default.yaml").write_text("fields: {}")
    broken = create_app(app.extensions["datapost"].settings)
    result = broken.test_cli_runner().invoke(
        args=["rules", "try", "default", "-"], input='{"email": "bob@example.com"}'
    )
    assert "default.yaml is broken, and these are the rules that judged its last lead:" in result.stderr
    assert 'default.yaml:1: "fields:" is empty' in result.stderr and "valid         true" in result.stdout


def test_commands_work_while_a_rule_file_is_broken(make_app):
    app = make_app({"default": RULES, "broken": "fields: {}"})
    result = app.test_cli_runner().invoke(args=["rules", "try", "broken", "-"])
    assert 'broken.yaml:1: "fields:" is empty' in result.output
    assert Partner(app).lead(email="ann@example.com")["valid"] == "true"
