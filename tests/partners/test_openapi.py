"""The OpenAPI document: valid, silent about what is hidden, and exact: the live service never differs from it."""

import json
import re

import pytest
from cast import RULES_FOLDER
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from programs import HOSTILE, LISTS, MONSTER

from judge.compiler import compile_text, load
from judge.numbers import PATTERN
from partners import openapi
from partners.instructions import instructions
from web import answer
from web.formats import FORMATS

EXAMPLES = [RULES_FOLDER / "default.yaml", *sorted((RULES_FOLDER / "examples").glob("*.yaml"))]


@pytest.fixture
def describe(tmp_path):
    """Return the OpenAPI document of a rule file's text."""

    def describe(text, **options):
        for name, entries in LISTS.items():
            (tmp_path / name).write_text(entries)
        program = compile_text("solar", str(tmp_path / "solar.yaml"), text)
        return openapi.describe(program, instructions(program, "https://leads.example.com/leads/solar", **options))

    return describe


def post(document, path="/leads/solar"):
    return document["paths"][path]["post"]


def answers(document, status, answer_format):
    """Return the validator of the answers of a status."""
    content = post(document)["responses"][str(status)]["content"][FORMATS[answer_format].mimetype]
    return Draft202012Validator(content["schema"] | {"components": document["components"]})


@pytest.mark.parametrize("text", [MONSTER, HOSTILE, "fields: {a: {}}"], ids=["all", "hostile", "small"])
def test_the_document_is_valid(describe, text):
    OpenAPIV31SpecValidator(json.loads(json.dumps(describe(text)))).validate()


@pytest.mark.parametrize("key", ["order 7 / 2026", '{"a": 1}', "clé", "k" * 500, "A-1"])
def test_what_the_document_says_of_the_idempotency_key_is_what_is_taken(describe, partner, key):
    (named,) = [row for row in post(describe("fields: {a: {}}"))["parameters"] if row["name"] == "Idempotency-Key"]
    Draft202012Validator(named["schema"]).validate(key)
    answers = [partner.lead(headers={"Idempotency-Key": key}, email="ann@example.com") for _ in range(2)]
    assert answers[0]["uniqueid"] == answers[1]["uniqueid"] != ""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_documents_of_our_programs_are_valid_and_so_are_their_examples(path):
    program = load(path)
    document = openapi.describe(program, instructions(program, "https://leads.example.com/leads"))
    OpenAPIV31SpecValidator(document).validate()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for operation in (path["post"] for path in document["paths"].values()):
        content = operation["requestBody"]["content"]
        assert len(content) == 5
        lead = content["application/xml"]["examples"]["lead"]["value"]
        Draft202012Validator(document["components"]["schemas"]["Lead"]).validate(lead)
        shown = operation["responses"]["200"]["content"]["application/json"]
        assert {"accepted-json", "rejected-json"} <= shown["examples"].keys()
        for example in shown["examples"].values():
            Draft202012Validator(shown["schema"] | {"components": document["components"]}).validate(example["value"])


def test_what_is_hidden_appears_nowhere(describe):
    text = json.dumps(describe(MONSTER))
    for secret in ["hidden", "watched", "off-rule", "XY-999", "76.54", "7654321", ".txt"]:
        assert secret not in text


def test_a_lead_is_described_by_its_fields(describe):
    lead = describe(MONSTER)["components"]["schemas"]["Lead"]
    assert lead["required"] == ["email", "name", "consent"]
    properties = lead["properties"]
    taken, absent = properties["children"]["anyOf"]
    assert taken == {"type": ["integer", "string"], "pattern": PATTERN, "minimum": 0, "maximum": 20}
    assert absent["description"] == "It counts as missing." and {"N/A", "", None} <= {*absent["anyOf"][0]["enum"]}
    assert properties["plan"]["anyOf"][0]["anyOf"][0]["enum"] == ["basic", "full"]
    assert properties["campaign"]["anyOf"][0]["pattern"] == "^(?:[A-Z]{2}-[0-9]+|none)$"
    for text in ("1985-04-17", "1985-04-17T09:30Z", "04/17/1985", "17-Apr-85", "482578200"):
        assert re.search(properties["born"]["anyOf"][0]["pattern"], text)
    assert not re.search(properties["born"]["anyOf"][0]["pattern"], "17.4.1985")
    assert "we do not store it" in properties["ssn"]["description"]
    assert "Required if `not owner`" in properties["rent"]["description"]


def test_a_pattern_that_other_languages_read_otherwise_is_left_out(describe):
    properties = describe(HOSTILE)["components"]["schemas"]["Lead"]["properties"]
    assert not any("pattern" in taken for taken in properties["other"]["anyOf"][:1])


def test_an_invalid_status_of_its_own_is_that_of_rejected_leads_alone(describe):
    document = describe(MONSTER)
    accepted = {
        "valid": True,
        "uniqueid": "0" * 26,
        "sale_amount": "1.00",
        "customerid": "",
        "email": "",
        "note": "Lead submitted successfully",
    }
    rejected = dict.fromkeys(accepted, "") | {"valid": "false", "note": "No"}
    assert answers(document, 200, "json").is_valid({"dataPostResponse": accepted})
    assert answers(document, 422, "json").is_valid({"dataPostResponse": rejected})
    assert not answers(document, 422, "json").is_valid({"dataPostResponse": accepted})
    assert not answers(document, 422, "json").is_valid({"dataPostResponse": rejected | {"valid": False}})
    assert not answers(document, 422, "json").is_valid({"dataPostResponse": rejected | {"email": "a"}})


def test_an_open_service_has_no_login(describe):
    document = describe("fields: {a: {}}", login=False)
    assert post(document)["security"] == [] and "401" not in post(document)["responses"]


def test_of_a_template_of_the_programs_own_no_shape_is_promised(describe, tmp_path, monkeypatch):
    (tmp_path / "solar").mkdir()
    (tmp_path / "solar" / "response.xml").write_text("<a/>")
    monkeypatch.setattr(answer, "TEMPLATES", tmp_path)
    document = describe("fields: {a: {}}")
    content = post(document)["responses"]["200"]["content"]
    assert content["application/xml"]["schema"] == {}
    assert content["application/json"]["schema"] != {}
