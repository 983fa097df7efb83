"""What an owner must know: a Concern, and how its sentences name programs, partners and spans."""

from dataclasses import dataclass, field
from datetime import timedelta

from flask import url_for

from database.secret import keyed_hash
from leads.counts import OTHERS

LONGEST_NAME = 80  # characters of a partner's name in a sentence
NOBODY = "somebody who names no partner"
SOME_PARTNER = "a partner"  # whose name is sensitive
MANY = "several partners together"


@dataclass(frozen=True)
class Concern:
    """Something to look at: in one sentence, what to do about it, and where. `grave` costs leads or money now.

    `kind`, `program` and `subject` are the same as long as it is the same thing that is wrong, whatever the sentence
    says of it by then. The page is one of Flask's endpoints, with its `values`. Neither of them, nor a sentence or an
    advice, holds the value of a field (but the name of a partner), a person or an address of the network, for they are
    sent to others. What does is `inside`, which the operators' pages alone show. What is `past` costs nothing any more,
    and is told all the same.
    """

    kind: str
    program: str
    subject: str
    sentence: str
    advice: str
    grave: bool = False
    endpoint: str = ""
    values: dict = field(default_factory=dict)
    link: str = ""
    inside: str = ""
    past: bool = False

    @property
    def key(self):
        program = self.program.replace("%", "%25").replace(":", "%3A")  # so that no two have the same key
        return f"{self.kind}:{program}:{self.subject}"

    @property
    def href(self):
        """The address of its page, within a request; "" if it has none."""
        return url_for(self.endpoint, **self.values) if self.endpoint else ""


def title(program):
    return program.spec.title or program.name


def leads(count):
    return f"{count:,} lead{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Sender:
    """How a partner of a program is told of wherever it goes: `told` in a sentence, `subject` in a key.

    `filters` lead to its leads, if a page finds them by it. Of one whose name is sensitive nothing is told.
    """

    told: str
    subject: str
    filters: dict


def hides_partners(program):
    """Tell whether the field that names a program's partners is sensitive."""
    field = program.spec.fields.get(next(iter(program.spec.partner), ""))
    return bool(field and field.sensitive)


def sender(program, partner):
    if partner in ("", OTHERS):
        return Sender(MANY if partner else NOBODY, partner, {})
    is_secret = hides_partners(program)
    told = SOME_PARTNER if is_secret else shown(partner)
    if told == partner:
        return Sender(told, partner, {"partner": partner})
    subject = f"{told}~{keyed_hash('partner', partner)[:12]}"
    return Sender(told, subject, {} if is_secret else {"partner": partner})


def shown(name):
    """Return a name as one line of characters that are seen, and not too many of them."""
    seen = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in name)
    told = " ".join(seen.split()) or "?"
    return told if len(told) <= LONGEST_NAME else f"{told[: LONGEST_NAME - 1]}…"


def duration(span):
    """Return a span behind "every": in the largest unit of which there are two, or minutes."""
    minutes = span.total_seconds() / 60
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"{minutes / size:.0f} {unit}"
    if span < timedelta(minutes=1.5):
        return "minute" if span > timedelta(seconds=30) else "few seconds"
    return f"{minutes:.0f} minutes"


def lasting(span):
    """Return the same behind "for"."""
    told = duration(span)
    return told if told[0].isdigit() else f"a {told}"
