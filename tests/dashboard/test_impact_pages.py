"""The page about impact.com: tiles, what does not fit, when it was read, and the file of leads without a conversion."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from brand import text_of
from browser import assert_usable, serving
from converting import (
    ACCOUNT,
    NOW,
    PLAIN,
    RULES,
    SUNNY,
    action,
    brand_of,
    finding,
    lead,
    logged_in,
    reconciled,
    reversal,
)
from lxml import html

import database
from impact.ledger import Found
from models import Fact

PAGE = "/dashboard/impact"


@pytest.fixture
def brand(make_app, database_url):
    return brand_of(make_app, database_url=database_url, **ACCOUNT)


@pytest.fixture
def shop(make_app):
    return brand_of(make_app, **ACCOUNT)


def tiles(operator, query=""):
    found = html.fromstring(operator.get(PAGE + query).text).xpath("//ul[@class='tiles']/li")
    return [" ".join(" ".join(item.itertext()).split()) for item in found]


def findings(operator, query=""):
    found = html.fromstring(operator.get(PAGE + query).text).xpath("//ul[@class='findings']/li")
    return [" ".join(" ".join(item.itertext()).split()) for item in found]


def test_tiles_say_how_many_were_valid_and_what_became_of_them_in_number_and_money(brand):
    ids = [lead(number) for number in range(4)]
    for one, state in zip(ids, ["PENDING", "APPROVED", "REVERSED"], strict=False):
        action(one, state=state)
    assert tiles(brand.owner) == [
        "Answered valid 4 40.00 USD",
        "Recorded 3 30.00 USD payout 24.00 USD cost 27.00 USD",
        "Pending 1 10.00 USD payout 8.00 USD cost 9.00 USD",
        "Approved 1 10.00 USD payout 8.00 USD cost 9.00 USD",
        "Reversed 1 10.00 USD payout 8.00 USD cost 9.00 USD",
    ]


def test_currencies_stand_side_by_side(brand):
    action(lead(1))
    action(lead(2), currency="EUR", payout=None, cost=None)
    assert tiles(brand.owner)[1] == "Recorded 2 10.00 EUR + 10.00 USD payout 8.00 USD cost 9.00 USD"


def test_a_table_has_them_by_program_and_partner(brand):
    action(lead(1))
    lead(2, partner="gloomy")
    lead(3, "solar", partner="sunny")
    page = html.fromstring(brand.owner.get(PAGE).text)
    rows = [" ".join(" ".join(row.itertext()).split()) for row in page.xpath("//table[contains(@class,'funnel')]//tr")]
    assert [row for row in rows if row.startswith(("bright", "gloomy", "sunny", "All"))] == [
        "bright 1 10.00 USD 1 10.00 USD payout 8.00 USD cost 9.00 USD 1 10.00 USD 0 0",
        "gloomy 1 10.00 USD 0 0 0 0",
        "All 2 20.00 USD 1 10.00 USD payout 8.00 USD cost 9.00 USD 1 10.00 USD 0 0",
        "sunny 1 10.00 USD 0 0 0 0",
    ]


def test_the_days_are_those_of_the_other_pages(brand):
    lead(1, at=NOW - timedelta(days=20))
    assert tiles(brand.owner)[0] == "Answered valid 0 0.00"
    assert tiles(brand.owner, "?days=30")[0] == "Answered valid 1 10.00 USD"
    day = f"{NOW - timedelta(days=20):%F}"
    assert tiles(brand.owner, f"?from={day}&to={day}")[0] == "Answered valid 1 10.00 USD"
    assert brand.owner.get(f"{PAGE}?from=yesterday").status_code == 400


def test_who_is_limited_to_a_program_sees_it_alone(brand):
    ours, theirs = lead(1, "solar"), lead(2)
    for one, program in ((ours, "solar"), (theirs, "default")):
        action(one, program)
        finding(one, program=program)
        reconciled(program)
    page = brand.sun.get(PAGE).text
    assert ours in page and theirs not in page and "Home loans" not in page
    assert tiles(brand.sun)[0] == "Answered valid 1 10.00 USD"
    assert brand.sun.get(f"{PAGE}?of=default").status_code == 404


def test_findings_have_a_sentence_an_advice_and_a_link_grave_ones_first(brand):
    fine, grave = lead(1), lead(2, valid=False)
    finding(fine)
    finding(grave, "rejected_here", action="1000.1", expected="", found="10.00")
    first, second = findings(brand.owner)
    assert first.startswith(f"Lead {grave} was rejected here") and "10.00 USD" in first and "See the lead" in first
    assert second.startswith(f"Lead {fine} was answered valid, 10.00 USD, and impact.com has no conversion")
    assert f'href="/dashboard/leads/{fine}#became"' in brand.owner.get(PAGE).text


def test_findings_are_filtered_by_kind_and_program(brand):
    one, other = lead(1), lead(2, "solar")
    finding(one)
    finding(one, "reversed_elsewhere", found="REVERSED")
    finding(other, program="solar")
    assert len(findings(brand.owner)) == 3
    assert len(findings(brand.owner, "?kind=no_conversion")) == 2
    (told,) = findings(brand.owner, "?kind=no_conversion&of=solar")
    assert other in told
    assert brand.owner.get(f"{PAGE}?kind=none").status_code == 404
    assert brand.owner.get(f"{PAGE}?of=none").status_code == 404


def test_the_page_begins_with_how_many_nobody_has_seen_and_which_programs_could_not_be_read(brand):
    reconciled(error="impact.com answered 403")
    assert "nobody has seen" not in brand.owner.words(PAGE)
    finding(lead(1), seen_by="ben", seen_at=NOW)
    finding(lead(2), "twice")
    told = brand.owner.words(f"{PAGE}?kind=no_conversion")
    first, tiles_begin = told.index("1 thing does not fit, and nobody has seen it yet."), told.index("Answered valid")
    assert told.index("Home loans could not be read.") < first < tiles_begin
    assert "could not be read" not in brand.sun.words(PAGE) and "nobody has seen" not in brand.sun.words(PAGE)


def test_before_the_first_reading_it_says_that_nothing_was_read(brand):
    told = brand.owner.words(PAGE)
    assert "Nothing was read from impact.com yet." in told and "What does not fit" not in told


def test_what_is_gone_is_not_listed(brand):
    finding(lead(1), gone_at=NOW)
    reconciled()
    assert findings(brand.owner) == [] and "All that was read fits." in brand.owner.words(PAGE)


def test_fifty_findings_are_on_a_page(shop):
    for number in range(51):
        finding(lead(number))
    assert len(findings(shop.owner)) == 50 and "51 things do not fit" in shop.owner.words(PAGE)
    assert "More of them" in shop.owner.words(PAGE) and len(findings(shop.owner, "?page=2")) == 1
    assert "Those before" in shop.owner.words(f"{PAGE}?page=2")
    for number in ("0", "-1", "x", "99999"):
        assert shop.owner.get(f"{PAGE}?page={number}").status_code == 404


def test_an_operator_says_seen_and_the_page_says_who_did(brand):
    one = lead(1)
    finding(one)
    form = {"program": "default", "kind": "no_conversion", "subject": one}
    assert brand.owner.post(f"{PAGE}/see", **form).location.endswith("#findings")
    (told,) = findings(brand.owner)
    assert told.endswith("seen by owner")
    with database.read():
        assert Found.get().seen_by == "owner"


def test_of_a_program_that_the_operator_may_not_see_nothing_is_seen(brand):
    one = lead(1)
    finding(one)
    form = {"program": "default", "kind": "no_conversion", "subject": one}
    assert brand.sun.post(f"{PAGE}/see", **form).status_code == 404
    assert brand.sun.post(f"{PAGE}/without-conversion.csv", program="default").status_code == 404
    with database.read():
        assert Found.get().seen_by == ""


FORMS = ["/reconcile", "/see", "/without-conversion.csv"]


@pytest.mark.parametrize("path", FORMS)
def test_viewers_see_all_and_change_nothing(shop, path):
    finding(lead(1))
    page = shop.vera.get(PAGE).text
    assert "was answered valid" in page and "<button" not in re.sub(r"(?s)<details.*?</details>", "", page)
    assert shop.vera.post(PAGE + path, program="default").status_code == 403


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_another_site_is_refused(shop, path):
    finding(lead(1))
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert shop.http.post(PAGE + path, auth=shop.owner.auth, headers=headers).status_code == 403


@pytest.mark.parametrize("action", ["reconcile", "see"])
def test_after_a_login_the_address_of_a_form_leads_to_the_page(shop, action):
    assert shop.owner.get(f"{PAGE}/{action}").location == PAGE


# --- When it was read ---


def test_each_program_says_when_it_was_read_last_and_what_went_wrong(brand):
    reconciled()
    reconciled("solar", at=None, reach=None, error="impact.com answered 403: the scope is missing.")
    told = brand.owner.words(PAGE)
    assert re.search(r"Home loans Read on .* UTC by the API, of the time since .* UTC\. It is due now\.", told)
    assert re.search(r"Sunny roofs Not read yet\. The last attempt on .* failed: impact.com answered 403", told)


def test_a_report_that_was_read_from_a_file_is_said_to_be(brand):
    reconciled(source="file")
    assert "from a file" in brand.owner.words(PAGE)


def test_reconcile_now_has_the_next_round_of_each_program_be_due(brand):
    later = f"{(NOW + timedelta(hours=6)).timestamp() * 1000:.0f}"
    for name in ("default", "solar"):
        database.transact(Fact.insert(name=f"impact:reconcile:{name}", value=later).execute)
    assert "The next time is" in brand.owner.words(PAGE)
    response = brand.sun.post(f"{PAGE}/reconcile")
    assert "It will be done within a minute." in brand.sun.words(response.location.partition("#")[0])
    with database.read():
        found = dict(Fact.select(Fact.name, Fact.value).where(Fact.name.startswith("impact:")).tuples())
    assert found == {"impact:reconcile:default": later, "impact:reconcile:solar": "0"}


def test_without_an_account_it_says_what_to_set_and_the_way_by_a_file(make_app):
    brand = brand_of(make_app)
    told = brand.owner.words(PAGE)
    assert "DATAPOST_IMPACT_SID" in told and "flask reconcile --file actions.csv" in told
    assert "Reconcile now" not in told
    response = brand.owner.post(f"{PAGE}/reconcile")
    assert response.status_code == 400 and "no account is set" in text_of(response)


def test_without_impact_in_any_rule_file_it_says_what_to_write(make_app):
    brand = brand_of(make_app, {"default": PLAIN})
    told = brand.owner.words(PAGE)
    assert "No rule file says what a program is at impact.com." in told and "event_type: 2240" in told


def test_the_way_to_it_is_there_only_where_there_is_something_to_see(make_app):
    brand = brand_of(make_app, {"default": PLAIN, "solar": PLAIN})
    assert f'href="{PAGE}"' not in brand.owner.get("/dashboard").text
    action("NOBODY")
    assert f'href="{PAGE}"' in brand.owner.get("/dashboard").text
    assert f'href="{PAGE}"' not in brand.sun.get("/dashboard").text


def test_it_is_there_with_a_program_of_impact_com(make_app):
    brand = brand_of(make_app, {"default": PLAIN, "solar": SUNNY})
    assert f'href="{PAGE}"' in brand.sun.get("/dashboard").text


# --- The file ---


def test_leads_without_a_conversion_are_taken_along_with_the_facts(brand):
    one, other = lead(1), lead(2, "solar", partner="=1+1")
    finding(one)
    finding(other, program="solar")
    finding(lead(3), gone_at=NOW)
    finding(lead(4), "amount_differs", found="9.00")
    response = brand.owner.post(f"{PAGE}/without-conversion.csv")
    assert response.mimetype == "text/csv" and "leads-without-conversion.csv" in response.headers["Content-Disposition"]
    came = (NOW - timedelta(hours=2)).isoformat(timespec="seconds")
    assert list(csv.reader(io.StringIO(response.text))) == [
        ["lead", "event_date", "amount", "currency", "partner", "customerid"],
        [one, came, "10.00", "USD", "bright", "c" * 64],
        [other, came, "10.00", "USD", "'=1+1", "c" * 64],
    ]
    ours = brand.sun.post(f"{PAGE}/without-conversion.csv").text
    assert other in ours and one not in ours


# --- The page of a lead ---


def test_a_lead_says_what_became_of_it(brand):
    one = lead(1)
    action(one, state="APPROVED", amount=Decimal("9.00"))
    finding(one, "amount_differs", found="9.00")
    reversal(one, "failed", error="no account took it. Do it again")
    told = brand.owner.words(f"/dashboard/leads/{one}")
    assert "Approved Amount 9.00 USD, payout 8.00 USD, cost 9.00 USD; can be reversed until" in told
    assert f"Conversion 1000.1.{one}" in told and "Amount differs" in told
    assert "Reversal: failed It failed: no account took it. Do it again. Reason: fake." in told


def test_one_without_a_conversion_says_so_and_one_of_a_program_that_is_not_there_nothing(make_app):
    brand = brand_of(make_app, {"default": RULES, "solar": PLAIN})
    assert "No conversion None with this id was seen there yet" in brand.owner.words(f"/dashboard/leads/{lead(1)}")
    assert "At impact.com" not in brand.owner.words(f"/dashboard/leads/{lead(2, 'solar')}")
    assert "At impact.com" not in brand.owner.words(f"/dashboard/leads/{lead(3, valid=False)}")


def test_one_that_is_reversed_there_can_be_restored_and_not_proposed(brand):
    one = lead(1)
    action(one, state="REVERSED")
    told = brand.owner.words(f"/dashboard/leads/{one}")
    assert "Reversed Amount 10.00 USD" in told and "can be restored until" in told and "Propose reversal" not in told


@pytest.mark.xdist_group("browser")
def test_everybody_can_use_the_page(make_app, browser):
    shop = brand_of(make_app, {"default": RULES + "deliver: [{to: crm}]\n", "solar": SUNNY}, **ACCOUNT)
    for number in range(3):
        action(lead(number, partner="clickfarm-of-a-name-that-does-not-end-" * 2), currency="USD" if number else "EUR")
    one = lead(4)
    finding(one, "rejected_here", action="1000." + "9" * 60, found="10.00")
    reconciled(error="impact.com answered 403")
    with serving(shop.app) as address:
        page = logged_in(browser, address)
        for path in (PAGE, f"{PAGE}?kind=rejected_here", f"/dashboard/leads/{one}"):
            page.goto(f"{address}{path}")
            assert_usable(page)
        page.context.close()


# --- What others wrote ---


HOSTILE = "<script>alert(1)</script>"


def test_nothing_that_impact_com_or_a_partner_named_is_markup(brand):
    one = lead(partner=HOSTILE)
    named = {"state": HOSTILE, "currency": HOSTILE, "media_partner": HOSTILE, "id": HOSTILE}
    action(one, **named)
    action(one, **named | {"id": "2", "state": "PENDING"})
    for kind in ("unknown_here", "partner_differs", "reversal_ignored", "twice"):
        finding(one, kind, currency=HOSTILE, found=HOSTILE, expected=HOSTILE, action=HOSTILE, subject=HOSTILE + kind)
    reversal(one, "failed", error=HOSTILE, batch=HOSTILE, partner=HOSTILE, proposed_by=HOSTILE)
    reconciled(error=HOSTILE)
    for path in (PAGE, "/dashboard/reversals?state=failed", f"/dashboard/leads/{one}"):
        text = brand.owner.get(path).text
        assert "&lt;script" in text.lower()
        assert "<script>alert" not in text.lower()
