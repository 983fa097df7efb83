"""The commands, run as they are typed."""

import csv
import io
import json
import re
from unicodedata import normalize

import pytest
from cast import RULES, Partner
from werkzeug.security import check_password_hash, generate_password_hash

from leads import export
from web.settings import User

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


def test_check_says_what_tests_cost_where_a_program_has_them(flask, tmp_path):
    (tmp_path / "a.yaml").write_text("test_flag: is_test\nfields: {is_test: {type: boolean}}")
    said = "1 field, 0 rules, 0 examples; leads with is_test are tests, "
    said += "at most 50 a day are answered valid, and impact.com pays for those"
    assert flask("rules", "check", "a.yaml").output == f"a.yaml: ok, {said}\n"
    (report,) = json.loads(flask("rules", "check", "a.yaml", "--format", "json").output)
    assert (report["summary"], report["warnings"]) == (said, [])


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


@pytest.mark.parametrize("text", ["\udcff", "\0", "no id", "é" * 26])
def test_what_no_database_can_hold_is_found_nowhere(flask, partner, ann, text):
    for line in [("show", text), ("explain", text), ("list", "--program", text), ("export", "--id", text)]:
        result = flask("leads", *line)
        assert result.exit_code == 1 and result.output.startswith("Error: "), line
    assert ann not in flask("leads", "list", "--partner", text).output


def test_export_writes_json_lines(flask, partner, ann):
    partner.lead(years="3")
    lines = [json.loads(line) for line in flask("leads", "export").output.splitlines()]
    assert [line["valid"] for line in lines] == [True, False]
    assert json.loads(flask("leads", "export", "--format", "json").output) == lines


def test_export_writes_a_table(flask, ann):
    head, row = flask("leads", "export", "--format", "table").output.splitlines()
    assert head.split() == ["ID", "RECEIVED", "PROGRAM", "PARTNER", "VALID", "AMOUNT", "REASONS"]
    assert row.split()[0] == ann


def test_export_writes_csv_with_a_column_for_each_declared_field_and_one_for_all_others(flask, partner, ann):
    partner.lead(first_name="-1+1", phone="+1 (415) 555-2671", note="@x", n="-5")
    rows = list(csv.DictReader(io.StringIO(flask("leads", "export", "--format", "csv").output)))
    assert rows[0]["id"] == ann
    assert rows[0]["valid"] == "true"
    assert rows[0]["sale_amount"] == "10.00"
    assert rows[0]["fields.email"] == "ann@example.com"
    assert json.loads(rows[0]["other_fields"]) == {"tags": ["a", "b"]}
    assert rows[1]["reasons"] == "email.required"
    assert rows[1]["fields.email"] == ""
    assert rows[1]["fields.first_name"] == "'-1+1"
    assert json.loads(rows[1]["other_fields"]) == {"phone": "+1 (415) 555-2671", "note": "@x", "n": "-5"}
    assert [name for name in rows[0] if "fields" in name] == [
        "fields.email", "fields.first_name", "fields.years", "other_fields",
    ]  # fmt: skip


