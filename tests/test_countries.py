"""`country:` of a field may be a list, or stand in another field of the lead; in every format."""

import json
import time
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from cast import FORM, JSON, XML, Partner, errors, multipart, program, warnings_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import database
import models
from judge.changes import begun_anew
from judge.compiler import compile_text
from judge.examples import judge_in_turn
from judge.judgement import judge
from partners import openapi
from partners.instructions import instructions
from partners.markdown import markdown
from partners.samples import freshened

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PROGRAM = """
fields:
  zip:     {type: postal_code, country: {field: land}, pad: true}
  code:    {type: postal_code, country: {field: land, default: US}, one_of: [78704-1234, k1a0b1, '10115']}
  phone:   {type: phone, country: {field: land}}
  mobile:  {type: phone, country: {field: land}, kinds: [mobile]}
  state:   {type: region, country: {field: land, default: US}}
  either:  {type: postal_code, country: [US, CA, DE], pad: true}
  call:    {type: phone, country: [US, GB]}
  area:    {type: region, country: [US, CA], one_of: [California, BC]}
  land:    {type: country, on_invalid: warn}
"""
READ = [
    ({"land": "us", "zip": "78704"}, "zip", "78704"),
    ({"land": "Canada", "zip": "k1a0b1"}, "zip", "K1A 0B1"),
    ({"land": "UK", "zip": "sw1a1aa"}, "zip", "SW1A 1AA"),
    ({"land": "US", "zip": "2134"}, "zip", "02134"),
    ({"land": "AT", "zip": "1010"}, "zip", "1010"),
    ({"land": "US", "zip": "78704-1234"}, "zip", "78704-1234"),
    ({"land": "US", "code": "78704"}, "code", "78704"),
    ({"code": "78704-9999"}, "code", "78704-9999"),
    ({"land": "CA", "code": "K1A 0B1"}, "code", "K1A 0B1"),
    ({"land": "DE", "code": "10115"}, "code", "10115"),
    ({"land": "Nowhere", "code": "78704"}, "code", "78704"),
    ({"land": "GB", "phone": "020 7946 0958"}, "phone", "+442079460958"),
    ({"land": "GB", "phone": "+1 512 789 1111"}, "phone", "+15127891111"),
    ({"phone": "+44 20 7946 0958"}, "phone", "+442079460958"),
    ({"land": "GB", "mobile": "07400 123456"}, "mobile", "+447400123456"),
    ({"state": "Calif."}, "state", "CA"),
    ({"land": "CA", "state": "B.C."}, "state", "BC"),
    ({"either": "10115"}, "either", "10115"),
    ({"either": "k1a0b1"}, "either", "K1A 0B1"),
    ({"either": "2134"}, "either", "02134"),
    ({"call": "512 789 1111"}, "call", "+15127891111"),
    ({"call": "020 7946 0958"}, "call", "+442079460958"),
    ({"area": "calif."}, "area", "CA"),
    ({"area": "British Columbia"}, "area", "BC"),
]
UNCHECKED = [
    ({"zip": "78 704"}, "zip"),
    ({"land": "Nowhere", "zip": "whatever"}, "zip"),
    ({"phone": "020 7946 0958"}, "phone"),
    ({"land": "DE", "state": "Bayern"}, "state"),
    ({"land": "AQ", "phone": "123"}, "phone"),
]
REFUSED = [
    ({"land": "DE", "zip": "k1a0b1"}, "zip.invalid"),
    ({"land": "HK", "zip": "999"}, "zip.invalid"),
    ({"land": "CA", "code": "78704"}, "code.invalid"),
    ({"land": "DE", "code": "78704"}, "code.not_allowed"),
    ({"land": "US", "phone": "020 7946 0958"}, "phone.invalid"),
    ({"phone": "+44 0"}, "phone.invalid"),
    ({"mobile": "07400 123456"}, "mobile.not_allowed"),
    ({"land": "CA", "state": "Texas"}, "state.invalid"),
    ({"either": "x"}, "either.invalid"),
    ({"call": "1"}, "call.invalid"),
    ({"area": "Texas"}, "area.not_allowed"),
]


