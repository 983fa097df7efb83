"""The words of the rule language: every key that a rule file may have, and how its text is read.

YAML is read as text (rulefile.py), and the readers here type it, so that NO stays Norway and 01234
a postal code. The descriptions become the JSON Schema for editors.
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
    model_validator,
)

from judge import times
from judge.conditions import RESERVED
from judge.meant import as_number
from judge.phones import KINDS
from judge.types import TYPES


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
    names = _list(value)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("is no list of fields: write [email], [email, phone] or {any_of: [email, phone]}")
    return names


def _status(text):
    if not re.fullmatch("20[0-3]|4[0-9]{2}", str(text)):
        raise ValueError("is no status for an invalid lead: write 200, or one from 400 to 499")
    return int(text)


def _count(text):
    if not re.fullmatch("[0-9]{1,9}", str(text)):
        raise ValueError(f"is not a number of leads: write it as {as_number(text) or 200}")
    return int(text)


def _budget(text):
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", str(text)):
        if number := as_number(text):
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
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if str(text).lower() not in words:
        raise ValueError("is neither true nor false")
    return words[text.lower()]


def _list(value):
    if isinstance(value, str) and "," in value:
        raise ValueError("is one text: write a list in brackets, such as [one, another]")
    return [value] if isinstance(value, str) and value else value


def _expectation(value):
    if isinstance(value, str) and "." in value:
        raise ValueError(f"is one text: write reason codes in brackets, [{value}]")
    if value != "valid" and not (isinstance(value, list) and all(isinstance(code, str) for code in value)):
        raise ValueError("is no expectation: write valid, or the reason codes in brackets, such as [email.required]")
    return value


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
_SCALAR = {"type": ["string", "number", "boolean"]}
_CONDITION = {"anyOf": [_SCALAR, {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": {
    "all": {"type": "array"}, "any": {"type": "array"}, "not": {}}, "additionalProperties": False}]}  # fmt: skip
_NAMES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_TEXTS = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]}
_KINDS = {"anyOf": [{"enum": [*KINDS]}, {"type": "array", "items": {"enum": [*KINDS]}, "minItems": 1}]}
_UNIQUE = {"anyOf": [*_NAMES["anyOf"], {"type": "object", "required": ["any_of"], "properties": {"any_of": _NAMES}}]}
_TRUTH = {"enum": [True, False, "yes", "no", "on", "off"]}
_CAP = {"anyOf": [_SCALAR, {"type": "object", "minProperties": 1, "additionalProperties": _SCALAR, "properties": {
    "default": _SCALAR | {"description": "The cap of the values that are not named."}}}]}  # fmt: skip

Sentence = Annotated[str, Field(min_length=1, max_length=500)]
Duration = Annotated[timedelta, BeforeValidator(times.duration), WithJsonSchema({"type": "string"})]
Amount = Annotated[Decimal, BeforeValidator(_amount), WithJsonSchema(_SCALAR)]
Day = Annotated[date, BeforeValidator(times.day), WithJsonSchema({"type": "string"})]
YesNo = Annotated[bool, BeforeValidator(_true_or_false), WithJsonSchema(_TRUTH)]
FieldName = Annotated[str, AfterValidator(_field_name)]
Texts = Annotated[list[str], BeforeValidator(_list), Field(min_length=1), WithJsonSchema(_TEXTS)]
Kinds = Annotated[list[str], BeforeValidator(_list), Field(min_length=1), WithJsonSchema(_KINDS)]
FieldNames = Annotated[list[FieldName], BeforeValidator(_list), Field(min_length=1), WithJsonSchema(_NAMES)]
Condition = Annotated[str | dict, BeforeValidator(_condition), WithJsonSchema(_CONDITION)]
OpeningHours = Annotated[
    list[Annotated[times.Hours, BeforeValidator(times.hours)]],
    BeforeValidator(_list),
    Field(min_length=1),
    WithJsonSchema(_TEXTS),
]
Days = Annotated[list[Day], BeforeValidator(_list), Field(min_length=1), WithJsonSchema(_TEXTS)]
Lists = Annotated[dict[FieldName, str], Field(min_length=1)]
# What a union of a number and a table adds to the place of a mistake: it stands in no file.
TAGS = ("[number]", "[table]")


def _cap(number):
    """Return the type of a cap: one number, or a table of them, by the values of the field under `by`."""
    return Annotated[
        Annotated[number, Tag(TAGS[0])] | Annotated[dict[str, number], Field(min_length=1), Tag(TAGS[1])],
        Discriminator(lambda value: TAGS[isinstance(value, dict)]),
        WithJsonSchema(_CAP),
    ]


RuleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class FieldSpec(_Model):
    type: Literal[*TYPES] = Field("text", description="What the field holds.")
    label: Sentence | None = Field(None, description="What people call it, as in: No email address was submitted.")
    required: Annotated[bool | str | dict, BeforeValidator(_required), WithJsonSchema(_CONDITION)] = Field(
        False, description="true, or a condition: a lead without the field is refused."
    )
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
    countries: Texts | None = Field(None, description="The countries whose phone numbers are accepted.")
    kinds: Kinds | None = Field(None, description="The kinds of phone numbers that are accepted, such as mobile.")
    formats: Texts | None = Field(None, description="How dates are written, such as MM/DD/YYYY, ISO or epoch.")
    yes: Texts | None = Field(None, description="Words that mean true, beside the built-in ones.")
    no: Texts | None = Field(None, description="Words that mean false, beside the built-in ones.")
    blanks: Texts = Field([], description="Values that count as absent, beside those of the program.")
    pad: YesNo | None = Field(None, description="true: zeros that a spreadsheet took are put back, 2134 is 02134.")
    standard: str | None = Field(None, description="What kind of number an id is, such as us.ssn or iban.")
    disposable: str | None = Field(None, description="reject: throw-away addresses are refused.")
    role: str | None = Field(None, description="reject: addresses such as info@ are refused.")
    free: str | None = Field(None, description="reject: addresses of free providers are refused.")
    exact: YesNo | None = Field(None, description="true: pat+x@gmail.com is another address than pat@gmail.com.")
    sensitive: YesNo = Field(False, description="true: masked in pages, logs and exports.")
    store: YesNo = Field(True, description="false: checked, then forgotten.")
    on_invalid: Literal["reject", "warn"] = Field("reject", description="warn: recorded, but not refused.")


class RuleSpec(_Model):
    id: RuleId = Field(description="The rule's name, which is also its reason code.")
    id_before: RuleId | None = Field(
        None, description="The id that the rule had before: what is used up stays counted."
    )
    note: Sentence | None = Field(None, description="What the partner is told.")
    public: YesNo = Field(True, description="false: the posting instructions do not show this rule.")
    mode: Literal["enforce", "observe", "off"] = Field(
        "enforce", description="observe: counted, but refuses nobody; off: passed over."
    )
    when: Condition | None = Field(None, description="The rule applies only to leads that fit this condition.")
    reject_if: Condition | None = Field(None, description="A lead that fits this condition is refused.")
    require: Condition | None = Field(None, description="A lead that does not fit this condition is refused.")
    listed: Lists | None = Field(None, description="A lead whose field is in this file is refused.")
    not_listed: Lists | None = Field(None, description="A lead whose field is not in it is refused.")
    open: OpeningHours | None = Field(None, description="A lead outside these hours is refused.")
    closed: Days | None = Field(None, description="A lead on these days is refused, whatever the hours are.")
    unique: Annotated[list[list[FieldName]], BeforeValidator(_unique), WithJsonSchema(_UNIQUE)] | None = Field(
        None, description="The fields that no two valid leads have in common; any_of: each of them alone."
    )
    within: Duration | None = Field(None, description="How long a valid lead blocks others like it.")
    across: Literal["program", "all"] | None = Field(None, description="all: leads of the other programs count too.")
    limit: _cap(Annotated[int, BeforeValidator(_count)]) | None = Field(
        None, description="How many valid leads are taken: one number, or one for each value of the field under by."
    )
    budget: _cap(Annotated[Decimal, BeforeValidator(_budget)]) | None = Field(
        None, description="How much the sale amounts may come to: one sum, or one for each value of the field under by."
    )
    per: Literal["hour", "day", "week", "month", "year", "total"] | None = Field(
        None, description="What a limit or budget is for; total: for all leads there ever are."
    )
    by: FieldNames | None = Field(None, description="Each value of these fields has a limit of its own.")


class AmountSpec(_Model):
    when: Condition | None = Field(None, description="The amount is for leads that fit this condition.")
    amount: Annotated[Decimal | str, BeforeValidator(_worth), WithJsonSchema(_SCALAR)] = Field(
        description="What a valid lead is worth, such as 10.00, or what it is computed by: loan_amount * 0.0001."
    )
    at_most: Amount | None = Field(None, description="What a computed amount never exceeds.")


def _lead(value, name=""):
    """Flatten a nested lead: `contact: {email: x}` is `contact.email: x`, `cars: [{year: 1}]` is `cars[0].year: 1`."""
    if isinstance(value, dict):
        members = [(name if key == "#text" and name else f"{name}.{key}" if name else key, value[key]) for key in value]
    elif isinstance(value, list) and not all(isinstance(item, str) for item in value):
        members = [(f"{name}[{number}]", item) for number, item in enumerate(value)]
    else:
        return {name: value}
    flat = {}
    for key, inner in members:
        flat |= _lead(inner, key)
    return flat


def _fields_of_lead(value):
    return _lead(value) if isinstance(value, dict) else value


LeadFields = Annotated[dict[str, str | list[str]], BeforeValidator(_fields_of_lead), WithJsonSchema({"type": "object"})]


class ExampleSpec(_Model):
    name: str = Field(description="What the example shows.")
    lead: LeadFields = Field(description="The fields of the lead.")
    expect: Annotated[Literal["valid"] | list[str], BeforeValidator(_expectation), WithJsonSchema(_TEXTS)] = Field(
        description="valid, or the reason codes."
    )
    sale_amount: Amount | None = Field(None, description="The amount that is expected.")
    note: str | None = Field(None, description="The note that is expected.")
    at: Annotated[datetime, BeforeValidator(times.moment), WithJsonSchema({"type": "string"})] | None = Field(
        None, description="When the lead is posted, in the program's time zone; if left out, now or the next open time."
    )
    after: list[LeadFields] = Field([], description="Leads that were posted before it.")


class PrivacySpec(_Model):
    mask_after: Duration | None = Field(None, description="When the fields of a lead are masked.")
    delete_after: Duration | None = Field(None, description="When a lead is deleted.")


def _amounts(value):
    return [{"amount": value}] if isinstance(value, str) else [value] if isinstance(value, dict) else value


def _empty_fields(value):
    """Read `irpid:` with nothing behind it as `irpid: {}`, and so `fields:` itself."""
    if isinstance(value, dict):
        return {name: {} if spec == "" else spec for name, spec in value.items()}
    return {} if value == "" else value


class RuleFile(_Model):
    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty_keys(cls, document):
        return {key: value for key, value in document.items() if value != "" or key == "fields"}

    @property
    def has_tests(self):
        """Whether a lead can be a test."""
        return bool(self.test_flag or self.test_if)

    title: Sentence = Field("", description="What the program is called.")
    respond: Literal["xml", "json"] = Field("xml", description="The format of an answer where the request names none.")
    invalid_status: Annotated[int, BeforeValidator(_status)] = Field(200, description="The status of an invalid lead.")
    timezone: Annotated[ZoneInfo, BeforeValidator(times.timezone), WithJsonSchema({"type": "string"})] = Field(
        ZoneInfo("UTC"), description="Whose days and hours count for ages and dates."
    )
    partner: FieldName | None = Field(None, description="The field that says which partner sent the lead.")
    test_flag: FieldName | None = Field(
        None,
        description="A lead with this field true is a test: answered and paid like any other, but uses up nothing.",
    )
    test_if: Condition | None = Field(
        None, description="A lead that fits this condition is a test, in place of test_flag."
    )
    test_limit: Annotated[int, BeforeValidator(_count)] = Field(50, description="How many tests a day are valid.")
    starts: Day | None = Field(None, description="The first day of the campaign: leads before it are refused.")
    ends: Day | None = Field(None, description="The last day of the campaign: leads after it are refused.")
    customer: FieldNames = Field([], description="The fields that say who is the same customer.")
    retry_key: FieldNames = Field([], description="A request with the same values here is the same request.")
    unpack: Texts = Field([], description="Fields whose text is the lead itself, as XML, JSON or a form.")
    query_wins: FieldNames = Field([], description="Fields of the address's query string that win over the body.")
    blanks: Texts = Field([], description="Values that count as absent, in every field, such as N/A.")
    docs: Literal["public", "link", "operators"] = Field("link", description="Who sees the posting instructions.")
    privacy: PrivacySpec | None = Field(None, description="How long leads are kept.")
    fields: Annotated[dict[FieldName, FieldSpec], BeforeValidator(_empty_fields)] = Field(
        min_length=1, description="What a lead may hold: the name of each field, and what is asked of it."
    )
    rules: list[RuleSpec] = Field([], description="Which leads are refused, judged from top to bottom.")
    sale_amount: Annotated[list[AmountSpec], BeforeValidator(_amounts)] = Field(
        [], description="What a valid lead is worth: one amount, or the first of a list that fits."
    )
    examples: list[ExampleSpec] = Field([], description="Leads to try each time the file is read.")


def json_schema():
    """Return the JSON Schema of a rule file, as editors use it to complete and explain."""
    schema = _as_yaml(RuleFile.model_json_schema())
    amounts = schema["properties"]["sale_amount"]
    amounts["anyOf"] = [_SCALAR, amounts["items"], {"type": "array", "items": amounts.pop("items")}]
    del amounts["type"]
    return {"$schema": "http://json-schema.org/draft-07/schema#"} | schema | {"title": "A program of Datapost"}


def _as_yaml(node):
    """Let every text be a number or a truth too, as YAML has it; an empty field may be nothing at all."""
    if isinstance(node, list):
        return [_as_yaml(item) for item in node if item != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    node = {key: _as_yaml(value) for key, value in node.items() if not (key == "default" and value in (None, []))}
    if node.get("type") == "string" and not node.keys() & {"enum", "const", "pattern"}:
        node["type"] = _SCALAR["type"]
    if node.get("type") == "integer":
        node["type"] = ["integer", "string"]
    return node
