"""The first page and those of partners: what came, what it costs, and why leads are refused."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from brand import OPERATORS, RULES, Operator, id_of, record, text_of
from cast import Partner
from lxml import html

from dashboard import chart
from leads import figures
from leads.figures import DayFigure


def test_the_first_page_says_what_came_what_it_costs_and_why_leads_are_refused(brand):
    brand.lead(email="ann@example.com", irpid="bright", years="30")
    brand.lead(email="bob@example.com", irpid="bright", years="90")
    brand.lead(email="kim@example.com", irpid="young", years="9")
    brand.lead(irpid="young")
    brand.lead(email="test@example.com", irpid="bright", is_test="true")
    page = brand.operator.words("/dashboard?program=default")
    assert "Leads came 4 " in page
    assert "Valid leads 2 50% of all" in page
    assert "Refused 2 " in page
    assert "To pay 20.00 " in page
    assert "Applicants must be 18 or older young 1 1 50% 10.00" in page
    assert "No email address was submitted young 1 1 50% 10.00" in page
    assert "old bright 1 1 10.00" in page  # what a rule that only watches would have done
    assert "bright 1 test 2 100% 20.00" in page
    assert "Beside these, 1 test lead came, 1 of which was answered valid, worth 10.00: impact.com pays for it" in page
    assert "All is well." in page


def test_from_the_first_page_two_clicks_lead_to_why_a_partners_lead_was_refused(brand):
    lead = id_of(brand.lead(irpid="a partner/of 100%", email="ann@example.com", years="9"))
    page = html.fromstring(brand.operator.get("/dashboard").text)
    (link,) = {a.get("href") for a in page.xpath("//a[text()='a partner/of 100%']")}
    page = html.fromstring(brand.operator.get(link).text)
    (link,) = page.xpath("//a[text()='Applicants must be 18 or older']/@href")
    assert lead in brand.operator.get(link).text


def test_a_partners_page_tells_all_reasons_of_its_refused_leads(make_app):
    fields = "".join(f"  f{number}: {{required: true}}\n" for number in range(7))
    app = make_app(f"partner: irpid\nfields:\n  irpid: {{}}\n{fields}", operators=OPERATORS)
    Partner(app).lead(irpid="bright")
    shown = Operator(app).words("/dashboard/partner?partner=bright")
    assert [shown.count(f"f{number}.required 1 100%") for number in range(7)] == [1] * 7


def test_a_partners_page_tells_of_its_tests_also_where_it_sent_nothing_else(shop):
    shop.lead(email="ann@example.com", irpid="bright", is_test="true")
    shop.lead(email="kim@example.com", irpid="bright", is_test="true", years="9")
    page = shop.operator.words("/dashboard/partner?partner=bright")
    assert "2 test leads came, 1 of which was answered valid, worth 10.00: impact.com pays for it until" in page
    assert "Leads came 0" in page and "None was refused." not in page
    first = shop.operator.words("/dashboard")
    assert "bright 2 tests 0 – 0.00" in first and "No lead has come" in first


def test_leads_that_name_no_partner_are_not_mixed_up_with_those_of_all(shop):
    shop.lead(email="ann@example.com", years="9")
    page = html.fromstring(shop.operator.get("/dashboard/partner?partner=").text)
    assert "Applicants must be 18 or older" in page.text_content()
    assert not page.xpath("//main//a[contains(@href, 'reason=')]")


def test_periods_are_compared_with_those_before(brand):
    program = brand.app.extensions["datapost"].rulebook.programs["default"]
    now = datetime.now(UTC)
    for days, leads in [(0, 3), (8, 2), (20, 5)]:
        for number in range(leads):
            record(program, now - timedelta(days=days), email=f"ann{number}.{days}@example.com")
    words = brand.operator.words
    assert "Leads came 3 none before 0 the day before, until this time" in words("/dashboard?days=1")
    assert "Leads came 3 ▲ 50% 2 in the days before" in words("/dashboard")
    month = words("/dashboard?days=30")
    began = f"{now - timedelta(days=20):%-d %b %Y}"
    assert f"Not compared with the days before: no leads of Home loans are known before {began}." in month
    assert "Leads came 10 Valid leads 10 100% of all Refused 0 To pay 100.00" in month
    assert "Leads came 10" in words("/dashboard?days=90")
    assert "The last 7 days" in words("/dashboard?days=9999")


def test_every_period_names_its_dates_and_its_time_zone(shop):
    words, now = shop.operator.words, datetime.now(UTC)
    day = f"{now:%a} {now.day} {now:%b %Y}"
    assert "Today Today Yesterday 7 days 30 days 90 days This month Last month Any two days From To Show" in words(
        "/dashboard?days=1"
    )
    assert re.search(
        rf"{day} until \d\d:\d\d, UTC; against \w+ \d+ \w+ \d+ until \d\d:\d\d\.", words("/dashboard?days=1")
    )
    for word, name in [("yesterday", "Yesterday"), ("month", "This month"), ("last-month", "Last month")]:
        page = words(f"/dashboard?days={word}")
        assert f" {name} Today" in page and ", UTC; against " in page
    assert ", UTC." in words("/dashboard/partner?partner=bright&days=month")


def test_any_two_days_are_a_period_that_links_keep(shop):
    program = shop.app.extensions["datapost"].rulebook.programs["default"]
    lead = record(
        program, datetime(2026, 2, 28, 23, 59, tzinfo=UTC), email="ann@example.com", years="9", irpid="bright"
    )
    record(program, datetime(2026, 3, 1, 0, 0, tzinfo=UTC), email="kim@example.com", years="9")
    response = shop.operator.get("/dashboard?from=2026-02-01&to=2026-02-28")
    page = html.fromstring(response.text)
    assert "1 Feb 2026 to 28 Feb 2026" in response.text and "1 – 28 Feb 2026, UTC." in text_of(response)
    (link,) = page.xpath("//td/preceding-sibling::th/a[text()='bright']/@href")
    assert "from=2026-02-01" in link and "to=2026-02-28" in link
    (link,) = page.xpath(ADULT)
    assert re.findall("/leads/(01[0-9A-Z]{24})", shop.operator.get(link).text) == [lead.id]
    assert "Sat 28 Feb 2026, UTC." in shop.operator.words("/dashboard?from=2026-02-28")


def test_two_days_that_are_no_period_are_told_on_the_page(shop):
    response = shop.operator.get("/dashboard?from=2026-03-02&to=2026-03-01")
    assert response.status_code == 400
    assert "from is 2 Mar 2026 and to is 1 Mar 2026: write the earlier day first. These are the last 7" in text_of(
        response
    )


def test_programs_of_two_time_zones_and_currencies_are_not_mixed_without_saying_so(make_app):
    rules = {"default": "timezone: America/New_York\ncurrency: USD\n" + RULES, "solar": "currency: EUR\n" + RULES}
    app = make_app(rules, operators=OPERATORS)
    for path in ("/leads", "/leads/solar"):
        Partner(app).lead(path, email="ann@example.com", irpid="bright")
    page = Operator(app).words("/dashboard").replace("\u00a0", " ")
    assert ", America/New_York (Home loans)" in page and ", UTC (Home loans)" in page
    assert "These programs are of several time zones: each one’s days are those of its own." in page
    assert "Leads by day of each program’s own time zone" in page
    assert "To pay 10.00 EUR + 10.00 USD" in page and "20.00" not in page
    alone = Operator(app).words("/dashboard?program=solar").replace("\u00a0", " ")
    assert "To pay 10.00 EUR" in alone and "several time zones" not in alone


def test_the_leads_behind_a_figure_are_those_of_its_program_and_of_its_days(make_app):
    zone = "timezone: Pacific/Kiritimati\n"  # its days begin 14 hours before those of UTC
    app = make_app({"default": zone + RULES, "solar": RULES}, operators=OPERATORS)
    shop, book = Partner(app), app.extensions["datapost"].rulebook
    midnight = datetime.now(book.programs["default"].spec.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    ours = record(book.programs["default"], midnight, email="kim@example.com", years="9").id
    record(book.programs["default"], midnight - timedelta(seconds=1), email="lee@example.com", years="9")
    theirs = id_of(shop.lead("/leads/solar", email="kim@example.com", years="9"))
    page = html.fromstring(Operator(app).get("/dashboard?days=1").text)
    found = [re.findall("/leads/(01[0-9A-Z]{24})", Operator(app).get(link).text) for link in page.xpath(ADULT)]
    assert sorted(found) == [[ours], [theirs]]


ADULT = "//a[text()='Applicants must be 18 or older']/@href"


def test_before_the_first_lead_the_pages_say_how_to_post_one(brand):
    words = brand.operator.words("/dashboard")
    assert "flask example" in words and "All is well." in words and "as usual" not in words
    assert "flask example" in brand.operator.words("/dashboard/leads")


def test_the_chart_is_as_high_as_its_highest_day_and_tells_its_numbers():
    days = [DayFigure(0, 12, 9, 3), DayFigure(1)]
    (first, second), top = chart.bars(days)
    assert top == 12
    assert (first.valid, first.refused, first.refused_top) == (75, 25, 0)
    assert (second.valid, second.refused) == (0, 0)


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (7, 8), (10, 10), (11, 12), (101, 120), (1999, 2000)])
def test_the_top_of_the_chart_is_a_round_number(most, top):
    assert chart.bars([DayFigure(0, most, most, 0)])[1] == top


@pytest.mark.parametrize(
    ("days", "named"), [(1, [0]), (7, [0, 1, 2, 3, 4, 5, 6]), (8, [0, 2, 5, 7]), (30, [0, 10, 19, 29])]
)
def test_the_days_of_a_week_are_named_below_the_chart_and_of_more_four_of_them(days, named):
    assert chart.ticks([DayFigure(number) for number in range(days)]) == named


def test_the_page_says_for_paper_when_it_was_made_and_in_which_time_zone(brand):
    assert re.search(r"As it was on \d+ \w+ \d{4}, [\d:]+ UTC", brand.operator.words("/dashboard"))


def test_a_store_that_cannot_be_read_is_told_on_a_page(shop, tmp_path):
    shop.lead(email="ann@example.com")
    (tmp_path / "leads.db").unlink()
    response = shop.operator.get("/dashboard")
    assert response.status_code == 503 and "cannot be read now" in response.text


def test_figures_that_are_still_being_counted_are_told(shop, monkeypatch):
    shop.lead(email="ann@example.com")
    monkeypatch.setattr(figures, "COUNTED_LIVE", 0)
    assert "still being counted" in shop.operator.words("/dashboard")
