"""Days and moments: what the parts of a format take, and which formats can be read at all."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from cast import errors, program
from hypothesis import given
from hypothesis import strategies as st

from judge import moments
from judge.judgement import judge
from judge.values import Ambiguous, Refused, Unusable

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def day(text, *formats, now=NOW):
    return moments.day(SimpleNamespace(formats=formats or None), NEW_YORK)(text, now)


def moment(text, *formats):
    return moments.moment(SimpleNamespace(formats=formats or None), NEW_YORK)(text, NOW)


# --- Parts ---


@pytest.mark.parametrize(
    ("written", "year"), [("26", 2026), ("27", 1927), ("25", 2025), ("00", 2000), ("80", 1980), ("99", 1999)]
)
def test_a_year_of_two_digits_is_the_latest_that_is_not_in_the_future(written, year):
    assert day(f"12/31/{written}", "MM/DD/YY") == date(year, 12, 31)


def test_a_year_of_two_digits_goes_by_the_time_at_which_the_lead_came():
    made = program("fields: {born: {type: date, formats: [MM/DD/YY]}}")
    for now, stored in [(2026, "1928-05-01"), (2028, "2028-05-01"), (2027, "1928-05-01")]:
        verdict = judge(made, {"born": ["05/01/28"]}, datetime(now, 6, 1, tzinfo=UTC))
        assert verdict.fields == {"born": stored}


def test_the_turn_of_the_year_is_that_of_the_program():
    made = program("timezone: America/New_York\nfields: {born: {type: date, formats: [MM/DD/YY]}}")
    verdict = judge(made, {"born": ["05/01/27"]}, datetime(2027, 1, 1, 3, 0, tzinfo=UTC))
    assert verdict.fields == {"born": "1927-05-01"}


@pytest.mark.parametrize("part", ["MMM", "MMMM"])
@pytest.mark.parametrize("name", ["Sep", "September", "SEPT", "sep"])
def test_a_month_may_be_short_or_long_and_in_any_case(part, name):
    assert day(f"7 {name} 2020", f"D {part} YYYY") == date(2020, 9, 7)


@pytest.mark.parametrize(
    ("text", "hour"),
    [("12:00 AM", 0), ("1:00 am", 1), ("11:00 AM", 11), ("12:00 pm", 12), ("01:00 PM", 13), ("11:00 pM", 23)],
)
def test_an_hour_of_twelve_is_before_or_after_noon(text, hour):
    assert moment(f"2020-01-02 {text}", "YYYY-MM-DD h:mm A").hour == hour


@pytest.mark.parametrize("text", ["0:30 AM", "13:30 PM", "3:30", "3:60 PM", "3:30 XM"])
def test_an_hour_that_no_clock_of_twelve_shows_is_invalid(text):
    with pytest.raises(Refused):
        moment(f"2020-01-02 {text}", "YYYY-MM-DD h:mm A")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("-86400", -86400), ("9999999999", 9999999999), ("10000000000", 10**7), ("-315619200000", -315619200),
     ("1764201600.25", 1764201600.25)],
)  # fmt: skip
def test_more_than_ten_digits_are_milliseconds(text, seconds):
    assert moment(text, "epoch") == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["17642016000000", "1e9", "", "-", "+5", "١٢٣٤", "2026-03-01"])
def test_what_is_no_unix_time_is_invalid(text):
    with pytest.raises(Refused):
        moment(text, "epoch")


def test_the_day_of_a_unix_time_is_that_of_the_program():
    assert day("1764201600", "epoch") == date(2025, 11, 26)
    assert moments.day(SimpleNamespace(formats=["epoch"]), UTC)("1764201600") == date(2025, 11, 27)


@pytest.mark.parametrize(("text", "offset"), [("Z", 0), (" UTC", 0), ("-08", -8), (" +0530", 5.5), ("+05:30", 5.5)])
def test_a_moment_keeps_its_offset_and_a_date_its_day(text, offset):
    assert moment(f"2026-11-27T23:30:00{text}").utcoffset() == timedelta(hours=offset)
    assert day(f"2026-11-27T23:30:00{text}") == date(2026, 11, 27)


def test_a_text_that_could_be_two_days_is_refused_and_the_note_says_so():
    with pytest.raises(Ambiguous):
        day("03/04/2024", "MM/DD/YYYY", "DD/MM/YYYY")
    made = program("fields: {born: {type: date, formats: [MM/DD/YYYY, DD/MM/YYYY]}}")
    verdict = judge(made, {"born": ["03/04/2024"]}, NOW)
    assert verdict.codes == ["born.invalid"]
    assert verdict.note == "The born could be more than one day (MM/DD/YYYY or DD/MM/YYYY)"


# --- Formats ---


@pytest.mark.parametrize(
    "text",
    ["YYYY", "MM/DD", "MM/DD/YYYY YY", "MM/MMM/YYYY", "DD/MM/YYYY A", "DAY/MM/YYYY", "iso", "Epoch", "D/M/Y", ""],
)
def test_a_format_that_has_not_each_part_once_is_refused(text):
    with pytest.raises(Unusable, match=r"is not a format that can be read: write it as MM/DD/YYYY, ISO or epoch"):
        day("", text)


@pytest.mark.parametrize("text", ["MM/DD/YYYY", "MM/DD/YYYY h:mm", "MM/DD/YYYY HH:mm A", "MM/DD/YYYY H:h:mm A"])
def test_a_format_of_a_moment_needs_its_hour_once(text):
    with pytest.raises(Unusable, match="is not a format that can be read"):
        moment("", text)


@pytest.mark.parametrize("text", ["MDYYYY", "YYYYMD", "DMYY"])
def test_a_format_whose_parts_cannot_be_told_apart_is_refused(text):
    with pytest.raises(Unusable, match="could be read in two ways"):
        day("", text)


@pytest.mark.parametrize(
    ("text", "written"),
    [("YYYYMMDD", "20240509"), ("DMMYYYY", "9052024"), ("DMMMYYYY", "9May2024"), ("MMMD,YY", "May9,24")],
)
def test_a_format_without_signs_is_read_where_its_parts_can_be_told_apart(text, written):
    assert day(written, text) == date(2024, 5, 9)


def test_rules_check_names_the_format_and_its_line():
    (error,) = errors("fields:\n  born:\n    type: date\n    formats: [MDYYYY]\n")
    assert error.startswith('rules/solar.yaml:4: field "born": formats: "MDYYYY" could be read in two ways')


# --- Whatever the day ---

WRITTEN = {
    "YYYY-MM-DD": "{0:%Y-%m-%d}", "MM/DD/YYYY": "{0:%m/%d/%Y}", "M/D/YYYY": "{0.month}/{0.day}/{0.year:04}",
    "D.M.YYYY": "{0.day}.{0.month}.{0.year:04}", "YYYYMMDD": "{0:%Y%m%d}", "MMMM D, YYYY": "{0:%B} {0.day}, {0:%Y}",
    "DD-MMM-YYYY": "{0:%d-%b-%Y}", "ISO": "{0:%Y-%m-%d}",
}  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN)
@given(value=st.dates(min_value=date(1000, 1, 1)))
def test_every_day_is_read_as_it_was_written(text, value):
    assert day(WRITTEN[text].format(value), text) == value


@given(st.dates(min_value=date(1927, 1, 1), max_value=date(2026, 12, 31)))
def test_every_day_of_the_last_hundred_years_is_read_by_two_digits_of_its_year(value):
    assert day(f"{value:%d-%b-%y}", "DD-MMM-YY") == value


@given(
    st.datetimes(min_value=datetime(1970, 5, 1), max_value=datetime(2286, 1, 1)).map(
        lambda at: at.replace(microsecond=0)
    )
)
def test_every_moment_is_read_by_its_seconds_and_milliseconds(at):
    seconds = int((at - datetime(1970, 1, 1)).total_seconds())
    assert moment(str(seconds), "epoch") == moment(f"{seconds * 1000}", "epoch") == at.replace(tzinfo=UTC)


@given(
    st.datetimes(min_value=datetime(1000, 1, 1)),
    st.sampled_from("Tt "),
    st.sampled_from(["Z", "z", "+00", "+0000", " UTC"]),
)
def test_every_moment_in_iso_is_read_however_it_is_drawn(at, between, offset):
    assert moment(f"{at:%Y-%m-%d}{between}{at:%H:%M:%S.%f}000{offset}") == at.replace(tzinfo=UTC)
