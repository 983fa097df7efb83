"""`impact:` of a rule file: the program's campaign at impact.com, and which leads may be reversed there, by what.

Who may call impact.com is a setting, as are the addresses of `deliver:`.
"""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from judge.meant import nearest
from judge.written import SCALAR, Duration, Model, Unshown

# What impact.com's documents name (brand API, "Reverse an action"); an account may have codes of its own.
CODES = (
    "REJECTED", "CONS_INFO_INVALID", "CONS_ERROR", "CONS_FRAUD", "ITEM_RETURNED", "ITEM_OUT_OF_STOCK", "ORDER_ERROR",
    "PUB_ACT_DISPUTE", "ADV_ACT_DISPUTE", "NOT_COMPLIANCE_TERMS", "MP_RETURNED", "TEST_ACTION",
    "CREDITED_DIFFERENT_MP", "OTHER",
)  # fmt: skip
TEST = "TEST_ACTION"
LONGEST_REASON = 60  # characters


# Keys that say who may call impact.com, and where that is, which settings say; and how theirs end.
_SETTINGS = [
    ("(account|impact|ir)?_?sid|user(name)?|login|account", "SID"),
    ("(api_?|base_?)?(url|uri|host|endpoint)", "URL"),
]
_SETTINGS += [("((access|auth|api|impact)?_?(token|key))|(auth_?|api_?)?(password|secret)|authorization", "TOKEN")]


def setting(key):
    """Return what to write in the place of a key that says who may call impact.com, or where that is; or nothing."""
    ending = next((ending for words, ending in _SETTINGS if re.fullmatch(words, key.lower())), None)
    return f"who may call impact.com is a setting: write it as DATAPOST_IMPACT_{ending}" if ending else ""


def _id(what):
    """Return what reads an id of impact.com's. What is no number may be a secret, and is not shown."""

    def read(value):
        if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):
            return value
        if value == "":
            raise ValueError("is empty")
        told = f"is no id of {what} at impact.com: write its number as it stands there, such as 1000"
        is_shown = isinstance(value, str) and re.fullmatch("[0-9 .,#-]{1,30}", value)
        raise (ValueError(told) if is_shown else Unshown(told))

    return read


def _code(value):
    if isinstance(value, str) and re.fullmatch("[A-Z][A-Z0-9_]{1,63}", value):
        return value
    if not isinstance(value, str):
        raise Unshown(f"is no code of impact.com's: write one, such as {SUCH_AS}")
    if value == "":
        raise ValueError("is empty")
    meant = re.sub("[^A-Z0-9]+", "_", value.upper()).strip("_")
    if meant in CODES:
        raise ValueError(f"is no code as impact.com writes them: write {meant}")
    told = "is no code of impact.com's, which has capitals, digits and _"
    raise ValueError(f"{told}{nearest(meant, CODES) or f': write one such as {SUCH_AS}'}")


def _reason(value):
    if not value.strip() or len(value) > LONGEST_REASON or value != " ".join(value.split()):
        raise ValueError(f"is no reason: write a few plain words, at most {LONGEST_REASON} characters")
    return value


SUCH_AS = "CONS_FRAUD"
_EXAMPLE = f"reasons: {{fake: {SUCH_AS}, wrong number: CONS_INFO_INVALID}}"


def _reasons(value):
    """Look at the reasons as a whole: a table of words and codes, each of them once."""
    if value == "":
        raise ValueError("is empty")
    if not isinstance(value, dict):
        what = "a list" if isinstance(value, list) else "one text"
        raise Unshown(f"is {what} under reasons: write each reason with impact.com's code behind it, {_EXAMPLE}")
    for reason, code in value.items():
        if isinstance(code, str) and reason in CODES and code not in CODES:
            raise Unshown(f"is the wrong way around under reasons: write {code[:LONGEST_REASON] or 'fake'}: {reason}")
    first = {}
    for reason in value:
        if (known := first.setdefault(" ".join(reason.split()).casefold(), reason)) != reason:
            raise Unshown(
                f'has "{known[:60]}" twice under reasons, once as "{reason[:60]}": case does not count, keep one'
            )
    return value


Code = Annotated[str, BeforeValidator(_code), WithJsonSchema({"type": "string", "examples": [*CODES]})]
Reason = Annotated[str, BeforeValidator(_reason)]


class Reversals(Model):
    within: Duration | None = Field(
        None, description="How long after it came a lead may be reversed, as the partners' terms allow."
    )
    reasons: Annotated[dict[Reason, Code], BeforeValidator(_reasons)] = Field(
        {}, description="Why a lead may be reversed, in your words, and impact.com's code of that."
    )
    tests: Literal["reverse", "tell"] = Field(
        "tell", description="reverse: tests that became conversions are reversed by themselves; tell: they are told."
    )


class Impact(Model):
    campaign: Annotated[str, BeforeValidator(_id("a campaign")), WithJsonSchema(SCALAR)] = Field(
        description="The id of the campaign (the program) at impact.com."
    )
    event_type: Annotated[str, BeforeValidator(_id("an event type")), WithJsonSchema(SCALAR)] = Field(
        description="The id of the event type, which its API calls ActionTrackerId."
    )
    reversals: Reversals = Field(Reversals(), description="Which leads are reversed there, and why.")

    def reason(self, text):
        """Return the reason of the list that a text means, whatever its case and blanks, or None."""
        wanted = " ".join(text.split()).casefold()
        return next((reason for reason in self.reversals.reasons if reason.casefold() == wanted), None)
