"""What a lead is found by has a column or a table, days are counted, and what was removed is recorded.

Leads of earlier versions get the columns that can be known of them: their reasons, the rules that their
trace says would have refused them, and as their phone the first value that is one. What a refused one
would have been paid is not known.
"""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)

# Text of up to 1,000 bytes: PostgreSQL takes index entries of up to 2,704.
COLUMNS = """
    ALTER TABLE lead ADD COLUMN phone TEXT NOT NULL DEFAULT '';
    ALTER TABLE lead ADD COLUMN worth DECIMAL(8, 2);
    ALTER TABLE lead ADD COLUMN observed TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE lead ADD COLUMN masked_at BIGINT;
    UPDATE lead SET partner = substr(partner, 1, 250) WHERE length(partner) > 250
"""
INDEXES = """
    CREATE INDEX lead_email ON lead (lower(email));
    CREATE INDEX lead_phone ON lead (phone);
    CREATE INDEX lead_partner_id ON lead (partner, id);
    CREATE INDEX lead_valid_id ON lead (valid, id);
    CREATE INDEX lead_customerid ON lead (customerid);
    CREATE INDEX lead_test ON lead (id) WHERE test
"""
KNOWN_OF_THEM = {
    "sqlite": """
        UPDATE lead SET phone = coalesce((
            SELECT value FROM json_each(lead.fields) WHERE type = 'text' AND value GLOB '+[1-9]*'
            AND substr(value, 2) NOT GLOB '*[^0-9]*' AND length(value) BETWEEN 8 AND 16 LIMIT 1), '')
        WHERE fields LIKE '%"+%';
        UPDATE lead SET observed = (
            SELECT json_group_array(DISTINCT json_extract(value, '$.check')) FROM json_each(lead.trace)
            WHERE json_extract(value, '$.result') = 'observed: it would be refused')
        WHERE trace LIKE '%"observed: it would be refused"%';
        INSERT INTO refusal (code, lead) SELECT DISTINCT value, lead.id FROM lead, json_each(lead.reasons);
        INSERT INTO refusal (code, lead) SELECT 'observed:' || value, lead.id FROM lead, json_each(lead.observed)
    """,
    "postgresql": """
        UPDATE lead SET phone = coalesce((
            SELECT value FROM json_each_text(lead.fields::json) WHERE value ~ '^[+][1-9][0-9]{6,14}$' LIMIT 1), '')
        WHERE position('"+' in fields) > 0;
        UPDATE lead SET observed = (
            SELECT json_agg(DISTINCT step ->> 'check') FROM json_array_elements(lead.trace::json) AS step
            WHERE step ->> 'result' = 'observed: it would be refused')
        WHERE position('"observed: it would be refused"' in trace) > 0;
        INSERT INTO refusal (code, lead)
        SELECT DISTINCT code, lead.id FROM lead, json_array_elements_text(lead.reasons::json) AS code;
        INSERT INTO refusal (code, lead)
        SELECT 'observed:' || rule, lead.id FROM lead, json_array_elements_text(lead.observed::json) AS rule
    """,
}


def up(migrator, db):
    sqlite = isinstance(db, SqliteDatabase)

    class Table(Model):
        class Meta:
            database = db
            without_rowid = sqlite

    class Refusal(Table):
        code = CharField(140)
        lead = CharField(26)

        class Meta:
            primary_key = CompositeKey("code", "lead")

    class Day(Table):
        program = TextField()
        day = CharField(10)
        starts = BigIntegerField()
        ends = BigIntegerField()
        counted_to = CharField(26)
        closed = BooleanField()
        counts = TextField()
        fields = TextField()

        class Meta:
            primary_key = CompositeKey("program", "day")

    class Retention(Table):
        program = TextField(primary_key=True)
        masked_to = CharField(26)
        done_at = BigIntegerField()

    class Erasure(Table):
        id = CharField(26, primary_key=True)
        at = BigIntegerField()
        kind = CharField(10)
        leads = IntegerField()

    db.create_tables([Refusal, Day, Retention, Erasure])
    for statements in (COLUMNS, KNOWN_OF_THEM["sqlite" if sqlite else "postgresql"], INDEXES):
        for statement in statements.split(";"):
            db.execute_sql(statement)
