"""Rules that are written and published in a real browser, on the real gunicorn with two processes."""

import json
import re
import signal
import time

import pytest
from browser import DESKTOP, PHONE, assert_usable
from gunicorns import Service

pytestmark = pytest.mark.xdist_group("browser of rules")
RULES = """title: Home loans
partner: irpid
fields:
  email: {type: email, required: true}
  years: {type: integer, required: true}
  irpid: {}
rules:
  - {id: adult, reject_if: years < 18, note: Too young}
sale_amount: 10.00
examples:
  - {name: Ann, lead: {email: ann@example.com, years: "45", irpid: bright}, expect: valid}
"""
SEERS = {"DATAPOST_OPERATORS": "owner:of-the-brand second:of-the-brand", "DATAPOST_VIEWERS": "vera:only-looks"}
HOME = {"DATAPOST_RULES_FROM": "dashboard"}
SOON = 2  # seconds, within which what is published is live everywhere


@pytest.fixture
def served(make_service, database_url):
    """The service on two processes, with its rules and leads in each of the two databases."""
    return make_service(RULES, DATABASE_URL=database_url, **SEERS, **HOME).start()


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """The service for all tests in which nothing is published."""
    service = Service(tmp_path_factory.mktemp("untouched"), RULES, **SEERS, **HOME)
    yield service.start()
    service.stop(signal.SIGKILL)


