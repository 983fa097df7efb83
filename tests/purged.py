"""A program whose leads are masked and deleted by their age, and what is stored of them."""

from cast import wait_for
from counted import NOW, program

import database
import models
from judge.judgement import judge, unreadable
from leads import retention
from models import Lead, Submission
from web.payload import PayloadError, decode

RULES = """
partner: irpid
customer: [email]
fields:
  email: {type: email, required: true}
  phone: {type: phone, country: US}
  irpid: {}
rules:
  - {id: known, unique: [email], mode: observe}
  - {id: duplicate, unique: [email], within: 300 days}
sale_amount: 10.00
privacy: {mask_after: 90 days, delete_after: 365 days}
"""
PROGRAM = program("default", RULES)
PERSONAL = ("ann@example.com", "4155552671", "Ann", "canary")


def post(body, content_type="application/x-www-form-urlencoded", at=NOW, to=PROGRAM, query=b""):
    """Store a lead as the service does, and return it."""
    try:
        verdict = judge(to, decode(body, content_type, query, to.names), at)
    except PayloadError as error:
        verdict = unreadable(to, str(error))
    return models.record(Submission(to.name, "impact", body, content_type, query, at), verdict)


def ann(at=NOW, to=PROGRAM):
    return post(b"email=ann@example.com&phone=415-555-2671&irpid=7&name=Ann&x=canary", at=at, to=to)


def stored(lead):
    with database.read():
        return Lead.get_or_none(id=lead.id)


def everything():
    """Return all values of all tables, as one text."""
    with database.read():
        rows = [row for name in database.db.get_tables() for row in database.db.execute_sql(f"SELECT * FROM {name}")]
    return " ".join(
        bytes(v).decode(errors="replace") if isinstance(v, bytes | memoryview) else str(v) for r in rows for v in r
    )


def purge(now=NOW, *programs):
    return [retention.purge(one, now, lambda _: None) for one in programs or [PROGRAM]]


def purge_some(now=NOW, *programs):
    """Do what the service does by itself, once; tell whether there is more to do."""
    more = database.transact(lambda: retention.purge_some(programs or [PROGRAM], now))
    wait_for("scrub")
    return more
