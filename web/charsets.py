"""Bytes to text, as the web does it (https://encoding.spec.whatwg.org).

What calls itself ISO-8859-1 or US-ASCII is windows-1252 there, and so is what names no charset and is no UTF-8.
"""

import codecs
from encodings import normalize_encoding
from encodings.aliases import aliases

from web.refusals import PayloadError

WESTERN = "cp1252"

# Encodings as the WHATWG lists them for the web, in Python's spelling. Python's own list is
# longer and holds codecs that are no character sets (zip, idna, unicode_escape) and UTF-7.
_CHARSETS = {"ascii", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"}
_CHARSETS |= {"utf-8-sig", "big5", "big5hkscs", "tis-620", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "iso2022_jp"}
_CHARSETS |= {"koi8-r", "koi8-u", "mac-roman", "shift_jis", "cp866", "cp874", "cp932", "cp949"}
_CHARSETS |= {f"iso8859-{n}" for n in range(1, 17)} | {f"cp125{n}" for n in range(9)}
# Every spelling of them. codecs.lookup() would remember each name that it was ever asked for.
_SPELLINGS = {normalize_encoding(name): name for name in _CHARSETS} | {"latin_1": "iso8859-1"}
_SPELLINGS |= {alias: _SPELLINGS[known] for alias, known in aliases.items() if known in _SPELLINGS}
_SPELLINGS |= dict.fromkeys(["unicode", "ucs_2", "iso_10646_ucs_2", "csunicode"], "utf-16")
_SPELLINGS |= {"x_sjis": "shift_jis", "x_gbk": "gbk", "x_cp1252": "cp1252", "dos_874": "cp874", "ansi": "cp1252"}
# What the web means where pages say less than they use: these hold all of the letters of those.
_MEANT = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874"}
_MEANT |= {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs"}
_SPELLINGS = {spelling: _MEANT.get(charset, charset) for spelling, charset in _SPELLINGS.items()}

_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
_BOMS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

# The charsets of nearly all senders, in both of which bytes of ASCII are its letters.
ASCII = {"utf-8", WESTERN}


def _table(charset):
    """Return the letters of the 256 bytes of a charset: what Windows leaves open is a control character on the web."""
    letters = (bytes([n]).decode(charset, "replace") for n in range(256))
    return "".join(
        chr(n) if letter == "\ufffd" and 0x80 <= n <= 0x9F else letter.replace("\ufffd", "\ufffe")
        for n, letter in enumerate(letters)
    )


_TABLES = {charset: _table(charset) for charset in ["cp874", *(f"cp125{n}" for n in range(9))]}


class Decoder:
    """Bytes of one lead to text, by the charset that the sender `named`; it notes what it had to guess."""

    def __init__(self, named=None):
        self.named, self.guessed = named, False

    def using(self, named=None, usual="utf-8"):
        """Return the function from bytes to text, by a charset that is `named` for them alone, or by the sender's."""
        named = named or self.named
        charset = charset_of(named) if named else usual

        def text(raw):
            try:
                return _decoded(raw, charset)
            except UnicodeDecodeError:
                if named or charset != "utf-8":
                    name = charset.removesuffix("-sig").upper()
                    raise PayloadError(f"The body is not valid {name} text: send UTF-8") from None
            self.guessed = True
            return _decoded(raw, WESTERN)

        return text


def charset_of(name):
    known = _SPELLINGS.get(normalize_encoding(name).lower())
    if not known:
        raise PayloadError("The body is in a character encoding that is not known here: send UTF-8")
    return known


def is_wide(charset):
    """Tell whether a letter of this charset is several bytes, so that no bytes in ASCII are in it."""
    return charset.startswith(("utf-16", "utf-32"))


def bom(body):
    """Return the charset that the first bytes tell, or None."""
    return next((charset for mark, charset in _BOMS.items() if body.startswith(mark)), None)


def shown(raw, named):
    """Return bytes as text to look at; what is no text in its charset is told by the sign for it."""
    charset = bom(raw) or (_SPELLINGS.get(normalize_encoding(named).lower(), "utf-8") if named else "utf-8")
    try:
        return _decoded(raw, charset)
    except UnicodeDecodeError:
        return raw.decode(charset, "replace") if named or charset != "utf-8" else _decoded(raw, WESTERN)


def _decoded(raw, charset):
    table = _TABLES.get(charset)
    return codecs.charmap_decode(raw, "strict", table)[0] if table else raw.decode(charset)
