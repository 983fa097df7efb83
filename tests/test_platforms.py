"""Platforms, a server of one's own, and continuous integration: their files, and what operations says of them."""

import configparser
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tomllib
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml
from cast import ROOT, blocks
from gunicorns import LOGIN, Service, read_log
from packaged import GRACE, INSTALL, PROCFILE, PYTHON, SERVICES, image_environ, instruction, section

from web.settings import SETTINGS

# --- Platforms ---

# The keys of a web service and of a database, as Render's blueprint reference lists them.
RENDER_KEYS = {
    "service": "type name runtime plan region repo branch buildCommand startCommand preDeployCommand healthCheckPath "
    "autoDeployTrigger domains maxShutdownDelaySeconds numInstances envVars disk",
    "envVar": "key value generateValue sync fromDatabase",
    "database": "name plan region postgresMajorVersion databaseName user ipAllowList diskSizeGB",
}
RENDER = yaml.safe_load((ROOT / "render.yaml").read_text())


def test_render_is_told_in_its_own_words():
    assert set(RENDER) == {"services", "databases"}
    (service,), (database,) = RENDER["services"], RENDER["databases"]
    assert set(service) <= set(RENDER_KEYS["service"].split())
    assert set(database) <= set(RENDER_KEYS["database"].split())
    for row in service["envVars"]:
        assert set(row) <= set(RENDER_KEYS["envVar"].split()) and len(row) == 2
        assert isinstance(row.get("value", ""), str)
    assert service["type"] == "web" and service["runtime"] == "python"
    assert GRACE < service["maxShutdownDelaySeconds"] <= 300


def test_render_runs_what_the_procfile_runs():
    (service,) = RENDER["services"]
    assert service["preDeployCommand"] == PROCFILE["release"]
    assert service["startCommand"] == PROCFILE["web"]
    assert service["buildCommand"] == INSTALL
    assert service["healthCheckPath"] == "/health"


def test_render_and_heroku_set_the_same():
    app = json.loads((ROOT / "app.json").read_text())
    rows = {row["key"]: row for row in RENDER["services"][0]["envVars"]}
    assert rows.pop("DATABASE_URL")["fromDatabase"] == {
        "name": RENDER["databases"][0]["name"], "property": "connectionString",
    }  # fmt: skip
    assert set(rows) == set(app["env"])
    assert rows["DATAPOST_SECRET"]["generateValue"] is True
    assert rows["DATAPOST_USERS"]["sync"] is rows["DATAPOST_OPERATORS"]["sync"] is False


def test_render_keeps_a_sqlite_file_as_operations_says():
    (snippet,) = blocks(section("Render"), "yaml")
    given = yaml.safe_load(snippet)
    (row,) = given["envVars"]
    assert set(given["disk"]) == {"name", "mountPath", "sizeGB"}
    assert row == {"key": "DATABASE_URL", "value": f"sqlite:///{given['disk']['mountPath']}/datapost.db"}


FLY = tomllib.loads((ROOT / "fly.toml").read_text())


def test_fly_keeps_the_sqlite_file_on_a_volume():
    (mount,) = FLY["mounts"]
    assert mount["destination"] == instruction("VOLUME")
    assert FLY["env"]["DATABASE_URL"] == image_environ()["DATABASE_URL"]


def test_fly_is_told_in_its_own_words():
    known = "app primary_region kill_signal kill_timeout build deploy env mounts http_service vm"
    assert set(FLY) <= set(known.split())
    assert all(isinstance(value, str) for value in FLY["env"].values())
    service = FLY["http_service"]
    assert service["internal_port"] == int(image_environ()["PORT"])
    assert service["force_https"] and service["auto_stop_machines"] == "off"
    (check,) = service["checks"]
    assert set(check) == {"method", "path", "interval", "timeout", "grace_period"} and check["path"] == "/health"
    assert FLY["build"] == {"dockerfile": "Dockerfile"}


def test_fly_lets_requests_end():
    assert FLY["kill_signal"] == "SIGTERM" and GRACE < FLY["kill_timeout"] <= 300


def test_fly_migrates_postgresql_as_the_procfile_does():
    (snippet,) = blocks(section("Fly.io"), "toml")
    assert tomllib.loads(snippet) == {"deploy": {"release_command": PROCFILE["release"]}}


def test_what_is_set_anywhere_is_a_setting_that_there_is():
    known = {row.name for row in SETTINGS} | {"PORT", "HOST", "WEB_CONCURRENCY"}
    ours = set(image_environ()) - {"PYTHONDONTWRITEBYTECODE"}
    ours |= set(FLY["env"]) | {row["key"] for row in RENDER["services"][0]["envVars"]}
    ours |= {"DATABASE_URL", *SERVICES["datapost"]["environment"]} - {"PGPASSWORD"}
    ours |= set(re.findall(r"(?m)^([A-Z_]+)=", blocks(section("A server of your own"), "sh")[0]))
    assert ours <= known


