"""The ledger: tables, and the one way a lead is stored.

`record` writes a submission with its decision in one transaction, after it has settled there what
only the store can decide: claims (is this address new?) and repeated requests.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    CompositeKey,
    DecimalField,
    IntegerField,
    TextField,
)  # fmt: skip
from ulid import ULID

import database
from database import Unsure, claims, customers, secret, statements
from database.columns import JSONField, Table, Time, TraceField
from database.secret import customer_of, hold_secret, keyed_hash

RETRY_WINDOW = 24 * 3_600_000  # milliseconds
LONGEST_PARTNER = 250  # characters: PostgreSQL takes index entries of up to 2,704 bytes

log = logging.getLogger("datapost")
_known_rules = set()  # whose texts are stored


class RuleText(Table):
    """The text of every rule file that has judged a lead, once."""

    hash = CharField(64, primary_key=True)
    program = TextField()
    text = TextField()


class Published(Table):
    """A version of a program's rules, or of a list (`thing`): the newest of a name is live, one without a hash retired.

    No sequence gives the id, since rows are copied. `file` is the hash of the deploy's file that was known then.
    """

    id = BigIntegerField(primary_key=True)
    thing = TextField()
    name = TextField()
    version = IntegerField()
    at = Time()
    by = TextField()
    kind = TextField()
    comment = TextField()
    hash = CharField(64)
    text = TextField()
    file = CharField(64)

    class Meta:
        indexes = ((("thing", "name", "version"), True),)


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
    trace = TraceField()
    content_type = TextField()
    query = BlobField()
    body = BlobField()
    phone = TextField(default="")
    worth = DecimalField(8, 2, null=True)
    observed = JSONField(default=list)
    masked_at = Time(null=True)
    subpartner = TextField(default="")

    replayed = False

    @property
    def amount(self):
        """The amount as answers show it: two decimals, or nothing."""
        return "" if self.sale_amount is None else str(self.sale_amount.quantize(Decimal("0.01")))


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


class Taken(Table):
    """A place that only one lead may hold: a unique value, or the key of a repeated request.

    `key` is a keyed hash, so that nobody's address stands here. `fingerprint` tells a repeated
    request from another one under the same key. After `expires_at` the row is cleared away.
    """

    key = CharField(64, primary_key=True)
    lead = CharField(26)
    claimed_at = Time()
    expires_at = Time(null=True, index=True)
    fingerprint = CharField(64, default="")

    class Meta:
        table_name = "claim"


class Total(Table):
    """How much of a limit or budget is used up in its period: leads, or hundredths of the currency."""

    key = CharField(64, primary_key=True)
    used = BigIntegerField()
    expires_at = Time(null=True, index=True)


class Fact(Table):
    """What is known of the database itself.

    `secret` tells the secret of its hashes; `file` the SQLite file that this is, or that this is a copy of as long as
    no lead was stored here; `arrival` by what way requests come; `mailboxes:…` how far leads are known again.
    """

    name = TextField(primary_key=True)
    value = TextField()


class Day(Table):
    """What came of the leads of one day of a program; those after `counted_to` are still to be added.

    `counts` is `{partner: {kind: …}}` as Counts has it, `subpartners` `{partner: {subpartner: {kind: …}}}`, `fields`
    `{partner: {field: leads}}`, and `rules` `{hash of the text: leads}`, or None where an earlier version counted.
    `starts` and `ends` are milliseconds since 1970.
    """

    program = TextField()
    day = CharField(10)
    starts = BigIntegerField()
    ends = BigIntegerField()
    counted_to = CharField(26)
    closed = BooleanField()
    counts = JSONField()
    fields = JSONField()
    rules = JSONField(default=None)
    subpartners = JSONField(default=dict)

    is_new = False

    class Meta:
        primary_key = CompositeKey("program", "day")


class Delivery(Table):
    """That a lead goes to a destination of its program, and what became of that. What is sent is made at each attempt.

    `state` is waiting, sent, dead, or withdrawn: its values were gone before it went. `destination` is the name, and
    `<name>:erased` of the event that the lead was erased. Who sends it has it until `lease_until`. `error` is our own
    sentence on the last attempt, `remote_id` what the destination calls it, `rules` the text that says it goes there.
    """

    lead = CharField(26)
    destination = TextField()
    state = TextField()
    due_at = Time()
    lease_until = Time(null=True)
    attempts = IntegerField()
    last_at = Time(null=True)
    last_status = IntegerField(null=True)
    error = CharField(200)
    sent_at = Time(null=True)
    remote_id = TextField()
    rules = CharField(64)

    class Meta:
        primary_key = CompositeKey("lead", "destination")


OF_ERASURE = ":erased"


def tell_erased(row, now):
    """Have a destination told, once, that a lead which it was sent was erased."""
    event = {"lead": row.lead, "destination": row.destination + OF_ERASURE, "state": "waiting", "due_at": now}
    event |= {"attempts": 0, "error": "", "remote_id": "", "rules": row.rules}
    Delivery.insert(event).on_conflict_ignore().execute()


class Retention(Table):
    """How far the leads of a program are masked, and when it was last looked after."""

    program = TextField(primary_key=True)
    masked_to = CharField(26)
    done_at = Time()


class Erasure(Table):
    """That leads of a person were erased: when, by which kind of key, how many; not who it was."""

    id = CharField(26, primary_key=True)
    at = Time()
    kind = CharField(10)
    leads = IntegerField()


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


def connect(url, key):
    """Use the database at `url`; `key` is the secret of its hashes."""
    secret.use(key)
    _known_rules.clear()
    database.connect(url)


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
    _known_rules.add(verdict.rules)  # committed, so that no other lead needs to bring it along
    return lead


def _record(lead_id, submission, verdict, invalid_status, rule_text):
    verdict = verdict.copy()
    if verdict.rules not in _known_rules:
        if database.engine().side_by_side:  # from now on, `flask copy-to` makes nothing here as it is in a file
            Fact.delete().where(Fact.name == "file").execute()
        hold_secret()
        rules = RuleText.insert(hash=verdict.rules, program=verdict.program, text=rule_text)
        rules.on_conflict_ignore().execute()
    if keys := list(retry_keys(submission, verdict)):
        first, mismatch = _repeated(keys, submission, lead_id)
        if first:
            first.replayed = True
            return first
        if mismatch:
            verdict.mismatch()
    if verdict.claims:
        verdict.settle(claims.refused(verdict.claims, lead_id, submission.received_at))
    lead = Lead(__no_default__=True)
    lead.__data__ = dict(  # noqa: C408  at once: to set one column after the other, as peewee does, takes 25 µs
        id=lead_id,
        program=submission.program,
        received_at=submission.received_at,
        user=submission.user,
        partner=verdict.partner[:LONGEST_PARTNER],
        subpartner=verdict.subpartner[:LONGEST_PARTNER],
        status=200 if verdict.valid else invalid_status,
        valid=verdict.valid,
        test=verdict.test,
        reasons=verdict.codes,
        note=verdict.note,
        sale_amount=verdict.sale_amount if verdict.valid else None,
        customerid=customers.known_as(customer_of(verdict.customer), customer_of(verdict.customer_before)),
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
    others = [statements.note_if_late(lead.program, lead_id, claims.milliseconds(lead.received_at))]
    if codes := [*lead.reasons, *(OBSERVED + rule for rule in lead.observed)]:
        others.append(statements.insertion("refusal", ("code", "lead"), *((code, lead_id) for code in codes)))
    if lead.valid and verdict.deliver:
        others.append(
            statements.to_deliver(lead_id, verdict.deliver, claims.milliseconds(lead.received_at), lead.rules)
        )
    insert(lead, *others)
    return lead


# The columns of a lead, and what makes of a value what they hold. The drivers take all others as they are: 25 µs less.
COLUMNS = tuple(field.column_name for field in Lead._meta.sorted_fields)
WRITTEN = [(field.name, field.db_value if isinstance(field, JSONField) else None) for field in Lead._meta.sorted_fields]


def insert(lead, *others):
    """Write the row of a lead, and what goes with it."""
    values = lead.__data__ | {"received_at": claims.milliseconds(lead.received_at)}
    row = [write(values.get(name)) if write else values.get(name) for name, write in WRITTEN]
    secret.insert_with_ours("lead", COLUMNS, row, *others)


def _repeated(keys, submission, lead_id):
    """Return the lead that this request repeats, or None, and whether a key came before with other content."""
    first, mismatch, fingerprint = None, False, keyed_hash("content", submission.content)
    now, hashes = claims.milliseconds(submission.received_at), sorted(keyed_hash(*key) for key in keys)
    for key in hashes:
        if not claims.take_place(key, lead_id, now, RETRY_WINDOW, RETRY_WINDOW, fingerprint):
            earlier = Taken.get_by_id(key)
            if earlier.fingerprint == fingerprint:
                first = Lead.get_or_none(id=earlier.lead) or first
            else:
                mismatch = True
    ours = Taken.key.in_(hashes) & (Taken.lead == lead_id)
    if first:  # a key that came for the first time means the same lead from now on
        Taken.update(lead=first.id).where(ours).execute()
    elif mismatch:
        Taken.delete().where(ours).execute()
    return first, mismatch and not first


def retry_keys(submission, verdict):
    """Return what a repeated request repeats. Tests have keys of their own: none stands in a live lead's way."""
    if submission.idempotency_key:
        yield "request", submission.program, submission.user, submission.idempotency_key, verdict.test
    if verdict.retry:
        yield "retry", submission.program, *verdict.retry, verdict.test


def first_id(moment):
    """Return the beginning of the ids of this millisecond: what came before sorts before it."""
    return str(ULID.from_datetime(moment))[:10]
