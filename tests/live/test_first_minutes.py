"""The first minutes: `./datapost` from any folder, its help, and a port that is taken."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cast import ROOT

DATAPOST = str(ROOT / "datapost")


@pytest.fixture
def run(tmp_path):
    """Run a command in a folder of the test, and return its exit status and what it printed."""

    def run(*line, cwd=tmp_path, **environ):
        needed = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DATAPOST_SECRET": "a key for tests"}
        database = {"DATABASE_URL": f"sqlite:///{tmp_path}/leads.db"}
        done = subprocess.run(line, cwd=cwd, env=needed | database | environ, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return run


def test_datapost_works_from_any_folder_without_an_environment(run, tmp_path):
    assert run(DATAPOST, "--version")[1].startswith("Datapost 0.")
    assert run(DATAPOST, "rules", "check") == (0, f"{ROOT}/rules/default.yaml: ok, 5 fields, 2 rules, 3 examples\n")
    (tmp_path / "here.yaml").write_text("fields: {a: {}}")
    status, told = run(DATAPOST, "rules", "check", "here.yaml")
    assert status == 0 and told.endswith("\nhere.yaml: ok, 1 field, 0 rules, 0 examples\n")


def test_datapost_is_found_behind_a_link(run, tmp_path):
    (tmp_path / "dp").symlink_to(DATAPOST)
    assert run("./dp", "--version")[0] == 0


@pytest.mark.parametrize("command", [[DATAPOST], [sys.executable, "-m", "flask", "--app", str(ROOT / "app.py")]])
def test_help_shows_our_commands_in_groups_before_those_of_flask(run, command):
    _, text = run(*command, "--help")
    titles = ["Rules and leads:", "Partners and impact.com:", "The database:", "This installation:", "Flask's own:"]
    assert [line for line in text.splitlines() if line in titles] == titles
    assert text.index("doctor") < text.index("Flask's own:") < text.index("routes")


def test_where_nothing_is_installed_the_message_is_one_sentence(run, tmp_path):
    shutil.copy(DATAPOST, tmp_path / "datapost")
    for name in ("dirname", "readlink"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    expected = f"Datapost is not installed in {tmp_path}: run make run there first\n"
    assert run("/bin/sh", "./datapost", "rules", PATH=str(tmp_path / "bin")) == (1, expected)


def test_a_file_of_settings_that_cannot_be_read_is_one_sentence(run, tmp_path):
    for part in ROOT.iterdir():
        if part.name != ".env":
            (tmp_path / part.name).symlink_to(part)
    (tmp_path / ".env").write_bytes(b"DATAPOST_USERS=caf\xe9:x\n")
    expected = f"{tmp_path}/.env cannot be read (it is not UTF-8 text): mend it, or make another by make run\n"
    assert run(sys.executable, "-m", "commands", "rules", "check", PYTHONPATH=str(tmp_path)) == (1, expected)


def test_a_port_that_is_taken_is_told_before_anything_is_said_to_run(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, text = run("make", "run", f"PORT={port}", cwd=ROOT)
    assert status == 2
    assert f"port {port} cannot be used (Address already in use): take another, as in PORT=8001 make run" in text
    assert "Post a lead" not in text


def test_the_commands_know_where_the_service_runs(run, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    users = {"DATAPOST_USERS": "impact:a-long-password"}
    line = [sys.executable, "-m", "flask", "--app", str(ROOT / "app.py"), "run", "--port", str(port)]
    environ = os.environ | users | {"DATABASE_URL": f"sqlite:///{tmp_path}/leads.db", "DATAPOST_SECRET": "s" * 32}
    with subprocess.Popen(line, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as service:
        try:
            next(text for text in service.stderr if "Running on" in text)
            status, text = run(DATAPOST, "simulate", "default", **users, DATAPOST_SECRET="s" * 32)
        finally:
            service.terminate()
    assert status == 0, text
    assert f"Posting 9 leads to http://127.0.0.1:{port}/leads" in text
