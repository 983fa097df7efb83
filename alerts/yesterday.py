"""What yesterday brought: each program, against the same weekday a week before, and its partners that changed."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from math import sqrt
from types import SimpleNamespace

from alerts.concern import SOME_PARTNER, hides_partners, leads, title
from alerts.conversions import of_day
from judge.calendar import refused_on, takes_nothing_on
from judge.program import Program
from judge.verdict import NOT_STARTED
from leads.counts import OTHERS
from leads.daily import today
from leads.figures import Figures, Totals, collect, known_since, last_days
from leads.periods import Period, told
from web.logs import printable
from web.pages import amount_of

DAY, WEEK = timedelta(days=1), timedelta(days=7)
LONGEST_NAME = 80  # characters
NOBODY = "Leads that name no partner"

# How much more or less than a week before is no chance: 2.5 standard deviations, which chance leaves in one of eighty.
DEVIATIONS = 2.5
FEWEST_GONE, FEWEST_SHARED, LEAST_OF_SHARE = 5, 10, 0.15


def named(text):
    """Return a name or sentence as part of a line: without what could steer or end that, and not too long."""
    text = " ".join(printable(text, keep="\t\n").split())
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


@dataclass(frozen=True)
class Change:
    """A partner that changed, by its leads of the day and of the one a week before: `kind` is a key of SENTENCES."""

    kind: str
    partner: str
    leads: int
    accepted: int
    leads_before: int = 0
    accepted_before: int = 0

    @property
    def weight(self):
        """How many leads it is about."""
        if self.kind == "share":
            return round(abs(self.accepted - self.leads * self.accepted_before / self.leads_before))
        return abs(self.leads - self.leads_before)

    @property
    def sentence(self):
        return f"{named(self.partner) or NOBODY}: {SENTENCES[self.kind](self)}."


SENTENCES = {
    "new": lambda one: f"{leads(one.leads)}, {one.accepted:,} accepted, and none in the seven days before",
    "gone": lambda one: f"no lead; a week before, {one.leads_before:,}",
    "leads": lambda one: f"{leads(one.leads)}; a week before, {one.leads_before:,}",
    "share": lambda one: (
        f"{one.accepted / one.leads:.0%} of {leads(one.leads)} accepted; "
        f"a week before, {one.accepted_before / one.leads_before:.0%} of {one.leads_before:,}"
    ),
}


@dataclass(frozen=True)
class Yesterday:
    """A program's day, what came, and the Totals of the same weekday `before`: None where they are not known.

    `since` is the day of the first lead that is known of it. `changes` are its partners that changed, those with the
    most leads first, `at_impact` a sentence on what impact.com made of its leads, or "".
    """

    program: Program
    day: date
    since: date | None
    figures: Figures
    before: Totals | None
    counting_before: bool
    changes: list
    at_impact: str = ""

    @property
    def then(self):
        return self.day - WEEK

    @property
    def totals(self):
        return self.figures.totals

    @property
    def title(self):
        return named(title(self.program))

    @property
    def headline(self):
        """Say what came where figures alone do not."""
        count = self.totals.submissions
        if self.figures.uncounted:
            return f"Yesterday is still being counted: {leads(count)} so far."
        if count:
            return ""
        if self.closed or self.since is None:
            return " ".join(
                filter(None, ["No lead came yesterday." if self.since else "No lead has come yet.", self.closed])
            )
        return none_came(self.before)

    @property
    def closed(self):
        """Say why whatever came on the day was refused, or ""."""
        spec = self.program.spec
        if not takes_nothing_on(spec, self.day):
            return ""
        if not (reason := refused_on(spec, self.day)):
            return "It was a day on which none is taken."
        begins = reason is NOT_STARTED
        return f"The campaign begins on {told(spec.starts)}." if begins else f"The campaign ended on {told(spec.ends)}."

    @property
    def notes(self):
        """Say what is to be known beside figures."""
        if not self.totals.submissions:
            return [COUNTING_BEFORE] if self.counting_before else []
        found = [self.closed] if self.closed else []
        if self.figures.uncounted:
            return found
        if self.counting_before:
            found.append(COUNTING_BEFORE)
        elif self.before is None and self.since:
            found.append(f"Its first lead came on {told(self.since)}: there is no week to compare with yet.")
        elif takes_nothing_on(self.program.spec, self.then):
            found.append("A week before was a day on which none is taken.")
        return found

    @property
    def tests(self):
        """Say how many tests came, and what they cost, or ""."""
        count, valid = self.totals.tests, self.totals.valid_tests
        if not count:
            return ""
        came = f"{count:,} test{'' if count == 1 else 's'} came beside these"
        if not valid:
            return f"{came}, and {'was' if count == 1 else 'none was'} {'not ' if count == 1 else ''}accepted."
        how_many = f"{valid:,} of them" if valid < count else "and was" if count == 1 else "all"
        worth = f", worth {amount_of(self.totals.test_amount)}: impact.com pays for tests until they are reversed there"
        return f"{came}, {how_many} accepted{worth if self.totals.test_amount else ''}."


COUNTING_BEFORE = "The day a week before is still being counted."


def none_came(before):
    """Say that no lead came, and how many did a week before."""
    if before is None:
        return "No lead came yesterday."
    count = before.submissions
    return (
        f"No lead came yesterday; a week before, {count:,}." if count else "No lead came yesterday, nor a week before."
    )


def of_program(program, now):
    """Return the Yesterday of a program, in its own time zone. Within a reading."""
    day = today(program, now) - DAY
    figures, since = _between(program, day, day, now), known_since(program)
    # Of the day on which the first lead came, nobody knows when that was to be expected.
    past = _between(program, day - WEEK, day - WEEK, now) if since and since < day - WEEK else None
    comparable = past and not (past.uncounted or figures.uncounted)
    changes = _changes(program, day, figures, past, now) if comparable else []
    before = past.totals if comparable else None
    return Yesterday(program, day, since, figures, before, bool(past and past.uncounted), changes, of_day(program, day))


def of_retired(names, zones, now):
    """Say what came yesterday for programs that are no more, of those whose days began as ours do; `names` are ours."""
    found = []
    for name, began in sorted(last_days().items()):
        zone = next((one for one in zones if datetime.fromtimestamp(began / 1000, one).time() == time.min), None)
        if zone and name not in names:
            program = SimpleNamespace(name=name, spec=SimpleNamespace(timezone=zone, currency=None))
            day = today(program, now) - DAY
            totals = _between(program, day, day, now).totals
            if totals.submissions:
                came = f"{leads(totals.submissions)} came yesterday, {totals.valid:,} accepted"
                found.append(f"{named(name)} takes no more leads; {came}, {amount_of(totals.amount)} to pay.")
    return found


def _between(program, first, last, now):
    return collect([program], Period(since=first, until=last), now, compare=False)


def _changes(program, day, figures, past, now):
    """Return the partners that changed, those with the most leads first."""
    if not figures.totals.submissions or any(takes_nothing_on(program.spec, one) for one in (day, day - WEEK)):
        return []
    ours, theirs = _by_partner(figures), _by_partner(past)
    week = _between(program, day - WEEK, day - DAY, now)
    known = _by_partner(week)
    found = [
        _change(
            name, ours.get(name), theirs.get(name), name not in known and not week.uncounted and OTHERS not in known
        )
        for name in dict.fromkeys([*ours, *theirs])
        # Of many partners those with few leads are counted together: whoever seems gone may be among them.
        if name != OTHERS and (name in ours or OTHERS not in ours)
    ]
    found = sorted(filter(None, found), key=lambda change: (-change.weight, change.partner))
    if not hides_partners(program):
        return found
    return [replace(one, partner=one.partner and SOME_PARTNER) for one in found]


def _by_partner(figures):
    return {one.partner: one for one in figures.partners if one.submissions}


def _change(name, now, before, is_new):
    """Return the Change of a partner by its two PartnerFigures (None: no lead), or None if little changed."""
    came, accepted = (now.submissions, now.valid) if now else (0, 0)
    came_before, accepted_before = (before.submissions, before.valid) if before else (0, 0)
    if is_new:
        kind = "new"
    elif not came:
        kind = "gone" if came_before >= FEWEST_GONE else ""
    elif abs(came - came_before) >= max(FEWEST_GONE, DEVIATIONS * sqrt(came + came_before)):
        kind = "leads"
    else:
        kind = "share" if _differ(came, accepted, came_before, accepted_before) else ""
    return Change(kind, name, came, accepted, came_before, accepted_before) if kind else None


def _differ(came, accepted, came_before, accepted_before):
    """Tell whether the shares of the accepted leads differ, much and by no chance."""
    if min(came, came_before) < FEWEST_SHARED:
        return False
    both = (accepted + accepted_before) / (came + came_before)
    deviation = sqrt(both * (1 - both) * (1 / came + 1 / came_before))
    difference = abs(accepted / came - accepted_before / came_before)
    return difference >= LEAST_OF_SHARE and difference >= DEVIATIONS * deviation
