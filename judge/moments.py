"""Texts to days and moments, in the formats that rule files name. Never by guessing.

Each type is a function that takes the field's specification and the program's time zone when the rule file is
loaded, and returns the function from text to value. Where that depends on the day (YY), it takes the moment too, and
says so: `parse.timed`.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from judge.values import Ambiguous, Refused, Unusable, each

# The parts of a format: what each is, its digits, and how it is written.
_PARTS = {
    "YYYY": ("year", "[0-9]{4}", "{0.year:04}"),
    "YY": ("year_of_century", "[0-9]{2}", "{0:%y}"),
    "MMMM": ("name_of_month", "[A-Za-z]{3,9}", "{month}"),
    "MMM": ("name_of_month", "[A-Za-z]{3,9}", "{month:.3}"),
    "MM": ("month", "[0-9]{2}", "{0.month:02}"),
    "M": ("month", "[0-9]{1,2}", "{0.month}"),
    "DD": ("day", "[0-9]{2}", "{0.day:02}"),
    "D": ("day", "[0-9]{1,2}", "{0.day}"),
    "HH": ("hour", "[0-9]{2}", "{0.hour:02}"),
    "H": ("hour", "[0-9]{1,2}", "{0.hour}"),
    "hh": ("hour_of_half", "[0-9]{2}", "{half:02}"),
    "h": ("hour_of_half", "[0-9]{1,2}", "{half}"),
    "mm": ("minute", "[0-9]{2}", "{0.minute:02}"),
    "ss": ("second", "[0-9]{2}", "{0.second:02}"),
    "A": ("half", "[AaPp][Mm]", "{noon}"),
}
_IS_A = {"year_of_century": "year", "name_of_month": "month", "hour_of_half": "hour"}
_DAY = {"year", "month", "day"}
_MOMENTS = [_DAY | {"hour", "minute"}, _DAY | {"hour", "minute", "second"}]
_NAMES = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
_MONTHS = {short.lower(): n for n, name in enumerate(_NAMES, 1) for short in (name, name[:3])} | {"sept": 9}

_ISO_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OFFSET = "[Zz]|[Uu][Tt][Cc]|[+-][0-9]{2}(?::?[0-9]{2})?"
_ISO_TIME = rf"(?:[Tt]|\s+)([0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,9}})?)?)(?:\s?({_OFFSET}))?"
_EPOCH = r"-?[0-9]{1,13}(?:\.[0-9]{1,9})?"
_MILLISECONDS = 10**10  # from here on: in seconds this would be the year 2286
_START = datetime(1970, 1, 1, tzinfo=UTC)


def day(field, zone):
    """Make the type of days, in the formats that the field names (ISO if none)."""
    return _made(field, zone, is_day=True)


def moment(field, zone):
    """Make the type of moments; one that names no offset is meant in the program's time zone."""
    return _made(field, zone, is_day=False)


def _made(field, zone, is_day):
    formats = field.formats or ["ISO"]
    readers = each(lambda text: _reader(text, zone, is_day, "epoch" in formats), formats, "formats")
    parse = _first_of(readers)
    parse.bound = partial(_bound, _first_of([*readers, _reader("ISO", zone, is_day)]), zone, is_day)
    return parse


# --- The least and the greatest ---

TODAY = "today"


class Today(NamedTuple):
    """A bound that is the day on which a lead comes, in the program's time zone; of moments, its start or its end."""

    zone: tzinfo
    is_day: bool
    is_last: bool

    def on(self, now):
        today = now.astimezone(self.zone).date()
        return today if self.is_day else _edge(today, self.zone, self.is_last)


def _edge(day, zone, is_last):
    return datetime.combine(day, time.max if is_last else time.min, zone)


