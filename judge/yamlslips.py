"""What the YAML parser says, and what it means: a row of _SLIPS for each mistake that people make.

`find_slip(error, lines)` gives the line of the mistake, which is often not the one at which the parser stops,
and what to write.
"""

import re
from typing import NamedTuple

from judge.yamllines import QUOTED, Slip, bare_of, holds_words, width_of, with_colon


def find_slip(error, lines):
    """Return the Slip that stopped the parser."""
    problem = str(getattr(error, "problem", None) or "")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    at = min(mark.line, len(lines) - 1) if mark else 0
    stopped = _Stopped(lines, problem, at, mark.column if mark else 0, getattr(error, "context_mark", None))
    for pattern, find in _SLIPS:
        if re.search(pattern, problem) and (slip := find(stopped)):
            return slip
    return Slip(at, "this line cannot be read: look for a quote, bracket or colon that is missing or too many in it")


class _Stopped(NamedTuple):
    """Where the parser stopped: `opened` is the number of the line in which what it was reading began, from 0."""

    lines: list
    problem: str
    at: int
    column: int
    context: object

    @property
    def line(self):
        return self.lines[self.at]

    @property
    def opened(self):
        return min(self.context.line, len(self.lines) - 1) if self.context else self.at

    @property
    def before(self):
        """The number of the line before that holds anything."""
        return next((n for n in range(self.at - 1, -1, -1) if holds_words(self.lines[n])), None)


_KEY = re.compile(r"(\s*(?:- +)*)([\w-]+):(\s|$)")
_VALUE = re.compile(r"(\s*(?:- +)?[\w-]+: +)(\S.*?)(\s+#.*)?$")


def _another_document(stopped):
    if not re.match(r"(---|\.\.\.)(\s|$)", stopped.line):
        return None
    advice = f"{stopped.line[:3]} ends the file for YAML: delete this line; another program is another file"
    return Slip(stopped.at, advice, {stopped.at: ""})


def _tab(stopped):
    if "\t" not in stopped.line:
        return None
    if not re.match(r"[ \t]*\t", stopped.line):
        tabless = {stopped.at: stopped.line.replace("\t", " ")}
        return Slip(stopped.at, "this line holds a tab: write a space in its place", tabless)
    others = [number for number, line in enumerate(stopped.lines) if re.match(" *\t", line) and number != stopped.at]
    more = f" (and lines {_numbers(others)})" if len(others) > 1 else f" (and line {others[0] + 1})" if others else ""
    mended = {at: _spaced(stopped.lines[at]) for at in [stopped.at, *others]}
    return Slip(stopped.at, f"this line is indented with a tab{more}: indent with spaces", mended)


def _spaced(line):
    width = width_of(line)
    return line[:width].replace("\t", "  ") + line[width:]


def _numbers(lines, most=5):
    told = ", ".join(str(number + 1) for number in lines[:most])
    return f"{told} and {len(lines) - most} more" if len(lines) > most else told


def _apostrophe(stopped):
    """'don't' ends before its t."""
    for at in dict.fromkeys([stopped.at, stopped.opened]):
        line = stopped.lines[at][:1000]
        found = re.search(r"(?<=[\[{,:-] )'([^'\"]{1,300}'[a-z][^'\"]{0,300})'", line)
        if found:
            mended = line[: found.start()] + f'"{found[1]}"' + stopped.lines[at][found.end() :]
            advice = f'the apostrophe ends the text: put it in double quotes, "{_short(found[1])}"'
            return Slip(at, advice, {at: mended})
    return None


def _open_quote(stopped):
    """Find a quote that is opened and not closed in its line, where what follows is no text that goes on."""
    ends = "end of stream" in stopped.problem
    for at in range(stopped.opened if ends else 0, len(stopped.lines) if ends else stopped.at + 1):
        line = stopped.lines[at]
        found = next(
            (found for found in QUOTED.finditer(line) if found[0] in "\"'" or found[0][-1] != found[0][0]), None
        )
        if not found or not re.search(r"(?:^|[\[{,:-] |^-)\s*$", line[max(0, found.start() - 80) : found.start()]):
            continue
        if re.search(r"(?:^|\s)#", line[: found.start()][-300:]):
            continue
        after = next((line for line in stopped.lines[at + 1 : at + 50] if holds_words(line)), "")
        if not ends and not _KEY.match(after):
            continue  # a text of several lines
        mended = None if re.search(r"[\[{]", line) else {at: line.rstrip() + found[0][0]}
        told = f"the quote {found[0][0]} that is opened in this line is never closed: write it behind the text"
        return Slip(at, told, mended)
    return None


_CLOSES = {"{": "}", "[": "]"}


