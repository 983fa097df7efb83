"""`flask reconcile`: what impact.com has of the leads, and what does not fit."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from flask.cli import with_appcontext

from commands.leads import read_filter
from commands.shared import as_json, find_program, live_book, reading, refuse_empty
from impact import byfile, report
from impact.api import ApiError
from impact.lease import CannotReconcile
from impact.reconciliation import reconcile
from impact.reportvalues import FORMS, ReportError
from judge.meant import nearest
from web.logs import printable
from web.presenting import to_json
from web.service import service

LONGEST_WAIT = 300  # seconds in all, for the calls of an hour


@click.command("reconcile")
@click.argument("name", metavar="[PROGRAM]", required=False)
@click.option("--since", help="read so far back at least: a day (2026-11-01) or a time ago (60d)")
@click.option("--file", "file", metavar="FILE", help="the report (CSV) that impact.com exports; no account is needed")
@click.option("--column", "columns", multiple=True, metavar="WHAT=NAME", help='which column is which: oid="Order ID"')
@click.option("--dates", type=click.Choice(FORMS), help="how its days are written, where it does not tell")
@as_json
@with_appcontext
def reconcile_programs(name, since, file, columns, dates, output):
    """Compare the leads of PROGRAM, or of all, with the actions that impact.com has, and tell what does not fit.

    The exit status is 0 if it could be compared, whatever was found.
    """
    refuse_empty(since=since, file=file)
    if file:
        results = {name: _by_file(name, file, columns, dates)}
    elif columns or dates:
        raise click.ClickException("--column and --dates are about a report: name it by --file")
    else:
        results = _by_account(name, since, output)
    if output == "json":
        found = [finding for result in results.values() for finding in result.findings]
        actions = sum(result.actions for result in results.values())
        click.echo(to_json({"actions": actions, "findings": found}, indent=2))
        return
    for program, result in results.items():
        _tell(program, result)


def _tell(program, result):
    found = len(result.findings)
    told = f"{program}: {result.actions:,} action{'' if result.actions == 1 else 's'} at impact.com"
    click.echo(f"{told}, and {f'{found:,} findings' if found > 1 else '1 finding' if found else 'all fits'}")
    for finding in result.findings:
        click.echo(printable(f"  {finding['kind']:18}  {finding['sentence']}"))


# --- By the account ---


def _by_account(name, since, output):
    """Reconcile a program or all; what failed is told once the others are done."""
    programs, moment = _programs(name), since and read_filter(False, {"since": since}).since
    results, problems, patience = {}, [], Patience()
    for program in programs:
        try:
            results[program.name] = reconcile(service(), program, moment, wait=patience.wait)
        except (ApiError, CannotReconcile) as error:
            problems.append(f"{program.name}: {error}" if len(programs) > 1 else str(error))
    if problems:
        for done in results if output == "text" else ():
            _tell(done, results[done])
        raise click.ClickException("\n".join(dict.fromkeys(problems)))
    return results


def _programs(name):
    if name:
        return [find_program(name)]
    found = [program for _, program in sorted(live_book().programs.items()) if program.spec.impact]
    if not found:
        raise click.ClickException("no rule file has impact:, so that no program is known to be at impact.com")
    return found


class Patience:
    """Waits until there are calls again, if that is soon, all programs together."""

    def __init__(self):
        self._left = LONGEST_WAIT

    def wait(self, seconds):
        self._left -= seconds
        if self._left < 0:
            return False
        click.echo(f"the calls of this hour are used up: it goes on in {seconds} s", err=True)
        time.sleep(seconds)
        return True


# --- By a report ---


def _by_file(name, file, columns, dates):
    if not name:
        raise click.ClickException("name the program that the report is of: flask reconcile PROGRAM --file actions.csv")
    program = find_program(name)
    try:
        body, written_at = _read(file)
        table = report.read_table(body)
        mapping = _mapping(program, table.columns, columns)
        return byfile.reconcile_file(service(), program, table, mapping, dates, written_at)
    except (ReportError, CannotReconcile) as error:
        raise click.ClickException(f"{file}: {error}" if isinstance(error, ReportError) else str(error)) from None


def _read(file):
    """Return what stands in a file, and when it was written; `-` is standard input."""
    if file == "-":
        return sys.stdin.buffer.read(), None
    try:
        path = Path(file)
        return path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}") from None


def _mapping(program, columns, given):
    """Return which column is which: as it is said, or was kept, or is asked now."""
    said = _said(columns, given)
    with reading():
        kept = byfile.kept(program.name)
    if kept and report.fits(kept | said, columns):
        return kept | said
    guessed = report.guess(columns) | said
    if not given and _is_asked():
        return _ask(columns, guessed)
    if missing := report.missing(guessed):
        told = " and ".join(report.SAID[what] for what in missing)
        how = " ".join(f'--column {what}="…"' for what in missing)
        raise ReportError(f"which column is {told}? Say it by {how}. There are {', '.join(columns)}")
    told = ", ".join(f"{what} is {column}" for what, column in guessed.items())
    click.echo(printable(f"Of the columns, {told}: this is kept, and --column says it otherwise"), err=True)
    return guessed


def _is_asked():
    return sys.stdin.isatty()


def _said(columns, given):
    """Return `{what: column}` of the options."""
    found = {}
    for text in given:
        what, _, name = text.partition("=")
        what = what.strip().lower().replace("-", "_")
        if what not in report.NAMES:
            near = nearest(what, report.NAMES) or f": there are {', '.join(report.NAMES)}"
            raise ReportError(f'--column takes what a column is, such as oid="Order ID", and not "{what[:40]}"{near}')
        column = report.find_column(columns, name)
        if column is None:
            raise ReportError(
                f'there is no column "{name[:60]}"{nearest(name, columns)}: there are {", ".join(columns)}'
            )
        found[what] = column
    return found


def _ask(columns, guessed):
    """Ask for each of what is read which column it is; what need not be there may be left out by 0."""
    click.echo("The report has these columns:", err=True)
    for n, column in enumerate(columns, 1):
        click.echo(printable(f"  {n:2}  {column}"), err=True)
    found = {}
    for what, told in report.SAID.items():
        least = 1 if what in report.NEEDED else 0
        likely = columns.index(guessed[what]) + 1 if what in guessed else None if least else 0
        answer = click.prompt(
            f"Which is {told}?{'' if least else ' (0: none)'}",
            likely,
            type=click.IntRange(least, len(columns)),
            err=True,
        )
        if answer:
            found[what] = columns[answer - 1]
    return found
