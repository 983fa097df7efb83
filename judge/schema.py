"""The words of the rule language: every key that a rule file may have.

YAML is read as text (rulefile.py), and the types here read that (written.py), so that NO stays Norway and 01234
a postal code. The descriptions become the JSON Schema for editors.
"""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from judge.deliver import Deliver
from judge.impact import Impact
from judge.types import TYPES
from judge.written import (
    SCALAR,
    Amount,
    Budget,
    Choices,
    Condition,
    Count,
    Country,
    Currency,
    Day,
    Days,
    Duration,
    Expectation,
    FieldName,
    FieldNames,
    Kinds,
    LeadFields,
    Limit,
    Lists,
    Model,
    Moment,
    OpeningHours,
    Partner,
    Required,
    RuleId,
    Sentence,
    Status,
    Texts,
    Timezone,
    Unique,
    Worth,
    YesNo,
)  # fmt: skip


class FieldSpec(Model):
    type: Literal[*TYPES] = Field("text", description="What the field holds.")
    label: Sentence | None = Field(None, description="What people call it, as in: No email address was submitted.")
    required: Required = Field(False, description="true, or a condition: a lead without the field is refused.")
    aliases: Texts = Field([], description="Other names under which partners send it.")
    default: str | None = Field(None, description="The value of a lead that does not have it.")
    note: Sentence | None = Field(None, description="The sentence that replaces the built-in ones.")
    example: str | None = Field(None, description="A value, for the people who read about the field.")
    min: str | None = Field(
        None, description="The least value; of a date also today; of a range its low end.", examples=["today"]
    )
    max: str | None = Field(
        None, description="The greatest value; of a date also today; of a range its high end.", examples=["today"]
    )
    min_length: str | None = Field(None, description="The least number of characters.")
    max_length: str | None = Field(None, description="The greatest number of characters.")
    pattern: str | None = Field(None, description="A regular expression (RE2) that the whole value fits.")
    one_of: Choices | None = Field(
        None, description="The values that are accepted, or a table of codes and what they mean: {'1': Employed}."
    )
    country: Country | None = Field(
        None,
        description="The country, as two letters; several, of which the first that takes a value counts; or {field: "
        "country, default: US}, where another field says it.",
    )
    countries: Texts | None = Field(None, description="The countries whose phone numbers are accepted.")
    kinds: Kinds | None = Field(None, description="The kinds of phone numbers that are accepted, such as mobile.")
    formats: Texts | None = Field(
        None,
        description="How dates are written, such as MM/DD/YYYY, ISO or epoch.",
        examples=["MM/DD/YYYY", "ISO", "epoch"],
    )
    yes: Texts | None = Field(None, description="Words that mean true, beside the built-in ones.")
    no: Texts | None = Field(None, description="Words that mean false, beside the built-in ones.")
    blanks: Texts = Field([], description="Values that count as absent, beside those of the program.")
    pad: YesNo | None = Field(None, description="true: zeros that a spreadsheet took are put back, 2134 is 02134.")
    standard: str | None = Field(
        None, description="What kind of number an id is, such as us.ssn or iban.", examples=["us.ssn", "iban"]
    )
    disposable: str | None = Field(None, description="reject: throw-away addresses are refused.", examples=["reject"])
    role: str | None = Field(None, description="reject: addresses such as info@ are refused.", examples=["reject"])
    free: str | None = Field(None, description="reject: addresses of free providers are refused.", examples=["reject"])
    exact: YesNo | None = Field(None, description="true: pat+x@gmail.com is another address than pat@gmail.com.")
    multiple: YesNo = Field(False, description="true: all its values are kept and checked, as a list.")
    sensitive: YesNo = Field(False, description="true: masked in pages, logs and exports.")
    store: YesNo = Field(True, description="false: checked, then forgotten.")
    on_invalid: Literal["reject", "warn"] = Field("reject", description="warn: recorded, but not refused.")

    # What follows from keys that may be written in several forms.

    @property
    def codes(self):
        """The table of `one_of`, `{code: meaning}`; empty where it is a list."""
        return self.one_of if isinstance(self.one_of, dict) else {}

    @property
    def choices(self):
        """The values of `one_of`: of a table, what its codes mean."""
        return list(dict.fromkeys(self.codes.values())) if self.codes else self.one_of or []

    @property
    def country_field(self):
        """The field that says the country, or None."""
        return getattr(self.country, "field", None)

    @property
    def countries_named(self):
        """The countries that `country` names itself, the likeliest first."""
        written = self.country.default if self.country_field else self.country
        return written if isinstance(written, list) else [written] if written else []

    @property
    def home(self):
        """The country that an example is of."""
        return next(iter(self.countries_named), "US" if self.country else None)


class RuleSpec(Model):
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
    open: OpeningHours | None = Field(
        None, description="A lead outside these hours is refused.", examples=["Mon-Fri 08:00-20:00"]
    )
    closed: Days | None = Field(None, description="A lead on these days is refused, whatever the hours are.")
    unique: Unique | None = Field(
        None, description="The fields that no two valid leads have in common; any_of: each of them alone."
    )
    within: Duration | None = Field(
        None, description="How long a valid lead blocks others like it.", examples=["90 days"]
    )
    across: Literal["program", "all"] | None = Field(None, description="all: leads of the other programs count too.")
    limit: Limit | None = Field(
        None, description="How many valid leads are taken: one number, or one for each value of the field under by."
    )
    budget: Budget | None = Field(
        None, description="How much the sale amounts may come to: one sum, or one for each value of the field under by."
    )
    per: Literal["hour", "day", "week", "month", "year", "total"] | None = Field(
        None, description="What a limit or budget is for; total: for all leads there ever are."
    )
    by: FieldNames | None = Field(None, description="Each value of these fields has a limit of its own.")


