"""The life of an alert: since when it is on, whether it was told, when it was over; and the messages that wait.

A grave one is told when two looks in a row found it, again after a day while it lasts, and that it is over when two
looks in a row missed it, if it was told. What comes back within a day must be gone for twice as long as the time before
until that is told, so that what comes and goes all day tells little. The others are told in the summary of the day
alone. What is to be told waits as a Notice for each receiver, written in the transaction that says that it was told.
"""

from datetime import timedelta
from functools import partial
from hashlib import sha256
from operator import itemgetter

from peewee import BooleanField, CharField, IntegerField, TextField
from ulid import ULID

import database
from alerts import wording
from alerts.concern import shown
from alerts.links import link
from alerts.message import Message
from alerts.yesterday import named
from database.columns import Table, Time
from database.secret import keyed_hash
from leads import erasure
from web import turns
from web.presenting import moment

NAME = "alerts"  # of the turn to look
TWICE = 2  # looks in a row
REPEATED = timedelta(hours=24)
MOST_DOUBLED = 6  # times: then it must be gone for ten hours
STEADY = 288  # looks in a row, which take a day
KEPT = timedelta(days=7)  # what is over, and what was sent
AT_ONCE = 50  # rows
LONGEST_KEY = 600  # characters: PostgreSQL takes index entries of up to 2,704 bytes

KEYS = ("key", "kind", "program", "subject", "grave", "since", "told_at", "gone_at", "sentence", "advice")
MOMENTS = ("since", "told_at", "gone_at")


class Alert(Table):
    """Something that is wrong `since` a look, or was until `gone_at`; as long as it is the same thing, `key` is.

    So many `looks` in a row found it, as grave as it is, or so many `missed` it. So often it came back
    (`returns`) within a day after its end was told.
    """

    moves = False  # the next looks find it anew

    key = TextField(primary_key=True)
    kind = TextField()
    program = TextField()
    subject = TextField()
    grave = BooleanField()
    sentence = TextField()
    advice = TextField()
    since = Time()
    seen_at = Time()
    told_at = Time(null=True)
    gone_at = Time(null=True)
    looks = IntegerField(default=1)
    missed = IntegerField(default=0)
    returns = IntegerField(default=0)


class Notice(Table):
    """A message to a receiver. At `due_at` it is tried; None: it was sent, or is given up.

    The receiver is known by a keyed hash, as addresses are secrets, and by its `kind`. `error` is our own sentence on
    the last attempt. What was sent or is given up has no `message` any more.
    """

    moves = False  # who is told, and where, may be others there

    id = CharField(26, primary_key=True)
    receiver = CharField(64)
    kind = TextField()
    message = TextField()
    made_at = Time()
    due_at = Time(null=True)
    attempts = IntegerField(default=0)
    error = CharField(200, default="")
    sent_at = Time(null=True)


def name_of(receiver):
    """Return by what the database knows a receiver."""
    return keyed_hash("receiver", receiver.kind, receiver.address)


def as_told(alert):
    """Return an alert as programs read it."""
    row = {key: getattr(alert, key) for key in KEYS}
    return row | {key: row[key] and moment(row[key]) for key in MOMENTS}


# --- What a look changes ---


def note(concerns, now, at_once=False, *, receivers=(), url="", whole=True, token=""):
    """Note what a look found, and have the receivers told; return what they are told is new, and what is over.

    Both are as programs read alerts. What is told again has its earlier `told_at`, and else None stands there.
    `at_once`, no second look is waited for. Where not all was looked at, as it is not `whole`, nothing is taken for
    over. With a token, nothing is noted once somebody else took the turn. Within an app's context; raises StoreError.
    """
    found = {_key(concern.key): _values(concern, url) for concern in concerns}
    return database.transact(partial(_note, found, now, 1 if at_once else TWICE, receivers, url, whole, token))


def _values(concern, url):
    """Return what of a Concern stands in its row."""
    found = {name: getattr(concern, name) for name in ("kind", "program", "subject", "grave", "sentence")}
    address = link(url, concern.endpoint, **concern.values)
    return found | {"advice": f"{concern.advice} See {address}" if address else concern.advice}


def _key(text):
    if len(text) <= LONGEST_KEY:
        return text
    return f"{text[: LONGEST_KEY - 65]}:{sha256(text.encode(errors='replace')).hexdigest()}"


