"""Leads found: the filters that the dashboard and the commands share, and pages of what they find.

Leads are told apart, sorted and paged by their ids, which begin with their time.
"""

import operator
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce

import peewee

import database
import models
from database import StoreError
from judge.mailboxes import mailbox, provider_of
from judge.schema import FieldSpec
from judge.types import TYPES
from judge.values import Refused, clean
from leads import looking, who
from models import Lead, Refusal, RuleText, first_id

PAGE = 50
LONGEST = 200  # characters of a name or value that is looked for
CHUNK = 200  # leads that are read at once: psycopg holds all that a query finds
EPOCH = datetime.fromtimestamp(0, UTC)


class FilterError(ValueError):
    """A text that is no filter. The sentence names it and says what to write."""


@dataclass(frozen=True)
class Filter:
    """Which leads to find; what is None does not matter.

    `programs` are those that an operator may see, `since` and `until` aware datetimes (`until` is
    the first moment that does not count), `reason` a reason code, `observed` a rule that only
    observes and would have refused the lead, `phones` the phone in normal form: a national number
    may be one of several countries.
    """

    program: str | None = None
    programs: frozenset | None = None
    since: datetime | None = None
    until: datetime | None = None
    valid: bool | None = None
    test: bool | None = None
    partner: str | None = None
    reason: str | None = None
    email: str | None = None
    phones: tuple = ()
    id: str | None = None
    observed: str | None = None
    customer: str | None = None
    match: Callable | None = None
    subpartner: str | None = None


# --- From texts ---


def read_filter(texts, programs, now=None, everything=None):
    """Return the Filter that `texts` mean: `{"since": "30d", "email": "Ann@Example.com", …}`.

    The keys are those of READERS, `name`, and `field`, of which there may be several (`["state=CA"]`);
    what is empty does not matter. `programs` are the programs by name, whose time zone says when a day
    begins and whose countries how a phone is written, and `everything` those that say what is masked.
    Raises FilterError.
    """
    fields = texts.get("field") or ()
    fields = [clean(text.strip()) for text in ([fields] if isinstance(fields, str) else fields) if text.strip()]
    others = {name: text for name, text in texts.items() if name != "field"}
    given = {name: clean(text.strip()) for name, text in others.items() if text and text.strip()}
    named = [programs[given["program"]]] if given.get("program") in programs else list(programs.values())
    context = _Context(named, now or datetime.now(UTC))
    names = [given.pop("name")[:LONGEST]] if "name" in given else []
    wanted = replace(Filter(), **dict(READERS[name](text, context) for name, text in given.items()))
    if not names and not fields:
        return wanted
    pairs, chosen = [_field(text, named) for text in fields], {program.name: program for program in named}
    return replace(wanted, match=who.matcher(names, pairs, chosen, programs if everything is None else everything))


def _field(text, programs):
    """Return the name and the text of `name=text`. Raises FilterError where nobody is to be found by that field."""
    name, is_, value = (part.strip() for part in text.partition("="))
    known = searchable(programs)
    if not (is_ and name and value):
        raise FilterError("field takes the name of a field and a value: state=CA")
    if name not in known:
        if any(name in program.fields for program in programs):
            raise FilterError("this field is sensitive or not stored: no lead is found by it")
        raise FilterError(f"field takes one that a rule file declares: {', '.join(known) or 'there is none'}")
    return name, value[:LONGEST]


def searchable(programs):
    """Return the labels of the fields by which leads are found, by name: those that are stored for all to see."""
    fields = [(name, field) for program in programs for name, field in program.fields.items()]
    return {name: field.label for name, field in fields if field.spec.store and not field.spec.sensitive}


@dataclass(frozen=True)
class _Context:
    """The programs that a filter is about, and the time that it is."""

    programs: list
    now: datetime

    @property
    def zone(self):
        return zone(self.programs)


def zone(programs):
    """Return the time zone in which days of these programs begin: their own if they share one, else UTC."""
    zones = {program.spec.timezone for program in programs}
    return zones.pop() if len(zones) == 1 else UTC


def _since(text, context):
    return "since", _moment("since", text, context)


def _until(text, context):
    return "until", _moment("until", text, context, timedelta(days=1))


def _moment(name, text, context, whole_day=timedelta(0)):
    """Return the moment that a text means; a day means its begin or, with `whole_day`, its end."""
    if match := re.fullmatch(r"(\d{1,5}) ?([dhm])", text):
        unit = {"d": "days", "h": "hours", "m": "minutes"}[match[2]]
        return max(context.now - timedelta(**{unit: int(match[1])}), EPOCH)
    try:
        if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text):
            moment = datetime.combine(date.fromisoformat(text) + whole_day, time.min, context.zone)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=context.zone)
        return max(moment.astimezone(UTC), EPOCH)
    except (ValueError, OverflowError):
        raise FilterError(f"{name} takes a date such as 2026-11-01 or a time ago such as 30d, 12h or 15m") from None


