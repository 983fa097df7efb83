"""Rule files to programs.

`load(path)` compiles a rule file into a Program: patterns, conditions, lists and field tables are
made once, here, and a lead is judged by calling them. RuleBook keeps the programs of a folder, and
reads a file again when it has changed.
"""

import hashlib
import logging
import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock

import suspicions
from checks import LIMITS, TYPES, Refused, Unusable
from conditions import ConditionError, all_of, any_of, compile_condition, nearest
from judgement import Claims, FieldRule, Program, Rule, judge
from lists import ListError, read_list
from payload import FORBIDDEN, canonical, clean
from rulefile import RuleFileError, read
from rulekinds import BELONGS, RULES

log = logging.getLogger("datapost")


def load(path, now=None):
    """Read and compile the rule file at `path`. Raises RuleFileError with all its errors."""
    path = Path(path)
    if FORBIDDEN.search(path.stem):  # no address can name such a program, and the database cannot hold it
        raise RuleFileError([f"{clean(str(path))}:1: rename the file: its name is no text in UTF-8"])
    if path.suffix == ".yml":
        raise RuleFileError([f"{path}:1: rename the file to {path.stem}.yaml, so that it is read"])
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise RuleFileError([f"{path}:1: the file cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise RuleFileError([f"{path}:{line}: this is not UTF-8 text: save the file as UTF-8"]) from None
    return compile_program(path.stem, str(path), text, hashlib.sha256(raw).hexdigest(), now or datetime.now(UTC))


def compile_text(name, path, text, examples=True):
    """Compile a text that was a rule file at `path` before. Raises RuleFileError."""
    return compile_program(name, path, text, hashlib.sha256(text.encode()).hexdigest(), datetime.now(UTC), examples)


def compile_program(name, path, text, digest, now, examples=True):
    """Compile the text of a rule file into a Program, and run its examples. Raises RuleFileError."""
    spec, source = read(text, path)
    program = Program(name, path, text, digest, spec, {}, {}, [], [], set(), [])
    compiler = Compiler(program, source, now.astimezone(spec.timezone))
    for field_name, field_spec in spec.fields.items():
        program.fields[field_name] = _compile_field(compiler, field_name, field_spec)
        _name_field(program, field_name, field_spec, source)
    _check_field_lists(spec, source)
    for index, rule in enumerate(spec.rules):
        _compile_rule(compiler.at(("rules", index), f'rule "{rule.id}": '), rule)
    for index, entry in enumerate(spec.sale_amount):
        there = compiler.at(("sale_amount", index), "sale_amount: ")
        program.amounts.append((there.condition(entry.when, "when") if entry.when else None, entry.amount))
    source.check()
    if examples:
        _run_examples(compiler)
        source.check()
    suspicions.of_program(spec, source)
    program.warnings.extend(source.warnings)
    return program


class Compiler:
    """What the parts of a rule file are compiled with: the program so far, and where they stand."""

    def __init__(self, program, source, now, place=(), who=""):
        self.program, self.source, self.now, self.place, self.who = program, source, now, place, who

    def at(self, place, who):
        return Compiler(self.program, self.source, self.now, place, who)

    def complain(self, key, message):
        self.source.complain((*self.place, key), f"{self.who}{message}")

    def condition(self, written, *path):
        """Compile an expression, or all, any or not of conditions, into a function of a scope."""
        if isinstance(written, dict):
            ((word, parts),) = written.items()
            if word == "not":
                inner = self.condition(parts, *path, word)
                return lambda lead_scope: not inner(lead_scope)
            inners = [self.condition(part, *path, word, index) for index, part in enumerate(parts)]
            return all_of(inners) if word == "all" else any_of(inners)
        try:
            holds = compile_condition(written, self._kinds(), self.now)
        except ConditionError as error:
            self.source.complain((*self.place, *path), f"{self.who}{path[0]}: {error}")
            return lambda _: False
        for suspicion in suspicions.of_condition(holds, path, self.program.spec, self.now):
            self.source.warn((*self.place, *path), f'{self.who}{path[0]}: "{written}" {suspicion}')
        return holds

    def _kinds(self):
        broken, fields = self.source.broken, self.program.spec.fields
        return {n: "unknown" if ("fields", n, "type") in broken else TYPES[f.type].kind for n, f in fields.items()}

    def check_fields(self, key, names):
        for name in names:
            if name not in self.program.spec.fields:
                known = nearest(name, self.program.spec.fields)
                self.complain(key, f'{key}: there is no field "{name}"{known}')

    def read_list(self, key, name, file):
        """Return the entries of a list beside the rule file, in the normal form of the field."""
        self.check_fields(key, [name])
        field, path = self.program.fields.get(name), Path(self.program.path).parent / file
        self.program.lists.add(str(path))
        if field is None or not field.parse:
            return frozenset()
        try:
            entries, unread = read_list(path, field.parse, self.program.spec.fields[name].type)
        except ListError as error:
            self.complain(key, f"{key}: {error}")
            return frozenset()
        for line in unread[:5]:
            self.source.warn((*self.place, key), f"{self.who}{path}:{line}: this line is not a valid {field.label}")
        return entries


def _compile_field(compiler, name, spec):
    row, label = TYPES[spec.type], spec.label or name.replace("_", " ")
    formats = " or ".join(spec.formats or ["YYYY-MM-DD"])
    sentences = {
        "required": f"No {label} was submitted",
        "invalid": row.sentence.format(label=label, formats=formats),
    }
    limits, complaints = [], []
    compiler = compiler.at(("fields", name), f'field "{name}": ')

    def complain(key, why):
        complaints.append(key)
        compiler.complain(key, f"{key}: {why}")

    for key in ("country", "formats", "standard", *LIMITS):
        if getattr(spec, key) is not None and key not in row.keys:
            takes = f"it takes {', '.join(sorted(row.keys))}" if row.keys else "it takes none of this sort"
            complain(key, f"a field of type {spec.type} does not take this key; {takes}")
    if spec.type == "choice" and not spec.one_of and ("fields", name) not in compiler.source.broken:
        complain("type", "a choice needs its values: write one_of: [one, another]")
    try:
        parse = row.make(spec, compiler.program.spec.timezone)
    except Unusable as error:
        complain(next((key for key in ("formats", "standard") if getattr(spec, key)), "country"), error)
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
    for least, most in (("min", "max"), ("min_length", "max_length")):
        if not complaints and getattr(spec, least) and getattr(spec, most):
            low, high = (LIMITS[key].compile(getattr(spec, key), parse) for key in (least, most))
            if low > high:
                complain(
                    least, f"{getattr(spec, least)} is more than {most}: {getattr(spec, most)}, so no value passes"
                )
    if spec.default == "":
        complain("default", "an empty default is none: leave the key out")
    required = spec.required if isinstance(spec.required, bool) else compiler.condition(spec.required, "required")
    spellings = list(dict.fromkeys(map(canonical, [name, *spec.aliases])))
    rule = FieldRule(name, label, spec, parse, limits, sentences, required, spellings)
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


def _compile_rule(compiler, spec):
    program, broken = compiler.program, compiler.place in compiler.source.broken
    words = [word for word in RULES if getattr(spec, word) is not None]
    when = compiler.condition(spec.when, "when") if spec.when else None
    if any(rule.id == spec.id for rule in program.rules):
        compiler.complain("id", "another rule has this id; give each its own")
    for key, owners in BELONGS.items():
        if getattr(spec, key) and not set(owners) & set(words) and not broken:
            compiler.complain(key, f"{key}: belongs to {' and '.join(f'{owner}:' for owner in owners)}")
    if len(words) > 1 or (not words and not broken):
        found = f"it has {' and '.join(words)}" if words else "it has none"
        compiler.complain("", f"a rule needs one of {', '.join(RULES)}; {found}")
    checks = [RULES[word](spec, compiler) for word in words]
    program.rules.append(Rule(spec.id, spec.mode, when, checks[0] if checks else None))


def judge_example(program, example, now):
    """Return the verdict on an example of a rule file, given after the leads that were posted before it."""
    at = moment_of(example, program.spec, now.astimezone(program.spec.timezone))
    return judge_in_turn(program, [*example.after, example.lead], at)[-1]


def judge_in_turn(program, leads, now):
    """Return the verdicts on leads, as rule files write them, that are posted one after the other."""
    claims, verdicts = Claims(), []
    for lead in leads:
        verdicts.append(judge(program, texts_of(lead), now))
        claims.settle(verdicts[-1])
    return verdicts


def texts_of(lead):
    """Return a lead of a rule file as `payload.decode` returns one: each field with all its values."""
    return {name: [value] if isinstance(value, str) else value for name, value in lead.items()}


def _run_examples(compiler):
    for index, example in enumerate(compiler.program.spec.examples):
        verdict = judge_example(compiler.program, example, compiler.now)
        there = compiler.at(("examples", index), f'example "{example.name}": ')
        known = _reason_codes(compiler.program)
        codes = sorted(verdict.codes)
        expected = [] if example.expect == "valid" else sorted(example.expect)
        for code in set(expected) - known:
            there.complain("expect", f'there is no reason "{code}"{nearest(code, known)}')
        if codes != expected and known >= set(expected):
            there.complain("expect", f"expected {_outcome(expected)}, but the rules say {_outcome(codes)}")
        if example.sale_amount is not None and verdict.sale_amount != example.sale_amount:
            worth = "none" if verdict.sale_amount is None else verdict.sale_amount
            there.complain("sale_amount", f"expected the amount {example.sale_amount}, but the rules say {worth}")
        if example.note is not None and verdict.note != " ".join(example.note.split()):
            there.complain("note", f'expected the note "{example.note}", but the rules say "{verdict.note}"')


def moment_of(example, spec, now):
    """Return when the lead of an example is posted."""
    at = example.at or open_moment(spec, now)
    return at if at.tzinfo else at.replace(tzinfo=spec.timezone)


def open_moment(spec, now):
    """Return the first moment from now at which leads are taken: an example without a time is of no hour.

    Otherwise a file that is right on Monday would be wrong when the service starts on a Sunday.
    """
    opening = [rule.open for rule in spec.rules if rule.open and rule.mode == "enforce"]
    for quarter in range(7 * 24 * 4):
        moment = now + timedelta(minutes=15 * quarter)
        if all(any(hours.hold(moment) for hours in times) for times in opening):
            return moment
    return now


def _reason_codes(program):
    fields = {f"{name}.{code}" for name, rule in program.fields.items() for code in rule.sentences}
    return fields | {rule.id for rule in program.rules}


def _outcome(codes):
    return ", ".join(codes) or "valid"


def rule_files(folder):
    """Return the paths of the rule files in a folder; those that start with a dot are an editor's."""
    return sorted(path for path in Path(folder).glob("[!.]*") if path.suffix in (".yaml", ".yml"))


class RuleBook:
    """The programs of a rules folder, read again when their files change.

    `programs` holds the last good state of each, by name; `errors` one line for each mistake in
    the files as they are now. `fallback(name)` may give the rule text that judged a program's
    last lead, for a process that starts while the file is broken.
    """

    LOOK_EVERY = 0.2  # seconds; a look costs a stat for each file
    SETTLED_AFTER = 0.5  # seconds without a change: an editor may save in two writes

    def __init__(self, folder, fallback=lambda name: None):
        self.folder, self.programs, self._errors, self._fallback = Path(folder), {}, {}, fallback
        self._lock, self._next_look, self._seen_at = Lock(), 0, 0
        self._stamps = self._seen = self._stamp_files()
        self._read(self._stamps.keys())

    @property
    def errors(self):
        return [error for path in sorted(self._errors) for error in self._errors[path]]

    def find(self, name):
        """Return the program of this name. Raises RuleFileError that says why there is none."""
        if name not in self.programs:
            broken = [error for error in self.errors if Path(error.partition(":")[0]).stem == name]
            raise RuleFileError(broken or [f"there is no program {name}{nearest(name, self.programs)}"])
        return self.programs[name]

    def refresh(self):
        """Read what has changed, once it has settled; a broken file changes nothing but `errors`."""
        now = time.monotonic()
        if now < self._next_look or not self._lock.acquire(blocking=False):
            return
        try:
            self._next_look = now + self.LOOK_EVERY
            stamps = self._stamp_files()
            if stamps != self._seen:
                self._seen, self._seen_at = stamps, now
            if stamps != self._stamps and (now - self._seen_at >= self.SETTLED_AFTER or self._is_old(stamps)):
                paths = stamps.keys() | self._stamps.keys()
                changed = {path for path in paths if stamps.get(path) != self._stamps.get(path)}
                self._stamps, before = stamps, set(self.errors)
                self._read(changed)
                for error in self.errors:
                    if error not in before:
                        log.error("%s", error)
        finally:
            self._lock.release()

    def _is_old(self, stamps):
        """Tell whether a change was made a while ago; where a file is gone, only waiting tells."""
        changed = (stamp for path, stamp in stamps.items() if stamp != self._stamps.get(path))
        newest = max((mtime for mtime, _, _ in changed), default=0) / 1e9
        return stamps.keys() >= self._stamps.keys() and time.time() - newest >= self.SETTLED_AFTER

    def _stamp_files(self):
        """Return the stamps of all files in the folder, and of the lists that rules name elsewhere."""
        stamps = {}
        lists = (program.lists for program in self.programs.values())
        for path in {str(path) for path in self.folder.glob("[!.]*")}.union(*lists):
            with suppress(OSError):
                stat = os.stat(path)
                stamps[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        return stamps

    def _read(self, changed):
        files = {str(path) for path in rule_files(self.folder)}
        programs, errors = dict(self.programs), {}
        for path in sorted(files):
            name = Path(path).stem
            lists = programs[name].lists if name in programs else set()
            if path in changed or path in self._errors or lists & changed:
                self._read_file(name, path, programs, errors)
        for name in [name for name, program in programs.items() if program.path not in files]:
            log.warning("%s is gone: its program takes no more leads", programs.pop(name).path)
        if not files:
            errors[""] = [f"{self.folder}: there is no rule file here; the first is default.yaml"]
        self.programs, self._errors = programs, errors
        self._stamps = self._seen = self._stamp_files() | self._stamps

    def _read_file(self, name, path, programs, errors):
        before = programs[name].hash if name in programs else None
        try:
            programs[name] = load(path)
        except Exception as error:
            # A mistake of ours in reading one file must not keep the others from being read.
            fault = [f"{path}:1: the file cannot be used: {type(error).__name__}"]
            errors[path] = error.errors if isinstance(error, RuleFileError) else fault
            if before is None and (text := self._fallback(clean(name))):
                with suppress(RuleFileError):  # a list that it names is gone
                    programs[name] = compile_text(name, path, text, examples=False)
        else:
            if before not in (None, programs[name].hash):
                log.info("%s is used in its new form, %s", path, programs[name].hash[:12])
