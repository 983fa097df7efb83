"""Mail servers on this machine: one that takes mails or refuses them, as a test says, and one that says anything."""

import contextlib
import socket
import threading
from email import message_from_bytes
from email.policy import default
from typing import NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cast import NEVER


class Mail(NamedTuple):
    """What came: whom the envelope names, and the message."""

    sender: str
    recipients: list
    message: object
    secure: bool


class Mailbox:
    """A mail server that takes all, less what `answers` says: {"MAIL", "RCPT", "DATA" or a recipient: an answer}.

    An answer is a text, or a list of texts, of which each is said once.
    """

    def __init__(self, tls=None, starttls=None, password=None, host="127.0.0.1", **answers):
        self.mails, self.answers, self.logins, self._password = [], answers, [], password
        options = {"ssl_context": tls} if tls else {"tls_context": starttls}
        if password:
            options |= {"authenticator": self._authenticate, "auth_require_tls": False}
        self._server = Controller(self, hostname=host, port=_free_port(host), **options)
        self.port, self.host = self._server.port, host

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_error):
        self._server.stop()

    def url(self, scheme="smtp", user="", host=None, query="?from=leads@acme.example"):
        return f"{scheme}://{user}{host or self.host}:{self.port}{query}"

    def _authenticate(self, _server, _session, _envelope, mechanism, data):
        self.logins.append((mechanism, data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password.decode() == self._password, handled=False)

    def _answer(self, *keys):
        for key in keys:
            said = self.answers.get(key)
            if said and (isinstance(said, str) or len(said) > 0):
                return said if isinstance(said, str) else said.pop(0)
        return None

    async def handle_MAIL(self, _server, _session, envelope, address, options):
        if refused := self._answer("MAIL"):
            return refused
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if refused := self._answer(address, "RCPT"):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):
        if refused := self._answer("DATA"):
            return refused
        message = message_from_bytes(envelope.content, policy=default)
        secure = server.transport.get_extra_info("ssl_object") is not None
        self.mails.append(Mail(envelope.mail_from, envelope.rcpt_tos, message, secure))
        return "250 OK"


def _free_port(host):
    with socket.create_server((host, 0)) as found:
        return found.getsockname()[1]


class Talker:
    """A server that does with each connection what a function of the connection and an event says.

    The event is set when the test is over.
    """

    def __init__(self, talk):
        self._talk, self.done, self.heard = talk, threading.Event(), []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self._listener.getsockname()[1]}?from=leads@acme.example"

    def __enter__(self):
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()
        return self

    def __exit__(self, *_error):
        self.done.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(NEVER)

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                place, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._one, args=[place]))
                self._threads[-1].start()

    def _one(self, place):
        place.settimeout(NEVER)
        with contextlib.suppress(OSError), contextlib.closing(place):
            self._talk(place, self)


def says(*answers):
    """Return what a Talker does that greets with the first answer, and gives each line that comes the next one."""

    def talk(place, talker):
        with place.makefile("rb") as came:
            for answer in answers:
                place.sendall(answer.encode() + b"\r\n")
                if not (line := came.readline()):
                    return
                talker.heard.append(line.decode("latin-1").strip())

    return talk
