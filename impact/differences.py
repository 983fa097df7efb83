"""What does not fit between the ledger and impact.com, order id by order id: an Oid is a lead's id, or nobody's."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from impact import scope as reading
from impact.conversions import DAY
from impact.ledger import Action
from models import Lead

GRACE = timedelta(hours=24)  # an action may appear late, and a reversal too
EDGE = timedelta(minutes=1)  # that an action may be before its lead, or after: clocks differ, and it tells seconds
SHOWN = ("queued", "done")  # what is to be seen there, a while after it took effect or a file was sent
REVERSED = "REVERSED"
FEW = 2  # leads of another partner


@dataclass(frozen=True)
class Difference:
    """Something that does not fit, as the table `finding` has it."""

    kind: str
    subject: str
    oid: str
    lead: str = ""
    action: str = ""
    expected: str = ""
    found: str = ""
    amount: Decimal | None = None
    currency: str = ""


def find(program, covered):
    """Return what was compared, by order ids and the ids of actions that have none, and the Differences.

    Within a reading.
    """
    scope = reading.read(program, covered)
    found = [one for oid in sorted(scope.judged) for one in _of_oid(scope, oid)]
    nameless = {action.id for action in scope.actions.get("", ())}
    return scope.judged | nameless, _only_where_partners_are_known(scope, found)


# --- What is found of one order id ---


def _of_oid(scope, oid):
    lead = scope.leads.get(oid)
    actions = sorted(scope.actions.get(oid, ()), key=lambda one: (one.event_at or one.seen_at, one.id))
    if not oid:
        return [one for action in actions for one in _unknown(scope, None, action, action.id)]
    subjects = {action.id: oid if n == 0 else action.id for n, action in enumerate(actions)}
    live = [action for action in actions if action.state != REVERSED]
    if lead and lead.program == scope.program.name and not actions:
        return _no_conversion(scope, lead)
    found = [one for check in CHECKS for action in live[:1] for one in check(scope, lead, action, subjects[action.id])]
    found += [_difference("twice", lead, action, action.id, found=live[0].id) for action in live[1:]]
    return found + (_reversed_elsewhere(scope, lead, actions[0]) if actions and not live else [])


def _difference(kind, lead, action, subject, **values):
    values = {"amount": action.amount, "currency": action.currency} | values
    return Difference(kind, subject, action.oid, lead.id if lead else "", action.id, **values)


def _text(amount):
    return "" if amount is None else f"{amount:.2f}"


def _is_ours(scope, lead):
    return bool(lead) and lead.program == scope.program.name


def _no_conversion(scope, lead):
    covered, came = scope.covered, lead.received_at
    is_due = came >= covered.reach and came + GRACE <= (covered.told_at or covered.at)
    if not is_due or not lead.valid or lead.test or lead.id in scope.elsewhere:
        return []
    if not covered.whole and not covered.since + EDGE <= came < covered.until - EDGE:
        return []
    if scope.between and not scope.between[0] <= came <= scope.between[1]:
        return []
    expected = _text(lead.sale_amount)
    values = {"expected": expected, "amount": lead.sale_amount, "currency": scope.currency}
    return [Difference("no_conversion", lead.id, lead.id, lead.id, **values)]


def _unknown(scope, lead, action, subject):
    if _is_ours(scope, lead) or action.state == REVERSED:
        return []
    if not lead and _is_too_old(scope, action.event_at):
        return []
    return [_difference("unknown_here", lead, action, subject, found=_text(action.amount))]


def _is_too_old(scope, event_at):
    """Tell whether an action is older than the leads that are kept: nobody can say whose it was.

    It is told all the same where somebody asked for the time before (`--since`), and of the day before the first lead.
    """
    if not scope.oldest or not event_at:
        return not scope.oldest
    spec, covered = scope.program.spec, scope.covered
    if spec.privacy and spec.privacy.delete_after:
        return event_at < scope.oldest + DAY  # a lead is deleted by when it came, which is another moment
    return event_at + DAY <= (min(scope.oldest, covered.reach) if covered.whole else scope.oldest)


def _rejected(scope, lead, action, subject):
    is_wrong = _is_ours(scope, lead) and not lead.valid
    return [_difference("rejected_here", lead, action, subject, found=_text(action.amount))] if is_wrong else []


def _amount_differs(scope, lead, action, subject):
    if not _is_ours(scope, lead) or not lead.valid or None in (lead.sale_amount, action.amount):
        return []
    if not scope.currency or action.currency != scope.currency or lead.sale_amount == action.amount:
        return []
    values = {"expected": _text(lead.sale_amount), "found": _text(action.amount)}
    return [_difference("amount_differs", lead, action, subject, **values)]


def _reversal_ignored(scope, lead, action, subject):
    row = lead and scope.reversals.get(lead.id)
    if not row or row.state not in SHOWN or row.restoring:
        return []
    told_at = row.done_at or (row.submitted_at if row.way == "file" else None)
    if not told_at or told_at + GRACE > action.seen_at:
        return []
    values = {"expected": REVERSED, "found": action.state}
    return [_difference("reversal_ignored", lead, action, subject, **values)]


def _partner_differs(scope, lead, action, subject):
    if not _is_ours(scope, lead) or not lead.valid or not (lead.partner and action.media_partner):
        return []
    if lead.partner == action.media_partner:
        return []
    return [_difference("partner_differs", lead, action, subject, found=action.media_partner)]


CHECKS = (_unknown, _rejected, _amount_differs, _reversal_ignored, _partner_differs)


def _reversed_elsewhere(scope, lead, action):
    if not _is_ours(scope, lead) or not lead.valid or lead.test:
        return []
    row = scope.reversals.get(lead.id)
    if row and not (row.state == "restored" and row.submitted_at and row.submitted_at + GRACE <= action.seen_at):
        return []
    values = {"found": REVERSED, "amount": lead.sale_amount, "currency": scope.currency}
    return [_difference("reversed_elsewhere", lead, action, action.oid, **values)]


def _only_where_partners_are_known(scope, found):
    """Leave out other partners where what the program calls them is no id of impact.com's: no partner agrees.

    Of the first few leads nobody can tell that yet: then it is taken for one if it is a number, as those ids are.
    """
    others = [one for one in found if one.kind == "partner_differs"]
    are_ids = len(others) <= FEW and all(scope.leads[one.oid].partner.isdecimal() for one in others)
    if are_ids or _some_partner_agrees(scope):
        return found
    return [one for one in found if one.kind != "partner_differs"]


def _some_partner_agrees(scope):
    for oid in scope.judged:
        lead = scope.leads.get(oid)
        if _is_ours(scope, lead) and any(one.media_partner == lead.partner != "" for one in scope.actions.get(oid, ())):
            return True
    query = Action.select(Action.id).join(Lead, on=(Lead.id == Action.oid)).where(Action.program == scope.program.name)
    return query.where(Action.media_partner == Lead.partner, Lead.partner != "").exists()
