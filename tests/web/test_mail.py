"""Mails by the mail server of the settings: over TLS where a password goes, and within the time they may take."""

import time
from email.message import EmailMessage

import pytest
from mailing import Mailbox, Talker, says
from receiving import authority

from web.calling import Unreached
from web.destinations import mail_server
from web.mail import Refused, send

TO = ["sales@acme.example"]
USER = "canary:pass%40word@"


def message():
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "leads@acme.example", "sales@acme.example", "Hello"
    made.set_content("Hello\n.\nthere\n")
    return made


def mail(url, recipients=TO, private=False, seconds=20):
    return send(mail_server(url), message(), recipients, private, seconds)


def test_a_mail_arrives_without_tls_and_login_where_none_is_asked_for():
    with Mailbox() as server:
        assert mail(server.url()) == 0
    (found,) = server.mails
    assert (found.sender, found.recipients, found.secure) == ("leads@acme.example", TO, False)
    assert found.message.get_content().replace("\r\n", "\n") == "Hello\n.\nthere\n"


def test_without_a_sender_in_the_setting_that_of_the_mail_is_named():
    with Mailbox() as server:
        mail(server.url(query=""))
    assert server.mails[0].sender == "leads@acme.example"


def test_a_mail_server_is_found_by_its_name_whichever_of_its_addresses_answers():
    with Mailbox() as server:  # on IPv4 alone
        assert mail(server.url(host="localhost")) == 0


def test_smtps_is_tls_from_the_first_byte_on(tmp_path, monkeypatch):
    with Mailbox(tls=authority(tmp_path, monkeypatch, "localhost"), password="pass@word") as server:
        mail(server.url("smtps", USER, "localhost"))
    assert server.mails[0].secure and server.logins[0][1:] == ("canary", "pass@word")


def test_smtp_goes_on_by_tls_where_the_server_offers_it(tmp_path, monkeypatch):
    with Mailbox(starttls=authority(tmp_path, monkeypatch, "localhost"), password="pass@word") as server:
        mail(server.url("smtp", USER, "localhost"))
    assert server.mails[0].secure and server.logins[0][1:] == ("canary", "pass@word")


@pytest.mark.parametrize(("scheme", "way"), [("smtps", "tls"), ("smtp", "starttls")])
def test_a_server_of_another_name_gets_neither_mail_nor_password(tmp_path, monkeypatch, scheme, way):
    tls = authority(tmp_path, monkeypatch, "other.example")
    untrusted = "its certificate is not of its name, or nobody here trusts it"
    with Mailbox(password="pass@word", **{way: tls}) as server, pytest.raises(Unreached, match=untrusted) as told:
        mail(server.url(scheme, USER, "localhost"))
    assert server.mails == server.logins == [] and told.value.__context__ is None


def test_a_password_never_goes_over_a_plain_connection():
    with Mailbox(password="pass@word") as server, pytest.raises(Refused, match="a password never goes") as told:
        mail(server.url(user=USER))
    assert told.value.about_destination and not told.value.temporary
    assert server.logins == server.mails == []


def test_a_password_goes_plainly_within_a_network_of_ones_own_if_that_is_set():
    with Mailbox(password="pass@word") as server:
        mail(server.url(user=USER), private=True)
    assert server.logins and len(server.mails) == 1


def test_there_tls_is_better_than_none_whatever_the_certificate(tmp_path, monkeypatch):
    with Mailbox(starttls=authority(tmp_path, monkeypatch, "other.example")) as server:
        mail(server.url(), private=True)
    assert server.mails[0].secure


def test_tls_that_was_offered_and_is_refused_is_not_done_without():
    with Talker(says("220 hi", "250-hi\r\n250 STARTTLS", "502 no")) as server, pytest.raises(Refused) as told:
        mail(server.url)
    assert str(told.value) == "the mail server refused TLS with 502"
    assert (told.value.temporary, told.value.about_destination) == (False, True)
    assert told.value.__context__ is None
    assert [line.split()[0] for line in server.heard[:2]] == ["ehlo", "STARTTLS"]
    assert not any(line.startswith("mail") for line in server.heard)


def test_a_mail_says_nothing_of_the_name_of_this_machine():
    with Talker(says("220 hi", "250 hi", "451 later")) as server, pytest.raises(Refused):
        mail(server.url)
    assert server.heard[0] == "ehlo [127.0.0.1]"


@pytest.mark.parametrize(
    ("answers", "error", "status", "temporary", "about_destination"),
    [
        ({"RCPT": "550 canary"}, "every recipient with 550", 550, False, False),
        ({"RCPT": "451 4.7.1 canary"}, "every recipient with 451", 451, True, False),
        ({"RCPT": "550 5.4.5 Daily limit"}, "every recipient with 550", 550, True, False),
        ({"RCPT": "530 canary"}, "every recipient with 530", 530, False, True),
        ({"DATA": "554 canary"}, "the mail with 554", 554, False, False),
        ({"DATA": "452 canary"}, "the mail with 452", 452, True, False),
        ({"DATA": "421 canary"}, "the mail with 421", 421, True, False),
        ({"MAIL": "552 canary"}, "the mail with 552", 552, False, False),
        ({"MAIL": "450 canary"}, "the sender with 450: ?from=… in DATAPOST_SMTP_URL says who sends", 450, True, True),
        ({"MAIL": "553 canary"}, "the sender with 553: ?from=… in DATAPOST_SMTP_URL says who sends", 553, False, True),
    ],
)
def test_who_is_refused_is_told_why_without_the_words_of_the_server(
    answers, error, status, temporary, about_destination
):
    with Mailbox(**answers) as server, pytest.raises(Refused) as told:
        mail(server.url())
    assert str(told.value) == f"the mail server refused {error}"
    assert told.value.__context__ is None  # which would quote it
    found = told.value
    assert (found.status, found.temporary, found.about_destination) == (status, temporary, about_destination)


