"""Bytes to flat fields: read one lead from XML, JSON, a form or multipart.

`decode` returns the fields in the order they came, each with all its values:
`{"email": ["ann@example.com"], "contact.phone": ["415 555 2671", "415 555 2672"]}`.
The same lead gives the same fields in every format.
"""

import codecs
import json
import re
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import lru_cache
from xml.parsers import expat

import xmltodict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from judge.values import FORBIDDEN, canonical, clean
from web.formats import ANSWERED, KINDS, SILENT

MAX_LEVELS = 32
MAX_FIELDS = 1000
MAX_ELEMENTS = 10 * MAX_FIELDS  # of XML, those that only hold others among them
MAX_NAME = 250  # characters, with all the parents' names: 1,000 fields repeat them
MAX_NUMBER = 1000  # characters of a number in JSON

# White space as str.strip() sees it, less the control characters that XML forbids:
# trimming must not hide a character that makes its field invalid.
_BLANK = "".join(c for c in map(chr, range(0x3001)) if c.isspace() and not FORBIDDEN.match(c))

# Encodings as the WHATWG lists them for the web, in Python's spelling. Python's own list is
# longer and holds codecs that are no character sets (zip, idna, unicode_escape) and UTF-7.
_CHARSETS = {"ascii", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"}
_CHARSETS |= {"utf-8-sig", "big5", "big5hkscs", "tis-620", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "iso2022_jp"}
_CHARSETS |= {"koi8-r", "koi8-u", "mac-roman", "shift_jis", "cp866", "cp874", "cp932", "cp949"}
_CHARSETS |= {f"iso8859-{n}" for n in range(1, 17)} | {f"cp125{n}" for n in range(9)}
# Every spelling of them. codecs.lookup() would remember each name that it was ever asked for.
_SPELLINGS = {normalize_encoding(name): name for name in _CHARSETS} | {"latin_1": "iso8859-1"}
_SPELLINGS |= {alias: _SPELLINGS[known] for alias, known in aliases.items() if known in _SPELLINGS}
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
_BOMS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_XML_ENCODING = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]{1,40})["']""")


class PayloadError(ValueError):
    """The body cannot be read as a lead.

    The text is a sentence for the sender and never quotes the body. `status_hint` is the
    HTTP status that a front end may want to answer with.
    """

    status_hint = 400


class UnsupportedPayload(PayloadError):
    """The body is of a kind that is not read here: a file, an image, a web page."""

    status_hint = 415


def decode(body, content_type="", query=b"", names=None, query_wins=()):
    """Return the fields of `body` (bytes) and of `query` (bytes) as `{name: [value, …]}`.

    Names that differ only in case, `_`, `-` and spaces are one name, spelled as it came first.
    A field of the body hides the same field of the query, but for those in `query_wins`, even if they are
    empty there; `names` says which names mean one field, as `{canonical name: field}`. Raises PayloadError.
    """

    def meant(name):
        return (names or {}).get(canonical(name), canonical(name))

    reader = _READERS.get(kind(content_type, body))
    if not reader:
        raise UnsupportedPayload(
            "The Content-Type is not supported: send application/xml, application/json, "
            "application/x-www-form-urlencoded or multipart/form-data"
        )
    options = _parsed(content_type)[1]
    pairs = list(reader(body, options)) if body.strip(codecs.BOM_UTF8 + b" \t\r\n") else []
    asked = _read_form(query, {}, "The query string of the address") if query else []
    for name, _ in [*pairs, *asked]:
        _check_name(name)  # first, since their other forms are remembered
    winning = {meant(name) for name, _ in asked}.intersection(query_wins)
    pairs = [(name, value) for name, value in pairs if meant(name) not in winning]
    named = {meant(name) for name, _ in pairs}
    pairs += [(name, value) for name, value in asked if meant(name) not in named]
    if len(pairs) > MAX_FIELDS:
        raise _too_many()
    fields, spelling = {}, {}
    for name, value in pairs:
        name = spelling.setdefault(canonical(name), clean(name.strip(_BLANK)))
        fields.setdefault(name, []).append(_trimmed(value))
    return fields


def encode(fields):
    """Return fields as a JSON body that `decode` reads back, for leads that are not kept as they came."""
    return json.dumps({clean(name): [clean(text) for text in texts] for name, texts in fields.items()}).encode()


def kind(content_type, body=b""):
    """Return `xml`, `json`, `form` or `multipart`: what the type says, or the first character. None: none of them."""
    mimetype = _parsed(content_type)[0].strip().lower()
    suffix = mimetype.rpartition("+")[2] if "+" in mimetype else ""
    declared = KINDS.get(mimetype) or (suffix if suffix in ANSWERED else None)
    if declared == "multipart" or (declared is None and mimetype not in SILENT):
        return declared
    # A byte order mark and the NULs of UTF-16 may stand before and within the first character.
    first = body.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1]
    return {b"<": "xml", b"{": "json"}.get(first) or declared or "form"


_parsed = lru_cache(256)(parse_options_header)  # a sender has one content type for all its leads


def _trimmed(value):
    # XML parsers turn CR LF into LF, so the other formats follow: one lead, one value.
    return value.replace("\r\n", "\n").replace("\r", "\n").strip(_BLANK)


def _read_xml(body, options):
    encoding = _bom(body) or options.get("charset")
    if not encoding:
        declared = _XML_ENCODING.match(body[:256])
        encoding = declared[1].decode() if declared else json.detect_encoding(body)
    text = _text(body, encoding).lstrip("\ufeff" + _BLANK)
    try:
        _check_elements(text.encode())
        document = xmltodict.parse(text, postprocessor=_local_name)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise PayloadError(f"The XML is not well-formed: {reason} in line {error.lineno}") from None
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
            raise _too_deep()
        if elements > MAX_ELEMENTS:
            raise _too_many()

    def end(_name):
        nonlocal levels
        levels -= 1

    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(text, True)


