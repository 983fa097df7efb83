"""The answer, held against the documents that impact.com publishes (tests/samples)."""

import json
import re

import pytest
from cast import SAMPLES
from lxml import etree

from web import answer as rendering
from web.answer import Answer, render

VALID = Answer(True, "98", "10.00", "177", "name@email.com", "Lead submitted successfully")
INVALID = Answer(False, note="No email address was submitted")


@pytest.mark.parametrize(("answer", "name"), [(VALID, "valid.xml"), (INVALID, "invalid.xml")])
def test_xml_is_the_published_document_up_to_white_space_between_elements(answer, name):
    published = (SAMPLES / name).read_text()
    assert re.sub(r">\s+<", "><", render(answer, "xml")) == re.sub(r">\s+<", "><", published)


@pytest.mark.parametrize(("answer", "name"), [(VALID, "valid.json"), (INVALID, "invalid.json")])
def test_json_is_the_published_document_with_its_peculiarity_and_its_order(answer, name):
    pairs = json.loads(render(answer, "json"), object_pairs_hook=list)
    assert pairs == json.loads((SAMPLES / name).read_text(), object_pairs_hook=list)


HOSTILE = Answer(True, "1", "1.00", "c", "o'brien&co@example.com", 'a <b> & "c" \' </note> é ]]> \\')


def test_every_value_comes_back_as_it_was():
    root = etree.fromstring(render(HOSTILE, "xml").encode())
    assert {element.tag: element.text for element in root} == HOSTILE._asdict() | {"valid": "true"}
    assert json.loads(render(HOSTILE, "json"))["dataPostResponse"] == HOSTILE._asdict()


def test_json_is_readable_by_a_regular_expression():
    assert '"email": "o\'brien&co@example.com"' in render(HOSTILE, "json")


def test_xml_is_readable_by_a_regular_expression():
    text = render(HOSTILE, "xml")
    assert "<email>o'brien&amp;co@example.com</email>" in text
    assert '<note>a &lt;b&gt; &amp; "c" \' &lt;/note&gt; é ]]&gt; \\</note>' in text
    assert "&amp;#39; &amp;#34;" in render(HOSTILE._replace(note="&#39; &#34;"), "xml")


def test_there_is_no_declaration_no_namespace_and_no_white_space_inside_elements():
    text = render(VALID, "xml")
    assert text.startswith("<dataPostResponse>\n<valid>true</valid>\n")
    assert "<?" not in text
    assert "xmlns" not in text
    assert all(element.text == element.text.strip() for element in etree.fromstring(text))


@pytest.fixture
def templates(tmp_path, monkeypatch):
    """A copy of the templates, with room for a brand's own."""
    for name in ("response.xml", "response.json"):
        (tmp_path / name).write_text((rendering.TEMPLATES / name).read_text())
    monkeypatch.setattr(rendering, "ours", rendering.environment_of(tmp_path))
    (tmp_path / "solar").mkdir()
    return tmp_path / "solar"


def test_a_brand_may_override_the_template_of_one_program(templates):
    (templates / "response.xml").write_text("<ok>{{ uniqueid }}{{ note }}</ok>")
    assert render(HOSTILE, "xml", "solar").startswith("<ok>1a &lt;b&gt;")
    assert render(VALID, "json", "solar") == render(VALID, "json")
    assert render(VALID, "xml", "default") == render(VALID, "xml")


@pytest.mark.parametrize("quote", ["'", '"'])
def test_in_an_attribute_of_an_override_quotes_stay_escaped(templates, quote):
    (templates / "response.xml").write_text(f"<ok a={quote}>{{{{ note }}}}{quote}>{{{{ note }}}}</ok>")
    root = etree.fromstring(render(HOSTILE, "xml", "solar").encode())
    assert root.attrib == {"a": ">" + HOSTILE.note} and root.text == HOSTILE.note


@pytest.mark.parametrize("broken", ["{{ nothing }}", "{% if %}", "{{ 1 / 0 }}", "{{ email.x.y }}"])
def test_a_broken_override_is_passed_over_since_the_lead_is_already_stored(templates, broken):
    (templates / "response.xml").write_text(broken)
    assert render(VALID, "xml", "solar") == render(VALID, "xml")
