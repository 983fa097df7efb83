"""What rules say, in plain words: a table of small functions."""

from typing import NamedTuple

from judge.schema import DAYS
from judge.types import joined


class Said(NamedTuple):
    """Words, and behind them what is shown as code."""

    words: str
    code: str = ""


def expression(written):
    """Return a condition on one line, as code."""
    if isinstance(written, str):
        return " ".join(written.split())
    ((word, parts),) = written.items()
    if word == "not":
        return f"not ({expression(parts)})"
    return {"all": " and ", "any": " or "}[word].join(f"({expression(part)})" for part in parts)


_DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def rule(word, spec, program):
    """Return what a rule asks; nothing of lists, which are nobody's business, nor of conditions that a note tells."""
    said = _RULES[word](spec, program) if word in _RULES else Said("")
    if not said.words or (spec.note and (spec.when or said.code)):
        return Said("")
    if not spec.when:
        return said
    when = expression(spec.when)
    if not said.code:
        return Said(f"{said.words} This applies to leads of which this is true:", when)
    whole = "({}) and ({})" if word == "reject_if" else "not ({}) or ({})"
    return Said(said.words, whole.format(when, said.code))


def _reject_if(spec, _program):
    return Said("A lead is rejected if", expression(spec.reject_if))


def _require(spec, _program):
    return Said("A lead is accepted only if", expression(spec.require))


def _open(spec, program):
    return Said(f"Leads are taken {'; '.join(map(_hours, spec.open))} (time zone {program.spec.timezone}).")


def _hours(hours):
    first, last = _DAY_NAMES[hours.days[0]], _DAY_NAMES[hours.days[-1]]
    days = "every day" if len(hours.days) == len(DAYS) else first if first == last else f"{first} to {last}"
    return f"{days} from {_clock(hours.opens)} to {_clock(hours.closes)}"


def _clock(minutes):
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _unique(spec, program):
    groups = [joined([program.fields[name].label for name in names]) for names in spec.unique]
    same = joined([f"the same {group}" for group in groups], "or")
    where = ", in any of our programs" if spec.across == "all" else ""
    within = f"within the last {_span(spec.within)}" if spec.within else "at any time before"
    return Said(f"A lead is rejected if we accepted a lead with {same} {within}{where}.")


def _span(within):
    seconds = int(within.total_seconds())
    count, unit = next((seconds // size, unit) for size, unit in _UNITS if seconds % size == 0)
    return unit if count == 1 else f"{count} {unit}s"


_UNITS = [(86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]


def _limit(spec, program):
    leads = f"{spec.limit:,} lead{'s' * (spec.limit != 1)}"
    return Said(f"We accept at most {leads} per {spec.per}{_each(spec, program)}.")


def _budget(spec, program):
    return Said(f"We take leads until the budget of the {spec.per} is used up{_each(spec, program)}.")


def _each(spec, program):
    return f" for each {joined([program.fields[name].label for name in spec.by])}" if spec.by else ""


_RULES = {
    "reject_if": _reject_if,
    "require": _require,
    "open": _open,
    "unique": _unique,
    "limit": _limit,
    "budget": _budget,
}
