"""Bytes to flat fields: read one lead from XML, JSON, a form or multipart.

`decode` returns the fields in the order they came, each with all its values:
`{"email": ["ann@example.com"], "contact.phone": ["415 555 2671", "415 555 2672"]}`.
The same lead gives the same fields in every format.
"""

import codecs
import json
import re
from functools import lru_cache
from urllib.request import parse_http_list
from xml.parsers import expat

import xmltodict
from werkzeug.http import parse_options_header

from judge.aliases import MAX_NAME as MAX_NAME
from judge.items import Leaf, Leaves, Selectors, Submitted
from judge.values import FORBIDDEN, LONGEST_VALUE, UNSEEN, canonical, clean, folded
from web.charsets import Decoder, bom, charset_of, is_wide, shown
from web.formats import ANSWERED, FILES, FORMATS, KINDS, VAGUE
from web.forms import read_form, read_multipart
from web.refusals import (
    MAX_DOCUMENTS,
    MAX_ELEMENTS,
    MAX_FIELDS,
    MAX_LEVELS,
    MAX_NUMBER,
    PayloadError,
    UnsupportedPayload,
    check_name,
    too_deep,
    too_many,
)

# White space as str.strip() sees it, less the control characters that XML forbids:
# trimming must not hide a character that makes its field invalid.
_BLANK = "".join(c for c in map(chr, range(0x3001)) if c.isspace() and not FORBIDDEN.match(c))

_XML_ENCODING = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]{1,40})["']""")
GUESSED = "no charset was named, and the bytes are no UTF-8: read as windows-1252"
_NONE = Selectors({})


def decode(body, content_type="", query=b"", names=None, query_wins=(), selectors=_NONE, unpack=None, blanks=()):
    """Return the fields of `body` (bytes) and of `query` (bytes) as Submitted, `{name: [value, …]}`.

    Names that differ only in case, `_`, `-` and spaces are one name, spelled as it came first.
    A field of the body hides the same field of the query, but for those in `query_wins`, even if they are
    empty there; `names` says which names mean one field, as `{canonical name: field}`. What `selectors` pick
    stands under their names, and fields of `unpack`, `{canonical name: name}`, are documents, but for `blanks`, which
    are absent. Raises PayloadError.
    """
    known = _Names(names or {}, selectors, unpack or {}, blanks)
    decoders = Decoder(_parsed(content_type)[1].get("charset")), Decoder()
    leaves = _leaves(body, content_type, decoders[0])
    asked = read_form(query, decoders[1]) if query else Leaves()
    if known.unpack:  # a document of the body hides that of the query
        packed = known.documents(leaves)
        asked = Leaves(leaf for leaf in asked if canonical(leaf.name) not in packed)
    pairs, asked = known.pairs(leaves, decoders[0]), known.pairs(asked, decoders[1])
    if asked:
        winning = {known.meant(name) for name, _ in asked}.intersection(query_wins)
        pairs = [(name, value) for name, value in pairs if known.meant(name) not in winning]
        named = {known.meant(name) for name, _ in pairs}
        pairs += [(name, value) for name, value in asked if known.meant(name) not in named]
    if len(pairs) > MAX_FIELDS:
        raise too_many()
    fields, spelling = Submitted(), {}
    for name, value in pairs:
        if name not in selectors.keys:
            name = spelling.setdefault(canonical(name), clean(name.strip(_BLANK)))
        fields.setdefault(name, []).append(_trimmed(value))
    if any(decoder.guessed for decoder in decoders):
        fields.remarks = (GUESSED,)
    return fields


class _Names:
    """What the names of a lead mean to a program, and which fields are documents."""

    def __init__(self, names, selectors, unpack, blanks):
        self.names, self.selectors, self.unpack, self.blanks = names, selectors, unpack, blanks

    def meant(self, name):
        spelling = name if name in self.names else canonical(name)
        return self.names.get(spelling, spelling)

    def pairs(self, leaves, decoder):
        """Return the leaves as `(name, text)`; the fields of documents among them win over the others."""
        documents = self.documents(leaves) if self.unpack else {}
        if not documents:
            return self._named(leaves)
        if sum(map(len, documents.values())) > MAX_DOCUMENTS:
            raise PayloadError(f"The lead is too many documents: {MAX_DOCUMENTS} are allowed")
        inner = []
        for name, texts in documents.items():
            for text in filter(self._is_there, texts):
                inner += self._named(_document(text, self.unpack[name], decoder))
        won = {self.meant(name) for name, _ in inner}
        rest = Leaves(leaf for leaf in leaves if self._document_of(leaf, leaves) is None).under(leaves.root)
        return [*inner, *(pair for pair in self._named(rest) if self.meant(pair[0]) not in won)]

    def _is_there(self, text):
        """Tell whether a document is more than nothing, or than what counts as absent."""
        if len(text) > LONGEST_VALUE:
            return True
        return bool(text.translate(UNSEEN).strip()) and (not self.blanks or folded(text) not in self.blanks)

    def _named(self, leaves):
        pairs = self.selectors.pairs(leaves, self.names)
        if len(pairs) > MAX_FIELDS:
            raise too_many()
        return pairs

    def documents(self, leaves):
        """Return the texts that are documents, as `{canonical name: [text, …]}`."""
        found = {}
        for leaf in leaves:
            if (name := self._document_of(leaf, leaves)) is not None:
                found.setdefault(name, []).append(leaf.text)
        return found

    def _document_of(self, leaf, leaves):
        name = canonical(leaves.spelled(leaf.name, self.unpack))
        return name if name in self.unpack else None


