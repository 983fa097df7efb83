"""An operator's morning, in a real browser: what is wrong, why, whose leads, and the list to send to the partner."""

import csv

import pytest
from brand import EXAMPLES, OPERATORS, OWNER, RULES, id_of, wait_for_backtests
from browser import DESKTOP, PHONE, assert_usable, serving
from cast import Partner

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def brand(make_app):
    """A brand whose partner "clickfarm" sends bad leads, as a service with an address."""
    rules = RULES.replace("partner: irpid", "partner: [irpid, subid]").replace("irpid: {}", "irpid: {}\n  subid: {}")
    app = make_app({"default": rules + EXAMPLES, "solar": "fields: {email: {}}"}, operators=OPERATORS)
    partner = Partner(app)
    for number in range(12):
        partner.lead(email=f"ann{number}@example.com", irpid="brightleads", years="90")
    partner.lead(email="tess@example.com", irpid="x" * 200, is_test="true")
    partner.bad = id_of(partner.lead(email="kim@example.com", irpid="clickfarm", years="9", birth_date="2015-01-01"))
    partner.lead(email="lu@example.com", irpid="network", subid="s-1", years="20")
    partner.lead(email="jo@example.com", irpid="network", subid="s-1", years="9", is_test="true")
    with serving(app) as partner.address:
        yield partner
        wait_for_backtests()


def visit(browser, brand, size, **options):
    """Return a page of a browser without scripts that is logged in, and that notes what it complains of."""
    page = browser.new_context(viewport=size, **options).new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.goto(f"{brand.address}/dashboard")
    for label, text in zip(("Name", "Password"), OWNER, strict=True):
        page.get_by_label(label).fill(text)
    press(page, "Log in")
    return page


def press(page, name, role="button", **options):
    """Press a button or follow a link, and wait for the page that it leads to."""
    with page.expect_navigation():
        page.get_by_role(role, name=name, **options).last.click()


def test_an_owner_finds_out_why_a_partners_leads_are_refused_and_takes_the_list_along(browser, brand):
    page = visit(browser, brand, PHONE, java_script_enabled=False)
    assert page.locator(".tiles li").nth(2).inner_text().startswith("Refused\n1")
    page.emulate_media(media="print")
    assert page.get_by_text("7 days", exact=True).is_visible() and not page.get_by_text("30 days").is_visible()
    page.emulate_media(media="screen")
    press(page, "clickfarm", "link")
    press(page, "Applicants must be 18 or older", "link")
    assert page.locator(".found tbody tr").count() == 1
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    with open(download.value.path(), newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["id"] == brand.bad and row["fields.birth_date"] == "***"
    press(page, f"Lead {brand.bad}", "link")
    assert "2015-01-01" not in page.content()
    press(page, "Show them")
    assert "2015-01-01" in page.content()
    assert page.complaints == []
    page.context.close()


def test_an_owner_finds_a_person_and_tries_a_change(browser, brand):
    page = visit(browser, brand, DESKTOP, java_script_enabled=False)
    press(page, "Leads", "link", exact=True)
    page.get_by_label("Find a person or a lead").fill("kim@example.com")
    press(page, "Find")
    assert page.locator(".found tbody tr").count() == 1 and page.url.endswith("/dashboard/leads")
    press(page, "Programs", "link")
    press(page, "Home loans", "link")
    press(page, "Edit", "link")
    text = page.get_by_label("The rules")
    text.fill(text.input_value().replace("years < 18", "years < 8").replace("expect: [adult]", "expect: valid"))
    press(page, "See what it would have done")
    wait_for_backtests()
    page.reload()
    assert "Newly valid\n1" in page.locator(".tiles").inner_text()
    assert page.complaints == []
    page.context.close()


def write(page, before, after):
    """Write something else in the editor, in the place of what stands there."""
    page.locator(".ace_content").wait_for()
    made = "ace.edit('editor')"
    page.evaluate(f"([before, after]) => {made}.setValue({made}.getValue().replace(before, after))", [before, after])


def test_everybody_can_read_every_page_on_a_phone_and_on_a_desktop_by_day_and_by_night(browser, brand):
    page, seen = visit(browser, brand, PHONE, bypass_csp=True), []

    def check():
        assert_usable(page)
        seen.append(page.url)

    check()
    of_network = "partner?partner=network", "subpartner?partner=network&subpartner=s-1"
    for path in [
        "partner?partner=clickfarm",
        *of_network,
        "leads",
        f"leads/{brand.bad}",
        "programs",
        "programs/default",
    ]:
        page.goto(f"{brand.address}/dashboard/{path}")
        check()
    page.goto(f"{brand.address}/dashboard/programs/default/try")
    page.get_by_label("Lead", exact=True).fill("email=ann@example.com\nyears=9")
    press(page, "Try it")
    check()
    page.goto(f"{brand.address}/dashboard/programs/default/edit")
    write(page, "type: integer", "type: intger")
    press(page, "Only check")
    check()
    write(page, "type: intger", "type: integer")
    write(page, "years < 18", "years < 10")
    press(page, "See what it would have done")
    wait_for_backtests()
    page.reload()
    check()
    assert len(seen) == 11
    page.context.close()
