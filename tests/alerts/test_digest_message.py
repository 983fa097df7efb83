"""The daily summary: reasons, partners that changed, deliveries and alerts, and the message that is made of all."""

import json
from datetime import timedelta
from functools import partial

import pytest
from cast import ROOT, blocks
from digests import DOLLARS, LONG_AGO, SILENCE, URL, WEEK_BEFORE, YESTERDAY, brand_of, lines, words

import database
from alerts.markup import WIDTH, folded
from alerts.message import Message
from database import StoreError
from delivery.outbox import Delivered, Standing
from web.destinations import Destination

CRM = Destination("crm", "webhook", "https://crm.acme.example", "https://crm.acme.example")


@pytest.fixture
def made(make_app, database_url):
    """Make a brand of the texts of its rule files."""
    return partial(brand_of, make_app, database_url)


@pytest.fixture
def brand(made):
    return made()


# --- Reasons and partners ---


def test_the_first_reasons_are_told_by_their_sentences(brand):
    brand.leads(2, years="9")
    brand.leads(3, email="")
    told = lines(brand.digest())
    assert told.index("3  No email address was submitted") < told.index("2  Applicants must be 18 or older")


def test_more_than_three_reasons_are_counted(brand):
    brand.leads(1, years="9")
    brand.leads(1, email="")
    brand.leads(1, phone="x")
    brand.leads(1, birth_date="x")
    assert "and 1 more reason" in lines(brand.digest())


def partners(brand):
    return [(one["partner"], one["change"]) for one in brand.digest().data["programs"][0]["partners"]]


