"""What people write is read as what they mean, in every format that a lead may come in."""

import json
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import pytest
from cast import FORM, JSON, XML, Partner, multipart, program
from jsonschema import Draft202012Validator

from partners import openapi
from partners.instructions import instructions

PROGRAM = """
timezone: America/New_York
blanks: [N/A, none]
fields:
  moment:   {type: datetime}
  day:      {type: date}
  short:    {type: date, formats: [M/D/YYYY]}
  two:      {type: date, formats: [D-MMM-YY]}
  words:    {type: date, formats: ["MMMM D, YYYY"]}
  clock:    {type: datetime, formats: ["M/D/YYYY h:mm A"]}
  unix:     {type: datetime, formats: [epoch]}
  unix_day: {type: date, formats: [epoch]}
  phone:    {type: phone, country: US, blanks: ["0000000000"]}
  mobile:   {type: phone, country: GB, kinds: [mobile]}
  state:    {type: region, country: US}
  province: {type: region, country: CA}
  country:  {type: country}
  eircode:  {type: postal_code, country: IE}
  no_code:  {type: postal_code, country: HK}
  whole:    {type: integer}
  number:   {type: number}
  money:    {type: money}
  credit:   {type: range}
  consent:  {type: consent, yes: [granted]}
  owner:    {type: boolean, yes: [x], no: [denied]}
  page:     {type: url}
"""

READ = [
    ("moment", "2026-11-27T01:02:03.1234567Z", "2026-11-27T01:02:03.123456+00:00"),
    ("moment", "2026-11-27T01:02:03.1Z", "2026-11-27T01:02:03.100000+00:00"),
    ("moment", "2026-11-27T01:02:03.123456789Z", "2026-11-27T01:02:03.123456+00:00"),
    ("moment", "2026-11-27T01:02:03z", "2026-11-27T01:02:03+00:00"),
    ("moment", "2026-11-27T01:02:03+00", "2026-11-27T01:02:03+00:00"),
    ("moment", "2026-11-27 01:02:03 +0000", "2026-11-27T01:02:03+00:00"),
    ("moment", "2026-11-27 01:02:03 UTC", "2026-11-27T01:02:03+00:00"),
    ("moment", "2026-11-27 01:02", "2026-11-27T01:02:00-05:00"),
    ("day", "2008-11-28T00:00:00Z", "2008-11-28"),
    ("day", "2008-11-28 23:59:59 -0800", "2008-11-28"),
    ("short", "5/1/1980", "1980-05-01"),
    ("two", "1-May-80", "1980-05-01"),
    ("two", "01-SEPT-80", "1980-09-01"),
    ("words", "May 1, 1980", "1980-05-01"),
    ("words", "december  31, 1980", "1980-12-31"),
    ("clock", "5/1/1980 3:05 PM", "1980-05-01T15:05:00-04:00"),
    ("clock", "5/1/1980 12:05\u202fam", "1980-05-01T00:05:00-04:00"),
    ("unix", "1764201600", "2025-11-26T19:00:00-05:00"),
    ("unix", "1764201600000", "2025-11-26T19:00:00-05:00"),
    ("unix_day", "1764201600", "2025-11-26"),
    ("phone", "512‑789‑1111", "+15127891111"),
    ("phone", "512—789—1111", "+15127891111"),
    ("phone", "512·789·1111", "+15127891111"),
    ("phone", "５１２７８９１１１１", "+15127891111"),
    ("phone", "\u202a+1 (512) 789-1111\u202c", "+15127891111"),
    ("phone", "512-789-1111 extension 5", "+15127891111"),
    ("phone", "512-789-1111;ext=5", "+15127891111"),
    ("phone", "512-789-1111, 5", "+15127891111"),
    ("phone", "512-789-1111x5", "+15127891111"),
    ("phone", "512-789-1111 (cell)", "+15127891111"),
    ("mobile", "07400 123456", "+447400123456"),
    ("state", "N.Y.", "NY"),
    ("state", "Washington DC", "DC"),
    ("state", "Calif.", "CA"),
    ("state", "New  York", "NY"),
    ("province", "B.C.", "BC"),
    ("province", "PQ", "QC"),
    ("province", "Newfoundland", "NL"),
    ("country", "U.S.A.", "US"),
    ("country", "DEU", "DE"),
    ("country", "Côte d’Ivoire", "CI"),
    ("country", "Côte d'Ivoire", "CI"),
    ("eircode", "d02x285", "D02 X285"),
    ("whole", "1,100", 1100),
    ("whole", "20%", 20),
    ("whole", "$150K", 150000),
    ("whole", "1.5M", 1500000),
    ("number", "1,100", "1100"),
    ("number", "20%", "20"),
    ("number", "$150K", "150000"),
    ("number", "1.5M", "1500000"),
    ("number", "1.234", "1.234"),
    ("money", "1,100", "1100.00"),
    ("money", "$150K", "150000.00"),
    ("money", "1.5m USD", "1500000.00"),
    ("credit", "600-649", "600-649"),
    ("credit", "600 – 649", "600-649"),
    ("credit", "$1,000 to $10,000", "1000-10000"),
    ("credit", "500000 or more", "500000-"),
    ("credit", "10+", "10-"),
    ("credit", "Over 500", "500-"),
    ("credit", "at least $150K", "150000-"),
    ("credit", "UNDER 580", "-580"),
    ("credit", "< 580", "-580"),
    ("credit", "less than 1.5M", "-1500000"),
    ("credit", "up to 20%", "-20"),
    ("credit", "1,100", "1100"),
    ("credit", "500000-", "500000-"),
    ("credit", "-580", "-580"),
    ("consent", "Granted", True),
    ("owner", "X", True),
    ("owner", "denied", False),
    ("page", "www.example.com/a", "https://www.example.com/a"),
    ("page", "example.com/a", "https://example.com/a"),
]
REFUSED = [
    ("moment", "2026-11-27T01:02:03.1234567891Z"),
    ("day", "2008-11-28T25:00:00Z"),
    ("two", "1-Mai-80"),
    ("clock", "5/1/1980 13:05 PM"),
    ("phone", "call me at 512-789-1111"),
    ("phone", "512-789-1111, 512-789-1112"),
    ("eircode", "Dublin 2"),
    ("no_code", "UNKNOWN"),
    ("country", "N.A."),
    ("money", "1.234"),
    ("money", "20%"),
    ("credit", "700-600"),
    ("credit", "500-600K"),
    ("credit", "$1.234 or more"),
    ("credit", "good"),
    ("country", "Korea"),
    ("owner", "perhaps"),
    ("page", "ann@example.com"),
    ("page", "1.5"),
]
ABSENT = [("phone", "0000000000"), ("phone", "n/a"), ("owner", "None"), ("money", "N/A"), ("state", "none")]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    import database
    from app import create_app
    from web.settings import Settings, User

    folder = tmp_path_factory.mktemp("service")
    (folder / "rules").mkdir()
    (folder / "rules" / "default.yaml").write_text(PROGRAM, encoding="utf-8")
    settings = Settings(
        secret="a key for tests",
        rules=str(folder / "rules"),
        users=(User("impact", "secret"),),
        database_url=f"sqlite:///{folder}/leads.db",
    )
    yield Partner(create_app(settings))
    database.disconnect()


