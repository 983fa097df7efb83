"""Leads for trying that are like none before: otherwise the second try is a duplicate of the first."""

import secrets
import uuid

from judge.examples import texts_of
from judge.judgement import judge
from judge.values import Refused, canonical


def freshened(program, leads, now):
    """Return the leads with new values where two leads must not be alike: none repeats an earlier run's.

    A value that several of the leads have stays the same in all of them, but for those that say which
    requests are the same: each post is one of its own. A new value that would be judged otherwise
    than the old one (an address on a list, say) is not taken.
    """
    spec = program.spec
    unique = {name for rule in spec.rules for names in rule.unique or () for name in names}
    emails = {name for name, row in spec.fields.items() if row.type == "email"}
    for name in sorted(unique | emails | {*spec.customer, *spec.retry_key}):
        new = {}
        tried = [_replaced(program, lead, name, new if name not in spec.retry_key else {}) for lead in leads]
        if [_judged(program, lead, now) for lead in tried] == [_judged(program, lead, now) for lead in leads]:
            leads = tried
    return leads


def _judged(program, lead, now):
    verdict = judge(program, texts_of(lead), now)
    return verdict.codes, verdict.sale_amount


def _replaced(program, lead, field_name, new):
    made = {}
    for name, value in lead.items():
        if program.names.get(canonical(name)) == field_name:
            rule = program.fields[field_name]
            fresh = [new.setdefault(text, _other(rule, text)) for text in texts_of({name: value})[name]]
            value = fresh[0] if isinstance(value, str) else fresh
        made[name] = value
    return made


def _other(rule, text):
    """Return another value that the field takes; the same one if none is found, or if it does not take this one."""
    try:
        before = rule.value(text)
        for candidate in _CANDIDATES.get(rule.spec.type, lambda _: ())(text):
            try:
                if rule.value(candidate) != before:
                    return candidate
            except Refused:
                continue
    except Refused:
        pass
    return text


def _emails(text):
    local, _, domain = text.rpartition("@")
    return [f"{local}.{secrets.token_hex(3)}@{domain}", f"{secrets.token_hex(4)}@{domain}"]


def _texts(text):
    tag = secrets.token_hex(4)
    return [f"{text}-{tag}", f"{text}{tag}", tag, *_numbers(text)]


def _numbers(text, last=12):
    """Yield texts whose last digits are others; check digits and area codes make many of them wrong."""
    places = [place for place, character in enumerate(text) if character in "0123456789"][-last:]
    for _ in range(500 if places else 0):
        characters = list(text)
        for place in places:
            characters[place] = secrets.choice("0123456789")
        yield "".join(characters)


_CANDIDATES = {
    "email": _emails,
    "text": _texts,
    "uuid": lambda _: [str(uuid.uuid4())],
    "phone": lambda text: _numbers(text, 4),  # the area and the exchange stay: 555 is nobody's
    "integer": _numbers,
    "number": _numbers,
    "money": _numbers,
    "postal_code": _numbers,
    "id": _numbers,
}


def alike(program, lead, fresh):
    """Return the labels of what no two leads may have in common and what could not be made new."""
    same = {program.names.get(canonical(name)) for name, value in fresh.items() if lead.get(name) == value}
    groups = [names for rule in program.spec.rules for names in rule.unique or () if same.issuperset(names)]
    return [" and ".join(program.fields[name].label for name in names) for names in groups]
