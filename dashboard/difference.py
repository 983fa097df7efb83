"""What differs between two texts, line by line, at a cost that has an end."""

from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

# difflib looks at each pair of equal lines again in each part into which it divides the texts: so many pairs take
# about a second at worst. Blank lines make most of them.
MOST_COMPARED = 10_000_000
AROUND = 3  # lines that are shown around what differs
MOST_SHOWN = 1000  # lines


class Line(NamedTuple):
    """A line of a difference: `kind` is same, removed, added or gap: there, `text` tells how many are left out."""

    kind: str
    before: int | None
    after: int | None
    text: str


@dataclass(frozen=True)
class Difference:
    """The lines to show, how many are added and removed in all, and what is to be said besides.

    `rough` tells that the texts are too long to be compared in their order, `cut` that there is more than is shown.
    """

    lines: list
    added: int = 0
    removed: int = 0
    rough: bool = False
    cut: bool = False
    ends: bool = False  # only line ends, or the end of the last line, differ

    @property
    def there(self):
        return bool(self.lines) or self.ends


def difference(before, after):
    """Return the Difference from one text to another."""
    if before == after:
        return Difference([])
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        return Difference([], ends=True)
    head, tail = _alike(old, new)
    mid_old, mid_new = old[head : len(old) - tail], new[head : len(new) - tail]
    if _cost(mid_old, mid_new) > MOST_COMPARED:
        changes = list(_rough(mid_old, mid_new, head))
        return _shown(changes, rough=True)
    lines = [Line("same", n + 1, n + 1, old[n]) for n in range(max(0, head - AROUND), head)]
    if head > AROUND:
        lines.insert(0, Line("gap", None, None, str(head - AROUND)))
    for tag, i, j, k, m in SequenceMatcher(None, mid_old, mid_new, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += _same(mid_old, i, j, head, head + k - i)
            continue
        lines += [Line("removed", head + n + 1, None, mid_old[n]) for n in range(i, j)]
        lines += [Line("added", None, head + n + 1, mid_new[n]) for n in range(k, m)]
    at_old, at_new = len(old) - tail, len(new) - tail
    lines += [Line("same", at_old + n + 1, at_new + n + 1, old[at_old + n]) for n in range(min(tail, AROUND))]
    if tail > AROUND:
        lines.append(Line("gap", None, None, str(tail - AROUND)))
    return _shown(lines)


def _alike(old, new):
    """Return how many lines are the same at the beginning, and how many at the end."""
    shorter = min(len(old), len(new))
    head = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    tail = next((n for n in range(shorter - head) if old[-1 - n] != new[-1 - n]), shorter - head)
    return head, tail


def _cost(old, new):
    there = Counter(new)
    return sum(there[line] for line in old) * min(len(old), len(new))


def _same(lines, start, end, head, shift):
    """Return lines that are the same, of many those at both ends."""
    count = end - start
    kept = range(start, end) if count <= 2 * AROUND else [*range(start, start + AROUND), *range(end - AROUND, end)]
    found = [Line("same", head + n + 1, shift + n + 1, lines[n]) for n in kept]
    if count > 2 * AROUND:
        found.insert(AROUND, Line("gap", None, None, str(count - 2 * AROUND)))
    return found


def _rough(old, new, head):
    """Yield the lines that only one of the texts has, whatever their order."""
    gone, came = Counter(old) - Counter(new), Counter(new) - Counter(old)
    for kind, lines, left in (("removed", old, gone), ("added", new, came)):
        for number, line in enumerate(lines, head + 1):
            if left[line]:
                left[line] -= 1
                yield Line(kind, *((number, None) if kind == "removed" else (None, number)), line)


def _shown(lines, rough=False):
    counts = Counter(line.kind for line in lines)
    return Difference(lines[:MOST_SHOWN], counts["added"], counts["removed"], rough, len(lines) > MOST_SHOWN)
