"""The secret that keys the hashes in the database: of values, of persons, of credentials."""

import hmac
import json

from database.connection import engine
from database.engines import SchemaError, db
from database.statements import execute_all, insertion

MADE_WITH_ANOTHER = (
    "DATAPOST_SECRET is not the one that the hashes in this database were made with: every address that was submitted "
    'would be new and be paid again. Set that one: SECURITY.md says under "Rotate a secret" how it is changed on '
    "purpose, and what to do if it is lost"
)

_secret, _ours = b"", ""  # and the hash by which a database knows the secret


def use(secret):
    global _secret, _ours
    _secret = secret.encode()
    _ours = keyed_hash("secret")


def keyed_hash(*parts):
    """Return the HMAC-SHA256 of `parts` under DATAPOST_SECRET, as 64 hexadecimal digits."""
    return hash_with(_secret, *parts)


def hash_with(secret, *parts):
    """Return the same under another secret, given as bytes."""
    return hmac.digest(secret, json.dumps(parts).encode(), "sha256").hex()


def customer_of(texts):
    """Return the `customerid` of the values, folded, of the fields that say who is the same customer."""
    return keyed_hash("customer", texts) if texts else ""


def hold_secret():
    """Refuse a database whose hashes were made with another secret, or note ours if it is the first."""
    known = noted()
    if _secret and known is None:
        noting = f"INSERT INTO fact (name, value) VALUES ('secret', {db.param}) ON CONFLICT DO NOTHING"  # noqa: S608
        db.execute_sql(noting, [_ours])  # of two at once, one wins
        known = noted()
    if known not in (None, _ours):
        raise SchemaError(MADE_WITH_ANOTHER)


ANOTHER = "SELECT 1 FROM fact WHERE name = 'secret' AND value <> ?"


def insert_with_ours(table, columns, row, *others):
    """Write a row with hashes, unless the secret was changed since this process was started (`flask rotate-secret`).

    `others` are statements that go with it.
    """
    if engine().side_by_side:  # in one statement: who changes the secret locks the table, and it waits for that
        insertion_if_ours = insertion(table, columns, row, condition=f"NOT EXISTS ({ANOTHER})", values=[_ours])
        ours = execute_all(insertion_if_ours, *others)[0] == 1
    else:  # in two: to take back an INSERT ... SELECT, SQLite copies each page that it touches, which takes 25 µs
        execute_all(insertion(table, columns, row), *others)
        ours = not db.execute_sql(ANOTHER, [_ours]).fetchone()
    if not ours:
        raise SchemaError(MADE_WITH_ANOTHER)


def noted():
    """Return the hash by which the database knows the secret of its hashes, or None."""
    row = db.execute_sql("SELECT value FROM fact WHERE name = 'secret'").fetchone()
    return row and row[0]
