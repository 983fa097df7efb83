"""What is wrong with the YAML of a rule file is told on the line of the mistake, and the rest is read all the same."""

import pytest
from cast import errors, program, warnings_of

from judge import rulefile
from judge.compiler import load
from judge.rulefile import RuleFileError

NBSP, ZERO, BOM = "\u00a0", "\u200b", "\ufeff"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # indentation
        ("fields:\n  a:\n    type: email\n      required: true\n",
         "4: this line is indented by 6 spaces, and line 3 has a value already: indent it by 4"),
        ("fields:\n  a:\n    type: email\n   required: true\n",
         "4: this line is indented by 3 spaces, as no line above: indent it by 4, as line 3 is, or 2, as line 2 is"),
        ("title: x\n fields:\n  a: {}\n",
         "2: this line is indented by 1 space, and line 1 has a value already: begin it at the edge"),
        (" title: x\nfields: {a: {}}\n", "1: this line is indented by 1 space: the keys of a program begin at the"),
        ("fields:\n\ta: {}\n\tb: {}\n", "2: this line is indented with a tab (and line 3): indent with spaces"),
        ("fields:\n  a:\ttext\n  b: @\n", "2: this line holds a tab: write a space in its place"),
        # blanks that nobody sees
        (f"fields:\n{NBSP}{NBSP}a: {{}}\n", "2: a no-break space (U+00A0) stands where only an ordinary space may: "
         "delete it and type a space"),
        (f"fields:\n  a:{NBSP}{{}}\n", "2: a no-break space (U+00A0) stands where"),
        (f"fields:\n  a: {{type:{NBSP}email}}\n", "2: a no-break space (U+00A0) stands where"),
        (f"fields:\n  a: {{{ZERO}type: email}}\n", "2: a character that is not seen (U+200B) stands where"),
        (f"fields:\n  {BOM}a: {{}}\n", "2: a character that is not seen (U+FEFF) stands where"),
        (f"fields:\n  a: {{ty{ZERO}pe: email}}\n", '2: the key "type" holds what nobody sees'),
        # colons
        ("title x\nfields: {a: {}}\n", '1: the colon is missing: write "title: x"'),
        ("fields:\n  a\n    type: email\n", '2: the colon is missing: write "a:"'),
        ("fields:\n  a: {}\n  b {type: email}\n", '3: the colon is missing: write "b: {…"'),
        ("fields:\n  a: {}\nrules\n  - id: x\n    unique: [a]\n", '3: the colon is missing: write "rules:"'),
        ("title:x\nfields: {a: {}}\n", '1: leave a space after the colon: write "title: x"'),
        ("fields:\n  a: {type:email}\n", '2: leave a space after the colon: write "type: email"'),
        ("fields: {a: {}}\nrules:\n  -id: x\n   unique: [a]\n", '3: leave a space after the -: write "- id: x"'),
        ("title: Acme: loans\nfields: {a: {}}\n", '1: a text that holds ": " wants quotes: write title: "Acme: loans"'),
        # quotes and brackets
        ('title: "x\nfields: {a: {}}\nsale_amount: 1\n', '1: the quote " that is opened in this line is never closed'),
        ("fields:\n  a: {note: 'hello}\n  b: {}\n", "2: the quote ' that is opened in this line is never closed"),
        ('title: "x\nfields:\n  a: {note: "N"}\n', '1: the quote " that is opened in this line is never closed'),
        ("fields:\n  a: {note: 'don't'}\n", '2: the apostrophe ends the text: put it in double quotes, "don\'t"'),
        ("fields:\n  a: {type: email\n  b: {}\nrules: []\n", "2: the { that is opened in this line is never closed"),
        ("fields:\n  a:\n    one_of: [x, y\n  b: {}\n", "3: the [ that is opened in this line is never closed"),
        ("fields:\n  a: {one_of: [x, y}\n", "2: the [ is not closed before the }: write ] first"),
        ("fields:\n  a: {}}\n  b: {}\n", "2: the } closes nothing: delete it"),
        ("fields: {a: {}}\nrules:\n  - {id: r, reject_if: a in ['x']}\n",
         '3: within { } and [ ] a text that holds a bracket, a quote or a sign wants quotes: write reject_if: "…"'),
        ("fields:\n  a: {aliases: [b.name[@part=first]]}\n",
         '2: an alias with a bracket wants quotes: write "b.name[@part=first]"'),
        ("fields:\n  a: {aliases: [b, b[name=x].values[0]], type: email}\n",
         '2: an alias with a bracket wants quotes: write "b[name=x].values[0]"'),
        ("fields:\n  a: {one_of: [x, #y]}\n  b: {}\n", "2: what follows # is a comment, up to the end of the line"),
        ("fields: {a: {}}\nrules:\n  - id: r\n    reject_if: 'x' == a\n",
         '4: the text goes on after its closing quote: put quotes around all of it: write reject_if: "\'x\' == a"'),
        ('fields:\n  a: {pattern: "\\d+"}\n', "2: in double quotes a \\ is written twice: write \\\\"),
        # what a text cannot begin with
        ("title: @home\nfields: {a: {}}\n", '1: a text cannot begin with @: write title: "@home"'),
        ("fields:\n  a: {note: *needed}\n", '2: a text cannot begin with *: write note: "*needed"'),
        ("title: 50\nfields: {a: {note: %}}\n", '2: a text cannot begin with %: write note: "%"'),
        ("fields: {a: {}}\nrules:\n  - id: r\n    reject_if: !a\n", 
         "4: a text cannot begin with !: put it in quotes, or write not"),
        ("fields: {a: !text {}}\n", "1: a text cannot begin with !: put it in quotes"),
        ("fields:\n  a:\n    min: > 5\n", '3: a text cannot begin with >: write min: "> 5"'),
        ("%fields:\n  a: {}\n", "1: a line cannot begin with %: delete it"),
        ("fields:\n  a:\n    note: [Sorry] no\n    label: b\n",
         '3: a text cannot begin with [: write note: "[Sorry] no"'),
        # what is missing or of another language
        ("fields:\n  a: {type: email required: true}\n", "2: the comma before required: is missing"),
        ("fields:\n  a: {type: email; required: true}\n", "2: a comma, and no ;, stands before required:"),
        ('{\n  "fields": {\n    "a": {}\n    "b": {}\n  }\n}\n', "3: the comma at the end of this line is missing"),
        ("fields: {a: {}}\nrules:\n  • id: r\n    unique: [a]\n",
         '3: an item of a list begins with -: write "- id: …"'),
        ("fields: {a: {}}\nrules:\n  - id: r\n    unique: a\n  id: s\n",
         "5: this line is indented by 2 spaces, as no line above: indent it by 4, as line 4 is, or 0, as line 2 is, "
         "or write - before it, as line 3 has"),
        ("// rules\nfields: {a: {}}\n", "1: a comment begins with #"),
        ("fields：\n  a: {}\n", "1: this colon is one of another script: write :"),
        ("```yaml\nfields: {a: {}}\n```\n", "1: ``` is no part of a rule file: delete this line"),
        # lists, documents, numbers
        ("fields: {a: {}}\nrules: - id: r\n", "2: a list begins in the line after the colon, each item after a -"),
        ("fields: {a: {}}\n---\nrules: []\n", "2: --- ends the file for YAML: delete this line"),
        ("fields: {a: {type: money, max: 1,000,000}}\n", "1: within { } a comma divides 1,000,000: write 1000000"),
        ("fields: {a: {}}\nsale_amount: [{when: a is present, amount: 55,00}]\n",
         "2: within { } a comma divides 55,00: write 55.00"),
        ("fields: {a: {}, n: {type: money}}\nsale_amount: [{when: n >= 750,000, amount: 5}, {amount: 1}]\n",
         "2: within { } a comma divides 750,000: write 750000"),
        ("a: &b {type: email}\nfields:\n  c:\n    <<: *b\n", 
         '4: field "c": "<<" is not a known key: nothing is merged here'),
        ("title: x\nfields: {a: {}}\x07\n", "2: this line holds a control character: delete it"),
    ],
)  # fmt: skip
def test_a_mistake_of_yaml_is_told_on_its_line_with_what_to_write(text, told):
    found = errors(text)
    assert any(error.startswith(f"rules/solar.yaml:{told}") for error in found), found


