"""A brand whose leads and actions a test makes up, and what is found of them."""

from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

from ulid import ULID

import database
import models
from impact import findings, reconciliation
from impact.ledger import Action, Found, Reconciled, Reversal

RULES = """
title: Solar
currency: USD
partner: irpid
fields: {email: {type: email}, irpid: {}}
sale_amount: 10.00
impact:
  campaign: 1000
  event_type: 2240
"""
PLAIN = {
    "user": "impact", "status": 200, "reasons": [], "note": "", "customerid": "", "email": "", "fields": {},
    "rules": "h" * 64, "trace": [], "content_type": "", "query": b"", "body": b"",
}  # fmt: skip


class Brand:
    """A service and its account; it is `now` there."""

    def __init__(self, make_app, standin, now, rules=RULES, **settings):
        self.app = make_app(rules, **standin.settings | settings)
        self.standin, self.now, self.made = standin, now, self.app.extensions["datapost"]

    @property
    def program(self):
        return self.of("default")

    def of(self, name):
        return self.made.rulebook.find(name)

    def leads(self, *rows):
        """Store leads: dicts of `ago` (timedelta) or `at`, and columns of a lead; return their ids."""
        made = [self._row(row) for row in rows]
        for n in range(0, len(made), 100):
            database.transact(lambda n=n: models.Lead.insert_many(made[n : n + 100]).execute())
        return [row["id"] for row in made]

    def lead(self, days=3, **row):
        return self.leads({"ago": timedelta(days=days)} | row)[0]

    def _row(self, row):
        values = {"program": "default", "valid": True, "test": False, "partner": "10000"} | row
        at = values.pop("at", None) or self.now - values.pop("ago", timedelta())
        values.pop("ago", None)
        amount = Decimal(values.pop("amount", "10.00")) if values["valid"] else None
        return PLAIN | {"id": str(ULID.from_datetime(at)), "received_at": at, "sale_amount": amount} | values

    def action(self, oid, days=3, **values):
        """Have an action at impact.com."""
        return self.standin.add(oid, event_at=self.now - timedelta(days=days), **values)

    def both(self, days=3, amount="10.00", partner="10000", **row):
        """Have a lead and its conversion; return both ids."""
        lead = self.lead(days, partner=partner, **row)
        return lead, self.action(lead, days, amount=amount, partner=partner)

    def reverse(self, lead, **values):
        values = {"state": "done", "reason": "fake", "code": "CONS_FRAUD", "partner": "", "program": "default"} | values
        values = {"proposed_at": self.now, "done_at": self.now - timedelta(hours=25)} | values
        database.transact(Reversal.insert(lead=lead, **values).execute)

    def reconcile(self, program="default", now=None, **options):
        with self.app.app_context():
            return reconciliation.reconcile(self.made, self.of(program), now=now or self.now, **options)

    def found(self, **options):
        """Reconcile, and return what is found, as pairs of kind and subject."""
        self.reconcile(**options)
        return self.open()

    def open(self):
        with database.read():
            return sorted((row.kind, row.subject) for row in Found.select().where(Found.gone_at.is_null()))

    def standing(self, program="default"):
        with self.app.app_context(), database.read():
            return findings.standing(program)

    def state(self, action):
        with database.read():
            return Action.get_by_id(action).state

    def reconciled(self, program="default"):
        with database.read():
            return Reconciled.get_or_none(program=program)


@contextmanager
def later(brand, **span):
    """Have it be later, at both sides."""
    before = brand.now
    brand.now += timedelta(**span)
    brand.standin.now = lambda: brand.now
    try:
        yield
    finally:
        brand.now = before
