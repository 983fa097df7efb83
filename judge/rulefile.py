"""Rule files as they are written: YAML with its lines, held against the schema, in plain errors.

`read(text, path)` gives a RuleFile and its Source, and raises RuleFileError with the mistakes.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field

import yaml
from pydantic import ValidationError

from judge.meant import as_number
from judge.schema import RuleFile
from judge.schemaslips import proposed, what, where
from judge.values import FORBIDDEN, clean
from judge.written import TAGS
from judge.yamltext import TooLongError, compose, unseen

# A part is a key or a value, 100 characters of text, or 2 of a condition. To read one costs some 50 µs of processor
# time, and whoever may edit in the dashboard may have any text read.
MAX_PARTS = 15_000
MAX_LEVELS = 10
MAX_MISTAKES = 100  # that are told at once, and so many warnings
MORE = "there may be more mistakes: mend these first"
TOO_LONG = "this is nested too deeply or too long for a rule file: move values to lists beside it, or make two files"


@dataclass(frozen=True, order=True)
class Finding:
    """What is wrong with a rule file, or legal and probably not meant; as text, `rules/solar.yaml:6: …`.

    `place` is where in the document: `("rules", 0, "when")`. The same sentence about the same line is one finding.
    """

    path: str
    line: int | None
    message: str
    is_warning: bool = False
    place: tuple = field(default=(), compare=False)

    def __str__(self):
        line = "" if self.line is None else f"{self.line}:"
        return f"{self.path}:{line} {'warning: ' if self.is_warning else ''}{self.message}"


class RuleFileError(ValueError):
    """A rule file is wrong. `errors` are Findings, each with what to do.

    `lists` are the paths of the lists that it names: one of them may be what it waits for.
    """

    def __init__(self, errors, lists=()):
        super().__init__("\n".join(map(str, errors)))
        self.errors, self.lists = errors, lists


# --- YAML to text, with the line of everything ---


class Source:
    """A rule file as it stands on disk: where each part of it is, and what is wrong with it.

    A place is a path of keys and positions: `("rules", 0, "when")`. `broken` holds the places
    that had to be left out, so that what hangs on them is not reported as well. `lists` holds the
    paths of the lists that it names. `stubs` are the lines, from 0, of what could not be read and stands there empty,
    `mended` those, from 1, that were changed in memory,
    `cut` the places of texts that end before a #, and `divided` the numbers that a comma divides, by place.
    """

    def __init__(self, path):
        self.path, self.lines, self.broken, self.lists = path, {(): 1}, set(), set()
        self.size, self._errors, self._warnings, self._read_again = 0, set(), set(), False
        self.stubs, self.mended, self.cut, self.divided = set(), set(), set(), {}

    def count(self, place, parts):
        """Add to the size of the file. Raises RuleFileError where it is too long to be read."""
        self.size += parts
        if self.size > MAX_PARTS:
            if self._read_again:
                self.stop()
            self.complain(place, TOO_LONG)
            self.check()

    def count_again(self, parts):
        """Count a part of the file that was read in vain. Raises RuleFileError where that was too much."""
        self._read_again = True
        self.size += 2 * parts
        if self.size > MAX_PARTS:
            self.stop()

    def complain(self, place, message):
        """Note a mistake. Raises RuleFileError where there are so many that nobody would read on."""
        self._complain(self.finding(place, message))

    def complain_line(self, line, message):
        """Note a mistake in a line, counted from 1."""
        self._complain(Finding(self.path, line, message))

    def _complain(self, finding):
        self._errors.add(finding)
        if len(self._errors) >= MAX_MISTAKES:
            self.stop()

    def stop(self):
        """Raise RuleFileError with the mistakes that were found, if any; what comes after them is not read."""
        if self._errors:
            last = max(self._errors)
            self._errors.add(Finding(self.path, last.line, MORE))
        self.check()

    @property
    def is_broken(self):
        return bool(self._errors)

    def warn(self, place, message):
        """Note something legal that is probably not meant."""
        if len(self._warnings) < MAX_MISTAKES:
            self._warnings.add(self.finding(place, message, is_warning=True))

    def warn_line(self, line, message):
        if len(self._warnings) < MAX_MISTAKES:
            self._warnings.add(Finding(self.path, line, message, is_warning=True))

    @property
    def warnings(self):
        return sorted(self._warnings)

    def finding(self, place, message, is_warning=False):
        known = place
        while known not in self.lines:
            known = known[:-1]
        return Finding(self.path, self.lines[known], _discreet(message, place), is_warning, place)

    def check(self):
        """Raise RuleFileError if anything is wrong."""
        if self._errors:
            raise RuleFileError(sorted(self._errors), self.lists)


_ADDRESS = re.compile(r'(?i)(?:\b(?:https?|mailto|hubspot):|//)[^\s"]+|[^\s"]+@[^\s"]+')


def _discreet(message, place):
    """Return a message about `deliver:` without addresses, which may be secrets: a log holds it, too."""
    return _ADDRESS.sub("…", message) if place[:1] == ("deliver",) else message


# What other programs write, by its first bytes.
_OTHER_FILES = {
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"PK": "a document of Word or Excel, or an archive",
    b"\xd0\xcf\x11\xe0": "a document of Word or Excel",
    b"{\\rtf": "a document in RTF",
    b"%PDF": "a PDF",
    b"<": "HTML or XML",
}


def decoded(raw, path):
    """Return the text of a rule file's bytes. Raises RuleFileError."""
    other = "text in UTF-16" if b"\0" in raw[:4] else None
    if what_else := next((what for start, what in _OTHER_FILES.items() if raw.startswith(start)), other):
        raise RuleFileError([Finding(path, 1, f"this is {what_else}: save it as plain text, in UTF-8")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise RuleFileError([Finding(path, line, "this is not UTF-8 text: save the file as UTF-8")]) from None


# Keys of the program of which an empty one is told elsewhere, or is a list whose items are comments.
_MAY_BE_EMPTY = {"fields", "rules", "sale_amount", "examples"}


def read(text, path):
    """Return the RuleFile that `text` holds, and its Source with the mistakes found so far.

    Parts that the schema refuses are left out, so that the rest can be checked too and all
    mistakes be shown at once. Raises RuleFileError where nothing is left to check.
    """
    source = Source(path)
    document = _document(text, source)
    if not isinstance(document, dict) or not document:
        source.check()
        source.complain((), "this is no rule file: it needs at least fields:, with a name for each field")
        source.check()
    for key in RuleFile.model_fields.keys() - _MAY_BE_EMPTY:
        if document.get(key) == "":
            source.warn((key,), f'"{key}:" is empty, as if it were not there: write a value behind it, or delete it')
    try:
        return RuleFile.model_validate(document), source
    except ValidationError as error:
        problems = [problem | {"loc": _place(problem["loc"])} for problem in error.errors()]
    meant = {(*problem["loc"][:-1], proposed(problem)) for problem in problems if problem["type"] == "extra_forbidden"}
    for problem in problems:
        kind, loc = problem["type"], problem["loc"]
        follows = kind == "missing" and loc in meant  # it is there, in another spelling
        follows |= kind in _OF_STUBS and bool(source.broken & {loc, loc[:2]})
        follows |= kind.endswith("_type") and source.lines.get(loc) in source.mended
        if not follows:
            source.complain(problem["loc"], f"{where(document, problem['loc'])}{what(problem)}")
    for problem in problems:
        with suppress(LookupError, AttributeError):  # another problem's part, already left out with it
            _leave_out(document, problem["loc"], source.broken)
    try:
        return RuleFile.model_validate(document), source
    except ValidationError:
        source.check()
        raise


_OF_STUBS = {"missing", "too_short"}


def _place(loc):
    return tuple(part for part in loc if part not in TAGS)


# The key that an item of a list needs, and what stands there in the place of an item that was left out.
_STUBS = {"rules": ("id", "number-{}"), "sale_amount": ("amount", "0"), "deliver": ("to", "number_{}")}


def _leave_out(document, place, broken):
    """Take the part at `place` out of the document, in a way that keeps the places of the others."""
    match place:
        case ("fields", name, *rest) if rest != ["[key]"]:
            entry = document["fields"][name]
            document["fields"][name] = {key: value for key, value in entry.items() if key != rest[0]} if rest else {}
            broken |= {("fields", name), ("fields", name, *(rest[:1] or ["type"]))}
        case ("fields", name, _):
            document["fields"].pop(name, None)
        case ("rules" | "sale_amount" | "deliver" as key, int(index), *rest) if isinstance(document[key], list):
            entry = document[key][index]
            kept = {name: value for name, value in entry.items() if name not in rest[:1]} if rest else {}
            stub, text = _STUBS[key]
            document[key][index] = {stub: text.format(index + 1)} | kept
            broken |= {(key, index), (key, index, *(rest[:1] or [stub]))}
        case (key, *_):
            document.pop(key, None)


def _document(text, source):
    try:
        node = compose(text, source, MAX_PARTS, 2 * MAX_LEVELS)
    except TooLongError as error:
        raise RuleFileError([Finding(source.path, error.line, TOO_LONG)]) from None
    return _plain(node, (), source) if node else None


def _plain(node, place, source):
    """Turn a YAML node into dicts, lists and texts, noting lines and names given twice."""
    source.lines.setdefault(place, node.start_mark.line + 1)
    # An alias may stand for itself, or for many others.
    source.count(place, 1 + len(node.value) // 100 if isinstance(node, yaml.ScalarNode) else 1)
    if len(place) > MAX_LEVELS:
        source.complain(place, TOO_LONG)
        return ""
    if node.start_mark.line in source.stubs and len(place) == 2:
        source.broken |= {place, (*place, "type"), (*place, "id")}
    if node.tag.startswith("!"):
        source.complain(place, f"a text cannot begin with !: put it in quotes{_AS_CONDITION.get(place[-1:], '')}")
        source.broken |= {place, place[:2]}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, index), source) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _members(node, place, source)
    if FORBIDDEN.search(node.value):
        source.complain(place, "this text holds a control character, which no answer can carry")
    if not node.style:
        _look_beyond(node, place, source)
    return clean(node.value)


_AS_CONDITION = {(key,): ", or write not" for key in ("reject_if", "require", "when", "required", "test_if")}


def _members(node, place, source):
    members = {}
    for key_node, value_node, whole in _joined(node.value):
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            source.lines[(*place, "[key]")] = line
            source.complain((*place, "[key]"), "a key is one word: write key: value")
            continue
        key = key_node.value
        if not key_node.style and (slip := _slip_of_key(key, value_node, place)):
            key, value, told = slip
            source.complain_line(line, _discreet(told, place))
            source.lines.setdefault((*place, key), line)
            value = _plain(value_node, (*place, key), source) if value is None else value
            source.broken |= {(*place, key), (*place, key, "type")} if value == {} else set()
            members.setdefault(key, value)
            continue
        if key in members:
            first = source.lines[(*place, key)]
            source.lines[(*place, key, "[again]")] = line
            source.complain((*place, key, "[again]"), f'"{key}" is given twice; the first is in line {first}. Keep one')
            continue
        source.lines[(*place, key)] = line
        if not key_node.style:
            _look_at_quotes(key, (*place, key), source)
        value = _plain(value_node, (*place, key), source)
        if (*place, key) in source.broken and value == "":
            continue
        members[key] = _undivided(whole, value, (*place, key), source) if whole else value
    return members


def _joined(pairs):
    """Yield the members of a mapping, each with the number that a comma divides in its value, such as 750,000."""
    pairs, at = list(pairs), 0
    while at < len(pairs):
        key, value = pairs[at]
        whole, end, at = "", value.end_mark.index, at + 1
        while (
            at < len(pairs)
            and isinstance(value, yaml.ScalarNode)
            and _DIGITS.search(value.value[-20:])
            and isinstance(rest := pairs[at][0], yaml.ScalarNode)
            and re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", rest.value)
            and rest.start_mark.index == end + 1
            and pairs[at][1].start_mark.index == pairs[at][1].end_mark.index
        ):
            whole, end, at = f"{whole or value.value},{rest.value}", rest.end_mark.index, at + 1
        yield key, value, whole


_DIGITS = re.compile(r"[0-9]$")


def _undivided(whole, value, place, source):
    """Complain of a number that a comma divides, and return it as it was meant; in an example it may be meant so."""
    found = re.search(r"[$0-9][0-9,.]*$", whole)
    number = as_number(found[0]) if found else None
    told = f"within {{ }} a comma divides: write {number or 'the number'} without the comma"
    if place[0] == "examples":
        read = f'{place[-1]} is read as {value}: write "{whole}" in quotes'
        source.divided[place] = f"within {{ }} a comma divides, and {read}"
        source.warn(place, source.divided[place])
        return value
    source.complain(place, told if not number else f"within {{ }} a comma divides {found[0]}: write {number}")
    return whole[: found.start()] + number if number else value


def _slip_of_key(key, value_node, place):
    """Return the key that was meant, its value (None: that of the node) and what is wrong, or None.

    Its colon is missing, or the space behind that, or it holds what nobody sees.
    """
    if place[:1] == ("examples",):
        return None
    if found := re.match(r"([\w-]{1,64})(:?) *[{\[]", key):
        missing = "leave a space after the colon" if found[2] else "the colon is missing"
        return found[1], {}, f'{missing}: write "{found[1]}: {{…"'
    first = r"\w" if place[-1:] in _TABLES else "[A-Za-z]"  # elsewhere it may be a time, 08:00
    found = re.fullmatch(rf"({first}[\w-]{{0,63}}):(\S+)", key)
    if found and isinstance(value_node, yaml.ScalarNode) and not value_node.value:
        return found[1], found[2], f'leave a space after the colon: write "{found[1]}: {found[2][:60]}"'
    if found := unseen(key):
        bare = re.sub(r"[^\w -]", "", key)
        return (bare, None, f'the key "{bare}" holds what nobody sees: {found}. Delete it and type the key again')
    return None


_TABLES = {("one_of",), ("limit",), ("budget",)}

# Where a text stands that people write, and no word of the language.
_TEXTS = {"note", "label", "title", "name", "example", "default", "reject_if", "require", "when", "required", "test_if"}


def _look_beyond(node, place, source):
    """Warn of a text without quotes that is less than what was written, or more than what was meant."""
    buffer, end, text = node.end_mark.buffer, node.end_mark.pointer, node.value
    if (
        buffer
        and re.match(r" #[^\s#]", buffer[end : end + 3])
        and (place[-1:] and (place[-1] in _TEXTS or place[0] == "examples"))
    ):
        source.cut.add(place)
        source.warn(place, f'"{text[:60]}" ends before #, which begins a comment: put the text in quotes')
    _look_at_quotes(text, place, source)


def _look_at_quotes(text, place, source):
    if len(text) > 2 and text[0] in "“”„«‘’" and text[-1] in "“”»’‘":
        source.warn(place, f"{text[0]} and {text[-1]} are a part of the text: write straight quotes, or none")