def _word(name, words):
    def read(text, _):
        if text.lower() not in words:
            raise FilterError(f"{name} is one of: {', '.join(words)}")
        return name, words[text.lower()]

    return read


def _plain(name, longest=models.LONGEST_PARTNER):
    return lambda text, _: (name, text[:longest])


def _email(text, _):
    return "email", normal_email(text)


def _phone(text, context):
    return "phones", normal_phones(text, context.programs)


def _id(text, _):
    if not re.fullmatch("[0-9A-Za-z]{26}", text):
        raise FilterError("id is not the id of a lead: it has 26 letters and digits")
    return "id", text.upper()


def _customer(text, _):
    if not re.fullmatch("[0-9A-Fa-f]{64}", text):
        raise FilterError("customer is not a customerid as answers have it: it has 64 digits and letters from a to f")
    return "customer", text.lower()


VALIDITY = {"valid": True, "true": True, "yes": True, "invalid": False, "refused": False, "false": False, "no": False}
READERS = {
    "program": _plain("program"),
    "since": _since,
    "until": _until,
    "valid": _word("valid", VALIDITY),
    "test": _word("test", {"yes": True, "true": True, "no": False, "false": False}),
    "partner": _plain("partner"),
    "subpartner": _plain("subpartner"),
    "reason": _plain("reason"),
    "email": _email,
    "phone": _phone,
    "id": _id,
    "observed": _plain("observed"),
    "customer": _customer,
}


def normal_email(text):
    """Return an address as leads have it. Raises FilterError."""
    try:
        return str(TYPES["email"].make(FieldSpec(type="email"), None)(text))
    except Refused:
        raise FilterError("email is not an email address: write it as ann@example.com") from None


def normal_phones(text, programs):
    """Return what a phone may be in normal form, by the countries of the programs. Raises FilterError."""
    fields = [spec for program in programs for spec in program.spec.fields.values() if spec.type == "phone"]
    countries = dict.fromkeys([None, *(country for spec in fields for country in spec.countries_named)])
    found = {}
    for country in countries:
        try:
            found[str(TYPES["phone"].make(FieldSpec(type="phone", country=country), None)(text))] = True
        except Refused:
            continue
    if not found:
        raise FilterError("phone is not a phone number: write it with its country, such as +1 415 555 2671")
    return tuple(found)


# --- Queries ---


def leads(wanted, newest_first=True, after=None):
    """Return a query of the leads that the Filter wants, those that come after the id `after` if it is given.

    What `match` asks for is not in it.
    """
    query, key = Lead.select(), Lead.id
    if code := wanted.reason or (wanted.observed and models.OBSERVED + wanted.observed):
        # The narrow table leads the way: it is sorted by id for each code.
        query, key = query.join(Refusal, on=(Refusal.lead == Lead.id)).where(Refusal.code == code), Refusal.lead
    conditions = [ask(value) for name, ask in CONDITIONS.items() if (value := getattr(wanted, name)) not in (None, ())]
    if wanted.reason and wanted.observed:
        conditions.append(looking.has_code(models.OBSERVED + wanted.observed))
    for condition in [*conditions, *bounds(wanted, key, newest_first, after)]:
        query = query.where(condition)
    return query.order_by(key.desc() if newest_first else key.asc())


def each(wanted, newest_first=True):
    """Yield all leads that the Filter wants, however many there are, a chunk at a time."""
    if wanted.match:
        yield from _each_match(wanted, newest_first)
        return
    chunk = list(leads(wanted, newest_first).limit(CHUNK))
    while chunk:
        yield from chunk
        chunk = list(leads(wanted, newest_first, chunk[-1].id).limit(CHUNK))


def _each_match(wanted, newest_first):
    after = ""
    while after is not None:
        chunk, after = page(wanted, after, CHUNK, newest_first)
        yield from chunk


def bounds(wanted, key, newest_first, after):
    """Yield the conditions of time. One bound only at each end: of two, the database might read from the wrong one."""
    begins, ends = wanted.since and first_id(wanted.since), wanted.until and first_id(wanted.until)
    if after and newest_first:
        ends = min(after, ends or after)
    elif after and not (begins and begins > after):
        begins = None
        yield key > after
    if begins:
        yield key >= begins
    if ends:
        yield key < ends


def _same_email(email, column=Lead.email):
    """Return the condition that a lead has this address or, where its provider has others, one of the same mailbox."""
    provider, lower = provider_of(email.lower()), peewee.fn.LOWER(column)
    plain = _plainly(lower, ' COLLATE "C"' if database.engine().side_by_side else "")  # the index
    if provider and email.isascii():
        return _same_mailbox(provider, mailbox(email.lower()), lower, plain)
    # LOWER as the index has it. SQLite's knows ASCII letters alone: so both cases of the others.
    cases = [peewee.fn.LOWER(text) for text in sorted({email.lower(), email.upper()})]
    return plain.in_([_plainly(text) for text in cases]) & lower.in_(cases)


