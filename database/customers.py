"""The customer ids that people had before all addresses of a mailbox were one customer: they keep them."""

from database.claims import milliseconds
from database.engines import db
from database.statements import execute

# Under the id of today stands the lead whose id it is.
BEFORE = "SELECT lead.customerid FROM claim JOIN lead ON lead.id = claim.lead WHERE claim.key = ?"
HAS_LEADS = "SELECT 1 FROM lead WHERE customerid = ? LIMIT 1"
NOTE = """
    INSERT INTO claim (key, lead, claimed_at, expires_at, fingerprint) VALUES (?, ?, ?, NULL, '') ON CONFLICT DO NOTHING
"""


def known_as(customer, before):
    """Return the id of a customer: the one that was answered before, as long as a lead has it, else that of today.

    `before` is what the address alone makes, or nothing where no other address is of the same mailbox.
    """
    if not before:
        return customer
    row = _first(BEFORE, customer)
    if row and row[0]:
        return row[0]
    return before if before != customer and _is_only(before, customer) else customer


def note_before(customer, before, lead, received_at):
    """Note that the customer has the id of a lead from before, unless there are leads of both."""
    if _is_only(before, customer):
        execute(NOTE, [customer, lead, milliseconds(received_at)])


def _is_only(before, customer):
    return _first(HAS_LEADS, before) and not _first(HAS_LEADS, customer)


def _first(sql, value):
    return db.execute_sql(sql.replace("?", db.param), [value]).fetchone()
