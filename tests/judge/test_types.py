"""The field types and limits, each on both sides of its edge."""

from datetime import date
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.limits import LIMITS
from judge.schema import FieldSpec
from judge.types import TYPES
from judge.values import Refused, Text, Unusable, folded


def check(type_name, text, **keys):
    """Return the value of `text` under a type, and under the limits among `keys`."""
    spec = FieldSpec.model_construct(**keys)
    parse = TYPES[type_name].make(spec, ZoneInfo("America/New_York"))
    limits = [partial(row.check, row.compile(keys[key], parse)) for key, row in LIMITS.items() if key in keys]
    value = parse(text)
    for limit in limits:
        value = limit(value)
    return value


def refused(type_name, text, **keys):
    with pytest.raises(Refused) as caught:
        check(type_name, text, **keys)
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann@EXAMPLE.com", "Ann@example.com"),
        ("ann+tag@mail.example.co.uk", "ann+tag@mail.example.co.uk"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("ann@bücher.de", "ann@xn--bcher-kva.de"),
    ],
)
def test_an_email_is_stored_with_its_domain_in_lower_case_ascii(text, value):
    assert str(check("email", text)) == value


@pytest.mark.parametrize(
    "text",
    ["ann", "ann@", "@example.com", "ann@localhost", "a b@example.com", "ann@example..com", "Ann <ann@example.com>",
     "ann@[127.0.0.1]", "a@b@example.com", "ann@example.com, bob@example.com"],
)  # fmt: skip
def test_what_is_no_email_is_invalid(text):
    assert refused("email", text) == "invalid"


@pytest.mark.parametrize(
    ("text", "country", "value"),
    [
        ("(415) 555-2671", "US", "+14155552671"),
        ("415.555.2671", "US", "+14155552671"),
        ("+1 415 555 2671", "US", "+14155552671"),
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("+14155552671", None, "+14155552671"),
    ],
)
def test_a_phone_is_stored_in_e164(text, country, value):
    assert check("phone", text, country=country) == value


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("555-2671", "US"),
        ("(415) 555-2671", None),
        ("123", "US"),
        ("+1 999 999 9999", "US"),
        ("call me", "US"),
        ("call me 4155552671", "US"),
    ],
)
def test_what_is_no_phone_of_its_country_is_invalid(text, country):
    assert refused("phone", text, country=country) == "invalid"


@pytest.mark.parametrize(
    ("text", "country", "value"),
    [("90210", "US", "90210"), ("01234", "US", "01234"), ("90210-1234", "US", "90210-1234"),
     ("902101234", "US", "90210-1234"), ("sw1a 1aa", "GB", "SW1A 1AA"), ("SW1A1AA", "GB", "SW1A 1AA"),
     ("k1a 0b1", "CA", "K1A 0B1"), ("10115", "DE", "10115"), ("1234ab", "NL", "1234 AB")],
)  # fmt: skip
def test_a_postal_code_is_one_of_its_country(text, country, value):
    assert check("postal_code", text, country=country) == value


@pytest.mark.parametrize(("text", "country"), [("9021", "US"), ("902101", "US"), ("90210", "GB"), ("\u0661" * 5, "US")])
def test_a_postal_code_of_another_form_is_invalid(text, country):
    assert refused("postal_code", text, country=country) == "invalid"


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ("-7", -7), ("+7", 7), ("007", 7), ("7.0", 7), ("9" * 18, 10**18 - 1)]
)
def test_an_integer_is_a_whole_number(text, value):
    assert check("integer", text) == value


@pytest.mark.parametrize("text", ["7.5", "seven", "1e3", "1,00", "\u0663", "9" * 19, "--7", "0x7", ""])
def test_what_is_no_whole_number_is_invalid(text):
    assert refused("integer", text) == "invalid"


@pytest.mark.parametrize(
    ("text", "value"), [("3.5", "3.5"), ("-0.1", "-0.1"), ("1e3", "1000"), (".5", "0.5"), ("5.", "5")]
)
def test_a_number_is_exact(text, value):
    assert check("number", text) == Decimal(value)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "1,5", "abc", "1_000", "9" * 39])
