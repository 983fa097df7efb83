"""Writes the measured tables of docs/scale.md from what runs have left in bench/results.

`make bench` does so at its end; by hand: bench/.venv/bin/python bench/scale.py [FILE.json ...]
"""

import json
import sys
from pathlib import Path
from statistics import median

from report import counts, table, title
from services import RESULTS, ROOT

PAGE = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- measured: bench/scale.py writes what follows -->\n", "<!-- end of what is measured -->\n"

# Of the rounds: what it is called, its figure, how it is written.
OF_ROUNDS = [
    ("leads a second", "per_second", ",.0f"),
    ("p99 in ms", "p99_ms", ".0f"),
    ("CPU µs of a lead", "service_cpu_us", ",.0f"),
]
SERVER = ("CPU µs of PostgreSQL", "server_cpu_us", ",.0f")


def cell(rounds, key, form):
    return f"{median(each[key] for each in rounds if counts(each)):{form}}"


def stores(runs):
    """Show the service with each store, what the full ones take to look after, and a billion leads on paper."""
    cells, largest = {}, None  # {store: {what: figure}}
    for run in runs:
        for name, rounds in run.get("growth", {}).items():
            if name not in cells and any(map(counts, rounds)):
                cells[name] = {what: cell(rounds, key, form) for what, key, form in OF_ROUNDS}
        if "upkeep" in run:
            name = f"{run['options']['leads']:,} leads"
            cells[name] = cells.get(name, {}) | kept(run["upkeep"])
            largest = max(largest or run, run, key=lambda run: run["options"]["leads"])
    if largest:
        cells["a billion leads, reckoned"] = reckoned(largest)
    names = dict.fromkeys(what for store in cells.values() for what in store)
    return table(["with", *cells], [[what, *(store.get(what, "") for store in cells.values())] for what in names])


def kept(upkeep):
    found = {
        "bytes a lead": f"{upkeep['bytes a lead']:,.0f}",
        "ms of the dashboard's first page": f"{upkeep['first page ms']:.0f}",
    }
    return found | {f"seconds of {what}": f"{seconds:,.1f}" for what, (seconds, _) in upkeep["seconds"].items()}


def reckoned(run):
    """Return what a billion leads would take, if it grows as the leads do."""
    upkeep, times = run["upkeep"], 1_000_000_000 / run["options"]["leads"]
    hours = {f"seconds of {what}": f"{s * times / 3600:,.1f} hours" for what, (s, _) in upkeep["seconds"].items()}
    return {"bytes a lead": f"{upkeep['bytes a lead'] / 1000:.1f} TB in all"} | hours


def postgresql(run):
    rounds, figures = run["postgresql"]["rounds"], [*OF_ROUNDS, SERVER]
    rows = [[what, *(cell(each, key, form) for each in rounds.values())] for what, key, form in figures]
    return table(["with", *map(title, rounds)], rows)


def measured(runs):
    when = [
        f"{run['machine']['at'][:10]} ({run['options']['leads']:,} leads, {run['options']['rounds']} rounds)"
        for run in runs
    ]
    machine = runs[0]["machine"]
    lines = [
        f"`make bench`, {' and '.join(when)}: medians, on {machine['processors']} processors with Python "
        f"{machine['python']},\nover {runs[0]['options']['connections']} kept-alive connections.\n",
        stores(runs),
    ]
    lines += [postgresql(run) for run in runs if "postgresql" in run][:1]
    return "\n" + "\n".join(lines) + "\n"


def renew(files=()):
    """Write the tables anew from these files, or from results.json and what `--keep` has left beside it."""
    files = files or sorted(RESULTS.glob("*.json"), key=lambda file: (file.stem != "results", file.stem))
    runs = [json.loads(Path(file).read_text(encoding="utf-8")) for file in files]
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    tail = rest.partition(END)[2]
    PAGE.write_text(head + BEGIN + measured(runs) + END + tail, encoding="utf-8")


if __name__ == "__main__":
    renew(sys.argv[1:])
