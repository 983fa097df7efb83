"""The mail server and the address of the service itself, as the environment says them."""

import pytest

from web.destinations import MailServer, mail_server
from web.settings import Settings, SettingsError

HOW = (
    "DATAPOST_SMTP_URL cannot be read: write smtps://user:password@host:465; in a password @ is %40, / %2F, # %23, "
    "? %3F"
)


def refusal(**environ):
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ)
    assert "canary" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://ann:pw@mail.example", MailServer("mail.example", 465, True, "ann", "pw", "")),
        ("smtp://mail.example", MailServer("mail.example", 587, False, "", "", "")),
        ("smtp://mail.example:25/", MailServer("mail.example", 25, False, "", "", "")),
        ("SMTPS://a%40b.example:p%2F%40%3A%23%3F@mail.example:2465",
         MailServer("mail.example", 2465, True, "a@b.example", "p/@:#?", "a@b.example")),
        ("smtps://ann:pw@mail.example?from=leads@acme.example",
         MailServer("mail.example", 465, True, "ann", "pw", "leads@acme.example")),
        ("smtps://a%40b.example:pw@mail.example?from=leads%2Bx@bücher.example",
         MailServer("mail.example", 465, True, "a@b.example", "pw", "leads+x@xn--bcher-kva.example")),
        ("smtps://a%40b_.example:pw@mail.example", MailServer("mail.example", 465, True, "a@b_.example", "pw", "")),
        ("smtp://[::1]:25", MailServer("::1", 25, False, "", "", "")),
    ],
)  # fmt: skip
def test_an_address_says_how_mails_are_sent(url, server):
    assert mail_server(url) == server
    assert Settings.load({"DATAPOST_SMTP_URL": f" {url} "}).smtp_url == url


NO_SERVERS = [
    "mail.example",
    "https://canary/",
    "smtp:",
    "smtp://",
    "smtp://canary:x",
    "smtps://ann:can/ary@mail.example",
]
NO_SERVERS += [
    "smtps://ann:1/canary@mail.example",
    "smtps://ann:can#ary@mail.example",
    "smtps://ann:can?ary@mail.example",
]
NO_SERVERS += ["smtps://ann:1?canary@mail.example", "smtps://ann:1#canary@mail.example", "smtps://mail.example/canary"]
NO_SERVERS += [
    "smtps://mail.example?form=canary@acme.example",
    "smtps://mail.example?from=a@b.example#canary",
    "smtp://[canary",
]


@pytest.mark.parametrize("url", NO_SERVERS)
def test_what_cannot_be_read_is_refused_with_how_to_write_it(url):
    assert refusal(DATAPOST_SMTP_URL=url) == HOW


@pytest.mark.parametrize(
    "sender", ["canary", "", "a+canary@acme.example", "Ann <canary@acme.example>", "a@b.example%0Ac"]
)
def test_a_sender_that_is_no_mail_address_is_refused(sender):
    assert refusal(DATAPOST_SMTP_URL=f"smtps://mail.example?from={sender}") == (
        "DATAPOST_SMTP_URL: from= is no mail address: write from=leads@acme.example, and + in it as %2B"
    )


@pytest.mark.parametrize("login", ["canäry:x", "x:canäry", "x:can%00ary", "x:can%C3%A4ry"])
def test_a_login_beyond_ascii_is_refused(login):
    assert refusal(DATAPOST_SMTP_URL=f"smtps://{login}@mail.example") == (
        "DATAPOST_SMTP_URL: its user name or password has letters that are not ASCII"
    )


def test_a_mail_server_is_shown_nowhere():
    assert "canary" not in repr(Settings.load({"DATAPOST_SMTP_URL": "smtps://ann:canary@mail.example"}))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", ""),
        ("https://leads.acme.example", "https://leads.acme.example"),
        (" https://leads.acme.example/ ", "https://leads.acme.example"),
        ("http://127.0.0.1:8000/base/", "http://127.0.0.1:8000/base"),
    ],
)
def test_a_service_may_know_its_own_address(text, url):
    assert Settings.load({"DATAPOST_URL": text}).url == url


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("leads.acme.example", "cannot be read: write it like https://leads.acme.example"),
        ("ftp://acme.example", "is not the address of a service: write it like https://leads.acme.example"),
        (
            "https://ann:canary@acme.example",
            "is not the address of a service: write it like https://leads.acme.example",
        ),
        ("https://acme.example?canary", "is not the address of a service: write it like https://leads.acme.example"),
        ("https://acme.example/#canary", "is not the address of a service: write it like https://leads.acme.example"),
        ("https://acme.example/can ary", "is not the address of a service: write it like https://leads.acme.example"),
    ],
)
def test_what_is_not_its_address_is_refused(text, told):
    assert refusal(DATAPOST_URL=text) == f"DATAPOST_URL {told}"
