"""Mails, by the mail server that DATAPOST_SMTP_URL names.

That server is the operator's own setting, so that its address may be a private one. A password goes to it over TLS
alone, or within a network of one's own. Nothing of an address, a password or an answer stands in an error.
"""

import contextlib
import re
import smtplib
import socket
import ssl
from email.policy import SMTP

from web.calling import BROKE, NO_CONNECTION, NOT_TRUSTED, SECONDS, Unreached, Watch, is_private, resolve, trusted

TAKEN = 250  # what the server answers to a mail that it takes
FAREWELL = 1  # second: the mail is taken by then
TOO_BIG = 552  # to the sender already, where the server knows the size (RFC 1870)
NO_LOGIN = (530, 534, 535, 538)  # whatever it is answered to (RFC 4954, 6)
# Too many for today is told as final by some (Gmail: 550 5.4.5), and is not.
ENOUGH_FOR_TODAY = re.compile(rb"[45]\.4\.5\b")

PLAIN = "the mail server offers no TLS, and a password never goes there without: write smtps:// or another port"
NO_WAY_IN = "the mail server offers no login that is known here: take the password out, or write another port"
UNREADABLE = "what it answered is no answer of a mail server"


class Refused(Exception):
    """The mail server said no, by the code `status` (None: it never came to that).

    It is `temporary`, or for good; and `about_destination`, so that every mail would be refused, or about this one.
    """

    def __init__(self, text, status=None, temporary=False, about_destination=True):
        super().__init__(text)
        self.status, self.temporary, self.about_destination = status, temporary, about_destination


def send(server, message, recipients, private, seconds=SECONDS):
    """Send an EmailMessage by a MailServer, and return how many recipients were refused where others were taken.

    Raises Refused, or Unreached if nothing was answered; it takes so many seconds at most. With `private`, passwords
    may go to private addresses without TLS.
    """
    sender = server.sender or message["From"].addresses[0].addr_spec
    recipients, raw = list(dict.fromkeys(recipients)), message.as_bytes(policy=SMTP)
    with Watch(seconds) as watch:
        try:
            with contextlib.closing(_Connection(server, private, watch)) as connection:
                connection.enter()
                refused = connection.sendmail(sender, recipients, raw)
                connection.leave()
                return len(refused)
        except ssl.SSLCertVerificationError:
            failure = NOT_TRUSTED
        except (Refused, Unreached) as error:
            failure = error
        except smtplib.SMTPServerDisconnected:
            failure = BROKE
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
            failure = _refusal(error)
        except (OSError, smtplib.SMTPException, ValueError):  # ValueError: a login that is no base64
            failure = BROKE
        late = watch.late if watch.is_over else None
    # Here, where no error of a library is on its way any more: such a one quotes addresses and answers.
    if isinstance(failure, Refused):
        raise failure
    raise Unreached(f"the mail server is not reached: {late or failure}")


class _Connection(smtplib.SMTP):
    """A connection that is watched. Its machine's name is asked of nobody, which could take long."""

    def __init__(self, server, private, watch):
        super().__init__(local_hostname="localhost")
        self._server, self._private, self._watch = server, private, watch
        self._host = server.host.rstrip(".")  # whose certificate it must be

    def _get_socket(self, host, port, _timeout):
        addresses = resolve(host, port, self._watch)
        for waiting, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                made = socket.create_connection((str(address), port), self._watch.left / waiting)
                self._watch.over(made)
                if self._server.tls:
                    made = trusted().wrap_socket(made, server_hostname=self._host)
            except ssl.SSLError:
                raise
            except OSError:  # also where TLS does not come about in time
                continue
            made.settimeout(self._watch.left)
            self._is_ours = self._private and is_private(address)
            self.local_hostname = _literal(made)
            return made
        raise Unreached(NO_CONNECTION)

    def enter(self):
        """Connect, go on by TLS if that is possible, and log in."""
        code, text = self.connect(self._server.host, self._server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        self.ehlo_or_helo_if_needed()
        if not self._server.tls and self.has_extn("starttls"):
            self._secure()
        elif not self._server.tls and self._server.password and not self._is_ours:
            raise Refused(PLAIN)
        if self._server.password:
            self._login()

    def _secure(self):
        try:
            self.starttls(context=_any() if self._is_ours else trusted())
            return
        except smtplib.SMTPResponseException as error:
            refused = _said(error.smtp_code, error.smtp_error, "TLS")
        raise refused

    def _login(self):
        try:
            self.login(self._server.user, self._server.password)
            return
        except (smtplib.SMTPResponseException, smtplib.SMTPServerDisconnected):
            raise
        except smtplib.SMTPException:  # there is none, or none that both know
            refused = Refused(NO_WAY_IN)
        raise refused

    def leave(self):
        """Say good-bye. What is answered to that does not matter any more."""
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self.sock.settimeout(min(FAREWELL, self._watch.left))
            self.quit()


def _literal(connection):
    """Return who we are, as an address (RFC 5321, 4.1.3)."""
    address = connection.getsockname()[0].partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _any():
    """Return a TLS that asks for no name: where a password may go without TLS, this is better than nothing."""
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


# What is refused, whether every mail would be, and what to do.
REFUSED = {
    smtplib.SMTPConnectError: ("the connection", True, ""),
    smtplib.SMTPHeloError: ("the greeting", True, ""),
    smtplib.SMTPAuthenticationError: ("the login", True, ": look at user and password in DATAPOST_SMTP_URL"),
    smtplib.SMTPSenderRefused: ("the sender", True, ": ?from=… in DATAPOST_SMTP_URL says who sends"),
    smtplib.SMTPDataError: ("the mail", False, ""),
}


def _refusal(error):
    """Return what an error of smtplib means: Refused, or a text for Unreached."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = sorted(error.recipients.values(), key=lambda answer: not _is_temporary(*answer))
        return _said(*answers[0], "every recipient", False)
    if type(error) not in REFUSED:  # a line without an end
        return UNREADABLE
    what, about_destination, advice = REFUSED[type(error)]
    if type(error) is smtplib.SMTPSenderRefused and error.smtp_code == TOO_BIG:
        what, about_destination, advice = REFUSED[smtplib.SMTPDataError]
    return _said(error.smtp_code, error.smtp_error, what, about_destination, advice)


def _said(code, text, what, about_destination=True, advice=""):
    if not 400 <= code < 600:
        return Unreached(UNREADABLE)
    told = f"the mail server refused {what} with {code}{advice}"
    return Refused(told, code, _is_temporary(code, text), about_destination or code in NO_LOGIN)


def _is_temporary(code, text):
    return code < 500 or bool(ENOUGH_FOR_TODAY.match(text if isinstance(text, bytes) else b""))
