"""The operators' first page: how many leads came, what they cost, who sends them, and whether something is wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import request, url_for
from werkzeug.exceptions import NotFound

import database
from dashboard import chart, explain, warnings
from dashboard.programs import instructions_of
from leads import figures, search
from web import pages
from web.pages import page

PERIODS = (1, 7, 30, 90)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

site = pages.blueprint("dashboard")
pages.for_operators(site)


@dataclass(frozen=True)
class View:
    """What the first page and the pages of partners are about: some programs, and a number of days until today."""

    programs: dict
    program: str
    days: int

    @property
    def chosen(self):
        return [self.programs[self.program]] if self.program else list(self.programs.values())

    @property
    def name(self):
        return "Today" if self.days == 1 else f"The last {self.days} days"

    @property
    def before(self):
        return "yesterday until this time" if self.days == 1 else f"in the {self.days} days before"

    def address(self, endpoint="dashboard.start", **others):
        """Return the address of a page about the same programs and days."""
        given = {"program": self.program or None, "days": self.days if self.days != 7 else None} | others
        return url_for(endpoint, **given)

    def leads(self, **others):
        """Return the address of the leads of these programs and days."""
        given = {"program": self.program or None, "test": "no"} | others
        zone = search.zone([self.programs[given["program"]]] if given["program"] else self.chosen)
        since = datetime.now(zone).date() - timedelta(days=self.days - 1)
        return url_for("leads.list_leads", **given, since=since.isoformat())


def _view():
    programs = pages.programs()
    program, days = request.args.get("program", ""), request.args.get("days", 7, int)
    if program and program not in programs:
        raise NotFound
    return View(programs, program, days if days in PERIODS else 7)


@site.get("/dashboard", strict_slashes=False)
def start():
    view, now = _view(), datetime.now(UTC)
    with database.read():
        found = figures.collect(view.chosen, view.days, now)
        told = warnings.standing(view.programs, now, pages.may_see)
    drawn, top = chart.bars(found.by_day)
    return page(
        "dashboard/start.html",
        view=view,
        periods=PERIODS,
        figures=found,
        tiles=_tiles(found.totals, found.before),
        bars=drawn,
        top=top,
        warnings=told,
        reason=lambda figure: explain.reason(figure.code, view.programs.get(figure.program)),
        sentence=lambda code: _sentence(code, view.chosen),
    )


@site.get("/dashboard/partner")
def show_partner():
    """Say why the leads of one partner are refused."""
    view, name = _view(), request.args.get("partner", "")
    with database.read():
        found = figures.collect(view.chosen, view.days, datetime.now(UTC))
    return page(
        "dashboard/partner.html",
        view=view,
        periods=PERIODS,
        docs=instructions_of,
        name=name,
        partner=next((partner for partner in found.partners if partner.partner == name), None),
        sentence=lambda code: _sentence(code, view.chosen),
    )


def _sentence(code, programs):
    """Return the sentence of a reason code that may be of any of the programs."""
    told = [explain.reason(code, program) for program in programs if explain.knows(code, program)]
    return told[0] if told else explain.reason(code, None)


@site.route("/dashboard", defaults={"_rest": ""}, methods=METHODS)
@site.route("/dashboard/<path:_rest>", methods=METHODS)
def no_page(_rest):
    """Say on a page, and only to operators, that there is none, by whatever method it is asked for."""
    raise NotFound


def _tiles(now, before):
    """Return the four big numbers: what each counts, how much, the change in percent, and whether that is good."""
    rows = [
        ("Leads came", now.submissions, before.submissions, None),
        ("Valid leads", now.valid, before.valid, 1),
        ("Refused", now.refused, before.refused, -1),
        ("To pay", now.amount, before.amount, None),
    ]
    return [(label, value, past, _change(value, past), better) for label, value, past, better in rows]


def _change(now, before):
    return round(100 * (now - before) / before) if before else None