@pytest.mark.parametrize(
    "mistake",
    [
        "  x: {note: 'never closed}",
        "  x: {note: never closed",
        "  x: {one_of: [a}",
        "  x: {note: a: b}",
        "  x: @",
        "  x\n    type: email",
        "  x: {note: a}}",
        "  x:\n    type: email\n   required: true",
        "\tx: {}",
        "  x: {note: 'don't'}",
        "  x: *y",
    ],
)
@pytest.mark.parametrize("other", ["  y: {type: emial}", "  y:\n    type: emial\n    country: US"])
def test_after_it_the_rest_is_read_and_nothing_is_told_that_only_follows_from_it(mistake, other):
    rules = "rules:\n  - {id: r, reject_if: x == 'a' and y == 'b'}\n  - {id: s, limt: 5}\n"
    text = f"fields:\n  a: {{}}\n{mistake}\n{other}\n{rules}examples:\n  - {{name: n, lead: {{}}, expect: valid}}\n"
    first, *more = errors(text)
    assert "emial" not in first
    assert [error.partition(": ")[2] for error in more if "is not one of" not in error] == [
        'rule "s": "limt" is not a known key. Did you mean "limit"?'
    ]
    assert sum('Did you mean "email"?' in error for error in more) == 1 and len(more) == 2


