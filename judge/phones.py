"""Phone numbers, as phonenumbers knows them: how they are written, of which country, and of which kind."""

import re

import phonenumbers
from phonenumbers import PhoneNumberType

from judge.values import DRAWN_IN_NUMBERS, Refused, Text, Unusable, each, remarked

# How a number is drawn elsewhere: dashes, dots, full-width signs, and what nobody sees (an address book adds U+202A).
_DRAWN = DRAWN_IN_NUMBERS | dict.fromkeys(map(ord, "·•∙․‧・．。"), ".") | str.maketrans("（）／＃；", "()/#;")

# What stands behind a number and is no part of it.
_EXTENSIONS = ("extension", "extn", "ext", "xtn", "x", "#")
_PLACES = ("cell", "cellular", "mobile", "mob", "home", "work", "office", "business", "landline", "main", "phone")
_LETTERS = ("c", "m", "h", "w", "o")

# phonenumbers itself finds a number in any sentence.
_PHONE = re.compile(
    r"((?:tel:|\+)?[\s0-9()+./-]{3,40})"
    rf"([,;]?\s{{0,3}}(?:{'|'.join(_EXTENSIONS)})[\s.:=]{{0,3}}[0-9]{{1,8}}|,\s{{0,3}}[0-9]{{1,6}}"
    rf"|\((?:{'|'.join(_PLACES + _LETTERS)})\)|,?\s{{0,3}}(?:{'|'.join(_PLACES)}))?",
    re.IGNORECASE,
)
_LEFT_OUT = "what stands behind the number, such as an extension, is left out: it stays in the body"

KINDS = {
    "landline": (PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE),
    "mobile": (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE),
    "toll_free": (PhoneNumberType.TOLL_FREE,),
    "premium_rate": (PhoneNumberType.PREMIUM_RATE,),
    "shared_cost": (PhoneNumberType.SHARED_COST,),
    "voip": (PhoneNumberType.VOIP,),
    "personal_number": (PhoneNumberType.PERSONAL_NUMBER,),
    "pager": (PhoneNumberType.PAGER,),
    "uan": (PhoneNumberType.UAN,),
    "voicemail": (PhoneNumberType.VOICEMAIL,),
}


def phone(field, _zone):
    """Make the type of phone numbers, in E.164; national spellings are those of the field's country."""
    return _reader(country(field.country) if field.country else None)


def _reader(home):
    def parse(text):
        found = _PHONE.fullmatch(text if text.isascii() else text.translate(_DRAWN).strip())
        if not found:
            raise Refused
        try:
            number = phonenumbers.parse(found[1], home)
        except phonenumbers.NumberParseException:
            raise Refused from None
        if not phonenumbers.is_valid_number(number):
            raise Refused
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return remarked(written, _LEFT_OUT) if found[2] else Text(written)

    return parse


def unchecked(keep):
    """Make the type of phone numbers of which nobody knows the country: a national one is kept as it is written."""
    parse_international = _reader(None)

    def parse(text):
        try:
            return parse_international(text)
        except Refused:
            if _INTERNATIONAL.match(text if text.isascii() else text.translate(_DRAWN)):
                raise
            return keep(text)

    return parse


_INTERNATIONAL = re.compile(r"\s*(?:tel:)?[\s(]*\+", re.IGNORECASE)


def country(code):
    """Return a country that has phone numbers. Raises Unusable."""
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise Unusable(f'"{code}" is not a country: write two letters, such as US')
    return code


def kinds(names):
    """Return the types of numbers that these words mean. Raises Unusable."""
    return frozenset(number_type for types in each(_types, names) for number_type in types)


def _types(kind):
    if kind not in KINDS:
        raise Unusable(f'"{kind}" is not a kind of number: write one of {", ".join(KINDS)}')
    return KINDS[kind]


def is_of_countries(value, countries):
    return _is_read(value) and phonenumbers.region_code_for_number(phonenumbers.parse(value)) in countries


def is_of_kinds(value, types):
    return _is_read(value) and phonenumbers.number_type(phonenumbers.parse(value)) in types


def _is_read(value):
    """Tell whether it is known which number this is; one that is kept unchecked begins with no +."""
    return value[:1] == "+"


def examples(spec):
    """Return numbers that a field is likely to take."""
    home, wanted = (spec.countries or [spec.home or "US"])[0], kinds(spec.kinds or list(KINDS))
    found = [phonenumbers.example_number_for_type(home, number_type) for number_type in sorted(wanted)]
    usual = [] if spec.kinds else [phonenumbers.example_number(home)]
    numbers = [number for number in [*usual, *found] if number]
    return [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for number in numbers]
