"""Bytes to fields: the same lead in every format, and nothing else gets through."""

import encodings
import json
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import pytest
from cast import FORM, JSON, XML, multipart
from hypothesis import given
from hypothesis import strategies as st

from judge.values import Names, canonical
from web.payload import (
    MAX_FIELDS,
    MAX_LEVELS,
    MAX_NAME,
    MAX_NUMBER,
    PayloadError,
    UnsupportedPayload,
    decode,
    kind,
)

# --- One lead, four formats ---

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}(\.[a-z][a-z0-9_]{0,8})?", fullmatch=True)
values = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff") | st.sampled_from("\t\n"),
    max_size=20,
)


def nested(lead):
    """Turn dotted names into nested dicts, as XML and JSON would send them."""
    tree = {}
    for name, texts in lead.items():
        *parents, last = name.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = texts
    return tree


def to_xml(tree):
    return "".join(
        f"<{name}>{to_xml(value)}</{name}>"
        if isinstance(value, dict)
        else "".join(f"<{name}>{escape(text)}</{name}>" for text in value)
        for name, value in tree.items()
    )


@given(st.dictionaries(names, st.lists(values, min_size=1, max_size=3), max_size=6))
def test_a_lead_has_the_same_fields_in_every_format(lead):
    spellings = {}
    for name in lead:
        spellings.setdefault(canonical(name), []).append(name)
    parents = {name.partition(".")[0] for name in lead if "." in name}
    lead = {n: v for n, v in lead.items() if len(spellings[canonical(n)]) == 1 and n not in parents}
    pairs = [(name, text) for name, texts in lead.items() for text in texts]
    tree = nested(lead)
    bodies = {
        "form": decode(urlencode(pairs).encode(), FORM),
        "json": decode(json.dumps({"lead": tree}).encode(), JSON),
        "xml": decode(f"<lead>{to_xml(tree)}</lead>".encode(), XML),
        "query": decode(b"", "", urlencode(pairs).encode()),
    }
    if not any("--x1y2" in text for _, text in pairs):
        bodies["multipart"] = decode(*multipart(pairs))
    expected = {name: [text.strip() for text in texts] for name, texts in lead.items()}
    for form, fields in bodies.items():
        assert fields == expected, form


@given(st.binary(max_size=200), st.sampled_from([FORM, JSON, XML, "", "multipart/form-data; boundary=x"]))
def test_any_bytes_give_fields_or_a_payload_error(body, content_type):
    try:
        fields = decode(body, content_type)
    except PayloadError as error:
        assert str(error)
    else:
        assert all(isinstance(text, str) for texts in fields.values() for text in texts)


# --- What becomes of names and values ---


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ('<lead id="7"/>', {"@id": ["7"]}),
        ("<lead>hello</lead>", {"lead": ["hello"]}),
        ("<lead>hi<email>a@b.c</email></lead>", {"email": ["a@b.c"], "lead": ["hi"]}),
        ('<l><contact type="home">x<email>a</email></contact></l>', {
            "contact.@type": ["home"], "contact.email": ["a"], "contact": ["x"]}),
        ('<l xmlns="u" xmlns:p="v"><p:email p:x="1">a</p:email></l>', {"email.@x": ["1"], "email": ["a"]}),
        ("<l><phone>1</phone><email>a</email><phone>2</phone></l>", {"phone": ["1", "2"], "email": ["a"]}),
        ("<l><a><![CDATA[<b>&]]></a></l>", {"a": ["<b>&"]}),
        ("  \n<?xml version='1.0'?><l><a> x </a><b/></l>", {"a": ["x"], "b": [""]}),
        ("<lead/>", {}),
    ],
)  # fmt: skip
def test_xml_drops_the_root_and_keeps_attributes_and_repeats(body, fields):
    assert decode(body.encode(), XML) == fields


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ('{"lead": {"email": "a"}}', {"email": ["a"]}),
        ('[{"email": "a"}]', {"email": ["a"]}),
        ('[{"lead": {"email": "a"}}]', {"email": ["a"]}),
        ('{"contact": {"email": "a"}, "n": 1}', {"contact.email": ["a"], "n": ["1"]}),
        ('{"a": [1, [2, "3"]]}', {"a": ["1", "2", "3"]}),
        ('{"a": [{"b": 1}, {"b": 2}], "c": 0}', {"a.b": ["1", "2"], "c": ["0"]}),
        ('{"a": 10.50, "b": true, "c": false, "d": null}', {"a": ["10.50"], "b": ["true"], "c": ["false"], "d": [""]}),
        ('{"a": 1, "a": 2}', {"a": ["1", "2"]}),
        ('{"lead": {"@id": "7", "#text": "hi", "email": "a"}}', {"@id": ["7"], "lead": ["hi"], "email": ["a"]}),
        ('{"contact": {"#text": "x", "email": "a"}, "n": 1}', {"contact": ["x"], "contact.email": ["a"], "n": ["1"]}),
        ('{"a": "one\ntwo\r\nthree"}', {"a": ["one\ntwo\nthree"]}),
        ("{}", {}),
        ('{"lead": {}}', {}),
        ("", {}),
        (" \n", {}),
        ("\ufeff", {}),
    ],
)
def test_json_drops_a_single_wrapping_object_and_keeps_numbers_as_written(body, fields):
    assert decode(body.encode(), JSON) == fields


