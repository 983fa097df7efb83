"""YAML as people write it: a mistake is told where it was made, mended or left out, and the rest is read on.

`compose(text, source)` gives the tree of a rule file. Each time that the parser stops, yamlslips.py says what was
likely meant. Where that is sure, the line is mended in memory; elsewhere the field, rule or example that it stands in
is left out, so that nothing is reported that only follows from it. Each reading counts in the size of the file, which
bounds what a hostile text can cost.
"""

import re

import yaml

from judge.yamllines import bare_of, holds_words, width_of
from judge.yamlslips import find_slip

MOST_READINGS = 40
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # where YAML ends a line

# Blanks that look like one, and characters that are not seen at all.
UNSEEN = "\u00a0\u00ad\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u2064\u3000\ufeff"
_NO_SPACE = re.compile(rf"[{UNSEEN}]")
_ZERO_WIDTH = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_BLANKS = re.compile(rf"[\s{UNSEEN}]+")


def unseen(text):
    """Return the end of a sentence about a text that holds a blank or sign that nobody sees, or nothing."""
    found = _NO_SPACE.search(text)
    return f"it holds {_named(found[0])}" if found else ""


def _named(character):
    what = "a no-break space" if character in "\xa0\u202f" else "a character that is not seen"
    return f"{what} (U+{ord(character):04X})"


class TooLongError(Exception):
    """A file is too long or too deep, from this line."""

    def __init__(self, line):
        self.line = line


class Loader(yaml.BaseLoader):
    """A loader that stops where a file is too long or too deep, before the rest of it costs anything.

    `given` are its anchors with their lines, and `used` those that are repeated.
    """

    most_nodes = most_levels = nodes = level = 0

    def compose_node(self, parent, index):
        self.nodes, self.level = self.nodes + 1, self.level + 1
        event = self.peek_event()
        if self.nodes > self.most_nodes or self.level > self.most_levels:
            raise TooLongError(event.start_mark.line + 1)
        if isinstance(event, yaml.AliasEvent):
            self.used.add(event.anchor)
        elif event.anchor:
            self.given[event.anchor] = event.start_mark.line + 1
        node = super().compose_node(parent, index)
        self.level -= 1
        return node


def compose(text, source, most_nodes, most_levels):
    """Return the tree of a rule file, or None of an empty one. Raises TooLongError.

    What is wrong with its YAML is complained of; the lines of what had to be left out are in `source.stubs`.
    """
    reader = _Reader(text.removeprefix("\ufeff"), source)
    for _ in range(MOST_READINGS):
        loader = None
        try:
            loader = Loader(reader.text)
            loader.most_nodes, loader.most_levels = most_nodes, most_levels
            loader.given, loader.used = {}, set()
            node = loader.get_single_node()
        except TooLongError:
            source.stop()  # it may be so only because of what was left out
            raise
        except yaml.YAMLError as error:
            reader.mend(error)
            source.count_again(
                (loader.nodes if loader else 0) + len(reader.text) // 100 + reader.text.count("\n") // 20
            )
        else:
            for name in loader.given.keys() - loader.used:
                source.warn_line(
                    loader.given[name], f'nothing repeats "&{name}": put a text that begins with & in quotes'
                )
            return node
    source.stop()
    return None


