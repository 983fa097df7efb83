"""Rule files: what a good one means, and every mistake of a bad one at once, by file and line."""

import json
import os
import re
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml
from cast import RULES_FOLDER

from judge import examples, rulebook, rulefile
from judge.compiler import compile_program, load
from judge.judgement import judge
from judge.rulebook import RuleBook
from judge.rulefile import RuleFileError
from judge.schema import json_schema

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def program(text):
    return compile_program("solar", "rules/solar.yaml", text, "hash", NOW)


def errors(text):
    with pytest.raises(RuleFileError) as caught:
        program(text)
    return [*map(str, caught.value.errors)]


def test_every_word_is_read_as_text():
    made = program("fields: {country: {one_of: [NO, SE]}, zip: {default: 01234}, on: {}, flag: {default: yes}}")
    assert made.spec.fields["country"].one_of == ["NO", "SE"]
    assert made.spec.fields["zip"].default == "01234"
    assert made.spec.fields["flag"].default == "yes"


def test_a_field_with_nothing_behind_it_is_a_text():
    assert program("fields:\n  irpid:\n").spec.fields["irpid"].type == "text"


@pytest.mark.parametrize("text", ["sale_amount: 10", "sale_amount: {amount: 10.00}", "sale_amount: [{amount: 10.0}]"])
def test_one_amount_alone_is_enough(text):
    ((when, amount),) = program(f"fields: {{email: {{}}}}\n{text}").amounts
    assert when is None and str(amount) == "10.00"


MISTAKES = """\
titel: Solar
respond: yaml
timezone: New York
partner: irpd
fields:
  email: {type: emial, required: true}
  first_name: {max_lenght: 80}
  e-mail: {}
  zip: {type: postal_code}
  state: {type: choice}
  not: {type: integer}
  visits: {type: integer, min_length: 3, min: few}
  born: {type: date, formats: [DD/MM/YY]}
  zip: {type: postal_code, country: US}
  Zip_Code: {aliases: [zip]}
  code: {pattern: "(a"}
rules:
  - id: adult
    reject_if: age(bron) < 18
  - id: adult
    reject_if: visits > 'many'
  - id: twice
    unique: [emial]
    within: 3 months
  - reject_if: visits > 3
  - id: nothing
    note: what now
  - id: both
    reject_if: visits > 3
    require: visits > 3
  - id: text-and-number
    reject_if: first_name == 5
sale_amount:
  - {when: zap > 1, amount: 10}
  - {amount: $5}
examples:
  - {name: x, lead: {email: a}, expect: valud}
"""

MESSAGES = [
    '1: "titel" is not a known key. Did you mean "title"?',
    '2: "yaml" is not one of xml, json',
    '3: "New York" is not a time zone: write one such as America/New_York or UTC',
    '4: partner: there is no field "irpd"',
    '6: field "email": "emial" is not one of text, email, phone, postal_code, region, country, date, datetime, '
    'integer, number, money, boolean, consent, choice, url, ip, uuid, id. Did you mean "email"?',
    '7: field "first_name": "max_lenght" is not a known key. Did you mean "max_length"?',
    '8: field "e-mail": "e-mail" is not a field name: start with a letter, then letters, digits and _ '
    "(put other spellings under aliases:)",
    '9: field "zip": country: a postal_code needs its country: write country: US, for example',
    '10: field "state": type: a choice needs its values: write one_of: [one, another]',
    '11: field "not": "not" is a word of the condition language: give the field another name',
    '12: field "visits": min: "few" is not a value that this field can have',
    '12: field "visits": min_length: a field of type integer does not take this key; it takes max, min',
    '13: field "born": formats: "DD/MM/YY" is not a format that can be read: write it as MM/DD/YYYY',
    '14: "zip" is given twice; the first is in line 9. Keep one',
    '15: field "Zip_Code": "zip" already means the field "zip"',
    '16: field "code": pattern: the pattern cannot be read: missing ): (a',
    '19: rule "adult": reject_if: "age(bron) < 18": there is no field "bron". Did you mean "born"?',
    '20: rule "adult": another rule has this id; give each its own',
    "21: rule \"adult\": reject_if: \"visits > 'many'\": visits is a number and never equals the text 'many'; "
    "write it without quotes",
    '23: rule "twice": unique: there is no field "emial". Did you mean "email"?',
    '24: rule "twice": "3 months" is not a length of time: write it as "90 days" (minutes, hours, days or weeks)',
    '25: rule number 4: "id:" is missing',
    '26: rule "nothing": a rule needs one of reject_if, require, listed, not_listed, open, unique, limit, budget; '
    "it has none",
    '28: rule "both": a rule needs one of reject_if, require, listed, not_listed, open, unique, limit, budget; '
    "it has reject_if and require",
    '32: rule "text-and-number": reject_if: "first_name == 5": first_name is a text and never equals the number 5; '
    "write '5' in quotes, or give the field type: number",
    '34: sale_amount: when: "zap > 1": there is no field "zap". Did you mean "zip"?',
    '35: "$5" is not an amount: write it as 10.00, at most 999999.99, without a currency',
    '37: example "x": "valud" is no expectation: write valid, or the reason codes in brackets, '
    "such as [email.required]",
]


