"""The life of an alert: what of it is told, when, and when no more."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import database
from alerts import ledger as alerts
from alerts.concern import Concern
from alerts.ledger import Alert, Notice
from alerts.message import Message
from web import turns

BEGIN = datetime(2026, 11, 27, 18, tzinfo=UTC)
EVERY = timedelta(minutes=5)


class Receiver(NamedTuple):
    kind: str
    address: str


ANN, CHANNEL = Receiver("mail", "ann@acme.example"), Receiver("webhook", "https://acme.example/canary")


def concern(subject="solar.yaml", grave=True, sentence="It is broken.", **values):
    return Concern("rules_broken", "solar", subject, sentence, "Mend it.", grave, **values)


def look(*found, after=0, receivers=(ANN,), **options):
    """Note what a look found, so many looks after the first; return the subjects of what is new and what is over."""
    now = BEGIN + after * EVERY if isinstance(after, int) else BEGIN + after
    new, over = alerts.note(found, now, receivers=receivers, **options)
    return [one["subject"] for one in new], [one["subject"] for one in over]


def notices():
    with database.read():
        return list(Notice.select().order_by(Notice.id))


def rows():
    with database.read():
        return {row.subject: row for row in Alert.select()}


# Looks, five minutes apart, that find it grave (g), find it not grave (n) or do not find it (.); and what is told after
# each: that it is new (N), that it is over (O), nothing (.).
LIVES = [
    ("g", "."),
    ("gg", ".N"),
    ("ggggg", ".N..."),
    ("g.", ".."),
    ("g..", "..."),
    ("g.g.g.g.", "........"),
    ("gg.", ".N."),
    ("gg..", ".N.O"),
    ("gg....", ".N.O.."),
    ("gg.g.g", ".N...."),
    ("gg.g..", ".N...O"),
    ("gg..gg", ".N.O.N"),
    ("gg..gg..gg..gg..", ".N.O.N.........."),  # what came back must be gone for longer
    ("gg..gg....", ".N.O.N...O"),
    ("gg..gg....gg....gg", ".N.O.N...O.N......"),
    ("gg..g..", ".N.O..."),
    ("nnnnn", "....."),
    ("nn..", "...."),
    ("ngg", "..N"),
    ("ngng", "...."),
    ("gngg", "...N"),
    ("ggnnn", ".N..."),
    ("ggnn..", ".N...O"),
    ("ggnngg", ".N...."),
]


@pytest.mark.parametrize(("found", "told"), LIVES)
def test_what_is_told_of_an_alert_in_its_life(ledger, found, told):
    said = ""
    for number, how in enumerate(found):
        new, over = look(*([] if how == "." else [concern(grave=how == "g")]), after=number)
        said += "N" * len(new) + "O" * len(over) or "."
    assert said == told


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries(dict.fromkeys("abc", st.sampled_from("gn."))), max_size=10))
def test_however_alerts_come_and_go_each_beginning_has_at_most_one_end_and_both_were_seen_twice(ledger, looks):
    database.transact(lambda: (Alert.delete().execute(), Notice.delete().execute()))
    told = {name: [] for name in "abc"}
    for number, found in enumerate(looks):
        new, over = look(*(concern(name, how == "g") for name, how in found.items() if how != "."), after=number)
        for names, what in ((new, "N"), (over, "O")):
            for name in names:
                told[name].append((number, what))
    for name, said in told.items():
        course = "".join(found[name] for found in looks)
        assert all(course[number - 1 : number + 1] == {"N": "gg", "O": ".."}[what] for number, what in said)
        assert [what for _, what in said] == (["N", "O"] * len(said))[: len(said)]
        first = next((number for number, pair in enumerate(pairwise(course), 1) if pair == ("g", "g")), None)
        assert first is None or said[0] == (first, "N")
    assert len(notices()) == len({number for said in told.values() for number, _ in said})


def test_it_is_told_again_after_a_day_while_it_lasts_with_the_time_since_when(ledger):
    look(concern(), after=0)
    look(concern(), after=1)
    day = timedelta(hours=24) + EVERY
    assert look(concern(), after=day - EVERY) == ([], [])
    new, _ = alerts.note([concern()], BEGIN + day, receivers=[ANN])
    assert [(one["since"], one["told_at"]) for one in new] == [("2026-11-27T18:00:00.000Z", "2026-11-27T18:05:00.000Z")]
    assert look(concern(), after=day + EVERY) == ([], [])
    assert look(concern(), after=2 * day) == (["solar.yaml"], [])


@pytest.mark.parametrize("looks", [1, 2, 3, 7, 12, 50])
def test_what_comes_and_goes_all_day_tells_little(ledger, looks):
    """It is on for so many looks and then off for as many; each second one is by hand, which waits for no other."""
    messages = 0
    for number in range(288):
        found = [concern()] if number // looks % 2 == 0 else []
        new, over = alerts.note(found, BEGIN + number * EVERY, at_once=number % 2 == 0, receivers=[ANN])
        messages += bool(new or over)
    assert 1 <= messages <= 12


def test_what_is_over_after_a_longer_wait_was_over_when_it_was_seen_last(ledger):
    for number in range(6):
        look(*([concern()] if number // 2 % 2 == 0 else []), after=number)
    for number in range(6, 9):
        assert look(after=number) == ([], [])
    assert look(after=9) == ([], ["solar.yaml"])
    assert rows()["solar.yaml"].gone_at == BEGIN + 5 * EVERY


def test_what_was_steady_for_a_day_is_over_after_two_looks_again(ledger):
    for number in range(8):
        look(*([concern()] if number // 2 % 2 == 0 else []), after=number)
    look(concern(), after=8)
    database.transact(Alert.update(looks=alerts.STEADY - 1).execute)
    look(concern(), after=9)
    assert (look(after=10), look(after=11)) == (([], []), ([], ["solar.yaml"]))


def test_what_was_told_by_a_clock_that_was_far_ahead_is_told_again(ledger):
    for number in range(2):
        look(concern(), after=timedelta(days=400) + number * EVERY)
    assert look(concern(), after=0) == (["solar.yaml"], [])
    assert look(concern(), after=1) == ([], [])


def test_what_comes_back_is_new_and_since_then(ledger):
    for number in range(2):
        look(concern(), after=number)
    for number in range(2, 4):
        look(after=number)
    assert rows()["solar.yaml"].gone_at == BEGIN + 3 * EVERY
    look(concern(), after=40)
    row = rows()["solar.yaml"]
    assert (row.since, row.told_at, row.gone_at) == (BEGIN + 40 * EVERY, None, None)


def test_at_once_nothing_waits_for_a_second_look(ledger):
    assert look(concern(), at_once=True) == (["solar.yaml"], [])
    assert look(concern(), at_once=True, after=1) == ([], [])
    assert look(at_once=True, after=2) == ([], ["solar.yaml"])


def test_one_message_names_all_that_is_new_and_all_that_is_over_and_goes_to_each_receiver(ledger):
    for number in range(2):
        look(concern("a"), concern("b"), after=number, receivers=[])  # nobody is there to be told
    look(concern("a"), concern("b"), after=2, receivers=[ANN, CHANNEL])
    look(concern("c"), after=3, receivers=[ANN, CHANNEL])
    look(concern("c"), after=4, receivers=[ANN, CHANNEL])
    made = [Message.from_json(notice.message) for notice in notices()]
    named = [[[one["subject"] for one in message.data[word]] for word in ("new", "over")] for message in made]
    assert named == [[["a", "b"], []]] * 2 + [[["c"], ["a", "b"]]] * 2
    assert made[0] == made[1] and made[0].id != made[2].id
    assert [notice.kind for notice in notices()] == ["mail", "webhook"] * 2
    assert "canary" not in repr([notice.__data__ for notice in notices()])


def test_an_alert_is_told_with_these_keys_and_times_in_utc(ledger):
    (told,), _ = alerts.note([concern()], BEGIN, at_once=True, receivers=[ANN])
    assert told == {
        "key": "rules_broken:solar:solar.yaml",
        "kind": "rules_broken",
        "program": "solar",
        "subject": "solar.yaml",
        "grave": True,
        "since": "2026-11-27T18:00:00.000Z",
        "told_at": None,
        "gone_at": None,
        "sentence": "It is broken.",
        "advice": "Mend it.",
    }
    with database.read():
        assert alerts.known_alerts() == [told | {"told_at": "2026-11-27T18:00:00.000Z"}]
    _, (over,) = alerts.note([], BEGIN + EVERY, at_once=True, receivers=[ANN])
    assert (over["told_at"], over["gone_at"]) == ("2026-11-27T18:00:00.000Z", "2026-11-27T18:05:00.000Z")


def test_the_sentence_is_that_of_the_last_look(ledger):
    look(concern(sentence="It is broken: 1 mistake."))
    look(concern(sentence="It is broken: 3 mistakes."), after=1)
    assert rows()["solar.yaml"].sentence == "It is broken: 3 mistakes."


def test_where_a_source_could_not_be_asked_nothing_is_over(ledger):
    for number in range(2):
        look(concern(), after=number)
    for number in range(2, 6):
        assert look(whole=False, after=number) == ([], [])
    assert look(after=6) == ([], [])
    assert look(after=7) == ([], ["solar.yaml"])


def test_who_lost_the_turn_writes_nothing(ledger):
    ours = database.transact(lambda: turns.take(alerts.NAME, 300_000, early=True))
    theirs = database.transact(lambda: turns.take(alerts.NAME, 300_000, early=True))
    assert look(concern(), at_once=True, token=ours) == ([], []) and rows() == {} and notices() == []
    assert look(concern(), at_once=True, token=theirs) == (["solar.yaml"], [])


def test_what_was_over_a_week_ago_is_forgotten_with_the_messages_that_told_it(ledger):
    look(concern(), at_once=True)
    look(at_once=True, after=1)
    database.transact(Notice.update(due_at=None).execute)
    look(after=timedelta(days=7))
    assert rows() and notices()
    look(after=timedelta(days=7, hours=1))
    assert not rows() and not notices()


def test_a_key_of_any_length_is_known_again(ledger):
    long = concern("x" * 5000, sentence="Long.")
    assert look(long) == ([], [])
    assert look(long, concern("x" * 4999 + "y"), after=1) == (["x" * 5000], [])


def test_a_list_has_what_is_on_now_noted_or_not_and_what_was_over_in_the_last_week(ledger):
    look(concern("told"), concern("gone"), at_once=True)
    look(concern("told"), at_once=True, after=1)
    with database.read():
        made = alerts.listed([concern("fresh", grave=False), concern("told")], BEGIN + 3 * EVERY)
    assert [
        (one["subject"], one["since"][11:16], bool(one["told_at"]), (one["gone_at"] or "")[11:16]) for one in made
    ] == [
        ("told", "18:00", True, ""),
        ("fresh", "18:15", False, ""),
        ("gone", "18:00", True, "18:05"),
    ]
    with database.read():
        assert [one["subject"] for one in alerts.listed([], BEGIN + timedelta(days=8))] == ["told"]
    assert set(rows()) == {"told", "gone"}
