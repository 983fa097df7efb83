"""Rules and lists may live here, each version of them; days count their leads by the text that judged them.

Days that are there already do not know that yet ("null"): the chore that counts days counts it.
"""

from peewee import BigIntegerField, CharField, IntegerField, Model, TextField


def up(migrator, db):
    class Published(Model):
        id = BigIntegerField(primary_key=True)
        thing = TextField()
        name = TextField()
        version = IntegerField()
        at = BigIntegerField()
        by = TextField()
        kind = TextField()
        comment = TextField()
        hash = CharField(64)
        text = TextField()
        file = CharField(64)

        class Meta:
            database = db
            indexes = ((("thing", "name", "version"), True),)

    db.create_tables([Published])
    db.execute_sql("ALTER TABLE day ADD COLUMN rules TEXT NOT NULL DEFAULT 'null'")
    db.execute_sql("ALTER TABLE backtest ADD COLUMN based_on INTEGER")
