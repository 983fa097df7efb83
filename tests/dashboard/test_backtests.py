"""What a backtest of a change finds: why, in the words of the changed file, and which leads."""

import re

import pytest
from brand import OPERATORS, Operator, id_of, wait_for_backtests
from cast import Partner
from lxml import html

from leads import backtest

RULES = """
currency: USD
partner: irpid
fields:
  email: {type: email, required: true}
  loan_amount: {type: money, min: 50000, label: loan amount}
  state: {}
  irpid: {}
rules:
  - {id: closed, reject_if: state == 'NV', note: We are closed in Nevada}
sale_amount: 10.00
"""
CHANGED = (
    RULES.replace("min: 50000", "min: 150000")
    .replace("sale_amount", "  - {id: texas, reject_if: state == 'TX', note: Not in Texas.}\nsale_amount")
    .replace("'NV'", "'NM'")
    .replace("Nevada", "New Mexico")
)


@pytest.fixture
def shop(make_app):
    partner = Partner(make_app(RULES, operators=OPERATORS))
    partner.operator = Operator(partner.app)
    partner.small = id_of(partner.lead(email="a@example.com", loan_amount="60000", irpid="bright"))
    partner.texan = id_of(partner.lead(email="b@example.com", loan_amount="600000", state="TX", irpid="bright"))
    partner.closed = id_of(partner.lead(email="c@example.com", loan_amount="600000", state="NV", irpid="young/of 1%"))
    partner.lead(email="d@example.com", loan_amount="600000")
    return partner


def found(shop, text=CHANGED):
    """Return the address of the result of a change."""
    response = shop.operator.post("/dashboard/programs/default/edit", text=text, start="1")
    wait_for_backtests()
    return response.location


def listed(shop, address):
    page = shop.operator.get(address)
    return [
        re.search("01[0-9A-Z]{24}", link)[0]
        for link in html.fromstring(page.text).xpath("//ul[@class='leads']//a/@href")
    ]


def link(shop, address, text):
    (href,) = html.fromstring(shop.operator.get(address).text).xpath(f"//table//a[text()='{text}']/@href")
    return href


def test_new_rejections_have_the_sentences_of_the_changed_file_and_old_ones_those_of_the_file_in_use(shop):
    page = shop.operator.words(found(shop)).replace("\N{NO-BREAK SPACE}", " ")
    assert "The loan amount is too small: the least accepted is 150000 loan_amount.too_small 1 10.00 USD" in page
    assert "Not in Texas texas 1 10.00 USD" in page
    assert "We are closed in Nevada closed 1 10.00 USD" in page
    assert "50000 loan" not in page.replace("150000", "")


def test_the_first_leads_that_change_are_listed_and_lead_to_their_pages(shop):
    address = found(shop)
    assert listed(shop, address) == [shop.small, shop.texan, shop.closed]
    page = shop.operator.words(address).replace("\N{NO-BREAK SPACE}", " ")
    assert "All of them, the oldest first." in page
    assert "Newly refused 10.00 USD bright Not in Texas" in page
    assert "Newly valid 10.00 USD young/of 1% We are closed in Nevada" in page


def test_a_reason_and_a_partner_lead_to_their_leads(shop):
    address = found(shop)
    assert listed(shop, link(shop, address, "Not in Texas")) == [shop.texan]
    assert listed(shop, link(shop, address, "We are closed in Nevada")) == [shop.closed]
    assert listed(shop, link(shop, address, "bright")) == [shop.small, shop.texan]
    assert listed(shop, link(shop, address, "young/of 1%")) == [shop.closed]
    assert "of bright: the first 2. Show those of all" in shop.operator.words(link(shop, address, "bright"))


def test_of_many_the_first_are_listed_and_so_are_the_first_of_each_reason_and_partner(shop, monkeypatch):
    monkeypatch.setattr(backtest, "LISTED", 1)
    address = found(shop)
    assert listed(shop, address) == [shop.small]
    assert "The first 1, the oldest first: follow a reason or a partner" in shop.operator.words(address)
    assert listed(shop, link(shop, address, "Not in Texas")) == [shop.texan]
    assert listed(shop, link(shop, address, "young/of 1%")) == [shop.closed]


def test_what_is_listed_has_an_end(shop, monkeypatch):
    monkeypatch.setattr(backtest, "MOST_LISTED", 1)
    address = found(shop)
    assert listed(shop, address) == [shop.small] and listed(shop, link(shop, address, "Not in Texas")) == []


def test_a_change_that_changes_nothing_lists_nothing(shop):
    assert "The leads that change" not in shop.operator.words(found(shop, RULES))


def test_the_command_tells_the_sentences_of_the_changed_file(shop, tmp_path):
    (tmp_path / "default.yaml").write_text(CHANGED)
    output = shop.app.test_cli_runner().invoke(args=["rules", "backtest", str(tmp_path / "default.yaml")]).output
    assert re.search(
        r"notes\n  loan_amount.too_small +The loan amount is too small: the least accepted is 150000", output
    )
    assert re.search(r"  texas +Not in Texas\.", output) and "listed" not in output
