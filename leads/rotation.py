"""A changed DATAPOST_SECRET: what was hashed with the old one and can be made again is hashed with the new one.

A keyed hash cannot be turned back, but stored leads tell what it was made of: their values make the
same places, totals, repeated requests and customers again. So each lead that has its values is read, and
what its hashes are with the old secret is looked for in the database. A place is found by any lead that
can make it, and not only by the one that holds it, which may be masked.

Credentials are stored nowhere, and an Idempotency-Key neither: what was made of them is lost.
"""

from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from peewee import CharField, Model, chunked

import database
import models
from database import claims, db
from database.secret import hash_with, keyed_hash, noted
from database.statements import execute
from judge.compiler import compile_text
from judge.judgement import content, recognize
from judge.rulefile import RuleFileError
from judge.sameness import FORMS
from models import Lead, RuleText, Submission, Taken, Total
from web.payload import PayloadError
from web.request import read as read_lead

CHUNK = 200  # leads that are read at once: a body has up to 256 KB
AT_ONCE = 1000  # hashes that are looked for, or noted, by one statement
COMPILED = 32  # programs of earlier rule texts that are remembered: each may bring long lists


class RotationError(ValueError):
    """The secret cannot be changed so. The sentence says why."""


class Known(Model):
    """A hash of the database that a lead has made again. The table ends with the transaction."""

    old = CharField(64, primary_key=True)
    new = CharField(64)
    fingerprint = CharField(64)

    class Meta:
        database = db
        temporary = True


@dataclass
class Change:
    """How many hashes of one kind are made again with the new secret, and how many cannot be."""

    found: int = 0
    lost: int = 0


@dataclass
class Report:
    """What a change of the secret does.

    `masked` leads have no values any more, and `unread` ones no rules that can be read. `links` are the programs
    whose posting instructions have another link. A lost customer id stays as it was.
    """

    leads: int = 0
    masked: int = 0
    unread: int = 0
    customers: Change = field(default_factory=Change)
    places: Change = field(default_factory=Change)
    totals: Change = field(default_factory=Change)
    repeats: Change = field(default_factory=Change)
    links: list = field(default_factory=list)

    as_dict = asdict


def leads_to_read():
    return Lead.select().where(Lead.masked_at.is_null())


class Rotation:
    """The change from the secret `old` to the one in use, within one transaction (`database.write`).

    Without `old` nothing can be made again. Raises RotationError.
    """

    def __init__(self, old, book):
        self._old, self._book, self._unread = old.encode(), book, 0
        self._program = lru_cache(COMPILED)(self._compile)
        database.engine().lock_tables("claim", "total", "lead", "fact")  # as leads and the start write to them
        _check(self._old)

    def survey(self, progress):
        """Find out which hashes can be made again, and return the Report; `progress(leads)` is told of each chunk."""
        Known.create_table(safe=False)
        after = ""
        while self._old and (leads := self._chunk(after)):
            self._note(leads)
            after = leads[-1].id
            progress(len(leads))
        return self._report()

    def carry_out(self):
        """Make the hashes again, and forget those that are lost; the database knows the new secret at last."""
        for statement in CARRY_OUT:
            execute(statement, [])
        execute("UPDATE fact SET value = ? WHERE name = 'secret'", [keyed_hash("secret")])

    def _chunk(self, after):
        return list(leads_to_read().where(Lead.id > after).order_by(Lead.id).limit(CHUNK))

    def _note(self, leads):
        """Note which hashes of the database these leads make."""
        marks = [mark for lead in leads for mark in self._marks(lead)]
        there = {lead.customerid: "" for lead in leads}
        for hashes in chunked([mark[0] for mark in marks], AT_ONCE):
            there |= Taken.select(Taken.key, Taken.fingerprint).where(Taken.key.in_(hashes)).tuples()
            there |= {key: "" for (key,) in Total.select(Total.key).where(Total.key.in_(hashes)).tuples()}
        rows = [(old, new, fingerprint) for old, new, before, fingerprint in marks if there.get(old) == before]
        for some in chunked(rows, AT_ONCE):
            Known.insert_many(some).on_conflict_ignore().execute()

    def _marks(self, lead):
        """Yield the hashes that a lead can make: the old and the new one, and the fingerprints that belong to them."""
        program = self._program(lead.rules, lead.program)
        if program is None:
            self._unread += 1
            return
        try:
            fields = read_lead(program, bytes(lead.body), lead.content_type, bytes(lead.query))
        except PayloadError:  # it was refused for that, and holds nothing
            return
        seen = recognize(program, fields, lead.received_at)
        keys = [key for claim in seen.claims for key in (claim.key, *claim.before)]
        for key in keys:
            yield *self._both(*key), "", ""
        for texts in _customers(program, seen):
            yield hash_with(self._old, "customer", texts), models.customer_of(seen.customer), "", ""
        same = content(fields)
        submission = Submission(lead.program, lead.user, b"", "", b"", lead.received_at, same)
        for key in models.retry_keys(submission, seen):
            yield *self._both(*key), *self._both("content", same)

    def _both(self, *parts):
        return hash_with(self._old, *parts), keyed_hash(*parts)

    def _compile(self, rules, name):
        """Return the Program of that day; today's where it cannot be read any more, as without its lists; or None."""
        row, path = RuleText.get_or_none(hash=rules), Path(self._book.folder) / f"{name}.yaml"
        try:
            return compile_text(name, str(path), row.text if row else "", examples=False, texts=self._book.texts)
        except RuleFileError:
            return self._book.programs.get(name)

    def _report(self):
        report = Report(leads=Lead.select().count(), unread=self._unread)
        report.masked = report.leads - leads_to_read().count()
        now = claims.milliseconds(database.now())
        for is_found, count in _rows(CUSTOMERS):
            _count(report.customers, is_found, count)
        for is_repeat, is_found, count in _rows(PLACES, now):
            _count(report.repeats if is_repeat else report.places, is_found, count)
        for is_found, count in _rows(TOTALS, now):
            _count(report.totals, is_found, count)
        report.links = sorted(name for name, program in self._book.programs.items() if program.spec.docs == "link")
        return report


