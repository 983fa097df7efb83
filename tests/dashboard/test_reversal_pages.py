"""The page of reversals: what is proposed and what became of it, and what operators do about it."""

import re
from datetime import timedelta

import pytest
from brand import text_of
from browser import assert_usable, serving
from converting import ACCOUNT, NOW, PLAIN, RULES, action, brand_of, lead, logged_in, reversal, states
from lxml import html

import database
from dashboard.reversals import TABS
from impact.ledger import Reversal
from impact.standin import StandIn
from impact.states import STATES

PAGE = "/dashboard/reversals"


@pytest.fixture
def brand(make_app, database_url):
    return brand_of(make_app, database_url=database_url, **ACCOUNT)


@pytest.fixture
def shop(make_app):
    return brand_of(make_app, **ACCOUNT)


def listed(operator, query=""):
    """Return what the page says of each reversal, behind the names of its links and buttons."""
    found = html.fromstring(operator.get(PAGE + query).text).xpath("//ul[contains(@class,'reversals')]/li")
    return [" ".join(" ".join([*item.xpath(".//@aria-label"), *item.itertext()]).split()) for item in found]


def test_each_state_is_listed_somewhere():
    assert sorted(state for _, states in TABS.values() for state in states) == sorted(STATES)


def test_what_is_proposed_has_its_reason_its_partner_its_amount_and_the_days_that_are_left(brand):
    one = lead(1)
    reversal(one)
    (told,) = listed(brand.owner)
    assert told.startswith(f"Lead {one} Choose lead {one} ")
    assert " UTC fake 10.00 USD bright · default · 5 days left (until " in told
    assert re.search(r"Proposed on .* UTC by owner\.$", told)


def test_those_that_lock_first_come_first(brand):
    ids = [lead(number) for number in range(3)]
    for one, days in zip(ids, (9, 2, None), strict=True):
        reversal(one, locking_at=days and NOW + timedelta(days=days, hours=1))
    told = listed(brand.owner)
    assert [ids.index(re.search("[0-9A-Z]{26}", row)[0]) for row in told] == [1, 0, 2]
    assert "2 days left" in told[0] and "the lock is not known yet" in told[2]


@pytest.mark.parametrize(
    ("state", "values", "words"),
    [
        ("approved", {"approved_by": "ben", "approved_at": NOW, "due_at": NOW}, "by ben. It is sent from"),
        ("submitting", {}, "It is being sent to impact.com."),
        ("queued", {"submitted_at": NOW, "due_at": NOW}, "impact.com took it on"),
        ("queued", {"submitted_at": NOW, "done_at": NOW}, "the next reading is to show it as reversed"),
        ("queued", {"submitted_at": NOW, "way": "file"}, "It was written to a file on"),
        ("failed", {"error": "no such action. Look there"}, "It failed: no such action. Look there."),
        ("too_late", {"error": "the conversion is locked"}, "Too late: the conversion is locked."),
        ("done", {"done_at": NOW}, "its partner is not paid for it."),
        ("done", {"done_at": NOW, "restoring": True, "restored_by": "ben"}, "It is being restored by ben."),
        ("restored", {"restored_by": "ben"}, "It was reversed, and restored by ben: its partner is paid for it."),
    ],
)
def test_a_sentence_says_how_far_each_is(shop, state, values, words):
    reversal(lead(1), state, **values)
    (told,) = listed(shop.owner)
    assert words in told and ".." not in told


def test_they_are_filtered_by_state_and_program(brand):
    ours, theirs, done = lead(1, "solar"), lead(2), lead(3)
    reversal(ours, program="solar")
    reversal(theirs)
    reversal(done, "done", done_at=NOW)
    assert "Proposed 2 In progress 0 Failed 0 Too late 0 Done 1" in brand.owner.words(PAGE)
    (told,) = listed(brand.owner, "?state=proposed&program=solar")
    assert ours in told
    (told,) = listed(brand.owner, "?state=done")
    assert done in told
    for query in ("state=lost", "program=none", "page=0", "page=x"):
        assert brand.owner.get(f"{PAGE}?{query}").status_code == 404


def test_fifty_are_on_a_page(shop):
    for number in range(51):
        reversal(lead(number))
    assert len(listed(shop.owner)) == 50 and "More of them" in shop.owner.words(PAGE)
    assert len(listed(shop.owner, "?state=proposed&page=2")) == 1
    assert "There are no more." in shop.owner.words(f"{PAGE}?state=proposed&page=3")


def test_what_is_ticked_is_approved_and_nothing_else(brand):
    ids = [lead(number) for number in range(12)]
    for one in ids:
        reversal(one)
    response = brand.owner.post(f"{PAGE}/approve", lead=ids[:2])
    assert response.location == f"{PAGE}?state=progress"
    assert [states()[one] for one in ids] == ["approved"] * 2 + ["proposed"] * 10
    with database.read():
        assert Reversal.get_by_id(ids[0]).approved_by == "owner"


