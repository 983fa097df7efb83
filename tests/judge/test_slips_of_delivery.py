"""What people write under `deliver:` in the place of what is right, and what they are told."""

import pytest
from cast import errors, program

FIELDS = "fields: {email: {type: email}, zip: {aliases: [post_code]}, ssn: {store: false}}\n"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{too: crm}", '"too" is not a known key. Did you mean "to"?'),
        ("{destination: crm}", '"destination" is not a known key. Did you mean "to"?'),
        ("{to: crm, field: [email]}", '"field" is not a known key. Did you mean "fields"?'),
        ("{to: crm, test: true}", 'Did you mean "tests"?'),
        ("{to: crm, if: email is present}", 'Did you mean "when"?'),
        ("{to: crm, url: x}", "are settings: of crm it is DATAPOST_DELIVER_CRM"),
        ("{to: crm, token: x}", "are settings: of crm it is DATAPOST_DELIVER_CRM_TOKEN"),
        ("{to: crm, secret: x}", "are settings: of crm it is DATAPOST_DELIVER_CRM_SECRET"),
        ("{to: [crm, inbox]}", "write an entry for each, - to: crm and - to: inbox"),
        ("{to: CRM}", "Write crm, for example"),
        ("{to: Sales Team}", "Write sales_team, for example"),
        ("{to: private}", "DATAPOST_DELIVER_PRIVATE is another setting: write another name, such as private_crm"),
        ("{to: crm_token}", "DATAPOST_DELIVER_CRM_TOKEN is the token of another: write crm"),
        ("{to: }", '"to:" is empty'),
        ("{tests: true}", '"to:" is missing'),
        ("crm", "needs keys with values, such as {to: crm}"),
        ("{to: crm, format: xml}", '"xml" is not one of json, form'),
        ("{to: crm, format: JSON}", 'Did you mean "json"?'),
        ("{to: crm, fields: [id]}", "begins with $: write $id"),
        ("{to: crm, fields: {x: $uniqueid}}", 'there is no field "$uniqueid". Did you mean "$id"?'),
        ("{to: crm, fields: {x: $recieved_at}}", 'Did you mean "$received_at"?'),
        ("{to: crm, fields: {x: $ID}}", "write $id"),
        ("{to: crm, fields: {x: $email}}", "write email alone"),
        ("{to: crm, fields: {x: emial}}", 'there is no field "emial". Did you mean "email"?'),
        ("{to: crm, fields: [post_code]}", "write zip"),
        ("{to: crm, fields: {zip: PLZ}}", "write it the other way around, PLZ: zip"),
        ("{to: crm, fields: {$id: lead}}", "write lead: $id, the name there first"),
        ("{to: crm, fields: [ssn]}", "ssn is checked and then forgotten (store: false)"),
        ("{to: crm, fields: {email, zip}}", "write [email, zip], in brackets"),
        ("{to: crm, fields: [email, email]}", "names email twice under fields: keep one"),
        ("{to: crm, fields: 'email, zip'}", "write a list in brackets"),
        ("{to: crm, fields: [{Email: email}]}", "write [email, zip], or {Email: email} without a - before each"),
        ("{to: crm, fields: []}", '"fields:" is empty'),
        ("{to: crm, fields: {id: zip, lead_id: email}}", "Write a name for it, such as datapost_id: $id"),
        ("{to: crm}, {to: crm}", "to: it stands there twice"),
        ("{to: crm, when: stat == 'CA'}", 'there is no field "stat"'),
    ],
)
def test_a_slip_is_told_once_and_with_what_to_write(entry, told):
    (error,) = errors(f"{FIELDS}deliver: [{entry}]")
    assert error.startswith("rules/solar.yaml:2: ")
    assert told in error


@pytest.mark.parametrize(("line", "told"), [("- crm", 'write "- to: crm"'), ("- to", '"to:" is empty')])
def test_a_name_alone_over_what_goes_there_wants_to_and_a_key_is_no_name(line, told):
    found = errors(f"{FIELDS}deliver:\n  {line}\n    fields: [email]")
    assert found[0].startswith("rules/solar.yaml:3: ") and told in found[0]


def test_one_wrong_entry_does_not_hide_what_is_wrong_with_another():
    found = errors(f"{FIELDS}deliver: [{{to: CRM, tests: x}}, {{to: inbox, fields: [emial]}}]")
    assert [error.split(": ")[1] for error in found] == [
        'destination "inbox"', "destination number 1", "destination number 1"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://hooks.zapier.com/catch/S3CR3T", "zapier"),
        ("https://script.google.com/macros/s/S3CR3T/exec", "sheet"),
        ("http://crm.acme.example/S3CR3T", "crm"),
        ("crm.acme.com/S3CR3T", "crm"),
        ("mailto:S3CR3T@acme.example", "inbox"),
        ("S3CR3T@acme.example", "inbox"),
        ("'hubspot:S3CR3T'", "hubspot"),
    ],
)
def test_an_address_is_a_setting_and_shown_in_no_message(address, name):
    (error,) = errors(f"{FIELDS}deliver: [{{to: {address}}}]")
    assert f"write a name, to: {name}, and have the address set as DATAPOST_DELIVER_{name.upper()}" in error
    assert "S3CR3T" not in error


@pytest.mark.parametrize(
    "entry",
    [
        "{to: %s, fomat: json}", "{to:%s}", "{to: crm, url: %s}", "{to: crm, fields: %s}", "{to: crm, fields: [%s]}",
        "{to: crm, fields: {email: %s}}", "{to: crm, format: %s}", "{to: crm, when: %s}", "{to: crm, tests: %s}",
        "{to: crm, %s}", "{%s: crm}", "%s", "{to: [%s]}", "{to: {crm: %s}}", "{crm: %s}", "{to: crm, fields: '%s,x'}",
    ],
)  # fmt: skip
def test_an_address_in_a_wrong_place_is_shown_in_no_message(entry):
    found = errors(f"{FIELDS}deliver: [{entry % 'https://hooks.example.com/S3CR3T'}]")
    assert found
    assert "S3CR3T" not in "".join(found)


def test_a_destination_may_be_left_out():
    assert program(f"{FIELDS}deliver: []").deliver == {}
