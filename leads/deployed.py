"""The rule files and lists of the deploy, where the database is the home of the rules: they seed it, and may change."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from judge.compiler import load
from judge.rulebook import rule_files
from judge.rulefile import Finding, RuleFileError
from web.logs import log
from web.published import LIST, RULES, path_of


@dataclass(frozen=True)
class ChangedFile:
    """A file of the deploy whose text is neither live nor known to who published last; `text` is to the letter."""

    thing: str
    name: str
    path: str
    hash: str
    text: str


def changed_files(folder, book):
    """Return the files of the deploy that changed since the live version was made, as ChangedFiles.

    `book` is a PublishedBook. New files are seeds, and those of retired programs are nothing.
    """
    return [
        file
        for key, file in sorted(deployed(folder).items())
        if (row := book.rows.get(key)) and row.hash and file.hash not in (row.file, row.hash)
    ]


def tell_changed_files(folder, book):
    """Say in the log which files of this deploy are not live."""
    for file in changed_files(folder, book) if book.known else ():
        log.warning(
            "%s is another text than is live, which stays: choose on its page, or by flask rules adopt %s",
            file.path,
            file.name,
        )


def changed_file(folder, book, thing, name):
    """Return the file of a program or list if it is among those that changed, or None."""
    found = changed_files(folder, book)
    return next((file for file in found if (file.thing, file.name) == (thing, name)), None)


def file_of(folder, name, thing=RULES):
    """Return the hash of the file in the deploy, or ""."""
    found = deployed(folder).get((thing, name))
    return found.hash if found else ""


def list_name(folder, path):
    """Return a list's path as rule files in the folder write it."""
    path = Path(path)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def deployed(folder):
    """Return the files of a deploy, rules and the lists that these name, as ChangedFiles by thing and name."""
    found = {}
    for path in rule_files(folder):
        if (read := _read_or_none(path)) is None or path.suffix != ".yaml":
            continue
        found[RULES, path.stem] = ChangedFile(RULES, path.stem, str(path), read[1], read[0])
        for list_path in _lists_named(str(path), read[1]):
            if read := _read_or_none(list_path):
                name = list_name(folder, list_path)
                found[LIST, name] = ChangedFile(LIST, name, list_path, read[1], read[0])
    return found


@lru_cache(100)
def _lists_named(path, _digest):
    try:
        return sorted(load(path).lists)
    except RuleFileError as error:
        return sorted(error.lists)


def _read_or_none(path):
    try:
        return read_text(path)
    except (OSError, RuleFileError):
        return None


def read_text(path):
    """Return the text of a file to the letter, and the hash of its bytes."""
    raw = Path(path).read_bytes()
    try:
        return raw.decode("utf-8-sig"), hashlib.sha256(raw).hexdigest()
    except UnicodeDecodeError:
        raise RuleFileError([Finding(str(path), 1, "this is not UTF-8 text: save the file as UTF-8")]) from None


def programs_naming(book, list_name):
    """Return the names of the programs that name a list."""
    path = path_of(book.folder, list_name, LIST)
    return sorted(program.name for program in book.programs.values() if path in program.lists)
