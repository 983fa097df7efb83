"""What sales says, in the dashboard: the file that an operator brings, one lead, and a partner's figures."""

import io
import re

import pytest
from brand import OPERATORS, OWNER, RULES, SOLAR, Operator, text_of
from browser import PHONE, assert_usable, serving
from cast import Partner

import database
from impact.ledger import Outcome
from web.settings import User

VERA, PAGE = ("vera", "only looks"), "/dashboard/feedback"
REASONS = "{fake: CONS_FRAUD, wrong number: CONS_ERROR}"
IMPACT = f"impact: {{campaign: 1000, event_type: 2240, reversals: {{reasons: {REASONS}}}}}\n"
TEXT = f"currency: USD\n{RULES}{IMPACT}"


@pytest.fixture
def brand(make_app, database_url):
    rules = {"default": TEXT, "solar": TEXT.replace("Home loans", "Sunny roofs")}
    app = make_app(rules, operators=OPERATORS, viewers=(User(*VERA),), database_url=database_url)
    database.migrate()
    made = Partner(app)
    made.owner, made.sun, made.vera = (Operator(app, auth) for auth in (OWNER, SOLAR, VERA))
    return made


def post(brand, path="/leads", email="ann@example.com", **fields):
    return brand.lead(path, email=email, irpid="loaners", **fields)["uniqueid"]


def upload(operator, text, name="sales.csv"):
    headers = {"Sec-Fetch-Site": "same-origin"}
    file = (io.BytesIO(text.encode()), name)
    return operator.http.post(PAGE, auth=operator.auth, data={"file": file}, headers=headers)


def said():
    with database.read():
        return [(row.outcome, row.reason, row.said_by) for row in Outcome.select().order_by(Outcome.id)]


# --- The file ---


def test_a_file_is_taken_and_its_wrong_lines_are_told(brand):
    one = post(brand)
    response = upload(brand.owner, f"lead_id,outcome,reason\n{one},bad,FAKE\n0,sold,\n")
    told = text_of(response)
    assert response.status_code == 200
    assert "2 lines: 1 added, 0 known before, 1 wrong." in told and "1 bad lead waits to be reversed." in told
    assert "Line 3: there is no such lead of this program" in told
    assert said() == [("bad", "fake", "owner")]


def test_the_same_file_again_adds_nothing(brand):
    text = f"lead_id,outcome\n{post(brand)},sold\n"
    upload(brand.owner, text)
    assert "1 line: 0 added, 1 known before, 0 wrong." in text_of(upload(brand.owner, text))


def test_who_is_limited_to_programs_speaks_of_their_leads_alone(brand):
    text = f"lead_id,outcome\n{post(brand)},sold\n{post(brand, '/leads/solar')},sold\n"
    assert "2 lines: 1 added, 0 known before, 1 wrong." in text_of(upload(brand.sun, text))
    assert "Sunny roofs: fake, wrong number." in brand.sun.words(PAGE)
    assert "Home loans" not in brand.sun.words(PAGE)


def test_a_viewer_sees_the_page_and_brings_no_file(brand):
    assert "Operators can take a file here." in brand.vera.words(PAGE)
    assert upload(brand.vera, f"lead_id,outcome\n{post(brand)},sold\n").status_code == 403
    assert said() == []


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("", "", "Choose a file."),
        ("", "x.csv", "The file is empty"),
        ("lead_id\n", "x.csv", "The file has no column outcome: name them in its first line."),
    ],
)
def test_a_file_that_cannot_be_read_is_told(brand, text, name, told):
    response = upload(brand.owner, text, name)
    assert response.status_code == 400 and told in text_of(response)


def test_a_file_that_is_too_large_is_told_how_else(brand):
    assert "262,144 bytes come through a form" in brand.owner.words(PAGE)
    response = upload(brand.owner, "lead_id,outcome\n" + "x" * 300_000)
    assert response.status_code == 413 and "take it by flask feedback" in text_of(response)


# --- One lead ---


