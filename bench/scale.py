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
PAPER, PAPER_LEADS = "a billion leads, reckoned", 1_000_000_000
SERVER = ("CPU µs of PostgreSQL", "server_cpu_us", ",.0f")


def cell(rounds, key, form):
    return f"{median(each[key] for each in rounds if counts(each)):{form}}"


def stores(runs):
    """Show the service with each store, and what the full ones take to look after."""
    columns, rows = [], {what: [] for what, _, _ in OF_ROUNDS}
    for run in runs:
        for name, rounds in run.get("growth", {}).items():
            if name not in columns and any(map(counts, rounds)):
                columns.append(name)
                for what, key, form in OF_ROUNDS:
                    rows[what].append(cell(rounds, key, form))
    columns.append(PAPER)
    kept = {f"{run['options']['leads']:,} leads": run["upkeep"] for run in reversed(runs) if "upkeep" in run}
    rows["bytes a lead"] = [f"{kept[c]['bytes a lead']:,.0f}" if c in kept else "" for c in columns]
    rows["ms of the dashboard's first page"] = [f"{kept[c]['first page ms']:.0f}" if c in kept else "" for c in columns]
    names = dict.fromkeys(name for upkeep in kept.values() for name in upkeep["seconds"])
    for name in names:
        rows[f"seconds of {name}"] = [f"{kept[c]['seconds'][name][0]:,.1f}" if c in kept else "" for c in columns]
    largest = max((run for run in runs if "upkeep" in run), key=lambda run: run["options"]["leads"], default=None)
    for name in names:
        hours = largest["upkeep"]["seconds"][name][0] * PAPER_LEADS / largest["options"]["leads"] / 3600
        rows[f"seconds of {name}"][-1] = f"{hours:,.1f} hours"
    if largest:
        rows["bytes a lead"][-1] = f"{largest['upkeep']['bytes a lead'] * PAPER_LEADS / 1e12:.1f} TB in all"
    return table(
        ["with", *columns], [[what, *cells, *[""] * (len(columns) - len(cells))] for what, cells in rows.items()]
    )


def postgresql(run):
    rounds, figures = run["postgresql"]["rounds"], [*OF_ROUNDS, SERVER]
    rows = [[what, *(cell(each, key, form) for each in rounds.values())] for what, key, form in figures]
    return table(["with", *map(title, rounds)], rows)


def measured(runs):
    machine = runs[0]["machine"]
    lines = [
        f"Measured {machine['at'][:10]} by `make bench` on {machine['processors']} processors, Python "
        f"{machine['python']}, {runs[0]['options']['connections']} kept-alive connections; medians of "
        f"{runs[0]['options']['rounds']} rounds.\n",
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
