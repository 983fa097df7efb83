"""Failed logins are counted by user name too. Addresses and names are keyed hashes from here on."""

from peewee import CharField


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("failedlogin", "name", CharField(64, null=True)),
        migrator.add_index("failedlogin", ("name", "at")),
    )
