"""Mails that a lead came: a link to it, and of its values those alone that `fields:` names."""

import ipaddress
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import urlsplit

import idna

from delivery.answers import Outcome
from delivery.parcel import text
from web import mail
from web.destinations import mail_server

NO_SERVER = "no mail server is set: write DATAPOST_SMTP_URL=smtps://user:password@host:465"
NO_SENDER = "nobody is named as sender: write ?from=leads@acme.example at the end of DATAPOST_SMTP_URL"
LONGEST_TITLE = 100
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # what ends a line, and what no mail can carry


def send(settings, destination, parcel):
    """Mail a parcel, and return the Outcome; see kinds.send."""
    subject, lines = _erasure(parcel) if parcel.erased else _lead(parcel, settings.url)
    return post(settings, destination.address, parcel.id, subject, "\n".join(lines))


def post(settings, address, key, subject, text, html=""):
    """Mail a text, and beside it the same as a page, to recipients with commas, and return the Outcome.

    The key is the same in every attempt.
    """
    if not settings.smtp_url:
        return Outcome("pause", error=NO_SERVER)
    server, recipients = mail_server(settings.smtp_url), address.split(",")
    sender = server.sender or _sender(settings.url)
    if not sender:
        return Outcome("pause", error=NO_SENDER)
    message = _headed(sender, recipients, key, subject)
    message.set_content(text + "\n", cte="quoted-printable")  # which every server takes
    if html:
        message.add_alternative(html, subtype="html", cte="quoted-printable")
    try:
        refused = mail.send(server, message, recipients, settings.deliver_private)
    except mail.Refused as error:
        result = "again" if error.temporary else "pause" if error.about_destination else "dead"
        return Outcome(result, error.status, str(error))
    told = f"{refused} of {len(recipients)} recipients were refused by the mail server" if refused else ""
    return Outcome("sent", mail.TAKEN, told)


def _sender(url):
    """Return a sender at the address of the service, or "" where that has no name."""
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            return f"datapost@{idna.encode(host, uts46=True).decode()}" if host else ""
        except UnicodeError:
            return ""
    return ""


def _headed(sender, recipients, key, subject):
    made = EmailMessage(policy=SMTP)
    made["Subject"], made["From"], made["To"] = subject, sender, ", ".join(recipients)
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = f"<{key.replace(':', '.')}@{sender.partition('@')[2]}>"
    made["webhook-id"] = key
    made["Auto-Submitted"] = "auto-generated"  # so that nobody's absence answers (RFC 3834)
    return made


def _lead(parcel, url):
    """Return the subject, in which no value stands, and the lines."""
    subject = f"A lead for {_line(parcel.title)[:LONGEST_TITLE]}" if parcel.title else "A lead"
    lines = [f"{subject} came in.", ""]
    if parcel.test:
        subject, lines = f"Test: {subject}", ["This is a test: there is no such person.", ""]
    if parcel.named:
        lines += [*(f"{_line(name)}: {_value(value)}" for name, value in parcel.named.items()), ""]
    if url:
        return subject, [*lines, f"{url}/dashboard/leads/{parcel.lead}"]
    return subject, [*lines, f"Its id is {parcel.lead}. See it by: flask leads show {parcel.lead}"]


def _erasure(parcel):
    subject = f"Lead {parcel.lead} was erased"
    return subject, [
        f"The person of lead {parcel.lead} was erased in Datapost.",
        "Please delete the lead here, too: the mail about it, and wherever its values were copied to.",
    ]


def _value(value):
    return ", ".join(map(_line, value)) if isinstance(value, list) else _line(value)


def _line(value):
    """Return a value as part of a line: whatever would end that is a blank."""
    return _CONTROLS.sub(" ", text(value)).encode("utf-8", "replace").decode()
