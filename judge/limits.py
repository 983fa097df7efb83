"""What rule files ask of a value beside its type: a row of LIMITS says all that there is to a key.

A limit looks at the value and returns it, in its normal spelling, or raises Refused.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import re2
from disposable_email_domains import blocklist as disposable_domains

from judge import phones
from judge.moments import TODAY
from judge.sameness import Zip
from judge.types import joined
from judge.values import Refused, Unusable, each


def _bounded(code, holds, limit, value):
    if not holds(value, limit):
        raise Refused(code)
    return value


def _matches(pattern, value):
    if not pattern.fullmatch(value):
        raise Refused("pattern")
    return value


def _chosen(spelling, value):
    if value not in spelling:
        raise Refused("not_allowed")
    return value if isinstance(value, Zip) else spelling[value]  # 78704-1234 is one of [78704], and more than that


def _length(text, _):
    if not re.fullmatch("[0-9]{1,6}", text):
        raise Unusable(f'"{text}" is not a number of characters: write it as 80')
    return int(text)


def _bound(text, parse, is_last=False):
    """Return a least or (`is_last`) greatest value: as the type reads bounds, or else as it reads values."""
    if read := getattr(parse, "bound", None):
        return read(text, is_last)
    return _value(text, parse)


def _value(text, parse):
    try:
        return parse(text)
    except Refused:
        raise Unusable(f'"{text}" is not a value that this field can have') from None


def _linear_pattern(text, _):
    # re2 matches in linear time: no pattern that an editor writes can hang the service.
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise Unusable(f"the pattern cannot be read: {_plain(error)}") from None


def _reject(text, _):
    if text != "reject":
        raise Unusable(f'"{text}" is not known here: write reject, or leave the key out')
    return True


# Mailboxes of an office and not of a person: RFC 2142, and those that are usual besides.
_ROLES = frozenset(
    re.findall(
        "[a-z-]+",
        """abuse accounts admin administrator billing contact ftp hello help hostmaster info jobs mail marketing news
        no-reply noc noreply office orders postmaster press privacy root sales security service support team test
        usenet webmaster www""",
    )
)

# The large free providers, by their name; each has many endings (yahoo.co.uk, gmx.de).
_FREE = re.compile(
    r"(gmail|googlemail|yahoo|ymail|rocketmail|outlook|hotmail|live|msn|icloud|me|mac|aol|gmx|web|mail|inbox|zoho|"
    r"proton|protonmail|pm|yandex|tutanota|tuta|fastmail|hey|qq|163|126|rediffmail|libero|orange|free|laposte|"
    r"t-online|freenet|seznam|wp|o2|naver|daum|comcast|verizon|att|sbcglobal|bellsouth|cox|charter|btinternet)"
    r"\.(com|net|org|de|fr|it|es|nl|at|ch|ru|cz|pl|me|cn|in|ca|eu|co\.(uk|in|jp|kr|nz)|com\.(au|br|mx|ar|tr|cn|sg|hk))"
)


def _is_disposable(email):
    parts = email.rpartition("@")[2].casefold().split(".")
    return any(".".join(parts[start:]) in disposable_domains for start in range(len(parts) - 1))


def _is_role(email):
    return email.rpartition("@")[0].casefold().partition("+")[0] in _ROLES


def _is_free(email):
    return bool(_FREE.fullmatch(email.rpartition("@")[2]))


def _unless(code, applies, _limit, value):
    if applies(value):
        raise Refused(code)
    return value


def _only_if(holds, limit, value):
    if not holds(value, limit):
        raise Refused("not_allowed")
    return value


def _plain(error):
    return error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)


def _spellings(texts, parse):
    return {value: value for value in each(lambda text: _value(text, parse), texts)}


def readable(texts, parse):
    """Return the values of `one_of` that can be read: in one country it may be others than in another."""
    found = {}
    for text in texts:
        try:
            found.setdefault(value := parse(text), value)
        except Refused:
            continue
    return found


# RE2's syntax that the regular expressions of JSON Schema (ECMA-262) lack or read otherwise.
_ONLY_RE2 = re.compile(r"\(\?(?!:)|\\[pPAzQEC]|\[\[:|\\x\{")


def _for_schemas(pattern):
    return None if not pattern or _ONLY_RE2.search(pattern) else f"^(?:{pattern})$"


def _as_number(text):
    """Return a bound of numbers as a number; those of dates stand in the description."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class Limit:
    """One row of LIMITS: `compile` takes the key's value and the type's parse function.

    `said` tells partners of it, in words and, if need be, code; `schema` is the key of JSON Schema, and its value.
    `today` is the sentence where the key's value is that.
    """

    compile: Callable
    check: Callable
    code: str
    sentence: str
    said: Callable
    schema: tuple = ("", lambda _: None)
    today: str = ""

    def sentence_of(self, label, given):
        """Return the note of a value that breaks the limit."""
        sentence = self.today if self.today and given == TODAY else self.sentence
        return sentence.format(label=label, limit=given)