def test_a_file_shows_all_its_mistakes_at_once_each_with_its_line():
    assert errors(MISTAKES) == [f"rules/solar.yaml:{message}" for message in MESSAGES]


ALIAS_BOMB = "".join(
    f"{name}: &{name} [{', '.join([inner] * 9)}]\n"
    for inner, name in zip(["x", "*a", "*b", "*c", "*d"], "abcde", strict=True)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "1: this is no rule file: it needs at least fields:"),
        ("- a", "1: this is no rule file"),
        ("title: x", '1: "fields:" is missing'),
        ("fields: {}", '1: "fields:" is empty'),
        ("fields: x", '1: "fields:" needs names with values'),
        ("fields:\n  a:{type: text}", '2: field "a:{type": .* leave a space after the colon'),
        ("fields: {a b: {type: foo}, c: {typ: x}}", '1: field "c": "typ" is not a known key'),
        ("fields: {1x: 5}", '1: field "1x": .* is not a field name'),
        ("title: x\nfields:\n\t- a", "3: this is not YAML: .*; indent with spaces, not with a tab"),
        ("title: a: b", '1: this is not YAML: .*; put a text that holds ": " in quotes'),
        ("fields: {a: {one_of: [a}}", "1: this is not YAML: .*quotes"),
        ("title: a\nfields:{}\n", "3: this is not YAML: .*; leave a space after the colon"),
        ("a: &x [*x]\nfields: {a: {}}", "1: this is nested too deeply or too long for a rule file"),
        (ALIAS_BOMB, "[0-9]: this is nested too deeply or too long"),
        ("fields: {a: {}}\ntimezone: [UTC]", "2: .*is not a time zone"),
        ("? [a, b]\n: c\nfields: {a: {}}", "1: a key is one word"),
        ("fields: {? {a: b} : {}}", "1: a key is one word"),
        ('fields: {a: {pattern: "\\ud800"}}', "1: .*control character"),
        ("title: x\nfields:\n  a: {}\n  \x07b: {}", "4: this line holds a control character"),
        ('fields: {a: {one_of: "CA, NY"}}', "1: .*is one text: write a list in brackets"),
        ('fields: {a: {aliases: "b, c"}}', "1: .*is one text: write a list in brackets"),
        ("fields: {a: {type: integer, min: 10, max: 5}}", "1: .*min: 10 is more than max: 5, so no value passes"),
        ("fields: {a: {min_length: 10, max_length: 5}}", "1: .*so no value passes"),
        ('fields: {a: {default: ""}}', "1: .*an empty default is none"),
        ('title: "a\\x01"\nfields: {a: {}}', "1: .*control character"),
        ("fields: {a: {required: maybe}}", '1: field "a": required: "maybe": there is no field "maybe"'),
        ("fields: {a: {sensitive: maybe}}", '1: field "a": "maybe" is neither true nor false'),
        ("fields: {a: x}", '1: field "a": "a:" needs keys with values, such as {type: text}'),
        ("fields: {a: {}}\nrules: x", '2: "rules:" needs a list'),
        ("fields: {a: {}}\nsale_amount: 1000000", "2: .*at most 999999.99"),
        ("fields: {a: {}}\ninvalid_status: 204", '2: "204" is no status for an invalid lead'),
        ("fields: {a: {}}\nsale_amount: 1.005", "2: .*is not an amount"),
        (
            "fields: {a: {default: x, max_length: 0}}",
            "1: .*default: .*does not pass the field's own checks .a.too_long.",
        ),
        (
            "fields: {a: {}}\nrules: [{id: r, within: 3 days, reject_if: a is present}]",
            "2: .*within: belongs to unique:",
        ),
        ("fields: {a: {}}\ntest_flag: a", '2: test_flag: give the field "a" the type boolean'),
    ],
)
def test_a_mistake_says_where_it_is_and_what_to_write(text, sentence):
    assert any(re.match("rules/solar.yaml:" + sentence, error) for error in errors(text)), errors(text)


