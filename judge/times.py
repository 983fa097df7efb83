"""Times as rule files write them: lengths of time, time zones, hours of opening, days and moments.

Each function reads a text, or raises ValueError with the end of a sentence about it.
"""

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from judge.meant import zone_meant

_UNITS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}


def duration(text):
    match = re.fullmatch(r"([0-9]{1,5}) ?(minute|hour|day|week)s?", str(text).strip())
    if not match or not int(match[1]):
        raise ValueError(
            f"is not a length of time: write it as {_likely_duration(text)} (minutes, hours, days or weeks)"
        )
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _likely_duration(text):
    found = re.fullmatch(r"([0-9]{1,3}) ?([a-z]{0,7})", str(text).strip().lower())
    factor, unit = _OTHER_UNITS.get(found[2], (0, "")) if found else (0, "")
    return f'"{int(found[1]) * factor} {unit}"' if factor and int(found[1]) else '"90 days"'


_OTHER_UNITS = {"": (1, "days"), "d": (1, "days"), "day": (1, "days"), "days": (1, "days"), "w": (1, "weeks")}
_OTHER_UNITS |= {"month": (30, "days"), "months": (30, "days"), "year": (365, "days"), "years": (365, "days")}
_OTHER_UNITS |= {"h": (1, "hours"), "hr": (1, "hours"), "hrs": (1, "hours"), "min": (1, "minutes")}


def timezone(text):
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError, TypeError):
        meant = zone_meant(text)
        raise ValueError(
            f'is not a time zone. Did you mean "{meant}"?'
            if meant
            else "is not a time zone: write one such as America/New_York or UTC"
        ) from None


def hours(text):
    if not isinstance(text, str) or not (match := _HOURS.fullmatch(text.strip())):
        raise ValueError(f'is no time of opening: write it as "{_likely_hours(text) or "Mon-Fri 08:00-20:00"}"')
    first, last = match["first"] or "Mon", match["last"] or match["first"] or "Sun"
    start, end = DAYS.index(first), DAYS.index(last)
    days = [(start + step) % 7 for step in range((end - start) % 7 + 1)]
    opens, closes = _minutes(match["opens"]), _minutes(match["closes"])
    if opens == closes:
        raise ValueError("opens and closes at once: write 00:00-24:00 for a whole day")
    return Hours(tuple(days), opens, closes)


def _likely_hours(text):
    """Return hours that are written otherwise, such as Monday to Friday 9am-5pm, as rule files want them, or None."""
    if not isinstance(text, str) or len(text) > 60:
        return None
    text = re.sub(r" ?(?:[–—-]|\bto\b) ?", "-", re.sub(r"[,:] (?=[0-9])", " ", text))
    text = re.sub("(?i)\\b(mon|tue|wed|thu|fri|sat|sun)[a-z]*", lambda day: day[1].title(), text)
    text = re.sub(r"(?i)\b([0-9]{1,2})(?:[:.]([0-9]{2}))? ?([ap]m)?\b", _clock, text)
    return text if _HOURS.fullmatch(text) else None


def _clock(found):
    hour, half = int(found[1]), (found[3] or "").lower()
    return f"{hour % 12 + 12 * (half == 'pm') if half else hour:02}:{found[2] or '00'}"


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
        found = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/(2[0-9]{3})", str(text))
        clear = found and int(found[1]) <= 12 < int(found[2]) <= 31  # 1/5/2026 may be of January or of May
        likely = f"{found[3]}-{int(found[1]):02}-{int(found[2]):02}" if clear else "2026-12-31"
        raise ValueError(f"is not a day: write it as {likely}") from None
