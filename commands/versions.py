"""What is published: `flask rules log` and `flask rules pull`, and which program or list a name means."""

import difflib
import hashlib
import os
from collections import Counter
from pathlib import Path

import click
from flask.cli import with_appcontext

from commands.output import row_writers, write_lines
from commands.shared import NOTHING_PUBLISHED, as_json, reading
from judge.compiler import compile_text
from judge.meant import nearest
from judge.rulefile import RuleFileError
from leads.deployed import list_name, read_text
from leads.publishing import history, leads_of
from web.logs import printable
from web.presenting import moment, to_json
from web.published import LIST, RULES, live_rows, path_of, texts_of
from web.service import service

KEYS = ("version", "at", "by", "kind", "comment", "hash", "live", "leads")
LONGEST_DIFFERENCE = 10_000  # lines of a text: of longer ones, lists, only what came and went is told
MOST_SHOWN = 50

a_list = click.option(
    "--list", "is_list", is_flag=True, help="the name is a list's; else a program of that name is meant"
)


# --- Names ---


def refuse_files_mode():
    """Refuse what changes published rules where the rules are files."""
    settings = service().settings
    if not settings.published:
        raise click.ClickException(
            f"the rules live in the files of {settings.rules}, where a changed file is used within a second, and none "
            "is published: set DATAPOST_RULES_FROM=dashboard, and the database is their home"
        )


def known(name, is_list=False, more=()):
    """Return the ("rules" or "list", name) that a name means among what was ever published, and in `more`.

    A program goes first. default.yaml and rules/default.yaml are the program default, rules/blocked.txt is blocked.txt.
    """
    with reading():
        keys = {*live_rows(), *more}
    here = list_name(service().settings.rules, name)
    meant = [(LIST, name), (LIST, here)]
    if not is_list:
        meant = [(RULES, name), *[(RULES, Path(here).stem)] * here.endswith((".yaml", ".yml")), *meant]
    for key in meant:
        if key in keys:
            return key
    if not keys:
        raise click.ClickException(f"nothing was ever published as {name}. {NOTHING_PUBLISHED}")
    names = [other for thing, other in keys if thing == LIST or not is_list]
    raise click.ClickException(f"nothing was ever published as {name}{nearest(name, names)}")


# --- What is shown of versions ---


def as_row(row, newest, leads):
    """Return a version as programs read it: KEYS."""
    shown = {key: getattr(row, key) for key in ("version", "by", "kind", "comment", "hash")}
    shown |= {
        "at": moment(row.at),
        "live": is_live(row, newest),
        "leads": leads.get(row.version) if row.thing == RULES else None,
    }
    return {key: shown[key] for key in KEYS}


def is_live(row, newest):
    return bool(row.hash) and row.version == newest.version and service().settings.published


def difference(before, after, from_name, to_name):
    """Return the lines of a unified diff; of very long texts, how many lines came and went, and the first of those."""
    whole = not (before and after)  # then there is no last line end to compare
    old, new = (text.splitlines() if whole else text.split("\n") for text in (before, after))
    if max(len(old), len(new)) <= LONGEST_DIFFERENCE:
        return [line.rstrip("\n") for line in difflib.unified_diff(old, new, from_name, to_name, lineterm="")]
    gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
    if not gone and not come:
        return [] if before == after else [f"{to_name} has the lines of {from_name} in another order"]
    lines = [f"{sign}{line}" for sign, found in (("-", gone), ("+", come)) for line in [*found.elements()][:MOST_SHOWN]]
    told = f"{gone.total():,} lines are gone and {come.total():,} are new; the first {MOST_SHOWN} of each:"
    return [f"--- {from_name}", f"+++ {to_name}", told, *lines]


# --- flask rules log ---


@click.command("log")
@click.argument("name", metavar="PROGRAM")
@click.option(
    "--format", "output", type=click.Choice(["table", "json", "jsonl", "csv"]), default="table", show_default=True
)
@a_list
@with_appcontext
def show_log(name, output, is_list):
    """List the versions of PROGRAM, newest first.

    Each with who published it, when and why, and how many leads it judged. PROGRAM may be the name of a list.
    """
    settings = service().settings
    if not settings.published:
        with reading():
            if not live_rows():
                raise click.ClickException(
                    f"there is no log: the rules live in the files of {settings.rules}, and nothing was ever published "
                    "(DATAPOST_RULES_FROM=dashboard keeps them in the database, with a log)"
                )
    thing, name = known(name, is_list)
    with reading():
        versions = history(name, thing)
        leads = leads_of(versions)
    if not settings.published:
        click.echo("The rules live in files now (DATAPOST_RULES_FROM): none of these versions is live.", err=True)
    WRITERS[output]([as_row(row, versions[0], leads) for row in versions])


