"""The commands for the one who connects impact.com: `flask contract`, `flask docs` and `flask simulate`."""

import os
import re
import sys
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import click
from flask.cli import ScriptInfo, with_appcontext

from commands.rehearsal import is_lead_id, rehearse
from commands.shared import as_json, find_program, in_currency, live_book
from impact.lease import CannotReconcile
from impact.reconciliation import check
from partners.contract import address, prove
from partners.pages import contract_of, contract_text, is_local, link
from partners.simulator import POSTED, Case, Endpoint, NoAnswer, are_tests, cases_of, simulate
from web import payload
from web.logs import printable
from web.presenting import to_json
from web.request import read as read_lead
from web.running import address as running_at
from web.service import service


def service_url(context, _option, text):
    """Check where the service is, and return it without a slash at its end."""
    text = text or running_at(context.find_object(ScriptInfo).load_app().extensions["datapost"].settings)
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:  # a port that is none
        fits = False
    if not fits or parts.query or parts.fragment or "@" in parts.netloc or not re.fullmatch("[!-~]+", text):
        raise click.BadParameter("write the service's base address, such as https://leads.example.com")
    return text.rstrip("/")


where = click.option(
    "--url",
    show_default="where it runs on this machine, else port 8000 or PORT",
    callback=service_url,
    help="where the service is",
)


@click.command("contract")
@click.argument("program")
@click.option("--format", "output", type=click.Choice(["md", "json"]), default="md", help="a text to send, or JSON")
@where
@click.option("--prove", "proved", is_flag=True, help="try the expressions on every kind of answer instead")
@with_appcontext
def show_contract(program, output, url, proved):
    """Write what impact.com's integrations engineer needs to know to connect PROGRAM."""
    program = find_program(program)
    if proved:
        _show_proof(program, output)
        return
    made = contract_of(program, url)
    mistakes = prove(program)[1]
    for line in mistakes:
        click.echo(f"do not send this: {printable(line)} (see templates/{program.name}/)", err=True)
    for name, texts in made["samples"].items():
        if not texts["xml"]:
            click.echo(
                f"no {name} answer can be shown: write an example of one in {program.path}, "
                "or give its required fields their `example`",
                err=True,
            )
    click.echo(to_json(made, indent=2) if output == "json" else contract_text(program, url))
    sys.exit(bool(mistakes))


def _show_proof(program, output):
    count, mistakes = prove(program)
    if output == "json":
        click.echo(to_json({"proved": not mistakes, "answers": count, "mistakes": mistakes}, indent=2))
    else:
        for line in mistakes:
            click.echo(printable(line))
        done = f"proved on {count} answers with hostile values: every expression takes the right value, and from "
        done += "rejections only the note"
        click.echo(f"{len(mistakes)} mistakes in {count} answers" if mistakes else done)
    sys.exit(bool(mistakes))


def _warn(text):
    click.echo(printable(text), err=True)


@click.command("docs")
@click.argument("program", required=False)
@where
@as_json
@with_appcontext
def show_docs(program, url, output):
    """Print the addresses of the posting instructions, of all programs or of PROGRAM, and who sees them."""
    book = live_book()
    programs = [find_program(program)] if program else [book.programs[name] for name in sorted(book.programs)]
    rows = [{"program": p.name, "docs": p.spec.docs, "url": link(p.name, url)} for p in programs]
    if output == "json":
        click.echo(to_json(rows, indent=2))
    for row in rows if output == "text" else []:
        click.echo(f"{row['program']:20}  {row['docs']:9}  {row['url'] or 'set DATAPOST_SECRET first'}")


@click.command("simulate")
@click.argument("program")
@where
@click.option("--lead", "file", type=click.Path(exists=True, dir_okay=False), help="post this lead, in any format")
@click.option("--repeat", default=1, type=click.IntRange(1, 1000), help="post each so often, as other people each time")
@click.option("--user", help="post with this name; the password is asked for (or: DATAPOST_PASSWORD, standard input)")
@click.option("--yes", is_flag=True, help="post leads that are no tests to another machine without asking")
@click.option(
    "--reconcile", "reconciled", is_flag=True, help="rehearse reconciliation by these leads, without an account"
)
@as_json
@with_appcontext
def simulate_posts(program, url, file, repeat, user, yes, reconciled, output):
    """Post leads to PROGRAM as impact.com would, and show the conversions that it would create.

    The leads are the examples of the rule file, in XML, JSON and as a form. The exit status is 0 if all
    answers are as the rules say.

    With --reconcile, a server that stands in for impact.com has conversions of the valid ones, of which some do
    not fit; the exit status is 0 if these are found too, and no others. Nothing of that is stored.
    """
    program = find_program(program)
    if reconciled:
        check_reconcilable(program)
    cases = [_case_of(file, program)] if file else cases_of(program)
    target = address(url, program)
    count = repeat * len(POSTED) * sum(len(case.leads) for case in cases)
    if not file and not program.spec.examples:
        _warn(f"{program.path} has no examples: the lead is made of values that its fields take")
    if not is_local(url) and url.startswith("http:"):
        _warn("WITHOUT ENCRYPTION: the password and the leads can be read on their way. Use the https address.")
    _warn(f"Posting {count} leads to {target}")
    if marked := are_tests(program, cases):
        _warn(
            f"They are marked as tests ({program.mark}): they are stored, use up no limit or budget of real "
            f"leads, at most {program.spec.test_limit} a day are valid, and impact.com pays for those that reach it."
        )
    else:
        _warn(
            f"THEY ARE REAL to the service, since {_why_real(program)}: they are stored, use up limits "
            "and budgets, and go wherever leads go."
        )
        if not is_local(url) and not yes:
            if not sys.stdin.isatty():
                raise click.ClickException("say --yes to post real leads to another machine")
            click.confirm("Post them?", abort=True, err=True)
    endpoint = Endpoint(target, _credentials(program, url, user))
    outcomes, silence = [], None
    try:
        for outcome in simulate(program, cases, endpoint, repeat):
            outcomes.append(outcome)
            if output == "text":
                _show_outcome(outcome, program.spec.currency, first=len(outcomes) == 1)
    except NoAnswer as error:
        silence = str(error)
    good = not silence and not any(outcome.problems for outcome in outcomes)
    rehearsal = _rehearsed(program, outcomes) if reconciled and not silence else None
    good = good and (not reconciled or (rehearsal is not None and rehearsal.is_good))
    if output == "json":
        report = {"url": target, "test": marked, "ok": good, "error": silence}
        report |= {"reconciliation": _told(rehearsal)} if reconciled else {}
        click.echo(
            to_json(report | in_currency(program) | {"posts": [asdict(outcome) for outcome in outcomes]}, indent=2)
        )
    elif outcomes:
        _show_total(outcomes, "all as the rules say" if not file else "read without a problem")
        if rehearsal:
            _show_rehearsal(rehearsal)
    if silence:
        raise click.ClickException(silence)
    sys.exit(not good)


