"""The OpenAPI document: valid, silent about what is hidden, and exact: the live service never differs from it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cast import RULES_FOLDER
from gunicorns import Service, read_log
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from programs import HOSTILE, LISTS, MONSTER

from judge.compiler import compile_text, load
from partners import openapi
from partners.instructions import instructions
from web import answer
from web.formats import FORMATS

TESTS = Path(__file__).parents[1]
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
    assert properties["children"] | {"title": 0, "description": 0, "examples": 0} == {
        "title": 0, "description": 0, "examples": 0,
        "type": ["integer", "string"], "pattern": r"^[+-]?[0-9]{1,18}(\.0+)?$", "minimum": 0, "maximum": 20,
    }  # fmt: skip
    assert properties["plan"]["enum"] == ["basic", "full"]
    assert properties["campaign"]["pattern"] == "^(?:[A-Z]{2}-[0-9]+|none)$"
    assert properties["born"]["pattern"] == "^([0-9]{4}\\-[0-9]{2}\\-[0-9]{2}|[0-9]{2}/[0-9]{2}/[0-9]{4})$"
    assert "we do not store it" in properties["ssn"]["description"]
    assert "Required if `not owner`" in properties["rent"]["description"]


def test_a_pattern_that_other_languages_read_otherwise_is_left_out(describe):
    properties = describe(HOSTILE)["components"]["schemas"]["Lead"]["properties"]
    assert "pattern" not in properties["other"]


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


# --- Against the service ---

LIVE = """
docs: public
invalid_status: 422
fields:
  email: {type: email, required: true}
  name: {min_length: 2}
  born: {type: date, formats: [MM/DD/YYYY]}
  children: {type: integer, min: 0, max: 20}
  loan: {type: money}
  plan: {type: choice, one_of: [basic, full]}
  consent: {type: consent, required: true}
rules:
  - {id: person, unique: [email]}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """The service under gunicorn, with two programs."""
    folder = tmp_path_factory.mktemp("live")
    service = Service(folder)
    (folder / "rules" / "live.yaml").write_text(LIVE)
    yield service.start()
    service.stop()


def fuzz(service, source, folder, phases="examples,coverage,fuzzing"):
    """Run schemathesis on the service by a document: an address or a file. Return its exit status and report."""
    checks = (
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
        "response_headers_conformance,unsupported_method"
    )
    line = [sys.executable, "-m", "schemathesis.cli", "run", source, "--url", f"http://127.0.0.1:{service.port}"]
    line += ["--auth", "impact:secret", "--checks", checks, "--phases", phases, "--no-color", "--continue-on-failure"]
    line += ["--max-examples", "15", "--generation-deterministic", "--no-shrink", "--suppress-health-check", "all"]
    hooks = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(TESTS)}
    done = subprocess.run(line, cwd=folder, env=os.environ | hooks, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_schemathesis_finds_no_answer_that_is_not_documented(live, tmp_path):
    status, report = fuzz(live, f"http://127.0.0.1:{live.port}/docs/live/openapi.json", tmp_path)
    assert status == 0, report
    answers = {entry["status"] for entry in read_log("".join(live.log)) if "status" in entry}
    assert answers >= {200, 400, 401, 405, 422}


def test_schemathesis_finds_an_answer_that_differs_from_the_document(live, tmp_path):
    document = live.get("/docs/live/openapi.json")
    for name in ("AcceptedXml", "Rejected"):
        document["components"]["schemas"][name]["properties"]["note"] = {"maxLength": 3}
    for response in post(document, "/leads/live")["responses"].values():
        del response["content"]["application/json"]["schema"]
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    status, report = fuzz(live, "openapi.json", tmp_path, "examples")
    assert status == 1 and "is longer than 3 characters" in report, report
