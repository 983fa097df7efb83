"""The programs of rules/examples, posted to as car sites and ad platforms do."""

import json

import pytest
from cast import JSON, RULES_FOLDER, XML, Partner

ADF = """<?ADF VERSION "1.0"?>
<?XML VERSION "1.0"?>
<adf>
  <prospect status="new">
    <id sequence="1" source="site">R-1</id>
    <requestdate>2026-11-27T15:30:20-06:00</requestdate>
    <vehicle interest="trade-in" status="used">
      <year>2009</year><make>Fiat</make><model>Panda</model><odometer units="mi">120,500</odometer>
    </vehicle>
    <vehicle interest="buy" status="new">
      <year>2026</year><make>Honda</make><model>Civic</model>
    </vehicle>
    <customer>
      <contact>
        <name part="first" type="individual">Ann</name><name part="last" type="individual">Lee</name>
        <email preferredcontact="1">ann@example.com</email>
        <phone type="fax">312-555-0100</phone><phone type="voice" time="evening">312-555-0142</phone>
        <address><street line="1">1 Main St</street><city>Chicago</city><postalcode>60601-1234</postalcode></address>
      </contact>
    </customer>
    <vendor><contact><name part="full">Acme Cars</name><email>sales@acme.example</email></contact></vendor>
    <provider><name part="full">Cars Today</name><email>leads@cars.example</email></provider>
  </prospect>
</adf>"""

GOOGLE = {
    "lead_id": "TeSter-123",
    "user_column_data": [
        {"column_name": "Full Name", "string_value": "Ann Lee", "column_id": "FULL_NAME"},
        {"column_name": "User Email", "string_value": "ann@example.com", "column_id": "EMAIL"},
        {"column_name": "User Phone", "string_value": "+1 312-555-0142", "column_id": "PHONE_NUMBER"},
        {"column_name": "Postal Code", "string_value": "60601", "column_id": "POSTAL_CODE"},
        {"column_name": "What is your budget?", "string_value": "over $10000", "column_id": ""},
    ],
    "api_version": "1.0",
    "form_id": 40000000000,
    "campaign_id": 12345,
    "google_key": "the key of the form",
    "is_test": False,
}
META = {
    "id": "1201",
    "created_time": "2026-11-27T21:00:00+0000",
    "field_data": [
        {"name": "full_name", "values": ["Ann Lee"]},
        {"name": "email", "values": ["ann@example.com"]},
        {"name": "phone_number", "values": ["+13125550142"]},
        {"name": "zip_code", "values": ["60601"]},
        {"name": "what_is_your_budget?", "values": ["over $10000"]},
    ],
}
PERSON = {"full_name": "Ann Lee", "email": "ann@example.com", "phone": "+13125550142", "zip": "60601"}


@pytest.fixture
def post(make_app):
    def post(program, body, content_type):
        partner = Partner(make_app({program: (RULES_FOLDER / "examples" / f"{program}.yaml").read_text()}))
        partner.post(body, content_type, path=f"/leads/{program}")
        return partner.stored()[0]

    return post


def test_a_car_buyer_is_told_from_the_dealer_and_the_wanted_car_from_the_old_one(post):
    lead = post("car-dealer", ADF, XML)
    assert lead.valid and lead.sale_amount == 35
    assert {name: lead.fields[name] for name in ("first_name", "last_name", "email", "phone", "make", "year")} == {
        "first_name": "Ann",
        "last_name": "Lee",
        "email": "ann@example.com",
        "phone": "+13125550142",
        "make": "Honda",
        "year": 2026,
    }
    assert (lead.fields["trade_in_year"], lead.fields["trade_in_miles"], lead.fields["zip"]) == (
        2009,
        120500,
        "60601-1234",
    )


@pytest.mark.parametrize("form", [GOOGLE, META], ids=["Google", "Meta"])
def test_the_form_of_an_ad_is_the_same_lead_from_either_platform(post, form):
    lead = post("lead-ads", json.dumps(form), JSON)
    assert lead.valid and lead.sale_amount == 60
    assert {name: lead.fields[name] for name in PERSON} == PERSON
    assert lead.fields["budget"] == "over $10000" and "the key of the form" not in json.dumps(lead.fields)
