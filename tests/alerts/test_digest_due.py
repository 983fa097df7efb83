"""When the daily summary is due, in each time zone, whatever its clocks do."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from cast import program

from alerts.digest import as_of, told_at_first, zones_due

NEW_YORK, BERLIN, BEIRUT = "America/New_York", "Europe/Berlin", "Asia/Beirut"
EIGHT = time(8)


def of(*zones):
    return [program(f"timezone: {zone}\nfields:\n  email: {{}}\n") for zone in zones]


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def due(zone, when, clock, told):
    """Tell whether it is due in a zone at a moment by UTC."""
    return bool(zones_due(of(zone), clock, at(when), {zone: told}))


def test_it_is_due_from_its_time_on_by_the_clock_of_the_zone():
    assert not due(NEW_YORK, "2026-03-02T12:59:59", EIGHT, "2026-03-01")
    assert due(NEW_YORK, "2026-03-02T13:00:00", EIGHT, "2026-03-01")


def test_it_is_told_once_a_day():
    assert not due(NEW_YORK, "2026-03-02T20:00:00", EIGHT, "2026-03-02")
    assert due(NEW_YORK, "2026-03-03T13:00:00", EIGHT, "2026-03-02")


def test_after_an_outage_it_is_told_late_on_the_same_day_and_once_for_several():
    assert due(NEW_YORK, "2026-03-05T23:00:00", EIGHT, "2026-03-01")
    assert not due(NEW_YORK, "2026-03-06T06:00:00", EIGHT, "2026-03-05")


def test_one_that_an_outage_took_over_midnight_is_told_within_six_hours_as_of_its_own_day():
    evening, berlin = time(23, 30), ZoneInfo(BERLIN)  # which is at 22:30 UTC
    for when in ("2026-03-02T23:10:00", "2026-03-03T04:29:00"):
        assert as_of(berlin, evening, at(when), "2026-03-01") == at("2026-03-02T22:59:59.999")
    assert not due(BERLIN, "2026-03-03T04:30:00", evening, "2026-03-01")
    assert not due(BERLIN, "2026-03-02T23:10:00", evening, "2026-03-02")
    assert due(BERLIN, "2026-03-03T22:30:00", evening, "2026-03-02")


def test_each_zone_has_its_programs():
    programs = of(NEW_YORK, BERLIN, NEW_YORK)
    found = zones_due(programs, EIGHT, at("2026-03-02T13:30:00"), {NEW_YORK: "2026-03-01", BERLIN: "2026-03-02"})
    assert found == {NEW_YORK: [programs[0], programs[2]]}


def test_without_any_program_the_zone_is_utc():
    assert zones_due([], EIGHT, at("2026-03-02T08:00:00"), {"UTC": "2026-03-01"}) == {"UTC": []}
    assert zones_due([], EIGHT, at("2026-03-02T07:59:00"), {"UTC": "2026-03-01"}) == {}


def test_a_zone_that_is_new_is_due_today_if_the_time_is_to_come_and_else_tomorrow():
    assert zones_due(of(BERLIN), EIGHT, at("2026-03-02T09:00:00"), {}) == {}
    assert told_at_first(ZoneInfo(BERLIN), EIGHT, at("2026-03-02T06:59:00")) == "2026-03-01"
    assert told_at_first(ZoneInfo(BERLIN), EIGHT, at("2026-03-02T07:00:00")) == "2026-03-02"


@pytest.mark.parametrize("told", ["2026-03-03", "2026-03-02"])
def test_a_clock_that_was_ahead_for_a_while_has_none_told_twice(told):
    assert not due(BERLIN, "2026-03-02T09:00:00", EIGHT, told)


def test_a_clock_that_was_far_ahead_silences_nothing():
    assert due(BERLIN, "2026-03-02T09:00:00", EIGHT, "2027-01-01")


def test_a_time_that_spring_leaves_out_is_an_hour_on():
    half_past_two = time(2, 30)  # on 8 March 2026 New York goes from 2:00 to 3:00, at 7:00 UTC
    assert not due(NEW_YORK, "2026-03-08T07:29:00", half_past_two, "2026-03-07")
    assert due(NEW_YORK, "2026-03-08T07:30:00", half_past_two, "2026-03-07")


def test_a_midnight_that_is_left_out_is_told_on_its_day():
    midnight = time(0)  # on 29 March 2026 Beirut goes from 0:00 to 1:00, at 22:00 UTC
    assert not due(BEIRUT, "2026-03-28T21:59:00", midnight, "2026-03-28")
    assert due(BEIRUT, "2026-03-28T22:00:00", midnight, "2026-03-28")


def test_a_time_that_autumn_has_twice_is_told_at_its_first():
    half_past_one = time(1, 30)  # on 1 November 2026 New York has it at 5:30 and at 6:30 UTC
    assert not due(NEW_YORK, "2026-11-01T05:29:00", half_past_one, "2026-10-31")
    assert due(NEW_YORK, "2026-11-01T05:30:00", half_past_one, "2026-10-31")
    assert not due(NEW_YORK, "2026-11-01T06:30:00", half_past_one, "2026-11-01")


@pytest.mark.parametrize("zone", [NEW_YORK, BERLIN, BEIRUT, "Australia/Lord_Howe", "Pacific/Apia", "UTC"])
@pytest.mark.parametrize("clock", [time(0), time(2, 30), time(8), time(23, 59)])
def test_with_looks_every_five_minutes_through_a_spring_each_day_is_told_once(zone, clock):
    programs, now = of(zone), at("2026-02-20T00:00:00")
    known = told_at_first(ZoneInfo(zone), clock, now)
    days = []
    while now < at("2026-04-20T00:00:00"):
        if zones_due(programs, clock, now, {zone: known}):
            known = f"{now.astimezone(ZoneInfo(zone)).date()}"
            days.append(known)
        now += timedelta(minutes=5)
    first = datetime.fromisoformat(days[0])
    assert days == [f"{(first + timedelta(days=number)).date()}" for number in range(len(days))]
    assert len(days) in (58, 59, 60)