def test_what_is_no_number_is_invalid(text):
    assert refused("number", text) == "invalid"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234.5", "1234.50"), ("1234", "1234.00"), ("1,234", "1234.00"), ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"), ("1234,50", "1234.50"), ("1.234.567", "1234567.00"), ("$1,234", "1234.00"),
        ("-$5", "-5.00"), ("1 234,50 €", "1234.50"), ("USD 250000", "250000.00"), ("250000 USD", "250000.00"),
        ("1'234.50", "1234.50"), ("0.1", "0.10"), ("10.0000", "10.0000"), (".99", "0.99"),
    ],
)  # fmt: skip
def test_money_is_exact_with_separators_and_a_currency(text, value):
    assert str(check("money", text)) == value


@pytest.mark.parametrize(
    "text",
    [
        "1.234",
        "1,23,456",
        "12,34.5",
        "1.2.3",
        "$",
        "ten",
        "1-2",
        "1e5",
        "$$5",
        "5 5",
        "1,234,56",
        "0,500",
        "USD 5 EUR",
        "1" + ",000" * 9,
    ],
)
def test_money_that_could_mean_two_amounts_or_none_is_invalid(text):
    assert refused("money", text) == "invalid"


@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_money_reads_every_amount_as_it_was_written(amount):
    assert check("money", str(amount)) == check("money", f"{amount:,}") == check("money", f"${amount:,}") == amount


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("YES", True), ("1", True), ("on", True), ("no", False), ("0", False)]
)
def test_a_boolean_is_true_or_false(text, value):
    assert check("boolean", text) is value


@pytest.mark.parametrize("text", ["maybe", "2", "ja", ""])
def test_what_is_neither_true_nor_false_is_invalid(text):
    assert refused("boolean", text) == "invalid"


def test_consent_must_be_true():
    assert check("consent", "yes") is True
    assert refused("consent", "no") == refused("consent", "perhaps") == "invalid"


@pytest.mark.parametrize(
    ("text", "formats"),
    [("2024-02-29", None), ("02/29/2024", ["MM/DD/YYYY"]), ("29.2.2024", ["D.M.YYYY"]),
     ("29.02.2024", ["YYYY-MM-DD", "DD.MM.YYYY"]), ("20240229", ["YYYYMMDD"])],
)  # fmt: skip
def test_a_date_is_read_in_the_formats_that_the_file_names(text, formats):
    assert check("date", text, formats=formats) == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("text", "formats"),
    [("2023-02-29", None), ("2024-13-01", None), ("02/29/2024", None), ("2024-2-29", None), ("24-02-29", None),
     ("03/04/2024", ["MM/DD/YYYY", "DD/MM/YYYY"]), ("2/29/2024", ["MM/DD/YYYY"]), ("0000-01-01", None)],
)  # fmt: skip
def test_a_date_that_does_not_exist_or_could_be_two_is_invalid(text, formats):
    assert refused("date", text, formats=formats) == "invalid"


def test_a_date_that_two_formats_read_alike_is_no_guess():
    assert check("date", "04/04/2024", formats=["MM/DD/YYYY", "DD/MM/YYYY"]) == date(2024, 4, 4)


@pytest.mark.parametrize(
    ("text", "country", "value"),
    [("CA", "US", "CA"), ("california", "US", "CA"), ("Québec", "CA", "QC"), ("Quebec", "CA", "QC"),
     ("Hokkaido", "JP", "北海道"), ("New South Wales", "AU", "NSW")],
)  # fmt: skip
def test_a_region_is_known_by_its_code_and_its_names(text, country, value):
    assert check("region", text, country=country) == value


@pytest.mark.parametrize(("text", "country"), [("Bavaria", "US"), ("ZZ", "US"), ("CA", "AU")])
def test_a_region_of_another_country_is_invalid(text, country):
    assert refused("region", text, country=country) == "invalid"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("no", "NO"),
        ("Norway", "NO"),
        ("united states", "US"),
        ("USA", "US"),
        ("Russia", "RU"),
        ("Czech Republic", "CZ"),
    ],
)
def test_a_country_is_known_by_two_letters_and_its_name(text, value):
    assert check("country", text) == value


@pytest.mark.parametrize("text", ["ZZ", "XX", "Atlantis", "N", "NOR1"])
def test_what_is_no_country_is_invalid(text):
    assert refused("country", text) == "invalid"