# --- A server of one's own ---


def unit():
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(blocks(section("A server of your own"), "ini")[0])
    return parser


def test_systemd_starts_what_the_procfile_starts():
    service, where = unit()["Service"], "/opt/datapost/.venv/bin/"
    assert service["ExecStartPre"] == where + PROCFILE["release"]
    assert service["ExecStart"] == where + PROCFILE["web"]
    assert f".venv/bin/{INSTALL}" in section("A server of your own")
    assert f".venv/bin/{INSTALL}" in section("Upgrade and going back")


def test_systemd_keeps_the_sqlite_file_where_the_service_may_write():
    settings = blocks(section("A server of your own"), "sh")[0]
    assert f"DATABASE_URL=sqlite:////var/lib/{unit()['Service']['StateDirectory']}/datapost.db\n" in settings
    assert unit()["Service"]["EnvironmentFile"] == "/etc/datapost.env"


def test_systemd_takes_the_unit(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing, so the unit was not tried")
    text = blocks(section("A server of your own"), "ini")[0]
    file = tmp_path / "datapost.service"
    file.write_text(text.replace("/opt/datapost/.venv/bin", str(Path(sys.executable).parent)))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_has_the_settings_of_the_service(tmp_path):
    text = section("A server of your own")
    (line,) = re.findall(r"(?m)^\$ (sudo .*)$", text)
    assert line.startswith("sudo -u datapost sh -c ")
    settings = blocks(text, "sh")[0].replace("/var/lib/datapost", str(tmp_path))
    (tmp_path / "datapost.env").write_text(settings.replace("scrypt:…", "scrypt:32768:8:1$salt$0a"))
    script = shlex.split(line)[-1].replace("/etc", str(tmp_path)).replace("cd /opt/datapost", f"cd {ROOT}")
    script = script.replace(".venv/bin", str(Path(sys.executable).parent))
    environ = {"PATH": os.environ["PATH"], "FLASK_SKIP_DOTENV": "1"}
    done = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "datapost.db").exists()


def certify(folder):
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)


@contextmanager
def nginx(folder, port, behind):
    server = blocks(section("A server of your own"), "nginx")[0].replace("listen 443 ", f"listen 127.0.0.1:{port} ")
    server = server.replace("    listen [::]:443 ssl;\n", "").replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    server = re.sub(r"/\S*/fullchain\.pem", f"{folder}/cert.pem", server)
    server = re.sub(r"/\S*/privkey\.pem", f"{folder}/key.pem", server)
    places = "".join(f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi"))
    (folder / "nginx.conf").write_text(f"pid {folder}/pid;\nevents {{}}\nhttp {{\n{places}{server}}}\n")
    line = ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]
    subprocess.run(line, check=True, capture_output=True)  # it returns when it listens
    try:
        yield
    finally:
        subprocess.run([*line, "-s", "stop"], check=True, capture_output=True)


@contextmanager
def caddy(folder, port, behind):
    site = blocks(section("A server of your own"), "caddy")[0].replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    site = site.replace("leads.example.com {", f"https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls cert.pem key.pem")
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    line = ["caddy", "start", "--adapter", "caddyfile", "--config", folder / "Caddyfile", "--pidfile", folder / "pid"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(line, check=True, env=environ, cwd=folder, **quiet)  # it returns when it listens
    try:
        yield
    finally:
        os.kill(int((folder / "pid").read_text()), signal.SIGTERM)


@pytest.mark.parametrize("proxy", [nginx, caddy], ids=["nginx", "caddy"])
def test_behind_the_proxy_of_operations_https_and_the_address_of_who_asks_are_known(tmp_path, proxy):
    if not shutil.which(proxy.__wrapped__.__name__) or not shutil.which("openssl"):
        pytest.skip(f"{proxy.__wrapped__.__name__} or openssl is missing, so its example was not tried")
    settings = dict(re.findall(r"(?m)^(HOST|DATAPOST_TRUSTED_PROXIES)=(.*)$", section("A server of your own")))
    certify(tmp_path)
    service = Service(tmp_path, **settings, DATAPOST_OPERATORS="impact:secret").start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    forged = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "http", "Content-Type": "application/json"}
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")

    def ask(method, path, headers, body=None):
        connection = http.client.HTTPSConnection(
            "localhost", port, context=trusting, source_address=("127.0.0.2", 0), timeout=30
        )
        with closing(connection):
            connection.request(method, path, body, forged | headers)
            response = connection.getresponse()
            return response.status, response.read().decode()

    try:
        with proxy(tmp_path, port, service.port):
            assert ask("POST", "/leads", {}, "{}")[0] == 401
            status, answer = ask("POST", "/leads", LOGIN, '{"email": "ann@example.com"}')
            assert (status, json.loads(answer)["dataPostResponse"]["valid"]) == (200, True)
            assert 'href="https://localhost' in ask("GET", "/dashboard/programs", LOGIN)[1]
    finally:
        log = service.stop()
    (refused,) = [line for line in read_log(log) if line["message"] == "refused"]
    assert refused["address"] == "127.0.0.2"
    assert "DATAPOST_TRUSTED_PROXIES" not in log