@pytest.fixture
def open_page(browser):
    """Log in with a browser of one's own, which notes what it complains of."""
    contexts = []

    def make(service, name="owner", path="/programs/default", size=DESKTOP, **options):
        contexts.append(browser.new_context(viewport=size, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.at = f"http://127.0.0.1:{service.port}/dashboard"
        page.goto(page.at + path)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill("only-looks" if name == "vera" else "of-the-brand")
        press(page, "Log in")
        return page

    yield make
    for context in contexts:
        context.close()


def press(page, name, role="button"):
    with page.expect_navigation():
        page.get_by_role(role, name=name, exact=True).click()


def editor(page):
    page.locator(".ace_content").wait_for()
    return page.locator("#findings")


def write(page, before, after):
    """Write another word in the place of one, by keyboard."""
    page.evaluate(f"ace.edit('editor').find({json.dumps(before)})")
    page.evaluate("ace.edit('editor').focus()")
    page.keyboard.type(after)
    page.keyboard.press("Escape")


def is_tried(page):
    """Wait for the end of a backtest: while it runs, the page looks again every two seconds, and we more often."""
    until = time.monotonic() + 30
    while "refresh" in page.request.get(page.url).headers and time.monotonic() < until:
        pass
    page.reload()
    return page.get_by_role("button", name="Publish").is_visible()


def publish(page, comment):
    assert is_tried(page)
    page.get_by_label("What changes, and why").fill(comment)
    press(page, "Publish")


def draft(page, before, after):
    page.goto(f"{page.at}/programs/default/edit")
    editor(page)
    write(page, before, after)
    press(page, "See what it would have done")


def verdicts(service, count=8, years=19):
    """Return what becomes of leads that are posted now, whichever process takes them."""
    names = [f"{time.monotonic_ns()}-{number}@example.com" for number in range(count)]
    return {str(service.post(json.dumps({"email": name, "years": years}))[2]["valid"]).lower() for name in names}


def are_soon(service, verdict):
    """Tell whether this becomes of all leads, whichever process takes them, when what was published must be live."""
    until = time.monotonic() + SOON
    while (found := verdicts(service, 16)) != {verdict} and time.monotonic() < until:
        pass  # processes look for a newer version as leads come
    return found == {verdict}


def test_an_operator_breaks_a_rule_sees_the_line_mends_it_publishes_and_rolls_back(served, open_page):
    assert verdicts(served) == {"true"}
    page = open_page(served)
    press(page, "Edit", "link")
    found = editor(page)
    found.get_by_text("The rules are right.").wait_for()
    write(page, "years < 18", "yeers < 21")
    began = time.monotonic()
    found.get_by_text(re.compile('there is no field "yeers". Did you mean "years"')).wait_for()
    assert time.monotonic() - began < 3  # a second on a machine that does nothing else
    page.locator(".ace_gutter-cell.ace_error").wait_for()
    found.get_by_role("link", name="Line 8").click()
    assert page.evaluate("ace.edit('editor').getCursorPosition().row") == 7
    write(page, "yeers", "years")
    found.get_by_text("The rules are right.").wait_for()
    press(page, "See what it would have done")
    page.get_by_role("button", name="Publish").wait_for()  # the page looks again by itself
    steps = page.locator(".gate li").all_inner_texts()
    assert len(steps) == 7 and "Newly refused: " in steps[4] and "✓ Done" in steps[4]
    assert (
        page.locator(".diff .added").inner_text().split() != [] and "years < 21" in page.locator(".diff").inner_text()
    )
    publish(page, "older ones only")
    assert are_soon(served, "false")
    page.goto(f"{page.at}/programs/default/history")
    assert "older ones only" in page.locator(".versions li").first.inner_text()
    press(page, "Roll back to it", "link")
    page.get_by_label("Why").fill("too few leads")
    press(page, "Roll back to version 1")
    assert are_soon(served, "true")
    first = page.locator(".versions li").first.inner_text()
    assert "Version 3" in first and "Rolled back by owner" in first and "too few leads" in first
    assert page.complaints == []


def test_of_two_operators_at_once_one_is_shown_both_differences(served, open_page):
    owner, second = open_page(served), open_page(served, "second")
    draft(owner, "years < 18", "years < 21")
    draft(second, "Home loans", "Houses")
    publish(owner, "older")
    publish(second, "a title")
    assert second.get_by_role("heading", name="Another version is live by now").is_visible()
    theirs, ours = second.locator(".diff").all_inner_texts()
    assert "years < 21" in theirs and "Houses" in ours and "Houses" not in theirs
    assert [complaint for complaint in second.complaints if "409" not in complaint] == []
    press(second, "Go on with my text on version 2", "link")
    editor(second)
    write(second, "years < 18", "years < 21")
    press(second, "See what it would have done")
    publish(second, "a title, on theirs")
    second.goto(f"{second.at}/programs/default")
    assert "version 3 by second" in second.locator("main").inner_text()


def test_a_viewer_can_do_none_of_it(untouched, open_page):
    owner = open_page(untouched)
    draft(owner, "years < 18", "years < 21")
    assert is_tried(owner)
    page = open_page(untouched, "vera")
    paths = [
        owner.url.removeprefix(owner.at),
        "/programs/default",
        "/programs/default/edit",
        "/programs/default/history",
    ]
    for path in [*paths, "/lists", "/new-program", "/programs/default/retire", "/programs"]:
        page.goto(page.at + path)
        assert page.get_by_role("button").all_inner_texts() in (["Log out"], ["Log out", "Compare"]), path
        assert page.get_by_role("link", name=re.compile("^(Edit|New program|Retire|Roll back)")).count() == 0, path
    for path in ["edit", "check", "retire", "rollback"]:
        answer = page.request.post(f"{page.at}/programs/default/{path}", form={"text": RULES, "version": "1"})
        assert answer.status == 403, path
    assert page.request.post(f"{owner.url}/publish", form={"comment": "mine", "seen": "1"}).status == 403


def test_without_javascript_it_works_too(served, open_page):
    page = open_page(served, path="/programs/default/edit", java_script_enabled=False)
    box = page.get_by_label("The rules")
    box.fill(RULES.replace("years < 18", "yeers < 21"))
    press(page, "Only check the text")
    assert page.get_by_text('there is no field "yeers"').is_visible()
    page.get_by_label("The rules").fill(RULES.replace("years < 18", "years < 21"))
    press(page, "See what it would have done")
    page.get_by_role("button", name="Publish").wait_for()
    publish(page, "older")
    assert are_soon(served, "false")
    assert page.complaints == []


def test_tab_leaves_the_editor_after_escape_and_words_are_offered(untouched, open_page):
    page = open_page(untouched, path="/programs/default/edit")
    editor(page).get_by_text("The rules are right.").wait_for()
    page.evaluate("ace.edit('editor').gotoLine(5, 11); ace.edit('editor').focus()")
    page.locator("#word").get_by_text("type: What the field holds.").wait_for()
    page.evaluate("ace.edit('editor').find('type: integer'); ace.edit('editor').navigateLineEnd()")
    page.keyboard.press("ArrowLeft")
    page.keyboard.type(", mi")
    page.locator(".ace_autocomplete").get_by_text("min_length").wait_for()
    page.locator(".ace_autocomplete").get_by_text("max").first.wait_for(state="hidden")  # what began with m alone
    page.keyboard.press("ArrowDown")
    page.locator(".ace_doc-tooltip").get_by_text("The least value").wait_for()
    page.keyboard.press("Enter")
    assert "required: true, min: }" in page.evaluate("ace.edit('editor').getValue()")
    page.keyboard.press("Tab")  # indents
    inside = "document.activeElement.classList.contains('ace_text-input')"
    assert page.evaluate(inside)
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert not page.evaluate(inside) and page.complaints == []


def test_while_another_text_is_checked_the_script_asks_again_by_itself(untouched, open_page):
    page = open_page(untouched, path="/programs/default/edit")
    found, answers = editor(page), []
    found.get_by_text("The rules are right.").wait_for()

    def busy_at_first(route):
        answers.append(route)
        route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}") if len(answers) < 3 else route.continue_()

    page.route("**/check", busy_at_first)
    write(page, "years < 18", "yeers < 18")
    found.get_by_text("there is no field").wait_for()
    assert len(answers) == 3


def test_a_session_that_has_ended_is_told_and_nobody_is_asked_for_a_password_twice(untouched, open_page):
    page = open_page(untouched, path="/programs/default/edit")
    found = editor(page)
    found.get_by_text("The rules are right.").wait_for()
    page.context.clear_cookies()
    write(page, "Home loans", "Houses")
    found.get_by_text("Your login has ended").wait_for()


def test_everybody_can_use_the_pages_on_a_phone_and_in_the_dark(make_service, tmp_path, open_page):
    listing = RULES.replace("sale_amount", "  - {id: known, listed: {email: known.txt}, note: Known}\nsale_amount")
    service = make_service(listing, **SEERS, **HOME)
    (tmp_path / "rules" / "known.txt").write_text("bob@example.com\n")
    service.start()
    page = open_page(service, path="/programs/default/edit", size=PHONE, bypass_csp=True)

    editor(page).get_by_text("The rules are right.").wait_for()
    write(page, "years < 18", "yeers < 18")
    page.locator("#findings").get_by_text("there is no field").wait_for()
    assert_usable(page)
    draft(page, "years < 18", "years < 21")
    assert is_tried(page)
    assert_usable(page)
    gate = page.url
    publish(page, "older")
    page.goto(gate + "/outdated")
    assert_usable(page)
    for path in ["", "s", "?list=known.txt", "/history?list=known.txt"]:
        page.goto(f"{page.at}/list{path}" if path != "" else f"{page.at}/programs")
        assert_usable(page)
    paths = ["", "/history", "/version?version=1", "/compare?from=1&to=2", "/rollback?version=1", "/retire"]
    for path in [*(f"/programs/default{path}" for path in paths), "/new-program"]:
        page.goto(page.at + path)
        assert_usable(page)
