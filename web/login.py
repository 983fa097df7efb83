"""Who may post, and who may see the dashboard: checks names and passwords, and slows down guessing."""

import hmac
import math
import secrets
import threading
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unicodedata import normalize

from peewee import CharField, TextField
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests
from werkzeug.security import check_password_hash

import database
from database import StoreError
from database.columns import Table, Time
from database.secret import keyed_hash
from web.proxies import origin
from web.readers import CONTROL_CHARACTERS, User

LOGIN_WINDOW = timedelta(minutes=5)

# Failed logins within that time. After 100 at one name, from whatever addresses, each
# address has one guess at it instead of 20. It keeps the one because nobody may be locked out by
# others who guess: the right password passes from every address that has sent no wrong one.
FAILURES_OF_AN_ADDRESS = 20
FAILURES_AT_A_NAME = 100

# Of a process: one hash is made, and one is waited for. Two at once would take 32 MB more, and be no quicker on the
# core that a process has; without one who waits, a guess would find the way free more often than the right password.
CHECKED_AT_ONCE = 2
TRY_AGAIN = 1  # seconds
WRONG_KEPT = 1000

# What is checked for a name that has no hash, or does not exist, as `flask hash-password` makes them: it fits nothing.
NOBODY = User("", secrets.token_hex(32))
NOBODYS_HASH = f"scrypt:32768:8:1$nobody${secrets.token_hex(64)}"


class KnownLogin(Table):
    """Credentials that were right before, as a keyed hash: they pass while guesses are blocked."""

    digest = CharField(64, primary_key=True)


class FailedLogin(Table):
    """`address` and `name` are keyed hashes: what was typed as a name may be a password."""

    moves = False  # they are forgotten after five minutes

    address = TextField()
    name = CharField(64, null=True)
    at = Time(index=True)

    class Meta:
        indexes = ((("address", "at"), False), (("name", "at"), False))


def normalized(text):
    """Return a name or password in Unicode's form C, in which RFC 7617 has clients send them."""
    return normalize("NFC", text)


class Login:
    """The users, and the credentials that were right before.

    A password hash costs 70 ms to check, so credentials that were right are remembered: in the
    process, one keyed digest for each entry of its setting, and in the store, so that all
    processes know them while guesses are refused.
    """

    def __init__(self, users, secret):
        self._users = {}
        for user in _merged(users):
            if user.password:
                self._users.setdefault(user.name, []).append(user)
        self._remembered = {}
        self._persistent = bool(secret)
        # Without a secret, as in development, what was typed as a name is hashed by a key that is lost.
        self._key = "" if secret else secrets.token_hex()
        self._wrong = {}  # keyed hashes of what was tried last: from many addresses at once, it costs one hash
        self._checks, self._counting, self._hashing = {}, threading.Lock(), threading.Lock()

    def check(self, name, password, address):
        """Return the User, or None.

        Raises TooManyRequests for guesses that are refused, ServiceUnavailable for credentials that are
        new here while others are checked, and StoreError.
        """
        name, password = normalized(name), normalized(password)
        digests = {}
        for user in self._entries(name, password):
            digests[user] = keyed_hash("login", user.name, user.password, password)
            if self._is_remembered(user, digests[user]):
                return user
        now = datetime.now(UTC)
        guess = self._keyed("address", origin(address)), self._keyed("name", name), now
        known, *failures = look_up_login(list(digests.values()) if self._persistent else [], *guess)
        for user, digest in digests.items():
            if digest in known:
                self._remembered[user] = digest
                return user
        _refuse_too_many(*failures, now, guesses=1)
        room = 1 if failures[0] else CHECKED_AT_ONCE  # who has sent a wrong password waits for no hash
        user = self._plain(digests, password) or self._check_once(name, digests, password, room)
        if user:
            self._remember(user, digests[user])
            return user
        # Guesses that are checked at the same time do not know of each other before this.
        if failures := _ignore_store_errors(record_failed_login, *guess):
            _refuse_too_many(*failures, now, guesses=0)
        return None

    def fingerprint(self, user):
        """Return a keyed hash of a user's password as the settings have it: with another one, it is another."""
        return keyed_hash("session of", self._key, user.name, user.password)

    def of_fingerprint(self, name, fingerprint):
        """Return the User of this name whose password has this fingerprint, or None if there is none any more."""
        known = self._users.get(name, [])
        return next((user for user in known if hmac.compare_digest(self.fingerprint(user), fingerprint)), None)

    def _entries(self, name, password):
        readable = not CONTROL_CHARACTERS.search(name + password)
        return self._users.get(name, [NOBODY]) if readable else [NOBODY]

    def _is_remembered(self, user, digest):
        return hmac.compare_digest(self._remembered.get(user, ""), digest)

    def _plain(self, digests, password):
        given = password.encode()
        plain = [user for user in digests if not user.hashed]
        return next((user for user in plain if hmac.compare_digest(user.password.encode(), given)), None)

    def _check_once(self, name, digests, password, room):
        """Return the User whose hash fits, or None. Raises ServiceUnavailable if `room` checks are going on.

        Who brings what is being checked waits for that check, so that of a partner's first leads, which come
        at once, none is refused.
        """
        key = self._keyed("check", name, password)
        with self._counting:
            if user := next((user for user in digests if self._is_remembered(user, digests[user])), None):  # by now
                return user
            if key in self._wrong:
                return None
            check = self._checks.get(key)
            if is_first := check is None:
                if len(self._checks) >= room:
                    raise ServiceUnavailable("other passwords are being checked", retry_after=TRY_AGAIN)
                check = self._checks[key] = Future()
        if is_first:
            self._do(check, key, digests, password)
        return check.result()

    def _do(self, check, key, digests, password):
        try:
            with self._hashing:
                check.set_result(self._hashed(digests, password))
        except BaseException as error:
            check.set_exception(error)
        with self._counting:
            del self._checks[key]
            if check.exception() is None and check.result() is None:
                self._wrong[key] = True
            if len(self._wrong) > WRONG_KEPT:
                del self._wrong[next(iter(self._wrong))]

    def _hashed(self, digests, password):
        hashed = [user for user in digests if user.hashed]
        for user in hashed:
            if check_password_hash(user.password, password):
                self._remembered[user] = digests[user]
                return user
        if not hashed:
            check_password_hash(NOBODYS_HASH, password)  # or the time would tell that the name has none
        return None

    def _remember(self, user, digest):
        self._remembered[user] = digest
        if self._persistent:
            _ignore_store_errors(remember_login, digest)

    def _keyed(self, *parts):
        return keyed_hash("failed login", self._key, *parts)


