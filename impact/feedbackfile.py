"""A file of what sales says, as a CRM or a spreadsheet writes it: `lead_id,outcome,reason,value`, a lead a line."""

import csv
from dataclasses import dataclass, field
from functools import partial
from io import StringIO

import database
from impact import feedback
from impact.feedback import FeedbackError, Statement
from judge.values import canonical

MOST_LINES, MOST_BYTES = 10_000, 2_000_000
AT_ONCE = 20  # statements of one transaction: some 20 ms of the one writer that leads share
COLUMNS = ("lead_id", "outcome", "reason", "value")
NEEDED = COLUMNS[:2]
PLACES = {canonical(name): place for place, name in enumerate(COLUMNS)}
DELIMITERS = ",;\t"


@dataclass
class Taken:
    """What came of a file: how many lines were new, were known already, and cannot be taken: with number and why.

    `proposed` is how many of its bad leads wait to be reversed now.
    """

    added: int = 0
    known: int = 0
    proposed: int = 0
    wrong: list = field(default_factory=list)  # of (line, sentence)

    @property
    def lines(self):
        return self.added + self.known + len(self.wrong)


def take_file(raw, find, said_by, progress=lambda _lines: None):
    """Note what the bytes of a file say, and return what was Taken; `progress(lines)` is told of each batch.

    `find(name)` returns the program whose leads may be spoken of, or None. Lines that are right are taken whatever the
    others are. Raises FeedbackError where the file as a whole cannot be read, and StoreError: what was taken by then
    is, and adds nothing when the file comes again.
    """
    lines, wrong = _read(_text(raw))
    taken = Taken(wrong=wrong)
    for batch in _batches(lines):
        results = database.transact_and_rest(partial(feedback.take, [said for _, said in batch], find, said_by))
        for (number, _), result in zip(batch, results, strict=True):
            _count(taken, number, result)
        progress(len(batch))
    taken.wrong.sort()
    return taken


def _count(taken, number, result):
    if isinstance(result, FeedbackError):
        taken.wrong.append((number, str(result)))
        return
    taken.added += result.added
    taken.known += not result.added
    taken.proposed += result.proposed


def _batches(lines):
    """Yield the lines some at a time, those of one lead together and in their order."""
    of_lead = {}
    for number, said in lines:
        of_lead.setdefault(said.lead.strip().upper(), []).append((number, said))
    batch = []
    for some in of_lead.values():
        batch += some
        if len(batch) >= AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


# --- Bytes to lines ---


def _text(raw):
    if len(raw) > MOST_BYTES:
        raise _unreadable(f"has more than {MOST_BYTES // 1_000_000} MB: cut it into several")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable("is not UTF-8 text: save it as CSV in UTF-8") from None


def _unreadable(why):
    return FeedbackError(f"the file {why}", "unreadable", 400)


def _read(text):
    """Return the lines of a text as (number, Statement), and what is wrong with others as (number, sentence)."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    rows = csv.reader(StringIO(text, newline=""), delimiter=max(DELIMITERS, key=head.count), strict=True)
    places, lines, wrong = None, [], []
    while True:
        try:
            row = next(rows, None)
        except csv.Error:
            told = 'cannot be read as CSV from here on: a text in quotes ends with ", and a quote within it is ""'
            wrong.append((rows.line_num, f"it {told}"))
            break
        if row is None:
            break
        if not any(cell.strip() for cell in row):
            continue
        if places is None:
            places = _places(row)
        elif len(lines) + len(wrong) >= MOST_LINES:
            raise _unreadable(f"has more than {MOST_LINES:,} lines: cut it into several")
        elif len(row) > len(places):
            told = "it has more cells than the first line: put a value with a comma in quotes"
            wrong.append((rows.line_num, told))
        else:
            lines.append((rows.line_num, _statement(row, places)))
    if places is None:
        raise _unreadable(f"is empty: its first line names the columns, {', '.join(COLUMNS)}")
    return lines, wrong


def _places(head):
    """Return which of COLUMNS each cell is, or None."""
    places = [PLACES.get(canonical(cell.strip())) for cell in head]
    missing = [name for place, name in enumerate(COLUMNS) if name in NEEDED and place not in places]
    if missing:
        raise _unreadable(f"has no column {' and no column '.join(missing)}: name them in its first line")
    if twice := [name for place, name in enumerate(COLUMNS) if places.count(place) > 1]:
        raise _unreadable(f"has the column {twice[0]} twice: keep one")
    return places


def _statement(row, places):
    texts = [""] * len(COLUMNS)
    for place, cell in zip(places, row, strict=False):
        if place is not None:
            texts[place] = cell
    return Statement(*texts)
