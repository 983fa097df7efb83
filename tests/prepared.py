"""Ledgers whose tables were made once, since every migration in turn takes longer than most tests."""

import subprocess
import uuid

import psycopg

import database
import models

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r' ORDER BY 1"
SEQUENCES = TABLES.replace("'r'", "'S'")
SHAPE = """
    SELECT string_agg(concat(
        relname, relkind, relhastriggers, relacl, reloptions, attname, atttypid, atttypmod, attnotnull, atthasdef
    ), ',' ORDER BY relname, attnum)
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = %s::regnamespace AND attnum > 0 AND relkind <> 'S'
"""


def migrate(url):
    models.connect(url, "a key for tests")
    database.migrate()
    database.disconnect()


class Schemas:
    """Schemas of a PostgreSQL server, each with the tables of this version and no lead in them."""

    def __init__(self, server):
        self.server, self.idle = server.get_uri(), []
        self.admin = psycopg.connect(self.server, autocommit=True)
        self.first = self.new_name()
        self.admin.execute(f"CREATE SCHEMA {self.first}")
        migrate(self.url(self.first))
        options = ["--no-owner", "--inserts", f"--schema={self.first}", self.server]
        dump = subprocess.check_output([server.bin_path / "pg_dump", *options], text=True)
        # What begins with a backslash is for psql. The path belongs to the connection, which goes on.
        lines = [line for line in dump.splitlines() if not line.startswith(("\\", "SELECT pg_catalog.set_config"))]
        self.script, self.shape = "\n".join(lines), self.shape_of(self.first)
        self.drop(self.first)

    def new_name(self):
        return f"test_{uuid.uuid4().hex}"

    def url(self, name):
        return f"{self.server}&options=-csearch_path%3D{name}"

    def make(self):
        name = self.new_name()
        self.admin.execute(self.script.replace(self.first, name))
        return name

    def drop(self, name):
        self.admin.execute(f"DROP SCHEMA {name} CASCADE")

    def shape_of(self, name):
        """Return what a test may have changed beside the rows, and which migrations are noted."""
        (shape,) = self.admin.execute(SHAPE, [name]).fetchone()
        noted = f"SELECT string_agg(name, ',' ORDER BY id) FROM {name}.schema_migration"
        return shape, *(self.admin.execute(noted).fetchone() if "schema_migration" in (shape or "") else ())

    def take(self):
        """Return one that nobody uses: it is emptied now, when all that its last test started has ended."""
        while self.idle:
            name = self.idle.pop()
            if self.shape_of(name) == self.shape:
                self.empty(name)
                return name
            self.drop(name)
        return self.make()

    def empty(self, name):
        tables = [table for (table,) in self.admin.execute(TABLES, [name]) if table != "schema_migration"]
        counters = [row for (row,) in self.admin.execute(SEQUENCES, [name]) if row != "schema_migration_id_seq"]
        lines = [f"DELETE FROM {name}.{table}" for table in tables]
        self.admin.execute("; ".join([*lines, *(f"SELECT setval('{name}.{one}', 1, false)" for one in counters)]))

    def close(self):
        for name in self.idle:
            self.drop(name)
        self.admin.close()
