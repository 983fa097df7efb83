"""What can be published: the rules of a program, and the lists that rules name; who may, and what is live."""

import re
from dataclasses import dataclass
from pathlib import Path

from flask import request, url_for
from werkzeug.exceptions import Forbidden, NotFound

import database
from judge.values import FORBIDDEN
from leads import publishing
from leads.deployed import list_name, programs_naming
from web import pages
from web.published import LIST, RULES, path_of
from web.service import service

NAME = re.compile("[a-z0-9][a-z0-9_-]{0,59}")  # of a new program: it stands in its address
LIST_NAME = re.compile(r"[\w-][\w .-]{0,79}(/[\w-][\w .-]{0,79})?")
FILES_MODE = (
    "Rules and lists are files here: change them where they are. With DATAPOST_RULES_FROM=dashboard they are published "
    "from these pages."
)


def published():
    """Tell whether the rules live in the database."""
    return service().settings.published


@dataclass(frozen=True)
class Subject:
    """The rules of a program, or a list, as an operator asks for them."""

    thing: str
    name: str

    @property
    def is_list(self):
        return self.thing == LIST

    @property
    def args(self):
        """What an address names it by."""
        return {"list": self.name} if self.is_list else {"name": self.name}

    def pair(self, version):
        """What an address names a comparison from this version by."""
        return self.args | {"from": version}

    @property
    def path(self):
        """Where it would be a file."""
        return path_of(service().rulebook.folder, self.name, self.thing)

    @property
    def home(self):
        """The address of its page."""
        if self.is_list:
            return url_for("lists.edit_list", list=self.name)
        return url_for("programs.show_program", name=self.name)

    @property
    def may_change(self):
        """Whether who is logged in may publish it."""
        if pages.operators.current_user().viewer:
            return False
        return _may_change_list(self.name) if self.is_list else pages.may_see(self.name)

    def live(self):
        """Return its newest version, or None. Raises StoreError."""
        with database.read():
            return publishing.live(self.name, self.thing)

    def history(self):
        with database.read():
            return publishing.history(self.name, self.thing)

    def find(self, version):
        """Return a version, or None; version 0 is an empty text."""
        with database.read():
            return publishing.find(self.name, version, self.thing)


def asked(name=None):
    """Return the Subject of a request, which its address names. Refuses whom it is not for."""
    if not published():
        raise NotFound
    if name is not None:
        if not pages.may_see(name):
            raise Forbidden
        return Subject(RULES, as_name(name))
    found = Subject(LIST, as_name(request.args.get("list", "")))
    if not found.may_change:  # a list may be of persons: who may not publish it does not read it
        raise Forbidden
    return found


def as_name(name):
    """Return a name that an address holds; there is no page of one that no database can look for."""
    if FORBIDDEN.search(name):
        raise NotFound
    return name


def _may_change_list(name):
    """Tell whether an operator may publish a list, and so read it: if all programs that name it are his.

    One that no program names, as before or after, is for whoever published it last, and for operators of all programs.
    """
    user, programs = pages.operators.current_user(), programs_naming(pages.rulebook(), name)
    if programs or user.programs is None:
        return all(map(pages.may_see, programs))
    row = getattr(pages.rulebook(), "rows", {}).get((LIST, name))
    return row is None or row.by == user.name


def list_names():
    """Return the lists that there are, by name, each with the names of the programs that name it."""
    book = pages.rulebook()
    if published():
        names = set(book.lists)
    else:
        paths = set().union(*(program.lists for program in book.programs.values()))
        names = {list_name(book.folder, path) for path in paths}
    return {name: programs_naming(pages.rulebook(), name) for name in sorted(names)}


def lists_to_name(program_name):
    """Return the paths of the lists that the rules of a program may name, or None for all, and their texts.

    An example of a text tells who is on a list. So of files only those may be named that are named now.
    """
    book = pages.rulebook()
    used = book.programs.get(program_name)
    named = set(used.lists) if used else set()
    if not published():
        return named, None
    if pages.operators.current_user().programs is None:
        return None, book.texts
    free = filter(_may_change_list, book.lists)
    return named | {path_of(book.folder, name, LIST) for name in free}, book.texts


def has_long_ends(text):
    """Tell whether the lines of a text end with CR LF."""
    return text.count("\r\n") * 2 > text.count("\n")


def text_sent(text, base, long_ends=None):
    """Return a text as it is meant that a browser sent: with the line ends that the text it comes from has.

    Browsers send every line end as CR LF.
    """
    text = re.sub("\r\n?", "\n", text)
    if text == re.sub("\r\n?", "\n", base):
        return base
    return text.replace("\n", "\r\n") if (has_long_ends(base) if long_ends is None else long_ends) else text


def as_version(text):
    """Return the number of a version that was sent; one that no version can have is not kept as it is."""
    return min(max(int(text), 0), publishing.HIGHEST_VERSION)


# --- Texts to start from ---

STARTERS = Path(__file__).parents[1] / "rules" / "examples"


def starters():
    """Return the names of the programs to start from."""
    return sorted(path.stem for path in STARTERS.glob("*.yaml"))


def starter(name):
    """Return the text of a program to start from, and the texts of the lists beside it, by name."""
    if name not in starters():
        return "", {}
    lists = {path.name: path.read_text(encoding="utf-8") for path in sorted(STARTERS.glob("*.txt"))}
    return (STARTERS / f"{name}.yaml").read_text(encoding="utf-8"), lists
