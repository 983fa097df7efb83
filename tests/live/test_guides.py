"""The guides are done step by step, as a newcomer would: every command, and every answer that is shown.

A step is a command after `$ ` with the answer below it, a block after "Save it as", or what "Write
… in place of" tells. What differs from run to run (ids, hashes, times, passwords) is compared by
its form; a line `…` stands for any lines.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from threading import Thread

import pytest
from cast import ROOT

from judge.limits import LIMITS
from web.settings import SETTINGS

STEP = re.compile(
    r"""Save\ it\ as\ `(?P<path>[^`]+)`:\n\n```yaml\n(?P<text>.*?)^```
    | Write\ `(?P<right>[^`]+)`\ in\ place\ of\ `(?P<wrong>[^`]+)`
    | ^```console\n(?P<session>.*?)^```""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Newcomer:
    """Somebody with a fresh copy of Datapost and a terminal."""

    def __init__(self, folder, postgresql_url):
        self.copy, self.before, self.running = folder / "datapost", [], None
        self.platform, port, platform_port = folder / "platform", free_port(), free_port()
        self.platform.mkdir()
        files = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
        )
        for name in files.stdout.splitlines():
            (self.copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.copy / name)
        (self.copy / ".venv").symlink_to(ROOT / ".venv")
        self.places = {
            "http://127.0.0.1:8000": f"http://127.0.0.1:{port}",
            "https://acme-leads.herokuapp.com": f"http://127.0.0.1:{platform_port}",
        }
        self.environ = {
            "PATH": f"{ROOT / 'tests' / 'platform'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PORT": str(port),
            "PLATFORM": str(self.platform),
            "PLATFORM_PORT": str(platform_port),
            "PLATFORM_DATABASE": postgresql_url,
            "PLATFORM_BIN": str(ROOT / ".venv" / "bin"),
            **{f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        self.say("git init -q -b main && git add -A && git commit -qm Datapost")

    def say(self, command):
        """Run a command as it stands in the guide, and return what it prints."""
        for name, place in self.places.items():
            command = command.replace(name, place)
        if command.startswith("make run"):
            return self.start(command)
        script = "\n".join(["set -euo pipefail", *self.before, command])
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(["bash", "-c", script], cwd=self.copy, env=self.environ, **pipes)
        if command.startswith((". ", "export ")):
            self.before.append(command)
        output = done.stdout
        for name, place in self.places.items():
            output = output.replace(place, name)
        return output, done.returncode

    def start(self, command):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
        self.running = subprocess.Popen(["bash", "-c", command], cwd=self.copy, env=self.environ, **pipes)
        printed = []
        for line in self.running.stdout:
            printed.append(line)
            if "Running on http" in line:
                break
        self.reader = Thread(target=self.running.stdout.read)
        self.reader.start()
        self.printed = "".join(printed)
        return self.printed, 0

    def leave(self):
        if self.running:
            os.killpg(self.running.pid, signal.SIGTERM)
            self.running.wait()
            self.reader.join()
            self.running.stdout.close()
        with suppress(FileNotFoundError, ProcessLookupError):
            os.killpg(int((self.platform / "pid").read_text()), signal.SIGTERM)


@pytest.fixture
def newcomer(tmp_path, postgresql_url):
    somebody = Newcomer(tmp_path, postgresql_url)
    yield somebody
    somebody.leave()


# What differs from run to run, and what stands for it in a comparison.
FORMS = [
    (r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "ULID"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
    (r"\b[0-9a-f]{32}\b", "KEY"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "TIME"),
    (r"\b\d+(\.\d+)? m?s\b", "SECONDS"),
    (r"\.[0-9a-f]{6}@", ".FRESH@"),
]


def same_form(text):
    for pattern, form in FORMS:
        text = re.sub(pattern, form, text)
    return "\n".join(re.sub(" +", " ", line).rstrip() for line in text.strip().splitlines())


def agrees(shown, printed):
    parts = [re.escape(part.strip("\n")) for part in re.split(r"^…$", same_form(shown), flags=re.MULTILINE)]
    return re.fullmatch(r"[\s\S]*?".join(parts), same_form(printed)) is not None


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
    assert set(re.findall(r"DATAPOST_[A-Z_]+", text)) <= known