@pytest.mark.parametrize(
    ("answers", "error", "temporary"),
    [
        (["554 no"], "the connection with 554", False),
        (["421 busy"], "the connection with 421", True),
        (["220 hi", "550 no", "550 no"], "the greeting with 550", False),
    ],
)
def test_a_server_that_does_not_want_to_talk_refuses_every_mail(answers, error, temporary):
    with Talker(says(*answers)) as server, pytest.raises(Refused) as told:
        mail(server.url)
    assert str(told.value) == f"the mail server refused {error}"
    assert (told.value.temporary, told.value.about_destination) == (temporary, True)


def login(*answers):
    url = Talker(says("220 hi", "250-hi\r\n250 AUTH PLAIN", *answers))
    url.url = url.url.replace("//", f"//{USER}")
    return url


@pytest.mark.parametrize(("code", "temporary"), [(535, False), (534, False), (454, True)])
def test_a_login_that_is_refused_is_about_the_destination(code, temporary):
    with login(f"{code} 5.7.8 canary") as server, pytest.raises(Refused) as told:
        mail(server.url, private=True)
    text = f"the mail server refused the login with {code}: look at user and password in DATAPOST_SMTP_URL"
    assert (str(told.value), told.value.temporary, told.value.about_destination) == (text, temporary, True)


@pytest.mark.parametrize("extensions", ["250 hi", "250-hi\r\n250 AUTH GSSAPI"])
def test_a_server_without_a_login_is_not_sent_mails_that_want_one(extensions):
    with Talker(says("220 hi", extensions)) as server, pytest.raises(Refused, match="offers no login that is known"):
        mail(server.url.replace("//", f"//{USER}"), private=True)


def test_of_several_recipients_it_counts_those_that_were_refused():
    with Mailbox(**{"a@acme.example": "550 no", "b@acme.example": "451 no"}) as server:
        assert mail(server.url(), ["a@acme.example", "b@acme.example", "c@acme.example"]) == 2
    assert server.mails[0].recipients == ["c@acme.example"]


def test_if_one_of_the_refused_may_be_taken_later_all_of_it_is_sent_later():
    with Mailbox(**{"a@acme.example": "550 no", "b@acme.example": "451 no"}) as server, pytest.raises(Refused) as told:
        mail(server.url(), ["a@acme.example", "b@acme.example"])
    assert told.value.temporary and told.value.status == 451


def test_an_address_that_stands_there_twice_is_refused_once():
    with Mailbox(RCPT="550 no") as server, pytest.raises(Refused, match="every recipient"):
        mail(server.url(), TO * 2)


# --- Servers that answer nothing, or nonsense ---


def test_who_is_not_there_is_not_reached():
    with Talker(says()) as server:
        url = server.url
    with pytest.raises(Unreached, match="the mail server is not reached: no connection"):
        mail(url)


def test_a_name_that_nobody_knows_is_not_reached():
    with pytest.raises(Unreached, match="the mail server is not reached: its name is not known"):
        mail("smtp://mail.invalid")


@pytest.mark.parametrize(
    "answers",
    [
        ["hello"],
        ["220 hi", "999 hi", "999 hi"],
        ["220 hi", "250 hi", "100 hm", "250 hi"],
        ["220 hi", "250 hi", "250 ok", "354 hm", "250 ok"],
        ["220 hi", "250-" + "x" * 9000],
        ["220 hi", "250-hi\r\n250 AUTH CRAM-MD5", "334 !"],
        ["220 hi"],
        ["\xff\0"],
    ],
)
def test_nonsense_is_no_answer(answers):
    with Talker(says(*answers)) as server, pytest.raises(Unreached, match="the mail server is not reached: "):
        mail(server.url.replace("//", f"//{USER}") if "CRAM" in str(answers) else server.url, private=True)


def drips(text):
    """Return what a Talker does that says one sign after the other, each in time."""

    def talk(place, talker):
        for sign in text * 1000:
            if talker.done.wait(0.02):
                return
            place.sendall(sign.encode())

    return talk


def after(*answers):
    """Return what a Talker does that answers so much, and then nothing any more."""

    def talk(place, talker):
        says(*answers[:-1])(place, talker)
        place.sendall(answers[-1].encode() + b"\r\n")
        talker.done.wait(60)

    return talk


def floods(place, talker):
    place.sendall(b"220 hi\r\n")
    while not talker.done.is_set():
        place.sendall(b"250-and so on\r\n")


@pytest.mark.parametrize(
    "talk",
    [
        lambda place, talker: talker.done.wait(60),
        drips("2"),
        drips("220-hi\r\n"),
        floods,
        after("220 hi", "250 hi"),
        after("220 hi", "250-hi\r\n250 STARTTLS", "220 go on"),
        after("220 hi", "250 hi", "250 ok", "250 ok", "354 go on"),
    ],
    ids=["silent", "dripping", "greeting forever", "flooding", "deaf", "no TLS comes", "never takes it"],
)
def test_a_server_that_keeps_us_waiting_is_left_in_time(talk):
    start = time.monotonic()
    with Talker(talk) as server:
        with pytest.raises(Unreached, match="it did not answer within 0.5 seconds"):
            mail(server.url, seconds=0.5)
        assert time.monotonic() - start < 2


def test_a_server_that_never_says_good_bye_has_taken_the_mail():
    with Talker(after("220 hi", "250 hi", "250 ok", "250 ok", "354 go on", "250 ok")) as server:
        assert mail(server.url) == 0
