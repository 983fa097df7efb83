"""The secret that keys the hashes in the database: of values, of persons, of credentials."""

import hmac
import json

from database.engines import SchemaError, db

MADE_WITH_ANOTHER = (
    "DATAPOST_SECRET is not the one that the hashes in this database were made with: every address that was submitted "
    "would be new and be paid again. Put the old one back; if it is lost, or known to others, SECURITY.md says under "
    '"Rotate a secret" what to do'
)

_secret = b""


def use(secret):
    global _secret
    _secret = secret.encode()


def keyed_hash(*parts):
    """Return the HMAC-SHA256 of `parts` under DATAPOST_SECRET, as 64 hexadecimal digits."""
    return hmac.digest(_secret, json.dumps(parts).encode(), "sha256").hex()


def hold_secret():
    """Refuse a database whose hashes were made with another secret, or note ours if it is the first."""
    ours = keyed_hash("secret")
    if _secret and _noted() is None:
        noting = f"INSERT INTO fact (name, value) VALUES ('secret', {db.param}) ON CONFLICT DO NOTHING"  # noqa: S608
        db.execute_sql(noting, [ours])  # of two at once, one wins
    if _noted() not in (None, ours):
        raise SchemaError(MADE_WITH_ANOTHER)


def _noted():
    row = db.execute_sql("SELECT value FROM fact WHERE name = 'secret'").fetchone()
    return row and row[0]
