"""`flask feedback`: what sales says of leads, from a file."""

import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from commands.shared import as_json, find_program, live_book, login_name, progress, refuse_empty
from impact.feedback import FeedbackError
from impact.feedbackfile import MOST_BYTES, take_file
from web.presenting import to_json

TOLD = 20  # lines that are wrong


@click.command("feedback")
@click.argument("file", metavar="FILE")
@click.option("--program", help="only leads of this program; others are told as unknown")
@as_json
@with_appcontext
def feedback(file, program, output):
    """Take what sales says of leads from the CSV file FILE, or from standard input for -.

    Its first line names the columns lead_id, outcome, reason and value, in any order. Lines that are right are taken,
    the others told; what was said before adds nothing. The exit status is 1 if a line was wrong.
    """
    refuse_empty(program=program)
    programs = {program: find_program(program)} if program else live_book().programs
    raw = _bytes(file)
    try:
        with progress(raw.count(b"\n"), "Lines", hidden=output == "json") as bar:
            taken = take_file(raw, programs.get, login_name() or "flask", bar.update)
    except FeedbackError as error:
        raise click.ClickException(str(error)) from None
    if output == "json":
        wrong = [{"line": number, "why": why} for number, why in taken.wrong]
        told = {"lines": taken.lines, "added": taken.added, "known": taken.known, "proposed": taken.proposed}
        click.echo(to_json(told | {"wrong": wrong}, indent=2))
    else:
        _tell(taken)
    sys.exit(bool(taken.wrong))


def _bytes(name):
    try:
        if name == "-":
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise click.ClickException(f"{name} cannot be read: {error.strerror}") from None


def _tell(taken):
    for number, why in taken.wrong[:TOLD]:
        click.echo(f"line {number}: {why}")
    if len(taken.wrong) > TOLD:
        click.echo(f"and {len(taken.wrong) - TOLD:,} more lines")
    parts = [f"{taken.added:,} added", f"{taken.known:,} known before", f"{len(taken.wrong):,} wrong"]
    click.echo(f"{taken.lines:,} line{'' if taken.lines == 1 else 's'}: {', '.join(parts)}")
    if taken.proposed:
        what = "bad lead waits" if taken.proposed == 1 else "bad leads wait"
        click.echo(f"{taken.proposed:,} {what} to be reversed: flask reversals list --state proposed")
