"""The ledger: tables, and the one way a lead is stored.

`record` writes a submission with its decision in one transaction, after it has settled there what
only the store can decide: claims (is this address new?) and repeated requests.
"""

import hashlib
import hmac
import json
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf
from threading import Lock

import peewee
from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    DatabaseProxy,
    DecimalField,
    IntegerField,
    Model,
    TextField,
)
from playhouse.pool import PooledSqliteDatabase
from ulid import ULID

RETRY_WINDOW = timedelta(hours=24)
LOGIN_WINDOW = timedelta(minutes=5)

# A request waits this long for SQLite's write lock. With the wait of a first login before it, a
# locked database is answered with 503 within 10 seconds.
LOCK_WAIT = 3

database = DatabaseProxy()
_state = {"secret": b"", "url": "", "file": None, "rules": set()}
_changing, _writing = Lock(), Lock()


class StoreError(Exception):
    """The store cannot be read or written now; nothing was stored. Trying again may help."""


class JSONField(peewee.JSONField):
    def __init__(self, **options):
        super().__init__(dumps=lambda value: json.dumps(value, ensure_ascii=False), **options)


class Time(peewee.TimestampField):
    """Milliseconds since 1970 in the table, an aware datetime in Python."""

    def __init__(self, **options):
        super().__init__(resolution=1000, utc=True, **options)

    def python_value(self, value):
        return super().python_value(value).replace(tzinfo=UTC)


class Table(Model):
    class Meta:
        database = database


class RuleText(Table):
    """The text of every rule file that has judged a lead, once."""

    hash = CharField(64, primary_key=True)
    program = CharField()
    text = TextField()


class Lead(Table):
    """A submission and its decision. `id` is the `uniqueid` of a valid answer."""

    id = CharField(26, primary_key=True)
    program = CharField(index=True)
    received_at = Time()
    user = CharField()
    partner = CharField()
    status = IntegerField()
    valid = BooleanField()
    test = BooleanField()
    reasons = JSONField()
    note = CharField(500)
    sale_amount = DecimalField(8, 2, null=True)
    customerid = CharField(64)
    email = TextField()
    fields = JSONField()
    rules = CharField(64)
    trace = JSONField()
    content_type = TextField()
    query = BlobField()
    body = BlobField()

    replayed = False

    @property
    def amount(self):
        """The amount as answers show it: two decimals, or nothing."""
        return "" if self.sale_amount is None else str(self.sale_amount.quantize(Decimal("0.01")))

    def as_dict(self, hidden=()):
        """Return the lead as the commands show it: the contract's keys, in its order.

        The values of the fields in `hidden` are masked.
        """
        shown = {key: getattr(self, key) for key in LEAD_KEYS}
        shown["fields"] = {name: "***" if name in hidden else value for name, value in self.fields.items()}
        shown["received_at"] = self.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        shown["sale_amount"] = self.amount or None
        return shown


LEAD_KEYS = ("id", "program", "received_at", "user", "partner", "valid", "test", "reasons", "note")
LEAD_KEYS += ("sale_amount", "customerid", "fields", "rules", "trace")


class Claim(Table):
    """A place that only one lead may hold: a unique value, or the key of a repeated request.

    `key` is a keyed hash, so that nobody's address stands here. `fingerprint` tells a repeated
    request from another one under the same key.
    """

    key = CharField(64, primary_key=True)
    lead = CharField(26)
    claimed_at = Time()
    fingerprint = CharField(64, default="")

    class Meta:
        without_rowid = True


class Total(Table):
    """How much of a limit or budget is used up in its period: leads, or hundredths of the currency."""

    key = CharField(64, primary_key=True)
    used = BigIntegerField()

    class Meta:
        without_rowid = True


class KnownLogin(Table):
    """Credentials that were right before, as a keyed hash: they pass while guesses are blocked."""

    digest = CharField(64, primary_key=True)


class FailedLogin(Table):
    address = CharField()
    at = Time()

    class Meta:
        indexes = ((("address", "at"), False),)


@dataclass(frozen=True)
class Submission:
    """A request as it came. `content` is the same text for the same fields, in whatever format."""

    program: str
    user: str
    body: bytes
    content_type: str
    query: bytes
    received_at: datetime
    content: str = ""
    idempotency_key: str = ""


