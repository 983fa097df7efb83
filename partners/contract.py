"""What the integrations engineer of impact.com is told about a program, and the proof that it holds.

An answer is read by an XPath or a regular expression for each value. The expressions stand here
once: for the text that is sent to the engineer, for `--prove`, and for `flask simulate`.
"""

import json
import re
from datetime import UTC, datetime
from itertools import product
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import unescape

import re2
from email_validator.rfc_constants import EMAIL_MAX_LENGTH
from ulid import ULID

import models
from judge.examples import judge_example
from judge.schema import ExampleSpec
from judge.verdict import NOTE_LENGTH, VALID_NOTE
from partners.samples import field_examples, made_leads
from web.answer import Answer, of_verdict, render, render_strictly
from web.formats import ANSWERED, KINDS

REALM = "Datapost"  # as a 401 names it
VALUES = ("uniqueid", "sale_amount", "customerid", "email", "note")

# --- The expressions ---

# They begin at the start of the answer and walk over every element before the one they take, so that
# no text within a value is taken for markup. `valid` comes first: what is paid for is read from valid
# answers only. They use what Python, Java and RE2 understand alike (no \w, \d, \b, lookbehind or named
# group), have one way to match at each character (linear time), and take the rest of the answer too,
# so that Java's matches() finds what its find() does.
_REST = r"[\s\S]*"
_ELEMENT = "<[a-z_]+(?: ?/>|>[^<]*</[a-z_]+>)[^<]*"
_TEXT = r'[^"\\]*(?:\\[\s\S][^"\\]*)*'
_MEMBER = f'"[a-z_]+"[^"]*"{_TEXT}"[^"]*'


def _xml(valid, name=None):
    taken = f"[^<]*(?:{_ELEMENT})*<{name}>([^<]+)</{name}>" if name else ""
    return rf"\A[^<]*<dataPostResponse>[^<]*<valid>{valid}</valid>{taken}{_REST}"


def _json(valid, name=None):
    text = _TEXT if name == "note" else r'[^"\\]+'  # of the others, none can hold what JSON escapes
    taken = f'[^"]*(?:{_MEMBER})*"{name}"[^"]*"({text})"' if name else ""
    return rf'\A[^"]*"dataPostResponse"[^"]*"valid"[^"]*{valid}{taken}{_REST}'


def _expressions():
    success = {"xml": _xml("(true)"), "json": _json('"?(true)"?')}
    found = {"success": {"xpath": "/dataPostResponse/valid[.='true']", "regex": success}}
    for name in VALUES:
        valid = "(?:true|false)" if name == "note" else "true"  # a rejection has a note too, and only that
        regex = {"xml": _xml(valid, name), "json": _json(f'"?{valid}"?', name)}
        found[name] = {"xpath": f"/dataPostResponse/{name}", "regex": regex}
    return found


EXPRESSIONS = _expressions()

_LEAD = models.Lead
MAX_LENGTH = {
    "uniqueid": _LEAD.id.max_length,
    "sale_amount": _LEAD.sale_amount.max_digits + 1,  # and the point
    "customerid": _LEAD.customerid.max_length,
    "email": EMAIL_MAX_LENGTH,
    "note": NOTE_LENGTH,
}
ALPHABET = {
    "uniqueid": "the digits 0-9 and the capital letters A-Z without I, L, O and U",
    "sale_amount": "digits, a point, two digits: 0.00 to 999999.99; no sign, no currency",
    "customerid": "the digits 0-9 and the letters a-f: a keyed hash, by which nobody can be named; it may be empty",
    "email": "what an e-mail address may hold, letters of any alphabet and ' and & included, but none of < > \" \\ "
    "and no blank; in XML & is written &amp;, everything else stands as it is; it may be empty",
    "note": 'any character of Unicode, on one line; in XML & < > are written &amp; &lt; &gt;, in JSON " and \\ are '
    'written \\" and \\\\, everything else stands as it is',
}


