"""A request as a lead of a program."""

from judge.judgement import judge, unreadable
from web.payload import PayloadError, decode


def read(program, body, content_type="", query=b""):
    """Return the fields of a submission to `program`, as `payload.decode` does. Raises PayloadError."""
    return decode(body, content_type, query, program.names, program.spec.query_wins)


def judge_body(program, body, content_type, now):
    """Return the verdict on a body that is not stored; its trace says what only the store would decide."""
    try:
        verdict = judge(program, read(program, body, content_type), now)
    except PayloadError as error:
        verdict = unreadable(program, str(error))
    for rule in dict.fromkeys(claim.rule for claim in verdict.claims):
        verdict.say(rule, "decided when the lead is posted")
    return verdict
