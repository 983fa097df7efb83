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

from judge import countries, lint, several
from judge.aliases import read_alias
from judge.conditions import compile_condition, compile_number
from judge.deliver import compile_deliver
from judge.examples import run_examples
from judge.fields import compile_field
from judge.grammar import ConditionError
from judge.lists import ListError, OfCountries, lines_of, read_list
from judge.meant import nearest
from judge.program import Program, Rule
from judge.rulefile import Finding, RuleFileError, decoded, read
from judge.rules import RULES, owners_of, words_of
from judge.scope import Kinds, all_of, any_of, several_of
from judge.types import TYPES
from judge.values import FORBIDDEN, Unusable, canonical, clean, forms_of


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


def compile_text(name, path, text, examples=True, lists=None, lists_gone=False, texts=None):
    """Compile a text that was a rule file at `path` before, or may become one. Raises RuleFileError."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return compile_program(name, path, text, digest, datetime.now(UTC), examples, lists, lists_gone, texts)


def compile_program(name, path, text, digest, now, examples=True, lists=None, lists_gone=False, texts=None):
    """Compile the text of a rule file into a Program, and run its examples. Raises RuleFileError.

    With `lists`, the paths of lists, it may name no others. With `lists_gone`, one that cannot be read is empty. With
    `texts`, `{path: text}`, lists are what stands there, and not on disk.
    """
    spec, source = read(text, path)
    program = Program(name, path, text, digest, spec, {}, {}, [], [], source.lists, {}, source, [])
    compiler = Compiler(program, source, now.astimezone(spec.timezone), lists, lists_gone, texts)
    for field_name, field_spec in spec.fields.items():
        program.fields[field_name] = compile_field(compiler, field_name, field_spec)
        _name_field(program, field_name, field_spec, source)
    _check_unpack(program, source)
    countries.check_fields(spec.fields, source)
    _check_field_lists(spec, source)
    several.check(spec, source)
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
    for index, entry in enumerate(spec.deliver):
        place = ("deliver", index)
        is_named = (*place, "to") not in source.broken
        who = f'destination "{entry.to}": ' if is_named else f"destination number {index + 1}: "
        compile_deliver(compiler.at(place, who), entry)
    source.check()
    if examples:
        run_examples(compiler)
        source.check()
    lint.of_program(program, source, compiler.now.date())
    program.warnings.extend(source.warnings)
    return program


class Compiler:
    """What the parts of a rule file are compiled with: the program so far, and where they stand."""

    def __init__(self, program, source, now, lists=None, lists_gone=False, texts=None):
        self.program, self.source, self.now, self.lists, self.place, self.who = program, source, now, lists, (), ""
        self.blanks, self._lists_gone, self._texts = forms_of(program.spec.blanks), lists_gone, texts
        self._kinds = Kinds((name, self._kind_of(name)) for name in program.spec.fields)

    def _kind_of(self, name):
        field = self.program.spec.fields[name]
        kind = "unknown" if ("fields", name, "type") in self.source.broken else TYPES[field.type].kind
        return several_of(kind) if field.multiple else kind

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

    def warn_of(self, key, why):
        self.source.warn((*self.place, key), f"{self.who}{key}: {why}")

    def complain_of_all(self, key, error, told=""):
        """Complain of a key that is Unusable, of each of its values for itself; `told` ends the sentences."""
        for position, why in error.reasons:
            self.complain_at((key,) if position is None else (key, position), f"{key}: {why}{told}")

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
            if field.in_country and field.spec.type != "phone":
                read_in = field.in_country.exactly
                return OfCountries(lines_of(path, self._texts), lambda country: read_in(country).parse, field.spec)
            entries, unread = read_list(path, field.parse, self.program.spec.fields[name], self._texts)
        except ListError as error:
            if self._lists_gone:
                return frozenset()
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
    """Warn of a last row that a lead may not fit, since it lacks a field, or the end of a range."""
    if entry.when or entry is not compiler.program.spec.sale_amount[-1]:
        return
    fields = compiler.program.spec.fields
    for name in (name for name in fields if name in names):
        lacks = f"without {name}" if not _is_always_there(fields[name]) else f"whose {name} is open on that side"
        if fields[name].type == "range" or not _is_always_there(fields[name]):
            compiler.source.warn(
                compiler.place, f"sale_amount: a lead {lacks} is worth 0.00: add a row with an amount for it"
            )
            return


def _is_always_there(field):
    return field.default is not None or (field.required is True and field.on_invalid == "reject")


def _computed_amount(compute, at_most, lead_scope):
    with localcontext(_EXACT):
        value = min(compute(lead_scope), at_most)
        return value.quantize(_CENT) if value > 0 else Decimal("0.00")


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
    named |= {"partner": spec.partner, "test_flag": [spec.test_flag] if spec.test_flag else []}
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
