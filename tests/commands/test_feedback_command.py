"""`flask feedback`: what sales says of leads, in a file."""

import json

import pytest
from cast import Partner

import database
from commands.feedback import TOLD
from impact import feedback, feedbackfile
from impact.ledger import Outcome
from models import Lead

RULES = """
title: Solar
fields: {email: {type: email, required: true}}
impact: {campaign: 1000, event_type: 2240, reversals: {reasons: {fake: CONS_FRAUD}}}
"""


@pytest.fixture
def sales(make_app, database_url, tmp_path, monkeypatch):
    """Somebody with a file of what sales says, a service with two programs, and some leads."""
    monkeypatch.setenv("LOGNAME", "ann")
    made = Partner(make_app({"solar": RULES, "wind": RULES}, database_url=database_url))

    def run(text, *options, status=0):
        file = tmp_path / "sales.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        result = made.app.test_cli_runner(catch_exceptions=False).invoke(args=["feedback", str(file), *options])
        assert result.exit_code == status, result.output
        return result

    made.run = run
    made.json = lambda text, *options, status=0: json.loads(
        run(text, "--format", "json", *options, status=status).stdout
    )
    return made


@pytest.fixture
def lead(sales):
    return post(sales)


def post(sales, path="/leads/solar", email="ann@example.com"):
    return sales.lead(path, email=email)["uniqueid"]


def said():
    with database.read():
        return [(row.outcome, row.reason, row.said_by) for row in Outcome.select().order_by(Outcome.id)]


def test_a_file_is_taken_and_counted(sales, lead):
    other = post(sales, "/leads/wind")
    result = sales.run(f"lead_id,outcome,reason,value\n{lead},sold,,1200.50\n{other},bad,Fake,\n")
    assert result.output.splitlines() == [
        "2 lines: 2 added, 0 known before, 0 wrong",
        "1 bad lead waits to be reversed: flask reversals list --state proposed",
    ]
    assert said() == [("sold", "", "ann"), ("bad", "fake", "ann")]


def test_the_same_file_again_adds_nothing_even_where_a_lead_has_several_lines(sales, lead):
    text = f"lead_id,outcome\n{lead},contacted\n{lead},sold\n"
    assert sales.json(text) == {"lines": 2, "added": 2, "known": 0, "proposed": 0, "wrong": []}
    assert sales.json(text) == {"lines": 2, "added": 0, "known": 2, "proposed": 0, "wrong": []}


@pytest.mark.parametrize(
    "text",
    [
        "lead_id,outcome,value\n{},sold,5\n",
        "\ufeffOutcome;VALUE;Lead ID;who\r\nsold;5;{};Ann\r\n",
        "value\toutcome\tleadid\n5\tSold\t{}",
        '\n"lead_id","outcome","value"\n\n"{}","sold","5"\n,,\n',
        'lead_id,outcome,value\n{},sold,"5.00"',
    ],
)
def test_columns_come_in_any_order_and_are_divided_as_spreadsheets_do(sales, lead, text):
    assert sales.json(text.format(lead))["added"] == 1


def test_a_line_that_is_wrong_is_named_with_why_and_the_others_are_taken(sales, lead):
    text = f"lead_id,outcome,value\n0,sold,\n\n{lead},returned,\n{lead},sold,1,200\n{lead},sold,5\n"
    result = sales.run(text, status=1)
    unknown, outcome, cells, counted = result.output.splitlines()
    assert unknown.startswith("line 2: there is no such lead")
    assert outcome == "line 4: outcome is none of ours: write contacted, qualified, sold or bad"
    assert cells == "line 5: it has more cells than the first line: put a value with a comma in quotes"
    assert counted == "4 lines: 1 added, 0 known before, 3 wrong"


