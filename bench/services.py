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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import load
from werkzeug.security import generate_password_hash

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
CACHE = BENCH / ".cache"  # on the disk of the clone, where a temporary folder may be in memory
RESULTS = BENCH / "results"
PRODUCT_PYTHON = str(ROOT / ".venv" / "bin" / "python")
START_ALLOWED = 60  # seconds
TRIES = 30  # to have the connections spread, which most services leave to chance
LOOK_EVERY = 0.5  # seconds, at how the connections are spread
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
# The same with a destination of its leads, a receiver.py: `{takes}` and `{hangs}` are their ports.
DELIVERING = CACHE / "delivering"
DELIVERS = DATAPOST | {"DATAPOST_RULES": str(DELIVERING), "DATAPOST_DELIVER_PRIVATE": "on"}
FLASK_FORM = "-m gunicorn --bind 0.0.0.0:{port} flask_form:app"
FASTAPI = "-m uvicorn --workers 2 --host 0.0.0.0 --port {port} --no-access-log --log-level warning "


@dataclass(frozen=True)
class Service:
    """A command, where it is run and with which environment; {port} and {database} are filled in."""

    title: str
    python: str
    arguments: str
    folder: Path
    environ: dict = field(default_factory=dict)
    workers: int = 2
    form: str = "form"  # in which leads are posted to it


SERVICES = {
    "datapost": Service("Datapost, the full job", PRODUCT_PYTHON, "-m gunicorn", ROOT, DATAPOST),
    "flask": Service("Flask, only reads the form", sys.executable, FLASK_FORM, BENCH / "peers"),
    "fastapi": Service(
        "FastAPI + pydantic + sqlite3",
        sys.executable,
        FASTAPI + "fastapi_sqlite:app",
        BENCH / "peers",
        {"LEADS": "{database}"},
    ),
}
SERVICES["datapost_json"] = replace(SERVICES["datapost"], title="Datapost, by JSON", form="json")
SERVICES["fastapi_json"] = replace(
    SERVICES["fastapi"], title="FastAPI, by JSON", arguments=FASTAPI + "fastapi_json:app", form="json"
)
# As `unpacked` puts it there.
SERVICES["before"] = replace(SERVICES["datapost"], title="Datapost, an earlier version", folder=CACHE / "before")
SERVICES |= {
    f"postgresql{n}": replace(
        SERVICES["datapost"],
        title=f"Datapost on PostgreSQL, {n} process{'es' * (n > 1)}",
        environ=DATAPOST | {"DATABASE_URL": "{database}", "WEB_CONCURRENCY": str(n)},
        workers=n,
    )
    for n in (1, 2, 4)
}
SERVICES |= {
    f"delivery {how}": replace(
        SERVICES["datapost"],
        title=f"Datapost with a destination that {how}",
        environ=DELIVERS | {"DATAPOST_DELIVER_CRM": f"http://127.0.0.1:{{{how}}}/leads"},
    )
    for how in ("hangs", "takes")
}
PORTS = {}  # of the receivers that run


