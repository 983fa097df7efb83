"""Each rule of the language, on both sides of its edge, settled as the store settles it."""

from datetime import UTC, datetime, timedelta

import pytest
from posting import FIELDS, NOON, Program

from judge.compiler import compile_program
from judge.judgement import judge
from judge.verdict import Claims
from web.request import judge_body

# --- listed, not_listed ---


@pytest.fixture
def blocked(tmp_path):
    (tmp_path / "blocked.txt").write_text(
        "# by hand\nAnn@Example.com\n@acme.example\nbücher.de\n\nBOB@x.example # left\n"
    )
    return Program("  - {id: r, listed: {email: blocked.txt}}", tmp_path)


@pytest.mark.parametrize(
    "email", ["ann@example.com", "ANN@EXAMPLE.COM", "x@acme.example", "y@xn--bcher-kva.de", "bob@x.example"]
)
def test_listed_refuses_addresses_and_whole_domains_in_any_spelling(blocked, email):
    assert blocked.post(email=email) == ["r"]


@pytest.mark.parametrize("email", ["bob@example.com", "x@mail.acme.example", "acme.example@example.com"])
def test_listed_lets_others_pass(blocked, email):
    assert blocked.post(email=email) == []


def test_a_field_that_is_absent_is_in_no_list(blocked):
    assert blocked.post() == []
    assert blocked.trace("r") == ["skipped: email is absent"]


def test_a_list_is_normalised_as_its_field_is(tmp_path):
    (tmp_path / "phones.txt").write_text("(415) 555-2671\n+1 415 555 2672\nnonsense\n")
    program = Program("  - {id: r, listed: {phone: phones.txt}}", tmp_path)
    assert program.post(phone="415-555-2671") == program.post(phone="+14155552672") == ["r"]
    assert program.post(phone="415-555-2673") == []
    assert "phones.txt:3: this line is not a valid phone" in "".join(map(str, program.program.warnings))


@pytest.mark.parametrize("word", ["listed", "not_listed"])
def test_a_list_that_is_empty_or_not_named_is_an_error(tmp_path, word):
    (tmp_path / "blocked.txt").write_text("")
    with pytest.raises(ValueError, match="is empty: if that is meant, write a line such as # nobody yet"):
        Program(f"  - {{id: r, {word}: {{email: blocked.txt}}}}", tmp_path)
    with pytest.raises(ValueError, match=f'"{word}:" is empty'):
        Program(f"  - {{id: r, {word}: {{}}}}", tmp_path)


def test_not_listed_refuses_what_is_not_in_the_list(tmp_path):
    (tmp_path / "states.txt").write_text("ca\nNY\n")
    program = Program("  - {id: r, not_listed: {state: states.txt}}", tmp_path)
    assert program.post(state="CA") == program.post(state="ny") == program.post() == []
    assert program.post(state="TX") == ["r"]


def test_a_list_of_50000_lines_is_read_and_searched(tmp_path):
    (tmp_path / "many.txt").write_text("".join(f"ann{number}@example.com\n" for number in range(50_000)))
    program = Program("  - {id: r, listed: {email: many.txt}}", tmp_path)
    assert program.post(email="ann49999@example.com") == ["r"]
    assert program.post(email="ann50000@example.com") == []


# --- open ---


