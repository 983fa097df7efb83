"""A lead that comes when its time is counted already is noted, and added to its day."""

from peewee import CharField, CompositeKey, Model, SqliteDatabase, TextField


def up(migrator, db):
    class Late(Model):
        program = TextField()
        lead = CharField(26)

        class Meta:
            database = db
            primary_key = CompositeKey("program", "lead")
            without_rowid = isinstance(db, SqliteDatabase)

    db.create_tables([Late])