def _bracket(stopped):
    """Find a bracket of a list or of keys that is not closed, or closed by another one."""
    opened = stopped.opened
    sign = stopped.lines[opened][stopped.context.column : stopped.context.column + 1] if stopped.context else ""
    if sign not in ("{", "["):
        return None
    if stopped.problem[-2:-1] in "}]" and stopped.problem[-3:-2] == "'":
        wrong, right = stopped.problem[-2:-1], _CLOSES[sign]
        mended = stopped.line[: stopped.column] + right + stopped.line[stopped.column :]
        return Slip(
            stopped.at, f"the {sign} is not closed before the {wrong}: write {right} first", {stopped.at: mended}
        )
    width = width_of(stopped.lines[opened])
    beyond = [
        n
        for n in range(opened + 1, min(stopped.at + 1, len(stopped.lines)))
        if holds_words(stopped.lines[n]) and (width_of(stopped.lines[n]) <= width)
    ]
    if not beyond and "stream end" not in stopped.problem:
        return None
    last = max(n for n in range(opened, beyond[0] if beyond else len(stopped.lines)) if holds_words(stopped.lines[n]))
    rest = _missing("".join(stopped.lines[opened : last + 1])[stopped.context.column :][:2000])
    mended = {last: re.sub(r"\s+#.*$", "", stopped.lines[last]) + rest} if rest else None
    return Slip(
        opened, f"the {sign} that is opened in this line is never closed: write {_CLOSES[sign]} at its end", mended
    )


def _missing(text):
    """Return the brackets that close what is open at the end of a text."""
    open_ = []
    for sign in QUOTED.sub("", text):
        if sign in _CLOSES:
            open_.append(_CLOSES[sign])
        elif open_ and sign == open_[-1]:
            open_.pop()
    return "".join(reversed(open_))


def _comment_in_brackets(stopped):
    before = [stopped.before] if stopped.before is not None else []
    for at in [*range(stopped.opened, min(stopped.at + 1, stopped.opened + 50)), *before]:
        if re.search(r"[,{\[ ]#\S", QUOTED.sub("", stopped.lines[at][:1000])):
            return Slip(at, "what follows # is a comment, up to the end of the line: put a text that holds # in quotes")
    return None


def _no_comma(stopped):
    """{type: email required: true}, and a line of JSON that does not end with a comma."""
    start, before = stopped.line[: stopped.column], stopped.before
    if not start.strip() and before is not None and not re.search(r"[,{\[]\s*$", stopped.lines[before]):
        mended = {before: stopped.lines[before].rstrip() + ","}
        return Slip(before, "the comma at the end of this line is missing", mended)
    is_key = stopped.problem.endswith("':'")
    found = is_key and re.search(r"(;?)(?<! ) +(['\"]?[\w-]{1,64}['\"]?)$", start[-100:])
    if not found or start[-100:][: found.start()].rstrip().endswith((",", "{", "[", ":")):
        return None
    told = f"a comma, and no ;, stands before {found[2]}:" if found[1] else f"the comma before {found[2]}: is missing"
    place = len(start) - len(found[0])
    mended = f"{stopped.line[:place]}, {stopped.line[place + len(found[1]) :].lstrip()}"
    return Slip(stopped.at, told, {stopped.at: mended})


def _text_in_brackets(stopped):
    found = re.search(r"([\w-]{1,64}): +([^,:]*)$", stopped.line[: stopped.column][-300:])
    told = f': write {found[1]}: "…"' if found else ""
    return Slip(stopped.at, f"within {{ }} and [ ] a text that holds a bracket, a quote or a sign wants quotes{told}")


_PICKED = re.compile(r"(?<![\w.])[\w.]{1,64}(?:\[[^\[\]\"',{}]{1,64}\](?:\.[\w@.]{1,64})?)+")


def _item_picked(stopped):
    """An alias that picks an item, such as [name[@part=first]], without the quotes that it wants."""
    line = stopped.line[:1000]
    if not (found := [part.span() for part in _PICKED.finditer(bare_of(line)) if "aliases:" in line[: part.start()]]):
        return None
    (start, end), mended = found[0], stopped.line
    for at in sorted((at for span in found for at in span), reverse=True):
        mended = f'{mended[:at]}"{mended[at:]}'
    told = f'an alias with a bracket wants quotes: write "{_short(line[start:end])}"'
    return Slip(stopped.at, told, {stopped.at: mended})


def _bracket_too_many(stopped):
    sign = stopped.line[stopped.column : stopped.column + 1]
    mended = stopped.line[: stopped.column] + stopped.line[stopped.column + 1 :]
    return Slip(stopped.at, f"the {sign} closes nothing: delete it", {stopped.at: mended})