# --- What would cost much is not read to its end ---

HEAD = "fields: {n: {type: number}, t: {}, d: {type: date}}\n"
LONG = "this is nested too deeply or too long for a rule file"
TRIED = "to try so many takes long: in a file of this length keep "
SUM = "+".join(["n"] * 95)


def many(text, count, head=HEAD):
    """Return a file in which `text` stands so often, each time with another number in the place of #."""
    return head + "".join(text.replace("#", str(number)) for number in range(count))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (many(f"- {{id: r#, reject_if: {SUM} > 5}}\n", 30, f"{HEAD}rules:\n"), LONG),
        (many("- {id: r#, reject_if: *c}\n", 100, f"{HEAD}title: &c {SUM} > 5\nrules:\n"), LONG),
        (many("- {id: r#, reject_if: *c}\n", 10, f'{HEAD}title: &c "n in [{"1," * 400}]"\nrules:\n'), LONG),
        (many("- {id: r#, reject_if: *c}\n", 10, f'{HEAD}title: &c "n in [{"1," * 400} t]"\nrules:\n'), LONG),
        (many("  - x#\n", 2000, "fields:\n a:\n  one_of:\n"), LONG),
        (many("  - x#@example.com\n", 900, "fields:\n a:\n  type: email\n  one_of:\n"), LONG),
        (many("  - YYYY#MMDD\n", 400, "fields:\n a:\n  type: date\n  formats:\n"), LONG),
        (many("  - Mon 10:00-11:00\n", 200, f"{HEAD}rules:\n- id: o\n  open:\n"), LONG),
        (many("  f#: {pattern: '\\pL{100}#'}\n", 2, "fields:\n"), LONG),
        (many("- *t\n", 900, f"title: &t {'x' * 900}\nfields: {{a: {{}}}}\nexamples:\n"), LONG),
        ("[" * 50_000, LONG),
        ("- " * 50_000, LONG),
        (many("  - {}\n", 500, many("- {id: r#, limit: 9, per: day}\n", 50, f"{HEAD}rules:\n")
              + "examples:\n- name: x\n  lead: {}\n  expect: valid\n  after:\n"), TRIED),
        (many("  - {t: x}\n", 200, f"{HEAD}rules: [{{id: u, unique: {{any_of: [{'t,' * 300} t]}}}}]\n"
              "examples:\n- name: x\n  lead: {}\n  expect: valid\n  after:\n"), TRIED),
        (many("- {name: x, lead: {}, expect: [o, p]}\n", 110, HEAD + "rules:\n- {id: o, open: Mon 01:00-01:01}\n"
              "- {id: p, open: Tue 01:00-01:01}\nexamples:\n"), TRIED),
    ],
    ids=lambda text: text[-40:],
)  # fmt: skip
def test_a_file_that_would_take_long_is_refused_where_it_is_too_long(text, sentence, monkeypatch):
    monkeypatch.setattr(rulefile, "MAX_PARTS", rulefile.MAX_PARTS // 10)  # so that the test is quick too
    monkeypatch.setattr(examples, "MAX_STEPS", examples.MAX_STEPS // 10)
    assert sentence in errors(text)[-1]


@pytest.mark.parametrize("line", ["- {id: r#, reject_if: m# > 5}\n", "- {id: r#, limt: 5}\n", "- {id: r#, per: day}\n"])
def test_of_many_mistakes_the_first_hundred_are_told(line):
    found = errors(many(line, 200, f"{HEAD}rules:\n"))
    assert len(found) == 101
    assert "there may be more mistakes: mend these first" in "".join(found)


def test_of_many_warnings_a_hundred_are_told():
    text = many("  f#: {}\n", 200, "fields:\n") + "examples: [{name: x, lead: {}, expect: valid}]"
    warnings = [str(warning) for warning in program(text).warnings]
    assert len(set(warnings)) == len(warnings) == 100
    assert all(f'"f{number}"' in warning for number, warning in enumerate(warnings)), warnings


def test_a_long_file_as_a_brand_may_have_it_loads():
    text = many("  f#: {pattern: '[\\pL .-]{1,80}', label: field number #}\n", 5, "fields:\n")
    text += many("  g#: {type: text, max_length: 80, label: another field}\n", 200, "")
    zips = ", ".join(f"'{number:05}'" for number in range(1000))
    text += f'rules:\n  - {{id: zips, reject_if: "g0 in [{zips}]"}}\n'
    text += many(
        "  - id: r#\n    when: g1 is present\n    reject_if: g2 == 'a' and g3 != 'b' or g4 in ['x']\n", 100, ""
    )
    text += many("  - {name: number #, lead: {g1: '#', g5: x}, expect: valid}\n", 30, "examples:\n")
    made = program(text)
    assert len(made.rules) == 101
    assert judge(made, {"g0": ["00999"]}, NOW).codes == ["zips"]
    assert judge(made, {"g0": ["01000"], "g1": ["x"], "g2": ["a"], "g3": ["x"]}, NOW).codes == [
        f"r{n}" for n in range(100)
    ]


def test_an_example_that_is_judged_otherwise_is_an_error():
    text = "fields:\n  email: {type: email, required: true}\nexamples:\n"
    text += "  - {name: nobody, lead: {}, expect: valid}\n"
    text += "  - {name: ann, lead: {email: a@example.com}, expect: [email.invald]}\n"
    assert errors(text) == [
        'rules/solar.yaml:4: example "nobody": expected valid, but the rules say email.required',
        'rules/solar.yaml:5: example "ann": there is no reason "email.invald". Did you mean "email.invalid"?',
    ]


def test_a_file_that_is_not_utf8_says_so(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"title: a\n# caf\xe9\n")
    with pytest.raises(RuleFileError, match="latin.yaml:2: this is not UTF-8 text"):
        load(path)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(RuleFileError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_a_folder_keeps_its_good_programs_beside_the_errors_of_the_others(tmp_path):
    (tmp_path / "good.yaml").write_text("fields: {email: {}}")
    (tmp_path / "bad.yaml").write_text("fields: {}")
    (tmp_path / "named.yml").write_text("fields: {email: {}}")
    (tmp_path / ".good.yaml.swp").write_text("x")
    book = RuleBook(tmp_path)
    assert list(book.programs) == ["good"]
    assert len(book.errors) == 2 and "rename the file to named.yaml" in str(book.errors[1])


def test_an_empty_folder_is_an_error(tmp_path):
    assert "there is no rule file here" in str(RuleBook(tmp_path).errors[0])


@pytest.fixture
def book(tmp_path, clock):
    """A rules folder with one program."""
    (tmp_path / "solar.yaml").write_text("title: one\nfields: {a: {}}")
    (tmp_path / "lists").mkdir()
    book = RuleBook(tmp_path)
    book.refresh()
    return book


@pytest.fixture
def later(book, clock):
    """Let the next lead come after so many seconds, and return the titles of the programs that it finds."""

    def later(seconds):
        clock.passes(seconds)
        book.refresh()
        return {name: program.spec.title for name, program in book.programs.items()}

    return later


@pytest.fixture
def save(book, later, clock):
    """Write a file, and let the next lead come after so many seconds."""

    def save(text, name="solar.yaml", after=2):
        clock.wall = 0  # the file gets the time that it is
        (book.folder / name).write_text(text)
        return later(after)

    return save


ANN = {"a": ["ann@example.com"]}
BY_LIST = "title: by list\nfields: {a: {type: email}}\nrules: [{id: r, listed: {a: blocked.txt}}]"


def test_a_changed_file_is_read_again(save):
    assert save("title: two\nfields: {a: {}}") == {"solar": "two"}


def test_a_file_that_was_changed_just_now_may_not_be_whole_yet(save, later):
    assert save("title: two\nfields: {a: {}}", after=0.3) == {"solar": "one"}
    assert later(0.3) == {"solar": "two"}


def test_the_time_that_a_copied_file_brings_along_does_not_tell_when_it_was_changed(book, save, later):
    for hours in (-1, 1):
        save(f"title: {hours}\nfields: {{a: {{}}}}", after=0)
        os.utime(book.folder / "solar.yaml", (time.time() + hours * 3600,) * 2)
        assert later(0.3) != {"solar": str(hours)}
        assert later(20) == {"solar": str(hours)}


def test_while_leads_come_a_changed_file_is_used_within_a_second(save, later):
    save("title: two\nfields: {a: {}}", after=0)
    titles = [later(0.1)["solar"] for _ in range(10)]
    assert titles[0] == "one" and titles[-1] == "two"


def test_a_broken_edit_changes_nothing_and_is_told_until_it_is_mended(book, save, caplog):
    with caplog.at_level("ERROR"):
        assert save("title: two\nfields: {}") == {"solar": "one"}
    assert [*map(str, book.errors)] == [f'{book.folder}/solar.yaml:2: "fields:" is empty']
    assert set(caplog.messages) == set(map(str, book.errors))
    assert save("title: three\nfields: {a: {}}") == {"solar": "three"}
    assert book.errors == []


def test_a_new_file_is_a_new_program(save):
    assert save("title: new\nfields: {a: {}}", "loans.yaml") == {"solar": "one", "loans": "new"}


def test_a_mistake_of_ours_in_one_file_does_not_keep_others_from_being_read(book, save, monkeypatch):
    load_file = rulebook.load
    monkeypatch.setattr(rulebook, "load", lambda path: load_file(path) if "solar" in path else 1 / 0)
    (book.folder / "loans.yaml").write_text("fields: {a: {}}")
    assert save("title: two\nfields: {a: {}}") == {"solar": "two"}
    assert [*map(str, book.errors)] == [f"{book.folder}/loans.yaml:1: the file cannot be used: ZeroDivisionError"]


# --- The first lead after a silence ---


def test_a_program_whose_file_went_in_a_silence_takes_no_more_leads(book, save, later):
    save("fields: {a: {}}", "loans.yaml")
    (book.folder / "loans.yaml").unlink()
    assert later(20) == {"solar": "one"}


def test_while_leads_come_a_file_that_is_gone_may_be_about_to_come_back(book, later):
    (book.folder / "solar.yaml").unlink()
    titles = [later(0.1) for _ in range(10)]
    assert titles[3] == {"solar": "one"} and titles[-1] == {}


def test_a_program_whose_file_went_is_gone_though_another_file_came_just_now(book, later, clock):
    (book.folder / "solar.yaml").unlink()
    clock.passed += 20
    (book.folder / "loans.yaml").write_text("title: new\nfields: {a: {}}")
    assert "solar" not in later(0)


def test_a_stricter_rule_is_used_though_another_file_was_removed_meanwhile(book, save, later):
    save("fields: {a: {}}", "loans.yaml")
    save("title: strict\nfields: {a: {}}", after=0)
    (book.folder / "loans.yaml").unlink()
    assert later(20) == {"solar": "strict"}


def test_a_file_that_is_still_being_written_does_not_hold_up_the_others(book, save, later):
    save("title: two\nfields: {a: {}}", after=0.3)
    titles = [save(f"# {turn}", "loans.yaml", after=0.1)["solar"] for turn in range(10)]
    assert titles[0] == "one" and titles[-1] == "two"


def test_a_file_from_the_future_is_used_by_the_first_lead_too(book, later, clock):
    (book.folder / "solar.yaml").write_text("title: two\nfields: {a: {}}")
    clock.wall = -3600  # as after the clock was set back, or where a file server's clock is ahead
    assert later(20) == {"solar": "two"}


def test_a_folder_that_is_gone_takes_its_programs_along(book, later):
    shutil.rmtree(book.folder)
    assert later(20) == {}
    assert "this folder of rule files cannot be read (No such file or directory)" in str(book.errors[0])


class Arrivals:
    """Tells when a second thread has come to look, by the clock that it asks."""

    def __init__(self, clock):
        self.clock, self.first, self.second = clock, threading.get_ident(), threading.Event()

    def __getattr__(self, name):
        if threading.get_ident() != self.first:
            self.second.set()
        return getattr(self.clock, name)


def test_of_two_first_leads_at_once_neither_is_judged_by_the_old_rules(book, save, later, clock, monkeypatch):
    load_file, arrivals = rulebook.load, Arrivals(clock)

    def judge_one():
        book.refresh()
        return book.programs["solar"].spec.title

    with ThreadPoolExecutor(1) as threads:
        others = []

        def load_slowly(path):
            others.append(threads.submit(judge_one))
            arrivals.second.wait()
            return load_file(path)

        monkeypatch.setattr(rulebook, "time", arrivals)
        monkeypatch.setattr(rulebook, "load", load_slowly)
        assert save("title: two\nfields: {a: {}}", after=20) == {"solar": "two"}
        assert [other.result() for other in others] == ["two"]


def test_while_leads_come_they_do_not_wait_for_a_long_list_that_is_read(book, save, later, monkeypatch):
    load_file, found = rulebook.load, []
    with ThreadPoolExecutor(1) as threads:

        def load_slowly(path):
            threads.submit(book.refresh).result()
            found.append(book.programs["solar"].spec.title)
            return load_file(path)

        monkeypatch.setattr(rulebook, "load", load_slowly)
        save("title: two\nfields: {a: {}}", after=0.3)
        assert later(0.3) == {"solar": "two"}
    assert found == ["one"]


# --- Lists ---


def refused(book):
    return judge(book.programs["solar"], ANN, NOW).codes == ["r"]


@pytest.fixture(params=["blocked.txt", "lists/blocked.txt"])
def blocked(request, save, book):
    """The name of a list, in the rules folder or elsewhere, and a program that refuses by it."""
    save("no@example.com\n", request.param)
    save(BY_LIST.replace("blocked.txt", request.param))
    assert not refused(book)
    return request.param


def test_a_changed_list_is_read_again(blocked, book, save):
    save("Ann@Example.com  # asked us to\n", blocked)
    assert refused(book)


def test_a_list_is_used_when_it_has_been_still_for_a_second(blocked, book, save, later):
    save("ann@example.com\n", blocked, after=0.9)
    assert not refused(book)
    later(0.3)
    assert refused(book)


def test_a_rule_file_waits_for_its_list_that_is_still_being_written(blocked, book, save, later):
    save("half\n", "new.txt", after=0)
    save(BY_LIST.replace("by list", "new").replace("blocked.txt", "new.txt"), after=0.6)
    assert save("ann@example.com\n", "new.txt", after=0.6) == {"solar": "by list"}
    assert later(0.6) == {"solar": "new"} and refused(book)


def test_a_new_program_waits_for_its_list_that_is_still_being_written(save, later):
    save("no@example.com\n", "lists/new.txt", after=0)
    assert save(BY_LIST.replace("blocked.txt", "lists/new.txt"), "loans.yaml", after=0.7) == {"solar": "one"}
    assert later(0.5) == {"solar": "one", "loans": "by list"}


def test_a_list_that_went_in_a_silence_is_told_and_the_last_good_rules_stay(blocked, book, later):
    (book.folder / blocked).unlink()
    later(20)
    assert "cannot be read: No such file or directory" in str(book.errors[0])
    assert not refused(book)


def test_a_list_that_was_being_written_at_the_start_is_read_again(blocked, book, clock):
    clock.wall = 0
    (book.folder / blocked).write_text("ann")
    started = RuleBook(book.folder)
    (book.folder / blocked).write_text("ann@example.com\n")
    clock.passes(20)
    started.refresh()
    assert refused(started)


@pytest.mark.parametrize("name", ["later.txt", "lists/later.txt"])
def test_a_file_that_waits_for_its_list_is_read_when_the_list_comes(book, save, name):
    save(f"fields: {{a: {{}}}}\nrules: [{{id: r, listed: {{a: {name}}}}}]")
    assert "the list" in str(book.errors[0])
    assert "cannot be read: No such file or directory" in str(book.errors[0])
    save("x\n", name)
    assert book.errors == []


def test_a_process_that_starts_while_a_file_is_broken_takes_the_rules_of_the_last_lead(book, save):
    save("fields: {}")
    started = RuleBook(book.folder, {"solar": "title: stored\nfields: {a: {}}"}.get)
    assert started.programs["solar"].spec.title == "stored"
    assert started.errors


def test_rules_of_the_last_lead_that_do_not_load_any_more_do_not_stop_a_process(book, save):
    save("fields: {}")
    lost = "fields: {a: {}}\nrules: [{id: r, listed: {a: gone.txt}}]"
    started = RuleBook(book.folder, {"solar": lost}.get)
    assert started.programs == {}
    assert [*map(str, started.errors)] == [f'{book.folder}/solar.yaml:1: "fields:" is empty']


# --- What is legal and probably not meant ---


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("rules: [{id: r, reject_if: 'true'}]", 'reject_if: "true" is always true: the rule refuses every lead'),
        ("rules: [{id: r, reject_if: 1 > 2}]", 'reject_if: "1 > 2" is never true: the rule refuses nobody'),
        ("rules: [{id: r, require: 1 > 2}]", 'require: "1 > 2" is never true: the rule refuses every lead'),
        ("rules: [{id: r, when: 'false', require: a is present}]", 'when: "false" is never true: this never applies'),
        ("rules: [{id: r, reject_if: c == 'z'}]", 'looks for "z", which is not one of the values of c'),
        ("rules: [{id: r, reject_if: \"c in ['x', 'z']\"}]", 'looks for "z", which is not one of the values of c'),
        ("rules: [{id: r, limit: 0, per: day}]", 'rule "r": limit: 0 refuses every lead'),
        ("rules: [{id: r, require: a is present, note: N}, {id: s, require: a is present, note: N}]",
         'rule "s": its note is that of the rule "r" too'),
        ("rules: [{id: r, reject_if: a is present}]",
         'rule "r": it has no note, so partners read its condition as code: write note: and a sentence for them'),
        ("rules: [{id: r, unique: [a]}]",
         'rule "r": it has no note, so partners read a sentence that is the same for all such rules: write note:'),
        ("sale_amount: [{amount: 1}, {amount: 2}]", "the amounts after this one are never reached"),
        ("sale_amount: [{when: a is present, amount: 1}]", "a lead that fits none of the amounts is worth 0.00"),
        ("examples: [{name: x, lead: {a: 1}, expect: valid}]", 'field "c": no example has it'),
    ],
)  # fmt: skip
def test_what_is_legal_and_probably_not_meant_is_a_warning(text, warning):
    made = program("fields: {a: {}, c: {type: choice, one_of: [x, y]}}\n" + text)
    assert any(warning in str(line) for line in made.warnings), made.warnings
    assert all(re.match("rules/solar.yaml:[0-9]+: warning: ", str(line)) for line in made.warnings)


@pytest.mark.parametrize("key", ["note: Sorry", "public: false", "mode: observe", "mode: 'off'"])
def test_a_rule_that_has_a_note_or_that_partners_do_not_read_needs_none(key):
    made = program(f"fields: {{a: {{}}}}\nrules: [{{id: r, unique: [a], {key}}}]")
    assert made.warnings == []


def test_a_sound_file_has_no_warnings():
    assert load(RULES_FOLDER / "default.yaml").warnings == []


def test_a_program_that_uses_every_part_of_the_language_loads(tmp_path):
    text = (Path(__file__).parents[1] / "acme.yaml").read_text()
    (tmp_path / "acme.yaml").write_text(text)
    (tmp_path / "blocked-emails.txt").write_text("eve@example.com\nblocked.example\n")
    made = load(tmp_path / "acme.yaml", NOW)
    monday = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    lead = {"E-Mail": ["ann@example.com"], "first_name": ["Ann"], "consent": ["yes"], "loan_amount": ["$250,000"]}
    assert str(judge(made, lead, monday).sale_amount) == "25.00"
    lead |= {
        "E-Mail": ["x@blocked.example"],
        "birth_date": ["03/03/2008"],
        "loan_amount": ["800000"],
        "irpid": ["1234"],
    }
    assert judge(made, lead, monday).codes == ["adult", "blocked", "jumbo-needs-phone"]
    assert judge(made, lead, NOW).codes == ["adult", "blocked", "jumbo-needs-phone", "open"]
    warned = {warning.message.partition(":")[0] for warning in made.warnings}
    assert not warned & {"docs", "privacy"}


def test_a_status_of_errors_for_invalid_leads_is_a_warning():
    made = compile_program("x", "rules/x.yaml", "invalid_status: 401\nfields: {a: {}}", "", NOW)
    assert [*map(str, made.warnings)] == [
        "rules/x.yaml:1: warning: invalid_status: 401 is what requests are answered that were not judged: "
        "write 422, so that the two can be told apart"
    ]


def test_deleting_before_masking_is_a_warning():
    text = "fields: {a: {}}\nprivacy: {mask_after: 90 days, delete_after: 30 days}"
    made = compile_program("x", "rules/x.yaml", text, "", NOW)
    assert [*map(str, made.warnings)] == [
        "rules/x.yaml:2: warning: privacy: delete_after comes before mask_after: no lead is ever masked"
    ]


@pytest.mark.parametrize("name", ["insurance", "education", "solar", "newsletter"])
def test_the_four_programs_load_without_warnings_and_their_examples_pass(name):
    made = load(RULES_FOLDER / "examples" / f"{name}.yaml")
    assert made.warnings == []
    assert len(made.spec.examples) >= 3


# --- Examples, with what came before ---


def test_an_example_without_a_time_is_of_no_hour():
    text = (
        "fields: {a: {}}\nrules: [{id: o, open: Tue 08:00-09:00}]\nexamples: [{name: n, lead: {a: x}, expect: valid}]"
    )
    for hour in range(0, 7 * 24, 5):
        compile_program("solar", "rules/solar.yaml", text, "hash", NOW + timedelta(hours=hour))


SUNDAY, MONDAY = "at: 2026-03-01 12:00", "at: 2026-03-02 12:00"


@pytest.mark.parametrize(
    ("example", "error"),
    [
        ("after: [{a: X}], expect: [r]", None),
        ("after: [{a: X}], expect: valid", "expected valid, but the rules say r"),
        ("after: [{a: y}, {a: z}], expect: [s]", None),
        (f"{SUNDAY}, expect: [o], sale_amount: 5", "expected the amount 5.00, but the rules say none"),
        (f"{MONDAY}, expect: valid, sale_amount: 5", None),
        (f"{MONDAY}, expect: valid, sale_amount: 6", "expected the amount 6.00, but the rules say 5.00"),
        (f"{SUNDAY}, expect: [o], note: Closed", None),
        (f"{SUNDAY}, expect: [o], note: Shut", 'expected the note "Shut", but the rules say "Closed"'),
    ],
)
def test_an_example_may_say_when_after_what_and_for_how_much(example, error):
    text = "fields: {a: {}}\nsale_amount: 5\nrules: [{id: r, unique: a}, {id: s, limit: 2, per: month}"
    text += ", {id: o, open: Mon 00:00-24:00, note: Closed}]" if "at:" in example else "]"
    text += f"\nexamples:\n  - {{name: n, lead: {{a: x}}, {example}}}"
    if error is None:
        program(text)
    else:
        assert error in errors(text)[0]


def test_the_schema_that_is_shipped_is_the_one_of_the_code():
    assert json.loads((RULES_FOLDER.parent / "rules.schema.json").read_text()) == json_schema()


@pytest.mark.parametrize("path", [RULES_FOLDER / "default.yaml", *sorted((RULES_FOLDER / "examples").glob("*.yaml"))])
def test_the_schema_takes_our_files_as_an_editor_reads_them(path):
    schema, text = json_schema(), path.read_text()
    jsonschema.Draft7Validator.check_schema(schema)
    document = json.loads(json.dumps(yaml.safe_load(text), default=str))
    jsonschema.Draft7Validator(schema).validate(document)
    assert re.search(r"yaml-language-server: \$schema=(\.\./)+rules.schema.json", text.splitlines()[0])


@pytest.mark.parametrize("text", ["fields: {a: {typ: email}}", "fields: {a: {type: emial}}", "rules: []", "x: 1"])
def test_the_schema_refuses_what_the_code_refuses(text):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(json_schema()).validate(yaml.safe_load(text))


def test_every_key_of_the_schema_is_described():
    schema = json_schema()
    for part in [schema, *schema["$defs"].values()]:
        for key, value in part["properties"].items():
            assert value.get("description"), key


def test_the_example_program_loads_and_its_examples_pass():
    made = load(RULES_FOLDER / "default.yaml")
    email = made.spec.fields["email"]
    assert email.required and email.label == "email address"
    assert made.spec.rules[-1].unique == [["email"]] and made.spec.rules[-1].within.days == 90
    assert made.amounts and made.spec.examples
