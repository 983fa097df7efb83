"""The judgement of a lead: a pure function of a program and the fields that were submitted.

What only the store can decide (is this address new?) is not decided here: it is handed over in
`Verdict.claims`, and the store adds its refusals with `Verdict.refuse`.
"""

import json
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from judge.conditions import Unanswered, scope
from judge.rulefile import Source
from judge.schema import FIELD_NAME, FieldSpec, RuleFile
from judge.values import FORBIDDEN, LONGEST_VALUE, UNSEEN, Names, Refused, canonical, clean, folded, stored

NOTE_LENGTH = 500
VALID_NOTE = "Lead submitted successfully"
OBSERVED = "observed: it would be refused"


@dataclass(frozen=True)
class Reason:
    """Why a lead is refused: a stable code for programs, a sentence for people."""

    code: str
    note: str


RETRY_MISMATCH = Reason("retry.mismatch", "This request repeats the key of an earlier one with other content")
TEST_LIMIT = Reason("test.limit", "No more test leads are taken today")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Claim:
    """A place that a valid lead needs and the store gives out.

    Without a `limit`, a lead may have the place `key` if no other took it for the time `within` (None:
    for ever); the place is remembered for the time `kept`, since other rules may ask for it too. It may stand
    under the keys `before`, where its field had another name. With a `limit`, the leads at `key` may use up
    that many units together; `until` then the period is over. A claim that is only `asked` takes nothing.
    `reason` is why a lead that does not get the place is refused; one that is only observed is not refused.
    """

    rule: str
    key: tuple
    reason: Reason
    within: timedelta | None = None
    kept: timedelta | None = None
    before: tuple[tuple, ...] = ()
    limit: int | None = None
    units: int = 1
    until: datetime | None = None
    observed: bool = False
    asked: bool = False

    def allows(self, found, now):
        """Tell whether a lead of `now` gets it: `found` is when it was taken last, or how many units are used up."""
        if self.limit is not None:
            return (found or 0) + self.units <= self.limit
        return found is None or (self.within is not None and found <= now - self.within)


def longer(one, other):
    """Return the longer of two times, each of which may be None: for ever."""
    return None if one is None or other is None else max(one, other)


@dataclass
class Verdict:
    """What a program says of a lead.

    `fields` is what to store: declared fields in their normal form, others as they came.
    `values` holds the declared fields that the lead has, as conditions see them.
    `trace` tells the decision step by step, without the lead's data.
    `worth` is the sale amount, whether the lead is valid or not; None if nothing is known.
    `observed` names the rules that only observe and would have refused the lead.
    """

    program: str
    rules: str
    fields: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    trace: list[dict] = field(default_factory=list)
    sale_amount: Decimal | None = None
    worth: Decimal | None = None
    observed: list[str] = field(default_factory=list)
    customer: list[str] = field(default_factory=list)
    retry: list[str] = field(default_factory=list)
    email: str = ""
    phone: str = ""
    partner: str = ""
    test: bool = False
    now: datetime | None = None

    @property
    def valid(self):
        return not self.reasons

    @property
    def codes(self):
        """The reason codes, each once: two values of one rule may have been taken."""
        return list(dict.fromkeys(reason.code for reason in self.reasons))

    @property
    def note(self):
        """The answer's note: one line of at most 500 characters, and never what was submitted."""
        if self.valid:
            return VALID_NOTE
        # A rule file may break a sentence; XPath and a regular expression read line breaks differently.
        text = " ".join(clean("; ".join(dict.fromkeys(reason.note for reason in self.reasons))).split())
        return text if len(text) <= NOTE_LENGTH else text[: NOTE_LENGTH - 1] + "…"

    def copy(self):
        """Return a verdict that can be settled while this one stays as it is."""
        made = copy(self)
        made.reasons, made.claims, made.trace = [*self.reasons], [*self.claims], [*self.trace]
        made.observed = [*self.observed]
        return made

    def refuse(self, reason, check):
        """Add a reason, and say in the trace which check gave it."""
        self.reasons.append(reason)
        self.say(check, f"refused: {reason.code}")

    def mismatch(self):
        """Refuse the lead for its retry key alone: the key was used with other content."""
        self.reasons, self.claims = [], []
        self.refuse(RETRY_MISMATCH, "retry")

    def settle(self, refused):
        """Take the store's answer to the claims: the positions of those that were refused."""
        told = {(self.claims[position].rule, None) for position in refused}
        for position, claim in enumerate(self.claims):
            outcome = claim.rule, claim.reason if position in refused else None
            if outcome in told:  # a rule may have asked for several places
                continue
            told.add(outcome)
            if position not in refused:
                self.say(claim.rule, "passed")
            elif claim.observed:
                self.observe(claim.rule)
            else:
                self.refuse(claim.reason, claim.rule)

    def observe(self, rule):
        """Note that a rule would refuse the lead, if it did more than observe."""
        if rule not in self.observed:
            self.observed.append(rule)
        self.say(rule, OBSERVED)

    def say(self, check, result):
        self.trace.append({"check": check, "result": result})


