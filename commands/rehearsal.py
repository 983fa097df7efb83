"""Reconciliation, rehearsed without an account: of leads that were posted, some are made not to fit, and must be found.

What stands in for impact.com is a server in this process, and the leads are copied, as they were answered, into a
ledger that is thrown away: nothing of it is written where the service keeps its leads.
"""

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import zip_longest
from types import SimpleNamespace

from ulid import ULID

import database
import models
from impact.reconciliation import reconcile
from impact.standin import StandIn

LATER = timedelta(hours=25)  # what is missing is told after a day
SOON = timedelta(minutes=1)  # what is older than all leads here may be of a lead that is gone
UNKNOWN = "00000000000000000000000000"


@dataclass(frozen=True)
class Rehearsal:
    """What was made not to fit, as pairs of kind and order id, and what was found, as reconciliation tells it."""

    actions: int
    planted: list
    findings: list

    @property
    def is_good(self):
        return not (self.missed or self.wrongly_found)

    @property
    def missed(self):
        return sorted(set(self.planted) - self._found)

    @property
    def wrongly_found(self):
        return sorted(self._found - set(self.planted))

    @property
    def _found(self):
        return {(one["kind"], one["oid"]) for one in self.findings}


def is_lead_id(order_id):
    """Tell whether an order id is a lead's id: a brand's own template may answer something else."""
    try:
        return str(ULID.from_str(order_id)) == order_id
    except ValueError:
        return False


def rehearse(made, program, answers):
    """Return the Rehearsal of (order id, amount) pairs that were answered valid. Raises what reconcile raises."""
    leads = [(oid, Decimal(amount), ULID.from_str(oid).datetime) for oid, amount in answers]
    now = max(at for *_, at in leads) + LATER
    with StandIn() as standin, _thrown_away(made.settings):
        for lead in leads:
            _record(program, *lead)
        standin.now = lambda: now
        planted = _plant(standin, program, leads)
        settings = replace(made.settings, **standin.settings)
        result = reconcile(SimpleNamespace(settings=settings, rulebook=made.rulebook), program, now=now)
        return Rehearsal(result.actions, planted, result.findings)


@contextmanager
def _thrown_away(settings):
    """Have a ledger that is there for this alone, and then the service's again."""
    with tempfile.TemporaryDirectory() as folder:
        models.connect(f"sqlite:///{folder}/rehearsal.db", "rehearsal")
        try:
            yield
        finally:
            models.connect(settings.database_url, settings.secret)


def _record(program, oid, amount, at):
    texts = dict.fromkeys(("user", "partner", "note", "customerid", "email", "rules", "content_type"), "")
    lead = models.Lead(**texts, id=oid, program=program.name, received_at=at, status=200, valid=True, test=False)
    lead.reasons, lead.fields, lead.trace, lead.query, lead.body, lead.sale_amount = [], {}, [], b"", b"", amount
    database.transact(lambda: models.insert(lead))


# What becomes of the first leads at impact.com: the kind of finding, and what actions there are instead of one.
PLANTS = {
    "no_conversion": lambda _amount: [],
    "amount_differs": lambda amount: [{"amount": amount + 1}],
    "twice": lambda _amount: [{}, {}],
    "reversed_elsewhere": lambda _amount: [{"state": "REVERSED"}],
}


def _plant(standin, program, leads):
    """Have a conversion of each lead, less what is made not to fit, and return that."""
    asked, currency = program.spec.impact, program.spec.currency
    alike = {"campaign": asked.campaign, "event_type": asked.event_type, "currency": currency or "USD"}
    kinds = [kind for kind in PLANTS if currency or kind != "amount_differs"]  # amounts of no currency are not compared
    planted = []
    for kind, (oid, amount, at) in zip_longest(kinds[: len(leads)], leads):
        planted += [(kind, oid)] if kind else []
        for values in PLANTS[kind](amount) if kind else [{}]:
            values = {"amount": amount, "event_at": at} | values
            standin.add(oid, **alike | values | {"amount": f"{values['amount']:.2f}"})
    standin.add(UNKNOWN, **alike, event_at=leads[-1][2] + SOON)
    return [*planted, ("unknown_here", UNKNOWN)]
