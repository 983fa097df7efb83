"""The tables of what became of leads at impact.com. Nothing of a person stands in them.

Times are the database's own, and amounts exact. What impact.com names is a text, as long as it likes.
"""

from peewee import BooleanField, CharField, CompositeKey, DecimalField, IntegerField, TextField

from database.columns import Table, Time


class Action(Table):
    """An action (a conversion) at impact.com, as it was when it was seen last, at `seen_at`.

    `oid` is the order id: the lead's id, where it is one of ours. `amount` is what we answered, `payout` what the
    partner gets, `cost` payout and fees, None where impact.com says nothing that is a number. `state` is PENDING,
    APPROVED or REVERSED.
    """

    id = CharField(250, primary_key=True)
    oid = TextField()
    program = TextField()
    state = TextField()
    amount = DecimalField(14, 2, null=True)
    payout = DecimalField(14, 2, null=True)
    cost = DecimalField(14, 2, null=True)
    currency = TextField()
    media_partner = TextField()
    event_at = Time(null=True)
    locking_at = Time(null=True)
    seen_at = Time()


class Found(Table):
    """What does not fit between the ledger and impact.com: a row for each `kind` and `subject` of a program.

    `subject` is the order id, or that of the action where one order has several. `expected` and `found` are amounts,
    states or partners of impact.com's, as texts; what names a partner of ours is looked up. `amount` is what it is
    about, in `currency`. `gone_at` is when a reconciliation did not find it any more; `seen_by` the operator who said
    that he has seen it.
    """

    program = TextField()
    kind = TextField()
    subject = CharField(250)
    lead = TextField()
    oid = TextField()
    action = TextField()
    expected = TextField()
    found = TextField()
    amount = DecimalField(14, 2, null=True)
    currency = TextField(default="")
    since = Time()
    gone_at = Time(null=True)
    seen_at = Time(null=True)
    seen_by = TextField(default="")

    class Meta:
        table_name = "finding"
        primary_key = CompositeKey("program", "kind", "subject")


class Reconciled(Table):
    """How far a program is reconciled: what is at impact.com was read whole at `at`, from the day `reach` on.

    `tried_at` and `error` are of the last attempt, `source` "api" or "file".
    """

    program = TextField(primary_key=True)
    at = Time(null=True)
    reach = Time(null=True)
    tried_at = Time(null=True)
    error = TextField(default="")
    source = TextField(default="")


class Outcome(Table):
    """What sales said of a lead: contacted, qualified, sold or bad. Rows are only added; the newest counts.

    `reason` is one of the rule file's list, or "", `value` what a sale brought. `test` is whether the lead is one, and
    `said_by` the login, or "flask". Of the rows of a lead, a later one has a greater id.
    """

    id = CharField(26, primary_key=True)
    lead = CharField(26)
    program = TextField()
    partner = TextField()
    at = Time()
    outcome = TextField()
    reason = TextField(default="")
    value = DecimalField(14, 2, null=True)
    said_by = TextField(default="")
    test = BooleanField(default=False)


class Reversal(Table):
    """That a lead is to be reversed at impact.com, and how far that is.

    `state` is proposed, approved, submitting, queued, done, failed or too_late, and restored after done. `code` is
    impact.com's of the `reason`. Who submits or polls has it until `lease_until`; at `due_at` it is looked at again.
    `sure` is false while nobody knows whether the last write took effect. `way` is "api", or "file" where the operator
    sent it himself. `done_at` is when impact.com said that it took effect; it is done once a reconciliation saw it
    too. While it is `restoring`, what is submitted takes it back.
    """

    lead = CharField(26, primary_key=True)
    program = TextField()
    partner = TextField()
    state = TextField()
    reason = TextField()
    code = TextField()
    action = TextField(default="")
    batch = TextField(default="")
    error = TextField(default="")
    way = TextField(default="api")
    test = BooleanField(default=False)
    sure = BooleanField(default=True)
    attempts = IntegerField(default=0)
    locking_at = Time(null=True)
    proposed_at = Time()
    proposed_by = TextField(default="")
    approved_at = Time(null=True)
    approved_by = TextField(default="")
    submitted_at = Time(null=True)
    done_at = Time(null=True)
    due_at = Time(null=True)
    lease_until = Time(null=True)
    restoring = BooleanField(default=False)
    restored_by = TextField(default="")
