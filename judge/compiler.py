"""Rule files to programs.

`load(path)` compiles a rule file into a Program: patterns, conditions, lists and field tables are
made once, here, and a lead is judged by calling them. RuleBook keeps the programs of a folder, and
reads a file again when it has changed.
"""

import hashlib
import logging
import math
import os
import time
from collections import deque
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock

from judge import lint
from judge.changes import begun_anew
from judge.conditions import ConditionError, all_of, any_of, compile_condition, nearest
from judge.judgement import TEST_LIMIT, Claims, FieldRule, Program, Rule, judge, longer
from judge.lists import ListError, read_list
from judge.rulefile import RuleFileError, read
from judge.rules import BELONGS, RULES
from judge.types import LIMITS, TYPES, Refused, Unusable
from judge.values import FORBIDDEN, canonical, clean

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
    lint.of_program(spec, source)
    program.warnings.extend(source.warnings)
    return program


class Compiler:
    """What the parts of a rule file are compiled with: the program so far, and where they stand."""

    def __init__(self, program, source, now, lists=None):
        self.program, self.source, self.now, self.lists, self.place, self.who = program, source, now, lists, (), ""
        self._kinds = {
            name: "unknown" if ("fields", name, "type") in source.broken else TYPES[field.type].kind
            for name, field in program.spec.fields.items()
        }

    def at(self, place, who):
        there = copy(self)
        there.place, there.who = place, who
        return there

    def count(self, parts):
        """Add what a part of the file costs beyond its text to the size of the file."""
        self.source.count(self.place, parts)

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
        self.source.count((*self.place, *path), len(written) // 2)  # up to 20 µs for each character
        try:
            holds = compile_condition(written, self._kinds)
        except ConditionError as error:
            self.source.complain((*self.place, *path), f"{self.who}{path[0]}: {error}")
            return lambda _: False
        for suspicion in lint.of_condition(holds, path, self.program.spec, self.now):
            self.source.warn((*self.place, *path), f'{self.who}{path[0]}: "{written}" {suspicion}')
        return holds

    def check_fields(self, key, names):
        for name in names:
            if name not in self.program.spec.fields:
                known = nearest(name, self.program.spec.fields)
                self.complain(key, f'{key}: there is no field "{name}"{known}')

    def read_list(self, key, name, file):
        """Return the entries of a list beside the rule file, in the normal form of the field."""
        self.check_fields(key, [name])
        field, path = self.program.fields.get(name), Path(self.program.path).parent / file
        if self.lists is not None and str(path) not in self.lists:
            known = ", ".join(sorted(Path(known).name for known in self.lists)) or "none"
            self.complain(key, f'{key}: here only lists that the file in use names ({known}), and not "{file[:100]}"')
            return frozenset()
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
    compiler.count(5 * len(spec.formats or []))  # each becomes a regular expression
    compiler.count(len(spec.one_of or []))  # each is read as the type reads it: an address takes 100 µs
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
            compiler.count(getattr(compiled, "programsize", 0) // 75)  # of a pattern: 0.6 µs for each step
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
    named = {"customer": spec.customer, "retry_key": spec.retry_key, "query_wins": spec.query_wins}
    named |= {key: [getattr(spec, key)] for key in ("partner", "test_flag") if getattr(spec, key)}
    for key, names in named.items():
        for name in names:
            if name not in spec.fields:
                source.complain((key,), f'{key}: there is no field "{name}"{nearest(name, spec.fields)}')
    if "test_limit" in spec.model_fields_set and not spec.test_flag:
        source.complain(("test_limit",), "test_limit: belongs to test_flag:, which says what marks a test")
    flag = spec.fields.get(spec.test_flag)
    if flag and TYPES[flag.type].kind != "boolean" and ("fields", spec.test_flag, "type") not in source.broken:
        source.complain(("test_flag",), f'test_flag: give the field "{spec.test_flag}" the type boolean')


def _compile_rule(compiler, spec):
    program, broken = compiler.program, compiler.place in compiler.source.broken
    words = [word for word in RULES if getattr(spec, word) is not None]
    when = compiler.condition(spec.when, "when") if spec.when else None
    if any(rule.id == spec.id for rule in program.rules):
        compiler.complain("id", "another rule has this id; give each its own")
    others = [rule for rule in program.spec.rules if rule is not spec]
    if spec.id_before and any(spec.id_before in (rule.id, rule.id_before) for rule in others):
        compiler.complain("id_before", f'id_before: another rule is or was called "{spec.id_before}"')
    for key, owners in BELONGS.items():
        if getattr(spec, key) and not set(owners) & set(words) and not broken:
            compiler.complain(key, f"{key}: belongs to {' and '.join(f'{owner}:' for owner in owners)}")
    if len(words) > 1 or (not words and not broken):
        found = f"it has {' and '.join(words)}" if words else "it has none"
        compiler.complain("", f"a rule needs one of {', '.join(RULES)}; {found}")
    compiler.count(10 * len(spec.open or []))  # asked up to 672 times by `open_moment`
    checks = [RULES[word](spec, compiler) for word in words]
    program.rules.append(Rule(spec.id, spec.mode, when, checks[0] if checks else None))


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
        verdict = judge(program, texts_of(lead), now)
        claims.settle(verdict)
        yield verdict


def texts_of(lead):
    """Return a lead of a rule file as `payload.decode` returns one: each field with all its values."""
    return {name: [value] if isinstance(value, str) else value for name, value in lead.items()}


MAX_STEPS = 500_000  # leads of examples times the parts of the file; a step costs 1 µs at most


def _run_examples(compiler):
    known, leads = _reason_codes(compiler.program), 0
    for index, example in enumerate(compiler.program.spec.examples):
        leads += 1 + len(example.after)
        if leads > (most := MAX_STEPS // compiler.source.size):
            why = f"to try so many takes long: in a file of this length keep {most} leads, those under after: included"
            compiler.at(("examples", index), "examples: ").complain("name", why)
            return
        verdict = judge_example(compiler.program, example, compiler.now)
        there = compiler.at(("examples", index), f'example "{example.name}": ')
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
    return _opening(tuple(tuple(rule.open) for rule in spec.rules if rule.open and rule.mode == "enforce"), now)


@lru_cache(maxsize=8)
def _opening(opening, now):
    for quarter in range(7 * 24 * 4):
        moment = now + timedelta(minutes=15 * quarter)
        if all(any(hours.hold(moment) for hours in times) for times in opening):
            return moment
    return now


def _reason_codes(program):
    fields = {f"{name}.{code}" for name, rule in program.fields.items() for code in rule.sentences}
    tests = {TEST_LIMIT.code} if program.spec.test_flag else set()
    return fields | {rule.id for rule in program.rules} | tests


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

    The first lead after a silence is judged by what is on disk then; while leads come, what has
    changed is used within a second. What was changed just now may not be whole yet, and waits until
    it is still, each file by itself.
    """

    LOOK_EVERY = 0.2  # seconds; a look costs a stat for each file
    STALE_AFTER = 1  # seconds since the last look; then nobody is judged while another thread reads
    RULES_STILL = 0.5  # seconds without a change: an editor may save in two writes
    LISTS_STILL = 1  # seconds: they are longer, and uploaded

    def __init__(self, folder, fallback=lambda name: None):
        self.folder, self.programs, self._errors, self._fallback = Path(folder), {}, {}, fallback
        self._lock, self._looked_at = Lock(), 0
        # The lists that each rule file names; the stamps of all files as they were read; and those of what has
        # changed, with the time when that was seen first.
        self._lists, self._stamps, self._seen = {}, {}, {}
        self._stamps = self._stamp_files()
        self._read(self._stamps.keys(), starting=True)

    @property
    def errors(self):
        return [error for path in sorted(self._errors) for error in self._errors[path]]

    def find(self, name):
        """Return the program of this name. Raises RuleFileError that says why there is none."""
        if name not in self.programs:
            broken = [error for error in self.errors if Path(error.partition(":")[0]).stem == name]
            raise RuleFileError(broken or [f"there is no program {name}{nearest(name, self.programs)}"])
        return self.programs[name]

    def refresh(self, waits=True):
        """Read what has changed, once it is still; a broken file changes nothing but `errors`.

        Who `waits` may have to for a second, if nothing tells for how long a file has been still.
        """
        now = time.monotonic()
        silence = now - self._looked_at
        if silence < self.LOOK_EVERY or not self._lock.acquire(blocking=silence >= self.STALE_AFTER):
            return
        try:
            if self._looked_at < now:  # else another thread has looked while this one waited
                doubtful = self._look()
                if doubtful and waits and silence >= self.STALE_AFTER:
                    time.sleep(max(map(self._patience, doubtful)))
                    self._look()
        finally:
            self._lock.release()

    def _look(self):
        """Read what has changed and is still. Return the paths of which nothing tells how long they have been so."""
        now, stamps, still, doubtful = time.monotonic(), self._stamp_files(), {}, set()
        found = [(path, stamps.get(path)) for path in stamps.keys() | self._stamps.keys()]
        changes = [(path, stamp) for path, stamp in found if stamp != self._stamps.get(path)]
        self._seen = {change: self._seen.get(change, now) for change in changes}
        for (path, stamp), seen_at in self._seen.items():
            age = _age(path, stamp)
            if max(age, now - seen_at) >= self._patience(path):
                still[path] = stamp
            elif stamp is None or age < 0:
                doubtful.add(path)
        if still:
            before = set(self.errors)
            self._stamps = {path: stamp for path, stamp in (self._stamps | still).items() if stamp}
            self._read(still.keys())
            for error in self.errors:
                if error not in before:
                    log.error("%s", error)
        self._looked_at = now
        return doubtful

    def _patience(self, path):
        return self.RULES_STILL if path.endswith((".yaml", ".yml")) else self.LISTS_STILL

    def _stamp_files(self):
        """Return the stamps of all rule files, and of the lists that they name, wherever those are."""
        paths = {str(path) for path in rule_files(self.folder)}.union(*self._lists.values())
        return {path: stamp for path in paths if (stamp := _stamp(path))}

    def _read(self, changed, starting=False):
        files = {str(path) for path in rule_files(self.folder)}
        programs, errors = dict(self.programs), {}
        self._lists = {path: lists for path, lists in self._lists.items() if path in files}
        for path in sorted(files):
            if path in changed or path in self._errors or self._lists.get(path, set()) & changed:
                self._read_file(Path(path).stem, path, programs, errors, starting)
        for name in [name for name, program in programs.items() if program.path not in files]:
            log.warning("%s is gone: its program takes no more leads", programs.pop(name).path)
        _share_places(programs.values())
        if not files:
            errors[""] = [f"{self.folder}: there is no rule file here; the first is default.yaml"]
        self.programs, self._errors = programs, errors

    def _read_file(self, name, path, programs, errors, starting):
        before = programs[name].hash if name in programs else None
        began = time.time()
        try:
            program = load(path)
        except Exception as error:
            # A mistake of ours in reading one file must not keep the others from being read.
            fault = [f"{path}:1: the file cannot be used: {type(error).__name__}"]
            errors[path] = error.errors if isinstance(error, RuleFileError) else fault
            self._lists[path] = set(getattr(error, "lists", ()))
            if before is None and (text := self._fallback(clean(name))):
                with suppress(RuleFileError):  # a list that it names is gone
                    programs[name] = compile_text(name, path, text, examples=False)
        else:
            self._lists[path] = program.lists
            halves = [list_path for list_path in program.lists if not self._is_still(list_path, began)]
            if halves and not starting:
                return  # it is read again when they are still
            programs[name] = program
            if before not in (None, program.hash):
                log.info("%s is used in its new form, %s", path, program.hash[:12])
            _tell(program, self._before)

    def _is_still(self, path, began):
        """Tell whether a list that was read since `began` may be whole; note one that is named for the first time."""
        stamp = _stamp(path)
        if path not in self._stamps and _age(path, stamp, began) >= self.LISTS_STILL:
            self._stamps[path] = stamp
        return stamp == self._stamps.get(path)

    def _before(self, program):
        """Return name and text of what a program was, under its own name or, if its file was renamed, under another."""
        alike = [earlier for earlier in self.programs.values() if earlier.hash == program.hash]
        earlier = self.programs.get(program.name) or next(iter(alike), None)
        return (earlier.name, earlier.text) if earlier else (None, None)

    def tell_what_began_anew(self, last_rules):
        """Say in the log what begins anew since the last lead, whose rules `last_rules(program)` gives."""
        for program in self.programs.values():
            _tell(program, last_rules)


def _tell(program, before):
    for line in begun_anew(program, *before(program)):
        log.warning("%s", line)


def _share_places(programs):
    """Remember a place of all programs (`across: all`) for as long as any of them asks for it."""
    kept = {}
    for program in programs:
        for place, span in program.kept.items():
            kept[place] = longer(kept.get(place, span), span)
    for program in programs:
        program.kept.update({place: kept[place] for place in program.kept})


def _stamp(path):
    """Return what tells whether a file has changed; None if there is none."""
    with suppress(OSError):
        stat = os.stat(path)
        return stat.st_ctime_ns, stat.st_mtime_ns, stat.st_size, stat.st_ino


def _age(path, stamp, now=None):
    """Return for how many seconds at least a file has been as it is or, without a stamp, has been gone.

    That is told by the file's ctime, which nobody can set, unlike the time of writing that `cp -p`, rsync and
    archives bring along; and of a file that is gone, by the folder that it was in. Below 0 nothing is told.
    """
    stamps = (stamp, *map(_stamp, Path(path).parents))
    changed_at = next((stamp[0] for stamp in stamps if stamp), math.inf)
    return (now or time.time()) - changed_at / 1e9