# The type of a body that `encode` made: its names stand for what was picked and unpacked already.
ENCODED = f"{FORMATS['json'].mimetype}; fields=decoded"


def encode(fields):
    """Return fields as a JSON body that `decode` reads back by their names, for leads that are not kept as they came.

    Which item of a list a value was is not told in it: no selector can pick it again.
    """
    return json.dumps({clean(name): [clean(text) for text in texts] for name, texts in fields.items()}).encode()


def kind(content_type, body=b""):
    """Return `xml`, `json`, `form` or `multipart`: what the type says, or the first character. None: none of them."""
    mimetype = _parsed(content_type)[0]
    room, suffix = mimetype.partition("/")[0], mimetype.rpartition("+")[2] if "+" in mimetype else ""
    declared = KINDS.get(mimetype) or (suffix if suffix in ANSWERED else None)
    if declared == "multipart" or room in FILES or (declared is None and room not in VAGUE):
        return declared if room not in FILES else None
    # A byte order mark and the NULs of UTF-16 may stand before and within the first character.
    first = body.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1]
    if first in _STARTS:
        return _STARTS[first]
    # A form that is called something else; but what begins with a quotation mark is a text in JSON, and no lead.
    return "form" if not declared or (first not in (b"", b'"') and b"=" in body) else declared


_STARTS = {b"<": "xml", b"{": "json", b"[": "json"}


@lru_cache(256)  # a sender has one content type for all its leads
def _parsed(content_type):
    """Return the media type, in small letters, and its options; one that is given twice says nothing of the type."""
    types = [parse_options_header(given) for given in parse_http_list(content_type)] if "," in content_type else []
    types = [(mimetype.strip().lower(), options) for mimetype, options in types if mimetype.strip()]
    if len(types) > 1:  # of a multipart body nothing can be read without its boundary
        parts = [given for given in types if KINDS.get(given[0]) == "multipart"]
        return parts[0] if parts else ("", types[0][1])
    mimetype, options = types[0] if types else parse_options_header(content_type)
    return mimetype.strip().lower(), options


def _leaves(body, content_type, decoder):
    found = kind(content_type, body)
    if not found:
        raise UnsupportedPayload(
            "The Content-Type is not supported: send application/xml, application/json, "
            "application/x-www-form-urlencoded or multipart/form-data"
        )
    if not body.strip(codecs.BOM_UTF8 + b" \t\r\n"):
        return Leaves()
    if found == "multipart":
        return read_multipart(body, _parsed(content_type)[1].get("boundary"), decoder)
    return {"xml": _of_xml, "json": _of_json, "form": read_form}[found](body, decoder)


def _document(text, name, decoder):
    """Return the leaves of a document that is the text of the field `name`."""
    start = text.lstrip("\ufeff" + _BLANK)[:1]
    try:
        if start == "<":
            return _read_xml(text)
        if start in ("{", "["):
            return _read_json(text)
        if "=" in text:
            return read_form(clean(text).encode(), decoder)
    except PayloadError as error:
        raise PayloadError(f"In the field {name}: {error}") from None
    if start:
        raise PayloadError(f"In the field {name}: it is no XML, no JSON and no form")
    return Leaves()


def _trimmed(value):
    # XML parsers turn CR LF into LF, so the other formats follow: one lead, one value.
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return value.strip(_BLANK)


def _text(body, decoder, declared=None):
    """Return XML or JSON as text, by its byte order mark, the Content-Type, or what it says of itself."""
    seen = json.detect_encoding(body)
    named = bom(body) or decoder.named or declared
    if named and is_wide(charset_of(named)) and not is_wide(seen):  # as .NET writes what it has as a text
        named = decoder.named = None
    return decoder.using(named, seen)(body)


# ADF 1.0 prints <?ADF VERSION "1.0"?><?XML VERSION "1.0"?> before a lead, in this order: they say nothing any more.
_PROLOG = re.compile(r"\A(?:<\?(?:adf|xml)\b[^<>]*\?>\s*)+", re.IGNORECASE)


