"""The commands about rule files: `flask rules …`."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from flask.cli import AppGroup

from commands.drafts import load_file
from commands.leads import read_filter
from commands.output import show
from commands.shared import as_json, find_program, in_currency, live_book, reading, refuse_empty
from delivery import hubspot
from judge.changes import begun_anew
from judge.compiler import load
from judge.rulebook import rule_files, why_empty
from judge.rulefile import RuleFileError
from judge.schema import json_schema
from leads import search
from leads.backtest import backtest, memory_of
from leads.search import EPOCH, Filter
from web import masks
from web.destinations import setting_of
from web.presenting import to_json
from web.request import judge_body
from web.service import service

rules = AppGroup("rules", help="Check the rule files, and try leads on them.")


@rules.command("check")
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False))
@as_json
def check_rules(files, output):
    """Check rule FILES, or all of the rules folder; the exit status is 1 if one is broken."""
    folder = Path(service().settings.rules)
    paths = [Path(name) for name in files] or rule_files(folder)
    if not files and service().settings.published:
        told = "the live rules are in the database (DATAPOST_RULES_FROM=dashboard), and flask doctor looks at those"
        click.echo(f"{told}: here are the files of {folder}", err=True)
    if not paths:
        raise click.ClickException(f"{folder}: {why_empty(folder)}")
    reports = [_check(path) for path in paths]
    if output == "json":
        click.echo(to_json(reports, indent=2))
    for report in reports if output == "text" else []:
        for line in report["errors"] + report["warnings"]:
            click.echo(line)
        if report["ok"]:
            click.echo(f"{report['file']}: ok, {report['summary']}")
    sys.exit(any(report["errors"] for report in reports))


def _check(path):
    try:
        program = load(path)
    except RuleFileError as error:
        return {"file": str(path), "ok": False, "errors": [*map(str, error.errors)], "warnings": [], "summary": ""}
    spec, warnings = program.spec, [*program.warnings, *begun_anew(program, *search.last_rules(program))]
    warnings += not_taken(program)
    counts = {"field": spec.fields, "rule": spec.rules, "example": spec.examples}
    summary = ", ".join(f"{len(items)} {word}{'s' * (len(items) != 1)}" for word, items in counts.items())
    if spec.starts or spec.ends:
        days = [f"{word} {day}" for word, day in (("from", spec.starts), ("up to", spec.ends)) if day]
        summary += f"; leads are taken {' '.join(days)}"
    if program.mark:
        fit = "with" if spec.test_flag else "where"
        summary += f"; leads {fit} {program.mark} are tests, at most {spec.test_limit} a day are answered valid, "
        summary += "and impact.com pays for those"
    return {"file": str(path), "ok": True, "errors": [], "warnings": [*map(str, warnings)], "summary": summary}


def not_taken(program):
    """Return as Findings what of a program would wait or be refused, as the destinations are set here."""
    there, found = service().settings.destinations, []
    for index, entry in enumerate(program.spec.deliver):
        if entry.to not in there:
            doubts = [("to", f"{setting_of(entry.to)} is not set here, so its leads wait until it is")]
        else:
            doubts = hubspot.doubts(entry) if there[entry.to].kind == "hubspot" else ()
        for key, told in doubts:
            sentence = f'destination "{entry.to}": {told}'
            found.append(program.source.finding(("deliver", index, key), sentence, is_warning=True))
    return found


@rules.command("try")
@click.argument("program")
@click.argument("file", type=click.File("rb"))
@click.option("--content-type", default="", help="the type of FILE; by default its first character decides")
@as_json
def try_lead(program, file, content_type, output):
    """Judge the lead in FILE (XML, JSON or form; - reads standard input) by PROGRAM; store nothing.

    PROGRAM is a name, such as default, or a rule file that takes no leads yet, such as drafts/solar.yaml.
    The stored leads are not looked at: whether it is a duplicate, or a cap is used up, is decided when it is posted.
    The dashboard's page "Try a lead" looks at them.
    """
    program = _load(program) if Path(program).suffix in (".yaml", ".yml") else find_program(program)
    verdict = judge_body(program, file.read(), content_type, datetime.now(UTC))
    decision = {
        "program": program.name,
        "valid": verdict.valid,
        "reasons": verdict.codes,
        "note": verdict.note,
        "sale_amount": None if verdict.sale_amount is None else str(verdict.sale_amount),
        **in_currency(program),
        "fields": verdict.fields,
        "trace": verdict.trace,
    }
    show(decision, output)


@rules.command("schema")
def show_schema():
    """Print the JSON Schema of rule files, by which editors complete and explain them."""
    click.echo(json.dumps(json_schema(), indent=2))


@rules.command("backtest")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--since", default="30d", show_default=True, help="a date (2026-11-01) or a time ago (30d, 12h)")
@click.option("--program", help="whose leads to judge; by default the program that FILE is named after")
@click.option("--show", "shown", default=0, help="list as many of the leads that change, masked")
@as_json
def backtest_rules(file, since, program, shown, output):
    """Tell which stored leads FILE would judge differently, by reason, partner and sub-partner, and in money."""
    refuse_empty(program=program)
    name = program or Path(file).stem
    changed = _load(file, name)
    start, memory = read_filter(False, {"since": since}).since, memory_of(changed)
    with reading():
        if not search.leads(Filter(program=name)).exists():
            raise click.ClickException(f"there are no leads of the program {name}: say whose to judge by --program")
        wanted = Filter(program=name, since=max(start - memory, EPOCH) if memory is not None else None)
        count, hidden = search.leads(wanted).count(), not sys.stderr.isatty()
        leads_then = search.each(wanted, newest_first=False)
        with click.progressbar(leads_then, length=count, file=sys.stderr, hidden=hidden) as bar:
            hidden = masks.hidden_fields(live_book().programs, [changed])
            report = backtest(replace(changed, name=name), bar, start, shown, hidden)
    decision = {"program": name, "since": start.isoformat(timespec="seconds")} | in_currency(changed) | report.as_dict()
    show(decision, output)


def _load(path, name=None):
    try:
        return load_file(path, name)
    except RuleFileError as error:
        raise click.ClickException(str(error)) from None
