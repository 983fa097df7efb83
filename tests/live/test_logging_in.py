"""Logging in to the dashboard in a real browser without scripts, on the real gunicorn with two processes."""

import re
import signal

import pytest
from browser import DESKTOP, PHONE, assert_usable

pytestmark = pytest.mark.xdist_group("browser")
SEERS = {"DATAPOST_OPERATORS": "owner:of-the-brand", "DATAPOST_VIEWERS": "vera:only-looks"}


@pytest.fixture
def served(make_service, database_url):
    """The service on two processes, with its leads in each of the two databases."""
    return make_service(DATABASE_URL=database_url, **SEERS).start()


@pytest.fixture
def open_page(browser):
    """Open a page in a browser of its own, which notes what it complains of."""
    contexts = []

    def make(size=DESKTOP, **options):
        contexts.append(browser.new_context(viewport=size, **{"java_script_enabled": False} | options))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        return page

    yield make
    for context in contexts:
        context.close()


def at(service, path=""):
    return f"http://127.0.0.1:{service.port}/dashboard{path}"


def log_in(page, name="owner", password="of-the-brand"):
    """Log in by keyboard alone."""
    page.get_by_label("Name").fill(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def press(page, name):
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


def where(page):
    return re.sub("^http://[^/]+", "", page.url)


def test_one_logs_in_and_out_and_all_processes_know_it(served, open_page):
    page = open_page()
    page.goto(at(served, "/leads?since=2026-01-01"))
    assert where(page).startswith("/dashboard/login")
    log_in(page, password="wrong")
    assert page.get_by_role("alert").inner_text() == "The name or the password is wrong."
    log_in(page)
    assert where(page) == "/dashboard/leads?since=2026-01-01"
    (cookie,) = page.context.cookies(at(served))
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/dashboard"
    assert page.context.cookies(at(served).replace("/dashboard", "/leads")) == []
    thief = open_page()
    thief.context.add_cookies([cookie])
    for _ in range(8):  # whichever process answers
        thief.goto(at(served))
        assert "Logged in as owner" in thief.content().replace('<span class="quiet">', "").replace("</span> <b>", " ")
    press(page, "Log out")
    assert page.get_by_text("You are logged out").is_visible()
    for _ in range(8):
        thief.goto(at(served))
        assert where(thief).startswith("/dashboard/login")
    assert all("401" in complaint for complaint in page.complaints)


def test_a_changed_password_ends_a_login_and_a_restart_does_not(served, open_page):
    page = open_page()
    page.goto(at(served))
    log_in(page)
    served.stop(signal.SIGKILL)  # or it would wait for what the browser may still say on its connections
    served.start()
    page.goto(at(served, "/programs"))
    assert where(page) == "/dashboard/programs"
    served.stop(signal.SIGKILL)
    served.environ["DATAPOST_OPERATORS"] = "owner:another-password"
    served.start()
    page.goto(at(served, "/programs"))
    assert where(page).startswith("/dashboard/login")
    log_in(page, password="another-password")
    assert where(page) == "/dashboard/programs"


def test_a_viewer_sees_and_changes_nothing(served, open_page):
    page = open_page()
    page.goto(at(served, "/programs/default"))
    log_in(page, "vera", "only-looks")
    assert (
        page.get_by_text("Viewer", exact=True).is_visible() and page.get_by_role("link", name="Try a lead").is_visible()
    )
    assert page.get_by_role("link", name="Edit").count() == 0
    page.goto(at(served, "/programs/default/edit"))
    assert page.get_by_role("button").all_inner_texts() == ["Log out"]
    assert page.complaints == []


def test_a_page_that_was_left_open_tells_that_the_login_has_ended(served, open_page):
    page = open_page()
    page.goto(at(served, "/programs/default/edit"))
    log_in(page)
    other = page.context.new_page()
    other.goto(at(served))
    press(other, "Log out")
    press(page, "Only check")
    assert page.get_by_text("What you sent last was not done").is_visible()
    log_in(page)
    assert where(page) == "/dashboard/programs/default/edit"


def test_everybody_can_read_the_login_page_and_who_is_logged_in(service, open_page):
    service.environ |= SEERS
    service.start()
    page = open_page(PHONE, bypass_csp=True, java_script_enabled=True)

    def check(path=""):
        page.goto(at(service, path))
        look()

    def look():
        assert_usable(page)
        assert page.get_by_role("contentinfo").get_by_text(re.compile(r"Datapost \d+\.\d+\.\d+")).is_visible()

    check("/login")
    log_in(page, password="wrong")
    look()
    log_in(page, "vera", "only-looks")
    for path in ["", "/nothing", "/help", "/help/rules", "/programs/default/edit"]:
        check(path)
    page.emulate_media(media="print")
    assert page.get_by_text("Logged in as").is_visible() and page.get_by_text(re.compile(r"Datapost \d")).is_visible()
    assert page.get_by_role("button", name="Log out").is_hidden()