def _same_mailbox(provider, address, lower, plain):
    local, _, domain = address.rpartition("@")
    start = local.replace(".", "")
    near = (plain >= start) & (plain < start + "A")  # up to all that follows the name but letters and _
    written, start = (lower, local) if provider.dots else (_plainly(lower), start)
    begins = [peewee.fn.SUBSTR(written, 1, len(start) + 1) == start + mark for mark in (provider.tag, "@")]
    ends = [lower.endswith(f"@{name}") for name in (provider.names if provider.domain else [domain])]
    return near & reduce(operator.or_, begins) & reduce(operator.or_, ends)


def _plainly(address, collation=""):
    return _sql("REPLACE({}, '.', '')" + collation, address)


def _sql(text, part):
    before, after = text.split("{}")
    return peewee.NodeList((peewee.SQL(before), part, peewee.SQL(after)), glue="")


# What a part of a Filter asks of a lead. Times, and reasons, which have a table of their own, are seen to by `leads`.
CONDITIONS = {
    "id": lambda lead_id: Lead.id == lead_id,
    "test": lambda is_test: Lead.test if is_test else ~Lead.test,
    "programs": lambda names: Lead.program.in_(sorted(names)),
    "program": lambda name: Lead.program == name,
    "valid": lambda is_valid: Lead.valid == is_valid,
    "partner": lambda name: Lead.partner == name,
    "subpartner": lambda name: Lead.subpartner == name,
    "email": _same_email,
    "phones": lambda phones: Lead.phone.in_(phones),
    "customer": lambda customer: Lead.customerid == customer,
}

# The same of leads that are chosen by their ids: without statistics, SQLite would read all that the index has instead.
BESIDE = {
    "email": lambda email: _same_email(email, Lead.email.concat("")),
    "phones": lambda phones: Lead.phone.concat("").in_(phones),
    "customer": lambda customer: Lead.customerid.concat("") == customer,
}


def page(wanted, after=None, size=PAGE, newest_first=True):
    """Return the newest leads that the Filter wants, and the cursor of the next page (None: there is none).

    `after` is the cursor of this page, as the page before gave it: the id of the last lead there.
    """
    found = look(wanted, after, size, newest_first)
    return found.leads, found.older


def look(wanted, after=None, size=PAGE, newest_first=True, seconds=None):
    """Return a page as `looking.Found`, with how many leads there are in all; of what takes longer, a part."""
    if after and not re.fullmatch("[0-9A-Z]{26}", after):
        raise FilterError("this page does not exist: start again from the first one")
    return looking.Look(wanted, CONDITIONS, BESIDE, bounds, newest_first).page(after or None, size, seconds)


def repeats_of(lead, size=PAGE, programs=None):
    """Return the newest other leads with the same email, phone or customer, of these programs or all.

    A lead whose values were removed is none of them, and has none: it is not to be told whose it was.
    """
    found, ours = {}, () if programs is None else (Lead.program.in_(sorted(programs)),)
    same = {"email": _same_email(lead.email), "phone": Lead.phone == lead.phone}
    same["customerid"] = Lead.customerid == lead.customerid
    for column, condition in same.items() if lead.masked_at is None else ():
        if getattr(lead, column):
            query = Lead.select().where(condition, Lead.id != lead.id, Lead.masked_at.is_null(), *ours)
            query = query.order_by(Lead.id.desc()).limit(size)
            found |= {other.id: other for other in query}
    return [found[key] for key in sorted(found, reverse=True)[:size]]


# --- One row ---


def newest(program):
    """Return the last lead of a program, or None."""
    return Lead.select().where(Lead.program == program).order_by(Lead.id.desc()).first()


def find(table, text):
    """Return the row of a table that has this id, or None: for a text that no database takes too, as one with a NUL."""
    return table.get_or_none(id=text) if re.fullmatch("[0-9A-Z]{1,26}", text) else None


def last_rule_text(program):
    """Return the text of the rules that judged the program's last lead, or None."""
    if not database.exists():
        return None
    with suppress(StoreError), database.read():
        query = RuleText.select(RuleText.text).join(Lead, on=(Lead.rules == RuleText.hash))
        return query.where(Lead.program == program).order_by(Lead.id.desc()).limit(1).scalar()


def last_rules(program):
    """Return the program's name and the text that judged its last lead; else the name that this text had, or Nones."""
    if text := last_rule_text(program.name):
        return program.name, text
    if database.exists():
        with suppress(StoreError), database.read():
            if row := RuleText.get_or_none(hash=program.hash):
                return row.program, row.text
    return None, None
