"""What is sent of a lead: made anew for each attempt, so that what was masked or erased since is not sent."""

import json
from dataclasses import dataclass, field
from urllib.parse import urlencode

from web.presenting import moment

LEFT_OUT = ("rules", "trace")  # of a lead as commands show it
# What `fields:` may name beside the declared fields.
OF_THE_LEAD = {
    "$id": lambda lead: lead.id,
    "$program": lambda lead: lead.program,
    "$partner": lambda lead: lead.partner,
    "$subpartner": lambda lead: lead.subpartner,
    "$received_at": lambda lead: moment(lead.received_at),
    "$sale_amount": lambda lead: lead.amount,
    "$customerid": lambda lead: lead.customerid,
    "$note": lambda lead: lead.note,
}
ID_NAMES = ("id", "lead_id", "datapost_id")  # the first that is free


@dataclass(frozen=True)
class Parcel:
    """What is sent. `content` is the body of a webhook, `named` what `fields:` names of the lead; None: all of it.

    `id` is the same in every attempt, so that who gets it twice can tell.
    """

    id: str
    lead: str
    destination: str
    content: dict = field(repr=False)
    format: str = "json"
    test: bool = False
    named: dict | None = field(default=None, repr=False)
    title: str = ""
    erased: bool = False

    @property
    def content_type(self):
        """The type of the body of a webhook."""
        return "application/json" if self.format == "json" else "application/x-www-form-urlencoded"

    @property
    def body(self):
        """The body of a webhook, as ASCII text."""
        if self.format == "json":
            return json.dumps(self.content)
        return urlencode([(name, text(one)) for name, value in _flat(self.content) for one in _all(value)])


def parcel_of(program, entry, lead, present, test=False):
    """Return what an entry of `deliver:` sends of a lead; `present` shows a whole one (web.presenting).

    A test says so, whatever `fields:` name: nobody is to be called for it.
    """
    test = test or lead.test
    if entry.fields is None:
        named, content = None, {name: value for name, value in present(lead).items() if name not in LEFT_OUT}
    else:
        named = {name: _value(source, lead) for name, source in entry.fields.items()}
        named = {name: value for name, value in named.items() if value not in (None, "", [])}
        content = _with_id(entry.fields, named, lead)
    if test:
        content = content | {"test": True}
    title = program.spec.title or program.name
    where = f"{lead.id}_{entry.to}"
    return Parcel(where, lead.id, entry.to, content, entry.format, test, named, title)


def erased(lead_id, destination, at=None):
    """Return what tells a destination that a lead was erased, and when, if the lead still tells it."""
    content = {"type": "lead.erased"} | ({"timestamp": moment(at)} if at else {}) | {"data": {"id": lead_id}}
    return Parcel(f"{lead_id}_{destination}:erased", lead_id, destination, content, erased=True)


def _value(source, lead):
    return OF_THE_LEAD[source](lead) if source in OF_THE_LEAD else lead.fields.get(source)


def _with_id(fields, named, lead):
    if "$id" in fields.values():
        return named
    return {next(name for name in ID_NAMES if name not in fields): lead.id} | named


def _flat(content, before=""):
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif value is not None:
            yield before + name, value


def _all(value):
    return value if isinstance(value, list) else [value]


def text(value):
    """Return a value as a form or a mail has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
