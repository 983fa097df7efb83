"""The summary of a day: what yesterday brought, where it went, and what is wrong now. And when it is due."""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from flask import render_template

import database
from alerts.concern import leads
from alerts.destinations import waiting
from alerts.links import link
from alerts.message import Message
from alerts.sales import MONTH
from alerts.sales import of_program as sales_of
from alerts.yesterday import named, none_came, of_program, of_retired
from delivery import listing
from delivery.listing import Overview
from leads.figures import Totals
from leads.periods import told
from leads.sums import Sums
from web.pages import amount_of
from web.reasons import reason
from web.service import rulebook

REASONS, CHANGES, ALERTS, SALES = 3, 5, 10, 5  # that are named
NEWS = timedelta(days=1)  # since the summary before
LATE = timedelta(hours=6)  # so late a summary is told after midnight still
LATEST = time(23, 45)  # looks come every five minutes: of a later time, a day might pass without one
FEWEST_OF_PERCENT = 10  # leads a week before: of fewer, a percentage says little


def of_day(programs, now, alerts, url):
    """Return the Message that tells what yesterday brought these programs, each in its own time zone.

    `alerts` are those that are open, and that are over since, as JSON has them (ledger.as_told); those about other
    programs are left out. Within an app's context; raises StoreError.
    """
    others = rulebook().programs.keys() - {program.name for program in programs}
    alerts = [one for one in alerts if one["program"] not in others]
    with database.read():
        days = [of_program(program, now) for program in sorted(programs, key=lambda one: one.name)]
        sent_to = _deliveries(days)
        sales = {one.program.name: sales_of(one.program, MONTH, now) for one in days}
        zones = {program.spec.timezone for program in programs} or {UTC}
        retired = of_retired(rulebook().programs, zones, now)
    on, over = _open(alerts, now), _over(alerts, now)
    values = _values(days, sales, sent_to, on, over, now, url) | {"retired": retired}
    data = {
        "new": on,
        "over": over,
        "programs": [_numbers(one, sales[one.program.name]) for one in days],
        "deliveries": [one.numbers for one in sent_to],
    }
    text = render_template("mail/digest.txt", line=as_line, **values)
    html = render_template("mail/digest.html", **values)
    return Message.made("digest", now, subject=_subject(days, on), text=_tidy(text), data=data, html=html)


# --- What is told ---


def _values(days, sales, sent_to, on, over, now, url):
    """Return what both templates tell."""
    same_day = len({one.day for one in days}) < 2
    return {
        "day": _spelled(days[0].day if days else (now.astimezone(UTC) - NEWS).date()) if same_day else "",
        "then": _spelled(days[0].then) if days and same_day else "a week before",
        "headline": _headline(days),
        "compared": _before(days) is not None,
        "rows": _rows(days) if _together(days).submissions else [],
        "programs": [_told(one, sales[one.program.name], days, url) for one in days],
        "several": len(days) > 1,
        "deliveries": [one.sentence(now) for one in sent_to],
        "deliveries_link": link(url, "deliveries.show") if sent_to else "",
        "alerts": [_alert(one, now, url) for one in on[:ALERTS]],
        "more_alerts": max(0, len(on) - ALERTS),
        "over": [one["sentence"] for one in over[:ALERTS]],
        "link": link(url, "dashboard.start", days="yesterday"),
    }


def _spelled(day):
    return f"{day:%A}, {day.day} {day:%B %Y}"


def _headline(days):
    """Say of all programs what their figures do not, where there is more than one or none."""
    if not days:
        return "There is no program, so that no lead can come."
    if len(days) == 1:
        return ""
    if any(one.figures.uncounted for one in days):
        return "Yesterday is still being counted, so that some leads are missing here."
    return "" if _together(days).submissions else none_came(_before(days))


def _told(one, sales, days, url):
    """Return what the templates tell of a program's day."""
    totals, changes = one.totals, one.changes[:CHANGES]
    found = one.figures.reasons
    several = len(days) > 1
    return {
        "title": one.title,
        "day": _spelled(one.day) if len({other.day for other in days}) > 1 else "",
        "headline": one.headline,
        "summary": _summary(one) if several and totals.submissions else [],
        "notes": one.notes,
        "reasons": [(named_sentence(reason(figure.code, one.program)), figure.count) for figure in found[:REASONS]],
        "more_reasons": max(0, len(found) - REASONS),
        "changes": [change.sentence for change in changes],
        "more_changes": len(one.changes) - len(changes),
        "sales": [told.sentence for told in sales[:SALES]],
        "more_sales": max(0, len(sales) - SALES),
        "tests": one.tests,
        "at_impact": one.at_impact,
        "link": _link_to_leads(one, url) if totals.submissions or totals.tests else "",
    }


