"""What became of valid leads at impact.com: actions, what does not fit, what sales said, and reversals."""

from peewee import BigIntegerField, BooleanField, CharField, CompositeKey, DecimalField, IntegerField, Model, TextField


def up(migrator, db):
    class Action(Model):
        id = CharField(250, primary_key=True)
        oid = TextField()
        program = TextField()
        state = TextField()
        amount = DecimalField(14, 2, null=True)
        payout = DecimalField(14, 2, null=True)
        cost = DecimalField(14, 2, null=True)
        currency = TextField()
        media_partner = TextField()
        event_at = BigIntegerField(null=True)
        locking_at = BigIntegerField(null=True)
        seen_at = BigIntegerField()

        class Meta:
            database = db

    class Finding(Model):
        program = TextField()
        kind = TextField()
        subject = CharField(250)
        lead = TextField()
        oid = TextField()
        action = TextField()
        expected = TextField()
        found = TextField()
        amount = DecimalField(14, 2, null=True)
        currency = TextField()
        since = BigIntegerField()
        gone_at = BigIntegerField(null=True)
        seen_at = BigIntegerField(null=True)
        seen_by = TextField()

        class Meta:
            database = db
            primary_key = CompositeKey("program", "kind", "subject")

    class Reconciled(Model):
        program = TextField(primary_key=True)
        at = BigIntegerField(null=True)
        reach = BigIntegerField(null=True)
        tried_at = BigIntegerField(null=True)
        error = TextField()
        source = TextField()

        class Meta:
            database = db

    class Outcome(Model):
        id = CharField(26, primary_key=True)
        lead = CharField(26)
        program = TextField()
        partner = TextField()
        at = BigIntegerField()
        outcome = TextField()
        reason = TextField()
        value = DecimalField(14, 2, null=True)
        said_by = TextField()
        test = BooleanField()

        class Meta:
            database = db

    class Reversal(Model):
        lead = CharField(26, primary_key=True)
        program = TextField()
        partner = TextField()
        state = TextField()
        reason = TextField()
        code = TextField()
        action = TextField()
        batch = TextField()
        error = TextField()
        way = TextField()
        test = BooleanField()
        sure = BooleanField()
        attempts = IntegerField()
        locking_at = BigIntegerField(null=True)
        proposed_at = BigIntegerField()
        proposed_by = TextField()
        approved_at = BigIntegerField(null=True)
        approved_by = TextField()
        submitted_at = BigIntegerField(null=True)
        done_at = BigIntegerField(null=True)
        due_at = BigIntegerField(null=True)
        lease_until = BigIntegerField(null=True)
        restoring = BooleanField()
        restored_by = TextField()

        class Meta:
            database = db

    db.create_tables([Action, Finding, Reconciled, Outcome, Reversal])
    db.execute_sql("CREATE INDEX action_oid ON action (oid)")
    db.execute_sql("CREATE INDEX action_program_event_at ON action (program, event_at)")
    open_ones = "program, kind, seen_at, since, subject"  # all that pages and alerts count and order by
    db.execute_sql(f"CREATE INDEX finding_open ON finding ({open_ones}) WHERE gone_at IS NULL")
    db.execute_sql("CREATE INDEX finding_lead ON finding (lead)")
    db.execute_sql("CREATE INDEX outcome_lead ON outcome (lead, id)")
    figures = "program, lead, id, partner, outcome, value, test"  # all that figures ask for: no row is read
    db.execute_sql(f"CREATE INDEX outcome_figures ON outcome ({figures})")
    db.execute_sql("CREATE INDEX reversal_due ON reversal (due_at) WHERE due_at IS NOT NULL")
    db.execute_sql("CREATE INDEX reversal_program_state ON reversal (program, state)")