def _refuse_too_many(of_address, at_name, now, guesses):
    """Raise TooManyRequests after too many failed logins, whose times are given from the last to the first.

    While the name is under attack, an address has `guesses`.
    """
    allowed = guesses if len(at_name) >= FAILURES_AT_A_NAME else FAILURES_OF_AN_ADDRESS
    if len(of_address) >= allowed:
        free_again = (of_address[:allowed] or [now])[-1] + LOGIN_WINDOW
        raise TooManyRequests(retry_after=max(1, math.ceil((free_again - now).total_seconds())))


def _merged(users):
    """Return the users with the programs of entries that differ in nothing else put together."""
    merged = {}
    for user in users:
        key = normalized(user.name), normalized(user.password), user.viewer
        same = merged.get(key, user)
        everywhere = None in (user.programs, same.programs)
        merged[key] = User(*key[:2], None if everywhere else user.programs | same.programs, user.viewer)
    return merged.values()


def _ignore_store_errors(action, *arguments):
    # Whether the store can be written is told by the answer to the lead.
    try:
        return action(*arguments)
    except StoreError:
        return None


def look_up_login(digests, address, name, now):
    """Return which of the digests were right before, and the failed logins from `address` and at `name`.

    Of those, the times of the last hundred within five minutes are returned, the last one first.
    """

    def look_up():
        known = KnownLogin.select().where(KnownLogin.digest.in_(digests))
        return {row.digest for row in known}, *_failed_logins(address, name, now)

    return database.transact(look_up)


def remember_login(digest):
    database.transact(KnownLogin.insert(digest=digest).on_conflict_ignore().execute)


def record_failed_login(address, name, now):
    """Record it, and return the failed logins before it, as `look_up_login` does."""

    def write():
        before = _failed_logins(address, name, now)
        FailedLogin.create(address=address, name=name, at=now)
        return before

    return database.transact(write)


def _failed_logins(address, name, now):
    recent = FailedLogin.select(FailedLogin.at).where(FailedLogin.at > now - LOGIN_WINDOW)
    recent = recent.order_by(FailedLogin.at.desc()).limit(FAILURES_AT_A_NAME)
    same = FailedLogin.address == address, FailedLogin.name == name
    return [[row.at for row in recent.where(which)] for which in same]


COUNTED = 5000  # failed logins


@dataclass(frozen=True)
class Guesses:
    """How many logins failed within five minutes (COUNTED: or more), from how many addresses, at how many names.

    `of_address` and `at_name` are how many at most came from one address, and at one name.
    """

    failures: int
    addresses: int
    names: int
    of_address: int
    at_name: int


def guesses(now):
    """Return the Guesses at logins that go on. Within a reading."""
    recent = FailedLogin.select(FailedLogin.address, FailedLogin.name).where(FailedLogin.at > now - LOGIN_WINDOW)
    rows = list(recent.limit(COUNTED).tuples())
    addresses, names = (Counter(column) for column in (zip(*rows, strict=True) if rows else ((), ())))
    most = (max(counts.values(), default=0) for counts in (addresses, names))
    return Guesses(len(rows), len(addresses), len(names), *most)
