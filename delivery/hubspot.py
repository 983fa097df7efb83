"""Contacts in HubSpot: one that has this address is changed, else it is made, so that sent twice is there once.

The batch is what knows contacts by their address; its answer tells what became of each (of one, here).
https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts/batch/upsert-contacts
"""

import json
import re
from dataclasses import replace

from delivery.answers import Outcome, headers, outcome, retry_after
from delivery.parcel import text
from web.calling import call

UPSERT = "/crm/v3/objects/contacts/batch/upsert"
ANSWERED = {200, 201, 207}  # then the body says what became of it
# Statuses that mean something else here: two leads of one address at once, an account that is locked or moved.
# https://developers.hubspot.com/docs/api-reference/error-handling
LATER = {409, 423, 477}

NEEDS_FIELDS = "HubSpot knows no whole leads: write under fields: which of its properties hold what, email among them"
NEEDS_EMAIL = "HubSpot knows contacts by the property email, and nothing is sent as that: name it under fields:"
NO_EVENT = "HubSpot takes no such event: delete the contact there"
UNREADABLE = "what HubSpot answered cannot be read"
NOTHING_DONE = "HubSpot made no contact of it"

# What its categories mean, those that decide first; of any other, it is tried again.
CATEGORIES = {
    "VALIDATION_ERROR": "dead",
    "INVALID_EMAIL": "dead",
    "PROPERTY_DOESNT_EXIST": "dead",
    "MISSING_SCOPES": "pause",
    "INVALID_AUTHENTICATION": "pause",
    "EXPIRED_AUTHENTICATION": "pause",
    "BANNED": "pause",
    "RATE_LIMITS": "again",
}
TOLD = {
    "dead": "HubSpot has no such property, or does not take a value",
    "pause": "HubSpot does not let this token do that",
    "again": "HubSpot could not do it now",
}


def doubts(entry):
    """Yield what of an entry of `deliver:` HubSpot would not take: the key, and why not."""
    if entry.fields is None:
        yield "to", NEEDS_FIELDS
    elif "email" not in entry.fields:
        yield "fields", NEEDS_EMAIL
    if entry.erasures:
        yield "erasures", NO_EVENT


def send(settings, destination, parcel):
    """Make a contact of a parcel, or change it, and return the Outcome; see kinds.send."""
    if parcel.erased:
        return Outcome("dead", error=NO_EVENT, ours=True)
    if parcel.named is None:
        return Outcome("dead", error=NEEDS_FIELDS, ours=True)
    properties = {name: _text(value) for name, value in parcel.named.items()}
    if not properties.get("email", "").strip():
        return Outcome("dead", error=NEEDS_EMAIL, ours=True)
    email = properties["email"]
    body = json.dumps({"inputs": [{"idProperty": "email", "id": email, "properties": properties}]}).encode()
    made = {"Content-Type": "application/json"} | headers(parcel.id, destination.token)
    return _outcome(call("POST", destination.address + UPSERT, body, made, settings.deliver_private))


def _text(value):
    """Return a value as HubSpot has it: several of them with semicolons."""
    return ";".join(map(text, value)) if isinstance(value, list) else text(value)


def _outcome(reply):
    found = outcome(reply)
    if reply.status in LATER:
        return replace(found, result="again", retry_after=retry_after(reply))
    if reply.status not in ANSWERED:
        return found if found.error else Outcome("again", reply.status, f"it answered {reply.status}")
    try:
        answered = json.loads(reply.body)
        errors, results = answered.get("errors"), answered.get("results")
        if errors or answered.get("numErrors"):
            return _failed(reply, errors)
        if not results:
            return Outcome("again", reply.status, NOTHING_DONE)
        return Outcome("sent", reply.status, remote_id=_id(results[0].get("id")))
    except (ValueError, RecursionError, AttributeError, LookupError, TypeError):
        return Outcome("again", reply.status, UNREADABLE)


def _failed(reply, errors):
    """Return what errors mean, by their categories: of what they say, nothing is shown."""
    named = {error.get("category") for error in errors} if isinstance(errors, list) else set()
    category, result = next((row for row in CATEGORIES.items() if row[0] in named), ("", "again"))
    told = TOLD[result] + (f" ({category})" if category else "")
    return Outcome(result, reply.status, told, retry_after(reply) if result == "again" else None)


def _id(value):
    """Return the id of a contact, if it looks like one."""
    return str(value) if re.fullmatch("[0-9]{1,30}", str(value)) else ""
