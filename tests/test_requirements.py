"""What is installed: exact versions with the hashes of their files, everywhere the same; and the audit of them."""

import re
import subprocess

import pytest
from cast import ROOT

LOCKS = ["requirements", "requirements-dev", "requirements-tools"]
PIN = r"([A-Za-z0-9._-]+)==([0-9][0-9a-z.]*)"
LOCKED = rf"{PIN}(?: ; ([^\\\n]+))?((?: \\\n    --hash=sha256:[0-9a-f]{{64}})+)\n"


def read(name):
    return (ROOT / name).read_text()


def pins(text):
    """Return the versions of the packages that are named in `text`."""
    return {name.lower().replace("_", "-"): version for name, version in re.findall(rf"(?m)^{PIN}(?=\s|$)", text)}


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_has_an_exact_version_and_hashes(name):
    rest = re.sub(rf"(?m)^{LOCKED}|^ *#.*\n", "", read(f"{name}.txt"))
    assert rest == ""
    assert len(re.findall(rf"(?m)^{LOCKED}", read(f"{name}.txt"))) == len(pins(read(f"{name}.txt")))


@pytest.mark.parametrize("path", [*(f"{name}.in" for name in LOCKS), "bench/requirements.txt"])
def test_what_is_written_by_hand_is_pinned(path):
    lines = [line for line in read(path).splitlines() if line and not line.startswith(("#", "-r "))]
    assert lines and all(re.fullmatch(PIN, line) for line in lines)


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_written_by_hand_is_locked_as_it_is(name):
    assert pins(read(f"{name}.in")).items() <= pins(read(f"{name}.txt")).items()


def test_the_service_runs_on_the_same_packages_on_every_platform_and_python():
    assert not [marker for _, _, marker, _ in re.findall(rf"(?m)^{LOCKED}", read("requirements.txt")) if marker]


def test_tests_run_on_what_the_service_runs_on():
    locked = {name: set(re.findall(rf"(?m)^{LOCKED}", read(f"{name}.txt"))) for name in LOCKS}
    assert locked["requirements"] <= locked["requirements-dev"]


def test_the_peers_of_the_benchmark_run_on_the_versions_of_the_service():
    ours, theirs = pins(read("requirements.txt")), pins(read("bench/requirements.txt"))
    assert {"flask", "werkzeug", "gunicorn", "pydantic", "email-validator"} <= ours.keys() & theirs.keys()
    assert all(theirs[name] == ours[name] for name in ours.keys() & theirs.keys())


# --- The audit ---


def audit(tmp_path, answers):
    """Run the audit with a pip-audit that does as `answers` says, a piece of shell; return status and output."""
    tool = tmp_path / "pip-audit"
    tool.write_text(
        f'#!/bin/sh\nservice=$4\ncase "$*" in *requirements.txt*) asked=ours;; *) asked=old;; esac\n{answers}\n'
    )
    tool.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "audit"], env={"PATH": "/usr/bin:/bin", "PIP_AUDIT": tool}, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


HOLE = "echo CVE-2018-1000656; exit 1"


@pytest.mark.parametrize("answers", ["exit 1", "exit 0"], ids=["no data", "data without holes"])
def test_an_audit_that_cannot_reach_its_data_says_so_and_fails(tmp_path, answers):
    status, said = audit(tmp_path, answers)
    assert status == 2
    assert said.startswith("Nothing was audited: ")


def test_an_audit_tells_what_it_found(tmp_path):
    assert audit(tmp_path, f"[ $asked = ours ] || {{ {HOLE}; }}; echo none; exit 0") == (0, "none\n")
    assert audit(tmp_path, f"[ $asked = ours ] || {{ {HOLE}; }}; echo some; exit 1") == (1, "some\n")


def test_where_one_service_cannot_be_reached_another_is_asked(tmp_path):
    answers = f"[ $service = osv ] || exit 1; [ $asked = ours ] || {{ {HOLE}; }}; echo $service"
    assert audit(tmp_path, answers) == (0, "osv\n")
