"""Copy the ledger from a SQLite file to PostgreSQL, while the service runs or not.

The file is read as it was at one moment. Chunk by chunk, its rows are compared with those over
there: what differs is written, and what the file does not have any more is deleted. So an interrupted
copy goes on where it was, and a second one brings what is new and takes away what was deleted or erased.
At the end the rows of both are counted and summed up once more.

Only a copy is changed so: the database is empty at first, and gets a note of the file that it is a copy
of. The first lead that a service stores there takes the note away (models.py), and from then on it is refused.
"""

import hashlib
import sqlite3
from contextlib import closing, contextmanager
from decimal import Decimal

from peewee import BlobField, BooleanField, DecimalField
from ulid import ULID

import database
import models

CHUNK = 1000  # rows, or fewer if they are long
CHUNK_BYTES = 4_000_000
CENT = Decimal("0.01")

# What a value is in Python, from whichever of the two it was read.
NORMAL = {
    BooleanField: bool,
    BlobField: bytes,
    DecimalField: lambda value: value if value is None else Decimal(str(value)).quantize(CENT),
}


class TransferError(Exception):
    """The copy cannot be made, or is not the same. The text says why."""


class Ledger:
    """One of the two databases, and how its statements are written: SQLite lists rows of values by VALUES."""

    def __init__(self, execute, place, values):
        self.execute, self._place, self._values = execute, place, values

    def after(self, columns, key):
        """Return the condition for the rows after a key, or for all after None, and its values."""
        return (f"WHERE ({columns}) > {self._row(key)}", [*key]) if key else ("", [])

    def among(self, columns, keys):
        """Return the condition for the rows with these keys, and its values."""
        rows = ", ".join(map(self._row, keys))
        return f"WHERE ({columns}) IN ({self._values}{rows})", [value for key in keys for value in key]

    def _row(self, key):
        return f"({', '.join([self._place] * len(key))})"

    def facts(self):
        return dict(self.execute("SELECT name, value FROM fact", []).fetchall())

    def count(self, table):
        return self.execute(f"SELECT count(*) FROM {table.name}", []).fetchone()[0]


there = Ledger(lambda sql, values: database.db.execute_sql(sql, values), "%s", "")


class Copied:
    """How the rows of a model are read from SQLite and from PostgreSQL, and written there."""

    def __init__(self, model):
        fields = model._meta.sorted_fields
        names = [field.column_name for field in fields]
        keys = [key.column_name for key in model._meta.get_primary_keys()]
        self.name, self.key = model._meta.table_name, ", ".join(f'"{key}"' for key in keys)
        self._normal = [NORMAL.get(type(field), lambda value: value) for field in fields]
        self._positions = [names.index(key) for key in keys]
        columns = [f'"{name}"' for name in names]
        self._columns = ", ".join(columns)
        self.upsert = (
            f"INSERT INTO {self.name} ({self._columns}) VALUES ({', '.join(['%s'] * len(columns))}) "
            f"ON CONFLICT ({self.key}) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in columns)}"
        )

    def rows_after(self, side, key):
        """Return the next rows by their keys, in the order of that database, up to CHUNK_BYTES."""
        where, values = side.after(self.key, key)
        limit = f"ORDER BY {self.key} LIMIT {CHUNK}"
        return self._rows(side.execute(f"SELECT {self._columns} FROM {self.name} {where} {limit}", values))

    def rows_among(self, side, keys):
        where, values = side.among(self.key, keys)
        return self._rows(side.execute(f"SELECT {self._columns} FROM {self.name} {where}", values))

    def keys_after(self, side, key):
        where, values = side.after(self.key, key)
        limit = f"ORDER BY {self.key} LIMIT {CHUNK}"
        return side.execute(f"SELECT {self.key} FROM {self.name} {where} {limit}", values).fetchall()

    def keys_among(self, side, keys):
        where, values = side.among(self.key, keys)
        return side.execute(f"SELECT {self.key} FROM {self.name} {where}", values).fetchall()

    def _rows(self, cursor):
        rows, size = {}, 0
        for values in cursor:
            row = tuple(normal(value) for normal, value in zip(self._normal, values, strict=True))
            rows[tuple(row[position] for position in self._positions)] = row
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if size > CHUNK_BYTES:
                break
        return rows


