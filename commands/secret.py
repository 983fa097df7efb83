"""The command for a secret that is changed on purpose: `flask rotate-secret`."""

import sys

import click
from flask.cli import with_appcontext

import database
from commands.output import show
from commands.privacy import failing_plainly
from commands.shared import as_json, progress, reading
from leads.rotation import Rotation, RotationError, leads_to_read
from web.service import service

SHORTEST = 32  # characters: 128 bits, where they are hexadecimal digits
MAKE_ONE = "make one by python3 -c 'import secrets; print(secrets.token_hex(32))'"

STOPPED = (
    "Stop the service first: from now on, one that still runs answers leads 503, and so it does with the old secret "
    "when the secret is changed."
)
NOTHING_KNOWN = "DATAPOST_OLD_SECRET is not set: without the old secret, nothing that it keyed can be made again."
DONE = (
    "The secret is changed. Take DATAPOST_OLD_SECRET away, and start the service with the new DATAPOST_SECRET: with "
    "the old one it does not start any more."
)


@click.command("rotate-secret")
@click.option("--yes", is_flag=True, help="do not ask")
@click.option("--lost", is_flag=True, help="with --yes: go on without the old secret, since it is lost")
@as_json
@with_appcontext
def rotate_secret(yes, lost, output):
    """Change the secret of the database's hashes to DATAPOST_SECRET; DATAPOST_OLD_SECRET has the one that it was.

    Stop the service first. The stored leads are read, and what the secret keyed is made again with the new one:
    customer ids, places of duplicates, limits and budgets. What is lost is said before anything is changed.
    """
    settings = service().settings
    if len(settings.secret) < SHORTEST:
        raise click.ClickException(f"DATAPOST_SECRET is shorter than {SHORTEST} characters: {MAKE_ONE}")
    if not yes and not sys.stdin.isatty():
        raise click.ClickException("say --yes, since there is no terminal to ask at what is said to be lost")
    if yes and not settings.old_secret and not lost:
        raise click.ClickException("DATAPOST_OLD_SECRET is not set: if the old secret is lost, say --yes --lost")
    click.echo(STOPPED, err=True)
    with reading():
        count = leads_to_read().count() if settings.old_secret else 0
    try:
        with failing_plainly(), database.write():
            rotation = Rotation(settings.old_secret, service().rulebook)
            with progress(count, "Reading leads") as bar:
                report = rotation.survey(bar.update)
            _tell(report, settings.old_secret, output)
            if not yes:
                click.confirm("Go on?", abort=True, err=True)
            rotation.carry_out()
    except RotationError as error:
        raise click.ClickException(f"{error}. Nothing was changed") from None
    click.echo(DONE, err=output == "json")


def _tell(report, old_secret, output):
    show(report.as_dict(), output)
    for holds, sentence in SENTENCES if output == "text" else ():
        if holds(report):
            click.echo(sentence)
    if not old_secret:
        click.echo(NOTHING_KNOWN, err=True)


# What a report means, for people.
SENTENCES = (
    (
        lambda report: report.customers.found,
        "customers: impact.com keeps the customer ids that it has, so whoever comes again is a new customer there.",
    ),
    (
        lambda report: report.customers.lost,
        "customers lost: these leads keep the customer id that they have, which no new lead gets; of those that are "
        "masked, flask leads erase finds none any more by the person's address or phone.",
    ),
    (
        lambda report: report.places.lost,
        "places lost: what took them counts as new, and would be paid again.",
    ),
    (
        lambda report: report.totals.lost,
        "totals lost: these limits and budgets begin at 0 in their current period.",
    ),
    (
        lambda report: report.repeats.lost,
        "repeats lost: of a request of the last 24 hours that comes again, the lead is judged again.",
    ),
    (
        lambda report: report.links,
        "links: these programs' posting instructions have another link: flask docs prints it, for partners.",
    ),
)