# --- Reading answers by them ---


class Unreadable(ValueError):
    """An answer is not well-formed XML or JSON; the text says how."""


def read_by_regex(document, answer_format, engine=re):
    """Return what the regular expressions take: `success` is "true" or empty, a value that is not there is empty."""
    return {name: _taken(_compiled(engine, name, answer_format), document, answer_format) for name in EXPRESSIONS}


_patterns = {}


def _compiled(engine, name, answer_format):
    key = engine, name, answer_format
    if key not in _patterns:
        _patterns[key] = engine.compile(EXPRESSIONS[name]["regex"][answer_format])
    return _patterns[key]


def _taken(pattern, document, answer_format):
    found = pattern.search(document)
    if not found:
        return ""
    return unescape(found[1]) if answer_format == "xml" else json.loads(f'"{found[1]}"')


def read_by_parser(document, answer_format):
    """Return what the XPaths take from XML, and what a parser finds in JSON. Raises Unreadable."""
    return _read_xml(document) if answer_format == "xml" else _read_json(document)


def _read_xml(document):
    try:
        root = ElementTree.fromstring(document.encode())  # noqa: S314 - an answer has no entities but its own
    except (ElementTree.ParseError, UnicodeEncodeError) as error:
        raise Unreadable(f"it is not well-formed XML ({error})") from None
    above = ElementTree.Element("document")  # paths begin above the root
    above.append(root)
    return {name: above.findtext(f".{row['xpath']}") or "" for name, row in EXPRESSIONS.items()}


def _read_json(document):
    try:
        found = json.loads(document)["dataPostResponse"]
        success = "true" if found["valid"] in (True, "true") else ""
        return {"success": success} | {name: str(found[name]) for name in VALUES}
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"it is no JSON with a dataPostResponse and its six keys ({type(error).__name__})") from None


# --- The samples ---


def samples(program):
    """Return a valid and an invalid answer of this program in both formats, or None where it has no lead for one."""
    answers = {"valid": _answer(program, True), "invalid": _answer(program, False)}
    return {
        name: {made: answer and render(answer, made, program.name) for made in ANSWERED}
        for name, answer in answers.items()
    }


def _answer(program, valid):
    """Return the answer to the first example that is (or is not) valid, or to a lead of the fields' own examples."""
    examples = [example for example in program.spec.examples if (example.expect == "valid") == valid]
    verdict = judge_example(program, next(iter(examples), None) or made_example(program, valid), datetime.now(UTC))
    if verdict.valid != valid:
        return None
    return of_verdict(verdict, str(ULID()), models.customer_of(verdict.customer))


def made_example(program, valid=True):
    """Return an example of values that the fields take, a valid one if there is, or of a lead without fields."""
    leads = made_leads(program, field_examples(program)) if valid else [{}]
    expect = "valid" if valid else []
    made = [ExampleSpec(name="a lead of the fields' examples", lead=lead, expect=expect) for lead in leads]
    return next((example for example in made if judge_example(program, example, datetime.now(UTC)).valid), made[0])


# --- The contract ---


def address(url, program):
    """Return where the leads of a program are posted to; `url` is the base address of the service."""
    return f"{url}/leads/{quote(program.name)}"


def contract(program, url, settings):
    """Return all that the engineer sets up, as one dict."""
    names = [user.name for user in settings.users if user.programs is None or program.name in user.programs]
    users = list(dict.fromkeys(names))
    return {
        "url": address(url, program),
        "method": "POST",
        "authentication": {"scheme": "none"} if settings.open else {"scheme": "basic", "realm": REALM, "users": users},
        "content_types": list(KINDS),
        "samples": samples(program),
        "success": EXPRESSIONS["success"],
        "values": {
            name: EXPRESSIONS[name] | {"max_length": MAX_LENGTH[name], "alphabet": ALPHABET[name]} for name in VALUES
        },
    }


# --- The proof ---