def copy(path, url, progress):
    """Copy the SQLite file at `path` to the PostgreSQL database at `url`, and compare them.

    `progress(length)` returns a context manager that gives a bar with `update(rows)`. Returns
    `[(table, rows, checksum), …]`. Raises TransferError and StoreError.
    """
    tables = [Copied(model) for model in models.Table.__subclasses__() if model.moves]
    tables.sort(key=lambda table: table.name)
    database.connect(url)
    database.migrate()
    with closing(sqlite3.connect(path, isolation_level=None)) as source, database.read():
        here = Ledger(source.execute, "?", "VALUES ")
        # The file gets its name when it is copied first.
        source.execute("INSERT OR IGNORE INTO fact (name, value) VALUES ('file', ?)", [str(ULID())])
        # One transaction sees one moment; it does not keep a service from writing.
        source.execute("BEGIN")
        note = here.facts()["file"]
        _note(note, here, tables)
        with progress(sum(map(here.count, tables))) as bar:
            for table in tables:
                _delete_others(table, here, note)
                _copy_table(table, here, note, bar)
        with _alone(note):
            pass
        return [_compare(table, here) for table in tables]


def _note(note, here, tables):
    """Note in an empty database that it is a copy of this file from now on; refuse any other."""
    with database.db.atomic():
        _lock()
        facts, secret = there.facts(), here.facts().get("secret")
        if facts.get("file") == note:
            return
        counts = {table.name: count for table in tables if table.name != "fact" and (count := there.count(table))}
        if counts:
            rows = ", ".join(f"{count} in {name}" for name, count in counts.items())
            raise TransferError(
                f"the database has rows already ({rows}), and is no copy of this file, or a service has begun to "
                "store leads there: name an empty one"
            )
        if facts.get("secret") not in (None, secret):
            raise TransferError(
                "a service was started on the database with another DATAPOST_SECRET than the one of the file: "
                "name a new one, and start the service there when the copy is made, with the secret of the file"
            )
        there.execute("DELETE FROM fact WHERE name = 'file'", [])
        there.execute("INSERT INTO fact (name, value) VALUES ('file', %s)", [note])


def _lock():
    """Let no service store its first lead until the transaction ends: it touches this table before all others."""
    there.execute("LOCK TABLE fact IN SHARE ROW EXCLUSIVE MODE", [])


@contextmanager
def _alone(note):
    """Hold a transaction in which no service stores its first lead, unless one has done so already."""
    with database.db.atomic():
        _lock()
        if there.facts().get("file") != note:
            raise TransferError("a service stores leads in the database already: name an empty one, and stop it")
        yield


def _delete_others(table, here, note):
    """Delete the rows over there that the file does not have any more."""
    after = None
    while keys := table.keys_after(there, after):
        after = keys[-1]
        if others := set(keys) - set(table.keys_among(here, keys)):
            where, values = there.among(table.key, others)
            with _alone(note):
                there.execute(f"DELETE FROM {table.name} {where}", values)


def _copy_table(table, here, note, bar):
    after = None
    while rows := table.rows_after(here, after):
        write_chunk(table, rows, note)
        after = max(rows)
        bar.update(len(rows))


def write_chunk(table, rows, note):
    """Make these rows the same over there."""
    with _alone(note):
        found = found_there(table, rows)
        changed = [row for key, row in rows.items() if found.get(key) != row]
        database.db.cursor().executemany(table.upsert, changed)


def found_there(table, rows):
    """Return the rows with the same keys over there, in the same order."""
    found = table.rows_among(there, rows)
    return {key: found[key] for key in rows if key in found}


def _compare(table, here):
    """Return the table's name, how many rows there are, and a checksum over all of them."""
    ours, theirs, after = Sum(), Sum(), None
    while rows := table.rows_after(here, after):
        ours.add(rows)
        theirs.add(found_there(table, rows))
        after = max(rows)
    count = there.count(table)
    if ours.digest != theirs.digest or ours.count != count:
        raise TransferError(f"{table.name}: {ours.count} rows in the file, {count} in the database, not the same")
    return table.name, ours.count, ours.digest


class Sum:
    def __init__(self):
        self.count, self._sum = 0, hashlib.sha256()

    def add(self, rows):
        self.count += len(rows)
        self._sum.update(repr(list(rows.values())).encode())

    @property
    def digest(self):
        return self._sum.hexdigest()
