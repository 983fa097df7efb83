"""Ranges: what is read as one, how it is stored and compared, and what conditions, limits and amounts see of it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from cast import errors, program, warnings_of
from hypothesis import given
from hypothesis import strategies as st
from posting import Program

from judge.judgement import judge
from judge.ranges import OR_LESS, OR_MORE, OVER, TO, UNDER, read
from judge.values import Ambiguous, Refused

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


# --- What is read ---


@pytest.mark.parametrize(
    ("text", "stored", "low", "high"),
    [
        ("600-649", "600-649", 600, 649),
        ("$1,000 to $10,000", "1000-10000", 1000, 10000),
        ("500000 or more", "500000-", 500000, None),
        ("10+", "10-", 10, None),
        ("over 500", "500-", 500, None),
        ("at least 500", "500-", 500, None),
        ("under 580", "-580", None, 580),
        ("less than 580", "-580", None, 580),
        ("up to 580", "-580", None, 580),
        ("600", "600", 600, 600),
        ("600-600.00", "600", 600, 600),
        ("between 600 and 649", "600-649", 600, 649),
        ("from 600 to 649", "600-649", 600, 649),
        ("0-100K", "0-100000", 0, 100000),
        ("500-2K", "500-2000", 500, 2000),
        ("$100K–$1.5M", "100000-1500000", 100000, 1500000),
        ("10-20%", "10-20", 10, 20),
        ("1.5-2.50", "1.5-2.50", Decimal("1.5"), Decimal("2.50")),
        ("1.000.000 - 2.000.000", "1000000-2000000", 1000000, 2000000),
        ("1.234,50 EUR - 2.000,00 EUR", "1234.50-2000.00", Decimal("1234.5"), 2000),
        ("$1,000\u200b–\u00ad$2,000", "1000-2000", 1000, 2000),
        ("10 000 - 20 000", "10000-20000", 10000, 20000),
        ("1e3-2e3", "1000-2000", 1000, 2000),
        ("0", "0", 0, 0),
    ],
)
def test_a_range_is_read_as_people_write_it(text, stored, low, high):
    assert (str(read(text)), read(text).low, read(text).high) == (stored, low, high)


@pytest.mark.parametrize("dash", "-‐‑‒–—―−⁃﹘﹣－~～")
@pytest.mark.parametrize("blank", ["", " ", "  ", "\u00a0", "\u2009", "\t"])
def test_a_dash_may_be_drawn_in_any_way_between_blanks_of_any_kind(dash, blank):
    assert str(read(f"600{blank}{dash}{blank}649")) == "600-649"


@pytest.mark.parametrize("change", [str.upper, str.title, str.lower])
def test_words_are_read_in_any_case_before_and_behind_a_number(change):
    words = [word for word in (*OVER, *OR_MORE) if word != "[+]"]
    for word in words:
        found = read(change(f"{word} 500" if word in OVER else f"500 {word}"))
        assert (found.low, found.high) == (500, None), word
    for word in (*UNDER, *OR_LESS):
        found = read(change(f"{word} 500" if word in UNDER else f"500 {word}"))
        assert (found.low, found.high) == (None, 500), word
    for word in TO:
        assert str(read(change(f"500 {word} 600"))) == "500-600", word


@pytest.mark.parametrize(
    "text",
    ["700-600", "600-649-700", "over 500-600", "-5-10", "-10 to -5", "--5", "-580-", "600 and 649", "over", "-", "+",
     "", "good", "600 649 7000", "$20%", "1,00-2,00,0", "~600", "600\u00ad649", "600\u200b649", "10²", "9" * 19,
     "1e-9", "5" * 101, "1-٣", "-$"],
)  # fmt: skip
def test_what_is_no_range_is_invalid(text):
    with pytest.raises(Refused):
        read(text)


@pytest.mark.parametrize("text", ["500-600K", "1-2M", "$1.000 to $2.000", "$1.234", "1.000-2.000.000"])
def test_what_could_be_two_ranges_is_refused_and_the_note_says_so(text):
    with pytest.raises(Ambiguous):
        read(text)
    verdict = judge(program("fields: {credit: {type: range}}"), {"credit": [text]}, NOW)
    assert verdict.codes == ["credit.invalid"]
    assert verdict.note == "The credit could be two ranges: write its numbers in full, such as 500000-600000"


amounts = st.decimals(min_value=0, max_value=10**12, places=2) | st.integers(0, 10**12).map(Decimal)
amounts = amounts | st.decimals(0, 10**6, places=3) | st.integers(0, 10**17).map(Decimal)


@given(st.none() | amounts, st.none() | amounts, st.sampled_from(["{:f}", "{:,f}", "${:f}"]))
def test_the_stored_form_reads_as_the_same_range(low, high, written):
    if low is None and high is None:
        return
    ends = ["" if end is None else written.format(end) for end in sorted([low, high], key=lambda end: end or 0)]
    ends = ends if None not in (low, high) else ["" if end is None else written.format(end) for end in (low, high)]
    try:
        found = read("-".join(ends))
    except Refused:  # 1,234.567, and $1.234, which could be two amounts
        return
    again = read(str(found))
    assert (again, str(again), again.low, again.high) == (found, str(found), found.low, found.high)


@given(st.text(alphabet="0123456789.,-+$%KkMe to~–<>ordmuner", max_size=14))
def test_whatever_is_read_is_read_again_as_it_is_stored(text):
    try:
        found = read(text)
    except Refused:
        return
    assert str(read(str(found))) == str(found)
    assert (read(str(found)).low, read(str(found)).high) == (found.low, found.high)


# --- min, max ---


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("580-850", []), ("580", []), ("850", []), ("579-600", ["too_small"]), ("800-851", ["too_large"]),
        ("579", ["too_small"]), ("851", ["too_large"]), ("over 580", ["too_large"]), ("under 850", ["too_small"]),
    ],
)  # fmt: skip
def test_min_and_max_hold_both_ends_and_an_open_end_breaks_them(text, codes):
    made = program("fields: {credit: {type: range, min: 580, max: 850}}")
    assert judge(made, {"credit": [text]}, NOW).codes == [f"credit.{code}" for code in codes]


def test_a_range_that_is_open_below_begins_at_0():
    assert judge(program("fields: {credit: {type: range, min: 0}}"), {"credit": ["under 5"]}, NOW).valid


def test_bounds_are_single_numbers_in_any_spelling_and_in_order():
    made = program("fields: {debt: {type: range, min: $10K, max: '1,000,000'}}")
    assert judge(made, {"debt": ["9999-20000"]}, NOW).note == "The debt is too small: the least accepted is $10K"
    for bound in ("600-649", "10+", "low"):
        (error,) = errors(f"fields: {{credit: {{type: range, min: {bound}}}}}")
        assert f'min: "{bound}" is not a value that this field can have: write one number, such as 600' in error
    (error,) = errors("fields: {credit: {type: range, min: 700, max: 600}}")
    assert "min: 700 is more than max: 600, so no value passes" in error


# --- Conditions ---

FIELDS = """
fields:
  credit: {type: range, on_invalid: warn}
  other: {type: range}
  irpid: {}
