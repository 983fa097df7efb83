"""The judgement of a lead: a pure function of a program and the fields that were submitted.

What only the store can decide (is this address new?) is not decided here: it is handed over in
`Verdict.claims`, and the store adds its refusals with `Verdict.refuse`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from checks import Refused
from conditions import Unanswered, scope
from payload import FORBIDDEN, canonical, clean
from rulefile import RuleFile

NOTE_LENGTH = 500
VALID_NOTE = "Lead submitted successfully"


@dataclass(frozen=True)
class Reason:
    """Why a lead is refused: a stable code for programs, a sentence for people."""

    code: str
    note: str


RETRY_MISMATCH = Reason("retry.mismatch", "This request repeats the key of an earlier one with other content")


@dataclass(frozen=True)
class Claim:
    """A place that only one valid lead may hold: the store gives it to the first who asks.

    `key` names the place; `within` is how long it stays taken (None: for ever); `reason` is why
    a lead that does not get it is refused.
    """

    rule: str
    key: tuple
    within: timedelta | None
    reason: Reason


@dataclass
class Verdict:
    """What a program says of a lead.

    `fields` is what to store: declared fields in their normal form, others as they came.
    `values` holds the declared fields that the lead has, as conditions see them.
    `trace` tells the decision step by step, without the lead's data.
    """

    program: str
    rules: str
    fields: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    trace: list[dict] = field(default_factory=list)
    sale_amount: Decimal | None = None
    customer: list[str] = field(default_factory=list)
    retry: list[str] = field(default_factory=list)
    email: str = ""
    partner: str = ""
    test: bool = False

    @property
    def valid(self):
        return not self.reasons

    @property
    def note(self):
        """The answer's note: at most 500 characters, and never what was submitted."""
        if self.valid:
            return VALID_NOTE
        text = clean("; ".join(dict.fromkeys(reason.note for reason in self.reasons)))
        return text if len(text) <= NOTE_LENGTH else text[: NOTE_LENGTH - 1] + "…"

    def refuse(self, reason, check):
        """Add a reason, and say in the trace which check gave it."""
        self.reasons.append(reason)
        self.say(check, f"refused: {reason.code}")

    def mismatch(self):
        """Refuse the lead for its retry key alone: the key was used with other content."""
        self.reasons, self.claims = [], []
        self.refuse(RETRY_MISMATCH, "retry")

    def say(self, check, result):
        self.trace.append({"check": check, "result": result})


@dataclass(frozen=True)
class FieldRule:
    """A field of a program, compiled: `parse` and `limits` turn a text into a value."""

    name: str
    label: str
    kind: str
    required: bool
    default: str | None
    parse: Callable
    limits: list
    sentences: dict
    note: str | None

    def value(self, text):
        if FORBIDDEN.search(text):
            raise Refused
        value = self.parse(text)
        for check in self.limits:
            value = check(value)
        return value

    def reason(self, code):
        return Reason(f"{self.name}.{code}", self.note or self.sentences[code])


@dataclass(frozen=True)
class Rule:
    """A rule of a program, compiled: `check` refuses, or hands over a claim."""

    id: str
    when: Callable | None
    check: Callable


@dataclass(frozen=True)
class Program:
    """A rule file, ready to judge leads. `hash` is the SHA-256 of the file's text."""

    name: str
    path: str
    text: str
    hash: str
    spec: RuleFile
    fields: dict[str, FieldRule]
    names: dict[str, str]
    rules: list[Rule]
    amounts: list[tuple]


def unreadable(program, sentence):
    """Return the verdict on a body that is no lead; `sentence` says what is wrong with it."""
    verdict = Verdict(program.name, program.hash)
    verdict.refuse(Reason("body.unreadable", sentence), "body")
    return verdict


