"""Leads that were stored before two addresses of one mailbox were one person are known by each of them.

A new lead looks for its place under the mailbox, and under the address itself as it was compared before. That finds the
same address, and not another one of the mailbox: for those the places move. They are keyed hashes, which stored leads
make again; a place whose leads were masked stays where it is.
"""

import database
from database import claims, customers
from database.secret import hold_secret, keyed_hash
from judge.judgement import recognize
from judge.rules import former_places, moved_keys, place_of
from judge.sameness import older_forms, was_another
from models import Fact, Lead, customer_of
from web.payload import PayloadError
from web.request import read as read_lead

AT_ONCE = 50  # leads: some 10 ms of the one writer
DONE = "done"


def know_again(programs):
    """Move the places of some leads of before; tell whether there are more. For `database.add_chore`."""
    return any((progress := _progress(program)) and _know_some(program, progress) for program in programs)


def _progress(program):
    """Return the row that says how far the leads of a program are known, unless all are, or somebody else is at it."""
    name = f"mailboxes:{program.name}"
    if Fact.get_or_none(name=name) is None:
        Fact.insert(name=name, value="").on_conflict_ignore().execute()
    return database.engine().to_write(Fact.select().where(Fact.name == name, Fact.value != DONE)).first()


def _know_some(program, progress):
    query = Lead.select(Lead.id, Lead.fields).where(Lead.program == program.name, Lead.id > progress.value)
    leads = list(query.order_by(Lead.id).limit(AT_ONCE))
    meant = [lead.id for lead in leads if any(map(was_another, lead.fields.values()))]
    if meant:
        hold_secret()
    for lead in Lead.select().where(Lead.id.in_(meant), Lead.valid, ~Lead.test, Lead.masked_at.is_null()):
        _know(program, lead)
    progress.value = leads[-1].id if leads else DONE
    progress.save()
    return bool(leads)


def _know(program, lead):
    try:
        fields = read_lead(program, bytes(lead.body), lead.content_type, bytes(lead.query))
    except PayloadError:  # by rules that were changed since
        return
    seen = recognize(program, fields, lead.received_at)
    for rule in program.spec.rules:
        for names in rule.unique or ():
            place = place_of(program.name, rule, names)
            if all(name in seen.values for name in place[1:]):
                values = [seen.values[name] for name in place[1:]]
                for older, today in moved_keys(place, former_places(place, program.fields), values):
                    claims.move_place(keyed_hash(*older), keyed_hash(*today))
    for texts in older_forms(map(seen.values.get, program.spec.customer)) if seen.customer else ():
        if (before := customer_of(texts)) == lead.customerid:
            customers.note_before(customer_of(seen.customer), before, lead.id, lead.received_at)
