"""The commands about what is sent to the brand's own systems: `flask deliver …`."""

import sys

import click
from flask.cli import AppGroup

import models
from commands.leads import find, format_option, read_filter
from commands.output import row_writers, write_lines
from commands.shared import as_json, find_program, live_book, login_name, reading, refuse_empty, telling
from delivery import listing, outbox
from delivery.outbox import name_of
from delivery.trial import trial
from judge.deliver import is_address
from judge.meant import nearest
from leads.export import columns, local
from partners.samples import field_examples, made_leads
from web.destinations import PREFIX, setting_of
from web.presenting import to_json
from web.service import service

deliver = AppGroup("deliver", help="See what is sent to your own systems, and send it again.")

RESULTS = ("sent", "again", "dead", "pause", "withdrawn")
TOLD = {
    "sent": "sent",
    "again": "to be tried again",
    "dead": "dead",
    "pause": "kept, as the destination is paused now",
    "withdrawn": "withdrawn, as the values were removed",
}


def number(count, one="lead", more="leads"):
    return f"{count:,} {one if count == 1 else more}"


# --- Names ---


def find_destination(text):
    """Return the destination of this name, of those that rules or settings name or that leads went to."""
    name = name_of(text.strip())
    book = live_book()
    with reading():
        known = listing.overview(book.programs)
        if name in known or models.Delivery.select().where(models.Delivery.destination == name).limit(1).exists():
            return name
    if is_address(text):
        raise click.ClickException("this is an address: write the name of a destination, as deliver: has it under to:")
    meant = name.lower().removeprefix(PREFIX.lower()).replace("-", "_")
    near = f'. Did you mean "{meant}"?' if meant in known else nearest(meant, known)
    there = f": there are {', '.join(known)}" if known and not near else ""
    how = "" if known else f": no rule file has deliver:, and no setting {PREFIX}<NAME> says where one is"
    raise click.ClickException(f'there is no destination "{name[:60]}"{near or there or how}')


# --- flask deliver list ---


@deliver.command("list")
@click.option("--to", "to", metavar="NAME", help="only what goes to this destination")
@click.option("--state", type=click.Choice(listing.STATES), help="only what is in this state")
@click.option("--lead", "lead_id", metavar="ID", help="only of this lead")
@click.option("--program", help="only of leads of this program")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="as many at most")
@format_option("table")
def list_deliveries(to, state, lead_id, program, limit, output):
    """List what is to be sent and what became of it, the newest leads first.

    A destination `crm:erased` is the event that tells crm that a lead was erased.
    """
    refuse_empty(to=to, lead=lead_id, program=program)
    to = to and find_destination(to)
    wanted = read_filter(False, {"program": program})
    lead_id = lead_id and lead_id.strip().upper()
    with reading():
        rows = listing.rows(to, state, lead_id, wanted.program and [wanted.program], limit)
    if lead_id and not rows:
        find(lead_id)  # or say that there is none
    if output == "table":
        _write_table(rows)
        _tell_standing()
    else:
        WRITERS[output]([listing.as_told(row) for row in rows])


def _write_table(rows):
    zones = columns(live_book().programs)
    lines = [("LEAD", "PROGRAM", "TO", "STATE", "ATTEMPTS", "DUE", "SENT", "STATUS", "ERROR")]
    for row in rows:
        due, sent = (
            f"{local(row[key], row['program'], zones):%Y-%m-%d %H:%M:%S %Z}" if row[key] else ""
            for key in ("due_at", "sent_at")
        )
        status = "" if row["last_status"] is None else str(row["last_status"])
        cells = row["lead"], row["program"] or "", row["to"], row["state"], str(row["attempts"]), due, sent, status
        lines.append((*cells, row["error"]))
    write_lines(lines)


WRITERS = row_writers(listing.KEYS, _write_table)


def _tell_standing(only=None):
    """Say on standard error which destinations, or whether this one, get nothing now, and why; return whether any."""
    programs = live_book().programs
    with reading():
        found = [one for one in listing.overview(programs).values() if only in (None, one.name)]
    told = [paused_since(one) for one in found if one.paused]
    told += [no_setting(one) for one in found if one.programs and not one.has_setting]
    for sentence in told:
        click.echo(sentence, err=True)
    return bool(told)


def paused_since(one):
    """Say since when a destination is paused, by whom and why, and what to do."""
    standing = one.paused
    by = standing.paused_by or "itself"
    why = "" if standing.paused_by else f": {standing.why}. One lead an hour tries whether it is mended"
    told = f"{one.name} is paused since {standing.paused_at:%Y-%m-%d %H:%M:%S UTC} by {by}{why}"
    return f"{told}. {number(one.waiting, 'lead waits', 'leads wait')}: flask deliver resume {one.name} sends on"


def no_setting(one):
    waits = f", so its {number(one.waiting, 'lead waits', 'leads wait') if one.waiting else 'leads wait'}"
    return f"{one.name}: {setting_of(one.name)} is not set{waits}: set the address, and start the service again"


# --- flask deliver test ---


