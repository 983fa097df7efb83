"""Which leads are to be reversed: proposed by people and by what sales says, and tests by the rules themselves."""

from dataclasses import dataclass
from datetime import timedelta

from peewee import JOIN
from ulid import ULID

import database
from impact import states
from impact.ledger import Action, Reversal
from judge.impact import TEST
from judge.meant import nearest
from models import Lead
from web.logs import log
from web.presenting import moment


@dataclass(frozen=True)
class Proposed:
    """What became of a proposal: the `state` that the reversal is in, or "" and `why` it is none."""

    state: str
    why: str = ""
    new: bool = False


def propose(program, lead, reason, by):
    """Propose that a Lead of a program is reversed for a reason of its list; return Proposed. Within a transaction.

    One that is locked already is kept as too late. One that is proposed already has the newest reason. Nothing is
    raised: whoever says that a lead is bad has said so.
    """
    now = database.now()
    if why := why_not(program, lead, reason, now):
        return Proposed("", why)
    there = Reversal.get_or_none(lead=lead.id)
    if there and there.state not in states.AGAIN:
        is_changed = _has_new_reason(program, there, reason, now, by)
        return Proposed(there.state, "" if is_changed else f"lead {lead.id} is {SAID[there.state]} already", is_changed)
    action = states.action_of(lead.id, program.name)
    if action and action.state == "REVERSED":
        return Proposed("", f"lead {lead.id} is reversed at impact.com already, as action {action.id}")
    word = program.spec.impact.reason(reason)
    row = new_row(lead, word, program.spec.impact.reversals.reasons[word], action, now, by)
    if locked := states.is_locked(Reversal(**row), now):
        row |= {"state": "too_late", "error": states.locked_since(row["locking_at"])}
    if not _keep(there, row):
        return Proposed("", f"lead {lead.id} was proposed by somebody else just now")
    log.info("reversal proposed", {"lead": lead.id, "by": by, "reason": word, "state": row["state"]})
    return Proposed(row["state"], row["error"] if locked else "", new=True)


def _has_new_reason(program, there, reason, now, by):
    """Give what is proposed another reason, and its code; tell whether it has one now. Tests keep theirs."""
    word = program.spec.impact.reason(reason)
    if there.state != "proposed" or there.test or word == there.reason:
        return False
    told = {"reason": word, "code": program.spec.impact.reversals.reasons[word], "proposed_at": now, "proposed_by": by}
    asked = Reversal.lead == there.lead, Reversal.state == "proposed"
    return bool(Reversal.update(told).where(*asked).execute())


SAID = {
    "proposed": "proposed",
    "approved": "approved",
    "submitting": "on its way to impact.com",
    "queued": "submitted",
    "done": "reversed",
}


def why_not(program, lead, reason, now):
    """Return the sentence why a lead cannot be proposed for this reason, or ""."""
    spec = program.spec.impact
    if spec is None:
        return f"the rules of {program.name} have no impact: write its campaign and event_type there"
    reasons = spec.reversals.reasons
    if spec.reason(reason) is None:
        there = f"the rules of {program.name} know {', '.join(reasons)}" if reasons else NO_REASONS.format(program.name)
        near = nearest(reason.casefold(), [one.casefold() for one in reasons])
        return f"this is no reason to reverse a lead{near or f': {there}'}"
    if lead.program != program.name:
        return f"lead {lead.id} is none of {program.name}"
    if not lead.valid:
        return f"lead {lead.id} was rejected here: if impact.com has a conversion of it, reverse that at impact.com"
    return over_since(program, lead.id, now)


def over_since(program, lead, now):
    """Return the sentence that the time is over in which a lead of this id may be reversed, or ""."""
    within, came = program.spec.impact.reversals.within, ULID.from_str(lead).datetime
    if not within or came + within >= now:
        return ""
    return f"lead {lead} could be reversed until {moment(came + within)}, as the rules of {program.name} say (within)"


