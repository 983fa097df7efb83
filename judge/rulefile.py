"""Rule files as they are written: YAML with its lines, held against the schema, in plain errors.

`read(text, path)` gives a RuleFile and its Source, and raises RuleFileError with the mistakes.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field

import yaml
from pydantic import ValidationError

from judge.conditions import nearest
from judge.schema import TAGS, AmountSpec, CountryOf, ExampleSpec, FieldSpec, RuleFile, RuleSpec
from judge.values import FORBIDDEN, clean

# A part is a key or a value, 100 characters of text, or 2 of a condition. To read one costs some 50 µs of processor
# time, and whoever may open "Try a change" may have any text read.
MAX_PARTS = 15_000
MAX_LEVELS = 10
MAX_MISTAKES = 100  # that are told at once, and so many warnings
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
    paths of the lists that it names.
    """

    def __init__(self, path):
        self.path, self.lines, self.broken, self.lists = path, {(): 1}, set(), set()
        self.size, self._errors, self._warnings = 0, set(), set()

    def count(self, place, parts):
        """Add to the size of the file. Raises RuleFileError where it is too long to be read."""
        self.size += parts
        if self.size > MAX_PARTS:
            self.complain(place, TOO_LONG)
            self.check()

    def complain(self, place, message):
        """Note a mistake. Raises RuleFileError where there are so many that nobody would read on."""
        self._errors.add(self.finding(place, message))
        if len(self._errors) >= MAX_MISTAKES:
            self._errors.add(self.finding(place, "there may be more mistakes: mend these first"))
            self.check()

    def warn(self, place, message):
        """Note something legal that is probably not meant."""
        if len(self._warnings) < MAX_MISTAKES:
            self._warnings.add(self.finding(place, message, is_warning=True))

    @property
    def warnings(self):
        return sorted(self._warnings)

    def finding(self, place, message, is_warning=False):
        known = place
        while known not in self.lines:
            known = known[:-1]
        return Finding(self.path, self.lines[known], message, is_warning, place)

    def check(self):
        """Raise RuleFileError if anything is wrong."""
        if self._errors:
            raise RuleFileError(sorted(self._errors), self.lists)


def read(text, path):
    """Return the RuleFile that `text` holds, and its Source with the mistakes found so far.

    Parts that the schema refuses are left out, so that the rest can be checked too and all
    mistakes be shown at once. Raises RuleFileError where nothing is left to check.
    """
    source = Source(path)
    document = _document(text, source)
    if not isinstance(document, dict) or not document:
        source.complain((), "this is no rule file: it needs at least fields:, with a name for each field")
        source.check()
    try:
        return RuleFile.model_validate(document), source
    except ValidationError as error:
        problems = [problem | {"loc": _place(problem["loc"])} for problem in error.errors()]
    for problem in problems:
        source.complain(problem["loc"], f"{_where(document, problem['loc'])}{_what(problem)}")
    for problem in problems:
        with suppress(LookupError, AttributeError):  # another problem's part, already left out with it
            _leave_out(document, problem["loc"], source.broken)
    try:
        return RuleFile.model_validate(document), source
    except ValidationError:
        source.check()
        raise


def _place(loc):
    return tuple(part for part in loc if part not in TAGS)


def _leave_out(document, place, broken):
    """Take the part at `place` out of the document, in a way that keeps the places of the others."""
    match place:
        case ("fields", name, *rest) if rest != ["[key]"]:
            entry = document["fields"][name]
            document["fields"][name] = {key: value for key, value in entry.items() if key != rest[0]} if rest else {}
            broken |= {("fields", name), ("fields", name, *(rest[:1] or ["type"]))}
        case ("fields", name, _):
            document["fields"].pop(name, None)
        case ("rules" | "sale_amount" as key, int(index), *rest) if isinstance(document[key], list):
            entry = document[key][index]
            kept = {name: value for name, value in entry.items() if name not in rest[:1]} if rest else {}
            needed = {"id": f"number-{index + 1}"} if key == "rules" else {"amount": "0"}
            document[key][index] = needed | kept
            broken |= {(key, index), (key, index, *(rest[:1] or ["id"]))}
        case (key, *_):
            document.pop(key, None)


class _TooLongError(Exception):
    """A file is too long or too deep, from this line."""

    def __init__(self, line):
        self.line = line


class _Loader(yaml.BaseLoader):
    """A loader that stops where a file is too long or too deep, before the rest of it costs anything."""

    nodes = level = 0

    def compose_node(self, parent, index):
        self.nodes, self.level = self.nodes + 1, self.level + 1
        if self.nodes > MAX_PARTS or self.level > 2 * MAX_LEVELS:
            raise _TooLongError(self.peek_event().start_mark.line + 1)
        node = super().compose_node(parent, index)
        self.level -= 1
        return node


