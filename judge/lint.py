"""What is legal in a rule file and probably not meant: these are warnings, not errors."""

import re
from datetime import timedelta

from judge.calendar import is_never_open
from judge.examples import texts_of
from judge.functions import WEEKDAYS
from judge.impact import CODES
from judge.meant import nearest
from judge.places import has_postal_codes
from judge.rules import looks_up
from judge.scope import scope
from judge.values import Refused, Text, folded, forms_of

ERRORS = {400, 401, 403, 404, 405, 413, 415, 429}  # what a lead is answered that is no decision

# What it means that a condition is always true, and always false, by the key that it stands under.
_CONSTANT = {
    "reject_if": ("is always true: the rule refuses every lead", "is never true: the rule refuses nobody"),
    "require": ("is always true: the rule refuses nobody", "is never true: the rule refuses every lead"),
    "when": ("is always true and can be left out", "is never true: this never applies"),
    "test_if": ("is always true: every lead is a test", "is never true: no lead is a test"),
    "required": ("is always true: write true", "is never true: the field is never required"),
}


# Types whose values are kept in one form, however they came.
_READ = {"phone", "postal_code", "region", "country", "url"}


def of_condition(holds, path, program, now):
    """Yield what is suspicious about a compiled condition, as the end of a sentence about it."""
    if not holds.names and len(path) == 1:
        always, never = _CONSTANT[path[0]]
        yield always if holds(scope({}, now)) else never
    for name in sorted(holds.alone):
        yield f"compares {name} with nothing: write {name} is present, or what it must be"
    for name, texts in holds.compared.items():
        rule = program.fields.get(name)
        if rule and rule.in_country and rule.spec.type != "phone":  # of which country it is to be is not said
            continue
        choices = WEEKDAYS if name == "weekday()" else _choices(rule) if rule and rule.parse else ()
        for text in sorted(texts):
            if rule and rule.is_blank(text):
                yield f'looks for "{text}", which counts as absent: it stands under blanks. Write {name} is missing'
            elif choices and Text(text) not in choices:
                yield from _of_no_choice(rule, name, text, choices)
            elif not choices and rule and rule.parse and rule.spec.type in _READ:
                yield from _of_what_is_read(rule, text)


def _choices(rule):
    """Return the values of `one_of` as the field has them."""
    return {value for value in (_read(rule, text) for text in rule.spec.choices) if value is not None}


def _read(rule, text):
    try:
        return rule.parse(text)
    except Refused:
        return None


def _of_no_choice(rule, name, text, choices):
    """Tell of a text that is none of the values of a field: a code of its table, perhaps, or another spelling."""
    value = _read(rule, text) if rule else None
    if value is not None and value in choices:
        yield f'looks for "{text}", and {name} has that as "{value}": write that'
    else:
        yield f'looks for "{text}", which is not one of the values of {name}: this is never true'


def _of_what_is_read(rule, text):
    """Tell of a text that a field never has, since it is read as another one."""
    try:
        value = rule.parse(text)
    except Refused:
        yield f'looks for "{text}", which {rule.name} can never be: this is never true'
    else:
        if value != Text(text):
            yield f'looks for "{text}", and {rule.name} has that as "{value}": write that'


def of_program(program, source, today):
    """Warn of what is suspicious about a rule file as a whole."""
    spec = program.spec
    if is_never_open(spec, today):
        when = " between starts and ends" if spec.starts and spec.ends else ""
        source.warn(("rules",), f"open: and closed: leave no moment{when} in which a lead can be valid")
    if spec.ends and spec.ends < today:
        source.warn(("ends",), f"ends: {spec.ends} is over: every lead is refused (program.ended)")
    if meant := _WITHOUT_SUMMER.get(spec.timezone.key):
        told = f"{spec.timezone.key} is winter time all the year: write {meant}, if the clocks change there"
        source.warn(("timezone",), f"timezone: {told}")
    privacy = spec.privacy
    if privacy and privacy.mask_after and privacy.delete_after and privacy.delete_after < privacy.mask_after:
        source.warn(("privacy",), "privacy: delete_after comes before mask_after: no lead is ever masked")
    if spec.invalid_status in ERRORS:
        meant = "is what requests are answered that were not judged: write 422, so that the two can be told apart"
        source.warn(("invalid_status",), f"invalid_status: {spec.invalid_status} {meant}")
    notes = {}
    for index, rule in enumerate(spec.rules):
        first = notes.setdefault(rule.note, rule.id) if rule.note else rule.id
        if first != rule.id:
            source.warn(("rules", index, "note"), f'rule "{rule.id}": its note is that of the rule "{first}" too')
        if rule.public and rule.mode == "enforce" and not rule.note:
            source.warn(("rules", index), f'rule "{rule.id}": it has no note, so partners read {_without_note(rule)}')
        if not spec.partner and len(rule.by or []) == 1 and _PARTNERS.fullmatch(rule.by[0]):
            meant = (
                f"it counts by {rule.by[0]}, and nothing says which partner sent a lead: write partner: {rule.by[0]}"
            )
            source.warn(("rules", index, "by"), f'rule "{rule.id}": by: {meant}')
        if spec.partner[1:] and rule.by == spec.partner[1:]:
            both = f"two partners may have a sub-partner of the same name: write by: [{', '.join(spec.partner)}]"
            source.warn(("rules", index, "by"), f'rule "{rule.id}": by: {both}')
        for key in ("limit", "budget"):
            if getattr(rule, key) == 0 and rule.mode == "enforce" and not rule.when:
                source.warn(("rules", index, key), f'rule "{rule.id}": {key}: 0 refuses every lead')
        if rule.require and isinstance(rule.require, str):
            present = re.fullmatch(r"(\w+) is present", rule.require)
            if present and spec.fields[present[1]].required is True:
                source.warn(("rules", index), f'rule "{rule.id}": {present[1]} is required: the rule refuses nobody')
    for index, entry in enumerate(spec.sale_amount[:-1]):
        if not entry.when and not isinstance(entry.amount, str):  # what is computed may lack a field
            source.warn(("sale_amount", index), "sale_amount: the amounts after this one are never reached")
    if ("sale_amount",) in source.lines and not spec.sale_amount:
        source.warn(("sale_amount",), "sale_amount: it holds no amount, so every lead is worth 0.00: write one")
    if spec.sale_amount and spec.sale_amount[-1].when:
        place = ("sale_amount", len(spec.sale_amount) - 1)
        source.warn(place, "sale_amount: a lead that fits none of the amounts is worth 0.00")
    blanks = forms_of(spec.blanks)
    for name, field in spec.fields.items():
        if field.required is True and field.default is not None:
            source.warn(("fields", name, "required"), f'field "{name}": it is never missing, since it has a default')
        for country in field.countries_named if field.type == "postal_code" else ():
            if not has_postal_codes(country):
                without = f"{country} has no postal codes, so every value is refused"
                source.warn(("fields", name, "country"), f'field "{name}": {without}')
        own = forms_of(field.blanks)
        for key in ("one_of", "yes", "no"):
            words = [*(getattr(field, key) or []), *(field.choices if key == "one_of" and field.codes else [])]
            for text in (text for text in words if folded(text) in blanks or folded(text) in own):
                absent = f'"{text}" of its {key} counts as absent, since it stands under blanks'
                source.warn(("fields", name, key), f'field "{name}": {absent}')
    if spec.deliver:
        _of_deliver(program, source)
    if spec.impact:
        _of_impact(spec, source)
    _of_examples(program, source)


