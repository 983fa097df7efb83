"""Who sends leads through a partner is kept and counted: of earlier leads it is not known.

A column with a constant default is noted in the catalog alone, by SQLite and since version 11 by PostgreSQL: no row is
written anew, however many leads there are.
"""

COLUMNS = (
    "ALTER TABLE lead ADD COLUMN subpartner TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE day ADD COLUMN subpartners TEXT NOT NULL DEFAULT '{}'",
)


def up(migrator, db):
    for statement in COLUMNS:
        db.execute_sql(statement)
