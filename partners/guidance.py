"""The sentences for partners that hardly differ between programs: how to post, and what answers mean.

What stands between backticks is code. No label and no note of a rule file is in these sentences.
"""

from dataclasses import dataclass

from judge.verdict import VALID_NOTE
from web.statuses import STATUSES

_STATUSES = {status: row.partner for status, row in STATUSES.items()}

KEYS = {
    "valid": '`true` if the lead is accepted. In JSON it is `true` without quotes, and `"false"` with them.',
    "uniqueid": "Our number of the lead: 26 letters and digits, never the same twice. Only of an accepted lead.",
    "sale_amount": "An amount with two decimals: what we report to impact.com. What you are paid is settled there.",
    "customerid": "A code that is the same for the same person and says nothing about them. It may be empty.",
    "email": "The email address as we read it. It may be empty.",
    "note": f"`{VALID_NOTE}`, or every reason why the lead is rejected, in plain words.",
}


@dataclass(frozen=True)
class Guidance:
    """Lists of sentences, and the two tables."""

    posting: list[str]
    answers: list[str]
    repeats: list[str]
    tests: list[str]
    keys: dict[str, str]
    statuses: dict[int, str]


def guidance(spec, login):
    """Return what partners of a program are told besides its fields and rules."""
    return Guidance(_posting(login), _answers(spec), _repeats(spec), _tests(spec), KEYS, _statuses(spec))


def _posting(login):
    with_login = ["Log in with HTTP basic authentication, by the user name and the password that we gave you."]
    return (with_login if login else []) + [
        "Send one lead in each request: as XML, JSON, a form or `multipart/form-data`, in UTF-8. "
        "Say in `Content-Type` which it is.",
        "Field names may be written in any way: `First Name`, `first-name` and `FIRST_NAME` are `first_name`.",
        "The outermost element of XML may have any name. Nested names are joined by a dot: `contact.email`.",
        "Other fields than these may be sent too. They are kept, and do not change the decision.",
        "A field that comes empty counts as missing. Of a field that comes twice, the first value counts.",
    ]


def _answers(spec):
    usual = {"xml": "XML", "json": "JSON"}[spec.respond]
    return [
        "Every request is answered at once, and always with the same six keys.",
        f"JSON is answered in JSON, and all else in {usual}. To choose, add `?format=xml` or `?format=json` to the "
        "address, or send an `Accept` header.",
        "The header `Datapost-Lead` has the number of every lead that we stored, accepted or not. Name it when you ask "
        "about a lead.",
    ]


def _repeats(spec):
    fields = " and ".join(f"`{name}`" for name in spec.retry_key)
    by_fields = [
        f"A lead with the same {fields} as one of the last 24 hours is a repeated request: it gets the first answer "
        "again, and is not a second lead."
    ]
    return [
        "If no answer came, or one with status 500 or 503, send the lead again.",
        *(by_fields if spec.retry_key else []),
        "So that we know a repeated request, send a header `Idempotency-Key` with each lead: any text, another one for "
        "each lead. A request with the same key within 24 hours gets the first answer again, and is not a second lead.",
        "An answer that is given again has the header `Idempotent-Replayed: true`. A repeated request with other "
        "content is rejected (`retry.mismatch`).",
        "Without any of this, the same lead sent twice is two leads.",
    ]


def _tests(spec):
    flagged = [
        f"Send `{spec.test_flag}` as `true` with a test lead. It is judged and answered like any other, but no later "
        "lead is a duplicate of it, and no limit is nearer.",
        "It may itself be a duplicate of a lead, and a duplicate of a test of the last day.",
        f"At most {spec.test_limit} tests a day are accepted, of all partners together: the others are rejected "
        "(`test.limit`).",
    ]
    return [
        *(flagged if spec.test_flag else ["This program has no test leads: every lead that you send counts."]),
        "A test that goes through impact.com and is accepted becomes a conversion there, which is paid until it is "
        "reversed. Tell us first.",
    ]


def _statuses(spec):
    if spec.invalid_status == 200:
        return _STATUSES
    other = _STATUSES.get(spec.invalid_status)
    rejected = "The lead was judged and rejected: the note says why." + (f" Or: {other}" if other else "")
    changed = {200: "The lead was judged and accepted.", spec.invalid_status: rejected}
    return dict(sorted((_STATUSES | changed).items()))
