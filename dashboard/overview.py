"""The operators' first page: how many leads came, what they cost, who sends them, and whether something is wrong."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flask import request, url_for
from werkzeug.exceptions import NotFound

import database
from alerts import sales
from alerts.concern import title
from alerts.sources import Scope, standing
from dashboard import chart
from dashboard.programs import instructions_of
from leads import figures, periods, search
from leads.daily import today
from leads.periods import Period, PeriodError
from web import pages, reasons
from web.pages import page

PERIODS = {"1": "Today", "yesterday": "Yesterday", "7": "7 days", "30": "30 days", "90": "90 days"}
PERIODS |= {"month": "This month", "last-month": "Last month"}
USUAL = Period("7")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

site = pages.blueprint("dashboard")
pages.for_operators(site)


@dataclass(frozen=True)
class View:
    """What the first page and the pages of partners are about: some programs, and a Period.

    `problem` says what is wrong with the days that were asked for.
    """

    programs: dict
    program: str
    period: Period
    now: datetime
    problem: str = ""

    @property
    def chosen(self):
        return [self.programs[self.program]] if self.program else list(self.programs.values())

    @property
    def name(self):
        return self.period.name

    @property
    def until_now(self):
        """Whether the period lasts until now, for any of the programs."""
        return any(last == today(program, self.now) for program, _, last in self.spans)

    @property
    def two_days(self):
        """The days that stand in the form: those that were asked for, or else those of the period."""
        if self.problem:
            return request.args.get("from", ""), request.args.get("to", "")
        return (
            (self.period.since, self.period.until)
            if self.period.since
            else self.spans[0][1:]
            if self.spans
            else ("", "")
        )

    @property
    def spans(self):
        """The programs, each with the first and the last day of the period."""
        return [(program, *self.period.span(today(program, self.now))) for program in self.chosen]

    @property
    def one_day(self):
        return all(first == last for _, first, last in self.spans)

    @property
    def zones(self):
        """The time zones of the programs, each with the names of those whose days begin in it."""
        found = {}
        for program in self.chosen:
            found.setdefault(str(program.spec.timezone), []).append(title(program))
        return found

    @property
    def dates(self):
        """Which days these are, and those before, in words: for each time zone of the programs."""
        return {str(program.spec.timezone): self._dates(program, first, last) for program, first, last in self.spans}

    def _dates(self, program, first, last):
        clock = self.now.astimezone(program.spec.timezone)
        until = f" until {clock:%H:%M}" if last == clock.date() else ""
        return f"{_days(first, last)}{until}", f"{_days(*periods.before(first, last))}{until}"

    def address(self, endpoint="dashboard.start", **others):
        """Return the address of a page about the same programs and days."""
        if self.period.since and "days" not in others:
            days = {"from": self.period.since.isoformat(), "to": self.period.until.isoformat()}
        else:
            word = others.pop("days", self.period.word)
            days = {"days": None if word == USUAL.word else word}
        return url_for(endpoint, **{"program": self.program or None} | days | others)

    def leads(self, **others):
        """Return the address of the leads of these programs and days."""
        given = {"program": self.program or None, "test": "no"} | others
        programs = [self.programs[given["program"]]] if given["program"] else self.chosen
        day = self.now.astimezone(search.zone(programs)).date()
        first, last = self.period.span(day)
        until = None if last == day else last.isoformat()
        return url_for("leads.list_leads", **given, since=first.isoformat(), until=until)


def _days(first, last):
    if first == last:
        return f"{first:%a} {periods.told(first)}"
    if first.year != last.year:
        return f"{periods.told(first)} – {periods.told(last)}"
    return f"{first.day}{f' {first:%b}' if first.month != last.month else ''} – {periods.told(last)}"


def viewed():
    """Return the View that the address asks for."""
    programs, now = pages.programs(), datetime.now(UTC)
    program, word = request.args.get("program", ""), request.args.get("days", "")
    if program and program not in programs:
        raise NotFound
    since, until = (request.args.get(name, "").strip() for name in ("from", "to"))
    period, problem = Period(word) if word in PERIODS else USUAL, ""
    if since or until:
        try:
            period = periods.between(since or until, until or since)
        except PeriodError as error:
            problem = str(error)
    return View(programs, program, period, now, problem)


@site.get("/dashboard", strict_slashes=False)
def start():
    view = viewed()
    with database.read():
        found = figures.collect(view.chosen, view.period, view.now)
        told = standing(Scope(view.programs, pages.rulebook(), view.now, pages.may_see))
    return page(
        "dashboard/start.html",
        400 if view.problem else 200,
        view=view,
        periods=PERIODS,
        figures=found,
        uncompared=_uncompared(found),
        tiles=_tiles(found.totals, found.before),
        **chart.picture(found.by_day),
        warnings=told,
        reason=lambda figure: reasons.reason(figure.code, view.programs.get(figure.program)),
        sentence=lambda code: _sentence(code, view.chosen),
    )


@site.get("/dashboard/partner")
def show_partner():
    """Say what came of one partner in the programs that it posts to, and why its leads are refused."""
    view, name = viewed(), request.args.get("partner", "")
    with database.read():
        found = figures.of_partner(view.chosen, view.period, view.now, name)
        posted_to = found.programs
        if view.program:
            everywhere = figures.of_partner(view.programs.values(), view.period, view.now, name, compare=False)
            posted_to = everywhere.programs | {view.program}
        by_subpartner = figures.of_subpartners(view.chosen, view.period, view.now, name)
        said = [one for program in view.chosen for one in sales.of_program(program, view.period, view.now, name)]
    named = {program: view.programs[program] for program in view.programs if program in posted_to}
    view = replace(view, programs=named or view.programs)
    return page(
        "dashboard/partner.html",
        400 if view.problem else 200,
        view=view,
        periods=PERIODS,
        docs=instructions_of,
        name=name,
        figures=found,
        tiles=_tiles(found.totals, found.before, with_unpaid=True),
        uncompared=_uncompared(found),
        **chart.picture(found.by_day),
        subpartners=by_subpartner.partners,
        said=said,
        sentence=lambda figure: reasons.reason(figure.code, view.programs.get(figure.program)),
        code_sentence=lambda code: _sentence(code, view.chosen),
    )


@site.get("/dashboard/subpartner")
def show_subpartner():
    """Say what came of one sub-partner of a partner, and why its leads are refused."""
    view, partner, name = viewed(), request.args.get("partner", ""), request.args.get("subpartner", "")
    with database.read():
        found = figures.of_subpartner(view.chosen, view.period, view.now, partner, name)
    return page(
        "dashboard/subpartner.html",
        400 if view.problem else 200,
        view=view,
        periods=PERIODS,
        partner=partner,
        name=name,
        figures=found,
        tiles=_tiles(found.totals, found.before),
        uncompared=_uncompared(found, "sub-partners"),
        sentence=lambda figure: reasons.reason(figure.code, view.programs.get(figure.program)),
    )


def _sentence(code, programs):
    """Return the sentence of a reason code that may be of any of the programs."""
    told = [reasons.reason(code, program) for program in programs if reasons.knows(code, program)]
    return told[0] if told else reasons.reason(code, None)


@site.route("/dashboard", defaults={"_rest": ""}, methods=METHODS)
@site.route("/dashboard/<path:_rest>", methods=METHODS)
def no_page(_rest):
    """Say on a page, and only to operators, that there is none, by whatever method it is asked for."""
    raise NotFound


def _tiles(now, before, with_unpaid=False):
    """Return the big numbers: what each counts, how much, how much before, the change, whether more is good."""
    rows = [("Leads came", "submissions", None), ("Valid leads", "valid", 1), ("Refused", "refused", -1)]
    rows.append(("To pay", "amount", None))
    if with_unpaid:
        rows.append(("Not paid", "unpaid", None))
    told = []
    for label, name, better in rows:
        value, past = getattr(now, name), before and getattr(before, name)
        told.append((label, value, past, _change(_number(value), _number(past)), better))
    return told


def _number(value):
    """Return a number or the one amount of Sums; None where there is none, or several currencies."""
    if not hasattr(value, "rows"):
        return value
    return value.rows[0][1] if len(value.amounts) < 2 else None


def _change(now, before):
    return round(100 * (now - before) / before) if before and now is not None else None


def _uncompared(found, what="leads"):
    """Return in words why a period is not compared with the one before."""
    program, since = found.since or (None, None)
    return {
        figures.NOT_COVERED: since and f"no {what} of {title(program)} are known before {periods.told(since)}",
        figures.COUNTING: "some days are still being counted",
        figures.GONE: "the leads that came then until this time of day are deleted",
        figures.TOO_MANY: "too many leads came then to count them until this time of day",
    }.get(found.uncompared, "")
