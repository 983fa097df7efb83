"""The posting instructions in a browser, on a phone and on paper; and the requests that they show are run."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from browser import DESKTOP, PHONE, assert_usable, serving
from cast import RULES_FOLDER
from gunicorns import Service
from programs import HOSTILE, LISTS, MONSTER

import database
import models
from app import create_app
from judge.compiler import load
from leads import search
from partners import snippets
from partners.instructions import instructions
from web.settings import Settings


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages of three programs, served for the browser."""
    folder = tmp_path_factory.mktemp("site")
    for name, entries in LISTS.items():
        (folder / name).write_text(entries)
    (folder / "monster.yaml").write_text(MONSTER)
    (folder / "hostile.yaml").write_text(HOSTILE)
    insurance = (RULES_FOLDER / "examples" / "insurance.yaml").read_text()
    (folder / "insurance.yaml").write_text(f"docs: public\n{insurance}")
    settings = Settings(secret="k", rules=str(folder), database_url=f"sqlite:///{folder}/leads.db", open=True)
    with serving(create_app(settings)) as address:
        yield address
    database.disconnect()


@pytest.mark.xdist_group("browser")
def test_the_page_is_accessible_in_light_and_dark(browser, site):
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(f"{site}/docs/insurance")
    assert_usable(page)
    context.close()


@pytest.mark.xdist_group("browser")
def test_the_page_does_not_scroll_sideways(browser, site):
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    for name in ("monster", "hostile"):
        page.goto(f"{site}/docs/{name}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


@pytest.mark.xdist_group("browser")
def test_the_page_needs_no_javascript_and_loads_nothing_from_elsewhere(browser, site):
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{site}/docs/insurance")
    page.get_by_role("link", name="Requests to copy").click()
    assert page.get_by_text("urllib.request.urlopen").first.is_hidden()
    page.get_by_text("Python", exact=True).first.click()
    assert page.get_by_text("urllib.request.urlopen").first.is_visible()
    assert all(url.startswith((site, "data:")) for url in asked) and complaints == []
    context.close()


@pytest.mark.xdist_group("browser")
def test_on_paper_all_is_there_to_be_read(browser, site):
    context = browser.new_context(viewport=DESKTOP, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{site}/docs/insurance")
    page.emulate_media(media="print")
    assert page.get_by_text("urllib.request.urlopen").first.bounding_box()["height"] > 0
    assert page.get_by_role("navigation").is_hidden()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 35, 48)"
    assert page.pdf(format="A4").startswith(b"%PDF")
    context.close()


NASTY = """
docs: public
invalid_status: 422
customer: [email]
fields:
  email: {type: email, required: true}
  name: {required: true, pattern: '(?s).*Neill.*'}
  wishes: {multiple: true, one_of: ["a, b", "O'Neill & <b>", '"c"=d']}
examples:
  - name: every quote there is
    lead:
      email: ann@example.com
      name: "@A \\"O'Neill\\" $HOME ${x} `id` \\\\n \\\\ !! %41 +&=; Zoë 東京 <b>&amp;</b> ]]> \\u2028 x\\n  new 'line'"
      wishes: ["a, b", "o'neill & <b>", '"c"=d']
    expect: valid
  - name: nobody
    lead: {email: ann@example.com}
    expect: [name.required]
sale_amount: 0.00
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    service = Service(folder, NASTY, DATAPOST_USERS=snippets.LOGIN)
    yield service.start()
    service.stop()


RUNNERS = {
    "curl": ["bash", "-s"],
    "Python": [sys.executable, "-"],
    "PHP": ["php"],
    "JavaScript": ["node", "-"],
}


def same_ids(text):
    return re.sub(r"\b[0-9a-f]{64}\b", "HASH", re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "ULID", text)).strip()


@pytest.mark.parametrize("language", RUNNERS)
def test_the_requests_run_as_they_stand_and_get_the_answers_that_are_shown(live, language):
    runner = RUNNERS[language]
    if not shutil.which(runner[0]):
        pytest.skip(f"{runner[0]} is not installed here")
    doc = instructions(load(live.folder / "rules" / "default.yaml"), f"http://127.0.0.1:{live.port}/leads")
    environ = {"PATH": os.environ["PATH"], "HOME": str(live.folder), "LC_ALL": "C.UTF-8"}
    for exchange in [*doc.accepted, doc.rejected[0]]:
        program = exchange.programs[language]
        done = subprocess.run(runner, input=program.encode(), env=environ, capture_output=True)
        assert same_ids(done.stdout.decode()) == same_ids(exchange.answer), (program, done.stderr)
    (name,) = {exchange.lead["name"] for exchange in doc.accepted}
    wishes = ("a, b", "O'Neill & <b>", '"c"=d')
    assert stored(live) == {(name, *wishes), (None,)}


def stored(service):
    """Return the names and wishes in the stored leads."""
    models.connect(service.environ["DATABASE_URL"], "a key for tests")
    try:
        with database.read():
            return {
                (lead.fields.get("name"), *lead.fields.get("wishes", []))
                for lead in search.leads(search.Filter(), newest_first=False)
            }
    finally:
        database.disconnect()
