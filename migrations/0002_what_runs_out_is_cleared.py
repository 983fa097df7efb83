"""Claims and totals know when they run out, and what is looked for has an index.

Claims of version 0.1.0 do not say when they run out, so they are kept.
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
