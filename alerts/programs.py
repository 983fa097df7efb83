"""What an owner must know of a program: silence, what is missing, many tests, what is nearly used up, its end."""

from datetime import timedelta

from alerts.arrivals import MANY_TESTS, arrivals, field_use, new_names, testers
from alerts.caps import limits
from alerts.concern import Concern, duration, lasting, sender, title
from judge.calendar import takes_nothing_on
from judge.caps import PERIODS
from leads import periods
from leads.counts import OTHERS
from leads.daily import today
from web.masks import MASK
from web.pages import amount_of, currency_of

NEARLY = 0.8  # of a limit
GROUPS_NAMED = 3  # of a limit that many have reached

# Days before the end of a campaign, and after it, on which that is told.
END_IN_SIGHT = timedelta(days=7)


def of_dates(program, now):
    """Tell of a campaign that is about to end, and of one that has ended, for as long as that is news."""
    day, ends = today(program, now), program.spec.ends
    if ends and abs(day - ends) <= END_IN_SIGHT:
        yield Concern(
            "campaign_ends",
            program.name,
            "",
            f"{title(program)}: the campaign {'ended' if day > ends else 'ends'} on {periods.told(ends)}.",
            "After that day every lead is refused. Pause it at impact.com too, or change ends: in the rule file.",
            endpoint="programs.show_program",
            values={"name": program.name},
            link="See the rule file",
        )


def silence(program, now):
    if takes_nothing_on(program.spec, today(program, now)):
        return
    seen = arrivals(program, now)
    if seen.unusual:
        usual = f"usually one comes every {duration(seen.gap)} at this time" if seen.gap else "usually more come"
        yield Concern(
            "silence",
            program.name,
            "",
            f"{title(program)}: no lead has come for {lasting(seen.silence)}; {usual}.",
            "Ask the partners, and look at impact.com whether the program runs and its address and password are right.",
            grave=True,
        )


def of_fields(program, now):
    for use in field_use(program, now):
        if use.vanished:
            label, who = program.fields[use.field].label, sender(program, use.partner)
            names = new_names(program, use.partner, now)
            called = f"Perhaps it is called {' or '.join(names[:3])} now: then add that to its aliases."
            yield Concern(
                "field_vanished",
                program.name,
                f"{use.field}:{who.subject}",
                f"{title(program)}: {who.told} does not send {label} any more: "
                f"none of the last {use.leads} leads has it; before, {use.share_before:.0%} had it.",
                "Ask the partner.",
                endpoint="leads.list_leads" if who.filters else "",
                values=who.filters | {"program": program.name},
                link="See the leads",
                inside=called if names else "",
            )


def of_tests(program, now):
    many, totals = testers(program, now)
    for figure in many:
        yield _of_tests(program, sender(program, figure.partner), figure)
    if not many and totals.valid_tests >= MANY_TESTS:  # a name may be made up for each
        yield _of_tests(program, sender(program, OTHERS), totals)


def _mark(program):
    return "test_if" if program.spec.test_if else "test_flag"


def _of_tests(program, who, figure):
    return Concern(
        "many_tests",
        program.name,
        who.subject,
        f"{title(program)}: {who.told} sent {figure.valid_tests:,} test leads since yesterday that were answered "
        f"valid, worth {amount_of(figure.test_amount)}.",
        "impact.com pays for tests too. Reverse them there, and ask the partner what they are for. If nobody needs "
        f"tests any more, take {_mark(program)} out of the rule file: such leads are judged as real ones then.",
        grave=bool(figure.test_amount),
        endpoint="leads.list_leads",
        values=who.filters | {"program": program.name, "test": "yes", "valid": "yes"},
        link="See the tests",
    )


def of_limits(program, now):
    """Tell of limits and budgets that are reached or nearly are, each once, however many groups it is for."""
    near = {}
    for limit in limits(program, now):
        if limit.mode == "enforce" and limit.limit and limit.used >= NEARLY * float(limit.limit):
            near.setdefault((limit.rule, limit.used >= limit.limit), []).append(limit)
    for (rule, reached), groups in near.items():
        first, period, by = groups[0], PERIODS[groups[0].per], _by(program, rule)
        for_whom = f" for {len(groups)} group{'s' if len(groups) > 1 else ''}" if by else ""
        yield Concern(
            "cap_reached" if reached else "cap_near",
            program.name,
            rule,
            f"{title(program)}: the {first.kind} “{rule}” is {'reached' if reached else 'nearly reached'}{for_whom}: "
            f"{_used(program, first)} {period.this}.",
            f"Further leads are refused {period.over}." if reached else "Once it is, further leads are refused.",
            grave=reached,
            endpoint="programs.show_program",
            values={"name": program.name},
            link="See the rule",
            inside=_groups(program, by, groups) if by else "",
        )


def _by(program, rule):
    return next(spec.by for spec in program.spec.rules if spec.id == rule) or []


def _used(program, limit):
    if limit.kind == "budget":
        return f"{limit.used:,} of {amount_of(limit.limit, currency_of(program))} to pay"
    return f"{limit.used:,} of {limit.limit:,} leads"


def _groups(program, by, limits):
    """Name whose limits these are: the first of them."""
    told = [_group(program, by, limit.group) for limit in limits[:GROUPS_NAMED]]
    more = f", and {len(limits) - GROUPS_NAMED} more" if len(limits) > GROUPS_NAMED else ""
    return f"So far for {'; '.join(told)}{more}."


def _group(program, by, group):
    values = [MASK if program.spec.fields[name].sensitive else value for name, value in zip(by, group, strict=True)]
    return ", ".join(value or "(nothing sent)" for value in values)
