"""The page "Try a lead": what would be answered now, by all that the ledger knows, of which nothing changes."""

import pytest
from brand import OPERATORS, Operator, id_of, text_of
from cast import Partner
from lxml import html

import database
from database import StoreError
from leads import foresee

RULES = """
partner: irpid
test_flag: is_test
test_limit: 1
retry_key: [click_id]
fields:
  email: {type: email, required: true, label: email address}
  phone: {type: phone, country: US}
  note: {}
  irpid: {}
  click_id: {}
  is_test: {type: boolean}
rules:
  - {id: duplicate, unique: [email], note: This email address was already submitted}
  - {id: cap, limit: {'7': 2}, per: day, by: [irpid]}
  - {id: spent, budget: 30, per: total}
  - {id: seen, mode: observe, unique: [phone]}
sale_amount: 10.00
examples:
  - name: a good lead
    lead: {email: ann@example.com, note: "100 % & more + {{ 7 }}=é\\nand on", irpid: "9"}
    expect: valid
"""


@pytest.fixture
def shop(make_app, database_url):
    app = make_app(RULES, operators=OPERATORS, database_url=database_url)
    database.migrate()
    partner = Partner(app)
    partner.operator = Operator(app)
    partner.operator.get("/dashboard")  # a login that is right is remembered, with its first page
    return partner


def everything():
    """Return all that the store holds."""
    with database.read():
        return {name: database.db.execute_sql(f"SELECT * FROM {name}").fetchall() for name in database.db.get_tables()}


def tried(shop, **fields):
    """Try a lead on the page, and hold it to change nothing; return the words of the page."""
    before = everything()
    lead = "\n".join(f"{name}={value}" for name, value in fields.items())
    page = shop.operator.words("/dashboard/programs/default/try", lead=lead)
    assert everything() == before
    return page


def test_a_new_lead_is_valid_and_nothing_of_it_is_kept(shop):
    for _ in range(3):
        page = tried(shop, email="ann@example.com", irpid="7")
        assert "Valid, worth 10.00 Lead submitted successfully" in page and "Rule “duplicate” Fine." in page
        assert "what would be answered now" in page


def test_an_address_that_is_stored_is_a_duplicate(shop):
    shop.lead(email="ann@example.com")
    page = tried(shop, email="Ann@Example.com")
    assert "Refused This email address was already submitted" in page
    assert "Rule “duplicate” Refused: This email address was already submitted." in page
    assert "<note>This email address was already submitted</note>" in page


def test_a_limit_and_a_budget_that_are_used_up_refuse(shop):
    for number in range(2):
        shop.lead(email=f"ann{number}@example.com", irpid="7")
    assert "Refused The limit of leads per day is reached" in tried(shop, email="kim@example.com", irpid="7")
    assert "Valid, worth 10.00" in tried(shop, email="kim@example.com", irpid="8")
    shop.lead(email="lee@example.com", irpid="8")
    assert "Refused The budget is used up" in tried(shop, email="kim@example.com", irpid="8")


def test_the_tests_of_the_day_are_counted(shop):
    assert "Valid, worth 10.00 (a test)" in tried(shop, email="kim@example.com", is_test="true")
    shop.lead(email="ann@example.com", is_test="true")
    page = tried(shop, email="kim@example.com", is_test="true")
    assert "Refused (a test) No more test leads are taken today" in page


def test_a_rule_that_only_watches_is_told_and_refuses_nobody(shop):
    shop.lead(email="ann@example.com", phone="415-555-2671")
    page = tried(shop, email="kim@example.com", phone="4155552671")
    assert "Valid, worth 10.00" in page and "Rule “seen” Only watched" in page


def test_a_retry_key_gets_the_first_answer_again_and_with_other_content_none(shop):
    first = id_of(shop.lead(email="ann@example.com", click_id="c1"))
    page = tried(shop, email="ann@example.com", click_id="c1")
    assert "Valid, worth 10.00" in page and f"It has the retry key of lead {first}" in page
    assert f"<uniqueid>{first}</uniqueid>" in page
    page = tried(shop, email="kim@example.com", click_id="c1")
    assert "Refused This request repeats the key of an earlier one with other content" in page


@pytest.mark.parametrize(
    "lead",
    [
        {"email": "ann@example.com"},
        {"email": "new@example.com", "irpid": "7"},
        {"email": "new@example.com", "irpid": "8"},
        {"email": "new@example.com", "is_test": "true"},
        {"email": "new@example.com", "click_id": "c1"},
        {"email": "ann@example.com", "irpid": "7", "is_test": "true"},
    ],
)
def test_what_is_foreseen_is_what_is_answered(shop, lead):
    for earlier in (
        {"email": "ann@example.com", "irpid": "7", "click_id": "c1"},
        {"email": "b@example.com", "irpid": "7"},
    ):
        shop.lead(**earlier)
    shop.lead(email="t@example.com", is_test="true")
    page = tried(shop, **lead)
    answer = shop.lead(**lead)
    assert f"{'Valid, worth 10.00' if answer['valid'] == 'true' else 'Refused'}" in page and answer["note"] in page


def test_where_the_leads_cannot_be_read_the_page_says_what_is_not_known(shop, monkeypatch):
    def fails(*_):
        raise StoreError("gone")

    monkeypatch.setattr(foresee.claims, "would_refuse", fails)
    page = shop.operator.words("/dashboard/programs/default/try", lead="email=ann@example.com")
    assert "The leads cannot be read now. So it is not known" in page and "Decided when a lead is posted" in page


def test_the_box_begins_with_the_first_example_which_is_read_as_it_is_meant(shop):
    response = shop.operator.get("/dashboard/programs/default/try")
    (box,) = html.fromstring(response.text).xpath("//textarea")
    assert "The box has the first example of the rule file." in text_of(response)
    page = shop.operator.words("/dashboard/programs/default/try", lead=box.text)
    assert "Valid, worth 10.00" in page and "note 100 % & more + {{ 7 }}=é and on" in page and "irpid 9" in page
