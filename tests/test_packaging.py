"""What brings Datapost to a machine: the image, Compose, Render, Fly.io, systemd, the proxies, CI and the Makefile."""

import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from cast import ROOT
from gunicorns import LOGIN
from packaged import (
    COMPOSE,
    GRACE,
    PROCFILE,
    PYTHON,
    SERVICES,
    health_check,
    image_environ,
    instruction,
    instructions,
    section,
)

# --- The image ---


def test_the_container_starts_what_the_procfile_starts():
    assert json.loads(instruction("CMD")) == ["sh", "-c", f"{PROCFILE['release']} && exec {PROCFILE['web']}"]


def test_the_image_has_the_python_of_the_version_file_and_no_compiler():
    assert instruction("FROM") == f"python:{PYTHON}-slim"
    pip, user = [text for name, text in instructions() if name == "RUN"]
    assert {"--only-binary=:all:", "--require-hashes", "--no-cache-dir"} <= set(shlex.split(pip))
    assert shlex.split(pip)[-2:] == ["-r", "requirements.txt"]
    assert "apt" not in pip + user


def test_the_container_runs_as_a_user_without_rights_who_owns_the_volume():
    number, group = instruction("USER").split(":")
    users = [text for name, text in instructions() if name == "RUN"][1]
    assert f"--uid {number} --user-group" in users and number == group and int(number) >= 1000
    assert f"install -d -o datapost -g datapost {instruction('VOLUME')}" in users
    assert image_environ()["DATABASE_URL"] == f"sqlite:///{instruction('VOLUME')}/datapost.db"


def image_files(folder):
    """Copy to `folder` what `COPY . .` would, by .dockerignore: nothing but what it names after an exclamation mark."""
    first, *named, last = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")
    ]
    assert (first, last) == ("*", "**/__pycache__") and all(name.startswith("!") for name in named)
    folder.mkdir()
    for name in named:
        source, target = ROOT / name[1:], folder / name[1:]
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return [name[1:] for name in named]


def test_the_image_holds_every_room_and_no_secret(tmp_path):
    named = image_files(tmp_path / "image")
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} <= set(named)
    held = {path.name for path in (tmp_path / "image").rglob("*")}
    assert not [name for name in held if re.search(r"\.env|\.db|password|\.git|\.venv|^tests$|test_", name)]


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_what_the_image_holds_starts_is_healthy_and_writes_to_the_volume_alone(tmp_path):
    image_files(tmp_path / "image")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "data").mkdir()
    environ = image_environ() | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PORT": str(port),
        "DATABASE_URL": f"sqlite:///{tmp_path}/data/datapost.db",
        "WEB_CONCURRENCY": "1",
        "DATAPOST_USERS": "impact:secret",
        "DATAPOST_SECRET": "a key for tests",
        "http_proxy": "http://192.0.2.1:9",  # which the health check must not ask
    }
    before = contents(tmp_path / "image")
    options = {"cwd": tmp_path / "image", "env": environ}
    with subprocess.Popen(
        json.loads(instruction("CMD")), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
    ) as container:
        try:
            log = next(line for line in container.stderr if "Listening at" in line or "Error" in line)
            assert f"http://0.0.0.0:{port}" in log
            assert subprocess.run(health_check(), **options).returncode == 0
            with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
                connection.request(
                    "POST", "/leads", '{"email": "ann@example.com"}', LOGIN | {"Content-Type": "application/json"}
                )
                assert json.loads(connection.getresponse().read())["dataPostResponse"]["valid"] is True
        finally:
            container.send_signal(signal.SIGTERM)  # as docker does, to the first process alone
            container.stderr.read()
        assert container.wait() == 0
    assert contents(tmp_path / "image") == before
    assert subprocess.run(health_check(), capture_output=True, **options).returncode == 1


def test_the_health_check_waits_longer_than_a_silent_database_keeps_a_request():
    health = instruction("HEALTHCHECK")
    (attempt,) = re.findall(r"timeout=(\d+)\)", health)
    (given,) = re.findall(r"--timeout=(\d+)s", health)
    assert 10 < int(attempt) < int(given)


def has_docker():
    return (
        shutil.which("docker")
        and subprocess.run(["docker", "info"], capture_output=True, env=os.environ | {"DOCKER_HOST": ""}).returncode
        == 0
    )


