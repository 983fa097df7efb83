"""Bounds of dates and moments: `today`, days in ISO, and days to which moments are compared."""

from datetime import UTC, datetime, timedelta

import pytest
from cast import errors, program, warnings_of

from judge.judgement import judge, recognize

HEAD = "timezone: America/New_York\n"
TODAY = (
    f"{HEAD}fields:\n  born: {{type: date, max: today}}\n  move_in: {{type: date, formats: [M/D/YYYY], min: today}}\n"
)
NIGHT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)  # still March 1 in New York


def codes(made, now=NIGHT, **lead):
    return judge(made, {name: [text] for name, text in lead.items()}, now).codes


def test_today_is_the_day_of_the_lead_in_the_time_zone_of_the_program():
    made = program(TODAY)
    assert codes(made, born="2026-03-01", move_in="3/1/2026") == []
    assert codes(made, born="2026-03-02", move_in="2/28/2026") == ["born.too_large", "move_in.too_small"]
    assert codes(made, NIGHT + timedelta(days=1), born="2026-03-02", move_in="3/2/2026") == []


def test_its_note_says_that_a_day_is_before_or_after_today():
    verdict = judge(program(TODAY), {"born": ["2026-03-02"], "move_in": ["2/1/2026"]}, NIGHT)
    assert verdict.note == "The born is after today; The move in is before today"


def test_of_moments_today_is_the_whole_day():
    made = program(f"{HEAD}fields:\n  a: {{type: datetime, max: today}}\n  b: {{type: datetime, min: today}}\n")
    assert codes(made, a="2026-03-01T23:59:59.999999", b="2026-03-01T00:00:00") == []
    assert codes(made, a="2026-03-02T00:00:00", b="2026-02-28T23:59:59") == ["a.too_large", "b.too_small"]
    assert codes(made, a="2026-03-02T04:59:59Z", b="2026-03-01T05:00:00Z") == []
    assert codes(made, a="2026-03-02T05:00:00Z", b="2026-03-01T04:59:59Z") == ["a.too_large", "b.too_small"]


def test_a_year_of_two_digits_and_today_go_by_the_same_day():
    made = program("fields: {born: {type: date, formats: [MM/DD/YY], max: today}}")
    assert codes(made, datetime(2030, 6, 1, tzinfo=UTC), born="06/01/30") == []
    assert codes(made, datetime(2030, 6, 1, tzinfo=UTC), born="06/02/30") == ["born.too_large"]


def test_a_bad_day_may_be_recorded_and_a_stored_lead_goes_by_its_own_day():
    made = program("fields: {a: {type: date, min: today, on_invalid: warn}, b: {type: date, min: today}}")
    assert codes(made, a="2026-01-01") == []
    then = datetime(2020, 5, 1, tzinfo=UTC)
    assert recognize(made, {"b": ["2020-05-01"]}, then).values == {"b": then.date()}


def test_a_file_that_hangs_on_the_day_does_not_break_one_day():
    default, example = "{type: date, min: today, default: 2020-01-01}", "{type: date, max: today, example: 2999-01-01}"
    assert codes(program(f"fields: {{a: {default}, b: {example}}}")) == ["a.too_small"]
    (warning,) = warnings_of(program("fields: {a: {type: date, min: today, max: 2025-12-31}}"))
    assert "min: today is more than max: 2025-12-31, so no value passes" in warning


def test_rules_check_warns_of_an_example_that_one_day_says_something_else():
    example = "{name: n, lead: {born: 2020-01-01, Move-In: 1/1/2999}, expect: valid}"
    (warning,) = program(f"{TODAY}examples: [{example}]").warnings
    assert 'example "n": what becomes of born hangs on the day, and one day the file would not be read' in str(warning)
    timed = example.replace("lead:", "at: 2026-03-01 12:00, lead:")
    assert program(f"{TODAY}examples: [{timed}]").warnings == []


@pytest.mark.parametrize("bound", ["tomorrow", "Today", "now", "2026-02-30", "31/12/2026", "in 3 days"])
@pytest.mark.parametrize("kind", ["date", "datetime"])
@pytest.mark.parametrize("key", ["min", "max"])
def test_what_is_no_bound_says_what_is(bound, kind, key):
    (error,) = errors(f"fields: {{a: {{type: {kind}, {key}: {bound}}}}}")
    assert f'{key}: "{bound}" is not a value that this field can have: write a day as 2026-12-31, or today' in error


@pytest.mark.parametrize("bound", ["2030-01-02", "1/2/2030", "January 2, 2030"])
def test_a_bound_is_written_in_any_of_the_formats_or_in_iso(bound):
    made = program(f"fields: {{a: {{type: date, formats: [M/D/YYYY, 'MMMM D, YYYY'], max: '{bound}'}}}}")
    assert codes(made, a="1/2/2030") == []
    assert codes(made, a="1/3/2030") == ["a.too_large"]


