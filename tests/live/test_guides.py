"""The guides are done step by step, as a newcomer would: every command, and every answer that is shown.

A step is a command after `$ ` with the answer below it, a block after "Save it as", or what "Write
… in place of" tells. What differs from run to run (ids, hashes, times, passwords) is compared by
its form; a line `…` stands for any lines.
"""

import json
import re
from datetime import UTC, datetime

import pytest
from cast import ROOT, blocks
from newcomers import Newcomer, agrees

from impact.standin import StandIn
from judge.limits import LIMITS
from web.destinations import names_one
from web.settings import SETTINGS

STEP = re.compile(
    r"""Save\ it\ as\ `(?P<path>[^`]+)`:\n\n```yaml\n(?P<text>.*?)^```
    | Write\ `(?P<right>[^`]+)`\ in\ place\ of\ `(?P<wrong>[^`]+)`
    | Add\ to\ the\ end\ of\s`(?P<longer>[^`]+)`(?:,\ below\ `impact:`)?:\n\n
      (?P<margin>\ *)```yaml\n(?P<more>.*?)^\ *```
    | ^(?P<indent>\ *)```console\n(?P<session>.*?)^\ *```""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)


@pytest.fixture
def newcomer(tmp_path, postgresql_url):
    somebody = Newcomer(tmp_path, postgresql_url)
    yield somebody
    somebody.leave()


def lengthen(newcomer, step):
    with (newcomer.copy / step["longer"]).open("a", encoding="utf-8") as file:
        file.write(re.sub(f"^{step['margin']}", "", step["more"], flags=re.MULTILINE))


def follow(newcomer, guide):
    """Do all steps of a guide, and compare the answers that it shows; the others must be no errors."""
    file = None
    for step in STEP.finditer((ROOT / "docs" / guide).read_text(encoding="utf-8")):
        if step["path"]:
            file = newcomer.copy / step["path"]
            file.write_text(step["text"], encoding="utf-8")
        elif step["right"]:
            file.write_text(file.read_text(encoding="utf-8").replace(step["wrong"], step["right"]), encoding="utf-8")
        elif step["longer"]:
            lengthen(newcomer, step)
        session = re.sub(f"^{step['indent'] or ''}", "", step["session"] or "", flags=re.MULTILINE)
        for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            printed, status = newcomer.say(command)
            assert agrees(shown, printed) if shown else status == 0, f"{command}\n{printed}"


def test_a_newcomer_gets_from_a_clone_to_a_conversion_and_leaves_no_example_behind(newcomer):
    follow(newcomer, "first-lead.md")
    line = re.search(r"^  (curl .*)$", newcomer.printed, re.MULTILINE)[1]
    assert "There is no such address" in newcomer.say(line)[0]


def test_the_line_that_make_run_prints_is_a_lead_and_then_a_duplicate(newcomer):
    newcomer.say("make run")
    line = re.search(r"^  (curl .*)$", newcomer.printed, re.MULTILINE)[1]
    for answer in ("<valid>true</valid>", "This email address was already submitted"):
        assert answer in newcomer.say(line)[0]


LEADS = "01M80XEKYGRKC5R5Q85JSYESA"  # in the guide to impact.com; the last digit says which
STORE = """
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ulid import ULID
import database, models
from app import create_app

create_app()
texts = dict.fromkeys(("user", "partner", "note", "customerid", "email", "rules", "content_type"), "")
for n, hours in enumerate([72] * 3 + [1] * 10, 1):
    at = datetime.now(UTC) - timedelta(hours=hours)
    texts |= {"id": str(ULID.from_datetime(at)), "program": "default"}
    lead = models.Lead(**texts, received_at=at, status=200, test=False)
    lead.reasons, lead.fields, lead.trace, lead.query, lead.body = [], {}, [], b"", b""
    lead.valid, lead.sale_amount = n != 3, None if n == 3 else Decimal("10.00")
    database.transact(lambda: models.insert(lead))
    print(n, lead.id)
"""
IMPACT = (ROOT / "docs" / "impact.md").read_text(encoding="utf-8")


def with_leads(newcomer):
    """Have the leads of the guide to impact.com, and more: three are three days old, of which the last was rejected."""
    newcomer.say("make .env")
    newcomer.say(". .venv/bin/activate")
    (newcomer.copy / "store.py").write_text(STORE, encoding="utf-8")
    printed, _ = newcomer.say("python store.py")
    newcomer.places |= {LEADS + n: lead for n, lead in re.findall(r"^(\d) (\w{26})$", printed, re.MULTILINE)}


def today():
    return datetime.now(UTC).date().isoformat()


def in_place(newcomer, text):
    for name, place in newcomer.places.items():
        text = text.replace(name, place)
    return text


def test_what_connects_impact_com_leads_from_a_contract_to_the_first_reversal(newcomer):
    with StandIn() as impact_com:
        for name in ("sid", "token", "url"):
            newcomer.environ[f"DATAPOST_IMPACT_{name.upper()}"] = impact_com.settings[f"impact_{name}"]
        with_leads(newcomer)
        ids = [impact_com.add(newcomer.places[LEADS + n]) for n in "13"]
        (newcomer.copy / "sales.csv").write_text(in_place(newcomer, blocks(IMPACT, "csv")[0]))
        report = (
            f"Order Id,Action Date,Action Id,Status,Amount,Currency\n{LEADS}1,{today()},{ids[0]},Pending,$10.00,USD\n"
        )
        (newcomer.copy / "actions.csv").write_text(in_place(newcomer, report))
        follow(newcomer, "impact.md")
        assert [call[0] for call in impact_com.writes] == ["DELETE", "PUT"]
        assert newcomer.places[LEADS + "6"] in (newcomer.copy / "reversals.csv").read_text()


def test_what_sales_says_is_posted_and_a_reconciliation_rehearsed_as_the_guide_says(newcomer):
    newcomer.environ["DATAPOST_FEEDBACK_USERS"] = "crm:a-long-password"
    for step in STEP.finditer(IMPACT):
        if step["longer"]:
            lengthen(newcomer, step)
    with_leads(newcomer)
    newcomer.say("make run")
    newcomer.places["https://leads.acme.example"] = newcomer.places["http://127.0.0.1:8000"]
    printed, _ = newcomer.say(blocks(IMPACT, "sh")[0].replace("curl ", "curl -s "))
    assert re.sub(r"\n+", "\n", printed) == blocks(IMPACT, "json")[0]
    printed, status = newcomer.say("flask simulate default --reconcile --url http://127.0.0.1:8000")
    assert status == 0 and "All of them were found, and nothing else." in printed


def test_what_tells_partners_why_works_on_a_lead_that_was_refused(newcomer):
    newcomer.say("make run")
    newcomer.say(". .venv/bin/activate")
    newcomer.say("flask simulate default")
    refused, _ = newcomer.say("flask leads list --reason adult --limit 1 --format jsonl")
    newcomer.places["01M8156F9VTWJT6040H72S3Z87"] = json.loads(refused)["id"]
    follow(newcomer, "reasons.md")


def test_the_reasons_that_partners_are_told_of_are_all_that_there_are():
    text = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8")
    assert all(f"| `{code}` |" in text for code in ("test.limit", "retry.mismatch", "body.unreadable"))
    codes = re.findall(r"`<field>\.(\w+)`", text)
    assert sorted(codes) == sorted({"required", "invalid"} | {limit.code for limit in LIMITS.values()})


def test_the_guides_name_the_settings_that_there_are():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    known = {row.name for row in SETTINGS} | {"DATAPOST_PASSWORD"}  # the latter is of flask simulate alone
    named = set(re.findall(r"DATAPOST_[A-Z_]+(?!<)\b", text))
    assert {name for name in named if not names_one(name)} <= known
