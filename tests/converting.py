"""What tests of pages and alerts share: a brand whose programs are at impact.com, and what is known from there."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from brand import OPERATORS, OWNER, SOLAR, Operator
from browser import PHONE
from cast import Partner, submit

import database
from impact.ledger import Action, Found, Reconciled, Reversal
from models import Lead
from web.settings import User

VERA = ("vera", "only looks")
RULES = """
title: Home loans
partner: irpid
test_flag: is_test
currency: USD
customer: [email]
fields:
  email: {type: email, required: true}
  irpid: {}
  is_test: {type: boolean}
sale_amount: 10.00
impact:
  campaign: 1000
  event_type: 2240
  reversals:
    reasons: {wrong number: CONS_INFO_INVALID, fake: CONS_FRAUD}
"""
SUNNY = RULES.replace("Home loans", "Sunny roofs").replace("1000", "1001")
PLAIN = RULES[: RULES.index("impact:")]
ACCOUNT = {"impact_sid": "IRsid", "impact_token": "canary-token"}
NOW = datetime.now(UTC).replace(microsecond=0)


def brand_of(make_app, rules=None, **settings):
    """Return a brand of two programs with a partner, an owner, an operator of solar alone, and a viewer."""
    rules = rules or {"default": RULES, "solar": SUNNY}
    made = Partner(make_app(rules, operators=OPERATORS, viewers=(User(*VERA),), **settings))
    if "database_url" in settings:
        database.migrate()
    made.owner, made.sun, made.vera = (Operator(made.app, *login) for login in ((), (SOLAR,), (VERA,)))
    return made


def lead(number=1, program="default", partner="bright", at=NOW - timedelta(hours=2), **values):
    """Store a valid lead and return its id."""
    made = submit(at=at + timedelta(milliseconds=number), program=program)
    values = {"valid": True, "partner": partner, "sale_amount": Decimal("10.00"), "customerid": "c" * 64} | values
    database.transact(Lead.update(values).where(Lead.id == made.id).execute)
    return made.id


def action(lead_id, program="default", **values):
    row = {"id": f"1000.1.{lead_id}", "oid": lead_id, "program": program, "state": "PENDING", "currency": "USD"}
    row |= {"amount": Decimal("10.00"), "payout": Decimal("8.00"), "cost": Decimal("9.00"), "media_partner": "7"}
    row |= {"event_at": NOW, "locking_at": NOW + timedelta(days=20), "seen_at": NOW}
    database.transact(Action.insert(row | values).execute)


def finding(lead_id, kind="no_conversion", program="default", **values):
    row = {"program": program, "kind": kind, "subject": lead_id, "lead": lead_id, "oid": lead_id, "action": ""}
    row |= {"expected": "10.00", "found": "", "amount": Decimal("10.00"), "currency": "USD", "since": NOW}
    database.transact(Found.insert(row | values).execute)


def reconciled(program="default", **values):
    row = {"program": program, "at": NOW, "reach": NOW - timedelta(days=30), "tried_at": NOW, "source": "api"}
    database.transact(Reconciled.insert(row | values).execute)


def reversal(lead_id, state="proposed", program="default", **values):
    row = {"lead": lead_id, "program": program, "partner": "bright", "state": state, "reason": "fake"}
    row |= {"code": "CONS_FRAUD", "locking_at": NOW + timedelta(days=5, hours=1), "proposed_at": NOW}
    database.transact(Reversal.insert(row | {"proposed_by": "owner"} | values).execute)


def states():
    """Return the states of all reversals by the ids of their leads."""
    with database.read():
        return dict(Reversal.select(Reversal.lead, Reversal.state).tuples())


def logged_in(browser, address):
    """Return a page of a browser in which the owner is logged in, and in which axe may run."""
    page = browser.new_context(viewport=PHONE, bypass_csp=True).new_page()
    page.goto(f"{address}/dashboard")
    for label, text in zip(("Name", "Password"), OWNER, strict=True):
        page.get_by_label(label).fill(text)
    with page.expect_navigation():
        page.get_by_role("button", name="Log in").click()
    return page
