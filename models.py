"""The ledger: tables, and the one way a lead is stored.

`record` writes a submission with its decision in one transaction, after it has settled there what
only the store can decide: claims (is this address new?) and repeated requests.
"""

import hmac
import json
import logging
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from math import inf

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    CompositeKey,
    DecimalField,
    IntegerField,
    Model,
    TextField,
    TimestampField,
)
from ulid import ULID

import database
from database import SchemaError, StoreError, Unsure, db

RETRY_WINDOW = timedelta(hours=24)
LOGIN_WINDOW = timedelta(minutes=5)
LONGEST_PARTNER = 250  # characters: PostgreSQL takes index entries of up to 2,704 bytes
FAILURES_COUNTED = 100  # the last failed logins of an address and at a name
CLEARED_AT_ONCE = 100  # rows: some milliseconds of writing

log = logging.getLogger("datapost")
_state = {"secret": b"", "rules": set()}


_to_json = json.JSONEncoder(ensure_ascii=False).encode


class JSONField(TextField):
    """JSON as text, which comes back from every database as it was: PostgreSQL's JSONB sorts keys."""

    def db_value(self, value):
        return _to_json(value)

    def python_value(self, value):
        return json.loads(value)


class Time(TimestampField):
    """Milliseconds since 1970 in the table, an aware datetime in Python."""

    def __init__(self, **options):
        super().__init__(resolution=1000, utc=True, **options)

    def python_value(self, value):
        return value if value is None else super().python_value(value).replace(tzinfo=UTC)


class Table(Model):
    moves = True  # whether its rows are copied to another database (transfer.py)

    class Meta:
        database = db


class RuleText(Table):
    """The text of every rule file that has judged a lead, once."""

    hash = CharField(64, primary_key=True)
    program = TextField()
    text = TextField()


class Lead(Table):
    """A submission and its decision. `id` is the `uniqueid` of a valid answer.

    `worth` is what a refused lead would have been paid, if that is known, `observed` the rules that
    only observe and would have refused it. At `masked_at` its values were removed.
    """

    id = CharField(26, primary_key=True)
    program = TextField()
    received_at = Time()
    user = TextField()
    partner = TextField()
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
    phone = TextField(default="")
    worth = DecimalField(8, 2, null=True)
    observed = JSONField(default=list)
    masked_at = Time(null=True, default=None)

    replayed = False

    @property
    def amount(self):
        """The amount as answers show it: two decimals, or nothing."""
        return "" if self.sale_amount is None else str(self.sale_amount.quantize(Decimal("0.01")))

    def as_dict(self, hidden=()):
        """Return the lead as the commands show it: the contract's keys, in its order.

        The values of the names in `hidden` (masks.Hidden) are masked.
        """
        shown = {key: getattr(self, key) for key in LEAD_KEYS}
        shown["fields"] = {name: "***" if name in hidden else value for name, value in self.fields.items()}
        shown["received_at"] = self.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        shown["sale_amount"] = self.amount or None
        return shown


LEAD_KEYS = ("id", "program", "received_at", "user", "partner", "valid", "test", "reasons", "note")
LEAD_KEYS += ("sale_amount", "customerid", "fields", "rules", "trace")


class Refusal(Table):
    """The leads of each reason code, and as `observed:<rule>` those that a rule would have refused."""

    code = CharField(140)
    lead = CharField(26)

    class Meta:
        primary_key = CompositeKey("code", "lead")


OBSERVED = "observed:"


class Late(Table):
    """A lead that may have come when the leads of its time were counted already: see days.py."""

    program = TextField()
    lead = CharField(26)

    class Meta:
        primary_key = CompositeKey("program", "lead")


class Claim(Table):
    """A place that only one lead may hold: a unique value, or the key of a repeated request.

    `key` is a keyed hash, so that nobody's address stands here. `fingerprint` tells a repeated
    request from another one under the same key. After `expires_at` the row is cleared away.
    """

    key = CharField(64, primary_key=True)
    lead = CharField(26)
    claimed_at = Time()
    expires_at = Time(null=True, default=None, index=True)
    fingerprint = CharField(64, default="")


