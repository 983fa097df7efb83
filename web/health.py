"""Whether leads can be stored now."""

import os
from datetime import UTC, datetime

from ulid import ULID

import database
from database import statements
from models import Lead, insert


def check_writing():
    """Raise StoreError if leads cannot be stored now: one is, and is taken away again."""
    database.transact(_write_and_delete)


def _write_and_delete():
    # With SQLite, more than most leads write: on a full disk, less may find room where a lead that failed has been.
    # With PostgreSQL, no more than it can clear away without VACUUM; random, since others would be stored in few.
    texts = dict.fromkeys(("program", "user", "partner", "note", "customerid", "email", "rules", "content_type"), "")
    lead = Lead(id=str(ULID()), received_at=datetime.now(UTC), status=0, valid=False, test=True, **texts)
    lead.reasons = lead.trace = lead.fields = []
    lead.query, lead.body = b"", os.urandom(1500 if database.engine().side_by_side else 16_000)
    insert(lead)
    statements.execute("DELETE FROM lead WHERE id = ?", [lead.id])