def bodies(name, text):
    return [
        (urlencode({name: text}), FORM),
        multipart([(name, text)]),
        (json.dumps({name: text}), JSON),
        (f"<lead><{name}>{escape(text)}</{name}></lead>".encode(), XML),
    ]


def stored(service, name, text):
    """Post the lead in every format, and return the four as they were stored."""
    for body, content_type in bodies(name, text):
        assert service.post(body, content_type).status_code == 200
    leads = service.stored()[-4:]
    assert [lead.trace for lead in leads] == [leads[0].trace] * 4
    return leads


@pytest.mark.parametrize(("name", "text", "value"), READ)
def test_what_people_write_is_read_in_every_format(service, name, text, value):
    assert [(lead.valid, lead.fields) for lead in stored(service, name, text)] == [(True, {name: value})] * 4


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_what_means_nothing_or_two_things_is_refused_in_every_format(service, name, text):
    assert [lead.reasons for lead in stored(service, name, text)] == [[f"{name}.invalid"]] * 4


@pytest.mark.parametrize(("name", "text"), ABSENT)
def test_a_value_that_counts_as_absent_is_absent_in_every_format(service, name, text):
    assert [(lead.valid, lead.fields) for lead in stored(service, name, text)] == [(True, {})] * 4


@pytest.fixture(scope="module")
def described():
    """The OpenAPI document's description of a lead."""
    made = program(PROGRAM)
    document = openapi.describe(made, instructions(made, "https://leads.example.com/leads/solar"))
    return Draft202012Validator(document["components"]["schemas"]["Lead"])


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, text, _ in READ] + ABSENT)
def test_the_openapi_document_takes_what_the_service_takes(described, name, text):
    described.validate({name: text})


@pytest.mark.parametrize(
    "text", ["Granted", "GRANTED", " granted ", "ｇｒａｎｔｅｄ", True, 1, "1", "", "  ", None, "n/a", "NONE"]
)
def test_a_word_in_any_case_and_what_counts_as_absent_pass_the_openapi_document(described, service, text):
    described.validate({"consent": text})
    assert service.lead(consent=text)["valid"] == "true"


@pytest.mark.parametrize("text", ["denied", "maybe", False, 0, 7])
def test_what_is_no_such_word_passes_neither(described, service, text):
    assert not described.is_valid({"consent": text})
    assert service.lead(consent=text)["valid"] == "false"


def test_a_number_of_another_kind_is_refused_in_every_format(service):
    assert [lead.reasons for lead in stored(service, "mobile", "0121 234 5678")] == [["mobile.not_allowed"]] * 4


@pytest.mark.parametrize(("name", "number", "value"), [
    ("unix", 1764201600, "2025-11-26T19:00:00-05:00"),
    ("unix", 1764201600000, "2025-11-26T19:00:00-05:00"),
    ("unix", 1764201600.5, "2025-11-26T19:00:00.500000-05:00"),
    ("owner", True, True),
])  # fmt: skip
def test_json_may_have_them_as_numbers_and_truths(service, name, number, value):
    service.lead(**{name: number})
    assert service.stored()[-1].fields == {name: value}


def test_the_note_says_that_a_value_could_mean_two_and_not_which(service):
    note = service.lead(country="Korea")["note"]
    assert note == "The country could be more than one country: write its two letters"
    assert "could be two amounts of money" in service.lead(money="1.234")["note"]


def test_an_extension_stays_in_the_body_and_the_trace_says_so(service):
    service.lead(phone="512-789-1111 extension 5")
    lead = service.stored()[-1]
    assert b"extension 5" in bytes(lead.body)
    said = [step["result"] for step in lead.trace if step["check"] == "phone"]
    assert said == ["what stands behind the number, such as an extension, is left out: it stays in the body", "passed"]
    service.lead(phone="512-789-1111")
    assert [step["result"] for step in service.stored()[-1].trace if step["check"] == "phone"] == ["passed"]