class Total(Table):
    """How much of a limit or budget is used up in its period: leads, or hundredths of the currency."""

    key = CharField(64, primary_key=True)
    used = BigIntegerField()
    expires_at = Time(null=True, default=None, index=True)


class KnownLogin(Table):
    """Credentials that were right before, as a keyed hash: they pass while guesses are blocked."""

    digest = CharField(64, primary_key=True)


class FailedLogin(Table):
    """`address` and `name` are keyed hashes: what was typed as a name may be a password."""

    moves = False  # they are forgotten after five minutes

    address = TextField()
    name = CharField(64, null=True)
    at = Time(index=True)

    class Meta:
        indexes = ((("address", "at"), False), (("name", "at"), False))


class Fact(Table):
    """What is known of the database itself.

    `secret` tells the secret that its hashes were made with; `file` names the SQLite file that this is, or that
    this is a copy of as long as no lead was stored here.
    """

    name = TextField(primary_key=True)
    value = TextField()


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


def find(table, text):
    """Return the row of a table that has this id, or None: for a text that no database takes too, as one with a NUL."""
    return table.get_or_none(id=text) if re.fullmatch("[0-9A-Z]{1,26}", text) else None


def connect(url, secret):
    """Use the database at `url`; `secret` keys the hashes."""
    _state.update(secret=secret.encode(), rules=set())
    database.connect(url, chore=clear_expired)


def keyed_hash(*parts):
    """Return the HMAC-SHA256 of `parts` under DATAPOST_SECRET, as 64 hexadecimal digits."""
    return hmac.digest(_state["secret"], json.dumps(parts).encode(), "sha256").hex()


def customer_of(texts):
    """Return the `customerid` of the values, folded, of the fields that say who is the same customer."""
    return keyed_hash("customer", texts) if texts else ""


# --- The secret ---

MADE_WITH_ANOTHER = (
    "DATAPOST_SECRET is not the one that the hashes in this database were made with: every address that was submitted "
    "would be new and be paid again. Put the old one back; if it is lost, or known to others, SECURITY.md says under "
    '"Rotate a secret" what to do'
)


def prepare():
    """Make sure of the database before processes are forked. Raises SchemaError."""
    database.prepare(hold_secret)


def hold_secret():
    """Refuse a database whose hashes were made with another secret, or note ours if it is the first."""
    ours = keyed_hash("secret")
    if _state["secret"] and Fact.get_or_none(name="secret") is None:
        Fact.insert(name="secret", value=ours).on_conflict_ignore().execute()  # of two at once, one wins
    noted = Fact.get_or_none(name="secret")
    if noted and noted.value != ours:
        raise SchemaError(MADE_WITH_ANOTHER)


# --- Recording a lead ---


def record(submission, verdict, invalid_status=200, rule_text=""):
    """Store the submission with its decision, and return the Lead. Raises StoreError.

    The verdict's claims are settled here: a lead that does not get its places becomes invalid,
    and its answer has `invalid_status`. `rule_text` is the text of the rule file that judged it.
    A repeated request stores nothing and returns the first Lead, with `replayed` true.
    """
    lead_id = str(ULID.from_datetime(submission.received_at))
    try:
        lead = database.transact(partial(_record, lead_id, submission, verdict, invalid_status, rule_text))
    except Unsure:
        log.error("lead %s is answered 503, but may be stored: look for it, and tell the partner", lead_id)
        raise
    _state["rules"].add(verdict.rules)  # committed, so that no other lead needs to bring it along
    return lead


