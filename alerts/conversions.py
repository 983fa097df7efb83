"""What an owner must know of impact.com: what does not fit, that it is not asked, and reversals that need somebody.

No partner is named here, and of an action or a lead only how many there are: the pages have the rest.
"""

from datetime import UTC, datetime, timedelta

from peewee import JOIN, Case, fn

from alerts.concern import Concern, lasting, leads, title
from impact import reversals, totals
from impact.api import is_set
from impact.findings import GRAVE
from impact.ledger import Found, Reconciled, Reversal
from leads.daily import midnight, money
from leads.sums import Sums
from models import Lead
from web.pages import amount_of, currency_of, moment
from web.service import service

ASKED_WITHIN = timedelta(hours=13)  # two rounds, and an hour for what the second one takes
TOLD_FOR = timedelta(days=7)
CENTS = "BIGINT"

# Of each kind of finding: what one is, and what several are, before their money.
WORDS = {
    "no_conversion": (
        "lead was answered valid and has no conversion",
        "leads were answered valid and have no conversion",
    ),
    "unknown_here": ("conversion is of no lead that is known here", "conversions are of no leads that are known here"),
    "rejected_here": ("lead was rejected here and is a conversion", "leads were rejected here and are conversions"),
    "amount_differs": (
        "conversion has another amount than its lead",
        "conversions have other amounts than their leads",
    ),
    "twice": ("lead has a second conversion", "leads have second conversions"),
    "reversed_elsewhere": (
        "conversion was reversed there, and not from here",
        "conversions were reversed there, and not from here",
    ),
    "reversal_ignored": ("reversal from here does not show there", "reversals from here do not show there"),
    "partner_differs": (
        "conversion is of another partner than its lead",
        "conversions are of other partners than their leads",
    ),
}


def of_differences(scope):
    """Tell of what does not fit and nobody has seen yet: of each program and kind once, whatever the number."""
    cents = fn.SUM(fn.ROUND(Found.amount * 100).cast(CENTS))
    columns = Found.program, Found.kind, Found.currency, fn.COUNT(Found.subject), cents
    unseen = Found.gone_at.is_null(), Found.seen_at.is_null(), Found.program.in_(list(scope.programs))
    found = {}
    for program, kind, currency, count, some in Found.select(*columns).where(*unseen).group_by(*columns[:3]).tuples():
        known = found.setdefault((program, kind), [0, Sums()])
        known[0] += count
        known[1].add(currency, some or 0)
    for (program, kind), (count, sums) in sorted(found.items()):
        yield _differs(scope.programs[program], kind, count, sums)


def _differs(program, kind, count, sums):
    worth = f", {amount_of(sums)}" if sums else ""
    return Concern(
        "impact_differs",
        program.name,
        kind,
        f"{title(program)} at impact.com: {count:,} {WORDS[kind][count != 1]}{worth}.",
        "The page says of each what to do. What an operator has seen is told no more.",
        grave=kind in GRAVE,
        endpoint="impact.show",
        values={"of": program.name, "kind": kind, "_anchor": "findings"},
        link="See what does not fit",
    )


def of_silence(scope):
    """Tell of programs that impact.com was not asked about for long, or not with success, where there is an account."""
    named = {name: program for name, program in scope.programs.items() if program.spec.impact}
    if not named or not is_set(service().settings):
        return
    rows = {row.program: row for row in Reconciled.select().where(Reconciled.program.in_(list(named)))}
    for name, program in named.items():
        row = rows.get(name)
        if row is None or row.at is None or scope.now - row.at > ASKED_WITHIN or row.error:
            yield _unasked(program, row, scope.now)


def _unasked(program, row, now):
    at, error = row and row.at, row and row.error
    told = f"was read {lasting(now - at)} ago" if at else "was never read"
    why = f" The last attempt failed: {error.rstrip('.')}." if error else ""
    return Concern(
        "impact_unasked",
        program.name,
        "",
        f"What is at impact.com of {title(program)} {told}.{why}",
        "flask doctor says whether the account answers, and flask reconcile tries it at once."
        if error
        else "It is read every six hours by the service that runs. flask reconcile tries it at once.",
        grave=at is not None and now - at > ASKED_WITHIN,
        endpoint="impact.show",
        values={"_anchor": "read"},
        link="See when it was read",
    )


