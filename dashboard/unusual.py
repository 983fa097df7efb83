"""What is unusual at a program: a field that vanished, a silence, many tests, a limit that is nearly used up."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from ulid import ULID

from database.secret import keyed_hash
from judge.rules import quota_key
from judge.values import Refused, folded
from leads.daily import OTHERS, count_leads, first_day, id_at, midnight, money, rows_of, today
from leads.figures import collect
from models import Lead, Total, first_id


@dataclass
class FieldUse:
    """How many of a partner's last leads have a field, and the share of those in the days before."""

    partner: str
    field: str
    count: int
    leads: int
    share_before: float

    @property
    def vanished(self):
        """Whether the field was nearly always there and is gone."""
        return self.count == 0 and self.share_before >= 0.9


RECENT, FEWEST_RECENT, FEWEST_BEFORE = 20, 10, 20  # leads of a partner
COMPARED = 14  # days
MOST_COMPARED = 50  # partners


def field_use(program, now):
    """Return a FieldUse for each partner and declared field that was in use in the last two weeks.

    Compared are the last leads of each partner, since yesterday, with the days before that.
    Partners with too few leads to tell are left out. `new_names` tells what may have come instead.
    """
    last = today(program, now) - timedelta(days=1)
    before = {}
    for row in rows_of(program, last - timedelta(days=COMPARED), last - timedelta(days=1)).values():
        if row.day < last.isoformat():
            for partner, cells in row.fields.items():
                before.setdefault(partner, Counter()).update(cells)
    ranked = sorted(before, key=lambda partner: -before[partner][""])
    found = []
    for partner in [name for name in ranked if name != OTHERS][:MOST_COMPARED]:
        leads = _recent_fields(program, partner, id_at(midnight(program, last)))
        if len(leads) >= FEWEST_RECENT and before[partner][""] >= FEWEST_BEFORE:
            for name in program.fields:
                if used := before[partner][name]:
                    count = sum(name in fields for fields in leads)
                    found.append(FieldUse(partner, name, count, len(leads), used / before[partner][""]))
    return found


def new_names(program, partner, now):
    """Return the names that no field has and most of a partner's last leads do, and those before did not."""
    first = id_at(midnight(program, today(program, now) - timedelta(days=1)))
    leads, known = _recent_fields(program, partner, first), set(program.fields)
    earlier = id_at(midnight(program, today(program, now) - timedelta(days=4)))  # it came up some days ago at most
    known.update(name for fields in _recent_fields(program, partner, "", earlier) for name in fields)
    names = Counter(name for fields in leads for name in fields if name not in known)
    return [name for name, count in names.most_common(10) if count > len(leads) / 2]


def _recent_fields(program, partner, first, last=None):
    query = Lead.select(Lead.fields).where(Lead.partner == partner, Lead.program == program.name)
    query = query.where(Lead.id >= first, *([Lead.id < last] if last else []))
    query = query.where(~Lead.test, Lead.masked_at.is_null()).order_by(Lead.id.desc()).limit(RECENT)
    return [found for (found,) in query.tuples()]


@dataclass
class Arrivals:
    """When the last lead came, and what is usual at this time of the week.

    `expected` is how many leads came in this stretch of the week, from then until now, in each of
    the weeks before; `gap` how long it usually takes at this hour until the next one comes.
    """

    last: datetime | None
    silence: timedelta | None
    expected: float
    gap: timedelta | None

    @property
    def unusual(self):
        """Whether chance leaves a program silent like this less than once in four hundred times."""
        return self.expected >= 6


WEEKS = 4
COUNTED_OF_A_WEEK = 1000  # leads


def arrivals(program, now):
    """Return the Arrivals of a program; test leads count, since they come the same way."""
    newest = Lead.select(Lead.id).where(Lead.program == program.name).order_by(Lead.id.desc()).limit(1).scalar()
    if newest is None:
        return Arrivals(None, None, 0.0, None)
    last, oldest = ULID.from_str(newest).datetime, first_day(program)
    weeks = min(WEEKS, (today(program, now) - oldest).days // 7)
    if not weeks:
        return Arrivals(last, now - last, 0.0, None)
    expected = _usual(program, last, min(now, last + timedelta(days=7)), weeks)
    for hours in (1, 3, 12, 84):
        half = timedelta(hours=hours)
        if (usual := _usual(program, now - half, now + half, weeks)) * weeks >= 8:
            return Arrivals(last, now - last, expected, 2 * half / usual)
    return Arrivals(last, now - last, expected, None)


def _usual(program, first, last, weeks):
    """Return how many leads came between two moments of the week, by the clock on the wall, on average."""
    zone, total = program.spec.timezone, 0
    first, last = first.astimezone(zone), last.astimezone(zone)
    for back in range(1, weeks + 1):
        then, until = (first_id(moment - timedelta(weeks=back)) for moment in (first, last))
        total += count_leads(program.name, then, until, COUNTED_OF_A_WEEK)
    return total / weeks


# Going live takes four valid tests, and `flask simulate` some ten: nobody needs twenty to try a form.
MANY_TESTS = 20


def testers(program, now):
    """Return the PartnerFigures of those who sent many valid tests since yesterday, and the Totals of all."""
    found = collect([program], 2, now)
    return [figure for figure in found.partners if figure.valid_tests >= MANY_TESTS], found.totals


@dataclass
class LimitFigure:
    """How much of a limit (leads) or budget (money) is used up in its period by one group of leads."""

    rule: str
    kind: str
    mode: str
    per: str
    group: tuple  # the values of the fields of `by`
    used: int | Decimal
    limit: int | Decimal


MOST_GROUPS = 200
LEADS_LOOKED_AT = 2000


def limits(program, now):
    """Return a LimitFigure for each limit and budget, and for each of its groups seen today.

    What is used up is known by a keyed hash of the group, so groups are those of today's leads.
    """
    now, found, groups = now.astimezone(program.spec.timezone), [], {}
    for spec in program.spec.rules:
        kind = "limit" if spec.limit is not None else "budget" if spec.budget is not None else None
        if not kind or spec.mode == "off":
            continue
        by = tuple(spec.by or ())
        if by not in groups:
            groups[by] = _groups(program, by, now)
        keys = {keyed_hash(*quota_key(kind, program.name, spec, now, group)): group for group in groups[by]}
        used = {row.key: row.used for row in Total.select().where(Total.key.in_(list(keys)))}
        figures = []
        for key, group in keys.items():
            amount, limit = used.get(key, 0), spec.limit
            if kind == "budget":
                amount, limit = money(amount), spec.budget
            figures.append(LimitFigure(spec.id, kind, spec.mode, spec.per, group, amount, limit))
        found += sorted(figures, key=lambda figure: (-figure.used, figure.group))
    return found


def _groups(program, by, now):
    """Return the groups of the fields `by` among today's valid leads, as claims name them."""
    if not by:
        return [()]
    query = Lead.select(Lead.fields).where(Lead.program == program.name, Lead.valid, ~Lead.test)
    query = query.where(Lead.id >= id_at(midnight(program, now.date())), Lead.masked_at.is_null())
    query = query.order_by(Lead.id.desc()).limit(LEADS_LOOKED_AT).tuples()
    groups = dict.fromkeys(tuple(_folded(program, name, found.get(name)) for name in by) for (found,) in query)
    return list(groups)[:MOST_GROUPS]


def _folded(program, name, text):
    """Return the text by which a stored value is compared."""
    if text is None:
        return ""
    try:
        return folded(program.fields[name].value(str(text)))
    except Refused:  # recorded with a warning: no value to conditions and claims
        return ""
