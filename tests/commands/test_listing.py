"""The commands that show, list and export leads, and what they mask."""

import csv
import io
import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from cast import RULES, Partner

from commands.leads import FILTERS
from web import presenting


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


def test_people_see_when_a_lead_came_by_the_clock_of_its_program_with_the_zone(make_app):
    partner = Partner(make_app("timezone: America/New_York\n" + RULES))
    flask = lambda *line: partner.app.test_cli_runner().invoke(args=line)  # noqa: E731
    lead_id = partner.lead(email="ann@example.com")["uniqueid"]
    came = datetime.fromisoformat(json.loads(flask("leads", "show", lead_id, "--format", "json").output)["received_at"])
    there = came.astimezone(ZoneInfo("America/New_York"))
    (row,) = csv.DictReader(io.StringIO(flask("leads", "list", "--format", "csv").output))
    assert row["received_at"] == there.isoformat(timespec="milliseconds")
    assert f"{there:%Y-%m-%d %H:%M:%S %Z}" in flask("leads", "list").output
    assert there.isoformat(" ", "milliseconds") in flask("leads", "show", lead_id).output


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
    assert [row.split()[5:] for row in rows][:3] == [
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
    assert all(list(lead) == list(presenting.KEYS) for lead in shown)
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


@pytest.mark.parametrize("name", [*FILTERS])
@pytest.mark.parametrize("command", ["list", "export"])
@pytest.mark.parametrize("text", ["", " "])
def test_a_filter_that_is_given_empty_is_refused_and_does_not_find_all_leads(shop, command, name, text):
    result = shop.flask("leads", command, f"--{name}", text)
    assert (result.exit_code, result.output) == (
        1, f"Error: --{name} is empty: write what it is to be, or leave it out\n",
    )  # fmt: skip


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


def test_a_program_that_does_not_exist_is_told_and_one_whose_rule_file_is_gone_is_listed(flask, partner, tmp_path):
    partner.lead(email="ann@example.com")
    mistaken = flask("leads", "list", "--program", "defalt")
    assert (mistaken.exit_code, mistaken.output) == (1, 'Error: there is no program defalt. Did you mean "default"?\n')
    del partner.app.extensions["datapost"].rulebook.programs["default"]
    assert len(flask("leads", "list", "--program", "default").output.splitlines()) == 2


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
