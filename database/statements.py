"""The statements of every lead, written out: peewee takes longer to make one than SQLite to carry it out."""

from contextlib import nullcontext
from functools import cache
from itertools import chain

from database.connection import engine
from database.engines import db


def execute(sql, values):
    """Return how many rows the statement wrote."""
    return execute_all((sql, values))[0]


def execute_all(*statements):
    """Return how many rows each of the statements (SQL, values) wrote; PostgreSQL is sent all of them in one go."""
    with engine().in_one_go() if len(statements) > 1 else nullcontext():
        cursors = [db.execute_sql(sql.replace("?", db.param), values) for sql, values in statements]
    return [cursor.rowcount for cursor in cursors]


def insertion(table, columns, *rows, condition=None, values=()):
    """Return the statement that writes rows into the table of this name, if the condition with these values holds."""
    return _insertion(table, columns, len(rows), condition), [*chain(*rows), *values]


@cache
def _insertion(table, columns, count, condition=None):
    row = ", ".join("?" * len(columns))
    names = ", ".join(f'"{column}"' for column in columns)
    rows = f"SELECT {row} WHERE {condition}" if condition else f"VALUES {', '.join([f'({row})'] * count)}"
    return f"INSERT INTO {table} ({names}) {rows}"


# A lead is late whose time is counted already: the clock was set back, or that of this machine is behind. Where leads
# are stored while others are counted, one that could be counted meanwhile is noted, by the clock that all share.
# A note too many does no harm.
LATE_AFTER = 4 * 60_000  # a minute before it is counted, for who is slow to commit
NOTE_IF_LATE = """
    INSERT INTO late (program, lead) SELECT ?, ?
    WHERE ? < (SELECT counted_to FROM day WHERE program = ? ORDER BY day DESC LIMIT 1)
"""
OR_SOON = f" OR ? < extract(epoch FROM clock_timestamp()) * 1000 - {LATE_AFTER}"


def note_if_late(program, lead, received_at):
    """Return the statement for it."""
    if engine().side_by_side:
        return NOTE_IF_LATE + OR_SOON, [program, lead, lead, program, received_at]
    return NOTE_IF_LATE, [program, lead, lead, program]


OUTBOX = ("lead", "destination", "state", "due_at", "attempts", "error", "remote_id", "rules")


def to_deliver(lead, destinations, due_at, rules):
    """Return the statement by which a lead waits to be sent to these destinations."""
    return insertion("delivery", OUTBOX, *((lead, to, "waiting", due_at, 0, "", "", rules) for to in destinations))
