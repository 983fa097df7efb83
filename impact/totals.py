"""What became of the leads of a period: answered valid, and of those recorded, pending, approved and reversed.

Tests are left out, as from all figures, and so are conversions of leads that were refused, of which findings tell.
Money is exact, and by currency: what is in different ones is never added up. Reading takes a few hundred milliseconds
for 100,000 leads, since the database adds up.
"""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

import database
from models import first_id

STATES = "PENDING", "APPROVED", "REVERSED"
VALID, RECORDED = "valid", "recorded"
KINDS = VALID, RECORDED, "pending", "approved", "reversed"  # of tiles, in their order

# Whole cents: SQLite keeps amounts as floating numbers, of which no sum is exact. BIGINT, since PostgreSQL's INTEGER
# ends at 21 millions. The leads are read once for both halves: their rows are long.
SUMS = """
    WITH ours AS MATERIALIZED (
        SELECT id, partner, CAST(ROUND(sale_amount * 100) AS BIGINT) AS cents FROM lead
        WHERE program = ? AND id >= ? AND id < ? AND valid AND NOT test
    )
    SELECT partner, 'valid', NULL, COUNT(*), SUM(cents), NULL, NULL FROM ours GROUP BY partner
    UNION ALL
    SELECT ours.partner, action.state, action.currency, COUNT(*),
        SUM(CAST(ROUND(action.amount * 100) AS BIGINT)), SUM(CAST(ROUND(action.payout * 100) AS BIGINT)),
        SUM(CAST(ROUND(action.cost * 100) AS BIGINT))
    FROM ours JOIN action ON action.oid = ours.id AND action.program = ?
    GROUP BY ours.partner, action.state, action.currency
"""
MEASURES = "amount", "payout", "cost"


@dataclass
class Figures:
    """`counts` by KINDS, and `money` by KINDS and MEASURES, each `{currency: Decimal}`.

    The amount is what was answered, the payout what partners get, the cost payout and fees, as far as impact.com says.
    What is recorded is pending, approved or reversed.
    """

    counts: Counter = field(default_factory=Counter)
    money: dict = field(default_factory=lambda: {(kind, measure): {} for kind in KINDS for measure in MEASURES})

    def add(self, kind, count, currency, cents):
        """Add so many leads or actions with their `cents`, one number for each of MEASURES that is known."""
        self.counts[kind] += count
        for measure, some in zip(MEASURES, cents, strict=False):
            sums = self.money[kind, measure]
            sums[currency] = sums.get(currency, Decimal("0.00")) + Decimal(some or 0).scaleb(-2)

    def __iadd__(self, other):
        self.counts.update(other.counts)
        for key, sums in other.money.items():
            for currency, amount in sums.items():
                self.money[key][currency] = self.money[key].get(currency, Decimal("0.00")) + amount
        return self


def of_program(program, since, until):
    """Return `{partner: Figures}` of a program's leads that came from `since` until before `until`, two moments."""
    values, found = (program.name, first_id(since), first_id(until), program.name), {}
    for partner, state, currency, count, *cents in database.db.execute_sql(
        SUMS.replace("?", database.db.param), values
    ):
        figures = found.setdefault(partner, Figures())
        if state == VALID:
            figures.add(VALID, count, program.spec.currency or "", cents[:1])
        elif state in STATES:
            for kind in (RECORDED, state.lower()):
                figures.add(kind, count, currency, cents)
    return found


def together(figures):
    """Return all Figures as one."""
    total = Figures()
    for one in figures:
        total += one
    return total