# What a note or an address could hold to be taken for something else.
HOSTILE = (
    '"valid": true',
    '{"dataPostResponse": {"valid": true, "uniqueid": "1", "sale_amount": "9.99"}}',
    '", "uniqueid": "1", "valid": true, "note": "',
    '\\", "valid": true, "x": "\\',
    "<valid>true</valid>",
    "</note><valid>true</valid><uniqueid>1</uniqueid>",
    "</note></dataPostResponse><dataPostResponse><valid>true</valid><uniqueid>1</uniqueid>",
    "<!-- --> <![CDATA[<valid>true</valid>]]> ]]> &lt;valid&gt;true&lt;/valid&gt; &amp;amp; &#39; &#x3c;",
    "valid true uniqueid 1 $1 \\1 \\u0022 \\n %s {{ 7 * 7 }} {% raw %}",
    "' \" ` & < > / \\ é ß Ω 日本語 🦊 \u200b \u202e \ufeff \ufffd",
    *(character * NOTE_LENGTH for character in "\"\\<&'é🦊"),
)
EMAILS = (
    "ann@example.com",
    "o'brien&co@example.com",
    "&amp@example.com",
    "{valid}=true|/*!#$%?^_`~-+'@example.com",
    "zoë.日本@xn--bcher-kva.example",
    "&" * 242 + "@example.com",
)


def hostile_answers(program):
    """Return valid and invalid answers with all that can stand in their values."""
    ids, customers = (str(ULID()), "7" + "Z" * 25), ("", "0" * 64, "fedcba9876543210" * 4)
    sums = ("0.00", "10.00", "999999.99")
    for uniqueid, amount, customer, email in product(ids, sums, customers, ("", *EMAILS)):
        yield Answer(True, uniqueid, amount, customer, email, VALID_NOTE)
    own = [sentence for field in program.fields.values() for sentence in field.sentences.values()]
    own += [field.ambiguous for field in program.fields.values() if field.ambiguous]
    own += [spec.note for spec in (*program.spec.fields.values(), *program.spec.rules) if spec.note]
    for note in (*HOSTILE, *(" ".join(sentence.split()) for sentence in own)):
        yield Answer(True, ids[0], sums[1], customers[1], EMAILS[1], note)
        yield Answer(False, note=note)


def prove(program):
    """Read all hostile answers by every expression; return how many there were, and a line for each mistake."""
    count, mistakes = 0, []
    for answer, answer_format in product(hostile_answers(program), ANSWERED):
        count += 1
        try:
            document = render_strictly(answer, answer_format, program.name)
        except Exception as error:  # whatever a brand's template does
            cause = " ".join(f"{type(error).__name__}: {error}".split())
            mistakes.append(f"templates/{program.name}/response.{answer_format} cannot be rendered ({cause})")
            continue
        mistakes += misread(document, answer_format, expected(answer))
    return count, list(dict.fromkeys(mistakes))


def expected(answer):
    """Return what is to be taken from an answer: of a rejection, the note alone."""
    taken = {name: getattr(answer, name) if answer.valid or name == "note" else "" for name in VALUES}
    return {"success": "true" if answer.valid else ""} | taken


def misread(document, answer_format, values):
    """Return a line for each expression that takes another text from the document than it should."""
    ways = {"regular expression": (read_by_regex, re), "regular expression (RE2)": (read_by_regex, re2)}
    ways["XPath" if answer_format == "xml" else "JSON parser"] = (read_by_parser,)
    kind, lines = "a valid answer" if values["success"] else "a rejection", []
    for way, (read, *engine) in ways.items():
        try:
            taken = read(document, answer_format, *engine)
        except ValueError as error:
            lines.append(f"{answer_format}: {kind} cannot be read: {error}")
            continue
        for name in values:
            if taken[name] != values[name]:
                lines.append(
                    f"{answer_format}, {name}: the {way} takes {taken[name]!r} from {kind} that says {values[name]!r}"
                )
    return lines
