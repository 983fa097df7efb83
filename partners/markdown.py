"""Documents in Markdown, and as pages made of it: whatever stands in a rule file, it stays text."""

import re
from collections import Counter
from functools import cache
from itertools import pairwise

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from judge.rules import expression, names_list, span
from judge.verdict import VALID_NOTE
from web.answer import TEMPLATES
from web.pages import has_long_word

# CommonMark, section 2.4, less those that mean something only at the start of a line: no text starts one.
_SPECIAL = re.compile(r"([\\`*_\[\]|~])")


def md(text):
    """Return a text as Markdown that shows it as it is, on one line."""
    plain = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", plain)


def md_code(text):
    """Return a text as a code span, also for the cell of a table."""
    plain = " ".join(str(text).split()).replace("|", r"\|")
    ticks = "`" * (max((len(run) for run in re.findall("`+", plain)), default=0) + 1)
    pad = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{ticks}{pad}{plain}{pad}{ticks}"


def md_block(text, language=""):
    """Return a text as a block of code."""
    fence = "`" * max(3, *(len(run) + 1 for run in ["", *re.findall("`+", text)]))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


# No autoescape: this is no HTML, and the filters see to what Markdown would make of a text.
environment = Environment(  # noqa: S701
    loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
environment.globals["valid_note"] = VALID_NOTE
environment.filters |= {"md": md, "md_code": md_code, "md_block": md_block}
environment.filters |= {"expression": expression, "names_list": names_list, "span": span}


def markdown(template, **values):
    """Return a document in Markdown from `templates/<template>`."""
    text = environment.get_template(template).render(values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def sentences(name, spec, login):
    """Return a list of `templates/guidance.md`, sentence by sentence."""
    lines = getattr(environment.get_template("guidance.md").module, name)(spec, login).splitlines()
    return [line.removeprefix("- ") for line in lines if line]


@cache
def _parser():
    from markdown_it import MarkdownIt  # here, since it takes 20 ms, and most processes show no page

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("fence", _block)
    parser.add_render_rule("code_inline", _code)
    return parser


def page_of(text):
    """Return as HTML the title of a document in Markdown and the rest, and the headings within, each with its id."""
    tokens = _parser().parse(text)
    contents = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrs["id"] = re.sub(r"[^\w-]", "", inline.content.lower().replace(" ", "-"))
            if opening.tag == "h2":
                contents.append((opening.attrs["id"], inline.content))
    _describe_tables(tokens)
    parts = tokens[:3], _folded(tokens[3:])
    head, body = (Markup(_parser().renderer.render(part, _parser().options, {})) for part in parts)  # noqa: S704
    return head, body, contents


# A table of more columns than a phone has room for becomes a list of cards there, whose cells say what they are. Roles
# are said, since a table that is laid out otherwise loses its own.
_ROLES = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "th": "columnheader", "td": "cell"}
_STACKED = 4


def _describe_tables(tokens):
    """Say in each cell which column it is of, and let the first one of a row be its heading."""
    headings, table, column = [], None, 0
    for token, following in pairwise(tokens):
        if token.tag not in _ROLES:
            continue
        if token.nesting == 1:
            token.attrs["role"] = _ROLES[token.tag]
        if token.type == "table_open":
            headings, table = [], token
        elif token.type == "tr_open":
            column = 0
        elif token.type == "th_open":
            token.attrs["scope"] = "col"
            headings.append(following.content)
            table.attrs |= {"class": "stacked"} if len(headings) >= _STACKED else {}
        elif token.type == "td_open":
            texts = (part.content for part in following.children if part.type == "text")  # code breaks by itself
            token.attrs |= {"class": "long"} if any(map(has_long_word, texts)) else {}
            token.attrs |= {"data-label": headings[column]} if column else {"role": "rowheader", "scope": "row"}
            token.tag = "td" if column else "th"
        elif token.type == "td_close":
            token.tag = "td" if column else "th"
            column += 1


def _folded(tokens):
    """Return the tokens with each block of code under a line in bold folded, but the first of a heading."""
    kept, heading, is_open, labels = [], "", True, Counter()
    for token in tokens:
        if token.type == "heading_close":
            heading, is_open = kept[-1].content, True
        elif token.type == "fence":
            name = _bold(kept[-2]) if kept[-1].type == "paragraph_close" else None
            label = f"{name or token.info or 'text'}, {heading}"
            labels[label] += 1  # each is another, or who hears the page could not tell them apart
            number = f" ({labels[label]})" if labels[label] > 1 else ""
            token.meta = {"label": label + number, "end": "</details>\n" if name else ""}
            if name:
                start = f"<details{' open' * is_open}><summary>{escape(name)}</summary>\n"
                kept[-3:], is_open = [type(token)("html_block", "", 0, content=start)], False
        kept.append(token)
    return kept


def _bold(inline):
    """Return the text of a line that is bold from its first letter to its last."""
    parts = [part for part in inline.children or [] if part.type != "text" or part.content]
    return parts[1].content if [part.type for part in parts] == ["strong_open", "text", "strong_close"] else None


def _block(_renderer, tokens, index, _options, _env):
    label, end = escape(tokens[index].meta["label"]), tokens[index].meta["end"]
    code = escape(tokens[index].content.rstrip("\n"))
    return f'<pre tabindex="0" role="region" aria-label="{label}"><code>{code}</code></pre>\n{end}'


_LONG_NAME = 24  # what a phone has room for beside another word


def _code(_renderer, tokens, index, _options, _env):
    """Let a long name break between its parts: contact, .name, [@part=first]."""
    text = tokens[index].content
    parts = re.split(r"(?<=[\w\]])(?=\.)|(?<=\w{16})(?=\[)", text) if len(text) > _LONG_NAME else [text]
    return f"<code>{'<wbr>'.join(map(escape, parts))}</code>"
