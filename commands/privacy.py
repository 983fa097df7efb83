"""The commands that take personal data away: `flask leads purge` and `flask leads erase`."""

import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

import database
import models
from commands.shared import find_program, progress, reading, refuse_empty
from database import StoreError
from leads import erasure, retention, search
from web.service import service

READ = "Somebody reads the database, so its -wal file may hold {} for a while: run this again"


@click.command("purge")
@click.option("--program", "only", help="only this program")
@click.option("--dry-run", is_flag=True, help="only say what would be masked and deleted")
@with_appcontext
def purge_leads(only, dry_run):
    """Mask and delete the leads that are older than the programs' `privacy:` allows.

    The service does so by itself once a day; this is for a scheduler, or for now.
    """
    refuse_empty(program=only)
    now, found = datetime.now(UTC), []
    if only:
        find_program(only)
    for name, program in sorted(service().rulebook.programs.items()):
        if not program.spec.privacy or only not in (None, name):
            continue
        found.append(name)
        with reading():
            masked, deleted = retention.due(program, now)
        if not dry_run:
            with failing_plainly(), progress(masked + deleted, f"Purging {name}") as bar:
                masked, deleted = retention.purge(program, now, bar.update)
        would = "would be " if dry_run else ""
        click.echo(f"{name}: {leads_of(masked)} {would}masked, {leads_of(deleted)} {would}deleted")
    if found and not dry_run:
        with failing_plainly():
            if not retention.scrub(found, now):
                click.echo(READ.format("what was removed"))
    with reading():
        stored = {name for (name,) in models.Lead.select(models.Lead.program).distinct().tuples()}
    for name in sorted(stored - service().rulebook.programs.keys()):
        click.echo(f"{name}: kept as they came, since there is no rule file that says how long")
    if not found:
        whose = f"the program {only} has no" if only else "no program has"
        click.echo(f"{whose} privacy: in its rule file, so that all leads are kept as they came")


@click.command("erase")
@click.option("--email", help="the person's email address")
@click.option("--phone", help="the person's phone number")
@click.option("--id", "lead_id", help="the id of one lead")
@click.option("--dry-run", is_flag=True, help="only say what would be erased")
@click.option("--yes", is_flag=True, help="do not ask")
@click.option("--forget-duplicates", is_flag=True, help="forget too that the person's values were submitted")
@with_appcontext
def erase_leads(email, phone, lead_id, dry_run, yes, forget_duplicates):
    """Erase a person from all leads of all programs, for ever.

    The leads stay for the books, with their dates, amounts and reasons and nothing of the person.
    """
    kind, text = one_of(email=email, phone=phone, id=lead_id)
    with failing_plainly():
        person, found = find_person(kind, text)
        programs, by_program = service().rulebook.programs.values(), {}
        for lead in found:
            by_program[lead.program] = by_program.get(lead.program, 0) + 1
        for program, count in sorted(by_program.items()):
            click.echo(f"{program}: {leads_of(count)} with this {kind}")
        if not found:
            database.scrub()  # which may have been in somebody's way the last time
            click.echo(f"no lead holds this {kind}: there is nothing to erase")
            if forget_duplicates and not dry_run:
                erasure.forget_places(found, person, programs)
                click.echo("It is forgotten that the value was submitted")
            return
        if dry_run:
            for lead in found:
                click.echo(f"  {lead.id}")
            return
        if not yes and not _is_meant(f"Erase all that is known of people in {leads_of(len(found))}, for ever?"):
            raise click.Abort
        if forget_duplicates:
            erasure.forget_places(found, person, programs)
        clean = erasure.erase(found, person, kind)
    click.echo(f"erased: {leads_of(len(found))}, of which nothing is left but dates, amounts and reasons")
    if not forget_duplicates:
        click.echo(
            "Kept are keyed hashes, by which a duplicate is known and not paid twice: nobody can read them without "
            "DATAPOST_SECRET. --forget-duplicates removes them too."
        )
    if not clean:
        click.echo(READ.format("the person"))
    click.echo("Backups and exports made before still hold the person.")


def _is_meant(question):
    try:
        return click.confirm(question)
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
    programs = service().rulebook.programs
    try:
        if kind == "id":
            with database.read():
                query = models.Lead.select().where(models.Lead.id == search.read_filter({"id": text}, programs).id)
                found = [erasure.Found(lead.id, lead.program) for lead in query]
            return erasure.nobody(), found
        if kind == "email":
            person = erasure.with_email(text.strip(), search.normal_email(text.strip()))
        else:
            person = erasure.with_phone(*search.normal_phones(text.strip(), programs.values()))
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
