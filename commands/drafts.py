"""A file that may become live: compiled as it would be if it were published."""

from dataclasses import dataclass, field
from pathlib import Path

from commands.shared import reading
from judge.changes import begun_anew
from judge.compiler import compile_text, load
from judge.program import Program
from judge.rulefile import RuleFileError, decoded
from leads import search
from leads.deployed import list_name, read_text
from web.published import LIST, live_rows, path_of, texts_of
from web.service import service


@dataclass
class Draft:
    """A rule file, compiled with the lists that are live, or what is wrong with it.

    `lists` are the texts, by name, of those beside it that it names and nobody has published; `others` the names of
    those that are beside it in another text than is live.
    """

    text: str
    program: Program | None = None
    errors: list = field(default_factory=list)
    lists: dict = field(default_factory=dict)
    others: list = field(default_factory=list)

    @property
    def warnings(self):
        """What `flask rules check` warns of, too."""
        if self.program is None:
            return []
        return [*self.program.warnings, *begun_anew(self.program, *search.last_rules(self.program))]


class _Library(dict):
    """The texts of the lists that are live, by path; where there is none, what stands there on disk."""

    def get(self, path, default=None):
        if path in self:
            return self[path]
        return _text_or_none(path) or default


def _text_or_none(path):
    try:
        return read_text(path)[0]
    except (OSError, RuleFileError):
        return None


def compile_draft(path, name, text=None):
    """Return the rule file at `path` as a Draft of the program `name`; `text` is its text where that stands elsewhere.

    Messages name the file as it was given.
    """
    path = Path(path)
    if text is None:
        try:
            text = decoded(path.read_bytes(), str(path))
        except RuleFileError as error:
            return Draft("", errors=error.errors)
    with reading():
        live = texts_of(path.parent, live_rows())
    draft = Draft(text)
    try:
        draft.program = compile_text(name, str(path), text, texts=_Library(live))
        named = draft.program.lists
    except RuleFileError as error:
        draft.errors, named = error.errors, error.lists
    for list_path in sorted(named):
        beside, list_named = _text_or_none(list_path), list_name(path.parent, list_path)
        if beside is not None and list_path not in live:
            draft.lists[list_named] = beside
        elif beside is not None and beside != live[list_path]:
            draft.others.append(list_named)
    return draft


def load_file(path, name=None):
    """Return the Program of a rule file: with the lists beside it, or those that are live. Raises RuleFileError."""
    if not service().settings.published:
        return load(path)
    if not Path(path).is_file():
        return load(path)  # which says what is wrong
    draft = compile_draft(path, name or Path(path).stem)
    if draft.errors:
        raise RuleFileError(draft.errors)
    return draft.program


def warnings_of_list(folder, name, text):
    """Return what live programs warn of if a list has this text, and which name it."""
    with reading():
        rows = live_rows()
    path, told, named_by = path_of(folder, name, LIST), [], []
    texts = texts_of(folder, rows) | {path: text}
    for (thing, program), row in sorted(rows.items()):
        if thing == LIST or not row.hash:
            continue
        try:
            made = compile_text(program, path_of(folder, program), row.text, texts=texts)
        except RuleFileError as error:  # told by who publishes it
            named_by += [program] if path in error.lists else []
            continue
        if path in made.lists:
            named_by.append(program)
            told += [str(warning) for warning in made.warnings if path in warning.message]
    return told, named_by