def test_a_partner_that_sent_none_for_a_week_is_new(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(10, WEEK_BEFORE)
    brand.leads(10)
    brand.leads(3, irpid="newcomer")
    brand.leads(1, WEEK_BEFORE + timedelta(days=2), irpid="returning")
    brand.leads(1, irpid="returning")
    assert partners(brand) == [("newcomer", "new")]
    assert "newcomer: 3 leads, 3 accepted, and none in the seven days before." in lines(brand.digest())


def test_a_partner_whose_name_is_sensitive_is_not_named(made):
    brand = made(DOLLARS.replace("irpid: {}", "irpid: {sensitive: true}"))
    brand.leads(1, LONG_AGO)
    brand.leads(10, WEEK_BEFORE)
    brand.leads(10)
    brand.leads(3, irpid="newcomer")
    message = brand.digest()
    assert partners(brand) == [("a partner", "new")] and "newcomer" not in message.to_json()
    assert "a partner: 3 leads, 3 accepted, and none in the seven days before." in lines(message)


def test_a_partner_that_sends_none_any_more_is_told(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(10, WEEK_BEFORE)
    brand.leads(10)
    brand.leads(6, WEEK_BEFORE, irpid="quiet")
    brand.leads(2, WEEK_BEFORE, irpid="small")
    assert partners(brand) == [("quiet", "gone")]
    assert "quiet: no lead; a week before, 6." in lines(brand.digest())


def test_a_partner_that_sends_far_more_or_less_is_told(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(30, WEEK_BEFORE)
    brand.leads(8)
    brand.leads(10, WEEK_BEFORE, irpid="steady")
    brand.leads(13, irpid="steady")
    assert partners(brand) == [("brightleads", "leads")]
    assert "brightleads: 8 leads; a week before, 30." in lines(brand.digest())


def test_a_partner_whose_share_of_accepted_leads_changed_is_told(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(20, WEEK_BEFORE)
    brand.leads(8)
    brand.leads(12, years="9")
    assert partners(brand) == [("brightleads", "share")]
    assert "brightleads: 40% of 20 leads accepted; a week before, 100% of 20." in lines(brand.digest())


def test_five_partners_are_named_and_the_others_counted(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(1, WEEK_BEFORE)
    for number in range(7):
        brand.leads(2, irpid=f"newcomer-{number}")
    assert len(partners(brand)) == 5
    assert "and 2 more" in lines(brand.digest())


def test_leads_that_name_no_partner_are_told_as_such(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(9, irpid="")
    assert "Leads that name no partner: 9 leads, 9 accepted" in words(brand.digest())


def test_names_of_partners_are_cut_and_cannot_steer_or_mark_up(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(9, irpid="<script>\u202e{{ 7 * 7 }}" + "x" * 200)
    message = brand.digest()
    (partner,) = message.data["programs"][0]["partners"]
    assert len(partner["partner"]) == 80 and "\u202e" not in message.to_json()
    assert "<script>" not in message.html and "&lt;script&gt;" in message.html and "49" not in message.html


# --- Deliveries and alerts ---


def test_deliveries_are_told_by_destination(made):
    brand = made(destinations={"crm": CRM})
    with database.write():
        Delivered.insert(program="default", day="2026-03-12", destination="crm", sent=17, dead=2).execute()
        Delivered.insert(program="default", day="2026-03-11", destination="crm", sent=99, dead=0).execute()
        Standing.insert(name="crm", paused_at=YESTERDAY, paused_by="ann", why="").execute()
    message = brand.digest()
    assert "! crm: 17 sent; paused since 12 Mar 2026." in lines(message)
    assert message.data["deliveries"] == [
        {"destination": "crm", "sent": 17, "died": 2, "waiting": 0, "dead": 0, "paused": True}
    ]


def test_where_nothing_is_delivered_nothing_is_said_of_it(brand):
    assert "DELIVERIES" not in brand.digest().text


def test_alerts_that_are_open_are_told_those_of_yesterday_first(brand):
    old = SILENCE | {"key": "old", "since": "2026-03-01T03:00:00.000Z", "sentence": "An old one."}
    mild = SILENCE | {"key": "mild", "grave": False, "sentence": "A mild one."}
    message = brand.digest(alerts=[old, mild, SILENCE], url=URL)
    told = lines(message)
    assert [line for line in told if line.startswith(("! ", "- "))] == [
        "! New: Home loans: no lead has come for 9 hours.",
        "- New: A mild one.",
        "! Since 1 Mar 2026: An old one.",
    ]
    assert f'href="{URL}/dashboard/programs"' in message.html
    assert message.data["new"] == [SILENCE, mild, old]
    assert message.subject == "Datapost: no lead yesterday; 2 grave alerts"
    assert not message.grave  # nobody is woken by a summary


def test_alerts_about_programs_of_another_summary_are_left_to_that(made):
    brand = made({"default": DOLLARS, "solar": DOLLARS})
    of_solar, of_house, broken = (SILENCE | {"key": name, "program": name} for name in ("solar", "", "unusable"))
    told = brand.digest(alerts=[SILENCE, of_solar, of_house, broken], only={"default"}).data["new"]
    assert told == [SILENCE, of_house, broken]


def test_alerts_that_are_over_since_the_day_before_are_told(brand):
    over = SILENCE | {"gone_at": "2026-03-13T05:00:00.000Z"}
    long_over = SILENCE | {"gone_at": "2026-03-09T05:00:00.000Z", "sentence": "Long over."}
    message = brand.digest(alerts=[over, long_over])
    assert message.data["over"] == [over] and message.data["new"] == []
    assert "OVER SINCE THE LAST SUMMARY" in lines(message) and "Long over." not in message.text


def test_without_an_alert_that_is_said(brand):
    assert "No alert is open." in lines(brand.digest()) and "No alert is open." in brand.digest().html


# --- The message ---


def test_with_an_address_of_the_service_there_are_links(brand):
    brand.leads(1)
    link = f"{URL}/dashboard/leads?program=default&since=2026-03-12&until=2026-03-12"
    message = brand.digest(url=URL)
    assert link in lines(message) and link.replace("&", "&amp;") in message.html


def test_without_one_there_is_none(brand):
    brand.leads(1)
    message = brand.digest(alerts=[SILENCE | {"advice": "Ask the partners."}])
    assert "http" not in message.text and "href" not in message.html


def test_a_mail_has_short_lines_whatever_is_told_and_a_chat_whole_sentences(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(9, irpid="x" * 200)
    alert = SILENCE | {"sentence": "y" * 300, "advice": "many words " * 40}
    text = brand.digest(alerts=[alert]).text
    assert max(map(len, folded(text).splitlines())) <= WIDTH and folded(text).split() != text.split()
    assert f"  {' '.join(['many words'] * 40)}" in text.splitlines()


@pytest.mark.parametrize("first", ["", "! ", "  ", "To pay    ", "     5  "])
def test_what_a_line_goes_on_with_stands_below_where_it_began(first):
    lines = folded(first + "many words " * 12).splitlines()
    assert [line[: len(first)] for line in lines] == [first, *[" " * len(first)] * (len(lines) - 1)]
    assert len(lines) > 1 and all(line[len(first)] in "mw" for line in lines)


def test_an_address_stays_whole():
    address = f"{URL}/{'x' * 100}"
    assert folded(f"  See {address} now").splitlines() == ["  See", f"  {address}", "  now"]


def test_no_value_of_a_lead_stands_in_it(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(9, email="canary@example.com", phone="(415) 555-2671", birth_date="1990-05-01")
    told = brand.digest(url=URL).to_json()
    assert not any(text in told for text in ("canary", "555-2671", "5552671", "1990-05-01"))


def test_it_goes_through_json_and_back(brand):
    brand.leads(2)
    message = brand.digest(alerts=[SILENCE])
    assert message.type == "digest" and Message.from_json(message.to_json()) == message
    assert json.loads(json.dumps(message.data)) == message.data


def test_plain_numbers_are_for_programs(brand):
    brand.leads(1, LONG_AGO)
    brand.leads(1, WEEK_BEFORE)
    brand.leads(1)
    brand.leads(1, years="9")
    assert brand.digest().data["programs"] == [
        {
            "program": "default",
            "title": "Home loans",
            "day": "2026-03-12",
            "counted": True,
            "currency": "USD",
            "leads": 2,
            "accepted": 1,
            "rejected": 1,
            "payout": "10.00",
            "tests": 0,
            "before": {"day": "2026-03-05", "leads": 1, "accepted": 1, "rejected": 0, "payout": "10.00"},
            "reasons": [{"reason": "adult", "leads": 1}],
            "partners": [],
            "sales": [],
        }
    ]


def test_a_store_that_is_down_is_said_as_everywhere(brand, monkeypatch):
    def down(*_values):
        raise StoreError("it is down")

    monkeypatch.setattr(database.connection, "check", down)
    with pytest.raises(StoreError):
        brand.digest()


def test_a_webhook_gets_what_the_document_shows(made):
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    guide = operations[operations.index("## A daily summary") :]
    shown = json.loads(blocks(guide[: guide.index("\n## ", 1)], "json")[0])["data"]
    brand = made(f"timezone: America/New_York\n{DOLLARS}", destinations={"crm": CRM})
    brand.leads(1, LONG_AGO)
    brand.leads(1, WEEK_BEFORE)
    brand.leads(2, irpid="harbor-mortgage", years="9")
    got = brand.digest().data
    assert list(got) == list(shown)
    for part in ("programs", "deliveries"):
        assert list(got[part][0]) == list(shown[part][0])
    for part in ("reasons", "partners"):
        assert list(got["programs"][0][part][0]) == list(shown["programs"][0][part][0])
    assert list(got["programs"][0]["before"]) == list(shown["programs"][0]["before"])
