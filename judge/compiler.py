"""Rule files to programs.

`load(path)` compiles a rule file into a Program: patterns, conditions, lists and field tables are
made once, here, and a lead is judged by calling them.
"""

import hashlib
from copy import copy
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import partial
from pathlib import Path

from judge import lint
from judge.aliases import read_alias, spellings
from judge.conditions import compile_condition, compile_number, nearest
from judge.examples import run_examples
from judge.grammar import ConditionError
from judge.limits import LIMITS
from judge.lists import ListError, read_list
from judge.program import FieldRule, Program, Rule
from judge.rulefile import Finding, RuleFileError, decoded, read
from judge.rules import RULES, owners_of, words_of
from judge.scope import Kinds, all_of, any_of
from judge.types import TYPES, formats_of
from judge.values import FORBIDDEN, Refused, Unusable, canonical, clean, forms_of


def load(path, now=None):
    """Read and compile the rule file at `path`. Raises RuleFileError with all its errors."""
    path = Path(path)
    if FORBIDDEN.search(path.stem):  # no address can name such a program, and the database cannot hold it
        raise RuleFileError([Finding(clean(str(path)), 1, "rename the file: its name is no text in UTF-8")])
    if path.suffix == ".yml":
        raise RuleFileError([Finding(str(path), 1, f"rename the file to {path.stem}.yaml, so that it is read")])
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RuleFileError([Finding(str(path), 1, f"the file cannot be read: {error.strerror}")]) from None
    text = decoded(raw, str(path))
    return compile_program(path.stem, str(path), text, hashlib.sha256(raw).hexdigest(), now or datetime.now(UTC))


