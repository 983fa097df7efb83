"""The errors of the schema in plain words: where a mistake is, what is wrong, and what to write."""

import re

from judge import deliver, impact
from judge.deliver import Deliver, is_name
from judge.impact import Impact, Reversals
from judge.meant import closest, key_meant, nearest, type_meant
from judge.schema import AmountSpec, ExampleSpec, FieldSpec, PrivacySpec, RuleFile, RuleSpec
from judge.types import TYPES
from judge.written import CountryOf, Unshown
from judge.yamltext import unseen

_MODELS = {"fields": FieldSpec, "rules": RuleSpec, "sale_amount": AmountSpec, "examples": ExampleSpec}
_MODELS |= {"privacy": PrivacySpec, "deliver": Deliver, "impact": Impact}
_SETTINGS = {Deliver: deliver.setting, Impact: impact.setting, Reversals: impact.setting}


# What an item of a list is called, and the key that holds its name.
_CALLED = {"rules": ("rule", "id"), "examples": ("example", "name"), "deliver": ("destination", "to")}


def where(document, place):
    """Name the rule, field or example that a mistake is in."""
    if len(place) > 1 and place[0] in _CALLED:
        part, (called, key) = document[place[0]][place[1]], _CALLED[place[0]]
        name = part.get(key) if isinstance(part, dict) else None
        name = None if called == "destination" and not is_name(name) else name
        return f'{called} "{name}": ' if name and isinstance(name, str) else f"{called} number {place[1] + 1}: "
    if place[:1] == ("fields",) and len(place) > 1:
        return f'field "{place[1]}": '
    return ""


def what(problem):
    """Return what is wrong, and what to write."""
    loc, value = problem["loc"], problem["input"]
    key = next(part for part in reversed(loc) if isinstance(part, str) and not part.startswith(("[", "list[")))
    given = value if isinstance(value, str) else "this"
    given = f'"{given if len(given) <= 200 else given[:60] + "…"}"' if given is value else given
    if loc[:1] == ("fields",) and len(loc) == 2 and key in RuleFile.model_fields and isinstance(value, list):
        return f'"{key}:" is no field: it belongs {_OWNERS[RuleFile]}'
    match problem["type"]:
        case "extra_forbidden":
            return _unknown_key(str(key), value, loc)
        case "missing":
            return f'"{key}:" is missing'
        case "literal_error" if isinstance(value, str):
            return _none_of(key, value, problem["ctx"]["expected"])
        case "value_error" if value == "" and loc[-1:] != ("[key]",):
            return f'"{key}:" is empty: write a value behind it, or leave the key out'
        case "value_error":
            error = problem["ctx"]["error"]
            return f"{'this' if isinstance(error, Unshown) else given} {error}"
        case "literal_error" | "string_type" | "dict_type" | "list_type" | "model_type" | "model_attributes_type":
            return f'"{key}:" {_expected(problem["type"], value, key)}'
        case "too_short" | "string_too_short":
            return f'"{key}:" is empty'
        case "string_too_long":
            return f'"{key}:" has more than {problem["ctx"]["max_length"]} characters: shorten it'
        case "string_pattern_mismatch":
            told = f"{given} is not a rule id: start with a letter or digit, then up to 63 letters, digits, - and _"
            return f"{told}{_as_id(value)}"
    return f'"{key}:" {problem["msg"][0].lower()}{problem["msg"][1:]}'


def _as_id(text):
    words = "-".join("".join(sign if sign.isascii() and sign.isalnum() else " " for sign in text.lower()).split())
    return f". Write {words}, for example" if words and len(words) <= 64 else ""


def _model(loc):
    if loc[:1] == ("fields",) and loc[2:3] == ("country",):
        return CountryOf
    if loc[:2] == ("impact", "reversals") and len(loc) > 2:
        return Reversals
    return _MODELS.get(loc[0], RuleFile) if len(loc) > 1 else RuleFile


def proposed(problem):
    """Return the key that an unknown one stands for, or None."""
    key, keys = str(problem["loc"][-1]), list(_model(problem["loc"]).model_fields)
    return key_meant(key, keys) or closest(key.lower(), keys)


