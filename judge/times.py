"""Times as rule files write them: lengths of time, time zones, hours of opening, days and moments.

Each function reads a text, or raises ValueError with the end of a sentence about it.
"""

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_UNITS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}


def duration(text):
    match = re.fullmatch(r"([0-9]{1,5}) ?(minute|hour|day|week)s?", str(text).strip())
    if not match or not int(match[1]):
        raise ValueError('is not a length of time: write it as "90 days" (minutes, hours, days or weeks)')
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def timezone(text):
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError, TypeError):
        raise ValueError("is not a time zone: write one such as America/New_York or UTC") from None


def hours(text):
    if not isinstance(text, str) or not (match := _HOURS.fullmatch(text.strip())):
        raise ValueError('is no time of opening: write it as "Mon-Fri 08:00-20:00"')
    first, last = match["first"] or "Mon", match["last"] or match["first"] or "Sun"
    start, end = DAYS.index(first), DAYS.index(last)
    days = [(start + step) % 7 for step in range((end - start) % 7 + 1)]
    opens, closes = _minutes(match["opens"]), _minutes(match["closes"])
    if opens == closes:
        raise ValueError("opens and closes at once: write 00:00-24:00 for a whole day")
    return Hours(tuple(days), opens, closes)


def _minutes(text):
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_DAY = "|".join(DAYS)
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_HOURS = re.compile(f"(?:(?P<first>{_DAY})(?:-(?P<last>{_DAY}))? +)?(?P<opens>{_CLOCK}) ?- ?(?P<closes>{_CLOCK}|24:00)")


class Hours(NamedTuple):
    """When a program takes leads: days (0 is Monday), and minutes of the day from `opens` to `closes`.

    One that closes before it opens goes on after midnight.
    """

    days: tuple
    opens: int
    closes: int

    def hold(self, now):
        """Tell whether they hold at `now`, by the clock on the wall."""
        minute = now.hour * 60 + now.minute
        if self.opens < self.closes:
            return now.weekday() in self.days and self.opens <= minute < self.closes
        if minute >= self.opens:
            return now.weekday() in self.days
        return minute < self.closes and (now.weekday() - 1) % 7 in self.days


def moment(text):
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise ValueError("is not a moment: write it as 2026-03-01 12:00") from None


def day(text):
    """Read a day of a campaign; one of another millennium is a slip of the pen."""
    try:
        if not re.fullmatch("2[0-9]{3}-[0-9]{2}-[0-9]{2}", str(text)):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day: write it as 2026-12-31") from None
