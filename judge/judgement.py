"""The judgement of a lead: a pure function of a program and the fields that were submitted.

What only the store can decide (is this address new?) is not decided here: it is handed over in
`Verdict.claims`, and the store adds its refusals with `Verdict.refuse`.
"""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from judge.calendar import DATES, refused_on
from judge.rules import only_claims
from judge.sameness import has_others, identity
from judge.scope import Forgotten, Unanswered, scope
from judge.values import (
    FORBIDDEN,
    UNSEEN,
    Ambiguous,
    Refused,
    Remarked,
    canonical,
    clean,
    first_of,
    folded,
    stored,
    within_reach,
)
from judge.verdict import TEST_LIMIT, Claim, Reason, Verdict

DAY = timedelta(days=1)
DELIVER = "program.deliver"  # as the trace names it: no field and no rule can be called so


def unreadable(program, sentence):
    """Return the verdict on a body that is no lead; `sentence` says what is wrong with it."""
    verdict = Verdict(program.name, program.hash)
    verdict.refuse(Reason("body.unreadable", sentence), "body")
    return verdict


def judge(program, submitted, now, stored_lead=False):
    """Judge a lead: `submitted` is `{name: [value, …]}` (best as `items.Submitted`), `now` an aware datetime.

    A stored lead lacks the fields that were forgotten: they passed then, and are passed over now.
    """
    now = now.astimezone(program.spec.timezone)
    verdict = Verdict(program.name, program.hash, now=now)
    passed_over = program.forgets if stored_lead else frozenset()
    for remark in getattr(submitted, "remarks", ()):
        verdict.say("body", remark)
    _check_fields(program, submitted, verdict, passed_over)
    lead_scope = scope(verdict.values, now, verdict.unread, passed_over)
    _check_required(program, lead_scope, verdict, passed_over)
    amount = verdict.worth = _sale_amount(program, lead_scope, verdict)
    if verdict.valid:
        verdict.sale_amount = amount
        _check_dates(program.spec, verdict)
        for rule in program.rules:
            _judge_rule(rule, lead_scope, verdict)
        verdict.sale_amount = amount if verdict.valid else None
    _identify(program, verdict)
    if not verdict.valid:
        verdict.claims = []
    elif verdict.test:
        verdict.claims = _claims_of_test(program, verdict)
    if program.deliver and verdict.valid:
        _address(program, lead_scope, verdict)
    return verdict


def recognize(program, submitted, now):
    """Return the verdict on a stored lead with all the claims that its values can make, and no reasons.

    Whether it passes today is not asked: it may be refused by a list that has grown since, and holds its places.
    """
    verdict = Verdict(program.name, program.hash, sale_amount=Decimal(0), now=now.astimezone(program.spec.timezone))
    _check_fields(program, submitted, verdict, program.forgets)
    _identify(program, verdict)
    verdict = verdict.anew()
    for rule, spec in zip(program.rules, program.spec.rules, strict=True):
        if rule.mode != "off" and only_claims(spec):
            rule.check(None, verdict)
    if verdict.test:
        verdict.claims = _claims_of_test(program, verdict)
    return verdict


def _check_fields(program, submitted, verdict, passed_over):
    given, others = {}, {}
    for name, texts in submitted.items():
        spelling = name if name in program.names else canonical(name)
        if field := program.names.get(spelling):
            given.setdefault(field, {}).setdefault(spelling, []).extend(texts)
        elif not program.forgets or (texts := program.kept_texts(name, texts)):
            texts = [clean(text) for text in texts]
            others[name] = texts[0] if len(texts) == 1 else texts
    for name, rule in program.in_reading_order:
        if name in passed_over:
            verdict.say(name, "forgotten")
            continue
        if rule.in_country:
            rule = rule.in_country(verdict.values.get(rule.spec.country_field))
        spelled = given.get(name, {})
        # What came under the field's own name goes before what came under its aliases.
        texts = [text for spelling in rule.spellings for text in spelled.get(spelling, ()) if _is_there(text)]
        if rule.blanks and texts:
            texts = _without_blanks(rule, texts, verdict)
        _check_field(rule, texts, verdict)
        if not rule.spec.store:
            verdict.fields.pop(name, None)
    verdict.fields.update(others)


def _is_there(text):
    """Tell whether a value is more than nothing, or than characters that nobody sees."""
    return bool(text) and (text.isascii() or bool(text.translate(UNSEEN).strip()))


