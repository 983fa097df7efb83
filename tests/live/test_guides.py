"""The guides are done step by step, as a newcomer would: every command, and every answer that is shown.

A step is a command after `$ ` with the answer below it, a block after "Save it as", or what "Write
… in place of" tells. What differs from run to run (ids, hashes, times, passwords) is compared by
its form; a line `…` stands for any lines.
"""

import json
import re

import pytest
from cast import ROOT
from newcomers import Newcomer, agrees

from judge.limits import LIMITS
from web.destinations import names_one
from web.settings import SETTINGS

STEP = re.compile(
    r"""Save\ it\ as\ `(?P<path>[^`]+)`:\n\n```yaml\n(?P<text>.*?)^```
    | Write\ `(?P<right>[^`]+)`\ in\ place\ of\ `(?P<wrong>[^`]+)`
    | ^```console\n(?P<session>.*?)^```""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)


@pytest.fixture
def newcomer(tmp_path, postgresql_url):
    somebody = Newcomer(tmp_path, postgresql_url)
    yield somebody
    somebody.leave()


def follow(newcomer, guide):
    """Do all steps of a guide, and compare the answers that it shows; the others must be no errors."""
    file = None
    for step in STEP.finditer((ROOT / "docs" / guide).read_text(encoding="utf-8")):
        if step["path"]:
            file = newcomer.copy / step["path"]
            file.write_text(step["text"], encoding="utf-8")
        elif step["right"]:
            file.write_text(file.read_text(encoding="utf-8").replace(step["wrong"], step["right"]), encoding="utf-8")
        for part in re.split(r"^\$ ", step["session"] or "", flags=re.MULTILINE)[1:]:
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


def test_what_connects_impact_com_can_be_made_and_proved(newcomer):
    newcomer.say("make .env")
    newcomer.say(". .venv/bin/activate")
    follow(newcomer, "impact.md")


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
