"""What rule files say, in plain words: the values that a field takes, and rules. Tables of small functions."""

from importlib import import_module
from typing import NamedTuple

from judge.schema import DAYS


class Said(NamedTuple):
    """Words, and behind them what is shown as code."""

    words: str
    code: str = ""


def joined(parts, word="and"):
    """Return `a, b and c`."""
    *most, last = parts
    return f"{', '.join(most)} {word} {last}" if most else last


def expression(written):
    """Return a condition on one line, as code."""
    if isinstance(written, str):
        return " ".join(written.split())
    ((word, parts),) = written.items()
    if word == "not":
        return f"not ({expression(parts)})"
    return {"all": " and ", "any": " or "}[word].join(f"({expression(part)})" for part in parts)


# --- The values that a field takes ---


def _phone(spec, _zone):
    if spec.country:
        return f"a phone number, with country code (such as +1) or as written in {spec.country}"
    return "a phone number with country code, such as +1"


def _moment(spec, zone):
    formats = f"as {joined(spec.formats, 'or')}" if spec.formats else "in ISO 8601, such as 2026-03-01T09:30:00-05:00"
    return f"a date and time {formats}; in the time zone {zone} if it names none"


def _standard(spec, _zone):
    told = (import_module(f"stdnum.{spec.standard}").__doc__ or "").strip().partition("\n")[0]
    return f"a number with check digits: {told.rstrip('.') or spec.standard}"


TAKES = {
    "text": lambda spec, zone: "any text",
    "email": lambda spec, zone: "an email address",
    "phone": _phone,
    "postal_code": lambda spec, zone: f"a postal code of {spec.country}",
    "region": lambda spec, zone: f"a state or province of {spec.country}, by code or name",
    "country": lambda spec, zone: "a country, by its two letters or its English name",
    "date": lambda spec, zone: f"a date as {joined(spec.formats or ['YYYY-MM-DD'], 'or')}",
    "datetime": _moment,
    "integer": lambda spec, zone: "a whole number",
    "number": lambda spec, zone: "a number, such as 3.5",
    "money": lambda spec, zone: "an amount of money, such as 1234.50",
    "boolean": lambda spec, zone: "true or false (yes or no, on or off, 1 or 0)",
    "consent": lambda spec, zone: "true, and nothing else (yes, on or 1 will do)",
    "choice": lambda spec, zone: "one of the accepted values",
    "url": lambda spec, zone: "a web address that starts with http:// or https://",
    "ip": lambda spec, zone: "an IPv4 or IPv6 address",
    "uuid": lambda spec, zone: "a UUID",
    "id": _standard,
}

# The key of a field to what is said of it. The values of one_of have a place of their own.
LIMITS = {
    "min_length": lambda given: Said(f"at least {given} character{'s' * (given != '1')}"),
    "max_length": lambda given: Said(f"at most {given} character{'s' * (given != '1')}"),
    "pattern": lambda given: Said("the whole value fits the regular expression", given),
    "min": lambda given: Said(f"at least {given}"),
    "max": lambda given: Said(f"at most {given}"),
    "countries": lambda given: Said(f"only numbers of {joined(given)}"),
    "disposable": lambda given: Said("no throw-away addresses"),
    "role": lambda given: Said("no shared addresses, such as info@"),
    "free": lambda given: Said("no addresses of free providers, such as gmail.com"),
}


# --- Rules ---

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
    return Said(f"A lead is rejected if we took a valid lead with {same} {within}{where}.")


def _span(within):
    seconds = int(within.total_seconds())
    count, unit = next((seconds // size, unit) for size, unit in _UNITS if seconds % size == 0)
    return unit if count == 1 else f"{count} {unit}s"


_UNITS = [(86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]


def _limit(spec, program):
    leads = f"{spec.limit:,} valid lead{'s' * (spec.limit != 1)}"
    return Said(f"We take at most {leads} per {spec.per}{_each(spec, program)}.")


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
