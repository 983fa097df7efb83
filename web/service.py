"""What the app works with, and the one way to it: `service()`."""

import json
import math
from dataclasses import dataclass, field

from flask import current_app

from judge.rulebook import RuleBook
from models import Fact
from web import running
from web.login import Login
from web.logs import log
from web.settings import Settings, version


@dataclass
class Service:
    """The parts of one app.

    `given` holds the warnings that are not repeated; `grave` when grave ones were counted last, and how many they were;
    `arrival` by what way the last request came, and `noted` what of that the database knows; `unread` the settings
    that cannot be read, by sentences: their defaults stand in for them.
    """

    settings: Settings
    rulebook: RuleBook
    login: Login
    operators: Login
    given: set = field(default_factory=set)
    grave: tuple = (-math.inf, 0)
    arrival: dict | None = None
    noted: dict | None = None
    unread: list = field(default_factory=list)


def service():
    """Return the Service of the app that answers a request or runs a command."""
    return current_app.extensions["datapost"]


def rulebook():
    """Return the RuleBook as the files are now."""
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
    started = {
        "url": url,
        "version": version(),
        "store": settings.store,
        "programs": [f"{name}:{program.hash[:12]}" for name, program in sorted(book.programs.items())],
        "users": "anybody" if settings.open else list(dict.fromkeys(user.name for user in settings.users)),
        "operators": list(dict.fromkeys(user.name for user in settings.operators)),
        "viewers": list(dict.fromkeys(user.name for user in settings.viewers)),
        "features": [feature for feature, on in _features(settings).items() if on],
    }
    log.info("Datapost starts", started)
    for sentence in settings.doubts(book.programs):
        log.warning("%s", sentence)


def _features(settings):
    return {
        "dashboard": settings.seers,
        "networks": settings.allowed_ips,
        "proxies": settings.trusted_proxies,
    }


def note_arrival(made):
    """Note in the database by what way the last request came, for `flask doctor`; for `database.add_chore`."""
    if made.arrival not in (None, made.noted):
        made.noted = made.arrival
        row = {Fact.name: "arrival", Fact.value: json.dumps(made.noted)}
        Fact.insert(row).on_conflict(conflict_target=[Fact.name], update=row).execute()
