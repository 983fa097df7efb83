"""What the first page warns of, each with what to do about it."""

from datetime import UTC, datetime, timedelta

import pytest
from brand import OPERATORS, RULES, SOLAR, Operator, record
from cast import Partner
from lxml import html

import database
from alerts import programs as concerns
from alerts.arrivals import MANY_TESTS
from alerts.concern import duration, lasting
from leads import daily

LIMITED = RULES.replace("{id: duplicate, unique: [email]}", "{id: cap, limit: 5, per: day, by: [irpid]}")


@pytest.fixture
def shop(make_app):
    app = make_app({"default": LIMITED}, operators=OPERATORS)
    partner = Partner(app)
    partner.operator, partner.rules = Operator(app), app.extensions["datapost"].rulebook.folder / "default.yaml"
    partner.program = app.extensions["datapost"].rulebook.programs["default"]
    return partner


def notices(shop):
    """Return the warnings of the first page, by how grave they are."""
    page = html.fromstring(shop.operator.get("/dashboard").text)
    return [
        (div.get("class").split()[1], " ".join(" ".join(div.itertext()).split()))
        for div in page.xpath("//div[@role='note']")
    ]


def test_where_nothing_is_wrong_all_is_well(shop):
    shop.lead(email="ann@example.com")
    assert notices(shop) == [] and "All is well." in shop.operator.words("/dashboard")


def test_a_broken_rule_file_is_grave(shop, clock):
    shop.rules.write_text("fields: {a: {type: tekst}}")
    clock.passes(2)
    (notice,) = notices(shop)
    assert notice[0] == "error" and "default.yaml is broken: 1 mistake." in notice[1]
    assert "Leads are judged by its last good version until it is mended. See the mistakes" in notice[1]


def test_a_broken_file_of_another_program_is_no_business_of_an_operator(shop, clock):
    for name in ("secret", "solar"):
        shop.rules.with_name(f"{name}.yaml").write_text("fields: {a: {type: tekst}}")
    clock.passes(2)
    shop.operator = Operator(shop.app, SOLAR)
    ((_, notice),) = notices(shop)
    assert "solar.yaml is broken" in notice


def test_a_limit_is_told_when_it_is_near_and_when_it_is_reached(shop):
    for number in range(3):
        shop.lead(email=f"ann{number}@example.com", irpid="Bright")
    assert notices(shop) == []
    shop.lead(email="ann4@example.com", irpid="Bright")
    (notice,) = notices(shop)
    assert notice[0] == "warning" and "“cap” is nearly reached for 1 group: 4 of 5 leads this day" in notice[1]
    assert "Once it is, further leads are refused. So far for bright. See the rule" in notice[1]
    shop.lead(email="ann5@example.com", irpid="Bright")
    (notice,) = notices(shop)
    assert notice[0] == "error" and "is reached for 1 group: 5 of 5 leads" in notice[1]


def test_many_limits_are_told_together(shop):
    for partner in range(5):
        for number in range(4):
            shop.lead(email=f"ann{number}@example.com", irpid=f"p{partner}")
    (notice,) = notices(shop)
    assert "nearly reached for 5 groups: 4 of 5" in notice[1] and "So far for p0; p1; p2, and 2 more." in notice[1]


def test_a_limit_by_a_sensitive_field_names_nobody(make_app):
    app = make_app({"default": LIMITED.replace("irpid: {}", "irpid: {sensitive: true}")}, operators=OPERATORS)
    shop = Partner(app)
    shop.operator = Operator(app)
    for number in range(4):
        shop.lead(email=f"ann{number}@example.com", irpid="bright")
    (notice,) = notices(shop)
    assert "So far for ***." in notice[1]


def test_silence_that_is_unusual_is_told(shop):
    now = datetime.now(UTC)
    for hours in range(2, 24 * 29):
        record(shop.program, now - timedelta(hours=hours, minutes=20), email=f"a{hours}@example.com", irpid=str(hours))
    assert notices(shop) == []
    with_silence = concerns.silence(shop.program, now + timedelta(hours=8))
    with database.read(), shop.app.test_request_context():
        (warning,) = with_silence
    assert warning.grave and "no lead has come for 10 hours; usually one comes every" in warning.sentence


def test_a_field_that_a_partner_does_not_send_any_more_is_told_with_its_new_name(shop):
    now = datetime.now(UTC)
    for number in range(30):
        moment = now - timedelta(days=6, minutes=number)
        record(shop.program, moment, email=f"a{number}@example.com", irpid="bright", phone="415-555-2671", extra="x")
    for number in range(12):
        shop.lead(email=f"b{number}@example.com", irpid="bright", mobile="415-555-2671", extra="x")
    while database.transact(lambda: daily.roll_up([shop.program])):
        pass
    found = [text for _, text in notices(shop) if "does not send" in text]
    (text,) = found
    assert "bright does not send phone any more: none of the last 12 leads has it; before, 100% had it." in text
    assert "Perhaps it is called mobile now: then add that to its aliases." in text


def test_a_partner_who_sends_many_tests_is_told_with_what_they_cost(shop):
    now = datetime.now(UTC)

    def send(partner, number, ago=timedelta(), **fields):
        record(shop.program, now - ago, email=f"{partner}{number}@example.com", irpid=partner, is_test="yes", **fields)

    for number in range(MANY_TESTS):
        send("refused", number, years="9")
        send("earlier", number, timedelta(days=2))
    for number in range(MANY_TESTS - 1):
        send("young", number, timedelta(days=1))
    assert notices(shop) == []
    send("young", MANY_TESTS)
    ((kind, text),) = notices(shop)
    assert kind == "error"
    assert f"Home loans: young sent {MANY_TESTS} test leads since yesterday that were answered valid" in text
    assert f"valid, worth {MANY_TESTS * 10}.00." in text
    assert "impact.com pays for tests too." in text and "take test_flag out of the rule file" in text
    (link,) = html.fromstring(shop.operator.get("/dashboard").text).xpath("//a[text()='See the tests']/@href")
    assert len(html.fromstring(shop.operator.get(link).text).xpath("//*[@class='found']/tbody/tr")) == MANY_TESTS


def test_tests_under_made_up_names_of_partners_are_told_together(shop):
    for number in range(MANY_TESTS):
        record(shop.program, datetime.now(UTC), email=f"t{number}@example.com", irpid=f"p{number}", is_test="yes")
    ((_, text),) = notices(shop)
    assert f"Home loans: several partners together sent {MANY_TESTS} test leads since yesterday" in text


def test_a_sqlite_file_that_a_restart_loses_is_grave(shop, monkeypatch):
    monkeypatch.setenv("DYNO", "web.1")
    assert "this platform does not last: a restart may lose them all" in shop.operator.words("/dashboard")


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=10), "few seconds"),
        (timedelta(seconds=61), "minute"),
        (timedelta(minutes=45), "45 minutes"),
        (timedelta(hours=3), "3 hours"),
        (timedelta(days=3), "3 days"),
    ],
)
def test_spans_are_told_in_one_unit(span, words):
    assert duration(span) == words


def test_what_has_lasted_for_less_than_two_minutes_is_a_sentence_too():
    spans = [timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=12), timedelta(hours=5)]
    assert [lasting(span) for span in spans] == ["a few seconds", "a minute", "12 minutes", "5 hours"]
