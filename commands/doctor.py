"""`flask doctor`: all that can be wrong with this installation, each with what to do."""

import json
import re
import sqlite3
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import click
from flask.cli import with_appcontext

import database
import models
from alerts import telling
from commands.deliver import no_setting, number, paused_since
from commands.shared import as_json
from database import StoreError, disk
from delivery import listing
from impact import connection
from judge.changes import begun_anew
from leads.deployed import changed_files
from leads.publishing import new_files
from leads.search import last_rules
from partners.contract import prove
from partners.pages import link
from web.health import check_writing
from web.logs import printable
from web.presenting import to_json
from web.published import RULES, live_rows
from web.service import service
from web.settings import processes, version

ROOT = Path(__file__).parents[1]
OLDEST_POSTGRESQL = 14
CONNECTIONS = 5  # of a process, at most
CLOCKS_APART = 2  # seconds
OTHERS_MAY_READ = 0o004


@click.command("doctor")
@as_json
@with_appcontext
def doctor(output):
    """Look for all that can be wrong here, and say what to do; the exit status is 1 if something is."""
    found = [
        {"check": name, "ok": ok, "sentence": printable(sentence)}
        for name, check in (CHECKS_OF_THE_UNREAD if service().unread else CHECKS).items()
        for ok, sentence in _looked_at(check)
    ]
    if output == "json":
        click.echo(to_json(found, indent=2))
    for row in found if output == "text" else []:
        click.echo(f"{'ok   ' if row['ok'] else 'WRONG'}  {row['check']:9}  {row['sentence']}")
    sys.exit(not all(row["ok"] for row in found))


def _looked_at(check):
    """Return what a check finds. A store that cannot be used is told once, by the check of the store."""
    found = []
    try:
        for row in check():
            found.append(row)
    except StoreError as error:
        found += [(False, str(error))] if check is _store else []
    return found


def _settings():
    made, programs = service().settings, None
    with suppress(StoreError):  # published rules may be out of reach, which the check of the store tells
        programs = service().rulebook.programs
    wrong = made.refusals(unread=service().unread) + made.doubts(programs)
    yield from ((False, sentence) for sentence in wrong)
    if (ROOT / ".env").exists() and (ROOT / ".env").stat().st_mode & OTHERS_MAY_READ:
        yield False, "everybody on this machine can read .env, which holds the passwords: chmod 600 .env"
    elif not wrong:
        who = "anybody" if made.open else ", ".join(sorted({user.name for user in made.users}))
        yield True, f"{who} may post; " + ("there is a dashboard" if made.seers else "there is no dashboard")


def _rules():
    book, settings = service().rulebook, service().settings
    if settings.published:
        yield from _published(book, settings)
    else:
        yield True, f"they come from the files of {settings.rules} (DATAPOST_RULES_FROM)"
    yield from ((False, str(finding)) for finding in book.errors)
    for name, program in sorted(book.programs.items()):
        if program.path in {finding.path for finding in book.errors}:
            continue
        which = f"version {book.versions[name]}" if name in book.versions else program.path
        yield True, f"{name} is {which}, {program.hash[:12]}"
        yield from ((True, str(finding)) for finding in program.warnings)
    with database.read():
        for program in book.programs.values():
            yield from ((True, str(finding)) for finding in begun_anew(program, *last_rules(program)))
        names = [] if settings.published else sorted(name for thing, name in live_rows() if thing == RULES)
    if names:
        yield True, f"the database has versions of {', '.join(names)} from when it was their home: they judge nothing"