def _no_colon(stopped):
    """A line that is a name and nothing else, with what belongs to it below; or a name and a value without a colon."""
    at = stopped.opened if "expected ':'" in stopped.problem else stopped.before
    if at is None:
        return None
    line = stopped.lines[at]
    found = re.fullmatch(r"(\s*(?:- +)*)([A-Za-z][\w-]*)( +[^:#]*?)?( +#.*)?\s*", line[:1000])
    if found and (not found[3] or width_of(line) >= width_of(stopped.lines[stopped.at])):
        told, mended = with_colon(stopped.lines[:at], found[1], found[2], found[3] or "")
        return Slip(at, f'{told}: write "{_short(mended.strip())}"', {at: mended})
    return None


def _no_space(stopped):
    """title:x, and -id."""
    for at in dict.fromkeys(at for at in (stopped.at, stopped.before) if at is not None):
        line = stopped.lines[at]
        if found := re.match(r"(\s*(?:- +)*)([\w-]+):([^\s:/][^:]*)$", line[:1000]):
            mended = f"{found[1]}{found[2]}: {found[3]}"
            return Slip(at, f'leave a space after the colon: write "{_short(mended.strip())}"', {at: mended})
        if found := re.match(r"\s*-([A-Za-z][\w-]*:.*)$", line[:1000]):
            return Slip(at, f'leave a space after the -: write "- {_short(found[1].strip())}"')
    return None


def _no_brace(stopped):
    """limit: '4242': 500, default: 200}, and so with a bracket that nothing opens."""
    found = _VALUE.match(stopped.line[:1000])
    if not found or not found[2].endswith("}") or _missing("{" + found[2][:-1]) != "}":
        return None
    mended = f"{found[1]}{{{found[2]}{found[3] or ''}"
    return Slip(stopped.at, f"the {{ is missing: write {_short(mended.strip())}", {stopped.at: mended})


def _colon_in_text(stopped):
    found = _VALUE.match(stopped.line[:1000])
    if not found or ": " not in f"{found[2]} " or found[2][0] in "\"'{[|>":
        return None
    return _in_quotes(stopped, 'a text that holds ": " wants quotes')


def _in_quotes(stopped, why):
    """Return the slip of a value that wants quotes."""
    line, column = stopped.line[:1000], stopped.column
    if found := _VALUE.match(line):
        start, text, rest = found[1], found[2], found[3] or ""
    if not found or (text[0] in "{[" and column >= len(start) and column):
        found = re.match(r"(.*[:,{\[-] +)([^,}\]]*)(.*)$", line[:column] + "x" + line[column + 1 :])
        if not found:
            return Slip(stopped.at, f"{why}: put it in quotes")
        (start, end), rest = (found.end(1), found.start(3)), found[3]
        start, text = line[:start], line[start:end]
    quote = '"' if '"' not in text and "\\" not in text else "'"
    quoted = f"{quote}{text if quote == chr(34) else text.replace(chr(39), chr(39) * 2)}{quote}"
    key = re.search(r"(?<![\w-])([\w-]+: +)$", start)
    told = f"{key[1] if key else ''}{quoted}"
    return Slip(stopped.at, f"{why}: write {_short(told)}", {stopped.at: f"{start}{quoted}{rest}"})


def _other_sign(stopped):
    """A bullet, a comment of another language, a colon of another script, or a fence of Markdown."""
    for at in dict.fromkeys(at for at in (stopped.at, stopped.opened, stopped.before) if at is not None):
        line = stopped.lines[at]
        if found := re.match(r"(\s*)[–—•·*] +([\w-]+:)", line):
            mended = f"{found[1]}- {line[found.start(2) :]}"
            return Slip(at, f'an item of a list begins with -: write "- {found[2]} …"', {at: mended})
        if re.match(r"\s*(//|;)", line):
            return Slip(at, "a comment begins with #", {at: ""})
        if found := re.match(r"(\s*(?:- +)?[\w-]+)：", line):
            return Slip(at, "this colon is one of another script: write :", {at: f"{found[1]}: {line[found.end() :]}"})
        if line.lstrip().startswith("```"):
            return Slip(at, "``` is no part of a rule file: delete this line", {at: ""})
    return None


def _after_brackets(stopped):
    """A text that begins with a bracket and goes on after it, such as [Sorry] no."""
    for at in dict.fromkeys(at for at in (stopped.at, stopped.before) if at is not None):
        found = _VALUE.match(stopped.lines[at][:1000])
        if found and re.match(r"(\[[^\]]*\]|\{[^}]*\}) *[^\s#]", found[2]):
            return _in_quotes(stopped._replace(at=at, column=0), f"a text cannot begin with {found[2][0]}")
    return None


def _after_quotes(stopped):
    """A text that begins with a quote and goes on after it, such as "state" == 'CA'."""
    if not re.match(r"\s*(?:- +)?[\w-]+: +[\"']", stopped.line):
        return None
    return _in_quotes(stopped, "the text goes on after its closing quote: put quotes around all of it")


