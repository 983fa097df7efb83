"""What an owner must know in the morning: what is broken, silent, missing or nearly used up; and how that is known."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from flask import url_for
from ulid import ULID

import database
from dashboard.caps import limits
from dashboard.concern import Concern, duration, title
from dashboard.deliverywarnings import of_destinations
from dashboard.subjects import programs_naming
from database.disk import fleeting
from judge.calendar import takes_nothing_on
from judge.caps import PERIODS
from leads.counts import OTHERS
from leads.daily import count_leads, first_day, id_at, midnight, rows_of, today
from leads.deployed import changed_files
from leads.figures import collect
from leads.periods import Period
from models import Lead, first_id
from web.masks import MASK
from web.pages import amount_of, currency_of
from web.published import LIST
from web.service import rulebook, service

NEARLY = 0.8  # of a limit
GROUPS_NAMED = 3  # of a limit that many have reached
GRAVE_KEPT = 60  # seconds


def standing(programs, now, may_see=lambda name: True):
    """Return the Concerns about some programs, the grave ones first. Needs the database.

    `may_see(name)` tells whether a broken file of this name is to be told of.
    """
    found = [*_disk(service().settings.database_url), *_broken_files(rulebook(), programs, may_see)]
    found += _changed_files(rulebook(), may_see)
    for program in programs.values():
        found += of_program(program, now)
    found += of_destinations(programs, now, only=not all(map(may_see, rulebook().programs)))
    return sorted(found, key=lambda warning: not warning.grave)


def of_program(program, now):
    """Return the Concerns about the leads and limits of one program."""
    found = [*silence(program, now), *_fields(program, now)]
    return [*found, *_tests(program, now), *_limits(program, now), *_dates(program, now)]


def count_grave():
    """Return how many grave Concerns there are. Who asks needs no login, so they are looked for once a minute."""
    at, count = service().grave
    if monotonic() - at > GRAVE_KEPT:
        with database.read():
            count = sum(concern.grave for concern in standing(rulebook().programs, datetime.now(UTC)))
        service().grave = monotonic(), count
    return count


def _disk(database_url):
    if database_url.startswith("sqlite:") and (where := fleeting(database_url.removeprefix("sqlite:///"))):
        yield Concern(
            f"The leads are in a SQLite file, and {where} does not last: a restart may lose them all.",
            "Add a PostgreSQL database (docs/operations.md says how under Deploy), or a disk that lasts.",
            grave=True,
        )


def _broken_files(book, programs, may_see):
    broken = Counter(error.path for error in book.errors)
    for path, mistakes in broken.items():
        name = Path(path).stem
        used = name in programs
        if may_see(name):
            yield Concern(
                f"{path} is broken: {mistakes} {'mistake' if mistakes == 1 else 'mistakes'}.",
                "Leads are judged by its last good version until it is mended."
                if used
                else "Until it is mended, its leads are not taken.",
                grave=True,
                href=url_for("programs.show_program", name=name) if Path(path).suffix else "",
                link="See the mistakes",
            )


def _changed_files(book, may_see):
    """Tell of files that changed in a deploy, where the database is the home of the rules."""
    for file in changed_files(book.folder, book) if service().settings.published and book.known else ():
        named_by = programs_naming(file.name) if file.thing == LIST else [file.name]
        if all(map(may_see, named_by)):
            yield Concern(
                f"A deploy brought another {file.path} than was known when the live version was made.",
                "The live text stays until somebody chooses.",
                href=url_for("history.choose_file", **{"list" if file.thing == LIST else "name": file.name}),
                link="See the difference, and choose",
            )


# Days before the end of a campaign, and after it, on which that is told.
END_IN_SIGHT = timedelta(days=7)


def _dates(program, now):
    """Tell of a campaign that is about to end, and of one that has ended, for as long as that is news."""
    day, ends = today(program, now), program.spec.ends
    if ends and abs(day - ends) <= END_IN_SIGHT:
        yield Concern(
            f"{title(program)}: the campaign {'ended' if day > ends else 'ends'} on {ends:%d %B %Y}.",
            "From then on every lead is refused. Pause it at impact.com too, or change ends: in the rule file.",
            href=url_for("programs.show_program", name=program.name),
            link="See the rule file",
        )


def silence(program, now):
    if takes_nothing_on(program.spec, today(program, now)):
        return
    seen = arrivals(program, now)
    if seen.unusual:
        usual = f"usually one comes every {duration(seen.gap)} at this time" if seen.gap else "usually more come"
        yield Concern(
            f"{title(program)}: no lead has come for {duration(seen.silence)}; {usual}.",
            "Ask the partners, and look at impact.com whether the program runs and its address and password are right.",
            grave=True,
        )


def _fields(program, now):
    for use in field_use(program, now):
        if use.vanished:
            label = program.fields[use.field].label
            names = new_names(program, use.partner, now)
            called = f" Perhaps it is called {' or '.join(names[:3])} now: then add that to its aliases."
            yield Concern(
                f"{title(program)}: {use.partner or 'somebody who names no partner'} does not send {label} any more: "
                f"none of the last {use.leads} leads has it; before, {use.share_before:.0%} had it.",
                f"Ask the partner.{called if names else ''}",
                href=url_for("leads.list_leads", partner=use.partner, program=program.name) if use.partner else "",
                link="See the leads",
            )


def _tests(program, now):
    many, totals = testers(program, now)
    for figure in many:
        who = figure.partner or "somebody who names no partner"
        yield _of_tests(program, who, figure, partner=figure.partner)
    if not many and totals.valid_tests >= MANY_TESTS:  # a name may be made up for each
        yield _of_tests(program, "several partners together", totals)


def _mark(program):
    return "test_if" if program.spec.test_if else "test_flag"


def _of_tests(program, who, figure, **filters):
    return Concern(
        f"{title(program)}: {who} sent {figure.valid_tests:,} test leads since yesterday that were answered valid, "
        f"worth {amount_of(figure.test_amount)}.",
        "impact.com pays for tests too. Reverse them there, and ask the partner what they are for. If nobody needs "
        f"tests any more, take {_mark(program)} out of the rule file: such leads are judged as real ones then.",
        grave=bool(figure.test_amount),
        href=url_for("leads.list_leads", **filters, program=program.name, test="yes", valid="yes"),
        link="See the tests",
    )


def _limits(program, now):
    near = {}
    for limit in limits(program, now):
        if limit.mode == "enforce" and limit.limit and limit.used >= NEARLY * float(limit.limit):
            near.setdefault(limit.rule, []).append(limit)
    for rule, groups in near.items():
        for limit in groups[:GROUPS_NAMED]:
            reached = limit.used >= limit.limit
            period, told = PERIODS[limit.per], f"{limit.used:,} of {limit.limit:,} leads"
            if limit.kind == "budget":
                told = f"{limit.used:,} of {amount_of(limit.limit, currency_of(program))} to pay"
            yield Concern(
                f"{title(program)}: the {limit.kind} “{rule}” is {'reached' if reached else 'nearly reached'}"
                f"{_group(program, limit)}: {told} {period.this}.",
                f"Further leads are refused {period.over}." if reached else "Then leads are refused.",
                grave=reached,
                href=url_for("programs.show_program", name=program.name),
                link="See the rule",
            )
        if len(groups) > GROUPS_NAMED:
            others = len(groups) - GROUPS_NAMED
            yield Concern(f"{title(program)}: “{rule}” is so far for {others} more.", "Each has a limit of its own.")


def _group(program, limit):
    """Name whose limit it is."""
    by = next(rule.by for rule in program.spec.rules if rule.id == limit.rule) or []
    values = [
        MASK if program.spec.fields[name].sensitive else value for name, value in zip(by, limit.group, strict=True)
    ]
    return f" for {', '.join(value or '(nothing sent)' for value in values)}" if by else ""


# --- How it is known ---


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
