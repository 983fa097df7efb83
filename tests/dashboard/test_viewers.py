"""Viewers (DATAPOST_VIEWERS): they see every page, and change nothing."""

import re

import pytest
from brand import OPERATORS, RULES, Operator, id_of, text_of
from cast import Partner

import database
from leads.backtest import Backtest
from web.settings import User

VERA, SUNNY = ("vera", "only looks"), ("sunny", "looks at solar")
VIEWERS = (User(*VERA), User(*SUNNY, frozenset({"solar"})))


@pytest.fixture
def brand(make_app, database_url):
    rules = {"default": RULES, "solar": RULES}
    app = make_app(rules, operators=OPERATORS, viewers=VIEWERS, database_url=database_url)
    database.migrate()
    partner = Partner(app)
    partner.operator, partner.viewer = Operator(app), Operator(app, VERA)
    partner.lead_id = id_of(partner.lead(email="ann@example.com", birth_date="1990-01-01", irpid="loaners"))
    return partner


PAGES = [
    "",
    "/leads",
    "/leads.csv",
    "/leads/{}",
    "/partner?partner=loaners",
    "/subpartner?partner=loaners&subpartner=s",
    "/programs",
    "/programs/default",
]
PAGES += ["/programs/default/try", "/programs/default/edit", "/programs/default/contract.md", "/help"]


@pytest.mark.parametrize("path", PAGES)
def test_a_viewer_sees_every_page_that_an_operator_sees(brand, path):
    assert brand.viewer.get(f"/dashboard{path.format(brand.lead_id)}").status_code == 200


CHANGES = [
    ("/leads/{}", {}),
    ("/programs/default/edit", {"text": RULES, "start": "1"}),
    ("/programs/default/edit", {"text": RULES, "check": "1"}),
    ("/leads.csv", {"sensitive": "1"}),
    ("/leads.jsonl", {"sensitive": "1"}),
    ("/something/new", {}),
]


@pytest.mark.parametrize(("path", "fields"), CHANGES)
def test_a_form_that_changes_something_is_refused_on_a_page_that_says_so(brand, path, fields):
    response = brand.viewer.post(f"/dashboard{path.format(brand.lead_id)}", **fields)
    assert response.status_code == 403 and "1990-01-01" not in response.text
    assert "Your login sees everything here and changes nothing" in text_of(response)
    assert "Logged in as vera Viewer" in text_of(response)
    with database.read():
        assert not Backtest.select().count()


def test_a_viewer_finds_persons_takes_masked_lists_along_and_tries_leads(brand):
    assert brand.lead_id in brand.viewer.post("/dashboard/leads", find="ann@example.com").text
    exported = brand.viewer.post("/dashboard/leads.jsonl").text
    assert brand.lead_id in exported and "1990-01-01" not in exported
    assert "Valid, worth" in brand.viewer.words("/dashboard/programs/default/try", lead="email=new@example.com")


@pytest.mark.parametrize(
    ("path", "buttons"),
    [
        ("/leads/{}", ["Show them"]),
        ("/leads", ["Show sensitive values too"]),
        ("/programs", ["Edit"]),
        ("/programs/default", ["Edit"]),
        ("/programs/default/edit", ["Only check the text", "See what it would have done"]),
    ],
)
def test_a_viewer_is_shown_no_button_that_would_be_refused(brand, path, buttons):
    path = f"/dashboard{path.format(brand.lead_id)}"
    for button in buttons:
        assert button in brand.operator.words(path) and button not in brand.viewer.words(path)


def test_every_page_says_that_one_is_a_viewer(brand):
    assert "Logged in as vera Viewer" in brand.viewer.words("/dashboard")
    assert "Viewer" not in brand.operator.words("/dashboard")


def test_a_viewer_of_one_program_sees_nothing_of_another(brand):
    sunny = Operator(brand.app, SUNNY)
    assert brand.lead_id not in sunny.get("/dashboard/leads.jsonl").text
    assert sunny.get("/dashboard/programs/default").status_code == 403
    assert sunny.get("/dashboard/programs/solar").status_code == 200


def test_viewers_alone_have_a_dashboard(make_app):
    app = make_app(viewers=VIEWERS)
    assert Operator(app, VERA).get("/dashboard").status_code == 200
    assert app.test_client().get("/", headers={"Accept": "text/html"}).status_code == 302


def test_a_viewer_posts_no_lead(brand):
    assert brand.http.post("/leads", auth=VERA).status_code == 401


def test_a_viewer_logs_in_on_the_page_too(brand):
    http = brand.app.test_client()
    response = http.post("/dashboard/login", data={"name": VERA[0], "password": VERA[1]})
    assert response.headers["Location"] == "/dashboard"
    assert re.search("Viewer", text_of(http.get("/dashboard")))
    assert http.post("/dashboard/programs/default/edit").status_code == 403
