"""A mail that a lead came: what it says, and what the answers of the mail server mean."""

from dataclasses import replace

import pytest
from cast import Partner
from mailing import Mailbox, Talker, says
from receiving import delivering

import database
from delivery import outbox
from delivery.answers import Outcome
from delivery.parcel import Parcel, erased
from models import Delivery

ID = "01JD0000000000000000000000"
PARCEL = Parcel(f"{ID}_crm", ID, "crm", {"email": "canary@acme.example"}, title="Solar")
NAMED = replace(PARCEL, named={"first_name": "Zoë", "tags": ["a", "b"], "ok": True})
URL = "https://leads.acme.example"
LINK = f"{URL}/dashboard/leads/{ID}"


@pytest.fixture
def mail(deliver, mailbox):
    """Send a parcel by mail, and return the Outcome."""

    def run(parcel=PARCEL, to="sales@acme.example", **environ):
        environ = {"DATAPOST_SMTP_URL": mailbox.url(), "DATAPOST_URL": URL} | environ
        return deliver(f"mailto:{to}", parcel, **environ)

    return run


def read(mailbox):
    """Return the only mail that came, and its lines."""
    (found,) = mailbox.mails
    return found.message, found.message.get_content().splitlines()


def test_a_mail_holds_no_value_of_the_lead_but_a_link_to_it(mail, mailbox):
    assert mail() == Outcome("sent", 250)
    message, lines = read(mailbox)
    assert lines == ["A lead for Solar came in.", "", LINK]
    assert "canary" not in str(message)


def test_values_that_the_rules_name_stand_in_it_as_lines(mail, mailbox):
    mail(NAMED)
    assert read(mailbox)[1] == [
        "A lead for Solar came in.", "", "first_name: Zoë", "tags: a, b", "ok: true", "", LINK,
    ]  # fmt: skip


def test_a_lead_that_has_none_of_the_named_fields_is_a_link(mail, mailbox):
    mail(replace(PARCEL, named={}))
    assert read(mailbox)[1] == ["A lead for Solar came in.", "", LINK]


def test_its_headers_are_those_of_a_message_that_a_machine_wrote(mail, mailbox):
    mail(NAMED)
    message, _ = read(mailbox)
    assert message["Subject"] == "A lead for Solar"
    assert (message["From"], message["To"]) == ("leads@acme.example", "sales@acme.example")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime
    assert (message.get_content_type(), message.get_content_charset()) == ("text/plain", "utf-8")


def test_every_attempt_has_the_same_id(mail, mailbox):
    mail(), mail()
    first, second = (found.message for found in mailbox.mails)
    assert first["webhook-id"] == second["webhook-id"] == f"{ID}_crm"
    assert first["Message-ID"] == second["Message-ID"] == f"<{ID}_crm@acme.example>"


def test_the_longest_ids_are_whole(mail, mailbox):
    long = f"{ID}_{'x' * 40}"
    mail(replace(PARCEL, id=long), DATAPOST_SMTP_URL=mailbox.url(query=f"?from=leads@{'acme.' * 20}example"))
    message, _ = read(mailbox)
    assert message["webhook-id"].strip() == long
    assert message["Message-ID"].strip() == f"<{long}@{'acme.' * 20}example>"


def test_a_test_says_so_in_subject_and_text(mail, mailbox):
    mail(replace(NAMED, test=True))
    message, lines = read(mailbox)
    assert message["Subject"] == "Test: A lead for Solar"
    assert lines[0] == "This is a test: there is no such person."


def test_without_an_address_of_the_service_it_says_how_to_see_the_lead(mail, mailbox):
    mail(DATAPOST_URL="")
    assert read(mailbox)[1][-1] == f"Its id is {ID}. See it by: flask leads show {ID}"


def test_an_erasure_asks_to_delete_the_mail(mail, mailbox):
    assert mail(erased(ID, "crm")) == Outcome("sent", 250)
    message, lines = read(mailbox)
    assert message["Subject"] == f"Lead {ID} was erased"
    assert message["Message-ID"] == f"<{ID}_crm.erased@acme.example>"
    assert lines == [
        f"The person of lead {ID} was erased in Datapost.",
        "Please delete the lead here, too: the mail about it, and wherever its values were copied to.",
    ]


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\0"])
def test_a_value_stays_on_its_line(mail, mailbox, break_):
    bad = f"Ann{break_}Bcc: eve@evil.example{break_}.{break_}zip: 0"
    parcel = replace(PARCEL, named={"name": bad, f"a{break_}b": ["x", bad]}, title=f"So{break_}lar")
    assert mail(parcel).result == "sent"
    message, lines = read(mailbox)
    assert message["Subject"] == "A lead for So lar"
    assert message["Bcc"] is None and len(lines) == 6
    assert lines[2] == "name: Ann Bcc: eve@evil.example . zip: 0"
    assert mailbox.mails[0].recipients == ["sales@acme.example"]


def test_half_a_sign_harms_nothing(mail, mailbox):
    assert mail(replace(PARCEL, named={"name": "A\ud800"}, title="\udfff")).result == "sent"
    assert read(mailbox)[1][2] == "name: A?"


def test_a_title_in_any_script_is_readable(mail, mailbox):
    mail(replace(PARCEL, title="Sonnendächer für 大阪"))
    assert read(mailbox)[0]["Subject"] == "A lead for Sonnendächer für 大阪"


