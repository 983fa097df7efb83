"""Approved reversals as the CSV that impact.com takes, where it is not called: each lead is written once.

By file, a reversal is an amount of 0 and a reason, so that an action whose amount is 0 already cannot be reversed.
"""

import csv
import io
from decimal import Decimal

import database
from impact import states
from impact.ledger import Action, Reversal
from models import Lead
from web.logs import log

# As the documents name them. The header line of the template itself was not to be found: who uploads compares it.
COLUMNS = ("ActionID", "Oid / OrderId", "ActionTrackerID", "Amount", "currencyCode", "CustomerStatus", "Reason")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def take(programs, names=None, again=False, by=""):
    """Note that what is approved goes by file; return its rows as COLUMNS, and `{lead: why}` of what cannot.

    `programs` are the programs by name; `names` those whose leads are meant. `again`: what was written before too. What
    is written is queued, and done once a reconciliation sees it reversed. Raises StoreError.
    """
    rows, left_out, written = database.transact(lambda: _take(programs, names, again))
    for lead in written:
        log.info("reversal written to a file", {"lead": lead, "by": by})
    return rows, left_out


def _take(programs, names, again):
    now, rows, left_out, written = database.now(), [], {}, []
    states.note_locked(now, names)
    for row in _chosen(names, again, now):
        told, why = _line(row, programs.get(row.program), now)
        if why:
            left_out[row.lead] = why
        elif row.state == "queued" or _goes(row, now):
            rows.append(told)
            written.append(row.lead)
    return rows, left_out, written


def _chosen(names, again, now):
    approved = (Reversal.state == "approved") & _is_free(now)
    before = (Reversal.state == "queued") & (Reversal.way == "file")
    query = Reversal.select().where((approved | before) if again else approved)
    query = query.where(Reversal.program.in_(list(names))) if names is not None else query
    return list(query.order_by(Reversal.lead))


def _goes(row, now):
    sent = {"way": "file", "submitted_at": now, "due_at": None, "lease_until": None, "error": ""}
    return states.move(row.lead, "approved", "queued", _is_free(now), **sent)


def _is_free(now):
    return Reversal.lease_until.is_null() | (Reversal.lease_until <= now)


def _line(row, program, now):
    """Return the cells of a reversal, and why it cannot go by file, or ""."""
    action, spec = Action.get_or_none(id=row.action) if row.action else None, program and program.spec.impact
    lead = Lead.get_or_none(id=row.lead)
    amount = action.amount if action and action.amount is not None else lead and lead.sale_amount
    if why := _why_not(row, action, spec, amount, now):
        return None, why
    named = (states.id_of(row), "", "") if states.id_of(row) else ("", row.lead, spec.event_type)
    currency = (action and action.currency) or (program and program.spec.currency) or ""
    return (*named, "0", currency, "", row.code), ""


def _why_not(row, action, spec, amount, now):
    if states.is_locked(row, now):
        return states.locked_since(row.locking_at)
    if action and action.state == "REVERSED":
        return "its conversion is reversed already"
    if not states.id_of(row) and not spec:
        return "neither its conversion nor, in the rules, its event type is known"
    if not amount or amount == Decimal(0):
        return "its amount is 0 or not known, which a file cannot reverse: reverse it at impact.com"
    return ""


def as_csv(rows):
    """Return rows of COLUMNS as CSV, by whose cells no spreadsheet is steered."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([COLUMNS, *([*map(_cell, row)] for row in rows)])
    return text.getvalue()


def _cell(value):
    return f"'{value}" if value.startswith(FORMULA) else value
