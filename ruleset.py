"""Rule files to programs.

`load(path)` compiles a rule file into a Program: patterns, conditions and field tables are made
once, here, and a lead is judged by calling them. RULES holds a row for each word of the rule
language; a new one needs its key in the schema (rulefile.py) and a function here.
"""

import hashlib
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from checks import LIMITS, TYPES, Refused, Unusable
from conditions import ConditionError, compile_condition, nearest
from judgement import Claim, FieldRule, Program, Reason, Rule, folded, judge
from payload import canonical
from rulefile import RuleFileError, read

# --- Rules: specification -> check. One row in RULES for each word of the language ---


def _reject_if(spec, condition, _):
    holds, reason = condition("reject_if", spec.reject_if), _rule_reason(spec)

    def check(lead_scope, verdict):
        if holds(lead_scope):
            verdict.refuse(reason, spec.id)
        else:
            verdict.say(spec.id, "passed")

    return check


def _require(spec, condition, _):
    holds, reason = condition("require", spec.require), _rule_reason(spec)

    def check(lead_scope, verdict):
        if holds(lead_scope):
            verdict.say(spec.id, "passed")
        else:
            verdict.refuse(reason, spec.id)

    return check


def _unique(spec, _, program):
    labels = " and ".join(program.fields[name].label for name in spec.unique if name in program.fields)
    reason = _rule_reason(spec, f"This {labels} was already submitted")
    # By the fields and not by the rule's id, so that a rule that is renamed goes on.
    place = ("unique", program.name, *sorted(spec.unique))

    def check(_, verdict):
        absent = [name for name in spec.unique if name not in verdict.values]
        if absent:
            verdict.say(spec.id, f"skipped: {absent[0]} is absent")
            return
        key = (*place, *(folded(verdict.values[name]) for name in sorted(spec.unique)))
        verdict.claims.append(Claim(spec.id, key, spec.within, reason))

    return check


RULES = {"reject_if": _reject_if, "require": _require, "unique": _unique}


def _rule_reason(spec, sentence=None):
    plain = spec.id.replace("-", " ").replace("_", " ")
    return Reason(spec.id, spec.note or sentence or f"This lead is not accepted ({plain})")


# --- Loading ---


