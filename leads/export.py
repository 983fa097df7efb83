"""Leads as the commands and the pages write them: JSON, JSON lines, or CSV.

What is stored is data: no value steers the spreadsheet that reads it.
"""

import csv
import io
import re
from datetime import UTC, datetime
from types import MappingProxyType

from web.presenting import keys_of, to_json


def jsonl_lines(shown):
    """Write leads as a presenter shows them."""
    for lead in shown:
        yield to_json(lead) + "\n"


def json_lines(shown):
    """Write leads as one list, each on a line of its own."""
    before = "["
    for lead in shown:
        yield f"{before}\n{to_json(lead)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def csv_lines(shown, columns):
    """One column for each key, one for each of the fields in `columns`, and one for all others, as JSON.

    So whoever makes up names of fields adds no columns. A time is that of the program, with its offset from UTC, as
    pages show it: a spreadsheet shows it as it is written.
    """
    keys = [key for key in keys_of(getattr(columns, "subpartner", False)) if key not in ("fields", "trace")]
    if getattr(columns, "currency", False):
        keys.insert(keys.index("sale_amount") + 1, "currency")
    yield csv_line([*keys, *(f"fields.{name}" for name in columns), "other_fields"])
    for lead in shown:
        others = {name: value for name, value in lead["fields"].items() if name not in columns}
        # In JSON a semicolon stands in texts alone. Escaped there, it ends no cell, and it stays JSON.
        text = to_json(others).replace(";", "\\u003b") if others else ""
        came = local(datetime.fromisoformat(lead["received_at"]), lead["program"], columns)
        lead = lead | {"received_at": came.isoformat(timespec="milliseconds")}
        yield csv_line([*(lead.get(key) for key in keys), *(lead["fields"].get(name) for name in columns), text])


class Columns(list):
    """Fields that have a column each; with `currency`, amounts have one for that too, and sub-partners if there are."""

    currency = subpartner = False
    zones = MappingProxyType({})  # of the programs, by name


def columns(programs, name=None):
    """Return as Columns the fields that today's rule files declare and store, in their order: of one program, or all.

    A field of an earlier rule file is with the others, so that columns change only when a rule file does.
    """
    chosen = list(programs.values()) if name is None else [programs[name]] if name in programs else []
    found = Columns(
        dict.fromkeys(field for program in chosen for field in program.fields if field not in program.forgets)
    )
    found.currency = any(program.spec.currency for program in chosen)
    found.subpartner = any(program.senders[1] for program in chosen)
    found.zones = {name: program.spec.timezone for name, program in programs.items()}
    return found


def local(time, program, columns):
    """Return a time as a program's people count it; UTC where the program is gone."""
    return time.astimezone(getattr(columns, "zones", {}).get(program, UTC))


def csv_line(values):
    """Return values as a line of a CSV that steers no spreadsheet."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cell(value) for value in values)
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


def cell(value):
    """Return a value as a spreadsheet may hold it: what could start a formula gets a ' before it."""
    return _FORMULA.sub("'", "; ".join(map(_text, value)) if isinstance(value, list) else _text(value))


def _text(value):
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
