"""The pages about programs: rule files with their mistakes, leads to try, and changes to try on past leads."""

import json
import logging
import os
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from brand import EXAMPLES, OPERATORS, OWNER, RULES, Operator, id_of, record, text_of, wait_for_backtests
from cast import Partner, do_chores
from lxml import html
from werkzeug.http import parse_options_header

import database
from app import create_app
from dashboard import sheets
from leads import backtest
from leads.backtest import Backtest


@pytest.fixture
def brand(make_app, database_url):
    app = make_app({"default": RULES + EXAMPLES}, operators=OPERATORS, database_url=database_url)
    database.migrate()
    partner = Partner(app)
    partner.operator = Operator(app)
    return partner


@pytest.fixture
def shop(make_app):
    app = make_app({"default": RULES + EXAMPLES}, operators=OPERATORS)
    partner = Partner(app)
    partner.operator, partner.rules = Operator(app), app.extensions["datapost"].rulebook.folder / "default.yaml"
    return partner


def line(response, number):
    """Return what a page shows of a line of the rule file, with its notes."""
    (found,) = html.fromstring(response.text).xpath(f"//li[@id='line-{number}']")
    return found.get("class"), " ".join(found.text_content().split())


# --- Rule files ---


def test_a_program_is_shown_with_its_text_and_what_becomes_of_its_examples(shop):
    response = shop.operator.get("/dashboard/programs/default")
    assert line(response, 2) == (None, "title: Home loans")
    page = text_of(response)
    assert "a good lead As expected: valid, worth 10.00." in page
    assert "too young As expected: refused: Applicants must be 18 or older." in page


def test_the_contract_is_a_file_to_send_to_impact_com(shop):
    response = shop.operator.get("/dashboard/programs/default/contract.md", base_url="https://leads.example.com")
    assert response.headers["Content-Disposition"] == "attachment; filename=contract-default.md"
    assert "| URL | `https://leads.example.com/leads/default` |" in response.text
    assert shop.operator.get("/dashboard/programs/none/contract.md").status_code == 404


NAMES = ["日本", "two\nlines", 'q"uo"te', "back\\slash", "semi; filename=x", "\u202egpj", "é" * 80, "per%41cent"]


def test_a_contract_is_a_file_with_the_name_of_its_program_whatever_that_is(make_app):
    http = make_app(dict.fromkeys(NAMES, RULES), operators=OPERATORS).test_client()
    for name in NAMES:
        response = http.get(f"/dashboard/programs/{quote(name, safe='')}/contract.md", auth=OWNER)
        told = response.headers["Content-Disposition"]
        assert response.status_code == 200 and told.isascii() and told.isprintable()
        seen = name.replace("\n", "\ufffd").replace("\u202e", "\ufffd")
        assert parse_options_header(told) == ("attachment", {"filename": f"contract-{seen}.md"})


def test_a_rule_file_whose_name_is_no_text_is_an_error_and_breaks_no_page(make_app, tmp_path):
    make_app(RULES, operators=OPERATORS)
    (tmp_path / "rules" / os.fsdecode(b"\xff.yaml")).write_text(RULES)
    app = make_app(RULES, operators=OPERATORS)
    (error,) = app.extensions["datapost"].rulebook.errors
    assert str(error).endswith("\ufffd.yaml:1: rename the file: its name is no text in UTF-8")
    for path in ["/dashboard", "/dashboard/programs", "/dashboard/programs/%EF%BF%BD", "/dashboard/leads"]:
        assert app.test_client().get(path, auth=OWNER).status_code == 200


def test_warnings_stand_on_their_lines(shop):
    kind, text = line(shop.operator.get("/dashboard/programs/default"), 11)
    assert kind == "warning" and text.startswith("irpid: {}Warning: ")
    assert "In use, with" in shop.operator.words("/dashboard/programs")


def test_errors_stand_on_their_lines_while_the_last_good_version_is_in_use(shop):
    shop.rules.write_text(RULES.replace("years: {type: integer}", "years: {type: intger}"))
    response = shop.operator.get("/dashboard/programs/default")
    kind, text = line(response, 10)
    assert kind == "error" and text.endswith('Did you mean "integer"?')
    assert "1 error. Rules with errors are not used. Line 10" in text_of(response)
    assert "judged by the last good version" in text_of(response)


