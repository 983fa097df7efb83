"""The commands about stored leads: `flask leads …`."""

import sys
from itertools import islice

import click
from flask.cli import AppGroup

import models
from commands.output import WRITERS, show
from commands.shared import as_json, find_program, live_book, progress, reading, refuse_empty
from delivery import listing
from judge.judgement import judge, unreadable
from judge.values import clean
from leads import search
from leads.export import columns, local
from leads.rulesofday import rules_of
from web import masks, payload
from web.logs import printable
from web.presenting import presenter
from web.request import read as read_lead

leads = AppGroup("leads", help="Look at the stored leads, and remove what is personal.")

sensitive_too = click.option("--sensitive", is_flag=True, help="show the values of sensitive fields too")

FILTERS = {
    "program": "only leads of this program",
    "since": "only leads since a day (2026-11-01), a moment or a time ago (30d, 12h)",
    "until": "only leads until the end of a day, a moment or a time ago",
    "valid": "yes: only valid leads; no: only those that were refused",
    "partner": "only leads of this partner",
    "subpartner": "only leads of this sub-partner, of whichever partner",
    "reason": "only leads that were refused with this reason code",
    "email": "only leads with this email address",
    "phone": "only leads with this phone number",
    "name": "only leads of persons whose name has these words or parts of them",
    "customer": "only leads with this customerid",
    "id": "only the lead with this id",
    "observed": "only leads that this rule would have refused, if it did more than observe",
}


FIELD = "only leads with this value in a field: a part of a text, the whole of a number or day; may be repeated"


def filters(command):
    """Give a command the options of search.Filter, as `wanted`."""
    told = "only test leads; impact.com pays for those that are valid, until their conversions are reversed there"
    command = click.option("--tests", is_flag=True, help=told)(command)
    command = click.option("--field", "field", multiple=True, metavar="NAME=VALUE", help=FIELD)(command)
    for name, text in reversed(FILTERS.items()):
        command = click.option(f"--{name}", name, help=text)(command)
    return command


def read_filter(tests, texts):
    refuse_empty(**texts | ({"field": "".join(texts["field"])} if texts.get("field") else {"field": None}))
    if name := texts.get("program"):
        with reading():
            known = search.leads(search.Filter(program=clean(name))).exists()  # the rule file may be gone
        if not known:
            find_program(name)
    try:
        return search.read_filter(texts | {"test": "yes" if tests else ""}, live_book().programs)
    except search.FilterError as error:
        raise click.ClickException(f"--{error}") from None


def format_option(default):
    formats = click.Choice(["table", "json", "jsonl", "csv"])
    return click.option("--format", "output", type=formats, default=default, show_default=True)


@leads.command("list")
@filters
@format_option("table")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="as many leads at most")
@sensitive_too
def list_leads(tests, output, limit, sensitive, **texts):
    """List the newest leads, tests among them: those are marked."""
    wanted = read_filter(tests, texts)
    with reading():
        write(islice(search.each(wanted), limit), wanted, output, sensitive)


@leads.command("export")
@filters
@format_option("jsonl")
@sensitive_too
def export_leads(tests, output, sensitive, **texts):
    """Write the stored leads to standard output, oldest first."""
    wanted = read_filter(tests, texts)
    with reading(), progress(_count(wanted), "Exporting", hidden=sys.stdout.isatty() or bool(wanted.match)) as bar:

        def found():
            for lead in search.each(wanted, newest_first=False):
                yield lead
                bar.update(1)

        write(found(), wanted, output, sensitive)


def _count(wanted):
    """Return how many leads there are to write; what no index knows is not counted first."""
    return 0 if wanted.match else search.leads(wanted).count()


def write(found, wanted, output, sensitive):
    programs = live_book().programs
    WRITERS[output](found, presenter(programs, sensitive), columns(programs, wanted.program))


