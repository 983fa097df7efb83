"""The environment, read once: every setting is a row of Settings, and docs/operations.md shows the same rows."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import time
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from psycopg.conninfo import conninfo_to_dict

from judge.meant import nearest
from web import accounts, addresses, readers, receivers
from web import destinations as delivered
from web.destinations import Destination
from web.listening import can_listen, host, is_number, port, processes
from web.readers import SettingsError, User
from web.receivers import Receiver

MAY = {"DATAPOST_USERS": "post to", "DATAPOST_FEEDBACK_USERS": "speak of"}
SHORTEST_PASSWORD, SHORTEST_SECRET = 8, 12  # characters
SMALLEST_BODY = 1000  # bytes
MOST_PROXIES = 5
MOST_PROCESSES = 100
PREFIX = "DATAPOST_"
LOGINS = "DATAPOST_USERS", "DATAPOST_OPERATORS", "DATAPOST_VIEWERS", "DATAPOST_FEEDBACK_USERS"
KNOWN_ELSEWHERE = {"DATAPOST_PASSWORD"}  # of `flask simulate`


@cache
def version():
    """Return the version: the newest one in the changelog."""
    text = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.search(r"^## (\d+\.\d+\.\d+)", text, re.MULTILINE)[1]


class Setting(NamedTuple):
    """One environment variable: `read(name, text)` makes the value, of its default too.

    Of a family of variables (`DATAPOST_DELIVER_<NAME>`), and of one that hangs on another, it is `read(name, environ)`.
    """

    name: str
    default: str
    read: Callable
    help: str
    empty: str = "none"  # what it means that there is no default
    family: bool = False

    def of(self, environ):
        """Return the value that the environment gives it."""
        return self.read(self.name, environ if self.family else environ.get(self.name, self.default))

    @property
    def shown_default(self):
        """The default as docs/operations.md shows it."""
        plain = self.read in (readers.switch, readers.whole_number, readers.size)
        return (self.default if plain else f"`{self.default}`") if self.default else self.empty


def _row(*values, shown=True, family=False):
    setting = Setting(*values, family=family)
    return field(default_factory=partial(setting.of, {}), repr=shown, metadata={"setting": setting})


@dataclass(frozen=True)
class Settings:
    """All settings, as values. Make one by hand in tests; `Settings.load()` reads the environment."""

    database_url: str = _row(
        "DATABASE_URL",
        "sqlite:///datapost.db",
        readers.database,
        "where the leads are stored: a SQLite file, relative to the folder or with four slashes absolute; "
        "or PostgreSQL, as `postgresql://user:password@host:5432/name` (`postgres://` too), with its TLS parameters",
        shown=False,
    )
    users: tuple[User, ...] = _row(
        "DATAPOST_USERS",
        "",
        readers.users,
        "who may post: `name:password`, space separated; the password plain or a hash made by "
        "`flask hash-password`; `name/program,program:password` limits a user to programs; one name twice, "
        "with two passwords, allows rotation",
    )
    operators: tuple[User, ...] = _row(
        "DATAPOST_OPERATORS",
        "",
        readers.users,
        "who may see the dashboard and change things there, written like `DATAPOST_USERS`; without any operator or "
        "viewer there is no dashboard",
    )
    viewers: tuple[User, ...] = _row(
        "DATAPOST_VIEWERS",
        "",
        readers.users,
        "who may see the dashboard and change nothing, written likewise; no name of an operator",
    )
    open: bool = _row("DATAPOST_OPEN", "off", readers.switch, "`on`: post without authentication")
    secret: str = _row(
        "DATAPOST_SECRET",
        "",
        readers.text,
        "key of the hashes (`customerid`, duplicates); required under gunicorn; keep it: "
        "with another one than the database knows the service does not start, since every customer and every address "
        "would be new",
        shown=False,
    )
    old_secret: str = _row(
        "DATAPOST_OLD_SECRET",
        "",
        readers.text,
        "for `flask rotate-secret` alone: the secret that `DATAPOST_SECRET` was before",
        shown=False,
    )
    rules: str = _row("DATAPOST_RULES", "rules", readers.text, "folder of the rule files")
    rules_from: str = _row(
        "DATAPOST_RULES_FROM",
        "files",
        readers.home,
        "where the rules live: `files` (in that folder), or `dashboard`: in the database, published from the browser "
        "or by `flask rules publish`; new files of the folder are published at the start, and no other",
    )
    max_body: int = _row("DATAPOST_MAX_BODY", "262144", readers.size, "largest body, in bytes")
    trusted_proxies: int = _row(
        "DATAPOST_TRUSTED_PROXIES", "0", readers.whole_number, "how many proxies set `X-Forwarded-For` (Heroku: 1)"
    )
    allowed_ips: tuple = _row(
        "DATAPOST_ALLOWED_IPS",
        "",
        readers.networks,
        "networks that may post, such as `192.0.2.0/24 2001:db8::/32`; others are answered 403",
        "all",
    )
    url: str = _row(
        "DATAPOST_URL",
        "",
        addresses.service_url,
        "the address of this service, such as `https://leads.acme.example`, for links in mails and alerts",
    )
    destinations: dict[str, Destination] = _row(  # noqa: RUF009 (each has its own)
        "DATAPOST_DELIVER_<NAME>",
        "",
        delivered.all_of,
        "where the destination `<name>` of a rule file's `deliver:` is: `https://…`, `mailto:sales@acme.example` or "
        "`hubspot:`; `DATAPOST_DELIVER_<NAME>_SECRET` signs (one `whsec_…`, or two for rotation), "
        "`DATAPOST_DELIVER_<NAME>_TOKEN` is a bearer token",
        shown=False,
        family=True,
    )
    deliver_private: bool = _row(
        "DATAPOST_DELIVER_PRIVATE",
        "off",
        readers.switch,
        "`on`: destinations, and receivers of alerts, may be in private networks and on this machine, and without TLS (`http://…`)",
    )
    smtp_url: str = _row(
        "DATAPOST_SMTP_URL",
        "",
        delivered.smtp_url,
        "the mail server for destinations and alerts by mail: `smtps://user:password@host:465`, or `smtp://…:587`, "
        "which goes on by TLS where the server can; `?from=leads@acme.example` says who sends",
        shown=False,
    )
    heartbeat_url: str = _row(
        "DATAPOST_HEARTBEAT_URL",
        "",
        addresses.heartbeat_url,
        "called every five minutes while leads can be stored, and not otherwise: who awaits it (healthchecks.io and "
        "the like) tells when it stays away",
        shown=False,
        family=True,
    )
    alerts: tuple[Receiver, ...] = _row(
        "DATAPOST_ALERTS",
        "",
        receivers.all_of,
        "who is told what is wrong, space separated: `mailto:ann@acme.example`, the webhook of a channel in Slack or "
        "Teams, a topic of ntfy, `https://…` for a webhook of your own, or what the library apprise knows "
        "([how](#be-told))",
        shown=False,
        family=True,
    )
    alerts_secret: tuple[str, ...] = _row(
        "DATAPOST_ALERTS_SECRET",
        "",
        addresses.signing_secrets,
        "signs what webhooks of your own are told: one `whsec_…`, or two for rotation",
        shown=False,
    )
    metrics_token: str = _row(
        "DATAPOST_METRICS_TOKEN",
        "",
        readers.token,
        "bearer token of `/metrics`, which Prometheus reads; without it there is none",
        shown=False,
    )
    digest: time | None = _row(  # noqa: RUF009 (a time cannot change)
        "DATAPOST_DIGEST",
        "",
        readers.time_of_day,
        "when those in `DATAPOST_ALERTS` are told what yesterday brought ([a daily summary](#a-daily-summary)): a time "
        "in 24 hours, such as `08:00`, in each program's time zone",
    )
    impact_sid: str = _row(
        "DATAPOST_IMPACT_SID",
        "",
        accounts.sid,
        "the Account SID of the brand's account at impact.com's API, which says what became of leads there",
    )
    impact_token: str = _row(
        "DATAPOST_IMPACT_TOKEN",
        "",
        readers.token,
        "its Auth Token, with the scopes Actions (read and write), Submissions and Campaigns (read)",
        shown=False,
    )
    impact_url: str = _row(
        "DATAPOST_IMPACT_URL", "https://api.impact.com", accounts.url, "where that API is", family=True
    )
    feedback_users: tuple[User, ...] = _row(
        "DATAPOST_FEEDBACK_USERS",
        "",
        readers.users,
        "who may post what sales says of leads to `/feedback/<program>`: the brand's CRM, written like "
        "`DATAPOST_USERS`",
    )

    @classmethod
    def load(cls, environ=os.environ, unread=None):
        """Read the environment. Raises SettingsError, which names all settings that cannot be read.

        With a list `unread`, their sentences are added to it, and their defaults stand in for them.
        """
        values, problems = [], []
        for row in SETTINGS:
            try:
                values.append(row.of(environ))
            except SettingsError as error:
                problems += str(error).splitlines()
                values.append(row.of({}))
        if unread is not None:
            unread += problems
        elif problems:
            raise SettingsError("\n".join(problems))
        return cls(*values)

    @property
    def published(self):
        """Whether the rules live in the database."""
        return self.rules_from == "dashboard"

    @property
    def seers(self):
        """Who may see the dashboard: the operators, and the viewers as such."""
        return self.operators + tuple(replace(user, viewer=True) for user in self.viewers)

    @property
    def _logins(self):
        return self.users, self.operators, self.viewers, self.feedback_users

    @property
    def store(self):
        """Where the leads are stored, as may be shown: without user and password."""
        if self.database_url.startswith("sqlite:"):
            return self.database_url
        parts = conninfo_to_dict(self.database_url)
        return f"postgresql://{parts.get('host', '')}/{parts.get('dbname', '')}"

    def refusals(self, environ=os.environ, unread=()):
        """Return why this must not serve real traffic: a sentence for each setting to mend, first the `unread` ones."""
        found = []
        if not self.users and not self.open:
            found.append(
                "DATAPOST_USERS is not set, so every lead would be refused. Set it to name:password "
                "(or set DATAPOST_OPEN=on to take leads from anybody)."
            )
        for setting, users in zip(LOGINS, self._logins, strict=True):
            if any(not user.password for user in users):
                found.append(f"{setting} holds an empty password. Write name:password.")
        if both := sorted(set(_names(self.operators)) & set(_names(self.viewers))):
            found.append(
                f"DATAPOST_VIEWERS holds {_quoted(both)}, as DATAPOST_OPERATORS does, and who only looks would change "
                "things. Take the name out of one of them, or write another."
            )
        if not self.secret:
            found.append(
                "DATAPOST_SECRET is not set. Set it to a long random text and keep it: "
                "it is the key of customer ids and of the duplicate check."
            )
        if not is_number(port(environ), 65535):
            found.append(f'PORT is "{port(environ)}": write a number from 1 to 65535')
        if not is_number(processes(environ), MOST_PROCESSES):
            found.append(
                f'WEB_CONCURRENCY is "{processes(environ)}": write how many processes shall answer, 1 to '
                f"{MOST_PROCESSES} (or take it out: then there is one for each core)"
            )
        if not can_listen(host(environ)):
            found.append(
                "HOST is no address of this machine: write 127.0.0.1 to listen to this machine alone, "
                "0.0.0.0 or [::] to listen to all, or leave it out"
            )
        if environ.get("DYNO") and self.database_url.startswith("sqlite:"):
            found.append(
                "DATABASE_URL names a SQLite file, but the disk of this platform does not last: "
                "every lead would be lost at the next restart. Add a PostgreSQL database, which sets DATABASE_URL."
            )
        told = set(map(_subject, unread))
        return [*unread, *(sentence for sentence in found if _subject(sentence) not in told)]

    def doubts(self, programs, environ=os.environ):
        """Return what is probably not meant, by sentences; `programs` are the names of those there are, if known."""
        known = {row.name for row in SETTINGS} | KNOWN_ELSEWHERE
        unknown = [
            name
            for name in sorted(environ)
            if name.startswith(PREFIX) and name not in known and not delivered.names_one(name)
        ]
        found = [f"{name} is no setting of Datapost{_meant(name, known)}" for name in unknown]
        for setting, users in zip(LOGINS, self._logins, strict=True):
            for user in users:
                found += _doubts_of(setting, user, programs)
        found += delivered.doubts(self.destinations, programs, environ)
        if not self.smtp_url and any(destination.kind == "mail" for destination in self.destinations.values()):
            found.append("DATAPOST_SMTP_URL is not set, so that leads wait which are to go by mail: write smtps://…")
        found += receivers.doubts(self)
        found += accounts.doubts(self)
        if self.digest and not self.alerts:
            found.append(
                "DATAPOST_DIGEST is set, and DATAPOST_ALERTS is not, so that nobody gets the daily summary: write "
                "there who shall, such as mailto:ann@acme.example, or take DATAPOST_DIGEST out"
            )
        if self.open and not self.allowed_ips:
            found.append(
                "DATAPOST_OPEN is on: whoever knows the address may post leads that are paid. Set DATAPOST_USERS "
                "instead"
            )
        if self.secret and (len(self.secret) < SHORTEST_SECRET or (self.secret.isalpha() and len(self.secret) < 24)):
            found.append(
                "DATAPOST_SECRET is short, or one word, and may be guessed: make one by "
                "python3 -c 'import secrets; print(secrets.token_hex(32))'. Once leads are stored, "
                'SECURITY.md says under "Rotate a secret" how it is changed'
            )
        if self.old_secret:
            found.append("DATAPOST_OLD_SECRET is for flask rotate-secret alone: when that is done, take it away")
        if self.max_body < SMALLEST_BODY:
            found.append(f"DATAPOST_MAX_BODY is {self.max_body}: many leads are longer than so many bytes")
        if self.trusted_proxies > MOST_PROXIES:
            found.append(
                f"DATAPOST_TRUSTED_PROXIES is {self.trusted_proxies}: write how many proxies stand in front, 1 on most "
                "platforms; with too many, every sender may give himself any address"
            )
        return found


def _names(users):
    """Return the names as they are compared: an é is one however it was typed (web/login.py)."""
    return [normalize("NFC", user.name) for user in users]


def _quoted(names):
    return ", ".join(f'"{name}"' for name in names)


def _subject(sentence):
    """Return the name of the setting that a sentence is about."""
    return re.match("[A-Z0-9_]+", sentence)[0]


def _meant(name, known):
    """Return which setting was meant, by what follows the beginning that all have."""
    close = nearest(name.removeprefix(PREFIX), [other.removeprefix(PREFIX) for other in known])
    return close.replace('"', f'"{PREFIX}', 1) or ": take it out"


def _doubts_of(setting, user, programs):
    for program in sorted((user.programs or set()) - set(programs)) if programs is not None else ():
        close = nearest(program, programs)
        may = MAY.get(setting, "see")
        yield f'{setting}: "{user.name}" may {may} the program "{program}" only, and there is none{close}'
    if 0 < len(user.password) < SHORTEST_PASSWORD:
        count = f"{len(user.password)} character{'s' * (len(user.password) > 1)}"
        yield f'{setting}: the password of "{user.name}" has {count} and is soon guessed: make it 12 or more'


SETTINGS = [row.metadata["setting"] for row in fields(Settings)]
