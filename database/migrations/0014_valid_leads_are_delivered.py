"""Valid leads wait to be sent to the brand's own systems, each in the transaction that stores it.

Found are those that wait, by destination and when they are due: an index of these alone stays small, however many
were sent.
"""

from peewee import BigIntegerField, CharField, CompositeKey, IntegerField, Model, TextField


def up(migrator, db):
    class Delivery(Model):
        lead = CharField(26)
        destination = TextField()
        state = TextField()
        due_at = BigIntegerField()
        lease_until = BigIntegerField(null=True)
        attempts = IntegerField()
        last_at = BigIntegerField(null=True)
        last_status = IntegerField(null=True)
        error = CharField(200)
        sent_at = BigIntegerField(null=True)
        remote_id = TextField()
        rules = CharField(64)

        class Meta:
            database = db
            primary_key = CompositeKey("lead", "destination")

    class Standing(Model):
        name = TextField(primary_key=True)
        failures = IntegerField()
        paused_at = BigIntegerField(null=True)
        paused_by = TextField()
        why = TextField()
        probe_at = BigIntegerField(null=True)

        class Meta:
            database = db

    class Delivered(Model):
        program = TextField()
        day = CharField(10)
        destination = TextField()
        sent = IntegerField()
        dead = IntegerField()

        class Meta:
            database = db
            primary_key = CompositeKey("program", "day", "destination")

    db.create_tables([Delivery, Standing, Delivered])
    db.execute_sql("CREATE INDEX delivery_waiting ON delivery (destination, due_at) WHERE state = 'waiting'")
    db.execute_sql("CREATE INDEX delivery_dead ON delivery (destination, lead) WHERE state = 'dead'")
