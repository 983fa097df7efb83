"""What operators approve. Many leads, or many of one partner, are asked about a second time."""

from collections import Counter
from datetime import timedelta
from functools import partial

from peewee import chunked

import database
from impact import states
from impact.ledger import Reversal
from impact.proposals import over_since
from models import Lead, first_id
from web.logs import log
from web.service import rulebook

MOST_A_DAY = 50  # of a program, by its time zone; tests that the rules reverse are not counted
MOST_OF_PARTNER = 20  # % of its valid leads
PERIOD = timedelta(days=30)  # of these leads, or back to the oldest that is to be reversed
AT_ONCE = 500  # that are approved in one transaction: leads wait for it
FEWEST = 2  # leads of a partner: one alone is no slip, though it be more than the share of a small partner


def second_question(ids):
    """Return what is asked a second time before these are approved, or "". Raises StoreError."""
    programs = rulebook().programs
    with database.read():
        return _question(_chosen(ids), programs, database.now())


def approve(ids, by, yes=False):
    """Approve the proposed ones of these leads; return `{lead: state}` of all that are known, and the question, or "".

    Nothing is approved where there is a question, unless it is answered by `yes`. Raises StoreError.
    """
    programs, ids, states_after, question = rulebook().programs, list(dict.fromkeys(ids)), {}, ""
    for some in chunked(ids, AT_ONCE) if yes else [ids]:  # who is not asked approves few
        after, question, approved = database.transact(partial(_approve, some, by, yes, programs))
        states_after |= after
        for row in approved:
            log.info("reversal approved", {"lead": row.lead, "by": by, "reason": row.reason})
    return states_after, question


def _approve(ids, by, yes, programs):
    database.lock("approval of reversals")  # so that two at once are not fewer each than both are
    now = database.now()
    states.note_locked(now)
    rows = [row for row in _chosen(ids) if not _is_over(row, programs, now)]
    question = "" if yes else _question(rows, programs, now)
    approved = [] if question else [row for row in rows if _is_approved(row, by, now)]
    return {row.lead: row.state for row in _of(ids)}, question, approved


def _is_approved(row, by, now):
    return states.move(row.lead, "proposed", "approved", approved_at=now, approved_by=by, due_at=now, error="")


def _is_over(row, programs, now):
    """Tell whether the partners' terms do not allow it any more, and note so. Tests are no partner's affair."""
    program = None if row.test else programs.get(row.program)
    if not program or not program.spec.impact or not (why := over_since(program, row.lead, now)):
        return False
    return states.move(row.lead, "proposed", "too_late", error=why)


def _chosen(ids):
    return [row for row in _of(ids) if row.state == "proposed"]


def _of(ids):
    """Return the rows of leads, however many: no database takes any number of ids in one statement."""
    return [row for some in chunked(ids, AT_ONCE) for row in Reversal.select().where(Reversal.lead.in_(some))]


# --- The second question ---


def _question(rows, programs, now):
    told = [*_many_a_day(rows, programs, now), *_many_of_partners(rows, now)]
    return "; ".join(told)


def _many_a_day(rows, programs, now):
    for name, count in sorted(Counter(row.program for row in rows).items()):
        local = now.astimezone(programs[name].spec.timezone) if name in programs else now
        today = local.replace(hour=0, minute=0, second=0, microsecond=0)
        here = Reversal.program == name, Reversal.approved_at >= today, Reversal.approved_by != ""
        before = Reversal.select().where(*here, Reversal.state != "proposed").count()
        if before + count > MOST_A_DAY:
            already = f", {before} of them approved already" if before else ""
            yield f"{before + count} leads of {name} would be reversed today{already}, and {MOST_A_DAY} a day are usual"


def _many_of_partners(rows, now):
    of = {}
    for row in (row for row in rows if not row.test):
        of.setdefault((row.program, row.partner), []).append(row.lead)
    for (program, partner), chosen in sorted(of.items()):
        since = min(first_id(now - PERIOD), min(chosen))
        here = Lead.program == program, Lead.partner == partner, Lead.id >= since
        valid = Lead.select().where(*here, Lead.valid, ~Lead.test).count()
        count = len(chosen) + _reversed_before(program, partner, since)
        if count >= FEWEST and count * 100 > valid * MOST_OF_PARTNER:
            whose = f'of partner "{partner}"' if partner else "of no partner"
            yield (
                f"{count} of the {valid} valid leads {whose} in {program} would be reversed, reversed ones among them: "
                f"more than {MOST_OF_PARTNER} %"
            )


def _reversed_before(program, partner, since):
    here = Reversal.program == program, Reversal.partner == partner, Reversal.lead >= since, ~Reversal.test
    return Reversal.select().where(*here, Reversal.state.in_(["approved", "submitting", "queued", "done"])).count()
