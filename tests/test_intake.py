"""Leads as form builders, ad platforms and other people's programs post them: one decision in all formats."""

import json
from datetime import UTC, datetime
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

import pytest
from cast import FORM, JSON, XML, Partner, multipart, program, read_answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from judge.judgement import judge
from partners.samples import freshened
from partners.simulator import body_of
from web.formats import FORMATS
from web.masks import Hidden
from web.refusals import MAX_DOCUMENTS
from web.request import read
from web.service import rulebook

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = """
unpack: [data, XmlString, Body.Lead]
customer: [email]
fields:
  email: {type: email, required: true, aliases: ["field_data[name=email].values", "fields[email][value]"]}
  first: {aliases: ["contact.name[@part=first]"]}
  last: {aliases: ["contact.name[@part=last]"]}
  age: {type: integer, min: 18, aliases: ["drivers[0].age"]}
  ages: {type: integer, multiple: true, aliases: [drivers.age]}
  wishes: {multiple: true, max_length: 4, on_invalid: warn}
  ssn: {store: false, aliases: ["field_data[name=ssn].values"]}
rules:
  - {id: young, reject_if: min(ages) < 5}
  - {id: many, reject_if: "count(wishes) > 2 or 'a' in wishes"}
sale_amount:
  - {when: count(wishes) > 1, amount: count(ages) * 2, at_most: 5}
  - {amount: 10.00}
"""


@pytest.fixture
def buyer(make_app):
    return Partner(make_app(RULES))