def _unknown_key(key, value, loc):
    told = f'"{key[:100]}" is not a known key'
    if any(sign in key for sign in "“”„«»‘’"):
        return f"{told}: put the text in straight quotes, \" or ', and not in “ ”"
    if key == "<<":
        return f"{told}: nothing is merged here, write the keys themselves"
    model = _model(loc)
    if model in _SETTINGS and (meant := _SETTINGS[model](key)):
        return f"{told}: {meant}"
    if model is Impact and key in Reversals.model_fields:
        return f"{told} here: it belongs {_OWNERS[Reversals]}"
    if value == "" and model in (FieldSpec, CountryOf):  # {type: phone, country: US, CA}
        told += " and has no value; a list stands in brackets, such as [US, CA]"
    if model is RuleFile and _is_field(value):
        return f"{told}; if it is a field, indent it under fields:"
    if model is FieldSpec and isinstance(value, dict):
        return f"{told}: no field stands within another; give it a place of its own, with aliases: [{loc[1]}.{key}]"
    if model is RuleFile and _SUBPARTNER.fullmatch(key):
        named = value if isinstance(value, str) and re.fullmatch(r"\w{1,64}", value) else "subid"
        return f"{told}: it is the second field of the partner: write partner: [irpid, {named}]"
    if meant := proposed({"loc": loc}):
        return f'{told}. Did you mean "{meant}"?'
    owners = [(_OWNERS[other]) for other in _OWNERS if other is not model and key in other.model_fields]
    return f"{told} here: it belongs {owners[0]}" if owners else told


# What the sub-partner is called elsewhere.
_SUBPARTNER = re.compile(r"(?i)sub[_-]?(partner|publisher|affiliate|aff|pub|source|id)(_?id)?")

_OWNERS = {
    RuleFile: "to the program: begin its line at the edge",
    FieldSpec: "to a field: indent it under the name of one",
    RuleSpec: "to a rule: indent it under one of rules:",
    AmountSpec: "to sale_amount:",
    ExampleSpec: "to an example: indent it under one of examples:",
    PrivacySpec: "to privacy:",
    Deliver: "to deliver: indent it under one of its entries",
    Impact: "to impact: indent it under that",
    Reversals: "to reversals: indent it under that, which stands under impact:",
}


def _is_field(value):
    return isinstance(value, dict) and bool(value) and value.keys() <= FieldSpec.model_fields.keys()


def _none_of(key, given, expected):
    words = expected.replace(" or ", ", ").replace("'", "").split(", ")
    bare = given.strip("“”„‘’«»\"'")
    if hidden := unseen(given):
        return f'"{given[:100]}" is not one of {", ".join(words)}: {hidden}. Delete it and type the word again'
    meant = bare if bare in words else type_meant(given) if key == "type" else None
    near = f'. Did you mean "{meant}"?' if meant in words else nearest(given.lower(), words)
    return f'"{given[:100]}" is not one of {", ".join(words)}{near}'


def _expected(kind, value, key):
    if kind in ("string_type", "literal_error"):
        alone = isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)
        if key == "one_of" and isinstance(value, dict):
            return "is a list, and codes are a table: write {'1': one, '2': another}, without a - before each"
        return (
            f"needs one text, and not a list{f': write {key}: {value[0][:60]}' if alone else ''}"
            if isinstance(value, list)
            else "needs one text, and no keys of its own"
        )
    if kind == "dict_type" and isinstance(value, list):
        return "needs names, each with a colon and without a -, such as email: {type: email}"
    if kind == "list_type" and isinstance(value, dict):
        return (
            "needs a list: each item on a line of its own after a -, or [in, brackets]; write a - before its first key"
        )
    if kind.startswith("model") and isinstance(value, str) and (found := re.match(r"(\w{1,64}):\S", value)):
        return f"needs a space after the colon: write {found[1]}: and then the rest"
    if kind.startswith("model") and isinstance(value, str) and (value in TYPES or type_meant(value)):
        return f"needs keys with values: write {{type: {value if value in TYPES else type_meant(value)}}}"
    if kind == "dict_type" and isinstance(value, str) and key in ("listed", "not_listed"):
        return f"needs the field, too: write {{email: {value[:60] or 'list.txt'}}}"
    return (
        f"needs keys with values, such as {_SUCH_AS[key]}"
        if kind.startswith("model") and key in _SUCH_AS
        else _EXPECTED[kind]
    )


_SUCH_AS = {
    "privacy": "{mask_after: 90 days}",
    "deliver": "{to: crm}",
    "impact": "{campaign: 1000, event_type: 2240}",
    "reversals": "{within: 14 days, reasons: {fake: CONS_FRAUD}}",
    "sale_amount": "{amount: 10.00}",
    "rules": "{id: duplicate, unique: [email]}",
    "examples": "{name: a good lead, lead: {email: ann@example.com}, expect: valid}",
}


_EXPECTED = {
    "dict_type": "needs names with values, each on a line of its own, indented",
    "list_type": "needs a list: each item on a line of its own after a -, or [in, brackets]",
    "model_type": "needs keys with values, such as {type: text}",
    "model_attributes_type": "needs keys with values, such as {type: text}",
}
