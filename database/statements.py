"""The statements of every lead, written out: peewee takes longer to make one than SQLite to carry it out."""

from functools import cache

from database.connection import engine
from database.engines import db


def execute(sql, values):
    """Return how many rows the statement wrote."""
    return db.execute_sql(sql.replace("?", db.param), values).rowcount


def insert(table, columns, *rows):
    """Write rows into the table of this name."""
    execute(_insertion(table, columns, len(rows)), [value for row in rows for value in row])


def insert_if(condition, values, table, columns, row):
    """Write a row if the condition holds, whose values are these, and tell whether it does."""
    return execute(_insertion(table, columns, 1, condition), [*row, *values]) == 1


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
    if engine().side_by_side:
        execute(NOTE_IF_LATE + OR_SOON, [program, lead, lead, program, received_at])
    else:
        execute(NOTE_IF_LATE, [program, lead, lead, program])
