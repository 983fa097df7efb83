"""What partners are told of fields with `multiple: true`, and what is posted to try them."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from cast import RULES_FOLDER, Partner, program, read_answer, serving
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from judge.compiler import load
from judge.judgement import judge
from partners import openapi
from partners.instructions import instructions
from partners.markdown import markdown
from partners.samples import declared, freshened
from partners.simulator import POSTED, body_of
from web.formats import FORMATS
from web.request import read

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = """
docs: public
fields:
  email: {type: email, required: true}
  ages: {type: integer, multiple: true, required: true, min: 16, aliases: [drivers.age]}
  wishes: {type: choice, one_of: [Solar, "New roof"], multiple: true}
  emails: {type: email, multiple: true}
examples:
  - name: a family
    lead:
      email: ann@example.com
      drivers: [{age: 34}, {age: 17}]
      wishes: [solar, new roof]
      emails: [a@example.com, b@example.com]
    expect: valid
  - name: a child
    lead: {email: ann@example.com, ages: ["34", "11"]}
    expect: [ages.too_small]
"""
URL = "https://leads.example.com/leads"
LEAD = {
    "email": "ann@example.com",
    "ages": ["34", "17"],
    "wishes": ["Solar", "New roof"],
    "emails": ["a@example.com", "b@example.com"],
}


def test_the_requests_to_copy_have_all_values_in_every_format():
    made = program(RULES)
    doc = instructions(made, URL)
    for exchange in doc.accepted:
        assert exchange.lead == LEAD
        verdict = judge(made, read(made, exchange.body.encode(), FORMATS[exchange.kind].mimetype), NOW)
        assert (verdict.codes, verdict.fields["ages"], verdict.fields["wishes"]) == ([], [34, 17], LEAD["wishes"])
    xml, in_json, form = (exchange.body for exchange in doc.accepted)
    assert "<ages>34</ages>\n  <ages>17</ages>" in xml
    assert json.loads(in_json)["ages"] == ["34", "17"]
    assert "ages=34&ages=17" in form
    assert "too small" in doc.rejected[0].answer


def test_a_field_says_that_it_takes_several_values_and_the_text_how_they_are_sent():
    doc = instructions(program(RULES), URL)
    told = markdown("instructions.md", doc=doc)
    assert next(field for field in doc.fields if field.name == "wishes").example == ["Solar", "New roof"]
    assert "`Solar`, `New roof` |" in told and "`34`, `17` |" in told
    assert told.count("Takes several values, each of which is checked.") == 3
    assert "repeat their name, send an array in JSON, or write `[]` behind the name in a form" in told
    without = markdown("instructions.md", doc=instructions(program("fields: {a: {}}"), URL))
    assert "Of a field that comes twice, the first value counts." in without and "repeat their" not in without


@pytest.mark.parametrize("kind", ["xml", "json", "form"])
def test_the_request_in_python_runs_as_it_stands(make_app, kind):
    app = make_app(RULES, open=True)
    with serving(app) as address:
        doc = instructions(program(RULES), f"{address}/leads", login=False)
        (exchange,) = [exchange for exchange in doc.accepted if exchange.kind == kind]
        done = subprocess.run([sys.executable, "-"], input=exchange.programs["Python"].encode(), capture_output=True)
    assert b"Lead submitted successfully" in done.stdout, done.stderr
    assert Partner(app).stored()[0].fields["ages"] == [34, 17]


def test_in_javascript_a_form_with_several_values_is_a_list_of_pairs():
    (form,) = [exchange for exchange in instructions(program(RULES), URL).accepted if exchange.kind == "form"]
    assert '["ages", "34"],\n  ["ages", "17"],' in form.programs["JavaScript"]
    assert "'ages' => ['34', '17']," in form.programs["PHP"]
    assert "--data-urlencode ages=34 \\\n  --data-urlencode ages=17" in form.programs["curl"]


def test_openapi_takes_one_value_or_an_array_of_them():
    made = program(RULES)
    document = openapi.describe(made, instructions(made, URL))
    OpenAPIV31SpecValidator(json.loads(json.dumps(document))).validate()
    lead = document["components"]["schemas"]["Lead"]
    validator = Draft202012Validator(lead)
    assert document["paths"]["/leads/solar"]["post"]["requestBody"]["content"]["application/json"]["examples"] == {
        "lead": {"value": LEAD}
    }
    for ages in (34, "34", [34], ["34", 17]):
        assert validator.is_valid({"email": "ann@example.com", "ages": ages})
    for ages in ([], [11], 11, ["x"], {"age": 34}):
        assert not validator.is_valid({"email": "ann@example.com", "ages": ages})
    assert validator.is_valid({"email": "ann@example.com", "ages": 34, "wishes": []})
    assert not validator.is_valid({"email": "ann@example.com", "ages": 34, "wishes": ["boats"]})


def test_the_simulator_posts_all_values_in_every_format_and_new_addresses_among_them():
    made = program(RULES)
    (lead,) = freshened(made, [made.spec.examples[0].lead], NOW)
    for kind in POSTED:
        verdict = judge(made, read(made, body_of(lead, kind), FORMATS[kind].mimetype), NOW)
        assert (verdict.codes, verdict.fields["ages"], verdict.fields["wishes"]) == ([], [34, 17], LEAD["wishes"])
        assert len({*verdict.fields["emails"], "a@example.com", "b@example.com"}) == 4


def test_the_simulator_makes_the_item_new_that_an_alias_picks_of_a_list():
    fields = "{phones: {type: phone, country: US, multiple: true}, one: {type: phone, aliases: ['phones[0]']}}"
    made = program(f"fields: {fields}\nrules: [{{id: duplicate, unique: [one]}}]")
    (lead,) = freshened(made, [{"phones": ["+15127891111", "+15127892222"]}], NOW)
    assert judge(made, read(made, body_of(lead, "json"), FORMATS["json"].mimetype), NOW).values["one"] != "+15127891111"


def test_a_lead_is_shown_with_the_values_that_are_there():
    made = program(RULES)
    assert declared(made, {"email": "a@example.com", "ages": ["", "34"]}) == {"email": "a@example.com", "ages": "34"}


def test_the_program_with_several_drivers_is_told_and_answered_alike_in_every_format(make_app):
    path = RULES_FOLDER / "examples" / "drivers.yaml"
    made, partner = load(path), Partner(make_app(path.read_text()))
    for exchange in instructions(made, URL).accepted:
        answer = read_answer(partner.post(exchange.body, FORMATS[exchange.kind].mimetype))
        assert (answer["valid"], answer["note"]) in (
            ("true", "Lead submitted successfully"),
            ("false", "This household asked for a quote within the last 60 days"),
        )
    kept = [lead.fields for lead in partner.stored()]
    assert kept == kept[:1] * 3
    assert kept[0]["birth_dates"] == ["1985-04-17", "2007-11-02"]
    assert (kept[0]["car_years"], kept[0]["license_state"]) == ([2021, 2012], ["IL", "IL"])