def _too_deep(stopped):
    """A line that is indented more than the one before, which has a value already."""
    before = stopped.before
    if before is None or not _KEY.match(stopped.line) or width_of(stopped.line) <= width_of(stopped.lines[before]):
        return None
    found = _KEY.match(stopped.lines[before])
    width = len(found[1]) if found else width_of(stopped.lines[before])
    if width_of(stopped.line) == width:
        return None
    told = f"this line is indented by {_spaces(width_of(stopped.line))}, and line {before + 1} has a value already"
    mended, off = {}, width_of(stopped.line) - width
    for number in range(stopped.at, len(stopped.lines)):  # and so what stands below it
        if holds_words(stopped.lines[number]):
            if width_of(stopped.lines[number]) < width_of(stopped.line):
                break
            mended[number] = stopped.lines[number][off:]
    return Slip(stopped.at, f"{told}: {f'indent it by {width}' if width else 'begin it at the edge'}", mended)


def _indentation(stopped):
    """A line whose indentation is that of no line above."""
    width, above = width_of(stopped.line), {}
    for number in range(stopped.at - 1, -1, -1):
        if holds_words(stopped.lines[number]):
            found = _KEY.match(stopped.lines[number])
            levels = {width_of(stopped.lines[number]), *([len(found[1])] if found else [])}
            for level in sorted(levels, reverse=True):
                if level <= min(above, default=1000):
                    above.setdefault(level, number + 1)
            if not min(above):
                break
    usual = [level for level in sorted(above, key=lambda level: (abs(level - width), -level)) if level != width][:2]
    if not usual:
        return Slip(stopped.at, f"this line is indented by {_spaces(width)}: the first keys begin at the edge")
    is_item = width in above and stopped.lines[above[width] - 1].lstrip().startswith("-")
    item = f", or write - before it, as line {above[width]} has" if is_item else ""
    told = ", or ".join(f"{level}, as line {above[level]} is" for level in usual)
    return Slip(stopped.at, f"this line is indented by {_spaces(width)}, as no line above: indent it by {told}{item}")


def _spaces(count):
    return f"{count} space{'s' * (count != 1)}"


def _first_indentation(stopped):
    first = next((n for n, line in enumerate(stopped.lines) if holds_words(line)), 0)
    width = width_of(stopped.lines[first])
    if not width:
        return None
    told = f"this line is indented by {_spaces(width)}: the keys of a program begin at the edge"
    return Slip(first, told, {first: stopped.lines[first].lstrip()})


def _list_behind_colon(stopped):
    if not re.match(r"\s*(?:- +)?[\w-]+: *- ", stopped.line):
        return None
    return Slip(stopped.at, "a list begins in the line after the colon, each item after a -; or write [in, brackets]")


def _odd_start(stopped):
    if stopped.line.startswith("%"):
        return Slip(stopped.at, "a line cannot begin with %: delete it")
    sign = stopped.line[stopped.column : stopped.column + 1].strip()
    if not sign or sign not in "@`%*&!|>":
        sign = next((sign for sign in "*&!|>" if re.search(rf"[:,{{\[-] +\{sign}", stopped.line[:1000])), "")
    return _in_quotes(stopped, f"a text cannot begin with {sign}") if sign else None


def _escape(stopped):
    mended = stopped.line[: stopped.column - 1] + "\\" + stopped.line[stopped.column - 1 :]
    advice = "in double quotes a \\ is written twice: write \\\\, or put the text in single quotes"
    return Slip(stopped.at, advice, {stopped.at: mended})


def _short(text):
    return text if len(text) <= 80 else f"{text[:60]}…"


_SLIPS = [
    ("document", _another_document),
    (r"'\\t'|tab character", _tab),
    ("unknown escape", _escape),
    ("expected|end of stream|document separator", _apostrophe),
    ("", _open_quote),
    ("cannot start|expected ',' or|node content", _item_picked),
    ("expected ',' or|node content", _comment_in_brackets),
    ("expected ',' or", _bracket),
    ("expected ',' or", _no_comma),
    ("expected ',' or|node content", _text_in_brackets),
    (r"found '[\]}]'$", _bracket_too_many),
    ("mapping values|expected|cannot start|document start", _other_sign),
    ("mapping values|expected ':'", _no_colon),
    ("mapping values|expected ':'|block end", _no_space),
    ("mapping values|<block end>, but found|expected <", _no_brace),
    ("mapping values", _colon_in_text),
    ("mapping values", _too_deep),
    ("sequence entries", _list_behind_colon),
    ("cannot start|undefined alias|expected alphabetic|chomping|comment or a line break|expected URI|tag", _odd_start),
    ("found '<scalar>'", _after_quotes),
    ("found '<scalar>'|block end", _after_brackets),
    ("document start", _first_indentation),
    ("block end", _indentation),
]