def _bound(parse, zone, is_day, text, is_last):
    """Return a least or greatest day or moment, in a format of the field or in ISO; of moments a day is its edge."""
    if text == TODAY:
        return Today(zone, is_day, is_last)
    if not is_day and re.fullmatch(_ISO_DAY, text):
        with suppress(ValueError):
            return _edge(date.fromisoformat(text), zone, is_last)
    try:
        return parse(text)
    except Ambiguous:
        raise Unusable(f'"{text}" could be two days: write it as 2026-12-31, or today') from None
    except Refused:
        why = "is not a value that this field can have: write a day as 2026-12-31, or today"
        raise Unusable(f'"{text}" {why}') from None


# --- Reading ---


def _first_of(readers):
    """Return the function that reads a text by the one of the readers that it fits; two that differ are no answer."""

    def parse(text, now=None):
        found = set()
        for pattern, build in readers:
            if match := pattern.fullmatch(text):
                try:
                    found.add(build(match, now))
                except (ValueError, OverflowError):  # no such day, or none of the calendar
                    continue
        if len(found) != 1:
            raise Ambiguous if found else Refused
        return found.pop()

    parse.timed = any("year_of_century" in pattern.groupindex for pattern, _ in readers)
    return parse


def _reader(text, zone, is_day, beside_epoch=False):
    """Return the pattern of a format, and the function from what it finds (and the moment) to the value."""
    if text in _WORDS:
        return re.compile(_WORDS[text].pattern(is_day)), lambda match, _: _WORDS[text].build(match, zone, is_day)
    _check(text, [_DAY] if is_day else _MOMENTS, "MM/DD/YYYY" if is_day else "MM/DD/YYYY HH:mm")
    if beside_epoch:
        _check_beside_epoch(text, is_day)

    def build(match, now):
        parts = _read(match.groupdict(), now or datetime.now(zone))
        return date(**parts) if is_day else _in_zone(datetime(**parts), zone)

    return re.compile(_source(text, "(?P<{}>{})")), build


def _read(found, now):
    """Return the parts of a day or moment as numbers: a year of a century is the latest that is not to come."""
    parts = {part: int(text) for part, text in found.items() if text.isdigit()}
    if "year_of_century" in parts:
        parts["year"] = now.year - (now.year - parts.pop("year_of_century")) % 100
    if "name_of_month" in found:
        parts["month"] = _MONTHS.get(found["name_of_month"].lower(), 0)  # 0 is no month
    if "half" in found:
        hour = parts.pop("hour_of_half")
        parts["hour"] = hour % 12 + 12 * (found["half"] in ("PM", "pm", "Pm", "pM")) if 1 <= hour <= 12 else 24
    return parts


def _in_zone(value, zone):
    value = value if value.tzinfo else value.replace(tzinfo=zone)
    value.astimezone(UTC)  # an OverflowError in the years 1 and 9999
    return value


# --- The formats that are words ---


def _iso(match, zone, is_day):
    day, time, offset = match.groups()
    if time is None:
        return date.fromisoformat(day)
    offset = (offset or "").upper().replace("UTC", "Z")
    value = datetime.fromisoformat(f"{day}T{time[:15]}{offset}")  # to the microsecond
    return value.date() if is_day else _in_zone(value, zone)


def _epoch(match, zone, is_day):
    number = Decimal(match[0])
    seconds = number / 1000 if abs(number) >= _MILLISECONDS else number
    value = (_START + timedelta(microseconds=int(seconds * 10**6))).astimezone(zone)
    return value.date() if is_day else value


class _Word(NamedTuple):
    """A format that is a word: the pattern of its texts, their value, an example, and what partners are told."""

    pattern: Callable
    build: Callable
    example: Callable
    told: Callable


