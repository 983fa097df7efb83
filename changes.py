"""What a changed rule file begins anew: duplicates that are not known any more, and caps that start at nothing.

A place of a lead hangs on a few words of its rule file (rules/README.md, "What a place hangs on"). Who
changes one of them is told, since the same leads are paid once more.
"""

from judgement import longer
from rulefile import RuleFileError, read
from rulekinds import former_places, place_of

# Types whose normal form is the text that came, so that one may become another.
AS_IT_CAME = {"text", "email", "choice"}


def begun_anew(program, name_before, text_before):
    """Return what begins anew since the rules of `program` had this name and text: warnings, each with its line.

    Without a text there was nothing before.
    """
    if text_before and name_before != program.name:
        anew = (
            f"until now these rules judged leads as the program {name_before}: under another name no duplicate is known"
        )
        return [f"{program.path}:1: warning: {anew}, and what is used up begins at 0"]
    if text_before in (None, program.text):
        return []
    try:
        before, _ = read(text_before, program.path)
    except RuleFileError:  # of an earlier version
        return []
    found = [*_places(program, before), *_quotas(program.spec, before), *_types(program, before)]
    return [f"{program.path}:{program.source.line(place)}: warning: {message}" for place, message in found]


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
                yield (
                    ("rules", index, "unique"),
                    f'rule "{rule.id}": leads that came before are no duplicates by {" and ".join(names)}: it knows '
                    "those that come from now on",
                )
            elif None not in earlier and longer(rule.within, max(earlier)) != max(earlier):
                yield (
                    ("rules", index, "within"),
                    f'rule "{rule.id}": the longer time holds from now on: what came more than {max(earlier)} ago is '
                    "forgotten",
                )


def _quotas(spec, before):
    known = {_quota(rule): rule.id for rule in before.rules if rule.mode != "off"}
    for index, rule in enumerate(spec.rules):
        quota = _quota(rule)
        if not quota or rule.mode == "off" or quota in known:
            continue
        kind, _, *rest = quota
        alike = [name for other, name in known.items() if other and [other[0], *other[2:]] == [kind, *rest]]
        gone = [name for name in alike if name not in {rule.id for rule in spec.rules}]
        advice = f". If this is the rule that was called {gone[0]}, write id_before: {gone[0]}" if gone else ""
        yield ("rules", index, "id"), f'rule "{rule.id}": its {kind} begins at 0{advice}'


def _quota(rule):
    """Return what the count of a limit or budget hangs on, or None for another rule."""
    kind = "limit" if rule.limit is not None else "budget" if rule.budget is not None else None
    return kind and (kind, rule.id_before or rule.id, rule.per, tuple(rule.by or ()))


def _types(program, before):
    used = {name for rule in program.spec.rules for names in [*(rule.unique or ()), rule.by or ()] for name in names}
    for name in sorted(used & program.fields.keys()):
        earlier = next(
            (before.fields[n] for n in [name, *program.fields[name].former_names] if n in before.fields), None
        )
        now = program.spec.fields[name]
        if earlier and earlier.type != now.type and not {earlier.type, now.type} <= AS_IT_CAME:
            yield (
                ("fields", name, "type"),
                f'field "{name}": what came as {earlier.type} is known only where {now.type} writes it in the same way',
            )