@deliver.command("test")
@click.argument("to", metavar="TO")
@click.option("--program", help="whose rules say what goes there; by default the first that names TO")
@as_json
def test_destination(to, program, output):
    """Send an example to the destination TO, marked as a test, even while it is paused; store nothing.

    It is an example of the rule file that is valid, or a lead made for it. The exit status is 1 if it is not taken.
    """
    refuse_empty(program=program)
    to, made = find_destination(to), service().settings
    if to not in made.destinations:
        raise click.ClickException(f"it is not known where {to} is: set {setting_of(to)} to its address")
    program, programs = _program_for(to, program), live_book().programs
    lead, outcome = trial(made, programs, program, to, _made_for(program))
    taken = outcome.result == "sent"
    if output == "json":
        told = {"to": to, "program": program.name, "lead": lead, "taken": taken, "result": outcome.result}
        click.echo(to_json(told | {"status": outcome.status, "error": outcome.error}, indent=2))
    elif taken:
        answered = f", and answered {outcome.status}" if outcome.status else ""
        click.echo(f"{to} took an example of {program.name}, marked as a test, as lead {lead}{answered}")
    else:
        click.echo(f"{to} did not take the test: {outcome.error}. {IF_NOT_TAKEN.get(outcome.result, '')}".rstrip())
    sys.exit(not taken)


def _made_for(program):
    """Return leads that the rules probably take, the one with most fields first, where no example is one."""
    if any(example.expect == "valid" for example in program.spec.examples):
        return []
    return made_leads(program, field_examples(program))[::-1]


IF_NOT_TAKEN = {
    "again": "A lead would be tried again later.",
    "dead": "A lead would be dead at once: it would not be tried again.",
    "pause": "With a lead, the destination would be paused.",
}


def _program_for(to, name):
    """Return the program whose rules say what goes to a destination."""
    if name:
        program = find_program(name)
        if to in program.deliver:
            return program
        told = f"the rules of {program.name} do not name {to} under deliver:"
        raise click.ClickException(f"{told}{nearest(to, program.deliver)}")
    for _, program in sorted(live_book().programs.items()):
        if to in program.deliver:
            return program
    raise click.ClickException(f'no rule file says "to: {to}" under deliver:, so that it is not known what goes there')


# --- flask deliver again, pause and resume ---


@deliver.command("again")
@click.option("--lead", "lead_id", metavar="ID", help="what is dead of this lead, and what waits at once")
@click.option("--to", "to", metavar="NAME", help="what is dead of this destination")
@click.option("--since", help="only of leads since a day (2026-11-01), a moment or a time ago (2d, 12h)")
@as_json
def send_again(lead_id, to, since, output):
    """Have what is dead sent again, with ten more attempts; what was sent is not sent again."""
    refuse_empty(lead=lead_id, to=to, since=since)
    if not (lead_id or to):
        raise click.ClickException("say what: --lead with an id, --to with a destination, or both")
    to = to and find_destination(to)
    since = read_filter(False, {"since": since}).since
    lead_id = lead_id and find(lead_id).id
    count = outbox.again(to, lead_id, since)
    if output == "json":
        click.echo(to_json({"to": to, "lead": lead_id, "again": count}, indent=2))
        return
    if not count:
        click.echo("Nothing was dead there. What was sent is not sent again")
        return
    click.echo(f"{number(count, 'delivery is', 'deliveries are')} due now")
    _tell_standing(to) or click.echo(BY_WHOM)


BY_WHOM = "The service sends within half a minute, and flask deliver run at once"


@deliver.command("pause")
@click.argument("to", metavar="TO")
@as_json
def pause_destination(to, output):
    """Send nothing to the destination TO until it is resumed: its leads wait, and none is lost."""
    to, by = find_destination(to), login_name() or "flask"
    outbox.pause(to, by)
    telling(output)(f"{to} is paused by {by}: its leads wait until flask deliver resume {to}")
    if output == "json":
        click.echo(to_json({"to": to, "paused_by": by}, indent=2))


@deliver.command("resume")
@click.argument("to", metavar="TO")
@as_json
def resume_destination(to, output):
    """Send to the destination TO again: what waits is due now."""
    to = find_destination(to)
    with reading():
        was_paused = to in outbox.paused()
    count = outbox.resume(to)
    if output == "json":
        click.echo(to_json({"to": to, "was_paused": was_paused, "due": count}, indent=2))
        return
    how = "is resumed" if was_paused else "was not paused"
    click.echo(f"{to} {how}: {number(count, 'lead is', 'leads are')} due now")
    if count and not _tell_standing(to):
        click.echo(BY_WHOM)


# --- flask deliver run ---


@deliver.command("run")
@as_json
def run_due(output):
    """Send what is due now, and return: for a scheduler, or for now. The service does so by itself."""
    made = service()
    counts = made.sender.run_due() if made.settings.destinations else {}
    if output == "json":
        click.echo(to_json({result: counts.get(result, 0) for result in RESULTS}, indent=2))
    if not made.settings.destinations:
        click.echo(
            f"No destination has an address: set {PREFIX}<NAME>, such as {PREFIX}CRM for crm", err=output == "json"
        )
    elif output == "text":
        told = [f"{counts[result]:,} {TOLD[result]}" for result in RESULTS if counts.get(result)]
        click.echo(", ".join(told) or "Nothing is due")
        _tell_standing()
