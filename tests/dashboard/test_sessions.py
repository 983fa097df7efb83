"""The login page: who passes, where it leads, and what ends a login."""

import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
from brand import OPERATORS, OWNER, RULES, Operator, text_of
from cast import do_chores

import database
from web import sessions
from web.sessions import Session
from web.settings import User

ACCEPT = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NAME, PASSWORD = OWNER


class Browser:
    """A browser that keeps cookies and sends no other login."""

    def __init__(self, app):
        self.http = app.test_client()

    def get(self, path, **options):
        return self.http.get(path, headers=ACCEPT, **options)

    def log_in(self, name=NAME, password=PASSWORD, wanted="", headers=None, **options):
        fields = {"name": name, "password": password, "next": wanted}
        return self.http.post("/dashboard/login", data=fields, headers=ACCEPT | (headers or {}), **options)

    def log_out(self, headers=None):
        return self.http.post("/dashboard/logout", headers=ACCEPT | (headers or {}))

    @property
    def cookie(self):
        found = self.http.get_cookie(sessions.COOKIE, path=sessions.PATH)
        return found and found.value

    @property
    def is_in(self):
        return self.get("/dashboard").status_code == 200


@pytest.fixture
def browser_of(brand):
    return lambda: Browser(brand.app)


@pytest.fixture
def browser(browser_of):
    return browser_of()


def rows():
    with database.read():
        return list(Session.select())


# --- The way in ---


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/leads?program=default&since=7d", "/dashboard/nothing"])
def test_a_browser_is_sent_to_the_login_and_from_there_to_the_page_it_asked_for(browser, path):
    response = browser.get(path)
    assert response.status_code == 303 and "WWW-Authenticate" not in response.headers
    shown = browser.get(response.headers["Location"])
    wanted = re.search('name="next" value="(.*?)"', shown.text)[1].replace("&amp;", "&")
    response = browser.log_in(wanted=wanted)
    assert (response.status_code, response.headers["Location"]) == (303, path)


def test_a_program_without_a_login_is_asked_for_basic_authentication(browser):
    for headers in [{}, {"Accept": "*/*"}, {"Accept": "application/jsonl"}]:
        response = browser.http.get("/dashboard/leads.jsonl", headers=headers)
        assert response.status_code == 401 and response.headers["WWW-Authenticate"].startswith("Basic")
    assert browser.http.get("/dashboard/leads.jsonl", auth=OWNER).status_code == 200


def test_a_login_that_is_sent_along_and_wrong_is_told_and_not_led_to_the_page(browser):
    browser.log_in()
    assert browser.http.get("/dashboard", headers=ACCEPT, auth=("owner", "wrong")).status_code == 401


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/dashboard", "//evil.example/dashboard", "/\\evil.example", "/dashboard\\..\\x", "/leads",
        "/dashboardx", "/dashboard/../leads", "/dashboard/%2E%2e/leads", "/dashboard//evil.example", "javascript:x",
        "dashboard", "/dashboard/\r\nSet-Cookie: a=b", "/dashboard/login?next=/dashboard", "/dashboard/logout",
        "http://[", "/dashboard/" + "x" * 3000, "",
    ],
)  # fmt: skip
def test_a_login_leads_nowhere_but_to_a_page_of_the_dashboard(browser, elsewhere):
    assert browser.log_in(wanted=elsewhere).headers["Location"] == "/dashboard"


@pytest.mark.parametrize(("name", "password"), [("owner", "wrong"), ("nobody", "x"), ("", ""), ("owner", "x" * 5000)])
def test_a_wrong_login_is_told_on_the_page_and_opens_nothing(browser, caplog, name, password):
    with caplog.at_level(logging.INFO, "datapost"):
        response = browser.log_in(name, password, "/dashboard/leads")
    assert response.status_code == 401 and "The name or the password is wrong" in text_of(response)
    assert 'value="/dashboard/leads"' in response.text
    assert not browser.cookie and not browser.is_in and not rows()
    assert caplog.records[0].args["status"] == 401 and "address" in caplog.records[0].args


