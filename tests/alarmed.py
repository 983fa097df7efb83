"""An owner who is told what is wrong, and a clock of the database that passes when a test says so."""

from datetime import timedelta

import database
from alerts import ledger
from alerts.ledger import Notice
from alerts.message import Message
from web.settings import Settings


def environ(*addresses, **others):
    """Return the environment of a service that tells these addresses, which are on this machine."""
    return {"DATAPOST_DELIVER_PRIVATE": "on", "DATAPOST_ALERTS": " ".join(addresses)} | others


def telling(*addresses, **others):
    """Return the same as settings by their names, for `make_app`."""
    made = Settings.load(environ(*addresses, **others))
    return {name: getattr(made, name) for name in ("alerts", "deliver_private", "smtp_url", "url")}


def by_mail(mailbox):
    return {"DATAPOST_SMTP_URL": mailbox.url()}


class Passing:
    """The clock of the database, which goes as it does and is ahead by what has passed."""

    def __init__(self, monkeypatch):
        self._now, self.passed = database.now, timedelta()
        monkeypatch.setattr(database, "now", lambda: self._now() + self.passed)

    def passes(self, **span):
        self.passed += timedelta(**span)


def said(notice):
    """Return the sentences of what is new in a message, and of what is over."""
    data = Message.from_json(notice.message).data
    return [[one["sentence"] for one in data[word]] for word in ("new", "over")]


def notices():
    with database.read():
        return list(Notice.select().order_by(Notice.id))


def have_sent(settings, message):
    """Have a message wait for all receivers."""
    database.transact(lambda: ledger.have_sent(message, settings.alerts, database.now()))
