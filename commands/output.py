"""What commands print: leads in one of WRITERS, and decisions. No value steers the terminal that shows it."""

import csv
import io
import json
import shutil
import sys
from datetime import datetime

import click
from wcwidth import wcswidth

from leads.export import cell, csv_lines, json_lines, jsonl_lines, local
from web.logs import printable
from web.presenting import to_json

ZONE = 5  # characters of what names a time zone, such as EST, AEST or +0545

# Each takes the leads, a presenter, and the fields that have a column in CSV.


def _write_jsonl(leads, present, _columns):
    for line in jsonl_lines(map(present, leads)):
        click.echo(line, nl=False)


def _write_json(leads, present, _columns):
    for text in json_lines(map(present, leads)):
        click.echo(text, nl=False)


def _write_csv(leads, present, columns):
    on_terminal = sys.stdout.isatty()
    for line in csv_lines(map(present, leads), columns):
        click.echo(printable(line[:-2], keep="\n\t") + "\n" if on_terminal else line, nl=False)


def _write_table(leads, present, columns):
    """One line for each lead, as wide as the terminal; narrow ones get shorter columns."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    program, partner, time = (12, 12, "%Y-%m-%d %H:%M:%S %Z") if not width or width >= 110 else (7, 6, "%m-%d %H:%M %Z")
    widths = 26, len(f"{datetime.now():{time}}") + ZONE, program, *[partner] * (1 + columns.subpartner), 12
    names = "PARTNER", *["SUBPARTNER"] * columns.subpartner
    write_row(("ID", "RECEIVED", "PROGRAM", *names, "VALID", "AMOUNT", "REASONS"), widths, width)
    for lead in leads:
        valid = ("valid" if lead.valid else "invalid") + (" test" if lead.test else "")
        amount = f"{lead.amount} {present(lead).get('currency', '')}".strip() if lead.amount else ""
        names = lead.partner, *[lead.subpartner] * columns.subpartner
        came = f"{local(lead.received_at, lead.program, columns):{time}}"
        cells = lead.id, came, lead.program, *names, valid, amount
        write_row((*cells, ", ".join(lead.reasons)), widths, width)


def write_row(cells, widths, width):
    *columns, amount, reasons = map(printable, cells)
    columns = [_cut(text, room) for text, room in zip(columns, widths, strict=True)]
    columns = [text + " " * (room - wcswidth(text)) for text, room in zip(columns, widths, strict=True)]
    click.echo(_cut("  ".join([*columns, f"{amount:>7}", reasons]).rstrip(), width))


def _cut(text, room):
    if room is None or wcswidth(text) <= room:
        return text
    while wcswidth(text) >= room:
        text = text[:-1]
    return text + "…"


WRITERS = {"jsonl": _write_jsonl, "json": _write_json, "csv": _write_csv, "table": _write_table}


# --- Other rows ---


def write_lines(lines):
    """Print lines of cells, each column as wide as its longest."""
    cells = [[*map(printable, line)] for line in lines]
    widths = [max(map(wcswidth, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = [text + " " * (room - wcswidth(text)) for text, room in zip(line, widths, strict=True)]
        click.echo("  ".join(padded).rstrip())


def row_writers(keys, write_table):
    """Return for each format what writes rows, which are dicts of these keys."""

    def write_jsonl(rows):
        for line in jsonl_lines(rows):
            click.echo(line, nl=False)

    def write_csv(rows):
        for values in [keys, *([row[key] for key in keys] for row in rows)]:
            line = io.StringIO()
            csv.writer(line, lineterminator="\r\n").writerow(map(cell, values))
            click.echo(line.getvalue(), nl=False)

    return {
        "table": write_table,
        "json": lambda rows: click.echo(to_json(rows, indent=2)),
        "jsonl": write_jsonl,
        "csv": write_csv,
    }


def show(decision, output):
    """Print a dict: as JSON, or for people, what is nested indented."""
    if output == "json":
        click.echo(to_json(decision, indent=2))
        return
    for key, value in decision.items():
        if key == "trace":
            _show_nested(key, [(step["check"], step["result"]) for step in value])
        elif isinstance(value, dict):
            _show_nested(key, value.items())
        elif key == "changes":
            _show_nested(key, [(change["id"], json.dumps(change, ensure_ascii=False)) for change in value])
        else:
            click.echo(printable(f"{key:12}  {_cell_text(value)}".rstrip()))


def _show_nested(key, pairs):
    click.echo(key)
    for name, value in pairs:
        if isinstance(value, dict):
            value = ", ".join(f"{inner}: {_cell_text(text)}" for inner, text in value.items())
        click.echo(printable(f"  {name:20}  {_cell_text(value)}".rstrip()))


def _cell_text(value):
    if isinstance(value, list):
        return ", ".join(map(_cell_text, value))
    if isinstance(value, dict):
        return " ".join(f"{name}={_cell_text(text)}" for name, text in value.items())
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