def test_names_match_without_regard_to_case_underscores_hyphens_and_spaces():
    assert decode(b"E-Mail=1&e_mail=2&EMAIL=3&e mail=4", FORM) == {"E-Mail": ["1", "2", "3", "4"]}


def test_the_query_adds_fields_and_the_body_wins():
    assert decode(b"email=body", FORM, b"E-mail=query&click=1") == {"email": ["body"], "click": ["1"]}


NAMES = {"irpid": "irpid", "partner": "irpid", "email": "email"}
SPELLINGS = st.sampled_from(["irpid", "IR-PID", "ir_pid", "Partner", "email", "E-Mail", "other"])
VALUES = st.sampled_from(["", " ", "a", "b", "ä & ö"])


@given(st.lists(st.tuples(SPELLINGS, VALUES), max_size=4), st.lists(st.tuples(SPELLINGS, VALUES), max_size=4))
def test_a_field_of_the_query_wins_where_the_rule_file_says_so_in_every_format(body, query):
    encoded = urlencode(query).encode()
    members = {name: [value for given, value in body if given == name] for name, _ in body}
    elements = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in body)
    bodies = [(FORM, urlencode(body)), (JSON, json.dumps({"_": "", **members})), (XML, f"<lead>{elements}</lead>")]
    in_query = [value.strip() for name, value in query if name not in ("email", "E-Mail", "other")]
    in_body = [value.strip() for name, value in body if name not in ("email", "E-Mail", "other")]
    expected = in_query or in_body
    for content_type, raw in bodies:
        fields = decode(raw.encode(), content_type, encoded, NAMES, ["irpid"])
        found = [text for name, texts in fields.items() for text in texts if NAMES.get(canonical(name)) == "irpid"]
        assert sorted(found) == sorted(expected)
        assert decode(raw.encode(), content_type, encoded, NAMES).get("other") == fields.get("other")


def test_values_are_trimmed_but_never_of_forbidden_characters():
    assert decode(b"a=%20%C2%A0x%09&b=%00x%1F", FORM) == {"a": ["x"], "b": ["\x00x\x1f"]}


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ud800", "\uffff"])
def test_forbidden_characters_in_a_name_become_replacement_characters(character):
    body = json.dumps({f"e{character}mail": 1, "email": 2}).encode()
    assert decode(body, JSON) == {"e\ufffdmail": ["1"], "email": ["2"]}


# --- Which format a body is in ---


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        (FORM, b"a=1", "form"),
        (FORM, b" " * 100 + b"<a/>", "xml"),
        (FORM, b"<a/>", "xml"),
        (FORM, b' {"a":1}', "json"),
        (JSON, b"<a/>", "xml"),
        (FORM, b'[{"a":1}]', "json"),
        (JSON, b"a=1", "form"),
        (JSON, b'"a=1"', "json"),
        (JSON, b"17", "json"),
        (JSON, "\ufeff a=1".encode(), "form"),
        (XML, b"a=1", "form"),
        (XML, b"a", "xml"),
        (XML, b"", "xml"),
        (XML, b'{"a":1}', "json"),
        ("text/xml; charset=utf-8", b"<a/>", "xml"),
        ("application/vnd.acme+xml", b"<a/>", "xml"),
        ("Application/VND.acme+JSON", b"{}", "json"),
        ("", b"<a/>", "xml"),
        ("text/plain", b'{"a":1}', "json"),
        ("application/octet-stream", b"a=1", "form"),
        ("", b"\xff\xfe<\x00a\x00", "xml"),
        ("text/json", b'{"a":1}', "json"),
        ("application/x-json", b'[{"a":1}]', "json"),
        ("text/html", b"<a/>", "xml"),
        ("text/html; charset=utf-8", b"a=1", "form"),
        ("application/x-form-urlencoded", b"a=1", "form"),
        ("application/pdf", b"a=1", "form"),
        ("text/csv", b"a=1", "form"),
        ("application/json, application/json", b'{"a":1}', "json"),
        ("application/json; charset=utf-8,application/json", b"a=1", "form"),
        (f"{FORM}, {JSON}", b"<a/>", "xml"),
        (f"{FORM},", b"a=1", "form"),
        ('text/plain; a="b,c"', b"a=1", "form"),
        ("multipart/form-data; boundary=x, multipart/form-data; boundary=x", b"--x", "multipart"),
        ('multipart/form-data; boundary="x,y"', b"--x,y", "multipart"),
        ("multipart/form-data; boundary=x", b"<a/>", "multipart"),
    ],
)
def test_the_first_character_decides_where_the_type_is_vague_or_contradicted(content_type, body, expected):
    assert kind(content_type, body) == expected


