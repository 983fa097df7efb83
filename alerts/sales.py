"""What sales says of the valid leads of each partner: how many it spoke to, sold or found bad, and what a sale cost."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from alerts.concern import SOME_PARTNER, hides_partners
from alerts.yesterday import NOBODY, named
from impact.feedback import Said, figures
from judge.program import Program
from leads.daily import midnight, today
from leads.figures import collect, of_partner
from leads.periods import Period
from web.pages import amount_of

MONTH = Period.last(30)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Sales:
    """What was said of a partner's leads of a period, that are no tests.

    `valid` is how many of them were valid, and `amount` what these cost; None where a partner was counted with others.
    """

    program: Program
    partner: str
    said: Said
    valid: int | None
    amount: Decimal | None

    @property
    def currency(self):
        return self.program.spec.currency or ""

    @property
    def cost(self):
        """What a sold lead cost: all valid ones were paid for. None without a sale."""
        if not self.said.sold or self.amount is None:
            return None
        return (self.amount / self.said.sold).quantize(Decimal("0.01"))

    def share(self, count):
        """Return how many per cent of the leads that sales said something of."""
        return f"{count / self.said.answered:.0%}"

    @property
    def told(self):
        """The partner's name as it is told wherever it goes: not at all where it is sensitive."""
        return SOME_PARTNER if hides_partners(self.program) else named(self.partner)

    @property
    def numbers(self):
        """What webhooks get of it: answers of the last 30 days' leads."""
        said = self.said
        counts = {"partner": self.told, "valid": self.valid, "answered": said.answered, "contacted": said.reached}
        return counts | {"sold": said.sold, "bad": said.bad, "cost": None if self.cost is None else f"{self.cost:.2f}"}

    @property
    def sentence(self):
        """Say it of a partner, whose name is told unless it is sensitive."""
        who = self.told or NOBODY
        known = "" if self.valid is None else f" of {self.valid:,} valid"
        parts = [f"{self.share(self.said.reached)} contacted", f"{self.share(self.said.sold)} sold"]
        parts.append(f"{self.share(self.said.bad)} bad")
        cost = "" if self.cost is None else f"; a sold lead cost {amount_of(self.cost, self.currency)}"
        return f"{who}: {self.said.answered:,}{known} answered: {', '.join(parts)}{cost}."


def of_program(program, period, now, partner=None):
    """Return the Sales of each partner of a program, or of one, those with most answers first. Within a reading."""
    first, last = period.span(today(program, now))
    since, until = (datetime.fromtimestamp(midnight(program, day) / 1000, UTC) for day in (first, last + DAY))
    said = figures(program, since, until, partner)
    if not said:
        return []
    if partner is None:
        rows = {one.partner: one for one in collect([program], period, now, compare=False).partners}
    else:
        rows = {partner: of_partner([program], period, now, partner, compare=False).totals}
    found = [Sales(program, name, told, *_worth(rows.get(name), told)) for name, told in said.items()]
    return sorted(found, key=lambda one: (-one.said.answered, one.partner))


def _worth(figure, said):
    """Return how many leads were valid, and what they cost; fewer than were answered are not all."""
    if figure is None or figure.valid < said.answered:
        return None, None
    return figure.valid, figure.amount.rows[0][1]
