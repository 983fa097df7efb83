"""The mail of the daily summary in a browser: on a narrow phone and on a desktop, by day and by night."""

import pytest
from brand import RULES
from browser import assert_usable
from digests import LONG_AGO, SILENCE, URL, WEEK_BEFORE, brand_of

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def mail(make_app, prepared_file, tmp_path):
    """The file of a summary in which much is wrong, with names that are long and hostile."""
    rules = {"default": f"currency: USD{RULES}", "solar": f"currency: EUR{RULES}"}
    brand = brand_of(make_app, f"sqlite:///{tmp_path}/leads.db", rules)
    brand.leads(1, LONG_AGO)
    brand.leads(12, WEEK_BEFORE)
    brand.leads(20, irpid="x" * 300)
    brand.leads(9, irpid="<img src=https://elsewhere.example/a.png>", years="9")
    brand.leads(2, program="solar", phone="x")
    brand.leads(2, is_test="true")
    long = SILENCE | {"sentence": "y" * 200, "grave": False}
    over = SILENCE | {"gone_at": "2026-03-13T05:00:00.000Z"}
    file = tmp_path / "mail.html"
    file.write_text(brand.digest(alerts=[SILENCE, long, over], url=URL).html, encoding="utf-8")
    return file.as_uri()


def test_it_is_accessible_and_as_wide_as_a_phone_or_a_desktop(browser, mail):
    context = browser.new_context()
    page = context.new_page()
    page.goto(mail)
    assert_usable(page)
    for width in (320, 360, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_it_needs_nothing_from_elsewhere_and_no_script(browser, mail):
    context = browser.new_context()
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(mail)
    assert asked == [mail]
    assert page.locator("script, img, link, iframe, form, object").count() == 0
    context.close()


def test_its_looks_stand_with_each_part_since_some_programs_drop_what_is_at_the_top(browser, mail):
    context = browser.new_context()
    page = context.new_page()
    page.goto(mail)
    styles = "e => [e.color, e.fontFamily, e.fontSize].join()"
    seen = page.evaluate(
        f"() => [...document.querySelectorAll('p,h1,h2,h3,th')].map(e => ({styles})(getComputedStyle(e)))"
    )
    page.evaluate("() => document.querySelector('style').remove()")
    page.evaluate("() => document.querySelectorAll('[class]').forEach(e => e.removeAttribute('class'))")
    assert seen == page.evaluate(
        f"() => [...document.querySelectorAll('p,h1,h2,h3,th')].map(e => ({styles})(getComputedStyle(e)))"
    )
    context.close()