def opened(hours, *moment, zone="America/New_York"):
    program = Program(f"  - {{id: r, open: {hours}}}", head=f"timezone: {zone}\n")
    return program.post(at=datetime(*moment, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("hour", "minute", "expected"), [(12, 59, False), (13, 0, True), (20, 0, True), (0, 59, True), (1, 0, False)]
)
def test_hours_are_open_from_their_first_minute_up_to_their_last(hour, minute, expected):
    # 08:00 to 20:00 in New York is 13:00 to 01:00 UTC in winter; the night belongs to the Tuesday of UTC.
    day = 2 if hour > 2 else 3
    assert opened("[Mon 08:00-20:00]", 2026, 3, day, hour, minute) is expected


@pytest.mark.parametrize(
    ("hours", "moment", "expected"),
    [
        ("[Mon-Fri 00:00-24:00]", (2026, 3, 6, 23, 59), True),
        ("[Mon-Fri 00:00-24:00]", (2026, 3, 7, 0, 0), False),
        ("[Sat-Mon 00:00-24:00]", (2026, 3, 2, 12, 0), True),
        ("[Sat-Mon 00:00-24:00]", (2026, 3, 3, 12, 0), False),
        ("[Fri 22:00-02:00]", (2026, 3, 7, 1, 59), True),
        ("[Fri 22:00-02:00]", (2026, 3, 7, 2, 0), False),
        ("[Fri 22:00-02:00]", (2026, 3, 6, 1, 0), False),
        ("09:00-10:00", (2026, 3, 8, 9, 30), True),
        ("[Mon 08:00-09:00, Mon 11:00-13:00]", (2026, 3, 2, 12, 0), True),
        ("[Mon 08:00-09:00, Mon 11:00-13:00]", (2026, 3, 2, 10, 0), False),
    ],
)
def test_hours_over_days_and_midnight(hours, moment, expected):
    assert opened(hours, *moment, zone="UTC") is expected


def test_hours_go_by_the_clock_on_the_wall_when_summer_time_comes_and_goes():
    # New York went from EST to EDT on 8 March 2026 and goes back on 1 November.
    assert opened("[Sat 08:00-09:00]", 2026, 3, 7, 13, 30)
    assert opened("[Sun 08:00-09:00]", 2026, 3, 8, 12, 30)
    assert not opened("[Sun 08:00-09:00]", 2026, 3, 8, 13, 30)
    assert opened("[Sun 01:00-02:00]", 2026, 11, 1, 5, 30)  # 01:30 EDT
    assert opened("[Sun 01:00-02:00]", 2026, 11, 1, 6, 30)  # 01:30 again, EST


@pytest.mark.parametrize(
    "hours", ["[Mon 8-20]", "[Monday 08:00-20:00]", "[Mon 08:00-25:00]", "[Mon 08:00-08:00]", "[]"]
)
def test_hours_that_cannot_be_read_are_an_error(hours):
    with pytest.raises(ValueError, match="open"):
        Program(f"  - {{id: r, open: {hours}}}")


# --- unique ---


def test_unique_takes_its_fields_together():
    program = Program("  - {id: r, unique: [email, state]}")
    assert program.post(email="ann@example.com", state="CA") == []
    assert program.post(email="ann@example.com", state="NY") == []
    assert program.post(email="ANN@example.com", state="ca") == ["r"]
    assert program.post(email="ann@example.com") == []
    assert program.trace("r") == ["skipped: state is absent"]


def test_unique_any_of_takes_each_field_alone():
    program = Program("  - {id: r, unique: {any_of: [email, phone]}}")
    assert program.post(email="ann@example.com", phone="415-555-2671") == []
    assert program.post(email="ann@example.com", phone="415-555-2672") == ["r"]
    assert program.post(email="bob@example.com", phone="415-555-2671") == ["r"]
    assert program.post(email="bob@example.com", phone="415-555-2672") == []
    assert program.post(phone="415-555-2672") == ["r"]


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("worth", "5", "$5.0000"),
        ("state", "Zo\u00eb", "ZOE\u0308"),
        ("number", "5", "5.00"),
        ("at", "2026-01-01T12:00:00Z", "2026-01-01T13:00+01:00"),
    ],
)
def test_unique_compares_values_and_not_spellings(field, one, other):
    fields = FIELDS.replace("  state:", "  number: {type: number}\n  at: {type: datetime}\n  state:")
    made = compile_program("test", "test.yaml", fields + f"  - {{id: r, unique: {field}}}", "hash", NOON)
    claims = Claims()
    verdicts = [judge(made, {field: [text]}, NOON) for text in (one, other)]
    for verdict in verdicts:
        claims.settle(verdict)
    assert [verdict.codes for verdict in verdicts] == [[], ["r"]]


def test_unique_within_a_time_ends_with_it():
    program = Program("  - {id: r, unique: email, within: 12 hours}")
    assert program.post(email="ann@example.com") == []
    assert program.post(email="ann@example.com", at=NOON + timedelta(hours=12, seconds=-1)) == ["r"]
    assert program.post(email="ann@example.com", at=NOON + timedelta(hours=12)) == []


@pytest.mark.parametrize(("across", "expected"), [("all", ["r"]), ("program", [])])
def test_unique_across_all_counts_the_leads_of_other_programs_with_the_same_rule(across, expected):
    rule = f"  - {{id: r, unique: email, across: {across}}}"
    one, other = Program(rule, name="one"), Program(rule, name="other")
    other.claims = one.claims
    assert one.post(email="ann@example.com") == []
    assert other.post(email="ann@example.com") == expected


# --- limit, budget ---


def test_a_limit_takes_so_many_leads_and_no_more():
    program = Program("  - {id: r, limit: 2, per: day}")
    assert [program.post() for _ in range(3)] == [[], [], ["r"]]
    assert program.post(at=NOON + timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("per", "inside", "outside"),
    [
        ("hour", timedelta(minutes=59), timedelta(minutes=60)),
        ("day", timedelta(hours=11, minutes=59), timedelta(hours=12)),
        ("week", timedelta(days=6, hours=11), timedelta(days=6, hours=12)),
        ("month", timedelta(days=29), timedelta(days=30)),
    ],
)
def test_a_limit_begins_anew_with_its_period(per, inside, outside):
    program = Program(f"  - {{id: r, limit: 1, per: {per}}}")
    assert program.post() == []
    assert program.post(at=NOON + inside) == ["r"]
    assert program.post(at=NOON + outside) == []


def test_a_day_is_a_day_of_the_time_zone_of_the_program():
    program = Program("  - {id: r, limit: 1, per: day}", head="timezone: America/New_York\n")
    assert program.post(at=datetime(2026, 3, 2, 4, 59, tzinfo=UTC)) == []
    assert program.post(at=datetime(2026, 3, 2, 5, 0, tzinfo=UTC)) == []
    assert program.post(at=datetime(2026, 3, 3, 4, 59, tzinfo=UTC)) == ["r"]


