"""The commands about what is wrong, and who is told of it: `flask alerts …`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import click
from flask.cli import AppGroup

import database
from alerts import ledger, looking, markup, telling, wording
from commands.leads import format_option
from commands.output import row_writers, write_lines
from commands.shared import as_json, live_book, reading
from leads.export import columns, local
from web.presenting import to_json
from web.service import service

alerts = AppGroup("alerts", help="See what is wrong, and have it told.")

NOBODY = (
    "nobody is told, as DATAPOST_ALERTS is not set: write there who shall be, such as mailto:ann@acme.example or the "
    "webhook of a channel in Slack, and start the service again"
)


def receivers():
    """Return who is told, or say what to set."""
    made = service().settings
    if not made.alerts:
        raise click.ClickException(NOBODY)
    return made.alerts


# --- flask alerts list ---


@alerts.command("list")
@format_option("table")
def list_alerts(output):
    """List what is wrong now, by a look that tells nobody, and what was over in the last seven days."""
    live_book()
    WRITERS[output](looking.listed())
    if not service().settings.alerts:
        click.echo(f"{NOBODY[0].upper()}{NOBODY[1:]}", err=True)


def _write_table(rows):
    if not rows:
        click.echo("Nothing is wrong, and nothing was in the last seven days")
        return
    zones = columns(live_book().programs)
    lines = [("STATE", "SINCE", "TOLD", "OVER", "WHAT")]
    for row in rows:
        state = "over" if row["gone_at"] else "grave" if row["grave"] else "on"
        times = (_told(row[key], row["program"], zones) for key in ledger.MOMENTS)
        lines.append((state, *times, row["sentence"]))
    write_lines(lines)
    for row in rows:
        if not row["gone_at"]:
            click.echo(f"{row['sentence']} {row['advice']}", err=True)


def _told(text, program, zones):
    return f"{local(datetime.fromisoformat(text), program, zones):%Y-%m-%d %H:%M %Z}" if text else ""


WRITERS = row_writers(ledger.KEYS, _write_table)


# --- flask alerts test, look and digest ---


@alerts.command("test")
@as_json
def test_receivers(output):
    """Send a test to each address of DATAPOST_ALERTS; the exit status is 1 if one does not take it."""
    made, all_of_them = service().settings, receivers()
    message = wording.of_test(_now(), made.url)
    with ThreadPoolExecutor(len(all_of_them)) as at_once:  # or each that hangs would cost twenty seconds
        outcomes = at_once.map(lambda receiver: telling.attempt(made, receiver, message), all_of_them)
        found = [telling.Attempt(*one) for one in zip(all_of_them, outcomes, strict=True)]
    if output == "json":
        told = [{"kind": one.receiver.kind, "sent": one.sent, "error": one.outcome.error} for one in found]
        click.echo(to_json(told, indent=2))
    for one in found if output == "text" else []:
        click.echo(one.told)
    sys.exit(not all(one.sent for one in found))


@alerts.command("look")
@as_json
def look_now(output):
    """Look, and tell at once what is new and what is over: for a scheduler, or for now. The service does so by itself.

    The exit status is 1 if something could not be sent.
    """
    made = receivers() and service().settings
    live_book()
    new, over = looking.look(at_once=True)
    attempts = telling.send_due(made)
    if output == "json":
        click.echo(to_json({"new": new, "over": over} | _counted(attempts), indent=2))
    else:
        for word, some in (("new", new), ("over", over)):
            for one in some:
                click.echo(f"{word}: {one['sentence']}")
        nothing = "The service is sending it" if new or over else "Nothing is new, and nothing is over"
        click.echo(_said(attempts) if attempts else nothing)
    sys.exit(not all(one.sent for one in attempts))


@alerts.command("digest")
@click.option("--show", is_flag=True, help="print it as text, and send nothing")
@as_json
def send_digest(show, output):
    """Send the summary of yesterday at once: for a scheduler. The service does so at DATAPOST_DIGEST.

    The exit status is 1 if it could not be sent.
    """
    made = service().settings if show else receivers() and service().settings
    message = looking.summary(list(live_book().programs.values()))
    if show:
        as_data = {"subject": message.subject, "data": message.data}
        as_text = f"{message.subject}\n\n{markup.folded(message.text).rstrip()}"
        click.echo(to_json(as_data, indent=2) if output == "json" else as_text)
        return
    looking.have_told(message)
    attempts = telling.send_due(made)
    click.echo(to_json(_counted(attempts), indent=2) if output == "json" else _said(attempts))
    sys.exit(not all(one.sent for one in attempts))


def _now():
    with reading():
        return database.now()


def _by_receiver(attempts):
    """Return what became of the last message to each receiver."""
    return list({one.receiver: one for one in attempts}.values())


def _counted(attempts):
    found = _by_receiver(attempts)
    sent = sum(one.sent for one in found)
    return {"sent": sent, "failed": len(found) - sent}


def _said(attempts):
    """Say to how many receivers messages went, and why others did not get them, which is tried again."""
    found = _by_receiver(attempts)
    sent = sum(one.sent for one in found)
    lines = [f"Sent to {sent} of {len(found)} receivers" if len(found) != 1 else f"Sent to {sent} of 1 receiver"]
    return "\n".join([*lines, *(f"{one.told}; it is tried again" for one in found if not one.sent)])