def check_reconcilable(program):
    """Refuse a program whose rule file says nothing of impact.com."""
    try:
        check(program)
    except CannotReconcile as error:
        raise click.ClickException(str(error)) from None


def _rehearsed(program, outcomes):
    """Return the Rehearsal of the leads that became conversions, or None where there is none."""
    good = [outcome for outcome in outcomes if outcome.conversion and not outcome.problems]
    answers = [(outcome.order_id, outcome.amount) for outcome in good if is_lead_id(outcome.order_id)]
    if not answers:
        _warn("No lead became a conversion under its own id, so that there is nothing to reconcile.")
        return None
    return rehearse(service(), program, answers)


def _told(rehearsal):
    return rehearsal and {
        "actions": rehearsal.actions,
        "planted": [{"kind": kind, "oid": oid} for kind, oid in rehearsal.planted],
        "findings": rehearsal.findings,
    }


def _show_rehearsal(rehearsal):
    counts = f"{rehearsal.actions} conversions, {len(rehearsal.planted)} order ids made not to fit"
    click.echo(f"\nReconciliation, rehearsed with a server that stands in for impact.com: {counts}")
    for one in rehearsal.findings:
        click.echo(printable(f"  {one['kind']}: {one['sentence']}"))
    for word, pairs in (("MISSED", rehearsal.missed), ("WRONGLY FOUND", rehearsal.wrongly_found)):
        for kind, oid in pairs:
            click.echo(printable(f"  {word}: {kind} of {oid}"))
    if rehearsal.is_good:
        click.echo("All of them were found, and nothing else. None of it is stored.")


def _why_real(program):
    if program.mark:
        return f"not all of them could be marked as tests ({program.mark})"
    return f"{program.path} has no test_flag"


def _case_of(file, program):
    try:
        fields = read_lead(program, Path(file).read_bytes())
    except payload.PayloadError as error:
        raise click.ClickException(f"{file}: {error}") from None
    return Case(Path(file).name, [{name: texts[0] if len(texts) == 1 else texts for name, texts in fields.items()}])


def _credentials(program, url, name):
    """Return name and password: those of the settings for this machine, else those that are given."""
    settings = service().settings
    users = [user for user in settings.users if user.programs is None or program.name in user.programs]
    known = [user for user in users if name in (None, user.name)]
    plain = [user for user in known if user.password and not user.hashed]
    given = os.environ.get("DATAPOST_PASSWORD")
    if is_local(url) and plain and not given:  # never another machine's: the password would leave this one
        return plain[0].name, plain[0].password
    if is_local(url) and settings.open and not name and not given:
        return None
    name = name or (known[0].name if is_local(url) and known else None)
    if not name:
        raise click.ClickException("name the user to post as: --user NAME")
    return name, given or _asked_password(name)


def _asked_password(name):
    if sys.stdin.isatty():
        return click.prompt(f"Password of {name}", hide_input=True, err=True)
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.ClickException(
            f"there is no password for {name}: set DATAPOST_PASSWORD, or write it to standard input"
        )
    return password


ROW = "{:24}  {:6}  {:10}  {:26}  {:>9}  {}"


def _show_outcome(outcome, currency, first):
    if first:
        click.echo(ROW.format("LEAD", "FORMAT", "OUTCOME", "ORDER ID", "AMOUNT", "CUSTOMER"))
    name = outcome.example if len(outcome.example) <= 24 else outcome.example[:23] + "…"
    if outcome.conversion:
        amount = f"{outcome.amount} {currency or ''}".strip()
        row = ROW.format(name, outcome.format, "conversion", outcome.order_id, amount, outcome.customer)
    else:
        row = ROW.format(name, outcome.format, "rejected" if outcome.note else "none", outcome.note, "", "")
    click.echo(printable(row.rstrip()))
    lines = {"remark": outcome.remarks, "warning": outcome.warnings, "PROBLEM": outcome.problems}
    for kind, sentences in lines.items():
        for sentence in sentences:
            click.echo(printable(f"  {kind}: {sentence}"))


def _show_total(outcomes, well):
    conversions = sum(outcome.conversion for outcome in outcomes)
    posted = sum(bool(outcome.status) for outcome in outcomes)
    counts = {kind: sum(len(getattr(o, kind)) for o in outcomes) for kind in ("problems", "warnings", "remarks")}
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    said = said if counts["problems"] else f"{well}{', ' * bool(said)}{said}"
    click.echo(f"{posted} posts: {conversions} conversions, {posted - conversions} without one; {said}")
