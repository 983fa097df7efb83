"""Texts of rule files in pages and in Markdown: whatever stands in them, they stay texts."""

import re

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from partners.snippets import SHORT
from web.answer import TEMPLATES

# CommonMark, section 2.4, less those that mean something only at the start of a line: no text starts one.
_SPECIAL = re.compile(r"([\\`*_\[\]|~])")


def sentence(text):
    """Return one of our own sentences as HTML; what stands between backticks is code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


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
_environment = Environment(  # noqa: S701
    loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters |= {"md": md, "md_code": md_code, "md_block": md_block}


def markdown(template, **values):
    """Return a document in Markdown from `templates/<template>`."""
    text = _environment.get_template(template).render(languages=SHORT, **values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
