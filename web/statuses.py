"""What each status means: in the answer and the log, to partners, and to operators on a page."""

from typing import NamedTuple


class Status(NamedTuple):
    """The sentences of a status. What stands between backticks in the one for partners is code."""

    partner: str  # what partners can do about it
    note: str = "The request cannot be read"  # where the answer can say no more
    operator: str = "This request cannot be understood."


STATUSES = {
    200: Status("The lead was judged: read `valid` in the answer."),
    400: Status("The body cannot be read: it is not well-formed, or not one lead. The note says why."),
    401: Status(
        "The user name or the password is missing or wrong.",
        "The user name or the password is missing or wrong",
        "Log in with a name and password of DATAPOST_OPERATORS or DATAPOST_VIEWERS.",
    ),
    403: Status(
        "The login may not post to this program, or your address may not post here.",
        "These credentials or this address may not post here",
        "This login may not see this page.",
    ),
    404: Status(
        "There is no such program. Check the address.",
        "There is no such address: post leads to /leads or /leads/ and the name of a program",
        "There is no such page. Was the whole link copied?",
    ),
    405: Status(
        "Leads are sent by `POST`, and by nothing else.",
        "This address does not take this method: leads are posted to /leads",
        "This page cannot be used in this way. Go back and try again.",
    ),
    413: Status(
        "The body is too large.",
        "The body is too large",
        "That is more than this page takes.",
    ),
    415: Status("A file, a compressed body, or a `Content-Type` such as that of a picture: send XML, JSON or a form."),
    429: Status(
        "Too many failed logins. Wait as many seconds as `Retry-After` says, then use the right password.",
        "Too many failed logins: wait, then post with the right password",
        "Too many failed logins: wait five minutes, then use the right password.",
    ),
    500: Status(
        "A fault of ours. Nothing was stored: send the lead again after the seconds of `Retry-After`.",
        "The lead could not be judged for a fault of ours and was not stored: please send it again later",
        "The page could not be made for a fault of ours. The log says more.",
    ),
    503: Status(
        "The lead could not be stored now. Nothing was: send it again after the seconds of `Retry-After`.",
        "The lead could not be stored now: please send it again",
        "The leads cannot be read now. Try again in a moment.",
    ),
}


def meaning(status):
    """Return the Status of a number; one that is not in the table means what 400 does."""
    return STATUSES.get(status, STATUSES[400])
