"""The tables of version 0.1.0, which made them itself: a database of that version has them already."""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    DecimalField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)


def up(migrator, db):
    sqlite = isinstance(db, SqliteDatabase)

    class Table(Model):
        class Meta:
            database = db

    class RuleText(Table):
        hash = CharField(64, primary_key=True)
        program = TextField()
        text = TextField()

    class Lead(Table):
        id = CharField(26, primary_key=True)
        program = TextField(index=True)
        received_at = BigIntegerField()
        user = TextField()
        partner = TextField()
        status = IntegerField()
        valid = BooleanField()
        test = BooleanField()
        reasons = TextField()
        note = CharField(500)
        sale_amount = DecimalField(8, 2, null=True)
        customerid = CharField(64)
        email = TextField()
        fields = TextField()
        rules = CharField(64)
        trace = TextField()
        content_type = TextField()
        query = BlobField()
        body = BlobField()

    class Claim(Table):
        key = CharField(64, primary_key=True)
        lead = CharField(26)
        claimed_at = BigIntegerField()
        fingerprint = CharField(64)

        class Meta:
            without_rowid = sqlite

    class Total(Table):
        key = CharField(64, primary_key=True)
        used = BigIntegerField()

        class Meta:
            without_rowid = sqlite

    class KnownLogin(Table):
        digest = CharField(64, primary_key=True)

    class FailedLogin(Table):
        address = TextField()
        at = BigIntegerField()

        class Meta:
            indexes = ((("address", "at"), False),)

    db.create_tables([RuleText, Lead, Claim, Total, KnownLogin, FailedLogin], safe=True)
