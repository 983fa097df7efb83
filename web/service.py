"""What the app works with, and the one way to it: `service()`."""

from dataclasses import dataclass, field

from flask import current_app

from judge.rulebook import RuleBook
from web.login import Login
from web.logs import log
from web.settings import Settings


@dataclass
class Service:
    """The parts of one app. `given` holds the warnings that are not repeated."""

    settings: Settings
    rulebook: RuleBook
    login: Login
    operators: Login
    given: set = field(default_factory=set)


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
