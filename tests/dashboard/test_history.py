"""The history of what was published: versions, comparisons, a way back, an end, and files of a deploy."""

import re

import pytest
from brand import EXAMPLES, OPERATORS, RULES, Operator, text_of
from cast import Partner

import database
from app import create_app
from leads import publishing
from web.settings import User

TEXT = RULES + EXAMPLES
OLDER = TEXT.replace("years < 18", "years < 21")
HISTORY = "/dashboard/programs/default/history"


@pytest.fixture
def shop(make_app):
    settings = {"operators": OPERATORS, "viewers": (User("vera", "only looks"),), "rules_from": "dashboard"}
    partner = Partner(make_app({"default": TEXT}, **settings))
    database.migrate()
    partner.operator, partner.viewer = Operator(partner.app), Operator(partner.app, ("vera", "only looks"))
    partner.book = partner.app.extensions["datapost"].rulebook
    partner.book.refresh()
    return partner


def publish(text=OLDER, comment="older <b>ones</b>", by="owner"):
    return publishing.publish("default", text, by, comment)


def live():
    with database.read():
        return publishing.live("default")


def test_every_version_says_who_when_why_of_what_kind_and_how_many_leads_it_judged(shop):
    shop.lead(email="ann@example.com")
    publish()
    response = shop.operator.get(HISTORY)
    page = text_of(response)
    assert re.search(r"Version 2 Live Published by owner on \d\d \w+ \d{4}, [\d:]{8} UTC older <b>ones</b>", page)
    assert "It judged 0 leads." in page and "<b>ones" not in response.text
    assert re.search("Version 1 Came with a deploy on .* It judged 1 lead[.]", page)


def test_any_two_versions_are_compared_and_each_is_shown(shop):
    publish()
    publish(TEXT.replace("Home loans", "Houses"), "a title")
    page = shop.operator.words("/dashboard/programs/default/compare?from=1&to=3")
    assert "From version 1 to version 3" in page and "+ title: Houses" in page and "years < 21" not in page
    assert "years < 21" in shop.operator.words("/dashboard/programs/default/version?version=2")
    for bad in ["compare?from=1&to=9", "compare", "compare?from=x&to=1", "version?version=9"]:
        assert shop.operator.get(f"/dashboard/programs/default/{bad}").status_code == 404


def test_rolling_back_asks_first_and_is_one_more_version(shop):
    publish()
    address = "/dashboard/programs/default/rollback?version=1"
    page = shop.operator.words(address)
    assert "The text of version 1 becomes live again, as version 3." in page and "years < 18" in page
    assert live().version == 2
    assert shop.operator.post(address, based_on="2", comment="a mistake").location == HISTORY
    assert (live().version, live().kind, live().text, live().comment) == (3, "rollback", TEXT, "a mistake")


def test_who_rolls_back_what_is_not_live_any_more_is_told_so(shop):
    publish()
    publish(TEXT.replace("Home loans", "Houses"), "a title")
    answer = shop.operator.post("/dashboard/programs/default/rollback?version=1", based_on="2", comment="x")
    assert answer.status_code == 409 and "title: Houses" in text_of(answer) and live().version == 3


def test_retiring_asks_first_and_the_way_back_stands_in_the_history(shop):
    assert "Its address answers 404" in shop.operator.words("/dashboard/programs/default/retire")
    address = "/dashboard/programs/default/retire"
    assert shop.operator.post(address, based_on="1", comment=" ").status_code == 400 and live().version == 1
    assert shop.operator.post(address, based_on="1", comment="sold").location == HISTORY
    assert "It is retired." in shop.operator.words(HISTORY)
    shop.book._looked_at = -1000
    assert "Retired: default" in shop.operator.words("/dashboard/programs")
    assert shop.operator.get("/dashboard/programs/default").status_code == 404
    assert "was retired by owner" in shop.operator.words("/dashboard/programs/default/edit?version=1")
    shop.operator.post("/dashboard/programs/default/rollback?version=1", based_on="2")
    assert live().text == TEXT


def changed_deploy(shop, text=OLDER):
    (shop.book.folder / "default.yaml").write_text(text)
    app = create_app(shop.app.extensions["datapost"].settings)
    app.extensions["datapost"].rulebook.refresh()
    return Operator(app)


def test_a_file_that_changed_in_a_deploy_overwrites_nothing_and_is_adopted_by_a_button(shop):
    operator = changed_deploy(shop)
    assert "A deploy brought another" in operator.words("/dashboard/programs/default") and live().text == TEXT
    assert "default.yaml than was known when the live version was made." in operator.words("/dashboard")
    page = operator.words("/dashboard/programs/default/deploy")
    assert "years < 21" in page and "Adopt the file" in page and "Keep the live text" in page
    assert operator.post("/dashboard/programs/default/deploy", based_on="1", adopt="1", comment="").status_code == 303
    assert (live().kind, live().text, live().comment) == ("adopt", OLDER, "the file of the deploy")
    operator.http.application.extensions["datapost"].rulebook._looked_at = -1000
    assert "A deploy brought another" not in operator.words("/dashboard/programs/default")


def test_the_live_text_is_kept_by_the_other_button(shop):
    operator = changed_deploy(shop)
    assert operator.post("/dashboard/programs/default/deploy", based_on="1", keep="1", comment="").status_code == 303
    assert (live().version, live().text) == (2, TEXT)
    operator.http.application.extensions["datapost"].rulebook._looked_at = -1000
    assert "A deploy brought another" not in operator.words("/dashboard/programs/default")


def test_a_viewer_reads_the_history_and_is_shown_no_way_to_change_it(shop):
    publish()
    page = shop.viewer.words(HISTORY)
    assert "older <b>ones</b>" in page and "Roll back" not in page
    assert "Retire" not in shop.viewer.words("/dashboard/programs/default")
    for path in ["rollback?version=1", "retire", "version?version=1"]:
        assert "<textarea" not in shop.viewer.get(f"/dashboard/programs/default/{path}").text