def load(path, now=None):
    """Read and compile the rule file at `path`. Raises RuleFileError with all its errors."""
    path = Path(path)
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise RuleFileError([f"{path}:1: the file cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise RuleFileError([f"{path}:{line}: this is not UTF-8 text: save the file as UTF-8"]) from None
    return compile_program(path.stem, str(path), text, hashlib.sha256(raw).hexdigest(), now or datetime.now(UTC))


def compile_program(name, path, text, digest, now):
    """Compile the text of a rule file into a Program. Raises RuleFileError."""
    spec, source = read(text, path)
    program = Program(name, path, text, digest, spec, {}, {}, [], [])
    for field_name, field_spec in spec.fields.items():
        program.fields[field_name] = _compile_field(field_name, field_spec, source)
        _name_field(program, field_name, field_spec, source)
    _check_field_lists(spec, source)
    kinds = {
        name: "unknown" if ("fields", name, "type") in source.broken else TYPES[field.type].kind
        for name, field in spec.fields.items()
    }
    now = now.astimezone(spec.timezone)

    def condition(place, who, key, text):
        try:
            return compile_condition(text, kinds, now)
        except ConditionError as error:
            source.complain((*place, key), f"{who}{key}: {error}")

    for index, rule in enumerate(spec.rules):
        place = ("rules", index)
        _compile_rule(program, rule, place, partial(condition, place, f'rule "{rule.id}": '), source)
    for index, entry in enumerate(spec.sale_amount):
        when = condition(("sale_amount", index), "sale_amount: ", "when", entry.when) if entry.when else None
        program.amounts.append((when, entry.amount))
    source.check()
    _run_examples(program, source, now)
    source.check()
    return program


def _compile_field(name, spec, source):
    row, label = TYPES[spec.type], spec.label or name.replace("_", " ")
    formats = " or ".join(spec.formats or ["YYYY-MM-DD"])
    sentences = {
        "required": f"No {label} was submitted",
        "invalid": row.sentence.format(label=label, formats=formats),
    }
    limits, complaints = [], []

    def complain(key, why):
        complaints.append(key)
        source.complain(("fields", name, key), f'field "{name}": {key}: {why}')

    for key in ("country", "formats", *LIMITS):
        if getattr(spec, key) is not None and key not in row.keys:
            takes = f"it takes {', '.join(sorted(row.keys))}" if row.keys else "it takes none of this sort"
            complain(key, f"a field of type {spec.type} does not take this key; {takes}")
    if spec.type == "choice" and not spec.one_of and ("fields", name) not in source.broken:
        complain("type", "a choice needs its values: write one_of: [one, another]")
    try:
        parse = row.make(spec)
    except Unusable as error:
        complain("formats" if spec.formats else "country", error)
        parse = None
    for key, limit in LIMITS.items():
        if (given := getattr(spec, key)) is not None and key in row.keys and parse:
            try:
                compiled = limit.compile(given, parse)
            except Unusable as error:
                complain(key, error)
                continue
            limits.append(partial(limit.check, compiled))
            sentences[limit.code] = limit.sentence.format(label=label, limit=given)
    rule = FieldRule(name, label, row.kind, spec.required, spec.default, parse, limits, sentences, spec.note)
    for key in ("default", "example"):
        if (text := getattr(spec, key)) is not None and not complaints:
            try:
                rule.value(text)
            except Refused as error:
                complain(key, f'"{text}" does not pass the field\'s own checks ({name}.{error.code})')
    return rule


def _name_field(program, name, spec, source):
    for key, spelling in [("type", name), *(("aliases", alias) for alias in spec.aliases)]:
        owner = program.names.setdefault(canonical(spelling), name)
        if owner != name:
            source.complain(("fields", name, key), f'field "{name}": "{spelling}" already means the field "{owner}"')


def _check_field_lists(spec, source):
    named = {"customer": spec.customer, "retry_key": spec.retry_key}
    named |= {key: [getattr(spec, key)] for key in ("partner", "test_flag") if getattr(spec, key)}
    for key, names in named.items():
        for name in names:
            if name not in spec.fields:
                source.complain((key,), f'{key}: there is no field "{name}"{nearest(name, spec.fields)}')
    flag = spec.fields.get(spec.test_flag)
    if flag and TYPES[flag.type].kind != "boolean" and ("fields", spec.test_flag, "type") not in source.broken:
        source.complain(("test_flag",), f'test_flag: give the field "{spec.test_flag}" the type boolean')


def _compile_rule(program, spec, place, condition, source):
    who = f'rule "{spec.id}": '
    words = [word for word in RULES if getattr(spec, word) is not None]
    when = condition("when", spec.when) if spec.when else None
    if any(rule.id == spec.id for rule in program.rules):
        source.complain((*place, "id"), f"{who}another rule has this id; give each its own")
    if spec.within and "unique" not in words and place not in source.broken:
        source.complain((*place, "within"), f"{who}within: belongs to unique:")
    for name in spec.unique or []:
        if name not in program.spec.fields:
            known = nearest(name, program.spec.fields)
            source.complain((*place, "unique"), f'{who}unique: there is no field "{name}"{known}')
    if len(words) > 1 or (not words and place not in source.broken):
        found = f"it has {' and '.join(words)}" if words else "it has none"
        source.complain(place, f"{who}a rule needs one of {', '.join(RULES)}; {found}")
    check = [RULES[word](spec, condition, program) for word in words]
    program.rules.append(Rule(spec.id, when, check[0] if check else None))


def _run_examples(program, source, now):
    for index, example in enumerate(program.spec.examples):
        lead = {name: [value] if isinstance(value, str) else value for name, value in example.lead.items()}
        codes = sorted(reason.code for reason in judge(program, lead, now).reasons)
        expected = [] if example.expect == "valid" else sorted(example.expect)
        if codes != expected:
            said = f"expected {_outcome(expected)}, but the rules say {_outcome(codes)}"
            source.complain(("examples", index, "expect"), f'example "{example.name}": {said}')


def _outcome(codes):
    return ", ".join(codes) or "valid"


class RuleBook:
    """The programs of a rules folder: `programs` by name, and `errors`, one line for each mistake."""

    def __init__(self, folder):
        self.folder, self.programs, self.errors = Path(folder), {}, []
        self.load()

    def load(self):
        paths = sorted(p for p in self.folder.glob("*.y*ml") if not p.name.startswith("."))
        for path in paths:
            try:
                if path.suffix != ".yaml":
                    raise RuleFileError([f"{path}:1: rename the file to {path.stem}.yaml, so that it is read"])
                self.programs[path.stem] = load(path)
            except RuleFileError as error:
                self.errors += error.errors
        if not paths:
            self.errors.append(f"{self.folder}: there is no rule file here; the first is default.yaml")
