"""A database with many leads: makes it unless it is there, and prints its path.

Run by bench/run.py, with the product's Python and settings.

Two leads are posted to the product itself, and the rows that it adds for the second one are the
pattern of all others: what is the same for both stays the same, what differs is varied as it
differs there (ids, times, keyed hashes, the lead's number). So the tables may change without a
change here, and a column that cannot be varied is told.
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


def variation(place, first, second, ids, count):
    """Return a function that gives the lead n its value, from the values of the two leads at one place."""
    if first == second:
        return lambda n: second
    if second == ids[1]:
        return lambda n: str(ULID.from_bytes(moment(n, count).to_bytes(6, "big") + digest("id", n)[:10]))
    if isinstance(second, int) and second > 1e12:
        return lambda n: moment(n, count)
    if isinstance(second, str) and SECOND in second:
        parts = second.split(SECOND)
        return lambda n: str(load.FIRST_NUMBER + n).join(parts)
    if isinstance(second, bytes) and SECOND.encode() in second:
        parts = second.split(SECOND.encode())
        return lambda n: (b"%d" % (load.FIRST_NUMBER + n)).join(parts)
    if isinstance(second, str) and re.fullmatch("[0-9a-f]{16,64}", second):
        return lambda n: digest(place, n).hex()[: len(second)]
    if isinstance(second, bytes) and 8 <= len(second) <= 32:
        return lambda n: digest(place, n)[: len(second)]
    raise SystemExit(f"bench/fill.py cannot vary the column {place}: {first!r} and {second!r}")


def moment(n, count):
    """Return when the lead n came, in milliseconds since 1970: they come evenly, the last one now."""
    return NOW - SPREAD + SPREAD * n // count


def digest(place, n):
    return hashlib.sha256(f"{place} {n}".encode()).digest()


def fill(path, ids, added, count):
    """Write the leads from the third on."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -1000000")  # kB: keys come in no order
        for table in (table for table, rows in added[1].items() if rows):
            # Rows of one kind go together, where a lead adds several to one table.
            pairs = zip(*(sorted(new[table], key=shape) for new in added), strict=True)
            for turn, pair in enumerate(pairs):
                columns = list(pair[0])
                vary = [variation(f"{table}.{c}.{turn}", *(row[c] for row in pair), ids, count) for c in columns]
                insert = f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(columns))})'  # noqa: S608
                numbers = (n for n in range(count) if n not in (0, load.TEMPLATES))
                database.executemany(insert, ([value(n) for value in vary] for n in numbers))
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