def test_a_bound_of_moments_may_be_a_moment_or_a_whole_day():
    formats = "formats: ['M/D/YYYY h:mm A', ISO]"
    made = program(
        f"{HEAD}fields:\n  a: {{type: datetime, {formats}, min: 2030-01-02, max: 2030-01-02}}\n"
        f"  b: {{type: datetime, {formats}, max: '2030-01-02T12:00:00-05:00', min: '1/2/2030 9:00 AM'}}\n"
    )
    assert codes(made, a="1/2/2030 12:00 AM", b="1/2/2030 12:00 PM") == []
    assert codes(made, a="2030-01-02T23:59:59.999", b="1/2/2030 9:00 AM") == []
    assert codes(made, a="2030-01-03T00:00:00", b="1/2/2030 12:01 PM") == ["a.too_large", "b.too_large"]
    assert codes(made, a="2030-01-01T23:59:59", b="1/2/2030 8:59 AM") == ["a.too_small", "b.too_small"]


def test_a_bound_that_two_formats_read_as_two_days_is_refused():
    (error,) = errors("fields: {a: {type: date, formats: [MM/DD/YYYY, DD/MM/YYYY], max: 03/04/2030}}")
    assert 'max: "03/04/2030" could be two days: write it as 2026-12-31' in error


# --- Moments and days in conditions ---


@pytest.mark.parametrize("day", ["'2026-01-01'", "date('2026-01-01')", "born"])
@pytest.mark.parametrize(
    ("sign", "held"),
    [("<", [1, 0, 0, 0]), ("<=", [1, 1, 1, 0]), ("==", [0, 1, 1, 0]), ("!=", [1, 0, 0, 1]), (">=", [0, 1, 1, 1]),
     (">", [0, 0, 0, 1])],
)  # fmt: skip
def test_a_moment_is_compared_with_a_day_as_the_day_that_it_is_on(day, sign, held):
    moments = ["2025-12-31T23:59:59", "2026-01-01T05:00:00Z", "2026-01-01T23:59:59", "2026-01-02T00:00:00"]
    for condition in (f"seen_at {sign} {day}", f"{day} {_turned(sign)} seen_at"):
        made = program(
            f"{HEAD}fields: {{seen_at: {{type: datetime}}, born: {{type: date}}}}\n"
            f'rules: [{{id: r, note: n, reject_if: "{condition}"}}]'
        )
        found = [codes(made, seen_at=moment, born="2026-01-01") == ["r"] for moment in moments]
        assert found == list(map(bool, held)), condition


def _turned(sign):
    return sign.translate(str.maketrans("<>", "><"))


def test_a_moment_is_looked_for_among_days():
    made = program(
        f"{HEAD}fields: {{seen_at: {{type: datetime}}}}\n"
        "rules: [{id: r, note: n, reject_if: \"seen_at in ['2026-01-01', date('2026-01-03')]\"}]"
    )
    assert codes(made, seen_at="2026-01-02T04:59:59Z") == codes(made, seen_at="2026-01-03T00:00:00") == ["r"]
    assert codes(made, seen_at="2026-01-02T05:00:00Z") == []


# --- Formats, told together and apart ---


@pytest.mark.parametrize("text", ["YYYYMMDD", "MMDDYY", "DMMYYYY", "YYYYMMDDHHmm", "YYYYMMDHHmmss", "YYYYMM.DD"])
def test_a_format_that_unix_time_could_be_too_is_refused_beside_epoch(text):
    kind = "datetime" if "H" in text else "date"
    (error,) = errors(f"fields: {{a: {{type: {kind}, formats: [epoch, {text}]}}}}")
    assert f'formats: "{text}" beside epoch could be read in two ways' in error
    assert "is Unix time, too. Keep one of the two" in error


def test_other_formats_stand_beside_epoch():
    made = program("fields: {a: {type: date, formats: [epoch, YYYY-MM-DD, MMMDDYYYY, ISO]}}")
    assert codes(made, a="1764201600") == codes(made, a="Nov272025") == codes(made, a="2025-11-27") == []


def test_all_that_is_wrong_in_a_list_is_told_each_with_its_line():
    found = errors("""
fields:
  a:
    type: date
    formats:
      - MDYYYY
      - ISO
      - foo
      - epoch
      - YYYYMMDD
  b: {type: phone, kinds: [cell, mobile, fixed], countries: [USA, US, XX]}
  c: {type: email, one_of: [ann, ann@example.com, bob]}
  d: {type: boolean, yes: [n, x, off]}
""")
    told = [(line.split(":")[1], line.split(": ", 3)[3].split('"')[1]) for line in found]
    assert sorted(told) == sorted([
        ("6", "MDYYYY"), ("8", "foo"), ("10", "YYYYMMDD"), ("11", "cell"), ("11", "fixed"), ("11", "USA"), ("11", "XX"),
        ("12", "ann"), ("12", "bob"), ("13", "n"), ("13", "off"),
    ])  # fmt: skip