@pytest.mark.long
def test_the_image_is_built_and_is_not_root():
    if not has_docker():
        pytest.skip("docker does not run here")

    def docker(*arguments):
        return subprocess.run(["docker", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    tag = f"datapost-test-{os.getpid()}"
    docker("build", "-t", tag, ".")
    try:
        seen = docker("run", "--rm", tag, "sh", "-c", "id -u; ls -A; command -v gcc cc make || echo no compiler")
        assert seen.split("\n")[0] == instruction("USER").split(":")[0]
        assert "no compiler" in seen and ".env" not in seen and "tests" not in seen
        checked = docker("run", "--rm", tag, "flask", "rules", "check")
        assert "rules/default.yaml: ok" in checked
    finally:
        docker("rmi", "--force", tag)


# --- Compose ---


def test_compose_has_two_ways_and_each_is_named_in_operations():
    ways = {
        name: [key for key, part in SERVICES.items() if part["profiles"] == [name]] for name in ("sqlite", "postgres")
    }
    assert ways == {"sqlite": ["sqlite"], "postgres": ["datapost", "postgres", "caddy"]}
    docker = section("Docker")
    assert "docker compose up -d --build sqlite\n" in docker
    assert "docker compose --profile postgres up -d --build\n" in docker


@pytest.mark.parametrize("name", ["sqlite", "datapost"])
def test_compose_starts_the_image_as_it_is_with_the_rules_that_stand_beside_it(name):
    part = SERVICES[name]
    assert part["build"] == "." and part["env_file"] == ".env" and "command" not in part
    assert "./rules:/datapost/rules:ro" in part["volumes"] and instruction("WORKDIR") == "/datapost"
    assert int(part["stop_grace_period"].removesuffix("s")) > GRACE


def test_leads_and_certificates_last_longer_than_containers():
    kept = {name: [volume.split(":")[:2] for volume in part["volumes"]] for name, part in SERVICES.items()}
    assert ["leads", instruction("VOLUME")] in kept["sqlite"]
    assert SERVICES["sqlite"]["environment"]["DATABASE_URL"] == image_environ()["DATABASE_URL"]
    assert ["postgres", "/var/lib/postgresql"] in kept["postgres"]
    assert ["caddy", "/data"] in kept["caddy"]
    assert set(COMPOSE["volumes"]) == {"leads", "postgres", "caddy"}


def test_nobody_on_the_network_reaches_datapost_but_through_a_proxy():
    assert SERVICES["sqlite"]["ports"] == [f"127.0.0.1:8000:{image_environ()['PORT']}"]
    assert "ports" not in SERVICES["datapost"] and "ports" not in SERVICES["postgres"]
    assert SERVICES["caddy"]["ports"] == ["80:80", "443:443"]
    assert SERVICES["datapost"]["environment"]["DATAPOST_TRUSTED_PROXIES"] == "1"


def test_each_service_waits_for_the_health_of_the_one_that_it_needs():
    assert SERVICES["datapost"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["caddy"]["depends_on"] == {"datapost": {"condition": "service_healthy"}}
    assert SERVICES["postgres"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]


def test_compose_holds_no_password():
    assert SERVICES["datapost"]["environment"]["DATABASE_URL"] == "postgresql://datapost@postgres/datapost"
    for name, part in SERVICES.items():
        for key, value in part.get("environment", {}).items():
            assert "PASSWORD" not in key or value == "${POSTGRES_PASSWORD:-}", (name, key)


def test_the_caddy_of_compose_passes_on_to_its_datapost(tmp_path):
    caddyfile = (ROOT / "Caddyfile").read_text()
    assert f"reverse_proxy datapost:{image_environ()['PORT']}\n" in caddyfile
    assert "./Caddyfile:/etc/caddy/Caddyfile:ro" in SERVICES["caddy"]["volumes"]
    if not shutil.which("caddy"):
        pytest.skip("caddy is missing, so the Caddyfile was not tried")
    line = ["caddy", "validate", "--adapter", "caddyfile", "--config", ROOT / "Caddyfile"]
    environ = os.environ | {"DOMAIN": "leads.example.com", "HOME": str(tmp_path)}
    subprocess.run(line, env=environ, check=True, capture_output=True)
