"""A stored lead is told by the rules of its day, though their lists are gone since; and an erased one as such."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from brand import OPERATORS, RULES, Operator, id_of
from cast import Partner
from purged import purge

from leads import erasure
from leads.erasure import Found
from leads.publishing import publish

LISTED = "fields: {email: {}}\nrules: [{id: blocked, listed: {email: blocked.txt}, note: Blocked %s}]"


@pytest.fixture
def shop(make_app, tmp_path):
    """A service whose rules name a list, with a lead of Ann's that it refused, and its rules of later days."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "blocked.txt").write_text("ann@example.com\n")
    partner = Partner(make_app(LISTED % "then", operators=OPERATORS))
    partner.refused = id_of(partner.lead(email="ann@example.com"))
    partner.list = tmp_path / "rules" / "blocked.txt"
    return partner


def explained(app, lead):
    output = app.test_cli_runner().invoke(args=["leads", "explain", lead, "--format", "json"]).output
    return json.loads(output)["rules_of_that_day"]


def test_explain_says_that_lists_are_read_as_they_are_today(make_app, shop):
    app = make_app(LISTED % "today")
    told = explained(app, shop.refused)
    assert (told["reasons"], told["note"], told["differs"]) == (["blocked"], "Blocked then", False)
    assert told["lists"].startswith("What stood that day in the lists that these rules name is not kept. They are read")


def test_explain_judges_by_the_rules_of_that_day_though_a_list_is_gone(make_app, shop):
    shop.list.unlink()
    told = explained(make_app(), shop.refused)
    assert "is not kept, and blocked.txt is gone. They are read as they are today" in told["lists"]
    assert "error" not in told and told["differs"]


def test_rules_without_lists_are_told_without_a_word_of_lists(make_app):
    app = make_app()
    assert "lists" not in explained(app, id_of(Partner(app).lead(email="ann@example.com")))


@pytest.fixture
def erased(make_app):
    """A service with a lead whose program calls a field sensitive, which was erased."""
    partner = Partner(make_app(RULES, operators=OPERATORS))
    lead = id_of(partner.lead(email="ann@example.com", birth_date="1990-05-01", irpid="bright"))
    person = erasure.with_email("ann@example.com")
    erasure.erase([Found(lead, "default")], person, "email")
    return partner, lead


def test_an_erased_lead_says_so_and_offers_no_values(erased):
    partner, lead = erased
    page = Operator(partner.app).words(f"/dashboard/leads/{lead}")
    assert f"This lead was erased on {datetime.now(UTC):%d %b %Y}" in page and "privacy rules" not in page
    assert "Personal data Its values were erased, as a person may ask for." in page
    assert "Show them" not in page and "are masked" not in page and "No content type" not in page
    result = partner.app.test_cli_runner().invoke(args=["leads", "show", lead])
    assert "this lead was erased on " in result.stderr


def test_a_lead_whose_values_went_by_age_offers_none_either(make_app):
    partner = Partner(make_app(RULES + "privacy: {mask_after: 30 days}\n", operators=OPERATORS))
    lead = id_of(partner.lead(email="ann@example.com", birth_date="1990-05-01"))
    program = partner.app.extensions["datapost"].rulebook.programs["default"]
    assert purge(datetime.now(UTC) + timedelta(days=31), program) == [(1, 0)]
    page = Operator(partner.app).words(f"/dashboard/leads/{lead}")
    assert "Its values were removed on " in page and "as the program's privacy rules said." in page
    assert "Its values were removed by its age" in page
    assert "Show them" not in page


def test_lists_that_are_published_are_read_as_they_were_that_day(make_app, tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "blocked.txt").write_text("ann@example.com\n")
    partner = Partner(make_app(LISTED % "then", rules_from="dashboard"))
    refused = id_of(partner.lead(email="ann@example.com"))
    publish("blocked.txt", "# nobody\n", "ann", "Ann is back", thing="list")
    told = explained(make_app(LISTED % "then", rules_from="dashboard"), refused)
    assert (told["reasons"], told["differs"]) == (["blocked"], False)
    assert "lists" not in told