def _write_table(rows):
    lines = [("VERSION", "AT", "BY", "KIND", "LEADS", "HASH", "", "COMMENT")]
    for row in rows:
        leads = "" if row["leads"] is None else f"{row['leads']:,}"
        live = "live" if row["live"] else ""
        lines.append(
            (str(row["version"]), row["at"], row["by"], row["kind"], leads, row["hash"][:12], live, row["comment"])
        )
    write_lines(lines)


WRITERS = row_writers(KEYS, _write_table)


# --- flask rules pull ---


@click.command("pull")
@click.argument("name", metavar="[PROGRAM]", required=False)
@click.option(
    "--to", "folder", type=click.Path(file_okay=False), help="the folder to write to; by default the rules folder"
)
@click.option("--force", is_flag=True, help="write over files that were changed and are in no version, too")
@a_list
@as_json
@with_appcontext
def pull_rules(name, folder, force, is_list, output):
    """Write the live texts, and their lists, to files.

    That is of PROGRAM, which may be the name of a list, or of all; to the letter. If a file was changed here, and what
    stands there is in no version, nothing is written.
    """
    refuse_files_mode()
    folder = Path(folder or service().settings.rules)
    chosen = known(name, is_list) if name else None
    with reading():
        rows = live_rows()
        wanted = _wanted(rows, chosen)
        files = {key: Path(os.path.normpath(path_of(folder, key[1], key[0]))) for key in wanted}
        outside = [key for key, path in files.items() if not path.is_relative_to(os.path.normpath(folder))]
        wanted = [key for key in wanted if key not in outside]
        changed = [] if force else [key for key in wanted if _is_unpublished(files[key], *key)]
    for key in outside:
        click.echo(f"{key[1]} does not stand within the folder of the rules, and is not written", err=True)
    if changed:
        raise click.ClickException(
            "nothing was written: these files were changed here, and what stands there is in no version. Publish them, "
            f"or move them away; --force writes over them: {', '.join(str(files[key]) for key in changed)}"
        )
    reports = [_write(rows[key], files[key]) for key in wanted]
    if output == "json":
        click.echo(to_json(reports, indent=2))
    for report in reports if output == "text" else []:
        done = "written" if report["written"] else "is there already"
        click.echo(printable(f"{report['file']}: version {report['version']}, {done}"))
    if not rows:
        told = "nothing is published yet: the service publishes the files of the rules folder when it starts"
        click.echo(told, err=True)
    for (thing, retired), row in sorted(rows.items()) if chosen is None else []:
        if not row.hash and (path := Path(path_of(folder, retired, thing))).exists():
            click.echo(f"{path} is retired, and stays: delete it before rules come from files again", err=True)


def _wanted(rows, chosen):
    """Return the keys of what is live, or of one program and the lists that it names. Needs the store."""
    if chosen is None:
        return sorted(key for key, row in rows.items() if row.hash)
    thing, name = chosen
    if not rows[chosen].hash:
        raise click.ClickException(f"{name} is retired: flask rules rollback {name} brings it back")
    if thing == LIST:
        return [chosen]
    path = path_of("rules", name)
    try:
        named = compile_text(name, path, rows[chosen].text, examples=False, texts=texts_of("rules", rows)).lists
    except RuleFileError as error:
        named = error.lists
    lists = sorted((LIST, list_name("rules", path)) for path in named)
    return [chosen, *(key for key in lists if key in rows and rows[key].hash)]


def _is_unpublished(path, thing, name):
    """Tell whether a file holds what no version of it does. Needs the store."""
    try:
        text = read_text(path)[0]
    except FileNotFoundError:
        return False
    except (OSError, RuleFileError):
        return True
    digest = hashlib.sha256(text.encode()).hexdigest()
    return digest not in {row.hash for row in history(name, thing)}


def _write(row, path):
    raw = row.text.encode()
    try:
        written = not path.exists() or path.read_bytes() != raw
        if written:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = path.with_name(f".{path.name}.new")  # who reads the folder finds no half of it
            whole.write_bytes(raw)
            os.replace(whole, path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    return {"thing": row.thing, "name": row.name, "version": row.version, "file": str(path), "written": written}