def test_an_example_that_fails_is_shown_with_what_the_rules_say(shop):
    shop.rules.write_text((RULES + EXAMPLES).replace("expect: [adult]", "expect: valid"))
    page = shop.operator.words("/dashboard/programs/default")
    assert "too young Expected valid, but the rules say refused: Applicants must be 18 or older." in page
    assert 'Error: example "too young": expected valid, but the rules say adult' in page


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"", b"fields: [", b"a: b\x00"])
def test_whatever_the_file_is_the_page_says_what_is_wrong_with_it(shop, raw):
    shop.rules.write_bytes(raw)
    assert re.search("[1-3] errors?[.]", shop.operator.words("/dashboard/programs/default"))


def test_a_rule_file_that_is_gone_is_no_program_any_more(shop):
    assert shop.operator.get("/dashboard/programs/solar").status_code == 404


# --- Try ---


@pytest.mark.parametrize(
    ("lead", "kind"),
    [
        ("email=ann%40example.com&years=9", ""),
        ("email=ann@example.com\r\nyears=9\r\n", ""),
        ("<lead><email>ann@example.com</email><years>9</years></lead>", ""),
        ('{"email": "ann@example.com", "years": 9}', "application/json"),
    ],
)
def test_a_lead_that_is_pasted_is_judged_and_neither_stored_nor_logged(shop, caplog, lead, kind):
    with caplog.at_level(logging.INFO, "datapost"):
        page = shop.operator.words("/dashboard/programs/default/try", lead=lead, type=kind)
    assert "Refused Applicants must be 18 or older" in page
    assert "Email address Fine." in page and "years 9" in page
    assert "No lead has come yet" in shop.operator.words("/dashboard/leads")
    assert not caplog.records and not shop.stored()


def test_a_valid_lead_is_shown_with_the_answer_it_would_get(shop):
    page = shop.operator.words("/dashboard/programs/default/try", lead="email=ann@example.com")
    assert "Valid, worth 10.00" in page
    assert "<sale_amount>10.00</sale_amount>" in page and "<uniqueid>(made when it is stored)</uniqueid>" in page
    assert "Rule “duplicate” Fine." in page


def test_what_is_no_lead_is_told(shop):
    page = shop.operator.words("/dashboard/programs/default/try", lead="<lead>")
    assert "Refused The XML is not well-formed" in page


# --- A change ---


def rehearse(operator, text, **fields):
    return operator.post("/dashboard/programs/default/edit", text=text, **fields)


def test_a_changed_file_is_checked_and_its_errors_stand_on_their_lines(shop):
    response = rehearse(shop.operator, RULES.replace("years < 18", "yeers < 18"), check="1")
    kind, text = line(response, 14)
    assert kind == "error" and 'Did you mean "years"?' in text
    assert rehearse(shop.operator, "fields: [", start="1").status_code == 200  # nothing is started
    right = RULES.replace("{}", "{type: text}").replace("[email]}\nsale", "[email], note: Already submitted}\nsale")
    lead = "email: ann@example.com, phone: 415-555-2671, birth_date: 1980-12-31, years: 45, irpid: a, is_test: no"
    right += f"examples: [{{name: Ann, lead: {{{lead}}}, expect: valid}}]"
    assert "The rules are right." in text_of(rehearse(shop.operator, right, check="1"))


def test_the_text_starts_as_the_file_is_and_stays_as_it_was_changed(shop):
    page = html.fromstring(shop.operator.get("/dashboard/programs/default/edit").text)
    assert page.xpath("//textarea")[0].text.strip() == (RULES + EXAMPLES).strip()
    page = html.fromstring(rehearse(shop.operator, "changed: [\r\n1", check="1").text)
    assert page.xpath("//textarea")[0].text.lstrip("\n") == "changed: [\n1"


def test_one_change_is_checked_at_a_time_and_others_are_told_so(shop, monkeypatch):
    compile_text, answers = sheets.compile_text, []

    def checked_meanwhile(*args, **options):
        answers.append(rehearse(shop.operator, RULES, check="1"))
        return compile_text(*args, **options)

    monkeypatch.setattr(sheets, "compile_text", checked_meanwhile)
    assert rehearse(shop.operator, RULES, check="1").status_code == 200
    (refused,) = answers
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert "Another change is being checked now." in text_of(refused)


