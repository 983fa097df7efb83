"""The commands that change what is live in the database: `flask rules publish`, `rollback`, `adopt` and `retire`."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import with_appcontext

from commands.drafts import compile_draft, warnings_of_list
from commands.shared import as_json, login_name, reading, refuse_empty
from commands.versions import a_list, as_row, difference, known, refuse_files_mode
from database import StoreError
from judge.meant import nearest
from judge.rulefile import RuleFileError
from judge.values import FORBIDDEN
from leads import publishing
from leads.deployed import deployed, read_text
from leads.publishing import LONGEST_NAME, Outdated, PublishingError
from web.logs import printable
from web.presenting import to_json
from web.published import LIST, RULES, live_rows, path_of
from web.service import service

PUBLISHED = ("version", "at", "by", "kind", "comment", "hash")  # what is told of a new version


def _check_by(_context, _option, text):
    text = (login_name() or f"user {os.getuid()}") if text is None else text.strip()
    if not text or len(text) > LONGEST_NAME or FORBIDDEN.search(text):
        raise click.BadParameter(f"write a name, up to {LONGEST_NAME} characters")
    return text


by_whom = click.option("--by", callback=_check_by, help="who does it, for the log; by default who is logged in here")
based = click.option(
    "--based-on", type=click.IntRange(0), help="refuse if another version is live than this one (0: if there is any)"
)
why = click.option("--comment", required=True, help="what changes, and why; it stays in the log")
a_why = click.option("--comment", default="", help="why; it stays in the log")


# --- The commands ---


@click.command("publish")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--program", help="whose rules they become; by default of the program that FILE is named after")
@click.option(
    "--list", "as_list", help="the list that FILE becomes, as rules name it; by default it is named like FILE"
)
@based
@why
@by_whom
@as_json
@with_appcontext
def publish_file(file, program, as_list, based_on, comment, by, output):
    """Make FILE live: a program's rules, or a list.

    A file that is no .yaml is a list, as rules name it. Rules must compile, and their examples pass; a list must break
    none that name it. Shown are the warnings, and the difference to what is live. Lists that stand beside rules, and
    that nobody has published, come along. The exit status is 1 if nothing could be published.
    """
    refuse_files_mode()
    refuse_empty(program=program, list=as_list)
    thing, name = _named(Path(file), program, as_list)
    report = Report(thing, name, output, file)
    text, digest = report.read(lambda: read_text(file))
    report.compare(text, based_on, file)
    lists = report.check(text)
    if report.is_live(text):
        report.end(f"{report.version} of {name} has this text already: there was nothing to publish")
    folder = service().settings.rules
    is_deployed = os.path.realpath(file) == os.path.realpath(path_of(folder, name, thing))
    given = {"based_on": report.there, "thing": thing, "lists": lists, "folder": folder}
    report.carry_out(publishing.publish, name, text, by, comment, **given, file=digest if is_deployed else "")


@click.command("rollback")
@click.argument("name", metavar="PROGRAM")
@click.argument("version", type=click.IntRange(1), required=False)
@based
@a_why
@by_whom
@a_list
@as_json
@with_appcontext
def roll_back(name, version, based_on, comment, by, is_list, output):
    """Make an earlier VERSION of PROGRAM live again.

    It becomes one more version, and nothing is lost. Without VERSION it is the newest that has another text than the
    live one. PROGRAM may be the name of a list.
    """
    refuse_files_mode()
    thing, name = known(name, is_list)
    report = Report(thing, name, output)
    chosen = report.read(lambda: _earlier(thing, name, version))
    report.compare(chosen.text, based_on, f"{name}, version {chosen.version}")
    folder = service().settings.rules
    report.carry_out(publishing.rollback, name, by, comment, version, thing, report.there, folder)


@click.command("adopt")
@click.argument("name", metavar="PROGRAM")
@based
@a_why
@by_whom
@a_list
@as_json
@with_appcontext
def adopt_file(name, based_on, comment, by, is_list, output):
    """Make the deploy's file live, for PROGRAM.

    It is that of the rules folder: one that changed stays aside until somebody chooses. To let the live text stay,
    choose so on the program's page, or bring the live text into the deploy (flask rules pull). PROGRAM may be the name
    of a list.
    """
    refuse_files_mode()
    folder = service().settings.rules
    files = deployed(folder)
    thing, name = known(name, is_list, files)
    path = path_of(folder, name, thing)
    report = Report(thing, name, output, path)
    if (thing, name) not in files:
        report.refuse(f"there is no file {path} in this deploy")
    text = files[thing, name].text
    report.compare(text, based_on, path)
    report.check(text)
    if report.is_live(text):
        report.end(f"{report.version} of {name} has the text of {path} already: there was nothing to adopt")
    comment = comment.strip() or "the file of the deploy"
    report.carry_out(publishing.adopt, name, by, folder, comment, report.there, thing)


@click.command("retire")
@click.argument("name", metavar="PROGRAM")
@based
@why
@by_whom
@a_list
@as_json
@with_appcontext
def retire_program(name, based_on, comment, by, is_list, output):
    """Have PROGRAM take no more leads.

    Its address answers 404, its leads stay, and no deploy brings it back; flask rules rollback does. PROGRAM may be the
    name of a list that no live rules name any more.
    """
    refuse_files_mode()
    thing, name = known(name, is_list)
    report = Report(thing, name, output)
    report.compare(None, based_on)
    report.carry_out(publishing.retire, name, by, comment, report.there, thing, service().settings.rules)


# --- What they share ---


def _named(path, program, as_list):
    """Return what a file is published as: "rules" or "list", and its name."""
    if program and as_list:
        raise click.ClickException("a file is the rules of a program or a list: say --program or --list")
    if as_list:
        return LIST, as_list
    if program or path.suffix in (".yaml", ".yml"):
        return RULES, program or path.stem
    folder = Path(service().settings.rules)
    within = path.resolve().is_relative_to(folder.resolve())
    return LIST, str(path.resolve().relative_to(folder.resolve())) if within else path.name


def _earlier(thing, name, version):
    """Return the version to roll back to. Raises PublishingError."""
    with reading():
        return publishing.earlier(publishing.history(name, thing), name, version)


class Report:
    """What a command says of a publication: step by step to people, and at its end as JSON to programs."""

    def __init__(self, thing, name, output, file=None):
        self.thing, self.name, self.output, self.file = thing, name, output, file
        with reading():
            self.rows = live_rows()
        self.live = self.rows.get((thing, name))
        self.there = self.live.version if self.live else 0
        self.told = {"thing": thing, "name": name, "published": False}
        self.told |= dict.fromkeys(PUBLISHED)
        self.told |= {"errors": [], "warnings": [], "difference": [], "lists": []}

    @property
    def version(self):
        return f"version {self.there}"

    def is_live(self, text):
        return bool(self.live and self.live.hash) and self.live.text == text

    def compare(self, text, based_on, text_name=""):
        """Refuse where something else is live; note the difference to a text, of which retiring has none."""
        if based_on is not None and based_on != self.there:
            self._refuse_outdated(Outdated(self.name, self.live, based_on), based_on)
        if text is None:
            return
        before = self.live.text if self.live else ""
        live_name = f"{self.name}, {self.version}" if self.live else f"{self.name}, nothing"
        self.told["difference"] = difference(before, text, live_name, text_name)

    def check(self, text):
        """Refuse what is broken, and note warnings; return the texts of the lists to bring along."""
        return self._check_rules(text) if self.thing == RULES else self._check_list(text)

    def _check_rules(self, text):
        """Compile rules as they would be live."""
        path = Path(self.file)
        draft = compile_draft(path, self.name, text)
        if draft.errors:
            self.refuse(*map(str, draft.errors))
        self.told["warnings"] += map(str, draft.warnings)
        self.told["warnings"] += [
            f"{path.parent / name} is another text than the list that is live, which stays: publish it by itself"
            for name in draft.others
        ]
        if self.live is None:
            known_programs = [name for thing, name in self.rows if thing == RULES]
            self.told["warnings"].append(
                f"{self.name} is a new program, with an address of its own: /leads/{self.name}"
                f"{nearest(self.name, known_programs)}"
            )
        return draft.lists

    def _check_list(self, text):
        """See what the programs that name a list say of it; nothing comes along."""
        told, named_by = warnings_of_list(service().settings.rules, self.name, text)
        self.told["warnings"] += told
        if not named_by:
            names = [name for thing, name in self.rows if thing == LIST and name != self.name]
            alike = next((name for name in names if Path(name).name == Path(self.name).name), None)
            guess = f'. Did you mean "--list {alike}"?' if alike else ""
            self.told["warnings"].append(f"no live rules name the list {self.name}{guess}")
        return {}

    def read(self, function):
        """Do what may find nothing to publish."""
        with self._refusing():
            return function()

    def carry_out(self, function, *given, **more):
        """Publish, and end with what was published."""
        self._show(self.told["warnings"] + self.told["difference"])
        with self._refusing():
            made = function(*given, **more)
        with reading():
            self.told["lists"] = publishing.brought_along(made)
        shown = as_row(made, made, {})
        self.told |= {"published": True, **{key: shown[key] for key in PUBLISHED}}
        self._show(f"with it came the list {name}" for name in self.told["lists"])
        self.end(_sentence(made))

    def refuse(self, *sentences):
        """End with why nothing was published."""
        self.told["errors"] = list(sentences)
        self._show(sentences)
        self._end(f"{self.name}: nothing was published", 1)

    def end(self, sentence):
        self._end(sentence, 0)

    def _end(self, sentence, status):
        if self.output == "json":
            click.echo(to_json(self.told, indent=2))
        self._show([sentence])
        sys.exit(status)

    def _show(self, lines):
        for line in lines if self.output == "text" else ():
            click.echo(printable(line, keep="\t"))

    @contextmanager
    def _refusing(self):
        try:
            yield
        except Outdated as error:
            self._refuse_outdated(error, self.there)
        except RuleFileError as error:
            self.refuse(*map(str, error.errors))
        except PublishingError as error:
            self.refuse(str(error))
        except StoreError as error:
            raise click.ClickException(f"nothing was published, the store cannot be used: {error}") from None

    def _refuse_outdated(self, error, based_on):
        """Say which version is live, and show what it changed since the one that was named."""
        with reading():
            base = publishing.find(self.name, based_on, self.thing)
        if based_on and not base:
            self.refuse(f"there is no version {based_on} of {self.name}: look at flask rules log {self.name}")
        before, live = base.text if base else "", error.live
        names = f"{self.name}, version {based_on}", f"{self.name}, version {live.version if live else 0}"
        self.told["difference"] = difference(before, live.text if live else "", *names)
        self._show(self.told["difference"])
        self.refuse(str(error))


def _sentence(made):
    what = f"{made.name}: version {made.version}"
    if made.kind == "retire":
        return f"{what}, retired by {made.by}"
    done = {"rollback": "rolled back", "adopt": "adopted"}.get(made.kind, "published")
    return f"{what}, {done} by {made.by}, {made.hash[:12]}: live in every process within two seconds"