@pytest.mark.parametrize(
    ("text", "formats", "value"),
    [("2026-03-01T12:30:00Z", None, "2026-03-01T12:30:00+00:00"),
     ("2026-03-01 12:30", None, "2026-03-01T12:30:00-05:00"),
     ("2026-07-01T12:30:05.5+02:00", None, "2026-07-01T12:30:05.500000+02:00"),
     ("07/01/2026 12:30", ["MM/DD/YYYY HH:mm"], "2026-07-01T12:30:00-04:00"),
     ("01.07.2026 12:30:59", ["DD.MM.YYYY HH:mm:ss"], "2026-07-01T12:30:59-04:00")],
)  # fmt: skip
def test_a_moment_without_an_offset_is_meant_in_the_time_zone_of_the_program(text, formats, value):
    assert check("datetime", text, formats=formats).isoformat() == value


@pytest.mark.parametrize(
    ("text", "formats"),
    [("2026-03-01", None), ("2026-02-30T12:00", None), ("2026-03-01T25:00", None), ("noon", None),
     ("2026-03-01 12:30", ["MM/DD/YYYY HH:mm"]), ("20260301T1230", None),
     ("0001-01-01T00:00:00+14:00", None), ("9999-12-31T23:59:59-14:00", None)],
)  # fmt: skip
def test_what_is_no_moment_is_invalid(text, formats):
    assert refused("datetime", text, formats=formats) == "invalid"


@pytest.mark.parametrize(
    ("type_name", "text", "value"),
    [
        ("url", "https://Example.com", "https://example.com/"),
        ("url", "http://bücher.de/a?b=c#d", "http://xn--bcher-kva.de/a?b=c#d"),
        ("ip", "192.0.2.1", "192.0.2.1"),
        ("ip", "2001:DB8:0:0::1", "2001:db8::1"),
        ("uuid", "6F1B0A52-8A0E-4B7E-9A53-2F1D3C4B5A69", "6f1b0a52-8a0e-4b7e-9a53-2f1d3c4b5a69"),
        ("uuid", "6f1b0a528a0e4b7e9a532f1d3c4b5a69", "6f1b0a52-8a0e-4b7e-9a53-2f1d3c4b5a69"),
    ],
)
def test_addresses_and_uuids_are_stored_in_their_normal_form(type_name, text, value):
    assert str(check(type_name, text)) == value


@pytest.mark.parametrize(
    ("type_name", "text"),
    [("url", "example"), ("url", "javascript:alert(1)"), ("url", "ftp://example.com"), ("url", "http://"),
     ("ip", "192.0.2.256"), ("ip", "192.0.2"), ("ip", "::g"), ("uuid", "6f1b0a52"), ("uuid", "x" * 32)],
)  # fmt: skip
def test_what_is_no_address_and_no_uuid_is_invalid(type_name, text):
    assert refused(type_name, text) == "invalid"


@pytest.mark.parametrize(
    ("standard", "text", "value"),
    [
        ("us.ssn", "536-90-4399", "536904399"),
        ("iban", "GR16 0110 1050 0000 1054 7023 795", "GR1601101050000010547023795"),
    ],
)
def test_an_id_has_the_check_digits_of_its_standard(standard, text, value):
    assert check("id", text, standard=standard) == value
    assert refused("id", "000-00-0000", standard=standard) == "invalid"


@pytest.mark.parametrize(
    ("standard", "text"), [("cn.ric", "111111111111111110"), ("gt.nit", "\n1"), ("pt.cc", "٣1111")]
)
def test_a_text_that_a_standard_does_not_expect_is_invalid(standard, text):
    assert refused("id", text, standard=standard) == "invalid"


@pytest.mark.parametrize("standard", [None, "nothing", "us.nothing", "os.path", "exceptions", "../us"])
def test_a_standard_that_there_is_not_is_named(standard):
    with pytest.raises(Unusable, match=r"module of python-stdnum"):
        check("id", "1", standard=standard)


# --- Limits ---