@dataclass(frozen=True)
class FieldRule:
    """A field of a program, compiled: `parse` and `limits` turn a text into a value."""

    name: str
    label: str
    spec: FieldSpec
    parse: Callable
    limits: list
    sentences: dict
    required: Callable | bool
    spellings: list[str]

    @cached_property
    def former_names(self):
        """The aliases that may have been the field's name: the places that it took stand under that."""
        return [alias for alias in self.spec.aliases if FIELD_NAME.fullmatch(alias) and alias != self.name]

    def value(self, text):
        # No value but a text is this long, and some parsers take the square of the length.
        if FORBIDDEN.search(text) or (len(text) > LONGEST_VALUE and self.spec.type != "text"):
            raise Refused
        value = self.parse(text)
        for check in self.limits:
            value = check(value)
        return value

    def reason(self, code):
        return Reason(f"{self.name}.{code}", self.spec.note or self.sentences[code])


@dataclass(frozen=True)
class Rule:
    """A rule of a program, compiled: `check(scope, verdict)` refuses, or hands over a claim."""

    id: str
    mode: str
    when: Callable | None
    check: Callable


@dataclass(frozen=True)
class Program:
    """A rule file, ready to judge leads.

    `hash` is the SHA-256 of the file's text, `names` the field that each spelling means,
    `lists` the paths of the lists that the rules name, and `kept` how long a place of `unique` is
    remembered, by its fields: as long as any rule asks.
    """

    name: str
    path: str
    text: str
    hash: str
    spec: RuleFile
    fields: dict[str, FieldRule]
    names: dict[str, str]
    rules: list[Rule]
    amounts: list[tuple]
    lists: set[str]
    kept: dict[tuple, timedelta | None]
    source: Source
    warnings: list[str]

    def labels(self, names):
        """Return the labels of these fields, as reasons name them."""
        return " and ".join(self.fields[name].label for name in names if name in self.fields)

    @cached_property
    def emails(self):
        """The fields that may hold the answer's email, the likeliest first."""
        return self._of_type("email")

    @cached_property
    def phones(self):
        """The fields that may hold the phone by which a lead is found, the likeliest first."""
        return self._of_type("phone")

    def _of_type(self, kind):
        names = [name for name, rule in self.spec.fields.items() if rule.type == kind and rule.store]
        return sorted(names, key=lambda name: name != kind)

    @cached_property
    def forgets(self):
        """The fields that are checked and then forgotten."""
        return {name for name, rule in self.fields.items() if not rule.spec.store}

    @cached_property
    def _forgotten_names(self):
        return Names(self.names, self.forgets)

    def is_forgotten(self, name):
        """Tell whether a submitted name is such a field, or stands under one (`applicant.ssn`, `ssn.@id`)."""
        return name in self._forgotten_names

    def without_forgotten(self, submitted):
        """Return the submitted fields less those that are not to be stored."""
        return {name: texts for name, texts in submitted.items() if not self.is_forgotten(name)}