def connect(url, secret):
    """Use the database at `url` (`sqlite:///file`), made on first use; `secret` keys the hashes."""
    pragmas = {
        "busy_timeout": int(LOCK_WAIT * 1000),
        "journal_mode": "wal",
        "synchronous": "full",  # in WAL, the mode in which a commit survives the loss of power
    }
    # IMMEDIATE: a transaction takes the write lock before it reads, so that what it has read
    # stays true until it has written. Connections are pooled since opening one costs more than
    # storing a lead.
    pool = PooledSqliteDatabase(
        url.removeprefix("sqlite:///"),
        max_connections=None,
        pragmas=pragmas,
        lock_type="IMMEDIATE",
        check_same_thread=False,
    )
    if database.obj:
        database.close_idle()
    database.initialize(pool)
    same = url == _state["url"]
    _state.update(secret=secret.encode(), url=url, file=_state["file"] if same else None, rules=set())


def _check_file():
    """Refuse to write into a database whose file was taken away or replaced while it was in use.

    An open connection goes on writing into a deleted file, and a new file beside the old one's WAL
    is ruined by it: in both cases leads would be lost after they were answered valid.
    """
    if _state["file"] and _state["file"] == _file():
        return
    if _state["file"]:
        what = "was replaced" if _file() else "is gone"
        raise StoreError(f"the database file {what}: stop the service, put the file right without its -wal, and start")
    if not _changing.acquire(timeout=LOCK_WAIT):
        raise StoreError("the database is locked")
    try:
        if not _state["file"]:
            with database.connection_context():
                database.create_tables([RuleText, Lead, Claim, Total, KnownLogin, FailedLogin], safe=True)
            _state["file"] = _file()
    finally:
        _changing.release()


def prepare(url, secret):
    """Make the tables before the processes are forked, so that all of them know the same file."""
    connect(url, secret)
    with suppress(StoreError), store():
        pass
    disconnect()


def _file():
    """Return what tells the database's file from another one of the same name, or None."""
    try:
        stat = os.stat(_state["url"].removeprefix("sqlite:///"))
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def disconnect():
    """Close all connections."""
    database.close_all()


@contextmanager
def store():
    """Hold a connection to the database; turn its failures into StoreError."""
    try:
        _check_file()
        with database.connection_context():
            yield
    except (peewee.IntegrityError, peewee.DataError, peewee.ProgrammingError):
        raise  # our mistake, not the store's
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        first = _first_failure(error)
        raise StoreError(f"{type(first).__name__}: {first}") from None


@contextmanager
def transaction():
    """Hold a write transaction: one at a time in a process.

    SQLite lets those who wait for its lock sleep and try again, in no order: with 16 threads some
    never get it. Threads that queue here leave one of each process to wait there.
    """
    if not _writing.acquire(timeout=LOCK_WAIT):
        raise StoreError("the database is busy")
    try:
        with store(), database.atomic():
            yield
    finally:
        _writing.release()


def _first_failure(error):
    """Return the failure that came first: where SQLite rolls back by itself, the rollback fails too."""
    first = cause = error
    while cause := cause.__context__:
        if isinstance(cause, peewee.DatabaseError):
            first = cause
    return first


def keyed_hash(*parts):
    """Return the HMAC-SHA256 of `parts` under DATAPOST_SECRET, as 64 hexadecimal digits."""
    return hmac.new(_state["secret"], json.dumps(parts).encode(), hashlib.sha256).hexdigest()


def record(submission, verdict, invalid_status=200, rule_text=""):
    """Store the submission with its decision, and return the Lead. Raises StoreError.

    The verdict's claims are settled here: a lead that does not get its places becomes invalid,
    and its answer has `invalid_status`. `rule_text` is the text of the rule file that judged it.
    A repeated request stores nothing and returns the first Lead, with `replayed` true.
    """
    lead_id = str(ULID.from_datetime(submission.received_at))
    with transaction():
        first = _first_of_repeated(submission, verdict, lead_id)
        if first:
            first.replayed = True
            return first
        _settle(verdict, lead_id, submission.received_at)
        if verdict.rules not in _state["rules"]:
            rules = RuleText.insert(hash=verdict.rules, program=verdict.program, text=rule_text)
            rules.on_conflict_ignore().execute()
        lead = Lead.create(
            force_insert=True,
            id=lead_id,
            program=submission.program,
            received_at=submission.received_at,
            user=submission.user,
            partner=verdict.partner,
            status=200 if verdict.valid else invalid_status,
            valid=verdict.valid,
            test=verdict.test,
            reasons=verdict.codes,
            note=verdict.note,
            sale_amount=verdict.sale_amount if verdict.valid else None,
            customerid=keyed_hash("customer", verdict.customer) if verdict.customer else "",
            email=verdict.email,
            fields=verdict.fields,
            rules=verdict.rules,
            trace=verdict.trace,
            content_type=submission.content_type,
            query=submission.query,
            body=submission.body,
        )
    _state["rules"].add(verdict.rules)  # committed, so that no other lead needs to bring it along
    return lead


