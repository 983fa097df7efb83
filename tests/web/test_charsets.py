"""Bytes to texts: charsets mean what they mean on the web, and what names none is guessed aloud."""

import json

import pytest
from cast import FORM, JSON, XML, Partner
from hypothesis import given
from hypothesis import strategies as st

from judge.items import Submitted
from web.payload import PayloadError, as_text, decode


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<l><a>é</a></l>".encode(), XML),
        ("\ufeff<l><a>é</a></l>".encode(), XML),
        ("<?xml version='1.0' encoding='iso-8859-1'?><l><a>é</a></l>".encode("latin-1"), XML),
        ("<?xml version='1.0' encoding='utf-8'?><l><a>é</a></l>".encode("latin-1"), XML + "; charset=latin-1"),
        ("<?xml version='1.0' encoding='utf-16'?><l><a>é</a></l>".encode("utf-16"), XML),
        ("<?xml version='1.0'?><l><a>é</a></l>".encode("utf-16-le"), XML),
        ('<?xml version="1.0" encoding="utf-16"?><l><a>é</a></l>'.encode(), XML),
        ('<?xml version="1.0" encoding="UTF-16LE"?><l><a>é</a></l>'.encode(), "text/xml; charset=utf-8"),
        ('<?xml version="1.0" encoding="ucs-2"?><l><a>é</a></l>'.encode(), XML),
        ("<?xml version='1.0' encoding='utf-16'?><l><a>é</a></l>".encode(), "text/xml; charset=utf-16"),
        ('{"a": "é"}'.encode(), JSON + "; charset=utf-16"),
        ("<?xml version='1.0' encoding='utf-16'?><l><a>é</a></l>".encode("latin-1"), XML),
        ("<?xml version='1.0' encoding='windows-1252'?><l><a>é</a></l>".encode("cp1252"), "text/xml"),
        ('{"a": "é"}'.encode("utf-16"), JSON),
        ('{"a": "é"}'.encode("utf-8-sig"), JSON),
        (b'{"a": "\\u00e9"}', JSON),
        ("a=é".encode(), FORM),
        (b"a=%C3%A9", FORM),
        (b"\xef\xbb\xbfa=%C3%A9", FORM),
        ("a=é".encode("utf-16"), FORM),
        ("a=é".encode("utf-16-le"), FORM + "; charset=utf-16-le"),
        (b"a=%E9", FORM + "; charset=iso-8859-1"),
        (b"a=\xe9", FORM + "; charset=windows-1252"),
        (b"a=\xe9", FORM + "; charset=ISO_8859-1:1987"),
    ],
)
def test_charsets_are_honoured(body, content_type):
    assert decode(body, content_type) == {"a": ["é"]}


def test_a_part_of_a_multipart_body_may_have_a_charset_of_its_own():
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n'
    body += b"Content-Type: text/plain; charset=latin-1\r\n\r\n\xe9\r\n--x--\r\n"
    assert decode(body, "multipart/form-data; boundary=x") == {"a": ["é"]}


# --- What charsets mean on the web: https://encoding.spec.whatwg.org/#names-and-labels ---


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("ISO-8859-1", b"O\x92Brien", "O’Brien"),
        ("latin1", b"\x80 5", "€ 5"),
        ("US-ASCII", b"O\x92Brien \xe9", "O’Brien é"),
        ("ascii", b"\xe9", "é"),
        ("iso-8859-9", b"\x80\xfd", "€ı"),
        ("iso-8859-15", b"\xa4", "€"),
        ("windows-1252", b"\x81\x8d\x9d", "\x81\x8d\x9d"),
        ("windows-1251", b"\xc0\x98", "А\x98"),
        ("tis-620", b"\x80\xa1", "€ก"),
        ("gb2312", "€ 朱镕基".encode("gb18030"), "€ 朱镕基"),
        ("shift_jis", "①髙橋".encode("cp932"), "①髙橋"),
        ("euc-kr", "똠방각하".encode("cp949"), "똠방각하"),
    ],
)
def test_a_charset_means_what_the_web_means_by_it(charset, raw, text):
    percent = "".join(f"%{byte:02X}" for byte in raw).encode()
    bodies = [(b"a=" + percent, FORM), (b'{"a": "%s"}' % raw, JSON), (b"<l><a>%s</a></l>" % raw, XML)]
    for body, content_type in bodies:
        assert decode(body, f"{content_type}; charset={charset}") == {"a": [text]}
    assert decode(b"<?xml version='1.0' encoding='%s'?><l><a>%s</a></l>" % (charset.encode(), raw), XML) == {
        "a": [text]
    }
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=%s\r\n\r\n%s\r\n--x--'
    assert decode(part % (charset.encode(), raw), "multipart/form-data; boundary=x") == {"a": [text]}


# --- Where no charset is named ---

WESTERN = [
    (b"last=Andr%E9", FORM),
    (b"last=Andr\xe9", FORM),
    (b"last=Andr%E9", ""),
    (b'{"last": "Andr\xe9"}', JSON),
    (b"<l><last>Andr\xe9</last></l>", XML),
    (b'--x\r\nContent-Disposition: form-data; name="last"\r\n\r\nAndr\xe9\r\n--x--', "multipart/form-data; boundary=x"),
]


@pytest.mark.parametrize(("body", "content_type"), WESTERN)
def test_bytes_that_are_no_utf_8_are_read_as_windows_1252_and_the_trace_says_so(make_app, body, content_type):
    partner = Partner(make_app())
    partner.post(body, content_type)
    (lead,) = partner.stored()
    assert lead.fields["last"] == "André"
    assert any(step["check"] == "body" and "windows-1252" in step["result"] for step in lead.trace)


def test_the_query_string_is_read_so_too(partner):
    partner.post(b"first=Zo%C3%AB", path="/leads?last=Andr%E9")
    (lead,) = partner.stored()
    assert lead.fields == {"first": "Zoë", "last": "André"}
    assert "windows-1252" in json.dumps(lead.trace)


def test_of_a_form_each_value_that_is_utf_8_stays_what_it_is():
    assert decode(b"first=Zo%C3%AB&last=Andr%E9", FORM) == {"first": ["Zoë"], "last": ["André"]}


@pytest.mark.parametrize(
    ("body", "content_type"), [(b"last=Andr%C3%A9", FORM), (b"last=Andr%E9", FORM + "; charset=latin1")]
)
def test_nothing_is_said_where_nothing_was_guessed(body, content_type):
    assert decode(body, content_type).remarks == ()


@given(st.binary(max_size=40))
def test_a_form_that_names_no_charset_is_always_read(raw):
    fields = decode(b"a=" + b"".join(b"%%%02X" % byte for byte in raw), FORM)
    assert isinstance(fields, Submitted) and list(fields) == ["a"]


@given(st.binary(max_size=40), st.sampled_from(["", "utf-8", "latin-1", "utf-16", "shift_jis", "idna", "cp1253", "x"]))
def test_any_bytes_are_shown_or_refused_by_any_charset(raw, charset):
    assert isinstance(as_text(raw, f"text/plain; charset={charset}"), str)
    try:
        decode(raw, f"text/plain; charset={charset}")
    except PayloadError as error:
        assert str(error)


def test_a_body_is_shown_as_it_was_read():
    assert as_text(b"last=Andr\xe9", FORM) == "last=André"
    assert as_text("<a>é</a>".encode("utf-16"), XML).lstrip("\ufeff") == "<a>é</a>"
    assert as_text(b"last=Andr\xe9", FORM + "; charset=utf-8") == "last=Andr\ufffd"
