"""What is wrong with a body that is no lead, and how much one may hold."""

from judge.aliases import MAX_NAME
from judge.items import MAX_FIELDS

MAX_LEVELS = 32
MAX_ELEMENTS = 10 * MAX_FIELDS  # of XML, those that only hold others among them
MAX_NUMBER = 1000  # characters of a number in JSON
MAX_DOCUMENTS = 10  # in fields of one lead


class PayloadError(ValueError):
    """The body cannot be read as a lead.

    The text is a sentence for the sender and never quotes the body. `status_hint` is the
    HTTP status that a front end may want to answer with.
    """

    status_hint = 400


class UnsupportedPayload(PayloadError):
    """The body is of a kind that is not read here: a file, an image, a font."""

    status_hint = 415


def too_many():
    return PayloadError(f"The lead has too many fields: {MAX_FIELDS} are allowed")


def too_deep():
    return PayloadError(f"The lead is nested too deeply: {MAX_LEVELS} levels are allowed")


def check_name(name):
    if len(name) > MAX_NAME:  # 1,000 fields repeat the names of their parents
        raise PayloadError(f"A field's name is too long: {MAX_NAME} characters are allowed")