_WORDS = {
    "ISO": _Word(
        lambda is_day: f"({_ISO_DAY})(?:{_ISO_TIME})?" if is_day else f"({_ISO_DAY}){_ISO_TIME}",
        _iso,
        lambda at, is_day: f"{at:%Y-%m-%d}" if is_day else f"{at:%Y-%m-%dT%H:%M:%S}",
        lambda is_day: "YYYY-MM-DD" if is_day else "ISO 8601 (such as 2026-03-01T09:30:00-05:00)",
    ),
    "epoch": _Word(
        lambda _: _EPOCH,
        _epoch,
        lambda at, _: str(int(at.timestamp())),
        lambda _: "Unix time in seconds or milliseconds",
    ),
}


# --- Formats: checked, told, and shown ---


def _check(text, complete, example):
    """Refuse a format that cannot be read, or that could be read in two ways."""
    pieces = _pieces(text)
    parts = [_PARTS[piece][0] for piece in pieces[1::2]]
    known = [_IS_A.get(part, part) for part in parts if part != "half"]
    halves = ("half" in parts) == ("hour_of_half" in parts) and parts.count("half") < 2
    letters = re.search("[A-SU-Za-z]", "".join(pieces[::2]))
    if set(known) not in complete or len(known) != len(set(known)) or not halves or letters:
        raise Unusable(f'"{text}" is not a format that can be read: write it as {example}, ISO or epoch', "formats")
    if _adjoining(pieces):
        raise Unusable(
            f'"{text}" could be read in two ways: put a sign between its parts, or write MM and DD', "formats"
        )


# Days with the shortest and the longest text in a format.
_SHORT, _LONG = datetime(2001, 1, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


def _check_beside_epoch(text, is_day):
    """Refuse a format of digits only beside epoch: 20261127 is a day of 1970, too."""
    for shown in (example_in(text, is_day, at) for at in (_LONG, _SHORT)):
        if re.fullmatch(_EPOCH, shown):
            why = f"beside epoch could be read in two ways: {shown} is Unix time, too. Keep one of the two"
            raise Unusable(f'"{text}" {why}', "formats")


def _adjoining(pieces):
    """Tell whether two parts of one or two digits stand together: 1111980 could be January or November."""
    shape = "".join(_shape(piece) for piece in pieces)
    return any(run.count("v") > 1 for run in re.findall("[vf]+", shape))


def _shape(piece):
    """Return f for a part of as many digits as it has, v for one of one or two, and nothing for no sign at all."""
    if piece not in _PARTS:
        return "-" if piece else ""
    digits = _PARTS[piece][1]
    return "-" if "A" in digits else "v" if "," in digits else "f"


def _pieces(text):
    """Return what stands between the parts of a format, and every second one a part."""
    return re.split("(YYYY|YY|MMMM|MMM|MM|DD|HH|hh|mm|ss|M|D|H|h|A)", text)


def _source(text, part):
    """Return a format as the source of a pattern: a blank is one or more of any kind."""
    pieces = [part.format(*_PARTS[piece]) if piece in _PARTS else _literal(piece) for piece in _pieces(text)]
    return "".join(pieces)


def _literal(piece):
    return re.sub(r"\s+", r"\\s+", re.sub(r"[][.^$*+?(){}|\\]", r"\\\g<0>", piece))


def bare_pattern(text, is_day):
    """Return the pattern of a format without names, as JSON Schema has it."""
    return _WORDS[text].pattern(is_day) if text in _WORDS else _source(text, "{1}")


EXAMPLE = datetime(1985, 4, 17, 9, 30, tzinfo=UTC)


def example_in(text, is_day, at=EXAMPLE):
    """Return a day, or a moment, in a format."""
    if text in _WORDS:
        return _WORDS[text].example(at, is_day)
    words = {"month": _NAMES[at.month - 1], "half": (at.hour + 11) % 12 + 1, "noon": "AM" if at.hour < 12 else "PM"}
    return "".join(_PARTS[piece][2].format(at, **words) if piece in _PARTS else piece for piece in _pieces(text))


def told(text, is_day):
    """Return a format as partners are told of it."""
    return _WORDS[text].told(is_day) if text in _WORDS else text
