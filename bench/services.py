"""The services that are compared: how each is started, watched and stopped.

A further one is a further row of SERVICES.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import load
from werkzeug.security import generate_password_hash

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
CACHE = BENCH / ".cache"  # on the disk of the clone, where a temporary folder may be in memory
RESULTS = BENCH / "results"
PRODUCT_PYTHON = str(ROOT / ".venv" / "bin" / "python")
START_ALLOWED = 60  # seconds
TICKS = os.sysconf("SC_CLK_TCK")

USER, _, PASSWORD = load.LOGIN.partition(":")
# How the product is set up, here and in the parts that call it in their own process.
DATAPOST = {
    "DATAPOST_USERS": f"{USER}:{generate_password_hash(PASSWORD)}",
    "DATAPOST_SECRET": "the key of the benchmark, always the same",
    "DATAPOST_RULES": str(BENCH / "datapost"),
    "DATABASE_URL": "sqlite:///{database}",
    "WEB_CONCURRENCY": "2",
    "PORT": "{port}",
}
FLASK_FORM = "-m gunicorn --bind 0.0.0.0:{port} flask_form:app"
FASTAPI = "-m uvicorn --workers 2 --host 0.0.0.0 --port {port} --no-access-log --log-level warning fastapi_sqlite:app"


@dataclass(frozen=True)
class Service:
    """A command, where it is run and with which environment; {port} and {database} are filled in."""

    title: str
    python: str
    arguments: str
    folder: Path
    environ: dict = field(default_factory=dict)


SERVICES = {
    "datapost": Service("Datapost, the full job", PRODUCT_PYTHON, "-m gunicorn", ROOT, DATAPOST),
    "flask": Service("Flask, only reads the form", sys.executable, FLASK_FORM, BENCH / "peers"),
    "fastapi": Service(
        "FastAPI + pydantic + sqlite3", sys.executable, FASTAPI, BENCH / "peers", {"LEADS": "{database}"}
    ),
}
SERVICES |= {
    f"postgresql{n}": Service(
        f"Datapost on PostgreSQL, {n} processes",
        PRODUCT_PYTHON,
        "-m gunicorn",
        ROOT,
        DATAPOST | {"DATABASE_URL": "{database}", "WEB_CONCURRENCY": str(n)},
    )
    for n in (1, 2, 4)
}


@contextmanager
def fresh_folder():
    CACHE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=CACHE, prefix="round-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Running:
    """A service that answers. `started_ms` is how long it took from the command to the first answer."""

    def __init__(self, name, database, log):
        service = SERVICES[name]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        values = {"port": self.port, "database": database}
        environ = {"PATH": os.environ["PATH"]} | {k: v.format(**values) for k, v in service.environ.items()}
        command = [service.python, *service.arguments.format(**values).split()]
        begun = time.perf_counter()
        self.process = subprocess.Popen(  # noqa: S603
            command, cwd=service.folder, env=environ, start_new_session=True, stdout=log, stderr=log
        )
        try:
            self._await_answer(begun + START_ALLOWED)
        except BaseException:
            self.stop()
            raise
        self.started_ms = (time.perf_counter() - begun) * 1000

    def _await_answer(self, deadline):
        tag = f"first{time.time_ns()}"
        request = load.request(load.FIRST_NUMBER, tag)
        while time.perf_counter() < deadline and self.process.poll() is None:
            with suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.port)) as connection:
                connection.sendall(request)
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                if answer.status != 200 or load.VALID not in answer.read():
                    raise load.LoadError(f"the first lead was not answered valid: {answer.status}")
                return
            time.sleep(0.002)
        raise load.LoadError(f"the service did not start: {self.process.args}")

    def load(self, **options):
        """Post leads from a process of its own, and return the figures, the service's CPU time among them."""
        words = [f"--{name}={value}" for name, value in options.items()]
        command = [sys.executable, str(BENCH / "load.py"), str(self.port), *words]
        before = self._cpu_seconds()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        if done.returncode:
            raise load.LoadError("the load failed")
        figures = json.loads(done.stdout)
        figures["service_cpu_us"] = (self._cpu_seconds() - before) / figures.pop("answers") * 1e6
        return figures

    def _processes(self):
        """Yield the id, the parent's id and the CPU ticks of every process of the service."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                # The command's name, in brackets, may hold spaces.
                words = path.read_text().rpartition(")")[2].split()
                if int(words[3]) == self.process.pid:
                    yield int(path.parent.name), int(words[1]), int(words[11]) + int(words[12])

    def _cpu_seconds(self):
        return sum(ticks for _, _, ticks in self._processes()) / TICKS

    def memory(self):
        """Return what the workers hold together, in MB: RSS counts shared pages in each, PSS once."""
        totals = {"Rss": 0, "Pss": 0}
        workers = [pid for pid, parent, _ in self._processes() if parent == self.process.pid]
        for pid in workers:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name in totals:
                    totals[name] += int(rest.split()[0]) * 1024
        return {"workers": len(workers), "rss_mb": totals["Rss"] / 1e6, "pss_mb": totals["Pss"] / 1e6}

    def stop(self):
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


@contextmanager
def running(name, database=None):
    """Start the service with a database of its own, or with the one given, and stop it at the end."""
    with fresh_folder() as folder, open(folder / "log", "w+b") as log:
        service = None
        try:
            service = Running(name, database or folder / "leads.db", log)
            yield service
        except (load.LoadError, OSError):
            log.seek(0)
            sys.stderr.write(f"\nThe log of {SERVICES[name].title} ends:\n{log.read().decode()[-2000:]}\n")
            raise
        finally:
            if service:
                service.stop()