def named_sentence(text):
    return " ".join(text.split())


def _link_to_leads(one, url):
    return link(url, "leads.list_leads", program=one.program.name, since=f"{one.day}", until=f"{one.day}")


def _summary(one):
    """Say in sentences what the rows say of all programs."""
    now, before = one.totals, one.before
    found = [f"{leads(now.submissions)}, {now.valid:,} accepted, {amount_of(now.amount)} to pay."]
    if before and not before.submissions:
        found.append("A week before: none.")
    elif before:
        found.append(
            f"A week before: {leads(before.submissions)}, {before.valid:,} accepted, {amount_of(before.amount)}."
        )
    return found


def _rows(days):
    """Return the figures of all programs together: of each its name, how much, how much a week before, the change."""
    now, before = _together(days), _before(days)
    found = [("Leads", "submissions"), ("Accepted", "valid"), ("Rejected", "refused"), ("To pay", "amount")]
    return [_row(label, getattr(now, key), before and getattr(before, key)) for label, key in found]


def _row(label, value, past):
    shown, before = (f"{one:,}" if isinstance(one, int) else amount_of(one) for one in (value, past or 0))
    change = "" if past is None else _change(value, past)
    tile = _tile(label, shown, "" if past is None else before, change)
    if past is None:
        return {"name": label, "text": shown, "tile": tile}
    return {"name": label, "text": f"{shown} ({before} a week before{change and f', {change}'})", "tile": tile}


def _tile(label, shown, before, change):
    """Return the name, the figure and the one before in few letters: the only currency there is, is in the name."""
    currencies = set(re.findall("[A-Z]{3}", f"{shown} {before}"))
    if len(currencies) == 1 and "+" not in f"{shown}{before}":  # else some programs name none
        label = f"{label}, {currencies.pop()}"
        shown, before = (re.sub(" [A-Z]{3}", "", text) for text in (shown, before))
    return label, shown, before and f"before: {before}{change and f' ({change})'}"


def _change(value, past):
    """Return by how much per cent something changed, or "" where that says little."""
    if not isinstance(value, int):
        value, past = (one.rows[0][1] if len(one.amounts) < 2 else 0 for one in (value, past))
    if past < FEWEST_OF_PERCENT or value == past:
        return ""
    return f"{(value - past) / past:+.0%}".replace("-", "−")


def _together(days):
    return _added([one.totals for one in days])


def _before(days):
    """Return the Totals of the same weekdays a week before; None where those of one that counts are not known."""
    known = [one for one in days if one.before is not None]
    others = [one for one in days if one.before is None and (one.since or one.totals.submissions)]
    return _added([one.before for one in known]) if known and not others else None


def _added(all_totals):
    amounts = defaultdict(Decimal)
    for totals in all_totals:
        for currency, amount in totals.amount.amounts.items():
            amounts[currency] += amount
    counts = (sum(getattr(totals, key) for totals in all_totals) for key in ("submissions", "valid", "refused"))
    return Totals(*counts, amount=Sums(amounts))


def _subject(days, on):
    totals = _together(days)
    if not totals.submissions:
        came = "no lead yesterday"
    else:
        worth = f", {amount_of(totals.amount)}" if totals.amount else ""
        came = (
            f"{leads(totals.submissions)} yesterday, {f'{totals.valid:,}' if totals.valid else 'none'} accepted{worth}"
        )
    if any(one.figures.uncounted for one in days):
        came = f"{came}, still being counted" if totals.submissions else "yesterday is still being counted"
    grave = sum(one["grave"] for one in on)
    return f"Datapost: {came}{f'; {grave:,} grave alert' + 's' * (grave > 1) if grave else ''}"


def _numbers(one, sales):
    """Return a program's day as webhooks get it."""

    def of(totals):
        counts = {"leads": totals.submissions, "accepted": totals.valid, "rejected": totals.refused}
        return counts | {"payout": f"{totals.amount.rows[0][1]:.2f}"}

    now, spec = one.totals, one.program.spec
    return {
        "program": one.program.name,
        "title": one.title,
        "day": f"{one.day}",
        "counted": not one.figures.uncounted,
        "currency": spec.currency,
        **of(now),
        "tests": now.tests,
        "before": one.before and {"day": f"{one.then}", **of(one.before)},
        "reasons": [{"reason": figure.code, "leads": figure.count} for figure in one.figures.reasons],
        "partners": [
            {
                "partner": named(change.partner),
                "change": change.kind,
                "leads": change.leads,
                "accepted": change.accepted,
                "leads_before": change.leads_before,
                "accepted_before": change.accepted_before,
            }
            for change in one.changes[:CHANGES]
        ],
        "sales": [told.numbers for told in sales[:SALES]],
    }