class _Reader:
    def __init__(self, text, source):
        self.source, self.text, self.told = source, text, set()
        if _NO_SPACE.search(text):
            self._replace_unseen()

    def mend(self, error):
        """Complain of what stopped the parser, and change the text so that it gets further."""
        if isinstance(error, yaml.reader.ReaderError):
            self._delete_control_characters()
            return
        lines = _BREAK.split(self.text)
        slip = find_slip(error, lines)
        start, end, stub = _entry(lines, slip.line)
        known = start in self.told
        if not known:
            self.source.complain_line(slip.line + 1, slip.message)
        if slip.mended and not known and any(lines[at] != line for at, line in slip.mended.items()):
            for at, line in slip.mended.items():
                lines[at] = line
                self.source.mended.add(at + 1)
        else:
            self.told.add(start)
            key = re.match(r"[\w-]+", lines[start])
            if stub is None and key:
                self.source.broken.add((key[0],))
            before = lines[start:end]
            lines[start:end] = [stub or "", *[""] * (end - start - 1)]
            if stub:
                self.source.stubs.add(start)
            if lines[start:end] == before:  # it is not there: nobody knows what is
                lines[max(slip.line, 0) :] = []
        self.text = "\n".join(lines)

    def _replace_unseen(self):
        """Put ordinary blanks where others stand between the parts of the file; within a text they may be meant."""
        lines = _BREAK.split(self.text)
        for number, line in enumerate(lines):
            if _NO_SPACE.search(line):
                for start, end in reversed([found.span() for found in _BLANKS.finditer(bare_of(line))]):
                    blanks = line[start:end]
                    if (odd := _NO_SPACE.search(blanks)) and _is_between(line, start, end):
                        told = f"{_named(odd[0])} stands where only an ordinary space may: delete it and type a space"
                        self.source.complain_line(number + 1, told)
                        blanks = _NO_SPACE.sub(" ", _ZERO_WIDTH.sub("", blanks))
                        lines[number] = lines[number][:start] + blanks + lines[number][end:]
        self.text = "\n".join(lines)

    def _delete_control_characters(self):
        for number, line in enumerate(_BREAK.split(self.text)):
            if _CONTROL.search(line):
                self.source.complain_line(number + 1, "this line holds a control character: delete it")
        self.text = _CONTROL.sub("", self.text)


_CONTROL = yaml.reader.Reader.NON_PRINTABLE


def _is_between(line, start, end):
    """Tell whether blanks stand between parts of the file: at its edge, at brackets, and around the colon of a key."""
    before, after = line[max(0, start - 80) : start], line[end : end + 80]
    if start == 0 or before[-1] in "{[" or after[:1] in ("}", "]"):
        return True
    if before[-1] == ",":
        return bool(re.match(r"[\w-]+:", after))
    is_key = re.search(r"(?:^|[{,-])\s*[\w.-]{1,64}:?$", before)
    return bool(is_key) and (before[-1] in ":-" or after[:1] == ":")


def _entry(lines, at):
    """Return from where up to where the field, rule, example or key goes that a line stands in, and a stub of it.

    None in the place of the stub stands for a whole key of the program.
    """
    at = min(at, len(lines) - 1)
    top = next((number for number in range(at, -1, -1) if re.match(r"[^\s#-]", lines[number])), 0)
    end = next((n for n in range(max(at, top) + 1, len(lines)) if re.match(r"[^\s#-]", lines[n])), len(lines))
    inner = next((number for number in range(top + 1, end) if holds_words(lines[number])), None)
    if at == top or inner is None or inner > at:
        return top, end, None
    width = width_of(lines[inner])
    starts = [n for n in range(inner, end) if holds_words(lines[n]) and width_of(lines[n]) <= width]
    is_list = lines[inner].lstrip().startswith("-")
    starts = [n for n in starts if lines[n].lstrip()[0] not in "]}" and (not is_list or lines[n].lstrip()[0] == "-")]
    starts = starts or [inner]
    start = max((n for n in starts if n <= at), default=inner)
    end = min((n for n in starts if n > at), default=end)
    return start, end, _stub(lines[start:end])


def _stub(lines):
    found = re.match(r"(\s*)(-?)\s*[\"']?([\w.-]*)", lines[0])
    if not found[2]:
        return f"{found[1]}{found[3]}: {{}}" if found[3] else ""
    named = next((name for line in lines if (name := re.search(r"\bid: *[\"']?([A-Za-z0-9][\w-]{0,63})", line))), None)
    return f"{found[1]}- {{{f'id: {named[1]}' if named else ''}}}"