def _note(found, now, enough, receivers, url, whole, token):
    database.lock(NAME)
    if token and not turns.holds(NAME, token):
        return [], []
    known = {row.key: row for row in Alert.select()}
    new, over, changed = [], [], []
    for key, values in found.items():
        alert = _seen(key, values, known.get(key), now)
        if receivers and alert.grave and alert.looks >= enough and _is_due(alert, now):
            new.append((_order(alert), as_told(alert)))
            alert.told_at = now
        changed.append(alert)
    for alert in [row for key, row in known.items() if key not in found and not row.gone_at] if whole else ():
        alert.missed, alert.looks = alert.missed + 1, 0
        if alert.missed >= enough << min(alert.returns, MOST_DOUBLED):
            alert.gone_at = alert.seen_at if alert.returns else now  # which was hours ago by then
            over += [(_order(alert), as_told(alert))] if alert.told_at and receivers else []
        changed.append(alert)
    _save(changed)
    new, over = ([told for _, told in sorted(some, key=itemgetter(0))] for some in (new, over))
    if new or over:
        have_sent(wording.of_alerts(new, over, now, url), receivers, now)
    _forget(now)
    return new, over


def _seen(key, values, before, now):
    """Return the Alert that a look found, with what was known of it `before`."""
    alert = Alert(key=key, since=now, seen_at=now, told_at=None, gone_at=None, **values)  # None is not written else
    if before and not before.gone_at:
        alert.since, alert.told_at = before.since, before.told_at
        alert.looks = before.looks + 1 if before.grave == alert.grave else 1
        alert.returns = before.returns if alert.looks < STEADY else 0
    elif before and now - before.gone_at < REPEATED:
        alert.returns = before.returns + bool(before.told_at)
    return alert


def _save(alerts):
    """Save Alerts, many at a time, since leads may wait for this transaction: 500 take half the time."""
    rows = [alert.__data__ for alert in alerts]
    others = [column for column in Alert._meta.sorted_fields if column is not Alert.key]
    for start in range(0, len(rows), AT_ONCE):
        query = Alert.insert_many(rows[start : start + AT_ONCE])
        query.on_conflict(conflict_target=[Alert.key], preserve=others).execute()


def _is_due(alert, now):
    return alert.told_at is None or abs(now - alert.told_at) >= REPEATED  # also where the clock was ahead


def _order(alert):
    return not alert.grave, alert.since, alert.key


def have_sent(message, receivers, now):
    """Have a Message wait for each of the receivers. Within a transaction."""
    waits = {"message": message.to_json(), "made_at": now, "due_at": now}
    for receiver in receivers:
        Notice.insert(id=str(ULID()), receiver=name_of(receiver), kind=receiver.kind, **waits).execute()


def _forget(now):
    Alert.delete().where(Alert.gone_at < now - KEPT).execute()
    Notice.delete().where(Notice.due_at.is_null(), Notice.made_at < now - KEPT).execute()


def forget(program, partner):
    """Forget a partner of a program, who is a person that is erased. Within a transaction.

    The next looks find what still is by the name that it has then, and tell it. What waits to be told is dropped if the
    partner is named there, and what else it told as new is told anew.
    """
    database.lock(NAME)
    told, by_hash = shown(partner), keyed_hash("partner", partner)[:12]  # as concern.sender has it

    def names(program_of, subject, sentence):
        return program_of == program and (told in sentence or told in subject or by_hash in subject)

    waiting = Notice.select(Notice.id, Notice.message, Notice.made_at).where(Notice.due_at.is_null(False))
    for notice in waiting:
        data = Message.from_json(notice.message).data
        alerts = [one for some in ("new", "over") for one in data.get(some, ())]
        days = [day for day in data.get("programs", ()) if day["program"] == program]
        changed = [one for day in days for one in [*day["partners"], *day.get("sales", ())]]
        if any(names(one["program"], one["subject"], one["sentence"]) for one in alerts) or any(
            one["partner"] == named(partner) for one in changed
        ):
            Alert.update(told_at=None).where(Alert.told_at >= notice.made_at).execute()
            notice.delete_instance()
    for alert in Alert.select().where(Alert.program == program):
        if names(alert.program, alert.subject, alert.sentence):
            alert.delete_instance()


erasure.forgetting.append(forget)


# --- What is told of it ---


def known_alerts():
    """Return the alerts that are on, the grave ones first, and those that were over in the last days. Within a reading.

    They are as programs read them.
    """
    return [as_told(alert) for alert in sorted(Alert.select(), key=lambda alert: (bool(alert.gone_at), _order(alert)))]


def listed(concerns, now, url=""):
    """Return what a look finds that notes nothing, and what was over in the last seven days. Within a reading.

    They are as programs read them, the grave ones first.
    """
    known = {row.key: row for row in Alert.select()}
    found = {_key(concern.key): _values(concern, url) for concern in concerns}
    on = {key: _seen(key, values, known.get(key), now) for key, values in found.items()}
    over = [row for key, row in known.items() if key not in on and (row.gone_at or now) >= now - KEPT]
    for row in over:
        row.gone_at = row.gone_at or now
    over.sort(key=lambda alert: alert.gone_at, reverse=True)
    return [as_told(alert) for alert in [*sorted(on.values(), key=_order), *over]]
