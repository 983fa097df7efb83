"""What tests of reversals share: a program whose leads may be reversed, leads as of some day, and their actions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ulid import ULID

import database
from impact import proposals, reversals
from impact.ledger import Action, Reversal
from impact.standin import StandIn
from models import Lead

RULES = """
title: Solar
partner: irpid
currency: USD
timezone: America/New_York
test_flag: is_test
fields: {email: {type: email, required: true}, irpid: {}, is_test: {type: boolean}}
rules:
  - {id: duplicate, unique: [email], within: 90 days, note: Already submitted}
sale_amount: 10.00
impact:
  campaign: 1000
  event_type: 2240
  reversals:
    within: 14 days
    reasons: {wrong number: CONS_INFO_INVALID, Fake: CONS_FRAUD}
    tests: reverse
examples: []
"""
NOW = datetime.now(UTC).replace(microsecond=0)


def store(partner="1", age=timedelta(hours=2), **values):
    """Store a valid lead of a partner as of so long ago; return it."""
    row = {"program": "default", "user": "impact", "partner": partner, "status": 200, "valid": True, "test": False}
    row |= {"reasons": [], "note": "", "sale_amount": Decimal("10.00"), "customerid": "", "email": "", "fields": {}}
    row |= {"rules": "h" * 64, "trace": [], "content_type": "", "query": b"", "body": b""} | values
    lead = Lead(id=str(ULID.from_datetime(NOW - age)), received_at=NOW - age, **row)
    database.transact(lambda: lead.save(force_insert=True))
    return lead


def see(lead, **values):
    """Have an action of a lead be seen as a reconciliation sees it; return its id."""
    oid = getattr(lead, "id", lead)
    row = {"id": f"1000.1.{oid}", "oid": oid, "program": "default", "state": "PENDING", "amount": Decimal("10.00")}
    row |= {"payout": None, "cost": None, "currency": "USD", "media_partner": "1", "event_at": NOW}
    row |= {"locking_at": NOW + timedelta(days=20), "seen_at": NOW} | values

    def work():
        Action.delete().where(Action.id == row["id"]).execute()
        Action.insert(row).execute()

    database.transact(work)
    return row["id"]


def propose(app, lead, reason="fake", by="ann"):
    program = app.extensions["datapost"].rulebook.find("default")
    return database.transact(lambda: proposals.propose(program, lead, reason, by))


def row(lead):
    with database.read():
        return Reversal.get_or_none(lead=getattr(lead, "id", lead))


def state(lead):
    found = row(lead)
    return found and found.state


class Brand:
    """A service with an account at the stand-in, and a clock that passes when a test says so."""

    def __init__(self, app, standin):
        self.app, self.standin, self.passed = app, standin, timedelta()
        self.made = app.extensions["datapost"]

    def now(self):
        return datetime.now(UTC) + self.passed

    def approved(self, known=True, **values):
        """Have an approved lead that has an action, which a reconciliation knows or not; return its id."""
        lead = store()
        self.action = self.standin.add(lead.id, event_at=lead.received_at, **values)
        if known:
            see(lead, id=self.action, locking_at=self.standin.actions[self.action]["locking_at"])
        propose(self.app, lead)
        with self.app.app_context():
            reversals.approve([lead.id], "ann", yes=True)
        return lead.id

    def done(self):
        """Have a lead whose reversal is done; return its id."""
        lead = self.approved()
        self.run()
        self.run(timedelta(minutes=1))
        self.reconciled()
        assert state(lead) == "done"
        return lead

    def run(self, passed=timedelta()):
        self.passed += passed
        return dict(reversals.run_due(self.made))

    def reconciled(self):
        """Have the actions be seen as they are now."""
        for id, found in self.standin.actions.items():
            see(found["oid"], id=id, state=found["state"], locking_at=found["locking_at"], seen_at=self.now())
        proposals.after_reconcile(self.made.rulebook.find("default"), self.now())

    def there(self):
        return self.standin.actions[self.action]["state"]

    def writes(self):
        return [(method, fields) for method, _, fields in self.standin.writes]


def at_the_standin(make_app, database_url, monkeypatch):
    """Yield a Brand, whose clock is the database's."""
    real = database.now
    with StandIn() as standin:
        made = Brand(make_app(RULES, database_url=database_url, **standin.settings), standin)
        standin.now = made.now
        monkeypatch.setattr(database, "now", lambda: real() + made.passed)
        yield made
