"""Fields with `multiple: true`: all their values are kept, and each is checked."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from cast import errors, program

from judge.changes import begun_anew
from judge.judgement import judge
from judge.types import TYPES

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def of(keys, rules="", **lead):
    """Judge a lead whose field x has several values and these keys."""
    made = program(f"fields:\n  x: {{multiple: true, {keys}}}\n  y: {{aliases: ['x[0]']}}\n{rules}")
    return judge(made, {name: texts if isinstance(texts, list) else [texts] for name, texts in lead.items()}, NOW)


# Of each type: its keys, two values as they come, and as they are stored.
ROWS = {
    "text": ("", ["Ann", "Bo"], ["Ann", "Bo"]),
    "email": ("", ["a@EXAMPLE.com", "b@example.com"], ["a@example.com", "b@example.com"]),
    "phone": ("country: US", ["512-789-1111", "+44 7400 123456"], ["+15127891111", "+447400123456"]),
    "postal_code": ("country: US", ["78704", "02134"], ["78704", "02134"]),
    "region": ("country: US", ["Calif.", "N.Y."], ["CA", "NY"]),
    "country": ("", ["U.S.A.", "Norway"], ["US", "NO"]),
    "date": ("formats: [M/D/YYYY]", ["5/1/1980", "12/31/2001"], ["1980-05-01", "2001-12-31"]),
    "datetime": ("", ["2026-01-01T00:00:00Z", "2026-01-02T03:04:05Z"],
                 ["2026-01-01T00:00:00+00:00", "2026-01-02T03:04:05+00:00"]),
    "integer": ("", ["1,100", "20%"], [1100, 20]),
    "number": ("", ["3.50", "1.5M"], ["3.50", "1500000"]),
    "money": ("", ["$150K", "10"], ["150000.00", "10.00"]),
    "range": ("", ["$1,000 to $2,000", "under 580"], ["1000-2000", "-580"]),
    "boolean": ("", ["yes", "off"], [True, False]),
    "consent": ("", ["yes", "on"], [True, True]),
    "choice": ("one_of: [Solar, Roof]", ["ROOF", "solar"], ["Roof", "Solar"]),
    "url": ("", ["www.example.com/a", "https://example.com"], ["https://www.example.com/a", "https://example.com/"]),
    "ip": ("", ["192.0.2.1", "2001:DB8::1"], ["192.0.2.1", "2001:db8::1"]),
    "uuid": ("", ["6F1B0A528A0E4B7E9A532F1D3C4B5A69"], ["6f1b0a52-8a0e-4b7e-9a53-2f1d3c4b5a69"]),
    "id": ("standard: us.ssn", ["536-90-4399", "536904399"], ["536904399", "536904399"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_all_values_of_a_field_are_stored_in_their_normal_form(kind):
    keys, texts, stored = ROWS[kind]
    verdict = of(f"type: {kind}{', ' * bool(keys)}{keys}", x=texts)
    assert (verdict.codes, verdict.fields["x"]) == ([], stored)


@pytest.mark.parametrize("kind", TYPES)
def test_one_value_is_a_list_too_and_a_field_that_is_absent_is_none(kind):
    keys, texts, stored = ROWS[kind]
    keys = f"type: {kind}{', ' * bool(keys)}{keys}"
    assert of(keys, x=texts[:1]).fields["x"] == stored[:1]
    assert "x" not in of(keys).fields and "x" not in of(keys, x=["", "\u200b"]).fields


@pytest.mark.parametrize(
    ("keys", "texts", "codes"),
    [
        ("type: integer", ["34", "x", "y"], ["x.invalid"]),
        (
            "type: integer, min: 16, max: 99",
            ["34", "11", "200", "x", "12"],
            ["x.too_small", "x.too_large", "x.invalid"],
        ),
        ("min_length: 2, max_length: 3", ["ab", "a", "abcd"], ["x.too_short", "x.too_long"]),
        ("pattern: '[a-z]+'", ["ab", "A"], ["x.pattern"]),
        ("one_of: [a, b]", ["a", "c", "d"], ["x.not_allowed"]),
        ("type: email, disposable: reject", ["a@example.com", "a@mailinator.com"], ["x.disposable"]),
        ("type: consent", ["yes", "no"], ["x.invalid"]),
        ("", ["a", "b\0"], ["x.invalid"]),
        ("required: true", ["", "\u200b"], ["x.required"]),
        ("required: true", ["", "a"], []),
        ("required: y == 'a', blanks: [none]", ["none"], []),
        ("required: y is missing", [], ["x.required"]),
    ],
)
def test_each_value_is_checked_and_each_reason_given_once(keys, texts, codes):
    assert of(keys, x=texts).codes == codes


def test_what_is_refused_is_kept_beside_what_is_not():
    assert of("type: integer", x=["34", "x", "11"]).fields["x"] == [34, "x", 11]


def test_values_that_count_as_absent_are_left_out_and_the_others_keep_their_order():
    assert of("blanks: [N/A]", x=["b", "n/a", "", "a", "b"]).fields["x"] == ["b", "a", "b"]
    assert "x" not in of("blanks: [N/A]", x=["n/a"]).fields


def test_a_default_is_a_list_of_one():
    assert of("type: integer, default: '5'").fields["x"] == [5]


def test_a_list_with_a_value_that_is_only_recorded_cannot_be_told_by_conditions():
    rules = "rules:\n  - {id: young, reject_if: min(x) < 16}\n  - {id: known, require: min(x) >= 16}"
    verdict = of("type: integer, on_invalid: warn", rules, x=["11", "x"])
    assert (verdict.codes, verdict.fields["x"]) == (["known"], [11, "x"])
    assert {"check": "x", "result": "warned: x.invalid"} in verdict.trace


def test_the_trace_says_how_many_came_and_what_was_left_out_of_one():
    verdict = of("type: phone, country: US", x=["512-789-1111 x5", "512-789-1112 x6"])
    told = [step["result"] for step in verdict.trace if step["check"] == "x"]
    assert told[0] == "2 values: all are kept"
    assert len([text for text in told if "extension" in text]) == 1
    assert told[-1] == "passed"


@pytest.mark.parametrize(
    ("keys", "lead", "stored"),
    [
        ("aliases: [drivers.age]", {"drivers.age": ["34", "11"]}, ["34", "11"]),
        ("aliases: [drivers.age]", {"drivers.age": ["34", "", "11"]}, ["34", "11"]),
        ("aliases: ['drivers[].age']", {"drivers.age": ["34", "11"]}, ["34", "11"]),
        ("aliases: [tag]", {"tag": ["c"], "X": ["a"], "x": ["b"]}, ["a", "b", "c"]),
    ],
)
def test_values_come_in_order_those_under_the_own_name_first(keys, lead, stored):
    assert of(keys, **lead).fields["x"] == stored


def test_the_answer_has_the_first_of_several_addresses_and_a_lead_is_found_by_it():
    made = program("fields:\n  x: {type: email, multiple: true}\n  p: {type: phone, country: US, multiple: true}")
    verdict = judge(made, {"x": ["a@example.com", "b@example.com"], "p": ["512-789-1111", "512-789-1112"]}, NOW)
    assert (verdict.email, verdict.phone) == ("a@example.com", "+15127891111")


def test_what_is_not_stored_is_checked_and_forgotten():
    verdict = of("type: integer, store: false", "rules: [{id: young, reject_if: min(x) < 16}]", x=["34", "11"])
    assert (verdict.codes, verdict.fields) == (["young"], {})


@pytest.mark.parametrize(
    ("texts", "worth"), [(["34", "11"], "4.00"), ([], "0.00"), (["1"] * 9, "10.00"), (["5"], "2.00")]
)
def test_an_amount_may_be_computed_of_how_many_there_are(texts, worth):
    verdict = of("type: integer", "sale_amount: {amount: count(x) * 2, at_most: 10}", x=texts)
    assert verdict.sale_amount == Decimal(worth)


def test_an_amount_may_be_computed_of_the_greatest():
    rules = "sale_amount:\n  - {amount: max(x) / 10, at_most: 99}\n  - {amount: 1}"
    assert of("type: integer", rules, x=["34", "11"]).sale_amount == Decimal("3.40")
    assert of("type: integer", rules).sale_amount == Decimal("1.00")


@pytest.mark.parametrize(
    ("word", "texts", "codes"),
    [
        ("listed", ["good@example.com", "BAD@example.com"], ["l"]),
        ("listed", ["good@example.com", "a@acme.example"], ["l"]),
        ("listed", ["good@example.com"], []),
        ("not_listed", ["bad@example.com", "x@acme.example"], []),
        ("not_listed", ["bad@example.com", "good@example.com"], ["l"]),
        ("reject_if", ["good@example.com", "bad@example.com"], ["l"]),
        ("reject_if", ["good@example.com"], []),
    ],
)
def test_any_value_in_a_list_refuses_and_any_that_is_not_in_it(word, texts, codes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "bad.txt").write_text("bad@example.com\nacme.example\n")
    asked = "\"listed(x, 'bad.txt')\"" if word == "reject_if" else "{x: bad.txt}"
    assert of("type: email", f"rules: [{{id: l, {word}: {asked}}}]", x=texts).codes == codes


# --- Where only one value can tell ---


@pytest.mark.parametrize(
    ("keys", "rules", "sentence"),
    [
        ("partner: x", "", "3: partner: x is a list, since it has multiple: true, and a lead has one partner"),
        (
            "customer: [y, x]",
            "",
            "3: customer: x is a list, since it has multiple: true, and a customer is known by one",
        ),
        ("retry_key: x", "", "3: retry_key: x is a list, since it has multiple: true, and a request is known by one"),
        (
            "",
            "{id: u, unique: {any_of: [y, x]}}",
            '7: rule "u": unique: x is a list, since it has multiple: true, and two',
        ),
        (
            "",
            "{id: u, unique: [y, x]}",
            '7: rule "u": unique: x is a list, since it has multiple: true, and two leads may',
        ),
        ("", "{id: u, limit: 5, per: day, by: [x]}", '7: rule "u": by: x is a list'),
        ("", "{id: u, limit: {a: 5}, per: day, by: x}", '7: rule "u": by: x is a list'),
        ("", "{id: u, budget: 5, per: day, by: [y, x]}", '7: rule "u": by: x is a list'),
    ],
)
def test_what_goes_by_one_value_cannot_go_by_a_list(keys, rules, sentence):
    text = f"title: t\n# keys\n{keys}\nfields:\n  x: {{multiple: true}}\n  y: {{}}\n"
    (error,) = errors(text + (f"rules: [{rules}]" if rules else ""))
    assert sentence in error
    assert error.endswith('write a field for the first of them, first_x: {aliases: ["x[0]"]}, and name that')


def test_the_first_value_is_named_as_partners_send_it():
    (error,) = errors("customer: x\nfields: {x: {multiple: true, aliases: [drivers.phone, 'a[b=c].d']}}")
    assert 'first_x: {aliases: ["x[0]", "drivers[0].phone"]}' in error


def test_a_list_marks_no_test_but_a_condition_on_it_may():
    flag = "fields:\n  x: {type: boolean, multiple: true}\n"
    (error,) = errors(f"test_flag: x\n{flag}")
    assert error.endswith("a lead is a test or is none: write test_if: true in x")
    assert judge(program(f"test_if: true in x\n{flag}"), {"x": ["no", "yes"]}, NOW).test


def test_a_field_beside_may_have_the_first_of_the_values():
    made = program(
        "customer: [first_x]\nfields:\n  x: {multiple: true, aliases: [drivers.phone]}\n"
        "  first_x: {aliases: ['drivers[0].phone', 'x[0]']}\nrules: [{id: u, unique: [first_x]}]\n"
        "examples:\n  - {name: one, lead: {drivers: [{phone: a}, {phone: b}]}, expect: valid}\n"
        "  - {name: two, after: [{drivers: [{phone: a}, {phone: b}]}], lead: {drivers: [{phone: a}]}, expect: [u]}"
    )
    assert made.fields["first_x"].spec.aliases


def test_nothing_begins_anew_where_a_field_keeps_all_its_values_from_now_on():
    text = "fields:\n  x: {}\n  y: {}\nrules:\n  - {id: u, unique: [y]}\n  - {id: l, limit: 5, per: day, by: [y]}"
    assert begun_anew(program(text.replace("x: {}", "x: {multiple: true}")), "solar", text) == []


def test_values_of_the_file_itself_are_checked_as_each_value_is():
    (error,) = errors("fields:\n  x: {type: integer, multiple: true, default: a}")
    assert '"a" does not pass the field\'s own checks (x.invalid)' in error


def test_of_a_stored_lead_nothing_is_said_of_what_was_forgotten():
    made = program(
        "fields:\n  x: {multiple: true, store: false}\n  y: {}\nrules:\n"
        "  - {id: some, require: count(x) > 0}\n  - {id: there, require: x is present}\n"
        "  - {id: none, reject_if: x is missing}"
    )
    assert judge(made, {"x": ["a", "b"]}, NOW).codes == []
    verdict = judge(made, {}, NOW, stored_lead=True)
    assert verdict.codes == []
    assert {"check": "some", "result": "skipped: x was checked and forgotten"} in verdict.trace
    assert judge(made, {}, NOW).codes == ["some", "there", "none"]


def test_a_list_is_as_long_as_a_lead_and_what_cannot_be_compared_in_good_time_is_invalid():
    assert of("type: email", x=[f"a{number}@example.com" for number in range(1000)]).codes == []
    assert of("", x=["Zoë" * 200] * 8).codes == []
    assert of("", x=["Zoë" * 200] * 9).codes == ["x.invalid"]
    assert of("", x=["Zoë" * 20_000]).codes == []


@pytest.mark.parametrize("keys", ["type: country", "one_of: [a]", "type: consent", "type: id, standard: iban", ""])
def test_hostile_lists_are_judged_in_good_time(keys):
    texts = ["ﷺ" * 83 + str(number) for number in range(1000)]
    begun = time.process_time()
    of(f"blanks: [none]{', ' * bool(keys)}{keys}", "rules: [{id: u, reject_if: \"'a' in x\"}]" * (not keys), x=texts)
    assert time.process_time() - begun < 1  # without the limit it is four times that
