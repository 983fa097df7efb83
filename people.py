"""A person found in a submission, however an address or a number is written there.

Bodies are searched as they came, in every form that the formats allow: percent-encoded, with
escapes of JSON or XML, in UTF-16. Better one lead too many that is looked at than one forgotten;
but no lead of somebody else, whose address or number only holds the one that is searched for.
"""

import html
import re
from urllib.parse import unquote, unquote_plus

import phonenumbers

import payload

ROUNDS = 3  # of escapes within escapes


class Person:
    """Somebody known by a pattern in a text without escapes, in small letters."""

    def __init__(self, pattern):
        self._pattern = re.compile(pattern)

    def stands_in(self, text):
        """Tell whether a text holds the person, escaped or not."""
        return any(self._pattern.search(form) for form in _forms(text))

    def stands_in_lead(self, email, phone, partner, note, content_type, fields, trace, query, body):
        texts = [email, phone, partner, note, content_type, fields, trace]
        query, body = bytes(query), bytes(body)
        texts += [*_decoded(query), *_decoded(body), *_values(body, content_type, query)]
        return any(self.stands_in(text) for text in texts if text)


def nobody():
    """Return the Person who stands nowhere, for leads that are found by their id."""
    return Person("(?!)")


def with_email(*spellings):
    """Return the Person with this address; `spellings` are how it may be written, but for case."""
    spellings = {spelling.casefold() for spelling in spellings}
    spellings |= {_in_unicode(spelling) for spelling in spellings}
    any_of = "|".join(re.escape(spelling) for spelling in sorted(spellings))
    return Person(rf"(?<![\w.+-])(?:{any_of})(?![\w-]|\.\w)")


def _in_unicode(email):
    local, _, domain = email.rpartition("@")
    try:
        return f"{local}@{domain.encode('ascii').decode('idna')}".casefold()
    except UnicodeError:
        return email


_GAP = r"[\s().+/\u00b7\u2010-\u2015-]*"


def with_phone(*numbers):
    """Return the Person with one of these numbers (E.164), written as in its country or from abroad."""
    patterns = []
    for number in map(phonenumbers.parse, numbers):
        digits = _GAP.join(phonenumbers.national_significant_number(number))
        abroad = rf"(?:00|011)?{_GAP}{number.country_code}{_GAP}(?:0{_GAP})?"
        patterns.append(rf"(?:{abroad}|0{_GAP})?{digits}")
    return Person(rf"(?<!\d)(?:{'|'.join(patterns)})(?!\d)")


def _forms(text):
    """Yield a text as it is, and with its escapes read, in small letters."""
    text = text.casefold()
    yield text
    for _ in range(ROUNDS):
        read = text
        if "\\" in read:
            read = _ESCAPE.sub(_unescaped, read)
        if "&" in read:
            read = html.unescape(read)
        if "%" in read:
            read = unquote(read, errors="replace")
        if read == text:
            return
        text = read.casefold()
        yield text


_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|(.))", re.DOTALL)


def _unescaped(found):
    return chr(int(found[1], 16)) if found[1] else {"n": "\n", "r": "\r", "t": "\t"}.get(found[2], found[2])


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
