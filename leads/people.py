"""A person found in a submission, however an address or a number is written there.

Bodies are searched as they came, in every form that the formats allow: percent-encoded, with
escapes of JSON or XML, in UTF-16. Better one lead too many that is looked at than one forgotten;
but no lead of somebody else, whose address or number only holds the one that is searched for.
"""

import html
import re
import unicodedata
from urllib.parse import unquote, unquote_plus

import phonenumbers

from judge.values import UNSEEN
from web import payload

ROUNDS = 3  # of escapes within escapes


class Person:
    """Somebody known by a pattern in a text without escapes, in small letters.

    What the pattern finds as a named group is somebody else. `values` are what fields of this person hold.
    """

    def __init__(self, pattern, values=()):
        self._pattern, self.values = re.compile(pattern), values

    def stands_in(self, text):
        """Tell whether a text holds the person, escaped or not."""
        return any(not found.lastgroup for form in forms(text) for found in self._pattern.finditer(form))

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
    values, spellings = spellings, {_plain(spelling) for spelling in spellings}
    spellings |= {_in_unicode(spelling) for spelling in spellings}
    any_of = "|".join(re.escape(spelling) for spelling in sorted(spellings))
    return Person(rf"(?<![\w+-])(?<![\w+-]\.)(?:{any_of})(?!-*[^\W_]|\.[^\W_])", values)


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


def forms(text):
    """Yield a text as it is, and with its escapes read, in small letters and without variants such as ＠."""
    text = _plain(text)
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
        text = _plain(read)
        yield text


def _plain(text):
    return unicodedata.normalize("NFKC", text.translate(UNSEEN)).casefold()


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
