"""The days of a campaign: when it starts and ends, on which days it is closed, and when its examples run."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from cast import errors, program, warnings_of
from posting import FIELDS, Program

from judge.calendar import open_moment
from judge.compiler import compile_program

DATES = "timezone: America/New_York\nstarts: 2026-12-01\nends: 2026-12-31\n"


def at(*moment):
    return datetime(*moment, tzinfo=UTC)


# --- starts, ends ---


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (at(2026, 12, 1, 4, 59), ["program.not_started"]),
        (at(2026, 12, 1, 5, 0), []),
        (at(2027, 1, 1, 4, 59), []),
        (at(2027, 1, 1, 5, 0), ["program.ended"]),
    ],
)
def test_a_campaign_takes_leads_from_its_first_day_to_its_last_in_its_time_zone(moment, expected):
    assert Program("  []", head=DATES).post(at=moment) == expected


def test_a_first_or_a_last_day_may_stand_alone():
    starts, ends = Program("  []", head="starts: 2026-12-01\n"), Program("  []", head="ends: 2026-12-31\n")
    assert starts.post(at=at(2030, 1, 1)) == ends.post(at=at(2020, 1, 1)) == []
    assert starts.post(at=at(2026, 11, 30)) == ["program.not_started"]
    assert ends.post(at=at(2027, 1, 1)) == ["program.ended"]


def test_a_lead_out_of_season_is_told_what_else_the_rules_refuse():
    made = Program("  - {id: r, reject_if: state == 'TX'}", head=DATES)
    assert made.post(at=at(2027, 2, 1), state="TX") == ["program.ended", "r"]
    assert made.verdict.note == "This campaign has ended; This lead is not accepted (r)"
    assert made.post(at=at(2026, 2, 1)) == ["program.not_started"]
    assert made.verdict.note == "This campaign has not started yet"


def test_of_a_lead_with_wrong_fields_these_alone_are_told():
    assert Program("  []", head=DATES).post(at=at(2027, 2, 1), email="ann") == ["email.invalid"]


def test_a_lead_out_of_season_uses_up_nothing_and_a_test_is_refused_too():
    made = Program("  - {id: r, limit: 1, per: total}", head=DATES)
    assert made.post(at=at(2026, 11, 1)) == made.post(at=at(2026, 11, 1), is_test="yes") == ["program.not_started"]
    assert made.post(at=at(2026, 12, 2)) == []


def test_the_trace_tells_that_the_day_is_right():
    made = Program("  []", head=DATES)
    made.post(at=at(2026, 12, 2))
    assert made.trace("program.dates") == ["passed"]
    made.post(at=at(2027, 12, 2))
    assert made.trace("program.dates") == ["refused: program.ended"]
    without = Program("  []")
    without.post()
    assert without.trace("program.dates") == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("starts: 2026-13-01", '"2026-13-01" is not a day: write it as 2026-12-31'),
        ("ends: 12/31/2026", '"12/31/2026" is not a day: write it as 2026-12-31'),
        ("ends: 0226-12-31", '"0226-12-31" is not a day: write it as 2026-12-31'),
        ("starts: [2026-12-01]", "is not a day: write it as 2026-12-31"),
        (
            "starts: 2026-12-02\nends: 2026-12-01",
            "ends: 2026-12-01 is before starts: 2026-12-02",
        ),
        ("start: 2026-12-01", '"start" is not a known key. Did you mean "starts"?'),
    ],
)
def test_days_that_cannot_be_meant_are_errors(line, sentence):
    (error,) = errors(f"{line}\nfields: {{a: {{}}}}")
    assert sentence in error


def test_a_campaign_that_is_over_is_a_warning():
    made = program("fields: {a: {}}\nends: 2026-02-28")
    assert warnings_of(made) == [
        "rules/solar.yaml:2: warning: ends: 2026-02-28 is over: every lead is refused (program.ended)"
    ]
    assert warnings_of(program("fields: {a: {}}\nends: 2026-03-01")) == []


# --- closed ---


@pytest.mark.parametrize("rule", ["closed: 2026-12-25", "closed: [2026-12-25, 2027-01-01]"])
def test_closed_refuses_whatever_comes_on_these_days(rule):
    made = Program(f"  - {{id: r, {rule}}}", head="timezone: America/New_York\n")
    assert made.post(at=at(2026, 12, 25, 4, 59)) == made.post(at=at(2026, 12, 26, 5, 0)) == []
    assert made.post(at=at(2026, 12, 25, 5, 0)) == made.post(at=at(2026, 12, 26, 4, 59)) == ["r"]
    assert made.verdict.note == "No leads are taken on this day"


def test_closed_beside_open_says_whether_it_is_the_hour_or_the_day():
    made = Program("  - {id: r, open: [Mon-Fri 08:00-20:00], closed: [2026-12-25]}")
    assert made.post(at=at(2026, 12, 24, 12)) == []
    assert made.post(at=at(2026, 12, 24, 7)) == ["r"]
    assert made.verdict.note == "No leads are taken at this hour"
    assert made.post(at=at(2026, 12, 25, 12)) == ["r"]
    assert made.verdict.note == "No leads are taken on this day"


def test_a_closed_day_has_the_note_of_its_rule():
    made = Program("  - {id: r, open: 00:00-24:00, closed: [2026-12-25], note: Merry Christmas}")
    assert (made.post(at=at(2026, 12, 25)), made.verdict.note) == (["r"], "Merry Christmas")


def test_hours_after_midnight_belong_to_the_day_that_is_closed():
    made = Program("  - {id: r, open: [Thu 22:00-02:00], closed: [2026-12-25]}")
    assert made.post(at=at(2026, 12, 24, 23)) == []
    assert made.post(at=at(2026, 12, 25, 1)) == ["r"]


def test_closed_may_hold_for_some_leads_and_may_only_observe():
    some = Program("  - {id: r, when: state == 'TX', closed: 2026-12-25}")
    assert some.post(at=at(2026, 12, 25), state="TX") == ["r"]
    assert some.post(at=at(2026, 12, 25), state="CA") == []
    watched = Program("  - {id: r, mode: observe, closed: 2026-12-25}")
    assert watched.post(at=at(2026, 12, 25)) == []
    assert watched.trace("r") == ["observed: it would be refused"]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("closed: [Sunday]", '"Sunday" is not a day: write it as 2026-12-31'),
        ("closed: []", '"closed:" is empty'),
        ("closed: 2026-12-25, limit: 5, per: day", "a rule needs one of .*; it has closed and limit"),
    ],
)
def test_closed_days_that_cannot_be_used_are_errors(rule, sentence):
    with pytest.raises(ValueError, match=sentence):
        Program(f"  - {{id: r, {rule}}}")


# --- The moment of an example ---


def moment(head, now, rules="  []"):
    made = compile_program("test", "rules/test.yaml", head + FIELDS + rules, "hash", now)
    return open_moment(made.spec, now.astimezone(made.spec.timezone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at(2026, 11, 3, 17), at(2026, 12, 1, 5)),
        (at(2026, 12, 15, 17), at(2026, 12, 15, 17)),
        (at(2027, 6, 1, 17), at(2026, 12, 1, 5)),
    ],
)
def test_an_example_without_a_time_runs_within_the_campaign(now, expected):
    assert moment(DATES, now) == expected


def test_an_example_of_a_campaign_that_only_ends_runs_in_its_last_week():
    assert moment("ends: 2026-12-31\n", at(2027, 6, 1, 17)) == at(2026, 12, 25)


@pytest.mark.parametrize(
    ("now", "rules", "expected"),
    [
        (at(2026, 12, 24, 17), "  - {id: r, closed: [2026-12-24, 2026-12-25]}", at(2026, 12, 26)),
        (at(2026, 12, 24, 17), "  - {id: r, open: Fri 08:00-09:00, closed: 2026-12-25}", at(2027, 1, 1, 8)),
        (at(2026, 12, 7, 9), "  - {id: r, open: Mon 08:00-09:00, closed: [2026-12-14]}", at(2026, 12, 21, 8)),
        (at(2026, 12, 24, 17), "  - {id: r, mode: observe, closed: 2026-12-24}", at(2026, 12, 24, 17)),
    ],
)  # fmt: skip
def test_an_example_without_a_time_runs_on_a_day_that_is_not_closed(now, rules, expected):
    assert moment("", now, rules) == expected


def test_an_example_passes_on_whatever_day_the_file_is_read():
    text = "starts: 2026-12-01\nends: 2026-12-20\nfields: {a: {}}\n"
    text += "rules: [{id: o, open: Tue 08:00-09:00, closed: [2026-12-08, 2026-12-15]}]\n"
    text += "examples: [{name: n, lead: {a: x}, expect: valid}]"
    for days in range(0, 60, 3):
        compile_program("solar", "rules/solar.yaml", text, "hash", at(2026, 11, 20) + timedelta(days=days))


def test_a_campaign_without_an_open_day_is_judged_as_it_is():
    head = "starts: 2026-12-24\nends: 2026-12-25\n"
    assert moment(head, at(2026, 12, 1), "  - {id: r, closed: [2026-12-24, 2026-12-25]}") == at(2026, 12, 24)


def test_examples_may_expect_the_reasons_of_the_days_where_there_are_any():
    example = "examples: [{name: n, at: 2027-01-02 12:00, lead: {a: x}, expect: [program.ended]}]"
    program(f"ends: 2027-01-01\nfields: {{a: {{}}}}\n{example}")
    (error,) = errors(f"fields: {{a: {{}}}}\n{example}")
    assert 'there is no reason "program.ended"' in error


def test_to_look_for_an_open_day_among_thousands_of_closed_ones_costs_little():
    first = at(2026, 12, 1).date()
    days = ", ".join(str(first + timedelta(days=number)) for number in range(3000))
    assert moment("", at(2026, 12, 1), f"  - {{id: r, closed: [{days}]}}") == at(2026, 12, 1) + timedelta(days=3000)


WEEKENDS = "starts: 2026-03-07\nends: 2026-03-08\n"  # a Saturday and a Sunday


@pytest.mark.parametrize(
    ("head", "rules"),
    [
        (WEEKENDS, "{open: [Mon-Fri 08:00-20:00]}"),
        (WEEKENDS, "{closed: [2026-03-07, 2026-03-08]}"),
        (WEEKENDS, "{open: [Sat 10:00-12:00], closed: [2026-03-07]}"),
        (WEEKENDS, "{open: [10:00-12:00]} {open: [12:00-14:00]}"),
        ("", "{open: [Mon 10:00-12:00]} {open: [Tue 10:00-12:00]}"),
        ("starts: 2026-12-24\nends: 2026-12-25\n", "{closed: 2026-12-24} {closed: 2026-12-25}"),
    ],
)
def test_a_campaign_in_which_no_lead_can_be_valid_is_a_warning(head, rules):
    assert "in which a lead can be valid" in told_of(head, rules)


@pytest.mark.parametrize(
    ("head", "rules"),
    [
        (WEEKENDS, "{open: [Sun 23:59-24:00]}"),
        (WEEKENDS, "{open: [Fri 22:00-00:05]}"),
        (WEEKENDS, "{open: [10:00-12:05]} {open: [12:01-14:00]}"),
        (WEEKENDS, "{closed: [2026-03-07]}"),
        (WEEKENDS, "{closed: [2026-03-07, 2026-03-08], mode: observe}"),
        (WEEKENDS, "{closed: [2026-03-07, 2026-03-08], when: a == 'x'}"),
        ("ends: 2026-03-02\n", "{closed: 2026-03-01}"),
    ],
)
def test_one_moment_is_enough(head, rules):
    assert "can be valid" not in told_of(head, rules)


def told_of(head, rules):
    lines = [f"  - {{id: r{n}, note: N{n}, {rule[1:]}" for n, rule in enumerate(re.findall(r"\{[^}]*\}", rules))]
    return "\n".join(map(str, program(f"{head}fields: {{a: {{}}}}\nrules:\n" + "\n".join(lines)).warnings))