def test_many_are_asked_about_a_second_time_on_a_page_of_its_own(brand):
    ids = [lead(number) for number in range(6)]
    for one in ids:
        reversal(one)
    told = brand.owner.words(f"{PAGE}/approve", all="6")
    assert told.startswith("Datapost") and "Reverse 6 leads at impact.com?" in told
    assert "6 of the 6 valid leads of partner" in told and set(states().values()) == {"proposed"}
    brand.owner.post(f"{PAGE}/approve", leads=" ".join(ids), yes="1")
    assert set(states().values()) == {"approved"}


def test_all_of_a_program_are_all_of_that_alone(brand):
    ours, theirs = lead(1, "solar"), lead(2)
    reversal(ours, program="solar")
    reversal(theirs)
    brand.owner.post(f"{PAGE}/approve", all="1", program="solar", yes="1")
    assert states() == {ours: "approved", theirs: "proposed"}


def fields(response):
    """Return what the form of a page sends."""
    inputs = html.fromstring(response.text).xpath("//main//form//input[@type='hidden']")
    return {one.get("name"): one.get("value") for one in inputs}


def test_all_are_those_that_were_shown_and_not_what_came_meanwhile(brand):
    ids = [lead(number) for number in range(7)]
    for one in ids[:6]:
        reversal(one)
    shown = fields(brand.owner.get(PAGE))
    reversal(ids[6], proposed_at=NOW + timedelta(hours=1))
    asked = fields(brand.owner.post(f"{PAGE}/approve", **shown, all="6"))
    assert asked["all"] == "6"
    brand.owner.post(f"{PAGE}/approve", **asked, yes="1")
    assert [one for one, state in states().items() if state == "proposed"] == ids[6:]


def test_where_more_were_proposed_by_the_time_of_the_page_nothing_is_approved(brand):
    for number in range(2):
        reversal(lead(number))
    shown = fields(brand.owner.get(PAGE))
    response = brand.owner.post(f"{PAGE}/approve", **shown, all="1", yes="1")
    assert response.status_code == 409 and "look again" in text_of(response)
    assert set(states().values()) == {"proposed"}


def test_what_was_given_another_reason_meanwhile_is_not_approved(brand):
    one = lead(1)
    reversal(one)
    shown = fields(brand.owner.get(PAGE))
    database.transact(Reversal.update(reason="wrong number", proposed_at=NOW + timedelta(hours=1)).execute)
    assert brand.owner.post(f"{PAGE}/approve", **shown, lead=one).status_code == 400
    assert states() == {one: "proposed"}


def test_who_approves_nothing_is_told_so(brand):
    for ids in ([], ["x"], ["0" * 26]):
        response = brand.owner.post(f"{PAGE}/approve", lead=ids)
        assert response.status_code == 400 and "none was chosen" in text_of(response)


def test_one_that_locked_meanwhile_is_said_to_be_too_late(brand):
    one = lead(1)
    reversal(one, locking_at=NOW - timedelta(minutes=1))
    told = brand.owner.words(f"{PAGE}/approve", lead=one)
    assert "1 lead was too late by now, as they say." in told and states() == {one: "too_late"}


def test_what_is_proposed_or_approved_is_withdrawn(brand):
    one, other = lead(1), lead(2)
    reversal(one)
    reversal(other, "approved", approved_at=NOW)
    brand.owner.post(f"{PAGE}/withdraw", lead=[one, other])
    assert states() == {}


def test_one_that_may_be_reversed_already_stays_and_it_is_said_why(brand):
    one = lead(1)
    reversal(one, "approved", sure=False)
    response = brand.owner.post(f"{PAGE}/withdraw", lead=one)
    assert response.status_code == 400 and "an earlier attempt may have reversed it" in text_of(response)
    assert states() == {one: "approved"}


def test_a_lead_is_proposed_on_its_page_by_a_reason_of_the_rule_file(brand):
    one = lead(1)
    action(one)
    page = html.fromstring(brand.owner.get(f"/dashboard/leads/{one}").text)
    assert page.xpath("//select[@id='reversal-reason']/option/text()") == ["choose", "wrong number", "fake"]
    response = brand.owner.post(f"{PAGE}/propose", lead=one, reason="fake")
    assert response.location == f"/dashboard/leads/{one}#became" and states() == {one: "proposed"}
    told = brand.owner.words(f"/dashboard/leads/{one}")
    assert "Reversal: proposed Proposed on" in told and "Propose reversal" not in told
    response = brand.owner.post(f"{PAGE}/propose", lead=one, reason="fake")
    assert response.status_code == 400 and "is proposed already" in text_of(response)


