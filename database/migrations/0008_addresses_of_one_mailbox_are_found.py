"""Leads are found by all addresses of one mailbox: by their letters without dots, and a range of tags behind them."""

from peewee import SqliteDatabase

# In the order of ASCII, whatever language the database has: a tag begins with + or -, which come before letters.
INDEX = "CREATE INDEX lead_mailbox ON lead ((replace(lower(email), '.', '')) {})"


def up(migrator, db):
    db.execute_sql(INDEX.format("" if isinstance(db, SqliteDatabase) else 'COLLATE "C"'))