@pytest.fixture
def partner(make_app):
    return Partner(make_app(PROGRAM))


def bodies(lead):
    elements = "".join(f"<{name}>{text}</{name}>" for name, text in lead.items())
    return [
        (urlencode(lead), FORM),
        multipart(lead.items()),
        (json.dumps(lead), JSON),
        (f"<lead>{elements}</lead>".encode(), XML),
    ]


def stored(partner, lead):
    """Post the lead in every format, and return what is the same of all."""
    for body, content_type in bodies(lead):
        partner.post(body, content_type)
    first, *others = [(kept.fields, kept.valid, kept.reasons, kept.trace) for kept in partner.stored()[-4:]]
    assert others == [first] * 3
    return first


@pytest.mark.parametrize(("lead", "field", "value"), READ)
def test_a_value_is_read_as_its_country_writes_it(partner, lead, field, value):
    fields, valid, *_ = stored(partner, lead)
    assert (valid, fields[field]) == (True, value)


@pytest.mark.parametrize(("lead", "field"), UNCHECKED)
def test_a_value_whose_country_is_not_known_is_kept_unchecked_and_the_trace_says_so(partner, lead, field):
    fields, valid, _, trace = stored(partner, lead)
    assert (valid, fields[field]) == (True, lead[field])
    said = [step["result"] for step in trace if step["check"] == field]
    assert said == ["it is kept unchecked: no country that could check it is known", "passed"]


@pytest.mark.parametrize(("lead", "reason"), REFUSED)
def test_a_value_that_its_country_does_not_take_is_refused(partner, lead, reason):
    _, _, reasons, _ = stored(partner, lead)
    assert reasons == [reason]


lands = st.sampled_from(["US", "ca", "Deutschland", "GB", "Nowhere", "AQ", "HK"])
codes = st.sampled_from(["78704", "78704-1234", "K1A0B1", "sw1a 1aa", "2134", "020 7946 0958", "BY", "CA", "??"])
posted_leads = st.fixed_dictionaries(
    {}, optional={"land": lands} | dict.fromkeys(["zip", "code", "phone", "state"], codes)
)


@given(posted_leads, st.randoms())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_order_of_the_fields_is_nothing_to_the_decision(partner, lead, random):
    with database.read():
        models.Lead.delete().execute()
    first = stored(partner, lead)
    assert stored(partner, dict(random.sample(sorted(lead.items()), len(lead)))) == first


def test_the_field_that_says_the_country_may_be_declared_after_or_before():
    one, other = "land: {type: country}", "zip: {type: postal_code, country: {field: land}}"
    for fields in (f"{{{one}, {other}}}", f"{{{other}, {one}}}"):
        assert judge(program(f"fields: {fields}"), {"zip": ["78704"], "land": ["CA"]}, NOW).codes == ["zip.invalid"]


# --- The same code of two countries ---

PLACES = """
fields:
  land: {{type: country}}
  zip: {{type: postal_code, country: {country}}}
  name: {{}}
rules: [{{id: duplicate, unique: [zip, name], note: N}}]
"""


@pytest.mark.parametrize(
    ("country", "codes"),
    [
        ("{field: land}", [[], [], ["duplicate"], ["duplicate"], [], ["duplicate"]]),
        ("{field: land, default: US}", [[], [], ["duplicate"], ["duplicate"], ["duplicate"], ["duplicate"]]),
        ("[US, DE]", [[], ["duplicate"], ["duplicate"], ["duplicate"], ["duplicate"], ["duplicate"]]),
    ],
)
def test_the_same_code_of_two_countries_is_two_places(country, codes):
    leads = [
        ("US", "78704"),
        ("DE", "78704"),
        ("USA", "78704-1234"),
        ("Germany", "78704"),
        ("", "78704"),
        ("", "78704"),
    ]
    leads = [{"land": land, "zip": code, "name": "Ann"} for land, code in leads]
    verdicts = judge_in_turn(program(PLACES.format(country=country)), leads, NOW)
    assert [verdict.codes for verdict in verdicts] == codes


