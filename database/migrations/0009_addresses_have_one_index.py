"""Addresses are found by the index of their letters without dots, which serves each single one too."""


def up(migrator, db):
    db.execute_sql("DROP INDEX lead_email")
