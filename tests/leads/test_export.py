"""What is stored is data: it steers neither the spreadsheet nor the terminal that it is shown on."""

import csv
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys

import pytest
from cast import ROOT
from hypothesis import given
from hypothesis import strategies as st

from commands import output
from leads import export
from web import presenting


def read_csv(text):
    """Return the values of the cells, by the rule that docs/operations.md tells."""
    return [[value_of(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""))]


def value_of(cell):
    return re.sub(r"(\A|(?<=[;\t\r\n]))'", "", cell)


def cell_of(value):
    return export.cell(value)


# --- Formulas ---


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("\tx", "'\tx"),
        ("  =1", "'  =1"),
        ("\u00a0=1", "'\u00a0=1"),
        ('"=1', "'\"=1"),
        ("＝1", "'＝1"),
        ("＋1＋1", "'＋1＋1"),
        ("x;=1", "x;'=1"),
        ("x; @A1", "x;' @A1"),
        ('x;"=1', "x;'\"=1"),
        ("one\n-2+3", "one\n'-2+3"),
        ("one\ttwo\t=1", "one\ttwo\t'=1"),
        (["=1", "=2"], "'=1;' =2"),
        ("'=1", "''=1"),
        ("'tis", "''tis"),
        ("+1-2", "'+1-2"),
        ("-1e9", "'-1e9"),
    ],
)  # fmt: skip
def test_what_could_start_a_formula_gets_an_apostrophe(value, cell):
    assert cell_of(value) == cell


@pytest.mark.parametrize(
    "value",
    ["", "Ann", "O'Brien", "a=b", "a-b", "a, =b", "ann@example.com", "5", "-5", "-5.25", "+14155552671",
     "+1 (415) 555-2671", "+49 30 901820", "+14155552671; +14155552672", "-5;-6", "one\ntwo", "a;b"],
)  # fmt: skip
def test_phones_numbers_and_ordinary_texts_stay_as_they_are(value):
    assert cell_of(value) == value


@given(st.text(st.sampled_from(";\t\r\n'\"=+-@＝＋－＠ 10a.()\u00a0") | st.characters(exclude_categories=["Cs"])))
def test_every_value_comes_back_by_taking_the_apostrophes_away(value):
    cell = cell_of(value)
    assert value_of(cell) == value
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([cell])
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(line.getvalue(), newline=""), delimiter=delimiter):
            for read in row:
                assert harmless(read)


def harmless(cell):
    return not re.match(r"\s*[=+@＝＋－＠-]", cell) or re.fullmatch(r"\s*[+-]?[0-9][0-9 ().-]*\s*", cell)


HOSTILE = {"=name": "=1+1", "a;=b": "x;=1", "phone": "+14155552671", "quote": "it's", "lines": "one\n=two", "n": "-5"}


def test_all_values_come_back_and_no_cell_starts_a_formula(flask, partner):
    partner.lead(email="ann@example.com", first_name="x;=1\n@y", **HOSTILE)
    text = flask("leads", "export", "--format", "csv").stdout_bytes.decode()
    head, row = read_csv(text)
    values = dict(zip(head, row, strict=True))
    assert values["fields.first_name"] == "x;=1\n@y"
    assert json.loads(values["other_fields"]) == HOSTILE
    for delimiter in ",;\t":
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            assert all(harmless(cell) for cell in line)


@given(st.dictionaries(st.text(), st.text(st.sampled_from(";'=\t\n\"") | st.characters(exclude_categories=["Cs"]))))
def test_other_fields_stay_json_whatever_they_hold(fields):
    lead = dict.fromkeys(presenting.KEYS) | {"received_at": "2026-03-01T12:00:00.000Z", "fields": fields}
    _, (*_, cell) = csv.reader(io.StringIO("".join(export.csv_lines([lead], [])), newline=""))
    assert json.loads(cell or "{}") == fields
    assert cell == value_of(cell)


