"""What brings Datapost to a machine: the image, Compose, Render, Fly.io, systemd, the proxies, CI and the Makefile."""

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

from web.settings import SETTINGS

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PROCFILE = dict(re.findall(r"(?m)^(\w+): (.+)$", (ROOT / "Procfile").read_text()))
PYTHON = (ROOT / ".python-version").read_text().strip()
INSTALL = "pip install --require-hashes -r requirements.txt"
GRACE = 30  # seconds that gunicorn gives requests to end


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

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


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
