"""A lead that is not kept as it came, since fields of it are not stored, is read again as it was read at first."""

import json
from datetime import UTC, datetime

import pytest
from cast import FORM, JSON, XML, Partner

from judge.judgement import judge
from web.request import read

RULES = """
unpack: [data]
fields:
  email: {type: email, required: true, aliases: ["field_data[name=email].values", "list[1]"]}
  age: {type: integer, min: 18, aliases: ["drivers[1].age"]}
  wishes: {multiple: true, aliases: ["field_data[name=wish].values"]}
  ssn: {store: false}
rules:
  - {id: duplicate, unique: [email]}
"""
FIELD_DATA = [{"name": "full_name", "values": ["Ann Lee"]}, {"name": "email", "values": ["ann@example.com"]}]
WITHIN = "<lead><data>&lt;lead&gt;&lt;email&gt;bo@example.com&lt;/email&gt;&lt;/lead&gt;</data>{}</lead>"
LEADS = {
    "names and values": (json.dumps({"field_data": FIELD_DATA, "ssn": "1"}), JSON),
    "several values": (
        json.dumps({"field_data": [*FIELD_DATA, {"name": "wish", "values": ["sun", "roof"]}]}),
        JSON,
    ),
    "the second of a list": ("list[0]=x&list[1]=ann@example.com&ssn=1", FORM),
    "an item that is not there": ("<l><email>ann@example.com</email><drivers><age>17</age></drivers></l>", XML),
    "a document within a document": (json.dumps({"data": WITHIN.format("<email>ann@example.com</email>")}), JSON),
}


@pytest.fixture
def partner(make_app):
    return Partner(make_app(RULES))


@pytest.mark.parametrize("name", LEADS)
def test_a_lead_without_what_is_not_stored_is_judged_again_as_it_was(partner, name):
    assert partner.post(*LEADS[name]).status_code == 200
    (lead,) = partner.stored()
    made = partner.app.extensions["datapost"].rulebook.programs["default"]
    fields = read(made, bytes(lead.body), lead.content_type, bytes(lead.query))
    again = judge(made, fields, datetime.now(UTC), stored_lead=True)
    assert (again.codes, again.fields) == (lead.reasons, lead.fields) == ([], again.fields)
    assert again.fields["email"] == "ann@example.com"
