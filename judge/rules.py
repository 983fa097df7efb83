"""The rules that a rule file can hold: a row in RULES for each word of the language.

Each function takes the rule's specification and a Compiler (ruleset.py) when the file is loaded,
and returns `check(lead_scope, verdict)`, which refuses the lead, hands over a claim, or says that
the rule is passed. What must be checked when the file is loaded is complained of at once.
"""

from datetime import timedelta
from itertools import islice, product

from judge.values import folded, folded_before
from judge.verdict import Claim, Reason, longer


def _reject_if(spec, compiler):
    holds, (reason,) = (
        compiler.condition(spec.reject_if, "reject_if"),
        reasons("reject_if", spec, compiler.program.labels),
    )
    return _check(spec, reason, lambda lead_scope, _: holds(lead_scope))


def _require(spec, compiler):
    holds, (reason,) = compiler.condition(spec.require, "require"), reasons("require", spec, compiler.program.labels)
    return _check(spec, reason, lambda lead_scope, _: not holds(lead_scope))


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
        elif any(refuses(_stands_in(entries, value)) for value, entries in present):
            verdict.refuse(reason, spec.id)
        else:
            verdict.say(spec.id, "passed")

    return check


def _stands_in(entries, value):
    """Tell whether a list holds the value or, for an email address, its domain."""
    text = folded(value)
    return text in entries or ("@" in text and text.rpartition("@")[2] in entries)


def _open(spec, compiler):
    (reason,) = reasons("open", spec, compiler.program.labels)
    return _check(spec, reason, lambda _, verdict: not any(hours.hold(verdict.now) for hours in spec.open))


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
                key, *before = unique_keys(place, former, [verdict.values[name] for name in place[1:]])
                kept = program.kept.get(place)
                if spec.across == "all":  # other programs may have the field under its old name still
                    others, before = before[: len(former)], before[len(former) :]
                    verdict.claims += [Claim(spec.id, other, reason, spec.within, kept) for other in others]
                verdict.claims.append(Claim(spec.id, key, reason, spec.within, kept, tuple(before)))
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
    """Return the key of the place that these values take, and those under which they may stand from before."""
    texts = list(map(folded, values))
    keys = [("unique", *place, *texts)]
    for scope, *names in former:
        pairs = sorted(zip(names, texts, strict=True))
        keys.append(("unique", scope, *(name for name, _ in pairs), *(text for _, text in pairs)))
    if (older := list(map(folded_before, values))) != texts:
        keys.append(("unique", *place, *older))
    return keys


def _limit(spec, compiler):
    return _quota("limit", spec, compiler, spec.limit, lambda _: 1)


def _budget(spec, compiler):
    return _quota("budget", spec, compiler, int(spec.budget * 100), lambda lead: int(lead.sale_amount * 100))


# The name of the period that a moment is in, and how long it lasts at most. An hour has its offset,
# since one comes twice in autumn.
_PERIODS = {
    "hour": ("%Y-%m-%dT%H%z", timedelta(hours=1)),
    "day": ("%Y-%m-%d", timedelta(hours=25)),
    "week": ("%G-W%V", timedelta(days=8)),
    "month": ("%Y-%m", timedelta(days=32)),
}
KEPT_AFTER = timedelta(days=1)  # after a period, since it is not over yet where a clock is behind


def quota_key(kind, program, spec, now, group):
    """Return the key under which a limit or budget is used up by `group` in the period of `now`."""
    return (kind, program, spec.id_before or spec.id, now.strftime(_PERIODS[spec.per][0]), *group)


def _quota(kind, spec, compiler, limit, units):
    """Make the check of a limit: leads without a field of `by` are a group of their own."""
    (reason,) = reasons(kind, spec, compiler.program.labels)
    if not spec.per and compiler.place not in compiler.source.broken:
        compiler.complain("id", "a limit or budget needs its period: write per: day, for example")
    by = spec.by or []
    compiler.check_fields("by", by)

    def check(_, verdict):
        group = (folded(verdict.values.get(name)) for name in by)
        key = quota_key(kind, compiler.program.name, spec, verdict.now, group)
        until = verdict.now + _PERIODS[spec.per][1] + KEPT_AFTER
        verdict.claims.append(Claim(spec.id, key, reason, limit=limit, units=units(verdict), until=until))

    return check


def _check(spec, reason, refuses):
    def check(lead_scope, verdict):
        if refuses(lead_scope, verdict):
            verdict.refuse(reason, spec.id)
        else:
            verdict.say(spec.id, "passed")

    return check


# What the partner is told where a rule has no note, by its word.
_SENTENCES = {
    "listed": lambda spec, labels: [f"This {labels(spec.listed)} is not accepted"],
    "not_listed": lambda spec, labels: [f"This {labels(spec.not_listed)} is not one that is accepted"],
    "open": lambda spec, labels: ["No leads are taken at this hour"],
    "unique": lambda spec, labels: [f"This {labels(names)} was already submitted" for names in spec.unique],
    "limit": lambda spec, labels: [f"The limit of leads per {spec.per} is reached"],
    "budget": lambda spec, labels: [f"The budget per {spec.per} is used up"],
}


def reasons(word, spec, labels):
    """Return the reasons that a rule of this word can give: for `unique`, one for each group of its fields."""
    plain = spec.id.replace("-", " ").replace("_", " ")
    sentences = _SENTENCES[word](spec, labels) if word in _SENTENCES else [f"This lead is not accepted ({plain})"]
    return [Reason(spec.id, spec.note or sentence) for sentence in sentences]


RULES = {
    "reject_if": _reject_if,
    "require": _require,
    "listed": _listed,
    "not_listed": _not_listed,
    "open": _open,
    "unique": _unique,
    "limit": _limit,
    "budget": _budget,
}

# The keys that belong to some rules only.
BELONGS = {"within": ("unique",), "across": ("unique",), "per": ("limit", "budget"), "by": ("limit", "budget")}
