"""The periods that figures are about: whole days of a program's time zone, up to now where the last one is today.

Each is compared with as many days right before it, which end at the same time of day: so a morning is never held
against a whole day, nor a month of 31 days against one of 28.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)
LONGEST = 731  # days: two years, of which a chart can still show each


class PeriodError(ValueError):
    """Two texts are no period; the sentence says what to write."""


@dataclass(frozen=True)
class Period:
    """A number of days until today, a word of NAMES, or the days from `since` to `until`."""

    word: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def last(cls, days):
        return cls(str(days))

    def span(self, today):
        """Return the first and the last day, where it is `today` now: none of them is still to come."""
        if self.since:
            return min(self.since, today), min(self.until, today)
        if self.word in _SPANS:
            return _SPANS[self.word](today)
        return today - (int(self.word) - 1) * DAY, today

    @property
    def name(self):
        if self.since:
            return f"{told(self.since)} to {told(self.until)}" if self.since < self.until else told(self.since)
        return NAMES.get(self.word) or f"The last {self.word} days"


def _month_before(today):
    last = today.replace(day=1) - DAY
    return last.replace(day=1), last


_SPANS = {
    "yesterday": lambda today: (today - DAY, today - DAY),
    "month": lambda today: (today.replace(day=1), today),
    "last-month": _month_before,
}
NAMES = {"1": "Today", "yesterday": "Yesterday", "month": "This month", "last-month": "Last month"}


def before(first, last):
    """Return the first and the last of as many days right before these."""
    return first - (last - first + DAY), first - DAY


def told(day):
    return f"{day.day} {day:%b %Y}"


def between(since, until):
    """Return the Period of two days, each as a text such as 2026-11-01. Raises PeriodError."""
    first, last = _day("from", since), _day("to", until)
    if first > last:
        raise PeriodError(f"from is {told(first)} and to is {told(last)}: write the earlier day first")
    if (last - first).days >= LONGEST:
        raise PeriodError(f"from {told(first)} to {told(last)} is more than two years: choose days that are closer")
    return Period("", first, last)


def _day(name, text):
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            found = date.fromisoformat(text)
            if found.year > 1970:  # and the days before it can be told too
                return found
    except ValueError:
        pass
    raise PeriodError(f"{name} takes a day such as 2026-11-01")
