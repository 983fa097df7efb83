"""How the stand-in for impact.com's API is spoken to: its paths, what it refuses, and how it writes what it answers."""

import base64
import json
import re
import socket
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, unquote, urlsplit

import xmltodict

LONGEST_SPAN = timedelta(days=45)
FURTHEST = timedelta(days=3 * 366)
PACIFIC = timezone(timedelta(hours=-7))
PAGE_SIZES = 2_000, 20_000
MOST_PAGES = 10
SPANS = {
    "StartDate": ("EndDate", "updated_at"),
    "ActionDateStart": ("ActionDateEnd", "event_at"),
    "LockingDateStart": ("LockingDateEnd", "locking_at"),
}


class Refusal(Exception):
    """What is asked is answered by a status, and by errors of fields."""

    def __init__(self, status, message, **fields):
        super().__init__(message)
        self.status, self.fields = status, fields


class Handler(BaseHTTPRequestHandler):
    """One call. It is looked at in the order in which an API would: who it is, what he may, what he says."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        pass

    def _serve(self):
        standin, parts = self.server.standin, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        fields = dict(parse_qsl(parts.query if self.command == "GET" else body, keep_blank_values=True))
        with standin.lock:
            standin.calls.append((self.command, unquote(parts.path), fields))
            failing = next((one for one in standin.failing if one[0] == self.command), None)
            if failing:
                standin.failing.remove(failing)
                _, status, content, headers = failing
                self._answer(status, {"Status": "ERROR", "Message": "It fails"}, headers, content)
                return
            try:
                answer = self._result(standin, unquote(parts.path), fields)
            except Refusal as error:
                self._answer(error.status, _told(error))
                return
            if self.command != "GET" and standin.lose_answers:
                standin.lose_answers -= standin.lose_answers is not True
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
        self._answer(200, answer)

    do_GET = do_DELETE = do_PUT = do_POST = _serve

    def _result(self, standin, path, fields):
        login = base64.b64encode(f"{standin.sid}:{standin.token}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {login}":
            raise Refusal(401, "Authentication Required")
        root = f"/Advertisers/{standin.sid}"
        for method, pattern, scope, work in ROUTES:
            found = re.fullmatch(pattern, path.removeprefix(root))
            if path.startswith(root) and found and method == self.command:
                if scope not in standin.scopes:
                    raise Refusal(403, "Access Denied")
                if self.headers.get("IR-Version") != "14":
                    raise Refusal(
                        400, "Validation Failed", **{"IR-Version": "Not version 14, which this stands in for"}
                    )
                return work(standin, fields, *found.groups())
        raise Refusal(404, "Not Found")

    def _answer(self, status, answer, headers=None, content=b""):
        as_json = "application/json" in self.headers.get("Accept", "")
        content = content or (json.dumps(answer) if as_json else _as_xml(answer)).encode()
        self.send_response(status)
        limits = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "0" if status == 429 else "900"}
        for name, value in (limits | {name.replace("_", "-"): text for name, text in (headers or {}).items()}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json" if as_json else "text/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _told(error):
    errors = [{"Field": field, "Message": message} for field, message in error.fields.items()]
    return {"Status": "ERROR", "Message": str(error)} | ({"Errors": errors} if errors else {})


def _as_xml(answer):
    if "Actions" in answer:
        attributes = {name: value for name, value in answer.items() if name.startswith("@")}
        answer = {"Actions": attributes | {"Action": answer["Actions"]}}
    if "Errors" in answer:
        answer = answer | {"Errors": {"Error": answer["Errors"]}}
    return xmltodict.unparse({"ImpactRadiusResponse": answer})


# --- What is asked ---


def _listed(standin, fields):
    if not fields.get("CampaignId", "").isdigit():
        raise Refusal(400, "Validation Failed", CampaignId="Not a numeric value")
    rows = {id: row for id, row in standin.visible().items() if row["campaign"] == fields["CampaignId"]}
    for since, until, column in _spans(fields, standin.now()):
        rows = {id: row for id, row in rows.items() if row[column] and since <= row[column] <= until}
    if state := fields.get("State"):
        rows = {id: row for id, row in rows.items() if row["state"] == state}
    page, size = _number(fields, "Page", 1), _number(fields, "PageSize", PAGE_SIZES[1])
    if not PAGE_SIZES[0] <= size <= PAGE_SIZES[1]:
        raise Refusal(400, "Validation Failed", PageSize="Must be between 2000 and 20000")
    if not 1 <= page <= MOST_PAGES:
        raise Refusal(400, "Validation Failed", Page="No more than 10 pages")
    size = standin.page_size or size
    found = [_action(standin, id, row) for id, row in rows.items()][(page - 1) * size : page * size]
    counts = {"@page": page, "@numpages": max(-(-len(rows) // size), 1), "@pagesize": size, "@total": len(rows)}
    return {name: str(count) for name, count in counts.items()} | {"Actions": found}


def _spans(fields, now):
    """Yield what the dates of a request ask for: the last seven days' updates, where there is none."""
    asked = False
    for start, (end, column) in SPANS.items():
        if start not in fields and end not in fields:
            continue
        asked = True
        since, until = _moment(fields, start), _moment(fields, end)
        if until < since or until - since > LONGEST_SPAN:
            raise Refusal(400, "Validation Failed", **{end: "At most 45 days after the start"})
        if column == "updated_at" and since < now - FURTHEST:
            raise Refusal(400, "Validation Failed", **{start: "At most 3 years ago"})
        yield since, until, column
    if not asked:
        yield now - timedelta(days=7), now, "updated_at"


