"""The rules that judged a stored lead: their text is kept.

What stood that day in the lists that they name is kept where lists are published, and not where they are files.
"""

from dataclasses import dataclass
from pathlib import Path

from peewee import fn

import models
from judge.compiler import compile_text
from judge.program import Program
from judge.rulefile import RuleFileError
from models import Published
from web.published import LIST, path_of


@dataclass(frozen=True)
class Then:
    """The Program that judged a lead, or `why` there is none any more; `lists` says what became of those it names."""

    program: Program | None
    lists: str = ""
    why: str = ""


def rules_of(lead, book):
    """Return the rules that judged a lead, as Then: with its lists empty that are gone. Needs the store."""
    text = models.RuleText.get_or_none(hash=lead.rules)
    if text is None:
        return Then(None, why="the text of its rules is not kept")
    path = book.folder / f"{lead.program}.yaml"  # its lists are beside it
    kept = None if book.texts is None else _lists_at(book.folder, lead.received_at)
    texts = None if kept is None else book.texts | kept
    try:
        program = compile_text(lead.program, str(path), text.text, examples=False, lists_gone=True, texts=texts)
    except RuleFileError as error:  # a text of an earlier version
        return Then(None, why="; ".join(map(str, error.errors)))
    return Then(program, _told(program.lists - (kept or {}).keys(), texts))


def _lists_at(folder, moment):
    """Return the texts of the lists that were live, by path."""
    newest = Published.select(fn.MAX(Published.id)).where(Published.thing == LIST, Published.at <= moment)
    rows = Published.select(Published.name, Published.text).where(Published.id.in_(newest.group_by(Published.name)))
    return {path_of(folder, name, LIST): text for name, text in rows.tuples()}


def _told(lists, texts):
    """Return in a sentence how the lists that a program names can be known today, beside those that are kept."""
    if not lists:
        return ""
    gone = [Path(path).name for path in sorted(lists) if not (Path(path).is_file() if texts is None else path in texts)]
    said = "What stood that day in the lists that these rules name is not kept"
    return f"{said}{f', and {_named(gone)} gone' if gone else ''}."


def _named(names):
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