def test_a_place_of_the_default_country_is_the_one_that_it_was_where_that_was_the_only_country():
    lead = {"land": ["US"], "zip": ["78704-1234"], "name": ["Ann"]}
    before, now = (
        {claim.key for claim in judge(program(PLACES.format(country=country)), lead, NOW).claims}
        for country in ("US", "{field: land, default: US}")
    )
    assert before == now


def test_what_is_unchecked_is_the_same_however_it_is_set_apart():
    made = program("fields: {l: {type: country}, p: {type: phone, country: {field: l}}}\nrules: [{id: d, unique: p}]")
    verdicts = judge_in_turn(made, [{"p": "020 7946 0958"}, {"p": "(020) 7946-0958"}], NOW)
    assert [verdict.codes for verdict in verdicts] == [[], ["d"]]


def test_another_country_is_told_to_begin_places_anew():
    before = PLACES.format(country="US")
    (found,) = begun_anew(program(PLACES.format(country="{field: land}")), "solar", before)
    assert 'field "zip": it has another country' in found.message


# --- Conditions and lists ---


@pytest.mark.parametrize("condition", ["listed(zip, 'gold.txt')", "zip in ['78704', 'K1A 0B1', '10115']"])
def test_lists_and_conditions_go_by_the_code(tmp_path, condition):
    (tmp_path / "gold.txt").write_text("78704-1234\nk1a0b1 # Ottawa\n10115\n")
    for country in ("{field: land}", "{field: land, default: US}"):
        text = f"fields: {{land: {{type: country}}, zip: {{type: postal_code, country: {country}}}}}"
        made = compile_text(
            "solar", str(tmp_path / "solar.yaml"), f'{text}\nrules: [{{id: gold, reject_if: "{condition}"}}]'
        )
        leads = [
            ("US", "78704"),
            ("US", "78704-5555"),
            ("CA", "K1A0B1"),
            ("DE", "10115"),
            ("", "10115"),
            ("GB", "SW1A 1AA"),
        ]
        codes = [judge(made, {"land": [land], "zip": [code]}, NOW).codes for land, code in leads]
        assert codes == [["gold"]] * 5 + [[]]


def test_a_list_of_regions_is_read_in_the_country_of_the_lead(tmp_path):
    (tmp_path / "gold.txt").write_text("California\nBritish Columbia\n")
    text = "fields: {land: {type: country}, state: {type: region, country: {field: land}}}"
    made = compile_text(
        "solar", str(tmp_path / "solar.yaml"), f"{text}\nrules: [{{id: gold, listed: {{state: gold.txt}}}}]"
    )
    leads = [("US", "Calif."), ("CA", "BC"), ("US", "TX"), ("CA", "Ontario"), ("DE", "california")]
    codes = [judge(made, {"land": [land], "state": [code]}, NOW).codes for land, code in leads]
    assert codes == [["gold"], ["gold"], [], [], ["gold"]]


def test_a_list_of_all_codes_costs_little_in_every_country(tmp_path):
    (tmp_path / "gold.txt").write_text("\n".join(f"{number:05}" for number in range(1, 40_000)))
    text = "fields: {land: {type: country}, zip: {type: postal_code, country: {field: land}, pad: true}}"
    made = compile_text(
        "solar", str(tmp_path / "solar.yaml"), f"{text}\nrules: [{{id: gold, listed: {{zip: gold.txt}}}}]"
    )
    started = time.perf_counter()
    for land, code in [("US", "2134-1234"), ("DE", "10115"), ("FR", "01000"), ("ES", "28001"), ("MX", "06000")]:
        assert judge(made, {"land": [land], "zip": [code]}, NOW).codes == ["gold"]
    assert time.perf_counter() - started < 0.25


