"""Documents within fields: blank ones are no fields, and what is not taken apart keeps nothing that is to be hidden."""

import json
import time
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

import pytest
from cast import FORM, JSON, XML, Partner, multipart

RULES = """
unpack: [data, Body.Lead]
blanks: [N/A, "null"]
fields:
  email: {type: email, aliases: [e mail]}
  birth_date: {type: date, sensitive: true}
  notes: {}
  ssn: {store: false, aliases: [social security]}
"""


@pytest.fixture
def partner(make_app):
    return Partner(make_app(RULES))


@pytest.mark.parametrize("text", ["", " \t", "\n", "\u00a0", "\u200b", "\ufeff \u200b", "N/A", " n/a", "null"])
def test_a_blank_document_is_a_lead_without_its_fields_in_every_format(partner, text):
    element = f"<lead><data>{text}</data><notes>x</notes></lead>"
    for body, content_type in [
        (urlencode({"data": text, "notes": "x"}), FORM),
        multipart([("data", text), ("notes", "x")]),
        (json.dumps({"data": text, "notes": "x"}), JSON),
        (element.encode(), XML),
    ]:
        assert partner.post(body, content_type).status_code == 200
    assert [(lead.valid, lead.fields) for lead in partner.stored()] == [(True, {"notes": "x"})] * 4


@pytest.mark.parametrize("text", ["hello", "7", "[]", "{", "<a", "n/a!"])
def test_what_is_no_document_is_still_a_body_that_cannot_be_read(partner, text):
    assert partner.post(urlencode({"data": text}), FORM).status_code == 400


CANARY = "canary-4399"
INNER = {
    "json": json.dumps({"ssn": CANARY}),
    "deeper json": json.dumps({"a": json.dumps({"b": [{"S_S_N": CANARY}]})}),
    "an array": json.dumps([{"ssn": CANARY}]),
    "an escaped name": '{"\\u0073sn": "canary-4399"}',
    "xml": f"<a><ssn>{CANARY}</ssn></a>",
    "an attribute": f'<person name="x" ssn="{CANARY}"/>',
    "an alias": f"<Social-Security>{CANARY}</Social-Security>",
    "an alias with a blank": json.dumps({"social security": CANARY}),
    "escaped xml": escape(f"<ssn>{CANARY}</ssn>"),
    "a form": f"a=1&ssn={CANARY}",
    "an escaped form": quote(f"a=1&ssn={CANARY}"),
    "an item": json.dumps({"answers": [{"name": "ssn", "value": CANARY}]}),
}


@pytest.mark.parametrize("inner", INNER.values(), ids=INNER)
def test_a_document_that_is_not_taken_apart_is_not_stored_with_what_is_not_to_be(make_app, tmp_path, inner):
    partner, data = Partner(make_app(RULES)), json.dumps({"email": "a@example.com", "payload": inner, "other": "kept"})
    for body, content_type in [
        (urlencode({"data": data}), FORM),
        (json.dumps({"data": data}), JSON),
        (json.dumps({"email": "a@example.com", "payload": [inner], "other": "kept"}), JSON),
        (f"<lead><data>{escape(data)}</data></lead>".encode(), XML),
    ]:
        assert partner.post(body, content_type).status_code == 200
    assert [lead.fields for lead in partner.stored()] == [{"email": "a@example.com", "other": "kept"}] * 4
    assert b"4399" not in b"".join(path.read_bytes() for path in tmp_path.glob("leads.db*"))


@pytest.mark.parametrize(
    "text", ["my ssn is a secret", '{"classname": "x"}', '{"a": 1}', "<b>birth_date</b>", "x=1&session=2", "100 % sure"]
)
def test_other_texts_are_kept_as_they_came(partner, text):
    partner.lead(payload=text, notes='{"ssn": "in a field that a rule names"}')
    (lead,) = partner.stored()
    assert lead.fields == {"payload": text, "notes": '{"ssn": "in a field that a rule names"}'}


def test_a_document_with_a_sensitive_value_is_masked_unless_asked_for(partner, flask):
    partner.lead(
        payload=json.dumps({"birth-date": "1990-05-01"}), more=["x", "<birthDate>1990</birthDate>"], notes="1990"
    )
    shown = [
        json.loads(flask("leads", "export", "--format", "jsonl", *more).stdout)["fields"]
        for more in ((), ("--sensitive",))
    ]
    assert shown[0] == {"payload": "***", "more": "***", "notes": "1990"}
    assert "1990-05-01" in shown[1]["payload"]


@pytest.mark.parametrize(
    "text", ["&" * 250_000, "\\u0073" * 40_000, "%25" * 80_000, "={<[" * 60_000, "a\u0301" * 60_000 + "="]
)
def test_hostile_texts_cost_little(make_app, text):
    partner = Partner(make_app(RULES, max_body=10_000_000))
    started = time.perf_counter()
    partner.lead(payload=text)
    assert time.perf_counter() - started < 1