def is_even(spread):
    """Tell whether each process has at least half of its even share: 4 of 16 connections, where there are two."""
    return not spread or min(spread) >= sum(spread) / len(spread) / 2


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
        self.service = service = SERVICES[name]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        values = {"port": self.port, "database": database} | PORTS
        environ = {"PATH": os.environ["PATH"]} | {k: v.format(**values) for k, v in service.environ.items()}
        command = [service.python, *service.arguments.format(**values).split()]
        begun = time.perf_counter()
        self.process = subprocess.Popen(  # noqa: S603
            command, cwd=service.folder, env=environ, start_new_session=True, stdout=log, stderr=log
        )
        try:
            self._await_answer(begun + START_ALLOWED)
            self.started_ms = (time.perf_counter() - begun) * 1000
            self._await_workers(begun + START_ALLOWED)
        except BaseException:
            self.stop()
            raise

    def _await_answer(self, deadline):
        tag = f"first{time.time_ns()}"
        request = load.request(load.FIRST_NUMBER, tag, self.service.form)
        while time.perf_counter() < deadline and self.process.poll() is None:
            with suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.port)) as connection:
                connection.sendall(request)
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                if answer.status != 200 or not load.is_valid(body := answer.read()):
                    raise load.LoadError(f"the first lead was not answered valid: {answer.status} {body[:500]}")
                return
            time.sleep(0.002)
        raise load.LoadError(f"the service did not start: {self.process.args}")

    def _await_workers(self, deadline):
        """Wait until each process has taken a connection: one that still starts leaves them all to the others."""
        waiting = {*range(self.service.workers)}
        while waiting and time.perf_counter() < deadline:
            with ExitStack() as held:
                for _ in range(4 * self.service.workers):
                    held.enter_context(socket.create_connection(("127.0.0.1", self.port)))
                    time.sleep(0.005)
                waiting -= {n for n, count in enumerate(self.connections()) if count}
            while any(self.connections()) and time.perf_counter() < deadline:  # that they are closed, they must see
                time.sleep(0.01)
        if waiting:
            raise load.LoadError(f"{len(waiting)} of {self.service.workers} processes take no connection")

    def connections(self):
        """Return how many connections each worker process has taken."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        established = {row[9] for row in rows if row[1].endswith(f":{self.port:04X}") and row[3] == "01"}
        counts = []
        for pid in self._workers():
            links = []
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):  # closed meanwhile
                    links.append(os.readlink(file))
            counts.append(sum(link[8:-1] in established for link in links if link.startswith("socket:")))
        return counts

    def _workers(self):
        """Return the ids of the worker processes, the oldest first. One that uvicorn has beside them serves nobody."""
        children = sorted(pid for pid, parent, _ in self._processes() if parent == self.process.pid)
        return [p for p in children if b"resource_tracker" not in Path(f"/proc/{p}/cmdline").read_bytes()]

    def load(self, **options):
        """Post leads from a process of its own, and return the figures, the service's CPU time among them."""
        words = [f"--{name}={value}" for name, value in (options | {"form": self.service.form}).items()]
        command = [sys.executable, str(BENCH / "load.py"), str(self.port), *words, "--wait"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, **pipes) as posting:  # noqa: S603
            tries = self._spread(posting, options["connections"])
            before, spreads = self._cpu_seconds(), []
            while True:
                with suppress(subprocess.TimeoutExpired):
                    printed, _ = posting.communicate(timeout=LOOK_EVERY)
                    break
                spreads.append(self.connections())
        if posting.returncode:
            raise load.LoadError("the load failed")
        figures = json.loads(printed)
        figures["service_cpu_us"] = (self._cpu_seconds() - before) / figures["answers"] * 1e6
        spread = spreads[len(spreads) // 2] if spreads else []  # neither of the start nor of the end
        found = {"spread": spread, "even": is_even(spread), "tries": tries, "rss_mb": self.memory()["rss_mb"]}
        return figures | found

    def _spread(self, posting, connections):
        """Have the connections opened anew while they leave a process idle; return how often they were opened."""
        for tries in range(1, TRIES + 1):
            if posting.stdout.readline() != "open\n":
                raise load.LoadError("the load failed")
            deadline = time.perf_counter() + 1
            while sum(spread := self.connections()) < connections and time.perf_counter() < deadline:
                time.sleep(0.01)
            if is_even(spread):
                break
            if tries < TRIES:
                print("again", file=posting.stdin, flush=True)
        print("go", file=posting.stdin, flush=True)
        return tries

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
        workers = self._workers()
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
def receivers():
    """Run the destinations of leads, and write the rules by which each lead goes to one of them."""
    DELIVERING.mkdir(parents=True, exist_ok=True)
    rules = (BENCH / "datapost" / "default.yaml").read_text(encoding="utf-8")
    (DELIVERING / "default.yaml").write_text(f"{rules}\ndeliver: [{{to: crm}}]\n", encoding="utf-8")
    with ExitStack() as running:
        for how in ("hangs", "takes"):
            command = [sys.executable, str(BENCH / "receiver.py"), how]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            receiver = running.enter_context(subprocess.Popen(command, **pipes))  # noqa: S603
            running.callback(receiver.stdin.close)
            PORTS[how] = int(receiver.stdout.readline())
        yield


@contextmanager
def unpacked(commit):
    """Put the product as it was at a commit into a folder of its own, to be run by today's Python and libraries."""
    folder = SERVICES["before"].folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with subprocess.Popen(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE) as archive:  # noqa: S603, S607
            subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive.stdout, check=True)  # noqa: S603, S607
        yield folder
    finally:
        shutil.rmtree(folder)


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