def judge(program, submitted, now):
    """Judge a lead: `submitted` is `{name: [value, …]}`, `now` an aware datetime."""
    verdict = Verdict(program.name, program.hash)
    now = now.astimezone(program.spec.timezone)
    _check_fields(program, submitted, verdict)
    if verdict.valid:
        lead_scope = scope(verdict.values, now)
        for rule in program.rules:
            _judge_rule(rule, lead_scope, verdict)
        verdict.sale_amount = _sale_amount(program, lead_scope, verdict) if verdict.valid else None
    if not verdict.valid:
        verdict.claims = []
    _identify(program, verdict)
    return verdict


def _check_fields(program, submitted, verdict):
    given = {}
    for name, texts in submitted.items():
        if known := program.names.get(canonical(name)):
            given.setdefault(known, []).extend((canonical(name), text) for text in texts)
        else:
            texts = [clean(text) for text in texts]
            verdict.fields[name] = texts[0] if len(texts) == 1 else texts
    others, verdict.fields = verdict.fields, {}
    for name, rule in program.fields.items():
        _check_field(rule, _in_order(program, name, given.get(name, [])), verdict)
    verdict.fields.update(others)


def _in_order(program, name, given):
    """Return the texts that are not empty, those under the field's own name before its aliases'."""
    if len(given) > 1:
        spellings = [canonical(name), *map(canonical, program.spec.fields[name].aliases)]
        given.sort(key=lambda pair: spellings.index(pair[0]))
    return [text for _, text in given if text]


def _check_field(rule, texts, verdict):
    if not texts and rule.default is not None:
        texts = [rule.default]
        verdict.say(rule.name, "absent: the default is taken")
    if not texts:
        if rule.required:
            verdict.refuse(rule.reason("required"), rule.name)
        else:
            verdict.say(rule.name, "absent")
        return
    if len(texts) > 1:
        verdict.say(rule.name, f"{len(texts)} values: the first is taken")
    try:
        if any(FORBIDDEN.search(text) for text in texts[1:]):
            raise Refused
        verdict.values[rule.name] = value = rule.value(texts[0])
    except Refused as error:
        verdict.fields[rule.name] = clean(texts[0])
        verdict.refuse(rule.reason(error.code), rule.name)
    else:
        verdict.fields[rule.name] = _stored(value)
        verdict.say(rule.name, "passed")


def _stored(value):
    """Return a value as JSON holds it: amounts as exact texts, dates in ISO 8601."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value


def _judge_rule(rule, lead_scope, verdict):
    try:
        if rule.when and not rule.when(lead_scope):
            verdict.say(rule.id, "does not apply")
        else:
            rule.check(lead_scope, verdict)
    except Unanswered as why:
        verdict.say(rule.id, f"skipped: {why}")


def _sale_amount(program, lead_scope, verdict):
    for number, (when, amount) in enumerate(program.amounts, 1):
        try:
            if when is None or when(lead_scope):
                verdict.say("sale_amount", f"number {number} fits: {amount}")
                return amount
        except Unanswered as why:
            verdict.say("sale_amount", f"number {number} skipped: {why}")
    return Decimal("0.00")


def _identify(program, verdict):
    """Fill in who the lead is, for the answer and for the ledger."""
    spec, fields = program.spec, verdict.fields
    named = {name: str(fields[name]) for name in program.fields if fields.get(name) not in (None, "")}
    verdict.partner = named.get(spec.partner, "")
    verdict.test = verdict.values.get(spec.test_flag) is True
    if any(name in verdict.values for name in spec.customer):
        verdict.customer = [folded(verdict.values.get(name)) for name in spec.customer]
    if spec.retry_key and all(name in named for name in spec.retry_key):
        verdict.retry = [named[name].casefold() for name in spec.retry_key]
    emails = [name for name, rule in spec.fields.items() if rule.type == "email" and name in verdict.values]
    if emails:
        verdict.email = str(verdict.values["email" if "email" in emails else emails[0]])


def folded(value):
    return "" if value is None else str(_stored(value)).casefold()


def content(submitted):
    """Return a text that is the same for the same fields, in whatever order or format they came."""
    return json.dumps(sorted((canonical(name), texts) for name, texts in submitted.items()))