def test_the_result_of_a_change_says_what_it_begins_anew(shop):
    changed = RULES.replace("years < 18", "years < 21") + "  - {id: new, limit: 5, per: day}\n"
    changed = changed.replace("sale_amount: 10.00\n", "") + "sale_amount: 10.00\n"
    started = rehearse(shop.operator, changed, start="1")
    wait_for_backtests()
    page = shop.operator.words(started.headers["Location"])
    assert 'This begins anew. Rule "new": its limit counts from 0 again.' in page


def with_list(file, key="listed"):
    rules = RULES + f"  - {{id: list, {key}: {{irpid: '{file}'}}}}\n"
    return rules.replace("sale_amount: 10.00\n", "") + "sale_amount: 10.00\n"


@pytest.mark.parametrize("key", ["listed", "not_listed"])
@pytest.mark.parametrize("file", ["../secret.txt", "/etc/passwd", ".env", "..\\x", "solar.yaml", "theirs.txt"])
def test_a_pasted_file_reads_no_lists_but_those_that_the_file_in_use_names(shop, file, key):
    (shop.rules.parent / "theirs.txt").write_text("bright\n")
    page = text_of(rehearse(shop.operator, with_list(file, key), start="1"))
    assert f'{key}: here only lists that the file in use names (none), and not "{file}"' in page
    assert "cannot be read" not in page


def test_a_pasted_file_may_go_on_with_the_lists_of_the_file_in_use(make_app):
    app = make_app({"default": "fields: {irpid: {}}"}, operators=OPERATORS)
    rulebook = app.extensions["datapost"].rulebook
    for name in ("ours.txt", "theirs.txt"):
        (rulebook.folder / name).write_text("bright\n")
    (rulebook.folder / "default.yaml").write_text(with_list("ours.txt"))
    app = create_app(app.extensions["datapost"].settings)
    told = "examples: [{name: who, lead: {email: ann@example.com, irpid: bright}, expect: valid}]"
    page = text_of(rehearse(Operator(app), with_list("ours.txt") + told, check="1"))
    assert "expected valid, but the rules say list" in page
    page = text_of(rehearse(Operator(app), with_list("theirs.txt") + told, check="1"))
    assert 'names (ours.txt), and not "theirs.txt"' in page and "rules say" not in page


def test_a_line_without_end_and_a_last_line_are_shown_with_what_is_wrong_with_them(shop):
    page = html.fromstring(rehearse(shop.operator, "fields: {a: {}}\ntitel: x", check="1").text)
    assert [item.get("id") for item in page.xpath("//ol[@class='source']/li")] == ["line-2"]
    assert "titel: x" in page.xpath("//li[@id='line-2']/code")[0].text
    assert "1 error." in text_of(rehearse(shop.operator, "", check="1"))


def test_a_backtest_tells_what_the_change_would_have_done_to_past_leads(brand, caplog):
    for number, years in enumerate(["17", "19", "25"]):
        brand.lead(email=f"ann{number}@example.com", irpid="bright", years=years)
    with caplog.at_level(logging.INFO, "datapost"):
        response = rehearse(brand.operator, RULES.replace("years < 18", "years < 21"), start="1", days="7")
    assert response.status_code == 303
    wait_for_backtests()
    page = brand.operator.words(response.location)
    assert "Leads judged 3 Newly refused 1 Newly valid 0 To pay 10.00 instead of 20.00" in page
    assert "Applicants must be 18 or older adult 1 10.00" in page and "bright 1 10.00" in page
    (entry,) = [entry.args for entry in caplog.records if entry.msg == "backtest"]
    assert entry.keys() == {"operator", "program", "backtest", "days"} and entry["days"] == 7


def test_a_backtest_is_seen_by_other_processes_and_by_nobody_who_may_not(brand):
    response = rehearse(brand.operator, RULES, start="1")
    wait_for_backtests()
    database.disconnect()
    other = create_app(brand.app.extensions["datapost"].settings)
    assert "Leads judged 0" in Operator(other).words(response.location)
    assert Operator(other, ("sun", "only solar")).get(response.location).status_code == 404
    assert Operator(other).get("/dashboard/backtests/nothing").status_code == 404


