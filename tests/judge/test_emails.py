"""Plain addresses are read in a short way, and mean the same as by the long one."""

import email_validator
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from judge.emails import email
from judge.schema import FieldSpec
from judge.values import Refused

LOCALS = st.text("aZ9_+-.'é", max_size=70) | st.sampled_from(["info", "Info", "POSTMASTER", "a" * 64, "a" * 65])
LABELS = st.text("aZ9-_é", max_size=64) | st.sampled_from(["xn--mnchen-3ya", "XN--a", "test", "b" * 63, "com"])
DOMAINS = st.lists(LABELS, max_size=5).map(".".join) | st.sampled_from(["example.com", "localhost", "a.test", "1.2.3"])


def by_email_validator(text):
    try:
        found = email_validator.validate_email(text, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return None
    return f"{found.local_part}@{found.ascii_domain}"


@given(LOCALS, DOMAINS)
@example("a", ".".join(["b" * 62] * 4)).via("254 characters")
@example("aa", ".".join(["b" * 62] * 4)).via("255 characters")
@example("a.b", "Example.COM")
def test_an_address_is_what_email_validator_says(local, domain):
    text, parse = f"{local}@{domain}", email(FieldSpec(), None)
    try:
        assert str(parse(text)) == by_email_validator(text)
    except Refused:
        assert by_email_validator(text) is None


@pytest.mark.parametrize("text", ["", "@", "a@", "@example.com", "a@b@example.com", "a@example.com\n"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(Refused):
        email(FieldSpec(), None)(text)
