"""How the values of a rule file's keys are written: what is read of a text, and what editors are told of it.

Each is a type of pydantic's, with a reader that raises a ValueError with the right form, and its JSON Schema.
"""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)

from judge import times
from judge.conditions import RESERVED
from judge.currencies import CODES, currency
from judge.meant import as_number
from judge.phones import KINDS
from judge.wordschema import in_any_case


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Unshown(ValueError):
    """A text is wrong and is not shown in the message: it is long, or may be a secret."""


# --- Readers: text -> value, or ValueError with the end of a sentence about the text ---


def _required(text):
    try:
        return _true_or_false(text)
    except ValueError:
        if text in ("1", "0"):
            raise ValueError("is neither true nor false: write true or false, or a condition") from None
        return _condition(text)


def _condition(value):
    """Check the form of a condition: an expression, or all, any or not of conditions."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((word, parts),) = value.items()
        if word in ("all", "any") and isinstance(parts, list) and parts:
            return {word: [_condition(part) for part in parts]}
        if word == "not":
            return {word: _condition(parts)}
    raise ValueError("is no condition: write an expression, or all:, any: or not: with expressions under it")


def _unique(value):
    """Turn `[email, phone]` and `{any_of: [email, phone]}` into lists of fields that count together."""
    if isinstance(value, dict) and list(value) == ["any_of"]:
        return [[name] for name in _names(value["any_of"])]
    return [_names(value)]


def _names(value):
    names = as_list(value)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("is no list of fields: write [email], [email, phone] or {any_of: [email, phone]}")
    return names


def _status(text):
    if not re.fullmatch("20[0-3]|4[0-9]{2}", str(text)):
        raise ValueError("is no status for an invalid lead: write 200, or one from 400 to 499")
    return int(text)


def _count(text):
    if not _is_count(text):
        meant = as_number(text)
        raise ValueError(f"is not a number of leads: write it as {meant if _is_count(meant) else 200}")
    return int(text)


def _is_count(text):
    return bool(re.fullmatch("[0-9]{1,9}", str(text)))


_SUM = r"[0-9]{1,12}(\.[0-9]{1,2})?"


def _budget(text):
    if not re.fullmatch(_SUM, str(text)):
        if (number := as_number(text)) and re.fullmatch(_SUM, number):
            raise ValueError(f"is not a sum: write {number}")
        raise ValueError("is not a sum: write it as 5000 or 5000.00, without a currency")
    return Decimal(text)


_AMOUNT = r"[0-9]{1,6}(\.[0-9]{1,2})?"


def _amount(text):
    if not re.fullmatch(_AMOUNT, str(text)):
        if (number := as_number(text)) and re.fullmatch(_AMOUNT, number):
            raise ValueError(f"is not an amount: write {number}")
        raise ValueError("is not an amount: write it as 10.00, at most 999999.99, without a currency")
    return Decimal(text).quantize(Decimal("0.01"))


def _worth(text):
    """Read what a lead is worth: an amount, or an expression, which names fields."""
    if isinstance(text, str) and re.search("[A-Za-z]", text) and not _WITH_CURRENCY.fullmatch(text):
        return text
    return _amount(text)


_WITH_CURRENCY = re.compile(r"[A-Z]{0,3} ?[0-9][0-9.,]* ?[A-Za-z]{0,3}")


def _true_or_false(text):
    if str(text).lower() not in _TRUTHS:
        raise ValueError("is neither true nor false")
    return _TRUTHS[text.lower()]


def as_list(value):
    if isinstance(value, str) and "," in value:
        raise ValueError("is one text: write a list in brackets, such as [one, another]")
    return [value] if isinstance(value, str) and value else value


def _partner(value):
    """Read the field that names the partner, and after it the one that names its sub-partner, as a list."""
    names = as_list(value)
    if isinstance(names, list) and len(set(map(str, names))) < len(names):
        raise ValueError("names a field twice under partner: write the partner's and its sub-partner's, [irpid, subid]")
    if isinstance(names, list) and len(names) > 2:
        raise ValueError(
            f"names {len(names)} fields under partner: write at most two, the partner's and its sub-partner's, "
            "[irpid, subid]"
        )
    return names


def _expectation(value):
    if isinstance(value, str) and "." in value:
        raise ValueError(f"is one text: write reason codes in brackets, [{value}]")
    if value != "valid" and not (isinstance(value, list) and all(isinstance(code, str) for code in value)):
        raise ValueError("is no expectation: write valid, or the reason codes in brackets, such as [email.required]")
    return value


def _flattened(value, name=""):
    """Flatten a nested lead: `contact: {email: x}` is `contact.email: x`, `cars: [{year: 1}]` is `cars[0].year: 1`."""
    if isinstance(value, dict):
        members = [(name if key == "#text" and name else f"{name}.{key}" if name else key, value[key]) for key in value]
    elif isinstance(value, list) and not all(isinstance(item, str) for item in value):
        members = [(f"{name}[{number}]", item) for number, item in enumerate(value)]
    else:
        return {name: value}
    flat = {}
    for key, inner in members:
        flat |= _flattened(inner, key)
    return flat


def _fields_of_lead(value):
    """Return the fields of a lead in a rule file, names within names and items of lists joined to one name."""
    return _flattened(value) if isinstance(value, dict) else value


FIELD_NAME = re.compile("[A-Za-z][A-Za-z0-9_]{0,63}")


def _field_name(name):
    if ":" in name:
        raise ValueError("is not a field name: leave a space after the colon")
    if not FIELD_NAME.fullmatch(name):
        raise ValueError(
            "is not a field name: start with a letter, then letters, digits and _ (put other spellings under aliases:)"
        )
    if name.lower() in RESERVED:
        raise ValueError("is a word of the condition language: give the field another name")
    return name


# How an editor sees what the readers take: YAML shows it 50000 as a number and true as a truth.
SCALAR = {"type": ["string", "number", "boolean"]}
_CONDITION = {"anyOf": [SCALAR, {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": {
    "all": {"type": "array", "description": "It is true if each of these conditions is."},
    "any": {"type": "array", "description": "It is true if one of these conditions is."},
    "not": {"description": "It is true if this condition is not."}}, "additionalProperties": False}]}  # fmt: skip
_NAMES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_PARTNER = {"anyOf": [
    {"type": "string"},
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2, "uniqueItems": True}]}  # fmt: skip
_TEXTS = {"anyOf": [SCALAR, {"type": "array", "items": SCALAR, "minItems": 1}]}
_KINDS = {"anyOf": [{"enum": [*KINDS]}, {"type": "array", "items": {"enum": [*KINDS]}, "minItems": 1}]}
_UNIQUE = {
    "anyOf": [
        *_NAMES["anyOf"],
        {
            "type": "object",
            "required": ["any_of"],
            "properties": {
                "any_of": _NAMES
                | {"description": "A lead is refused that has one of these fields in common with a valid one."}
            },
        },
    ]
}
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_TRUTH = {"anyOf": [
    {"enum": [True, False, "yes", "no", "on", "off"]},
    {"type": "string", "pattern": rf"^({'|'.join(map(in_any_case, _TRUTHS))})$"}]}  # fmt: skip
_CAP = {"anyOf": [SCALAR, {"type": "object", "minProperties": 1, "additionalProperties": SCALAR, "properties": {
    "default": SCALAR | {"description": "The cap of the values that are not named."}}}]}  # fmt: skip

Sentence = Annotated[str, Field(min_length=1, max_length=500)]
Duration = Annotated[timedelta, BeforeValidator(times.duration), WithJsonSchema({"type": "string"})]
Amount = Annotated[Decimal, BeforeValidator(_amount), WithJsonSchema(SCALAR)]
Day = Annotated[date, BeforeValidator(times.day), WithJsonSchema({"type": "string"})]
YesNo = Annotated[bool, BeforeValidator(_true_or_false), WithJsonSchema(_TRUTH)]
FieldName = Annotated[str, AfterValidator(_field_name)]
Texts = Annotated[list[str], BeforeValidator(as_list), Field(min_length=1), WithJsonSchema(_TEXTS)]
Kinds = Annotated[list[str], BeforeValidator(as_list), Field(min_length=1), WithJsonSchema(_KINDS)]
FieldNames = Annotated[list[FieldName], BeforeValidator(as_list), Field(min_length=1), WithJsonSchema(_NAMES)]
Partner = Annotated[list[FieldName], BeforeValidator(_partner), Field(min_length=1), WithJsonSchema(_PARTNER)]
Condition = Annotated[str | dict, BeforeValidator(_condition), WithJsonSchema(_CONDITION)]
OpeningHours = Annotated[
    list[Annotated[times.Hours, BeforeValidator(times.hours)]],
    BeforeValidator(as_list),
    Field(min_length=1),
    WithJsonSchema(_TEXTS),
]
Days = Annotated[list[Day], BeforeValidator(as_list), Field(min_length=1), WithJsonSchema(_TEXTS)]
Lists = Annotated[dict[FieldName, str], Field(min_length=1)]
# What a union adds to the place of a mistake: it stands in no file.
TAGS = ("[number]", "[table]", "[list]", "[one]")


_CHOICES = {"anyOf": [*_TEXTS["anyOf"], {"type": "object", "minProperties": 1, "additionalProperties": SCALAR}]}
Choices = Annotated[
    Annotated[list[str], Field(min_length=1), Tag("[list]")]
    | Annotated[dict[str, str], Field(min_length=1), Tag("[table]")],
    Discriminator(lambda value: "[table]" if isinstance(value, dict) else "[list]"),
    BeforeValidator(as_list),
    WithJsonSchema(_CHOICES),
]


class CountryOf(Model):
    """The country stands in another field of the lead."""

    field: FieldName = Field(description="The field of type country that says it.")
    default: str | None = Field(None, min_length=1, description="The country of leads in which that field says none.")


def _form_of_country(value):
    return "[one]" if isinstance(value, str) else "[list]" if isinstance(value, list) else "[table]"


Country = Annotated[
    Annotated[str, Field(min_length=1), Tag("[one]")]
    | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1), Tag("[list]")]
    | Annotated[CountryOf, Tag("[table]")],
    Discriminator(_form_of_country),
]


def _cap(number):
    """Return the type of a cap: one number, or a table of them, by the values of the field under `by`."""
    return Annotated[
        Annotated[number, Tag(TAGS[0])] | Annotated[dict[str, number], Field(min_length=1), Tag(TAGS[1])],
        Discriminator(lambda value: TAGS[isinstance(value, dict)]),
        WithJsonSchema(_CAP),
    ]


RuleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Required = Annotated[bool | str | dict, BeforeValidator(_required), WithJsonSchema(_CONDITION)]
Unique = Annotated[list[list[FieldName]], BeforeValidator(_unique), WithJsonSchema(_UNIQUE)]
Count = Annotated[int, BeforeValidator(_count)]
Limit, Budget = _cap(Count), _cap(Annotated[Decimal, BeforeValidator(_budget)])
Worth = Annotated[Decimal | str, BeforeValidator(_worth), WithJsonSchema(SCALAR)]
Expectation = Annotated[Literal["valid"] | list[str], BeforeValidator(_expectation), WithJsonSchema(_TEXTS)]
LeadFields = Annotated[dict[str, str | list[str]], BeforeValidator(_fields_of_lead), WithJsonSchema({"type": "object"})]
Status = Annotated[int, BeforeValidator(_status)]
Timezone = Annotated[ZoneInfo, BeforeValidator(times.timezone), WithJsonSchema({"type": "string"})]
_CURRENCY = {"type": "string", "enum": sorted(CODES)}
Currency = Annotated[str, BeforeValidator(currency), WithJsonSchema(_CURRENCY)]
Moment = Annotated[datetime, BeforeValidator(times.moment), WithJsonSchema({"type": "string"})]
