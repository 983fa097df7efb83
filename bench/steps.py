"""Where the time of a request goes; prints JSON. Run by bench/run.py, with the product's Python and settings.

One thread calls the WSGI app, as gunicorn would: first with a clock at every step, then under
cProfile, which makes small functions look dearer than they are. What gunicorn costs, and what
threads cost that wait for each other, is not in here.
"""

import cProfile
import io
import json
import pstats
import re
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import load

import app
import database
import models
from web import answer as answers
from web import login, request

ROOT = Path(__file__).resolve().parent.parent

LEADS = 2000
WARMUP = 100
FUNCTIONS = 20

# Each step is a function that the way of a lead calls once, named by where it is looked up.
STEPS = {
    "log in": (login.Login, "check"),
    "decode": (request, "read"),
    "judge": (app, "judge"),
    "record": (models, "record"),
    "log": (app.log, "info"),
    "render": (answers, "render"),
}
REST = "the rest: route, request, response"


def clocked(function, seconds, at_work):
    """Return the function with a clock: `seconds` takes how long it was, `at_work` how long it used the CPU."""

    def call(*arguments, **options):
        started, worked = time.perf_counter(), time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            at_work.append(time.process_time() - worked)
            seconds.append(time.perf_counter() - started)

    return call


def environ(request):
    """Return what gunicorn makes of the bytes of a request."""
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/leads",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": headers["Host"],
        "HTTP_AUTHORIZATION": headers["Authorization"],
        "CONTENT_TYPE": headers["Content-Type"],
        "CONTENT_LENGTH": headers["Content-Length"],
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
    }


def answer(request_environ):
    status = []
    document = b"".join(app.app(request_environ, lambda line, _headers: status.append(line)))
    if status != ["200 OK"] or load.VALID not in document:
        raise SystemExit(f"the lead was not answered valid: {status} {document}")


def measure_steps(environs):
    """Return the medians of the steps, in microseconds: how long each is, and how long it uses the CPU."""
    clocks, saved = {name: ([], []) for name in ["request", *STEPS]}, {}
    for name, (owner, function) in STEPS.items():
        saved[name] = getattr(owner, function)
        setattr(owner, function, clocked(saved[name], *clocks[name]))
    whole = clocked(answer, *clocks["request"])
    for each in environs:
        whole(each)
    for name, (owner, function) in STEPS.items():
        setattr(owner, function, saved[name])
        if len(clocks[name][0]) != len(environs):
            raise SystemExit(f'the step "{name}" was not taken once for each lead: mend STEPS in bench/steps.py')
    rest = tuple(
        [whole - sum(steps) for whole, *steps in zip(*(clocks[name][kind] for name in clocks), strict=True)]
        for kind in (0, 1)
    )
    rows = {name: clocks[name] for name in STEPS} | {REST: rest, "request": clocks["request"]}
    return {
        name: {"us": statistics.median(seconds) * 1e6, "cpu_us": statistics.median(at_work) * 1e6}
        for name, (seconds, at_work) in rows.items()
    }


def place(file, line, function):
    """Return the module that a profiled function belongs to, and its name for people."""
    if file == "~":
        return "sqlite3" if "sqlite3" in function else "built in", function
    path = Path(file)
    if "site-packages" in path.parts:
        module = path.parts[path.parts.index("site-packages") + 1].removesuffix(".py")
    elif path.is_relative_to(ROOT):
        return f"our {path.name}", f"{path.name}:{line} {function}"
    else:
        module = "standard library"
    return module, f"{re.sub(r'.*/(?=[^/]+/[^/]+$)', '', file)}:{line} {function}"


def profile(environs):
    """Return the time of each module and of the dearest functions, without what they call, in microseconds a lead."""
    profiler = cProfile.Profile()
    profiler.enable()
    for each in environs:
        answer(each)
    profiler.disable()
    modules, functions = Counter(), []
    for key, (_, calls, own, _, _) in pstats.Stats(profiler).stats.items():
        module, name = place(*key)
        modules[module] += own / len(environs) * 1e6
        functions.append({"function": name, "calls": calls / len(environs), "us": own / len(environs) * 1e6})
    functions.sort(key=lambda row: -row["us"])
    return {"modules": dict(modules.most_common()), "functions": functions[:FUNCTIONS]}


if __name__ == "__main__":
    leads = load.requests(load.FIRST_NUMBER, f"steps{time.time_ns()}")
    warmup, clocked_leads, profiled = ([environ(next(leads)) for _ in range(n)] for n in (WARMUP, LEADS, LEADS // 2))
    for each in warmup:
        answer(each)
    print(json.dumps({"steps": measure_steps(clocked_leads), **profile(profiled)}))
    database.disconnect()
