"""Sub-partners on the pages: listed with their partner's figures, and each by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from brand import OPERATORS, RULES, SOLAR, Operator, id_of, record, wait_for_backtests
from cast import Partner
from counted import count_all
from lxml import html

import database

NAMED = RULES.replace("partner: irpid", "partner: [irpid, subid]").replace("irpid: {}", "irpid: {}\n  subid: {}")
PAGE = "/dashboard/subpartner?partner=bright&subpartner="


@pytest.fixture
def house(make_app, database_url):
    """A brand whose partner has two sub-partners, in each of the two databases."""
    app = make_app({"default": NAMED, "solar": RULES}, operators=OPERATORS, database_url=database_url)
    database.migrate()
    partner = Partner(app)
    partner.operator, partner.program = Operator(app), app.extensions["datapost"].rulebook.programs["default"]
    partner.lead(email="ann@example.com", irpid="bright", subid="s 1/a")
    partner.young = id_of(partner.lead(email="kim@example.com", irpid="bright", subid="s 1/a", years="9"))
    partner.lead(email="bo@example.com", irpid="bright", subid="s-2")
    partner.lead(email="jo@example.com", irpid="bright")
    return partner


def test_a_partners_page_lists_its_sub_partners_with_the_same_figures(house):
    for minutes in (0, 10):
        count_all(datetime.now(UTC) + timedelta(minutes=minutes), [house.program])
        words = house.operator.words("/dashboard/partner?partner=bright")
        assert (
            "Its sub-partners Sub-partner Leads Valid To pay s 1/a mostly: Applicants must be 18 or older 2 50% 10.00"
            in (words)
        )
        assert "s-2 1 100% 10.00" in words
        assert "(none, or one of many with few leads) 1 100% 10.00" in words


def test_of_very_many_sub_partners_the_hundred_largest_are_listed_and_the_rest_last(house):
    for number in range(101):
        record(
            house.program,
            datetime.now(UTC),
            email=f"{number}@example.com",
            irpid="bright",
            subid=f"made-up-{number:03}",
        )
    page = html.fromstring(house.operator.get("/dashboard/partner?partner=bright").text)
    rows = [
        "".join(row.itertext()).split()[0]
        for row in page.xpath("//table[.//th[text()='Sub-partner']]//th[@scope='row']")
    ]
    assert rows[:2] + rows[-1:] == ["s", "made-up-000", "(none,"] and len(rows) == 101
    assert "And 3 more, with fewer leads each." in house.operator.words("/dashboard/partner?partner=bright")


def test_a_partner_without_sub_partners_has_none_to_list(house):
    house.lead(email="al@example.com", irpid="dim")
    house.lead(path="/leads/solar", email="al@example.com", irpid="sunny", subid="s-1")
    for name in ("dim", "sunny", "", "nobody"):
        assert "sub-partner" not in house.operator.words(f"/dashboard/partner?partner={name}").lower()


def test_from_a_partners_page_two_clicks_lead_to_the_leads_of_a_sub_partner(house):
    page = html.fromstring(house.operator.get("/dashboard/partner?partner=bright&days=1").text)
    (link,) = page.xpath("//a[text()='s 1/a']/@href")
    assert "days=1" in link
    page = html.fromstring(house.operator.get(link).text)
    assert page.findtext(".//h1") == "s 1/a, a sub-partner of bright"
    (reason,) = page.xpath("//a[text()='Applicants must be 18 or older']/@href")
    leads = html.fromstring(house.operator.get(reason).text)
    assert [link.rpartition("/")[2] for link in leads.xpath("//table[@class='found']//a/@href")] == [house.young]
    assert leads.findtext(".//h1") == "Leads of bright / s 1/a"


def test_the_page_of_a_sub_partner_has_its_figures_and_those_before(house):
    program, now = house.program, datetime.now(UTC)
    for days in (9, 20):
        record(program, now - timedelta(days=days), email=f"{days}@example.com", irpid="bright", subid="s 1/a")
    house.lead(email="lu@example.com", irpid="bright", subid="s 1/a", is_test="true")
    words = house.operator.words(PAGE + "s+1/a&days=30")
    assert "Leads came 4 Valid leads 3 75% of all Refused 1 To pay 30.00" in words
    assert "no sub-partners of Home loans are known before" in words
    assert "Beside these, 1 test lead came, 1 of which was answered valid, worth 10.00" in words
    assert "Applicants must be 18 or older Home loans: adult 1 100% 10.00" in words
    count_all(now, [program])
    words = house.operator.words(PAGE + "s+1/a")
    assert "Leads came 2 ▲ 100% 1 in the days before Valid leads 1 50% of all as before 1 in the days before" in words


def test_a_sub_partner_that_sent_nothing_leads_to_its_earlier_leads(house):
    words = house.operator.words(PAGE + "nobody")
    assert "No lead of this sub-partner came in these days. Earlier leads" in words


def test_the_list_of_leads_filters_by_sub_partner_and_names_it(house):
    words = house.operator.words("/dashboard/leads?subpartner=s-2")
    assert "bright / s-2" in words and "s 1/a" not in words
    assert "subpartner s-2" in words
    lines = house.operator.get("/dashboard/leads.jsonl?subpartner=s-2").text.splitlines()
    assert len(lines) == 1 and '"partner": "bright", "subpartner": "s-2"' in lines[0]


def test_where_no_program_names_sub_partners_the_filter_offers_none(make_app):
    page = Operator(make_app(RULES, operators=OPERATORS)).get("/dashboard/leads").text
    assert "ub-partner" not in page


def test_a_leads_page_names_its_sub_partner(house):
    page = html.fromstring(house.operator.get(f"/dashboard/leads/{house.young}").text)
    (link,) = page.xpath("//dt[text()='Sub-partner']/../dd/a")
    assert link.text == "s 1/a"
    assert house.young in house.operator.get(link.get("href")).text


def test_who_sees_one_program_sees_no_sub_partners_of_another(house):
    sun = Operator(house.app, SOLAR)
    assert "No lead of this sub-partner came" in sun.words(PAGE + "s-2")
    assert "s-2" not in sun.words("/dashboard/partner?partner=bright")


def test_a_backtest_names_the_sub_partners_under_their_partner(house):
    changed = NAMED.replace("rules:", "rules:\n  - {id: none, reject_if: irpid == 'bright'}")
    started = house.operator.post("/dashboard/programs/default/edit", text=changed, days="7", start="1")
    wait_for_backtests()
    words = house.operator.words(started.headers["Location"])
    assert "bright s 1/a: 1, 10.00 s-2: 1, 10.00 3 30.00" in words
    assert "bright / s-2" in words


@pytest.mark.parametrize("text", ["%00", "%ED%A0%80", "%FF", "x" * 7000, "%3Cscript%3E"])
def test_what_nobody_is_called_does_no_harm(house, text):
    response = house.operator.get(PAGE + text)
    assert response.status_code == 200 and "<script>" not in response.text