def _record(lead_id, submission, verdict, invalid_status, rule_text):
    verdict = verdict.copy()
    if verdict.rules not in _state["rules"]:
        if db.for_update:  # PostgreSQL: from now on `flask copy-to` makes nothing here as it is in a file
            Fact.delete().where(Fact.name == "file").execute()
        hold_secret()
        rules = RuleText.insert(hash=verdict.rules, program=verdict.program, text=rule_text)
        rules.on_conflict_ignore().execute()
    if first := _first_of_repeated(submission, verdict, lead_id):
        first.replayed = True
        return first
    _settle(verdict, lead_id, submission.received_at)
    lead = Lead(
        id=lead_id,
        program=submission.program,
        received_at=submission.received_at,
        user=submission.user,
        partner=verdict.partner[:LONGEST_PARTNER],
        status=200 if verdict.valid else invalid_status,
        valid=verdict.valid,
        test=verdict.test,
        reasons=verdict.codes,
        note=verdict.note,
        sale_amount=verdict.sale_amount if verdict.valid else None,
        customerid=customer_of(verdict.customer),
        email=verdict.email,
        phone=verdict.phone,
        fields=verdict.fields,
        rules=verdict.rules,
        trace=verdict.trace,
        content_type=submission.content_type,
        query=submission.query,
        body=submission.body,
        worth=None if verdict.valid else verdict.worth,
        observed=verdict.observed,
        masked_at=None,
    )
    _insert(lead)
    _note_if_late(lead)
    if codes := [*lead.reasons, *(OBSERVED + rule for rule in lead.observed)]:
        rows = ", ".join(["(?, ?)"] * len(codes))
        values = [value for code in codes for value in (code, lead_id)]
        _execute(f"INSERT INTO refusal (code, lead) VALUES {rows}", values)  # noqa: S608
    return lead


# The statements of every lead are written out here: peewee takes longer to make the text of one
# than SQLite takes to carry it out.


def _execute(sql, values):
    """Return how many rows the statement wrote."""
    return db.execute_sql(sql.replace("?", db.param), values).rowcount


def _insert(lead):
    _execute(_insert_lead(), [field.db_value(lead.__data__.get(field.name)) for field in Lead._meta.sorted_fields])


@cache
def _insert_lead():
    columns = [f'"{field.column_name}"' for field in Lead._meta.sorted_fields]
    return f"INSERT INTO lead ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


# A lead is late whose time is counted already: the clock was set back, or that of this machine is behind. PostgreSQL
# stores leads while it counts, so there a lead that could be counted meanwhile is noted, by the clock that all share.
# A note too many does no harm.
LATE_AFTER = timedelta(minutes=4)  # a minute before it is counted, for who is slow to commit
NOTE_IF_LATE = """
    INSERT INTO late (program, lead) SELECT ?, ?
    WHERE ? < (SELECT counted_to FROM day WHERE program = ? ORDER BY day DESC LIMIT 1)
"""
OR_SOON = f" OR ? < extract(epoch FROM clock_timestamp()) * 1000 - {LATE_AFTER // timedelta(milliseconds=1)}"


def _note_if_late(lead):
    values = [lead.program, lead.id, lead.id, lead.program]
    if db.for_update:  # PostgreSQL
        _execute(NOTE_IF_LATE + OR_SOON, [*values, Lead.received_at.db_value(lead.received_at)])
    else:
        _execute(NOTE_IF_LATE, values)


# Each takes a place or nothing in one statement, so that of two at once never both get it.
# A place stays known until the last of those who asked for it needs it no more; without an end, for ever.
TAKE_PLACE = """
    INSERT INTO claim (key, lead, claimed_at, expires_at, fingerprint) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
        lead = excluded.lead, claimed_at = excluded.claimed_at, fingerprint = excluded.fingerprint,
        expires_at = CASE
            WHEN claim.expires_at < excluded.expires_at OR excluded.expires_at IS NULL THEN excluded.expires_at
            ELSE claim.expires_at END
    WHERE claim.claimed_at <= ? OR claim.lead = excluded.lead
"""
USE_UP = """
    INSERT INTO total (key, used, expires_at) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET used = total.used + excluded.used
    WHERE total.used + excluded.used <= ?
"""


