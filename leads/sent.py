"""Where leads were sent, as far as those who are erased or forgotten are concerned; delivery/ sends them."""

from datetime import UTC

import database
from models import OF_ERASURE, Delivery, tell_erased

CHUNK = 500
GONE = "its values were removed before it went"


def withdraw(ids):
    """Keep leads from being sent that are not yet. Within a transaction."""
    waits = Delivery.state == "waiting", ~Delivery.destination.endswith(OF_ERASURE)
    Delivery.update(state="withdrawn", error=GONE).where(Delivery.lead.in_(ids), *waits).execute()


def forget_settled(ids, all_of_them=False):
    """Delete what became of sending these leads; with `all_of_them`, of those that are deleted, what waits too.

    An event that somebody was erased is still sent. Within a transaction.
    """
    is_event = Delivery.destination.endswith(OF_ERASURE)
    rows = (Delivery.state != "waiting") | ~is_event if all_of_them else Delivery.state.in_(["sent", "dead"])
    Delivery.delete().where(Delivery.lead.in_(ids), rows).execute()


def tell_destinations(program, ids, now):
    """Have the destinations that were sent these leads of a program told that they were erased, where they ask for it.

    Within a transaction.
    """
    asking = [entry.to for entry in program.spec.deliver if entry.erasures]
    if asking:
        sent = Delivery.state == "sent", Delivery.destination.in_(asking)
        for row in Delivery.select().where(Delivery.lead.in_(ids), *sent):
            tell_erased(row, now)


def sent_to(ids):
    """Return where these leads were sent and when: dicts with `lead`, `to` and `sent_at`, the oldest first."""
    found = []
    for start in range(0, len(ids), CHUNK):
        with database.read():
            found += sent_of(ids[start : start + CHUNK])
    return sorted(found, key=lambda row: (row["sent_at"], row["lead"]))


def sent_of(ids):
    """Return the same of a few leads, in any order. Within a reading."""
    rows = Delivery.select(Delivery.lead, Delivery.destination, Delivery.sent_at)
    rows = rows.where(Delivery.lead.in_(ids), Delivery.sent_at.is_null(False))
    rows = [row for row in rows if not row.destination.endswith(OF_ERASURE)]
    return [{"lead": row.lead, "to": row.destination, "sent_at": _told(row.sent_at)} for row in rows]


def _told(moment):
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
