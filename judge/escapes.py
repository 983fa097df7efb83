"""Texts that may be documents, escaped or not: whether one holds a name that is not to be stored or shown."""

import html
import re
from urllib.parse import unquote

from judge.values import UNSEEN, canonical

ROUNDS = 3  # of escapes within escapes


def _plain(text):
    return text.translate(UNSEEN).casefold()


def forms(text, plain=_plain):
    """Yield a text as it is, and with its escapes read, in small letters or as `plain` has it."""
    text = plain(text)
    yield text
    for _ in range(ROUNDS):
        read = text
        if "\\" in read:
            read = _ESCAPE.sub(_unescaped, _ESCAPED_ESCAPES.sub("\\\\", read))
        if "&" in read:
            read = html.unescape(read)
        if "%" in read:
            read = unquote(read, errors="replace")
        if read == text:
            return
        text = plain(read)
        yield text


_ESCAPED_ESCAPES = re.compile(r"\\{2,}")
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|(.))", re.DOTALL)


def _unescaped(found):
    return chr(int(found[1], 16)) if found[1] else {"n": "\n", "r": "\r", "t": "\t"}.get(found[2], found[2])


_MAY_BE_ONE = re.compile(r"[<{=[%&\\]")
_IS_ONE = re.compile(r"[<{=[]")


def mentions(names, text):
    """Tell whether a text may be XML, JSON or a form that holds one of these names, a pattern of canonical ones.

    It is not read: what cannot be read by us may be read by others. So a sentence with such a name and one of the
    signs of a document is taken for one.
    """
    if not _MAY_BE_ONE.search(text):
        return False
    for form in forms(text):
        # Without blanks "first name" is a name; with them, the `ssn` of <name ssn="1"> is one.
        if _IS_ONE.search(form) and any(
            names.search(read) for read in (_JOINTS.sub("", form), canonical.__wrapped__(form))
        ):
            return True
    return False


_JOINTS = re.compile("[_-]")