def unreadable(program, sentence):
    """Return the verdict on a body that is no lead; `sentence` says what is wrong with it."""
    verdict = Verdict(program.name, program.hash)
    verdict.refuse(Reason("body.unreadable", sentence), "body")
    return verdict


def judge(program, submitted, now, stored_lead=False):
    """Judge a lead: `submitted` is `{name: [value, …]}`, `now` an aware datetime.

    A stored lead lacks the fields that were forgotten: they passed then, and are passed over now.
    """
    now = now.astimezone(program.spec.timezone)
    verdict = Verdict(program.name, program.hash, now=now)
    passed_over = program.forgets if stored_lead else ()
    _check_fields(program, submitted, verdict, passed_over)
    lead_scope = scope(verdict.values, now)
    _check_required(program, lead_scope, verdict, passed_over)
    amount = verdict.worth = _sale_amount(program, lead_scope, verdict)
    if verdict.valid:
        verdict.sale_amount = amount
        for rule in program.rules:
            _judge_rule(rule, lead_scope, verdict)
        verdict.sale_amount = amount if verdict.valid else None
    _identify(program, verdict)
    if not verdict.valid:
        verdict.claims = []
    elif verdict.test:
        verdict.claims = _claims_of_test(program, verdict)
    return verdict


def _check_fields(program, submitted, verdict, passed_over):
    given, others = {}, {}
    for name, texts in submitted.items():
        spelling = name if name in program.names else canonical(name)
        if field := program.names.get(spelling):
            given.setdefault(field, {}).setdefault(spelling, []).extend(texts)
        elif not (program.forgets and program.is_forgotten(name)):
            texts = [clean(text) for text in texts]
            others[name] = texts[0] if len(texts) == 1 else texts
    for name, rule in program.fields.items():
        if name in passed_over:
            verdict.say(name, "forgotten")
            continue
        spelled = given.get(name, {})
        # What came under the field's own name goes before what came under its aliases.
        texts = [text for spelling in rule.spellings for text in spelled.get(spelling, ()) if _is_there(text)]
        _check_field(rule, texts, verdict)
        if not rule.spec.store:
            verdict.fields.pop(name, None)
    verdict.fields.update(others)


def _is_there(text):
    """Tell whether a value is more than nothing, or than characters that nobody sees."""
    return bool(text) and (text.isascii() or bool(text.translate(UNSEEN).strip()))


def _check_field(rule, texts, verdict):
    if not texts and rule.spec.default is not None:
        texts = [rule.spec.default]
        verdict.say(rule.name, "absent: the default is taken")
    if not texts:
        if rule.required is True:
            verdict.refuse(rule.reason("required"), rule.name)
        elif not rule.required:
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
        if rule.spec.on_invalid == "warn":
            verdict.say(rule.name, f"warned: {rule.name}.{error.code}")
        else:
            verdict.refuse(rule.reason(error.code), rule.name)
    else:
        verdict.fields[rule.name] = stored(value)
        verdict.say(rule.name, "passed")


def _check_required(program, lead_scope, verdict, passed_over):
    """Refuse the lead for fields that a condition requires and that it does not have."""
    for name, rule in program.fields.items():
        missing = name not in verdict.values and not verdict.fields.get(name) and name not in passed_over
        if callable(rule.required) and missing:
            try:
                if rule.required(lead_scope):
                    verdict.refuse(rule.reason("required"), name)
                else:
                    verdict.say(name, "absent, and not required")
            except Unanswered as why:
                verdict.say(name, f"absent, and not required: {why}")


def _judge_rule(rule, lead_scope, verdict):
    if rule.mode == "off":
        verdict.say(rule.id, "off")
        return
    try:
        if rule.when and not rule.when(lead_scope):
            verdict.say(rule.id, "does not apply")
        elif rule.mode == "observe":
            _observe(rule, lead_scope, verdict)
        else:
            rule.check(lead_scope, verdict)
    except Unanswered as why:
        verdict.say(rule.id, f"skipped: {why}")


