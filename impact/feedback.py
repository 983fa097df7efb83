"""What sales says of a lead: what became of it, and why it was bad. What was said before adds nothing.

No text of who says it is kept, told or logged: outcomes are four words, and reasons are the rule file's.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import NamedTuple

from ulid import ULID

import database
from database import db
from impact import proposals
from impact.ledger import Outcome, Reversal
from judge.numbers import of_money
from judge.values import Refused
from models import Lead, first_id

OUTCOMES = ("contacted", "qualified", "sold", "bad")
LONGEST_VALUE = 40  # characters
MOST, CENT = Decimal("999999999999.99"), Decimal("0.01")
AFTER = timedelta(milliseconds=1)  # of two rows of a lead, the later one has the greater id

COLUMNS = Lead.id, Lead.program, Lead.partner, Lead.valid, Lead.test, Lead.received_at, Lead.sale_amount


class FeedbackError(ValueError):
    """What was said cannot be taken. The text is a sentence that says what to do, and quotes nothing of it.

    `status` is the HTTP status, and `code` the word for programs.
    """

    def __init__(self, sentence, code, status=422):
        super().__init__(sentence)
        self.code, self.status = code, status


class Statement(NamedTuple):
    """What somebody says of a lead, in the texts that he sent."""

    lead: str
    outcome: str
    reason: str = ""
    value: str = ""


class Meant(NamedTuple):
    """What is meant by it: one of OUTCOMES, a reason of the rule file or "", a Decimal or None."""

    outcome: str
    reason: str
    value: Decimal | None


@dataclass(frozen=True)
class Noted:
    """What was understood. `added` tells whether it is new, `proposed` whether the lead waits to be reversed."""

    lead: str
    meant: Meant
    added: bool
    proposed: bool


def say(program, lead, outcome, reason="", value="", said_by=""):
    """Note what is said of a lead of this program, and return it as Noted. Raises FeedbackError and StoreError."""
    said = Statement(lead, outcome, reason, value)
    (result,) = database.transact(partial(take, [said], {program.name: program}.get, said_by))
    if isinstance(result, FeedbackError):
        raise result
    return result


def take(statements, find, said_by):
    """Note what is said; return for each statement what is Noted, or its FeedbackError. Within a transaction.

    `find(name)` returns the program whose leads may be spoken of, or None. What is said of one lead is taken together:
    what its story ends with already adds nothing.
    """
    leads = _locked(statements)
    results, of_lead = [], defaultdict(list)
    for at, said in enumerate(statements):
        lead = leads.get(_id(said))
        try:
            results.append(_meant(said, lead, lead and find(lead.program)))
            of_lead[lead.id].append(at)
        except FeedbackError as error:
            results.append(error)
    stories, proposed, now = _stories(of_lead), _proposed(of_lead), database.now()
    for lead_id, places in of_lead.items():
        lead, story = leads[lead_id], stories[lead_id]
        told = [meant for meant, _ in groupby(results[at] for at in places)]
        is_known = story[-len(told) :] == told
        for at in places:
            meant = results[at]
            if added := not is_known and story[-1:] != [meant]:
                before = story[-1].outcome if story else ""
                _add(lead, meant, story, said_by, now)
                _have_reversed(find(lead.program), lead, meant, before, said_by, proposed)
            results[at] = Noted(lead_id, meant, added, meant.outcome == "bad" and lead_id in proposed)
    return results


def _id(said):
    return said.lead.strip().upper()


def _locked(statements):
    """Return the leads by id. Of two who speak of the same ones at once, one waits for the other: both go by the id."""
    ids = sorted({lead_id for said in statements if re.fullmatch("[0-9A-Z]{26}", lead_id := _id(said))})
    query = Lead.select(*COLUMNS).where(Lead.id.in_(ids)).order_by(Lead.id)
    return {lead.id: lead for lead in database.engine().to_write(query, wait=True)}


def _stories(ids):
    """Return what was said of these leads until now, the oldest first."""
    stories = {lead_id: [] for lead_id in ids}
    for row in Outcome.select().where(Outcome.lead.in_(list(ids))).order_by(Outcome.id):
        stories[row.lead].append(_said(row))
    return stories


def _said(row):
    return Meant(row.outcome, row.reason, row.value)


def _proposed(ids):
    """Return which of these leads wait for somebody to approve that they are reversed."""
    rows = Reversal.select(Reversal.lead).where(Reversal.lead.in_(list(ids)), Reversal.state == "proposed")
    return {row.lead for row in rows}


def _add(lead, meant, story, said_by, at):
    """Add a row to the story of a lead: later than those before it."""
    if story:
        last = Outcome.select(Outcome.at).where(Outcome.lead == lead.id).order_by(Outcome.id.desc()).get()
        at = max(at, last.at + AFTER)
    whose = {"lead": lead.id, "program": lead.program, "partner": lead.partner, "test": lead.test}
    Outcome.create(id=str(ULID.from_datetime(at)), at=at, **whose, **meant._asdict(), said_by=said_by)
    story.append(meant)


def _have_reversed(program, lead, meant, before, said_by, proposed):
    """Propose a bad lead for reversal, or take back what sales called bad `before` and calls so no more.

    What an operator proposed he withdraws, and what was approved too. `proposed` are the leads that wait, and changes.
    """
    if meant.outcome == "bad" and meant.reason:
        if proposals.propose(program, lead, meant.reason, said_by).state == "proposed":
            proposed.add(lead.id)
    elif meant.outcome != "bad" and before == "bad" and lead.id in proposed:
        forgotten, _others = proposals.take_back([lead.id], among=["proposed"])
        proposed.difference_update(forgotten)


# --- What is meant ---


def _meant(said, lead, program):
    """Return what is Meant by a statement. Raises FeedbackError."""
    if not said.lead.strip():
        raise FeedbackError("lead_id is missing: write the uniqueid of our answer to the lead", "no_lead")
    if program is None:
        told = "there is no such lead of this program: lead_id is the uniqueid of our answer, 26 letters and digits"
        raise FeedbackError(told, "unknown_lead", 404)
    outcome = _outcome(said.outcome)
    reason, value = _reason(program, outcome, said.reason), _value(outcome, said.value)
    if not lead.valid:
        raise FeedbackError("the lead was answered invalid, so that nothing is paid for it: leave it out", "not_valid")
    return Meant(outcome, reason, value)


def _outcome(text):
    word = text.strip().casefold()
    if word not in OUTCOMES:
        what = "is none of ours" if word else "is missing"
        raise FeedbackError(f"outcome {what}: write {', '.join(OUTCOMES[:-1])} or {OUTCOMES[-1]}", "unknown_outcome")
    return word


def _reason(program, outcome, text):
    if not text.strip():
        return ""
    if outcome != "bad":
        raise FeedbackError("reason is only for the outcome bad: leave it out", "reason_not_bad")
    impact = program.spec.impact
    if reason := impact and impact.reason(text):
        return reason
    reasons = ", ".join(impact.reversals.reasons) if impact else ""
    if reasons:
        raise FeedbackError(f"reason is none of this program's: write one of {reasons}", "unknown_reason")
    told = "this program has no reasons, since its rule file has none under impact: reversals: leave reason out"
    raise FeedbackError(told, "unknown_reason")


def _value(outcome, text):
    """Return the value of a sale, or None. A CRM that sends all its fields always says 0 of what was not sold."""
    if not (text := text.strip()):
        return None
    value = _amount(text)
    if outcome != "sold":
        if value == 0:
            return None
        raise FeedbackError("value is only for the outcome sold: leave it out", "value_not_sold")
    if value is None or not 0 <= value <= MOST or value != value.quantize(CENT):
        told = "value is no amount: write it like 1200.50, with at most 12 digits before the point and two after it"
        raise FeedbackError(told, "bad_value")
    return abs(value.quantize(CENT))  # -0 is 0


def _amount(text):
    """Return the number that a text means, or None."""
    try:
        return of_money(text) if len(text) <= LONGEST_VALUE else None
    except Refused:
        return None


# --- What was said ---


def outcomes(lead_id):
    """Return the Outcomes of a lead, the newest first. Within a reading."""
    return list(Outcome.select().where(Outcome.lead == lead_id).order_by(Outcome.id.desc()))


@dataclass(frozen=True)
class Said:
    """How many leads of a partner sales said last that of, and what the sold ones brought, as far as it is known."""

    contacted: int = 0
    qualified: int = 0
    sold: int = 0
    bad: int = 0
    value: Decimal = Decimal("0.00")

    @property
    def answered(self):
        return self.contacted + self.qualified + self.sold + self.bad

    @property
    def reached(self):
        """How many were spoken to: those that were qualified or sold, too."""
        return self.answered - self.bad


# The newest row of each lead counts. Both are read from indexes alone: 300,000 answers of a month in half a second.
FIGURES = """
    SELECT partner, outcome, count(*), sum(CAST(round(value * 100) AS BIGINT)) FROM outcome AS said
    WHERE program = ? AND lead >= ? AND lead < ? {} AND NOT test
    AND NOT EXISTS (SELECT 1 FROM outcome AS later WHERE later.lead = said.lead AND later.id > said.id)
    GROUP BY partner, outcome
"""


def figures(program, since, until, partner=None):
    """Return `{partner: Said}` of a program's leads that came in this time and are no tests, of all partners or of one.

    Within a reading.
    """
    if "\0" in (partner or ""):
        return {}  # PostgreSQL takes no such text, so nobody is called so
    values, of_one = [program.name, first_id(since), first_id(until)], ""
    if partner is not None:
        values, of_one = [*values, partner], "AND partner = ?"
    counted = defaultdict(dict)
    for partner, outcome, leads, cents in db.execute_sql(FIGURES.format(of_one).replace("?", db.param), values):
        counted[partner][outcome] = leads
        if cents is not None:
            counted[partner]["value"] = Decimal(cents).scaleb(-2)
    return {partner: Said(**counts) for partner, counts in counted.items()}