def _without_blanks(rule, texts, verdict):
    kept = [text for text, in_reach in within_reach(texts) if not (in_reach and rule.is_blank(text))]
    if len(kept) < len(texts):
        verdict.say(rule.name, "a value that counts as absent is passed over")
    return kept


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
    if rule.spec.multiple:
        _check_values(rule, texts, verdict)
        return
    if len(texts) > 1:
        verdict.say(rule.name, f"{len(texts)} values: the first is taken")
    try:
        if len(texts) > 1 and any(FORBIDDEN.search(text) for text in texts[1:]):
            raise Refused
        verdict.values[rule.name] = value = rule.value(texts[0], verdict.now)
    except Refused as error:
        verdict.fields[rule.name] = clean(texts[0])
        _refuse_value(rule, error, verdict)
    else:
        verdict.fields[rule.name] = stored(value)
        if isinstance(value, Remarked):
            verdict.say(rule.name, value.remark)
        verdict.say(rule.name, "passed")


def _refuse_value(rule, error, verdict):
    if isinstance(error, Ambiguous):
        verdict.say(rule.name, "it could mean more than one value, and is not guessed")
    if rule.spec.on_invalid == "warn":
        verdict.unread = (*verdict.unread, rule.name)
        verdict.say(rule.name, f"warned: {rule.name}.{error.code}")
    else:
        verdict.refuse(rule.refusal(error), rule.name)


def _check_values(rule, texts, verdict):
    """Keep and check all values of a field; where one is refused, conditions see none, since it might have decided."""
    if len(texts) > 1:
        verdict.say(rule.name, f"{len(texts)} values: all are kept")
    values, kept, errors = [], [], {}
    for text, in_reach in within_reach(texts):
        try:
            if not in_reach:
                raise Refused
            values.append(rule.value(text, verdict.now))
            kept.append(stored(values[-1]))
        except Refused as error:
            kept.append(clean(text))
            errors.setdefault(error.code, error)
    verdict.fields[rule.name] = kept
    for remark in dict.fromkeys(value.remark for value in values if type(value) is Remarked):
        verdict.say(rule.name, remark)
    for error in errors.values():
        _refuse_value(rule, error, verdict)
    if not errors:
        verdict.values[rule.name] = tuple(values)
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


def _check_dates(spec, verdict):
    if reason := refused_on(spec, verdict.now.date()):
        verdict.refuse(reason, DATES)
    elif spec.starts or spec.ends:
        verdict.say(DATES, "passed")


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
    would = verdict.anew()
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
                if callable(amount):
                    amount = amount(lead_scope)
                say("sale_amount", f"number {number} fits: {amount}")
                return amount
        except Unanswered as why:
            verdict.unsure = verdict.unsure or isinstance(why, Forgotten)
            say("sale_amount", f"number {number} skipped: {why}")
    return Decimal("0.00")


def _identify(program, verdict):
    """Fill in who the lead is, for the answer and for the ledger."""
    spec, values = program.spec, verdict.values
    partner, subpartner = program.senders
    verdict.partner = _submitted(verdict, partner) if partner else ""
    if subpartner:
        verdict.subpartner = _submitted(verdict, subpartner)
    verdict.test = _is_test(program.marks[0], verdict) if program.marks else values.get(spec.test_flag) is True
    if any(name in values for name in spec.customer):
        who = [values.get(name) for name in spec.customer]
        verdict.customer = list(map(identity, who))
        verdict.customer_before = list(map(folded, who)) if any(map(has_others, who)) else []
    keys = [folded(_submitted(verdict, name)) for name in spec.retry_key]
    verdict.retry = keys if all(keys) else []
    verdict.email = str(next((first_of(values[name]) for name in program.emails if name in values), ""))
    verdict.phone = str(next((first_of(values[name]) for name in program.phones if name in values), ""))


def _is_test(mark, verdict):
    """Tell whether the condition of `test_if` holds; where it has no answer, the lead is a real one."""
    try:
        is_test = mark(scope(verdict.values, verdict.now))
    except Unanswered as why:
        verdict.say("test_if", f"skipped: {why}")
        return False
    verdict.say("test_if", "it is a test" if is_test else "it is no test")
    return is_test


def _address(program, lead_scope, verdict):
    """Fill in where a lead goes that is valid so far; where a condition has no answer, it does not go."""
    for entry in program.spec.deliver:
        when, why_not = program.deliver[entry.to], ""
        try:
            if verdict.test and not entry.tests:
                why_not = "tests do not go there"
            elif when and not when(lead_scope):
                why_not = "its condition is not true"
        except Unanswered as why:
            why_not = str(why)
        if not why_not:
            verdict.deliver.append(entry.to)
        verdict.say(DELIVER, f"not to {entry.to}: {why_not}" if why_not else f"to {entry.to}, if valid")


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


def content(submitted):
    """Return a text that is the same for the same fields, in whatever order or format they came."""
    return json.dumps(sorted((canonical(name), texts) for name, texts in submitted.items()))
