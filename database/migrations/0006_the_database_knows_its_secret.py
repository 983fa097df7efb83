"""What is known of the database itself has a table, such as with which secret its hashes were made."""

from peewee import Model, SqliteDatabase, TextField


def up(migrator, db):
    class Fact(Model):
        name = TextField(primary_key=True)
        value = TextField()

        class Meta:
            database = db
            without_rowid = isinstance(db, SqliteDatabase)

    db.create_tables([Fact])
