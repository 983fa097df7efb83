"""What docs/delivery.md says of attempts, statuses and messages is what there is."""

import ipaddress
import json
import re
from datetime import datetime

import pytest
from cast import ROOT, blocks
from receiving import Receiver
from standardwebhooks import Webhook

from delivery import kinds, outbox, sending
from delivery.parcel import erased
from web import calling
from web.addresses import PRIVATE
from web.calling import NEVER, PRIVATE_NETWORK, Reply, may_be_called
from web.destinations import SCHEMES
from web.settings import Settings

GUIDE = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")
WORDS = " ".join(GUIDE.split())


def table(head):
    """Return the rows of the table that starts with `head`, each as its cells."""
    lines = GUIDE[GUIDE.index(head) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_kinds_of_the_guide_are_those_that_there_are():
    shown = [re.match(r"`(\w+):", cells[0])[1] for cells in table("| `DATAPOST_DELIVER_<NAME>` |")]
    assert sorted(shown) == sorted(SCHEMES)
    assert {kind for kind, _ in SCHEMES.values()} >= set(kinds.KINDS)


def test_each_status_does_what_the_guide_says():
    said, others = {}, None
    for cells in table("| what the destination answers |"):
        statuses, result = cells[0], re.match(r"\*\*(\w+)\*\*", cells[1])[1]
        if "google" in statuses or statuses.startswith("nothing"):
            continue  # of these, see test_recipes.py and test_webhook.py
        if statuses.startswith("every other"):
            others = result
            assert all(int(status) not in said for status in re.findall(r"`(\d+)`", statuses))
            continue
        for first, last in re.findall(r"`(\d+)`(?: to `(\d+)`)?", statuses):
            said |= dict.fromkeys(range(int(first), int(last or first) + 1), result)
    for status in range(200, 600):
        assert kinds.outcome(Reply(status, {}, b"")).result == said.get(status, others), status


def test_the_attempts_of_the_guide_are_those_that_there_are():
    units = {"second": 1, "minute": 60, "hour": 3600}
    (said,) = re.findall(r"\*\*Ten attempts\*\*: at once, and then (.*?) after the one before", WORDS)
    delays = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (\w+?)s\b", said)]
    assert delays == [delay.total_seconds() for delay in outbox.DELAYS]
    assert outbox.ATTEMPTS == 10
    assert sum(delays) * (1 - outbox.JITTER) / 86_400 + 1 > 3 and sum(delays) * (1 + outbox.JITTER) < 4 * 86_400
    assert f"up to {outbox.JITTER:.0%} earlier".replace("%", " %") in WORDS


def test_the_limits_of_the_guide_are_those_that_there_are():
    assert f"within {calling.SECONDS} seconds" in WORDS
    assert f"at most {calling.MOST // 1024} KB are read" in WORDS
    assert f"has failed {outbox.MOST_FAILURES} times in a row" in WORDS
    longest = kinds.outcome(Reply(503, {"Retry-After": "9999999"}, b"")).retry_after
    assert f"followed up to {longest // 3600} hours" in WORDS
    assert outbox.PROBE_EVERY.total_seconds() == 3600 and "one lead an hour" in WORDS
    assert sending.AT_ONE == 4 and "Four leads at most are on their way to one destination" in WORDS


def test_the_headers_of_the_guide_are_those_that_are_sent(deliver):
    with Receiver() as receiver:
        deliver(receiver.url, DATAPOST_DELIVER_CRM_SECRET="whsec_" + "A" * 32, DATAPOST_DELIVER_CRM_TOKEN="to-ken")
    sent = receiver.requests[0].headers.keys() - {"host", "content-length", "accept-encoding"}
    assert sent == {cells[0].strip("`").lower() for cells in table("| header | what |")}


def test_the_event_of_an_erasure_is_as_the_guide_shows_it():
    shown = json.loads(re.search(r"```json\n(.*?)```", GUIDE, re.DOTALL)[1])
    made = erased(shown["data"]["id"], "crm", datetime.fromisoformat(shown["timestamp"]))
    assert shown == made.content
    assert made.id == f"{shown['data']['id']}_crm:erased"


def test_the_secret_that_the_guide_makes_signs(capsys):
    (line,) = [text for text in blocks(GUIDE, "console") if "whsec_" in text]
    exec(re.search(r"-c '(.*)'", line)[1])
    secret = capsys.readouterr().out.strip()
    Settings.load({"DATAPOST_DELIVER_CRM": "https://crm.example", "DATAPOST_DELIVER_CRM_SECRET": secret})
    Webhook(secret)


def test_what_pauses_a_destination_is_called_in_the_guide_as_it_is_told():
    said = [cells[0] for cells in table("| what is seen | what to do |")]
    assert any(PRIVATE_NETWORK.startswith(text.removeprefix("paused: ")) for text in said)
    assert any(text == "paused: it answered 401 or 403" for text in said)
    assert PRIVATE in PRIVATE_NETWORK and PRIVATE in GUIDE


def test_the_check_by_the_library_is_as_the_guide_shows_it(deliver):
    code = next(text for text in blocks(GUIDE, "python") if text.startswith("from standardwebhooks"))
    secret = "whsec_" + "A" * 32
    with Receiver() as receiver:
        deliver(receiver.url, DATAPOST_DELIVER_CRM_SECRET=secret)
    names = {"secret": secret, "body": receiver.requests[0].body, "headers": receiver.requests[0].headers}
    exec(code, names)
    assert names["lead"]["email"] == "ann@acme.example"


def test_the_address_that_the_guide_calls_secret_is_never_called():
    with pytest.raises(calling.Forbidden, match=NEVER):
        may_be_called(ipaddress.ip_address("169.254.169.254"), private=True)
    assert "169.254.169.254" in GUIDE


def test_the_commands_of_the_guide_are_those_that_there_are(make_app):
    commands = make_app().cli.commands
    shown = [cells[0] for cells in table("| command | what it does |")]
    named = {re.match(r"`flask deliver (\w+)", text)[1] for text in shown}
    assert named == set(commands["deliver"].commands)
