"""A SQLite file and its log, as a crash would leave them.

Files are copied by `cp`, since a process that closes a database's file loses the locks that SQLite has on it.
"""

import subprocess

from cast import submit

import database
import models
from models import Lead


def lead(name):
    return submit(name, user=name)


def copy(*files):
    subprocess.run(["cp", *files], check=True)


def log_of(file):
    return file.with_name(f"{file.name}-wal")


def crashed(file, folder):
    """Return the file as a crash would leave it now, with its log, in a folder of its own."""
    folder.mkdir()
    copy(file, log_of(file), folder)
    return folder / file.name


def start(file):
    """Open the file as a start of the service does."""
    models.connect(f"sqlite:///{file}", "a key for tests")
    database.prepare()


def leads_in(file):
    start(file)
    with database.read():
        return [lead.user for lead in Lead.select().order_by(Lead.id)]