def test_list_shows_the_newest_first_and_marks_tests(shop):
    head, *rows = shop.flask("leads", "list").output.splitlines()
    assert head.split() == ["ID", "RECEIVED", "PROGRAM", "PARTNER", "VALID", "AMOUNT", "REASONS"]
    assert [row.split()[0] for row in rows] == [lead.id for lead in reversed(shop.stored())]
    assert [row.split()[4:] for row in rows][:3] == [
        ["invalid", "body.unreadable"], ["8", "valid", "test", "10.00"], ["8", "invalid", "adult"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "emails"),
    [
        (["--tests"], ["test"]),
        (["--partner", "8", "--valid", "no"], ["eve", "ann"]),
        (["--reason", "adult"], ["eve"]),
        (["--email", "ANN@example.com"], ["ann", "ann"]),
        (["--since", "1h", "--limit", "2"], ["", "test"]),
        (["--until", "2020-01-01"], []),
    ],
)
def test_list_and_export_take_the_same_filters(shop, options, emails):
    shown = [
        json.loads(line) for line in shop.flask("leads", "list", "--format", "jsonl", *options).output.splitlines()
    ]
    assert [lead["fields"].get("email", "").partition("@")[0] for lead in shown] == emails
    assert all(list(lead) == list(export.KEYS) for lead in shown)
    if "--limit" not in options:
        exported = [json.loads(line) for line in shop.flask("leads", "export", *options).output.splitlines()]
        assert exported == shown[::-1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--since", "yesterday"], "Error: --since takes a date such as 2026-11-01"),
        (["--email", "ann"], "Error: --email is not an email address"),
        (["--valid", "perhaps"], "Error: --valid is one of"),
    ],
)
def test_list_says_what_is_wrong_with_a_filter(shop, options, sentence):
    result = shop.flask("leads", "list", *options)
    assert (result.exit_code, result.output.startswith(sentence)) == (1, True)


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


def test_a_store_that_cannot_be_read_is_a_plain_error(flask, make_app, tmp_path):
    (tmp_path / "leads.db").write_bytes(b"this is no database" * 100)
    make_app()
    result = flask("leads", "export")
    assert result.exit_code == 1
    assert result.output.startswith("Error: the store cannot be read: ")


# --- What a changed file would do, and why a lead was judged as it was ---


@pytest.fixture
def shop(make_app, tmp_path, monkeypatch):
    """A service with a day's leads of two partners: two valid, one duplicate, one too young, one not read."""
    monkeypatch.chdir(tmp_path)
    rules = RULES.replace("customer:", "partner: irpid\ntest_flag: is_test\ncustomer:")
    rules = rules.replace("  years:", "  irpid: {}\n  is_test: {type: boolean}\n  years:")
    partner = Partner(make_app(rules))
    for lead in [
        {"email": "ann@example.com", "irpid": "7", "years": "40"},
        {"email": "bob@example.com", "irpid": "8", "years": "20"},
        {"email": "ann@example.com", "irpid": "8", "years": "41"},
        {"email": "eve@example.com", "irpid": "8", "years": "17"},
        {"email": "test@example.com", "irpid": "8", "is_test": "yes"},
    ]:
        partner.lead(**lead)
    partner.post(b"{", "application/json")
    partner.rules = rules

    def run(*line):
        return partner.app.test_cli_runner(catch_exceptions=False).invoke(args=line)

    partner.flask = run
    return partner


def backtest(shop, rules, *options):
    with open("default.yaml", "w") as file:
        file.write(rules)
    return json.loads(shop.flask("rules", "backtest", "default.yaml", "--format", "json", *options).output)


def test_a_backtest_of_the_same_rules_changes_nothing(shop):
    report = backtest(shop, shop.rules)
    assert report["judged"] == 4
    assert report["now_refused"]["count"] == report["now_taken"]["count"] == 0
    assert report["amount_before"] == report["amount_after"] == "20.00"


def test_a_backtest_flips_exactly_the_leads_that_it_should(shop):
    report = backtest(shop, shop.rules.replace("years < 18", "years < 21 or years == 17"), "--show", "5")
    bob = shop.stored()[1]
    assert [change["id"] for change in report["changes"]] == [bob.id]
    assert report["now_refused"] == {
        "count": 1,
        "amount": "10.00",
        "by_reason": {"adult": {"count": 1, "amount": "10.00"}},
        "by_partner": {"8": {"count": 1, "amount": "10.00"}},
    }
    assert report["amount_after"] == "10.00"
    assert report["changes"][0]["fields"]["email"] == "b***"


