"""Words that are longer than a line, whoever writes them: they break, and pages stay narrow."""

import pytest
from brand import OPERATORS, OWNER, id_of
from browser import DESKTOP, PHONE, serving
from cast import Partner
from logins import header

import database
from app import create_app
from web.settings import Settings, User

pytestmark = pytest.mark.xdist_group("browser")

RULES = f"""
title: {"T" * 75}
docs: public
partner: [irpid, subid]
customer: [email]
fields:
  email: {{type: email, required: true, label: {"l" * 78}, aliases: [{"a" * 75}]}}
  plan_{"x" * 55}: {{type: choice, one_of: [{"c" * 70}, short], label: plan}}
  years: {{type: integer, label: {"Y" * 75}, required: "email == '{"q" * 70}'"}}
  irpid: {{}}
  subid: {{}}
rules:
  - {{id: {"i" * 60}, reject_if: years < 18, note: {"N" * 80}}}
  - {{id: watch-{"w" * 55}, mode: observe, reject_if: years > 80}}
  - {{id: known, unique: [years, irpid]}}
examples:
  - {{name: {"E" * 75}, lead: {{email: ann@example.com, plan_{"x" * 55}: {"c" * 70}}}, expect: valid}}
  - {{name: young, lead: {{email: ann@example.com, years: "9"}}, expect: [{"i" * 60}]}}
"""
PARTNER, OTHER = "P" * 76, "Z" * 70
PAGES = [
    "/docs/default", "/dashboard", f"/dashboard/partner?partner={PARTNER}", "/dashboard/leads", "/dashboard/leads/LEAD",
    f"/dashboard/subpartner?partner={PARTNER}&subpartner={OTHER}",
    "/dashboard/programs", "/dashboard/programs/default", "/dashboard/programs/broken", f"/docs/{OTHER}",
    f"/dashboard/programs/{OTHER}",
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "default.yaml").write_text(RULES)
    (folder / f"{OTHER}.yaml").write_text("docs: public\nfields: {email: {}}")
    users = {"users": (User("impact", "secret"),), "operators": OPERATORS}
    partner = Partner(create_app(Settings(rules=str(folder), database_url=f"sqlite:///{folder}/leads.db", **users)))
    partner.lead(email="ann@example.com", irpid=PARTNER, years="90")
    partner.bad = id_of(partner.lead(email="kim@example.com", irpid=PARTNER, years="9", **{"u" * 90: "v" * 90}))
    partner.lead(email="eve@example.com", irpid=PARTNER, years="90", subid=OTHER)
    partner.lead(email="lu@example.com", irpid=PARTNER, years="9", subid=OTHER)
    (folder / "broken.yaml").write_text(f"fields: {{{'b' * 80}: {{type: {'n' * 80}}}}}")
    with serving(partner.app) as partner.address:
        yield partner
    database.disconnect()


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path[:24])
def test_a_word_that_is_longer_than_a_line_breaks_and_the_page_does_not_scroll_sideways(browser, site, path, size):
    login = header(":".join(OWNER).encode())
    page = browser.new_context(extra_http_headers=login, viewport=size).new_page()
    assert page.goto(site.address + path.replace("LEAD", site.bad)).ok
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.context.close()


def test_other_words_of_a_table_stay_whole(browser, site):
    page = browser.new_context(viewport=PHONE).new_page()
    page.goto(f"{site.address}/docs/default")
    broken = page.get_by_role("cell", name="N" * 80)
    whole = page.get_by_role("cell", name="The irpid cannot be read")
    assert broken.evaluate("cell => getComputedStyle(cell).overflowWrap") == "anywhere"
    assert whole.evaluate("cell => getComputedStyle(cell).overflowWrap") == "break-word"
    page.context.close()