def test_an_hour_that_comes_twice_in_autumn_has_two_limits():
    program = Program("  - {id: r, limit: 1, per: hour}", head="timezone: America/New_York\n")
    assert program.post(at=datetime(2026, 11, 1, 5, 30, tzinfo=UTC)) == []
    assert program.post(at=datetime(2026, 11, 1, 6, 30, tzinfo=UTC)) == []


def test_each_value_of_by_has_a_limit_of_its_own_and_the_absent_ones_are_a_group():
    program = Program("  - {id: r, limit: 1, per: day, by: [irpid]}")
    assert [program.post(irpid="1"), program.post(irpid="2"), program.post()] == [[], [], []]
    assert [program.post(irpid="1"), program.post(irpid="2"), program.post()] == [["r"], ["r"], ["r"]]


def test_a_budget_is_the_sum_of_the_sale_amounts():
    program = Program("  - {id: r, budget: 60, per: month}")
    assert program.post(worth="500") == []
    assert program.post(worth="500") == ["r"]
    assert program.post() == program.post() == []
    assert program.post() == ["r"]


def test_a_lead_that_is_refused_elsewhere_uses_up_no_limit():
    program = Program(
        "  - {id: r, limit: 1, per: day}\n  - {id: u, unique: email}\n  - {id: x, reject_if: state == 'TX'}"
    )
    assert program.post(email="ann@example.com", state="TX") == ["x"]
    assert program.post(email="ann@example.com") == []
    assert program.post(email="ann@example.com", at=NOON + timedelta(days=1)) == ["u"]
    assert program.post(email="bob@example.com", at=NOON + timedelta(days=1)) == []


def test_what_only_the_store_decides_of_a_test_is_said_once_for_each_rule():
    program = Program("  - {id: r, unique: {any_of: [email, phone]}}\n  - {id: cap, limit: 1, per: day}").program
    verdict = judge_body(program, b"email=ann@example.com&phone=4155552671&is_test=yes", "", NOON)
    told = [step["check"] for step in verdict.trace if step["result"] == "decided when the lead is posted"]
    assert told == ["r", "cap", "test.limit"]


def test_a_test_lead_uses_up_no_limit():
    program = Program("  - {id: r, limit: 1, per: day}")
    assert program.post(is_test="yes") == program.post() == []
    assert program.post(is_test="yes") == ["r"]


@pytest.mark.parametrize(
    "rule", ["limit: 5", "budget: 5", "limit: -1, per: day", "limit: 5, per: decade", "budget: $5, per: day"]
)
def test_a_limit_that_cannot_be_used_is_an_error(rule):
    with pytest.raises(ValueError, match=r"per: day|is not a sum|is not a number of leads|is not one of hour, day"):
        Program(f"  - {{id: r, {rule}}}")


# --- mode ---


def test_an_observed_rule_refuses_nobody_and_says_what_it_would_have_done():
    program = Program("  - {id: r, mode: observe, reject_if: state == 'TX'}")
    assert program.post(state="TX") == []
    assert program.trace("r") == ["observed: it would be refused"]
    assert program.post(state="CA") == []
    assert program.trace("r") == ["passed"]


def test_an_observed_limit_counts_and_refuses_nobody():
    program = Program("  - {id: r, mode: observe, limit: 1, per: day}\n  - {id: u, mode: observe, unique: email}")
    assert program.post(email="ann@example.com") == program.post(email="ann@example.com") == []
    assert program.trace("r") == program.trace("u") == ["observed: it would be refused"]


def test_a_rule_that_is_off_is_passed_over():
    program = Program("  - {id: r, mode: off, reject_if: state == 'TX'}")
    assert program.post(state="TX") == []
    assert program.trace("r") == ["off"]


# --- conditions in parts ---


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ({"state": "TX"}, ["r"]),
        ({"state": "CA", "irpid": "1", "worth": "5"}, ["r"]),
        ({"state": "CA", "irpid": "1", "worth": "500"}, []),
        ({"state": "CA", "irpid": "2", "worth": "5"}, []),
    ],
)
def test_all_any_and_not_join_conditions(lead, expected):
    rule = "  - id: r\n    reject_if:\n      any:\n        - state == 'TX'\n"
    rule += "        - all: [irpid == '1', not: worth > 100]\n"
    assert Program(rule).post(**lead) == expected


@pytest.mark.parametrize(
    "condition", ["{any: []}", "{some: [a]}", "{any: x, all: y}", "[state == 'TX']", "{not: {any: []}}"]
)
def test_a_condition_of_another_form_is_an_error(condition):
    with pytest.raises(ValueError, match="is no condition"):
        Program(f"  - {{id: r, reject_if: {condition}}}")


def test_a_mistake_in_a_part_of_a_condition_has_the_line_of_the_part():
    rule = "  - id: r\n    reject_if:\n      any:\n        - state == 'TX'\n        - stat == 'CA'\n"
    with pytest.raises(
        ValueError, match=r'test.yaml:16: rule "r": reject_if: "stat == \'CA\'": there is no field "stat"'
    ):
        Program(rule)
