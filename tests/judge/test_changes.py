"""Who changes a rule file is told what it begins anew: `flask rules check`, the dashboard and the log."""

import pytest
from brand import OPERATORS, Operator
from cast import RULES, Partner

from judge.changes import begun_anew
from judge.compiler import compile_text
from judge.rulebook import RuleBook
from leads import search

FILE = """\
fields:
  email: {}
  phone: {}
  irpid: {}
rules:
  - {id: once, unique: [email], within: 30 days}
  - {id: cap, limit: 5, per: day, by: [irpid]}
  - {id: month, budget: 500, per: month}
"""
MAIL = FILE.replace("email", "mail")
LABELED = FILE.replace("limit: 5", "note: Full, limit: 6").replace("email: {}", "email: {label: mail}")
HARMLESS = {
    "the same file": FILE,
    "another id of unique": FILE.replace("once", "twice"),
    "another id that says the old one": FILE.replace("id: cap,", "id: cup, id_before: cap,"),
    "another note, label and number": LABELED,
    "a new name that says the old one": MAIL.replace("mail: {}", "mail: {aliases: [email]}"),
    "a label": FILE.replace("email: {}", "email: {label: mail}"),
    "a new name of a group that says the old one": FILE.replace("irpid: {}", "sub: {aliases: [irpid]}").replace(
        "by: [irpid]", "by: [sub]"
    ),
    "a shorter time": FILE.replace("30 days", "7 days"),
    "numbers that become tables": FILE.replace("limit: 5", "limit: {x: 9, default: 5}").replace("500", "600"),
    "days of a campaign": "starts: 2026-01-01\n" + FILE,
    "a rule less": FILE[: FILE.index("  - {id: cap")],
    "a rule that only observes": FILE.replace("per: month", "per: month, mode: observe"),
}
CALLED_CAP = "If this is the rule that was called cap, write id_before: cap"
ANEW = {
    "another field": (
        FILE.replace("[email]", "[phone]"),
        '6: rule "once": leads that came before are not known by phone',
    ),
    "one field more": (FILE.replace("[email]", "[email, phone]"), '6: rule "once": leads that came before'),
    "a new name": (MAIL, '6: rule "once": leads that came before are not known by mail'),
    "another scope": (FILE.replace("[email],", "[email], across: all,"), '6: rule "once": leads that came before'),
    "a longer time": (FILE.replace("30 days", "90 days"), '6: rule "once": the longer time holds from now on'),
    "another type": (FILE.replace("email: {}", "email: {type: number}"), '2: field "email": it has another type'),
    "another id of a cap": (
        FILE.replace("id: cap", "id: cup"),
        f'7: rule "cup": its limit counts from 0 again. {CALLED_CAP}',
    ),
    "another period": (FILE.replace("per: month", "per: week"), '8: rule "month": its budget counts from 0 again'),
    "a period without an end": (FILE.replace("month}", "total}"), '8: rule "month": its budget counts from 0 again'),
    "a table of another group": (
        FILE.replace("budget: 500, per: month", "budget: {x: 5}, per: month, by: [irpid]"),
        '8: rule "month": its budget counts from 0 again',
    ),
    "another group": (FILE.replace(", by: [irpid]", ""), '7: rule "cap": its limit counts from 0 again'),
    "another time zone": ("timezone: Asia/Tokyo\n" + FILE, "1: timezone: days, weeks and months begin at another hour"),
    "another country": (
        FILE.replace("irpid: {}", "irpid: {type: phone, country: US}"),
        '4: field "irpid": it has another',
    ),
    "a new rule": (FILE + "  - {id: new, limit: 1, per: day}\n", '9: rule "new": its limit counts from 0 again'),
}


def told(text, before=FILE, name_before="p"):
    return [*map(str, begun_anew(compile_text("p", "rules/p.yaml", text), name_before, before))]


@pytest.mark.parametrize("change", HARMLESS)
def test_a_change_that_begins_nothing_anew_is_not_told(change):
    assert told(HARMLESS[change]) == []


@pytest.mark.parametrize("change", ANEW)
def test_what_a_change_begins_anew_is_told_with_its_line(change):
    text, sentence = ANEW[change]
    (line,) = told(text)
    assert line.startswith("rules/p.yaml:")
    assert sentence in line.replace("warning: ", "")


def test_another_time_zone_is_nothing_to_a_cap_of_all_time():
    file = FILE.replace("per: day", "per: total").replace("per: month", "per: total")
    assert told(f"timezone: Asia/Tokyo\n{file}", before=file) == []
    assert told(f"timezone: Asia/Tokyo\n{FILE}")


def test_a_rule_that_is_renamed_again_is_told_its_first_id():
    before = FILE.replace("id: cap,", "id: cup, id_before: cap,")
    (line,) = told(FILE.replace("id: cap,", "id: cop, id_before: cup,"), before)
    assert line.endswith("If this is the rule that was called cup, write id_before: cap")


def test_a_field_that_is_renamed_is_told_what_keeps_its_places():
    (line,) = told(MAIL)
    assert line.endswith("If mail is the field that was called email, write aliases: [email]")


def test_another_name_of_the_file_begins_all_anew():
    (line,) = told(FILE, name_before="solar")
    assert line.startswith("rules/p.yaml:1: warning: until now these rules judged leads as the program solar")


def test_a_rule_that_was_off_begins_anew():
    (line,) = told(FILE, before=FILE.replace("within: 30 days", "mode: off"))
    assert 'rule "once": leads that came before' in line


def test_without_rules_before_or_with_a_text_that_cannot_be_read_nothing_is_told():
    assert told(FILE, None, None) == told(FILE, "fields: [") == []


# --- Where it is told ---

CHANGED = RULES.replace("unique: [email]", "unique: [email, first_name]")
ANEW_HERE = 'rule "duplicate": leads that came before are not known by email and first_name'


@pytest.fixture
def brand(make_app):
    partner = Partner(make_app(operators=OPERATORS))
    partner.lead(email="ann@example.com")
    partner.rules = partner.app.extensions["datapost"].rulebook.folder
    return partner


def test_rules_check_compares_a_file_with_the_text_that_judged_the_last_lead(brand):
    (brand.rules / "default.yaml").write_text(CHANGED)
    result = brand.app.test_cli_runner().invoke(args=["rules", "check"])
    assert ANEW_HERE in result.output
    assert result.exit_code == 0


def test_rules_check_tells_of_a_file_that_was_renamed(brand):
    (brand.rules / "default.yaml").rename(brand.rules / "loans.yaml")
    assert "as the program default" in brand.app.test_cli_runner().invoke(args=["rules", "check"]).output


def test_rules_check_makes_no_database(make_app, tmp_path):
    app = make_app(empty=True)
    assert "ok" in app.test_cli_runner().invoke(args=["rules", "check"]).output
    assert not (tmp_path / "leads.db").exists()


def test_try_a_change_tells_what_begins_anew(brand):
    assert ANEW_HERE in Operator(brand.app).words("/dashboard/programs/default/edit", text=CHANGED)


def test_the_log_tells_what_a_file_begins_anew_when_it_is_read(brand, clock, caplog):
    (brand.rules / "default.yaml").write_text(CHANGED)
    clock.passes(2)
    brand.lead(years="9")
    assert ANEW_HERE in caplog.text


def test_the_log_tells_what_a_file_begins_anew_when_the_service_starts(brand, caplog):
    (brand.rules / "default.yaml").write_text(CHANGED)
    RuleBook(brand.rules).tell_what_began_anew(search.last_rules)
    assert ANEW_HERE in caplog.text