def _take_place(key, lead_id, now, within, kept, fingerprint=""):
    now = Claim.claimed_at.db_value(now)
    run_out = -1 if within is None else now - _milliseconds(within)
    expires_at = None if kept is None else now + _milliseconds(kept)
    return _execute(TAKE_PLACE, [key, lead_id, now, expires_at, fingerprint, run_out]) == 1


def _milliseconds(span):
    return int(span.total_seconds() * 1000)


def _use_up(key, claim):
    values = [key, claim.units, Total.expires_at.db_value(claim.until), claim.limit]
    return claim.units <= claim.limit and _execute(USE_UP, values) == 1


def _first_of_repeated(submission, verdict, lead_id):
    """Return the lead that this request repeats, if any; a key with other content is a refusal.

    Test leads have keys of their own, so that a test never stands in a live lead's way.
    """
    keys = []
    if submission.idempotency_key:
        keys.append(("request", submission.program, submission.user, submission.idempotency_key, verdict.test))
    if verdict.retry:
        keys.append(("retry", submission.program, *verdict.retry, verdict.test))
    if not keys:
        return None
    first, mismatch, fingerprint = None, False, keyed_hash("content", submission.content)
    hashes = sorted(keyed_hash(*key) for key in keys)
    for key in hashes:
        if not _take_place(key, lead_id, submission.received_at, RETRY_WINDOW, RETRY_WINDOW, fingerprint):
            earlier = Claim.get_by_id(key)
            if earlier.fingerprint == fingerprint:
                first = Lead.get_or_none(id=earlier.lead) or first
            else:
                mismatch = True
    ours = Claim.key.in_(hashes) & (Claim.lead == lead_id)
    if first:  # a key that came for the first time means the same lead from now on
        Claim.update(lead=first.id).where(ours).execute()
    elif mismatch:
        verdict.mismatch()
        Claim.delete().where(ours).execute()
    return first


def _settle(verdict, lead_id, now):
    """Take the places that a valid lead needs, all of them or none.

    Places are taken in the order of their keys, so that two leads that need the same ones never
    wait for each other. Of two rules about one place, the longer one is asked first: it must not
    see what the other took.
    """
    claims = verdict.claims
    if not claims:
        return
    refused = _refused_by_looking(claims, now)
    spans = [-claim.within.total_seconds() if claim.within else -inf for claim in claims]
    wanted = [n for n, claim in enumerate(claims) if not claim.asked and n not in refused]
    order = sorted((keyed_hash(*claims[n].key), spans[n], n) for n in wanted)
    several = len(order) > 1 or bool(refused)
    if several:
        db.execute_sql("SAVEPOINT places")
    refused |= {n for key, _, n in order if not _take(key, claims[n], lead_id, now)}
    if several:
        if not all(claims[n].observed for n in refused):
            db.execute_sql("ROLLBACK TO SAVEPOINT places")
        db.execute_sql("RELEASE SAVEPOINT places")
    verdict.settle(refused)


def _refused_by_looking(claims, now):
    """Return the positions of the claims that are refused by what they only look at."""
    looked_at = [(n, key) for n, claim in enumerate(claims) for key in claim.before + (claim.key,) * claim.asked]
    if not looked_at:
        return set()
    keys = {key: keyed_hash(*key) for _, key in looked_at}
    taken = _found("SELECT key, claimed_at FROM claim WHERE key IN ({})", keys.values())
    found = {key: Claim.claimed_at.python_value(at) for key, at in taken.items()}
    if any(claims[n].limit is not None for n, _ in looked_at):
        found |= _found("SELECT key, used FROM total WHERE key IN ({})", keys.values())
    return {n for n, key in looked_at if not claims[n].allows(found.get(keys[key]), now)}


def _found(sql, keys):
    keys = list(keys)
    return dict(db.execute_sql(sql.format(", ".join([db.param] * len(keys))), keys).fetchall())


def _take(key, claim, lead_id, now):
    if claim.limit is not None:
        return _use_up(key, claim)
    return _take_place(key, lead_id, now, claim.within, claim.kept)