def test_a_reason_that_is_none_is_refused(brand):
    one = lead(1)
    response = brand.owner.post(f"{PAGE}/propose", lead=one, reason="nothing")
    assert response.status_code == 400 and "this is no reason to reverse a lead" in text_of(response)
    assert states() == {} and brand.owner.post(f"{PAGE}/propose", lead="x", reason="fake").status_code == 404


def test_what_failed_is_proposed_again(brand):
    one = lead(1)
    reversal(one, "failed", error="no action")
    assert "Propose again" in brand.owner.words(f"{PAGE}?state=failed")
    brand.owner.post(f"{PAGE}/propose", lead=one, reason="fake")
    assert states() == {one: "proposed"}


def test_what_is_done_is_restored(make_app):
    with StandIn() as standin:
        brand = brand_of(make_app, **standin.settings)
        one = lead(1)
        seen = standin.add(one, state="REVERSED")
        reversal(one, "done", done_at=NOW, action=seen)
        assert "Restore" in brand.owner.words(PAGE)
        assert brand.owner.post(f"{PAGE}/restore", lead=one).location == f"{PAGE}?state=done"
        assert "It is being restored by owner." in brand.owner.words(f"{PAGE}?state=done")
        assert [method for method, *_ in standin.calls] == ["PUT"]


def test_without_an_account_nothing_is_restored_and_it_is_said_why(make_app):
    brand = brand_of(make_app)
    one = lead(1)
    reversal(one, "done", done_at=NOW, action="1000.1")
    response = brand.owner.post(f"{PAGE}/restore", lead=one)
    assert response.status_code == 400 and "there is no account to restore it with" in text_of(response)


FORMS = ["approve", "withdraw", "restore", "propose"]


@pytest.mark.parametrize("form", FORMS)
def test_who_is_limited_to_a_program_changes_no_other(brand, form):
    theirs, done = lead(1), lead(2)
    reversal(theirs)
    reversal(done, "done", done_at=NOW, action="1000.1")
    other = lead(3)
    before = states()
    for fields in (
        {"lead": [theirs, done, other]},
        {"leads": theirs},
        {"all": "1"},
        {"all": "1", "program": "default"},
    ):
        assert brand.sun.post(f"{PAGE}/{form}", reason="fake", yes="1", **fields).status_code in (400, 404)
    assert states() == before


def test_who_is_limited_to_a_program_sees_and_changes_its_own(brand):
    ours, theirs = lead(1, "solar"), lead(2)
    reversal(ours, program="solar")
    reversal(theirs)
    (told,) = listed(brand.sun)
    assert ours in told and "Home loans" not in brand.sun.get(PAGE).text
    assert brand.sun.get(f"{PAGE}?program=default").status_code == 404
    brand.sun.post(f"{PAGE}/approve", all="1", yes="1")
    assert states() == {ours: "approved", theirs: "proposed"}


@pytest.mark.parametrize("form", FORMS)
def test_viewers_see_and_change_nothing_and_no_form_of_another_site_does(shop, form):
    one = lead(1)
    reversal(one)
    page = shop.vera.get(PAGE).text
    assert one in page and "<button" not in page
    assert shop.vera.post(f"{PAGE}/{form}", lead=one, reason="fake").status_code == 403
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert (
        shop.http.post(f"{PAGE}/{form}", data={"lead": one}, auth=shop.owner.auth, headers=headers).status_code == 403
    )
    assert states() == {one: "proposed"}


@pytest.mark.parametrize("form", FORMS)
def test_after_a_login_the_address_of_a_form_leads_to_the_page(shop, form):
    assert shop.owner.get(f"{PAGE}/{form}").location == PAGE


def test_a_reversal_whose_lead_or_program_is_gone_is_told_all_the_same(make_app):
    brand = brand_of(make_app, {"default": RULES, "solar": PLAIN})
    reversal("0" * 26, "done", "former", done_at=NOW)
    (told,) = listed(brand.owner)
    assert "0" * 26 in told and listed(brand.sun) == []


@pytest.mark.xdist_group("browser")
def test_everybody_can_use_the_pages(shop, browser):
    long = "clickfarm-of-a-name-that-does-not-end-" * 3
    ids = [lead(number, partner=long) for number in range(6)]
    for one in ids[:5]:
        reversal(one, partner=long)
    reversal(ids[5], "failed", error="impact.com said " + "X" * 80)
    with serving(shop.app) as address:
        page = logged_in(browser, address)
        for query in ("", "?state=failed"):
            page.goto(f"{address}{PAGE}{query}")
            assert_usable(page)
        page.goto(f"{address}{PAGE}")
        with page.expect_navigation():
            page.get_by_role("button", name="Approve all 5").click()
        assert_usable(page)
        with page.expect_navigation():
            page.get_by_role("button", name="Yes, reverse 5 leads").click()
        page.context.close()
    assert sorted(states().values()) == ["approved"] * 5 + ["failed"]
