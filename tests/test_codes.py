"""`one_of` as a table: partners send the code or what it means, in every format, and the meaning is the value."""

import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from cast import FORM, JSON, XML, Partner, errors, multipart, program
from jsonschema import Draft202012Validator

from judge.changes import begun_anew
from judge.examples import judge_in_turn
from partners import openapi
from partners.instructions import instructions
from partners.markdown import markdown

PROGRAM = """
fields:
  email: {type: email}
  employment: {type: choice, one_of: {'1': Employed, '2': Self-employed, '3': Employed}}
  plan: {one_of: {A: "Gold plan", B: Silver}}
  land: {type: country, one_of: {'1': USA, '44': United Kingdom}}
  state: {type: region, country: US, one_of: {'6': California, '36': NY}}
  zip: {type: postal_code, country: US, one_of: {austin: '78704'}}
  desk: {type: email, one_of: {sales: sales@acme.example}}
  page: {type: url, one_of: {home: https://example.com/}}
"""
READ = [
    ("employment", "2", "Self-employed"),
    ("employment", "self-EMPLOYED", "Self-employed"),
    ("employment", " Self‑employed ", "Self-employed"),
    ("employment", "３", "Employed"),
    ("plan", "a", "Gold plan"),
    ("plan", "GOLD  plan", "Gold plan"),
    ("land", "1", "US"),
    ("land", "usa", "US"),
    ("land", "44", "GB"),
    ("state", "6", "CA"),
    ("state", "calif.", "CA"),
    ("zip", "Austin", "78704"),
    ("zip", "78704", "78704"),
    ("desk", "SALES", "sales@acme.example"),
    ("page", "home", "https://example.com/"),
]
REFUSED = [("employment", "4"), ("plan", "C"), ("land", "DE"), ("state", "TX"), ("zip", "78705")]


@pytest.fixture
def partner(make_app):
    return Partner(make_app(PROGRAM))


def bodies(field, text):
    return [
        (urlencode({field: text}), FORM),
        multipart([(field, text)]),
        (json.dumps({field: text}), JSON),
        (f"<lead><{field}>{text}</{field}></lead>".encode(), XML),
    ]


@pytest.mark.parametrize(("field", "text", "value"), READ)
def test_a_code_and_its_meaning_are_one_value_in_every_format(partner, field, text, value):
    for body, content_type in bodies(field, text):
        partner.post(body, content_type)
    assert [(lead.valid, lead.fields[field]) for lead in partner.stored()] == [(True, value)] * 4


@pytest.mark.parametrize(("field", "text"), REFUSED)
def test_what_is_no_code_and_no_meaning_is_not_allowed(partner, field, text):
    for body, content_type in bodies(field, text):
        partner.post(body, content_type)
    assert [lead.reasons[0] for lead in partner.stored()] == [f"{field}.not_allowed"] * 4


def test_a_number_of_json_is_a_code(partner):
    partner.post('{"employment": 2, "land": 44}', JSON)
    (lead,) = partner.stored()
    assert lead.fields == {"employment": "Self-employed", "land": "GB"}


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("one_of: {'1': A, '2': '1'}", '"1" is a code, and also what the code "2" means: write another meaning there'),
        ("one_of: {'1': A, ' 1 ': B}", '" 1 " is the same code as "1": keep one'),
        ("one_of: {'': A}", "a code is empty, and a lead with that has no value: write a code, or leave the row out"),
        ("type: country, one_of: {US: Canada}", '"US" is a value itself, and would be taken for "Canada": leave'),
        ("type: country, one_of: {'1': Mars}", '"Mars" is not a value that this field can have'),
        ("type: region, country: US, one_of: {CA: NY, '2': CA}", '"CA" is a code, and also what the code "2" means'),
        ("type: integer, one_of: {'1': A}", "a field of type integer does not take this key"),
    ],
)
def test_a_table_that_cannot_be_meant_is_a_mistake(field, message):
    assert message in "\n".join(errors(f"fields: {{e: {{{field}}}}}"))


@pytest.mark.parametrize("table", ["{A: a, B: b}", "{'1': Employed, '3': employed}", "{US: US, '2': CA}"])
def test_a_code_may_be_what_it_means_and_two_codes_may_mean_one(table):
    assert program(f"fields: {{e: {{one_of: {table}}}}}")


def test_the_meaning_is_what_conditions_places_and_caps_see():
    made = program("""
fields:
  kind: {one_of: {'1': Employed, '2': Retired}}
  name: {}
rules:
  - {id: retired, reject_if: kind == 'Retired' and name == 'old', note: N}
  - {id: duplicate, unique: [name, kind], note: D}
  - {id: cap, limit: {Employed: 1}, per: day, by: [kind], note: C}
""")
    leads = [{"kind": "1", "name": "a"}, {"kind": "employed", "name": "A"}, {"kind": "2", "name": "old"}]
    verdicts = judge_in_turn(made, leads, datetime(2026, 3, 1, tzinfo=UTC))
    assert [verdict.codes for verdict in verdicts] == [[], ["duplicate", "cap"], ["retired"]]


@pytest.mark.parametrize("condition", ["kind == '2'", "kind in ['2', 'Employed']", "lead == '2' or '2' == kind"])
def test_a_condition_that_asks_for_a_code_is_told_the_meaning(condition):
    made = program(f"""
fields: {{kind: {{one_of: {{'1': Employed, '2': Retired}}}}, lead: {{}}}}
rules: [{{id: r, reject_if: "{condition}", note: N}}]
""")
    assert 'looks for "2", and kind has that as "Retired": write that' in "\n".join(map(str, made.warnings))


def test_partners_are_told_codes_and_meanings_and_their_tools_take_both():
    made = program(PROGRAM)
    doc = instructions(made, "https://leads.example.com/leads/solar")
    assert "Accepted, in any case: `1` or `Employed`, `2` or `Self-employed`" in markdown("instructions.md", doc=doc)
    described = openapi.describe(made, doc)["components"]["schemas"]["Lead"]
    assert "In any case: A or Gold plan, B or Silver." in described["properties"]["plan"]["description"]
    for field, text, _ in READ:
        Draft202012Validator(described).validate({field: text})
    Draft202012Validator(described).validate({"employment": 2})
    assert not Draft202012Validator(described).is_valid({"employment": "4"})


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("['1', '2']", "{'1': Employed, '2': Retired}", True),
        ("{'1': Employed}", "{'1': Working}", True),
        ("{'1': Employed}", "{'1': Employed, '2': Retired}", False),
        ("[Employed, Retired]", "{'1': Employed, '2': Retired}", False),
        ("[a, b]", "[a, c]", False),
    ],
)
def test_a_code_that_means_something_else_begins_its_places_anew(before, now, told):
    text = "fields: {{kind: {{one_of: {}}}}}\nrules: [{{id: d, unique: [kind], note: N}}]"
    found = begun_anew(program(text.format(now)), "solar", text.format(before))
    assert [finding.message[:40] for finding in found] == ['field "kind": it has another one_of: a l'] * told
