"""The rules that judged a stored lead: their text is kept, but not what stood that day in the lists beside them."""

from dataclasses import dataclass
from pathlib import Path

import models
from judge.compiler import compile_text
from judge.program import Program
from judge.rulefile import RuleFileError


@dataclass(frozen=True)
class Then:
    """The Program that judged a lead, or `why` there is none any more; `lists` says what became of those it names."""

    program: Program | None
    lists: str = ""
    why: str = ""


def rules_of(lead, folder):
    """Return the rules that judged a lead, as Then: with its lists empty that are gone. Needs the store."""
    text = models.RuleText.get_or_none(hash=lead.rules)
    if text is None:
        return Then(None, why="the text of its rules is not kept")
    path = folder / f"{lead.program}.yaml"  # its lists are beside it
    try:
        program = compile_text(lead.program, str(path), text.text, examples=False, lists_gone=True)
    except RuleFileError as error:  # a text of an earlier version
        return Then(None, why="; ".join(map(str, error.errors)))
    return Then(program, _told(program.lists))


def _told(lists):
    """Return in a sentence how the lists that a program names can be known today."""
    if not lists:
        return ""
    gone = [Path(path).name for path in sorted(lists) if not Path(path).is_file()]
    said = "What stood that day in the lists that these rules name is not kept"
    return f"{said}{f', and {_named(gone)} gone' if gone else ''}."


def _named(names):
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
