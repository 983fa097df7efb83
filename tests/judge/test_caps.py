"""Limits and budgets of a year and of all time, and tables of them by the values of a field."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from posting import FIELDS, NOON, Program

YEAR = "timezone: America/New_York\n"


# --- per: year, per: total ---


def test_a_year_is_a_year_of_the_time_zone_of_the_program():
    made = Program("  - {id: r, limit: 1, per: year}", head=YEAR)
    assert made.post() == []
    assert made.post(at=datetime(2027, 1, 1, 4, 59, tzinfo=UTC)) == ["r"]
    assert made.verdict.note == "The limit of leads per year is reached"
    assert made.post(at=datetime(2027, 1, 1, 5, 0, tzinfo=UTC)) == []


@pytest.mark.parametrize("years", [1, 10, 70])
def test_a_total_is_never_over(years):
    made = Program("  - {id: r, limit: 1, per: total}")
    assert made.post() == []
    assert made.post(at=NOON.replace(year=NOON.year + years)) == ["r"]
    assert made.verdict.note == "The limit of leads is reached"


def test_a_budget_in_total_is_the_sum_of_all_sale_amounts():
    made = Program("  - {id: r, budget: 60, per: total}")
    assert [made.post(worth="500"), made.post(at=NOON + timedelta(days=900))] == [[], []]
    assert made.post(worth="500", at=NOON + timedelta(days=901)) == ["r"]
    assert made.verdict.note == "The budget is used up"


def test_what_is_used_up_is_known_until_its_year_is_over_and_of_a_total_for_ever():
    rules = "  - {id: a, limit: 9, per: year}\n  - {id: b, limit: 9, per: total}"
    made = Program(rules)
    made.post()
    year, total = made.verdict.claims
    assert NOON + timedelta(days=366) < year.until < NOON + timedelta(days=400)
    assert total.until is None


# --- Tables ---

TABLE = "limit: {'4242': 3, '77': 0, default: 1}, per: day, by: [irpid]"


def test_each_value_has_its_own_limit_and_the_others_the_default():
    made = Program(f"  - {{id: r, {TABLE}}}")
    assert [made.post(irpid="4242") for _ in range(4)] == [[], [], [], ["r"]]
    assert made.post(irpid="77") == ["r"]
    assert [made.post(irpid=irpid) for irpid in ("1", "2", "1")] == [[], [], ["r"]]
    assert [made.post(), made.post()] == [[], ["r"]]


def test_without_a_default_the_others_have_no_cap():
    made = Program("  - {id: r, limit: {'4242': 1}, per: day, by: irpid}")
    assert [made.post(irpid="1") for _ in range(3)] == [made.post() for _ in range(3)] == [[], [], []]
    assert made.trace("r") == ["no cap"]
    assert [made.post(irpid="4242"), made.post(irpid="4242")] == [[], ["r"]]


@pytest.mark.parametrize(
    ("field", "key", "texts"),
    [
        ("{}", "SP-17", ["sp-17", "SP‑17", "ＳＰ-17", " sp-17"]),
        ("{type: integer}", "7", ["7", "+7", "07", "7.0"]),
        ("{type: money}", "$1,000", ["1000", "1000.00", "$1,000.00"]),
        ("{type: region, country: US}", "California", ["CA", "ca", "california"]),
        ("{type: choice, one_of: [Basic, Full]}", "full", ["Full", "FULL"]),
        ("{type: boolean}", "yes", ["true", "1", "Y"]),
        ("{type: date, formats: [YYYY-MM-DD, MM/DD/YYYY]}", "2026-12-31", ["12/31/2026", "2026-12-31"]),
        ("{type: phone, country: US}", "(415) 555-2671", ["+14155552671", "415.555.2671"]),
        ("{type: email}", "Ann@Example.com", ["ANN@example.com", "ann@EXAMPLE.COM"]),
        ("{type: country}", "Germany", ["DE", "germany"]),
        ("{type: url}", "http://example.com/a", ["HTTP://EXAMPLE.com/%61"]),
        ("{type: ip}", "1.2.3.4", ["::ffff:1.2.3.4"]),
    ],
)
def test_the_values_of_a_table_are_compared_as_fields_are(field, key, texts):
    fields = FIELDS.replace("irpid: {}", f"irpid: {field}")
    made = Program(f"  - {{id: r, limit: {{'{key}': 0}}, per: day, by: irpid}}", fields=fields)
    for text in texts:
        assert made.post(irpid=text) == ["r"], text


def test_a_budget_may_be_a_table_of_sums():
    made = Program("  - {id: r, budget: {'a': 20.50, default: 10}, per: total, by: [irpid]}")
    assert [made.post(irpid="a") for _ in range(3)] == [[], [], ["r"]]
    assert [made.post(irpid="b") for _ in range(2)] == [[], ["r"]]


def test_a_table_may_hold_for_some_leads_and_may_only_observe():
    made = Program("  - {id: r, when: state == 'TX', limit: {a: 0}, per: day, by: irpid}")
    assert [made.post(irpid="a", state="CA"), made.post(irpid="a", state="TX")] == [[], ["r"]]
    watched = Program("  - {id: r, mode: observe, limit: {a: 0}, per: day, by: irpid}")
    assert watched.post(irpid="a") == []
    assert watched.trace("r") == ["observed: it would be refused"]


def test_a_test_asks_for_the_cap_of_its_table_and_uses_up_nothing_of_it():
    made = Program("  - {id: r, limit: {a: 1}, per: day, by: irpid}")
    assert [made.post(irpid="a", is_test="yes"), made.post(irpid="a")] == [[], []]
    assert made.post(irpid="a", is_test="yes") == ["r"]


def test_a_number_that_becomes_a_table_goes_on_counting():
    one, table = (
        Program("  - {id: r, limit: 5, per: day, by: irpid}"),
        Program("  - {id: r, limit: {a: 1}, per: day, by: irpid}"),
    )
    assert one.post(irpid="a") == []
    table.claims = one.claims
    assert table.post(irpid="a") == ["r"]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("limit: {a: 1}, per: day", "limit: a table needs one field, whose values it names: write by: "),
        ("limit: {a: 1}, per: day, by: [irpid, state]", "limit: a table needs one field"),
        ("budget: {a: 1}, per: day, by: irpd", 'by: there is no field "irpd". Did you mean "irpid"?'),
        ("limit: {}, per: day, by: irpid", '"limit:" is empty'),
        ("limit: {a: many}, per: day, by: irpid", '"many" is not a number of leads: write it as 200'),
        ("limit: {a: 1.5}, per: day, by: irpid", '"1.5" is not a number of leads'),
        ("budget: {a: $5}, per: day, by: irpid", '"\\$5" is not a sum: write 5'),
        ("limit: {a: {b: 1}}, per: day, by: irpid", "is not a number of leads"),
        ("limit: [5], per: day", "is not a number of leads"),
        ("limit: {'1': 1}, per: day, by: phone", 'limit: "1" is not a value that the field phone can have'),
        ("limit: {SP-17: 1, sp-17: 2}, per: day, by: irpid", 'limit: "sp-17" is the same value as "SP-17": keep one'),
        ("limit: {'': 1}, per: day, by: irpid", "limit: a lead without the field has the default: name a value"),
        ("limit: {a: 1}, by: irpid", "needs its period"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_an_error(rule, sentence):
    with pytest.raises(ValueError, match=sentence):
        Program(f"  - {{id: r, {rule}}}")


def test_a_mistake_in_a_table_has_the_line_of_its_value():
    rule = (
        "  - id: r\n    per: day\n    by: phone\n    limit:\n      default: 5\n      '1': 2\n      '+14155552671': x\n"
    )
    with pytest.raises(ValueError, match="test.yaml:") as caught:
        Program(rule)
    first, *_ = caught.value.errors
    assert first.line == 18 and '"x" is not a number of leads' in first.message
    with pytest.raises(ValueError, match="test.yaml:") as caught:
        Program(rule.replace(": x", ": 3"))
    (only,) = caught.value.errors
    assert only.line == 17 and '"1" is not a value that the field phone can have' in only.message


@given(st.lists(st.sampled_from(["a", "A", "b", "c", ""]), max_size=30))
def test_no_group_gets_more_than_its_cap_nor_less(senders):
    made = Program("  - {id: r, limit: {a: 4, b: 0, default: 2}, per: total, by: irpid}")
    taken = {}
    for sender in senders:
        taken.setdefault(sender.lower(), []).append(made.post(irpid=sender) == [])
    for sender, outcomes in taken.items():
        cap = {"a": 4, "b": 0}.get(sender, 2)
        assert outcomes == [number < cap for number in range(len(outcomes))]
