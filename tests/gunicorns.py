"""The service as it is deployed: the real gunicorn, with what senders of requests say to it."""

import base64
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread

from cast import ROOT, RULES
from werkzeug.wrappers import Response

import database
import models
from leads import search

LOGIN = {"Authorization": "Basic " + base64.b64encode(b"impact:secret").decode()}


def free_port():
    """Return a port that is free and stays so: it is below those that the system gives to clients at any moment."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port


class Service:
    """gunicorn with two worker processes on a port of its own, its leads in `folder`."""

    source = ROOT
    prepared = None  # a file with tables to start from, since to make them takes longer than all else of a start

    def __init__(self, folder, rules=RULES, **environ):
        (folder / "rules").mkdir(exist_ok=True)
        (folder / "rules" / "default.yaml").write_text(rules)
        self.port = free_port()
        self.folder, self.database = folder, folder / "leads.db"
        self.environ = {
            "PATH": os.environ["PATH"],
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "2",
            "DATAPOST_USERS": "impact:secret",
            "DATAPOST_SECRET": "a key for tests",
            "DATAPOST_RULES": str(folder / "rules"),
            "DATABASE_URL": f"sqlite:///{self.database}",
        } | environ
        self.process = None

    def have_first(self, *lines):
        """Have lines of Python come before gunicorn's configuration."""
        config = f"exec(open({str(ROOT / 'gunicorn.conf.py')!r}).read())"
        (self.folder / "conf.py").write_text("\n".join([*lines, config]))
        self.environ["GUNICORN_CMD_ARGS"] = f"-c {self.folder}/conf.py"
        return self

    def command(self, *arguments):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        line = [sys.executable, "-m", *arguments]
        return subprocess.Popen(line, cwd=self.source, env=self.environ, start_new_session=True, **pipes)

    def start(self, command=("gunicorn",), sign="Listening at"):
        is_default = self.environ["DATABASE_URL"] == f"sqlite:///{self.database}"
        if self.prepared and is_default and not self.database.exists():
            shutil.copyfile(self.prepared, self.database)
        self.process, self.log = self.command(*command), []
        for line in self.process.stderr:
            self.log.append(line)
            if sign in line:
                # Read on, or a full pipe would stop the service.
                self.reader = Thread(target=self.log.extend, args=[self.process.stderr])
                self.reader.start()
                return self
        raise AssertionError("".join(self.log))

    def workers(self):
        """Return the process ids of the worker processes."""
        return [
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def connections(self):
        """Return how many connections each worker process has."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        established = {row[9] for row in rows if row[1].endswith(f":{self.port:04X}") and row[3] == "01"}
        links = [[os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()] for pid in self.workers()]
        return [sum(link[8:-1] in established for link in found if link.startswith("socket:")) for found in links]

    def leads(self):
        """Return the ids and addresses of the stored leads that are valid."""
        models.connect(self.environ["DATABASE_URL"], "a key for tests")
        try:
            with database.read():
                query = search.leads(search.Filter(valid=True), newest_first=False)
                return [(lead.id, lead.email) for lead in query]
        finally:
            database.disconnect()

    def stop(self, how=signal.SIGTERM):
        """Stop the service, and return its log."""
        os.killpg(self.process.pid, how)
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()
        self.process.stdout.close()
        self.process = None
        return "".join(self.log)

    def get(self, path):
        """Return the JSON at `path`."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())

    def post(self, body, headers=(), path="/leads", timeout=None):
        """Return status, headers and answer of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"} | LOGIN | dict(headers))
            response = connection.getresponse()
            return response.status, response.headers, json.loads(response.read())["dataPostResponse"]
        finally:
            connection.close()

    def send(self, head):
        """Send bytes as they are, say no more, and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(head)
            connection.shutdown(socket.SHUT_WR)
            return connection.makefile("rb").read()


def read_log(text):
    """Return what gunicorn and the service logged: every line is a JSON object."""
    return [json.loads(line) for line in text.splitlines()]


HEAD = f"POST /leads HTTP/1.1\r\nHost: x\r\nAuthorization: {LOGIN['Authorization']}\r\n".encode()


def at_once(count, action):
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(action, range(count)))


FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


BODY = b"email=ann@example.com"


def started(folder, *lines, **environ):
    """Start one gunicorn process, with lines of Python before its configuration."""
    return Service(folder, WEB_CONCURRENCY="1", **environ).have_first("from web import worker", *lines).start()


def connect(service, data=b""):
    connection = socket.create_connection(("127.0.0.1", service.port))
    connection.sendall(data)
    return connection


def answer_on(connection):
    """Read one answer, and return it as werkzeug holds it, as the tests of the app do."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return Response(response.read(), response.status, list(response.headers.items()))
