"""Leads that a rule file gives as examples: judged one after the other, as the store would."""

import re
from collections import deque

from judge.calendar import open_moment
from judge.items import Leaves, Submitted, leaf_of
from judge.judgement import judge
from judge.meant import nearest
from judge.verdict import Claims, reasons_of_program


def judge_example(program, example, now):
    """Return the verdict on an example of a rule file, given after the leads that were posted before it."""
    at = moment_of(example, program.spec, now.astimezone(program.spec.timezone))
    return judge_after(program, example.after, example.lead, at)


def judge_after(program, before, lead, now):
    """Return the verdict on a lead that is posted after others."""
    return deque(judge_in_turn(program, [*before, lead], now), maxlen=1).pop()


def judge_in_turn(program, leads, now):
    """Yield the verdicts on leads, as rule files write them, that are posted one after the other."""
    claims = Claims()
    for lead in leads:
        verdict = judge(program, texts_of(program, lead), now)
        claims.settle(verdict)
        yield verdict


def texts_of(program, lead):
    """Return a lead of a rule file as `payload.decode` returns one: each field with all its values."""
    if not program.selectors and not any("[" in name for name in lead):
        return Submitted((name, values_of(value)) for name, value in lead.items())
    fields = Submitted()
    for name, text in program.selectors.pairs(Leaves(leaf for _, leaf in _leaves(lead)), program.names):
        fields.setdefault(name, []).append(text)
    return fields


def values_of(value):
    """Return the values that stand under a name in a lead of a rule file: one text, or a list of them."""
    return [value] if isinstance(value, str) else value


def fields_of(program, lead):
    """Return which field each name of a lead of a rule file means, as `{name: field}`."""
    named = _leaves(lead)
    found = program.selectors.named(Leaves(leaf for _, leaf in named), program.names)
    return {named[place][0]: field for place, name in found if (field := program.field_of(name))}


def _leaves(lead):
    times = {}
    return [(name, leaf_of(name, text, times)) for name, value in lead.items() for text in values_of(value)]


MAX_STEPS = 500_000  # leads of examples times the parts of the file; a step costs 1 µs at most


def run_examples(compiler):
    known, leads = _reason_codes(compiler.program), 0
    for index, example in enumerate(compiler.program.spec.examples):
        leads += 1 + len(example.after)
        if leads > (most := MAX_STEPS // compiler.source.size):
            why = f"to try so many takes long: in a file of this length keep {most} leads, those under after: included"
            compiler.at(("examples", index), "examples: ").complain("name", why)
            return
        verdict = judge_example(compiler.program, example, compiler.now)
        there = compiler.at(("examples", index), f'example "{example.name}": ')
        unknown = set(expected_codes(example)) - known
        for code in unknown:
            there.complain("expect", f'there is no reason "{code}"{_known_like(code, known)}')
        for key, difference in differences(example, verdict):
            if key != "expect" or not unknown:
                there.complain(key, difference + _what_was_read(there, example, verdict))


def _known_like(code, known):
    """Return the end of a sentence about a reason code that there is not."""
    of_field = sorted(reason for reason in known if reason.startswith(f"{code.partition('.')[0]}."))
    return nearest(code, known) or (f": there are {', '.join(of_field)}" if of_field and "." in code else "")


def _what_was_read(compiler, example, verdict):
    """Return the values by which an example was judged, as the end of a sentence: a comma may have cut one off."""
    program, (_, index) = compiler.program, compiler.place
    divided = [told for place, told in compiler.source.divided.items() if place[:2] == ("examples", index)]
    if divided:
        return f" ({divided[0]})"
    codes = {*verdict.codes} ^ {*expected_codes(example)}
    fields = {code.partition(".")[0] for code in codes if "." in code}
    rules = [rule for rule in program.spec.rules if rule.id in codes]
    fields |= {word for rule in rules for word in re.findall(r"\w+", f"{rule.when} {rule.reject_if} {rule.require}")}
    texts, names = texts_of(program, example.lead), fields_of(program, example.lead)
    read = [f"{name}: {texts[name][0][:60]}" for name, field in names.items() if field in fields and texts.get(name)]
    return f" (it was read with {', '.join(read[:3])})" if read else ""


def expected_codes(example):
    """Return the reason codes that an example expects, sorted: none of a valid one."""
    return [] if example.expect == "valid" else sorted(example.expect)


def differences(example, verdict):
    """Yield in what the verdict is not what the example expects: the key of the example, and a sentence."""
    codes, expected = sorted(verdict.codes), expected_codes(example)
    if codes != expected:
        yield "expect", f"expected {named(expected)}, but the rules say {named(codes)}"
    if example.sale_amount not in (None, verdict.sale_amount):
        worth = "none" if verdict.sale_amount is None else verdict.sale_amount
        yield "sale_amount", f"expected the amount {example.sale_amount}, but the rules say {worth}"
    if example.note is not None and verdict.note != " ".join(example.note.split()):
        yield "note", f'expected the note "{example.note}", but the rules say "{verdict.note}"'


def moment_of(example, spec, now):
    """Return when the lead of an example is posted."""
    at = example.at or open_moment(spec, now)
    return at if at.tzinfo else at.replace(tzinfo=spec.timezone)


def _reason_codes(program):
    fields = {f"{name}.{code}" for name, rule in program.fields.items() for code in rule.sentences}
    return fields | {rule.id for rule in program.rules} | {reason.code for reason in reasons_of_program(program.spec)}


def named(codes):
    """Name an outcome: its reason codes, or `valid`."""
    return ", ".join(codes) or "valid"
