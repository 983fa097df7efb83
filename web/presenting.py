"""A lead as people and programs are shown it: a dict of KEYS, what is sensitive masked, and as JSON."""

import json
from datetime import UTC

from web import masks
from web.answer import of_lead

KEYS = ("id", "program", "received_at", "user", "partner", "valid", "test", "reasons", "note")
KEYS += ("sale_amount", "customerid", "fields", "rules", "trace")


def keys_of(subpartner):
    """Return the KEYS, with `subpartner` beside the partner or without."""
    at = KEYS.index("partner") + 1
    return KEYS[:at] + ("subpartner",) * subpartner + KEYS[at:]


def presenter(programs, sensitive=False):
    """Return the function from a lead to a dict of KEYS, and the `currency` of a program that names one.

    The sub-partner is there where it is known, and where the program names a field for it. Sensitive values are masked
    unless asked for.
    """
    hidden = masks.hidden_fields(programs)
    currencies = {name: program.spec.currency for name, program in programs.items()}
    known, named = keys_of(False), keys_of(True)
    naming = {name for name, program in programs.items() if program.senders[1]}

    def present(lead):
        keys = named if lead.subpartner or lead.program in naming else known
        return _shown(lead, keys, masks.NOTHING if sensitive else hidden(lead), currencies.get(lead.program))

    return present


def moment(time):
    """Return a time as programs read it: in UTC, to the millisecond."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(lead, keys, hidden, currency):
    shown = {key: getattr(lead, key) for key in keys}
    shown["fields"] = {name: masks.MASK if hidden.hides(name, value) else value for name, value in lead.fields.items()}
    shown["received_at"] = moment(lead.received_at)
    shown["sale_amount"] = lead.amount or None
    return shown | {"currency": currency} if currency else shown


def answer_of(lead, masked):
    """Return the Answer that a lead was given, without an address that is `masked` (leads.masks.Hidden)."""
    answer = of_lead(lead)
    if lead.valid and any(
        lead.email == value or (isinstance(value, list) and lead.email in value)
        for name, value in lead.fields.items()
        if masked.hides(name, value)
    ):
        return answer._replace(email=masks.MASK)
    return answer


def to_json(value, indent=None):
    """Return JSON in which what cannot be printed is escaped, as JSON does with some of it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