def _refuse_doctype(*_):
    raise PayloadError("The XML has a DOCTYPE: send the lead without one")


def _read_json(body, options):
    text = _text(body, _bom(body) or options.get("charset") or json.detect_encoding(body))
    try:
        # Numbers stay as they were written (10.50 is not 10.5), which also makes a number of
        # any length cheap. strict=False: senders do put line breaks into strings.
        document = json.loads(
            text,
            strict=False,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise PayloadError(f"The JSON is not well-formed in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(document, dict):
        raise PayloadError("The JSON is not one lead: send an object with the lead's fields")
    members = list(document.items())
    if len(members) == 1 and len(members[0][1]) == 1 and isinstance(members[0][1][0], dict):
        return _under(members[0][0], members[0][1][0])  # {"lead": {…}}
    return _flat(document, "", 0, [])


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
    """Return the fields below the root element or wrapping object, whose own name is dropped.

    Only text beside the root's elements has no other name than the root's.
    """
    return [(name or root, value) for name, value in _flat(content, "", 1, [])] if content else []


def _flat(node, path, level, found):
    """Append `(name, text)` for every value below `node` to `found`, and return it."""
    if level > MAX_LEVELS:
        raise _too_deep()
    if len(found) > MAX_FIELDS:
        return found
    if isinstance(node, dict) and node:
        for name, values in node.items():
            child = path if name == "#text" else f"{path}.{name}" if path else name
            _check_name(child)
            for value in values if isinstance(values, list) else [values]:
                _flat(value, child, level + 1, found)
    elif isinstance(node, list):
        for value in node:
            _flat(value, path, level + 1, found)
    elif node or path:
        found.append((path, _TEXT.get(node, node) if not isinstance(node, dict) else ""))
    return found


def _check_name(name):
    if len(name) > MAX_NAME:
        raise PayloadError(f"A field's name is too long: {MAX_NAME} characters are allowed")


_TEXT = {None: "", True: "true", False: "false"}


def _too_many():
    return PayloadError(f"The lead has too many fields: {MAX_FIELDS} are allowed")


def _too_deep():
    return PayloadError(f"The lead is nested too deeply: {MAX_LEVELS} levels are allowed")


def _read_form(body, options, what="The body"):
    charset = _charset(options.get("charset", "utf-8"))
    if wide := _bom(body) or (charset if charset.startswith(("utf-16", "utf-32")) else None):
        body, charset = _text(body, wide).encode(), "utf-8"
    parts = [part for part in body.split(b"&") if part]
    if len(parts) > MAX_FIELDS:
        raise _too_many()
    try:
        return [tuple(_unquoted(side).decode(charset) for side in part.partition(b"=")[::2]) for part in parts]
    except UnicodeDecodeError:
        raise _not_text(charset, what) from None


def _unquoted(text):
    # Bytes, since senders forget to encode letters such as é. The functions of urllib.parse would
    # take up to 80 MB for a body of 256 KiB.
    return _PERCENT.sub(lambda found: bytes((int(found[1], 16),)), text.replace(b"+", b" "))


_PERCENT = re.compile(b"%([0-9A-Fa-f]{2})")


def _read_multipart(body, options):
    if not options.get("boundary"):
        raise PayloadError("The multipart body has no boundary: name it in the Content-Type")
    decoder = MultipartDecoder(options["boundary"].encode("latin-1", "replace"), max_parts=MAX_FIELDS)
    pairs, name, charset, content = [], "", "utf-8", b""
    try:
        decoder.receive_data(body)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, File):
                raise UnsupportedPayload("A file was sent: send the lead's fields only")
            if isinstance(event, NeedData):
                raise ValueError
            if isinstance(event, Field):
                name, charset, content = event.name or "", _part_charset(event.headers, options), b""
            elif isinstance(event, Data):
                content += event.data
                if not event.more_data:
                    pairs.append((name, _text(content, charset)))
    except PayloadError:
        raise
    except ValueError:
        raise PayloadError("The multipart body is not well-formed or is cut off") from None
    except RequestEntityTooLarge:  # werkzeug's word for too many parts
        raise _too_many() from None
    return pairs


def _part_charset(headers, options):
    part = parse_options_header(headers.get("content-type", ""))[1]
    return part.get("charset") or options.get("charset") or "utf-8"


def _bom(body):
    return next((encoding for mark, encoding in _BOMS.items() if body.startswith(mark)), None)


def _charset(name):
    known = _SPELLINGS.get(normalize_encoding(name).lower())
    if not known:
        raise PayloadError("The body is in a character encoding that is not known here: send UTF-8")
    return known


def _text(body, encoding):
    charset = _charset(encoding)
    try:
        return body.decode(charset)
    except UnicodeDecodeError:
        raise _not_text(charset) from None


def as_text(body, content_type):
    """Return a body as text to look at; what is no text in its charset is told by the sign for it."""
    named = parse_options_header(content_type)[1].get("charset", "utf-8")
    return body.decode(_SPELLINGS.get(normalize_encoding(named).lower(), "utf-8"), errors="replace")


def _not_text(charset, what="The body"):
    return PayloadError(f"{what} is not valid {charset.removesuffix('-sig').upper()} text: send UTF-8")


_READERS = {"xml": _read_xml, "json": _read_json, "form": _read_form, "multipart": _read_multipart}
