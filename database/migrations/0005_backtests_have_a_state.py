"""Backtests run in the background, and all processes know how far they are."""

from peewee import BigIntegerField, CharField, Model, TextField


def up(migrator, db):
    class Backtest(Model):
        id = CharField(26, primary_key=True)
        program = TextField()
        operator = TextField()
        text = TextField()
        started_at = BigIntegerField()
        renewed_at = BigIntegerField()
        state = TextField()
        report = TextField()

        class Meta:
            database = db

    db.create_tables([Backtest], safe=True)
