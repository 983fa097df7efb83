"""The formats of bodies: what each is called, and its types. Answers are in XML or JSON."""

from typing import NamedTuple


class Format(NamedTuple):
    """A format as people call it, and its media types, of which we write the first."""

    name: str
    types: tuple[str, ...]

    @property
    def mimetype(self):
        return self.types[0]


FORMATS = {
    "form": Format("form", ("application/x-www-form-urlencoded",)),
    "multipart": Format("multipart", ("multipart/form-data",)),
    "json": Format("JSON", ("application/json",)),
    "xml": Format("XML", ("application/xml", "text/xml")),
}
ANSWERED = ("xml", "json")

KINDS = {mimetype: kind for kind, row in FORMATS.items() for mimetype in row.types}
FILES = ("image", "audio", "video", "font")  # of these a lead is never made, whatever the type ends with
VAGUE = ("", "text", "application")  # other types of these say nothing: the first character decides