def _published(book, settings):
    """Tell where live rules come from, and what the files of the deploy are to them."""
    _ = book.programs  # read now, or not at all
    with database.read():
        new, broken = new_files(settings.rules)
    home = "they come from the database (DATAPOST_RULES_FROM=dashboard)"
    if book.errors or broken:
        yield False, f"{home}, and not all can be used: publish mended ones by flask rules publish, or mend new files"
    elif not (book.programs or new):
        yield False, f"{home}, which has none: publish some by flask rules publish, or in the dashboard"
    else:
        counts = {"program": len(book.programs), "list": len(book.lists)}
        yield True, f"{home}: " + ", ".join(f"{count} {word}{'s' * (count != 1)}" for word, count in counts.items())
    yield from ((False, str(finding)) for finding in broken)
    for path in new if not broken else ():
        yield True, f"{path} is new here: the next start publishes it"
    for file in changed_files(settings.rules, book):
        told = f"{file.path} changed in a deploy, and is not what is live"
        yield True, f"{told}: flask rules adopt {file.name} makes it so, and on its page you may keep the live text"


def _templates():
    for name, program in sorted(service().rulebook.programs.items()):
        count, mistakes = prove(program)
        yield from ((False, f"{name}: {line}") for line in mistakes)
        if not mistakes:
            yield True, f"{name}: what the contract says reads {count} answers rightly"


def _store():
    check_writing()
    with database.read():
        yield from (_of_postgresql if database.engine().side_by_side else _of_sqlite)()