sale_amount: [{when: high(credit) > 600, amount: low(credit) * 0.01, at_most: 7}, {amount: 1}]
rules:
"""


def of(rule, **lead):
    """Return the reason codes of a lead, and what the trace says of the one rule."""
    made = Program(f"  - {{id: r, {rule}}}", fields=FIELDS)
    return made.post(NOW, **lead), made.trace("r")[-1]


@pytest.mark.parametrize(
    ("condition", "credit", "holds"),
    [
        ("low(credit) < 600", "599-650", True), ("low(credit) < 600", "600-650", False),
        ("low(credit) == 500", "over 500", True), ("high(credit) == 580", "under 580", True),
        ("high(credit) - low(credit) == 50", "600-650", True), ("low(credit) == high(credit)", "650", True),
        ("500 < low(credit) <= high(credit) < 700", "600-650", True),
        ("low(credit) is missing", "under 580", True), ("high(credit) is missing", "10+", True),
        ("low(credit) is present and high(credit) is present", "600", True), ("high(credit) is present", "10+", False),
        ("credit == '600-649'", "600 to 649", True), ("credit == '$600 – 649.00'", "600-649", True),
        ("credit != '600-649'", "600-650", True), ("credit in ['500000 or more', '-580']", "500000-", True),
        ("credit not in ['500000-', '-580']", "580", True), ("credit == '600.0'", "600", True),
        ("low(credit) < 600 or irpid == '7'", "under 600", True), ("low(credit) < 600 and irpid == '8'", "-600", False),
    ],
)  # fmt: skip
def test_conditions_read_the_ends_of_a_range_and_compare_it_as_a_whole(condition, credit, holds):
    codes, _ = of(f'reject_if: "{condition}"', credit=credit, irpid="7")
    assert codes == ["r"] * holds


def test_two_fields_are_equal_where_both_ends_are():
    assert of("reject_if: credit == other", credit="600-649", other="600 to 649.0")[0] == ["r"]
    assert of("reject_if: credit == other", credit="600-649", other="600 to 650")[0] == []


def test_a_rule_that_needs_an_end_which_is_open_does_not_apply_and_the_trace_says_so():
    codes, said = of("reject_if: low(credit) < 600", credit="under 580")
    assert (codes, said) == ([], "skipped: low(credit) is absent, since the range is open there")
    assert of("reject_if: high(credit) > 1", credit="5+")[1].startswith("skipped: high(credit) is absent")
    assert of("reject_if: low(credit) < 600")[1] == "skipped: credit is absent"
    assert of("when: low(credit) < 600, reject_if: irpid == '7'", credit="-580", irpid="7")[0] == []


def test_whether_a_range_that_is_not_stored_was_open_is_not_told_of_a_stored_lead():
    made = program("fields: {credit: {type: range, store: false}}\nrules: [{id: r, reject_if: low(credit) is missing}]")
    assert judge(made, {"credit": ["600-649"]}, NOW).codes == []
    again = judge(made, {}, NOW, stored_lead=True)
    assert (again.codes, again.trace[-1]["result"]) == ([], "skipped: credit was checked and forgotten")


def test_require_refuses_where_an_end_is_open_and_where_a_range_cannot_be_read():
    codes, _ = of("require: low(credit) >= 580", credit="under 700")
    assert codes == ["r"]
    assert of("require: low(credit) >= 580", credit="good")[0] == ["r"]
    assert of("require: low(credit) >= 580", credit="580+")[0] == []
    assert of("require: low(credit) >= 580")[0] == []


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("credit > 600", "a range has two ends, .*: write low.credit. or high.credit."),
        ("credit <= '600-649'", "a range has two ends"),
        ("600 < credit < 700", "a range has two ends"),
        ("credit == 600", "credit is a range and cannot be compared with a number: write low.credit. or high.credit."),
        ("credit + 1 > 5", "[+] takes numbers, and credit is a range: write low.credit. or high.credit."),
        ("credit == 'good'", "'good' is no range: write '600-649'"),
        ("credit in '600-649'", r"write in \['600-649'\]"),
        ("low(irpid) == '5'", "low takes a field of type range.*irpid is a text: give the field type: range"),
        ("high(5) == 5", "high takes a field of type range: write high.credit."),
        ("low > 5", "low is a function: write low.credit."),
        ("low(credit)", "low.credit. is a number, and neither true nor false"),
    ],
)
def test_what_is_written_of_a_range_otherwise_says_what_to_write(condition, sentence):
    with pytest.raises(ValueError, match=sentence):
        of(f'reject_if: "{condition}"')


def test_an_end_of_a_field_that_is_a_number_is_the_field_itself():
    (error,) = errors("fields: {a: {type: money}}\nrules: [{id: r, note: n, reject_if: low(a) > 5}]")
    assert "a is a number: write a alone, or give the field type: range" in error


def test_an_amount_is_computed_of_an_end_and_its_row_does_not_fit_where_that_is_open():
    made = Program("  []", fields=FIELDS)
    for credit, amount in [("650-700", "6.50"), ("900-950", "7.00"), ("under 700", "1.00"), ("over 900", "1.00")]:
        made.post(NOW, credit=credit)
        assert str(made.verdict.sale_amount) == amount, credit
    (warning,) = warnings_of(
        program("fields: {credit: {type: range, required: true}}\nsale_amount: {amount: low(credit), at_most: 5}")
    )
    assert "a lead whose credit is open on that side is worth 0.00" in warning
    (error,) = errors("fields: {credit: {type: range}}\nsale_amount: {amount: credit, at_most: 5}")
    assert "credit is a range, and an amount is a number: write low(credit) or high(credit)" in error


# --- As a value like others ---


def test_equal_ranges_are_duplicates_and_of_one_group():
    made = Program("  - {id: u, unique: [credit]}", fields=FIELDS)
    assert made.post(credit="$600 to $649.00") == []
    assert made.post(credit="600 – 649") == ["u"]
    assert made.post(credit="600-650") == []
    capped = Program("  - {id: c, limit: {500+: 1, default: 2}, per: day, by: [credit]}", fields=FIELDS)
    assert capped.post(credit="500 or more") == []
    assert capped.post(credit="over 500") == ["c"]
    assert capped.post(credit="500") == []


def test_a_range_is_looked_up_in_lists_in_any_spelling(tmp_path):
    (tmp_path / "poor.txt").write_text("300 to 579\nunder 300  # nobody\n")
    made = Program("  - {id: l, listed: {credit: poor.txt}}", folder=str(tmp_path), fields=FIELDS)
    assert made.post(credit="300-579") == made.post(credit="-300") == ["l"]
    assert made.post(credit="300-580") == []
    asked = Program("  - {id: l, reject_if: \"listed(credit, 'poor.txt')\"}", folder=str(tmp_path), fields=FIELDS)
    assert asked.post(credit="300 – 579") == ["l"]
