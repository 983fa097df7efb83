"""The proof that impact.com reads what a changed text answers, for the gate of a change."""

from datetime import UTC, datetime

from ulid import ULID

import models
from judge.examples import judge_example
from partners.contract import ANSWERED, expected, misread, prove
from web.answer import of_verdict, render_strictly

MOST_TOLD = 20


def prove_all(app, program):
    """Return what came of reading a program's answers by the contract's expressions, for the report of a backtest.

    Hostile values and all its sentences are read, and the answers to its examples, with their amounts.
    """
    with app.app_context():
        count, mistakes = prove(program)
        now = datetime.now(UTC)
        for example in program.spec.examples:
            verdict = judge_example(program, example, now)
            answer = of_verdict(verdict, str(ULID()), models.customer_of(verdict.customer))
            for answer_format in ANSWERED:
                count += 1
                mistakes += _misread(answer, answer_format, program.name)
    return {"contract": {"answers": count, "mistakes": list(dict.fromkeys(mistakes))[:MOST_TOLD]}}


def _misread(answer, answer_format, name):
    try:
        document = render_strictly(answer, answer_format, name)
    except Exception:  # a brand's template: `prove` has told what is wrong with it
        return []
    return misread(document, answer_format, expected(answer))
