"""A program to which leads are posted one after another, settled in memory as the store settles them."""

from datetime import UTC, datetime

from judge.compiler import compile_program
from judge.judgement import judge
from judge.verdict import Claims

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
FIELDS = """
test_flag: is_test
fields:
  email: {type: email}
  phone: {type: phone, country: US}
  state: {}
  worth: {type: money}
  irpid: {}
  is_test: {type: boolean}
sale_amount: [{when: worth is present and worth > 100, amount: 40.00}, {amount: 10.00}]
rules:
"""


class Program:
    """A program with the given rules, to which leads are posted one after another."""

    def __init__(self, rules, folder="rules", head="", name="test", fields=FIELDS):
        self.program = compile_program(name, f"{folder}/{name}.yaml", head + fields + rules, "hash", NOON)
        self.claims = Claims()

    def post(self, at=NOON, **lead):
        """Return the reason codes of a lead."""
        self.verdict = judge(self.program, {name: [text] for name, text in lead.items()}, at)
        self.claims.settle(self.verdict)
        return self.verdict.codes

    def trace(self, check):
        return [step["result"] for step in self.verdict.trace if step["check"] == check]