def _of_sqlite():
    path = Path(database.engine().path)
    (found,) = database.db.execute_sql("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        yield False, f"{path} is damaged ({found}): docs/operations.md says how to put a backup in its place"
    if where := disk.fleeting(path):
        yield False, f"the leads are in {path}, and {where} does not last: a restart may lose them all"
    free = disk.free(path)
    if free < disk.LEAST_FREE:
        yield False, f"only {free / 1e6:,.0f} MB are free where {path} is: without room no lead is stored. Make room"
    size = path.stat().st_size
    yield True, f"{path}: {_count_leads()}, {size / 1e6:,.1f} MB, {free / 1e9:,.1f} GB free, no damage found"


def _of_postgresql():
    (number,), (encoding,) = (
        database.db.execute_sql(f"SHOW {name}").fetchone() for name in ("server_version", "server_encoding")
    )
    if int(number.split(".")[0]) < OLDEST_POSTGRESQL:
        yield False, f"PostgreSQL {number} is not supported any more: move to {OLDEST_POSTGRESQL} or newer"
    (used,), (most,) = (
        database.db.execute_sql(sql).fetchone()
        for sql in ("SELECT count(*) FROM pg_stat_activity", "SELECT current_setting('max_connections')::int")
    )
    needed = CONNECTIONS * int(processes())
    if needed > most - 3:  # which PostgreSQL keeps for its owner
        fewer = f"set WEB_CONCURRENCY to {max((most - 3) // CONNECTIONS, 1)}, or raise max_connections"
        yield False, f"{processes()} processes use up to {needed} connections, and PostgreSQL takes {most}: {fewer}"
    apart = abs((database.now() - datetime.now(UTC)).total_seconds())
    if apart > CLOCKS_APART:
        yield False, f"the clocks of this machine and of PostgreSQL are {apart:.0f} s apart: set both by a time server"
    told = f"PostgreSQL {number}, {encoding}, {used} of {most} connections"
    yield True, f"{service().settings.store}: {told}, {_count_leads()}"


def _count_leads():
    count = models.Lead.select().count()
    return f"{count:,} lead{'s' * (count != 1)}"


def _proxies():
    trusted = service().settings.trusted_proxies
    with database.read():
        row = models.Fact.get_or_none(name="arrival")
    if not row:
        yield True, f"DATAPOST_TRUSTED_PROXIES is {trusted}; no request has come yet that tells whether that is right"
        return
    seen = json.loads(row.value)
    if seen["problem"]:
        yield False, seen["problem"]
    elif seen["proxies"] < trusted:
        yield (
            False,
            (
                f"DATAPOST_TRUSTED_PROXIES is {trusted}, but the last request names {seen['proxies']}: with too many, "
                "senders may give themselves any address. Set it to the number of proxies that stand in front"
            ),
        )
    else:
        how = "https" if seen["https"] else "plain http, and not from outside"
        yield True, f"DATAPOST_TRUSTED_PROXIES is {trusted}; the last request came by {how}"


def _docs():
    for name, program in sorted(service().rulebook.programs.items()):
        if link(name, "") is None:
            yield False, f"{name}: partners have no link to their posting instructions: set DATAPOST_SECRET"
        else:
            yield True, f"{name}: posting instructions are seen by {WHO[program.spec.docs]}"


WHO = {"public": "everybody", "link": "who has the link", "operators": "operators alone"}


def _delivery():
    programs = service().rulebook.programs
    with database.read():
        found = listing.overview(programs).values()
    if not any(one.programs or one.waiting or one.dead for one in found):
        yield True, "no rule file has deliver:, so that leads go nowhere else"
        return
    for one in found:
        wrong = list(_wrong_with(one))
        yield from ((False, sentence) for sentence in wrong)
        if one.programs and not wrong:
            counts = f"{one.sent:,} sent today and {one.sent_in_a_week:,} in seven days"
            yield True, f"{one.name}: {number(one.waiting, 'lead waits', 'leads wait')}, {counts}"


def _wrong_with(one):
    """Yield what is wrong with a destination. What is paused or has no setting is not told that it waits, too."""
    waits, stands_still = number(one.waiting, "lead waits", "leads wait"), True
    if one.programs and not one.has_setting:
        yield no_setting(one)
    elif one.paused:
        yield paused_since(one)
    elif one.waiting and not one.programs:
        told = f"{one.name}: {waits}, and no rule file names it any more"
        yield f'{told}: write "to: {one.name}" under deliver: again, and they are sent'
    else:
        stands_still = False
    if one.waits_too_long and not stands_still:
        since = f"{one.waits_since:%Y-%m-%d %H:%M UTC}"
        why = f"flask deliver list --to {one.name} --state waiting says what it answers"
        yield f"{one.name}: {waits}, the first since {since}: {why}; flask deliver run sends what is due"
    if one.dead:
        why = f"flask deliver list --to {one.name} --state dead says why"
        told = f"{one.name}: {number(one.dead, 'lead is', 'leads are')} dead: {why}"
        yield f"{told}, and flask deliver again --to {one.name} sends what was mended"


def _alerts():
    made = service().settings
    if not made.alerts:
        told = "nobody is told what is wrong, as DATAPOST_ALERTS is not set"
        yield True, f"{told}: the dashboard shows it, and flask alerts list"
    with database.read():
        found = telling.fares(made)
    for one in found:
        if one.failed:
            told = f"{one.receiver.shown}: messages do not arrive, since {one.since:%Y-%m-%d %H:%M UTC}"
            yield False, f"{told}: {one.error}. Mend the cause, and see by flask alerts test whether they arrive"
        else:
            last = f"last told on {one.sent_at:%Y-%m-%d, %H:%M UTC}" if one.sent_at else "nothing was sent there yet"
            yield True, f"{one.receiver.shown}: {last}; flask alerts test tries it"


def _impact():
    book = service().rulebook
    if book.programs or not book.errors:  # what broken rules would name is not known
        yield from connection.look(service().settings, book.programs)


def _versions():
    for name, tested in re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.txt").read_text()):
        with suppress(metadata.PackageNotFoundError):  # on this machine it may not be needed
            if (there := metadata.version(name)) != tested:
                told = f"{name} is installed in version {there}, and Datapost is tested with {tested}"
                yield False, f"{told}: pip install -r requirements.txt"
    python = ".".join(map(str, sys.version_info[:3]))
    yield True, f"Datapost {version()}, Python {python}, SQLite {sqlite3.sqlite_version}"


CHECKS = {
    "settings": _settings,
    "rules": _rules,
    "templates": _templates,
    "store": _store,
    "proxies": _proxies,
    "docs": _docs,
    "delivery": _delivery,
    "alerts": _alerts,
    "impact": _impact,
    "versions": _versions,
}
CHECKS_OF_THE_UNREAD = {"settings": _settings, "versions": _versions}  # others would look elsewhere than is meant