NO_REASONS = "the rules of {} list none: write them under impact: reversals: reasons:"


def new_row(lead, reason, code, action, now, by):
    """Return a new row of Reversal, which is proposed, as a dict."""
    row = {"lead": lead.id, "program": lead.program, "partner": lead.partner, "state": "proposed", "reason": reason}
    row |= {"code": code, "batch": "", "error": "", "way": "api", "test": lead.test, "attempts": 0}
    row |= {"action": action.id if action else "", "locking_at": action.locking_at if action else None}
    row |= {"proposed_at": now, "proposed_by": by, "approved_at": None, "approved_by": "", "submitted_at": None}
    return row | {"done_at": None, "due_at": None, "lease_until": None, "restoring": False, "restored_by": ""}


def _keep(there, row):
    """Insert the row, or have it stand in the place of one that is over; tell whether nobody was quicker.

    Whether an earlier write took effect (`sure`) is as unknown as it was.
    """
    if there is None:
        query = Reversal.insert(row | {"sure": True}).on_conflict_ignore()
        return bool(query.as_rowcount().execute())
    values = {key: value for key, value in row.items() if key not in ("lead", "state")}
    return states.move(there.lead, there.state, row["state"], **values)


def withdraw(ids, by):
    """Forget what was proposed or approved, and not sent; return `{lead: why not}` of the others. Raises StoreError."""
    forgotten, others = database.transact(lambda: take_back(ids))
    for lead in forgotten:
        log.info("reversal withdrawn", {"lead": lead, "by": by})
    return others


def take_back(ids, among=states.UNSENT):
    """Do the same with those in one of the states; return the leads, and `{lead: why not}`. Within a transaction."""
    forgotten, others = [], {}
    for lead in ids:
        unsent = Reversal.state.in_(among), Reversal.sure, ~Reversal.test
        if Reversal.delete().where(Reversal.lead == lead, *unsent).execute():
            forgotten.append(lead)
        else:
            others[lead] = _why_it_stays(Reversal.get_or_none(lead=lead))
    return forgotten, others


def _why_it_stays(row):
    if row is None:
        return "nobody proposed that it is reversed"
    if row.test and row.state in states.UNSENT:
        return "it is a test, which would come back: write tests: tell in the rules, and reverse no test by itself"
    if row.state in states.UNSENT:
        return "an earlier attempt may have reversed it: approve it, and it is looked up before anything is sent"
    return f"it is {row.state}, and no proposal any more"


# --- After each reconciliation ---


def after_reconcile(program, now):
    """Note what a reconciliation saw: locks, what is reversed, and restored; reverse tests, as the rules say.

    Raises StoreError.
    """
    changed = database.transact(lambda: _after_reconcile(program, now))
    for event, leads in changed.items():
        for lead in leads:
            log.info("reversal %s" % event, {"lead": lead, "program": program.name})  # noqa: UP031


def _after_reconcile(program, now):
    _note_actions(program.name)
    _ask_now(program.name, now)
    changed = {"done": confirm(now, program.name), "restored": _note_restored(now, program.name)}
    changed["approved"] = _reverse_tests(program, now)
    return changed | {"too late": states.note_locked(now, [program.name]) + _unseen_files(now, program.name)}


def _note_actions(name):
    """Take over which actions these are, and when they lock."""
    rows = Reversal.select(Reversal, Action).where(Reversal.program == name)
    for row in list(rows.join(Action, JOIN.LEFT_OUTER, on=(Action.id == Reversal.action), attr="seen")):
        action = getattr(row, "seen", None) or states.action_of(row.lead, name)  # what stood in for it may be gone
        if action and (action.id, action.locking_at) != (row.action, row.locking_at):
            locking_at = action.locking_at or row.locking_at
            Reversal.update(action=action.id, locking_at=locking_at).where(Reversal.lead == row.lead).execute()


