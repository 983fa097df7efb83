"""The names of forms, and the files that come with them."""

import json
from urllib.parse import quote, urlencode

import pytest
from cast import FORM, JSON, XML, multipart
from hypothesis import given
from hypothesis import strategies as st

from web.payload import MAX_LEVELS, PayloadError, UnsupportedPayload, decode

# --- Names ---


@pytest.mark.parametrize(
    ("pairs", "fields"),
    [
        ([("a[b]", "1")], {"a.b": ["1"]}),
        ([("a[b][c]", "1")], {"a.b.c": ["1"]}),
        ([("fields[email][value]", "1")], {"fields.email.value": ["1"]}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[b][]", "1"), ("a[b][]", "2")], {"a.b": ["1", "2"]}),
        ([("a[0]", "1"), ("a[1]", "2")], {"a": ["1", "2"]}),
        ([("a[1]", "2"), ("a[0]", "1")], {"a": ["1", "2"]}),
        ([("a[10]", "3"), ("a[9]", "2"), ("a[1]", "1")], {"a": ["1", "2", "3"]}),
        ([("a[1][b]", "2"), ("c", "x"), ("a[0][b]", "1")], {"a.b": ["1", "2"], "c": ["x"]}),
        ([("a[0].b", "1"), ("a[1].b", "2")], {"a.b": ["1", "2"]}),
        ([("a[first name]", "1")], {"a.first name": ["1"]}),
        ([("a[b][@id]", "7"), ("a[b]", "x")], {"a.b.@id": ["7"], "a.b": ["x"]}),
        ([("a[b][#text]", "x")], {"a.b": ["x"]}),
        ([("Phone [home]", "1")], {"Phone [home]": ["1"]}),
        ([("How many? [1-5]?", "1")], {"How many? [1-5]?": ["1"]}),
        ([("a[", "1"), ("b]", "2"), ("[c]", "3"), ("a[b]c", "4"), ("a[[b]]", "5")],
         {"a[": ["1"], "b]": ["2"], "[c]": ["3"], "a[b]c": ["4"], "a[[b]]": ["5"]}),
        ([("a[b=c].d", "1")], {"a[b=c].d": ["1"]}),
    ],
)  # fmt: skip
def test_brackets_in_a_form_are_names_within_names_and_numbers_count_items(pairs, fields):
    assert decode(urlencode(pairs).encode(), FORM) == fields
    assert decode(*multipart(pairs)) == fields
    assert decode(b"", "", urlencode(pairs).encode()) == fields
    # As browsers write brackets, too.
    plain = "&".join(f"{quote(name, safe='[]@')}={text}" for name, text in pairs)
    assert plain.startswith("[") or decode(plain.encode(), FORM) == fields


trees = st.recursive(
    st.text("ab ", min_size=1, max_size=3).map(str.strip).filter(bool),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner | st.lists(inner, min_size=1, max_size=3), min_size=1),
    max_leaves=12,
)


def bracketed(node, name=""):
    """Yield the names and values of a tree as PHP and jQuery write them in forms."""
    if isinstance(node, str):
        yield name, node
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from bracketed(inner, f"{name}[{key}]" if name else key)


@given(st.dictionaries(st.sampled_from("abcd"), trees, min_size=2), st.randoms())
def test_a_tree_in_brackets_is_the_same_lead_as_in_json(tree, chance):
    pairs = list(bracketed(tree))
    said = decode(json.dumps(tree).encode(), JSON)
    assert decode(urlencode(pairs).encode(), FORM) == said
    chance.shuffle(pairs)
    assert decode(urlencode(pairs).encode(), FORM) == said


def test_33_levels_of_brackets_are_too_many():
    name = "a" + "[b]" * (MAX_LEVELS - 1)
    assert decode(f"{name}=1".encode(), FORM)
    with pytest.raises(PayloadError, match="nested too deeply"):
        decode(f"{name}[c]=1".encode(), FORM)


# --- Files ---


def part(name, content, filename=None):
    file = "" if filename is None else f'; filename="{filename}"\r\nContent-Type: application/octet-stream'
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{content}\r\n'


@pytest.mark.parametrize("filename", ["", "a.txt"])
def test_a_file_is_a_415_and_one_without_content_is_passed_over(filename):
    empty = part("photo", "", filename)
    for body in (part("email", "a") + empty, empty + part("email", "a"), empty + part("email", "a") + empty):
        assert decode(f"{body}--x--\r\n".encode(), "multipart/form-data; boundary=x") == {"email": ["a"]}
    body = part("email", "a") + part("photo", "1", filename) + "--x--\r\n"
    with pytest.raises(UnsupportedPayload, match="file") as caught:
        decode(body.encode(), "multipart/form-data; boundary=x")
    assert caught.value.status_hint == 415


def test_a_boundary_is_found_where_the_type_is_given_twice():
    body = f"{part('email', 'a')}--x--\r\n".encode()
    assert decode(body, "multipart/form-data; boundary=x, multipart/form-data; boundary=x") == {"email": ["a"]}


# --- Forms that are called something else ---


@pytest.mark.parametrize("content_type", [JSON, XML, "application/vnd.acme+json", "text/xml; charset=utf-8"])
def test_a_form_that_is_called_json_or_xml_is_read_as_a_form(content_type):
    body = b"email=a%40example.com&first_name=Ann"
    assert decode(body, content_type) == {"email": ["a@example.com"], "first_name": ["Ann"]}


# --- Bytes ---

# What may stand in a form as it is; a % begins what is encoded, & and = part the fields, and + is a blank.
SAFE = "!$'()*,/:;?@|~^`"
ASCII_LETTERS = SAFE + "azAZ09 +%&=._-"
NAMED = [
    "",
    "; charset=utf-8",
    "; charset=iso-8859-1",
    "; charset=windows-1252",
    "; charset=shift_jis",
    "; charset=utf-16",
]


@pytest.mark.parametrize("named", NAMED)
@given(st.dictionaries(st.text("abyz", min_size=1, max_size=4), st.text(ASCII_LETTERS, max_size=8), max_size=5))
def test_it_does_not_matter_which_letters_of_a_form_are_percent_encoded(named, fields):
    charset = "utf-16" if "16" in named else "ascii"
    few = urlencode(fields, safe=SAFE)
    all_of_them = "&".join(f"{escaped(name)}={escaped(value)}" for name, value in fields.items())
    assert "+" not in all_of_them
    one, other = (decode(form.encode(charset), FORM + named) for form in (few, all_of_them))
    assert one == other == {name: [value.strip()] for name, value in fields.items()}


def escaped(text):
    return "".join(f"%{ord(character):02x}" for character in text)


def test_a_form_in_ascii_may_stand_for_letters_that_are_not():
    assert decode(b"a=caf%C3%A9&b=x+y&c=1%2B1", FORM) == {"a": ["café"], "b": ["x y"], "c": ["1+1"]}
    assert decode(b"a=caf%E9&b=x+y", f"{FORM}; charset=iso-8859-1") == {"a": ["café"], "b": ["x y"]}
    assert decode(b"a=caf%E9&b=x+y", FORM).remarks


def test_a_form_in_a_charset_whose_ascii_means_other_letters_is_read_by_it():
    greeting = "a=こんにちは".encode("iso2022_jp")
    assert greeting.isascii()
    assert decode(greeting, f"{FORM}; charset=iso-2022-jp") == {"a": ["こんにちは"]}