def clear_expired(now=None):
    """Clear away some places, totals and failed logins that have run out; tell whether there may be more.

    They have by the clock of the database: one machine's own may be ahead of those that need them still.
    """
    now = now or database.now()
    cleared = 0
    run_out = (Claim.expires_at <= now, Total.expires_at <= now, FailedLogin.at <= now - LOGIN_WINDOW)
    for table, has_run_out in zip((Claim, Total, FailedLogin), run_out, strict=True):
        key = table._meta.primary_key
        expired = table.select(key).where(has_run_out).limit(CLEARED_AT_ONCE)
        if db.for_update:  # PostgreSQL: pass over what a lead is about to take
            expired = expired.for_update("FOR UPDATE SKIP LOCKED")
        cleared += table.delete().where(key.in_(expired)).execute()
    return cleared >= CLEARED_AT_ONCE


# --- Reading ---


def check_writing():
    """Raise StoreError if leads cannot be stored now: one is, and is taken away again."""
    database.transact(_write_and_delete)


def _write_and_delete():
    hold_secret()
    # With SQLite, more than most leads write: on a full disk, less may find room where a lead that failed has been.
    # With PostgreSQL, no more than it can clear away without VACUUM; random, since others would be stored in few.
    texts = dict.fromkeys(("program", "user", "partner", "note", "customerid", "email", "rules", "content_type"), "")
    lead = Lead(id=str(ULID()), received_at=datetime.now(UTC), status=0, valid=False, test=True, **texts)
    lead.reasons = lead.trace = lead.fields = []
    lead.query, lead.body = b"", os.urandom(1500 if db.for_update else 16_000)
    _insert(lead)
    _execute("DELETE FROM lead WHERE id = ?", [lead.id])


def last_rule_text(program):
    """Return the text of the rules that judged the program's last lead, or None."""
    if not database.exists():
        return None
    with suppress(StoreError), database.read():
        query = RuleText.select(RuleText.text).join(Lead, on=(Lead.rules == RuleText.hash))
        return query.where(Lead.program == program).order_by(Lead.id.desc()).limit(1).scalar()


def last_rules(program):
    """Return the program's name and the text that judged its last lead; else the name that this text had, or Nones."""
    if text := last_rule_text(program.name):
        return program.name, text
    if database.exists():
        with suppress(StoreError), database.read():
            if row := RuleText.get_or_none(hash=program.hash):
                return row.program, row.text
    return None, None


def leads(program=None, since=None):
    """Return a query of the stored leads, oldest first."""
    query = Lead.select().order_by(Lead.id)
    if program:
        query = query.where(Lead.program == program)
    if since:
        query = query.where(Lead.id >= first_id(since))
    return query


def first_id(moment):
    """Return the beginning of the ids of this millisecond: what came before sorts before it."""
    return str(ULID.from_datetime(moment))[:10]


# --- Logins ---


def look_up_login(digests, address, name, now):
    """Return which of the digests were right before, and the failed logins from `address` and at `name`.

    Of those, the times of the last hundred within five minutes are returned, the last one first.
    """

    def look_up():
        known = KnownLogin.select().where(KnownLogin.digest.in_(digests))
        return {row.digest for row in known}, *_failed_logins(address, name, now)

    return database.transact(look_up)


def remember_login(digest):
    database.transact(KnownLogin.insert(digest=digest).on_conflict_ignore().execute)


def record_failed_login(address, name, now):
    """Record it, and return the failed logins before it, as `look_up_login` does."""

    def write():
        before = _failed_logins(address, name, now)
        FailedLogin.create(address=address, name=name, at=now)
        return before

    return database.transact(write)


def _failed_logins(address, name, now):
    recent = FailedLogin.select(FailedLogin.at).where(FailedLogin.at > now - LOGIN_WINDOW)
    recent = recent.order_by(FailedLogin.at.desc()).limit(FAILURES_COUNTED)
    same = FailedLogin.address == address, FailedLogin.name == name
    return [[row.at for row in recent.where(which)] for which in same]