def _ask_now(name, now):
    """Have the submission of what is seen reversed be asked for at once: it is complete, most probably."""
    asked = Reversal.program == name, Reversal.state == "queued", Reversal.due_at > now, Reversal.done_at.is_null()
    seen = Reversal.action.in_(Action.select(Action.id).where(Action.program == name, Action.state == "REVERSED"))
    Reversal.update(due_at=now).where(*asked, seen, Reversal.lease_until.is_null()).execute()


def confirm(now, program=None, lead=None):
    """Have done what was submitted whole, and was seen reversed since; return the leads. Within a transaction.

    That is what is queued, and what was given up without anybody knowing whether it was heard.
    """
    whole = (Reversal.state == "queued") & (Reversal.done_at.is_null(False) | (Reversal.way == "file"))
    asked = [whole | (Reversal.state.in_(["failed", "too_late"]) & ~Reversal.sure)]
    asked += [Action.state == "REVERSED", Action.seen_at >= Reversal.submitted_at]
    asked += [Reversal.program == program] if program else []
    asked += [Reversal.lead == lead] if lead else []
    rows = Reversal.select().join(Action, on=(Action.id == Reversal.action)).where(*asked)
    rest = {"error": "", "due_at": None, "lease_until": None}
    return [row.lead for row in list(rows) if _is_done(row, now, rest)]


def _is_done(row, now, rest):
    return states.move(row.lead, row.state, "done", done_at=row.done_at or now, sure=True, **rest)


def _note_restored(now, program):
    """Note which actions, to be restored, were seen as not reversed since; return their leads."""
    asked = Reversal.state == "done", Reversal.restoring, Reversal.program == program
    asked += Action.state != "REVERSED", Action.seen_at >= Reversal.submitted_at
    rows = Reversal.select().join(Action, on=(Action.id == Reversal.action)).where(*asked)
    over = {"restoring": False, "sure": True, "error": "", "due_at": None, "lease_until": None}
    return [row.lead for row in list(rows) if states.move(row.lead, "done", "restored", **over)]


def _unseen_files(now, program):
    """Have be too late what was written to a file, and was not reversed when it was seen after its lock."""
    asked = Reversal.state == "queued", Reversal.way == "file", Reversal.program == program
    asked += Reversal.locking_at <= now, Action.state != "REVERSED", Action.seen_at > Reversal.locking_at
    rows = Reversal.select().join(Action, on=(Action.id == Reversal.action)).where(*asked)
    told = "it was written to a file, and was not reversed when it locked: see what impact.com says of the file"
    return [row.lead for row in list(rows) if states.move(row.lead, "queued", "too_late", error=told)]


def _reverse_tests(program, now):
    """Approve that tests which became conversions are reversed, as many a day as may be valid; return the leads.

    What is more than that an operator looks at: it is proposed only.
    """
    spec = program.spec.impact
    if spec is None or spec.reversals.tests != "reverse":
        return []
    open_ones = Action.state != "REVERSED", Action.locking_at.is_null() | (Action.locking_at > now)
    rows = Lead.select().where(
        Lead.id.in_(Action.select(Action.oid).where(Action.program == program.name, *open_ones)),
        Lead.id.not_in(Reversal.select(Reversal.lead)),
        Lead.program == program.name,
        Lead.valid,
        Lead.test,
    )
    approved, room = [], program.spec.test_limit - _tests_of_the_day(program.name, now)
    for lead in list(rows.order_by(Lead.id)):
        row = new_row(lead, "test", TEST, states.action_of(lead.id, program.name), now, "") | {"sure": True}
        if len(approved) < room:
            row |= {"state": "approved", "approved_at": now, "due_at": now}
            approved.append(lead.id)
        Reversal.insert(row).on_conflict_ignore().execute()
    return approved


def _tests_of_the_day(program, now):
    since = now - timedelta(days=1)
    return Reversal.select().where(Reversal.program == program, Reversal.test, Reversal.approved_at > since).count()
