"""Reason codes in the words of the people who pay for the leads."""

from judge.rules import reasons, words_of
from judge.verdict import ENDED, NOT_STARTED, RETRY_MISMATCH, TEST_LIMIT

_OTHERS = {
    "body.unreadable": "The body could not be read",
    RETRY_MISMATCH.code: RETRY_MISMATCH.note,
    **{reason.code: reason.note for reason in (TEST_LIMIT, NOT_STARTED, ENDED)},
}


def reason(code, program):
    """Return the sentence of a reason code, as far as the program can tell it; else the code."""
    return (_sentence(code, program) or _OTHERS.get(code) or f"Rule “{code}”").rstrip(".")


def knows(code, program):
    """Tell whether the code is one of the program's own that has a sentence."""
    return bool(_sentence(code, program))


def choices(programs):
    """Return the sentences of all reasons that some programs may give, by code."""
    found = {}
    for program in programs:
        fields = program.fields.items()
        codes = [f"{name}.{what}" for name, field in fields for what in field.sentences if _may_say(field, what)]
        for code in [*codes, *(rule.id for rule in program.spec.rules if rule.mode == "enforce"), *_OTHERS]:
            found.setdefault(code, reason(code, program))
    return found


def _may_say(field, what):
    return what != "required" or bool(field.required)


def _sentence(code, program):
    field, _, what = code.rpartition(".")
    if program and field in program.fields and what in program.fields[field].sentences:
        return program.fields[field].reason(what).note
    for rule in program.spec.rules if program else []:
        if rule.id == code:
            notes = (reason.note for reason in reasons(words_of(rule)[0], rule, program.labels))
            return " or: ".join(dict.fromkeys(notes))
    return None
