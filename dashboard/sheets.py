"""Texts of rules with what is wrong or suspicious on their lines."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from judge.changes import begun_anew
from judge.compiler import compile_text, load
from judge.examples import differences, expected_codes, judge_example
from judge.rulefile import RuleFileError
from judge.rules import expression
from web import pages


@dataclass
class Sheet:
    """A text of rules as it stands: its lines, and what is wrong or suspicious about them.

    `notes` holds for each line number the pairs of `error` or `warning` and a sentence.
    """

    text: str
    program: object = None
    notes: dict = field(default_factory=dict)
    examples: list = field(default_factory=list)

    @property
    def errors(self):
        return sum(kind == "error" for notes in self.notes.values() for kind, _ in notes)

    @property
    def warnings(self):
        return sum(kind == "warning" for notes in self.notes.values() for kind, _ in notes)

    @property
    def lines(self):
        return [(number, line, self.notes.get(number, [])) for number, line in enumerate(self.text.splitlines(), 1)]

    @property
    def noted(self):
        """The lines that have notes."""
        lines = self.text.splitlines()
        return [(number, "".join(lines[number - 1 : number]), self.notes[number]) for number in sorted(self.notes)]

    @property
    def listed(self):
        """The notes one after the other, as a script reads them."""
        return [
            {"line": number, "kind": kind, "message": sentence}
            for number in sorted(self.notes)
            for kind, sentence in self.notes[number]
        ]

    @property
    def deliveries(self):
        """Which valid leads go where, and what of them: for each destination its name and two sentences."""
        entries = self.program.spec.deliver if self.program else []
        return [(entry.to, _who_goes(entry), _what_goes(entry)) for entry in entries]

    def note(self, findings):
        for found in findings:
            kind = "warning" if found.is_warning else "error"
            self.notes.setdefault(found.line or 1, []).append((kind, found.message))


def _who_goes(entry):
    which = f"Valid leads with {expression(entry.when)}" if entry.when else "Every valid lead"
    told = "; it is told of those that are erased" if entry.erasures else ""
    return f"{which}{', tests too' if entry.tests else ''}{told}"


def _what_goes(entry):
    form = {"json": "as JSON", "form": "as a form"}[entry.format]
    if entry.fields is None:
        return f"the whole lead, {form}"
    named = ", ".join(name if source == name else f"{name} ({source})" for name, source in entry.fields.items())
    return f"{named}, {form}"


def file_text(path):
    """Return the text of a rule file as far as it is one, and nothing of one that cannot be read."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig", "replace")
    except OSError:  # who compiles it is told so
        return ""


def read_sheet(name, path):
    """Return the Sheet of the file on disk."""
    try:
        program = load(path)
    except RuleFileError as error:
        text = file_text(path)
        sheet = Sheet(text, _without_examples(name, path, text))
        sheet.note(error.errors)
    else:
        sheet = Sheet(program.text, program)
        sheet.note(program.warnings)
    sheet.examples = _run_examples(sheet.program)
    return sheet


def published_sheet(name, path, text):
    """Return the Sheet of a text that is live in the database."""
    texts = pages.rulebook().texts
    sheet = _compiled(name, path, text, texts=texts)
    if sheet.program is None:
        sheet.program = _without_examples(name, path, text, texts=texts)
    sheet.examples = _run_examples(sheet.program)
    return sheet


def check_text(name, path, text, lists, texts):
    """Return the Sheet of a text that an operator would like to be live.

    It may name these `lists`, by paths: of others, an example would tell who is on them. None are all there are.
    `texts` are those of the lists, by path, or None where they are read from disk.
    """
    sheet = _compiled(name, path, text, lists=lists, texts=texts)
    if sheet.program:
        used = pages.rulebook().programs.get(name)
        sheet.note(begun_anew(sheet.program, name, used.text) if used else [])
    return sheet


def anew(name, program):
    """Return what a text begins anew, by sentences."""
    used = pages.rulebook().programs.get(name)
    return [finding.message for finding in begun_anew(program, name, used.text)] if used else []


def _compiled(name, path, text, **lists):
    try:
        program = compile_text(name, path, text, **lists)
    except RuleFileError as error:
        sheet = Sheet(text)
        sheet.note(error.errors)
    else:
        sheet = Sheet(text, program)
        sheet.note(program.warnings)
    return sheet


def _without_examples(name, path, text, **lists):
    """Return the Program if its examples are all that is wrong with it, or None."""
    try:
        return compile_text(name, path, text, examples=False, **lists)
    except RuleFileError:
        return None


def _run_examples(program):
    """Return for each example its name, what is expected, what the rules say, and whether that is the same."""
    rows, now = [], datetime.now(UTC)
    for example in program.spec.examples if program else []:
        verdict = judge_example(program, example, now)
        rows.append((example.name, expected_codes(example), verdict, not list(differences(example, verdict))))
    return rows
