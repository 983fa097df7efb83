"""Copy the ledger from a SQLite file to PostgreSQL, while the service runs or not.

The file is read as it was at one moment. Chunk by chunk, its rows are compared with those over
there, and what differs is written: so an interrupted copy goes on where it was, and a second one
brings only what is new. At the end all rows of both are counted and summed up once more.
"""

import hashlib
import sqlite3
from contextlib import closing
from decimal import Decimal

from peewee import BlobField, BooleanField, DecimalField

import store
from models import Claim, KnownLogin, Lead, RuleText, Total

CHUNK = 1000
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
        self.name, self.key = model._meta.table_name, model._meta.primary_key.column_name
        self._normal = [NORMAL.get(type(field), lambda value: value) for field in fields]
        self._position = fields.index(model._meta.primary_key)
        columns = [f'"{field.column_name}"' for field in fields]
        self.select = f"SELECT {', '.join(columns)} FROM {self.name}"
        self.upsert = (
            f"INSERT INTO {self.name} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "
            f"ON CONFLICT ({self.key}) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in columns)}"
        )

    def rows(self, cursor):
        """Return the rows of a cursor by their keys."""
        rows = (tuple(normal(value) for normal, value in zip(self._normal, row, strict=True)) for row in cursor)
        return {row[self._position]: row for row in rows}


# Failed logins are left: they are forgotten after five minutes.
TABLES = [Table(model) for model in (RuleText, Lead, Claim, Total, KnownLogin)]


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
        total = sum(source.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0] for table in TABLES)
        with progress(total) as bar:
            for table in TABLES:
                _copy_table(table, source, bar)
        return [_compare(table, source) for table in TABLES]


def _refuse_other_leads(source):
    """Refuse a database with leads that the file does not have: nobody's leads are deleted here."""
    known = {lead_id for (lead_id,) in source.execute("SELECT id FROM lead")}
    others = sum(lead_id not in known for (lead_id,) in store.database.execute_sql("SELECT id FROM lead"))
    if others:
        raise TransferError(
            f"nothing was copied: the database has {others} leads that the file does not have. "
            "It is in use already, or they were erased from the file: name an empty database"
        )


def _copy_table(table, source, bar):
    after = ""
    while rows := _chunk(table, source, after):
        _write_chunk(table, rows, after)
        after = max(rows)
        bar.update(len(rows))
    store.database.execute_sql(f"DELETE FROM {table.name} WHERE {table.key} > %s", [after])


def _chunk(table, source, after):
    return table.rows(
        source.execute(f"{table.select} WHERE {table.key} > ? ORDER BY {table.key} LIMIT {CHUNK}", [after])
    )


def _write_chunk(table, rows, after):
    """Make the rows with keys from `after` up to the last of `rows` the same over there."""
    with store.database.atomic():
        between = f"WHERE {table.key} > %s AND {table.key} <= %s"
        there = table.rows(store.database.execute_sql(f"{table.select} {between}", [after, max(rows)]))
        gone = list(there.keys() - rows.keys())  # places that have run out since the last copy
        store.database.execute_sql(f"DELETE FROM {table.name} WHERE {table.key} = ANY(%s)", [gone])
        changed = [row for key, row in rows.items() if there.get(key) != row]
        store.database.cursor().executemany(table.upsert, changed)


def _compare(table, source):
    ours, theirs = (
        _sum(table, lambda after: _chunk(table, source, after)),
        _sum(table, lambda after: _there(table, after)),
    )
    if ours != theirs:
        raise TransferError(
            f"{table.name}: {ours[0]} rows in the file and {theirs[0]} in the database, and not the same"
        )
    return table.name, *ours


def _there(table, after):
    query = f"{table.select} WHERE {table.key} > %s ORDER BY {table.key} LIMIT {CHUNK}"
    return table.rows(store.database.execute_sql(query, [after]))


def _sum(table, chunk):
    """Return how many rows there are, and a checksum over all of them."""
    count, digest, after = 0, hashlib.sha256(), ""
    while rows := chunk(after):
        count += len(rows)
        for row in rows.values():
            digest.update(repr(row).encode())
        after = max(rows)
    return count, digest.hexdigest()
