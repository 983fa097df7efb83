"""The benchmark: runs its parts, prints their tables, and writes them to bench/results/ if it ran all of them."""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

import load
import report
import scale
from services import BENCH, CACHE, DATAPOST, PRODUCT_PYTHON, ROOT, SERVICES, fresh_folder, receivers, running, unpacked

EARLIER = "8801bc4"  # the commit that a lead's CPU time is compared with
TURNS = 3  # of the judgement alone, by either version


def progress(text):
    print(text, file=sys.stderr, flush=True)


def settings(folder, root=ROOT):
    environ = {name: text.format(database=folder / "leads.db", port=0) for name, text in DATAPOST.items()}
    return environ | {"PATH": os.environ["PATH"], "PYTHONPATH": str(root)}


def product(script, *arguments, root=ROOT, **others):
    """Run a script with the product's Python and settings, and return what it prints."""
    with fresh_folder() as folder, open(folder / "log", "w") as log:
        environ = settings(folder, root) | others
        command = [PRODUCT_PYTHON, str(BENCH / script), *map(str, arguments)]
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603
        if done.returncode:
            sys.exit(f"bench/{script} failed:\n{(folder / 'log').read_text()[-2000:]}")
    return done.stdout.strip()


# --- The parts ---


def judge(_options):
    progress("judge: 10 fields by 0 to 40 rules")
    return product("judging.py").splitlines()


def profile(_options):
    progress("profile: one process, one thread")
    return json.loads(product("steps.py"))


def throughput(options):
    """The product and its peers in turn, each time with a new database."""
    return alternate({name: (name, None) for name in PEERS}, options)


def before(options):
    """The product and an earlier version of it in turn: the service, and the judgement alone."""
    with unpacked(options.commit) as folder:
        rounds = alternate({name: (name, None) for name in ("datapost", "before")}, options)
        judged = {"datapost": [], "before": []}
        for turn in range(TURNS):
            for name, root in (("datapost", ROOT), ("before", folder)):
                progress(f"before: the judgement alone, {turn + 1}/{TURNS}: {SERVICES[name].title}")
                times = re.findall(r"([0-9.]+) µs", product("judging.py", root=root))
                judged[name].append({"us": sum(map(float, times)) / len(times)})
    return {"rounds": rounds, "judged": judged}


def growth(options):
    """The product with an empty store and with a full one in turn."""
    progress(f"growth: a store of {options.leads:,} leads, which is kept for the next time")
    full = product("fill.py", options.leads)
    return alternate({"an empty store": ("datapost", None), f"{options.leads:,} leads": ("datapost", full)}, options)


def upkeep(options):
    """What the full store takes: room, the operators' pages, and the commands."""
    progress(f"upkeep: a store of {options.leads:,} leads, and a copy of it")
    return json.loads(product("upkeep.py", options.leads).splitlines()[-1])


def postgresql(options):
    """The product with a PostgreSQL server on this machine: one, two and four processes in turn, and where it waits."""
    with fresh_folder() as folder:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        command = [PRODUCT_PYTHON, str(BENCH / "postgres.py")]
        with subprocess.Popen(command, env=settings(folder), **pipes) as server:  # noqa: S603
            url = server.stdout.readline().strip()

            def look():
                print(file=server.stdin, flush=True)
                return json.loads(server.stdout.readline())

            names = [name for name in SERVICES if name.startswith("postgresql")]
            rounds = alternate({name: (name, url) for name in names}, options, look)
            progress("postgresql: where the time goes, one process, one thread")
            steps = json.loads(product("steps.py", DATABASE_URL=url))["steps"]
            server.stdin.close()
    return {"rounds": rounds, "steps": steps}


def delivery(options):
    """The product without a destination of its leads, with one that hangs and with one that takes them, in turn."""
    with receivers():
        return alternate({name: (name, None) for name in ("datapost", "delivery hangs", "delivery takes")}, options)


