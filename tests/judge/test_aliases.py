"""Aliases: other names of a field, and those that pick an item of a list."""

from datetime import UTC, datetime

import pytest
from cast import errors, program

from judge.aliases import MAX_NAME, read_alias, spellings
from judge.examples import judge_example
from judge.items import Leaf, Leaves
from judge.judgement import judge

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def rules(alias, field="email: {type: email"):
    quoted = alias.replace('"', '\\"')
    return f'fields:\n  {field}, aliases: ["{quoted}"]}}'


# --- What can never match ---


@pytest.mark.parametrize(
    ("alias", "right"),
    [
        ("drivers[x].age", "drivers[0].age"),
        ("drivers[x].age", "drivers[name=value].age"),
        ("drivers[*].age", "drivers.age for all"),
        ("drivers[-1].age", "drivers[0].age"),
        ("drivers[1:3].age", "drivers[0].age"),
        ("*.email", "contact.email"),
        ("contact.*", "contact"),
        ("$.contact.email", "contact.email"),
        ("$..email", "email"),
        ("//contact/email", "contact.email"),
        ("/lead/email", "lead.email"),
        ("contact.email.#text", "write contact.email,"),
        ("field_data[name='email'].values", "write field_data[name=email].values"),
        ("field_data[name==email].values", "write field_data[name=email].values"),
        ("field_data[?(@.name=='email')].values", "write field_data[name=email].values"),
        ("field_data[name!=email].values", "field_data[name=email].values"),
        ("field_data[name=].values", "field_data[name=email].values"),
        ("field_data[0][name=email].values", "one step"),
        ("drivers[0.age", "write drivers[0].age"),
        ("drivers0].age", "write drivers0.age"),
        ("_", "a letter or a digit"),
        ("x" * (MAX_NAME + 1), f"at most {MAX_NAME} characters"),
    ],
)
def test_an_alias_that_can_never_match_is_a_mistake_with_the_right_form(alias, right):
    (error,) = errors(rules(alias))
    assert error.startswith(f'rules/solar.yaml:2: field "email": aliases: "{alias[:100]}"')
    assert right in error


@pytest.mark.parametrize(
    "alias",
    ["e-mail", "E mail", "contact.email", "fields[email][value]", "fields[email]", "a[]", "drivers[0][age]", "@id",
     "a.@id", "Email *", "Phone [optional]", "How many? [1-5]", "I agree to the terms.", "a..b", "ns:email", "Größe",
     "[l](javascript:1)", "x" * MAX_NAME],
)  # fmt: skip
def test_what_a_form_or_a_document_may_call_a_field_is_no_mistake(alias):
    assert program(rules(alias)).names


@pytest.mark.parametrize("alias", ["drivers[x].age", "*.email", "", "a[b=c].d"])
def test_what_is_no_alias_is_spelled_all_the_same(alias):
    assert all(isinstance(spelling, str) for spelling in spellings(alias))


def test_a_mistake_is_told_of_the_line_of_its_alias():
    text = "fields:\n  email:\n    aliases:\n      - e-mail\n      - '*.email'\n"
    assert [error.split(":")[1] for error in errors(text)] == ["5"]


def test_one_item_cannot_be_two_fields():
    text = "fields:\n  a: {aliases: ['d[N-ame=x].v']}\n  b: {aliases: ['D[name=X].v']}"
    assert errors(text) == ['rules/solar.yaml:3: field "b": "D[name=X].v" already means the field "a"']


# --- What it picks ---


@pytest.mark.parametrize(
    ("alias", "steps"),
    [
        ("field_data[name=E-mail Address].values", (("fielddata", (("name",), "e-mail address")), ("values", None))),
        ("contact.name[@part=first]", (("contact", None), ("name", (("@part",), "first")))),
        ("drivers[0].age", (("drivers", 0), ("age", None))),
        ("drivers[0][age]", (("drivers", 0), ("age", None))),
        ("field_data[name=email][values]", (("fielddata", (("name",), "email")), ("values", None))),
        ("answers[field.ref=own].boolean", (("answers", (("field", "ref"), "own")), ("boolean", None))),
        ("a[name=b.c].d[1]", (("a", (("name",), "b.c")), ("d", 1))),
        ("fields[email][value]", None),
        ("fields.email", None),
    ],
)
def test_an_alias_is_read_step_by_step(alias, steps):
    assert read_alias(alias).steps == steps


PEOPLE = """
fields:
  email: {type: email, aliases: ["field_data[name=E-mail].values"]}
  first: {aliases: ["contact.name[@part=first]"]}
  last: {aliases: ["contact.name[@part=last]"]}
  youngest: {type: integer, aliases: ["drivers[1].age"]}
  ages: {aliases: [drivers.age]}
  owns: {type: boolean, aliases: ["answers[field.ref=own].boolean"]}
  year: {aliases: ["vehicle[@interest=buy].year"]}
  home: {aliases: ["people[role=buyer].phones[kind=home].number"]}
  given: {aliases: ["fields[given][value]"]}
"""