def test_what_a_backtest_shows_of_a_lead_gives_nothing_away(make_app, tmp_path, monkeypatch):
    """Neither short values, of which a letter is much, nor what any rule file calls sensitive, the changed one too."""
    monkeypatch.chdir(tmp_path)
    rules = "fields: {email: {type: email}, born: {}, zip: {}, plan: {sensitive: true}}"
    partner = Partner(make_app({"default": rules, "solar": "fields: {city: {sensitive: true}}"}))
    secret = {"born": "1990-05-01", "plan": "premium", "city": "Boston", "a": {"Born": "1990-05-01"}}
    partner.lead(email="kim@example.com", zip="9021", town="Boston", n=["1", "Lee-Ann"], **secret)
    partner.rules = rules.replace("born: {}", "born: {sensitive: true}") + "\nrules: [{id: x, require: zip == '1'}]"
    partner.flask = lambda *line: partner.app.test_cli_runner(catch_exceptions=False).invoke(args=line)
    (change,) = backtest(partner, partner.rules, "--show", "1")["changes"]
    hidden = dict.fromkeys(["zip", "plan", "born", "city", "a.Born"], "***")
    assert change["fields"] == {"email": "k***", "town": "B***", "n": ["***", "L***"]} | hidden


def test_a_backtest_tells_what_would_be_taken_and_for_how_much(shop):
    report = backtest(shop, shop.rules.replace("years < 18", "years < 17").replace("10.00", "12.50"))
    assert report["now_taken"]["by_reason"] == {"adult": {"count": 1, "amount": "12.50"}}
    assert (report["amount_before"], report["amount_after"]) == ("20.00", "37.50")


def test_a_backtest_answers_claims_from_memory(shop):
    report = backtest(shop, shop.rules.replace("unique: [email]", "unique: [irpid]"))
    assert report["now_refused"]["count"] == 0
    assert report["now_taken"]["count"] == 0
    report = backtest(
        shop, shop.rules.replace("    unique: [email]\n    within: 90 days\n", "    limit: 1\n    per: month\n")
    )
    assert report["now_refused"]["by_reason"] == {"duplicate": {"count": 1, "amount": "10.00"}}


def test_a_backtest_may_be_limited_to_a_time(shop):
    assert backtest(shop, shop.rules, "--since", "2099-01-01")["judged"] == 0
    assert backtest(shop, shop.rules, "--since", "1h", "--program", "default")["judged"] == 4
    assert backtest(shop, shop.rules, "--program", "other")["judged"] == 0


def test_a_backtest_is_readable(shop):
    backtest(shop, shop.rules)
    output = shop.flask("rules", "backtest", "default.yaml").output
    assert "judged        4\n" in output
    assert "now_refused\n  count                 0\n" in output


def test_a_backtest_of_a_broken_file_shows_its_mistakes(shop):
    with open("default.yaml", "w") as file:
        file.write("fields: {}")
    result = shop.flask("rules", "backtest", "default.yaml")
    assert (result.exit_code, result.output) == (1, 'Error: default.yaml:1: "fields:" is empty\n')


def explain(shop, number):
    lead = shop.stored()[number]
    return json.loads(shop.flask("leads", "explain", lead.id, "--format", "json").output)


@pytest.mark.parametrize(("number", "codes"), [(0, []), (2, ["duplicate"]), (3, ["adult"]), (5, ["body.unreadable"])])
def test_explain_judges_a_lead_again_by_the_rules_of_that_day(shop, number, codes):
    shown = explain(shop, number)
    assert shown["reasons"] == codes
    assert shown["rules_of_that_day"]["reasons"] == codes
    assert shown["rules_of_that_day"]["differs"] is shown["rules_of_today"]["differs"] is False


def test_explain_says_whether_the_rules_of_today_decide_otherwise(shop, tmp_path, clock):
    path = tmp_path / "rules" / "default.yaml"
    path.write_text(shop.rules.replace("years < 18", "years < 17"))
    clock.passes(2)
    shop.app.extensions["datapost"].rulebook.refresh()
    shown = explain(shop, 3)
    assert shown["rules_of_that_day"]["reasons"] == ["adult"]
    assert shown["rules_of_today"] | {"rules": "", "note": ""} == {
        "rules": "", "valid": True, "reasons": [], "note": "", "differs": True,
    }  # fmt: skip
    output = shop.flask("leads", "explain", shop.stored()[3].id).output
    assert "rules_of_today\n" in output
    assert "  differs               true\n" in output


