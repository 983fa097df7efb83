"""The kinds of receivers: how a Message goes to each. Nothing of an address stands in what is said of it."""

import base64
import hashlib
import json
from urllib.parse import unquote, urlsplit

from alerts import by_apprise, markup
from delivery import mail
from delivery.answers import attempted, headers, outcome, signed
from web.calling import call
from web.presenting import moment

JSON = "application/json; charset=utf-8"
LONGEST_SUBJECT = 200  # characters
# What each takes at most, with room for what stands around it.
SLACK_MOST = 38_000  # of 40,000 characters: https://docs.slack.dev/reference/methods/chat.postMessage
TEAMS_MOST = 24_000  # of 28 KB: https://learn.microsoft.com/microsoftteams/limits-specifications-teams
NTFY_MOST = 4_000  # of 4,096 bytes, more than which is an attachment: https://docs.ntfy.sh/config/


def send(settings, receiver, message):
    """Send a Message, and return the Outcome. It takes 20 seconds at most."""
    return attempted(KINDS[receiver.kind], settings, receiver, message)


def _key(receiver, message):
    """Return an id that is the same in every attempt, and another one for each receiver."""
    return f"{message.id}_{hashlib.sha256(receiver.address.encode()).hexdigest()[:8]}"


def _subject(message):
    return markup.line(message.subject, LONGEST_SUBJECT)


def _lines(message):
    return [markup.line(text) for text in message.text.rstrip().split("\n")]


def _page(settings):
    return f"{settings.url}/dashboard" if settings.url else ""


def _more(settings):
    """Return what stands where not all had room."""
    return f"… and more: {_page(settings)}" if settings.url else "… and more, in the dashboard."


def _post(settings, receiver, message, address, body, **made):
    body = json.dumps(body).encode()
    made = headers(_key(receiver, message)) | {"Content-Type": JSON} | made
    return outcome(call("POST", address, body, made, settings.deliver_private), address)


def _webhook(settings, receiver, message):
    body = {"type": message.type, "timestamp": moment(message.at), "data": message.data}
    key = _key(receiver, message)
    return _post(settings, receiver, message, receiver.address, body, **signed(receiver.secrets, key, json.dumps(body)))


def _mail(settings, receiver, message):
    text = markup.plain(message.text).rstrip()
    lines = (markup.folded(text) if message.html else text).split("\n")
    text = "\n".join(markup.unlinked(text, settings.url) for text in lines)
    return mail.post(settings, receiver.address, _key(receiver, message), _subject(message), text, message.html)


def _slack(settings, receiver, message):
    """Post a text, which Mattermost and others that read the same understand too."""
    title, *lines = [markup.slack(text, settings.url) for text in (_subject(message), "", *_lines(message))]
    text = markup.fitting_text([f"*{title}*", *lines], SLACK_MOST, markup.slack(_more(settings), settings.url))
    body = {"text": text, "unfurl_links": False, "unfurl_media": False}
    return _post(settings, receiver, message, receiver.address, body)


def _teams(settings, receiver, message):
    """Post an Adaptive Card. Its TextBlocks read Markdown and its TextRuns do not, so that names stand in these."""
    blocks, more = _blocks(_lines(message), settings.url), _run(_more(settings))
    body = [
        _run(_subject(message), weight="Bolder", size="Medium"),
        *markup.fitting(blocks, TEAMS_MOST, more, lambda block: len(json.dumps(block)) + 2),
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "msteams": {"width": "Full"},
    }
    if page := _page(settings):
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open Datapost", "url": page}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return _post(settings, receiver, message, receiver.address, {"type": "message", "attachments": [attachment]})


def _blocks(lines, url):
    """Yield the blocks of lines; those that stand together stand close."""
    spacing = "Medium"
    for text in lines:
        for part, is_link in markup.pieces(text, url):
            if is_link:
                yield {"type": "TextBlock", "text": f"[See it in Datapost]({part})", "wrap": True, "spacing": "None"}
            elif part.strip():
                yield _run(part.strip()) | {"spacing": spacing}
            spacing = "None"
        if not text:
            spacing = "Medium"


def _run(text, **look):
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text} | look]}


def _ntfy(settings, receiver, message):
    """Publish as JSON to the root, since a header carries no UTF-8: https://docs.ntfy.sh/publish/#publish-as-json."""
    place = urlsplit(receiver.address)
    root, _, topic = place.path.rpartition("/")
    lines = [markup.unlinked(text, settings.url) for text in _lines(message)]
    body = {
        "topic": topic,
        "title": _subject(message),
        "message": markup.fitting_text(lines, NTFY_MOST, _more(settings)),
        "priority": 4 if message.grave else 3,
        "tags": ["rotating_light" if message.grave else "information_source"],
    }
    if page := _page(settings):
        body["click"] = page
    address = place._replace(netloc=place.netloc.rpartition("@")[2], path=f"{root}/").geturl()
    return _post(settings, receiver, message, address, body, **_login(place))


def _login(place):
    """Return the header of a login: `user:password@`, or `:token@` as elsewhere."""
    user, password = unquote(place.username or ""), unquote(place.password or "")
    if not password:
        return {}
    if not user:
        return {"Authorization": f"Bearer {password}"}
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def _apprise(settings, receiver, message):
    subject, *lines = [markup.apart(text, settings.url) for text in (_subject(message), *_lines(message))]
    return by_apprise.send(settings, receiver, subject, lines, _more(settings))


KINDS = {
    "webhook": _webhook,
    "mail": _mail,
    "slack": _slack,
    "teams": _teams,
    "ntfy": _ntfy,
    "apprise": _apprise,
}
