"""What a destination's answer means, and how it is told who asks."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from web.calling import Forbidden, Unreached
from web.settings import version

LONGEST_WAIT = 24 * 60 * 60  # seconds: more than that, a Retry-After is not followed
AGAIN, DEAD = {408, 425, 429}, {400, 409, 413, 415, 422}
# A script of Google can choose no status: one that ran redirects to the second host, and one that failed answers
# 200, with a page.
SCRIPTS, RAN = "script.google.com", "script.googleusercontent.com"


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: "sent"; "again", not before `retry_after` seconds; "dead"; "pause": the destination.

    `error` is a sentence of ours, of at most 200 characters: nothing of what was answered stands there. What is `ours`
    was no fault of the destination, which was not called.
    """

    result: str
    status: int | None = None
    error: str = ""
    retry_after: float | None = None
    remote_id: str = ""
    ours: bool = False


def attempted(send, *values):
    """Return the Outcome of `send`, or what it means that nobody could be called."""
    try:
        return send(*values)
    except Forbidden as error:
        return Outcome("pause", error=str(error))
    except Unreached as error:
        return Outcome("again", error=str(error))


def headers(key, token=""):
    """Return the headers of a call: who calls, what lets us in, and a key that is the same in every attempt."""
    found = {"User-Agent": f"Datapost/{version()}", "Idempotency-Key": key}
    return found | ({"Authorization": f"Bearer {token}"} if token else {})


def signed(secrets, key, body):
    """Return the headers of Standard Webhooks, with a signature of the text by each secret."""
    from standardwebhooks import Webhook

    now = datetime.now(UTC)  # sign() takes the hour of any other zone for one of UTC
    found = {"webhook-id": key, "webhook-timestamp": str(int(now.timestamp()))}
    if secrets:
        found["webhook-signature"] = " ".join(Webhook(secret).sign(key, now, body) for secret in secrets)
    return found


def outcome(reply, address=""):
    """Return what an answer means, of whoever is at this address."""
    status, error = reply.status, f"it answered {reply.status}"
    if status == 200 and _host(address) == SCRIPTS:
        return Outcome("again", 200, "its script failed, or does not end by ContentService")
    if 200 <= status < 300 or (status == 302 and _host(reply.headers.get("Location", "")) == RAN):
        return Outcome("sent", status)
    if status in DEAD:
        return Outcome("dead", status, error)
    if 300 <= status < 500 and status not in AGAIN:
        return Outcome("pause", status, error)
    return Outcome("again", status, error, retry_after(reply))


def _host(address):
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def retry_after(reply):
    """Return the seconds of a Retry-After, which says seconds or a moment (RFC 9110, 10.2.3), or None."""
    text = reply.headers.get("Retry-After", "")
    if re.fullmatch("[0-9]{1,12}", text):
        seconds = int(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
            # "-0000" is UTC too, and gives a moment without a zone.
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else None