def footprint(options):
    """The memory of the product's workers as leads come, and how soon a service answers after its start."""
    memory, starts = {}, {"datapost": [], "flask": []}
    with running("datapost") as service:
        for leads in range(5_000, 20_001, 5_000):
            first = load.FIRST_NUMBER + leads - 5_000
            service.load(count=5_000, first=first, tag="memory", connections=options.connections)
            memory[str(leads)] = service.memory()
            progress("footprint: after {:,} leads {rss_mb:.1f} MB".format(leads, **memory[str(leads)]))
    for turn in range(options.starts + 1):
        for name in starts:
            with running(name) as service:
                progress(f"footprint: {SERVICES[name].title} answers after {service.started_ms:.0f} ms")
                if turn:  # the first start fills the disk's cache
                    starts[name].append(service.started_ms)
    return {"memory": memory, "started_ms": starts}


def alternate(contestants, options, look=dict):
    """Let the contestants (`{title: (service, database)}`) run in turn; return the figures of each round.

    `look` returns what a database server has done since it was last asked.
    """
    rounds = {title: [] for title in contestants}
    for turn in range(options.rounds):
        # There and back, so that nobody always comes after the same one.
        for title, (name, database) in list(contestants.items())[:: -1 if turn % 2 else 1]:
            with running(name, database) as service:
                look()
                figures = service.load(
                    seconds=options.seconds,
                    warmup=options.warmup,
                    connections=options.connections,
                    tag=f"{time.time_ns() // 1_000_000:x}",
                )
                figures |= look()
                if "server_cpu_seconds" in figures:
                    figures["server_cpu_us"] = figures["server_cpu_seconds"] / figures["answers"] * 1e6
                rounds[title].append(figures | {"started_ms": service.started_ms, "loop_ms": fixed_loop()})
            shown = "{per_second:.0f} leads/s, p99 {p99_ms:.1f} ms, connections ".format(**figures)
            shown += report.spread(figures)
            progress(f"round {turn + 1}/{options.rounds}: {report.title(title)}: {shown}")
    return rounds


def fixed_loop():
    """Return how many milliseconds some work takes that is always the same: how fast the machine is just now."""
    started = time.perf_counter()
    sum(number * number for number in range(500_000))
    return (time.perf_counter() - started) * 1000


PEERS = ("datapost", "flask", "fastapi", "datapost_json", "fastapi_json")
PARTS = {"profile": profile, "judge": judge, "throughput": throughput, "before": before, "growth": growth}
PARTS |= {"footprint": footprint, "upkeep": upkeep, "postgresql": postgresql, "delivery": delivery}


def machine():
    """Return what the figures depend on most: processors, Python, and how long the disk takes to write."""
    with fresh_folder() as folder, open(folder / "file", "wb", buffering=0) as file:
        file.write(bytes(4096 * 100))
        os.fdatasync(file.fileno())
        times = []
        for page in range(100):  # over what is there, as SQLite writes its log
            os.pwrite(file.fileno(), b"x" * 4096, 4096 * page)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1000)
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "processors": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "fdatasync_ms": statistics.median(times),
    }


def is_known(commit):
    with suppress(FileNotFoundError):
        found = subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True)  # noqa: S603, S607
        return not found.returncode
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all of them if none is named")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each round")
    parser.add_argument("--warmup", type=float, default=1.5, help="seconds before those that count")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--leads", type=int, default=1_000_000, help="in the full store")
    parser.add_argument("--starts", type=int, default=5, help="how often a start is timed")
    parser.add_argument("--commit", default=EARLIER, help="the earlier version of the part before: a commit or a tag")
    parser.add_argument("--keep", metavar="NAME", help="write the tables and figures of these parts to results/NAME.*")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: name some of {', '.join(PARTS)}")
    parts = [name for name in PARTS if name in (options.parts or PARTS)]
    if "before" in parts and not is_known(options.commit):
        if options.parts:
            parser.error(f"this clone does not have {options.commit}: fetch it, or name another by --commit")
        progress(f"before is left out: this clone does not have {options.commit}")
        parts.remove("before")
    CACHE.mkdir(exist_ok=True)
    results = {"machine": machine(), "options": vars(options)}
    try:
        for name in parts:
            results[name] = PARTS[name](options)
    except load.LoadError as error:
        sys.exit(f"bench: {error}")
    print(report.document(results))
    if options.keep or not options.parts:
        report.write(results, options.keep or "results")
        scale.renew()


if __name__ == "__main__":
    main()
