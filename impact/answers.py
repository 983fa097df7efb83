"""What impact.com answers, read into values: JSON, or XML where it did not heed what was asked for.

Numbers may come as texts, dates may be empty, lists of one may be that one. What cannot be read is None where it is an
amount or a moment, and Unsure where the answer as a whole says nothing. Nothing of a person is read.
"""

import json
import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from xml.parsers import expat

import xmltodict

from impact.told import Seen, Submission, Unsure
from web.logs import printable

LONGEST = 250  # characters of a text that is stored
LONGEST_TOLD = 200  # characters of its own words, in a sentence of ours
DIGITS = 12  # of an amount, before its point
CENT = Decimal("0.01")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
BATCH = re.compile(r"/APISubmissions/([A-Za-z0-9][A-Za-z0-9._-]{0,199})/?$", re.IGNORECASE)
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
COMPLETE = ("complete", "completed")
SAY = "This version of Datapost may not know what it answers now: look whether there is a newer one"


def read(body):
    """Return the object that an answer is: all that are no objects or lists in it are texts or None. Raises Unsure."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    try:
        # As texts, numbers are exact, however long, and NaN is a text that is no number.
        found = (
            _of_xml(text)
            if text.startswith("<")
            else json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        )
    except (ValueError, RecursionError, expat.ExpatError):
        found = None
    if not isinstance(found, dict):
        raise Unsure(f"impact.com answers what is neither JSON nor XML of its own, or not the whole of it. {SAY}")
    return found


def _of_xml(text):
    """Return what stands in the root, as JSON would have it: there, the attributes of a list stand beside it."""
    ((root, found),) = xmltodict.parse(text).items()
    if root.casefold() == "html" or not isinstance(found, dict):
        return None
    if isinstance(actions := found.get("Actions"), dict):
        attributes = {name: value for name, value in actions.items() if name.startswith("@")}
        found = found | attributes | {"Actions": actions.get("Action", [])}
    only = [found[name] for name in ("Action", "Campaign", "APISubmission") if isinstance(found.get(name), dict)]
    return only[0] if len(only) == 1 and "Actions" not in found else found


def actions(answer, page, page_size):
    """Return the actions of a page, how many pages there are, and how many actions it says that there are, or None.

    Raises Unsure, also where the answer may hold only a part without saying so.
    """
    rows, pages, total = answer.get("Actions"), _count(answer.get("@numpages")), _count(answer.get("@total"))
    rows = [rows] if isinstance(rows, dict) else rows or []
    if not isinstance(rows, list) or ("Actions" not in answer and total != 0):
        raise Unsure(f"impact.com answers no list of actions. {SAY}")
    if pages is None and len(rows) >= page_size:
        raise Unsure(f"impact.com answers a list of actions, and not how many pages it has. {SAY}")
    if _count(answer.get("@page")) not in (None, page):
        raise Unsure(f"impact.com answers another page of the actions than page {page}, which was asked for. {SAY}")
    return [action(row) for row in rows], pages or 1, total


def action(row):
    """Return an action. Raises Unsure where it has no id."""
    row = row if isinstance(row, dict) else {}
    if isinstance(row.get("Actions"), list | dict):
        rows = row["Actions"]
        row = rows if isinstance(rows, dict) else rows[0] if rows and isinstance(rows[0], dict) else {}
    if not _text(row.get("Id")):
        raise Unsure(f"impact.com answers an action without an id. {SAY}")
    texts = {name: _text(row.get(key)) for name, key in TEXTS.items()}
    return Seen(
        **texts | {"state": texts["state"].upper(), "currency": texts["currency"].upper()},
        amount=amount(row.get("Amount")),
        payout=amount(row.get("Payout")),
        cost=amount(row.get("ClientCost")),
        event_at=moment(row.get("EventDate")),
        locking_at=moment(row.get("LockingDate")),
    )


TEXTS = {
    "id": "Id",
    "oid": "Oid",  # which a request calls OrderId
    "campaign": "CampaignId",
    "event_type": "ActionTrackerId",
    "state": "State",
    "currency": "Currency",
    "media_partner": "MediaPartnerId",
    "media_partner_name": "MediaPartnerName",
}


def batch(answer):
    """Return the id of the submission that a write became. Raises Unsure where it names none."""
    found = BATCH.search(_text(answer.get("QueuedUri")))
    if not found or _text(answer.get("Status")).casefold() != "queued":
        raise Unsure("impact.com does not answer that it has taken the change, nor that it refuses it")
    return found[1]


def submission(answer):
    """Return what became of a write. Raises Unsure where there is no status."""
    if not (status := _text(answer.get("Status"))):
        raise Unsure(f"impact.com answers no status of a change. {SAY}")
    told = {name: _text(answer.get(name)) for name in ("ErrorType", "ErrorReason")}
    return Submission(status.casefold() in COMPLETE, told["ErrorType"], told["ErrorReason"])


def campaign(answer):
    """Return the name of a campaign, or "" where it has none."""
    return _text(answer.get("Name")) or _text(answer.get("CampaignName"))


def refusal(body):
    """Return why it refuses, in its own words and short: nothing, where it does not say, or all is well."""
    try:
        answer = read(body)
    except Unsure:
        return ""
    if not refuses(answer):
        return ""
    errors = answer.get("Errors")
    if isinstance(errors, dict) and "Error" in errors:  # as XML has it
        errors = errors["Error"]
    rows = errors if isinstance(errors, list) else [errors]
    each = [(_text(row.get("Field")), _text(row.get("Message"))) for row in rows if isinstance(row, dict)]
    told = "; ".join(": ".join(filter(None, pair)) for pair in each if any(pair))
    words = ": ".join(filter(None, (_text(answer.get("Message")), told))) or "it does not say why"
    return words if len(words) <= LONGEST_TOLD else words[: LONGEST_TOLD - 1] + "…"


def refuses(answer):
    return _text(answer.get("Status")).upper() == "ERROR"


def amount(value):
    """Return an amount, to the cent, or None where it is none that can be."""
    text = _text(value)
    if len(text) > 60 or not NUMBER.fullmatch(text) or Decimal(text).adjusted() >= DIGITS:
        return None
    return Decimal(text).quantize(CENT, ROUND_HALF_UP)


def moment(value):
    """Return a moment in UTC, or None: without a zone nobody knows which one it is."""
    try:
        found = datetime.fromisoformat(_text(value))
        found = found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return found if found and EARLIEST <= found < LATEST else None


def _count(value):
    text = _text(value)
    return int(text) if re.fullmatch("[0-9]+", text) else None


def _text(value):
    return storable(value) if isinstance(value, str) else ""


def storable(text):
    """Return a text as both databases can hold it."""
    text = text.strip()[:LONGEST]
    return text if text.isprintable() else printable(text)
