"""How it is known what is unusual of a program's leads: silence, a field that is gone, many tests."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ulid import ULID

from judge.calendar import takes_nothing_on
from leads.counts import OTHERS
from leads.daily import count_leads, first_day, id_at, midnight, today
from leads.figures import collect
from leads.periods import Period
from models import Day, Lead, first_id


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
    before, first = {}, last - timedelta(days=COMPARED + 1)
    days = Day.select(Day.fields).where(Day.program == program.name)
    for (fields,) in days.where(Day.day >= first.isoformat(), Day.day < last.isoformat()).tuples():
        for partner, cells in fields.items():
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
    since = _awaited_since(program, last, now)
    expected = _usual(program, since, min(now, since + timedelta(days=7)), weeks)
    for hours in (1, 3, 12, 84):
        half = timedelta(hours=hours)
        if (usual := _usual(program, now - half, now + half, weeks)) * weeks >= 8:
            return Arrivals(last, now - last, expected, 2 * half / usual)
    return Arrivals(last, now - last, expected, None)


def _awaited_since(program, last, now):
    """Return since when a lead is awaited: the last one, or the end of the last day on which none was taken."""
    for back in range(7):
        day = today(program, now) - timedelta(days=back)
        begins = datetime.fromtimestamp(midnight(program, day) / 1000, UTC)
        if begins <= last:
            break
        if takes_nothing_on(program.spec, day - timedelta(days=1)):
            return begins
    return last


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
    found = collect([program], Period.last(2), now, compare=False)
    return [figure for figure in found.partners if figure.valid_tests >= MANY_TESTS], found.totals
