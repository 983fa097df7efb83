"""The simulator against the real gunicorn."""

import json

from cast import RULES
from gunicorns import Service

EXAMPLES = """
examples:
  - {name: good, lead: {email: ann@example.com, first_name: Ann}, expect: valid}
  - {name: no address, lead: {first_name: Ann}, expect: [email.required]}
  - {name: twice, after: [{email: bob@example.com}], lead: {email: bob@example.com}, expect: [duplicate]}
"""


def test_against_gunicorn_every_example_is_judged_as_the_rule_file_says_however_often(tmp_path):
    service = Service(tmp_path, RULES + EXAMPLES).start()
    try:
        url = f"http://127.0.0.1:{service.port}"
        line = ("flask", "--app", "app", "simulate", "default", "--url", url, "--repeat", "2", "--format", "json")
        command = service.command(*line)
        report, notices = command.communicate()
        stored = service.leads()
    finally:
        service.stop()
    report = json.loads(report)
    assert command.returncode == 0 and report["ok"] is True and report["error"] is None
    assert "Posting 24 leads to http://127.0.0.1:" in notices
    assert "THEY ARE REAL to the service" in notices and "no test_flag" in notices
    conversions = [post for post in report["posts"] if post["conversion"]]
    assert {post["order_id"]: post["email"] for post in conversions} == dict(stored)
    assert len(conversions) == 2 * 3 * 2  # good, and the one before "twice", in three formats, two times
    assert {post["amount"] for post in conversions} == {"10.00"}
    assert {post["note"] for post in report["posts"] if post["example"] == "twice"} == {
        "This email address was already submitted"
    }
