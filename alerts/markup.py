"""What is told as each kind of receiver shows it: no name that a sender chose is markup there, calls somebody or hides.

A link is what begins with the address of this service, and nothing else.
"""

import re
from textwrap import wrap

# What ends a line, what no mail can carry, what turns the direction of letters round or is not seen, half characters.
_UNSEEN = "\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
_UNSEEN += "\U000e0000-\U000e007f"
_HIDDEN = re.compile(f"[{_UNSEEN}]+")
_LINE_ENDS = re.compile("\n+")
_BEFORE_HOST = re.compile(r"://(?=\w)")  # and not https://…, which is to be copied
LONGEST_LINE = 1000
WIDTH = 77  # columns of folded lines
_FIRST = re.compile(r"(?:[!-] |[A-Z]\w*(?: \w+)? {2,}| +(?:[\d,]+ {2,})?)?")  # of a list, a row or a number
APART = "\u200b"  # stands between two characters that must mean nothing together, and is not seen


def plain(text):
    """Return lines in which each character is seen and means itself."""
    return _HIDDEN.sub(" ", text.replace("\r\n", "\n"))


def line(text, most=LONGEST_LINE):
    """Return a text as one line of so many characters at most."""
    text = _LINE_ENDS.sub(" ", plain(text)).strip()
    return text if len(text) <= most else f"{text[: most - 1]}…"


def folded(text):
    """Return lines that are not too long, but for addresses; what a line goes on with stands below where it began."""
    return "\n".join(map(_folded, text.split("\n")))


def _folded(text):
    first = _FIRST.match(text)[0]
    longest = WIDTH - len(first)
    words = []
    for word in text[len(first) :].split():
        words += [word] if "://" in word else [word[at : at + longest] for at in range(0, len(word), longest)]
    indents = {"initial_indent": first, "subsequent_indent": " " * len(first)}
    return "\n".join(wrap(" ".join(words), WIDTH, break_long_words=False, break_on_hyphens=False, **indents))


def pieces(text, url):
    """Return the parts of a line, each with whether it is a link."""
    if not url:
        return [(text, False)]
    # With a path, or at the end of the name of its host; nothing that could end a link elsewhere.
    link = re.compile(rf"({re.escape(url)}(?:[/?#][^\s<>|\"()\[\]\\`]*(?<![.,;:!?])|(?![\w@-]|[.:]\w)))")
    return [(part, bool(number % 2)) for number, part in enumerate(link.split(text)) if part]


def fitting(parts, most, more, size):
    """Return as many parts as have room together, and `more` at the end where others have not."""
    kept, room = [], most
    for part in parts:
        room -= size(part)
        kept.append(part)
        if room < 0:
            break
    else:
        return kept
    room -= size(more)
    while kept and room < 0:
        room += size(kept.pop())
    return [*kept, more]


def fitting_text(lines, most, more, size=lambda text: len(text.encode())):
    """Return lines as one text that has room; what is cut is told."""
    return "\n".join(fitting(lines, most, more, lambda text: size(text) + 1))


def unlinked(text, url):
    """Return a line in which other addresses than ours are no links, also where what shows it looks for such."""
    return _other_than_links(_unlinked, text, url)


def apart(text, url):
    """Return such a line in which @everyone, <!channel> and the like call nobody, either."""
    return _other_than_links(
        lambda part: _unlinked(part).replace("@", f"@{APART}").replace("<", f"<{APART}"), text, url
    )


def slack(text, url):
    """Return a line in Slack's mrkdwn, in which <…> are links and calls.

    https://docs.slack.dev/messaging/formatting-message-text
    """
    return _other_than_links(_for_slack, text, url, lambda link: f"<{_escaped(link)}>")


def _other_than_links(change, text, url, change_link=str):
    return "".join(change_link(part) if is_link else change(part) for part, is_link in pieces(text, url))


def _unlinked(text):
    return _BEFORE_HOST.sub(f":{APART}//", text)


def _escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _for_slack(text):
    # A ` would make code of all that follows; @channel calls people in others that read the same (Mattermost).
    return _escaped(_unlinked(text)).replace("`", "'").replace("@", f"@{APART}")