FILES = ["image/png", "image/svg+xml", "audio/mpeg", "video/mp4", "font/woff2", "font/x+json", "IMAGE/SVG+XML"]


@pytest.mark.parametrize("content_type", [*FILES, "multipart/mixed", "model/mesh", "x"])
def test_other_types_are_unsupported(content_type):
    for body in (b"a=1", b"<a/>", b'{"a": 1}'):
        with pytest.raises(UnsupportedPayload):
            decode(body, content_type)


# --- What is refused, and how ---


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"[1,2]", JSON, "not one lead"),
        (b"[]", JSON, "not one lead"),
        (b"[[{}]]", JSON, "not one lead"),
        (b'[{"a": 1}, {"a": 2}]', JSON, "not one lead"),
        (b'["a=1"]', JSON, "not one lead"),
        (b'"abc"', JSON, "not one lead"),
        (b"17", JSON, "not one lead"),
        (b"null", JSON, "not one lead"),
        (b'{"a":', JSON, "not well-formed in line 1"),
        (b'{"a": NaN}', JSON, "NaN or Infinity"),
        (b'{"a": -Infinity}', JSON, "NaN or Infinity"),
        (b"[" * 100_000, JSON, "nested too deeply"),
        (b'{"a":' * 100_000, JSON, "nested too deeply"),
        (b"\xff", JSON, "not well-formed"),
        (b"\xff", JSON + "; charset=utf-8", "not valid UTF-8 text"),
        (b"<?xml version='1.0' encoding='utf-8'?><a>\xff</a>", XML, "not valid UTF-8 text"),
        (b"<a><b></a>", XML, "mismatched tag in line 1"),
        (b"<a>&undefined;</a>", XML, "not well-formed"),
        (b"<a>\x00</a>", XML, "not well-formed"),
        (b"<a/><b/>", XML, "not well-formed"),
        (b"a", XML, "not well-formed"),
        (b"<!DOCTYPE a><a/>", XML, "DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', XML, "DOCTYPE"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', XML, "DOCTYPE"),
        (b"<a>" * 50_000, XML, "nested too deeply"),
        (b"<l>" + b"<a/>" * 20_000 + b"</l>", XML, "too many fields"),
        (b"<a>" * 50_000 + b"</a>" * 50_000, XML, "nested too deeply"),
        (b"<?xml version='1.0' encoding='no-such'?><a/>", XML, "encoding that is not known"),
        (b"<?xml version='1.0' encoding='utf-7'?><a/>", XML, "encoding that is not known"),
        (b"a=1", FORM + "; charset=unicode_escape", "encoding that is not known"),
        (b"a=%FF", FORM + "; charset=utf-8", "not valid UTF-8 text"),
        (b"\xff", "text/plain; charset=utf-8", "not valid UTF-8 text"),
        ("a=%FF".encode("utf-16"), FORM, "not valid UTF-8 text"),
        (b"--x\r\n", "multipart/form-data", "no boundary"),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1", "multipart/form-data; boundary=x", "cut off"),
        (b"--x\r\nno headers\r\n\r\n1\r\n--x--", "multipart/form-data; boundary=x", "not well-formed"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_400_that_says_why(body, content_type, sentence):
    with pytest.raises(PayloadError, match=sentence) as caught:
        decode(body, content_type)
    assert caught.value.status_hint == 400


def test_a_refusal_never_quotes_the_body():
    for body in (b'{"a": canary}', b"<canary>", b"<?xml version='1.0' encoding='canary'?><a/>", b"canary=%FF"):
        with pytest.raises(PayloadError) as caught:
            decode(body, "text/plain; charset=utf-8" if b"%" in body else "")
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("levels", [MAX_LEVELS, MAX_LEVELS + 1])
@pytest.mark.parametrize(
    "body",
    [
        lambda n: "<a>" * n + "v" + "</a>" * n,
        lambda n: '{"a":' * n + '"v"' + "}" * n,
        lambda n: '{"b": 1, "a":' + '{"a":' * (n - 1) + '"v"' + "}" * n,
    ],
    ids=["xml", "json", "json without a wrapper"],
)
def test_32_levels_are_read_and_33_are_not(body, levels):
    text = body(levels).encode()
    if levels <= MAX_LEVELS:
        assert decode(text)
    else:
        with pytest.raises(PayloadError, match="nested too deeply"):
            decode(text)


@pytest.mark.parametrize("length", [MAX_NAME, MAX_NAME + 1])
@pytest.mark.parametrize(
    "body",
    [
        lambda n: (f"<l><{'a' * n}>1</{'a' * n}></l>", XML),
        lambda n: (f"<l><{'a' * (n - 2)}><b>1</b></{'a' * (n - 2)}></l>", XML),
        lambda n: (json.dumps({"a" * (n - 2): {"b": 1}, "c": 2}), JSON),
        lambda n: ("a" * n + "=1", FORM),
    ],
)
def test_a_name_of_250_characters_is_read_and_of_251_is_not(body, length):
    text, content_type = body(length)
    if length <= MAX_NAME:
        assert decode(text.encode(), content_type)
    else:
        with pytest.raises(PayloadError, match="name is too long"):
            decode(text.encode(), content_type)


@pytest.mark.parametrize("number", ["9" * MAX_NUMBER, "-0." + "9" * (MAX_NUMBER - 3), "1e" + "9" * (MAX_NUMBER - 2)])
def test_a_number_of_1000_characters_is_read_and_of_1001_is_not(number):
    assert decode(f'{{"a": {number}}}'.encode(), JSON) == {"a": [number]}
    with pytest.raises(PayloadError, match="number of the JSON is too long"):
        decode(f'{{"a": {number}9}}'.encode(), JSON)


def test_an_encoding_that_is_not_known_leaves_nothing_in_memory():
    with pytest.raises(PayloadError, match="encoding that is not known"):
        decode(b"a=1", FORM + "; charset=never-heard-of-it")
    assert "never_heard_of_it" not in encodings._cache


@pytest.mark.parametrize("count", [MAX_FIELDS, MAX_FIELDS + 1])
@pytest.mark.parametrize(
    "body",
    [
        lambda n: (b"<l>" + b"<a>1</a>" * n + b"</l>", XML),
        lambda n: (json.dumps({"a": [1] * n}).encode(), JSON),
        lambda n: (json.dumps({f"k{i}": 1 for i in range(n)}).encode(), JSON),
        lambda n: (b"&".join([b"a=1"] * n), FORM),
        lambda n: multipart([("a", "1")] * n),
    ],
    ids=["xml", "json values", "json names", "form", "multipart"],
)
def test_1000_fields_are_read_and_1001_are_not(body, count):
    if count <= MAX_FIELDS:
        assert sum(map(len, decode(*body(count)).values())) == count
    else:
        with pytest.raises(PayloadError, match="too many fields"):
            decode(*body(count))


# --- What a name counts as ---

DECLARED = {"ssn": "ssn", "social": "ssn", "tax.id": "ssn", "@": "ssn", "ssn.last4": "last4", "email": "email"}


@pytest.mark.parametrize(
    "name",
    ["ssn", "S_S-N", "Social", "applicant.ssn", "a.b.SSN", "@ssn", "ssn.@id", "a.social.b", "a[ssn]", "a[ssn][]",
     "a:ssn", "a/ssn", "x.tax.id", "Tax.Id.y", "ssn.last5"],
)  # fmt: skip
def test_what_stands_under_a_name_counts_as_it(name):
    assert name in Names(DECLARED, {"ssn"})


@pytest.mark.parametrize("name", ["ssns", "a.mossn", "a_ssn", "tax.x.id", "id", "email", "ssn.last4", "", ".", "@"])
def test_what_only_holds_a_name_or_is_that_of_another_field_does_not(name):
    assert name not in Names(DECLARED | {"@": "email"}, {"ssn"})


def test_no_name_counts_as_one_of_no_fields():
    assert "ssn" not in Names(DECLARED, set())
