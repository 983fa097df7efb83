"""A search for a person runs in the background: here is how far it is, and which leads it found. Not who it was."""

from peewee import BigIntegerField, CharField, Model, TextField


def up(migrator, db):
    class Inquiry(Model):
        id = CharField(26, primary_key=True)
        operator = TextField()
        kind = CharField(10)
        digest = CharField(64)
        programs = TextField()
        started_at = BigIntegerField()
        renewed_at = BigIntegerField()
        state = TextField()
        report = TextField()

        class Meta:
            database = db

    db.create_tables([Inquiry])
