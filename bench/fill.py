"""A database with many leads: makes it unless it is there, and prints its path.

Run by bench/run.py, with the product's Python and settings.

Two leads are posted to the product itself, and the rows that it adds for the second one are the
pattern of all others: what is the same for both stays the same, what differs is varied as it
differs there (ids, times, keyed hashes, the lead's number). So the tables may change without a
change here, and a column that cannot be varied is told. SQLite copies the rows itself, and makes
the indexes at the end: ten million take some minutes.
"""

import hashlib
import os
import re
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import load
from ulid import ULID

import database
from app import create_app
from web.settings import Settings

BENCH = Path(__file__).resolve().parent
CACHE = BENCH / ".cache"
SPREAD = 89 * 24 * 3600 * 1000  # milliseconds: within the 90 days in which an address counts as submitted
TAG = "filled"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # of Crockford
SECOND = str(load.FIRST_NUMBER + load.TEMPLATES)
NOW = time.time_ns() // 1_000_000


def post_two(path):
    """Post two leads into a new database; return the ids, and the rows that each added to each table."""
    app = create_app(replace(Settings.load(), database_url=f"sqlite:///{path}"))
    known, ids, added = {}, [], []
    # A whole turn of the templates lies between the two, so that only the number differs.
    for number in (load.FIRST_NUMBER, load.FIRST_NUMBER + load.TEMPLATES):
        answer = app.test_client().post("/leads", data=load.lead(number, TAG), auth=tuple(load.LOGIN.split(":")))
        if load.VALID not in answer.data:
            raise SystemExit(f"the lead was not answered valid: {answer.data}")
        stored = read(path)
        ids.append(answer.headers["Datapost-Lead"])
        added.append({t: [row for key, row in stored[t].items() if key not in known.get(t, ())] for t in stored})
        known = stored
    database.disconnect()
    return ids, added


def read(path):
    """Return all rows as `{table: {primary key: {column: value}}}`."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        found = {}
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = database.execute(f'PRAGMA table_info("{table}")').fetchall()
            keys = [column["name"] for column in columns if column["pk"]]
            rows = [dict(row) for row in database.execute(f'SELECT * FROM "{table}"')]  # noqa: S608
            found[table] = {tuple(row[key] for key in keys): row for row in rows}
    return found


def variation(place, first, second, ids):
    """Return SQL that gives the lead n its value, and its parameters, from the values of the two leads at one place."""
    text = "CAST(? AS TEXT)" if isinstance(second, bytes) else "?"
    if first == second:
        return "?", [second]
    if second == ids[1]:
        return MADE, []
    if isinstance(second, int) and second > 1e12:
        return f"ms + {second - ULID.from_str(ids[1]).milliseconds}", []
    if isinstance(second, (str, bytes)) and SECOND in (second if isinstance(second, str) else second.decode()):
        varied = f"replace({text}, '{SECOND}', {load.FIRST_NUMBER} + n)"
        return (f"CAST({varied} AS BLOB)" if isinstance(second, bytes) else varied), [second]
    if isinstance(second, str) and re.fullmatch("[0-9a-f]{16,64}", second):
        return f"lower(hex(randomblob({len(second) // 2})))", []
    if isinstance(second, bytes) and 8 <= len(second) <= 32:
        return f"randomblob({len(second)})", []
    raise SystemExit(f"bench/fill.py cannot vary the column {place}: {first!r} and {second!r}")


# The lead n came at `ms`, in milliseconds since 1970: they come evenly, the last one now. A ULID is those ten digits of
# five bits each, and 16 more that are the same in all tables.
MADE = " || ".join(f"substr('{ALPHABET}', 1 + (ms >> {bits} & 31), 1)" for bits in range(45, -1, -5))
MADE += " || printf('%016d', n)"
NUMBERS = f"""
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count),
    moments(n, ms) AS (SELECT n, {NOW - SPREAD} + {SPREAD} * n / :count FROM numbers WHERE n <> {load.TEMPLATES})
"""  # noqa: S608


def fill(path, ids, added, count):
    """Write the leads from the third on."""
    with closing(sqlite3.connect(path)) as database:
        for pragma in ("journal_mode = DELETE", "synchronous = OFF", "cache_size = -1000000", "threads = 2"):
            database.execute(f"PRAGMA {pragma}")
        indexes = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''").fetchall()
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        for table in (table for table, rows in added[1].items() if rows):
            keys = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")') if row[5]]
            # Rows of one kind go together, where a lead adds several to one table.
            for pair in zip(*(sorted(new[table], key=shape) for new in added), strict=True):
                columns = {c: variation(f"{table}.{c}", *(row[c] for row in pair), ids) for c in pair[0]}
                values = [value for _, given in columns.values() for value in given]
                chosen = ", ".join(f'{sql} AS "{name}"' for name, (sql, _) in columns.items())
                numbers = NUMBERS.replace(":count", str(count))
                database.execute(
                    f'{numbers} INSERT INTO "{table}" SELECT {chosen} FROM moments ORDER BY {", ".join(keys)}',  # noqa: S608
                    values,
                )
        for _, index in indexes:
            database.execute(index)
        database.commit()
        database.execute("PRAGMA journal_mode = WAL")
    with open(path, "rb") as file:
        os.fsync(file)  # or the disk would be at it while the first round is measured


def shape(row):
    return [len(str(value)) for value in row.values()]


def main(count):
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        path = Path(folder) / "leads.db"
        ids, added = post_two(path)
        with closing(sqlite3.connect(path)) as database:
            schema = repr(database.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall())
        made_of = schema + Path(__file__).read_text() + (BENCH / "load.py").read_text()
        kept = CACHE / f"filled-{count}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}.db"
        if not kept.exists():
            for old in CACHE.glob(f"filled-{count}-*"):
                old.unlink()
            fill(path, ids, added, count)
            path.rename(kept)
    return kept


if __name__ == "__main__":
    print(main(int(sys.argv[1])))
