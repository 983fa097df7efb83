"""Who sends the messages that wait, and what is known of those that cannot be sent.

Any process may: one that has a message has it for longer than a call may take, and if it is killed, another one goes
on after that. So a message may come twice, with the same id.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import database
from alerts import kinds
from alerts.concern import Concern
from alerts.ledger import Notice, name_of
from alerts.message import Message
from database import StoreError
from delivery.answers import Outcome
from web import logs
from web.logs import log
from web.service import service

LEASE = timedelta(seconds=80)  # a call takes 20 at most
DELAYS = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)]  # until the next attempt; the last one goes on
GIVEN_UP = timedelta(hours=24)
SETTLED = {"due_at": None, "message": ""}  # what was said is needed no more, and may name a partner
GONE = "DATAPOST_ALERTS does not name this receiver any more"


@dataclass(frozen=True)
class Attempt:
    """What became of sending a message to a `receiver`."""

    receiver: object
    outcome: Outcome

    @property
    def sent(self):
        return self.outcome.result == "sent"

    @property
    def told(self):
        """What is told of it: never where the receiver is."""
        return f"{self.receiver.shown}: {'sent' if self.sent else self.outcome.error}"


def send_due(settings, is_over=lambda: False):
    """Send what is due, to all receivers at once, and return the Attempts. Raises StoreError.

    With `is_over()`, nothing more is begun.
    """
    due, attempts = _due({name_of(receiver): receiver for receiver in settings.alerts}), []
    threads = [
        threading.Thread(target=_send_all, args=[settings, *one, attempts, is_over], name="alerting", daemon=True)
        for one in due
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return attempts


def _due(receivers):
    """Return the receivers to whom something is due, each with the ids of the Notices, the oldest first."""
    found = {}
    with database.read():
        query = Notice.select(Notice.id, Notice.receiver)
        query = query.where(_is_due(database.now()), Notice.receiver.in_(list(receivers)))
        for row in query.order_by(Notice.made_at, Notice.id):
            found.setdefault(row.receiver, []).append(row.id)
    return [(receivers[name], ids) for name, ids in found.items()]


def _send_all(settings, receiver, ids, attempts, is_over):
    """Send these Notices, until one fails: the others are due the next time, and who hangs holds up the less."""
    for notice_id in ids:
        if is_over():
            return
        try:
            claimed = database.transact(partial(_claim, notice_id))
            if claimed and not _send(settings, receiver, claimed, attempts):
                return
        except StoreError:  # it is tried again when its lease has run out
            return
        except Exception as error:
            if not is_over():  # else the database may be closed already
                log.error("alerts failed", {"error": logs.where(error)})
            return


def _send(settings, receiver, claimed, attempts):
    """Send a Notice that is ours, and note what became of it; tell whether it arrived."""
    outcome = attempt(settings, receiver, Message.from_json(claimed.message))
    attempts.append(Attempt(receiver, outcome))
    told = {"to": claimed.kind, "attempt": claimed.attempts, "status": outcome.status}
    if outcome.result == "sent":
        log.info("alert sent", told)
    else:
        told |= {"why": outcome.error}
        log.warning("alert not sent", told)
    if database.transact(partial(_settle, claimed, outcome)):
        log.error("alert given up", told)
    return outcome.result == "sent"


def attempt(settings, receiver, message):
    """Send a message to a receiver, and return the Outcome: what fails, whatever it is, ends nothing."""
    try:
        return kinds.send(settings, receiver, message)
    except Exception as error:
        log.error("an alert cannot be sent", {"to": receiver.kind, "error": logs.where(error)})
        return Outcome("again", error="a fault of ours: the log says more", ours=True)


def _is_due(now):
    """Return the condition of Notices that are due, also where their times are of a clock that was ahead."""
    ahead = (Notice.made_at > now) | (Notice.due_at > now + GIVEN_UP)
    return Notice.due_at.is_null(False) & ((Notice.due_at <= now) | ahead)


def _claim(notice_id):
    """Return a Notice that is due, now ours; None if it is not any more."""
    now = database.now()
    ours = {"due_at": now + LEASE, "attempts": Notice.attempts + 1}
    if not Notice.update(ours).where(Notice.id == notice_id, _is_due(now)).execute():
        return None
    Notice.update(made_at=now).where(Notice.id == notice_id, Notice.made_at > now).execute()
    return Notice.get_by_id(notice_id)


def _settle(claimed, outcome):
    """Note what became of an attempt; tell whether the message is given up."""
    now = database.now()
    row = Notice.update(SETTLED | {"sent_at": now, "error": ""}).where(Notice.id == claimed.id)
    if outcome.result == "sent":
        row.execute()
        return False
    wait, end = DELAYS[min(claimed.attempts, len(DELAYS)) - 1], claimed.made_at + GIVEN_UP
    is_given_up = now + wait > end
    due_at = max(now + wait, min(now + timedelta(seconds=outcome.retry_after or 0), end))
    tells = (SETTLED if is_given_up else {"due_at": due_at}) | {"error": outcome.error[:200]}
    ours = Notice.id == claimed.id, Notice.due_at == claimed.due_at, Notice.sent_at.is_null()
    return bool(Notice.update(tells).where(*ours).execute()) and is_given_up


def give_up_old(settings):
    """Give up what nobody here can send, as its receiver is no setting any more. Within a transaction.

    What waits for the others, as over days in which nothing ran, is tried before it is given up.
    """
    ours = [name_of(receiver) for receiver in settings.alerts]
    old = Notice.due_at.is_null(False), Notice.made_at < database.now() - GIVEN_UP - LEASE, Notice.receiver.not_in(ours)
    Notice.update(SETTLED | {"error": GONE}).where(*old, Notice.attempts == 0).execute()
    Notice.update(SETTLED).where(*old).execute()


# --- What cannot be sent ---


@dataclass(frozen=True)
class Fare:
    """How a receiver fares: when something arrived there last, and how many messages after that did not.

    The first of those is of `since`; `error` says why the last of them did not.
    """

    receiver: object
    sent_at: datetime | None
    failed: int
    since: datetime | None
    error: str


def fares(settings):
    """Return the Fare of each receiver. Within a reading."""
    return [_fare(receiver) for receiver in settings.alerts]


def _fare(receiver):
    columns = Notice.id, Notice.made_at, Notice.sent_at, Notice.error
    rows = list(Notice.select(*columns).where(Notice.receiver == name_of(receiver)).order_by(Notice.made_at))
    sent = [row for row in rows if row.sent_at]
    failed = [row for row in rows if row.error and not (sent and row.made_at <= sent[-1].made_at)]
    sent_at = max((row.sent_at for row in sent), default=None)
    if not failed:
        return Fare(receiver, sent_at, 0, None, "")
    return Fare(receiver, sent_at, len(failed), failed[0].made_at, failed[-1].error)


def of_unsent(scope):
    """Tell of receivers that could not be told. Not grave: that would be sent to them."""
    for one in fares(service().settings) if scope.whole else ():
        if one.failed:
            yield Concern(
                "alert_unsent",
                "",
                f"{one.receiver.kind}:{name_of(one.receiver)[:8]}",
                f"Messages by {one.receiver.shown} do not arrive, since {_time(one.since)}: {one.error}.",
                "Each message is tried for a day. Mend the cause, and see by flask alerts test whether they arrive.",
            )


def _time(moment):
    return f"{moment:%d %b %Y, %H:%M} UTC"
