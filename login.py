"""Who may post: checks a name and a password against DATAPOST_USERS, and slows down guessing."""

import hmac
import math
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from werkzeug.exceptions import TooManyRequests
from werkzeug.security import check_password_hash, generate_password_hash

import models
from store import StoreError

FAILURES_ALLOWED = 20


class Login:
    """The users, and the credentials that were right before.

    A password hash costs 70 ms to check, so credentials that were right are remembered: in the
    process, one keyed digest for each entry of DATAPOST_USERS, and in the store, so that all
    processes know them while an address is blocked.
    """

    def __init__(self, settings):
        self._users = {}
        for user in _merged(settings.users):
            self._users.setdefault(user.name, []).append(user)
        self._remembered = {}
        self._persistent = bool(settings.secret)

    def check(self, name, password, address):
        """Return the User, or None.

        Raises TooManyRequests for guesses from a blocked address, and StoreError.
        """
        digests = [
            (user, models.keyed_hash("login", user.name, user.password, password))
            for user in self._users.get(name, ())
            if user.password
        ]
        for user, digest in digests:
            if hmac.compare_digest(self._remembered.get(user, ""), digest) or self._is_known(digest):
                self._remembered[user] = digest
                return user
        self._refuse_if_blocked(address)
        for user, digest in digests:
            if _matches(user, password):
                self._remember(user, digest)
                return user
        if not any(user.hashed for user, _ in digests):
            check_password_hash(_dummy_hash(), password)
        _ignore_store_errors(models.record_failed_login, address, datetime.now(UTC))
        return None

    def _is_known(self, digest):
        return self._persistent and models.login_is_known(digest)

    def _remember(self, user, digest):
        self._remembered[user] = digest
        if self._persistent:
            _ignore_store_errors(models.remember_login, digest)

    def _refuse_if_blocked(self, address):
        now = datetime.now(UTC)
        failures = models.failed_logins(address, now)
        if len(failures) >= FAILURES_ALLOWED:
            free_again = failures[-FAILURES_ALLOWED] + models.LOGIN_WINDOW
            raise TooManyRequests(retry_after=max(1, math.ceil((free_again - now).total_seconds())))


def _merged(users):
    """Return the users with the programs of entries that differ in nothing else put together."""
    merged = {}
    for user in users:
        same = merged.get((user.name, user.password), user)
        everywhere = None in (user.programs, same.programs)
        merged[user.name, user.password] = replace(user, programs=None if everywhere else user.programs | same.programs)
    return merged.values()


def _matches(user, password):
    if user.hashed:
        return check_password_hash(user.password, password)
    return hmac.compare_digest(user.password.encode(), password.encode())


@cache
def _dummy_hash():
    # Checked where no hash was, so that a name that does not exist takes as long as one that does.
    return generate_password_hash("")


def _ignore_store_errors(action, *arguments):
    # Whether the store can be written is told by the answer to the lead.
    try:
        return action(*arguments)
    except StoreError:
        return None
