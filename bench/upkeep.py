"""What a full store takes to look after; prints JSON. Run by bench/run.py, with the product's Python and settings.

The commands are run as an operator runs them, on the copy that `flask backup` makes: the full store stays as it is.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dashboards
import fill
import load

PURGED_AFTER = "privacy: {delete_after: 88 days}\n"  # of 89: one lead in 89 is due


def seconds(database, *line, **environ):
    """Return how long a command takes, from the outside, and how long it uses the CPU."""
    environ = os.environ | {"DATABASE_URL": f"sqlite:///{database}", "FLASK_APP": "app.py"} | environ
    started, worked = time.perf_counter(), cpu(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "flask", *line]
    subprocess.run(command, env=environ, cwd=fill.BENCH.parent, stdout=subprocess.DEVNULL, check=True)  # noqa: S603
    return time.perf_counter() - started, cpu(resource.RUSAGE_CHILDREN) - worked


def cpu(whose):
    usage = resource.getrusage(whose)
    return usage.ru_utime + usage.ru_stime


def main(count):
    full = fill.main(count)
    with tempfile.TemporaryDirectory(dir=fill.CACHE) as folder:
        copy, rules = Path(folder) / "leads.db", Path(folder) / "rules"
        took = {"a backup": seconds(full, "backup", str(copy))}
        found = {"bytes a lead": copy.stat().st_size / count}
        started, worked = time.perf_counter(), cpu(resource.RUSAGE_SELF)
        pages = dashboards.pages(copy)
        first = {page: statistics.median(times) for page, _, times in pages}
        took["the days counted, and the pages"] = time.perf_counter() - started, cpu(resource.RUSAGE_SELF) - worked
        found["first page ms"] = first[""] * 1000
        person = load.lead(load.FIRST_NUMBER + count // 2, fill.TAG)["email"]
        took["an export of all"] = seconds(copy, "leads", "export")
        took["an erasure"] = seconds(copy, "leads", "erase", "--email", person, "--yes")
        shutil.copytree(os.environ["DATAPOST_RULES"], rules)
        with open(rules / "default.yaml", "a") as file:
            file.write(PURGED_AFTER)
        took["a purge of one lead in 89"] = seconds(copy, "leads", "purge", DATAPOST_RULES=str(rules))
    return found | {"seconds": took, "pages ms": {page: each * 1000 for page, each in first.items()}}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
