"""The OpenAPI document against the live service: neither differs from the other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from gunicorns import Service, read_log

TESTS = Path(__file__).parents[1]


def post(document, path="/leads/solar"):
    return document["paths"][path]["post"]


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
  ages: {type: integer, min: 0, multiple: true}
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
