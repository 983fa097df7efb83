"""Who is logged in to the dashboard is kept here, so that log out ends it in all processes."""

from peewee import BigIntegerField, CharField, Model, TextField


def up(migrator, db):
    class Session(Model):
        digest = CharField(64, primary_key=True)
        name = TextField()
        password = CharField(64)
        created_at = BigIntegerField()
        expires_at = BigIntegerField(index=True)

        class Meta:
            database = db

    db.create_tables([Session])
