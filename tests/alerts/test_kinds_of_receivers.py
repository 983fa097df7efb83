"""What each kind of receiver gets, and what its answers mean. All of them are on this machine."""

import base64
import dataclasses
import json

import pytest
from receiving import Receiver, answer
from standardwebhooks import Webhook
from telling import NOW, URL, alert, hostile, several, tell

from alerts import kinds, wording
from delivery.answers import Outcome
from delivery.mail import NO_SERVER
from web.settings import version

OLD, NEW = "whsec_" + "A" * 32, "whsec_" + "B" * 32


def body(receiver):
    (request,) = receiver.requests
    return json.loads(request.body)


# --- Any webhook ---


def test_a_webhook_gets_type_time_and_data(receiver):
    assert tell(receiver.url) == Outcome("sent", 200)
    (request,) = receiver.requests
    assert request.line == "POST /hook?key=canary HTTP/1.1"
    assert request.headers["user-agent"] == f"Datapost/{version()}"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    data = {"new": [alert("Zoë 0 is wrong.")], "over": []}
    assert json.loads(request.body) == {"type": "alert", "timestamp": "2026-11-27T18:05:00.000Z", "data": data}
    assert "webhook-signature" not in request.headers


def test_a_webhook_is_signed_by_each_secret(receiver):
    tell(receiver.url, hostile(), DATAPOST_ALERTS_SECRET=f"{OLD} {NEW}")
    (request,) = receiver.requests
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(request.body, request.headers) == json.loads(request.body)


def test_every_attempt_has_one_id_and_every_receiver_another(receiver):
    message = several()
    tell(receiver.url, message), tell(receiver.url, message), tell(f"{receiver.url}2", message)
    first, again, other = [request.headers["webhook-id"] for request in receiver.requests]
    assert first == again != other and first.startswith(f"{message.id}_")
    assert "canary" not in first


@pytest.mark.parametrize("kind", ["", "slack:", "teams:", "ntfy:"])
@pytest.mark.parametrize(
    ("status", "result"), [(200, "sent"), (202, "sent"), (404, "pause"), (403, "pause"), (429, "again"), (500, "again")]
)
def test_what_an_answer_means_is_the_same_for_all(receiver, kind, status, result):
    receiver.answers = answer(status, b"no_service")
    url = receiver.url.partition("?")[0]
    error = "" if result == "sent" else f"it answered {status}"
    assert tell(f"{kind}{url}") == Outcome(result, status, error)


def test_nobody_is_called_in_a_private_network_unless_that_is_meant():
    settings_off = {"DATAPOST_DELIVER_PRIVATE": "off"}
    for kind in ("", "slack:", "teams:", "ntfy:"):
        outcome = tell(f"{kind}https://127.0.0.1:1/canary", **settings_off)
        assert outcome.result == "pause" and "private network" in outcome.error and "canary" not in outcome.error


def test_where_nobody_listens_it_is_tried_again():
    with Receiver() as gone:
        pass
    assert tell(gone.url) == Outcome("again", error="no connection")


# --- Slack ---


def test_slack_gets_the_subject_in_bold_the_lines_and_a_link(receiver):
    tell(f"slack:{receiver.url}")
    assert body(receiver) == {
        "text": "*Datapost: Zoë 0 is wrong.*\n\nZoë 0 is wrong.\n"
        f"Mend it. See <{URL}/dashboard/programs/default>\nSince 27 Nov 2026, 18:00 UTC.",
        "unfurl_links": False,
        "unfurl_media": False,
    }


def test_in_slack_a_name_is_no_markup_and_calls_nobody(receiver):
    tell(f"slack:{receiver.url}", hostile())
    text = body(receiver)["text"]
    assert text.count("<") == 1 and f"<{URL}/dashboard/programs/default>" in text
    assert not any(call in text for call in ("@channel", "@everyone", "<!", "<@", "`", "\u202e", "\x00"))
    assert len(text.split("\n")) == 5 and "//evil" in text and "://evil" not in text
    assert "&amp;lt;" in text


# --- Teams ---


