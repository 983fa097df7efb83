"""Forms and multipart bodies: bytes to the leaves of a lead, with the names that forms have (`a[b][]`)."""

import re

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from judge.items import Leaves, in_order, leaf_of
from web.charsets import ASCII, Decoder, bom, charset_of, is_wide
from web.refusals import MAX_FIELDS, MAX_LEVELS, PayloadError, UnsupportedPayload, check_name, too_deep, too_many


def leaves_of(pairs):
    """Return the leaves of the names and values of a form."""
    times, leaves = {}, Leaves()
    for name, text in pairs:
        check_name(name)
        leaves.append(leaf_of(name, text, times))
        if len(leaves[-1].steps) > MAX_LEVELS:
            raise too_deep()
    return in_order(leaves) if any(leaf.steps for leaf in leaves) else leaves


def read_form(body, decoder):
    mark = bom(body)
    if mark or (decoder.named and is_wide(charset_of(decoder.named))):
        body, text = decoder.using(mark)(body).lstrip("\ufeff").encode(), Decoder("utf-8").using()
    else:
        text = decoder.using()
    parts = [part for part in body.replace(b"+", b" ").split(b"&") if part]
    if len(parts) > MAX_FIELDS:
        raise too_many()
    # What has no % is text as it is, in ASCII: of eleven fields all names and most values, which takes 40 µs less.
    plain = body.isascii() and (not decoder.named or charset_of(decoder.named) in ASCII)

    def read(side):
        return side.decode() if plain and b"%" not in side else text(_unquoted(side))

    return leaves_of((read(name), read(value)) for name, _, value in (part.partition(b"=") for part in parts))


def _unquoted(text):
    # Bytes, since senders forget to encode letters such as é. The functions of urllib.parse would
    # take up to 80 MB for a body of 256 KiB.
    return _PERCENT.sub(lambda found: bytes((int(found[1], 16),)), text)


_PERCENT = re.compile(b"%([0-9A-Fa-f]{2})")


def read_multipart(body, boundary, decoder):
    if not boundary:
        raise PayloadError("The multipart body has no boundary: name it in the Content-Type")
    parts = MultipartDecoder(boundary.encode("latin-1", "replace"), max_parts=MAX_FIELDS)
    try:
        parts.receive_data(body)
        parts.receive_data(None)
        return leaves_of(list(_fields(parts, decoder)))
    except PayloadError:
        raise
    except ValueError:
        raise PayloadError("The multipart body is not well-formed or is cut off") from None
    except RequestEntityTooLarge:  # werkzeug's word for too many parts
        raise too_many() from None


def _fields(parts, decoder):
    name, text, content, is_file = "", None, [], False
    while not isinstance(event := parts.next_event(), Epilogue):
        if isinstance(event, NeedData):
            raise ValueError
        if isinstance(event, Field | File):
            name, is_file, content = event.name or "", isinstance(event, File), []
            text = decoder.using(_charset_of(event.headers))
        elif isinstance(event, Data):
            if is_file and event.data:
                raise UnsupportedPayload("A file was sent: send the lead's fields only")
            content.append(event.data)
            if not event.more_data and not is_file:  # browsers send a file input that nobody filled in, too
                yield name, text(b"".join(content))


def _charset_of(headers):
    return parse_options_header(headers.get("content-type", ""))[1].get("charset")
