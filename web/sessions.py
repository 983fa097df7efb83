"""Logins to the dashboard that last: an id in a signed cookie, and in the database what it stands for.

So whoever logs out is logged out in all processes and on all machines. Who it is, and whether he may
change something, is looked up in the settings at each request.
"""

import hmac
import re
import secrets
from datetime import timedelta

from peewee import CharField, TextField

import database
from database.columns import Table, Time
from database.secret import keyed_hash

LASTS = timedelta(hours=12)
COOKIE = "datapost"
PATH = "/dashboard"


class Session(Table):
    """A login to the dashboard that lasts, until it is logged out, has run out, or the password is another one.

    `digest` is a keyed hash of the id in the browser's cookie, and `password` one of the password as the settings
    have it: who reads this can log in by neither.
    """

    moves = False  # they last 12 hours, and who moves logs in anew

    digest = CharField(64, primary_key=True)
    name = TextField()
    password = CharField(64)
    created_at = Time()
    expires_at = Time(index=True)


def begin(login, user, old=None):
    """Make a session for a User who has just given the right password, and return the text of its cookie.

    The id is a new one at each login, so that nobody can have another log in to an id that he knows. `old` is the
    text of the cookie that came with the login: that session ends.
    """
    session_id = secrets.token_urlsafe(32)

    def write():
        now = database.now()
        Session.create(
            digest=_digest(session_id),
            name=user.name,
            password=login.fingerprint(user),
            created_at=now,
            expires_at=now + LASTS,
        )

    end(old)
    database.transact(write)
    return f"{session_id}.{_signature(session_id)}"


def find(login, cookie):
    """Return the User whose session the text of a cookie tells, as the settings have him now, or None."""
    if not (session_id := _read(cookie)):
        return None
    with database.read():
        row = Session.get_or_none(digest=_digest(session_id))
        lasts = row and database.now() < row.expires_at
    return login.of_fingerprint(row.name, row.password) if lasts else None


def end(cookie):
    """End the session that the text of a cookie tells, if it does."""
    if session_id := _read(cookie):
        database.transact(Session.delete().where(Session.digest == _digest(session_id)).execute)


def put(response, cookie, secure):
    """Have the browser keep the cookie for as long as the session lasts.

    SameSite is Lax: a link in a mail or a chat opens the page that it names, and no form or picture of another
    site brings the login along. With Strict, such a link would ask who is logged in to log in again. Lax is enough
    where looking changes nothing, and refuse_other_sites sees to the rest.
    """
    _set(response, cookie, LASTS, secure)


def take_away(response, secure):
    _set(response, "", timedelta(0), secure)


def _set(response, text, lasts, secure):
    age = int(lasts.total_seconds())
    response.set_cookie(COOKIE, text, max_age=age, path=PATH, secure=secure, httponly=True, samesite="Lax")


def _read(cookie):
    """Return the id of a cookie that we have signed, or None: for others the database is not asked."""
    if not (match := re.fullmatch(r"([\w-]{43})\.([0-9a-f]{64})", cookie or "", re.ASCII)):
        return None
    return match[1] if hmac.compare_digest(match[2], _signature(match[1])) else None


def _signature(session_id):
    return keyed_hash("session cookie", session_id)


def _digest(session_id):
    return keyed_hash("session", session_id)
