"""The files by which Datapost is packaged, read."""

import json
import re
import shlex

import yaml
from cast import ROOT

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PROCFILE = dict(re.findall(r"(?m)^(\w+): (.+)$", (ROOT / "Procfile").read_text()))
PYTHON = (ROOT / ".python-version").read_text().strip()
INSTALL = "pip install --require-hashes -r requirements.txt"
GRACE = 30  # seconds that gunicorn gives requests to end

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def section(title):
    """Return the text below a heading of docs/operations.md, up to the next one."""
    return re.search(rf"(?ms)^### {re.escape(title)}\n(.*?)(?=^##)", OPERATIONS)[1]


def instructions():
    """Return the instructions of the Dockerfile, as pairs of a word and its text."""
    lines = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", "")
    return [tuple(line.split(maxsplit=1)) for line in lines.splitlines() if line]


def instruction(word):
    """Return the text of the one instruction that begins with this word."""
    (text,) = [text for name, text in instructions() if name == word]
    return text


def image_environ():
    return dict(pair.split("=", 1) for pair in shlex.split(instruction("ENV")))


def health_check():
    return json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])