def test_guesses_on_the_page_and_by_basic_authentication_are_counted_together(browser):
    for number in range(10):
        assert browser.log_in(password=f"wrong {number}").status_code == 401
        assert browser.http.get("/dashboard", auth=("owner", f"no {number}")).status_code == 401
    response = browser.log_in(password="one more")
    assert response.status_code == 429 and int(response.headers["Retry-After"]) > 200
    assert "Too many failed logins" in text_of(response) and "Log in" in text_of(response)
    assert browser.http.get("/dashboard", auth=("owner", "one more")).status_code == 429


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_another_site_can_log_nobody_in_or_out(browser, headers):
    assert browser.log_in(headers=headers).status_code == 403 and not browser.cookie
    browser.log_in()
    assert browser.log_out(headers).status_code == 403 and browser.is_in


def test_without_anybody_who_may_see_it_there_is_no_login(partner):
    browser = Browser(partner.app)
    assert browser.get("/dashboard/login").status_code == browser.log_in().status_code == 404
    assert browser.get("/dashboard").status_code == browser.get("/dashboard/help").status_code == 404


def test_who_may_post_leads_logs_in_nowhere(browser):
    assert browser.log_in("impact", "secret").status_code == 401


def test_an_operator_of_one_program_sees_it_alone(browser):
    browser.log_in("sun", "only solar")
    assert browser.get("/dashboard/programs/solar").status_code == 200
    assert browser.get("/dashboard/programs/default").status_code == 403


# --- The cookie ---


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_other_addresses(browser):
    header = browser.log_in().headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/dashboard", "Max-Age=43200"} <= set(header.split("; "))
    assert "Secure" not in header and "Domain" not in header


def test_behind_https_the_cookie_is_never_sent_by_http(make_app):
    browser = Browser(make_app(operators=OPERATORS, trusted_proxies=1))
    headers = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    assert "Secure" in browser.log_in(headers=headers).headers["Set-Cookie"].split("; ")


def test_the_database_holds_neither_the_id_nor_the_password(browser):
    browser.log_in()
    (row,) = rows()
    told = f"{row.digest} {row.name} {row.password}"
    assert browser.cookie.partition(".")[0] not in told and PASSWORD not in told
    assert row.expires_at - row.created_at == timedelta(hours=12)


@pytest.mark.parametrize("text", ["", "x", "é", "{id}", "{id}.", "{id}." + "0" * 64, "{id}x.{signature}", "a" * 3000])
def test_a_cookie_that_we_have_not_signed_is_none(browser, text):
    browser.log_in()
    session_id, _, signature = browser.cookie.partition(".")
    text = text.format(id=session_id, signature=signature)
    browser.http.set_cookie(sessions.COOKIE, text, path=sessions.PATH)
    assert not browser.is_in


def test_each_login_has_an_id_of_its_own_and_ends_the_one_before(browser):
    browser.log_in()
    first = browser.cookie
    browser.log_in()
    assert browser.cookie != first and len(rows()) == 1
    browser.http.set_cookie(sessions.COOKIE, first, path=sessions.PATH)
    assert not browser.is_in


# --- What ends a login ---


def test_logging_out_ends_it_wherever_the_cookie_was_taken(browser, browser_of):
    browser.log_in()
    thief = browser_of()
    thief.http.set_cookie(sessions.COOKIE, browser.cookie, path=sessions.PATH)
    assert thief.is_in
    response = browser.log_out()
    assert "You are logged out" in text_of(browser.get(response.headers["Location"]))
    assert not browser.cookie and not browser.is_in and not thief.is_in and not rows()


def test_logging_out_ends_no_other_login_of_the_same_name(browser, browser_of):
    other = browser_of()
    browser.log_in()
    other.log_in()
    browser.log_out()
    assert other.is_in


def test_a_login_ends_after_twelve_hours_and_is_cleared_away(browser):
    browser.log_in()
    database.transact(Session.update(expires_at=datetime.now(UTC) - timedelta(seconds=1)).execute)
    assert not browser.is_in
    do_chores()
    assert not rows()


