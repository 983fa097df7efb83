"""The JSON schema of rule files, by which an editor helps."""

import json
import re

import jsonschema
import pytest
import yaml
from cast import RULES_FOLDER, program

from judge.phones import KINDS
from judge.rulefile import RuleFileError
from judge.schema import AmountSpec, ExampleSpec, FieldSpec, PrivacySpec, RuleFile, RuleSpec, json_schema
from judge.types import TYPES


def test_the_schema_that_is_shipped_is_the_one_of_the_code():
    assert json.loads((RULES_FOLDER.parent / "rules.schema.json").read_text()) == json_schema()


@pytest.mark.parametrize("path", [RULES_FOLDER / "default.yaml", *sorted((RULES_FOLDER / "examples").glob("*.yaml"))])
def test_the_schema_takes_our_files_as_an_editor_reads_them(path):
    schema, text = json_schema(), path.read_text()
    jsonschema.Draft7Validator.check_schema(schema)
    document = json.loads(json.dumps(yaml.safe_load(text), default=str))
    jsonschema.Draft7Validator(schema).validate(document)
    assert re.search(r"yaml-language-server: \$schema=(\.\./)+rules.schema.json", text.splitlines()[0])


def test_the_schema_takes_every_part_of_the_language_as_an_editor_reads_it():
    document = yaml.safe_load((RULES_FOLDER.parent / "tests" / "acme.yaml").read_text())
    validator = jsonschema.Draft7Validator(json_schema())
    validator.validate(json.loads(json.dumps(document, default=str)))
    for wrong in ({"limit": {}}, {"limit": [5]}, {"per": "decade"}, {"closed": []}):
        rules = [document["rules"][-1] | wrong]
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(json.loads(json.dumps(document | {"rules": rules}, default=str)))


@pytest.mark.parametrize("text", ["fields: {a: {typ: email}}", "fields: {a: {type: emial}}", "rules: []", "x: 1"])
def test_the_schema_refuses_what_the_code_refuses(text):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(json_schema()).validate(yaml.safe_load(text))


NEW_WORDS = """
blanks: [N/A, none]
fields:
  phone: {type: phone, kinds: [mobile, toll_free], blanks: 0}
  born: {type: date, formats: [D-MMM-YY, ISO, epoch], min: '1900-01-01', max: today}
  credit: {type: range, min: 300, max: 850}
  owner: {type: boolean, "yes": [x], "no": denied}
  ages: {type: integer, multiple: true}
"""


def test_the_schema_completes_kinds_words_and_values_that_count_as_absent():
    validator = jsonschema.Draft7Validator(json_schema())
    validator.validate(yaml.safe_load(NEW_WORDS))
    assert not validator.is_valid(yaml.safe_load(NEW_WORDS.replace("toll_free", "cell")))


def test_every_key_of_the_schema_is_described():
    parts = [json_schema()]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            for key, value in part.get("properties", {}).items():
                assert value.get("description"), key
        parts += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def test_the_schema_offers_the_words_that_stand_beside_values_of_ones_own():
    keys = json_schema()["$defs"]["FieldSpec"]["properties"]
    for key, word in {"max": "today", "formats": "epoch", "standard": "us.ssn", "free": "reject"}.items():
        assert word in keys[key]["examples"]


@pytest.mark.parametrize(
    "value", ["true", '"true"', "True", '"TRUE"', "yes", '"no"', '"Off"', "maybe", '" true"', "1", '"t"']
)
@pytest.mark.parametrize("key", ["sensitive", "store", "multiple", "exact", "required"])
def test_the_schema_takes_yes_and_no_as_the_code_does(key, value):
    text = f"fields: {{a: {{type: email, {key}: {value}}}}}"
    if key == "required" and value not in ("true", '"true"', "True", '"TRUE"', "yes", '"no"', '"Off"'):
        return  # it may be a condition, which the schema does not read
    try:
        is_taken = bool(program(text))
    except RuleFileError:
        is_taken = False
    assert jsonschema.Draft7Validator(json_schema()).is_valid(yaml.safe_load(text)) == is_taken


@pytest.mark.parametrize("key", ["irpid", "[irpid]", "[irpid, subid]", "[irpid, subid, x]", "[irpid, irpid]", "[]"])
def test_the_schema_takes_partners_as_the_code_does(key):
    text = f"partner: {key}\nfields: {{irpid: {{}}, subid: {{}}, x: {{}}}}"
    try:
        is_taken = bool(program(text))
    except RuleFileError:
        is_taken = False
    assert jsonschema.Draft7Validator(json_schema()).is_valid(yaml.safe_load(text)) == is_taken


def offered(schema, part):
    """Return the words that an editor offers for a part of the schema: it follows references and alternatives."""
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    found = [*part.get("enum", []), *part.get("examples", []), *([part["const"]] if "const" in part else [])]
    for other in [*part.get("anyOf", []), *([part["items"]] if "items" in part else [])]:
        found += offered(schema, other)
    return found


@pytest.mark.parametrize(
    ("model", "key", "words"),
    [
        ("FieldSpec", "type", [*TYPES]),
        ("FieldSpec", "kinds", [*KINDS]),
        ("FieldSpec", "on_invalid", ["reject", "warn"]),
        ("FieldSpec", "sensitive", [True, False]),
        ("RuleSpec", "mode", ["enforce", "observe", "off"]),
        ("RuleSpec", "per", ["hour", "day", "week", "month", "year", "total"]),
        ("RuleSpec", "across", ["program", "all"]),
        (None, "respond", ["xml", "json"]),
        (None, "docs", ["public", "link", "operators"]),
        (None, "currency", ["USD", "EUR"]),
        (None, "timezone", ["America/New_York"]),
    ],
)
def test_the_schema_completes_words(model, key, words):
    schema = json_schema()
    keys = (schema["$defs"][model] if model else schema)["properties"]
    assert set(words) <= set(offered(schema, keys[key]))


def test_the_schema_completes_every_key_that_there_is():
    schema = json_schema()
    models = {"RuleFile": schema, **schema["$defs"]}
    for model in (RuleFile, FieldSpec, RuleSpec, AmountSpec, ExampleSpec, PrivacySpec):
        assert models[model.__name__]["properties"].keys() == model.model_fields.keys()
        assert models[model.__name__]["additionalProperties"] is False
