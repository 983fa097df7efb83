"""The secret that keys the hashes in the database: of values, of persons, of credentials."""

import hmac
import json

from database.engines import SchemaError, db
from database.statements import insert_if

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


def hold_secret():
    """Refuse a database whose hashes were made with another secret, or note ours if it is the first."""
    known = noted()
    if _secret and known is None:
        noting = f"INSERT INTO fact (name, value) VALUES ('secret', {db.param}) ON CONFLICT DO NOTHING"  # noqa: S608
        db.execute_sql(noting, [_ours])  # of two at once, one wins
        known = noted()
    if known not in (None, _ours):
        raise SchemaError(MADE_WITH_ANOTHER)


NOT_ANOTHER = "NOT EXISTS (SELECT 1 FROM fact WHERE name = 'secret' AND value <> ?)"


def insert_with_ours(table, columns, row):
    """Write a row with hashes, unless the secret was changed since this process was started (`flask rotate-secret`)."""
    if not insert_if(NOT_ANOTHER, [_ours], table, columns, row):
        raise SchemaError(MADE_WITH_ANOTHER)


def noted():
    """Return the hash by which the database knows the secret of its hashes, or None."""
    row = db.execute_sql("SELECT value FROM fact WHERE name = 'secret'").fetchone()
    return row and row[0]
