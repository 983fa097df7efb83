"""Copy the ledger from a SQLite file to PostgreSQL, while the service runs or not.

The file is read as it was at one moment. Chunk by chunk, its rows are compared with those over
there, and what differs is written: so an interrupted copy goes on where it was, and a second one
brings only what is new. Nothing is ever deleted but notes of late leads: what only the other database
has are places that have run out, or leads, and with leads of its own it is refused. At the end the
rows of both are counted and summed up once more.
"""

import hashlib
import sqlite3
from contextlib import closing
from decimal import Decimal

from peewee import BlobField, BooleanField, DecimalField

import store
from days import Day
from models import Claim, KnownLogin, Late, Lead, Refusal, RuleText, Total
from privacy import Erasure, Retention

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


class Table:
    """How the rows of a model are read from SQLite and from PostgreSQL, and written there."""

    def __init__(self, model):
        fields = model._meta.sorted_fields
        names = [field.column_name for field in fields]
        keys = [key.column_name for key in model._meta.get_primary_keys()]
        self.name, self.keys = model._meta.table_name, [f'"{key}"' for key in keys]
        self._normal = [NORMAL.get(type(field), lambda value: value) for field in fields]
        self._positions = [names.index(key) for key in keys]
        columns = [f'"{name}"' for name in names]
        self.select = f"SELECT {', '.join(columns)} FROM {self.name}"
        self.upsert = (
            f"INSERT INTO {self.name} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "
            f"ON CONFLICT ({', '.join(self.keys)}) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in columns)}"
        )

    @property
    def start(self):
        """The key before all others: all of them are texts."""
        return ("",) * len(self.keys)

    def rows(self, cursor):
        """Return the rows of a cursor by their keys, up to CHUNK_BYTES."""
        rows, size = {}, 0
        for values in cursor:
            row = tuple(normal(value) for normal, value in zip(self._normal, values, strict=True))
            rows[tuple(row[position] for position in self._positions)] = row
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if size > CHUNK_BYTES:
                break
        return rows


# Failed logins are left: they are forgotten after five minutes.
MODELS = (RuleText, Lead, Refusal, Claim, Total, KnownLogin, Day, Late, Retention, Erasure)
TABLES = [Table(model) for model in MODELS]


def copy(path, url, progress):
    """Copy the SQLite file at `path` to the PostgreSQL database at `url`, and compare them.

    `progress(length)` returns a context manager that gives a bar with `update(rows)`. Returns
    `[(table, rows, checksum), …]`. Raises TransferError and StoreError.
    """
    store.connect(url)
    store.migrate()
    # One transaction sees one moment; it does not keep a service from writing.
    with closing(sqlite3.connect(path, isolation_level=None)) as source, store.read():
        source.execute("BEGIN")
        _refuse_other_leads(source)
        store.database.execute_sql("DELETE FROM late")  # those of an earlier copy may be counted by now
        total = sum(source.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0] for table in TABLES)
        with progress(total) as bar:
            for table in TABLES:
                _copy_table(table, source, bar)
        _refuse_other_leads(source)
        return [_compare(table, source) for table in TABLES]


def _refuse_other_leads(source):
    """Refuse a database with leads that the file does not have."""
    known = {lead_id for (lead_id,) in source.execute("SELECT id FROM lead")}
    others = sum(lead_id not in known for (lead_id,) in store.database.execute_sql("SELECT id FROM lead"))
    if others:
        raise TransferError(
            f"the database has {others} leads that the file does not have. It is in use already, or they were "
            "erased from the file: name an empty database"
        )


def _copy_table(table, source, bar):
    (newest,) = source.execute("SELECT max(id) FROM lead").fetchone()
    after = table.start
    while rows := _chunk(table, source, after):
        _write_chunk(table, rows, newest)
        after = max(rows)
        bar.update(len(rows))


def _chunk(table, source, after):
    keys, values = ", ".join(table.keys), ", ".join("?" * len(after))
    return table.rows(
        source.execute(f"{table.select} WHERE ({keys}) > ({values}) ORDER BY {keys} LIMIT {CHUNK}", after)
    )


def _write_chunk(table, rows, newest):
    """Make these rows the same over there, unless a service has begun to store leads there."""
    with store.database.atomic():
        store.database.execute_sql("LOCK TABLE lead IN SHARE ROW EXCLUSIVE MODE")
        if store.database.execute_sql("SELECT 1 FROM lead WHERE id > %s LIMIT 1", [newest or ""]).fetchone():
            raise TransferError("a service stores leads in the database already: name an empty one, or stop it")
        there = _there(table, rows)
        changed = [row for key, row in rows.items() if there.get(key) != row]
        store.database.cursor().executemany(table.upsert, changed)


def _there(table, rows):
    """Return the rows with the same keys over there, in the same order."""
    keys = ", ".join(table.keys)
    wanted = ", ".join([f"({', '.join(['%s'] * len(table.keys))})"] * len(rows))
    values = [value for key in rows for value in key]
    found = table.rows(store.database.execute_sql(f"{table.select} WHERE ({keys}) IN ({wanted})", values))
    return {key: found[key] for key in rows if key in found}


def _compare(table, source):
    """Return the table's name, how many rows there are, and a checksum over all of them."""
    ours, theirs, after = Sum(), Sum(), table.start
    while rows := _chunk(table, source, after):
        ours.add(rows)
        theirs.add(_there(table, rows))
        after = max(rows)
    if ours.digest != theirs.digest:
        raise TransferError(
            f"{table.name}: {ours.count} rows in the file, {theirs.count} in the database, not the same"
        )
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