def _first_of_repeated(submission, verdict, lead_id):
    """Return the lead that this request repeats, if any; a key with other content is a refusal.

    Test leads have keys of their own, so that a test never stands in a live lead's way.
    """
    keys = []
    if submission.idempotency_key:
        keys.append(("request", submission.program, submission.user, submission.idempotency_key, verdict.test))
    if verdict.retry:
        keys.append(("retry", submission.program, *verdict.retry, verdict.test))
    first, mismatch, fingerprint = None, False, keyed_hash("content", submission.content) if keys else ""
    hashes = sorted(keyed_hash(*key) for key in keys)
    for key in hashes:
        if not _claim(key, lead_id, submission.received_at, RETRY_WINDOW, fingerprint):
            earlier = Claim.get_by_id(key)
            if earlier.fingerprint == fingerprint:
                first = Lead.get_or_none(id=earlier.lead) or first
            else:
                mismatch = True
    if mismatch and not first:
        verdict.mismatch()
        Claim.delete().where(Claim.key.in_(hashes) & (Claim.lead == lead_id)).execute()
    if first:  # a key that came for the first time means the same lead from now on
        Claim.update(lead=first.id).where(Claim.key.in_(hashes) & (Claim.lead == lead_id)).execute()
    return first


def _settle(verdict, lead_id, now):
    """Take the places that a valid lead needs, all of them or none.

    A test lead asks for them and takes none. Places are asked for in the order of their keys, so
    that two leads that need the same ones never wait for each other.
    """
    if not verdict.claims:
        return
    # Of two rules about one place, the longer one is asked first: it must not see what the other took.
    order = [
        (keyed_hash(*c.key), -c.within.total_seconds() if c.within else -inf, n) for n, c in enumerate(verdict.claims)
    ]
    claims = [(key, position) for key, _, position in sorted(order)]
    with database.savepoint() as savepoint:
        refused = {position for key, position in claims if not _take(key, verdict.claims[position], lead_id, now)}
        if verdict.test or not all(verdict.claims[position].observed for position in refused):
            savepoint.rollback()
    verdict.settle(refused)


def _take(key, claim, lead_id, now):
    if claim.limit is None:
        return _claim(key, lead_id, now, claim.within)
    return claim.units <= claim.limit and _use_up(key, claim.units, claim.limit)


def _use_up(key, units, limit):
    """Use up some of a limit unless too little is left: one statement, as for a claim."""
    statement = Total.insert(key=key, used=units).on_conflict(
        conflict_target=[Total.key],
        update={Total.used: Total.used + units},
        where=Total.used + units <= limit,
    )
    return statement.as_rowcount().execute() == 1


def _claim(key, lead_id, now, within, fingerprint=""):
    """Take a place unless somebody holds it: one statement, so that two at once never both win."""
    run_out = now - within if within else datetime.fromtimestamp(0, UTC)
    statement = Claim.insert(key=key, lead=lead_id, claimed_at=now, fingerprint=fingerprint).on_conflict(
        conflict_target=[Claim.key],
        preserve=[Claim.lead, Claim.claimed_at, Claim.fingerprint],
        where=(Claim.claimed_at <= run_out) | (Claim.lead == lead_id),
    )
    return statement.as_rowcount().execute() == 1


def last_rule_text(program):
    """Return the text of the rules that judged the program's last lead, or None."""
    with suppress(StoreError), store():
        query = RuleText.select(RuleText.text).join(Lead, on=(Lead.rules == RuleText.hash))
        return query.where(Lead.program == program).order_by(Lead.id.desc()).limit(1).scalar()


def leads(program=None, since=None):
    """Return a query of the stored leads, oldest first."""
    query = Lead.select().order_by(Lead.id)
    if program:
        query = query.where(Lead.program == program)
    if since:
        query = query.where(Lead.received_at >= since)
    return query


# --- Logins ---


def login_is_known(digest):
    with store():
        return KnownLogin.get_or_none(digest=digest) is not None


def remember_login(digest):
    with transaction():
        KnownLogin.insert(digest=digest).on_conflict_ignore().execute()


def record_failed_login(address, now):
    with transaction():
        FailedLogin.delete().where(FailedLogin.at <= now - LOGIN_WINDOW).execute()
        FailedLogin.create(address=address, at=now)


def failed_logins(address, now):
    """Return when the failed logins from `address` within the last five minutes were, oldest first."""
    recent = (FailedLogin.address == address) & (FailedLogin.at > now - LOGIN_WINDOW)
    with store():
        return [row.at for row in FailedLogin.select(FailedLogin.at).where(recent).order_by(FailedLogin.at)]
