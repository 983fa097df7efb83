"""A field of a rule file, compiled: its type, its limits, its sentences, and what is wrong with its keys."""

from dataclasses import replace
from functools import partial

from judge import countries
from judge.aliases import spellings
from judge.codes import by_code, wrong_codes
from judge.limits import LIMITS, readable
from judge.moments import TODAY, Today
from judge.program import FieldRule
from judge.types import TYPES, formats_of
from judge.values import Refused, Unusable, forms_of


def compile_field(compiler, name, spec):
    """Return the FieldRule; what is wrong is told to the compiler."""
    row, label = TYPES[spec.type], spec.label or name.replace("_", " ")
    sentences = {"required": f"No {label} was submitted"}
    compiler = compiler.at(("fields", name), f'field "{name}": ')
    _check_keys(compiler, spec, row)
    parse = _make_type(compiler, spec, row)
    limits = [compiled for key in LIMITS if (compiled := _compile_limit(compiler, spec, key, parse))]
    told = {"label": label, "formats": formats_of(spec)}
    sentences["invalid"] = row.sentence.format(**told)
    for limit, (given, _) in limits:
        sentence = limit.sentence_of(label, given)
        earlier = sentences.get(limit.code)  # a number may be of another country, or of another kind
        sentences[limit.code] = f"{earlier}, or {sentence[0].lower()}{sentence[1:]}" if earlier else sentence
    if not compiler.complained:
        _check_order(compiler, spec, parse)
    if spec.default == "":
        compiler.complain_of("default", "an empty default is none: leave the key out")
    required = spec.required if isinstance(spec.required, bool) else compiler.condition(spec.required, "required")
    known = list(dict.fromkeys(spelling for alias in [name, *spec.aliases] for spelling in spellings(alias)))
    fixed = [(limit, compiled) for limit, (_, compiled) in limits if not isinstance(compiled, Today)]
    checks = [partial(limit.check, compiled) for limit, compiled in fixed]
    timed = tuple((limit.check, compiled) for limit, (_, compiled) in limits if isinstance(compiled, Today))
    blanks = tuple(filter(None, (compiler.blanks, forms_of(spec.blanks))))
    ambiguous = row.ambiguous.format(**told)
    rule = FieldRule(name, label, spec, parse, checks, sentences, required, known, ambiguous, blanks, timed)
    if not compiler.complained:
        _try_own_values(compiler, rule)
    if spec.country_field and parse:
        return replace(rule, in_country=countries.InCountries(rule, compiler.program.spec.timezone, limits))
    return rule


# The keys by which a type is made, the likeliest first where it does not say which of them it cannot use.
_MAKING = ("formats", "standard", "country", "yes", "no")


def _check_keys(compiler, spec, row):
    """Complain of keys that belong to other types, and of those that are missing."""
    of_no_type = (*compiler.place, "type") in compiler.source.broken  # what it does not take nobody knows
    for key in () if of_no_type else (*_MAKING, "exact", "pad", *LIMITS):
        if getattr(spec, key) is not None and key not in row.keys:
            takes = f"it takes {', '.join(sorted(row.keys))}" if row.keys else "it takes none of this sort"
            compiler.complain_of(key, f"a field of type {spec.type} does not take this key; {takes}")
    if spec.type == "choice" and not spec.one_of and compiler.place not in compiler.source.broken:
        compiler.complain_of("type", "a choice needs its values: write one_of: [one, another]")


def _make_type(compiler, spec, row):
    """Return the function from text to value, or None where it cannot be made."""
    compiler.count(5 * len(spec.formats or []))  # each becomes a regular expression
    compiler.count(len([*spec.blanks, *(spec.yes or []), *(spec.no or [])]))
    compiler.count(10 * max(0, len(spec.countries_named) - 1))  # of each the data is read
    compiler.count(len(spec.one_of or []))  # each is read as the type reads it: an address takes 100 µs
    try:
        parse = countries.make(spec, compiler.program.spec.timezone)
    except Unusable as error:
        key = error.key or next(key for key in _MAKING if key in row.keys)
        if key == "country" and (told := countries.slip(spec, compiler.program.spec.fields)):
            error = Unusable(told)
        if (*compiler.place, key) not in compiler.source.broken:
            compiler.complain_of_all(key, error)
        return None
    if spec.codes and "one_of" in row.keys:
        for code, why in wrong_codes(spec.codes, parse, is_free=row.make is TYPES["text"].make or spec.country_field):
            compiler.complain_at(("one_of", code), f"one_of: {why}")
        parse = by_code(spec.codes, parse)
    return parse


def _compile_limit(compiler, spec, key, parse):
    """Return the row of a limit with what the field gives for it, as written and as compiled; None if it has none."""
    limit, given = LIMITS[key], getattr(spec, key)
    if given is None or key not in TYPES[spec.type].keys or not parse:
        return None
    try:
        compiled = readable(spec.choices, parse) if _hangs_on_country(spec, key) else limit.compile(given, parse)
    except Unusable as error:
        row = TYPES[spec.type]
        is_told = key in ("min", "max", "one_of") and row.kind != "range"  # whose bounds are numbers
        takes = is_told and row.told(spec, compiler.program.spec.timezone)
        compiler.complain_of_all(key, error, f": it takes {takes}" if takes else "")
        return None
    compiler.count(getattr(compiled, "programsize", 0) // 75)  # of a pattern: 0.6 µs for each step
    return limit, (given, compiled)


def _hangs_on_country(spec, key):
    return key == "one_of" and spec.country_field is not None


def _check_order(compiler, spec, parse):
    for least, most in (("min", "max"), ("min_length", "max_length")):
        low, high = getattr(spec, least), getattr(spec, most)
        if not low or not high:
            continue
        bounds = [LIMITS[key].compile(given, parse) for key, given in ((least, low), (most, high))]
        first, last = (bound.on(compiler.now) if isinstance(bound, Today) else bound for bound in bounds)
        if first > last:
            why = f"{low} is more than {most}: {high}, so no value passes"
            # What hangs on the day is no mistake of the file: the service must start with it tomorrow, too.
            told = compiler.warn_of if TODAY in (low, high) else compiler.complain_of
            told(least, why)


def _try_own_values(compiler, rule):
    for key in ("default", "example"):
        if (text := getattr(rule.spec, key)) is not None and not compiler.complained:
            if rule.is_blank(text):
                compiler.complain_of(key, f'"{text}" counts as absent: it stands under blanks')
                continue
            try:
                rule.value(text, any_day=True)  # and not by today, or the file would break one day
            except Refused as error:
                if rule.spec.country_field:  # another country may take it
                    continue
                takes = TYPES[rule.spec.type].told(rule.spec, compiler.program.spec.timezone)
                code = f"{rule.name}.{error.code}" + (f"): it takes {takes}" if error.code == "invalid" else ")")
                compiler.complain_of(key, f'"{text}" does not pass the field\'s own checks ({code}')