def _document(text, source):
    try:
        node = yaml.compose(text, _Loader)
        return _plain(node, (), source) if node else None
    except _TooLongError as error:
        raise RuleFileError([Finding(source.path, error.line, TOO_LONG)]) from None
    except yaml.YAMLError as error:
        raise RuleFileError([Finding(source.path, *_of_yaml(error, text))]) from None


def _plain(node, place, source):
    """Turn a YAML node into dicts, lists and texts, noting lines and names given twice."""
    source.lines.setdefault(place, node.start_mark.line + 1)
    # An alias may stand for itself, or for many others.
    source.count(place, 1 + len(node.value) // 100 if isinstance(node, yaml.ScalarNode) else 1)
    if len(place) > MAX_LEVELS:
        source.complain(place, TOO_LONG)
        return ""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, index), source) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        if FORBIDDEN.search(node.value):
            source.complain(place, "this text holds a control character, which no answer can carry")
        return clean(node.value)
    members = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            source.lines[(*place, "[key]")] = line
            source.complain((*place, "[key]"), "a key is one word: write key: value")
            continue
        key = key_node.value
        if key in members:
            first = source.lines[(*place, key)]
            source.lines[(*place, key, "[again]")] = line
            source.complain((*place, key, "[again]"), f'"{key}" is given twice; the first is in line {first}. Keep one')
            continue
        source.lines[(*place, key)] = line
        members[key] = _plain(value_node, (*place, key), source)
    return members


def _of_yaml(error, text):
    """Return the line of a mistake, and what it is."""
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1, "this line holds a control character: delete it"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 1
    source = (text.splitlines() or [""])[min(line, len(text.splitlines()) or 1) - 1]
    problem = getattr(error, "problem", "") or "it cannot be read"
    hint = next((advice for pattern, advice in _YAML_HINTS if re.search(pattern, source[:500])), "")
    return line, f"this is not YAML: {problem}{hint}"


_YAML_HINTS = [
    (r"^\s*\t", "; indent with spaces, not with a tab"),
    (r"\{[^}]*[\[(<>=!][^}]*", "; put a text with brackets or signs inside { } in quotes"),
    (r"^[^'\"]*:\s[^'\"]*:\s", '; put a text that holds ": " in quotes'),
    (r"^\s*[\w-]+:\S", "; leave a space after the colon"),
]


# --- pydantic's errors in plain words ---


def _where(document, place):
    """Name the rule, field or example that a mistake is in."""
    if place[:1] == ("rules",) and len(place) > 1:
        rule = document["rules"][place[1]]
        name = rule.get("id") if isinstance(rule, dict) else None
        return f'rule "{name}": ' if name else f"rule number {place[1] + 1}: "
    if place[:1] == ("fields",) and len(place) > 1:
        return f'field "{place[1]}": '
    if place[:1] == ("examples",) and len(place) > 1:
        example = document["examples"][place[1]]
        name = example.get("name") if isinstance(example, dict) else None
        return f'example "{name}": ' if name else f"example number {place[1] + 1}: "
    return ""


def _what(problem):
    loc, given = problem["loc"], str(problem["input"])[:200]
    key = next(part for part in reversed(loc) if isinstance(part, str) and not part.startswith(("[", "list[")))
    model = {"fields": FieldSpec, "rules": RuleSpec, "sale_amount": AmountSpec, "examples": ExampleSpec}.get(
        loc[0] if len(loc) > 1 else None, RuleFile
    )
    if loc[:1] == ("fields",) and loc[2:3] == ("country",):
        model = CountryOf
    match problem["type"]:
        case "extra_forbidden":
            return f'"{key}" is not a known key{nearest(str(key), model.model_fields)}'
        case "missing":
            return f'"{key}:" is missing'
        case "literal_error":
            expected = problem["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
            return f'"{given}" is not one of {", ".join(expected)}{nearest(given, expected)}'
        case "value_error":
            return f'"{given}" {problem["ctx"]["error"]}'
        case "string_type" | "dict_type" | "list_type" | "model_type" | "model_attributes_type":
            return f'"{key}:" {_EXPECTED[problem["type"]]}'
        case "too_short":
            return f'"{key}:" is empty'
        case "string_pattern_mismatch":
            return f'"{given}" is not a rule id: start with a letter or digit, then up to 63 letters, digits, - and _'
    return f'"{key}:" {problem["msg"][0].lower()}{problem["msg"][1:]}'


_EXPECTED = {
    "string_type": "needs one text",
    "dict_type": "needs names with values, each on a line of its own, indented",
    "list_type": "needs a list: each item on a line of its own after a -, or [in, brackets]",
    "model_type": "needs keys with values, such as {type: text}",
    "model_attributes_type": "needs keys with values, such as {type: text}",
}
