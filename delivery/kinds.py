"""The kinds of destinations: how a parcel goes to each."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from delivery import hubspot, mail
from delivery.answers import Outcome, headers, outcome
from web.calling import Forbidden, Unreached, call

# A script of Google's can choose no status: one that ran answers with a redirect, and one that failed 200, with a page.
SCRIPTS = "script.google.com"


def send(settings, destination, parcel):
    """Send a parcel, and return the Outcome. It takes 20 seconds at most."""
    try:
        return KINDS[destination.kind](settings, destination, parcel)
    except Forbidden as error:
        return Outcome("pause", error=str(error))
    except Unreached as error:
        return Outcome("again", error=str(error))


def _webhook(settings, destination, parcel):
    made = {"Content-Type": parcel.content_type} | headers(destination, parcel.id)
    made |= _signed(destination.secrets, parcel)
    body = parcel.body.encode()
    reply = call("POST", destination.address, body, made, settings.deliver_private)
    if reply.status == 200 and urlsplit(destination.address).hostname == SCRIPTS:
        return Outcome("again", 200, "its script failed, or does not end by ContentService")
    return outcome(reply)


def _signed(secrets, parcel):
    """Return the headers of Standard Webhooks, with a signature by each secret."""
    from standardwebhooks import Webhook

    now = datetime.now(UTC)  # sign() takes the hour of any other zone for one of UTC
    headers = {"webhook-id": parcel.id, "webhook-timestamp": str(int(now.timestamp()))}
    if secrets:
        headers["webhook-signature"] = " ".join(Webhook(key).sign(parcel.id, now, parcel.body) for key in secrets)
    return headers


KINDS = {"webhook": _webhook, "mail": mail.send, "hubspot": hubspot.send}