def test_a_chore_leaves_logins_that_last(browser):
    browser.log_in()
    do_chores()
    assert browser.is_in


@pytest.mark.parametrize(
    ("operators", "lasts"),
    [
        ([User(*OWNER)], True),
        ([User(NAME, "another password"), User(*OWNER)], True),  # while it is rotated
        ([User(NAME, "another password")], False),
        ([User("sun", PASSWORD)], False),
    ],
)
def test_a_changed_password_or_a_removed_name_ends_it(make_app, browser, database_url, operators, lasts):
    browser.log_in()
    again = Browser(make_app({"default": RULES}, operators=tuple(operators), database_url=database_url))
    again.http.set_cookie(sessions.COOKIE, browser.cookie, path=sessions.PATH)
    assert again.is_in is lasts


def test_an_operator_who_is_a_viewer_now_is_one_at_once(make_app, browser, database_url):
    browser.log_in()
    again = Browser(make_app({"default": RULES}, viewers=(User(*OWNER),), database_url=database_url))
    again.http.set_cookie(sessions.COOKIE, browser.cookie, path=sessions.PATH)
    assert "Logged in as owner Viewer" in text_of(again.get("/dashboard"))


def test_a_form_that_is_sent_after_the_end_is_told_to_be_sent_again(browser):
    for path, wanted in [("programs/default/edit", "programs/default/edit"), ("leads.csv", "leads")]:
        response = browser.http.post(f"/dashboard/{path}", headers=ACCEPT)
        shown = browser.get(response.headers["Location"])
        assert "Your login has ended. What you sent last was not done" in text_of(shown)
        assert f'value="/dashboard/{wanted}"' in shown.text


# --- On every page ---


@pytest.mark.parametrize(
    "path", ["", "/leads", "/programs", "/programs/default/try", "/help", "/help/rules", "/nothing"]
)
def test_every_page_says_who_is_logged_in_which_version_this_is_and_where_help_is(browser, path):
    browser.log_in()
    response = browser.get(f"/dashboard{path}")
    words = text_of(response)
    assert "Logged in as owner" in words and "Log out" in words and re.search(r"Datapost \d+\.\d+\.\d+ Help", words)
    assert 'href="/dashboard/help"' in response.text and "<script" not in response.text


def test_who_sends_a_login_with_each_request_has_none_to_log_out(brand):
    words = brand.operator.words("/dashboard")
    assert "Logged in as owner" in words and "Log out" not in words


def test_help_and_the_login_page_are_for_everybody_and_lead_to_pages_that_there_are(browser):
    for path in ["/dashboard/login", "/dashboard/help", "/dashboard/help/rules"]:
        response = browser.get(path)
        assert response.status_code == 200 and "Logged in" not in text_of(response)
        for address in re.findall(r'href="(/[^"#]*)', response.text):
            with browser.get(address) as found:
                assert found.status_code in (200, 303), address


def test_posting_instructions_for_operators_open_with_the_cookie(make_app):
    browser = Browser(make_app({"default": RULES + "\ndocs: operators\n"}, operators=OPERATORS))
    outside = browser.get("/docs/default")
    assert outside.headers["Location"] == "/dashboard/docs/default"
    assert browser.get("/dashboard/docs/default").headers["Location"].startswith("/dashboard/login?next=")
    browser.log_in()
    assert "/dashboard/docs/default" in browser.get("/dashboard/programs/default").text
    shown = browser.get("/dashboard/docs/default")
    assert shown.status_code == 200
    for path in re.findall(r'href="(/dashboard/docs/default[^"]+)"', shown.text):
        assert browser.get(path).status_code == 200


def test_an_operator_who_is_logged_in_works_as_with_basic_authentication(brand, browser):
    brand.lead(email="ann@example.com", birth_date="1990-01-01")
    browser.log_in()
    lead = brand.stored()[0].id
    assert "1990-01-01" in browser.http.post(f"/dashboard/leads/{lead}", headers=ACCEPT).text
    assert Operator(brand.app).get(f"/dashboard/leads/{lead}").status_code == 200