@pytest.mark.parametrize(
    ("number", "address"), [("0", "127.0.0.1"), ("1", "10.0.0.1"), ("2", "9.9.9.9"), ("3", "127.0.0.1")]
)
def test_the_log_shows_whether_the_number_of_proxies_is_right(tmp_path, number, address):
    """Two proxies pass a request on: only with their number it is from who sent it."""
    service = Service(tmp_path, DATAPOST_TRUSTED_PROXIES=number, WEB_CONCURRENCY="1").start()
    wrong = {"Authorization": "Basic eDp5", "X-Forwarded-For": "9.9.9.9, 10.0.0.1", "X-Forwarded-Proto": "https"}
    assert service.post("{}", wrong)[0] == 401
    (refused,) = [line for line in read_log(service.stop()) if line["message"] == "refused"]
    assert refused["address"] == address


# --- Continuous integration, and the Pythons ---

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())


def test_the_workflow_runs_what_must_pass_on_the_oldest_python_and_on_ours():
    (job,) = WORKFLOW["jobs"].values()
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())[1]
    assert job["strategy"]["matrix"]["python"] == [oldest, PYTHON]
    assert job["env"]["PYTHON"] == "python${{ matrix.python }}"
    assert job["steps"][-1] == {"run": ".ci/run"} and os.access(ROOT / ".ci" / "run", os.X_OK)
    checkout, setup = job["steps"][:2]
    assert checkout["with"]["fetch-depth"] == 0
    assert setup["with"]["python-version"] == "${{ matrix.python }}"
    assert set(WORKFLOW[True]) == {"push", "pull_request"}  # YAML reads `on` as true


FAKE = """#!/bin/sh
case "$1" in
-V) echo Python {version};;
-m) rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python; printf '#!/bin/sh\\n' > .venv/bin/pip
    chmod +x .venv/bin/*;;
esac
"""


@pytest.fixture
def make(tmp_path):
    """Run the Makefile in a folder with two Pythons, `one` and `two`, that make environments which are none."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).touch()
    for name, version in (("one", "3.11.9"), ("two", "3.13.1")):
        (tmp_path / name).write_text(FAKE.format(version=version))
        (tmp_path / name).chmod(0o755)

    def run(*arguments, **environ):
        line = ["make", "-s", ".venv/test", *arguments]
        environ = {"PATH": os.environ["PATH"]} | environ
        status = subprocess.run(line, cwd=tmp_path, env=environ, capture_output=True).returncode
        version = subprocess.run([tmp_path / ".venv" / "bin" / "python", "-V"], capture_output=True, text=True).stdout
        return status, version.strip()

    return run


def test_make_makes_the_environment_of_the_python_that_is_named(make, tmp_path):
    assert make("PYTHON=./one") == (0, "Python 3.11.9")
    (tmp_path / ".venv" / "mark").touch()
    assert make("PYTHON=./one") == (0, "Python 3.11.9")
    assert (tmp_path / ".venv" / "mark").exists()
    assert make("PYTHON=./two") == (0, "Python 3.13.1")
    assert not (tmp_path / ".venv" / "mark").exists()
    assert make(PYTHON="./one") == (0, "Python 3.11.9")


def test_make_keeps_the_environment_where_no_python_is_named_or_none_is_found(make):
    make("PYTHON=./two")
    assert make() == (0, "Python 3.13.1")
    assert make("PYTHON=./three") == (2, "Python 3.13.1")


# --- Versions ---


def test_operations_says_how_to_upgrade_and_go_back_wherever_it_runs():
    text = section("Upgrade and going back")
    for title in ("Heroku", "Docker", "Render", "Fly.io", "A server of your own"):
        assert section(title)
        assert re.search(rf"(?mi)^\| .*{re.escape(title)}", text), title
    assert PROCFILE["release"] in text and "of a newer version" not in text
