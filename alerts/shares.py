"""Whether the share of a partner's leads that are valid has sharply fallen or risen."""

from dataclasses import dataclass
from datetime import timedelta
from math import sqrt

from alerts.concern import Concern, sender, title
from leads.counts import OTHERS, REFUSED, VALID
from leads.daily import today
from models import Day

COMPARED = 14  # days, with yesterday and today; leads of the last few minutes are in no day's row yet
FEWEST_RECENT, FEWEST_BEFORE = 20, 50  # leads of a partner
FEWEST_DAYS, FEWEST_OF_A_DAY = 4, 5  # days before, and leads of each: or nobody knows how it varies
MOST_COMPARED = 50  # partners
MOST_TOLD = 5  # by themselves

# A change is told that is large, and that is neither chance nor what happens at this partner now and then:
# - 20 points or more;
# - more than four and a half standard errors of the difference of two shares, with the correction of Yates. However few
#   leads are compared, by Fisher's exact test chance makes that less than once in five thousand pairs of days;
# - of the days before, no more than a quarter was nearer to it than to the share of all of them. Leads do not come
#   independently of one another, and four days of fourteen are at weekends. So a change that stays is told for some
#   five days, and is what is usual after that.
LARGE = 0.2
ERRORS = 4.5
SUCH_DAYS = 1 / 4


@dataclass(frozen=True)
class Change:
    """How many of a partner's leads since yesterday are valid, and the share of those in the two weeks before."""

    partner: str
    valid: int
    leads: int
    before: float

    @property
    def share(self):
        return self.valid / self.leads

    @property
    def fell(self):
        return self.share < self.before

    @property
    def halved(self):
        return self.share <= self.before / 2


def changes(program, now):
    """Return the Changes of a program's partners, those of the largest first, and whether its rules changed too.

    Tests are in no share, nor are partners who are counted together.
    """
    first = today(program, now) - timedelta(days=1)
    span = (first - timedelta(days=COMPARED)).isoformat(), today(program, now).isoformat()
    query = Day.select(Day.day, Day.counts, Day.rules).where(Day.program == program.name, Day.day.between(*span))
    before, recent, rules_before, rules = {}, {}, set(), set()
    for day, counts, judged_by in query.tuples():
        is_recent = day >= first.isoformat()
        (rules if is_recent else rules_before).update(judged_by or {})
        for partner, cells in counts.items():
            valid, refused = (cells.get(what, (0,))[0] for what in (VALID, REFUSED))
            if valid + refused:
                (recent if is_recent else before).setdefault(partner, []).append((valid, valid + refused))
    named = [partner for partner in before if partner != OTHERS and partner in recent]
    largest = sorted(named, key=lambda partner: (-_total(before[partner])[1], partner))[:MOST_COMPARED]
    found = [_change(partner, before[partner], *_total(recent[partner])) for partner in largest]
    return [change for change in found if change], bool(rules_before and rules - rules_before)


def _total(days):
    return tuple(map(sum, zip(*days, strict=True)))


def _change(partner, days, valid, leads):
    """Return the Change from these days, each with its valid leads and all, to so many valid leads of so many."""
    valid_before, leads_before = _total(days)
    known = [one / all_ for one, all_ in days if all_ >= FEWEST_OF_A_DAY]
    if leads < FEWEST_RECENT or leads_before < FEWEST_BEFORE or len(known) < FEWEST_DAYS:
        return None
    share, before = valid / leads, valid_before / leads_before
    if abs(share - before) < LARGE or _errors(valid, leads, valid_before, leads_before) <= ERRORS:
        return None
    such = sum(abs(each - share) < abs(each - before) for each in known)
    return None if such > SUCH_DAYS * len(known) else Change(partner, valid, leads, before)


def _errors(valid, leads, valid_before, leads_before):
    """Return how many standard errors there are between two shares, if there were but one."""
    both, each = (valid + valid_before) / (leads + leads_before), 1 / leads + 1 / leads_before
    difference = abs(valid / leads - valid_before / leads_before) - each / 2
    return difference / sqrt(both * (1 - both) * each)


def of_shares(program, now):
    """Tell of partners whose leads are valid far less often than before, or far more often."""
    found, rules_changed = changes(program, now)
    for kind in ADVICE:
        some = [one for one in found if one.fell == (kind == "share_fell")]
        for one in some[:MOST_TOLD]:
            yield _told(kind, program, one, rules_changed)
        if rest := some[MOST_TOLD:]:
            yield _told_together(kind, program, rest, rules_changed)


def _told(kind, program, change, rules_changed):
    who = sender(program, change.partner)
    sentence = (
        f"{title(program)}: of {change.leads:,} leads of {who.told} since yesterday, {change.valid:,} "
        f"{'is' if change.valid == 1 else 'are'} valid ({change.share:.0%}); in the two weeks before, "
        f"{change.before:.0%} were."
    )
    return _concern(kind, program, who.subject, sentence, change.fell and change.halved, rules_changed, who.filters)


def _told_together(kind, program, rest, rules_changed):
    many = f"{len(rest)} partner{'s' if len(rest) > 1 else ''} more"
    far = "far fewer" if kind == "share_fell" else "far more"
    sentence = f"{title(program)}: of {many}, too, {far} of the leads since yesterday are valid than before."
    grave = kind == "share_fell" and any(one.halved for one in rest)
    return _concern(kind, program, OTHERS, sentence, grave, rules_changed, {})


ADVICE = {
    "share_fell": "Look why they are refused: another form or another source of leads there, or a rule of yours.",
    "share_rose": "Look whether they are good: a rule may not see any more what it refused, or somebody fills in what "
    "is taken.",
}


def _concern(kind, program, subject, sentence, grave, rules_changed, filters):
    advice = f"{ADVICE[kind]}{' The rules of this program changed in these two days.' if rules_changed else ''}"
    page = "dashboard.show_partner" if filters else "dashboard.start"
    values = filters | {"program": program.name, "days": "yesterday"}
    return Concern(kind, program.name, subject, sentence, advice, grave, page, values, "See the reasons")
