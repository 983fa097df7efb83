"""What a changed rule file begins anew: duplicates that are not known any more, and caps that start at nothing.

A place of a lead hangs on a few words of its rule file (rules/README.md, "What a place hangs on"). Who
changes one of them is told, since the same leads are paid once more.
"""

from itertools import islice, product, zip_longest

from judge.caps import kind_of
from judge.rulefile import Finding, RuleFileError, read
from judge.rules import MOST_FORMER, former_places, place_of
from judge.values import Text
from judge.verdict import longer

# What decides how a value of a field is written.
WRITTEN_BY = ("type", "country", "formats", "standard", "exact", "one_of")


def begun_anew(program, name_before, text_before):
    """Return what begins anew since the rules of `program` had this name and text, as Findings.

    Without a text there was nothing before.
    """
    if text_before and name_before != program.name:
        anew = (
            f"until now these rules judged leads as the program {name_before}: under another name no duplicate is known"
        )
        return [Finding(program.path, 1, f"{anew}, and what is used up begins at 0", is_warning=True)]
    if text_before in (None, program.text):
        return []
    try:
        before, _ = read(text_before, program.path)
    except RuleFileError:  # of an earlier version
        return []
    found = [line for look in (_places, _quotas, _types, _clocks, _repeats, _senders) for line in look(program, before)]
    return [program.source.finding(place, message, is_warning=True) for place, message in found]


def _places(program, before):
    known = {}
    for rule in before.rules:
        for names in rule.unique or () if rule.mode != "off" else ():
            place = place_of(program.name, rule, names)
            known[place] = longer(known.get(place, rule.within), rule.within)
    for index, rule in enumerate(program.spec.rules):
        for names in rule.unique or () if rule.mode != "off" else ():
            place = place_of(program.name, rule, names)
            earlier = [known[former] for former in (place, *former_places(place, program.fields)) if former in known]
            if not earlier:
                said = f"leads that came before are not known by {' and '.join(names)}, and may be paid once more"
                yield ("rules", index, "unique"), f'rule "{rule.id}": {said}{_renamed(program, before, rule, names)}'
            elif None not in earlier and longer(rule.within, max(earlier)) != max(earlier):
                yield (
                    ("rules", index, "within"),
                    f'rule "{rule.id}": the longer time holds from now on: what came more than {max(earlier)} ago is '
                    "forgotten",
                )


def _renamed(program, before, rule, names):
    """Return what to write if a field has just another name."""
    lost = {name for old in before.rules if old.id == rule.id for group in old.unique or () for name in group}
    lost, new = sorted(lost - program.fields.keys()), [name for name in names if name not in before.fields]
    if len(lost) != 1 or len(new) != 1:
        return ""
    return f". If {new[0]} is the field that was called {lost[0]}, write aliases: [{lost[0]}]"


def _quotas(program, before):
    spec, ids = program.spec, {rule.id for rule in program.spec.rules}
    known = {_quota(rule, rule.by or ()): rule for rule in before.rules if rule.mode != "off"}
    for index, rule in enumerate(spec.rules):
        former = product(*([name, *program.fields[name].former_names] for name in rule.by or ()))
        quotas = [_quota(rule, by) for by in islice(former, MOST_FORMER)]
        if None in quotas or rule.mode == "off" or any(quota in known for quota in quotas):
            continue
        kind, _, *rest = quotas[0]
        gone = [old for other, old in known.items() if other and [other[0], *other[2:]] == [kind, *rest]]
        gone = [old for old in gone if old.id not in ids]
        advice = (
            f". If this is the rule that was called {gone[0].id}, write id_before: {_first_id(gone[0])}" if gone else ""
        )
        yield ("rules", index, "id"), f'rule "{rule.id}": its {kind} counts from 0 again{advice}'


def _quota(rule, by):
    """Return what the count of a limit or budget hangs on, or None for another rule."""
    kind = kind_of(rule)
    return kind and (kind, _first_id(rule), rule.per, tuple(by))


def _first_id(rule):
    return rule.id_before or rule.id


def _types(program, before):
    used = {name for rule in program.spec.rules for names in [*(rule.unique or ()), rule.by or ()] for name in names}
    for name in sorted(used & program.fields.keys()):
        names = [name, *program.fields[name].former_names]
        earlier = next((before.fields[known] for known in names if known in before.fields), None)
        changed = [key for key in WRITTEN_BY if earlier and _differs(key, earlier, program.spec.fields[name])]
        if changed:
            yield (
                ("fields", name, changed[0]),
                f'field "{name}": it has another {changed[0]}: a lead that came before is known by it only where its '
                "value is written now as it was then",
            )


def _differs(key, before, now):
    """Tell whether a key has values written otherwise: of `one_of`, whether a code has another meaning."""
    if key != "one_of":
        return getattr(before, key) != getattr(now, key)
    codes = {Text(code) for field in (before, now) for code in field.codes}
    return any(
        None not in (meanings := {_meaning(field, code) for field in (before, now)}) and len(meanings) > 1
        for code in codes
    )


def _meaning(field, text):
    """Return the value that a field has for a text, by its `one_of`; None if it takes no such text."""
    meanings = {Text(code): Text(meaning) for code, meaning in field.codes.items()}
    found = meanings.get(text, text)
    return found if not field.one_of or found in map(Text, field.choices) else None


def _clocks(program, before):
    counts = [rule for rule in program.spec.rules if _quota(rule, ()) and rule.per != "total"]
    if str(before.timezone) != str(program.spec.timezone) and (counts or program.spec.has_tests):
        yield (
            ("timezone",),
            "timezone: days, weeks and months begin at another hour: limits, budgets and tests may count from 0 again",
        )


def _repeats(program, before):
    if before.retry_key and program.spec.retry_key and before.retry_key != program.spec.retry_key:
        yield ("retry_key",), "retry_key: a request that repeats one of before is not known by it, and is judged anew"


def _senders(program, before):
    """Tell of leads that stay counted under other names: figures are kept by partner, as it was when a lead came."""
    pairs = list(zip_longest(before.partner, program.spec.partner))
    kinds = dict(zip(("partner", "sub-partner"), pairs, strict=False))
    for kind, (earlier, now) in kinds.items():
        if earlier and now and earlier not in (now, *program.fields[now].former_names):
            yield ("partner",), f"partner: leads that came before stay under the {kind} that {earlier} named"
        elif earlier and not now:
            yield ("partner",), f"partner: leads have no {kind} from now on; those that came before keep theirs"
        elif now and not earlier:
            yield ("partner",), f"partner: leads have a {kind} from now on; those that came before have none"