def test_explain_and_backtest_pass_over_what_was_forgotten(make_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rules = "fields:\n  ssn: {type: id, standard: us.ssn, required: true, store: false}\n"
    rules += "  pin: {required: pin is missing, store: false}\nsale_amount: 5"
    partner = Partner(make_app(rules))
    lead_id = partner.lead(ssn="536-90-4399", pin="1234")["uniqueid"]
    (tmp_path / "default.yaml").write_text(rules)
    runner = partner.app.test_cli_runner(catch_exceptions=False)
    shown = json.loads(runner.invoke(args=["leads", "explain", lead_id, "--format", "json"]).output)
    assert shown["rules_of_that_day"]["differs"] is False
    report = json.loads(runner.invoke(args=["rules", "backtest", "default.yaml", "--format", "json"]).output)
    assert (report["judged"], report["now_refused"]["count"]) == (1, 0)


def test_sensitive_fields_stay_masked_when_their_rule_file_is_gone(make_app, tmp_path):
    Partner(make_app("fields: {email: {sensitive: true}}")).lead(email="canary")
    (tmp_path / "rules" / "default.yaml").write_text("fields: {email: {}}")
    runner = make_app({}).test_cli_runner()
    assert "canary" not in runner.invoke(args=["leads", "export"]).output
    (tmp_path / "rules" / "default.yaml").unlink()
    runner = make_app({}).test_cli_runner()
    assert "canary" not in runner.invoke(args=["leads", "export"]).output


def test_sensitive_fields_are_masked_unless_asked_for(make_app):
    partner = Partner(make_app("fields: {email: {type: email, sensitive: true}, a: {}}"))
    lead_id = partner.lead(email="canary@example.com", a="seen")["uniqueid"]
    runner = partner.app.test_cli_runner()
    for line in [["leads", "show", lead_id], ["leads", "explain", lead_id], *(
        ["leads", "export", "--format", output] for output in ("json", "jsonl", "csv", "table"))]:  # fmt: skip
        output = runner.invoke(args=line).output
        assert "canary" not in output
        assert lead_id in output
    assert "canary@example.com" in runner.invoke(args=["leads", "show", lead_id, "--sensitive"]).output
    assert "canary@example.com" in runner.invoke(args=["leads", "export", "--sensitive"]).output


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
    app = make_app(rules)
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


def test_a_setting_that_cannot_be_used_is_a_plain_error(monkeypatch):
    from flask.cli import ScriptInfo, cli

    monkeypatch.setenv("DATAPOST_OPEN", "perhaps")
    from click.testing import CliRunner

    result = CliRunner().invoke(cli, ["rules", "check"], obj=ScriptInfo("app.py"))
    assert 'DATAPOST_OPEN is "perhaps": write on or off' in result.output


def test_commands_work_while_a_rule_file_is_broken(make_app):
    app = make_app({"default": RULES, "broken": "fields: {}"})
    result = app.test_cli_runner().invoke(args=["rules", "try", "broken", "-"])
    assert 'broken.yaml:1: "fields:" is empty' in result.output
    assert Partner(app).lead(email="ann@example.com")["valid"] == "true"


def test_a_program_that_does_not_exist_is_told_and_one_whose_rule_file_is_gone_is_listed(flask, partner, tmp_path):
    partner.lead(email="ann@example.com")
    mistaken = flask("leads", "list", "--program", "defalt")
    assert (mistaken.exit_code, mistaken.output) == (1, 'Error: there is no program defalt. Did you mean "default"?\n')
    del partner.app.extensions["datapost"].rulebook.programs["default"]
    assert len(flask("leads", "list", "--program", "default").output.splitlines()) == 2
