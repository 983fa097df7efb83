"""Caps: how many leads (`limit`) or how much money (`budget`) a period has room for.

A cap is written as one number, or as a table of numbers by the values of the one field under `by:`.
"""

from datetime import timedelta
from typing import NamedTuple

from judge.meant import nearest
from judge.values import Refused, folded


class Period(NamedTuple):
    """A row of PERIODS: how the one of a moment is named, how long it lasts at most (None: for ever), and words."""

    form: str
    longest: timedelta | None
    each: str  # leads …
    of: str  # the budget … is used up
    this: str  # 4 of 5 leads …
    over: str  # further leads are refused …


def _ends(form, longest, word):
    return Period(form, longest, f" per {word}", f" of the {word}", f"this {word}", f"until the {word} is over")


PERIODS = {
    "hour": _ends("%Y-%m-%dT%H%z", timedelta(hours=1), "hour"),  # with its offset, since one comes twice in autumn
    "day": _ends("%Y-%m-%d", timedelta(hours=25), "day"),
    "week": _ends("%G-W%V", timedelta(days=8), "week"),
    "month": _ends("%Y-%m", timedelta(days=32), "month"),
    "year": _ends("%Y", timedelta(days=367), "year"),
    "total": Period("total", None, "", "", "in total", "until the rule file allows for more"),
}
KEPT_AFTER = timedelta(days=1)  # after a period, since it is not over yet where a clock is behind

DEFAULT = "default"  # of a table: the cap of the values that it does not name

# How many units of a claim one of the file is: a budget is counted in hundredths.
UNITS = {"limit": 1, "budget": 100}


def kind_of(spec):
    """Return the word of a rule that is a cap, or None."""
    return next((kind for kind in UNITS if getattr(spec, kind) is not None), None)


class Caps(NamedTuple):
    """A cap, compiled: the numbers by the values that are named, as they are compared, and that of all others."""

    named: dict
    default: int | None

    def of(self, group):
        """Return the cap of a group of leads, or None if it has none."""
        return self.named.get(group[0], self.default) if self.named else self.default


def quota_key(kind, program, spec, now, group):
    """Return the key under which a limit or budget is used up by `group` in the period of `now`."""
    return (kind, program, spec.id_before or spec.id, now.strftime(PERIODS[spec.per].form), *group)


def kept_until(spec, now):
    """Return until when what is used up in the period of `now` is to be known; None is for ever."""
    longest = PERIODS[spec.per].longest
    return longest and now + longest + KEPT_AFTER


def compile_caps(kind, spec, compiler):
    """Return the Caps of a rule, and complain of what is wrong with its table."""
    written, units = getattr(spec, kind), UNITS[kind]
    if not isinstance(written, dict):
        return Caps({}, int(written * units))
    default = int(written[DEFAULT] * units) if DEFAULT in written else None
    return Caps({key: int(number * units) for key, number in _named(kind, spec, compiler).items()}, default)


def _named(kind, spec, compiler):
    """Return the numbers of a table by values as they are compared; complain of those that its field cannot have."""
    table, by = getattr(spec, kind), spec.by or []
    if len(by) != 1:
        compiler.complain_of(kind, "a table needs one field, whose values it names: write by: [irpid], for example")
        return {}
    field = compiler.program.fields.get(by[0])
    if field is None or not field.parse:  # which is complained of already
        return {}
    compiler.count(len(table))  # each is read as the field reads it: an address takes 100 µs
    named, first = {}, {"": ""}
    for text in [text for text in table if text != DEFAULT]:
        if nearest(text, [DEFAULT]):
            why = f'"{text}" is taken for a value of {by[0]}: write default, if it is for all others'
            compiler.source.warn((*compiler.place, kind, text), f"{compiler.who}{kind}: {why}")
        if field.is_blank(text):
            why = f'"{text}" counts as absent, since it stands under blanks: such leads have the default'
            compiler.source.warn((*compiler.place, kind, text), f"{compiler.who}{kind}: {why}")
        try:
            key = folded(field.value(text, any_day=True))
        except Refused:
            compiler.complain_at((kind, text), f'{kind}: "{text}" is not a value that the field {by[0]} can have')
            continue
        if key in first:
            why = f'"{text}" is the same value as "{first[key]}": keep one'
            why = why if key else "a lead without the field has the default: name a value"
            compiler.complain_at((kind, text), f"{kind}: {why}")
        named[key], first[key] = table[text], text
    return named
