"""Leads as the commands and the pages write them: JSON, JSON lines, CSV, a table, or plain text.

What is stored is data: no value steers the terminal that shows it, or the spreadsheet that reads it.
"""

import csv
import io
import json
import re
import shutil
import sys
from datetime import datetime
from unicodedata import category, east_asian_width

import click

from leads import masks
from web.logs import printable

KEYS = ("id", "program", "received_at", "user", "partner", "valid", "test", "reasons", "note")
KEYS += ("sale_amount", "customerid", "fields", "rules", "trace")


def jsonl_lines(shown):
    """Write leads as a presenter shows them."""
    for lead in shown:
        yield to_json(lead) + "\n"


def csv_lines(shown, columns):
    """One column for each key, one for each of the fields in `columns`, and one for all others, as JSON.

    So whoever makes up names of fields adds no columns.
    """
    keys = [key for key in KEYS if key not in ("fields", "trace")]
    yield _csv_line([*keys, *(f"fields.{name}" for name in columns), "other_fields"])
    for lead in shown:
        others = {name: value for name, value in lead["fields"].items() if name not in columns}
        # In JSON a semicolon stands in texts alone. Escaped there, it ends no cell, and it stays JSON.
        text = to_json(others).replace(";", "\\u003b") if others else ""
        yield _csv_line([*(lead[key] for key in keys), *(lead["fields"].get(name) for name in columns), text])


def columns(programs, name=None):
    """Return the fields that the rule files of today declare and store, in their order: of one program, or of all.

    A field of an earlier rule file is with the others, so that columns change only when a rule file does.
    """
    chosen = programs.values() if name is None else [programs[name]] if name in programs else []
    return list(dict.fromkeys(field for program in chosen for field in program.fields if field not in program.forgets))


def _csv_line(values):
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(_cell(value) for value in values)
    return line.getvalue()


# Where a spreadsheet could find a formula: at the start of a cell, and where one that is set up for
# semicolons or tabs would see another cell start. An apostrophe that is there already counts too, so
# that taking one away from each such place gives the value back. A number or phone keeps its sign.
# The quantifiers give nothing back (++), so that no value makes this slow.
_FORMULA = re.compile(
    r"""
    \A (?=[\t\r\n])
    | (?: \A | (?<=[;\t\r\n]) )
      (?! [ ]*+ (?: [+-]?[0-9]++(?:\.[0-9]++)?+ | \+[0-9]++[ ][0-9 ()-]++ ) [ ]*+ (?: [;\t\r\n] | \Z ) )
      (?= ' | (?: [^\S\t\r\n] | " )*+ [-=+@＝＋－＠] )
    """,
    re.VERBOSE,
)


def _cell(value):
    """Return a value as a spreadsheet may hold it: what could start a formula gets a ' before it."""
    if isinstance(value, list):
        value = "; ".join(value)
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return _FORMULA.sub("'", text)


# Each takes the leads, a presenter, and the fields that have a column in CSV.


def _write_jsonl(leads, present, _columns):
    for line in jsonl_lines(map(present, leads)):
        click.echo(line, nl=False)


def _write_json(leads, present, _columns):
    before = "["
    for lead in leads:
        click.echo(before + "\n" + to_json(present(lead)), nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def _write_csv(leads, present, columns):
    on_terminal = sys.stdout.isatty()
    for line in csv_lines(map(present, leads), columns):
        click.echo(printable(line[:-2], keep="\n\t") + "\n" if on_terminal else line, nl=False)


def _write_table(leads, _present, _columns):
    """One line for each lead, as wide as the terminal; narrow ones get shorter columns."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    program, partner, time = (12, 12, "%Y-%m-%d %H:%M:%S") if not width or width >= 110 else (7, 6, "%m-%d %H:%M")
    widths = 26, len(f"{datetime.now():{time}}"), program, partner, 12
    _write_row(("ID", "RECEIVED", "PROGRAM", "PARTNER", "VALID", "AMOUNT", "REASONS"), widths, width)
    for lead in leads:
        valid = ("valid" if lead.valid else "invalid") + (" test" if lead.test else "")
        cells = lead.id, f"{lead.received_at:{time}}", lead.program, lead.partner, valid, lead.amount
        _write_row((*cells, ", ".join(lead.reasons)), widths, width)


def _write_row(cells, widths, width):
    *columns, amount, reasons = map(printable, cells)
    columns = [_cut(text, room) for text, room in zip(columns, widths, strict=True)]
    columns = [text + " " * (room - _room(text)) for text, room in zip(columns, widths, strict=True)]
    click.echo(_cut("  ".join([*columns, f"{amount:>7}", reasons]).rstrip(), width))


def _cut(text, room):
    if room is None or _room(text) <= room:
        return text
    while _room(text) >= room:
        text = text[:-1]
    return text + "…"


def _room(text):
    """Return how many columns of a terminal a text takes: two for a Chinese letter, none for an accent of its own."""
    if text.isascii():
        return len(text)
    return sum(0 if category(c) in ("Mn", "Me") else 1 + (east_asian_width(c) in "WF") for c in text)


def presenter(programs, sensitive=False):
    """Return the function from a lead to a dict of KEYS: sensitive values are masked unless asked for."""
    hidden = masks.hidden_fields(programs)
    return lambda lead: _shown(lead, () if sensitive else hidden(lead))


def _shown(lead, hidden):
    shown = {key: getattr(lead, key) for key in KEYS}
    shown["fields"] = {name: "***" if name in hidden else value for name, value in lead.fields.items()}
    shown["received_at"] = lead.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    shown["sale_amount"] = lead.amount or None
    return shown


WRITERS = {"jsonl": _write_jsonl, "json": _write_json, "csv": _write_csv, "table": _write_table}


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
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{name}={_cell_text(text)}" for name, text in value.items())
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def to_json(value, indent=None):
    """Return JSON in which what cannot be printed is escaped, as JSON does with some of it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
