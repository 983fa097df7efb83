"""How alerts are worded: the subject on a phone, the lines, and what of a name is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telling import HOSTILE, NOW, URL, alert

from alerts import markup
from alerts.message import Message
from alerts.wording import TEST, of_alerts, of_test

TOLD = "2026-11-26T18:00:00.000Z"


def over(sentence="It is broken.", gone_at="2026-11-27T20:30:00.000Z", **values):
    return alert(sentence, gone_at=gone_at, **values)


@pytest.mark.parametrize(
    ("new", "ended", "subject"),
    [
        ([alert()], [], "default.yaml is broken: 1 mistake."),
        ([alert(told_at=TOLD)], [], 'still: "default.yaml is broken: 1 mistake."'),
        ([], [over()], 'over: "It is broken."'),
        ([alert(), alert()], [], "2 things are wrong."),
        ([alert(), alert(), alert()], [over()], "3 things are wrong, 1 is over."),
        ([alert()], [over(), over()], "1 thing is wrong, 2 are over."),
        ([alert(), alert(told_at=TOLD)], [], "2 things are wrong (1 of them new)."),
        ([alert(told_at=TOLD)] * 2, [over()], "2 things are still wrong, 1 is over."),
        ([], [over(), over()], "2 things are over."),
    ],
)
def test_the_subject_says_what_it_is_or_how_many(new, ended, subject):
    assert of_alerts(new, ended, NOW, URL).subject == f"Datapost: {subject}"


def test_the_text_says_what_is_new_what_still_is_and_what_is_over():
    still = alert("The disk fills.", told_at=TOLD, since="2026-11-26T17:00:00.000Z", advice="")
    assert of_alerts([still, alert()], [over()], NOW, URL).text.split("\n") == [
        "default.yaml is broken: 1 mistake.",
        f"Mend it. See {URL}/dashboard/programs/default",
        "Since 27 Nov 2026, 18:00 UTC.",
        "",
        "Still:",
        "",
        "The disk fills.",
        "Since 26 Nov 2026, 17:00 UTC.",
        "",
        "Over:",
        "",
        "It is broken.",
        "It lasted 2 hours and 30 minutes, until 27 Nov 2026, 20:30 UTC.",
    ]


@pytest.mark.parametrize(
    ("gone_at", "span"),
    [
        ("2026-11-27T18:00:10.000Z", "1 minute"),
        ("2026-11-27T18:05:00.000Z", "5 minutes"),
        ("2026-11-27T19:00:00.000Z", "1 hour"),
        ("2026-11-29T19:05:00.000Z", "2 days and 1 hour"),
        ("2026-11-28T18:00:00.000Z", "1 day"),
    ],
)
def test_how_long_it_lasted_is_told_in_two_units(gone_at, span):
    assert f"It lasted {span}, until" in of_alerts([], [over(gone_at=gone_at)], NOW, URL).text


def test_it_is_grave_if_something_is_that_is_there():
    assert of_alerts([alert(grave=False), alert()], [], NOW, URL).grave
    assert not of_alerts([alert(grave=False)], [over()], NOW, URL).grave


@pytest.mark.parametrize(
    ("url", "more"), [(URL, f"… and 5 more: {URL}/dashboard"), ("", "… and 5 more, in the dashboard.")]
)
def test_a_long_list_is_cut_and_a_webhook_gets_all_of_it(url, more):
    made = of_alerts([alert(f"It is wrong {number}.") for number in range(25)], [], NOW, url)
    assert made.text.endswith(f"\n\n{more}") and "wrong 19." in made.text and "wrong 20." not in made.text
    assert len(made.data["new"]) == 25


def test_a_message_goes_through_the_outbox_as_it_is():
    made = of_alerts([alert(HOSTILE)], [over()], NOW, URL)
    assert Message.from_json(made.to_json()) == made and made.type == "alert" and len(made.id) == 26


def test_a_test_says_that_it_is_one():
    made = of_test(NOW, URL)
    (told,) = made.data["new"]
    assert set(told) == set(alert()) and told["kind"] == "test" and made.data["over"] == []
    assert made.subject == f"Datapost: {TEST}" and not made.grave and made.type == "alert"
    assert f"{URL}/dashboard" in made.text and "See" not in of_test(NOW, "").text


def test_a_name_ends_no_line_and_hides_nothing():
    made = of_alerts([alert(HOSTILE)], [], NOW, URL)
    assert "\n" not in made.subject and len(made.subject) <= 150 and len(made.text.split("\n")) == 3
    assert not any(sign in made.subject + made.text for sign in "\u202e\x00\x07")


SIGNS = st.sampled_from(
    ["<", ">", "&", "!", "@", "`", "|", URL, "/", ".", "://", "\n", "\u202e", "\ud800", "\x85", "x"]
)


@given(st.lists(SIGNS, max_size=30).map("".join))
def test_whatever_a_name_is_it_is_one_line_and_in_slack_only_our_links_are_some(name):
    text = markup.line(name)
    assert len(text.splitlines()) <= 1 and text.encode().decode() == text
    said = markup.slack(text, URL)
    assert "`" not in said and all(part.startswith(URL) for part in said.split("<")[1:])
    assert said.count(">") == said.count("<")
    assert "".join(part for part, _ in markup.pieces(text, URL)) == text


# --- What is a link ---


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (f"See {URL}/a/b?c=d#e.", [f"{URL}/a/b?c=d#e"]),
        (f"See {URL}.", [URL]),
        (f"See {URL}/x, and {URL}", [f"{URL}/x", URL]),
        (f"{URL}.evil.example/x", []),
        (f"{URL}@evil.example/x", []),
        (f"{URL}:8443/x", []),
        ("https://evil.example/ http://leads.acme.example/x", []),
        (f"{URL}/x|here>", [f"{URL}/x"]),
        (f"[a]({URL}/x)[b](https://evil.example)", [f"{URL}/x"]),
    ],
)
def test_a_link_is_what_begins_with_the_address_of_this_service(text, links):
    parts = markup.pieces(text, URL)
    assert [part for part, is_link in parts if is_link] == links
    assert "".join(part for part, _ in parts) == text


def test_without_an_address_nothing_is_a_link():
    assert markup.pieces(f"See {URL}/x", "") == [(f"See {URL}/x", False)]


def test_what_is_to_be_copied_stays_as_it_is():
    text = f"Set DATAPOST_DELIVER_CRM=https://… (or mailto:…). See {URL}/a@b"
    assert markup.unlinked(text, URL) == text and markup.apart(text, URL) == text


def test_what_has_room_is_not_cut():
    assert markup.fitting_text(["a", "bc"], 5, "…") == "a\nbc"
    assert markup.fitting_text(["aaaa", "bbbb"], 9, "…") == "aaaa\n…"
    assert markup.fitting_text(["aaaaaaaa"], 3, "…") == "…"
