"""Claims and totals know when they run out, and what is looked for has an index.

Claims of version 0.1.0 do not say when they run out, so those of duplicates are kept.
"""

from peewee import BigIntegerField


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("claim", "expires_at", BigIntegerField(null=True, index=True)),
        migrator.add_column("total", "expires_at", BigIntegerField(null=True, index=True)),
        migrator.add_index("lead", ("program", "id")),
        migrator.drop_index("lead", "lead_program"),
        migrator.add_index("failedlogin", ("at",)),
    )
    # The keys of repeated requests hold for a day; how long a place of a duplicate does is not known.
    db.execute_sql("UPDATE claim SET expires_at = claimed_at + 86400000 WHERE fingerprint <> ''")