def test_of_many_wrong_lines_the_first_are_told(sales):
    text = "lead_id,outcome\n" + "0,sold\n" * (TOLD + 5)
    assert sales.run(text, status=1).output.splitlines()[-2:] == [
        "and 5 more lines", f"{TOLD + 5} lines: 0 added, 0 known before, {TOLD + 5} wrong"
    ]  # fmt: skip
    assert len(sales.json(text, status=1)["wrong"]) == TOLD + 5


def test_a_quote_that_does_not_end_is_told_and_what_stood_before_it_is_taken(sales, lead):
    told = sales.json(f'lead_id,outcome\n{lead},sold\n{lead},"bad\n', status=1)
    assert told["added"] == 1
    assert "cannot be read as CSV from here on" in told["wrong"][0]["why"]


def test_only_leads_of_a_program_are_spoken_of_where_one_is_named(sales, lead):
    text = f"lead_id,outcome\n{lead},sold\n"
    assert sales.json(text, "--program", "wind", status=1)["wrong"][0]["line"] == 2
    assert sales.json(text, "--program", "solar")["added"] == 1


def test_standard_input_is_read_for_a_dash(sales, lead):
    runner = sales.app.test_cli_runner(catch_exceptions=False)
    result = runner.invoke(args=["feedback", "-"], input=f"lead_id,outcome\n{lead},sold\n")
    assert result.output == "1 line: 1 added, 0 known before, 0 wrong\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty: its first line names the columns, lead_id, outcome, reason, value"),
        ("lead_id,stage\nx,sold\n", "the file has no column outcome: name them in its first line"),
        ("x\n", "the file has no column lead_id and no column outcome"),
        ("lead_id,outcome,Outcome\n", "the file has the column outcome twice: keep one"),
        (b"lead_id,outcome\nx,\xff\n", "the file is not UTF-8 text: save it as CSV in UTF-8"),
        ("lead_id,outcome\n".encode("utf-16"), "the file is not UTF-8 text"),
        ("lead_id,outcome\n" + "x,sold\n" * 10_001, "the file has more than 10,000 lines: cut it into several"),
        ("lead_id,outcome\n" + "x" * 2_000_000, "the file has more than 2 MB: cut it into several"),
    ],
)
def test_a_file_that_cannot_be_read_as_a_whole_is_told_and_nothing_of_it_taken(sales, text, told):
    assert told in sales.run(text, status=1).output
    assert said() == []


def test_a_file_that_there_is_not_is_told(sales):
    result = sales.app.test_cli_runner().invoke(args=["feedback", "nowhere.csv"])
    assert (result.exit_code, result.output) == (1, "Error: nowhere.csv cannot be read: No such file or directory\n")


def test_no_text_of_the_file_is_told(sales, lead):
    text = f"lead_id,outcome,reason,value,S3CR3T\nS3CR3T,sold,,,\n{lead},S3CR3T,,,\n{lead},bad,S3CR3T,,S3CR3T\n"
    assert "S3CR3T" not in sales.run(text, status=1).output


def test_a_file_is_taken_some_lines_at_a_time_so_that_leads_need_not_wait(sales, lead, monkeypatch):
    ids = [post(sales, email=f"pat{n}@example.com") for n in range(10)]
    monkeypatch.setattr(feedbackfile, "AT_ONCE", 3)
    batches, take = [], feedback.take

    def noted(statements, *rest):
        batches.append([said.lead for said in statements])
        return take(statements, *rest)

    monkeypatch.setattr(feedback, "take", noted)
    lines = [f"{one},contacted" for one in ids] + [f"{ids[0]},sold"]
    assert sales.json("\n".join(["lead_id,outcome", *lines]))["added"] == 11
    assert [len(batch) for batch in batches] == [3, 3, 3, 2]
    assert batches[0][:2] == [ids[0], ids[0]]


def test_a_lead_of_a_program_that_there_is_no_more_is_unknown(sales, lead):
    database.transact(Lead.update(program="gone").execute)
    assert "no such lead" in sales.json(f"lead_id,outcome\n{lead},sold\n", status=1)["wrong"][0]["why"]
