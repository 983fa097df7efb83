"""Fields that keep several values (`multiple: true`), where a program goes by one value alone."""

import re

# Why one value is needed, by the key that names the field.
ONE_VALUE = {
    "partner": "a lead has one partner",
    "customer": "a customer is known by one",
    "retry_key": "a request is known by one",
    "unique": "two leads may have some of them in common and not others",
    "by": "a lead counts in one group",
    "test_flag": "a lead is a test or is none",
}


def check(spec, source):
    """Complain of each key of a RuleFile that names such a field and goes by one value."""
    for place, key, who, names in _named(spec):
        for name in dict.fromkeys(names):
            if name in spec.fields and spec.fields[name].multiple:
                why = f"{key}: {name} is a list, since it has multiple: true, and {ONE_VALUE[key]}"
                source.complain(place, f"{who}{why}: {_instead(key, name, spec.fields[name].aliases)}")


def _named(spec):
    """Yield such keys: their place, the key, whose it is, and the fields that it names."""
    yield ("partner",), "partner", "", spec.partner
    yield ("test_flag",), "test_flag", "", [spec.test_flag]
    yield ("customer",), "customer", "", spec.customer
    yield ("retry_key",), "retry_key", "", spec.retry_key
    for index, rule in enumerate(spec.rules):
        who = f'rule "{rule.id}": '
        yield ("rules", index, "unique"), "unique", who, [name for names in rule.unique or () for name in names]
        yield ("rules", index, "by"), "by", who, rule.by or ()


def _instead(key, name, aliases):
    if key == "test_flag":
        return f"write test_if: true in {name}"
    picked = [re.sub(r"\.(?=[^.]*$)|$", lambda end: f"[0]{end[0]}", alias, count=1) for alias in (name, *aliases)]
    told = ", ".join(f'"{alias}"' for alias in picked if alias.count("[") == 1)
    return f"write a field for the first of them, first_{name}: {{aliases: [{told}]}}, and name that"
