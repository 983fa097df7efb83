"""Values that are the same though they are written otherwise: one mailbox, one ZIP.

`identity` is what duplicates, lists and customers go by. Everything else goes by `values.folded`.
"""

import re

from judge.mailboxes import mailbox, provider_of
from judge.values import Remarked, Text, folded, folded_before


class Address(Text):
    """An email address: a text like others, and for `identity` the mailbox that it leads to."""

    __slots__ = ()

    @property
    def identity(self):
        return mailbox(self.folded)


class Zip(Text):
    """A postal code of the United States: a ZIP+4 equals its ZIP, but its parts are those that it is written with."""

    __slots__ = ()

    @property
    def folded(self):
        return self[:5]

    def __eq__(self, other):
        return super().__eq__(zip_of(other))

    def __ne__(self, other):
        return super().__ne__(zip_of(other))

    __hash__ = Text.__hash__

    def startswith(self, start):
        return Text(self).startswith(start)

    def endswith(self, end):
        return Text(self).endswith(end)

    def __contains__(self, part):
        return part in Text(self)


class Placed:
    """A text of a country that another field says: of two countries the same code is two, for `identity` alone.

    A `country` of "" is one that nobody says. What is of the default country is a text like others.
    """

    __slots__ = ()

    @property
    def identity(self):
        return f"{self.country}:{self.folded}"


class Elsewhere(Placed, Text):
    __slots__ = ("country",)


class ElsewhereZip(Placed, Zip):
    __slots__ = ("country",)


class Unchecked(Placed, Remarked):
    """A text that no country has checked: the same one however it is set apart."""

    __slots__ = ()
    country = ""

    @classmethod
    def remarked(cls, text, remark):
        made = cls(text)
        made.remark = remark
        return made

    @property
    def identity(self):
        signs = "".join(filter(str.isalnum, self.folded))
        return f":{signs or self.folded}"


ZIPS = (Zip, ElsewhereZip)

_PLUS_4 = re.compile("[0-9]{5}-[0-9]{4}")


def zip_of(text):
    """Return the ZIP of a ZIP+4, and any other value as it is."""
    return text[:5] if isinstance(text, str) and _PLUS_4.fullmatch(text) else text


def identity(value):
    """Return the text by which a value tells who, or where, somebody is."""
    known = getattr(value, "identity", None)
    return folded(value) if known is None else known


def as_written(value):
    """Return the text by which a value is compared where it is a text like others, or an address for itself."""
    if isinstance(value, Placed):
        return value.identity
    return folded(Text(value)) if isinstance(value, Text) else folded(value)


def has_others(value):
    """Tell whether other addresses may lead to the same mailbox."""
    return type(value) is Address and provider_of(value.folded) is not None


def was_another(stored):
    """Tell whether a stored value may have been compared otherwise before: as another address, or another ZIP."""
    if not isinstance(stored, str):
        return False
    text = stored.lower()
    return mailbox(text) != text or zip_of(text) != text


# How places and customers are known, and how they were before: by each address for itself, and until 0.3.0 as written.
FORMS = (identity, folded, folded_before)


def older_forms(values):
    """Yield the texts by which these values were known before, each once, without those of today."""
    values = list(values)
    if any(isinstance(value, Placed) for value in values):  # as it is written, it may be of any country
        return
    known = [[identity(value) for value in values]]
    for form in FORMS[1:]:
        texts = [form(value) for value in values]
        if texts not in known:
            known.append(texts)
            yield texts