@pytest.mark.parametrize(
    ("type_name", "keys", "good", "bad", "code"),
    [
        ("text", {"min_length": "3"}, "abc", "ab", "too_short"),
        ("text", {"max_length": "3"}, "äöü", "abcd", "too_long"),
        ("text", {"pattern": "[A-Z]{2}[0-9]+"}, "AB1", "AB1x", "pattern"),
        ("integer", {"min": "18"}, "18", "17", "too_small"),
        ("integer", {"max": "20"}, "20", "21", "too_large"),
        ("number", {"min": "0.1"}, "0.1", "0.09", "too_small"),
        ("money", {"min": "50000"}, "50,000", "49999.99", "too_small"),
        ("money", {"max": "50000"}, "50000.00", "50000.01", "too_large"),
        ("date", {"min": "2000-01-01"}, "2000-01-01", "1999-12-31", "too_small"),
        ("date", {"max": "2000-01-01"}, "2000-01-01", "2000-01-02", "too_large"),
        ("choice", {"one_of": ["CA", "NY"]}, "ca", "FL", "not_allowed"),
        ("text", {"one_of": ["a", "b"]}, "B", "c", "not_allowed"),
        ("datetime", {"min": "2026-01-01T00:00Z"}, "2025-12-31 19:00", "2025-12-31 18:59", "too_small"),
        ("region", {"country": "US", "one_of": ["CA", "NY"]}, "California", "Texas", "not_allowed"),
        ("country", {"one_of": ["US"]}, "United States", "CA", "not_allowed"),
        ("phone", {"country": "US", "countries": ["US", "CA"]}, "416-555-0142", "+44 20 7946 0958", "not_allowed"),
        ("email", {"disposable": "reject"}, "ann@example.com", "ann@mailinator.com", "disposable"),
        ("email", {"disposable": "reject"}, "ann@example.com", "ann@mx.MAILINATOR.com", "disposable"),
        ("email", {"role": "reject"}, "sales.ann@example.com", "Sales@example.com", "role"),
        ("email", {"free": "reject"}, "ann@gmail.example", "ann@gmail.com", "free"),
        ("email", {"free": "reject"}, "ann@acme.co.uk", "ann@Yahoo.co.uk", "free"),
    ],
)
def test_a_limit_holds_up_to_its_edge_and_not_beyond(type_name, keys, good, bad, code):
    check(type_name, good, **keys)
    assert refused(type_name, bad, **keys) == code


def test_a_choice_is_stored_in_the_spelling_of_the_file():
    assert str(check("choice", "ca", one_of=["CA"])) == "CA"


def test_no_pattern_can_hang():
    assert refused("text", "a" * 100_000 + "!", pattern="(a+)+") == "pattern"


@pytest.mark.parametrize(
    ("type_name", "keys", "sentence"),
    [
        ("phone", {"country": "USA"}, "not a country"),
        ("postal_code", {"country": "XX"}, "not a country"),
        ("postal_code", {}, "needs its country"),
        ("date", {"formats": ["DD/MM/YYY"]}, "not a format that can be read"),
        ("date", {"formats": ["YYYY-MM"]}, "not a format that can be read"),
        ("text", {"pattern": "(a"}, "cannot be read"),
        ("text", {"max_length": "long"}, "not a number of characters"),
        ("phone", {"countries": ["USA"]}, "not a country"),
        ("region", {"country": "DE"}, "no list of the regions"),
        ("region", {}, "needs its country"),
        ("email", {"disposable": "yes"}, "write reject"),
        ("datetime", {"formats": ["MM/DD/YYYY"]}, "not a format that can be read"),
        ("integer", {"min": "low"}, "not a value that this field can have"),
    ],
)
def test_a_key_that_cannot_be_used_says_why(type_name, keys, sentence):
    with pytest.raises(Unusable, match=sentence):
        check(type_name, "1", **keys)


def test_texts_are_equal_without_regard_to_case():
    assert (
        Text("Ann") == "ANN" and Text("Ann") in ["ann"] and "AN" in Text("ann") and hash(Text("A")) == hash(Text("a"))
    )
    assert Text("Ann") != "Bob" and Text("1") != 1


def test_texts_are_compared_in_one_normal_form_up_to_the_length_where_that_is_dear():
    assert folded(Text("Zoe\u0308")) == folded(Text("Zoë"))
    assert folded("e" + "\u0301" * 9_000) == folded("e" + "\u0301" * 31)
