"""A person who asks: found in submissions, however an address or a number is written there, and erased.

Bodies are searched as they came, in every form that the formats allow: percent-encoded, with
escapes of JSON or XML, in UTF-16. Better one lead too many that is looked at than one forgotten;
but no lead of somebody else, whose address or number only holds the one that is searched for.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from types import MappingProxyType
from urllib.parse import unquote_plus

import phonenumbers
from ulid import ULID

import database
import models
from database import db
from database.customers import known_as
from database.secret import hold_secret, keyed_hash
from judge.mailboxes import mailbox, provider_of
from judge.rules import former_places, place_of, unique_keys
from judge.sameness import FORMS, Address
from leads import daily, sent
from leads.backtest import Backtest
from leads.retention import AT_ONCE, empty
from models import Erasure, Lead, Taken
from web import payload
from web.masks import ERASED, forms, plain

# What else forgets a partner who is a person, of rooms that this one does not know: called within the transaction, with
# the names of program and partner.
forgetting = []


class Person:
    """Somebody known by a pattern in a text without escapes, in small letters.

    What the pattern finds as a named group is somebody else. `values` are what fields of this person hold.
    """

    def __init__(self, pattern, values=()):
        self._pattern, self.values = re.compile(pattern), values

    def stands_in(self, text):
        """Tell whether a text holds the person, escaped or not."""
        return any(not found.lastgroup for form in forms(text) for found in self._pattern.finditer(form))

    def stands_in_lead(self, email, phone, partner, subpartner, note, content_type, fields, trace, query, body):
        texts = [email, phone, partner, subpartner, note, content_type, fields, trace]
        query, body = bytes(query), bytes(body)
        texts += [*_decoded(query), *_decoded(body), *_values(body, content_type, query)]
        return any(self.stands_in(text) for text in texts if text)


def nobody():
    """Return the Person who stands nowhere, for leads that are found by their id."""
    return Person("(?!)")


def with_email(*spellings):
    """Return the Person with this address, or another one of the same mailbox.

    `spellings` are how it may be written, but for case.
    """
    values, spellings = [Address(spelling) for spelling in spellings], {plain(spelling) for spelling in spellings}
    spellings |= {_in_unicode(spelling) for spelling in spellings}
    any_of = "|".join(_of_mailbox(spelling) for spelling in sorted(spellings))
    return Person(rf"(?<![\w+-])(?<![\w+-]\.)(?:{any_of})(?!-*[^\W_]|\.[^\W_])", values)


_TAG = r"[\w.!#$%&'*+/=?^`{|}~-]{0,64}"  # RFC 5321, 4.5.3.1.1: a name has 64 characters at most


def _of_mailbox(address):
    """Return the pattern of the addresses that are the same to their provider; of others, of this one alone."""
    provider = provider_of(address)
    if provider is None:
        return re.escape(address)
    local, _, domain = mailbox(address).rpartition("@")
    name = re.escape(local) if provider.dots else r"\.?".join(map(re.escape, local))
    domains = "|".join(map(re.escape, provider.names if provider.domain else [domain]))
    return f"{name}(?:{re.escape(provider.tag)}{_TAG})?@(?:{domains})"


def _in_unicode(email):
    local, _, domain = email.rpartition("@")
    try:
        return f"{local}@{domain.encode('ascii').decode('idna')}".casefold()
    except UnicodeError:
        return email


# A few characters at most: a search through a long run of them would take the square of its length.
_GAP = r"[\s().+/_\u00b7\u2010-\u2015-]{0,8}"
_PLUS = r"(?:\+|%(?:25)*2b|\\u002b|&#43;|&#x2b;|00|011)"


def with_phone(*numbers):
    """Return the Person with one of these numbers (E.164), written as in its country or from abroad.

    The same digits after the code of another country are somebody else's number.
    """
    ours, digits = [], []
    for number in map(phonenumbers.parse, numbers):
        digits.append(_GAP.join(phonenumbers.national_significant_number(number)))
        ours.append(rf"(?:(?:00|011)?{_GAP}{number.country_code}{_GAP}(?:0{_GAP})?|0{_GAP})?{digits[-1]}")
    other = rf"(?P<other>{_PLUS}{_GAP}\d{{1,3}}{_GAP}(?:0{_GAP})?(?:{'|'.join(digits)}))"
    return Person(rf"(?<!\d)(?:{'|'.join(ours)}|{other})(?!\d)", numbers)


def _decoded(raw):
    """Return the texts that bytes may be."""
    try:
        texts = [raw.decode()]
    except UnicodeDecodeError:
        texts = [raw.decode("latin-1")]
    if b"\0" in raw:
        texts += [raw.decode(wide, "ignore") for wide in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")]
    return texts


def _values(body, content_type, query):
    """Return the values of a lead whose texts do not stand as they are in its body."""
    if not body.isascii() or b"<!" in body or b"+" in body or b"+" in query:
        try:
            fields = payload.decode(body, content_type, query)
            return [text for texts in fields.values() for text in texts]
        except payload.PayloadError:
            return [unquote_plus(text, errors="replace") for text in _decoded(body)]
    return []


@dataclass(frozen=True)
class Found:
    """A lead that holds the person."""

    id: str
    program: str


NO_PROGRAMS = MappingProxyType({})
CHUNK = 500  # leads that are read at once, so that nobody waits for a long reading
COLUMNS = "id, program, customerid, email, phone, partner, subpartner, note, content_type, fields, trace, query, body"


def find(person, progress, programs=None):
    """Return the leads that hold the person, of these programs or all; `progress(leads)` is told of each chunk.

    Leads that were masked say no more whose they are, but which customer's: that of a lead which holds
    the person, or the one that a value of the person makes where `customer:` is one field.
    """
    found, after = {}, ""
    customers = {models.customer_of([form(value)]) for value in person.values for form in FORMS}
    with database.read():
        customers |= {known_as(customer, customer) for customer in sorted(customers)}
    only = "" if programs is None else f"program IN ({', '.join('?' * len(programs)) or 'NULL'}) AND "
    query = f"SELECT {COLUMNS} FROM lead WHERE {only}id > ? ORDER BY id LIMIT {CHUNK}".replace("?", db.param)  # noqa: S608
    while True:
        with database.read():
            rows = db.execute_sql(query, [*(programs or ()), after]).fetchall()
        if not rows:
            found |= _masked_of(sorted(customers - {""}), programs)
            return [found[key] for key in sorted(found)]
        for lead_id, program, customer, *texts in rows:
            time.sleep(0)  # hand over to the threads that answer leads: else each would wait 5 ms for its turn
            if person.stands_in_lead(*texts):
                found[lead_id] = Found(lead_id, program)
                customers.add(customer)
        after = rows[-1][0]
        progress(len(rows))


def _masked_of(customers, programs):
    found = {}
    ours = [] if programs is None else [Lead.program.in_(programs)]
    for start in range(0, len(customers), CHUNK):
        query = Lead.select(Lead.id, Lead.program).where(Lead.customerid.in_(customers[start : start + CHUNK]))
        with database.read():
            masked = query.where(Lead.masked_at.is_null(False), *ours)
            found |= {lead.id: Found(lead.id, lead.program) for lead in masked}
    return found


def erase(found, person, kind, now=None, programs=NO_PROGRAMS):
    """Empty these leads of all that is personal, for ever, and record that it was done.

    `programs`, by name, say which destinations are told. Returns whether nothing of them is left in the database's
    files (see `database.scrub`).
    """
    empty_all(found, person, kind, now, programs=programs)
    return database.scrub()


def empty_all(found, person, kind, now=None, progress=lambda _leads: None, programs=NO_PROGRAMS):
    """Do the same, but for the files; `progress(leads)` is told of each batch."""
    now = now or datetime.now(UTC)
    ids = [lead.id for lead in found]
    record = Erasure.insert(id=str(ULID.from_datetime(now)), at=now, kind=kind, leads=len(ids))
    database.transact(record.execute)
    for start in range(0, len(ids), AT_ONCE):
        batch = ids[start : start + AT_ONCE]
        database.transact(lambda batch=batch: _erase(batch, person, now, programs))
        progress(len(batch))


def forget_places(found, person, programs):
    """Free the places that these leads hold, and those that other leads of the person took by one value alone.

    There is no index for the first: who reads all places must not write meanwhile. With another secret than the
    places were made with, none would be found.
    """
    database.transact(hold_secret)
    ids = [lead.id for lead in found]
    for start in range(0, len(ids), CHUNK):
        with database.read():
            keys = [row.key for row in Taken.select(Taken.key).where(Taken.lead.in_(ids[start : start + CHUNK]))]
        for first in range(0, len(keys), CHUNK):
            database.transact(Taken.delete().where(Taken.key.in_(keys[first : first + CHUNK])).execute)
    database.transact(Taken.delete().where(Taken.key.in_(list(_places(person, programs)))).execute)


def _places(person, programs):
    for program in programs:
        for rule in program.spec.rules:
            for names in rule.unique or ():
                if len(names) == 1:
                    place = place_of(program.name, rule, names)
                    for value in person.values:
                        for key in chain(*unique_keys(place, former_places(place, program.fields), [value])):
                            yield from (keyed_hash(*key), keyed_hash("test", *key))


def _erase(ids, person, now, programs):
    sent.withdraw(ids)
    columns = Lead.id, Lead.program, Lead.partner, Lead.subpartner, Lead.email, Lead.phone, Lead.trace
    for lead in Lead.select(*columns).where(Lead.id.in_(ids)):
        others = {}
        if _is_theirs(lead.subpartner, lead, person):
            others["subpartner"] = ""
            daily.forget_subpartner(lead.program, lead.partner, lead.subpartner)
        if _is_theirs(lead.partner, lead, person):
            others["partner"] = ""
            daily.forget_partner(lead.program, lead.partner)
            for forget in forgetting:
                forget(lead.program, lead.partner)
        if others:
            Backtest.delete().where(Backtest.program == lead.program).execute()  # reports name partners
        empty(lead, ERASED, now, fields={}, customerid="", **others)
        if lead.program in programs:
            sent.tell_destinations(programs[lead.program], [lead.id], now)


def _is_theirs(name, lead, person):
    """Tell whether a partner or sub-partner is the person whose lead it is, or the one who asks."""
    return bool(name) and (name.lower() in (lead.email.lower(), lead.phone) or person.stands_in(name))
