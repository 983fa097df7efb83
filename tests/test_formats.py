"""A lead is the same in every format, and is answered in the format that is asked for."""

import json
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import pytest
from cast import FORM, JSON, XML, Partner, multipart, read_answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import database
import models

texts = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12)
emails = st.sampled_from(["ann@example.com", "ANN@EXAMPLE.COM", " ann@example.com ", "ann@", ""])
posted_leads = st.fixed_dictionaries(
    {}, optional={"email": emails, "first_name": texts, "years": st.sampled_from(["17", "18", "x", ""]), "other": texts}
)


@given(posted_leads)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_lead_gets_the_same_fields_and_decision_in_every_format(partner, lead):
    with database.read():
        models.Lead.delete().execute()
    elements = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in lead.items())
    bodies = [
        (urlencode(lead), FORM),
        multipart(lead.items()),
        (json.dumps(lead), JSON),
        (f"<lead>{elements}</lead>", XML),
    ]
    answers = []
    for body, content_type in bodies:
        with database.read():
            models.Taken.delete().execute()
        answer = read_answer(partner.post(body, content_type, "/leads?format=xml"))
        answers.append({name: value for name, value in answer.items() if name != "uniqueid"})
    stored = [(kept.fields, kept.valid, kept.reasons, kept.trace) for kept in partner.stored()]
    assert answers == answers[:1] * 4
    assert stored == stored[:1] * 4


# --- The format of the answer ---


@pytest.mark.parametrize(
    ("query", "accept", "content_type", "expected"),
    [
        ("", None, FORM, "xml"),
        ("", None, XML, "xml"),
        ("", None, JSON, "json"),
        ("", None, "text/vnd.acme+json", "json"),
        ("?format=xml", "application/json", JSON, "xml"),
        ("?format=JSON", "application/xml", XML, "json"),
        ("?format=pdf", None, FORM, "xml"),
        ("?format=pdf", "application/json", FORM, "json"),
        ("?a=1&format=json&b=2", None, FORM, "json"),
        ("", "a/b," * 250 + "application/json", FORM, "xml"),
        ("", "application/json", FORM, "json"),
        ("", "application/xml", JSON, "xml"),
        ("", "text/xml", JSON, "xml"),
        ("", "*/*", JSON, "json"),
        ("", "*/*", FORM, "xml"),
        ("", "application/*", JSON, "json"),
        ("", "text/*", JSON, "json"),
        ("", "application/xml, application/json", JSON, "json"),
        ("", "application/xml;q=0.9, application/json;q=0.9", FORM, "xml"),
        ("", "application/xml;q=0.8, application/json;q=0.9", FORM, "json"),
        ("", "application/json, */*;q=0.5", FORM, "json"),
        ("", "text/html, application/xml;q=0.9, */*;q=0.8", JSON, "xml"),
        ("", "image/png", JSON, "json"),
        ("", "garbage;;q=x", JSON, "json"),
    ],
)
def test_the_query_then_accept_then_the_body_choose_the_format(partner, query, accept, content_type, expected):
    body = {FORM: "a=1", XML: "<a/>"}.get(content_type, "{}")
    response = partner.post(body, content_type, "/leads" + query, headers={"Accept": accept} if accept else {})
    assert response.mimetype == f"application/{expected}"
    read_answer(response)


def test_a_json_body_is_told_by_its_first_character_too(partner):
    assert partner.post('{"a": 1}', FORM).mimetype == JSON
    assert partner.post("<a/>", JSON).mimetype == XML
    assert partner.post("a=1", "").mimetype == XML


def test_the_program_says_the_format_where_the_request_does_not(make_app):
    partner = Partner(make_app("respond: json\nfields: {a: {}}"))
    assert partner.post("a=1").mimetype == JSON
    assert partner.post("<a/>", XML, headers={"Accept": "text/xml"}).mimetype == XML
    assert partner.post("a=1", auth=None).mimetype == JSON


def test_the_format_in_the_query_is_no_field_of_the_lead(partner):
    partner.post("email=ann@example.com", path="/leads?format=xml&click=1")
    assert partner.stored()[0].fields == {"email": "ann@example.com", "click": "1"}
