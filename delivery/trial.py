"""A destination is tried: it is sent an example of a program's rules, marked as a test, and nothing is stored."""

from datetime import UTC, datetime

from ulid import ULID

import database
from database.secret import customer_of
from delivery import kinds
from delivery.outbox import entry_of
from delivery.parcel import parcel_of
from judge.examples import judge_after, judge_example
from models import Lead
from web.presenting import presenter


def trial(settings, programs, program, to, made=()):
    """Send an example of a program to a destination that it names and that has a setting, paused or not.

    It is the file's first example that goes there, else the first valid one; `made` are leads for a file without one,
    as rule files write them. Returns the id of the lead, which no other has, and the answers.Outcome.
    """
    lead = _lead(program, _verdict(program, to, made))
    with database.read():  # for what is masked
        parcel = parcel_of(program, entry_of(program, to), lead, presenter(programs), test=True)
    return lead.id, kinds.send(settings, settings.destinations[to], parcel)


def _verdict(program, to, made):
    now = datetime.now(UTC)
    given = [judge_example(program, example, now) for example in program.spec.examples if example.expect == "valid"]
    given += [judge_after(program, (), lead, now) for lead in (made if not given else ())]
    fit = [verdict for verdict in given if to in verdict.deliver] or [verdict for verdict in given if verdict.valid]
    return (fit or given or [judge_after(program, (), {}, now)])[0]


def _lead(program, verdict):
    now = datetime.now(UTC)
    values = {"id": str(ULID.from_datetime(now)), "program": program.name, "received_at": now, "user": ""}
    values |= {"partner": verdict.partner, "subpartner": verdict.subpartner, "status": 200, "valid": True, "test": True}
    values |= {"reasons": [], "note": verdict.note if verdict.valid else "", "sale_amount": verdict.sale_amount}
    values |= {"customerid": customer_of(verdict.customer), "email": verdict.email, "phone": verdict.phone}
    return Lead(**values, fields=verdict.fields, rules=program.hash, trace=[])
