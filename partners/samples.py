"""Values to show, of which none stands in a list; and leads to try, of which none is like one before."""

from datetime import datetime

from judge import moments
from judge.aliases import read_alias
from judge.examples import fields_of, texts_of, values_of
from judge.judgement import judge
from judge.sameness import identity
from judge.types import TYPES
from judge.values import Refused, stored
from partners.marks import marked


def field_examples(program):
    """Return a value to show for each field, or None: the rule file's, else one that passes its checks."""
    leads = [example.lead for example in program.spec.examples if example.expect == "valid"]
    given = declared(program, leads[0]) if leads else {}
    listed = program.listed
    found = {}
    for name, _ in program.in_reading_order:
        rule = _beside(program, name, found)
        texts = [rule.spec.example, None if name in listed else given.get(name), *_usual(program, rule)]
        found[name] = first_that_passes(rule, texts)
    return {name: found[name] for name in program.fields}


def _beside(program, name, texts):
    """Return a field as it is read beside these texts of others, which may say its country."""
    rule = program.fields[name]
    if not rule.in_country:
        return rule
    said = next(iter(values_of(texts.get(rule.spec.country_field) or [])), None)
    try:
        return rule.in_country(program.fields[rule.spec.country_field].value(said) if said else None)
    except Refused:
        return rule.in_country(None)


def made_leads(program, examples):
    """Return leads of these values that are no tests: one of what may be required, one of everything."""
    flag = program.spec.test_flag
    given = {name: "false" if name == flag else text for name, text in examples.items() if text}
    required = {name: text for name, text in given.items() if program.fields[name].spec.required}
    return [lead if flag else marked(program, lead, test=False) for lead in (required, given)]


def declared(program, lead):
    """Return the declared fields of an example's lead, by their own names: of those with several values a list."""
    named = {}
    for name, texts in texts_of(program, lead).items():
        named.setdefault(program.field_of(name), []).extend(filter(None, texts))
    found = {name: texts for name in program.fields if (texts := named.get(name))}
    return {
        name: texts if len(texts) > 1 and program.fields[name].spec.multiple else texts[0]
        for name, texts in found.items()
    }


def first_that_passes(rule, given):
    """Return the first of the given values, or lists of values, that passes; with `one_of` as the file spells it."""
    for value in given:
        try:
            texts = [text for text in values_of(value or []) if not rule.is_blank(text)]
            parsed = [str(stored(rule.value(text))) for text in texts]
        except Refused:
            continue
        if texts:
            texts = parsed if rule.spec.one_of else texts
            return texts[0] if isinstance(value, str) else texts
    return None


def _usual(program, rule):
    """Return values that a field of this type is likely to take."""
    spec = rule.spec
    likely = TYPES[spec.type].likely(spec)
    if spec.type == "text" and "name" not in rule.name.lower():
        likely = reversed(likely)  # Ann is a name
    usual = [*spec.choices, *likely, spec.min, spec.max]
    if rule.timed:
        now, formats = datetime.now(program.spec.timezone), spec.formats or ["ISO"]
        usual += [moments.example_in(written, spec.type == "date", now) for written in formats]
    return usual


def freshened(program, leads, now):
    """Return the leads with new values where two leads must not be alike: none repeats an earlier run's.

    A value that several of the leads have stays the same in all of them, but for those that say which
    requests are the same: each post is one of its own. A new value that would be judged otherwise
    than the old one (an address on a list, say) is not taken.
    """
    spec = program.spec
    unique = {name for rule in spec.rules for names in rule.unique or () for name in names}
    emails = {name for name, row in spec.fields.items() if row.type == "email"}
    unlike = unique | emails | {*spec.customer, *spec.retry_key}
    for name in sorted(unlike.union(*(_lists_of(program, name) for name in unlike))):
        new = {}
        tried = [_replaced(program, lead, name, new if name not in spec.retry_key else {}) for lead in leads]
        if [_judged(program, lead, now) for lead in tried] == [_judged(program, lead, now) for lead in leads]:
            leads = tried
    return leads


def _lists_of(program, name):
    """Return the fields of whose values an alias of this field picks one: phones, for phones[0]."""
    steps = [read_alias(alias).steps for alias in program.spec.fields[name].aliases]
    return {field for path in steps if path and (field := program.field_of(".".join(step for step, _ in path)))}


def _judged(program, lead, now):
    verdict = judge(program, texts_of(program, lead), now)
    return verdict.codes, verdict.sale_amount, verdict.test


def _replaced(program, lead, field_name, new):
    made, fields = {}, fields_of(program, lead)
    texts = {field: values_of(lead[name])[0] for name, field in fields.items() if values_of(lead[name])}
    for name, value in lead.items():
        if fields.get(name) == field_name:
            rule = _beside(program, field_name, texts)
            fresh = [new.setdefault(text, _other(rule, text)) for text in values_of(value)]
            value = fresh[0] if isinstance(value, str) else fresh
        made[name] = value
    return made


def _other(rule, text):
    """Return another value that the field takes; the same one if none is found, or if it does not take this one."""
    try:
        before = identity(rule.value(text))
        for candidate in TYPES[rule.spec.type].others(text):
            try:
                if identity(rule.value(candidate)) != before:
                    return candidate
            except Refused:
                continue
    except Refused:
        pass
    return text


def alike(program, lead, fresh):
    """Return the labels of what no two leads may have in common and what could not be made new."""
    fields = fields_of(program, fresh)
    same = {fields.get(name) for name, value in fresh.items() if lead.get(name) == value}
    groups = [names for rule in program.spec.rules for names in rule.unique or () if same.issuperset(names)]
    return [" and ".join(program.fields[name].label for name in names) for names in groups]