def _check(old):
    """Raise RotationError unless the hashes were made with `old`, if that is known, and not with the secret in use."""
    known = noted()
    if known is None:
        raise RotationError("the database knows no secret yet: set DATAPOST_SECRET, and start")
    if known == keyed_hash("secret"):
        raise RotationError(
            "the hashes in this database were made with this DATAPOST_SECRET, so there is nothing to change: set it to "
            "the new secret, and DATAPOST_OLD_SECRET to the one that it was"
        )
    if old and known != hash_with(old, "secret"):
        raise RotationError("DATAPOST_OLD_SECRET is not the secret that the hashes in this database were made with")


def _customers(program, verdict):
    """Yield what the customer id may have been made of: values were compared otherwise before."""
    for form in FORMS if verdict.customer else ():
        yield [form(verdict.values.get(name)) for name in program.spec.customer]


def _count(change, is_found, count):
    if is_found:
        change.found += count
    else:
        change.lost += count


def _rows(sql, *values):
    return db.execute_sql(sql.replace("?", db.param), values).fetchall()


# What has run out is lost to nobody.
PLACES = """
    SELECT claim.fingerprint <> '', known.old IS NOT NULL, count(*)
    FROM claim LEFT JOIN known ON known.old = claim.key
    WHERE claim.expires_at IS NULL OR claim.expires_at > ? GROUP BY 1, 2
"""
TOTALS = """
    SELECT known.old IS NOT NULL, count(*) FROM total LEFT JOIN known ON known.old = total.key
    WHERE total.expires_at IS NULL OR total.expires_at > ? GROUP BY 1
"""
CUSTOMERS = """
    SELECT known.old IS NOT NULL, count(*) FROM lead LEFT JOIN known ON known.old = lead.customerid
    WHERE lead.customerid <> '' GROUP BY 1
"""

CARRY_OUT = (
    "DELETE FROM claim WHERE NOT EXISTS (SELECT 1 FROM known WHERE known.old = claim.key)",
    """
    UPDATE claim SET key = (SELECT known.new FROM known WHERE known.old = claim.key),
        fingerprint = (SELECT known.fingerprint FROM known WHERE known.old = claim.key)
    """,
    "DELETE FROM total WHERE NOT EXISTS (SELECT 1 FROM known WHERE known.old = total.key)",
    "UPDATE total SET key = (SELECT known.new FROM known WHERE known.old = total.key)",
    """
    UPDATE lead SET customerid = (SELECT known.new FROM known WHERE known.old = lead.customerid)
    WHERE customerid IN (SELECT known.old FROM known)
    """,
    "DELETE FROM knownlogin",
    "DELETE FROM session",
    "DELETE FROM failedlogin",
    "DROP TABLE known",
)
