"""The operators' pages: who sees them, and of which programs."""

import logging
import re

import pytest
from brand import OPERATORS, OWNER, RULES, id_of, text_of

# --- Who may see them ---

PAGES = ["/dashboard", "/dashboard/leads", "/dashboard/leads.csv", "/dashboard/programs", "/dashboard/programs/default"]


@pytest.mark.parametrize("path", [*PAGES, "/dashboard/nothing"])
def test_no_page_opens_without_an_operators_login(shop, path):
    for auth in [None, ("impact", "secret"), ("owner", "wrong")]:
        response = shop.http.get(path, auth=auth)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic")
    for header in ["Basic", "Basic é", "Bearer x", "basic b3duZXI6"]:
        assert shop.http.get(path, headers={"Authorization": header}).status_code == 401
    assert shop.http.post("/leads", auth=OWNER).status_code == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE"])
def test_a_method_that_no_page_knows_needs_a_login_too_and_is_answered_by_a_page(shop, method):
    for path in ["/dashboard", "/dashboard/leads"]:
        assert shop.http.open(path, method=method).status_code == 401
        response = shop.http.open(path, method=method, auth=OWNER)
        assert response.status_code == 404 and response.mimetype == "text/html"


@pytest.mark.parametrize("path", PAGES)
def test_without_operators_there_is_no_dashboard(partner, path):
    assert partner.http.get(path, auth=("impact", "secret")).status_code == 404


def test_a_browser_that_asks_for_its_login_is_no_news(shop, caplog):
    with caplog.at_level(logging.INFO, "datapost"):
        shop.http.get("/dashboard")
        assert not caplog.records
        shop.http.get("/dashboard", auth=("owner", "wrong"))
    assert [record.args["status"] for record in caplog.records] == [401]


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/nothing", "/dashboard/leads/01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_an_operator_is_told_on_a_page_that_there_is_none(shop, path):
    response = shop.operator.get(path)
    assert response.status_code == (200 if path == "/dashboard/" else 404)
    assert response.mimetype == "text/html"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),  # a browser in which our policy is not known
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "https://localhost"}, 200),  # behind a proxy that does not tell
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 200),  # a program
    ],
)
def test_what_another_site_has_a_browser_send_is_refused(shop, headers, status):
    response = shop.http.post("/dashboard/leads", data={"find": "ann@example.com"}, auth=OWNER, headers=headers)
    assert response.status_code == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
    ],
)
def test_an_export_that_another_site_starts_is_refused_on_a_page(shop, method, headers, status):
    for form in ["csv", "jsonl"]:
        response = shop.http.open(f"/dashboard/leads.{form}", method=method, auth=OWNER, headers=headers)
        assert response.status_code == status
        if status == 403 and method != "HEAD":
            assert "Another site's page asked for this in your name." in text_of(response)


def test_pages_let_the_browser_say_where_a_form_comes_from(shop):
    assert shop.operator.get("/dashboard/leads").headers["Referrer-Policy"] == "same-origin"


def test_behind_a_trusted_proxy_the_addresses_are_https(make_app):
    app = make_app({"default": RULES}, operators=OPERATORS, trusted_proxies=1)
    headers = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "Origin": "https://localhost"}
    page = app.test_client().get("/dashboard/programs", auth=OWNER, headers=headers).text
    assert 'href="https://localhost/docs/default?key=' in page
    assert app.test_client().post("/dashboard/leads", auth=OWNER, headers=headers).status_code == 200


# What no database or address can hold, or nobody would write.
IMPOSSIBLE = ["%00", "a%00b", "01M80FYQ26EMFBJ158VTG4JTK%00", "%ED%A0%80", "%FF", "x" * 7000, "%0A", "%F0%9F%A6%8A"]


@pytest.mark.parametrize("text", IMPOSSIBLE, ids=lambda text: text[:20])
def test_addresses_that_no_page_has_are_answered_by_a_page(brand, text):
    pages = ["leads/{}", "backtests/{}", "programs/{}", "programs/{}/try", "programs/{}/contract.md", "{}"]
    pages += [
        "partner?partner={}",
        "subpartner?partner={0}&subpartner={0}",
        "leads?after={}",
        "?program={}",
        "?days={}",
    ]
    names = [
        "program",
        "since",
        "until",
        "valid",
        "test",
        "partner",
        "subpartner",
        "reason",
        "observed",
        "email",
        "phone",
        "id",
    ]
    pages += [f"leads{form}?{name}={{}}" for name in names for form in ["", ".csv"]]
    for path in [f"/dashboard/{page}".replace("/?", "?").format(text) for page in pages]:
        for operator in [brand.operator, brand.sun]:
            assert operator.get(path).status_code < 500, path
    assert brand.operator.post(f"/dashboard/leads/{text}").status_code == 404
    for path in [f"/docs/{text}", f"/docs/{text}.md", f"/docs/default?key={text}"]:
        assert brand.operator.get(path).status_code in (200, 404), path


def test_looking_is_not_logged(shop, caplog):
    lead = id_of(shop.lead(email="ann@example.com"))
    caplog.clear()
    with caplog.at_level(logging.INFO, "datapost"):
        for path in [*PAGES[:2], *PAGES[3:], f"/dashboard/leads/{lead}"]:
            shop.operator.get(path)
        shop.operator.post("/dashboard/leads", find="ann@example.com")
    assert not caplog.records


# --- Programs of others ---


def test_an_operator_of_one_program_sees_nothing_of_another(brand):
    ours = id_of(brand.lead("/leads/solar", email="sol@example.com", irpid="sunny"))
    theirs = id_of(brand.lead(email="ann@example.com", irpid="loaners"))
    sun = brand.sun
    assert sun.get(f"/dashboard/leads/{ours}").status_code == 200
    assert sun.get(f"/dashboard/leads/{theirs}").status_code == 404
    assert sun.post(f"/dashboard/leads/{theirs}").status_code == 404
    for path in ["/dashboard/programs/default", "/dashboard/programs/default/try", "/dashboard/programs/nothing"]:
        assert sun.get(path).status_code == 403
    assert sun.get("/dashboard?program=default").status_code == 404
    for path in ["/dashboard", "/dashboard/leads", "/dashboard/programs"]:
        shown = sun.get(path).text
        assert "loaners" not in shown and "Home loans" not in shown
        assert "default" not in re.sub(r"/docs/.*?\"", "", shown)
    for query in ["", "?program=default", "?partner=loaners"]:
        assert theirs not in sun.get(f"/dashboard/leads{query}").text
        assert theirs not in sun.get(f"/dashboard/leads.jsonl{query}").text
    assert theirs not in sun.post("/dashboard/leads", find="ann@example.com").text
    assert "No lead fits" in sun.words("/dashboard/leads", find=theirs)
    assert "Leads came 1 " in sun.words("/dashboard")
    assert "Leads came 2 " in brand.operator.words("/dashboard")


def test_a_lead_of_the_same_person_in_another_program_is_not_shown(brand):
    theirs = id_of(brand.lead(email="ann@example.com"))
    ours = id_of(brand.lead("/leads/solar", email="ann@example.com"))
    assert theirs not in brand.sun.get(f"/dashboard/leads/{ours}").text
    assert theirs in brand.operator.get(f"/dashboard/leads/{ours}").text
