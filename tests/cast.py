"""The cast of the tests: a partner who posts, and what several tests do to a ledger."""

import json
import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree
from werkzeug.serving import make_server

import database
import models
from judge.compiler import compile_program
from judge.rulefile import RuleFileError
from judge.verdict import Claim, Reason, Verdict
from leads import search
from partners.contract import EXPRESSIONS
from web.formats import ANSWERED

ROOT = Path(__file__).parents[1]
RULES = """
title: A test program
customer: [email]
fields:
  email: {type: email, required: true, label: email address, aliases: [contact.email]}
  first_name: {max_length: 80}
  years: {type: integer}
rules:
  - id: adult
    reject_if: years < 18
    note: Applicants must be 18 or older
  - id: duplicate
    unique: [email]
    within: 90 days
    note: This email address was already submitted
sale_amount: 10.00
"""


# Seconds. What has not come until then never comes: so that a test that fails leaves no thread waiting for ever.
NEVER = 60


KEYS = ["valid", "uniqueid", "sale_amount", "customerid", "email", "note"]


def read_answer(response):
    """Return a dataPostResponse as a dict of texts, whatever its format, and hold it to its form."""
    text = response.get_data(as_text=True)
    if response.mimetype == "application/json":
        answer = json.loads(text)["dataPostResponse"]
        assert answer["valid"] in (True, "false")
        answer["valid"] = str(answer["valid"]).lower()
    else:
        assert response.mimetype == "application/xml"
        root = etree.fromstring(text.encode())
        assert root.tag == "dataPostResponse"
        answer = {element.tag: element.text or "" for element in root}
    assert list(answer) == KEYS
    if answer["valid"] == "false":
        assert not any(answer[key] for key in KEYS[1:5])
    return answer


class Partner:
    """Somebody who posts leads to a service, and reads its answers."""

    def __init__(self, app, auth=("impact", "secret")):
        self.app, self.http, self.auth = app, app.test_client(), auth

    def post(self, body=b"", content_type="application/x-www-form-urlencoded", path="/leads", **options):
        options.setdefault("auth", self.auth)
        return self.http.post(path, data=body, content_type=content_type, **options)

    def lead(self, path="/leads", headers=None, **fields):
        """Post a lead as JSON and return the answer as a dict, with status and headers."""
        response = self.post(json.dumps(fields), "application/json", path, headers=headers)
        return read_answer(response) | {"status": response.status_code, "headers": response.headers}

    def stored(self):
        """Return the stored leads, oldest first."""
        with database.read():
            return list(search.leads(search.Filter(), newest_first=False))


def do_chores():
    """Do what the service does by itself each minute, and wait until it is done."""
    while database.do_chores():
        pass
    wait_for("scrub")


def wait_for(name):
    """Wait for the end of the threads of this name."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join()


@contextmanager
def serving(app):
    """Serve a WSGI app on a port of its own, and yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def statements():
    """Collect the statements that are carried out, with their values."""
    seen = []

    def hook(event):
        seen.append((event.sql, event.params))

    database.db.query_hooks.append(hook)
    yield seen
    database.db.query_hooks.remove(hook)


FORM, JSON, XML = "application/x-www-form-urlencoded", "application/json", "application/xml"


def multipart(pairs, boundary="x1y2"):
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in pairs
    )
    return f"{parts}--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


SAMPLES = ROOT / "tests" / "samples"


def scans(sql, params):
    """Return the lines of the query's plan that read a whole table."""
    if not database.engine().side_by_side:
        plan = database.db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", params)
        return [row[3] for row in plan if row[3].startswith("SCAN") and "CONSTANT" not in row[3]]
    database.db.execute_sql("SET enable_seqscan = off")  # which tiny tables would have else
    return [line for (line,) in database.db.execute_sql(f"EXPLAIN {sql}", params) if "Seq Scan" in line]


RULES_FOLDER = ROOT / "rules"


def program(text):
    """Return what the text of a rule file is compiled to."""
    return compile_program("solar", "rules/solar.yaml", text, "hash", datetime(2026, 3, 1, tzinfo=UTC))


def errors(text):
    """Return the mistakes that the text of a rule file is refused for."""
    with pytest.raises(RuleFileError) as caught:
        program(text)
    return [*map(str, caught.value.errors)]


def warnings_of(made):
    """Return what is told of a program beside that it has no examples, as most of those in the tests have none."""
    return [str(warning) for warning in made.warnings if warning.place != ("examples",)]


NOW = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
DUPLICATE = Reason("duplicate", "Already submitted")


def submit(*keys, at=NOW, within=timedelta(days=90), asked=False, rules="h" * 64, **submission):
    """Store a lead that claims `keys`, and return it."""
    verdict = Verdict("default", rules)
    verdict.claims = [Claim("duplicate", (key,), DUPLICATE, within, within, asked=asked) for key in keys]
    given = {"program": "default", "user": "impact", "body": b"", "content_type": "", "query": b""} | submission
    return models.record(models.Submission(received_at=at, **given), verdict)


def blocks(document, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)


# The regular expressions that impact.com's engineer is given, each with its name and the format that it reads.
REGEXES = [(name, form, row["regex"][form]) for name, row in EXPRESSIONS.items() for form in ANSWERED]
