"""`country:` of a field: one country, several of which the first that takes a value counts, or that of another field.

Where another field says it, the field is made anew for each country that comes, once. A value of a country that nobody
says, or of which nothing is known, is kept unchecked.
"""

import re
from dataclasses import replace
from functools import partial

from judge import phones
from judge.codes import by_code
from judge.limits import LIMITS, readable
from judge.meant import nearest
from judge.places import code_of
from judge.sameness import Elsewhere, ElsewhereZip, Unchecked, Zip
from judge.types import TYPES
from judge.values import Ambiguous, Refused, Unusable

UNKNOWN = ""
_NOT_SAID = "it is kept unchecked: no country that could check it is known"


def make(spec, zone):
    """Return the function from text to value, by the countries that the field names itself."""
    row = TYPES[spec.type]
    if spec.country_field:
        if spec.country.default:
            _made(row, spec, zone, spec.country.default)  # which must be one
        return reader(spec, zone, spec.country.default or UNKNOWN)
    if isinstance(spec.country, list):
        return _first_that_takes(_parsers(row, spec, zone))
    return row.make(spec, zone)


def of_one(spec, country, **changes):
    """Return the specification of the field in one country."""
    return spec.model_copy(update={"country": country, **changes})


def reader(spec, zone, country):
    """Return the function from text to value for a field whose country another field says; UNKNOWN: it does not."""
    parse = None
    if country:
        try:
            parse = _made(TYPES[spec.type], spec, zone, country)
        except Unusable:  # no phones, or no regions that anybody has listed
            country = UNKNOWN
    if spec.type == "phone":  # a number says its country itself
        return parse or phones.unchecked(lambda text: Unchecked.remarked(text, _NOT_SAID))
    if not country:
        return lambda text: Unchecked.remarked(text, _NOT_SAID)
    if country == spec.country.default:  # as it was where that was the only one, so that its places are known
        return parse
    return lambda text: _placed(parse(text), country)


class InCountries:
    """A field whose country another field says, as it is in each country: made when the first value of one comes."""

    def __init__(self, rule, zone, limits):
        self._rule, self._zone, self._limits, self._made = rule, zone, limits, {}

    def __call__(self, said):
        """Return the field in the country that the other field says, if any."""
        if isinstance(said, list | tuple):
            said = said[0] if said else None
        return self.exactly(str(said) if said else None)

    def exactly(self, country):
        """Return the field in a country: None is the default one, UNKNOWN none."""
        if country is None:
            country = self._rule.spec.country.default or UNKNOWN
        if country not in self._made:  # of which there are as many as countries
            self._made[country] = self._make(country)
        return self._made[country]

    def _make(self, country):
        spec = self._rule.spec
        parse = reader(spec, self._zone, country)
        parse = by_code(spec.codes, parse) if spec.codes else parse
        values = readable(spec.choices, parse)
        checks = [
            partial(limit.check, values if limit is LIMITS["one_of"] else compiled)
            for limit, (_, compiled) in self._limits
        ]
        return replace(self._rule, spec=of_one(spec, country) if country else spec, parse=parse, limits=checks)


_BETWEEN = re.compile(r"[,;/|&+\s]+(?:(?:or|and)\b[,\s]*)?")


def slip(spec, fields):
    """Return in a sentence what to write for a `country` that is a field, several in one text or a name; else None."""
    for text in spec.countries_named:
        code = code_of(text)
        others = [other for other in map(code_of, spec.countries_named) if other]
        if text in fields and not code:
            default = f", default: {others[0]}" if others else ""
            return f'"{text}" is not a country, but a field: write {{field: {text}{default}}}'
        codes = [code] if code else [code_of(part) for part in _BETWEEN.split(text[:200])]
        if code != text and all(codes):
            written = f"[{', '.join(codes)}]" if len(codes) > 1 else codes[0]
            return f'"{text[:100]}" is not a country: write {written}'
    return None


def check_fields(fields, source):
    """Complain where the field that says the country of another is none that can."""
    for name, spec in fields.items():
        if not spec.country_field or "country" not in TYPES[spec.type].keys:
            continue
        told, said = spec.country_field, fields.get(spec.country_field)
        if said is None:
            why = f'there is no field "{told}"{nearest(told, fields)}'
        elif said.type != "country" and ("fields", told, "type") not in source.broken:
            why = f'the field "{told}" says no country: give it type: country'
        elif not said.store:
            without = f"and {name} cannot be read without it: leave store out"
            why = f'the field "{told}" is forgotten (store: false), {without}'
        else:
            continue
        source.complain(("fields", name, "country", "field"), f'field "{name}": country: {why}')


def _placed(value, country):
    made = (ElsewhereZip if isinstance(value, Zip) else Elsewhere)(value)
    made.country = country
    return made


def _made(row, spec, zone, country):
    """Make the type in a country, whose codes may not be of those that lose zeros. Raises Unusable."""
    try:
        return row.make(of_one(spec, country), zone)
    except Unusable as error:
        if error.key != "pad":
            raise
        return row.make(of_one(spec, country, pad=None), zone)


def _parsers(row, spec, zone):
    parsers = [_made(row, spec, zone, country) for country in dict.fromkeys(spec.country)]
    if spec.pad:
        _check_pad(row, spec, zone)
    return parsers


def _check_pad(row, spec, zone):
    """Raise Unusable where no country of a list has codes that lose zeros."""
    for country in spec.country:
        try:
            row.make(of_one(spec, country), zone)
            return
        except Unusable as error:
            last = error
    raise last


def _first_that_takes(parsers):
    def parse(text):
        refused = None
        for take in parsers:
            try:
                return take(text)
            except Refused as error:
                if refused is None or isinstance(error, Ambiguous):
                    refused = error
        raise refused

    return parse
