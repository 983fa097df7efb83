"""What the app works with, and the one way to it: `service()`."""

import math
from dataclasses import dataclass, field

from flask import current_app

from judge.rulebook import RuleBook
from web.login import Login
from web.logs import log
from web.settings import Settings, version


@dataclass
class Service:
    """The parts of one app.

    `given` holds the warnings that are not repeated; `grave` when grave ones were counted last, and how many they were.
    """

    settings: Settings
    rulebook: RuleBook
    login: Login
    operators: Login
    given: set = field(default_factory=set)
    grave: tuple = (-math.inf, 0)


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


def tell_start(settings, book):
    """Log in one line what starts here, and then what is probably not meant."""
    started = {
        "version": version(),
        "store": settings.store,
        "programs": [f"{name}:{program.hash[:12]}" for name, program in sorted(book.programs.items())],
        "users": "anybody" if settings.open else list(dict.fromkeys(user.name for user in settings.users)),
        "operators": list(dict.fromkeys(user.name for user in settings.operators)),
        "features": [feature for feature, on in _features(settings).items() if on],
    }
    log.info("Datapost starts", started)
    for sentence in settings.doubts(book.programs):
        log.warning("%s", sentence)


def _features(settings):
    return {
        "dashboard": settings.operators,
        "networks": settings.allowed_ips,
        "proxies": settings.trusted_proxies,
    }
