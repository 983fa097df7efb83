"""Who is told what is wrong: the addresses of DATAPOST_ALERTS, each of a kind, and how they are read.

An address is a secret: whoever has it may post there. Of a Receiver nothing is shown but its kind.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from web import apprising
from web.addresses import is_private, mail_addresses, signing_secrets, split_address, web_address
from web.readers import SettingsError

ALERTS, SECRET = "DATAPOST_ALERTS", "DATAPOST_ALERTS_SECRET"
NAMES = {
    "mail": "mail",
    "slack": "Slack",
    "teams": "Teams",
    "ntfy": "ntfy",
    "webhook": "webhook",
    "apprise": "apprise",
}
KINDS = (
    "write mailto:ann@acme.example, https://… (a channel's webhook in Slack or Teams, a topic of ntfy.sh, or a webhook "
    "of your own), or slack:https://…, teams:https://…, ntfy:https://… where the host does not say it"
)
# Whose hosts say what is there, themselves or one below. Workflows of Teams moved from logic.azure.com by the end of
# November 2025, and the old ones are still met.
# https://learn.microsoft.com/troubleshoot/power-platform/power-automate/flow-run-issues/triggers-troubleshoot
HOSTS = {
    "hooks.slack.com": "slack",
    "hooks.slack-gov.com": "slack",
    "api.powerplatform.com": "teams",
    "api.powerautomate.com": "teams",
    "logic.azure.com": "teams",
    "ntfy.sh": "ntfy",
}
QUOTED = re.compile("[\"'<‘’“”«„`]")
JOINED = re.compile("[,;](?:https?://|(?:mailto|slack|teams|ntfy|webhook):)", re.IGNORECASE)
TOPIC = re.compile("[A-Za-z0-9_-]{1,64}")  # https://docs.ntfy.sh/publish/
LIKE_NTFY = (
    "write it like ntfy:https://ntfy.acme.example/my-topic, and a token as ntfy:https://:tk_…@ntfy.acme.example/…"
)


@dataclass(frozen=True)
class Receiver:
    """Somebody who is told: `address` is secret, as are `secrets`, which sign. `shown` may be shown.

    The address of a mail is its recipients with commas; that of ntfy may hold a login, and ends with the topic.
    """

    kind: str
    address: str = field(repr=False)
    shown: str
    secrets: tuple[str, ...] = field(default=(), repr=False)


def all_of(setting, environ):
    """Return the receivers of the environment, each once."""
    texts, found, wrong = environ.get(setting, "").split(), {}, []
    for number, text in enumerate(texts, 1):
        which, beside = (f"{setting}, address {number},", f" (address {number})") if len(texts) > 1 else (setting, "")
        try:
            kind, address = _read(which, text, is_private(environ))
        except SettingsError as error:
            wrong.append(str(error))
            continue
        secrets = _secrets(environ) if kind == "webhook" else ()
        found.setdefault((kind, address), Receiver(kind, address, f"{NAMES[kind]}{beside}", secrets))
    if wrong:
        raise SettingsError("\n".join(wrong))
    return tuple(found.values())


def _secrets(environ):
    try:
        return signing_secrets(SECRET, environ.get(SECRET, ""))
    except SettingsError:  # which is told by that setting itself
        return ()


def _read(setting, text, private):
    """Return the kind of an address, and the address as it is called."""
    if QUOTED.match(text):
        raise SettingsError(f"{setting} begins with a quotation mark: write the address without any")
    if JOINED.search(text):
        raise SettingsError(f"{setting} holds more than one: write blanks between addresses, and no commas")
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme == "mailto":
        return "mail", mail_addresses(setting, text, private)[0]
    if scheme in ("https", "http"):
        kind = _kind_of(split_address(setting, text).hostname)
        return kind, READ[kind](setting, text, private)
    if scheme in ("slack", "teams", "ntfy", "webhook") and rest.partition(":")[0].lower() in ("https", "http"):
        return scheme, READ[scheme](setting, rest, private)
    if not colon or not rest.startswith("//"):
        raise SettingsError(f"{setting} is no address: {KINDS}")
    if not apprising.is_installed():
        raise SettingsError(f"{setting} is of a kind that needs a library, {apprising.HOW}; or {KINDS}")
    if not apprising.service_at(text):
        raise SettingsError(f"{setting} cannot be read by the library apprise; or {KINDS}")
    return "apprise", text


def _kind_of(host):
    return next((kind for known, kind in HOSTS.items() if host == known or host.endswith(f".{known}")), "webhook")


def _hook(setting, text, private):
    return web_address(setting, text, private)[0]


def _topic(setting, text, private):
    """Return the address of a topic of ntfy, with the login that it may hold."""
    place = split_address(setting, text)
    login, at, host = place.netloc.rpartition("@")
    address = web_address(setting, place._replace(netloc=host).geturl(), private)[0]
    if not TOPIC.fullmatch(place.path.rpartition("/")[2]):
        raise SettingsError(f"{setting} names no topic of ntfy: {LIKE_NTFY}")
    if at and not re.fullmatch("[!-~]+", unquote(place.password or "")):
        raise SettingsError(f"{setting} holds a login that cannot be read: {LIKE_NTFY}")
    return address.replace("://", f"://{login}@", 1) if at else address


READ = {"webhook": _hook, "slack": _hook, "teams": _hook, "ntfy": _topic}


def doubts(settings):
    """Return by sentences which settings of alerts are probably not meant."""
    kinds = {receiver.kind for receiver in settings.alerts}
    if "mail" in kinds and not settings.smtp_url:
        yield f"{ALERTS} holds mailto:, but DATAPOST_SMTP_URL is not set, so that nobody is told by mail: write smtps://…"
    if settings.alerts_secret and "webhook" not in kinds:
        yield f"{SECRET}: nothing uses it, since {ALERTS} holds no webhook of your own; take it out"
    if settings.alerts and not settings.url:
        yield f"{ALERTS} is set, but DATAPOST_URL is not, so that nothing that is told links to its page: write https://…"