def test_it_goes_to_all_recipients_and_who_was_refused_is_counted(mail, mailbox):
    mailbox.answers["b@acme.example"] = "550 no"
    found = mail(to="a@acme.example,b@acme.example,c@acme.example")
    assert found == Outcome("sent", 250, "1 of 3 recipients were refused by the mail server")
    assert mailbox.mails[0].recipients == ["a@acme.example", "c@acme.example"]


# --- Who sends ---


@pytest.mark.parametrize(
    ("query", "url", "sender"),
    [
        ("?from=ann@acme.example", URL, "ann@acme.example"),
        ("", URL, "datapost@leads.acme.example"),
        ("", "https://xn--lden-loa.example:8443/leads", "datapost@xn--lden-loa.example"),
    ],
)
def test_the_sender_is_that_of_the_setting_or_of_the_service(mail, mailbox, query, url, sender):
    mail(DATAPOST_SMTP_URL=mailbox.url(query=query), DATAPOST_URL=url)
    message, _ = read(mailbox)
    assert (mailbox.mails[0].sender, message["From"]) == (sender, sender)
    assert message["Message-ID"].endswith(f"@{sender.partition('@')[2]}>")


def test_the_user_is_the_sender_if_it_is_an_address(mail, mailbox):
    mail(DATAPOST_SMTP_URL=mailbox.url(user="ann%40acme.example@", query=""))
    assert mailbox.mails[0].sender == "ann@acme.example"


@pytest.mark.parametrize("url", ["", "http://192.0.2.7:8000", "http://[2001:db8::1]"])
def test_where_nobody_is_the_sender_it_waits_and_says_what_to_set(mail, mailbox, url):
    found = mail(DATAPOST_SMTP_URL=mailbox.url(query=""), DATAPOST_URL=url)
    told = "nobody is named as sender: write ?from=leads@acme.example at the end of DATAPOST_SMTP_URL"
    assert found == Outcome("pause", error=told)


def test_without_a_mail_server_it_waits_and_says_what_to_set(mail):
    told = "no mail server is set: write DATAPOST_SMTP_URL=smtps://user:password@host:465"
    assert mail(DATAPOST_SMTP_URL="") == Outcome("pause", error=told)


# --- What is answered ---


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ({"RCPT": "451 canary"}, Outcome("again", 451, "the mail server refused every recipient with 451")),
        ({"RCPT": "550 canary"}, Outcome("dead", 550, "the mail server refused every recipient with 550")),
        ({"DATA": "554 canary"}, Outcome("dead", 554, "the mail server refused the mail with 554")),
        ({"DATA": "452 canary"}, Outcome("again", 452, "the mail server refused the mail with 452")),
    ],
)
def test_an_answer_says_what_becomes_of_the_lead(mail, mailbox, answers, outcome):
    mailbox.answers.update(answers)
    assert mail() == outcome


@pytest.mark.parametrize(("code", "result"), [(553, "pause"), (450, "again")])
def test_a_sender_that_is_refused_is_about_the_destination(mail, mailbox, code, result):
    mailbox.answers["MAIL"] = f"{code} canary"
    told = f"the mail server refused the sender with {code}: ?from=… in DATAPOST_SMTP_URL says who sends"
    assert mail() == Outcome(result, code, told)


def test_a_login_that_is_refused_pauses_the_destination(mail):
    with Talker(says("220 hi", "250-hi\r\n250 AUTH PLAIN", "535 canary")) as server:
        found = mail(DATAPOST_SMTP_URL=server.url.replace("//", "//ann:canary@"))
    told = "the mail server refused the login with 535: look at user and password in DATAPOST_SMTP_URL"
    assert found == Outcome("pause", 535, told)


def test_a_server_without_tls_gets_no_password_and_pauses_the_destination(mail, mailbox):
    found = mail(DATAPOST_SMTP_URL=mailbox.url(user="ann:canary@"), DATAPOST_DELIVER_PRIVATE="off")
    told = "the mail server offers no TLS, and a password never goes there without: write smtps:// or another port"
    assert found == Outcome("pause", error=told)


def test_a_mail_server_on_this_machine_is_ones_own_setting(mail):
    assert mail(DATAPOST_DELIVER_PRIVATE="off").result == "sent"


def test_a_server_that_is_not_there_is_tried_again(mail):
    with Talker(says()) as server:
        url = server.url
    told = "the mail server is not reached: no connection"
    assert mail(DATAPOST_SMTP_URL=url) == Outcome("again", error=told)


# --- On the whole way ---


RULES = """
title: Solar
fields: {email: {type: email, required: true}, first_name: {}}
deliver: [{to: inbox, fields: [first_name]}]
"""


def test_a_mail_server_that_greylists_takes_the_lead_the_second_time(make_app):
    with Mailbox(RCPT=["451 4.7.1 Greylisted"]) as mailbox:
        settings = delivering(inbox="mailto:sales@acme.example") | {"smtp_url": mailbox.url(), "url": URL}
        shop = Partner(make_app(RULES, **settings))
        sender = shop.app.extensions["datapost"].sender
        sender.wake = lambda: None
        lead = shop.lead(email="ann@acme.example", first_name="Ann")["uniqueid"]
        assert sender.run_due() == {"again": 1}
        outbox.resume("inbox")
        assert sender.run_due() == {"sent": 1}
    assert read(mailbox)[1] == ["A lead for Solar came in.", "", "first_name: Ann", "", f"{URL}/dashboard/leads/{lead}"]
    with database.read():
        row = Delivery.get(lead=lead)
    assert (row.state, row.attempts, row.last_status, row.error) == ("sent", 2, 250, "")
