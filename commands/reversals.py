"""The commands that reverse leads at impact.com: `flask reverse` and `flask reversals …`."""

import os
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import click
from flask.cli import AppGroup, with_appcontext

import database
from commands.leads import find, format_option
from commands.output import row_writers, write_lines
from commands.shared import as_json, find_program, live_book, login_name, reading, refuse_empty, telling
from impact import reversalfile, reversals, submitting
from impact.api import is_set
from impact.ledger import Reversal
from impact.states import STATES
from web.logs import printable
from web.presenting import to_json
from web.service import service

group = AppGroup("reversals", help="See which leads are reversed at impact.com, approve and submit them.")


def operator():
    return login_name() or "flask"


def _ids(leads):
    return list(dict.fromkeys(lead.strip().upper() for lead in leads))


# --- Proposing ---


@click.command("reverse")
@click.argument("lead_id", metavar="LEAD")
@click.option("--reason", required=True, help="why, as the rule file lists it under impact: reversals: reasons:")
@as_json
@with_appcontext
def reverse(lead_id, reason, output):
    """Propose that LEAD is reversed at impact.com, so that it is not paid; somebody approves it before it is sent."""
    refuse_empty(reason=reason)
    lead = find(lead_id)
    program = find_program(lead.program)
    told = database.transact(lambda: reversals.propose(program, lead, reason, operator()))
    if not told.state:
        raise click.ClickException(printable(told.why))
    if output == "json":
        with reading():
            click.echo(to_json(reversals.as_told(Reversal.get_by_id(lead.id)), indent=2))
        return
    if told.new and told.state == "proposed":
        click.echo(f"Lead {lead.id} is proposed: flask reversals approve {lead.id} has it reversed")
    else:
        click.echo(printable(f"{told.why[:1].upper()}{told.why[1:]}"))


# --- list ---


@group.command("list")
@click.option("--program", help="only leads of this program")
@click.option("--state", type=click.Choice(STATES), help="only what is in this state")
@format_option("table")
def list_reversals(program, state, output):
    """List what is to be reversed and what became of it, the newest leads first."""
    refuse_empty(program=program)
    with reading():
        rows = reversals.listed(program and [program], state)
    if program and not rows:
        find_program(program)  # or say that there is none
    WRITERS[output](rows)


def _write_table(rows):
    lines = [("LEAD", "PROGRAM", "STATE", "REASON", "CODE", "ACTION", "LOCKS", "ERROR")]
    for row in rows:
        locks = (row["locking_at"] or "")[:16].replace("T", " ")
        cells = row["lead"], row["program"], row["state"], row["reason"], row["code"], row["action"]
        lines.append((*cells, f"{locks} UTC" if locks else "", row["error"]))
    write_lines(lines)


WRITERS = row_writers(reversals.KEYS, _write_table)


# --- approve and withdraw ---


@group.command("approve")
@click.argument("leads", metavar="LEAD...", nargs=-1)
@click.option("--all", "all_of_them", is_flag=True, help="all that are proposed")
@click.option("--program", help="with --all: only leads of this program")
@click.option("--yes", is_flag=True, help="answer the second question: they are many, and all are meant")
@as_json
def approve(leads, all_of_them, program, yes, output):
    """Approve that these leads are reversed: the service submits them within a minute.

    More than 50 in a day, or more than 20 % of a partner's leads, are asked about a second time.
    """
    refuse_empty(program=program)
    ids = _chosen(leads, all_of_them, program)
    after, question = reversals.approve(ids, operator(), yes)
    if question:
        question = printable(question)
        if not (sys.stdin.isatty() and click.confirm(f"{question}. Reverse them?", err=True)):
            raise click.ClickException(f"{question}. Nothing is approved: --yes says that all are meant")
        after, _ = reversals.approve(ids, operator(), yes=True)
    _tell_approved(ids, after, output)


def _chosen(leads, all_of_them, program):
    if bool(leads) == all_of_them or (program and not all_of_them):
        raise click.ClickException("say what: the ids of leads, or --all, and with it --program")
    if program:
        find_program(program)
    if leads:
        return _ids(leads)
    with reading():
        return [row.lead for row in reversals.rows(program and [program], "proposed")]


def _tell_approved(ids, after, output):
    """Say what is approved now, and of the others what they are; the exit status is 1 where one was not proposed."""
    counts = Counter(after.values())
    others = {lead: after.get(lead, "") for lead in ids if after.get(lead) != "approved"}
    if output == "json":
        click.echo(to_json({"approved": counts["approved"], "others": others}, indent=2))
    else:
        click.echo(f"{number(counts['approved'])} approved")
    for lead, state in others.items():
        told = f"is {state.replace('_', ' ')}" if state else "was not proposed: flask reverse proposes it"
        click.echo(f"lead {lead} {told}", err=True)
    if counts["approved"] and not is_set(service().settings):
        click.echo(NO_ACCOUNT, err=True)
    sys.exit("" in others.values())