# --- Mistakes, and what partners are told ---


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("type: postal_code, country: {field: lnd}", 'country: there is no field "lnd". Did you mean "land"?'),
        ("type: phone, country: {field: name}", 'country: the field "name" says no country: give it type: country'),
        ("type: region, country: {field: gone}", 'the field "gone" is forgotten (store: false), and e cannot be read'),
        ("type: postal_code, country: {field: land, default: XX}", '"XX" is not a country: write two letters'),
        ("type: region, country: {field: land, default: DE}", 'there is no list of the regions of "DE"'),
        ("type: postal_code, country: {feld: land}", '"feld" is not a known key. Did you mean "field"?'),
        ("type: postal_code, country: {default: US}", '"field:" is missing'),
        ("type: postal_code, country: []", '"country:" is empty'),
        ("type: postal_code, country: [US, XX]", '"XX" is not a country: write two letters, such as US'),
        ("type: phone, country: [US, XX]", '"XX" is not a country: write two letters, such as US'),
        ("type: postal_code, country: land", '"land" is not a country, but a field: write {field: land}'),
        ("type: phone, country: [US, land]", '"land" is not a country, but a field: write {field: land, default: US}'),
        ("type: region, country: US or CA", '"US or CA" is not a country: write [US, CA]'),
        ("type: phone, country: US/CA", '"US/CA" is not a country: write [US, CA]'),
        ("type: phone, country: 'US, CA, and MX'", '"US, CA, and MX" is not a country: write [US, CA, MX]'),
        ("type: phone, country: Germany and France", '"Germany and France" is not a country: write [DE, FR]'),
        ("type: phone, country: United States", '"United States" is not a country: write US'),
        ("type: postal_code, country: us", '"us" is not a country: write US'),
        ("type: postal_code, country: {field: land, default: USA}", '"USA" is not a country: write US'),
        ("type: phone, country: Korea", '"Korea" is not a country: write two letters, such as US'),
        ("type: phone, country: US or nowhere", '"US or nowhere" is not a country: write two letters, such as US'),
        ("type: postal_code, country: [CA, GB], pad: true", "pad: the codes of GB are not of digits alone"),
        ("country: {field: land}", "country: a field of type text does not take this key"),
    ],
)
def test_a_country_that_cannot_be_meant_is_one_mistake_for_each_key(field, message):
    fields = f"land: {{type: country}}, name: {{}}, gone: {{type: country, store: false}}, e: {{{field}}}"
    found = errors(f"fields: {{{fields}}}")
    assert message in "\n".join(found) and len(found) == 1


def test_a_country_without_postal_codes_in_a_list_is_a_warning():
    (warning,) = warnings_of(program("fields: {a: {type: postal_code, country: [US, HK]}}"))
    assert "HK has no postal codes" in warning


def test_partners_are_told_which_country_counts_and_get_an_example_of_it():
    made = program(
        PROGRAM.replace("land:    {type: country, on_invalid: warn}", "land: {type: country, one_of: [GB, CA]}")
    )
    doc = instructions(made, "https://leads.example.com/leads/solar")
    text = markdown("instructions.md", doc=doc)
    for told in (
        "a postal code of the country that land names.",
        "a postal code of US, CA or DE",
        "as written in US or GB",
        "a state or province of the country that land names; US if it names none",
    ):
        assert told in text
    examples = {field.name: field.example for field in doc.fields}
    assert (examples["land"], examples["zip"]) == ("GB", "EC1Y 8SY")
    assert doc.accepted and doc.accepted[0].lead["zip"] == "EC1Y 8SY"
    described = Draft202012Validator(openapi.describe(made, doc)["components"]["schemas"]["Lead"])
    for lead, *_ in [*READ, *UNCHECKED]:
        described.validate(lead)


def test_a_new_code_for_a_simulation_is_one_of_its_country():
    made = program(PLACES.format(country="{field: land, default: US}"))
    (lead,) = freshened(made, [{"land": "CA", "zip": "K1A 0B1", "name": "Ann"}], NOW)
    assert lead["zip"] != "K1A 0B1" and judge(made, {name: [text] for name, text in lead.items()}, NOW).valid