def _observe(rule, lead_scope, verdict):
    """Judge a rule that refuses nobody, and say in the trace what it would have done."""
    would = Verdict(verdict.program, verdict.rules, values=verdict.values, now=verdict.now)
    would.sale_amount = verdict.sale_amount
    rule.check(lead_scope, would)
    verdict.claims += [replace(claim, observed=True) for claim in would.claims]
    if would.reasons:
        verdict.observe(rule.id)
    else:
        verdict.trace += would.trace


def _sale_amount(program, lead_scope, verdict):
    """Return the first amount that fits; the trace of a lead that is refused already says nothing of it."""
    say = verdict.say if verdict.valid else lambda *_: None
    for number, (when, amount) in enumerate(program.amounts, 1):
        try:
            if when is None or when(lead_scope):
                say("sale_amount", f"number {number} fits: {amount}")
                return amount
        except Unanswered as why:
            say("sale_amount", f"number {number} skipped: {why}")
    return Decimal("0.00")


def _identify(program, verdict):
    """Fill in who the lead is, for the answer and for the ledger."""
    spec, values = program.spec, verdict.values
    verdict.partner = _submitted(verdict, spec.partner) if spec.partner and spec.fields[spec.partner].store else ""
    verdict.test = values.get(spec.test_flag) is True
    if any(name in values for name in spec.customer):
        verdict.customer = [folded(values.get(name)) for name in spec.customer]
    keys = [folded(_submitted(verdict, name)) for name in spec.retry_key]
    verdict.retry = keys if all(keys) else []
    verdict.email = str(next((values[name] for name in program.emails if name in values), ""))
    verdict.phone = str(next((values[name] for name in program.phones if name in values), ""))


def _claims_of_test(program, verdict):
    """Return the claims of a test: it asks for all that a lead needs, and takes places of its own for a day at most.

    impact.com pays for what is answered valid, so that tests are counted, too.
    """
    asked = [replace(claim, asked=True) for claim in verdict.claims]
    places = [claim for claim in verdict.claims if claim.limit is None]
    own = [
        replace(claim, key=("test", *claim.key), before=(), within=min(claim.within or DAY, DAY), kept=DAY)
        for claim in places
    ]
    day = ("test", program.name, f"{verdict.now:%Y-%m-%d}")
    limit = Claim(TEST_LIMIT.code, day, TEST_LIMIT, limit=program.spec.test_limit, until=verdict.now + 2 * DAY)
    return [*asked, *own, limit]


def _submitted(verdict, name):
    """Return a field's value as text, even if it is invalid."""
    return str(stored(verdict.values.get(name, verdict.fields.get(name, ""))))


class Claims:
    """Claims settled in memory, as the store settles them: for examples and backtests."""

    def __init__(self):
        self._taken, self._totals = {}, {}

    def settle(self, verdict):
        """Give the verdict its places, all of them or none."""
        if not verdict.valid:
            return
        claims = verdict.claims
        refused = {n for n, claim in enumerate(claims) if not self._is_free(claim, verdict.now)}
        if all(claims[n].observed for n in refused):
            for n, claim in enumerate(claims):
                if n not in refused and not claim.asked:
                    self._take(claim, verdict.now)
        verdict.settle(refused)

    def _is_free(self, claim, now):
        found = self._totals if claim.limit is not None else self._taken
        return all(claim.allows(found.get(key), now) for key in (claim.key, *claim.before))

    def _take(self, claim, now):
        if claim.limit is not None:
            self._totals[claim.key] = self._totals.get(claim.key, 0) + claim.units
        else:
            self._taken[claim.key] = now


def content(submitted):
    """Return a text that is the same for the same fields, in whatever order or format they came."""
    return json.dumps(sorted((canonical(name), texts) for name, texts in submitted.items()))
