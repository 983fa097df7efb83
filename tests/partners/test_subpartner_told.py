"""What partners are told of the field that names their sub-partner."""

import json

from cast import program

from partners.instructions import instructions
from partners.openapi import describe

RULES = "partner: [irpid, subid]\nfields: {irpid: {}, subid: {}}"
TOLD = "Tells which of your sub-partners sent the lead."


def test_the_posting_instructions_say_which_field_names_the_sub_partner():
    doc = instructions(program(RULES), "https://leads.example/leads")
    assert {field.name: field.remarks for field in doc.fields} == {"irpid": [], "subid": [TOLD]}


def test_openapi_says_it_too():
    made = program(RULES)
    described = json.dumps(describe(made, instructions(made, "https://leads.example/leads")))
    assert described.count(TOLD) == 1
