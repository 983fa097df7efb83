"""The kinds of destinations: how a parcel goes to each."""

from delivery import hubspot, mail
from delivery.answers import attempted, headers, outcome, signed
from web.calling import call


def send(settings, destination, parcel):
    """Send a parcel, and return the Outcome. It takes 20 seconds at most."""
    return attempted(KINDS[destination.kind], settings, destination, parcel)


def _webhook(settings, destination, parcel):
    made = {"Content-Type": parcel.content_type} | headers(parcel.id, destination.token)
    made |= signed(destination.secrets, parcel.id, parcel.body)
    reply = call("POST", destination.address, parcel.body.encode(), made, settings.deliver_private)
    return outcome(reply, destination.address)


KINDS = {"webhook": _webhook, "mail": mail.send, "hubspot": hubspot.send}