def _characters(least_or_most):
    return lambda given: (f"at {least_or_most} {given} character{'s' * (given != '1')}", "")


LIMITS = {
    # What is accepted is told partners in a place of its own.
    "one_of": Limit(
        _spellings, _chosen, "not_allowed", "The {label} is not one of the accepted values", lambda _: ("", ""),
    ),
    "min_length": Limit(
        _length, partial(_bounded, "too_short", lambda value, limit: len(value) >= limit), "too_short",
        "The {label} is too short: it needs at least {limit} characters", _characters("least"), ("minLength", int),
    ),
    "max_length": Limit(
        _length, partial(_bounded, "too_long", lambda value, limit: len(value) <= limit), "too_long",
        "The {label} is too long: it may have at most {limit} characters", _characters("most"), ("maxLength", int),
    ),
    "pattern": Limit(
        _linear_pattern, _matches, "pattern", "The {label} does not have the expected form",
        lambda given: ("the whole value fits the regular expression", given), ("pattern", _for_schemas),
    ),
    "min": Limit(
        _bound, partial(_bounded, "too_small", operator.ge), "too_small",
        "The {label} is too small: the least accepted is {limit}",
        lambda given: ("not before today" if given == TODAY else f"at least {given}", ""), ("minimum", _as_number),
        today="The {label} is before today",
    ),
    "max": Limit(
        partial(_bound, is_last=True), partial(_bounded, "too_large", operator.le), "too_large",
        "The {label} is too large: the most accepted is {limit}",
        lambda given: ("not after today" if given == TODAY else f"at most {given}", ""), ("maximum", _as_number),
        today="The {label} is after today",
    ),
    "countries": Limit(
        lambda countries, _: frozenset(each(phones.country, countries)), partial(_only_if, phones.is_of_countries),
        "not_allowed",
        "The {label} is not a number of a country that is accepted",
        lambda given: (f"only numbers of {joined(given)}", ""),
    ),
    "kinds": Limit(
        lambda kinds, _: phones.kinds(kinds), partial(_only_if, phones.is_of_kinds), "not_allowed",
        "The {label} is not a number of a kind that is accepted",
        lambda given: (f"only numbers of the kind {joined(given, 'or')}", ""),
    ),
    "disposable": Limit(
        _reject, partial(_unless, "disposable", _is_disposable), "disposable", "The {label} is a throw-away address",
        lambda _: ("no throw-away addresses", ""),
    ),
    "role": Limit(
        _reject, partial(_unless, "role", _is_role), "role", "The {label} is not a person's own",
        lambda _: ("no shared addresses, such as info@", ""),
    ),
    "free": Limit(
        _reject, partial(_unless, "free", _is_free), "free", "The {label} is of a free provider",
        lambda _: ("no addresses of free providers, such as gmail.com", ""),
    ),
}  # fmt: skip


def given_limits(spec):
    """Return the rows of the keys that a field has, each with the key's value."""
    return [(row, given) for key, row in LIMITS.items() if (given := getattr(spec, key)) is not None]
