"""The page of a partner: its course, the period before, what was not paid, and the programs that it posts to."""

from datetime import UTC, datetime, timedelta

import pytest
from brand import record, text_of
from lxml import html

from web.service import rulebook


@pytest.fixture
def house(shop):
    """A partner "bright" that posts to the home loans only, for nine days, and one of both programs."""
    with shop.app.app_context():
        programs = rulebook().programs
    now = datetime.now(UTC)
    for days in range(9):
        for number in range(2):
            fields = {"email": f"a{days}-{number}@example.com", "irpid": "bright", "years": "9" if number else "40"}
            record(programs["default"], now - timedelta(days=days), **fields)
    for name, program in programs.items():
        record(program, now, email=f"{name}@example.com", irpid="both")
    record(programs["default"], now - timedelta(days=80), email="first@example.com", irpid="other")
    return shop


def tiles(page):
    found = page.xpath("//ul[@class='tiles']/li")
    return {tile[0].text: " ".join(tile.text_content().split()) for tile in found}


def test_a_partner_has_a_course_the_period_before_and_what_was_not_paid(house):
    page = html.fromstring(house.operator.get("/dashboard/partner?partner=bright&days=7").text)
    assert len(page.xpath("//figure//*[name()='rect'][@class='valid']")) == 7
    assert len(page.xpath("//figure//table//tr")) == 8
    told = tiles(page)
    assert told["Leads came"] == "Leads came 14 ▲ 250% 4 in the days before"
    assert told["Not paid"].startswith("Not paid 70.00") and "20.00 in the days before" in told["Not paid"]
    (row,) = page.xpath("//table[@class='ranked']/tbody/tr | //table[@class='ranked']/tr")
    assert " ".join(row.text_content().split()) == "Applicants must be 18 or older adult 7100%70.00"
    assert "all refused ones together 70.00" in " ".join(page.text_content().split())


def test_a_partner_has_only_the_programs_that_it_posts_to(house):
    def named(query):
        page = html.fromstring(house.operator.get(f"/dashboard/partner?{query}").text)
        buttons = page.xpath("//p[@class='actions']/a[contains(text(), 'What to tell')]")
        return page.xpath("//nav[@aria-label='Programs']/a/text()"), len(buttons)

    assert named("partner=bright") == ([], 1)
    assert named("partner=both") == (["All programs", "Home loans", "Sunny roofs"], 2)
    assert named("partner=both&program=solar") == (["All programs", "Home loans", "Sunny roofs"], 1)


def test_what_is_counted_by_no_name_is_said(house, monkeypatch):
    monkeypatch.setattr("leads.counts.MOST_PARTNERS", 0)
    response = house.operator.get("/dashboard/partner?partner=bright&days=7")
    assert "These may not be all." in text_of(response)


def test_a_partner_of_no_leads_has_no_figures(house):
    text = house.operator.words("/dashboard/partner?partner=nobody")
    assert "No lead of this partner came in these days." in text and "against" not in text
