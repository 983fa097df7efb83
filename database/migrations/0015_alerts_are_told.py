"""What an owner is told: what is wrong since when, and the messages that are sent to whom is to be told."""

from peewee import BigIntegerField, BooleanField, CharField, IntegerField, Model, TextField


def up(migrator, db):
    class Alert(Model):
        key = TextField(primary_key=True)
        kind = TextField()
        program = TextField()
        subject = TextField()
        grave = BooleanField()
        sentence = TextField()
        advice = TextField()
        since = BigIntegerField()
        seen_at = BigIntegerField()
        told_at = BigIntegerField(null=True)
        gone_at = BigIntegerField(null=True)
        looks = IntegerField()
        missed = IntegerField()
        returns = IntegerField()

        class Meta:
            database = db

    class Notice(Model):
        id = CharField(26, primary_key=True)
        receiver = CharField(64)
        kind = TextField()
        message = TextField()
        made_at = BigIntegerField()
        due_at = BigIntegerField(null=True)
        attempts = IntegerField()
        error = CharField(200)
        sent_at = BigIntegerField(null=True)

        class Meta:
            database = db

    db.create_tables([Alert, Notice])
    db.execute_sql("CREATE INDEX notice_due ON notice (due_at) WHERE due_at IS NOT NULL")
