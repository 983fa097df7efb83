"""What the app works with, and the one way to it: `service()`."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

from flask import current_app

from judge.rulebook import Book, RuleBook
from models import Fact
from web import running
from web.heartbeat import Heartbeat
from web.login import Login
from web.logs import log
from web.outage import Outage
from web.published import PublishedBook
from web.settings import Settings, version


@dataclass
class Service:
    """The parts of one app. `sender` sends valid leads on (delivery.sending.Sender), `watch` looks at what is wrong and
    tells it (alerts.looking.Watch), `rounds` ask impact.com what became of them (impact.rounds.Rounds).

    `given` holds the warnings that are not repeated; `grave` when grave ones were counted last, and how many they were;
    `arrival` by what way the last request came, and `noted` what of that the database knows; `unread` the settings
    that cannot be read, by sentences: their defaults stand in for them.
    """

    settings: Settings
    rulebook: Book
    login: Login
    operators: Login
    feedback: Login
    sender: Any
    heartbeat: Heartbeat
    watch: Any
    rounds: Any
    given: set = field(default_factory=set)
    grave: tuple = (-math.inf, 0)
    arrival: dict | None = None
    noted: dict | None = None
    unread: list = field(default_factory=list)
    outage: Outage = field(default_factory=Outage)

    def begin(self):
        """Begin what a process that serves does by itself."""
        self.sender.wake()
        self.heartbeat.begin()
        self.watch.begin()
        self.rounds.begin()


def service():
    """Return the Service of the app that answers a request or runs a command."""
    return current_app.extensions["datapost"]


def make_book(settings, fallback=lambda name: None, seed=None):
    """Return the programs as the settings have them: of the folder, or published ones, which are read when asked for.

    `fallback` is for the first kind, `seed` for the second.
    """
    return PublishedBook(settings.rules, seed) if settings.published else RuleBook(settings.rules, fallback)


def broken_rules(settings, book):
    """Return why there is no start by these rules, by sentences."""
    found = [str(error) for error in book.errors]
    if settings.published and found:
        found.append(
            "These rules are live in the database, or new in this deploy: publish mended ones by flask rules publish, "
            "mend the new files, or start the Datapost of before"
        )
    return found


def rulebook():
    """Return the programs as they are now."""
    book = service().rulebook
    book.refresh()
    return book


def warn_once(sentence):
    """Log a warning, unless there is none or it was given before."""
    if sentence and sentence not in service().given:
        service().given.add(sentence)
        log.warning("%s", sentence)


def tell_start(settings, book, url):
    """Log in one line what starts here, and then what is probably not meant; and note where."""
    running.note(url, settings)
    programs = book.programs if book.known else {}  # a database that cannot be read yet may be there later
    started = {
        "url": url,
        "version": version(),
        "store": settings.store,
        "rules": settings.rules_from,
        "programs": [f"{name}:{program.hash[:12]}" for name, program in sorted(programs.items())],
        "users": "anybody" if settings.open else list(dict.fromkeys(user.name for user in settings.users)),
        "operators": list(dict.fromkeys(user.name for user in settings.operators)),
        "viewers": list(dict.fromkeys(user.name for user in settings.viewers)),
        "features": [feature for feature, on in _features(settings).items() if on],
    }
    log.info("Datapost starts", started)
    for sentence in settings.doubts(programs if book.known else None):
        log.warning("%s", sentence)


def _features(settings):
    return {
        "dashboard": settings.seers,
        "networks": settings.allowed_ips,
        "proxies": settings.trusted_proxies,
        "delivery": settings.destinations,
        "alerts": settings.alerts,
        "heartbeat": settings.heartbeat_url,
        "metrics": settings.metrics_token,
        "impact": settings.impact_sid and settings.impact_token,
        "feedback": settings.feedback_users,
    }


def note_arrival(made):
    """Note in the database by what way the last request came, for `flask doctor`; for `database.add_chore`."""
    if made.arrival not in (None, made.noted):
        made.noted = made.arrival
        row = {Fact.name: "arrival", Fact.value: json.dumps(made.noted)}
        Fact.insert(row).on_conflict(conflict_target=[Fact.name], update=row).execute()