class AmountSpec(Model):
    when: Condition | None = Field(None, description="The amount is for leads that fit this condition.")
    amount: Worth = Field(
        description="What a valid lead is worth, such as 10.00, or what it is computed by: loan_amount * 0.0001."
    )
    at_most: Amount | None = Field(None, description="What a computed amount never exceeds.")


class ExampleSpec(Model):
    name: str = Field(description="What the example shows.")
    lead: LeadFields = Field(description="The fields of the lead.")
    expect: Expectation = Field(description="valid, or the reason codes.", examples=["valid"])
    sale_amount: Amount | None = Field(None, description="The amount that is expected.")
    note: str | None = Field(None, description="The note that is expected.")
    at: Moment | None = Field(
        None, description="When the lead is posted, in the program's time zone; if left out, now or the next open time."
    )
    after: list[LeadFields] = Field([], description="Leads that were posted before it.")


class PrivacySpec(Model):
    mask_after: Duration | None = Field(None, description="When the fields of a lead are masked.")
    delete_after: Duration | None = Field(None, description="When a lead is deleted.")


def _amounts(value):
    return [{"amount": value}] if isinstance(value, str) else [value] if isinstance(value, dict) else value


def _empty_fields(value):
    """Read `irpid:` with nothing behind it as `irpid: {}`, and so `fields:` itself."""
    if isinstance(value, dict):
        return {name: {} if spec == "" else spec for name, spec in value.items()}
    return {} if value == "" else value


class RuleFile(Model):
    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty_keys(cls, document):
        kept = {"fields"} | document.keys() - cls.model_fields.keys()  # an unknown key is a mistake, empty or not
        return {key: value for key, value in document.items() if value != "" or key in kept}

    @property
    def has_tests(self):
        """Whether a lead can be a test."""
        return bool(self.test_flag or self.test_if)

    title: Sentence = Field("", description="What the program is called.")
    respond: Literal["xml", "json"] = Field("xml", description="The format of an answer where the request names none.")
    invalid_status: Status = Field(200, description="The status of an invalid lead.")
    timezone: Timezone = Field(
        ZoneInfo("UTC"), description="Whose days and hours count for ages and dates.", examples=["America/New_York"]
    )
    currency: Currency | None = Field(
        None, description="What amounts are in, as three letters such as USD: shown beside them, never in an answer."
    )
    partner: Partner = Field(
        [],
        description="The field that says which partner sent the lead, or [irpid, subid]: and which sub-partner of his.",
    )
    test_flag: FieldName | None = Field(
        None,
        description="A lead with this field true is a test: answered and paid like any other, but uses up nothing.",
    )
    test_if: Condition | None = Field(
        None, description="A lead that fits this condition is a test, in place of test_flag."
    )
    test_limit: Count = Field(50, description="How many tests a day are valid.")
    starts: Day | None = Field(None, description="The first day of the campaign: leads before it are refused.")
    ends: Day | None = Field(None, description="The last day of the campaign: leads after it are refused.")
    customer: FieldNames = Field([], description="The fields that say who is the same customer.")
    retry_key: FieldNames = Field([], description="A request with the same values here is the same request.")
    unpack: Texts = Field([], description="Fields whose text is the lead itself, as XML, JSON or a form.")
    query_wins: FieldNames = Field([], description="Fields of the address's query string that win over the body.")
    blanks: Texts = Field([], description="Values that count as absent, in every field, such as N/A.", examples=["N/A"])
    docs: Literal["public", "link", "operators"] = Field("link", description="Who sees the posting instructions.")
    privacy: PrivacySpec | None = Field(None, description="How long leads are kept.")
    fields: Annotated[dict[FieldName, FieldSpec], BeforeValidator(_empty_fields)] = Field(
        min_length=1, description="What a lead may hold: the name of each field, and what is asked of it."
    )
    rules: list[RuleSpec] = Field([], description="Which leads are refused, judged from top to bottom.")
    sale_amount: Annotated[list[AmountSpec], BeforeValidator(_amounts)] = Field(
        [], description="What a valid lead is worth: one amount, or the first of a list that fits."
    )
    deliver: list[Deliver] = Field([], description="Where valid leads go: each destination, and what goes there.")
    impact: Impact | None = Field(None, description="The program's campaign at impact.com, and what is reversed there.")
    examples: list[ExampleSpec] = Field([], description="Leads to try each time the file is read.")


def json_schema():
    """Return the JSON Schema of a rule file, as editors use it to complete and explain."""
    schema = _as_yaml(RuleFile.model_json_schema())
    amounts = schema["properties"]["sale_amount"]
    amounts["anyOf"] = [SCALAR, amounts["items"], {"type": "array", "items": amounts.pop("items")}]
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
        node["type"] = SCALAR["type"]
    if node.get("type") == "integer":
        node["type"] = ["integer", "string"]
    return node