def compile_text(name, path, text, examples=True, lists=None):
    """Compile a text that was a rule file at `path` before, or may become one. Raises RuleFileError."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return compile_program(name, path, text, digest, datetime.now(UTC), examples, lists)


def compile_program(name, path, text, digest, now, examples=True, lists=None):
    """Compile the text of a rule file into a Program, and run its examples. Raises RuleFileError.

    With `lists`, the paths of lists, it may name no others.
    """
    spec, source = read(text, path)
    program = Program(name, path, text, digest, spec, {}, {}, [], [], source.lists, {}, source, [])
    compiler = Compiler(program, source, now.astimezone(spec.timezone), lists)
    for field_name, field_spec in spec.fields.items():
        program.fields[field_name] = _compile_field(compiler, field_name, field_spec)
        _name_field(program, field_name, field_spec, source)
    _check_unpack(program, source)
    _check_field_lists(spec, source)
    if spec.test_if:
        program.marks.append(compiler.condition(spec.test_if, "test_if"))
    if spec.starts and spec.ends and spec.ends < spec.starts:
        source.complain(("ends",), f"ends: {spec.ends} is before starts: {spec.starts}, so no lead is ever taken")
    for index, rule in enumerate(spec.rules):
        place = ("rules", index)
        is_named = (*place, "id") not in source.broken  # else its id is none that stands in the file
        _compile_rule(compiler.at(place, f'rule "{rule.id}": ' if is_named else f"rule number {index + 1}: "), rule)
    for index, entry in enumerate(spec.sale_amount):
        _compile_amount(compiler.at(("sale_amount", index), "sale_amount: "), entry)
    source.check()
    if examples:
        run_examples(compiler)
        source.check()
    lint.of_program(program, source, compiler.now.date())
    program.warnings.extend(source.warnings)
    return program


class Compiler:
    """What the parts of a rule file are compiled with: the program so far, and where they stand."""

    def __init__(self, program, source, now, lists=None):
        self.program, self.source, self.now, self.lists, self.place, self.who = program, source, now, lists, (), ""
        self.blanks = forms_of(program.spec.blanks)
        self._kinds = Kinds(
            (name, "unknown" if ("fields", name, "type") in source.broken else TYPES[field.type].kind)
            for name, field in program.spec.fields.items()
        )

    def at(self, place, who):
        there = copy(self)
        there.place, there.who, there.complained = place, who, False
        return there

    def count(self, parts):
        """Add what a part of the file costs beyond its text to the size of the file."""
        self.source.count(self.place, parts)

    def complain(self, key, message):
        self.complain_at((key,), message)

    def complain_at(self, path, message):
        """Complain of a part that stands deeper than a key."""
        self.complained = True
        self.source.complain((*self.place, *path), f"{self.who}{message}")

    def complain_of(self, key, why):
        self.complain(key, f"{key}: {why}")

    def condition(self, written, *path):
        """Compile an expression, or all, any or not of conditions, into a function of a scope."""
        if isinstance(written, dict):
            ((word, parts),) = written.items()
            if word == "not":
                inner = self.condition(parts, *path, word)
                return lambda lead_scope: not inner(lead_scope)
            inners = [self.condition(part, *path, word, index) for index, part in enumerate(parts)]
            return all_of(inners) if word == "all" else any_of(inners)
        holds = self.expression(compile_condition, written, *path)
        if holds is None:
            return lambda _: False
        for suspicion in lint.of_condition(holds, path, self.program, self.now):
            self.source.warn((*self.place, *path), f'{self.who}{path[0]}: "{written}" {suspicion}')
        return holds

    def expression(self, compile_one, written, *path):
        """Compile an expression; None if it cannot be used."""
        self.source.count((*self.place, *path), len(written) // 2)  # up to 20 µs for each character
        self._kinds.entries = partial(self._entries, path)
        try:
            return compile_one(written, self._kinds)
        except ConditionError as error:
            cut = "; what follows # is a comment: put all of it in quotes"
            self.complain_at(path, f"{path[0]}: {error}{cut if (*self.place, *path) in self.source.cut else ''}")
            return None

    def check_fields(self, key, names):
        for name in names:
            if name not in self.program.spec.fields:
                known = nearest(name, self.program.spec.fields)
                self.complain(key, f'{key}: there is no field "{name}"{known}')

    def read_list(self, key, name, file):
        """Return the entries of a list beside the rule file, in the normal form of the field."""
        self.check_fields(key, [name])
        try:
            return self._entries((key,), name, file)
        except ConditionError as error:
            self.complain_of(key, error)
            return frozenset()

    def _entries(self, place, name, file):
        """Return the entries of a list, which stands at this place. Raises ConditionError."""
        field, path = self.program.fields.get(name), Path(self.program.path).parent / file
        if self.lists is not None and str(path) not in self.lists:
            known = ", ".join(sorted(Path(known).name for known in self.lists)) or "none"
            raise ConditionError(f'here only lists that the file in use names ({known}), and not "{file[:100]}"')
        self.program.lists.add(str(path))
        self.program.listed.add(name)
        if field is None or not field.parse:
            return frozenset()
        try:
            entries, unread = read_list(path, field.parse, self.program.spec.fields[name])
        except ListError as error:
            raise ConditionError(str(error)) from None
        for line in unread[:5]:
            self.source.warn((*self.place, *place), f"{self.who}{path}:{line}: this line is not a valid {field.label}")
        return entries


# A computed amount is exact: a product of ten numbers that are as long as numbers can be fits.
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)
_CENT = Decimal("0.01")


def _compile_amount(compiler, entry):
    """Compile a row of sale_amount: what it is for, and the amount or, where it is computed, a function of a scope."""
    when, amount = compiler.condition(entry.when, "when") if entry.when else None, entry.amount
    is_broken = compiler.place in compiler.source.broken
    if isinstance(amount, str):
        if compute := compiler.expression(compile_number, amount, "amount"):
            _warn_of_no_amount(compiler, entry, compute.names)
            if entry.at_most is None and not is_broken:
                compiler.complain("amount", "amount: what is computed needs a bound: write at_most: 80.00, for example")
        amount = partial(_computed_amount, compute, entry.at_most)
    elif entry.at_most is not None and not is_broken:
        compiler.complain("at_most", "at_most: belongs to an amount that is computed, such as loan_amount * 0.0001")
    compiler.program.amounts.append((when, amount))


def _warn_of_no_amount(compiler, entry, names):
    """Warn of a last row that a lead may not fit, since it lacks a field."""
    fields = compiler.program.spec.fields
    may_lack = [name for name in fields if name in names and not _is_always_there(fields[name])]
    if may_lack and not entry.when and entry is compiler.program.spec.sale_amount[-1]:
        advice = "add a row with an amount for it"
        compiler.source.warn(compiler.place, f"sale_amount: a lead without {may_lack[0]} is worth 0.00: {advice}")


def _is_always_there(field):
    return field.default is not None or (field.required is True and field.on_invalid == "reject")


def _computed_amount(compute, at_most, lead_scope):
    with localcontext(_EXACT):
        value = min(compute(lead_scope), at_most)
        return value.quantize(_CENT) if value > 0 else Decimal("0.00")


def _compile_field(compiler, name, spec):
    row, label = TYPES[spec.type], spec.label or name.replace("_", " ")
    sentences = {"required": f"No {label} was submitted"}
    compiler = compiler.at(("fields", name), f'field "{name}": ')
    _check_keys(compiler, spec, row)
    parse = _make_type(compiler, spec, row)
    limits = [compiled for key in LIMITS if (compiled := _compile_limit(compiler, spec, key, parse))]
    told = {"label": label, "formats": formats_of(spec)}
    sentences["invalid"] = row.sentence.format(**told)
    for limit, (given, _) in limits:
        sentence = limit.sentence.format(label=label, limit=given)
        earlier = sentences.get(limit.code)  # a number may be of another country, or of another kind
        sentences[limit.code] = f"{earlier}, or {sentence[0].lower()}{sentence[1:]}" if earlier else sentence
    if not compiler.complained:
        _check_order(compiler, spec, parse)
    if spec.default == "":
        compiler.complain_of("default", "an empty default is none: leave the key out")
    required = spec.required if isinstance(spec.required, bool) else compiler.condition(spec.required, "required")
    known = list(dict.fromkeys(spelling for alias in [name, *spec.aliases] for spelling in spellings(alias)))
    checks = [partial(limit.check, compiled) for limit, (_, compiled) in limits]
    blanks = tuple(filter(None, (compiler.blanks, forms_of(spec.blanks))))
    ambiguous = row.ambiguous.format(**told)
    rule = FieldRule(name, label, spec, parse, checks, sentences, required, known, ambiguous, blanks)
    if not compiler.complained:
        _try_own_values(compiler, rule)
    return rule


# The keys by which a type is made, the likeliest first where it does not say which of them it cannot use.
_MAKING = ("formats", "standard", "country", "yes", "no")


def _check_keys(compiler, spec, row):
    """Complain of keys that belong to other types, and of those that are missing."""
    of_no_type = (*compiler.place, "type") in compiler.source.broken  # what it does not take nobody knows
    for key in () if of_no_type else (*_MAKING, "exact", "pad", *LIMITS):
        if getattr(spec, key) is not None and key not in row.keys:
            takes = f"it takes {', '.join(sorted(row.keys))}" if row.keys else "it takes none of this sort"
            compiler.complain_of(key, f"a field of type {spec.type} does not take this key; {takes}")
    if spec.type == "choice" and not spec.one_of and compiler.place not in compiler.source.broken:
        compiler.complain_of("type", "a choice needs its values: write one_of: [one, another]")


def _make_type(compiler, spec, row):
    """Return the function from text to value, or None where it cannot be made."""
    compiler.count(5 * len(spec.formats or []))  # each becomes a regular expression
    compiler.count(len([*spec.blanks, *(spec.yes or []), *(spec.no or [])]))
    compiler.count(len(spec.one_of or []))  # each is read as the type reads it: an address takes 100 µs
    try:
        return row.make(spec, compiler.program.spec.timezone)
    except Unusable as error:
        compiler.complain_of(error.key or next(key for key in _MAKING if key in row.keys), error)
        return None


def _compile_limit(compiler, spec, key, parse):
    """Return the row of a limit with what the field gives for it, as written and as compiled; None if it has none."""
    limit, given = LIMITS[key], getattr(spec, key)
    if given is None or key not in TYPES[spec.type].keys or not parse:
        return None
    try:
        compiled = limit.compile(given, parse)
    except Unusable as error:
        takes = key in ("min", "max", "one_of") and TYPES[spec.type].told(spec, compiler.program.spec.timezone)
        compiler.complain_of(key, f"{error}: it takes {takes}" if takes else error)
        return None
    compiler.count(getattr(compiled, "programsize", 0) // 75)  # of a pattern: 0.6 µs for each step
    return limit, (given, compiled)


def _check_order(compiler, spec, parse):
    for least, most in (("min", "max"), ("min_length", "max_length")):
        low, high = getattr(spec, least), getattr(spec, most)
        if low and high and LIMITS[least].compile(low, parse) > LIMITS[most].compile(high, parse):
            compiler.complain_of(least, f"{low} is more than {most}: {high}, so no value passes")


def _try_own_values(compiler, rule):
    for key in ("default", "example"):
        if (text := getattr(rule.spec, key)) is not None and not compiler.complained:
            if rule.is_blank(text):
                compiler.complain_of(key, f'"{text}" counts as absent: it stands under blanks')
                continue
            try:
                rule.value(text)
            except Refused as error:
                takes = TYPES[rule.spec.type].told(rule.spec, compiler.program.spec.timezone)
                code = f"{rule.name}.{error.code}" + (f"): it takes {takes}" if error.code == "invalid" else ")")
                compiler.complain_of(key, f'"{text}" does not pass the field\'s own checks ({code}')


def _name_field(program, name, spec, source):
    aliases = [(("aliases", number), alias) for number, alias in enumerate(spec.aliases)]
    for key, written in [(("type",), name), *aliases]:
        try:
            first, *others = read_alias(written).spellings
        except Unusable as error:
            source.complain(("fields", name, *key), f'field "{name}": aliases: "{written[:100]}" {error}')
            continue
        owner = program.names.setdefault(first, name)
        if owner != name:
            source.complain(("fields", name, *key), f'field "{name}": "{written}" already means the field "{owner}"')
        for other in others:
            program.names.setdefault(other, name)


def _check_unpack(program, source):
    for number, written in enumerate(program.spec.unpack):
        try:
            if read_alias(written).steps:
                raise Unusable("picks an item: write the name alone, such as data or Body.Lead")
        except Unusable as error:
            source.complain(("unpack", number), f'unpack: "{written[:100]}" {error}')
            continue
        if owner := program.field_of(written):
            meant = f'"{written}" is a name of the field "{owner}", which never has it: its text is taken apart'
            source.warn(("unpack", number), f"unpack: {meant}")
    for index, example in enumerate(program.spec.examples):
        for name in (name for lead in [example.lead, *example.after] for name in lead):
            if canonical(name) in program.unpack:
                meant = f'"{name}" is taken apart when a lead comes: write the fields that it holds'
                source.complain(("examples", index, "lead"), f'example "{example.name}": lead: {meant}')


def _check_field_lists(spec, source):
    named = {"customer": spec.customer, "retry_key": spec.retry_key, "query_wins": spec.query_wins}
    named |= {key: [getattr(spec, key)] for key in ("partner", "test_flag") if getattr(spec, key)}
    for key, names in named.items():
        for name in names:
            if name not in spec.fields:
                source.complain((key,), f'{key}: there is no field "{name}"{nearest(name, spec.fields)}')
    if "test_limit" in spec.model_fields_set and not spec.has_tests:
        source.complain(("test_limit",), "test_limit: belongs to test_flag: or test_if:, which says what marks a test")
    if spec.test_flag and spec.test_if:
        source.complain(("test_if",), "test_if: test_flag says already what marks a test: keep one of the two")
    flag = spec.fields.get(spec.test_flag)
    if flag and TYPES[flag.type].kind != "boolean" and ("fields", spec.test_flag, "type") not in source.broken:
        source.complain(("test_flag",), f'test_flag: give the field "{spec.test_flag}" the type boolean')


def _compile_rule(compiler, spec):
    program, broken = compiler.program, compiler.place in compiler.source.broken
    words = words_of(spec)
    when = compiler.condition(spec.when, "when") if spec.when else None
    if any(rule.id == spec.id for rule in program.rules):
        compiler.complain("id", "another rule has this id; give each its own")
    others = [rule for rule in program.spec.rules if rule is not spec]
    if spec.id_before and any(spec.id_before in (rule.id, rule.id_before) for rule in others):
        compiler.complain("id_before", f'id_before: another rule is or was called "{spec.id_before}"')
    for key in ("within", "across", "per", "by"):
        owners = owners_of(key)
        if getattr(spec, key) and not set(owners) & set(words) and not broken:
            compiler.complain(key, f"{key}: belongs to {' and '.join(f'{owner}:' for owner in owners)}")
    if len(words) > 1 or (not words and not broken):
        found = f"it has {' and '.join(words)}" if words else "it has none"
        compiler.complain("", f"a rule needs one of {', '.join(RULES)}; {found}")
    # Hours are asked up to 672 times by `open_moment`, and a day that is closed up to 8 times.
    compiler.count(10 * len(spec.open or []) + len(spec.closed or []))
    checks = [RULES[word].compile(spec, compiler) for word in words]
    program.rules.append(Rule(spec.id, spec.mode, when, checks[0] if checks else None))