def test_fields_that_partners_make_up_add_no_columns(flask, partner):
    for number in range(20):
        partner.lead(email=f"ann{number}@example.com", **{f"made up {number} {n}": "x" for n in range(20)})
    head, *rows = read_csv(flask("leads", "export", "--format", "csv").output)
    assert [name for name in head if "fields" in name] == [
        "fields.email", "fields.first_name", "fields.years", "other_fields",
    ]  # fmt: skip
    assert [len(json.loads(row[-1])) for row in rows] == [20] * 20


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_all_values_come_back_from_libreoffice(flask, partner, tmp_path):
    partner.lead(email="ann@example.com", first_name="x;=1\n@y", **HOSTILE)
    (tmp_path / "leads.csv").write_bytes(flask("leads", "export", "--format", "csv").stdout_bytes)
    columns = "/".join(f"{number}/2" for number in range(1, 30))  # as text
    line = ["soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless", "--outdir", f"{tmp_path}/out"]
    line += [f"--infilter=CSV:44,34,76,1,{columns}", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76"]
    subprocess.run([*line, str(tmp_path / "leads.csv")], check=True, capture_output=True)
    head, row = read_csv((tmp_path / "out" / "leads.csv").read_text())
    values = dict(zip(head, row, strict=True))
    assert (values["fields.first_name"], json.loads(values["other_fields"])) == ("x;=1\n@y", HOSTILE)


# --- Terminals ---

STEERING = "\x1b[2J\u009b31m\u202e\u2028\x7f"  # clears the screen, colors, turns the writing around


@pytest.fixture
def lead_id(partner):
    """The id of a stored lead that would steer a terminal, and a spreadsheet cell of two lines."""
    fields = {"email": "ann@example.com", "first_name": STEERING, f"n{STEERING}": STEERING, "lines": "one\ntwo"}
    body = json.dumps(fields, ensure_ascii=False)
    return partner.post(body.encode(), "application/json").headers["Datapost-Lead"]


@pytest.mark.parametrize(
    "command",
    ["leads list", "leads show ID", "leads explain ID", "leads export --format table",
     *(f"leads {what} --format json" for what in ("show ID", "explain ID", "export")), "leads export"],
)  # fmt: skip
def test_no_command_lets_a_value_steer_a_terminal(flask, lead_id, command):
    output = flask(*command.replace("ID", lead_id).split()).output
    assert lead_id in output
    assert all(line.isprintable() for line in output.split("\n"))


def test_in_json_nothing_is_lost_by_that(flask, partner, lead_id):
    (stored,) = partner.stored()
    shown = json.loads(flask("leads", "show", lead_id, "--format", "json").output)
    assert shown["fields"] == stored.fields
    assert "\u202e" in "".join(stored.fields)


@pytest.mark.parametrize("command", ["leads show ID --body", "leads export --format csv"])
def test_what_is_written_as_it_came_is_made_printable_for_a_terminal_alone(flask, lead_id, tmp_path, command):
    line = command.replace("ID", lead_id).split()
    assert "\u202e" in flask(*line).stdout_bytes.decode()
    shown = on_terminal(line, DATABASE_URL=f"sqlite:///{tmp_path}/leads.db", DATAPOST_RULES=str(tmp_path / "rules"))
    assert "ann@example.com" in shown
    assert all(line.isprintable() for line in shown.replace("\r\n", "\n").split("\n"))


def test_a_table_is_as_wide_as_the_terminal(flask, lead_id, tmp_path):
    environ = {"DATABASE_URL": f"sqlite:///{tmp_path}/leads.db", "DATAPOST_RULES": str(tmp_path / "rules")}
    for columns in (60, 80, 200):
        lines = on_terminal(["leads", "list"], COLUMNS=str(columns), **environ).splitlines()
        assert len(lines) == 2
        assert max(map(len, lines)) <= columns


@pytest.mark.parametrize("text", ["日本語のパートナー会社", "e\u0301" * 20, "ＷＩＤＥ and more of it", "plain"])
def test_letters_take_the_columns_that_a_terminal_gives_them(text, capsys):
    """Two for a Chinese letter, none for an accent of its own."""
    output.write_row(("id", "", "", text, "valid", "10.00", text * 9), (26, 11, 7, 6, 12), 80)
    (line,) = capsys.readouterr().out.splitlines()
    assert wcwidth(line) <= 80
    assert wcwidth(line[: line.index("valid")]) == 26 + 11 + 7 + 6 + 4 * 2


def wcwidth(text):
    return sum(0 if c == "\u0301" else 1 + (ord(c) > 0x3000 and c != "…") for c in text)


def test_who_has_read_enough_gets_no_error(flask, partner, tmp_path):
    for number in range(300):
        partner.lead(email=f"ann{number}@example.com", text="x" * 1000)
    environ = {"DATABASE_URL": f"sqlite:///{tmp_path}/leads.db", "DATAPOST_RULES": str(tmp_path / "rules")}
    line = [sys.executable, "-m", "flask", "leads", "export"]
    ours = {"env": {"PATH": os.environ["PATH"]} | environ, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, cwd=ROOT, **ours) as process:
        assert process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""


def on_terminal(line, **environ):
    """Run a command whose output is a terminal, and return what it shows."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "flask", *line]
    with subprocess.Popen(command, cwd=ROOT, env={"PATH": os.environ["PATH"]} | environ, stdout=theirs):
        os.close(theirs)
        return b"".join(iter(lambda: read(terminal), b"")).decode()


def read(terminal):
    try:
        return os.read(terminal, 1000)
    except OSError:  # nobody writes to it any more
        os.close(terminal)
        return b""
