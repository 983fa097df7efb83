"""Rule files: what a good one means, and every mistake of a bad one at once, by file and line."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cast import errors, program

from judge import examples, rulefile
from judge.compiler import load
from judge.judgement import judge
from judge.rulefile import RuleFileError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


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
  born: {type: date, formats: [DD/MM/YYY]}
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
    '3: "New York" is not a time zone. Did you mean "America/New_York"?',
    '4: partner: there is no field "irpd"',
    '6: field "email": "emial" is not one of text, email, phone, postal_code, region, country, date, datetime, '
    'integer, number, money, range, boolean, consent, choice, url, ip, uuid, id. Did you mean "email"?',
    '7: field "first_name": "max_lenght" is not a known key. Did you mean "max_length"?',
    '8: field "e-mail": "e-mail" is not a field name: start with a letter, then letters, digits and _ '
    "(put other spellings under aliases:)",
    '9: field "zip": country: a postal_code needs its country: write country: US, for example',
    '10: field "state": type: a choice needs its values: write one_of: [one, another]',
    '11: field "not": "not" is a word of the condition language: give the field another name',
    '12: field "visits": min: "few" is not a value that this field can have: it takes a whole number',
    '12: field "visits": min_length: a field of type integer does not take this key; it takes max, min',
    '13: field "born": formats: "DD/MM/YYY" is not a format that can be read: write it as MM/DD/YYYY, ISO or epoch',
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
    '26: rule "nothing": a rule needs one of reject_if, require, listed, not_listed, open, closed, unique, limit, '
    "budget; it has none",
    '28: rule "both": a rule needs one of reject_if, require, listed, not_listed, open, closed, unique, limit, '
    "budget; it has reject_if and require",
    '32: rule "text-and-number": reject_if: "first_name == 5": first_name is a text and never equals the number 5; '
    "write '5' in quotes, or give the field type: number",
    '34: sale_amount: when: "zap > 1": there is no field "zap". Did you mean "zip"?',
    '35: "$5" is not an amount: write 5',
    '37: example "x": "valud" is no expectation: write valid, or the reason codes in brackets, '
    "such as [email.required]",
]


def test_a_file_shows_all_its_mistakes_at_once_each_with_its_line():
    assert errors(MISTAKES) == [f"rules/solar.yaml:{message}" for message in MESSAGES]


@pytest.mark.parametrize("name", ["id: no id", "note: x"])
def test_a_rule_whose_id_cannot_be_used_is_told_by_its_number_whatever_else_is_wrong(name):
    _, other = sorted(errors(f"fields: {{a: {{}}}}\nrules:\n  - {name}\n    reject_if: b is present"))
    assert other.startswith('rules/solar.yaml:4: rule number 1: reject_if: "b is present": there is no field "b"')


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
        ("title: x\nfields:\nrules: []", '2: "fields:" is empty'),
        ("fields: x", '1: "fields:" needs names with values'),
        ("fields:\n  a:{type: text}", '2: leave a space after the colon: write "a: {'),
        ("fields: {a b: {type: foo}, c: {typ: x}}", '1: field "c": "typ" is not a known key'),
        ("fields: {1x: 5}", '1: field "1x": .* is not a field name'),
        ("title: x\nfields:\n\t- a", "3: this line is indented with a tab: indent with spaces"),
        ("title: a: b", '1: a text that holds ": " wants quotes: write title: "a: b"'),
        ("fields: {a: {one_of: [a}}", "1: the . is not closed before the }: write . first"),
        ("title: a\nfields:{}\n", '2: leave a space after the colon: write "fields: {}"'),
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
        ("fields: {a: {type: id}}", '1: field "a": standard: an id needs its standard'),
        ("fields:\n  a:\n    type: id\n    standard: no", '4: field "a": standard: an id needs its standard'),
        ("fields: {a: {type: phone, country: Utopia}}", '1: field "a": country: "Utopia" is not a country'),
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


def test_a_file_that_is_not_utf8_says_so(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"title: a\n# caf\xe9\n")
    with pytest.raises(RuleFileError, match="latin.yaml:2: this is not UTF-8 text"):
        load(path)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(RuleFileError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_a_program_that_uses_every_part_of_the_language_loads(tmp_path):
    text = (Path(__file__).parents[1] / "acme.yaml").read_text()
    (tmp_path / "acme.yaml").write_text(text)
    (tmp_path / "blocked-emails.txt").write_text("eve@example.com\nblocked.example\n")
    (tmp_path / "gold-zips.txt").write_text("90210\n")
    made = load(tmp_path / "acme.yaml", NOW)
    monday = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    lead = {"E-Mail": ["ann@example.com"], "first_name": ["Ann"], "consent": ["yes"], "loan_amount": ["$250,000"]}
    assert str(judge(made, lead, monday).sale_amount) == "25.00"
    assert str(judge(made, lead | {"zip": ["90210"]}, monday).sale_amount) == "45.00"
    assert judge(made, lead, datetime(2026, 12, 25, 17, 0, tzinfo=UTC)).codes == ["open"]
    assert judge(made, lead, datetime(2027, 4, 1, 17, 0, tzinfo=UTC)).codes == ["program.ended"]
    lead |= {
        "E-Mail": ["x@blocked.example"],
        "birth_date": ["03/03/2008"],
        "loan_amount": ["800000"],
        "irpid": ["1234"],
    }
    assert judge(made, lead, monday).codes == ["adult", "blocked", "jumbo-needs-phone"]
    assert judge(made, lead, NOW).codes == ["adult", "blocked", "jumbo-needs-phone", "open"]
    warned = {warning.place[0] for warning in made.warnings}
    assert not warned & {"docs", "privacy"}
