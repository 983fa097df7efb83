"""Values to show: for each field one that it takes, and never one that stands in a list."""

import phonenumbers

from judge import places
from judge.types import Refused
from judge.values import canonical, stored


def field_examples(program):
    """Return a value to show for each field, or None: the rule file's, else one that passes its checks."""
    leads = [example.lead for example in program.spec.examples if example.expect == "valid"]
    given = declared(program, leads[0]) if leads else {}
    listed = listed_fields(program)
    return {
        name: first_that_passes(rule, [rule.spec.example, None if name in listed else given.get(name), *_usual(rule)])
        for name, rule in program.fields.items()
    }


def made_leads(program, examples):
    """Return leads of these values that are no tests: one of what may be required, one of everything."""
    given = {name: "false" if name == program.spec.test_flag else text for name, text in examples.items() if text}
    return [{name: text for name, text in given.items() if program.fields[name].spec.required}, given]


def listed_fields(program):
    """Return the fields that lists are about: their values in examples may stand in the lists."""
    lists = [names for rule in program.spec.rules for names in (rule.listed, rule.not_listed) if names]
    return {name for names in lists for name in names}


def declared(program, lead):
    """Return the declared fields of an example's lead, by their own names, each with one value."""
    named = {program.names.get(canonical(name)): value for name, value in lead.items()}
    single = {name: value if isinstance(value, str) else value[0] for name, value in named.items() if name and value}
    return {name: single[name] for name in program.fields if single.get(name)}


def first_that_passes(rule, texts):
    for text in texts:
        try:
            if text:
                value = rule.value(text)
                return str(stored(value)) if rule.spec.one_of else text
        except Refused:
            continue
    return None


_DATE = {"YYYY": "1985", "MM": "04", "DD": "17", "HH": "09", "mm": "30", "ss": "00", "M": "4", "D": "17"}
_USUAL = {
    "text": ["Ann", "Example 1"],
    "email": ["ann@example.com"],
    "country": ["US"],
    "integer": ["1", "18"],
    "number": ["3.5"],
    "money": ["1234.50"],
    "boolean": ["true"],
    "consent": ["true"],
    "url": ["https://example.com/"],
    "ip": ["192.0.2.1"],
    "uuid": ["6f1b0a52-8a0e-4b7e-9a53-2f1d3c4b5a69"],
}


def _usual(rule):
    """Yield values that a field of this type is likely to take."""
    spec = rule.spec
    yield from spec.one_of or []
    yield from _USUAL.get(spec.type, [])
    if spec.type == "phone":
        number = phonenumbers.example_number((spec.countries or [spec.country or "US"])[0])
        yield phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if spec.type in ("postal_code", "region"):
        yield places.example_of(spec.country)[spec.type == "region"]
    if spec.type in ("date", "datetime"):
        text = (spec.formats or ["YYYY-MM-DD" if spec.type == "date" else "YYYY-MM-DDTHH:mm:ss"])[0]
        for part, digits in _DATE.items():
            text = text.replace(part, digits)
        yield text
    yield from (spec.min, spec.max)