def _of_xml(body, decoder):
    declared = _XML_ENCODING.match(body[:256])
    return _read_xml(_text(body, decoder, declared and declared[1].decode()))


def _read_xml(text):
    text = _PROLOG.sub(lambda found: "\n" * found[0].count("\n"), text.lstrip("\ufeff" + _BLANK), 1)
    try:
        _check_elements(text.encode())
        document = xmltodict.parse(text, postprocessor=_local_name)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise PayloadError(f"The XML is not well-formed: {reason} in line {error.lineno}") from None
    except UnicodeEncodeError:
        raise PayloadError("The XML is not well-formed: it holds half a character") from None
    ((root, content),) = document.items()
    return _under(root, content)


def _local_name(_path, name, value):
    """Drop namespace prefixes, and the attributes that declare them (None drops)."""
    if name == "@xmlns" or name.startswith("@xmlns:"):
        return None
    local = name.rpartition(":")[2]
    return ("@" + local if name[0] == "@" != local[:1] else local), value


def _check_elements(text):
    """Refuse a DOCTYPE (and so every entity), depth and numbers, before a tree is built of them."""
    parser, levels, elements = expat.ParserCreate("utf-8"), 0, 0

    def start(_name, _attributes):
        nonlocal levels, elements
        levels, elements = levels + 1, elements + 1
        if levels > MAX_LEVELS:
            raise too_deep()
        if elements > MAX_ELEMENTS:
            raise too_many()

    def end(_name):
        nonlocal levels
        levels -= 1

    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(text, True)


def _refuse_doctype(*_):
    raise PayloadError("The XML has a DOCTYPE: send the lead without one")


def _of_json(body, decoder):
    return _read_json(_text(body, decoder))


def _read_json(text):
    try:
        # Numbers stay as they were written (10.50 is not 10.5), which also makes a number of
        # any length cheap. strict=False: senders do put line breaks into strings.
        document = json.loads(
            text.lstrip("\ufeff"),
            strict=False,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise PayloadError(f"The JSON is not well-formed in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise too_deep() from None
    if isinstance(document, list) and len(document) == 1:  # as ad platforms send it
        document = document[0]
    if not isinstance(document, dict):
        raise PayloadError("The JSON is not one lead: send an object with the lead's fields")
    members = list(document.items())
    if len(members) == 1 and len(members[0][1]) == 1 and isinstance(members[0][1][0], dict):
        return _under(members[0][0], members[0][1][0])  # {"lead": {…}}
    return _flat(document, "", (), 0, Leaves())


def _object(pairs):
    # Every value in a list, so that a name given twice keeps both, as in XML and in forms.
    members = {}
    for name, value in pairs:
        members.setdefault(name, []).append(value)
    return members


def _number(text):
    if len(text) > MAX_NUMBER:
        raise PayloadError(f"A number of the JSON is too long: {MAX_NUMBER} characters are allowed")
    return text


def _refuse_constant(_):
    raise PayloadError("The JSON holds NaN or Infinity, which are no JSON values")


def _under(root, content):
    """Return the leaves below the root element or wrapping object, whose own name is dropped.

    Only text beside the root's elements has no other name than the root's.
    """
    if not content:
        return Leaves()
    leaves = (leaf if leaf.name else Leaf(root, leaf.text) for leaf in _flat(content, "", (), 1, []))
    return Leaves(leaves).under(root)


def _flat(node, path, steps, level, found):
    """Append a Leaf for every value below `node` to `found`, and return it."""
    if level > MAX_LEVELS:
        raise too_deep()
    if len(found) > MAX_FIELDS:
        return found
    if isinstance(node, dict) and node:
        for name, values in node.items():
            is_own = name == "#text"
            child = path if is_own else f"{path}.{name}" if path else name
            check_name(child)
            for number, (value, depth) in enumerate(_items(values, level + 1)):
                _flat(value, child, steps if is_own else (*steps, (name, number)), depth, found)
    elif node or path:
        found.append(Leaf(path, _TEXT.get(node, node) if not isinstance(node, dict) else "", steps))
    return found


def _items(values, level):
    """Return the items of a list, and of lists in it, each with its level; what is no list is one item."""
    if not isinstance(values, list):
        return [(values, level)]
    if level > MAX_LEVELS:
        raise too_deep()
    if len(values) == 1 and not isinstance(values[0], list):  # as nearly all that JSON holds
        return [(values[0], level)]
    items = []
    for value in values:
        items += _items(value, level + 1) if isinstance(value, list) else [(value, level)]
    return items


_TEXT = {None: "", True: "true", False: "false"}


def as_text(body, content_type):
    """Return a body as text to look at; what is no text in its charset is told by the sign for it."""
    torn = "?" if "charset" in content_type.lower() else None  # one that is named and cannot be read
    return shown(body, _parsed(content_type)[1].get("charset", torn))