def of_locks(scope):
    """Tell of reversals that nobody has sent yet, and that cannot be any more within three days."""
    found = {}
    for name, state, *told in _together(reversals.is_locking_soon(scope.now), scope):
        found.setdefault(name, {})[state] = told
    for name, by_state in sorted(found.items()):
        program = scope.programs[name]
        counts, cents, firsts, *_ = zip(*by_state.values(), strict=True)
        yield _concern(
            "reversals_due",
            program,
            "",
            f"{title(program)}: {leads(sum(counts))}{_worth(program, cents)} can be reversed for less than three days, "
            f"the first until {moment(min(firsts), program)}.",
            "Approve them, or withdraw them: after the lock impact.com pays for them."
            if "proposed" in by_state
            else "They are approved, and not sent yet: see why. Upload the file, if they were written to one.",
            "proposed" if "proposed" in by_state else "progress",
        )


def of_failures(scope):
    """Tell of reversals that failed, or were too late, in the last week."""
    since = scope.now - TOLD_FOR
    failed_at = fn.COALESCE(Reversal.submitted_at, Reversal.approved_at, Reversal.proposed_at)
    at = Case(Reversal.state, [("failed", failed_at)], fn.COALESCE(Reversal.locking_at, failed_at))
    asked = Reversal.state.in_(["failed", "too_late"]) & (at > Reversal.locking_at.db_value(since))
    for name, state, count, cents, _, *errors in sorted(_together(asked, scope)):
        program, (one, many), advice = scope.programs[name], *FAILED[state]
        why = f": {errors[0].rstrip('.')}" if state == "failed" and errors[0] == errors[1] != "" else ""
        sentence = f"{title(program)}: {leads(count)}{_worth(program, [cents])} {one if count == 1 else many}{why}."
        yield _concern("reversals_failed", program, state, sentence, advice, state, grave=state == "failed")


def _together(asked, scope):
    """Return for each program and state of such reversals: their number, what their leads are worth in cents, as far as
    somebody knows, the first lock, and the first and the last error by the letters: of one alone, both are the same."""
    errors = fn.MIN(Reversal.error), fn.MAX(Reversal.error)
    worth = fn.SUM(fn.ROUND(Lead.sale_amount * 100).cast(CENTS))
    columns = Reversal.program, Reversal.state, fn.COUNT(Reversal.lead), worth, fn.MIN(Reversal.locking_at), *errors
    query = Reversal.select(*columns).join(Lead, JOIN.LEFT_OUTER, on=(Lead.id == Reversal.lead))
    query = query.where(Reversal.program.in_(list(scope.programs)), asked)
    return list(query.group_by(Reversal.program, Reversal.state).tuples())


# Of each state: what is said of one and of several, and the advice.
FAILED = {
    "failed": (
        ("could not be reversed", "could not be reversed"),
        "The page says why. Mend it and propose them again, before they are locked.",
    ),
    "too_late": (
        ("was not reversed in time", "were not reversed in time"),
        "impact.com pays for them: settle it with the partners.",
    ),
}


def _worth(program, cents):
    """Return what leads are worth, behind a comma; "" where nobody knows any more."""
    known = sum(filter(None, cents))
    return f", {amount_of(money(known), currency_of(program))}," if known else ""


def _concern(kind, program, subject, sentence, advice, tab, grave=True):
    place = "reversals.show", {"state": tab, "program": program.name}
    return Concern(kind, program.name, subject, sentence, advice, grave, *place, "See the reversals")


# --- The summary of a day ---


def of_day(program, day):
    """Say what impact.com made of the leads of a day, and what does not fit and nobody has seen; "" without any."""
    span = (datetime.fromtimestamp(midnight(program, one) / 1000, UTC) for one in (day, day + timedelta(days=1)))
    found = totals.together(totals.of_program(program, *span).values())
    is_open = Found.gone_at.is_null(), Found.seen_at.is_null()
    open_ones = Found.select().where(Found.program == program.name, *is_open).count()
    parts = []
    for kind in ("recorded", "reversed"):
        if found.counts[kind]:
            parts.append(f"{found.counts[kind]:,} {kind}, {amount_of(Sums(found.money[kind, 'amount']))}")
    if open_ones:
        parts.append(f"{open_ones:,} {'thing does' if open_ones == 1 else 'things do'} not fit")
    return f"impact.com: {'; '.join(parts)}." if parts else ""