# How long a lead is tried where its destination does not answer: ten attempts in 76 hours, each up to 15 % later.
TRIED_FOR = timedelta(days=4)


def _of_deliver(program, source):
    """Warn of leads that are gone before they are sent, and of what a destination never gets."""
    spec = program.spec
    for key in ("mask_after", "delete_after"):
        if spec.privacy and (span := getattr(spec.privacy, key)) and span < TRIED_FOR:
            gone = "a lead whose destination does not answer is tried for nearly 4 days, and what is gone is not sent"
            source.warn(("privacy", key), f"privacy: {key} is under 4 days: {gone}. Write 4 days or more")
    lacking = dict(zip(("$partner", "$subpartner"), program.senders, strict=True)) | {"$customerid": spec.customer}
    needed = {"$partner": "partner: and a field", "$subpartner": "partner: and two fields, [irpid, subid]"}
    needed |= {"$customerid": "customer: and the fields that say it"}
    for index, entry in enumerate(spec.deliver):
        who = f'destination "{entry.to}": '
        if entry.tests and not spec.has_tests:
            why = "no lead is a test here, as there is neither test_flag: nor test_if:"
            source.warn(("deliver", index, "tests"), f"{who}tests: {why}")
        for name, held in (entry.fields or {}).items():
            if held in lacking and not lacking[held]:
                told = f"fields: {held} is always empty, since the file does not say it: write {needed[held]}"
                source.warn(("deliver", index, "fields", name), who + told)


def _of_impact(spec, source):
    """Warn of what impact.com will probably not take, and of what cannot be compared with it."""
    if not spec.currency:
        told = "amounts are not compared with those there, as the file does not say what they are in"
        source.warn(("impact",), f"impact: {told}: write currency: USD, for example")
    reversals = spec.impact.reversals
    for reason, code in reversals.reasons.items():
        if code not in CODES:
            told = f"{code} is none of the codes that impact.com documents, but your account may have it"
            place = ("impact", "reversals", "reasons", reason)
            source.warn(place, f"reasons: {told}{nearest(code, CODES)}")
    if reversals.tests == "reverse" and not spec.has_tests:
        why = "no lead is a test here, as there is neither test_flag: nor test_if:"
        source.warn(("impact", "reversals", "tests"), f"reversals: tests: {why}")


def _without_note(rule):
    if (rule.when or rule.reject_if or rule.require) and not looks_up(rule):
        return "its condition as code: write note: and a sentence for them, or public: false"
    return "a sentence that is the same for all such rules: write note: and one of your own, or public: false"


_WITHOUT_SUMMER = {"EST": "America/New_York", "MST": "America/Denver"}

# What the field that names the partner is called.
_PARTNERS = re.compile(
    r"(?i)(ir|media_?|sub_?)?(partner|publisher|affiliate|pub|aff)(_?(id|name|code))?|ir_?pid|media_?id"
)


def _of_examples(program, source):
    examples = program.spec.examples
    if not examples:
        advice = "write a lead that is valid, and one that is not, to see that they are so"
        source.warn(("examples",), f"there are no examples: {advice}")
    leads = [texts_of(program, lead) for example in examples for lead in [example.lead, *example.after]]
    covered = {program.field_of(name) for lead in leads for name in lead}
    timed = {name for name, rule in program.fields.items() if rule.timed}
    for index, example in enumerate(examples if timed else []):
        given = {program.field_of(name) for lead in [example.lead, *example.after] for name in texts_of(program, lead)}
        if example.at is None and (names := sorted(timed & given)):
            why = f"what becomes of {names[0]} hangs on the day, and one day the file would not be read: write at:"
            source.warn(("examples", index), f'example "{example.name}": {why} 2026-03-01 12:00, for example')
    for name in program.fields if examples else []:
        if name not in covered:
            source.warn(("fields", name), f'field "{name}": no example has it')