def test_an_operator_says_what_became_of_a_lead_and_all_see_who_said_it(brand):
    one = post(brand)
    assert "What sales says Nothing yet." in brand.owner.words(f"/dashboard/leads/{one}")
    response = brand.owner.post(f"{PAGE}/{one}", outcome="bad", reason="wrong number", value="")
    assert (response.status_code, response.location) == (303, f"/dashboard/leads/{one}#sales")
    brand.owner.post(f"{PAGE}/{one}", outcome="sold", reason="", value="1,200")
    told = brand.vera.words(f"/dashboard/leads/{one}")
    sold = told.index("Sold It brought 1,200.00 USD. Said by owner on")
    assert sold < told.index("Bad: wrong number Said by owner on")
    assert told.count("Something else was said since.") == 1
    assert "Say so" not in told


def test_what_does_not_fit_is_told_and_not_noted(brand):
    response = brand.owner.post(f"{PAGE}/{post(brand)}", outcome="sold", reason="fake")
    assert response.status_code == 422
    assert "Nothing was noted: reason is only for the outcome bad: leave it out." in text_of(response)
    assert said() == []


def test_a_viewer_says_nothing_of_a_lead(brand):
    assert brand.vera.post(f"{PAGE}/{post(brand)}", outcome="sold").status_code == 403


def test_a_lead_of_another_program_is_not_there(brand):
    assert brand.sun.post(f"{PAGE}/{post(brand)}", outcome="sold").status_code == 404
    assert brand.owner.post(f"{PAGE}/{'0' * 26}", outcome="sold").status_code == 404


def test_a_rejected_lead_has_no_such_form(brand):
    brand.lead(email="ann@example.com", years="9")
    assert "What sales says" not in brand.owner.words(f"/dashboard/leads/{brand.stored()[-1].id}")


def test_who_asks_again_for_what_came_of_the_form_sees_the_lead(brand):
    one = post(brand)
    assert brand.owner.get(f"{PAGE}/{one}").location == f"/dashboard/leads/{one}#sales"


# --- A partner ---


def test_a_partners_page_says_what_sales_says_and_what_a_sold_lead_cost(brand):
    ids = [post(brand, email=f"ann{n}@example.com") for n in range(5)]
    post(brand, email="tess@example.com", is_test="yes")
    lines = zip(ids[:4], ("contacted,,", "sold,,100", "sold,,", "bad,fake,"), strict=True)
    upload(brand.owner, "\n".join(["lead_id,outcome,reason,value", *(f"{one},{what}" for one, what in lines)]))
    told = brand.owner.words("/dashboard/partner?partner=loaners&program=default")
    assert "4 of 5 3 75% 2 50% 1 25% 25.00 USD brought 100.00 USD" in re.sub("\xa0", " ", told)
    assert "What sales says" not in brand.owner.words("/dashboard/partner?partner=loaners&program=solar")
    assert "What sales says" not in brand.owner.words("/dashboard/partner?partner=others")


def test_without_a_sale_a_sold_lead_has_no_cost(brand):
    upload(brand.owner, f"lead_id,outcome\n{post(brand)},bad\n")
    assert "1 of 1 0 0% 0 0% 1 100% –" in brand.owner.words("/dashboard/partner?partner=loaners")


def test_leads_that_came_before_the_period_do_not_count(brand):
    one = post(brand)
    upload(brand.owner, f"lead_id,outcome\n{one},sold\n")
    database.transact(Outcome.update(lead="01" + "0" * 24).execute)
    assert "What sales says" not in brand.owner.words("/dashboard/partner?partner=loaners")


# --- How it looks ---


@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_everybody_can_bring_a_file_on_a_phone_and_on_a_desktop(browser, brand, tmp_path):
    one = post(brand)
    file = tmp_path / "sales.csv"
    file.write_text(f"lead_id,outcome,reason,value\n{one},bad,fake,\n{one},sold,,1200\n0,sold,,\n")
    with serving(brand.app) as address:
        page = browser.new_context(viewport=PHONE, bypass_csp=True).new_page()
        page.goto(f"{address}{PAGE}")
        for label, text in zip(("Name", "Password"), OWNER, strict=True):
            page.get_by_label(label).fill(text)
        with page.expect_navigation():
            page.get_by_role("button", name="Log in").click()
        page.get_by_label("The file").set_input_files(file)
        with page.expect_navigation():
            page.get_by_role("button", name="Take it").click()
        assert page.get_by_role("status").inner_text().startswith("3 lines: 2 added, 0 known before, 1 wrong.")
        assert_usable(page)
        for path in (f"/dashboard/leads/{one}", "/dashboard/partner?partner=loaners"):
            page.goto(f"{address}{path}")
            assert_usable(page)
        page.context.close()
