"""The type of email addresses."""

import re
from functools import lru_cache

import email_validator

from judge.sameness import Address
from judge.values import UNSEEN, Refused, Text

# What nearly all addresses are. Of these only the domain needs email-validator, and what it says is remembered: 45 µs
# less for each lead. The names of some roles it writes in lower case, so capitals are its own matter.
_PLAIN = re.compile(r"(?=[^@]{1,64}@)([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@((?!.*(?i:xn--))[A-Za-z0-9.-]+)")
_LONGEST = 254  # characters (RFC 5321, 4.5.3.1.3, less the two brackets)


def email(field, _zone):
    """Make the type of a field that holds an address: its domain in lower case and ASCII."""
    made = Text if field.exact else Address

    def parse(text):
        plain = _PLAIN.fullmatch(text) if len(text) <= _LONGEST else None
        if plain:
            return made(f"{plain[1]}@{_domain(plain[2])}")
        if not text.isascii() and text != text.translate(UNSEEN):  # email-validator takes some of them
            raise Refused
        local, domain = _parts(text)
        return made(f"{local}@{domain}")

    return parse


def _parts(text):
    try:
        found = email_validator.validate_email(text, check_deliverability=False)
    except email_validator.EmailNotValidError:
        raise Refused from None
    return found.local_part, found.ascii_domain


@lru_cache(4096)
def _domain(domain):
    return _parts(f"a@{domain}")[1]
