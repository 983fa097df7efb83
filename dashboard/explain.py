"""Decisions in the words of the people who pay for them."""

import re
from typing import NamedTuple

from judge.calendar import DATES
from judge.judgement import DELIVER
from judge.verdict import OBSERVED, TEST_LIMIT
from web.masks import ERASED, MASKED
from web.reasons import reason


class Step(NamedTuple):
    """One step of a decision: what was looked at, what came of it, and how that sounds (good, bad, warn, quiet)."""

    subject: str
    sentence: str
    tone: str


# What a trace says, and what is meant: a tone, and a sentence that may take up parts of it.
_SENTENCES = [
    (r"passed", "good", "Fine."),
    (r"absent", "quiet", "Not sent, and not required."),
    (r"absent: the default is taken", "quiet", "Not sent: the default of the rule file is taken."),
    (r"absent, and not required", "quiet", "Not sent, and not required of this lead."),
    (r"absent, and not required: (.+)", "quiet", "Not sent, and not required of this lead: {0}."),
    (r"(\d+) values: the first is taken", "quiet", "Sent {0} times: the first value is taken."),
    (r"(\d+) values: all are kept", "quiet", "Sent {0} times: all values are kept."),
    (r"warned: (.+)", "warn", "Not right ({0}), which is recorded and refuses nobody."),
    (r"forgotten", "quiet", "Checked when it came, then forgotten: it is not stored."),
    (r"off", "quiet", "Switched off."),
    (r"does not apply", "quiet", "Does not apply to this lead (see its “when”)."),
    (r"no cap", "good", "Fine: there is no cap for it."),
    (r"cannot be told: (.+)", "warn", "What it asks for cannot be told, because {0}."),
    (r"skipped: (.+)", "quiet", "Passed over, because {0}."),
    (re.escape(OBSERVED), "warn", "Only watched: in force, this rule would have refused the lead."),
    (r"number (\d+) fits: (.+)", "good", "Amount number {0} of the rule file fits: {1}{currency}."),
    (r"number (\d+) skipped: (.+)", "quiet", "Amount number {0} of the rule file is passed over, because {1}."),
    (
        r"no charset was named, .+: read as (\S+)",
        "quiet",
        "No charset was named, and its letters are no UTF-8: they were read as {0}.",
    ),
    (r"to (\w+), if valid", "good", "Goes to “{0}”, if it is valid."),
    (r"not to (\w+): (.+)", "quiet", "Does not go to “{0}”, because {1}."),
    (MASKED, "quiet", "Its values were removed by its age, as the program’s privacy rules said."),
    (ERASED, "quiet", "Its values were erased, as a person may ask for."),
    (r"decided when the lead is posted", "quiet", "Decided when a lead is posted, since it depends on earlier leads."),
]
SENTENCES = [(re.compile(pattern), tone, sentence) for pattern, tone, sentence in _SENTENCES]

_CHECKS = {
    "sale_amount": "Amount",
    "body": "The request as a whole",
    "retry": "Repeated request",
    TEST_LIMIT.code: "Number of test leads",
    DATES: "Days of the campaign",
    "privacy": "Personal data",
    DELIVER: "Delivery",
}


def steps(trace, program):
    """Return the Steps of a trace; `program` is the one that judged, or None if it is not known any more."""
    return [Step(_subject(step["check"], program), *_told(step["result"], program)) for step in trace]


def _subject(check, program):
    if check in _CHECKS:
        return _CHECKS[check]
    if program and check in program.fields:
        label = program.fields[check].label
        return label[:1].upper() + label[1:]
    return f"Rule “{check}”" if program and any(rule.id == check for rule in program.rules) else check


def _told(result, program):
    if result.startswith("refused: "):
        return f"Refused: {reason(result.removeprefix('refused: '), program)}.", "bad"
    for pattern, tone, sentence in SENTENCES:
        if match := pattern.fullmatch(result):
            return sentence.format(*match.groups(), currency=_in(program)), tone
    return result, "quiet"


def _in(program):
    return f" {program.spec.currency}" if program and program.spec.currency else ""
