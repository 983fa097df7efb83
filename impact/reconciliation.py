"""What impact.com has of a program is fetched and kept, and then it is found what does not fit.

A run that fails keeps what was known, and closes nothing: it only says so.
"""

from dataclasses import dataclass, field
from functools import partial

import database
from impact import conversions, differences, findings
from impact.api import Api, ApiError, Later, is_set
from impact.lease import CannotReconcile, leased
from impact.ledger import Reconciled
from impact.reversals import after_reconcile
from impact.scope import Covered

API, FILE = "api", "file"
NO_ACCOUNT = (
    "there is no account at impact.com: set DATAPOST_IMPACT_SID and DATAPOST_IMPACT_TOKEN, or give the report that it "
    "exports: flask reconcile PROGRAM --file actions.csv"
)
NO_CAMPAIGN = "the rules of {} name no campaign of impact.com: write impact: there, with its campaign and event_type"


@dataclass(frozen=True)
class Result:
    """How many actions a run saw, and what does not fit now, as programs read it (findings.as_told)."""

    actions: int
    findings: list = field(default_factory=list)


def reconcile(made, program, since=None, now=None, wait=lambda seconds: False):
    """Fetch what impact.com has of a program, and find what does not fit; return the Result.

    All is read since what is not locked yet; `since` is how far back at least, and at first alone. Where the calls of
    the hour are used up, `wait(seconds)` waits and returns whether to go on. Raises ApiError, CannotReconcile and
    StoreError, and then all that was known stays. Within an app's context, in a thread that writes no leads.
    """
    check(program)
    if not is_set(made.settings):
        raise CannotReconcile(NO_ACCOUNT)
    with leased(program.name) as lease:
        now = now or _now()
        if since and since > now:
            raise CannotReconcile("since is still to come: name a day that is over, or a time ago, such as 60d")
        try:
            covered = _fetch(made, program, since, now, lease, wait)
        except ApiError as error:
            told = str(error)
            lease.transact(lambda: note(program, tried_at=now, error=told))
            raise
        return conclude(program, covered, {"at": now, "reach": covered.reach, "source": API}, lease)


def check(program):
    """Raise CannotReconcile if the rule file names no campaign."""
    if program.spec.impact is None:
        raise CannotReconcile(NO_CAMPAIGN.format(program.name))


def _now():
    with database.read():
        return database.now()


def _fetch(made, program, since, now, lease, wait):
    """Keep all actions that can have changed, window by window, and return what is Covered by that."""
    api, others = Api(made.settings), conversions.strangers(made.rulebook.programs, program)
    with database.read():
        row = Reconciled.get_or_none(program=program.name)
        last = row.at if row and row.source == API else None
        floor = conversions.floor(program, last, now)
    if since:
        floor = min(since, floor) if last else max(since, now - conversions.FARTHEST)
    oids, kept = set(), {}
    for window in conversions.windows(floor, last, now):
        found = _patiently(partial(conversions.fetch, api, program, window), lease, wait)
        new = [seen for seen in found if kept.get(seen.id) != hash(seen)]  # most are in more than one window
        conversions.store(new, program, others, now, lease.transact)
        lease.keep()
        oids |= {seen.oid for seen in found}
        kept |= {seen.id: hash(seen) for seen in found}
    reach = min(row.reach, floor) if last and row.reach else floor
    return Covered(floor, now, now, reach, frozenset(oids), len(kept))


def _patiently(fetch, lease, wait):
    """Return what is fetched, once there are calls for it: to begin anew would use up as many again."""
    while True:
        try:
            return fetch()
        except Later as error:
            lease.keep(error.seconds)
            if not wait(error.seconds):
                raise


def conclude(program, covered, noted, lease):
    """Find what does not fit, keep it, and note how far that is; return the Result."""
    with database.read():
        compared, found = differences.find(program, covered)
    findings.note(program, compared, found, covered.at, lease.transact)
    lease.transact(lambda: note(program, **noted, tried_at=covered.at, error=""))
    after_reconcile(program, covered.at)
    with database.read():
        standing = findings.standing(program.name)
    return Result(covered.actions, [findings.as_told(one) for one in standing])


def note(program, **values):
    """Note how far a program is reconciled. Within a transaction."""
    Reconciled.insert(program=program.name).on_conflict_ignore().execute()
    Reconciled.update(values).where(Reconciled.program == program.name).execute()
