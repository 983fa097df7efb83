"""Texts to days and moments, in the formats that rule files name. Never by guessing.

Each type is a function that takes the field's specification and the program's time zone when the rule file is
loaded, and returns the function from text to value. Where that depends on the day (YY), it takes the moment too, and
says so: `parse.timed`.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from judge.values import Ambiguous, Refused, Unusable

# The parts of a format: what each is, its digits, and those of an example.
_PARTS = {
    "YYYY": ("year", "[0-9]{4}", "1985"),
    "YY": ("year_of_century", "[0-9]{2}", "85"),
    "MMMM": ("name_of_month", "[A-Za-z]{3,9}", "April"),
    "MMM": ("name_of_month", "[A-Za-z]{3,9}", "Apr"),
    "MM": ("month", "[0-9]{2}", "04"),
    "M": ("month", "[0-9]{1,2}", "4"),
    "DD": ("day", "[0-9]{2}", "17"),
    "D": ("day", "[0-9]{1,2}", "17"),
    "HH": ("hour", "[0-9]{2}", "09"),
    "H": ("hour", "[0-9]{1,2}", "9"),
    "hh": ("hour_of_half", "[0-9]{2}", "09"),
    "h": ("hour_of_half", "[0-9]{1,2}", "9"),
    "mm": ("minute", "[0-9]{2}", "30"),
    "ss": ("second", "[0-9]{2}", "00"),
    "A": ("half", "[AaPp][Mm]", "AM"),
}
_IS_A = {"year_of_century": "year", "name_of_month": "month", "hour_of_half": "hour"}
_DAY = {"year", "month", "day"}
_MOMENTS = [_DAY | {"hour", "minute"}, _DAY | {"hour", "minute", "second"}]
_MONTHS = "January February March April May June July August September October November December".lower().split()
_MONTHS = {short: n for n, name in enumerate(_MONTHS, 1) for short in (name, name[:3])} | {"sept": 9}

_ISO_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OFFSET = "[Zz]|[Uu][Tt][Cc]|[+-][0-9]{2}(?::?[0-9]{2})?"
_ISO_TIME = rf"(?:[Tt]|\s+)([0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,9}})?)?)(?:\s?({_OFFSET}))?"
_EPOCH = r"-?[0-9]{1,13}(?:\.[0-9]{1,9})?"
_MILLISECONDS = 10**10  # from here on: in seconds this would be the year 2286
_START = datetime(1970, 1, 1, tzinfo=UTC)


def day(field, zone):
    """Make the type of days, in the formats that the field names (ISO if none)."""
    return _first_of([_reader(text, zone, is_day=True) for text in field.formats or ["ISO"]])


def moment(field, zone):
    """Make the type of moments; one that names no offset is meant in the program's time zone."""
    return _first_of([_reader(text, zone, is_day=False) for text in field.formats or ["ISO"]])


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


def _reader(text, zone, is_day):
    """Return the pattern of a format, and the function from what it finds (and the moment) to the value."""
    if text in _WORDS:
        return re.compile(_WORDS[text].pattern(is_day)), lambda match, _: _WORDS[text].build(match, zone, is_day)
    _check(text, [_DAY] if is_day else _MOMENTS, "MM/DD/YYYY" if is_day else "MM/DD/YYYY HH:mm")

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
        lambda is_day: "1985-04-17" if is_day else "1985-04-17T09:30:00",
        lambda is_day: "YYYY-MM-DD" if is_day else "ISO 8601 (such as 2026-03-01T09:30:00-05:00)",
    ),
    "epoch": _Word(
        lambda _: _EPOCH,
        _epoch,
        lambda _: "482578200",
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


def example_in(text, is_day):
    """Return a day, or a moment, in a format."""
    if text in _WORDS:
        return _WORDS[text].example(is_day)
    return "".join(_PARTS[piece][2] if piece in _PARTS else piece for piece in _pieces(text))


def told(text, is_day):
    """Return a format as partners are told of it."""
    return _WORDS[text].told(is_day) if text in _WORDS else text