def _moment(fields, name):
    try:
        found = datetime.fromisoformat(fields.get(name, ""))
    except ValueError:
        raise Refusal(400, "Validation Failed", **{name: "Not a date, or missing"}) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(fields, name, default):
    text = fields.get(name, str(default))
    if not text.isdigit():
        raise Refusal(400, "Validation Failed", **{name: "Not a numeric value"})
    return int(text)


def _action(standin, id, row):
    return {
        "Id": id,
        "CampaignId": row["campaign"],
        "CampaignName": standin.campaigns[row["campaign"]],
        "ActionTrackerId": row["event_type"],
        "ActionTrackerName": "Lead",
        "MediaPartnerId": row["partner"],
        "MediaPartnerName": f"Partner {row['partner']}",
        "State": row["state"],
        "ClientCost": row["amount"],
        "Payout": row["amount"],
        "Amount": row["amount"],
        "DeltaAmount": row["amount"],
        "IntendedAmount": row["amount"],
        "Currency": row["currency"],
        "EventDate": _date(row["event_at"]),
        "CreationDate": _date(row["appears_at"]),
        "LockingDate": _date(row["locking_at"]),
        "ClearedDate": "",
        "ReferringType": "CLICK_COOKIE",
        "Oid": row["oid"],
        "CustomerId": "",
        "CustomerStatus": "NEW",
        "SharedId": "",
        "Note": "",
        "Uri": f"/Advertisers/{standin.sid}/Actions/{id}",
    }


def _date(moment):
    """Return a moment as its documents show it, in another zone than ours."""
    return moment.astimezone(PACIFIC).isoformat(timespec="seconds") if moment else ""


def _one(standin, _fields, id):
    if id not in standin.visible():
        raise Refusal(404, "Not Found")
    return _action(standin, id, standin.actions[id])


def _reversed(standin, fields):
    if not fields.get("DispositionCode"):
        raise Refusal(400, "Validation Failed", DispositionCode="Required")
    return _queued(standin, {"state": "REVERSED"}, fields)


def _changed(standin, fields):
    if fields.get("Reason") == "RESET":
        return _queued(standin, {"state": "PENDING"}, fields)
    if not fields.get("Reason") or "Amount" not in fields:
        raise Refusal(400, "Validation Failed", Reason="Required, and an Amount")
    return _queued(standin, {"amount": fields["Amount"]}, fields)


def _queued(standin, change, fields):
    if not fields.get("ActionId") and not (fields.get("ActionTrackerId") and fields.get("OrderId")):
        raise Refusal(400, "Validation Failed", ActionId="Required, or ActionTrackerId and OrderId")
    batch = standin.submit(change, fields)
    return {"Status": "QUEUED", "QueuedUri": f"/Advertisers/{standin.sid}/APISubmissions/{batch}"}


def _submission(standin, _fields, batch):
    if not (found := standin.poll(batch)):
        raise Refusal(404, "Not Found")
    status, error_type, error_reason = found
    return {"BatchId": batch, "Status": status, "ErrorType": error_type, "ErrorReason": error_reason}


def _campaign(standin, _fields, id):
    if id not in standin.campaigns:
        raise Refusal(404, "Not Found")
    return {"Id": id, "Name": standin.campaigns[id]}


ROUTES = (
    ("GET", "/Actions", "Actions read", _listed),
    ("GET", "/Actions/([^/]+)", "Actions read", _one),
    ("DELETE", "/Actions", "Actions write", _reversed),
    ("PUT", "/Actions", "Actions write", _changed),
    ("GET", "/APISubmissions/([^/]+)", "Submissions read", _submission),
    ("GET", "/Campaigns/([^/]+)", "Campaigns read", _campaign),
)