def card(receiver):
    message = body(receiver)
    (attachment,) = message["attachments"]
    assert message["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    return attachment["content"]


def test_teams_gets_a_card_with_a_line_in_each_block(receiver):
    receiver.answers = answer(202)
    assert tell(f"teams:{receiver.url}") == Outcome("sent", 202)
    made = card(receiver)
    assert (made["type"], made["version"]) == ("AdaptiveCard", "1.4")
    assert made["actions"] == [{"type": "Action.OpenUrl", "title": "Open Datapost", "url": f"{URL}/dashboard"}]
    told = [block["text"] if "text" in block else block["inlines"][0]["text"] for block in made["body"]]
    assert told == [
        "Datapost: Zoë 0 is wrong.",
        "Zoë 0 is wrong.",
        "Mend it. See",
        f"[See it in Datapost]({URL}/dashboard/programs/default)",
        "Since 27 Nov 2026, 18:00 UTC.",
    ]


def test_in_teams_no_name_stands_where_markdown_is_read(receiver):
    tell(f"teams:{receiver.url}", hostile())
    read = [block for block in card(receiver)["body"] if block["type"] == "TextBlock"]
    assert [block["text"] for block in read] == [f"[See it in Datapost]({URL}/dashboard/programs/default)"]
    assert all(block["wrap"] for block in read)
    assert all("\u202e" not in json.dumps(block, ensure_ascii=False) for block in card(receiver)["body"])


# --- ntfy ---


def test_ntfy_gets_json_at_its_root(receiver):
    tell(f"ntfy:http://127.0.0.1:{receiver.port}/my-topic")
    (request,) = receiver.requests
    assert request.line == "POST / HTTP/1.1" and "authorization" not in request.headers
    assert body(receiver) == {
        "topic": "my-topic",
        "title": "Datapost: Zoë 0 is wrong.",
        "message": f"Zoë 0 is wrong.\nMend it. See {URL}/dashboard/programs/default\nSince 27 Nov 2026, 18:00 UTC.",
        "priority": 4,
        "tags": ["rotating_light"],
        "click": f"{URL}/dashboard",
    }


def test_what_is_not_grave_wakes_nobody(receiver):
    tell(f"ntfy:http://127.0.0.1:{receiver.port}/my-topic", wording.of_test(NOW, URL))
    assert (body(receiver)["priority"], body(receiver)["tags"]) == (3, ["information_source"])


@pytest.mark.parametrize(
    ("login", "header"),
    [
        (":tk_a%2Fb@", "Bearer tk_a/b"),
        ("ann:p%40ss@", "Basic " + base64.b64encode(b"ann:p@ss").decode()),
    ],
)
def test_ntfy_is_logged_in_to_by_a_token_or_a_password(receiver, login, header):
    tell(f"ntfy:http://{login}127.0.0.1:{receiver.port}/my-topic")
    (request,) = receiver.requests
    assert request.headers["authorization"] == header
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_in_ntfy_a_name_is_plain_text(receiver):
    tell(f"ntfy:http://127.0.0.1:{receiver.port}/my-topic", hostile())
    assert "markdown" not in body(receiver)
    text = body(receiver)["message"]
    assert len(text.split("\n")) == 3 and "\u202e" not in text and "://evil" not in text
    assert f"{URL}/dashboard/programs/default" in text


# --- Mail ---


def test_a_mail_has_the_subject_and_the_lines(mailbox):
    message = several()
    assert tell("mailto:ann@acme.example,eve@acme.example", message, DATAPOST_SMTP_URL=mailbox.url()) == Outcome(
        "sent", 250
    )
    (mail,) = mailbox.mails
    assert mail.recipients == ["ann@acme.example", "eve@acme.example"]
    assert mail.message["Subject"] == "Datapost: Zoë 0 is wrong."
    assert mail.message["Auto-Submitted"] == "auto-generated" and mail.message["Date"]
    assert mail.message["Message-ID"].startswith(f"<{message.id}_") and mail.message["Message-ID"].endswith(
        "@acme.example>"
    )
    assert mail.message.get_content().splitlines() == message.text.splitlines()
    assert mail.message.get_content_type() == "text/plain"


def test_what_is_a_page_too_goes_as_both(mailbox):
    page = "<!doctype html><title>Zoë</title><p>Zoë</p>"
    tell("mailto:ann@acme.example", dataclasses.replace(several(), html=page), DATAPOST_SMTP_URL=mailbox.url())
    (mail,) = mailbox.mails
    assert mail.message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.message.iter_parts()] == ["text/plain", "text/html"]
    assert mail.message.get_body(("html",)).get_content().strip() == page
    assert mail.message["Subject"] == "Datapost: Zoë 0 is wrong."


def test_in_a_mail_a_name_ends_no_header_and_no_line(mailbox):
    tell("mailto:ann@acme.example", hostile(), DATAPOST_SMTP_URL=mailbox.url())
    (mail,) = mailbox.mails
    text = mail.message.get_content()
    assert len(text.splitlines()) == 3 and "://evil" not in text and f"{URL}/dashboard/programs/default" in text
    assert mail.message["Subject"].startswith("Datapost: <!channel> @channel")
    assert not any(sign in str(mail.message["Subject"]) + mail.message.get_content() for sign in "\u202e\x00\x07")


def test_without_a_mail_server_it_waits_and_says_what_to_set():
    assert tell("mailto:ann@acme.example") == Outcome("pause", error=NO_SERVER)


# --- How much each takes ---


def long(line="Ünter 99 Leads sind <b>&</b> falsch. ", count=3000):
    return dataclasses.replace(several(), text="\n".join(f"{number}: {line}" for number in range(count)))


def test_in_slack_what_has_no_room_is_left_out_and_told(receiver):
    tell(f"slack:{receiver.url}", long())
    text = body(receiver)["text"]
    assert 30_000 < len(text) < 40_000 and text.endswith(f"\n… and more: <{URL}/dashboard>")


def test_in_teams_what_has_no_room_is_left_out_and_told(receiver):
    tell(f"teams:{receiver.url}", long())
    (request,) = receiver.requests
    assert 20_000 < len(request.body) < 28_000
    assert card(receiver)["body"][-1]["inlines"][0]["text"] == f"… and more: {URL}/dashboard"


def test_in_ntfy_what_has_no_room_is_left_out_and_told(receiver):
    tell(f"ntfy:http://127.0.0.1:{receiver.port}/t", long())
    text = body(receiver)["message"]
    assert 3_500 < len(text.encode()) <= 4_096 and text.endswith(f"\n… and more: {URL}/dashboard")


def test_a_line_that_never_ends_is_cut(receiver):
    tell(f"slack:{receiver.url}", long("x" * 100_000, 1))
    assert len(body(receiver)["text"]) < 1_200


def test_every_kind_has_its_way():
    assert set(kinds.KINDS) == {"mail", "slack", "teams", "ntfy", "webhook", "apprise"}
