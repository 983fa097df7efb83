"""Somebody with a fresh copy of Datapost and a terminal, who does what a guide says."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from threading import Thread

from cast import ROOT
from gunicorns import free_port


class Newcomer:
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


# What differs from run to run, and what stands for it in a comparison.
FORMS = [
    (r"(?m)^\d{4}-\d\d-\d\dT[\d:.]+Z (INFO|WARNING) .*\n?", ""),  # the log, which goes to standard error
    (r"\b[0-9A-HJKMNP-TV-Z]{26}(?![0-9A-Za-z])", "ULID"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
    (r"\b[0-9a-f]{32}\b", "KEY"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME"),
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
