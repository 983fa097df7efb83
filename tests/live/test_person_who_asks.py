"""A person who asks, in a real browser: found, told, taken along and erased, on a phone and without a script."""

import json

import pytest
from brand import OPERATORS, OWNER, RULES
from browser import PHONE, assert_usable, serving
from cast import Partner, wait_for

import database
import models

pytestmark = pytest.mark.xdist_group("browser")
ANN = "ann@example.com"


@pytest.fixture
def brand(make_app):
    partner = Partner(make_app({"default": RULES, "solar": RULES}, operators=OPERATORS))
    partner.lead(email=ANN, birth_date="1990-01-31", irpid="x" * 150, **{"n" * 80: "v" * 80})
    partner.lead("/leads/solar", email=ANN, irpid="sunflower", years="9")
    with serving(partner.app) as partner.address:
        yield partner
        wait_for("inquiry")


def visit(browser, brand, size, **options):
    page = browser.new_context(viewport=size, **options).new_page()
    page.goto(f"{brand.address}/dashboard")
    for label, text in zip(("Name", "Password"), OWNER, strict=True):
        page.get_by_label(label).fill(text)
    press(page, "Log in")
    press(page, "Leads", "link")
    press(page, "Look for a person who asks", "link")
    return page


def press(page, name, role="button"):
    with page.expect_navigation():
        page.get_by_role(role, name=name).last.click()


def search(page):
    page.get_by_label("The person’s email address or phone number").fill(ANN)
    press(page, "Search")


def test_an_operator_answers_a_person_who_asks_and_the_browser_remembers_nobody(browser, brand):
    page = visit(browser, brand, PHONE, java_script_enabled=False)
    asked = []
    page.on("request", lambda request: asked.append((request.url, request.headers.get("referer", ""))))
    search(page)
    assert page.locator("h1").inner_text() == "2 leads with this email address"
    page.get_by_text("Answered to impact.com: valid").click()
    assert page.get_by_text("uniqueid").is_visible()
    page.get_by_label("Everything, with sensitive values").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    with open(download.value.path()) as file:
        assert json.load(file)["leads"][1]["fields"]["birth_date"] == "1990-01-31"
    press(page, "Erase this person", "link")
    page.get_by_label("write the email address once more").fill(ANN)
    press(page, "Erase 2 leads for ever")
    wait_for("inquiry")
    page.reload()
    assert page.get_by_text("2 leads were erased").is_visible()
    assert not any("ann" in text for pair in asked for text in pair)
    with database.read():
        assert not models.Lead.select().where(models.Lead.email != "").count()


def test_the_pages_are_accessible_and_do_not_scroll_sideways(browser, brand):
    page = visit(browser, brand, PHONE, bypass_csp=True)
    assert_usable(page)
    search(page)
    for summary in page.locator("summary").all():
        summary.click()
    assert_usable(page)
    press(page, "Erase this person", "link")
    page.get_by_label("write the email address once more").fill("bob@example.com")
    press(page, "Erase 2 leads for ever")
    assert_usable(page)
    page.get_by_label("write the email address once more").fill(ANN)
    press(page, "Erase 2 leads for ever")
    assert_usable(page)