@pytest.fixture
def row(brand):
    """A backtest that runs, for all that anybody can tell."""

    def make(**values):
        now = datetime.now(UTC)
        report = {"days": 30, "done": 5, "total": 10, "begun_at": None, "stopped_at": None}
        row = Backtest(id=f"ROW{len(made)}", program="default", operator="owner", text="x", report=report)
        row.started_at, row.renewed_at = values.get("started_at", now), values.get("renewed_at", now)
        row.state = values.get("state", "running")
        database.transact(lambda: row.save(force_insert=True))
        made.append(row)
        return row

    made = []
    return make


def test_while_a_backtest_runs_its_page_looks_again(brand, row):
    response = brand.operator.get(f"/dashboard/backtests/{row().id}")
    assert response.headers["Refresh"] == "2"
    assert "5 of 10 leads are read" in text_of(response)


def test_a_backtest_whose_process_has_ended_says_so(brand, row):
    response = brand.operator.get(f"/dashboard/backtests/{row(renewed_at=datetime.now(UTC) - timedelta(minutes=1)).id}")
    assert "Refresh" not in response.headers
    assert "This backtest was cut off." in text_of(response) and "Start it again" in text_of(response)


def test_a_backtest_is_cleared_away_after_a_day(brand, row):
    young, old = (row(started_at=datetime.now(UTC) - timedelta(hours=hours), state="failed") for hours in (23, 25))
    do_chores()
    assert [brand.operator.get(f"/dashboard/backtests/{one.id}").status_code for one in (young, old)] == [200, 404]


def test_only_some_backtests_run_at_once(brand, row):
    first, second = row(), row()
    response = rehearse(brand.operator, RULES, start="1")
    assert response.status_code == 200 and "Other backtests are running." in text_of(response)
    database.transact(Backtest.update(renewed_at=datetime.now(UTC) - timedelta(minutes=1)).execute)  # both are gone
    assert rehearse(brand.operator, RULES, start="1").status_code == 303
    wait_for_backtests()
    assert brand.operator.get(f"/dashboard/backtests/{first.id}").status_code == 200 and second


def test_a_backtest_ends_after_its_time_and_says_how_far_it_came(brand, monkeypatch):
    for number in range(3):
        brand.lead(email=f"ann{number}@example.com")
    monkeypatch.setattr(backtest, "LONGEST", -1)
    monkeypatch.setattr(backtest, "RENEWED_EVERY", -1)
    response = rehearse(brand.operator, RULES, start="1")
    wait_for_backtests()
    page = brand.operator.words(response.location)
    assert "It took too long." in page and "Leads judged 1 " in page


def test_of_many_leads_a_backtest_judges_the_newest(brand, monkeypatch):
    monkeypatch.setattr(backtest, "MOST_LEADS", 3)
    monkeypatch.setattr(backtest, "PAGE", 2)
    for number in range(5):
        brand.lead(email=f"ann{number}@example.com")
    response = rehearse(brand.operator, RULES, start="1")
    wait_for_backtests()
    page = brand.operator.words(response.location)
    assert "There are many leads." in page and "Leads judged 3 " in page


def test_a_backtest_that_fails_says_so_and_logs_no_lead(brand, monkeypatch, caplog):
    brand.lead(email="ann@example.com")
    monkeypatch.setattr(backtest, "backtest", lambda *_: json.loads("ann@example.com"))
    response = rehearse(brand.operator, RULES, start="1")
    wait_for_backtests()
    assert "This backtest could not be finished" in brand.operator.words(response.location)
    assert "JSONDecodeError" in caplog.text + str([r.args for r in caplog.records]) and "ann@" not in caplog.text


def test_a_backtest_knows_duplicates_from_before_its_days(brand):
    program = brand.app.extensions["datapost"].rulebook.programs["default"]
    record(program, datetime.now(UTC) - timedelta(days=20), email="ann@example.com")
    lead = id_of(brand.lead(email="ann@example.com"))
    response = rehearse(brand.operator, RULES, start="1", days="7")
    wait_for_backtests()
    assert "Leads judged 1 Newly refused 0 Newly valid 0" in brand.operator.words(response.location) and lead
    response = rehearse(brand.operator, RULES.replace("unique: [email]", "unique: [email], within: 1 day"), start="1")
    wait_for_backtests()
    assert "Newly valid 1" in brand.operator.words(response.location)
