"""Sale amounts that are computed: exact, bounded, and only of what the lead has."""

import math
import re
from decimal import Decimal
from fractions import Fraction

import pytest
from cast import errors, program
from hypothesis import given
from hypothesis import strategies as st
from posting import FIELDS, Program

HEAD, RULES = FIELDS.split("sale_amount:")[0], "rules: []\n"
MORE = "  count: {type: integer}\n  born: {type: date}\n  ratio: {type: number, on_invalid: warn}\n"


def worth(amounts, **lead):
    made = Program(RULES, fields=f"{HEAD}{MORE}sale_amount: {amounts}\n")
    assert made.post(**lead) == []
    return str(made.verdict.sale_amount), made.trace("sale_amount")


def amount(expression, at_most="999999.99", **lead):
    return worth(f'[{{amount: "{expression}", at_most: {at_most}}}]', **lead)[0]


@pytest.mark.parametrize(
    ("expression", "lead", "expected"),
    [
        ("worth * 0.0001", {"worth": "250000"}, "25.00"),
        ("worth * 0.0001", {"worth": "254950"}, "25.50"),
        ("worth / 3", {"worth": "100"}, "33.33"),
        ("worth / 3", {"worth": "200"}, "66.67"),
        ("ratio", {"ratio": "0.005"}, "0.01"),
        ("ratio", {"ratio": "0.015"}, "0.02"),
        ("ratio", {"ratio": "2.675"}, "2.68"),
        ("worth", {"worth": "0.00499999999999999999"}, "0.00"),
        ("ratio", {"ratio": "0.00499999999999999999999999999999999999"}, "0.00"),
        ("ratio * 1", {"ratio": "1.004999999999999999999999999999999999"}, "1.00"),
        ("count * 2 + 0.5", {"count": "3"}, "6.50"),
        ("(count - 1) * -2", {"count": "0"}, "2.00"),
        ("age(born) * 0.1", {"born": "2000-01-01"}, "2.60"),
        ("length(state)", {"state": "Texas"}, "5.00"),
        ("worth - 100", {"worth": "50"}, "0.00"),
        ("-worth", {"worth": "0"}, "0.00"),
        ("worth * 0", {"worth": "-5"}, "0.00"),
        ("-ratio", {"ratio": "1e99"}, "0.00"),
    ],
)
def test_an_amount_is_computed_exactly_and_rounded_half_up_and_never_below_0(expression, lead, expected):
    assert amount(expression, **lead) == expected


@pytest.mark.parametrize(
    ("at_most", "sent", "expected"),
    [
        ("80.00", "79.99", "79.99"), ("80.00", "80.01", "80.00"), ("80.00", "79.995", "80.00"),
        ("80", "99999999999999999999", "80.00"), ("999999.99", "1000000", "999999.99"), ("0", "5", "0.00"),
    ],
)  # fmt: skip
def test_an_amount_never_exceeds_its_bound(at_most, sent, expected):
    assert amount("ratio", at_most, ratio=sent) == expected


@pytest.mark.parametrize(
    ("lead", "expected", "why"),
    [
        ({}, "7.00", "worth is absent"),
        ({"worth": "5"}, "7.00", "ratio is absent"),
        ({"worth": "5", "ratio": "0"}, "7.00", "it divides by zero or takes a number out of range"),
        ({"worth": "5", "ratio": "much"}, "7.00", "ratio cannot be read"),
    ],
)
def test_where_nothing_can_be_computed_the_next_row_is_asked(lead, expected, why):
    found, trace = worth("[{amount: worth / ratio, at_most: 80}, {amount: 7}]", **lead)
    assert found == expected
    assert trace == [f"number 1 skipped: {why}", "number 2 fits: 7.00"]


def test_where_no_row_fits_the_lead_is_worth_nothing():
    assert worth("[{amount: worth / ratio, at_most: 80}]")[0] == "0.00"


def test_a_row_has_its_condition_and_its_amount():
    rows = "[{when: worth >= 250, amount: worth * 0.1, at_most: 30.00}, {amount: 10.00}]"
    assert [worth(rows, worth=sent)[0] for sent in ("249", "250", "1000")] == ["10.00", "25.00", "30.00"]


@pytest.mark.parametrize("text", ["{amount: worth * 0.1, at_most: 80}", "[{amount: worth * 0.1, at_most: 80}]"])
def test_one_computed_amount_alone_is_enough(text):
    assert worth(text, worth="50")[0] == "5.00"


def test_a_budget_counts_what_was_computed():
    fields = FIELDS.replace("{when: worth is present and worth > 100, amount: 40.00}", "{amount: worth, at_most: 80}")
    made = Program("  - {id: r, budget: 30.10, per: day}", fields=fields)
    assert [made.post(worth="10.05"), made.post(worth="20.05"), made.post(worth="0.01")] == [[], [], ["r"]]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("worth * 0.0001", "2: sale_amount: amount: what is computed needs a bound: write at_most: 80.00, for example"),
        ("[{amount: worth}]", "amount: what is computed needs a bound"),
        ("[{amount: 10, at_most: 80}]", "at_most: belongs to an amount that is computed"),
        ("[{amount: wort * 2, at_most: 80}]", 'amount: "wort \\* 2": there is no field "wort". Did you mean "worth"?'),
        ("[{amount: worth > 2, at_most: 80}]", 'amount: "worth > 2": … is a boolean, and an amount is a number'),
        ("[{amount: state, at_most: 80}]", 'amount: "state": state is a text, and an amount is a number'),
        ("[{amount: born, at_most: 80}]", "born is a date, and an amount is a number"),
        ("[{amount: state * 2, at_most: 80}]", "\\* takes numbers, and state is a text"),
        ("[{amount: worth *, at_most: 80}]", 'amount: "worth \\*" cannot be read as an amount'),
        ("[{amount: worth, at_most: much}]", '"much" is not an amount: write it as 10.00'),
        ("[{amount: worth, at_most: 1000000}]", '"1000000" is not an amount: write it as 10.00, at most 999999.99'),
        ("[{amount: worth, atmost: 80, at_most: 80}]", '"atmost" is not a known key. Did you mean "at_most"?'),
        ("[{amount: worth, at_most: $80}]", '"\\$80" is not an amount'),
        ("10 USD", '"10 USD" is not an amount: write 10'),
        ("USD 10.00", '"USD 10.00" is not an amount: write 10.00'),
        ("$5", "is not an amount"),
        ("-5", "is not an amount"),
    ],
)
def test_an_amount_that_cannot_be_used_is_an_error(line, sentence):
    found = errors(f"fields: {{worth: {{type: money}}, state: {{}}, born: {{type: date}}}}\nsale_amount: {line}")
    assert len(found) == 1 and re.search(sentence, found[0]), found


@given(st.decimals(0, 10**9, places=9), st.decimals(-9, 9, places=6))
def test_any_amount_is_the_exact_one_rounded_half_up(sent, rate):
    exact = Fraction(sent) * Fraction(rate)
    cents = Decimal(math.floor(exact * 100 + Fraction(1, 2))).scaleb(-2)
    assert amount(f"ratio * {rate:f}", "500.00", ratio=f"{sent:f}") == f"{min(max(cents, 0), 500):.2f}"


def test_hostile_arithmetic_is_answered_at_once():
    product = " * ".join(["ratio"] * 45)
    made = program(f"fields: {{ratio: {{type: number}}}}\nsale_amount: {{amount: {product}, at_most: 80}}")
    assert made.amounts
    assert amount(product, "80", ratio="9" * 38 + "." + "9" * 38) == "80.00"
    assert amount(product, "80", ratio="1e-99") == "0.00"