def number(count):
    return f"{count:,} {'lead is' if count == 1 else 'leads are'}"


NO_ACCOUNT = (
    "There is no account at impact.com to submit them: set DATAPOST_IMPACT_SID and DATAPOST_IMPACT_TOKEN, or write "
    "them to a file for its upload by flask reversals file"
)


@group.command("withdraw")
@click.argument("leads", metavar="LEAD...", nargs=-1, required=True)
@as_json
def withdraw(leads, output):
    """Take back that these leads are proposed, or approved and not sent: nothing is kept of that."""
    ids = _ids(leads)
    others = reversals.withdraw(ids, operator())
    if output == "json":
        click.echo(to_json({"withdrawn": [lead for lead in ids if lead not in others], "others": others}, indent=2))
    else:
        click.echo(f"{number(len(ids) - len(others))} withdrawn")
    for lead, why in others.items():
        click.echo(f"lead {lead}: {why}", err=True)
    sys.exit(bool(others))


# --- run and restore ---


TOLD = {
    "submitted": "submitted",
    "done": "done",
    "restored": "restored",
    "waiting": "to be looked at again",
    "unsure": "to be looked up, as no answer came",
    "failed": "failed",
    "too_late": "too late, as they are locked",
    "later": "kept, as the calls of this hour are used up",
    "refused": "kept, as impact.com refuses the account: flask doctor says more",
    "again": "to be looked up again, as impact.com does not answer",
}


@group.command("run")
@as_json
def run_due(output):
    """Submit and follow what is due now, and return: for a scheduler, or for now. The service does so by itself."""
    made = service()
    if is_set(made.settings):
        submitting.hurry()
    counts = reversals.run_due(made)
    if output == "json":
        click.echo(to_json({result: counts.get(result, 0) for result in submitting.RESULTS}, indent=2))
    else:
        told = [f"{counts[result]:,} {words}" for result, words in TOLD.items() if counts.get(result)]
        click.echo(", ".join(told) or "Nothing is due")
    if not is_set(made.settings):
        click.echo(NO_ACCOUNT, err=True)


@group.command("restore")
@click.argument("lead_id", metavar="LEAD")
@as_json
def restore(lead_id, output):
    """Take back that LEAD was reversed, so that it is paid: only before its action locks."""
    (lead,) = _ids([lead_id])
    if why := reversals.restore(service(), lead, operator()):
        raise click.ClickException(f"lead {lead} is not restored: {why}")
    telling(output)(f"impact.com takes it: lead {lead} is restored once that is complete. flask reversals list says so")
    if output == "json":
        click.echo(to_json({"lead": lead, "restoring": True}, indent=2))


# --- file ---


@group.command("file")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--program", help="only leads of this program")
@click.option("--again", is_flag=True, help="what was written before too, as where the file was lost")
def write_file(file, program, again):
    """Write what is approved to FILE, or to standard output, as a CSV that is uploaded at impact.com.

    What is written is not submitted by the service, and done once a reconciliation sees it reversed.
    """
    refuse_empty(program=program)
    if program:
        find_program(program)
    if file and not file.absolute().parent.is_dir():
        raise click.ClickException(f"there is no folder {file.parent}: make it first")
    if file and os.path.lexists(file):
        raise click.ClickException(f"there is a file {file}: name another one, as its leads may not be uploaded yet")
    rows, left_out = reversalfile.take(live_book().programs, program and [program], again, operator())
    text = reversalfile.as_csv(rows)
    if file:
        _write(file, text)
    else:
        _print(text)
    for lead, why in left_out.items():
        click.echo(f"lead {lead} is left out: {why}", err=True)
    where = f" in {file}" if file else ""
    todo = ": compare the first line with impact.com's template, and upload it" if rows else ""
    click.echo(f"{number(len(rows))} written{where}{todo}", err=True)


def _write(file, text):
    """Write a file at once, for nobody else to read: it is there whole, or not at all."""
    try:
        handle, new = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}")  # of mode 600
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            os.replace(new, file)
        except BaseException:
            os.unlink(new)
            raise
    except OSError as error:
        raise _not_written(file, error) from None


def _print(text):
    try:
        click.echo(text, nl=False)
        sys.stdout.flush()
    except OSError as error:
        with suppress(OSError):  # which would be tried again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise _not_written("standard output", error) from None


def _not_written(where, error):
    told = f"{where} cannot be written ({error.strerror}): flask reversals file --again writes the same elsewhere"
    return click.ClickException(told)
