"""A program whose leads are counted at times that the tests choose."""

from datetime import UTC, datetime

import database
import models
from judge.compiler import compile_program
from judge.judgement import judge
from leads import daily, figures
from leads.periods import Period
from models import Submission

NOW = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)  # 11:30 in New York


RULES = """
timezone: America/New_York
partner: irpid
test_flag: is_test
fields:
  email: {type: email, required: true}
  years: {type: integer}
  irpid: {}
  is_test: {type: boolean}
rules:
  - {id: adult, reject_if: years < 18}
  - {id: old, mode: observe, reject_if: years > 90}
  - {id: daily-cap, limit: 100, per: day, by: [irpid]}
  - {id: monthly, budget: 5000, per: month}
sale_amount: 12.50
"""


def program(name="default", rules=RULES):
    return compile_program(name, f"rules/{name}.yaml", rules, name.ljust(64, "x"), NOW)


PROGRAM = program()


numbers = iter(range(1_000_000))


def submit(at=NOW, to=PROGRAM, years=40, partner="7", **fields):
    given = {"email": f"n{next(numbers)}@example.com", "years": str(years), "irpid": partner} | fields
    verdict = judge(to, {name: [text] for name, text in given.items() if text}, at)
    return models.record(Submission(to.name, "", b"", "", b"", at), verdict)


def collect(period, *programs, now=NOW):
    """Return the figures of a period, or of a number of days until today."""
    period = period if isinstance(period, Period) else Period.last(period)
    with database.read():
        return figures.collect(programs or [PROGRAM], period, now)


def count_all(now=NOW, programs=(PROGRAM,)):
    while database.transact(lambda: daily.roll_up(programs, now)):
        pass