@leads.command("show")
@click.argument("lead_id", metavar="ID")
@click.option("--body", is_flag=True, help="write the body as it came (to a terminal, printable), and nothing else")
@sensitive_too
@as_json
def show_lead(lead_id, body, sensitive, output):
    """Show the lead ID: its decision, its fields and its trace."""
    lead = find(lead_id)
    if body and lead.masked_at:
        raise click.ClickException(removed(lead))
    if body:
        raw = bytes(lead.body)
        if sys.stdout.isatty():
            raw = printable(raw.decode(errors="replace"), keep="\n\t")
        click.echo(raw, nl=False)
        return
    book = live_book()
    with reading():
        shown = presenter(book.programs, sensitive)(lead)
    show(shown | _came(lead, book, output) | _deliveries(lead, book, output), output)
    if lead.masked_at:
        click.echo(removed(lead), err=True)


def removed(lead):
    what = "this lead was erased" if masks.is_erased(lead) else "the values of this lead were removed"
    return f"{what} on {lead.masked_at:%Y-%m-%d}"


@leads.command("explain")
@click.argument("lead_id", metavar="ID")
@sensitive_too
@as_json
def explain_lead(lead_id, sensitive, output):
    """Explain the decision on the lead ID: step by step, judged again by the rules of that day and of today."""
    lead = find(lead_id)
    book = live_book()
    with reading():
        shown, then = presenter(book.programs, sensitive)(lead), rules_of(lead, book)
    if lead.masked_at:
        shown["rules_of_that_day"] = {"rules": lead.rules, "error": f"{removed(lead)}: it cannot be judged again"}
        show(shown | _came(lead, book, output), output)
        return
    if then.program:
        judged = judged_again(lead, then.program)
        shown["rules_of_that_day"] = judged | ({"lists": f"{then.lists} {AS_TODAY}"} if then.lists else {})
    else:
        shown["rules_of_that_day"] = {"rules": lead.rules, "error": then.why}
    if today := book.programs.get(lead.program):
        shown["rules_of_today"] = judged_again(lead, today)
    show(shown | _came(lead, book, output), output)


def _came(lead, book, output):
    """Return when a lead came as its program's people count it, but for JSON, which is in UTC."""
    if output == "json":
        return {}
    return {"received_at": local(lead.received_at, lead.program, columns(book.programs)).isoformat(" ", "milliseconds")}


def _deliveries(lead, book, output):
    """Return where a lead goes and what became of that, for people: `flask deliver list` is for programs."""
    if output == "json":
        return {}
    with reading():
        rows = listing.rows(lead=lead.id)
    zones = columns(book.programs)

    def told(moment):
        return f"{local(moment, lead.program, zones):%Y-%m-%d %H:%M:%S %Z}" if moment else "never"

    found = {}
    for row in rows:
        attempts = f", after {row['attempts']} attempt{'s' * (row['attempts'] != 1)}" if row["attempts"] else ""
        why = f": {row['error']}" if row["error"] else ""
        found[row["to"]] = {
            "sent": f"sent {told(row['sent_at'])}",
            "waiting": f"waiting, due {told(row['due_at'])}{attempts}{why}",
            "dead": f"dead since {told(row['last_at'])}{attempts}{why}",
            "withdrawn": f"withdrawn{why}",
        }[row["state"]]
    return {"deliveries": found} if found else {}


AS_TODAY = (
    "They are read as they are today, and one that is gone as empty: trace and reasons above are those of that day."
)


def judged_again(lead, program):
    """Judge a stored lead again; on places that were taken, the decision of then is kept."""
    try:
        fields = read_lead(program, bytes(lead.body), lead.content_type, bytes(lead.query))
    except payload.PayloadError as error:
        verdict, settled = unreadable(program, str(error)), []
    else:
        verdict = judge(program, fields, lead.received_at, stored_lead=True)
        settled = [
            code for code in lead.reasons if code in {claim.rule for claim in verdict.claims if not claim.observed}
        ]
    codes = [*verdict.codes, *settled] or [code for code in lead.reasons if code == "retry.mismatch"]
    return {
        "rules": program.hash,
        "valid": not codes,
        "reasons": codes,
        "note": verdict.note if verdict.codes else lead.note,
        "differs": codes != lead.reasons,
    }


def find(lead_id):
    with reading():
        lead = search.find(models.Lead, lead_id.strip().upper())
    if lead is None:
        raise click.ClickException("there is no lead with this id")
    return lead