LEAD = '{"email": "a@example.com"}'
AD = {"field_data": [{"name": "full_name", "values": ["Ann Lee"]}, {"name": "EMAIL", "values": ["a@example.com"]}]}
ADF = '<contact><name part="first">Ann</name><name part="last">Lee</name></contact>'
EMPTY_FILE = (
    b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na@example.com\r\n'
    b'--x\r\nContent-Disposition: form-data; name="photo"; filename=""\r\n\r\n\r\n--x--\r\n'
)
ROWS = {
    "UTF-16 is declared, and it is UTF-8": (
        XML,
        '<?xml version="1.0" encoding="utf-16"?><lead><email>bo@example.com</email></lead>',
        "email",
        "bo@example.com",
    ),
    "a file input that nobody filled in": ("multipart/form-data; boundary=x", EMPTY_FILE, "email", "a@example.com"),
    "ISO-8859-1": (FORM + "; charset=ISO-8859-1", "last=O%92Brien", "last", "O’Brien"),
    "windows-1252, undeclared": (FORM, "last=Andr%E9", "last", "André"),
    "text/json": ("text/json", LEAD, "email", "a@example.com"),
    "application/x-json": ("application/x-json", LEAD, "email", "a@example.com"),
    "text/html": ("text/html", "<lead><email>a@example.com</email></lead>", "email", "a@example.com"),
    "application/x-form-urlencoded": ("application/x-form-urlencoded", "email=a@example.com", "email", "a@example.com"),
    "a doubled type": (f"{JSON}, {JSON}", LEAD, "email", "a@example.com"),
    "a form that is called JSON": (JSON, "email=a@example.com&first=Ann", "first", "Ann"),
    "a form that is called XML": (XML, "email=a@example.com&first=Ann", "first", "Ann"),
    "an array of one": (JSON, f"[{LEAD}]", "email", "a@example.com"),
    "JSON in a form": (FORM, f"data={LEAD}", "email", "a@example.com"),
    "XML in a form": (FORM, f"XmlString=<lead>{ADF}</lead>", "last", "Lee"),
    "a form in a form": (FORM, urlencode({"data": "email=a@example.com&last=Lee"}), "last", "Lee"),
    "JSON in multipart": (multipart([("data", LEAD)])[1], multipart([("data", LEAD)])[0], "email", "a@example.com"),
    "JSON in XML": (XML, f"<Envelope><Body><Lead>{escape(LEAD)}</Lead></Body></Envelope>", "email", "a@example.com"),
    "XML in JSON": (JSON, json.dumps({"id": 1, "XmlString": f"<l>{ADF}</l>"}), "first", "Ann"),
    "names and values": (JSON, json.dumps(AD), "email", "a@example.com"),
    "names and values, wrapped": (JSON, json.dumps({"lead": AD}), "email", "a@example.com"),
    "names and values in XML": (
        XML,
        "<l><field_data><name>x</name><values>y</values></field_data>"
        "<field_data><name>Email</name><values>a@example.com</values></field_data></l>",
        "email",
        "a@example.com",
    ),
    "names and values in a form": (
        FORM,
        "field_data[0][name]=x&field_data[0][values][]=y&field_data[1][name]=email&field_data[1][values][]=a@example.com",
        "email",
        "a@example.com",
    ),
    "an attribute": (XML, f"<lead>{ADF}</lead>", "last", "Lee"),
    "an attribute, in the outermost element": (XML, ADF, "last", "Lee"),
    "declarations in capital letters": (XML, f'<?ADF VERSION "1.0"?>\n<?XML VERSION "1.0"?>\n{ADF}', "last", "Lee"),
    "a declaration behind another": (XML, f'<?adf version="1.0"?>\n<?xml version="1.0"?>\n{ADF}', "last", "Lee"),
    "an item": (JSON, '{"drivers": [{"age": 34}, {"age": 11}], "id": 1}', "age", 34),
    "an item of a form": (FORM, "drivers[1][age]=11&drivers[0][age]=34", "age", 34),
    "an item, wrapped alone": (JSON, '{"drivers": {"age": 34}}', "age", 34),
    "a form builder's names": (FORM, "fields[email][value]=a@example.com", "email", "a@example.com"),
    "the same names in JSON": (JSON, '{"fields": {"email": {"value": "a@example.com"}}}', "email", "a@example.com"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_what_is_posted_in_the_world_is_read(buyer, row):
    content_type, body, field, value = ROWS[row]
    assert buyer.post(body, content_type).status_code == 200
    assert buyer.stored()[0].fields[field] == value


@pytest.mark.parametrize("content_type", ["image/svg+xml", "image/png", "audio/mpeg", "video/x+json", "font/woff2"])
def test_pictures_sounds_and_fonts_are_415_whatever_they_hold(buyer, content_type):
    for body in ("<lead><email>a@example.com</email></lead>", LEAD, "email=a@example.com"):
        assert buyer.post(body, content_type).status_code == 415
    assert buyer.stored() == []


# --- Documents within fields ---


def test_the_fields_of_a_document_win_over_those_beside_it(buyer):
    buyer.post(urlencode({"email": "b@example.com", "click": 1, "data": LEAD}))
    buyer.post(urlencode({"click": 1, "data": LEAD}), path="/leads?email=b@example.com")
    assert [lead.fields for lead in buyer.stored()] == [{"email": "a@example.com", "click": "1"}] * 2


def test_a_document_in_the_query_string_yields_to_the_body(buyer):
    buyer.post(
        b"email=b@example.com", path="/leads?" + urlencode({"data": '{"email": "a@example.com", "last": "Lee"}'})
    )
    buyer.post(urlencode({"data": LEAD}), path="/leads?" + urlencode({"data": '{"last": "Lee"}'}))
    assert [lead.fields for lead in buyer.stored()] == [
        {"email": "b@example.com", "last": "Lee"},
        {"email": "a@example.com"},
    ]


def test_a_field_of_the_query_that_wins_wins_over_documents_too(make_app):
    rules = RULES.replace("fields:", "query_wins: [pid]\npartner: pid\nfields:\n  pid: {}")
    partner = Partner(make_app(rules))
    partner.post(urlencode({"data": '{"email": "a@example.com", "pid": "theirs"}'}), path="/leads?pid=ours")
    assert partner.stored()[0].partner == "ours"


def test_a_document_in_a_document_stays_a_text(buyer):
    buyer.post(urlencode({"data": json.dumps({"email": "a@example.com", "data": LEAD})}))
    assert buyer.stored()[0].fields == {"email": "a@example.com", "data": LEAD}


@pytest.mark.parametrize("text", ["", " ", "{}", "<lead/>"])
def test_an_empty_document_is_a_lead_without_fields(buyer, text):
    answer = read_answer(buyer.post(urlencode({"data": text})))
    assert answer["note"] == "No email was submitted"


@pytest.mark.parametrize("text", ["{", "<a>", "hello", "[1]", "<!DOCTYPE a><a/>", '{"a": NaN}', "[" * 1000, "<a>" * 40])
def test_a_document_that_cannot_be_read_is_answered_as_such_a_body(buyer, text):
    response = buyer.post(urlencode({"data": text}))
    assert response.status_code == 400
    assert read_answer(response)["note"].startswith("In the field data: ")
    assert buyer.stored()[0].reasons == ["body.unreadable"]


def test_half_a_character_in_a_document_is_no_fault(buyer):
    for text in ("<a>\ud800</a>", "a=\ud800"):
        assert buyer.post(json.dumps({"data": text, "b": 1}), JSON).status_code in (200, 400)


def test_many_documents_have_no_more_fields_together_than_one_lead(buyer):
    for text, times in (('{"a": [%s]}' % ("1," * 200 + "1"), 5), ('{"a": 1}', MAX_DOCUMENTS + 1)):
        assert buyer.post(urlencode([("data", text)] * times)).status_code == 400
    assert buyer.post(urlencode([("data", '{"a": 1}')] * MAX_DOCUMENTS)).status_code == 200


def test_what_is_not_stored_leaves_no_document_nor_item_behind(buyer):
    ad = {"field_data": [*AD["field_data"], {"name": "SSN", "values": ["canary", {"raw": "canary"}]}]}
    for body, kind in ((json.dumps(ad), JSON), (urlencode({"data": json.dumps(ad)}), FORM)):
        buyer.post(body, kind)
    buyer.post(urlencode({"data": '{"ssn": "canary", "email": "a@example.com"}'}))
    for lead in buyer.stored():
        assert lead.fields["email"] == "a@example.com"
        assert "canary" not in str((lead.fields, bytes(lead.body), lead.trace))


def test_a_sensitive_item_is_masked_with_all_that_stands_under_it():
    rules = "fields:\n  ssn: {sensitive: true, aliases: ['d[name=social security].v', 'e[0].ssn', 'f[g][h]']}"
    made = program(rules)
    ad = {"d": [{"name": "Social  Security", "v": ["1", {"@id": "2"}]}], "e": [{"ssn": 3}], "f": {"g": {"h": 4}}}
    fields, hidden = read(made, json.dumps(ad).encode()), Hidden([made.spec], [])
    assert sorted(text for name, texts in fields.items() if name in hidden for text in texts) == ["1", "2", "3", "4"]
    assert hidden.stand_in('[{"name": "Social Security", "v": 1')
    assert not hidden.stand_in('[{"name": "email", "v": 1')


# --- What else is made of a rule file ---


def test_partners_are_told_of_the_fields_that_may_hold_a_lead(make_app):
    told = Partner(make_app(RULES + "docs: public\n")).http.get("/docs/default.md").get_data(as_text=True)
    assert "the text of one field, `data` or `XmlString` or `Body.Lead`, as XML, JSON or a form" in told
    assert "`field_data[name=email].values`" in told


EXAMPLE = """
examples:
  - name: items
    lead:
      field_data: [{name: x, values: [y]}, {name: email, values: [a@example.com]}]
      contact: {name: [{"@part": first, "#text": Ann}, {"@part": last, "#text": Lee}]}
      drivers: [{age: 34}, {age: 11}]
    expect: valid
"""


def test_the_simulator_posts_items_in_every_format_and_as_another_person():
    made = program(RULES + EXAMPLE)
    (lead,) = freshened(made, [made.spec.examples[0].lead], NOW)
    for kind in ("form", "json", "xml"):
        fields = read(made, body_of(lead, kind), FORMATS[kind].mimetype)
        verdict = judge(made, fields, NOW)
        assert verdict.valid and verdict.values["age"] == 34 and verdict.values["last"] == "Lee"
        assert verdict.email.endswith("@example.com") and verdict.email != "a@example.com"


# --- One lead in all formats ---

words = st.text(st.sampled_from("abz é&<>\"'=%+[].\u2019"), min_size=1, max_size=6).map(str.strip).filter(bool)
names = st.sampled_from(["email", "E-Mail", "EMAIL", "ssn", "phone", "a.b", "x"])
items = st.lists(st.tuples(names, words | st.just("a@example.com")), min_size=1, max_size=5)
parts = st.lists(st.tuples(st.sampled_from(["first", "FIRST", "last", "middle"]), words), max_size=3)


def forms_of(fields, people, ages, wishes):
    """Yield one lead in every format: names and values, names by attribute, and items by number."""
    tree = {"id": "1", "field_data": [{"name": name, "values": [text]} for name, text in fields]}
    tree |= {"contact": {"name": [{"@part": part, "#text": text} for part, text in people]}} if people else {}
    tree |= {"drivers": [{"name": "Bo"} | ({} if age is None else {"age": str(age)}) for age in ages]} if ages else {}
    tree |= {"wishes": wishes} if wishes else {}
    yield json.dumps(tree).encode(), JSON
    data = "".join(f"<field_data><name>{escape(n)}</name><values>{escape(t)}</values></field_data>" for n, t in fields)
    data += "".join(f"<drivers><name>Bo</name>{'' if age is None else f'<age>{age}</age>'}</drivers>" for age in ages)
    data += "".join(f"<wishes>{escape(wish)}</wishes>" for wish in wishes)
    inner = "".join(f"<name part={quoteattr(part)}>{escape(text)}</name>" for part, text in people)
    data += f"<contact>{inner}</contact>" if people else ""
    xml = f"<lead><id>1</id>{data}</lead>".encode()
    yield xml, XML
    yield b'<?xml version="1.0" encoding="utf-16"?>' + xml, XML
    pairs = [("id", "1")]
    for number, (name, text) in enumerate(fields):
        pairs += [(f"field_data[{number}][name]", name), (f"field_data[{number}][values][]", text)]
    for number, (part, text) in enumerate(people):
        pairs += [(f"contact[name][{number}][@part]", part), (f"contact[name][{number}]", text)]
    pairs += [(f"drivers[{number}][name]", "Bo") for number, _ in enumerate(ages)]
    pairs += [(f"drivers[{number}][age]", str(age)) for number, age in enumerate(ages) if age is not None]
    numbered = [(f"wishes[{number}]", wish) for number, wish in enumerate(wishes)]
    yield urlencode([*pairs, *numbered]).encode(), FORM
    yield urlencode([*numbered[::-1], *pairs[::-1]]).encode(), FORM
    yield urlencode([*pairs, *(("Wishes[]", wish) for wish in wishes)]).encode(), FORM
    pairs += [("wishes", wish) for wish in wishes]
    yield urlencode(pairs).encode(), FORM
    yield urlencode(pairs).encode(), JSON
    if not any("--x1y2" in text for _, text in pairs):
        yield multipart(pairs)
    for document in (json.dumps(tree), json.dumps([tree]), xml.decode(), urlencode(pairs)):
        yield urlencode({"data": document}).encode(), FORM
        yield json.dumps({"Body": {"Lead": document}}).encode(), JSON
        yield f"<E><Body><Lead>{escape(document)}</Lead></Body></E>".encode(), XML


@given(
    items,
    parts,
    st.lists(st.integers(0, 99) | st.none(), max_size=3),
    st.lists(words | st.sampled_from(["a", "", " b ", "C\r\nd"]), max_size=4),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_lead_with_items_gets_one_decision_in_every_format_and_as_a_document(buyer, fields, people, ages, wishes):
    with buyer.app.app_context():
        made = rulebook().programs["default"]
    verdicts = []
    for body, content_type in forms_of(fields, people, ages, wishes):
        verdict = judge(made, read(made, body, content_type), NOW)
        verdicts.append(verdict)
        assert verdict.fields == verdicts[0].fields, (body, content_type)
        assert (verdict.codes, verdict.worth) == (verdicts[0].codes, verdicts[0].worth)
        assert verdict.trace == verdicts[0].trace
    mails = [text for name, text in fields if name.lower() == "email"]
    assert verdicts[0].fields.get("email") == (mails[0] if mails else None)
    assert ("email.required" in verdicts[0].codes) == (not mails)
    assert verdicts[0].fields.get("ages", []) == [age for age in ages if age is not None]
    kept = [wish.strip().replace("\r\n", "\n") for wish in wishes]
    assert verdicts[0].fields.get("wishes", []) == [wish for wish in kept if wish]
