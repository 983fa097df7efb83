"""Leads as the commands write them: JSON, JSON lines, CSV, a table, or plain text."""

import csv
import io
import json
import re
import shutil
import sys

import click

import models


def _write_jsonl(query, present):
    for lead in query.iterator():
        click.echo(json.dumps(present(lead), ensure_ascii=False))


def _write_json(query, present):
    before = "["
    for lead in query.iterator():
        click.echo(before + "\n" + json.dumps(present(lead), ensure_ascii=False), nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def _write_csv(query, present):
    """One column for each key, and one for each field that any of the leads has."""
    names = sorted({name for lead in query.clone().iterator() for name in lead.fields})
    keys = [key for key in models.LEAD_KEYS if key not in ("fields", "trace")]
    _csv_line([*keys, *(f"fields.{name}" for name in names)])
    for lead in query.iterator():
        shown = present(lead)
        _csv_line([*(shown[key] for key in keys), *(shown["fields"].get(name) for name in names)])


def _csv_line(values):
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(_cell(value) for value in values)
    click.echo(line.getvalue(), nl=False)


def _cell(value):
    """Return a value as a spreadsheet may hold it: a text that starts a formula gets a ' before it."""
    if isinstance(value, list):
        value = "; ".join(value)
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    harmless = re.fullmatch(r"[+-]?[0-9][0-9 .,()-]*", text)  # a phone or a number keeps its sign
    return "'" + text if re.match(r"[=+@\t\r\n-]", text) and not harmless else text


def _write_table(query, present):
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    row = "{:26}  {:20}  {:12}  {:7}  {:>9}  {}"
    click.echo(row.format("ID", "RECEIVED", "PROGRAM", "VALID", "AMOUNT", "REASONS")[:width])
    for lead in query.iterator():
        received, valid = f"{lead.received_at:%Y-%m-%d %H:%M:%S}", "valid" if lead.valid else "invalid"
        text = row.format(lead.id, received, lead.program[:12], valid, lead.amount, ", ".join(lead.reasons))
        click.echo(_printable(text.rstrip()[:width]))


WRITERS = {"jsonl": _write_jsonl, "json": _write_json, "csv": _write_csv, "table": _write_table}


def show(decision, output):
    """Print a dict: as JSON, or for people, what is nested indented."""
    if output == "json":
        click.echo(json.dumps(decision, ensure_ascii=False, indent=2))
        return
    for key, value in decision.items():
        if key == "trace":
            _show_nested(key, [(step["check"], step["result"]) for step in value])
        elif isinstance(value, dict):
            _show_nested(key, value.items())
        elif key == "changes":
            _show_nested(key, [(change["id"], json.dumps(change, ensure_ascii=False)) for change in value])
        else:
            click.echo(_printable(f"{key:12}  {_cell_text(value)}".rstrip()))


def _show_nested(key, pairs):
    click.echo(key)
    for name, value in pairs:
        if isinstance(value, dict):
            value = ", ".join(f"{inner}: {_cell_text(text)}" for inner, text in value.items())
        click.echo(_printable(f"  {name:20}  {_cell_text(value)}".rstrip()))


def _cell_text(value):
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{name}={_cell_text(text)}" for name, text in value.items())
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _printable(text):
    """Return `text` without the control characters that could steer a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
