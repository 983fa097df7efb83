"""Who a lead is, as the fields of its program tell it; and whether a name, or the value of a field, is that of a lead.

What is masked tells nobody, and nobody is found by it: not by a part either, which would give it away bit by bit.
"""

import json
from typing import NamedTuple

from judge.types import TYPES
from judge.values import Refused, canonical
from web import masks

# How fields are called that tell who somebody is: by their name in the rule file, or by their label.
FULL, GIVEN = ("fullname", "contactname", "customername", "applicantname"), ("firstname", "givenname", "forename")
FAMILY = ("lastname", "surname", "familyname")
EXACTLY = {"name": "full", "first": "given", "fname": "given", "last": "family", "lname": "family"}

# The kind of types of which a part is looked for; of others a part says nothing: 5 is not found in 1500.
PARTS = "text"


class Row(NamedTuple):
    """What of a lead tells whether it fits."""

    id: str
    program: str
    rules: str
    fields: str  # as it is stored: JSON


class People:
    """The programs, and which of their fields tell who a lead is."""

    def __init__(self, programs):
        self._roles = {name: _roles(program) for name, program in programs.items()}

    def who(self, lead, hidden):
        """Return the name of a lead's person, else the address or phone number; masked where all of it is, or ""."""
        told = [self.name(lead.program, lead.fields, hidden)]
        told += [_first(self._roles.get(lead.program, {}).get(kind, ()), lead.fields, hidden) for kind in ADDRESSES]
        told = [text for text in told if text]
        return next((text for text in told if text != masks.MASK), told[0] if told else "")

    def name(self, program, fields, hidden):
        """Return the name alone."""
        roles = self._roles.get(program, {})
        if full := _first(roles.get("full", ()), fields, hidden):
            return full
        parts = [_first(roles.get(kind, ()), fields, hidden) for kind in ("given", "family")]
        return " ".join(part for part in parts if part and part != masks.MASK) or next(filter(None, parts), "")


ADDRESSES = ("email", "phone")


def _roles(program):
    """Return the names of fields for each kind of thing that tells who somebody is."""
    found = {}
    for name, field in program.fields.items():
        if kind := _kind(field):
            found.setdefault(kind, []).append(name)
    return found


def _kind(field):
    if field.spec.type in ADDRESSES:
        return field.spec.type
    if field.spec.type != "text":
        return None
    for form in (canonical(field.name), canonical(field.label)):
        for kind, endings in (("full", FULL), ("given", GIVEN), ("family", FAMILY)):
            if form.endswith(endings):
                return kind
        if form in EXACTLY:
            return EXACTLY[form]
    return None


def _first(names, fields, hidden):
    """Return the first value that a lead has of some fields, or "": the mask where that one is masked."""
    masked = ""
    for name in names:
        value = fields.get(name)
        texts = [text for text in (value if isinstance(value, list) else [value]) if text not in (None, "")]
        if texts and texts[0] != masks.MASK and not hidden.hides(name, value):
            return str(texts[0])
        masked = masks.MASK if texts else masked
    return masked


# --- Whether a lead fits ---


def matcher(names, fields, programs, everything):
    """Return the function that tells of a Row whether it has these names, and these values of fields.

    `names` are texts, `fields` pairs of a field's name and a text. `everything` are all programs, by which
    values are masked, `programs` those whose leads are looked for.
    """
    hidden = masks.hidden_fields(everything)
    asked = [_Name(text, programs) for text in names] + [_Value(name, text, programs) for name, text in fields]

    def fits(row):
        text = row.fields.casefold()
        if not all(one.may_fit(text) for one in asked):
            return False
        values = json.loads(row.fields)
        return all(one.fits(row.program, values, hidden(row)) for one in asked)

    return fits


def _stored(text):
    """Return a text as it stands in JSON, in small letters."""
    return json.dumps(text, ensure_ascii=False)[1:-1].casefold()


class _Name:
    """Asks for all words of a name, in any order, each whole or in part."""

    def __init__(self, text, programs):
        self._people, self._words = People(programs), text.casefold().split()
        self._stored = [_stored(word) for word in text.split()]

    def may_fit(self, text):
        return all(word in text for word in self._stored)

    def fits(self, program, values, hidden):
        name = self._people.name(program, values, hidden).casefold()
        return name != masks.MASK and all(word in name for word in self._words)


class _Value:
    """Asks for the value of a field: a part of a text, or the whole of a number, a day and the like."""

    def __init__(self, name, text, programs):
        self._fields = {}  # of each program, the names under which it may be stored
        self._forms, self._whole = {text.casefold()}, set()
        for program in programs.values():
            if field := program.fields.get(name):
                self._fields[program.name] = [name, *field.former_names]
                self._forms.add(_normal(field, text))
                if TYPES[field.spec.type].kind != PARTS:
                    self._whole.add(program.name)
        self._stored = [_stored(form) for form in self._forms]

    def may_fit(self, text):
        return any(form in text for form in self._stored)

    def fits(self, program, values, hidden):
        for name in self._fields.get(program, ()):
            value = values.get(name)
            found = [_told(each) for each in (value if isinstance(value, list) else [value]) if each is not None]
            same = any(self._fits(program, each) for each in found)
            if same and value != masks.MASK and not hidden.hides(name, value):
                return True
        return False

    def _fits(self, program, value):
        return value in self._forms if program in self._whole else any(form in value for form in self._forms)


def _normal(field, text):
    """Return a text as the field's value is stored: 250000.00 for $250,000."""
    try:
        return _told(field.value(text, any_day=True))
    except Refused:
        return text.casefold()


def _told(value):
    return ("false", "true")[value] if isinstance(value, bool) else str(value).casefold()