# --- Deliveries ---


@dataclass(frozen=True)
class SentTo:
    """What went to a destination on the day, and how it fares now."""

    sent: int
    died: int
    now: Overview

    @property
    def numbers(self):
        one = self.now
        numbers = {"destination": one.name, "sent": self.sent, "died": self.died, "waiting": one.waiting}
        return numbers | {"dead": one.dead, "paused": bool(one.paused)}

    def sentence(self, now):
        """Say it, and whether something is wrong."""
        one, parts = self.now, [f"{self.sent:,} sent"]
        if one.waiting:
            parts.append(waiting(one, now))
        if one.dead:
            parts.append(f"{leads(one.dead)} {'is' if one.dead == 1 else 'are'} dead")
        if one.paused:
            parts.append(f"paused since {told(one.paused.paused_at.astimezone(UTC).date())}")
        return f"{one.name}: {'; '.join(parts)}.", bool(one.dead or one.paused or one.waits_too_long)


def _deliveries(days):
    programs = {one.program.name: one.program for one in days}
    found = listing.overview(programs, only=programs.keys() != rulebook().programs.keys())
    sent = listing.sent_on({one.program.name: one.day for one in days})
    return [SentTo(*sent.get(name, (0, 0)), one) for name, one in found.items()]


# --- Alerts ---


def _open(alerts, now):
    """Return the alerts that are on: first what is new since the summary before, and of each the grave ones."""
    on = [one for one in alerts if not one["gone_at"]]
    return sorted(on, key=lambda one: (not _is_news(one["since"], now), not one["grave"]))


def _over(alerts, now):
    return [one for one in alerts if one["gone_at"] and _is_news(one["gone_at"], now)]


def _is_news(moment, now):
    return datetime.fromisoformat(moment) > now - NEWS


def _alert(one, now, url):
    """Return what the templates tell of an alert. Its advice ends with an address, where it is known."""
    advice, see, address = one["advice"].rpartition(" See ")
    if not (url and see and address.startswith(f"{url.rstrip('/')}/") and " " not in address):
        advice, address = one["advice"], ""
    since = datetime.fromisoformat(one["since"])
    new = _is_news(one["since"], now)
    return {"new": new, "since": told(since.date()), "advice": advice, "link": address} | {
        key: one[key] for key in ("grave", "sentence")
    }


# --- Lines ---


def as_line(text, first=""):
    """Return a text as one line after what it begins with, or "" where there is none: a phone breaks it by itself."""
    words = " ".join(text.split())
    return f"{first}{words}" if words else ""


def _tidy(text):
    """Return lines with one empty line between paragraphs."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    kept = [line for at, line in enumerate(lines) if line or lines[at - 1]]
    return "\n".join(kept) + "\n"


# --- When it is due ---


def zones_due(programs, at, now, last_told):
    """Return `{zone: [programs]}` of the time zones of programs in which the summary of today is due, and not told.

    `last_told` has for each zone the day last told, such as 2026-11-27. A zone that is not in it is new: what to note
    for it says `told_at_first`. Without any program, the zone is UTC.
    """
    zones = defaultdict(list)
    for program in programs:
        zones[program.spec.timezone].append(program)
    found = {}
    for zone, some in (zones or {UTC: []}).items():
        if (known := last_told.get(str(zone))) and as_of(zone, at, now, known):
            found[str(zone)] = some
    return found


def told_at_first(zone, at, now):
    """Return the day to note as last told for a zone that is new: today's summary is told if its time is to come."""
    today = now.astimezone(zone).date()
    return f"{today if now >= _moment(zone, at, today) else today - timedelta(days=1)}"


def as_of(zone, at, now, known):
    """Return as of when a summary is told that is due, and None if none is: `known` is the day last told.

    That is now; or the last moment of yesterday, where that day's could not be told from late in the evening on.
    """
    today, known = now.astimezone(zone).date(), date.fromisoformat(known)
    # A day that is to come was told by a clock that was ahead: tomorrow's is waited for, and none that is further.
    if known not in (today, today + timedelta(days=1)) and now >= _moment(zone, at, today):
        return now
    yesterday = today - timedelta(days=1)
    if known < yesterday and now - _moment(zone, at, yesterday) < LATE:
        return datetime.combine(today, time(), zone).astimezone(UTC) - timedelta(milliseconds=1)
    return None


def _moment(zone, at, day):
    """Return when it is so late on a day for the first time; of a time that is left out in spring, an hour on."""
    return datetime.combine(day, min(at, LATEST), zone).astimezone(UTC)
