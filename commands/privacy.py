"""The commands that take personal data away: `flask leads purge` and `flask leads erase`."""

import sys
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

import database
import models
from commands.shared import as_json, find_program, live_book, progress, reading, refuse_empty, telling
from database import StoreError
from leads import erasure, persons, retention, search, sent
from web.presenting import to_json

READ = "Somebody reads the database, so its -wal file may hold {} for a while: run this again"


@click.command("purge")
@click.option("--program", "only", help="only this program")
@click.option("--dry-run", is_flag=True, help="only say what would be masked and deleted")
@as_json
@with_appcontext
def purge_leads(only, dry_run, output):
    """Mask and delete the leads that are older than the programs' `privacy:` allows.

    The service does so by itself once a day; this is for a scheduler, or for now.
    """
    refuse_empty(program=only)
    if only:
        find_program(only)
    say, now, programs = telling(output), datetime.now(UTC), live_book().programs
    chosen = [program for name, program in sorted(programs.items()) if only in (None, name)]
    purged = {p.name: _purge(p, now, dry_run, say) for p in chosen if p.spec.privacy}
    clean = not purged or dry_run or _scrub(list(purged), now)
    if not clean:
        say(READ.format("what was removed"))
    with reading():
        stored = {name for (name,) in models.Lead.select(models.Lead.program).distinct().tuples()}
    gone = sorted(stored - programs.keys())
    for name in gone:
        say(f"{name}: kept as they came, since there is no rule file that says how long")
    if not purged:
        whose = f"the program {only} has no" if only else "no program has"
        say(f"{whose} privacy: in its rule file, so that all leads are kept as they came")
    if output == "json":
        rows = [{"program": name} | purged.get(name, KEPT) for name in [*(p.name for p in chosen), *gone]]
        click.echo(to_json([row | {"dry_run": dry_run, "still_in_files": not clean} for row in rows], indent=2))


KEPT = {"masked": 0, "deleted": 0, "kept_as_they_came": True}


def _purge(program, now, dry_run, say):
    """Mask and delete the leads of a program that are due, or count them only."""
    with reading():
        masked, deleted = retention.due(program, now)
    if not dry_run:
        with failing_plainly(), progress(masked + deleted, f"Purging {program.name}") as bar:
            masked, deleted = retention.purge(program, now, bar.update)
    would = "would be " if dry_run else ""
    say(f"{program.name}: {leads_of(masked)} {would}masked, {leads_of(deleted)} {would}deleted")
    return {"masked": masked, "deleted": deleted, "kept_as_they_came": False}


def _scrub(names, now):
    with failing_plainly():
        return retention.scrub(names, now)


@click.command("erase")
@click.option("--email", help="the person's email address")
@click.option("--phone", help="the person's phone number")
@click.option("--id", "lead_id", help="the id of one lead")
@click.option("--dry-run", is_flag=True, help="only say what would be erased")
@click.option("--yes", is_flag=True, help="do not ask")
@click.option("--forget-duplicates", is_flag=True, help="forget too that the person's values were submitted")
@as_json
@with_appcontext
def erase_leads(email, phone, lead_id, dry_run, yes, forget_duplicates, output):
    """Erase a person from all leads of all programs, for ever.

    The leads stay for the books, with their dates, amounts and reasons and nothing of the person.
    """
    kind, text = one_of(email=email, phone=phone, id=lead_id)
    say, forgets = telling(output), forget_duplicates and not dry_run
    with failing_plainly():
        (person, found), went = find_person(kind, text), []
        by_program = dict(sorted(Counter(lead.program for lead in found).items()))
        for program, count in by_program.items():
            say(f"{program}: {leads_of(count)} with this {kind}")
        if not found:
            clean = _erase_nobody(person, kind, forgets, say)
        elif dry_run:
            clean = True
            for lead in found:
                say(f"  {lead.id}")
            went = _tell_where_sent(found, say)
        else:
            question = f"Erase all that is known of people in {leads_of(len(found))}, for ever?"
            if not yes and not _is_meant(question, aside=output == "json"):
                raise click.Abort
            clean = _erase(found, person, kind, forgets, say)
            went = _tell_where_sent(found, say)
    if output == "json":
        made = {"kind": kind, "leads": [lead.id for lead in found], "by_program": by_program, "dry_run": dry_run}
        made |= {"erased": 0 if dry_run else len(found), "duplicates_forgotten": forgets, "still_in_files": not clean}
        click.echo(to_json(made | {"sent_to": went}, indent=2))


def _erase_nobody(person, kind, forgets, say):
    clean = database.scrub()  # which may have been in somebody's way the last time
    say(f"no lead holds this {kind}: there is nothing to erase")
    if forgets:
        erasure.forget_places([], person, live_book().programs.values())
        say("It is forgotten that the value was submitted")
    return clean


def _erase(found, person, kind, forgets, say):
    """Erase the person; return whether nothing is left in the database's files."""
    if forgets:
        erasure.forget_places(found, person, live_book().programs.values())
    clean = erasure.erase(found, person, kind, programs=live_book().programs)
    say(f"erased: {leads_of(len(found))}, of which nothing is left but dates, amounts and reasons")
    if not forgets:
        say(
            "Kept are keyed hashes, by which a duplicate is known and not paid twice: nobody can read them without "
            "DATAPOST_SECRET. --forget-duplicates removes them too."
        )
    if not clean:
        say(READ.format("the person"))
    say("Backups and exports made before still hold the person.")
    return clean


def _tell_where_sent(found, say):
    """Say where the person already went, and when: nobody but those who hold it there can erase it. Return it."""
    went = sent.sent_to([lead.id for lead in found])
    if went:
        say("These were sent to your own systems, where they stay until they are erased there:")
    for row in went:
        say(f"  {row['to']}  {row['sent_at']}  {row['lead']}")
    programs, of = live_book().programs, {lead.id: lead.program for lead in found}
    told = {row["to"] for row in went if row["to"] in _asking(programs.get(of[row["lead"]]))}
    if told:
        say(f"With erasures: true in the rules, an event tells it to {', '.join(sorted(told))}.")
    return went


def _asking(program):
    """Return the destinations of a program that are told of erasures."""
    return {entry.to for entry in program.spec.deliver if entry.erasures} if program else set()


def _is_meant(question, aside):
    """Ask; `aside`: on standard error, since standard output is for programs."""
    try:
        return click.confirm(question, err=aside)
    except click.Abort:  # nobody is there to be asked: a script that names a person means it
        return not sys.stdin.isatty()


def leads_of(count):
    return f"{count} lead{'s' * (count != 1)}"


def one_of(**given):
    chosen = [(kind, text) for kind, text in given.items() if text]
    if len(chosen) != 1:
        raise click.ClickException("say who: --email, --phone or --id, one of them")
    return chosen[0]


def find_person(kind, text):
    """Return the Person, and the leads that hold him."""
    programs = live_book().programs
    try:
        if kind == "id":
            with database.read():
                query = models.Lead.select().where(models.Lead.id == search.read_filter({"id": text}, programs).id)
                found = [erasure.Found(lead.id, lead.program) for lead in query]
            return erasure.nobody(), found
        person = persons.Wanted(kind, text, programs.values()).person
    except search.FilterError as error:
        raise click.ClickException(f"--{error}") from None
    with reading():
        total = models.Lead.select().count()
    with progress(total, "Searching") as bar:
        return person, erasure.find(person, bar.update)


@contextmanager
def failing_plainly():
    try:
        yield
    except StoreError as error:
        raise click.ClickException(f"the store cannot be changed: {error}") from None
