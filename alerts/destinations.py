"""What an owner must know of the brand's own systems: which of them got no lead for a while, or refused some."""

from datetime import datetime, time

from alerts.concern import Concern, lasting, leads
from delivery import listing
from leads.search import zone
from web.destinations import setting_of

LINK = "See the deliveries"


def of_destinations(scope):
    """Yield the Concerns about destinations: of each at most one about what waits, and one about what is dead."""
    programs, now, only = scope.programs, scope.now, not scope.whole
    found = listing.overview(programs, only)
    reasons = listing.why_dead(list(programs) if only else None) if any(one.dead for one in found.values()) else {}
    for one in found.values():
        clock = _clock(one, programs)
        if one.paused:
            yield _paused(one, now, clock)
        elif one.waiting and one.programs and not one.has_setting:
            yield _unset(one, now)
        elif one.waits_too_long:
            yield _waits(one, now)
        if one.name in reasons:
            yield _dead(one, reasons[one.name], now, clock)


def _clock(one, programs):
    """Return the time zone in which what happens to a destination is told."""
    return zone([programs[name] for name in one.programs if name in programs])


def _paused(one, now, clock):
    standing = one.paused
    told, inside = f"{one.name} is paused since {standing.paused_at.astimezone(clock):%d %b %Y, %H:%M %Z}", ""
    if standing.paused_by:
        advice, inside = "Nothing is sent there until somebody resumes it.", f"{standing.paused_by} paused it."
    else:
        told += f": {standing.why}"
        advice = "One lead is tried each hour. Mend what is wrong there, test it, and resume it."
    return _grave("delivery_paused", one, f"{told}{'; ' + waiting(one, now) if one.waiting else ''}.", advice, inside)


def _unset(one, now):
    address = f"{setting_of(one.name)}=https://… (or mailto:…, hubspot:)"
    return _grave(
        "delivery_unset",
        one,
        f"Nothing says where {one.name} is; {waiting(one, now)}.",
        f"Set {address}, and start the service again: then they are sent.",
    )


def _waits(one, now):
    if one.programs:
        advice = "See what was answered. Each lead has ten attempts, over three days."
    else:
        advice = "No rule file names it under deliver: any more. Name it there again, and they are sent."
    return _grave("delivery_waits", one, f"{one.name}: {waiting(one, now)}.", advice)


def _dead(one, reasons, now, clock):
    last = max(reason.last_at for reason in reasons).astimezone(clock)
    most = f", {reasons[0].count:,} of them for this reason" if len(reasons) > 1 else ""
    told = f"{leads(one.dead)} for {one.name} {'is' if one.dead == 1 else 'are'} dead{most}: {reasons[0].error}."
    midnight = datetime.combine(now.astimezone(clock).date(), time(), clock)
    advice = f"The last of them since {last:%d %b %Y, %H:%M %Z}. Mend the cause, and send them again."
    return _concern("delivery_dead", one, told, advice, last >= midnight)


def _grave(kind, one, sentence, advice, inside=""):
    return _concern(kind, one, sentence, advice, True, inside)


def _concern(kind, one, sentence, advice, grave, inside=""):
    place = "deliveries.show", {"_anchor": f"to-{one.name}"}
    return Concern(kind, "", one.name, sentence, advice, grave, *place, LINK, inside)


def waiting(one, now):
    """Say how many leads wait for a destination, and how long the first of them has."""
    told = f"{leads(one.waiting)} {'waits' if one.waiting == 1 else 'wait'}"
    if not one.waits_since:
        return told
    span = lasting(now - one.waits_since)
    return f"{told}, for {span}" if one.waiting == 1 else f"{told}, the first of them for {span}"
