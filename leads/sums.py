"""Sums of money in the currencies of several programs, which are never added up with each other."""

from decimal import Decimal

from leads.daily import money


class Sums:
    """Amounts by currency: `{"USD": Decimal("10.00")}`; "" is that of programs that name none."""

    def __init__(self, amounts=()):
        self.amounts = dict(amounts)

    def add(self, currency, cents):
        self.amounts[currency] = self.amounts.get(currency, Decimal("0.00")) + money(cents)

    @property
    def rows(self):
        """The pairs of currency and amount that there is something of; of nothing at all, one."""
        pairs = sorted(self.amounts.items()) or [("", Decimal("0.00"))]
        return [pair for pair in pairs if pair[1]] or pairs[:1]

    def __eq__(self, other):
        return isinstance(other, Sums) and (self.rows == other.rows or not (self or other))

    __hash__ = None

    def __bool__(self):
        return any(self.amounts.values())

    def __repr__(self):
        return " + ".join(f"{amount} {currency}".strip() for currency, amount in self.rows)
