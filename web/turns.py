"""Whose turn it is to do what one of all processes and machines does again and again: who moves the time of it on.

The times are Facts, and go by the clock of the database. All of this is done within a transaction.
"""

import database
from database.claims import milliseconds
from models import Fact

SLACK = 1000  # milliseconds: so many turns may be taken early within one


def take(name, span, early=False):
    """Return a token if the turn is due, or taken early, and have the next one be due after a span; else return "".

    The token holds until somebody else takes a turn. Spans are in milliseconds.
    """
    now, at = milliseconds(database.now()), int(_held(name) or 0)
    is_ahead = at > now + span + SLACK  # as where a clock was
    if not early and now < at and not is_ahead:
        return ""
    until = now + span if is_ahead else max(now + span, at + 1)  # each turn has a token of its own
    move(name, until)
    return str(until)


def holds(name, token):
    """Tell whether nobody has taken a turn since, so that nobody does until this transaction ends."""
    return _held(name) == token


def move(name, at):
    """Have the next turn be due at a time, in milliseconds since 1970."""
    Fact.update(value=str(at)).where(Fact.name == name).execute()


def _held(name):
    Fact.insert(name=name, value="0").on_conflict_ignore().execute()
    query = Fact.select().where(Fact.name == name)
    return database.engine().to_write(query, wait=True).get().value