def test_two_mistakes_of_yaml_in_two_rules_are_both_told():
    rules = "".join(f"  - id: r{number}\n    unique: [a]\n    note: Sorry: no\n" for number in range(3))
    found = errors(f"fields: {{a: {{}}}}\nrules:\n{rules}")
    assert [error.split(":")[1] for error in found] == ["5", "8", "11"]


@pytest.mark.parametrize(
    "text",
    [
        f"title: a{NBSP}b\nfields: {{a: {{note: 'x{NBSP}: y'}}}}",
        f"title: Sorry,{NBSP}no\nfields: {{a: {{}}}} # a{NBSP}:{NBSP}b",
        f"{BOM}fields: {{a: {{}}}}",
        "---\nfields: {a: {}}",
        'fields:\n  a:\n    note: "a text\n      of two lines"',
        "fields:\n  a: {\n    type: email\n  }",
        "fields: {a: {}}\r\ntitle: x\r\n",
    ],
)
def test_what_is_right_is_read_as_it_is(text):
    assert warnings_of(program(text)) == []


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("fields: {a: {}}".encode("utf-16"), "1: this is text in UTF-16: save it as plain text, in UTF-8"),
        ("fields: {a: {}}".encode("utf-16-le"), "1: this is text in UTF-16"),
        (b"PK\x03\x04\x14\x00", "1: this is a document of Word or Excel, or an archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "1: this is a document of Word or Excel: save it as plain text, in UTF-8"),
        (b"{\\rtf1 fields", "1: this is a document in RTF"),
        (b"%PDF-1.7", "1: this is a PDF"),
        (b"<html>", "1: this is HTML or XML"),
        (b"", "1: this is no rule file: it needs at least fields:"),
        (b"title: \xe9\n", "1: this is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_text_is_told_what_it_is(tmp_path, raw, told):
    path = tmp_path / "x.yaml"
    path.write_bytes(raw)
    with pytest.raises(RuleFileError) as caught:
        load(path)
    (error,) = map(str, caught.value.errors)
    assert error.startswith(f"{path}:{told}")


def test_a_file_that_is_read_again_too_often_is_told_that_there_may_be_more(monkeypatch):
    monkeypatch.setattr(rulefile, "MAX_PARTS", 2000)
    found = errors("fields:\n" + "".join(f"  f{number}: @x\n" for number in range(200)))
    assert 2 < len(found) < 50 and "there may be more mistakes: mend these first" in found[-1]


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ("note: You are our #1 partner", '4: warning: "You are our" ends before #, which begins a comment'),
        ("note: “Sorry”", "4: warning: “ and ” are a part of the text: write straight quotes, or none"),
        ("note: &Co too", '4: warning: nothing repeats "&Co": put a text that begins with & in quotes'),
    ],
)
def test_a_text_that_is_less_or_more_than_what_was_written_is_a_warning(line, warning):
    (found,) = warnings_of(program(f"fields:\n  a:\n    label: x\n    {line}\n"))
    assert found.startswith(f"rules/solar.yaml:{warning}")


@pytest.mark.parametrize(
    "line", ["note: Sorry  #1", "note: Sorry # the first", 'note: "Our #1"', "type: text #why", "note: C#"]
)
def test_a_comment_and_a_text_in_quotes_are_no_warning(line):
    assert warnings_of(program(f"fields:\n  a:\n    {line}\n")) == []


def test_a_condition_that_ends_before_a_comment_says_so():
    (error,) = errors("fields: {a: {}}\nrules:\n  - id: r\n    reject_if: a == 'x' or a == #5\n")
    assert error.endswith("; what follows # is a comment: put all of it in quotes")
