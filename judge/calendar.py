"""When a program takes leads: the days of its campaign, and its hours."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache

from judge.verdict import ENDED, NOT_STARTED

DATES = "program.dates"  # as the trace names the check of the days: no field and no rule can be called so


def refused_on(spec, day):
    """Return the reason why a lead of this day is refused: it is before the campaign, or after it; or None."""
    if spec.starts and day < spec.starts:
        return NOT_STARTED
    return ENDED if spec.ends and day > spec.ends else None


def closed_days(rules):
    """Return the days on which one of these rules takes no leads."""
    return frozenset(day for rule in rules for day in rule.closed or ())


def takes_nothing_on(spec, day):
    """Tell whether whatever comes on this day is refused."""
    return bool(refused_on(spec, day)) or day in closed_days(
        rule for rule in spec.rules if rule.mode == "enforce" and not rule.when
    )


def is_never_open(spec, today):
    """Tell whether hours and closed days leave no moment of the campaign, from its first day or today, for any lead."""
    rules = [rule for rule in spec.rules if rule.mode == "enforce" and not rule.when]
    opening, closed = [rule.open for rule in rules if rule.open], closed_days(rules)
    if not opening and not closed:
        return False
    day = spec.starts or (min(today, spec.ends) if spec.ends else today)
    last = min(spec.ends or date.max, day + timedelta(days=min(7 * (len(closed) + 1), (date.max - day).days)))
    weekdays = {day for day in range(7) if _is_open_on(day, opening)}
    while day <= last:
        if day.weekday() in weekdays and day not in closed:
            return False
        day += timedelta(days=1)
    return True


def _is_open_on(weekday, opening):
    """Tell whether all these hours hold at some minute of a day of the week: where they do, it begins as one opens."""
    monday = datetime(2024, 1, 1)  # of no time zone
    minutes = {0} | {hours.opens for times in opening for hours in times}
    moments = (monday + timedelta(days=weekday, minutes=minute) for minute in sorted(minutes))
    return any(all(any(hours.hold(moment) for hours in times) for times in opening) for moment in moments)


def open_moment(spec, now):
    """Return the first moment from now at which leads are taken: an example without a time is of no hour.

    Otherwise a file that is right on Monday would be wrong when the service starts on a Sunday. Where no more are taken
    from now on, it is a moment of the campaign that was.
    """
    rules = [rule for rule in spec.rules if rule.mode == "enforce"]
    opening = tuple(tuple(rule.open) for rule in rules if rule.open)
    closed = closed_days(rules)
    begins = spec.starts or (spec.ends and spec.ends - timedelta(weeks=1 + len(closed), days=-1))
    firsts = [now] if not refused_on(spec, now.date()) else []
    firsts += [datetime.combine(begins, time(), now.tzinfo)] if begins else []
    found = (_opening(opening, closed, spec.ends, first) for first in firsts)
    return next(filter(None, found), firsts[0])


@lru_cache(maxsize=8)
def _opening(opening, closed, ends, now):
    """Return the first moment from now that is open and not of a closed day, by the hours of one week; or None."""
    first_of_days = {}
    for quarter in range(7 * 24 * 4):
        moment = now + timedelta(minutes=15 * quarter)
        if moment.date() not in first_of_days and all(any(hours.hold(moment) for hours in times) for times in opening):
            first_of_days[moment.date()] = moment
            if moment.date() not in closed:  # most often the first one is it
                break
    for week in range(len(closed) + 1):
        for moment in first_of_days.values():
            found = moment + timedelta(weeks=week)
            if found.date() not in closed:
                return found if not ends or found.date() <= ends else None
    return None