LEADS = [
    ("{field_data: [{name: full_name, values: [Ann Lee]}, {name: 'E-MAIL ', values: [a@b.co]}]}", "email", "a@b.co"),
    ("{field_data: [{values: [a@b.co], name: e-mail}, {name: x, values: [y]}]}", "email", "a@b.co"),
    ("{field_data: {name: e-mail, values: a@b.co}}", "email", "a@b.co"),
    ("{contact: {name: [{'@part': first, '#text': Ann}, {'@part': last, '#text': Lee}]}}", "first", "Ann"),
    ("{contact: {name: [{'@part': first, '#text': Ann}, {'@part': last, '#text': Lee}]}}", "last", "Lee"),
    ("{contact: [{name: [{'@part': full, '#text': A}]}, {name: [{'@part': last, '#text': Lee}]}]}", "last", "Lee"),
    ("{drivers: [{age: 34}, {age: 11}]}", "youngest", 11),
    ("{'drivers[1].age': 11, 'drivers[0].age': 34}", "youngest", 11),
    ("{answers: [{field: {ref: x}, boolean: no}, {field: {ref: OWN}, boolean: yes}]}", "owns", True),
    ("{vehicle: [{'@interest': trade-in, year: 2001}, {'@interest': buy, year: 2026}]}", "year", "2026"),
    ("{people: [{role: buyer, phones: [{kind: work, number: 1}, {kind: home, number: 2}]},"
     " {role: seller, phones: [{kind: home, number: 3}]}]}", "home", "2"),
    ("{'fields[given][value]': Ann}", "given", "Ann"),
    ("{fields: {given: {value: Ann}}}", "given", "Ann"),
    ("{'field_data[name=e-mail].values': a@b.co}", "email", "a@b.co"),
]  # fmt: skip


@pytest.mark.parametrize(("lead", "field", "value"), LEADS)
def test_an_alias_picks_the_item_that_it_describes(lead, field, value):
    made = program(f"{PEOPLE}\nexamples:\n  - {{name: one, lead: {lead}, expect: valid}}")
    assert verdict_on(made).values[field] == value


NOT_PICKED = [
    ("{field_data: [{name: mail, values: [a@b.co]}, {name: x, values: [y]}]}", "email"),
    ("{field_data: [{name: e-mail, other: [a@b.co]}, {name: x, values: [y]}]}", "email"),
    ("{drivers: [{age: 34}, {name: Bo}]}", "youngest"),
    ("{contact: {name: Ann}}", "first"),
    ("{people: [{role: buyer, phones: [{kind: work, number: 1}]}, {role: x, phones: [{kind: home, number: 3}]}]}",
     "home"),
]  # fmt: skip


@pytest.mark.parametrize(("lead", "field"), NOT_PICKED)
def test_it_picks_no_other_item(lead, field):
    made = program(f"{PEOPLE}\nexamples:\n  - {{name: one, lead: {lead}, expect: valid}}")
    assert field not in verdict_on(made).values


def verdict_on(made):
    return judge_example(made, made.spec.examples[0], NOW)


def test_without_a_selector_all_values_come_in_order():
    lead = "{drivers: [{age: 34}, {age: 11}]}"
    verdict = verdict_on(program(f"{PEOPLE}\nexamples:\n  - {{name: one, lead: {lead}, expect: valid}}"))
    assert verdict.values["ages"] == "34"
    assert {"check": "ages", "result": "2 values: the first is taken"} in verdict.trace


def test_what_is_picked_stands_under_the_field_alone():
    lead = "{field_data: [{name: e-mail, values: [a@b.co]}, {name: x, values: [y]}]}"
    verdict = verdict_on(program(f"{PEOPLE}\nexamples:\n  - {{name: one, lead: {lead}, expect: valid}}"))
    assert verdict.fields == {"email": "a@b.co", "field_data.name": ["e-mail", "x"], "field_data.values": "y"}


def test_what_is_not_stored_stands_nowhere_else_nor_what_is_under_it():
    made = program("fields:\n  ssn: {store: false, aliases: ['d[n=ssn].v']}\n  all: {aliases: [d.v]}")
    steps = [(("d", 0), ("n", 0)), (("d", 0), ("v", 0)), (("d", 0), ("v", 1), ("@id", 0)), (("d", 1), ("v", 0))]
    texts = ["SSN", "123", "9", "x"]
    leaves = Leaves(Leaf(".".join(n for n, _ in s), t, s) for s, t in zip(steps, texts, strict=True))
    pairs = made.selectors.pairs(leaves, made.names)
    assert pairs == [("d.n", "SSN"), ("d[n=ssn].v", "123"), ("d[n=ssn].v.@id", "9"), ("d.v", "x")]
    submitted = {name: [text] for name, text in pairs}
    assert made.without_forgotten(submitted) == {"d.n": ["SSN"], "d.v": ["x"]}
    assert "123" not in str(judge(made, submitted, NOW).fields)


def test_an_example_whose_item_is_picked_counts_for_its_field():
    lead = "{field_data: [{name: e-mail, values: [a@b.co]}]}"
    made = program(f"{PEOPLE}\nexamples:\n  - {{name: one, lead: {lead}, expect: valid}}")
    assert not any('"email": no example' in warning.message for warning in made.warnings)


# --- unpack ---


@pytest.mark.parametrize("name", ["data[0]", "data[name=x].y", "*", "$.data"])
def test_unpack_takes_names_alone(name):
    (error,) = errors(f"unpack: ['{name}']\nfields: {{email: {{}}}}")
    assert error.startswith(f'rules/solar.yaml:1: unpack: "{name}"')


def test_a_field_that_is_taken_apart_is_warned_of():
    made = program("unpack: [XML-String]\nfields: {xml_string: {}}")
    assert any("its text is taken apart" in str(warning) for warning in made.warnings)


def test_an_example_has_the_fields_that_a_document_holds():
    example = "{name: one, lead: {Data: '{\"email\": 1}'}, expect: valid}"
    (error,) = errors(f"unpack: [data]\nfields: {{email: {{}}}}\nexamples:\n  - {example}")
    told = 'lead: "Data" is taken apart when a lead comes: write the fields that it holds'
    assert error == f'rules/solar.yaml:4: example "one": {told}'
