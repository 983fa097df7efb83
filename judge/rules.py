"""The rules that a rule file can hold: a row in RULES for each word of the language says all that there is to it.

Each is compiled by a function that takes the rule's specification and a Compiler when the file is loaded,
and returns `check(lead_scope, verdict)`, which refuses the lead, hands over a claim, or says that
the rule is passed. What must be checked when the file is loaded is complained of at once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice, product

from judge.caps import PERIODS, compile_caps, kept_until, quota_key
from judge.lists import stands_in
from judge.sameness import as_written, identity, older_forms
from judge.scope import Uncomputable
from judge.times import DAYS
from judge.types import joined
from judge.values import folded, items_of
from judge.verdict import Claim, Reason, longer


def _reject_if(spec, compiler):
    holds, (reason,) = (
        compiler.condition(spec.reject_if, "reject_if"),
        reasons("reject_if", spec, compiler.program.labels),
    )
    return _check(spec, reason, lambda lead_scope, _: holds(lead_scope))


def _require(spec, compiler):
    holds, (reason,) = compiler.condition(spec.require, "require"), reasons("require", spec, compiler.program.labels)

    def refuses(lead_scope, verdict):
        try:
            return not holds(lead_scope)
        except Uncomputable as why:  # what is asked for is not shown, and nobody is paid for that
            verdict.say(spec.id, f"cannot be told: {why}")
            return True

    return _check(spec, reason, refuses)


def _listed(spec, compiler):
    lists = [(name, compiler.read_list("listed", name, file)) for name, file in spec.listed.items()]
    return _by_list("listed", spec, compiler, lists, lambda found: found)


def _not_listed(spec, compiler):
    lists = [(name, compiler.read_list("not_listed", name, file)) for name, file in spec.not_listed.items()]
    return _by_list("not_listed", spec, compiler, lists, lambda found: not found)


def _by_list(word, spec, compiler, lists, refuses):
    """Make the check of a rule with lists; a field that is absent is looked up in none."""
    (reason,) = reasons(word, spec, compiler.program.labels)

    def check(_, verdict):
        present = [(verdict.values[name], entries) for name, entries in lists if name in verdict.values]
        if not present:
            verdict.say(spec.id, f"skipped: {lists[0][0]} is absent")
        elif any(refuses(stands_in(entries, item)) for value, entries in present for item in items_of(value)):
            verdict.refuse(reason, spec.id)
        else:
            verdict.say(spec.id, "passed")

    return check


def _open(spec, compiler):
    at_this_hour, *on_this_day = reasons("open", spec, compiler.program.labels)
    check = _check(spec, at_this_hour, lambda _, verdict: not any(hours.hold(verdict.now) for hours in spec.open))
    if not spec.closed:
        return check
    is_closed = _closed_days(spec)

    def check_both(lead_scope, verdict):
        if is_closed(lead_scope, verdict):
            verdict.refuse(on_this_day[0], spec.id)
        else:
            check(lead_scope, verdict)

    return check_both


def _closed(spec, compiler):
    (reason,) = reasons("closed", spec, compiler.program.labels)
    return _check(spec, reason, _closed_days(spec))


def _closed_days(spec):
    days = frozenset(spec.closed)
    return lambda _, verdict: verdict.now.date() in days


def _unique(spec, compiler):
    places, program = [], compiler.program
    for names, reason in zip(spec.unique, reasons("unique", spec, program.labels), strict=True):
        compiler.check_fields("unique", names)
        place = place_of(program.name, spec, names)
        former = former_places(place, program.fields)
        if spec.mode != "off":
            for known in [place, *(former if spec.across == "all" else [])]:
                program.kept[known] = longer(program.kept.get(known, spec.within), spec.within)
        places.append((place, former, reason))

    def check(_, verdict):
        absent = None
        for place, former, reason in places:
            absent = next((name for name in place[1:] if name not in verdict.values), None)
            if absent is None:
                keys, others, older = unique_keys(place, former, [verdict.values[name] for name in place[1:]])
                if spec.across == "all":  # other programs may have the field under its old name still
                    keys, others = [*others, *keys], []
                kept, before = program.kept.get(place), (*others, *older)
                *also, key = [Claim(spec.id, key, reason, spec.within, kept) for key in keys]
                verdict.claims += [*also, replace(key, before=before)]
        if absent and not any(claim.rule == spec.id for claim in verdict.claims):
            verdict.say(spec.id, f"skipped: {absent} is absent")

    return check


def place_of(program, spec, names):
    """Return what a `unique` rule hangs on: its fields and not its id, so that a rule that is renamed goes on."""
    return ("*" if spec.across == "all" else program, *sorted(names))


MOST_FORMER = 50  # names that are tried, beside a field's own


def former_places(place, fields):
    """Return the place under the names that its fields may have had before: their aliases."""
    scope, *names = place
    known = product(*([name, *fields[name].former_names] if name in fields else [name] for name in names))
    return [(scope, *former) for former in islice(known, 1, 1 + MOST_FORMER)]


def unique_keys(place, former, values):
    """Return the keys under which these values take the place, the same under former names, and those from before.

    They take it as what they are and as what they are written as, since another program may tell all addresses of a
    mailbox apart, and so may this one tomorrow. The last key of the place is what they are.
    """
    forms = list({tuple(map(form, values)): None for form in (as_written, identity)})
    older = [texts for texts in older_forms(values) if tuple(texts) not in forms]
    keys, others = [_key(place, texts) for texts in forms], [_key(known, texts) for known in former for texts in forms]
    return keys, others, [_key(known, texts) for texts in older for known in [place, *former]]


def moved_keys(place, former, values):
    """Yield the keys under which these values were known before, each with the one under which they are now."""
    texts = list(map(identity, values))
    for older in older_forms(values):
        yield from ((_key(known, older), _key(known, texts)) for known in [place, *former])


def _key(place, texts):
    scope, *names = place
    pairs = sorted(zip(names, texts, strict=True))
    return ("unique", scope, *(name for name, _ in pairs), *(text for _, text in pairs))


def _limit(spec, compiler):
    return _quota("limit", spec, compiler, lambda _: 1)


def _budget(spec, compiler):
    return _quota("budget", spec, compiler, lambda lead: int(lead.sale_amount * 100))


def _quota(kind, spec, compiler, units):
    """Make the check of a limit: leads without a field of `by` are a group of their own."""
    (reason,) = reasons(kind, spec, compiler.program.labels)
    if not spec.per and compiler.place not in compiler.source.broken:
        compiler.complain("id", "a limit or budget needs its period: write per: day, for example")
    by = spec.by or []
    compiler.check_fields("by", by)
    caps = compiler.program.caps[spec.id] = compile_caps(kind, spec, compiler)

    def check(_, verdict):
        group = [folded(verdict.values.get(name)) for name in by]
        cap = caps.of(group)
        if cap is None:
            verdict.say(spec.id, "no cap")
            return
        key, until = quota_key(kind, compiler.program.name, spec, verdict.now, group), kept_until(spec, verdict.now)
        verdict.claims.append(Claim(spec.id, key, reason, limit=cap, units=units(verdict), until=until))

    return check


def _check(spec, reason, refuses):
    def check(lead_scope, verdict):
        if refuses(lead_scope, verdict):
            verdict.refuse(reason, spec.id)
        else:
            verdict.say(spec.id, "passed")

    return check


def reasons(word, spec, labels):
    """Return the reasons that a rule of this word can give: for `unique`, one for each group of its fields."""
    return [Reason(spec.id, spec.note or sentence) for sentence in RULES[word].sentences(spec, labels)]


def expression(written):
    """Return a condition on one line, as code."""
    if isinstance(written, str):
        return " ".join(written.split())
    ((word, parts),) = written.items()
    if word == "not":
        return f"not ({expression(parts)})"
    return {"all": " and ", "any": " or "}[word].join(f"({expression(part)})" for part in parts)


def names_list(written):
    """Tell whether a condition looks something up in a list."""
    return bool(re.search(r"\blisted\s*\(", expression(written)))


def looks_up(rule):
    """Tell whether what a rule decides hangs on a list."""
    asked = (rule.when, rule.reject_if, rule.require)
    return bool(rule.listed or rule.not_listed or any(names_list(condition) for condition in asked if condition))


_DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def _say_reject_if(spec, _program):
    return "A lead is rejected if", expression(spec.reject_if)


def _say_require(spec, _program):
    return "A lead is accepted only if", expression(spec.require)


def _say_open(spec, program):
    hours = "; ".join(map(_hours, spec.open))
    return f"Leads are taken {hours} (time zone {program.spec.timezone}){_but_not_on(spec)}.", ""


def _but_not_on(spec):
    return f", but not on {joined(list(map(str, spec.closed)))}" if spec.closed else ""


def _say_closed(spec, program):
    days = joined(list(map(str, spec.closed)))
    return f"No leads are taken on {days} (time zone {program.spec.timezone}).", ""


def _hours(hours):
    first, last = _DAY_NAMES[hours.days[0]], _DAY_NAMES[hours.days[-1]]
    days = "every day" if len(hours.days) == len(DAYS) else first if first == last else f"{first} to {last}"
    return f"{days} from {_clock(hours.opens)} to {_clock(hours.closes)}"


def _clock(minutes):
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _say_unique(spec, program):
    groups = [joined([program.fields[name].label for name in names]) for names in spec.unique]
    same = joined([f"the same {group}" for group in groups], "or")
    where = ", in any of our programs" if spec.across == "all" else ""
    within = f"within the last {span(spec.within)}" if spec.within else "at any time before"
    return f"A lead is rejected if we accepted a lead with {same} {within}{where}.", ""


def span(within):
    seconds = int(within.total_seconds())
    count, unit = next((seconds // size, unit) for size, unit in _UNITS if seconds % size == 0)
    return unit if count == 1 else f"{count} {unit}s"


_UNITS = [(86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]


def _say_limit(spec, program):
    each = PERIODS[spec.per].each or " in total"
    if isinstance(spec.limit, dict):  # what one of them may send is nobody else's business
        label = program.fields[spec.by[0]].label
        return f"How many leads we accept{each} depends on the {label}.", ""
    leads = f"{spec.limit:,} lead{'s' * (spec.limit != 1)}"
    return f"We accept at most {leads}{each}{_each(spec, program)}.", ""


def _say_budget(spec, program):
    return f"We take leads until the budget{PERIODS[spec.per].of} is used up{_each(spec, program)}.", ""


def _each(spec, program):
    return f" for each {joined([program.fields[name].label for name in spec.by])}" if spec.by else ""


_NOW, _TODAY = "No leads are taken at this hour", "No leads are taken on this day"


def _each_period(spec):
    return PERIODS[spec.per].each if spec.per else ""


def _not_accepted(spec, _labels):
    return [f"This lead is not accepted ({spec.id.replace('-', ' ').replace('_', ' ')})"]


@dataclass(frozen=True)
class RuleWord:
    """One row of RULES.

    `compile` takes the rule's specification and the Compiler, and returns the check; `sentences` are the notes where
    a rule has none; `said` tells partners what it asks, in words and, if need be, code; `keys` are those that belong to
    it, beside those that every rule may have. `claims` says that its check only hands over claims.
    """

    compile: Callable
    sentences: Callable = _not_accepted
    said: Callable = lambda spec, program: ("", "")  # of lists, which are nobody's business, nothing is said
    keys: tuple = ()
    claims: bool = False


RULES = {
    "reject_if": RuleWord(_reject_if, said=_say_reject_if),
    "require": RuleWord(_require, said=_say_require),
    "listed": RuleWord(_listed, lambda spec, labels: [f"This {labels(spec.listed)} is not accepted"]),
    "not_listed": RuleWord(
        _not_listed, lambda spec, labels: [f"This {labels(spec.not_listed)} is not one that is accepted"]
    ),
    "open": RuleWord(
        _open, lambda spec, labels: [_NOW, *([_TODAY] if spec.closed else [])], _say_open, keys=("closed",)
    ),
    "closed": RuleWord(_closed, lambda spec, labels: [_TODAY], _say_closed),
    "unique": RuleWord(
        _unique,
        lambda spec, labels: [f"This {labels(names)} was already submitted" for names in spec.unique],
        _say_unique,
        ("within", "across"),
        claims=True,
    ),
    "limit": RuleWord(
        _limit, lambda spec, _: [f"The limit of leads{_each_period(spec)} is reached"], _say_limit, ("per", "by"), True
    ),
    "budget": RuleWord(
        _budget, lambda spec, _: [f"The budget{_each_period(spec)} is used up"], _say_budget, ("per", "by"), True
    ),
}


def words_of(spec):
    """Return the words of a rule, of which it must have one; a key of a word (`closed` of `open`) is none beside it."""
    given = [word for word in RULES if getattr(spec, word) is not None]
    return [word for word in given if not set(owners_of(word)) & set(given)]


def owners_of(key):
    """Return the words that a key belongs to: none for a key that every rule may have."""
    return [word for word, row in RULES.items() if key in row.keys]


def only_claims(spec):
    """Tell whether a rule hands over claims and looks at nothing but the lead's values for that."""
    return any(row.claims and getattr(spec, word) is not None for word, row in RULES.items())
