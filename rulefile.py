"""The rule file's form: YAML read as text with its lines, a pydantic schema, and plain errors.

`read(text, path)` gives a RuleFile, or raises RuleFileError with all of the file's errors at once,
each as `rules/solar.yaml:6: …`. Every word of the YAML is read as text and typed by the schema
here, so that NO stays Norway and 01234 a postal code.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from checks import TYPES
from conditions import RESERVED, nearest
from payload import FORBIDDEN


class RuleFileError(ValueError):
    """A rule file is wrong. `errors` holds one line for each mistake: file, line, what to do."""

    def __init__(self, errors):
        super().__init__("\n".join(errors))
        self.errors = errors


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- The words of the language ---

_UNITS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}


def _duration(text):
    match = re.fullmatch(r"([0-9]{1,5}) ?(minute|hour|day|week)s?", str(text).strip())
    if not match or not int(match[1]):
        raise ValueError('is not a length of time: write it as "90 days" (minutes, hours, days or weeks)')
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _timezone(text):
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a time zone: write one such as America/New_York or UTC") from None


def _amount(text):
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,2})?", str(text)):
        raise ValueError("is not an amount: write it as 10.00, at most 999999.99, without a currency")
    return Decimal(text).quantize(Decimal("0.01"))


def _true_or_false(text):
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if str(text).lower() not in words:
        raise ValueError("is neither true nor false")
    return words[text.lower()]


def _list(value):
    return [value] if isinstance(value, str) and value else value


def _expectation(value):
    if value != "valid" and not (isinstance(value, list) and all(isinstance(code, str) for code in value)):
        raise ValueError("is no expectation: write valid, or the reason codes in brackets, such as [email.required]")
    return value


def _shown(text):
    if FORBIDDEN.search(text):
        raise ValueError("holds a control character, which no answer can carry")
    return text


def _field_name(name):
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name):
        raise ValueError(
            "is not a field name: start with a letter, then letters, digits and _ (put other spellings under aliases:)"
        )
    if name.lower() in RESERVED:
        raise ValueError("is a word of the condition language: give the field another name")
    return name


Sentence = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_shown)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Amount = Annotated[Decimal, BeforeValidator(_amount)]
YesNo = Annotated[bool, BeforeValidator(_true_or_false)]
FieldName = Annotated[str, AfterValidator(_field_name)]
Texts = Annotated[list[str], BeforeValidator(_list), Field(min_length=1)]
FieldNames = Annotated[list[FieldName], BeforeValidator(_list), Field(min_length=1)]
RuleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class FieldSpec(_Model):
    type: Literal[*TYPES] = Field("text", description="What the field holds.")
    label: Sentence | None = Field(None, description="What people call it, as in: No email address was submitted.")
    required: YesNo = Field(False, description="true: a lead without it is refused.")
    aliases: Texts = Field([], description="Other names under which partners send it.")
    default: str | None = Field(None, description="The value of a lead that does not have it.")
    note: Sentence | None = Field(None, description="The sentence that replaces the built-in ones.")
    example: str | None = Field(None, description="A value, for the people who read about the field.")
    min: str | None = Field(None, description="The least value.")
    max: str | None = Field(None, description="The greatest value.")
    min_length: str | None = Field(None, description="The least number of characters.")
    max_length: str | None = Field(None, description="The greatest number of characters.")
    pattern: str | None = Field(None, description="A regular expression (RE2) that the whole value fits.")
    one_of: Texts | None = Field(None, description="The values that are accepted.")
    country: str | None = Field(None, description="The country, as two letters.")
    formats: Texts | None = Field(None, description="How dates are written, such as MM/DD/YYYY.")


class RuleSpec(_Model):
    id: RuleId = Field(description="The rule's name, which is also its reason code.")
    note: Sentence | None = Field(None, description="What the partner is told.")
    when: str | None = Field(None, description="The rule applies only to leads that fit this condition.")
    reject_if: str | None = Field(None, description="A lead that fits this condition is refused.")
    require: str | None = Field(None, description="A lead that does not fit this condition is refused.")
    unique: FieldNames | None = Field(None, description="The fields that no two valid leads have in common.")
    within: Duration | None = Field(
        None, description="How long a valid lead blocks others like it; for ever if left out."
    )


class AmountSpec(_Model):
    when: str | None = None
    amount: Amount


class ExampleSpec(_Model):
    name: str
    lead: dict[str, str | list[str]]
    expect: Annotated[Literal["valid"] | list[str], BeforeValidator(_expectation)]


def _amounts(value):
    return [{"amount": value}] if isinstance(value, str) else [value] if isinstance(value, dict) else value


def _empty_fields(value):
    """Read `irpid:` with nothing behind it as `irpid: {}`."""
    return {name: {} if spec == "" else spec for name, spec in value.items()} if isinstance(value, dict) else value


class RuleFile(_Model):
    title: Sentence = Field("", description="What the program is called.")
    respond: Literal["xml", "json"] = Field("xml", description="The format of an answer where the request names none.")
    invalid_status: Annotated[int, Field(ge=200, le=599)] = Field(200, description="The status of an invalid lead.")
    timezone: Annotated[ZoneInfo, BeforeValidator(_timezone)] = Field(
        ZoneInfo("UTC"), description="Whose days and hours count for ages and dates."
    )
    partner: FieldName | None = Field(None, description="The field that says which partner sent the lead.")
    test_flag: FieldName | None = Field(None, description="A lead with this field true is a test and uses up nothing.")
    customer: FieldNames = Field([], description="The fields that say who is the same customer.")
    retry_key: FieldNames = Field([], description="A request with the same values here is the same request.")
    fields: Annotated[dict[FieldName, FieldSpec], BeforeValidator(_empty_fields)] = Field(min_length=1)
    rules: list[RuleSpec] = []
    sale_amount: Annotated[list[AmountSpec], BeforeValidator(_amounts)] = []
    examples: list[ExampleSpec] = []


# --- YAML to text, with the line of everything ---


class Source:
    """A rule file as it stands on disk: where each part of it is, and what is wrong with it.

    A place is a path of keys and positions: `("rules", 0, "when")`. `broken` holds the places
    that had to be left out, so that what hangs on them is not reported as well.
    """

    def __init__(self, path):
        self.path, self.lines, self.broken, self._errors = path, {(): 1}, set(), set()

    def complain(self, place, message):
        while place not in self.lines:
            place = place[:-1]
        self._errors.add((self.lines[place], message))

    def check(self):
        """Raise RuleFileError if anything is wrong."""
        if self._errors:
            raise RuleFileError([f"{self.path}:{line}: {message}" for line, message in sorted(self._errors)])


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
        problems = error.errors()
    for problem in problems:
        source.complain(problem["loc"], f"{_where(document, problem['loc'])}{_what(problem)}")
    for problem in problems:
        _leave_out(document, problem["loc"], source.broken)
    try:
        return RuleFile.model_validate(document), source
    except ValidationError:
        source.check()
        raise


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
            broken.add((key, index))
        case (key, *_):
            document.pop(key, None)


def _document(text, source):
    try:
        node = yaml.compose(text, yaml.BaseLoader)
        return _plain(node, (), source) if node else None
    except yaml.YAMLError as error:
        raise RuleFileError([_yaml_sentence(error, text, source.path)]) from None
    except RecursionError:
        raise RuleFileError([f"{source.path}:1: this is nested too deeply for a rule file"]) from None


def _plain(node, place, source):
    """Turn a YAML node into dicts, lists and texts, noting lines and names given twice."""
    source.lines.setdefault(place, node.start_mark.line + 1)
    if len(place) > 10:
        source.complain(place, "this is nested too deeply for a rule file")
        return ""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, index), source) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return node.value
    members = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in members:
            first = source.lines[(*place, key)]
            source.lines[(*place, key, "[again]")] = line
            source.complain((*place, key, "[again]"), f'"{key}" is given twice; the first is in line {first}. Keep one')
            continue
        source.lines[(*place, key)] = line
        members[key] = _plain(value_node, (*place, key), source)
    return members


def _yaml_sentence(error, text, path):
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 1
    source = (text.splitlines() or [""])[min(line, len(text.splitlines()) or 1) - 1]
    problem = getattr(error, "problem", "") or "it cannot be read"
    hint = next((advice for pattern, advice in _YAML_HINTS if re.search(pattern, source)), "")
    return f"{path}:{line}: this is not YAML: {problem}{hint}"


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
    loc, given = problem["loc"], problem["input"]
    key = next(part for part in reversed(loc) if isinstance(part, str) and not part.startswith(("[", "list[")))
    model = {"fields": FieldSpec, "rules": RuleSpec, "sale_amount": AmountSpec, "examples": ExampleSpec}.get(
        loc[0] if len(loc) > 1 else None, RuleFile
    )
    match problem["type"]:
        case "extra_forbidden":
            return f'"{key}" is not a known key{nearest(str(key), model.model_fields)}'
        case "missing":
            return f'"{key}:" is missing'
        case "literal_error":
            expected = problem["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
            return f'"{given}" is not one of {", ".join(expected)}{nearest(str(given), expected)}'
        case "value_error":
            return f'"{given}" {problem["ctx"]["error"]}'
        case "string_type" | "dict_type" | "list_type" | "model_type" | "model_attributes_type":
            return f'"{key}:" {_EXPECTED[problem["type"]]}'
        case "too_short":
            return f'"{key}:" is empty'
        case "string_pattern_mismatch":
            return f'"{given}" is not a rule id: use letters, digits, - and _'
    return f'"{key}:" {problem["msg"][0].lower()}{problem["msg"][1:]}'


_EXPECTED = {
    "string_type": "needs one text",
    "dict_type": "needs names with values, each on a line of its own, indented",
    "list_type": "needs a list: each item on a line of its own after a -, or [in, brackets]",
    "model_type": "needs keys with values, such as {type: text}",
    "model_attributes_type": "needs keys with values, such as {type: text}",
}
