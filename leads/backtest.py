"""What a changed rule file would have done: stored leads judged anew, in the order of their time.

Claims are answered from memory. Test leads, repeated requests and bodies that could not be read
are left out; leads whose values were removed are counted, and cannot be judged.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from judge.judgement import judge
from judge.verdict import Claims
from web.request import read as read_lead


@dataclass
class Side:
    """Leads that change in one direction: how many, what they are worth, and who and why."""

    count: int = 0
    amount: Decimal = Decimal("0.00")
    by_reason: Counter = field(default_factory=Counter)
    by_partner: Counter = field(default_factory=Counter)
    amount_by_reason: dict = field(default_factory=lambda: defaultdict(Decimal))
    amount_by_partner: dict = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, amount, codes, partner):
        self.count += 1
        self.amount += amount
        for code in codes:
            self.by_reason[code] += 1
            self.amount_by_reason[code] += amount
        self.by_partner[partner] += 1
        self.amount_by_partner[partner] += amount

    def as_dict(self):
        def table(counts, amounts):
            return {name: {"count": n, "amount": f"{amounts[name]:.2f}"} for name, n in counts.most_common()}

        return {
            "count": self.count,
            "amount": f"{self.amount:.2f}",
            "by_reason": table(self.by_reason, self.amount_by_reason),
            "by_partner": table(self.by_partner, self.amount_by_partner),
        }


@dataclass
class Report:
    """The outcome: leads judged, those newly refused and newly taken, and the money before and after.

    `removed` are those that cannot be judged, since their values were removed.
    """

    judged: int = 0
    removed: int = 0
    refused: Side = field(default_factory=Side)
    taken: Side = field(default_factory=Side)
    amount_before: Decimal = Decimal("0.00")
    amount_after: Decimal = Decimal("0.00")
    changes: list = field(default_factory=list)

    def as_dict(self):
        return {
            "judged": self.judged,
            "values_removed": self.removed,
            "now_refused": self.refused.as_dict(),
            "now_taken": self.taken.as_dict(),
            "amount_before": f"{self.amount_before:.2f}",
            "amount_after": f"{self.amount_after:.2f}",
            "changes": self.changes,
        }


LEFT_OUT = {"body.unreadable", "retry.mismatch"}


def memory_of(program):
    """Return how long before its period a backtest must start, to know the duplicates; None is for ever."""
    unique = [rule.within for rule in program.spec.rules if rule.unique]
    return None if None in unique else max(unique, default=timedelta(0)) + timedelta(days=31)


def backtest(program, leads, since, show=0, hidden=lambda lead: ()):
    """Judge `leads` (oldest first) by `program`, and compare those received at `since` or later.

    Of `show` leads that change the fields are told, masked: wholly those in `hidden(lead)`.
    """
    report, claims = Report(), Claims()
    for lead in leads:
        if lead.test or LEFT_OUT & set(lead.reasons):
            continue
        if lead.masked_at:
            report.removed += lead.received_at >= since
            continue
        fields = read_lead(program, bytes(lead.body), lead.content_type, bytes(lead.query))
        verdict = judge(program, fields, lead.received_at, stored_lead=True)
        claims.settle(verdict)
        if lead.received_at >= since:
            _compare(report, lead, verdict, show, hidden)
    return report


def _compare(report, lead, verdict, show, hidden):
    before = lead.sale_amount or Decimal(0)
    after = verdict.sale_amount if verdict.valid else Decimal(0)
    report.judged += 1
    report.amount_before += before
    report.amount_after += after
    if lead.valid == verdict.valid:
        return
    if lead.valid:
        report.refused.add(before, verdict.codes, lead.partner)
    else:
        report.taken.add(after, lead.reasons, lead.partner)
    if len(report.changes) < show:
        names = hidden(lead)
        fields = {name: "***" if name in names else mask(value) for name, value in lead.fields.items()}
        change = {"id": lead.id, "partner": lead.partner, "before": lead.reasons, "after": verdict.codes}
        report.changes.append(change | {"fields": fields})


SHORT = 4  # characters, of which one tells much: a year, an age, yes or no


def mask(value):
    """Return a value with all but its first letter hidden, and of a short one that too."""
    if isinstance(value, list):
        return [mask(text) for text in value]
    text = "" if value is None else str(value)
    return (text[:1] if len(text) > SHORT else "") + "***" if text else ""
