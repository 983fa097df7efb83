"""What docs/operations.md says under "Be told" is what there is."""

import json
import re
import shlex

import pytest
from cast import ROOT, blocks
from receiving import Receiver
from standardwebhooks import WebhookVerificationError
from telling import alert, tell

from web import apprising
from web.receivers import HOSTS, KINDS
from web.settings import Settings

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
GUIDE = OPERATIONS[OPERATIONS.index("## Be told") :]
GUIDE = GUIDE[: GUIDE.index("\n## ", 1)]
KEY = "whsec_" + "A" * 32
EXAMPLES = [
    dict(word.split("=", 1) for word in shlex.split(text))  # as a shell reads them
    for text in blocks(GUIDE, "text")
    if not text.startswith("$")
]
EXPECTED = ["mail", "slack", "slack", "teams", "ntfy", "ntfy", "webhook", "apprise"]


def test_each_kind_has_an_example():
    assert len(EXAMPLES) == len(EXPECTED)


@pytest.mark.parametrize(("environ", "kind"), list(zip(EXAMPLES, EXPECTED, strict=True)), ids=EXPECTED)
def test_an_example_is_read_as_what_it_stands_for(environ, kind):
    if kind == "apprise" and not apprising.is_installed():
        pytest.skip("apprise is not installed")
    environ = {name: text.replace("whsec_…", KEY) for name, text in environ.items()}
    settings = Settings.load(environ)
    (receiver,) = settings.alerts
    assert receiver.kind == kind and bool(receiver.secrets) == ("DATAPOST_ALERTS_SECRET" in environ)
    assert not [told for told in settings.doubts(None, environ) if "SMTP" in told or "SECRET:" in told]


def test_a_webhook_gets_what_is_shown():
    (shown,) = map(json.loads, blocks(GUIDE, "json"))
    with Receiver() as receiver:
        tell(receiver.url)
    got = json.loads(receiver.requests[0].body)
    assert list(shown) == list(got) and list(shown["data"]) == list(got["data"])
    assert list(shown["data"]["new"][0]) == list(got["data"]["new"][0]) == list(alert())


def test_a_signature_is_looked_at_as_is_shown():
    made = {}
    (text,) = blocks(GUIDE, "python")
    exec(text, made)
    with Receiver() as receiver:
        tell(receiver.url, DATAPOST_ALERTS_SECRET=KEY)
    (request,) = receiver.requests
    assert made["verified"](request.body, request.headers, KEY)["type"] == "alert"
    with pytest.raises(WebhookVerificationError):
        made["verified"](request.body + b" ", request.headers, KEY)


def test_the_hosts_that_are_known_and_the_words_before_an_address_are_named():
    assert all(host in GUIDE for host, kind in HOSTS.items() if "gov" not in host)
    assert set(re.findall("([a-z]+):https", KINDS)) == {"slack", "teams", "ntfy"}
    assert all(f"`{word}:`" in GUIDE for word in ("slack", "teams", "ntfy", "webhook"))
